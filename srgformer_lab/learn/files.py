"""Writing so that a reader, or a crash, never sees half a file."""

import json
import os
import tempfile
from collections.abc import Mapping
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
        raise RunError(f"{path} is missing; this is not a complete run folder") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} can't be read: {error}; restore it, or delete the run") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} holds no JSON object; restore it, or delete the run")
    return content
