"""Matrices of features in the forms that people keep them: numpy, torch, tables with or without ids, a file an item."""

import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srgformer_lab.data.columns import roles_of
from srgformer_lab.data.delimited import header_of
from srgformer_lab.data.dialects import Wanted
from srgformer_lab.data.files import open_file, size_of
from srgformer_lab.data.matrices import MOST_BYTES, check_features, load_npy, zeros_for_nan
from srgformer_lab.data.parts import frozen
from srgformer_lab.data.problems import Problems, counted, few
from srgformer_lab.data.provenance import Provenance, noted_provenance
from srgformer_lab.data.records import PARQUET, ending, read_any
from srgformer_lab.data.tables import positions
from srgformer_lab.errors import DataError

KINDS = (".npy", ".npz", ".pt", ".pth", ".csv", ".tsv", ".parquet")
"""Endings of files of features, the first of several of one name counts."""
IDS_FILES = ("_ids.txt", "_names.txt", "_ids.csv", ".ids.txt", "_ids.npy", "_ids.json")
"""Endings of files with an id a line, for the rows of the matrix beside it."""
USUAL = ("features", "feats", "embeddings", "embedding", "arr_0", "emb", "x")
COMMON_ROW = 0.05
"""From this share of items on that have the same vector, it is said to be a placeholder."""


@dataclass(frozen=True, eq=False)
class Features:
    """A matrix as a file has it, with the ids of its rows where the file knows them."""

    file: str
    matrix: np.ndarray
    ids: Sequence[str] | None = None
    made_by: Provenance | None = None
    """What made it, where a sidecar says so."""


def read_features(path: Path, file: str, modality: str, most: int, problems: Problems) -> Features:
    """Read a file of features; numbers of any kind become float32, and that is noted.

    Raises:
        DataError: No matrix can be read from it.
    """
    kind = ending(path)
    if path.is_dir() and kind not in KINDS:
        found = _folder(path, file)
    elif kind == ".npy":
        found = Features(file, load_npy(path, file, most), _ids_beside(path, file, problems))
    elif kind == ".npz":
        found = _chosen(file, modality, _npz(path, file, most))
    elif kind in (".pt", ".pth"):
        found = _chosen(file, modality, _torch(path, file, most))
    else:
        found = _table(path, file, problems)
    matrix, made = found.matrix, noted_provenance(path, file, problems) if kind == ".npy" else None
    if not len(matrix):
        raise DataError(f"{file}: it has no row; give one row an item")
    ids = made.ids if made and found.ids is None and len(made.ids) == len(matrix) else found.ids
    if ids is not None:
        ids = _checked_ids(file, ids, len(matrix))
    if matrix.dtype.kind in "biu":
        problems.note(f"{file}: numbers are {matrix.dtype}, taken as float32")
    if matrix.dtype.kind not in "biuf":
        raise DataError(f"{file}: features are {matrix.dtype}; convert them to float32")
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is reported as such
        return Features(file, np.ascontiguousarray(matrix, np.float32), ids, made)


def _checked_ids(file: str, ids: Sequence[str], n_rows: int) -> Sequence[str]:
    """Return the ids of rows, without a name that stands above them.

    Raises:
        DataError: They are not as many as the rows, or one stands twice.
    """
    if len(ids) == n_rows + 1 and roles_of(ids[:1], ("item",)):
        ids = ids[1:]
    if len(ids) != n_rows:
        raise DataError(f"{file}: {len(ids):,} ids for {n_rows:,} rows; give each row an id of its own, in their order")
    if twice := next((name for name, count in Counter(ids).items() if count > 1), None):
        raise DataError(f"{file}: the id {twice!r} stands twice; give each row an id of its own")
    return ids


def fitted(found: Features, item_ids: Sequence[str], problems: Problems, unit: str) -> np.ndarray:
    """Return the rows of features in the order of the items: by id where the file has ids, else by row.

    Raises:
        DataError: The rows don't fit the items.
    """
    matrix = zeros_for_nan(found.matrix)
    if matrix is not found.matrix:
        n_empty = int(np.isnan(found.matrix).all(axis=1).sum())
        problems.note(f"{found.file}: {counted(n_empty, 'row')} of nothing but NaN, taken as items without it")
    if found.ids is not None:
        place = positions(found.ids, list(item_ids))
        if len(place) and (place < 0).all():
            raise DataError(
                f"{found.file}: none of its ids is an item's, such as {found.ids[0]!r} where items are called {item_ids[0]!r}; "
                "write the items' ids there"
            )
        if len(missing := np.flatnonzero(place < 0)):
            named = few([item_ids[int(row)] for row in missing], 3)
            problems.note(f"{found.file}: {counted(len(missing), 'item')} without a row, such as {named}; zeros stand there")
        if more := len(found.ids) - int((place >= 0).sum()):
            problems.note(f"{found.file}: {counted(more, 'row')} of no item left out")
        matrix = np.where(place[:, None] >= 0, matrix[place], np.float32(0))
    if matrix.ndim == 2 and len(matrix) != len(item_ids):
        raise DataError(
            f"{found.file}: {len(matrix)} feature rows for {len(item_ids)} items; give one row an item, in the order of {unit}, "
            f"or a file {Path(found.file).stem}_ids.txt beside it with an id a line"
        )
    check_features(found.file, matrix, len(item_ids), item_ids)
    note_alike(found.file, matrix, item_ids, problems)
    return frozen(matrix, np.float32)


def note_alike(file: str, matrix: np.ndarray, item_ids: Sequence[str], problems: Problems) -> None:
    """Say where many items have no vector, or one and the same."""
    n = len(matrix)
    empty = ~matrix.any(axis=1)
    if empty.any():
        if empty.all():
            problems.note(f"{file}: all {n:,} items have zeros only: they tell nothing apart")
        else:
            first = item_ids[int(np.argmax(empty))]
            problems.note(f"{file}: {empty.sum():,} of {n:,} items have zeros only, such as {first}: they count as items without it")
    places = np.flatnonzero(~empty)
    if len(places) > 2:
        rest = np.ascontiguousarray(matrix[places])
        keys = rest.view(np.dtype((np.void, rest.dtype.itemsize * rest.shape[1]))).ravel()
        _, first, counts = np.unique(keys, return_index=True, return_counts=True)
        if (most := int(counts.max())) > max(2, COMMON_ROW * n):
            named = item_ids[int(places[first[int(counts.argmax())]])]
            problems.note(
                f"{file}: {most:,} of {n:,} items have the same vector, such as {named}, which looks like a placeholder; "
                "write rows of 0 or NaN where an item has none, and they count as missing"
            )


def _chosen(file: str, modality: str, arrays: Mapping[str, Any]) -> Features:
    """Choose the matrix among several arrays, and its ids if there are any."""
    matrices = [name for name, array in arrays.items() if getattr(array, "ndim", 0) == 2]
    named = [name for name in (modality, *USUAL) if name in matrices]
    if len(matrices) > 1 and not named:
        raise DataError(f"{file}: it holds several matrices, {few(matrices)}; keep one, or call the features {modality}")
    if not matrices:
        vectors = {name: array for name, array in arrays.items() if getattr(array, "ndim", 0) == 1 and array.dtype.kind in "biuf"}
        if len(vectors) > 1 and len({len(vector) for vector in vectors.values()}) == 1:
            return Features(file, np.stack(list(vectors.values())), [str(name) for name in vectors])
        raise DataError(f"{file}: it holds no matrix (items, width), only {few(list(arrays)) or 'nothing'}; save one")
    name = named[0] if named else matrices[0]
    n_rows = len(arrays[name])
    ids = next((array for key, array in arrays.items() if re.search("id|name", key) and array.ndim == 1 and len(array) == n_rows), None)
    return Features(file, arrays[name], None if ids is None else [str(cell) for cell in ids.tolist()])


def _npz(path: Path, file: str, most: int) -> dict[str, np.ndarray]:
    try:
        with open_file(path, max(most, 2**16)) as opened:
            if (size := sum(part.file_size for part in zipfile.ZipFile(opened).infolist())) > most:
                raise DataError(f"{file}: {size:,} bytes are needed for it, and {most:,} are left for features; keep fewer columns")
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    except DataError:
        raise
    except Exception as error:  # damaged archives raise errors of many kinds
        raise DataError(
            f"{file}: no features can be read from it ({error}); write it anew with numpy.savez(path, features=matrix)"
        ) from error


def _torch(path: Path, file: str, most: int) -> dict[str, np.ndarray]:
    import torch  # only for files of its own

    try:
        with open_file(path, most) as opened:
            if zipfile.is_zipfile(opened) and sum(part.file_size for part in zipfile.ZipFile(opened).infolist()) > most:
                raise DataError(f"{file}: it needs more than the {most:,} bytes that are left for features; keep fewer columns")
            opened.seek(0)
            content = torch.load(opened, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # damaged files raise errors of many kinds, and what is no tensor is refused by torch
        reason = str(error).split(". ")[0].splitlines()[0][:200]
        raise DataError(f"{file}: no tensor can be read from it ({reason}); write it anew with torch.save(matrix.cpu(), path)") from error
    tensors = content if isinstance(content, Mapping) else {"features": content}
    return {str(name): array.detach().float().numpy() for name, array in tensors.items() if isinstance(array, torch.Tensor)}


def _table(path: Path, file: str, problems: Problems) -> Features:
    """Read a table of numbers: with a header or without, with a column of ids or without."""
    apart = Problems()
    head = header_of(path, Wanted()) if ending(path) not in PARQUET else []
    bare = bool(head) and (all(map(_is_number, head)) or _is_row_with_id(head))
    table = read_any(path, Wanted(header=[f"c{place}" for place in range(len(head))] if bare else ()), apart)
    if table is None or not len(table):
        raise DataError(f"{file}: it holds no features; give one row an item")
    item = next(iter(roles_of(table.names, ("item",)).values()), table.names[0] if table.names[0].casefold() in ("id", "index") else None)
    uncounted = table.names[1:] if item is None and head and head[0] in ("", "Unnamed: 0") else table.names
    if len(uncounted) < len(table.names):  # as tables are written with the numbers or names of their rows
        if table[table.names[0]].tolist() == [str(row) for row in range(len(table))]:
            problems.note(f"{file}: its first column has no name and counts the rows; it is left out")
        else:
            item = table.names[0]
    vectors = [name for name, cells in table.values.items() if all(isinstance(cell, np.ndarray) for cell in cells)]
    if vectors:
        if len({len(cell) for cell in table.values[vectors[0]]}) > 1:
            raise DataError(f"{file}: the vectors of {vectors[0]} differ in length; give each item one of the same width")
        return Features(file, np.stack(table.values[vectors[0]]), None if item is None else list(table[item]))
    names = [name for name in uncounted if name != item and name in table.columns]
    try:
        matrix = np.stack([table[name].astype(np.float64) for name in names], axis=1)
    except ValueError as error:
        if item is None:
            item, names = names[0], names[1:]
            try:
                matrix = np.stack([table[name].astype(np.float64) for name in names], axis=1)
            except ValueError as second:
                raise DataError(f"{file}: a cell is no number ({second}); give numbers, and perhaps a column item_id") from second
        else:
            raise DataError(f"{file}: a cell is no number ({error}); give numbers beside the column {item}") from error
    return Features(file, matrix.astype(np.float32), None if item is None else list(table[item]))


def _folder(path: Path, file: str) -> Features:
    """Read a folder with one ``.npy`` an item, as Ducho writes them; an item's id is its file's name."""
    files = sorted(part for part in path.rglob("*.npy") if not part.name.startswith("."))
    rows = []
    for part in files:
        row = np.asarray(load_npy(part, f"{file}/{part.name}", MOST_BYTES, vectors=True), dtype=np.float32).reshape(-1)
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"{file}/{part.name}: {len(row)} numbers where {files[0].name} has {len(rows[0])}; give all items the same width"
            )
        rows.append(row)
    if not rows:
        raise DataError(f"{file}: no .npy file is in it; give one for each item, called by its id")
    return Features(file, np.stack(rows), [part.stem for part in files])


def _is_row_with_id(head: Sequence[str]) -> bool:
    """Return whether what might be names of columns is an id with its features; columns may be called by their numbers."""
    rest = list(head[1:])
    numbers = [str(place) for place in range(len(rest) + 1)]
    is_named = bool(roles_of(head[:1], ("item",))) or head[0].casefold() in ("", "id", "index", "unnamed: 0")
    return bool(rest) and all(map(_is_number, rest)) and rest not in (numbers[:-1], numbers[1:]) and not is_named


def _ids_beside(path: Path, file: str, problems: Problems) -> list[str] | None:
    stem = path.name.removesuffix(path.suffix)
    for name in IDS_FILES:
        beside = path.with_name(stem + name)
        if beside.is_file():
            problems.used.add(f"{file.removesuffix(path.suffix)}{name}")
        if beside.is_file() and name.endswith(".npy"):
            return [str(cell) for cell in load_npy(beside, beside.name, MOST_BYTES, vectors=True, texts=True).tolist()]
        if beside.is_file():
            with open_file(beside, MOST_BYTES) as opened:
                content = opened.read(size_of(opened)).decode("utf-8-sig", "replace")
            if name.endswith(".json"):
                return _listed(content, beside.name)
            lines = content.splitlines()
            return [line.strip() for line in lines if line.strip()]
    return None


def _listed(content: str, file: str) -> list[str]:
    """Read ids from JSON: a list, or an object with the row of each.

    Raises:
        DataError: It is neither.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: it is no JSON ({error}); give a list of ids") from error
    if isinstance(found, dict) and sorted(map(str, found.values())) == sorted(map(str, range(len(found)))):
        found = sorted(found, key=lambda name: int(found[name]))
    if not isinstance(found, list) or not all(isinstance(name, str | int) for name in found):
        raise DataError(f"{file}: it is neither a list of ids nor an object with the row of each; give one of the two")
    return [str(name) for name in found]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
