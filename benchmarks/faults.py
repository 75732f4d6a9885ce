"""Make the n-th call by which this process changes a folder fail, write short, or be its last.

``install`` replaces the calls of ``os`` and ``open`` in a process that was forked for it, and counts those that change something below
one folder. What Python's own buffers write passes through a file of ours, so each write to the system is one call.
"""

# ruff: noqa: PTH109, PTH115, PTH118, PTH123

import builtins
import errno
import io
import json
import math
import os
import resource
import select
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srgformer_lab.errors import LabError

NAMES = ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "link", "symlink", "chmod", "utime", "truncate", "ftruncate", "fsync")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
KINDS = ("ENOSPC", "EIO", "EROFS", "full", "read-only", "short", "kill")
"""An error once; a disk that is full, or read-only, from then on; writes that take half from then on; SIGKILL, a write half done."""
PROCESSOR_SECONDS, WALL_SECONDS = 60, 1200.0
"""What takes longer hangs; the second is for waiting without end, however busy the machine is."""
ROOM_MADE = ("unlink", "remove", "rmdir", "rename", "replace", "chmod", "utime", "truncate", "ftruncate", "fsync")
"""What a full disk still does."""


@dataclass
class Faults:
    """Which calls are counted, and what happens at the n-th."""

    root: str
    kind: str = ""
    at: int = 0
    """From 1; 0 only counts."""
    n_calls: int = 0
    names: list[str] = field(default_factory=list)

    def watches(self, what: object, folder: int | None = None) -> bool:
        """Return whether a path or an open file lies below the folder."""
        if threading.current_thread() is not threading.main_thread():
            return False  # what a thread does now and then would be counted at another place each time
        try:
            path = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else os.fsdecode(os.fspath(what))  # type: ignore[arg-type]
            above = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else os.getcwd()
        except (OSError, TypeError):
            return False
        return os.path.normpath(os.path.join(above, path)).startswith(self.root)

    def step(self, name: str, what: object) -> bool:
        """Count a call, and let it fail if it is the one; return whether a write may only do half."""
        self.n_calls += 1
        self.names.append(name)
        if not self.at or self.n_calls < self.at:
            return False
        is_first = self.n_calls == self.at
        if self.kind == "kill" and is_first:
            if name == "write":
                return True
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "short":
            return name == "write"
        once = self.kind if is_first and self.kind in ("ENOSPC", "EIO", "EROFS") else ""
        lasting = {"full": "ENOSPC" if name not in ROOM_MADE else "", "read-only": "EROFS" if name != "fsync" else ""}.get(self.kind, "")
        if code := once or lasting:
            number = getattr(errno, code)
            raise OSError(number, os.strerror(number), what if isinstance(what, str) else None)
        return False


class _Raw(io.FileIO):
    """A file whose writes are counted."""

    faults: Faults
    error: OSError | None = None

    def write(self, content: Any) -> int:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        view, is_half = memoryview(content).cast("B"), True
        half = len(view) // 2
        try:
            is_half = self.faults.step("write", str(self.name))
        except OSError as error:  # a disk fills up in the middle of something: the system writes half, and then says so
            if not half:
                raise
            self.error = error
        written = super().write(view[: half or 1] if is_half else view)
        if is_half and self.faults.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return written


def install(faults: Faults) -> None:
    """Count, and fail, in this process from now on."""
    faults.root = os.path.realpath(faults.root)
    for name in NAMES:
        setattr(os, name, _counted(faults, name, getattr(os, name)))
    open_low, write_low, open_file = os.open, os.write, io.open

    def opened_low(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & WRITING and faults.watches(path, dir_fd):
            faults.step("open", os.fsdecode(path))
        return open_low(path, flags, mode, dir_fd=dir_fd)

    def written(descriptor: int, content: Any) -> int:
        if not faults.watches(descriptor):
            return write_low(descriptor, content)
        is_half = faults.step("write", "")
        done = write_low(descriptor, content[: max(1, len(content) // 2)] if is_half else content)
        if is_half and faults.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    def opened(
        file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None, newline: Any = None,
        closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        if not set(mode) & set("wax+") or not faults.watches(file):
            return open_file(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if opener is None and not isinstance(file, int):
            faults.step("open", os.fsdecode(file))
        raw = _Raw(file, "".join(sorted(set(mode) - set("bt"))), closefd, opener)
        raw.faults = faults
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline)

    os.open, os.write, io.open, builtins.open = opened_low, written, opened, opened  # type: ignore[assignment]


def _counted(faults: Faults, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counted(what: Any, *rest: Any, **about: Any) -> Any:
        folder = about.get("dir_fd", about.get("src_dir_fd"))
        if faults.watches(what, folder) or (name in ("rename", "replace") and faults.watches(rest[0])):
            faults.step(name, os.fsdecode(what) if not isinstance(what, int) else "")
        return call(what, *rest, **about)

    return counted


def in_a_child(work: Callable[[], str], faults: Faults | None = None, seconds: float = 0.0) -> tuple[str, str]:
    """Do something in a child that is forked for it, and return how it ended and in which words.

    Args:
        work: Returns words.
        faults: What fails in the child; nothing without.
        seconds: If above 0, when the child is killed from outside.

    Returns:
        ``result``, ``named`` (an error of ours), ``fault`` (any other), ``killed`` or ``hung``; and words, ``result`` those of the work.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            until = math.ceil(time.process_time()) + PROCESSOR_SECONDS
            resource.setrlimit(resource.RLIMIT_CPU, (until, until + 10))
            if faults:
                install(faults)
            answer = ["result", work()]
        except LabError as error:
            answer = ["named", str(error)]
        except BaseException:
            answer = ["fault", traceback.format_exc()[-2500:]]
        os.write(writing, json.dumps([*answer, faults.names if faults else []]).encode())
        os._exit(0)
    os.close(writing)
    if seconds:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    with open(reading, "rb") as pipe:
        is_over = bool(select.select([pipe], [], [], WALL_SECONDS)[0])
        if not is_over:
            os.kill(child, signal.SIGKILL)
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    if not content:
        was_asked = seconds or (faults and faults.kind == "kill")
        is_killed = is_over and was_asked and os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        return (
            ("killed", "") if is_killed else ("hung", f"more than {PROCESSOR_SECONDS} s of the processor, or {WALL_SECONDS:.0f} s in all")
        )
    kind, words, names = json.loads(content)
    if faults:
        faults.names = names
    return kind, words
