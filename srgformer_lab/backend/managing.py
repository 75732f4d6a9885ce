"""Looking after run folders: finding them by words, renaming, deleting with a way back, and noticing that something changed."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import pandas as pd

from srgformer_lab.backend import class_room
from srgformer_lab.backend.training import GOING
from srgformer_lab.backend.view import OF_RUN, SHIPPED, View, joined
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.training.run import RUNS, Run, check_name

TRASH = ".trash"
"""The hidden folder beside the runs that deleted ones wait in."""
NOT_IN_CLASS = "in a class the runs belong to all; ask whoever started the app"
KEPT_SECONDS = 24 * 3600
"""What was deleted longer ago goes for good at the next deletion."""
_lock = Lock()


def runs_stamp() -> tuple[tuple[str, int], ...]:
    """Return what changes whenever a run appears, goes, is renamed or gets further; cheap enough to ask every few seconds."""
    return tuple((folder.name, max(map(_changed, (folder, folder / "status.json", folder / "result.json")))) for folder in _folders(RUNS))


def matching_runs(table: pd.DataFrame, words: str) -> pd.DataFrame:
    """Keep the rows of ``run_table`` that hold every word, anywhere and in any case."""
    told = table.astype(str).agg(" ".join, axis=1).str.lower() if len(table) else pd.Series(dtype=str)
    keep = [all(word in line for word in words.lower().split()) for line in told]
    return table.loc[keep].reset_index(drop=True)


def rename_run(name: str, wanted: str) -> str:
    """Return a run folder another name; give the name that it has then, without blanks around it.

    Raises:
        ConfigError: The new name is not a plain folder name, or is kept for the shipped run.
        RunError: The run is shipped, gone or being trained, another one has the name, or the folder can't be written.
    """
    wanted = wanted.strip()
    check_name(wanted)
    if wanted == SHIPPED:
        raise ConfigError(f"the name {SHIPPED!r} is kept for the run that comes with the package; choose another")
    with _lock, _unharmed(name, "renamed"):
        folder = _free(name, "renaming")
        if wanted != name and (RUNS / wanted).exists():
            raise RunError(f"there is a run {wanted!r} already; choose another name, or delete that one first")
        folder.rename(RUNS / wanted)
    return wanted


def delete_run(name: str) -> None:
    """Put a run, or a damaged run folder, where ``restore_run`` finds it; what waits there for more than a day goes for good.

    Raises:
        RunError: The run is shipped, gone or being trained, or the folder can't be written.
    """
    with _lock, _unharmed(name, "deleted"):
        folder = _free(name, "deleting")
        trash = RUNS / TRASH
        trash.mkdir(exist_ok=True)
        for old in _folders(trash):
            if time.time() - _stamp_of(old) / 1e9 > KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        folder.rename(trash / f"{time.time_ns()}-{name}")


def deleted_runs(data: Dataset) -> dict[str, str]:
    """Name what was deleted and can come back, the latest first: where it waits, and the name that it had.

    Runs of other data are left out; damaged ones, which no longer tell their data, are not.
    """
    waiting = sorted(_folders(RUNS / TRASH), key=_stamp_of, reverse=True)
    return {folder.name: _name_of(folder) for folder in waiting if not (found := _fingerprint(folder)) or data.matches(found)}


def restore_run(waiting: str) -> str:
    """Bring back what was deleted; give its name, with a number where another run has taken it meanwhile.

    Raises:
        RunError: It is gone for good, or the folder can't be written.
    """
    folder = RUNS / TRASH / waiting
    with _lock, _unharmed(_name_of(folder), "brought back"):
        if not waiting or Path(waiting).name != waiting or not folder.is_dir():
            raise RunError(f"{_name_of(folder)!r} can't be brought back: it is gone for good, or it is back already")
        name, number = _name_of(folder), 1
        while (RUNS / name).exists():
            number += 1
            name = f"{_name_of(folder)}-{number}"
        folder.rename(RUNS / name)
    return name


def without_run(view: View, name: str, renamed: str = "") -> dict[str, str]:
    """Return what changes in a view when a run has another name, with all that was chosen in it; or when there is no such run any more."""
    names = [renamed if each == name else each for each in view.compared_runs]
    changes = {"runs": joined(each for each in names if each)}
    if view.run == name:
        changes |= {"run": renamed} | ({part: getattr(view, part) for part in OF_RUN} if renamed else {})
    return changes


def _free(name: str, doing: str) -> Path:
    """Return the folder of a run that nobody trains and that is ours to move."""
    if name == SHIPPED:
        raise RunError(f"the run that comes with the package stays as it is: {doing} it is not possible; choose another")
    folder = RUNS / name
    if not name or Path(name).name != name or name.startswith(".") or not folder.is_dir():
        raise RunError(f"there is no run {name!r} in {RUNS.resolve()}; it may have been renamed or deleted meanwhile")
    run = Run(folder)
    if run.is_held() or _state(run) in GOING:
        raise RunError(f"run {name} is being trained or waits for it; stop it before {doing} it")
    return folder


def _state(run: Run) -> str:
    """Say how far a run is; nothing for a damaged one, whose process, if there is one, would hold it."""
    try:
        return run.status().state
    except RunError:
        return ""


@contextmanager
def _unharmed(name: str, done: str) -> Iterator[None]:
    if not class_room.may_manage():
        raise RunError(f"run {name} can't be {done}: {NOT_IN_CLASS}")
    try:
        yield
    except OSError as error:
        raise RunError(f"run {name} can't be {done}: {error}; it is as it was") from error


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(folder for folder in root.iterdir() if not folder.name.startswith(".") and folder.is_dir())
    except OSError:  # nothing was trained, or deleted, yet
        return []


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _stamp_of(waiting: Path) -> int:
    """Read when something was deleted, in nanoseconds since 1970; what others put there counts as just deleted."""
    stamp = waiting.name.partition("-")[0]
    return int(stamp) if stamp.isdecimal() else time.time_ns()


def _name_of(waiting: Path) -> str:
    return waiting.name.partition("-")[2] or waiting.name


def _fingerprint(folder: Path) -> str:
    try:
        return Run(folder).config.fingerprint
    except RunError:
        return ""
