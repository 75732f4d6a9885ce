"""Feature matrices in ``.npy`` files, and lists of neighbours: read without ever unpickling, and checked before they are believed."""

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from srgformer_lab.data.dataset import check_features, check_neighbors
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
