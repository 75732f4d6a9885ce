"""Looking after a folder of runs: which there are, renaming, deleting with a way back, and noticing that something changed."""

import shutil
import time
from pathlib import Path

from srgformer_lab import places
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import RunError, UnknownIdError
from srgformer_lab.training.files import folders_in, moved, numbered
from srgformer_lab.training.records import RunConfig
from srgformer_lab.training.run import RUNS, Run, check_name

SHIPPED_PRESETS = ("studio", "studio_found")
"""The presets of which a finished run comes with the package; the first is the one that is meant where none is named."""
TRASH = ".trash"
"""The hidden folder beside the runs that deleted ones wait in."""
KEPT_SECONDS = 24 * 3600
"""What was deleted longer ago goes for good at the next deletion."""


def list_runs(root: Path | str = RUNS) -> list[Run]:
    """Return the runs under a folder, the newest first; damaged ones are left out.

    Args:
        root: Where run folders are; ``runs`` in the working folder by default.

    Returns:
        The runs; none where there is no such folder.
    """
    return [run for run, _ in _read(root)[0]]


def runs_on(data: Dataset, root: Path | str = RUNS) -> list[Run]:
    """List the runs under a folder that were trained on a data set, or on what it grew from, the newest first."""
    return [run for run in list_runs(root) if run.is_on(data)]


def damaged_runs(root: Path | str = RUNS) -> dict[Path, str]:
    """Name the folders under ``root`` that can't be read as runs, each with the reason."""
    return _read(root)[1]


def shipped_run(preset: str = SHIPPED_PRESETS[0]) -> Run:
    """Return a finished run on ``studio(seed=0)`` that comes with the package.

    Args:
        preset: What it was trained by: ``studio``, SRGFormer as published, or ``studio_found``, whose hyperedges and attention
            find what was planted.

    Returns:
        A run that is read-only where the package is installed so.

    Raises:
        UnknownIdError: No run of that preset comes with the package.
        RunError: Its folder is damaged.
        LabError: The installation lacks it.
    """
    if not isinstance(preset, str) or preset not in SHIPPED_PRESETS:
        raise UnknownIdError("shipped run", preset, SHIPPED_PRESETS)
    return Run.open(places.shipped_runs_folder() / preset)


def rename_run(run: Run, wanted: str) -> Run:
    """Return a run under another name, in the same folder of runs.

    Raises:
        ConfigError: The new name is not a plain folder name.
        RunError: The run is gone or being trained, another one has the name, or the folder can't be written.
    """
    check_name(wanted)
    path = run.path.with_name(wanted)
    with run.set_aside("renaming"):
        try:
            if wanted != run.name and not moved(run.path, path):
                raise RunError(f"there is a run {wanted!r} already; choose another name, or delete that one first")
        except OSError as error:
            raise RunError(f"run {run.name} can't be renamed: {error}; it is as it was") from error
    return Run(path)


def delete_run(run: Run) -> str:
    """Put a run, or a damaged run folder, where ``restore_run`` finds it; return the name that it has there.

    What waits there for more than a day goes for good.

    Raises:
        RunError: The run is gone or being trained, or the folder can't be written.
    """
    trash = run.path.parent / TRASH
    waiting = trash / f"{time.time_ns()}-{run.name}"
    with run.set_aside("deleting"):
        try:
            trash.mkdir(exist_ok=True)
            run.path.rename(waiting)
        except OSError as error:
            raise RunError(f"run {run.name} can't be deleted: {error}; it is as it was") from error
    for old in folders_in(trash):
        if time.time() - _deleted_at(old) / 1e9 > KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return waiting.name


def deleted_runs(root: Path = RUNS, data: Dataset | None = None) -> dict[str, str]:
    """Name what was deleted and can come back, the latest first: where it waits, and the name that it had.

    Given data, runs of other data are left out; damaged ones, which no longer tell their data, are not.
    """
    waiting = sorted(folders_in(root / TRASH), key=_deleted_at, reverse=True)
    return {folder.name: _name_of(folder) for folder in waiting if data is None or _may_be_of(folder, data)}


def restore_run(waiting: str, root: Path = RUNS) -> Run:
    """Bring back what was deleted; its name gets a number where another run has taken it meanwhile.

    Raises:
        RunError: It is gone for good, or the folder can't be written.
    """
    folder = root / TRASH / waiting
    name = _name_of(folder)
    try:
        if waiting and Path(waiting).name == waiting and folder.is_dir():
            return Run(next(path for path in numbered(root / name) if moved(folder, path)))
    except FileNotFoundError:  # somebody else brought it back in this instant
        pass
    except OSError as error:
        raise RunError(f"run {name} can't be brought back: {error}; it is as it was") from error
    raise RunError(f"{name!r} can't be brought back: it is gone for good, or it is back already")


def _read(root: Path | str) -> tuple[list[tuple[Run, RunConfig]], dict[Path, str]]:
    good, damaged = [], {}
    for path in folders_in(Path(root).expanduser()):
        try:
            run = Run.open(path)
            good.append((run, run.config))
        except RunError as error:
            if path.is_dir():  # else it was renamed or deleted in this instant
                damaged[path] = str(error)
    return sorted(good, key=lambda pair: -pair[1].created), damaged


def _deleted_at(waiting: Path) -> int:
    """Read when something was deleted, in nanoseconds since 1970; what others put there counts as just deleted."""
    stamp = waiting.name.partition("-")[0]
    return int(stamp) if stamp.isdecimal() and len(stamp) < 20 else time.time_ns()


def _name_of(waiting: Path) -> str:
    return waiting.name.partition("-")[2] or waiting.name


def _may_be_of(folder: Path, data: Dataset) -> bool:
    try:
        return Run(folder).is_on(data)
    except RunError:
        return True
