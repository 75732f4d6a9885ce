"""Tables that are no delimited text: JSON Lines, Parquet and Excel workbooks; their cells become text, pictures and vectors stay."""

import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from srgformer_lab.data.blocks import MOST_BYTES, free_memory, raw_blocks, text_blocks
from srgformer_lab.data.delimited import Wanted, fault_of_text, header_of, read_delimited
from srgformer_lab.data.files import open_file
from srgformer_lab.data.grid import RECORDS
from srgformer_lab.data.problems import Problems
from srgformer_lab.data.tables import Interner, Table
from srgformer_lab.errors import DataError, MissingPackageError, require

JSON, PARQUET, EXCEL = (".jsonl", ".ndjson", ".json"), (".parquet", ".pq"), (".xlsx", ".xlsm")
TEXT = (".csv", ".tsv", ".txt", ".tab", ".inter", ".item", ".user", ".dat", ".data")
UNQUOTED = (".inter", ".item", ".user", ".dat", ".data")
"""Endings of files in which a quote is a quote."""
KEYS_FROM = 2_000
"""Records whose keys make the columns of a file of JSON Lines."""
MOST_VALUES = 1.25 * 2**30


def ending(path: Path | str) -> str:
    """Return what says what a file is: its ending, without that of gzip, and without one that stands twice."""
    name = path.rpartition("/")[2] if isinstance(path, str) else path.name  # a folder may hold a million names
    stem, dot, end = name.lower().removesuffix(".gz").rpartition(".")
    return dot + end if stem and end else ""


def is_table(path: Path | str) -> bool:
    """Return whether a file's name is that of a table."""
    return ending(path) in (*TEXT, *JSON, *PARQUET, *EXCEL)


def read_any(path: Path, wanted: Wanted, problems: Problems) -> Table | None:
    """Read a table of any kind; every cell stays or becomes a string. Nothing comes back where it can't be read at all.

    Raises:
        DataError: The table has a problem, and problems are not collected.
    """
    kind = ending(path)
    if kind not in (*JSON, *PARQUET, *EXCEL):
        return read_delimited(path, wanted, problems)
    try:
        if kind in JSON:
            return _gathered(path, _json_rows(path, wanted.encoding), "JSON", wanted)
        require("pyarrow" if kind in PARQUET else "openpyxl", "formats")
        return _gathered(
            path, _parquet_rows(path) if kind in PARQUET else _excel_rows(path), "Parquet" if kind in PARQUET else "Excel", wanted
        )
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
        return _keys(path, wanted) if ending(path) in (*JSON, *PARQUET, *EXCEL) else header_of(path, wanted)
    except (DataError, OSError, MissingPackageError):
        return []


def fault_of(path: Path, wanted: Wanted) -> str | None:
    """Return what keeps a file from being a table with names of columns, if anything does."""
    try:
        if ending(path) in (*JSON, *PARQUET, *EXCEL):
            return None if _keys(path, wanted) else f"{path.name} holds no row; add rows"
        return fault_of_text(path, wanted)
    except (DataError, OSError) as error:
        return str(error)
    except MissingPackageError as error:
        return f"{path.name}: {error}"


def _keys(path: Path, wanted: Wanted) -> list[str]:
    if ending(path) in JSON:
        return list(next(_json_rows(path, wanted.encoding), {}))
    require("pyarrow" if ending(path) in PARQUET else "openpyxl", "formats")
    return list(next(_parquet_rows(path) if ending(path) in PARQUET else _excel_rows(path), {}))


def _gathered(path: Path, rows: Iterator[dict[str, Any]], kind: str, wanted: Wanted) -> Table:
    """Gather records into columns, as text; what is bytes or a long vector is kept beside."""
    first = list(islice(rows, KEYS_FROM))
    names = tuple(dict.fromkeys(name for row in first for name in row))
    if not first:
        raise DataError(f"{path.name} holds no row; add rows")
    chosen = list(names if wanted.choose is None else wanted.choose(names))
    solid = [name for name in chosen if any(_is_value(row.get(name)) for row in first)]
    plain = [name for name in chosen if name not in solid]
    interners = [Interner() for _ in plain]
    values: dict[str, list] = {name: [] for name in solid}
    n_rows, held, batch = 0, 0, first
    while batch:
        n_rows += len(batch)
        for name, interner in zip(plain, interners, strict=True):
            cells = np.empty(len(batch), dtype=object)
            cells[:] = [as_text(row.get(name)) for row in batch]
            held += interner.add(cells)
        for name in solid:
            cells = [_value(row.get(name)) for row in batch]
            held += sum(map(sys.getsizeof, cells))
            values[name] += cells
        if held > (free := free_memory()):
            raise DataError(f"{path.name} needs more memory than the {free / 2**30:.1f} GiB that are free; keep fewer rows or columns")
        batch = list(islice(rows, RECORDS))
    columns = {name: interner.column() for name, interner in zip(plain, interners, strict=True)}
    return Table(path.name, columns, np.arange(n_rows) + (2 if kind == "Excel" else 1), kind, names, values)


def as_text(value: Any) -> str:
    """Return a value as a cell of a table would have it: nothing as an empty cell, lists with their parts divided by spaces."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat(" ")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list | tuple):
        return " ".join(text for text in map(as_text, value) if text)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in ((name, as_text(part)) for name, part in value.items()) if text)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _is_value(value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(value.get("bytes"), bytes)
    return isinstance(value, bytes) or (isinstance(value, list) and len(value) > 1 and all(isinstance(part, int | float) for part in value))


def _value(value: Any) -> bytes | np.ndarray | None:
    if isinstance(value, dict):
        value = value.get("bytes")
    if isinstance(value, list):
        with suppress(ValueError, TypeError):
            return np.asarray(value, dtype=np.float32)
    return value if isinstance(value, bytes) else None


def _json_rows(path: Path, encoding: str | None) -> Iterator[dict[str, Any]]:
    """Return the records of JSON Lines, or of one list of records, or of a table by columns."""
    line, seen, n_line = "", False, 0
    try:
        for text, _ in text_blocks(path, encoding or "utf-8-sig"):
            if not seen and text.lstrip()[:1] == "[":
                yield from _records_of(path, json.loads(b"".join(raw_blocks(path)).decode(encoding or "utf-8-sig")))
                return
            seen = True
            for line in text.splitlines():
                n_line += 1
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise DataError(f"{path.name}: line {n_line}: {line[:80]!r} is no record; give an object a line")
                    yield row
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name}: line {n_line}: it is no JSON ({error}); give an object a line, or download the file anew") from error


def _records_of(path: Path, content: Any) -> Sequence[dict[str, Any]]:
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise DataError(f"{path.name} is no list of records; give an object a line")
    return content


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


def _excel_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Return the rows of a workbook's first sheet that holds any, below its first row that does."""
    import warnings
    import zipfile

    import openpyxl

    with open_file(path, MOST_BYTES) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and pictures that are not read
        try:
            size = sum(part.file_size for part in zipfile.ZipFile(file).infolist())
            if size > MOST_VALUES:
                raise DataError(f"{path.name}: {size:,} bytes unpacked are too many; save the sheet as .csv")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            header: list[str] = []
            for sheet in book.worksheets:
                for row in sheet.iter_rows(values_only=True):
                    if not header:
                        header = [as_text(cell).strip() for cell in row] if any(cell is not None for cell in row) else []
                    elif any(cell is not None for cell in row):
                        yield {name: cell for name, cell in zip(header, row, strict=False) if name}
                if header:
                    return
        except DataError:
            raise
        except Exception as error:  # damaged workbooks raise errors of many kinds
            raise DataError(f"{path.name} is no workbook that can be read ({error}); save it anew as .xlsx or .csv") from error
