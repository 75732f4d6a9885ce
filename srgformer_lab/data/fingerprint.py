"""What makes two data sets the same: a fingerprint of everything that a training or a picture can depend on.

Parts are hashed once in a process, however many data sets share them: features, cards and truth are never changed, and a picture
file is read again only when the file system says that it is another one.
"""

import hashlib
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from srgformer_lab.data.files import open_file
from srgformer_lab.data.pictures import BESIDE_PIXELS, MOST_PIXELS, PIXEL_BYTES
from srgformer_lab.errors import DataError

if TYPE_CHECKING:
    from srgformer_lab.data.dataset import Dataset, ItemCards, Truth

VERSION = "2-"
"""Begins a fingerprint, so that those of 0.1.0, which have no such beginning, are recognised."""
LENGTH = 16
THREADS = 8

_hashed: dict[int, str] = {}
"""Digests of parts that are alive, by their identity."""


def fingerprint(data: "Dataset") -> str:
    """Return a short hash of ids, splits, order, features, neighbours, timestamps, cards and truth: equal for equal data, on any machine.

    Names and paths take no part: a folder that moved is the same data. The last bits of a generated world depend on the machine's
    libraries, so it is hashed by its recipe, for as long as its content is what the recipe made.

    Raises:
        DataError: A picture file is gone.
    """
    shapes = repr([(name, matrix.shape) for name, matrix in data.features.items()])
    content = shapes + _recipe(data) if is_as_made(data) else content_digest(data)
    pairs = data.interactions
    return VERSION + _digest(_strings(data.user_ids), _strings(data.item_ids), *map(_array, (pairs.user, pairs.item, pairs.split)), content)


def content_digest(data: "Dataset") -> str:
    """Return a hash of all that is neither an id nor an interaction's row or split.

    Raises:
        DataError: A picture file is gone.
    """
    time = data.interactions.timestamp
    parts = [part for name, matrix in data.features.items() for part in ("features", name, _once(matrix, _array))]
    parts += [part for name, lists in data.neighbors.items() for part in ("neighbors", name, _once(lists, _array))]
    parts += ["time", "" if time is None else _array(time), _once(data.cards, _cards)]
    return _digest(*parts, "" if data.truth is None else _once(data.truth, _truth))


def is_as_made(data: "Dataset") -> bool:
    """Return whether a generated world still holds what was generated: nobody has put other features, cards or times into it."""
    return bool(data.source.made) and data.source.made == content_digest(data)


def fingerprint_of_0_1_0(data: "Dataset") -> str:
    """Return the fingerprint that version 0.1.0 gave to this data, to recognise the runs it wrote.

    It knew neither cards nor timestamps, and took a generated world for what its recipe makes.
    """
    digest = hashlib.sha256()
    digest.update("\x1f".join([*data.user_ids, "\x1e", *data.item_ids]).encode("utf-8", "surrogatepass"))
    for array in (data.interactions.user, data.interactions.item, data.interactions.split):
        digest.update(array.astype("<i8").tobytes())
    for name, matrix in data.features.items():
        digest.update(f"{name}{matrix.shape}".encode("utf-8", "surrogatepass"))
        digest.update(b"" if data.source.reader == "studio" else matrix.astype("<f4").tobytes())
    for name, lists in data.neighbors.items():
        digest.update(f"neighbors {name}{lists.shape}".encode("utf-8", "surrogatepass"))
        digest.update(lists.astype("<i8").tobytes())
    if data.source.reader == "studio":
        digest.update(repr(sorted(data.source.options.items())).encode())
    return digest.hexdigest()[:LENGTH]


def _recipe(data: "Dataset") -> str:
    """Return a world's options, each number written in one way (1 and 1.0 are the same noise)."""
    return repr([(name, int(value) if value == int(value) else float(value)) for name, value in sorted(data.source.options.items())])


def _digest(*parts: str) -> str:
    return hashlib.sha256(_strings(parts).encode()).hexdigest()[:LENGTH]


def _strings(values: Iterable[str]) -> str:
    """Join strings so that no two different lists of them look alike."""
    return hashlib.sha256("".join(f"{len(value)}:{value}" for value in values).encode("utf-8", "surrogatepass")).hexdigest()


def _array(values: np.ndarray) -> str:
    """Hash numbers and shape, whatever the width and the byte order of whole numbers."""
    plain = np.ascontiguousarray(values, dtype="<f4" if values.dtype.kind == "f" else "<i8")
    return f"{values.shape}{hashlib.sha256(plain.data).hexdigest()}"


def picture_digests(cards: "ItemCards") -> list[str]:
    """Return a hash of each item's picture, empty where there is none; a file is read again only when it is another one.

    Raises:
        DataError: A picture file is gone.
    """
    files = [picture for picture in cards.pictures if isinstance(picture, Path)]
    with ThreadPoolExecutor(THREADS) as pool:
        of_file = dict(zip(files, pool.map(_file_digest, files), strict=True))
    return [of_file[one] if isinstance(one, Path) else hashlib.sha256(one).hexdigest() if one else "" for one in cards.pictures]


def _cards(cards: "ItemCards") -> str:
    pictures = picture_digests(cards)
    columns = [repr((name, values.tolist())) for name, values in cards.details.items()]
    return _digest(_strings(cards.titles), _strings(cards.texts), _strings(pictures), _strings(columns))


def _truth(truth: "Truth") -> str:
    return _digest(repr((truth.group_names, truth.group_modality, truth.user_interests)), _array(truth.item_group), _array(truth.noise))


def _file_digest(path: Path) -> str:
    try:
        found = path.stat()
        return _content_of(path, (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino))
    except OSError as error:
        raise DataError(f"the picture {path} can't be read ({error.strerror}); put it back, or read the data set anew") from error


@lru_cache(maxsize=200_000)
def _content_of(path: Path, state: tuple[int, ...]) -> str:
    with open_file(path, MOST_PIXELS * PIXEL_BYTES + BESIDE_PIXELS) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _once(part: Any, digest: Callable[[Any], str]) -> str:
    """Hash a part that can't change, or remember its hash."""
    if id(part) not in _hashed:
        _hashed[id(part)] = digest(part)
        weakref.finalize(part, _hashed.pop, id(part), None)
    return _hashed[id(part)]
