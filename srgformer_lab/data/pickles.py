"""Sparse matrices of users and items, as DiffMM keeps them; pickles only if asked for by name, by a reader that builds nothing else."""

import pickle
import sys
from pathlib import Path
from typing import Any

from scipy import sparse

from srgformer_lab.data.files import open_file, size_of
from srgformer_lab.data.problems import Problems
from srgformer_lab.errors import DataError

MOST_BYTES = 2**31
SPARSE = ("coo_matrix", "csr_matrix", "csc_matrix", "dok_matrix", "lil_matrix", "coo_array", "csr_array", "csc_array")
NUMPY = {"_reconstruct", "ndarray", "dtype", "_frombuffer", "scalar"}
MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")


class _Matrices(pickle.Unpickler):
    """Builds sparse matrices and the arrays in them, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few classes that a sparse matrix is made of.

        Raises:
            UnpicklingError: It is any other, which might run code.
        """
        if module.startswith("scipy.sparse") and name in SPARSE:
            return getattr(sparse, name)
        if module in MODULES and name in NUMPY:
            __import__(module.replace("numpy.core", "numpy._core"))
            return getattr(sys.modules[module.replace("numpy.core", "numpy._core")], name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which no sparse matrix is made of")


def sparse_matrix(path: Path, problems: Problems) -> Any:
    """Read a sparse matrix, or give nothing where it is none.

    Raises:
        DataError: It is none, and problems are not collected.
    """
    stem = path.name.removesuffix(".pkl")
    convert = (
        f"if you trust it, convert it in Python: import pickle, scipy.sparse; "
        f"scipy.sparse.save_npz('{stem}.npz', pickle.load(open('{path.name}', 'rb')).tocoo())"
    )
    try:
        with open_file(path, MOST_BYTES) as file:
            if path.suffix == ".npz":
                return sparse.load_npz(file).tocoo()
            if not problems.by_name:
                problems.add(
                    f"{path.name} is a pickle, which may run code and is not opened unasked; say layout='diffmm', "
                    f"which reads matrices and nothing else from it, or {convert}"
                )
                return None
            if size_of(file) > MOST_BYTES:
                return None
            matrix = _Matrices(file).load()
            return matrix.tocoo() if sparse.issparse(matrix) else problems.add(f"{path.name} holds no sparse matrix; {convert}")
    except DataError:
        raise
    except OSError as error:
        problems.add(f"{path.name} can't be read ({error.strerror}); check what it is and its permissions")
    except (pickle.UnpicklingError, ValueError, TypeError, AttributeError, KeyError, EOFError, IndexError, ImportError) as error:
        problems.add(f"{path.name}: no sparse matrix can be read from it ({error}); {convert}")
    return None
