"""Files that a visitor dropped on a page: kept in a folder of their own for as long as the app runs."""

import atexit
import re
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock

from srgformer_lab.backend.visitors import Visitor, visitor
from srgformer_lab.data.catalogue import MATRIX
from srgformer_lab.data.features import KINDS
from srgformer_lab.data.pictures import is_picture
from srgformer_lab.data.records import JSON, TEXT, ending, is_table
from srgformer_lab.errors import DataError

MOST_BYTES, MOST_BYTES_IN_CLASS = 45 * 10**6, 3 * 10**6
"""Files that are dropped together have at most so many: what ``guard.MOST_BYTES_ALONE`` and ``guard.MOST_BYTES`` let through."""
MOST_FILES = 2_000
MOST_DROPS, MOST_DROPS_IN_CLASS, MOST_DROPS_OF_ONE = 100, 200, 10
"""Folders that are kept in all, and in a class of one visitor or machine."""
LONGEST_NAME = 120

_kept: dict[Path, Visitor] = {}
_lock = Lock()


def keep_files(files: Sequence[tuple[str, bytes]], in_class: bool = False) -> Path:
    """Write files into a new folder, pictures and matrices where a data folder has them.

    Args:
        files: Name and content of each.
        in_class: Whether they are a class's: then they are smaller and fewer, and only plain text, which unpacks to no more than it is.

    Returns:
        The folder, under a name that nobody can guess.

    Raises:
        DataError: They are too large or too many, two have one name, or one is of a kind that a class may not drop.
        OSError: They can't be written.
    """
    most = MOST_BYTES_IN_CLASS if in_class else MOST_BYTES
    size = sum(len(content) for _, content in files)
    if size > most:
        remedy = "keep fewer rows" if in_class else "type the path of their folder instead"
        raise DataError(f"these files have {size:,} bytes, and at most {most:,} can be dropped; {remedy}")
    if len(files) > MOST_FILES:
        raise DataError(f"these are {len(files):,} files, and at most {MOST_FILES:,} can be dropped; type the path of their folder instead")
    names = [_name(name) for name, _ in files]
    if twice := [name for name, count in Counter(map(str.casefold, names)).items() if count > 1]:
        raise DataError(f"two files are called {twice[0]}; give each another name, or type the path of the folder that holds both")
    if in_class and (other := next((name for name in names if ending(name) not in (*TEXT, *JSON) or name.endswith(".gz")), None)):
        raise DataError(f"{other} is no plain text table, and in a class nothing else can be dropped; save it as .csv")
    with _lock:
        _check_number(in_class)
        folder = _root() / secrets.token_hex(8) / _called(names)
        _kept[folder] = visitor()
    try:
        for name, (_, content) in zip(names, files, strict=True):
            path = folder / _place(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError:  # a full disk: nothing half-written stays, and nothing counts as kept
        del _kept[folder]
        shutil.rmtree(folder.parent, ignore_errors=True)
        raise
    return folder


def is_kept(path: str) -> bool:
    """Return whether a path is that of a folder that was dropped."""
    return Path(path) in _kept


def _check_number(in_class: bool) -> None:
    if not in_class:
        if len(_kept) >= MOST_DROPS:
            raise DataError(f"{len(_kept)} folders were dropped since the app was started, and that is the most; start it anew")
        return
    here = visitor()
    own = sum(other.name == here.name or here.is_near(other) for other in _kept.values())
    if own >= MOST_DROPS_OF_ONE or len(_kept) >= MOST_DROPS_IN_CLASS:
        whose, count = ("you have", own) if own >= MOST_DROPS_OF_ONE else ("this class has", len(_kept))
        raise DataError(f"{whose} dropped files {count} times, and in a class that is the most; go on with what is there")


@cache
def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="srgformer-lab-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def _name(given: str) -> str:
    """Return a file's name without folders, and without what no file should be called."""
    name = re.sub(r"[\x00-\x1f\x7f]", "", given.replace("\\", "/").rpartition("/")[2]).lstrip(".")
    if not name or len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        raise DataError(f"{given[:40]!r} is no name of a file that can be kept; give it a short one, such as ratings.csv")
    return name


def _called(names: Sequence[str]) -> str:
    """Return what the data set is called: as its first table that is not of items."""
    tables = sorted(name for name in names if is_table(name))
    first = next((name for name in tables if not re.match(r"items|movies|products|articles|meta_", name, re.IGNORECASE)), "data")
    return re.sub(r"\W+", "_", first.partition(".")[0]).strip("_")[:40] or "data"


def _place(name: str) -> str:
    """Return where a data folder has a file of such a name."""
    if is_picture(name):
        return f"images/{name}"
    is_matrix = ending(name) in KINDS and not is_table(name) and not name.lower().endswith("mat.npz")
    return f"features/{name}" if is_matrix and not MATRIX.fullmatch(name) and not name.endswith("_knn.npz") else name
