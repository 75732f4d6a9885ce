"""Which runs there are: those of a folder, those that can't be read, and the one that comes with the package."""

from pathlib import Path

from srgformer_lab import places
from srgformer_lab.errors import RunError
from srgformer_lab.training.run import RUNS, Run


def list_runs(root: Path | str = RUNS) -> list[Run]:
    """List the runs under a folder, the newest first; damaged ones are left out."""
    return sorted(_read(root)[0], key=lambda run: -run.config.created)


def damaged_runs(root: Path | str = RUNS) -> dict[Path, str]:
    """Name the folders under ``root`` that can't be read as runs, each with the reason."""
    return _read(root)[1]


def shipped_run() -> Run:
    """Return the finished run on ``studio(seed=0)`` that comes with the package."""
    return Run.open(places.shipped_runs_folder() / "studio")


def _read(root: Path | str) -> tuple[list[Run], dict[Path, str]]:
    good, damaged = [], {}
    for path in sorted(Path(root).glob("*/")):
        if path.name.startswith("."):
            continue
        try:
            good.append(Run.open(path))
        except RunError as error:
            damaged[path] = str(error)
    return good, damaged
