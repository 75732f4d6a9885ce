"""Who owns a run, which anybody can see without taking anything, and what others ask of the owner.

The process that trains a run holds a lock on ``run.lock`` from its birth to its end, and alone writes the run's state. A reader asks the
system whether the lock is held, and never takes it: two readers can't mistake each other for a training. What others want of a run
(stop, move a knob) is a file of its own in ``requests/``, which the owner obeys in order and then removes.
"""

import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from srgformer_lab.errors import RunError
from srgformer_lab.training.files import read_json, sync_folder, write_json

if sys.platform != "win32":
    import fcntl

CAN_ASK = sys.platform == "linux"
"""Whether the system tells if a lock is held, to somebody who doesn't take it. Elsewhere the owner's heartbeat tells."""
HOST = socket.gethostname()
BEAT_SECONDS, DEAD_SECONDS = 5.0, 60.0
"""How often an owner touches its lock file; without a touch for so long it counts as dead, where the system can't be asked."""
ALL, ITS_OWNER, ITS_PLACE = (0, 2), (0, 1), (1, 1)
"""Bytes of a lock file, as start and length. Readers ask about the first; who moves a folder takes the second, unseen by them."""
STOP, KNOBS = "stop", "knobs"
_NAME = re.compile(r"(\d{19,20})-[0-9a-f]{8}\.(stop|knobs)\.json")
_SETTLED_NS = 50_000_000
"""A folder's time stamp is trusted to tell of later files only when it is older than the clock's coarsest tick."""


@dataclass
class Lock:
    """A lock that the system lets go of when the process ends, however it ends."""

    path: Path
    descriptor: int
    portable: FileLock | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def take(cls, path: Path, span: tuple[int, int] = ALL) -> "Lock | None":
        """Take a lock file's lock; none where somebody else has it.

        Raises:
            OSError: The file can't be made or locked: a full disk, no permission, a link, a folder that is gone.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path, flags, 0o644)
        lock = cls(path, descriptor)
        try:
            if lock._lock(span) and lock.is_in_place():
                return lock
        except BaseException:
            lock.release()
            raise
        lock.release()
        return None

    @classmethod
    def inherited(cls, path: Path, descriptor: int) -> "Lock | None":
        """Take over a lock from the process that started this one; none where it is no such thing."""
        lock = cls(path, descriptor)
        try:
            os.set_inheritable(descriptor, False)
            return lock if lock.is_in_place() else None
        except OSError:
            return None

    def is_in_place(self) -> bool:
        """Return whether the lock file is where it was: not once its folder was moved or deleted. No other can be mistaken for it."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.path.stat(follow_symlinks=False))
        except FileNotFoundError:
            return False

    def beat(self) -> "Lock":
        """Touch the file now and then until the lock is released, for readers on other machines."""

        def touch() -> None:
            while not self._ended.wait(BEAT_SECONDS):
                with suppress(OSError):
                    os.utime(self.path)

        threading.Thread(target=touch, daemon=True).start()
        return self

    def release(self) -> None:
        """Let go, unless another process has inherited the lock: then it keeps it."""
        self._ended.set()
        if self.portable is not None:
            self.portable.release()
        os.close(self.descriptor)

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *raised: object) -> None:
        self.release()

    def _lock(self, span: tuple[int, int]) -> bool:
        if not CAN_ASK:
            self.portable = FileLock(f"{self.path}ed", timeout=0)
            try:
                self.portable.acquire()
            except Timeout:
                self.portable = None
                return False
            os.utime(self.path)
            return True
        try:
            fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK, span))
        except (BlockingIOError, PermissionError):
            return False
        return True


def is_held(path: Path, host: str = HOST) -> bool:
    """Return whether a process holds a lock file, without taking it, making it or waiting.

    Args:
        path: The lock file.
        host: Where the owner said that it runs; on another machine than this, a heartbeat counts as well.
    """
    if CAN_ASK and _is_locked(path):
        return True
    if CAN_ASK and host == HOST:
        return False
    try:
        return abs(time.time() - path.stat(follow_symlinks=False).st_mtime) < DEAD_SECONDS
    except OSError:
        return False


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # none, a link, or nobody's business: no training of ours can hold it
        return False
    try:
        return struct.unpack("hhqqi", fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK, ITS_OWNER)))[0] != fcntl.F_UNLCK
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _flock(kind: int, span: tuple[int, int]) -> bytes:
    return struct.pack("hhqqi", kind, os.SEEK_SET, *span, 0)


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

    def drop(self) -> None:
        """Remove it: it was obeyed, or nobody needs it any more."""
        with suppress(OSError):
            self.path.unlink()


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
    if os.path.lexists(folder / "stop"):  # as version 0.1.0 asks
        requests.insert(0, Request(folder / "stop", STOP))
    return [request for request in requests if kind in (None, request.kind)]


class Inbox:
    """The requests to one run, cheap to look into after every step."""

    def __init__(self, folder: Path) -> None:
        """Watch a run folder."""
        self.folder, self.box = folder, folder / "requests"
        self.stamp, self.is_settled = -1, False

    def news(self) -> list[Request]:
        """List what is pending, if anything may have come since the last look."""
        now = time.time_ns()
        try:
            stamp = self.box.stat().st_mtime_ns
        except OSError:
            return []
        if stamp == self.stamp and self.is_settled:
            return []
        self.stamp, self.is_settled = stamp, now - stamp > _SETTLED_NS
        return pending(self.folder)
