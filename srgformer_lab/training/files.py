"""Writing so that a reader, or a crash, never sees half a file."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from errno import EEXIST, ENOTEMPTY
from itertools import count
from pathlib import Path
from typing import Any

from srgformer_lab.errors import RunError


def write_bytes(path: Path, content: bytes, durable: bool = False) -> None:
    """Write to a neighbour, then put it in place in one step; on failure the old file stays.

    ``durable`` also waits until the disk has it, so that it outlives a power cut and not only a killed process.

    Raises:
        RunError: The file can't be written (a full disk, no permission, a folder that is gone).
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise RunError(f"{path} can't be written: {error}; what was there before is unharmed") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a dictionary as JSON, in one step."""
    write_bytes(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a dictionary.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; this is not a complete run folder: wait if it is being copied, else delete it") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} can't be read: {error}; restore it, or delete the run") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} holds no JSON object; restore it, or delete the run")
    return content


def changed_at(path: Path) -> int:
    """Return when a file was changed last, in nanoseconds since 1970; 0 where there is none (it may be deleted in this instant)."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def file_stamp(path: Path) -> tuple[int, ...]:
    """Return apart what a file held at two moments: when it and its entry were changed, and its bytes; nothing where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)


def new_folder(root: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Make a folder under ``root`` that nobody sees before ``fill`` has put everything into it; a name that is taken gets a number.

    Raises:
        RunError: It can't be written (a full disk, no permission); nothing of it stays then.
    """
    hidden = root / f".new-{name}-{time.time_ns()}"
    try:
        hidden.mkdir(parents=True)
        fill(hidden)
        paths = (root / (name if number == 1 else f"{name}-{number}") for number in count(1))
        return next(path for path in paths if _moved(hidden, path))
    except (OSError, RunError) as error:
        shutil.rmtree(hidden, ignore_errors=True)
        reason = error.__cause__ or error
        todo = "everything else is unharmed; free some space, or choose another folder"
        raise RunError(f"the run folder {root / name} can't be made: {reason}; {todo}") from error


def _moved(folder: Path, path: Path) -> bool:
    """Rename a folder, unless the name is taken."""
    if path.exists():
        return False
    try:
        folder.rename(path)
    except OSError as error:
        if error.errno not in (EEXIST, ENOTEMPTY):
            raise
        return False  # somebody took the name in this instant
    return True
