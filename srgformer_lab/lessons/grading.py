"""Grading of filled-in notebooks: a file, or a folder of them, in processes of their own.

A learner's code runs with the rights of whoever grades it; it is kept apart from this process, not from this machine. A process checks the
exercises one after the other and notes each step in a journal. Where an exercise ends its process, it alone is lost: the next process goes
on behind it. Clocks run while a learner's code does, and never while modules are imported.
"""

import contextlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from srgformer_lab.errors import LabError
from srgformer_lab.lessons.catalog import LESSONS, Lesson, lesson
from srgformer_lab.lessons.verdict import Verdict
from srgformer_lab.places import PACKAGE

COLUMNS = ["file", "lesson", "exercise", "passed", "misconception", "message"]
TIME_LIMIT = 60.0
"""Seconds of processor time for one exercise; opening a notebook, which may run all of its cells, has OPENING_TIMES as many."""
IDLE_LIMIT = 600.0
"""Seconds by the clock for one exercise, so that one that waits ends as well; generous, as a machine may have much else to do."""
MEMORY = 4 * 2**30
"""Bytes that a learner's code may take beyond what the imported modules hold."""
FILE_SIZE, FILES = 64 * 2**20, 256
"""Bytes of the largest file that a learner's code may write, and how many it may have open."""
OPENING, OPENING_TIMES = "opening", 10
_MARK = re.compile(r"^\s*LESSON = (\d+)\s*$", re.MULTILINE)


def lesson_of(path: Path) -> Lesson:
    """Return which lesson a notebook is, by the line ``LESSON = …`` of its first cell; its file may be called anything.

    Raises:
        LabError: It can't be read, or is no lesson.
    """
    try:
        found = _MARK.search(path.read_text("utf-8"))
    except (OSError, UnicodeError) as error:
        raise LabError(f"{path} can't be read: {error}") from error
    known = {one.number: one for one in LESSONS if one.exercises}
    if not found or int(found[1]) not in known:
        raise LabError(f"{path} is no lesson: its first cell must hold the line LESSON = … that it came with")
    return known[int(found[1])]


def grade(path: Path, time_limit: float = TIME_LIMIT, idle_limit: float = IDLE_LIMIT) -> pd.DataFrame:
    """Check every exercise of one filled-in notebook: ``file, lesson, exercise, passed, misconception, message``, a row an exercise.

    Args:
        path: The notebook.
        time_limit: Seconds of processor time for each exercise, imports not counted.
        idle_limit: Seconds by the clock for each exercise.

    Raises:
        LabError: The file can't be read, or is no lesson.
    """
    known, verdicts = lesson_of(path), dict[str, dict[str, Any]]()
    while left := [name for name in known.exercises if name not in verdicts]:
        found, at, end = _examine_apart(path, known, left, time_limit, idle_limit)
        verdicts |= found
        if at in left and at not in found:
            verdicts[at] = asdict(Verdict(False, f"{at} {end}"))
        else:
            lost = asdict(Verdict(False, f"The notebook could not be checked: it {end}"))
            verdicts |= {name: lost for name in left if name not in found}
    rows = [{"file": path.name, "lesson": known.number, "exercise": name} | verdicts[name] for name in known.exercises]
    return pd.DataFrame(rows, columns=COLUMNS)


def grade_all(path: Path, time_limit: float = TIME_LIMIT) -> Iterator[pd.DataFrame]:
    """Grade a notebook, or every Python file of a folder and of its folders, one after the other; ``file`` is its path in that folder.

    What is no lesson gets one row that says so.

    Raises:
        LabError: There is no such file or folder, or the folder has no Python files.
    """
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    if not files or not path.exists():
        raise LabError(f"no notebooks at {path}; give a filled-in lesson (a .py file) or a folder of them")
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        try:
            yield grade(file, time_limit).assign(file=name)
        except LabError as error:
            yield pd.DataFrame([[name, None, "", False, "", str(error)]], columns=COLUMNS)


def _examine_apart(
    path: Path, known: Lesson, exercises: Sequence[str], time_limit: float, idle_limit: float
) -> tuple[dict[str, dict[str, Any]], str, str]:
    """Check exercises in a process of its own: the verdicts, where the process stood when it ended, and how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        journal, errors = Path(folder) / "journal", Path(folder) / "errors"
        command = [sys.executable, "-m", __name__, path.resolve(), known.number, journal, time_limit, idle_limit, *exercises]
        # a learner's progress is not the teacher's, and no lesson needs an accelerator
        environment = os.environ | {"XDG_STATE_HOME": folder, "CUDA_VISIBLE_DEVICES": "", "TMPDIR": folder}
        given = [os.fspath(Path(place).resolve()) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
        environment["PYTHONPATH"] = os.pathsep.join([os.fspath(PACKAGE.parent), *given])  # found from that folder, too
        with errors.open("wb") as told:
            try:
                code = subprocess.run(
                    [str(word) for word in command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=told,
                    timeout=idle_limit * (len(exercises) + OPENING_TIMES + 1),
                    env=environment,
                    cwd=folder,  # what it writes beside itself is gone with its process
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                code = -signal.SIGTERM
        lines = [json.loads(line) for line in journal.read_text("utf-8").splitlines()] if journal.is_file() else []
        last = errors.read_text("utf-8", errors="replace").strip().splitlines()[-1:]
    verdicts = {line["exercise"]: line["verdict"] for line in lines if "verdict" in line}
    at = lines[-1]["exercise"] if lines else ""
    times = OPENING_TIMES if at == OPENING else 1
    return verdicts, at, _ending(code, time_limit * times, idle_limit * times, last)


def _ending(code: int, time_limit: float, idle_limit: float, last: Sequence[str]) -> str:
    """Say how a process ended."""
    clocks = {"SIGPROF": f"is not done after {time_limit:g} s of processor time; does a loop never end?"}
    clocks |= dict.fromkeys(("SIGALRM", "SIGTERM"), f"is not done after {idle_limit:g} s by the clock; does it wait for something?")
    clocks["SIGKILL"] = "was ended by the system; does it fill the memory?"
    for name, said in clocks.items():
        if code == -getattr(signal, name, 0):
            return said
    return f"ended {'with ' + last[0].strip() if last and code == 1 else f'its whole process (exit code {code})'}."


# ------------------------------------------------------------- in that process


def _examine(notebook: Path, known: Lesson, journal: Path, limits: tuple[float, float], exercises: Sequence[str]) -> None:
    """Check exercises of a notebook, and write down each of them before it begins and when it is done."""

    def note(exercise: str, **more: Any) -> None:
        with journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"exercise": exercise} | more) + "\n")

    time_limit, idle_limit = limits
    checks = {name: known.check(name) for name in exercises}
    opened(known.path, "as_shipped")  # whatever a lesson imports is imported before a clock runs
    _limit_memory_and_files()
    note(OPENING)
    with _clocks(OPENING_TIMES * time_limit, OPENING_TIMES * idle_limit):
        found, trouble = collect(notebook, known.exercises)
    for name in exercises:
        note(name)
        missing = Verdict(False, f"There is no function {name} in this notebook; its cell was deleted or renamed. {trouble}".strip())
        with _clocks(time_limit, idle_limit):
            verdict = checks[name](found[name]) if name in found else missing
        note(name, verdict=asdict(verdict))


def opened(notebook: Path, name: str = "filled_in") -> ModuleType:
    """Import a notebook: its first cell runs and its functions are there, its other cells do not run."""
    spec = importlib.util.spec_from_file_location(name, notebook)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def collect(notebook: Path, exercises: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Find the exercises' functions: as they stand, or, where they need other cells, by running the whole notebook."""
    module = opened(notebook)
    found = {name: getattr(module, name) for name in exercises if hasattr(module, name)}
    if len(found) == len(exercises):
        return found, ""
    try:
        _, names = module.app.run()
    except (Exception, SystemExit) as error:  # whatever a learner's cell raises is told in the verdict
        return found, f"Running all cells ends in {type(error).__name__}: {error}"
    return {**{name: names[name] for name in exercises if name in names}, **found}, ""


@contextlib.contextmanager
def _clocks(processor: float, wall: float) -> Iterator[None]:
    """Let the system end this process when its time is up: no code of a learner, compiled or not, can hold that up."""
    timers = [(signal.ITIMER_PROF, processor), (signal.ITIMER_REAL, wall)] if hasattr(signal, "setitimer") else []
    for timer, seconds in timers:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for timer, _ in timers:
            signal.setitimer(timer, 0)


def _limit_memory_and_files() -> None:
    """Let an allocation, or a write, fail with an error that has its line before the machine's memory or disk is full."""
    try:
        import resource
    except ImportError:  # no such limits here
        return
    limits = {resource.RLIMIT_FSIZE: FILE_SIZE, resource.RLIMIT_NOFILE: FILES}
    pages = Path("/proc/self/statm")
    if pages.is_file():
        limits[resource.RLIMIT_AS] = int(pages.read_text().split()[0]) * resource.getpagesize() + MEMORY
    for limit, most in limits.items():
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def main(notebook: str, number: str, journal: str, time_limit: str, idle_limit: str, *exercises: str) -> None:
    """Check exercises of one notebook and leave, whatever threads a learner's code has left behind."""
    _examine(Path(notebook), lesson(int(number)), Path(journal), (float(time_limit), float(idle_limit)), exercises)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
