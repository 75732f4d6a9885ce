"""Writing so that a reader, or a crash, never sees half a file; and reading whatever a folder may hold."""

import json
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from errno import EEXIST, ENOTEMPTY
from itertools import count
from pathlib import Path
from typing import Any

from srgformer_lab.data.files import open_file
from srgformer_lab.errors import RunError

MOST_BYTES = 2**28
"""The most that a history or a record holds; a hundred million steps of a training are fewer."""
LEFT_SECONDS = 3600
"""A half-made folder of this age belongs to a process that was killed: filling one takes less than a second."""
HALF_MADE = re.compile(r"\.(?:new|deleted)-.+-(\d{16,20})")
TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}", re.DOTALL)


def write_bytes(path: Path, content: bytes, durable: bool = False) -> None:
    """Write to a neighbour, then put it in place in one step; on failure the old file stays.

    ``durable`` also waits until the disk has it, so that it outlives a power cut and not only a killed process.

    Raises:
        RunError: The file can't be written (a full disk, no permission, a folder that is gone).
    """
    temporary, folder = None, None
    try:
        folder = os.open(path.parent, os.O_RDONLY) if os.name == "posix" else None
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
            if folder is not None:  # somebody may have moved it meanwhile
                with suppress(OSError):
                    os.unlink(temporary.name, dir_fd=folder)
        if isinstance(error, OSError):
            raise RunError(f"{path} can't be written: {error}; what was there before is unharmed") from error
        raise
    finally:
        if folder is not None:
            os.close(folder)
    sweep_files(path.parent, path.name)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has a folder's names; only POSIX systems let one ask."""
    if os.name != "posix":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_json(path: Path, content: Mapping[str, Any], durable: bool = False) -> None:
    """Write a dictionary as JSON, in one step."""
    write_bytes(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode(), durable)


def read_bytes(path: Path) -> bytes:
    """Read an ordinary file of a run that is no weights; what is none, or could be read without end, is refused.

    Raises:
        FileNotFoundError: There is none.
        RunError: It can't be read.
    """
    try:
        with open_file(path, MOST_BYTES) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(str(error)) from error
    except OSError as error:
        raise RunError(f"{path} can't be read: {error}; restore it, or delete the run") from error


def parse_json(content: bytes) -> Any:
    """Read JSON.

    Raises:
        ValueError: It is none, or is nested too deeply.
    """
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path, remedy: str = "restore it, or delete the run") -> dict[str, Any]:
    """Read a dictionary; ``remedy`` is what helps where it is damaged.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        content = parse_json(read_bytes(path))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; this is not a complete run folder: wait if it is being copied, else {remedy}") from error
    except ValueError as error:
        raise RunError(f"{path} can't be read: {error}; {remedy}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} holds no JSON object; {remedy}")
    return content


def is_number(value: object) -> bool:
    """Return whether a value read from JSON is a number that a float can hold; infinity is one, true isn't."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) < 2**1023 if isinstance(value, int) else not math.isnan(value)


def changed_at(path: Path) -> int:
    """Return when a file was changed last, in nanoseconds since 1970; 0 where there is none (it may be deleted in this instant)."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def file_stamp(path: Path) -> tuple[int, ...]:
    """Return apart what a file held at two moments: when it and its entry were changed, and its bytes; nothing where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def folders_in(root: Path) -> list[Path]:
    """List the folders in a folder that aren't hidden, by name; none where it isn't there.

    Raises:
        RunError: It can't be listed.
    """
    try:
        with os.scandir(root) as entries:
            return sorted(root / entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunError(f"{root} can't be listed: {error}; choose another folder") from error


def new_folder(root: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Make a folder under ``root`` that nobody sees before ``fill`` has put everything into it; a name that is taken gets a number.

    Raises:
        RunError: It can't be written (a full disk, no permission); nothing of it stays then.
    """
    hidden = root / f".new-{name}-{time.time_ns()}"
    try:
        hidden.mkdir(parents=True)
        fill(hidden)
        return next(path for path in numbered(root / name) if moved(hidden, path))
    except (OSError, RunError) as error:
        shutil.rmtree(hidden, ignore_errors=True)
        reason = error.__cause__ or error
        todo = "everything else is unharmed; free some space, or choose another folder"
        raise RunError(f"the run folder {root / name} can't be made: {reason}; {todo}") from error


def numbered(path: Path) -> Iterator[Path]:
    """Return a path, and then, without end, the same with a number."""
    return (path if number == 1 else path.with_name(f"{path.name}-{number}") for number in count(1))


def moved(folder: Path, path: Path) -> bool:
    """Rename a folder and return whether that was done: not where the name is taken."""
    if os.path.lexists(path):
        return False
    try:
        folder.rename(path)
    except OSError as error:
        if error.errno not in (EEXIST, ENOTEMPTY):
            raise
        return False  # somebody took the name in this instant
    return True


def sweep_folders(root: Path) -> None:
    """Remove the half-made and half-deleted folders that killed processes left under ``root``."""
    now = time.time_ns()
    for path in root.glob(".*"):
        made = HALF_MADE.fullmatch(path.name)
        if made and abs(now - int(made[1])) > LEFT_SECONDS * 10**9:
            shutil.rmtree(path, ignore_errors=True)


def sweep_files(folder: Path, name: str = "", any_age: bool = False) -> None:
    """Remove the files that a killed process was about to put in place.

    Args:
        folder: Where they lie.
        name: The name that they were to get; without, any.
        any_age: Also those that may be of a living process: only where none but this one writes.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            made = TEMPORARY.fullmatch(entry.name)
            if made and made[1] == (name or made[1]) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):  # somebody else swept it, or the disk takes nothing
                    age = abs(time.time() - entry.stat(follow_symlinks=False).st_mtime)
                    if any_age or age >= LEFT_SECONDS:
                        (folder / entry.name).unlink()
