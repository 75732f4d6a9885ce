"""Judge damaged folders, each in a process of its own with bounded memory and time.

``python -m benchmarks.robustness --data-folders 10000 --run-folders 10000`` damages and judges so many. Whatever a folder holds, opening it
gives a result, or an error of ours that names the folder or a file of it; never anything else, and never much memory or time. The checker
and the reader agree, and a run folder that is damaged hides no other.
"""

import gc
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
from functools import cache
from pathlib import Path
from typing import TextIO

import numpy as np

import srgformer_lab as lab
from benchmarks.damage import DATA, RUNS, Damage, write_data
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.splitting import check_trainable
from srgformer_lab.training.managing import damaged_runs

PROCESSOR_SECONDS, WALL_SECONDS = 20, 300.0
MEMORY = 2 << 30
BATCH = 25
"""Folders that one process judges, as an app looks at one after another."""
SMALL = lab.ModelConfig(embedding_dim=4, n_heads=1, n_hyperedges=2)
Act = tuple[str, Callable[[], object], Sequence[str]]
"""What is tried, how, and words of which an error must hold one."""
Result = tuple[str, list[tuple[str, str, str]]]
"""How a folder was damaged, and what came of each act."""


@cache
def world() -> Dataset:
    """Make the data of the runs, once for all processes."""
    return lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)


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
        problems = found["problems"]
        if isinstance(data := found.get("data"), Dataset) and problems:  # what opens and can't be trained, the checker says too
            try:
                check_trainable(data)
            except lab.DataError:
                return
        if bool(problems) == ("data" in found):
            raise AssertionError(f"check says {found['problems']}, and open_data gives {found.get('data', 'an error')}")

    yield "check", check, words
    yield "open_data", opened, words
    yield "agree", agree, ()
    if isinstance(data := found.get("data"), Dataset) and not found["problems"]:
        model = lab.SRGFormer(data, SMALL)  # which nothing that was opened may refuse
        if number % 10 == 0:
            run = lab.fit(model, data, lab.TrainConfig(epochs=1, batch_size=64), folder=folder.parent / "runs", name="x")
            lab.recommend(run.model(data), data, data.user_ids[0], 3)


def run_acts(folder: Path, number: int) -> Iterator[Act]:
    """Do with a folder of runs, one of them damaged, what commands and pages do."""
    root, data = folder.parent, world()

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


def judge_batch(numbers: Sequence[int], play: Callable[[int], Result], tell: TextIO) -> None:
    """Judge folders one after another in a process of bounded memory and time, and tell each result in a line."""
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = own + MEMORY + (1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))  # the heaps of threads are addresses, not memory
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    for number in numbers:
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + PROCESSOR_SECONDS, hard))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        label, results = play(number)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
        if grown > MEMORY:
            results.append(("all", "fault", f"took {grown:,} bytes of memory"))
        print(json.dumps([label, results]), file=tell, flush=True)


def in_a_process(numbers: Sequence[int], play: Callable[[int], Result]) -> Iterator[tuple[int, Result]]:
    """Judge folders in a child; where it dies or hangs, that is the result of the folder at hand, and the last one."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with os.fdopen(writing, "w", errors="surrogateescape") as pipe:
            judge_batch(numbers, play, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        left, content = list(numbers), b""
        while left:
            ready, _, _ = select.select([pipe], [], [], WALL_SECONDS)
            if not ready:
                os.kill(child, signal.SIGKILL)
            content += (part := pipe.read(1 << 20))
            *lines, content = content.split(b"\n")
            for line in lines:
                label, results = json.loads(line)
                yield left.pop(0), (label, [tuple(one) for one in results])
            if not part:
                break
    _, status = os.waitpid(child, 0)
    if left:
        words = f"hung, or took more than {PROCESSOR_SECONDS} s of the processor: {os.waitstatus_to_exitcode(status)}"
        yield left[0], ("", [("all", "fault", words)])


def attack(
    bases: Sequence[Path],
    damages: Sequence[Damage],
    acts: Callable[[Path, int], Iterator[Act]],
    n: int,
    seed: str,
    tell: Callable[[str], object],
) -> list[str]:
    """Damage copies of folders, judge each, and return what went wrong."""

    def play(number: int) -> Result:
        rng = random.Random(f"{seed}/{number}")
        base = rng.choice(bases)
        folder = fresh_copy(base, damages is RUNS)
        label = base.name
        for _ in range(rng.choice((1, 1, 1, 2))):
            try:
                label += f", {rng.choice(damages)(rng, folder)}"
            except Exception as error:  # what was damaged once may not bear it again
                label += f", not {type(error).__name__}"
        return label, judged(acts(folder, number))

    tally, wrong, done = Counter[str](), [], 0
    gc.freeze()  # what all processes share stays shared
    while done < n:
        for number, (label, results) in in_a_process(range(done, min(n, done + BATCH)), play):
            done = number + 1
            tally.update(kind for _, kind, _ in results)
            faults = [f"{label!r}: {name}: {words}" for name, kind, words in results if kind == "fault"]
            wrong += [f"folder {number} of seed {seed}: {line}" for line in faults]
            for line in faults:
                tell(f"folder {number} of seed {seed}: {line}")
            if done % 500 == 0:
                tell(f"{done} folders: {dict(tally)}")
    tell(f"{n} folders, {tally['result']} results, {tally['named']} named errors, {tally['fault']} faults")
    return wrong


def fresh_copy(base: Path, with_good: bool) -> Path:
    """Copy a folder to where the last one was, beside a good one where that is asked for."""
    place = base.parent / "now"
    if place.exists():
        for path in (place, *place.rglob("*")):
            if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) == 0:
                path.chmod(0o700)
        shutil.rmtree(place)
    if with_good:
        shutil.copytree(base, place / "good")
    return Path(shutil.copytree(base, place / "odd"))


def attack_data(n: int, seed: int, folder: Path, tell: Callable[[str], object] = print) -> list[str]:
    """Judge ``n`` damaged data folders."""
    lab.SRGFormer(lab.studio(n_users=30, n_items=20, n_groups=2, n_interactions=200, seed=0), SMALL)  # loads what all children use
    np.linalg.eigh(np.eye(3))
    return attack(write_data(folder), DATA, data_acts, n, f"data {seed}", tell)


def attack_runs(n: int, seed: int, folder: Path, tell: Callable[[str], object] = print) -> list[str]:
    """Judge ``n`` damaged run folders, each beside a good one."""
    data = world()
    train = lab.TrainConfig(epochs=2, batch_size=512, keep_epochs=1)
    runs = [
        lab.fit(lab.SRGFormer(data, SMALL), data, train, folder=folder, name="srgformer"),
        lab.fit(lab.LightGCN(data, lab.LightGCNConfig(embedding_dim=4)), data, train, folder=folder, name="lightgcn"),
    ]
    return attack([run.path for run in runs], RUNS, run_acts, n, f"runs {seed}", tell)
