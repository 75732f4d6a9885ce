"""What a visitor may do with run folders: a class's rules over the library's own management, and finding runs by words."""

from pathlib import Path
from typing import Any

import pandas as pd

from srgformer_lab.backend import limits
from srgformer_lab.backend.link import OF_RUN, SHIPPED_RUNS, Link
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.training import managing
from srgformer_lab.training.files import changed_at, folders_in
from srgformer_lab.training.run import RUNS, Run

NOT_IN_CLASS = "in a class the runs belong to all; ask whoever started the app"


def runs_stamp(root: Path = RUNS) -> tuple[tuple[str, int], ...]:
    """Return what changes whenever a run appears, goes, is renamed or gets further; cheap enough to ask every few seconds."""
    parts = ("", "status.json", "result.json")
    return tuple((folder.name, max(changed_at(folder / part) for part in parts)) for folder in folders_in(root))


def matching_runs(table: pd.DataFrame, words: str) -> pd.DataFrame:
    """Keep the rows of ``run_table`` that hold every word, anywhere and in any case."""
    lines = table.astype(str).agg(" ".join, axis=1).str.lower() if len(table) else pd.Series(dtype=str)
    keep = [all(word in line for word in words.lower().split()) for line in lines]
    return table.loc[keep].reset_index(drop=True)


def rename_run(name: str, wanted: str) -> str:
    """Give a run folder another name and return it, without blanks around it.

    Raises:
        ConfigError: The new name is not a plain folder name, or is kept for a shipped run.
        RunError: The run is shipped, gone or being trained, another one has the name, or the folder can't be written.
    """
    wanted = wanted.strip()
    if wanted in SHIPPED_RUNS:
        raise ConfigError(f"the name {wanted!r} is kept for a run that comes with the package; choose another")
    return managing.rename_run(_own(name, "renam"), wanted).name


def delete_run(name: str) -> None:
    """Put a run, or a damaged run folder, where ``restore_run`` finds it; what waits there for more than a day goes for good.

    Raises:
        RunError: The run is shipped, gone or being trained, or the folder can't be written.
    """
    managing.delete_run(_own(name, "delet"))


def deleted_runs(data: Dataset) -> dict[str, str]:
    """Name what was deleted and can come back, the latest first: where it waits, and the name that it had.

    Runs of other data are left out; damaged ones, which no longer tell their data, are not.
    """
    return managing.deleted_runs(RUNS, data)


def restore_run(waiting: str) -> str:
    """Bring back what was deleted; return its name, with a number where another run has taken it meanwhile.

    Raises:
        RunError: It is gone for good, or the folder can't be written.
    """
    _check_class(waiting.partition("-")[2] or waiting, "brought back")
    return managing.restore_run(waiting, RUNS).name


def without_run(link: Link, name: str, renamed: str = "") -> dict[str, Any]:
    """Return what changes in a view when a run has another name, with all that was chosen in it; or when there is no such run any more."""
    names = [renamed if each == name else each for each in link.runs]
    changes: dict[str, Any] = {"runs": tuple(each for each in names if each)}
    if link.run == name:
        changes |= {"run": renamed} | ({part: getattr(link, part) for part in OF_RUN} if renamed else {})
    return changes


def _own(name: str, verb: str) -> Run:
    """Return a run folder that is the visitors' to move; ``verb`` is what is to be done, without its ending."""
    _check_class(name, f"{verb}ed")
    if name in SHIPPED_RUNS:
        raise RunError(f"run {name} comes with the package and stays as it is: {verb}ing it is not possible; choose another")
    if not name or Path(name).name != name or name.startswith(".") or not (RUNS / name).is_dir():
        raise RunError(f"there is no run {name!r} in {RUNS.resolve()}; it may have been renamed or deleted meanwhile")
    return Run(RUNS / name)


def _check_class(name: str, done: str) -> None:
    if not limits.may_manage():
        raise RunError(f"run {name} can't be {done}: {NOT_IN_CLASS}")
