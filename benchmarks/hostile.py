"""Judge damaged folders, each in a process of its own with bounded memory and time.

``python -m benchmarks.robustness --data-folders 10000 --run-folders 10000`` damages and judges so many. Whatever a folder holds, opening it
gives a result, or an error of ours that names the folder or a file of it; never anything else, and never much memory or time. The checker
and the reader agree, and a run folder that is damaged hides no other.
"""

import json
import math
import os
import random
import resource
import select
import shutil
import signal
import stat
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

import srgformer_lab as lab
from benchmarks.damage import DATA, RUNS, Damage, write_data
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.training.managing import damaged_runs

PROCESSOR_SECONDS, WALL_SECONDS = 20, 300.0
MEMORY = 2 << 30
SMALL = lab.ModelConfig(embedding_dim=4, n_heads=1, n_hyperedges=2)
Act = tuple[str, Callable[[], object], Sequence[str]]
"""What is tried, how, and words of which an error must hold one."""


def data_acts(folder: Path, number: int) -> Iterator[Act]:
    """Do with a data folder what commands and pages do."""
    words = [folder.name, *sorted(path.name for path in folder.rglob("*") if path.name)]
    found: dict[str, object] = {}

    def check() -> None:
        found["problems"] = lab.check(folder).problems
        str(lab.check(folder))

    def opened() -> None:
        found["data"] = data = lab.open_data(folder)
        repr(data), data.fingerprint, [data.picture(item) for item in data.item_ids[:12]]

    def agree() -> None:
        if bool(found["problems"]) == ("data" in found):
            raise AssertionError(f"check says {found['problems']}, and open_data gives {found.get('data', 'an error')}")

    yield "check", check, words
    yield "open_data", opened, words
    yield "agree", agree, ()
    if isinstance(data := found.get("data"), Dataset):
        model = lab.SRGFormer(data, SMALL)  # which nothing that was opened may refuse
        if number % 10 == 0:
            run = lab.fit(model, data, lab.TrainConfig(epochs=1, batch_size=64), folder=folder.parent / "runs", name="x")
            lab.recommend(run.model(data), data, data.user_ids[0], 3)


def run_acts(folder: Path, number: int) -> Iterator[Act]:
    """Do with a folder of runs, one of them damaged, what commands and pages do."""
    root, data = folder.parent, lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)

    def listed() -> None:
        runs = lab.list_runs(root)
        if "good" not in [run.name for run in runs]:
            raise AssertionError("the good run is hidden")
        if set(damaged_runs(root)) - {folder}:
            raise AssertionError(f"{damaged_runs(root)} are damaged")

    def weights() -> None:
        model = run.model(data)
        if not all(math.isfinite(float(weight.detach().double().sum())) for weight in model.parameters()):
            raise AssertionError("weights that are no numbers were loaded")

    yield "list_runs", listed, ()
    run = lab.Run(folder)
    yield "open", lambda: repr(lab.Run.open(folder)), [folder.name]
    yield "status", run.status, [folder.name]
    yield "history", lambda: (run.history(), run.steps(), run.knob_changes()), [folder.name]
    yield "knobs", lambda: (run.knobs(), run.test_metrics()), [folder.name]
    yield "model", weights, [folder.name]


def judged(acts: Iterator[Act]) -> list[tuple[str, str, str]]:
    """Try all, and return what came of each: its name, ``result``, ``named`` or ``fault``, and words."""
    results = []
    try:
        for name, act, words in acts:
            try:
                act()
                results.append((name, "result", ""))
            except lab.LabError as error:
                names = not words or any(word in str(error) or repr(word)[1:-1] in str(error) for word in words)
                results.append((name, "named" if names else "fault", str(error)[:500] if names else f"names no file: {str(error)[:500]}"))
            except BaseException:
                results.append((name, "fault", traceback.format_exc()[-1500:]))
    except BaseException:
        results.append(("model", "fault", traceback.format_exc()[-1500:]))
    return results


def in_a_process(work: Callable[[], list[tuple[str, str, str]]]) -> list[tuple[str, str, str]]:
    """Judge in a child whose memory and time are bounded."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = own + MEMORY + (1 << 30)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))  # the heaps of threads are addresses, not memory
        until = math.ceil(time.process_time()) + PROCESSOR_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (until, until))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        results = work()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
        if grown > MEMORY:
            results.append(("all", "fault", f"took {grown:,} bytes of memory"))
        with os.fdopen(writing, "w", errors="surrogateescape") as pipe:
            json.dump(results, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], WALL_SECONDS)
        if not ready:
            os.kill(child, signal.SIGKILL)
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    if not content:
        return [("all", "fault", f"hung, or took more than {PROCESSOR_SECONDS} s of the processor: {os.waitstatus_to_exitcode(status)}")]
    return [tuple(one) for one in json.loads(content)]


def attack(
    bases: Sequence[Path],
    damages: Sequence[Damage],
    acts: Callable[[Path, int], Iterator[Act]],
    n: int,
    seed: str,
    tell: Callable[[str], object],
) -> list[str]:
    """Damage copies of folders, judge each, and return what went wrong."""
    tally, wrong = Counter[str](), []
    for number in range(n):
        rng = random.Random(f"{seed}/{number}")
        base = rng.choice(bases)
        place = base.parent / "now"
        if place.exists():
            for path in (place, *place.rglob("*")):
                if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) == 0:
                    path.chmod(0o700)
            shutil.rmtree(place)
        if damages is RUNS:
            shutil.copytree(base, place / "good")
        folder = Path(shutil.copytree(base, place / "odd"))
        label = base.name
        for _ in range(rng.choice((1, 1, 1, 2))):
            try:
                label += f", {rng.choice(damages)(rng, folder)}"
            except Exception as error:  # what was damaged once may not bear it again
                label += f", not {type(error).__name__}"
        results = in_a_process(lambda folder=folder, number=number: judged(acts(folder, number)))
        tally.update(kind for _, kind, _ in results)
        faults = [f"{label!r}: {name}: {words}" for name, kind, words in results if kind == "fault"]
        wrong += [f"folder {number} of seed {seed}: {line}" for line in faults]
        for line in faults:
            tell(line)
        if number % 500 == 499:
            tell(f"{number + 1} folders: {dict(tally)}")
    tell(f"{n} folders, {tally['result']} results, {tally['named']} named errors, {tally['fault']} faults")
    return wrong


def attack_data(n: int, seed: int, folder: Path, tell: Callable[[str], object] = print) -> list[str]:
    """Judge ``n`` damaged data folders."""
    lab.SRGFormer(lab.studio(n_users=30, n_items=20, n_groups=2, n_interactions=200, seed=0), SMALL)  # loads what all children use
    np.linalg.eigh(np.eye(3))
    return attack(write_data(folder), DATA, data_acts, n, f"data {seed}", tell)


def attack_runs(n: int, seed: int, folder: Path, tell: Callable[[str], object] = print) -> list[str]:
    """Judge ``n`` damaged run folders, each beside a good one."""
    data = lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)
    train = lab.TrainConfig(epochs=2, batch_size=512, keep_epochs=1)
    runs = [
        lab.fit(lab.SRGFormer(data, SMALL), data, train, folder=folder, name="srgformer"),
        lab.fit(lab.LightGCN(data, lab.LightGCNConfig(embedding_dim=4)), data, train, folder=folder, name="lightgcn"),
    ]
    return attack([run.path for run in runs], RUNS, run_acts, n, f"runs {seed}", tell)
