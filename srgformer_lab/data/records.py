"""Tables that are no delimited text: JSON Lines, Parquet and Excel workbooks; their cells become text, pictures and vectors stay."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from srgformer_lab.data.blocks import MOST_BYTES, free_memory
from srgformer_lab.data.cells import as_text, is_solid, one_each, solid, with_ids_inside
from srgformer_lab.data.delimited import fault_of_text, header_of, read_delimited
from srgformer_lab.data.dialects import Wanted
from srgformer_lab.data.files import open_file
from srgformer_lab.data.grid import RECORDS
from srgformer_lab.data.json_rows import json_rows
from srgformer_lab.data.problems import Problems, few
from srgformer_lab.data.tables import Interner, Table
from srgformer_lab.data.workbooks import excel_rows
from srgformer_lab.errors import DataError, MissingPackageError, require

JSON, PARQUET, ARROW, EXCEL = (".jsonl", ".ndjson", ".json"), (".parquet", ".pq"), (".arrow", ".feather"), (".xlsx", ".xlsm")
TEXT = (".csv", ".tsv", ".txt", ".tab", ".inter", ".item", ".user", ".dat", ".data")
KINDS = ((JSON, "JSON"), (PARQUET, "Parquet"), (ARROW, "Arrow"), (EXCEL, "Excel"))
KIND_OF = {end: kind for ends, kind in KINDS for end in ends}
UNQUOTED = (".inter", ".item", ".user", ".dat", ".data")
"""Endings of files in which a quote is a quote."""
KEYS_FROM = 2_000
"""Records whose keys make the columns of a file of JSON Lines."""


def ending(path: Path | str) -> str:
    """Return what says what a file is: its ending, without that of gzip, and without one that stands twice."""
    name = path.rpartition("/")[2] if isinstance(path, str) else path.name  # a folder may hold a million names
    stem, dot, end = name.lower().removesuffix(".gz").rpartition(".")
    return dot + end if stem and end else ""


def is_table(path: Path | str) -> bool:
    """Return whether a file's name is that of a table."""
    return ending(path) in (*TEXT, *KIND_OF)


def read_any(path: Path, wanted: Wanted, problems: Problems) -> Table | None:
    """Read a table of any kind; every cell stays or becomes a string. Nothing comes back where it can't be read at all.

    Raises:
        DataError: The table has a problem, and problems are not collected.
    """
    kind = ending(path)
    if kind not in KIND_OF:
        return read_delimited(path, wanted, problems)
    try:
        return _gathered(path, _rows(path, wanted, problems.note), wanted, problems)
    except DataError as error:
        problems.add(str(error))
    except MissingPackageError as error:
        problems.add(f"{path.name}: {error}")
    except OSError as error:
        problems.add(f"{path.name} can't be read ({error.strerror or error}); check what it is and its permissions")
    return None


def columns_of(path: Path, wanted: Wanted) -> list[str]:
    """Return the names of a file's columns, to see what it is; none where it can't be read."""
    try:
        return _keys(path, wanted) if ending(path) in KIND_OF else header_of(path, wanted)
    except (DataError, OSError, MissingPackageError):
        return []


def fault_of(path: Path, wanted: Wanted) -> str | None:
    """Return what keeps a file from being a table with names of columns, if anything does."""
    try:
        if ending(path) in KIND_OF:
            return None if _keys(path, wanted) else f"{path.name} holds no row; add rows"
        return fault_of_text(path, wanted)
    except (DataError, OSError) as error:
        return str(error)
    except MissingPackageError as error:
        return f"{path.name}: {error}"


def _keys(path: Path, wanted: Wanted) -> list[str]:
    return list(next(_rows(path, wanted, lambda _: None), (0, {}))[1])


def _rows(path: Path, wanted: Wanted, note: Callable[[str], None]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the records of a file, each with the number of its row."""
    kind = ending(path)
    if kind in EXCEL:
        require("openpyxl", "formats")
        return excel_rows(path, wanted.columns, note)
    if kind in (*PARQUET, *ARROW):
        require("pyarrow", "formats")
    read = _parquet_rows(path) if kind in PARQUET else _arrow_rows(path) if kind in ARROW else json_rows(path, wanted.encoding)
    return enumerate(map(with_ids_inside, read), start=1)


def _gathered(path: Path, rows: Iterator[tuple[int, dict[str, Any]]], wanted: Wanted, problems: Problems) -> Table:
    """Gather records into columns, as text; what is bytes or a long vector is kept beside, but for interactions, where a list is many."""
    kind = KIND_OF[ending(path)]
    first = list(islice(rows, KEYS_FROM))
    names = tuple(dict.fromkeys(name for _, row in first for name in row))
    if not first:
        raise DataError(f"{path.name} holds no row; add rows")
    chosen = list(names if wanted.choose is None else wanted.choose(names))
    if wanted.choose is not None and (listed := [name for name in chosen if any(isinstance(row.get(name), list) for _, row in first)]):
        first, rows = list(_each(path, first, chosen)), _each(path, rows, chosen)
        problems.note(f"{path.name}: each entry of the lists in {few(listed)} is a row of its own")
    values: dict[str, list] = {name: [] for name in chosen if wanted.choose is None and any(is_solid(row.get(name)) for _, row in first)}
    plain = [name for name in chosen if name not in values]
    interners = [Interner() for _ in plain]
    numbers, held, batch = [], 0, first
    while batch:
        numbers.append(np.array([number for number, _ in batch]))
        for name, interner in zip(plain, interners, strict=True):
            cells = np.empty(len(batch), dtype=object)
            cells[:] = [as_text(row.get(name)) for _, row in batch]
            held += interner.add(cells)
        for name, kept in values.items():
            cells = [solid(row.get(name)) for _, row in batch]
            held += sum(map(sys.getsizeof, cells))
            kept += cells
        if held > (free := free_memory()):
            raise DataError(f"{path.name} needs more memory than the {free / 2**30:.1f} GiB that are free; keep fewer rows or columns")
        batch = list(islice(rows, RECORDS))
    columns = {name: interner.column() for name, interner in zip(plain, interners, strict=True)}
    return Table(path.name, columns, np.concatenate(numbers), kind, names, values)


def _each(path: Path, rows: Iterable[tuple[int, dict[str, Any]]], chosen: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return a record for each entry of lists.

    Raises:
        DataError: The lists of a row are of different lengths.
    """
    for number, row in rows:
        try:
            yield from one_each(number, {name: row.get(name) for name in chosen})
        except ValueError as error:
            raise DataError(f"{path.name}: {error}; give each as many entries, or write a row for each pair") from error


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        with open_file(path, MOST_BYTES) as file:
            table = parquet.ParquetFile(io.BytesIO(file.read()) if path.stat().st_size < 2**24 else file)
            for batch in table.iter_batches(batch_size=8_192):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, ValueError, OverflowError) as error:
        raise DataError(f"{path.name} is no Parquet file that can be read ({error}); download it anew") from error


def _arrow_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Return the rows of an Arrow file, or of a stream as Hugging Face's datasets are saved."""
    import pyarrow
    from pyarrow import ipc

    try:
        with open_file(path, MOST_BYTES) as file:
            if file.peek(6)[:6] == b"ARROW1":
                whole = ipc.open_file(file)
                batches = map(whole.get_batch, range(whole.num_record_batches))
            else:
                batches = iter(ipc.open_stream(file))
            for batch in batches:
                for start in range(0, batch.num_rows, 8_192):
                    yield from batch.slice(start, 8_192).to_pylist()
    except (pyarrow.ArrowException, ValueError, OverflowError) as error:
        raise DataError(f"{path.name} is no Arrow file that can be read ({error}); save it anew, or as .parquet") from error
