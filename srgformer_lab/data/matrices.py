"""Feature matrices in ``.npy`` files, and lists of neighbours: read without ever unpickling, and checked before they are believed."""

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from srgformer_lab.data.tables import Problems
from srgformer_lab.errors import DataError

LISTS = "indices"
REMEDY = "write it anew with numpy.save(path, matrix.astype('float32'))"


def read_features(path: Path, file: str, item_ids: Sequence[str] | None, problems: Problems) -> np.ndarray | None:
    """Read a matrix (items, width) as float32, or give nothing where it is bad.

    Args:
        path: Where it lies.
        file: What messages call it.
        item_ids: One id a row; without them the number of rows is free.
        problems: Where faults go.

    Raises:
        DataError: The matrix has a problem, and problems are not collected.
    """
    try:
        matrix = _load(path, file)
        if matrix.dtype.kind == "f":
            with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is reported as such
                matrix = matrix.astype(np.float32)
        check_features(file, matrix, len(matrix) if item_ids is None else len(item_ids), item_ids or ())
    except DataError as error:
        problems.add(str(error))
        return None
    if not matrix.shape[1]:
        problems.add(f"{file}: the matrix has no column; {REMEDY}")
        return None
    return matrix


def read_neighbors(path: Path, file: str, n_items: int, problems: Problems) -> np.ndarray | None:
    """Read the array ``indices`` of an ``.npz`` file: each item's neighbours as item rows; give nothing where it is bad.

    Raises:
        DataError: The lists have a problem, and problems are not collected.
    """
    remedy = "write it anew with numpy.savez(path, indices=lists)"
    try:
        with path.open("rb") as opened:  # numpy leaves a damaged file open
            arrays = np.load(opened, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            if LISTS not in arrays:
                raise DataError(f"{file}: no array {LISTS}, only {', '.join(arrays.files) or 'nothing'}; {remedy}")
            lists = arrays[LISTS]
        check_neighbors(file, lists, n_items)
    except DataError as error:
        problems.add(str(error))
        return None
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        problems.add(f"{file}: no lists of neighbours can be read from it ({error}); {remedy}")
        return None
    return lists.astype(np.int64)


def _load(path: Path, file: str) -> np.ndarray:
    """Load an array after its header has been held against the file's size."""
    try:
        with path.open("rb") as opened:
            header = npy.read_array_header_1_0 if npy.read_magic(opened) == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = header(opened)
            expected, found = math.prod(shape) * dtype.itemsize, path.stat().st_size - opened.tell()
        if dtype.hasobject:
            raise DataError(f"{file}: the matrix holds Python objects, which are never unpickled; {REMEDY}")
        if found != expected:
            raise DataError(f"{file}: {found:,} bytes of numbers where the header promises {expected:,}: cut or damaged; {REMEDY}")
        return np.load(path, allow_pickle=False)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror}); check what it is and its permissions") from error
    except (ValueError, EOFError) as error:
        raise DataError(f"{file}: this is no .npy file ({error}); {REMEDY}") from error


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
