"""Ten visitors of the app at once: run as ``python -m benchmarks.app_visitors`` from the repository's root, with Chromium installed.

Each visitor is a browser profile of its own. The first sees every page alone, so that data, weights and passes are there; the others come
after it, see every page, and stay. Memory is the resident memory of the server's process. Times are medians as the browser sees them,
with all visitors' pages open.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import pandas as pd
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.app_latency import MOVIES, knob_to_list, opened, prepare
from tests.browser.server import FLAGS, Served, free_port, serve_command

QUESTIONS = {
    "What is in the data?": "data",
    "How does it learn?": "train",
    "What does each knob do?": "knobs",
    "What did the hyperedges learn?": "hyperedges",
    "What does it look at, and does that matter?": "attention",
    "Do pictures and texts agree?": "alignment",
    "Does it use pictures and texts?": "audit",
    "Why this item?": "why",
    "What changed between runs?": "compare",
    "How do I keep and share this?": "report",
    "What is this?": "start",
}
"""Pages in the order in which a visitor sees them; the first page that opens is the last one here."""


def main() -> None:
    """Measure and print a table of medians."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--visitors", type=int, default=10)
    options.add_argument("--data", type=Path, default=Path(os.environ.get("SRGFORMER_LAB_DATA", "../shared/data")) / "movielens_posters")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        root = Path(folder)
        prepare(root, asked.data)
        listed = f"{asked.data.resolve()}?" + "&".join(f"{name}={value}" for name, value in MOVIES.items())
        port = free_port()
        with serve_command(["app", "--serve", listed, "--headless", "--port", str(port)], root, {}) as address:
            link = Served(address, root).link(data=asked.data.resolve(), **MOVIES)
            print(measure(browser, listener(port), link, asked.visitors).to_string(index=False))
        print(f"load average at the end {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        browser.close()


def measure(browser: Browser, server: int, link: str, visitors: int) -> pd.DataFrame:
    """Let visitors come, one after another, and return medians with their worst values.

    Columns: ``what``, ``median``, ``worst``, ``unit``, ``goal``.
    """
    sizes, first, warm = [], [], []
    pages = []
    for number in range(visitors + 1):
        page = opened(browser, link)
        turned = tour(page)
        (warm if number else first).extend(turned)
        pages.append(page)
        sizes.append(resident(server))
        print(f"visitor {number}: {sizes[-1]:.0f} MiB, pages {' '.join(f'{seconds:.2f}' for seconds in turned)}", flush=True)
    growth = [after - before for before, after in pairwise(sizes)]
    return_to = [seconds for page in pages[1:] for seconds in tour(page)]
    knobs = [opened(browser, f"{link}&page=knobs") for _ in range(2)]
    lists = [1000 * seconds for page in knobs for seconds in knob_to_list(page, 10)]
    rows = [
        ("the first visitor's pages", first, "s", ""),
        ("a later visitor's first sight of a page", warm, "s", ""),
        ("page change, all pages seen before", return_to, "s", "< 1"),
        ("slider to list (α by keyboard)", lists, "ms", "< 300"),
        ("memory a visitor adds, all pages seen", growth, "MiB", "< 40"),
    ]
    return pd.DataFrame(
        [(what, round(statistics.median(values), 2), round(max(values), 2), unit, goal) for what, values, unit, goal in rows],
        columns=["what", "median", "worst", "unit", "goal"],
    )


def tour(page: Page) -> list[float]:
    """Open every page, and return the seconds until the head of each is there and nothing is missing below it."""
    page.locator(".lab-question").first.wait_for()
    waits = []
    for question in QUESTIONS:
        started = time.perf_counter()
        page.get_by_role("navigation", name="Pages").get_by_role("button", name=question).click()
        page.get_by_role("heading", name=question, exact=True).wait_for()
        waits.append(time.perf_counter() - started)
    return waits


def resident(process: int) -> float:
    """Return a process's resident memory in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def listener(port: int) -> int:
    """Find the server's process by its port."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        if "marimo\0run" in (words := command.read_text(errors="replace")) and f"--port\0{port}\0" in words:
            return int(command.parent.name)
    raise ProcessLookupError(f"no process serves port {port}")


if __name__ == "__main__":
    main()
