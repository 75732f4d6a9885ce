"""Where a matrix of features comes from: the sidecar that is written beside it, and what readers say of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from srgformer_lab.data.files import open_file
from srgformer_lab.data.matrices import MOST_BYTES
from srgformer_lab.data.problems import Problems

MOST_SIDECAR = 2**26


@dataclass(frozen=True)
class Provenance:
    """What made a matrix of features."""

    model: str
    library: str
    revision: str
    width: int
    inputs: str
    """What of an item was encoded, in words."""
    items: int
    """How many items have a vector that is not 0."""
    sha256: str
    """Of the matrix's file."""
    inputs_sha256: str
    """Of everything that was encoded, in the order of the items."""
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    ids: Sequence[str] = field(default=(), repr=False)
    """The items of the rows."""

    def __str__(self) -> str:
        """Say it in a line."""
        done = "; ".join(f"{name} {value}" for name, value in self.preprocessing.items())
        return f"made by {self.model} ({self.library}, revision {self.revision}), {self.width:,} wide, of {self.inputs}" + (
            f" ({done})" if done else ""
        )

    def to_json(self) -> str:
        """Return what the sidecar holds."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def sidecar_of(matrix: Path) -> Path:
    """Return where the sidecar of a matrix lies: ``text.json`` beside ``text.npy``."""
    return matrix.with_suffix(".json")


def sha256_of(path: Path) -> str:
    """Return the hash of a file's content.

    Raises:
        OSError: It can't be read.
        DataError: It is no ordinary file, or larger than features may be.
    """
    with open_file(path, 2 * MOST_BYTES) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_provenance(matrix: Path) -> Provenance | None:
    """Read the sidecar of a matrix; nothing where there is none, or it is none of ours.

    Raises:
        DataError: It is no ordinary file, or is far too large.
    """
    try:
        with open_file(sidecar_of(matrix), MOST_SIDECAR) as file:
            known = json.load(file)
        found = Provenance(**known)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    kinds = {item.name: item.type for item in fields(Provenance) if item.type in (str, int)} | {"preprocessing": dict, "ids": list}
    are_right = all(isinstance(getattr(found, name), kind) for name, kind in kinds.items())  # type: ignore[arg-type]
    return found if are_right and all(isinstance(one, str) for one in found.ids) else None


def noted_provenance(matrix: Path, file: str, problems: Problems) -> Provenance | None:
    """Return what made a matrix, and say it; nothing where none is known, or the matrix is another one by now."""
    found = read_provenance(matrix) if sidecar_of(matrix).is_file() else None
    if found is None:
        return None
    problems.used.add(sidecar_of(Path(file)).as_posix())
    if sha256_of(matrix) != found.sha256:
        problems.note(f"{file} was changed after {sidecar_of(matrix).name} was written, so nothing is known of where it comes from")
        return None
    problems.note(f"{file}: {found}")
    return found
