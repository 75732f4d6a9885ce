"""What processes and machines that train look at and do; it loads little, so that one which only passes things on is there at once."""

import multiprocessing
import os
import pickle
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from srgformer_lab.errors import ConfigError, LabError
from srgformer_lab.version import VERSION


class Check(Protocol):
    """What must hold on each machine that trains."""

    def __call__(self) -> None:
        """Look at it there.

        Raises:
            ConfigError: It does not hold; the message goes on after the machine's name.
        """
        ...


@dataclass(frozen=True)
class SeesRuns:
    """The folder of runs is the same on all machines, and can be written."""

    token: str
    content: str

    def __call__(self) -> None:
        """Look for the file that the first machine put there."""
        folder = Path(self.token).parent
        try:
            seen = Path(self.token).read_text("ascii") == self.content
        except (OSError, ValueError):
            seen = False
        if not seen:
            raise ConfigError(f"does not see the run folders in {folder}; choose an --output on storage that all share under one path")
        if not os.access(folder, os.W_OK):
            raise ConfigError(f"may not write the run folders in {folder}; give whoever started its worker the permission")


@dataclass(frozen=True)
class HasFolder:
    """A data folder has the same files on all machines."""

    path: str
    sizes: Mapping[str, int]

    def __call__(self) -> None:
        """Compare the files by their names and sizes."""
        if not Path(self.path).is_dir():
            raise ConfigError(f"has no data folder {self.path}; put it there, or give one on storage that all share under one path")
        found = files_of(self.path)
        if other := sorted(name for name in {*found, *self.sizes} if found.get(name) != self.sizes.get(name)):
            raise ConfigError(f"has another {other[0]} in {self.path}; copy the folder anew, or give one on storage that all share")


def files_of(path: str) -> dict[str, int]:
    """Return the sizes of the files that a reader may read, by name."""
    from srgformer_lab.data.layouts import Listing

    return {name: file.stat().st_size for name, file in Listing(Path(path)).files.items() if file.is_file()}


def look(checks: Sequence[Check]) -> tuple[str, str]:
    """Return the version of this machine, and what is wrong with it."""
    try:
        for check in checks:
            check()
    except LabError as error:
        return VERSION, str(error)
    return VERSION, ""


def train(packed: bytes, folder: Path, n_threads: int) -> bytes:
    """Bring a case to its end on a worker, from where its run folder is; case and outcome are packed, for who passes them on."""
    from srgformer_lab.data.source import STUDIO
    from srgformer_lab.experiments.engines import trained
    from srgformer_lab.experiments.outcomes import Outcome

    case = pickle.loads(packed)
    wrong = f"the worker {socket.gethostname()} reads other data in {case.recipe.path}; copy the folder anew"
    try:
        is_same = case.recipe.path == STUDIO or replace(case).key == case.key
    except LabError as error:
        is_same, wrong = False, f"the worker {socket.gethostname()}: {error}"
    return pickle.dumps(trained(case, folder, n_threads) if is_same else Outcome(case, "failed", wrong))


def end_with_parent() -> None:
    """End this process when the one that started it is gone, killed perhaps: nobody would read what it trains."""
    parent = multiprocessing.parent_process()

    def wait_and_end() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()
