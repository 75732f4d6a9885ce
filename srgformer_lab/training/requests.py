"""What others ask of a run: files that are added and used up, so that none is lost.

Whoever wants a run to stop, or moves a knob, adds a file of its own to ``requests/``; nothing that is there is changed. The process that
owns the run obeys them in order, and then removes them. While nobody owns it they wait.
"""

import os
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from srgformer_lab.errors import RunError
from srgformer_lab.training.files import read_json, sync_folder, write_json

STOP, KNOBS = "stop", "knobs"
OLD_STOP = "stop"
"""The file by which version 0.1.0 asks for a stop."""
_NAME = re.compile(r"(\d{19,20})-[0-9a-f]{8}\.(stop|knobs)\.json")
_SETTLED_NS = 50_000_000
"""A folder's time stamp is trusted to tell of later files only when it is older than the clock's coarsest tick."""


@dataclass(frozen=True)
class Request:
    """What somebody asks of a run's owner."""

    path: Path
    kind: str
    """``stop`` or ``knobs``."""

    def values(self) -> Mapping[str, Any]:
        """Read what is asked for.

        Raises:
            RunError: The file is damaged, or gone because it was obeyed.
        """
        return read_json(self.path)


def drop(requests: Iterable[Request]) -> None:
    """Remove requests that were obeyed, or that nobody needs any more; one that can't be removed keeps its place before those after it."""
    with suppress(OSError):
        for request in requests:
            request.path.unlink(missing_ok=True)


def ask(folder: Path, kind: str, values: Mapping[str, Any]) -> None:
    """Put a request into a run folder, behind those that are there.

    Raises:
        RunError: The folder is gone, or can't be written.
    """
    box = folder / "requests"
    try:
        with suppress(FileExistsError):
            box.mkdir()
            sync_folder(folder)
        last = max((int(request.path.name.partition("-")[0]) for request in pending(folder) if request.path.parent == box), default=0)
    except OSError as error:
        raise RunError(f"{folder} takes no request: {error}; the run may have been renamed or deleted meanwhile") from error
    number = min(max(time.time_ns(), last + 1), 10**20 - 1)
    write_json(box / f"{number}-{uuid4().hex[:8]}.{kind}.json", values)


def pending(folder: Path, kind: str | None = None) -> list[Request]:
    """List what is asked of a run and not yet obeyed, the oldest first."""
    try:
        names = os.listdir(folder / "requests")  # noqa: PTH208 once a step, and a Path for every file would take longer
    except OSError:
        names = []
    found = [match for name in names if (match := _NAME.fullmatch(name))]
    requests = [Request(folder / "requests" / match[0], match[2]) for match in sorted(found, key=lambda match: (int(match[1]), match[0]))]
    if os.path.lexists(folder / OLD_STOP):
        requests.insert(0, Request(folder / OLD_STOP, STOP))
    return [request for request in requests if kind in (None, request.kind)]


class Inbox:
    """The requests to one run, cheap to look into after every step."""

    def __init__(self, folder: Path) -> None:
        """Watch a run folder."""
        self.folder, self.box = folder, folder / "requests"
        self.stamp, self.is_settled = -1, False

    def news(self) -> list[Request]:
        """List what is pending, if anything may have come since the last look."""
        if os.path.lexists(self.folder / OLD_STOP):
            return pending(self.folder)
        now = time.time_ns()
        try:
            stamp = self.box.stat().st_mtime_ns
        except OSError:
            return []
        if stamp == self.stamp and self.is_settled:
            return []
        self.stamp, self.is_settled = stamp, now - stamp > _SETTLED_NS
        return pending(self.folder)
