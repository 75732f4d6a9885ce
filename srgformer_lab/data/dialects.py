"""How the cells of a file of text are divided, and where its table begins: what a layout knows, else what its first rows agree on."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from srgformer_lab.data.blocks import Look
from srgformer_lab.data.heading import LOOKED_AT, first_row, is_comment, is_surely_comment, names_columns, unmarked

SEPARATORS = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "bars",
    "::": "double colons",
    "^": "carets",
    "~": "tildes",
    "\x01": "control characters",
    " ": "spaces",
}
SAMPLE_ROWS = 30

Choose = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class Dialect:
    """How a file's cells are divided."""

    separator: str
    quoting: str = "none"
    """``none``, ``double`` (a quote in a cell is doubled) or ``backslash``."""
    skip: int = 0
    """Lines before the header that hold none of the table."""
    above: tuple[str, ...] = ()
    """Those of them that say something: comments, titles of a report."""

    @property
    def named(self) -> str:
        """What people call it."""
        escaped = ", quotes escaped by backslashes" if self.quoting == "backslash" else ""
        return f"{SEPARATORS.get(self.separator, repr(self.separator))}{escaped}"


@dataclass(frozen=True)
class Wanted:
    """What a layout knows of a file beforehand."""

    separator: str = ","
    quotes: bool = True
    encoding: str | None = None
    header: Sequence[str] = ()
    """The columns' names where the file has no header."""
    columns: Sequence[str] = ()
    """Columns that are there if cells are divided as the layout has them."""
    choose: Choose | None = None
    """Which columns to read, from all that there are; all by default."""


def dialect_of(seen: Look, wanted: Wanted) -> Dialect:
    """Return how cells are divided: so that a row names the columns, else as most of the first rows agree on; and what stands above."""
    lines = _lines(seen)
    skip = next((k for k, line in enumerate(lines) if line.strip()), 0)
    head = lines[skip].strip().strip('"') if lines else ""
    if head.lower().startswith("sep=") and len(head) in (5, 4):
        return Dialect(head[4:] or "\t", "double" if seen.quotes else "none", skip + 1)
    body = [line for line in lines[skip:] if not is_comment(line)] or [line for line in lines[skip:] if not is_surely_comment(line)]
    agreed = _most_agreed(body[:SAMPLE_ROWS], wanted.separator)
    if wanted.header:
        return _without_names(seen, wanted, lines, agreed)
    for separator in dict.fromkeys((wanted.separator, agreed, *SEPARATORS)):
        dialect = Dialect(separator, _quoting(seen, wanted, separator), 0)
        rows = [_divided(line, dialect) for line in lines[: skip + LOOKED_AT]]
        place = first_row(rows, wanted.columns)
        is_named = bool(rows) and names_columns(rows[place], wanted.columns)
        if is_named and (separator != " " or all(len(cells) == len(rows[place]) for cells in rows[place + 1 :] if any(cells))):
            return replace(dialect, skip=place, above=_filled(lines[:place]))
    dialect = Dialect(agreed, _quoting(seen, wanted, agreed), 0)
    place = first_row([_divided(line, dialect) for line in lines[: skip + LOOKED_AT]], wanted.columns)
    return replace(dialect, skip=place, above=_filled(lines[:place]))


def _without_names(seen: Look, wanted: Wanted, lines: Sequence[str], agreed: str) -> Dialect:
    """Return how the cells of a file without names of columns are divided; comments stand above its rows, and ids may begin as they do."""
    n_columns, first = len(wanted.header), next((line for line in lines if line.strip() and not is_surely_comment(line)), "")
    separator = wanted.separator if first.count(wanted.separator) + 1 == n_columns else agreed
    place = 0
    while place < len(lines) and is_comment(lines[place]):
        if not is_surely_comment(lines[place]) and lines[place].count(separator) + 1 == n_columns:
            break
        place += 1
    place = place if place < len(lines) else 0
    return Dialect(separator, _quoting(seen, wanted, separator), place, _filled(lines[:place]))


def _quoting(seen: Look, wanted: Wanted, separator: str) -> str:
    return "double" if seen.quotes and wanted.quotes and len(separator) == 1 and separator != " " else "none"


def _lines(seen: Look) -> list[str]:
    return [line.rstrip("\r\n") for line in io.StringIO(seen.sample, newline="")]


def _filled(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.strip().strip(";,|"))


def _divided(line: str, dialect: Dialect) -> list[str]:
    try:
        return next(records_of(io.StringIO(line), dialect), [])
    except csv.Error:  # a cell that goes on in the next line
        return line.split(dialect.separator)


def _most_agreed(lines: Sequence[str], usual: str) -> str:
    """Return the separator that the first rows have equally often, and most often."""
    best, chosen = (0.0, 0), usual
    for separator in SEPARATORS:
        counts = [line.count(separator) for line in lines if line.strip()]
        if not counts or not counts[0] or separator == " ":
            continue
        agreed = sum(count >= counts[0] for count in counts) / len(counts)
        rank = (agreed >= 0.8, counts[0] + (separator == usual) / 2 + len(separator) / 4)
        if rank > best:
            best, chosen = rank, separator
    numbers = [line.split(" ") for line in lines if line.strip()]
    if best == (0.0, 0) and len({len(cells) for cells in numbers}) == 1 and all(cell.isdigit() for cells in numbers for cell in cells):
        return " "
    return chosen


def header_names(seen: Look, dialect: Dialect, wanted: Wanted) -> list[str]:
    """Return the names of the columns."""
    if wanted.header:
        return list(wanted.header)
    lines = islice(io.StringIO(seen.sample, newline=""), dialect.skip, None)
    try:
        first = next((record for record in records_of(lines, dialect) if record and any(cell.strip() for cell in record)), [])
    except csv.Error:
        first = []
    names = [name.strip().strip("\ufeff") for name in first]
    return unmarked(names) if names_columns(names, wanted.columns) else names


def records_of(lines: Iterable[str], dialect: Dialect) -> Iterator[list[str]]:
    """Return the cells of each line, or of each record where a quoted cell goes on in the next line.

    Raises:
        csv.Error: A quote is not closed, or stands where none may be.
    """
    if dialect.quoting == "none":
        for line in lines:
            text = line.rstrip("\r\n")
            yield text.split(dialect.separator) if text else []
        return
    escape = "\\" if dialect.quoting == "backslash" else None
    yield from csv.reader(lines, delimiter=dialect.separator, strict=True, escapechar=escape)
