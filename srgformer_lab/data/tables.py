"""Text tables read whole and checked cell by cell, and the list of problems that readers and the checker share.

A reader stops at the first problem, the checker notes it and goes on without the bad rows; both run the same code.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from srgformer_lab.data.files import open_file
from srgformer_lab.errors import DataError

ROWS_NAMED = 5
MOST_BYTES = 256 * 2**20
"""A table that takes more room is refused before it is read."""
MOST_CELLS = 16_000_000
"""A table of more cells is refused before it is divided, since each takes some hundred bytes of memory."""
MOST_COLUMNS = 1_000
LONGEST_CELL = 131_072
"""The csv module's own limit, in characters, which holds for tables without quotes too."""
LONGEST_MESSAGE = 2_000
BLOCK = 2**24


@dataclass
class Problems:
    """What is wrong with a folder: raised at once, or collected."""

    collect: bool = False
    found: list[str] = field(default_factory=list)

    def add(self, message: str) -> None:
        """Note a problem.

        Raises:
            DataError: Problems are not collected.
        """
        message = shortened(message)
        self.found.append(message)
        if not self.collect:
            raise DataError(message)

    def drop(self, table: "Table", bad: np.ndarray, what: Callable[[int], str], remedy: str) -> "Table":
        """Note the rows where ``bad`` holds, in one message, and give the table without them.

        Args:
            table: What to look at.
            bad: One truth value a row.
            what: Says what is wrong with a row, from its position in the table.
            remedy: What to do about it.

        Raises:
            DataError: A row is bad, and problems are not collected.
        """
        if not bad.any():
            return table
        rows = table.rows[bad]
        self.add(f"{table.file}: row {rows[0]}: {what(int(np.argmax(bad)))}{others(rows)}; {remedy}")
        return table.keep(~bad)


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one file, and for each entry the row it came from as a spreadsheet counts (the header is row 1)."""

    file: str
    columns: Mapping[str, np.ndarray]
    rows: np.ndarray

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.rows)

    def __contains__(self, column: str) -> bool:
        """Return whether there is a column of that name."""
        return column in self.columns

    def __getitem__(self, column: str) -> np.ndarray:
        """Return a column."""
        return self.columns[column]

    def keep(self, chosen: np.ndarray) -> "Table":
        """Return the table with some entries only: those of a mask, or those at given positions."""
        return replace(self, columns={name: values[chosen] for name, values in self.columns.items()}, rows=self.rows[chosen])

    def with_columns(self, **columns: np.ndarray) -> "Table":
        """Return the table with some columns added or replaced."""
        return replace(self, columns={**self.columns, **columns})


def shortened(message: str) -> str:
    """Return a message without its middle where a cell in it, or a list of names, is absurdly long."""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:1000]} … {message[-800:]}"


def others(rows: Collection) -> str:
    """Name the rows, or files, beyond the first in brackets, and count those that are too many to name."""
    named = [str(row) for row in list(rows)[1 : ROWS_NAMED + 1]]
    more = len(rows) - 1 - len(named)
    return f" (also {', '.join(named)}{f' and {more:,} more' if more else ''})" if named else ""


def read_table(path: Path, required: Collection[str], problems: Problems, delimiter: str = ",") -> Table | None:
    """Read a UTF-8 text table with a header; every cell stays a string. Nothing comes back where it can't be read at all.

    Commas as delimiter allow quoted cells (with commas and line breaks in them), any other delimiter does not.

    Raises:
        DataError: The table has a problem, and problems are not collected.
    """
    text = _read_text(path, required, problems)
    if text is None:
        return None
    try:
        _check_size(path.name, text, delimiter)
        widths, cells = _read_cells(text, delimiter)
    except DataError as error:
        problems.add(str(error))
        return None
    except csv.Error as error:
        problems.add(
            f"{path.name}: line {_line_of_fault(text)}: malformed CSV ({error}); "
            "close the quote that opens there, and double the quotes inside of a quoted cell"
        )
        return None
    start = int(np.argmax(widths > 0))
    header = [name.strip() for name in cells[: widths[start]]]
    if not _header_is_good(path.name, header, required, problems, delimiter):
        return None
    body, n_columns = np.array(cells[len(header) :], dtype=object), len(header)
    widths, rows = widths[start + 1 :], np.arange(start + 2, len(widths) + 1)
    fits, blank = widths == n_columns, widths == 0
    columns = body[np.repeat(fits, widths)].reshape(-1, n_columns).T
    table = Table(path.name, {name: np.ascontiguousarray(column) for name, column in zip(header, columns, strict=True)}, rows[fits])
    ragged = Table(path.name, {}, rows[~blank])
    problems.drop(
        ragged,
        ~fits[~blank],
        lambda row: f"{widths[~blank][row]} cells for {n_columns} columns",
        f"give one cell for each of {', '.join(header)}; a cell that holds a comma needs double quotes",
    )
    if not len(ragged):
        problems.add(f"{path.name} holds a header but no row; add rows")
    return table


def _read_text(path: Path, required: Collection[str], problems: Problems) -> str | None:
    try:
        text = _content(path).decode("utf-8-sig")
    except FileNotFoundError:
        problems.add(f"{path.name} is missing in {path.parent}; add it, with the columns {', '.join(required)}")
    except DataError as error:
        problems.add(str(error))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        byte = error.object[error.start]
        problems.add(f"{path.name}: line {line}: byte 0x{byte:02x} is no UTF-8 text; save the file as UTF-8")
    except OSError as error:
        problems.add(f"{path.name} can't be read ({error.strerror}); check what it is and its permissions")
    else:
        if text.strip():
            return text
        problems.add(f"{path.name} is empty; give it a header with the columns {', '.join(required)}, and rows")
    return None


def _content(path: Path) -> bytes:
    """Read a file that holds text.

    Raises:
        OSError: It can't be read, is no file, or is too large.
        UnicodeDecodeError: It is no UTF-8 before its first NUL byte.
        DataError: It holds a NUL byte, as files with holes do, of which no terabyte is read.
    """
    blocks, n_lines = [], 1
    with open_file(path, MOST_BYTES) as file:
        while block := file.read(BLOCK):
            if (place := block.find(0)) >= 0:
                b"".join([*blocks, block[:place]]).decode("utf-8-sig")  # what is wrong before it is said first
                line = n_lines + block.count(b"\n", 0, place)
                raise DataError(f"{path.name}: line {line}: byte 0x00 is no UTF-8 text; save the file as UTF-8")
            n_lines += block.count(b"\n")
            blocks.append(block)
    return b"".join(blocks)


def _check_size(file: str, text: str, delimiter: str) -> None:
    """Refuse a table that has more columns, cells or characters in one cell than any item has use for.

    Raises:
        DataError: With what it has.
    """
    lines = _lines(text)
    if (n_cells := text.count(delimiter) + len(lines)) > MOST_CELLS:
        raise DataError(f"{file} has {n_cells:,} cells, and at most {MOST_CELLS:,} can be read; leave out columns, or keep fewer rows")
    header = next((line for line in lines if line.strip()), "")
    if (n_columns := header.count(delimiter) + 1) > MOST_COLUMNS:
        raise DataError(
            f"{file}: row 1: {n_columns:,} columns, and at most {MOST_COLUMNS:,} can be read; leave out those that no card needs"
        )
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_CELL and (longest := max(map(len, line.split(delimiter)))) > LONGEST_CELL:
            raise DataError(
                f"{file}: line {number}: a cell of {longest:,} characters, and at most {LONGEST_CELL:,} can be read; shorten it"
            )


def _read_cells(text: str, delimiter: str) -> tuple[np.ndarray, list[str]]:
    """Return the number of cells of each line (0 for a blank one), and all cells in one list."""
    if delimiter == "," and '"' in text:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        return np.array([len(record) for record in records]), list(chain.from_iterable(records))
    # without quotes a table is its split at delimiters, which is five times as fast as the csv module
    lines = _lines(text)
    widths = np.array([line.count(delimiter) + 1 if line else 0 for line in lines])
    return widths, delimiter.join(line for line in lines if line).split(delimiter)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _line_of_fault(text: str) -> int:
    """Find the line where the record starts that the csv module refuses."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for _ in reader:
            line = reader.line_num + 1
    except csv.Error:
        pass
    return line


def _header_is_good(file: str, header: list[str], required: Collection[str], problems: Problems, delimiter: str) -> bool:
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        problems.add(f"{file}: row 1: the column {twice[0]!r} stands twice; rename or remove one")
    missing = [name for name in required if name not in header]
    if missing:
        divided = "commas" if delimiter == "," else "tabs"
        found = ", ".join(header)
        problems.add(f"{file}: row 1: no column {', '.join(missing)} among {found}; name the columns so, divided by {divided}")
    return not (twice or missing)


def numbers(values: np.ndarray) -> np.ndarray:
    """Read cells as float64; NaN where a cell is not a finite number."""
    try:
        found = values.astype(np.float64)
    except ValueError:
        found = np.array([_number(value) for value in values])
    return np.where(np.isfinite(found), found, np.nan)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return np.nan


def natural_order(ids: Collection[str]) -> list[str]:
    """Sort ids by value where all are whole numbers, else as text."""
    if all(name.isascii() and name.isdigit() for name in ids):
        return sorted(ids, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))
    return sorted(ids)


def positions(ids: Collection[str], wanted: Collection[str]) -> np.ndarray:
    """Return the place of each wanted id among ``ids``, -1 where it is not there."""
    return pd.Index(list(ids), dtype=object).get_indexer(list(wanted)).astype(np.int64)
