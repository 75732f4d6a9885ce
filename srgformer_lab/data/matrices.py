"""Feature matrices in ``.npy`` files, and lists of neighbours: read without ever unpickling, and checked before they are believed."""

import io
import math
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from srgformer_lab.data.files import open_file, size_of
from srgformer_lab.data.parts import frozen
from srgformer_lab.data.problems import Problems
from srgformer_lab.errors import DataError

LISTS = "indices"
ENCRYPTED = 1
MOST_BYTES = 5 * 2**28
"""All features of a data set, as files: 1.25 GiB, which is 80,000 items of 4,096 columns."""
MOST_LISTS_BYTES = 2**28
HEADER_BYTES = 10_000
"""What numpy allows a head that is not trusted."""
RESERVED = ("id", "attention", "hypergraph", "edit")
"""Names of a model's parts that are no modality."""
LONGEST_NAME = 80
REMEDY = "write it anew with numpy.save(path, matrix.astype('float32'))"


def read_neighbors(path: Path, file: str, n_items: int, problems: Problems) -> np.ndarray | None:
    """Read the array ``indices`` of an ``.npz`` file: each item's neighbours as item rows; give nothing where it is bad.

    Raises:
        DataError: The lists have a problem, and problems are not collected.
    """
    remedy = "write it anew with numpy.savez(path, indices=lists)"
    try:
        with open_file(path, MOST_BYTES) as opened, zipfile.ZipFile(opened) as archive:
            lists = _load_member(archive, file, n_items, remedy)
        check_neighbors(file, lists, n_items)
    except DataError as error:
        problems.add(str(error))
        return None
    except Exception as error:  # damaged archives raise errors of many kinds, struct.error and NotImplementedError among them
        problems.add(f"{file}: no lists of neighbours can be read from it ({error}); {remedy}")
        return None
    return frozen(lists, np.int64)


def _load_member(archive: zipfile.ZipFile, file: str, n_items: int, remedy: str) -> np.ndarray:
    """Load the lists from an archive after what their header promises was held against the catalogue and the archive's own list."""
    names = archive.namelist()
    member = next((name for name in (f"{LISTS}.npy", LISTS) if name in names), None)
    if member is None:
        raise DataError(
            f"{file}: no array {LISTS}, only {', '.join(name.removesuffix('.npy') for name in names[:9]) or 'nothing'}; {remedy}"
        )
    info = archive.getinfo(member)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & ENCRYPTED:
        raise DataError(f"{file}: {LISTS} is encrypted, or packed as numpy packs nothing; {remedy}")
    with archive.open(info) as opened:
        shape, fortran, dtype, start = _head(opened)
        if dtype.kind not in "iu" or len(shape) != 2:
            raise DataError(
                f"{file}: {LISTS} holds {dtype} of shape {shape}; give the rows of items as a matrix (items, k) of whole numbers"
            )
        if shape[0] != n_items or shape[1] > max(n_items, 1):
            raise DataError(f"{file}: lists of neighbours of shape {shape} for {n_items} items; give one list an item, of different items")
        if (expected := math.prod(shape) * dtype.itemsize) > MOST_LISTS_BYTES:
            raise DataError(f"{file}: {expected:,} bytes of lists, and at most {MOST_LISTS_BYTES:,} can be read; keep fewer neighbours")
        if (found := info.file_size - start) != expected:
            raise DataError(f"{file}: {found:,} bytes of numbers where the header promises {expected:,}: cut or damaged; {remedy}")
        content = opened.read(expected)
        if len(content) != expected:
            raise DataError(f"{file}: {len(content):,} bytes of numbers where the header promises {expected:,}: cut or damaged; {remedy}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def load_npy(path: Path, file: str, most: int, vectors: bool = False, texts: bool = False) -> np.ndarray:
    """Load a matrix after its header has been held against the file's size.

    Args:
        path: Where it lies.
        file: What messages call it.
        most: The most bytes that it may take, as a file and as float32.
        vectors: Whether it may be a row of numbers.
        texts: Whether it may hold texts.

    Raises:
        DataError: It can't be read, or is no matrix.
    """
    try:
        with open_file(path, max(most, HEADER_BYTES)) as opened:
            start = opened.peek(9)[:9].lstrip().lower()
            if start.startswith((b"<html", b"<!doctyp", b"<?xml")):
                raise DataError(f"{file} is a web page, as sites send instead of a file; download the file itself")
            shape, fortran, dtype, begin = _head(opened)
            if dtype.hasobject:
                raise DataError(f"{file}: the matrix holds Python objects, which are never unpickled; {REMEDY}")
            expected, found = math.prod(shape) * dtype.itemsize, size_of(opened) - begin
            if found != expected:
                raise DataError(f"{file}: {found:,} bytes of numbers where the header promises {expected:,}: cut or damaged; {REMEDY}")
            if len(shape) == 2 and not shape[1]:
                raise DataError(f"{file}: the matrix has no column; {REMEDY}")
            if len(shape) != 2 and not (vectors and shape):
                raise DataError(f"{file}: features must be a matrix (items, width), not of shape {shape}")
            if dtype.kind not in ("biufU" if texts else "biuf"):
                raise DataError(f"{file}: features are {dtype}; convert them to float32")
            if (needed := math.prod(shape) * 4 * (2 if fortran else 1)) > most:
                raise DataError(f"{file}: {needed:,} bytes are needed for it, and {most:,} are left for features; keep fewer columns")
            content = np.fromfile(opened, dtype, math.prod(shape))
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror}); check what it is and its permissions") from error
    except Exception as error:  # headers are parsed as Python, which complains in many ways, MemoryError and RecursionError among them
        raise DataError(f"{file}: this is no .npy file ({error}); {REMEDY}") from error
    if len(content) != math.prod(shape):
        raise DataError(f"{file}: it became shorter while it was read; {REMEDY}")
    content.setflags(write=False)
    return content.reshape(shape, order="F" if fortran else "C")


def _head(opened: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Read the head of an array: its shape, whether columns come first, its type, and how many bytes the head has.

    Raises:
        ValueError: It is no head that numpy writes; other errors come from parsing it.
    """
    version = npy.read_magic(opened)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"its version is {version}")
    width = 2 if version == (1, 0) else 4
    length = opened.read(width)
    size = int.from_bytes(length, "little")
    if size > HEADER_BYTES:
        raise ValueError(f"its header has {size:,} bytes")
    head = io.BytesIO(length + opened.read(size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of heads as Python 2 wrote them
        shape, fortran, dtype = (npy.read_array_header_1_0 if width == 2 else npy.read_array_header_2_0)(head)
    if any(isinstance(side, bool) or side < 0 for side in shape):
        raise ValueError(f"its shape is {shape}")
    return shape, fortran, dtype, len(npy.MAGIC_PREFIX) + 2 + width + size


def check_modality(name: str, file: str) -> None:
    """Refuse what no modality can be called: the names of a model's other parts, and what can't be printed.

    Raises:
        DataError: With a name to use instead.
    """
    if name in RESERVED:
        raise DataError(f"{file}: a modality can't be called {name!r}, as a part of the model is; rename it to {name}_feature")
    if not name.isprintable() or not name.strip() or len(name) > LONGEST_NAME:
        raise DataError(f"{file}: a modality can't be called {name[:LONGEST_NAME]!r}; rename it to a plain word such as image")


def check_features(name: str, matrix: np.ndarray, n_items: int, item_ids: Sequence[str] = ()) -> None:
    """Refuse a feature matrix that is not (items, width), finite and float32; ``name`` is the modality or its file.

    Raises:
        DataError: With the first bad row.
    """
    if matrix.ndim != 2:
        raise DataError(f"{name}: features must be a matrix (items, width), not of shape {matrix.shape}")
    if len(matrix) != n_items:
        raise DataError(f"{name}: {len(matrix)} feature rows for {n_items} items; give one row an item, in the order of the item table")
    if matrix.dtype != np.float32:
        raise DataError(f"{name}: features are {matrix.dtype}; convert them to float32")
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        kind = "a NaN" if np.isnan(matrix[bad[0]]).any() else "an infinite"
        label = f" (item {item_ids[bad[0]]})" if len(item_ids) else ""
        raise DataError(f"{name}: row {bad[0]}{label} holds {kind} value, {len(bad)} such rows in all; repair or drop these items")


def zeros_for_nan(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix with rows of 0, which say that an item lacks the modality, in the place of those that are NaN throughout."""
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or not np.isnan(matrix).any():
        return matrix
    empty = np.asarray(np.isnan(matrix).all(axis=1))
    return np.where(empty[:, None], matrix.dtype.type(0), matrix) if empty.any() else matrix


def check_neighbors(name: str, lists: np.ndarray, n_items: int) -> None:
    """Refuse lists that are not (items, k) different item rows each; ``name`` is the modality or its file.

    Raises:
        DataError: With the first bad row.
    """
    if lists.ndim != 2 or not lists.shape[1]:
        raise DataError(f"{name}: neighbours must be a matrix (items, k), not of shape {lists.shape}; give each item a row of item rows")
    if lists.dtype.kind not in "iu":
        raise DataError(f"{name}: neighbours are {lists.dtype}; give the rows of items as whole numbers")
    if len(lists) != n_items:
        raise DataError(f"{name}: {len(lists)} lists of neighbours for {n_items} items; give one list an item, in the order of the items")
    outside = ((lists < 0) | (lists >= n_items)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(f"{name}: the list in row {row} leaves the items' rows 0…{n_items - 1}; {outside.sum()} such lists in all")
    ordered = np.sort(lists, axis=1)
    repeats = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if repeats.any():
        row = int(np.argmax(repeats))
        raise DataError(f"{name}: the list in row {row} names an item twice; {repeats.sum()} such lists in all; name each once")
