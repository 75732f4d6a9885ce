"""Who owns a run, which anybody can see without taking anything.

The process that trains a run holds a lock on ``run.lock`` from its birth to its end, and alone writes the run's state. A reader asks the
system whether the lock is held, and never takes it: two readers can't mistake each other for a training.
"""

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from srgformer_lab.errors import RunError

if sys.platform != "win32":
    import fcntl

CAN_ASK = sys.platform == "linux"
"""Whether the system tells if a lock is held, to somebody who doesn't take it. Elsewhere the owner's heartbeat tells."""
HOST = socket.gethostname()
LOCK_SECONDS = 5
BEAT_SECONDS, DEAD_SECONDS = 5.0, 60.0
"""How often an owner touches its lock file; without a touch for so long it counts as dead, where the system can't be asked."""
ALL, ITS_OWNER, ITS_PLACE = (0, 2), (0, 1), (1, 1)
"""Bytes of a lock file, as start and length. Readers ask about the first; who moves a folder takes the second, unseen by them."""


@dataclass
class Lock:
    """A lock that the system lets go of when the process ends, however it ends."""

    path: Path
    descriptor: int
    portable: FileLock | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _beating: threading.Thread | None = None

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

        self._beating = threading.Thread(target=touch, daemon=True)
        self._beating.start()
        return self

    def release(self) -> None:
        """Let go, unless another process has inherited the lock: then it keeps it."""
        self._ended.set()
        if self._beating is not None:
            self._beating.join(BEAT_SECONDS)
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


class OwnedFolder:
    """A folder that one process at a time works in, and may be moved only while none does."""

    def __init__(self, path: Path) -> None:
        """Point at a folder."""
        self.path = Path(path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def lock_path(self) -> Path:
        """The file that the owner holds a lock on."""
        return self.path / "run.lock"

    def is_held(self, host: str = HOST) -> bool:
        """Return whether a process trains this run now, or waits to; asking changes nothing.

        Args:
            host: Where the owner said that it runs; on another machine than this, a heartbeat counts as well.

        Returns:
            Whether so.
        """
        return is_held(self.lock_path, host)

    def take(self, seconds: float = 0.0, span: tuple[int, int] = ALL) -> Lock:
        """Take the run: the caller releases the lock, and the system does when the process ends, however it ends.

        Args:
            seconds: How long to wait for another owner.
            span: Which bytes of the lock file: all, or those that only hold its place.

        Returns:
            The lock.

        Raises:
            RunError: Another process owns it, or it can't be locked.
        """
        due = time.monotonic() + seconds
        while True:
            try:
                if lock := Lock.take(self.lock_path, span):
                    return lock
            except (FileNotFoundError, NotADirectoryError) as error:
                raise RunError(f"there is no run folder {self.path}; it may have been renamed or deleted meanwhile") from error
            except OSError as error:
                todo = "delete it if it is a link or a folder, free some space, or choose another folder, and try again"
                raise RunError(f"run {self.name} can't be locked: {error}; {todo}") from error
            if time.monotonic() >= due:
                raise RunError(f"run {self.name} is being trained by another process; stop that one first")
            time.sleep(0.02)

    @contextmanager
    def hold(self, seconds: float = LOCK_SECONDS) -> Iterator[Lock]:
        """Own the run inside the block.

        Args:
            seconds: How long to wait for another owner.

        Returns:
            What ``with`` enters: the lock.

        Raises:
            RunError: Another process owns it.
        """
        with self.take(seconds).beat() as lock:
            yield lock

    @contextmanager
    def set_aside(self, doing: str) -> Iterator[None]:
        """Keep trainings from beginning inside the block, while the folder is moved; readers see nothing of it.

        Args:
            doing: What the caller does, for the message, such as ``renaming``.

        Returns:
            What ``with`` enters.

        Raises:
            RunError: It is being trained, or gone.
        """
        lock = None
        try:
            lock = self.take(0.0 if self.is_held() else LOCK_SECONDS, ITS_PLACE)
        except RunError as error:
            if error.__cause__ is None:
                raise RunError(f"run {self.name} is being trained or waits for it; stop it before {doing} it") from error
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                raise
            # a lock that can't be made, on a full disk or where a link stands, can't be held by anybody either
        with lock or nullcontext():
            yield
