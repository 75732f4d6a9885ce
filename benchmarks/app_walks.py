"""What a visitor's move costs the server: run as ``python -m benchmarks.app_walks`` from the repository's root.

Walks over the built-in run, without a browser: a knob is moved, and an item is clicked on the page that says why. Each is counted (links
that are resolved, lists that are ranked, files that are read) and timed in processor seconds of this process, with few and with many runs
in the working folder.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from srgformer_lab import backend, compare_lists, shipped_run
from srgformer_lab.backend import scene as scenes
from srgformer_lab.backend.link import Link

REPEATS = 15
RUN_FILES = ("config.json", "status.json", "history.jsonl", "result.json", "knobs.json", "best.safetensors")


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count what is called inside the block."""
    calls: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **more: object) -> object:
            calls[name] += 1
            return function(*given, **more)

        return call

    with (
        patch.object(backend.Session, "open", counting("resolved", backend.Session.open)),
        patch.object(scenes, "rank_items", counting("ranked", scenes.rank_items)),
        patch.object(Path, "read_text", counting("files read", Path.read_text)),
    ):
        yield calls


def move_knob(scene: backend.Scene, alpha: float) -> None:
    """Do what the page of knobs, and the strip above it, do when α was moved."""
    moved = backend.SESSION.open(scene.link.change(alpha=alpha))
    compare_lists(moved.ranking(as_trained=True), moved.ranking(), 10)
    backend.SESSION.follow(moved, scene.link.change(alpha=alpha))


def click_item(scene: backend.Scene, item: str) -> None:
    """Do what the page that says why, and the strip above it, do when an item was clicked."""
    clicked = backend.SESSION.open(scene.link.change(item=item))
    clicked.explanation()
    clicked.ranking()
    backend.SESSION.follow(clicked, scene.link.change(item=item))


def measure(name: str, walk: Callable[[int], None]) -> None:
    """Take a walk several times, and print its counts and its median processor time."""
    walk(0)
    with counted() as calls:
        walk(1)
    times = []
    for number in range(2, REPEATS + 2):
        start = time.process_time()
        walk(number)
        times.append(time.process_time() - start)
    told = ", ".join(f"{calls[what]} {what}" for what in ("resolved", "ranked", "files read"))
    print(f"{name:46s} {1000 * statistics.median(times):7.1f} ms   {told}")


def main() -> None:
    """Walk with no run in the working folder, and with two hundred."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        scene = backend.SESSION.open(Link())
        items = list(scene.ranking()["item_id"].head(REPEATS + 2))
        for count in (0, 200):
            for number in range(count):
                copy = Path("runs") / f"run-{number}"
                copy.mkdir(parents=True)
                for name in RUN_FILES:
                    shutil.copy(shipped_run().path / name, copy / name)
            measure(f"a knob is moved, {count} runs", lambda number, count=count: move_knob(scene, 0.011 * (number + 1) + count * 1e-5))
            measure(f"an item is clicked, {count} runs", lambda number: click_item(scene, items[number]))
            measure(f"a link without a run is opened, {count} runs", lambda number: backend.SESSION.open(Link()) and None)


if __name__ == "__main__":
    main()
