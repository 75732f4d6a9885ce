"""The columns of a text table while its rows come in: what fits is kept, what is blank or ragged is counted."""

import csv
import io
import re
from codecs import BOM_UTF8
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from srgformer_lab.data.blocks import Look, free_memory
from srgformer_lab.data.dialects import Dialect
from srgformer_lab.data.heading import is_surely_comment
from srgformer_lab.data.problems import Problems, counted, few
from srgformer_lab.data.summary import begins_summary
from srgformer_lab.data.tables import Interner, Table
from srgformer_lab.errors import DataError

RECORDS = 200_000
"""Rows that are divided at a time."""
NEWLINE = 10


_RULER = re.compile(r"[-+|=\s]*|\(?\d[\d,]* rows?( affected| in set)?[^)]*\)?", re.IGNORECASE)
"""What databases print between and below rows."""


class Grid:
    """The columns of a table while its rows come in."""

    def __init__(self, file: str, header: list[str], chosen: list[str], dialect: Dialect) -> None:
        self.file, self.header, self.chosen, self.dialect = file, header, chosen, dialect
        self.places = [header.index(name) for name in chosen]
        self.rows: list[np.ndarray] = []
        self.interners = [Interner() for _ in chosen]
        self.ragged: list[tuple[int, int, str]] = []
        self.comments: list[str] = []
        self.n_bytes = self.n_rows = self.n_read = self.n_blank = self.n_trailing = 0

    def add(self, records: list[list[str]], first_row: int) -> None:
        """Take some rows, the first of which is that of a spreadsheet."""
        n_columns = len(self.header)
        widths = np.fromiter(map(len, records), np.int64, len(records))
        for place in np.flatnonzero((widths != n_columns) & (widths > 0)):
            record = records[place]
            if not any(cell.strip(" \t\x1a") for cell in record):  # an old mark of the end of a file among them
                self.n_blank += 1
                widths[place] = 0
            elif len(record) > n_columns and not any(cell.strip() for cell in record[n_columns:]):
                records[place] = record[:n_columns]
                widths[place] = n_columns
                self.n_trailing += 1
            elif is_surely_comment(record[0]) or _RULER.fullmatch(self.dialect.separator.join(record)):
                self.comments.append(self.dialect.separator.join(record))
                widths[place] = 0
            else:
                self.ragged.append((first_row + int(place), len(record), record[0]))
        fits = widths == n_columns
        kept = records if fits.all() else [record for record, fit in zip(records, fits, strict=True) if fit]
        rows = first_row + np.flatnonzero(fits)
        if not kept:
            return
        cells = np.array(list(chain.from_iterable(kept)), dtype=object).reshape(-1, n_columns)
        blank = cells[:, 0] == ""
        if blank.any():
            blank[blank] = [not any(cell.strip() for cell in row) for row in cells[blank]]
            self.n_blank += int(blank.sum())
            cells, rows = cells[~blank], rows[~blank]
        self._take([np.ascontiguousarray(cells[:, place]) for place in self.places], rows)

    def add_text(self, text: str, first_row: int) -> int:
        """Take lines without quotes, the first of which is this row of a spreadsheet, and return the row after them."""
        columns = self._whole_columns(text)
        if columns is not None:
            n_lines = len(columns[0]) if columns else 0
            self._take(columns, np.arange(first_row, first_row + n_lines))
            return first_row + n_lines
        lines = text.removesuffix("\n").split("\n")
        for start in range(0, len(lines), RECORDS):
            self.add([line.split(self.dialect.separator) if line else [] for line in lines[start : start + RECORDS]], first_row + start)
        return first_row + len(lines)

    def _whole_columns(self, text: str) -> list[np.ndarray] | None:
        """Divide a block at once where each of its lines has a cell for each column, the first not empty; else nothing."""
        separator, n_columns = self.dialect.separator, len(self.header)
        try:
            raw = (text if text.endswith("\n") else f"{text}\n").encode()
        except UnicodeEncodeError:
            return None
        if not self.places or len(separator) > 1 or not separator.isascii() or b"\0" in raw or raw.startswith(BOM_UTF8):
            return None
        letters = np.frombuffer(raw, np.uint8)
        marks = np.flatnonzero((letters == ord(separator)) | (letters == NEWLINE))
        ends = np.flatnonzero(letters[marks] == NEWLINE)
        first = letters[np.concatenate([[0], marks[ends[:-1]] + 1])]
        if (np.diff(ends, prepend=-1) != n_columns).any() or ((first == NEWLINE) | (first == ord(separator))).any():
            return None
        how: dict[str, Any] = {"header": None, "index_col": False, "quoting": csv.QUOTE_NONE, "na_filter": False, "dtype": object}
        frame = pd.read_csv(
            io.BytesIO(raw), sep=separator, usecols=self.places, skip_blank_lines=False, low_memory=False, engine="c", **how
        )
        return [frame[place].to_numpy(object) for place in self.places] if len(frame) == len(ends) else None

    def _take(self, columns: list[np.ndarray], rows: np.ndarray) -> None:
        self.n_bytes += sum(interner.add(column) for interner, column in zip(self.interners, columns, strict=True))
        self.rows.append(rows)
        self.n_rows += len(rows)

    def check_memory(self, n_bytes: int) -> None:
        """Refuse a table that would not fit into memory, by what its first rows took.

        Raises:
            DataError: With the estimate.
        """
        needed = int(self.n_bytes * max(n_bytes / max(self.n_read, 1), 1) * 2.5)  # columns are joined, and numbered, beside themselves
        if needed - self.n_bytes > (free := free_memory()):
            raise DataError(
                f"{self.file} needs about {needed / 2**30:.1f} GiB of memory to be read, and {free / 2**30:.1f} GiB are free; "
                "keep fewer rows, leave out columns, or close other programs"
            )

    def table(self, seen: Look, problems: Problems) -> Table:
        """Return what came in, and note what was left out."""
        rows = np.concatenate(self.rows) if self.rows else np.empty(0, np.int64)
        row, width, word = self.ragged[-1] if self.ragged else (0, 0, "")
        if width < len(self.header) and row > rows.max(initial=0) > 1 and begins_summary(word):
            self.ragged.pop()
            problems.note(f"{self.file}: row {row}, the last, is left out, since it sums up the others: {word.strip()[:80]!r}")
        if self.ragged:
            (row, width, _), ragged = self.ragged[0], [row for row, *_ in self.ragged]
            also = f" (also {few([str(other) for other in ragged[1:]], 5)})" if ragged[1:] else ""
            problems.add(
                f"{self.file}: row {row}: {width} cells for {len(self.header)} columns{also}; "
                f"give one cell for each of {', '.join(self.header)}; a cell that holds a comma needs double quotes"
            )
        elif not self.n_rows:
            problems.add(f"{self.file} holds a header but no row; add rows")
        if seen.example:
            remedy = "if that looks wrong, give its encoding, such as encoding='shift_jis'"
            problems.note(f"{self.file} is no UTF-8 and was read as {seen.named}: {seen.example.strip()[:80]!r}; {remedy}")
        if self.n_blank:
            problems.note(f"{self.file}: {self.n_blank:,} blank rows left out")
        if self.comments:
            n_lines = counted(len(self.comments), "line")
            problems.note(f"{self.file}: {n_lines} of comment left out, such as {self.comments[0].strip()[:80]!r}")
        if self.n_trailing:
            problems.note(f"{self.file}: {self.n_trailing:,} rows end in cells without a column, which are empty and left out")
        columns = {name: interner.column() for name, interner in zip(self.chosen, self.interners, strict=True)}
        return Table(self.file, columns, rows, f"{seen.named}, divided by {self.dialect.named}", tuple(self.header))
