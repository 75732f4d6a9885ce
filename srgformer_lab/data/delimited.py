"""Text tables read in blocks: what divides the cells is found out, quotes and escapes are undone, blank rows are left out."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from srgformer_lab.data.blocks import Look, look, text_blocks
from srgformer_lab.data.dialects import Dialect, Wanted, dialect_of, header_names, records_of
from srgformer_lab.data.grid import RECORDS, Grid
from srgformer_lab.data.problems import Problems, counted, few
from srgformer_lab.data.tables import Table
from srgformer_lab.errors import DataError

MOST_COLUMNS = 1_000
LONGEST_CELL = 4_000_000
"""In characters; a picture as text in a cell is longer."""
csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL + 1))  # its own limit refuses long descriptions


def read_delimited(path: Path, wanted: Wanted, problems: Problems) -> Table | None:
    """Read a text table; every cell stays a string. Nothing comes back where it can't be read at all.

    Raises:
        DataError: The table has a problem, and problems are not collected.
    """
    try:
        seen = look(path, wanted.encoding)
        if seen is None:
            raise DataError(f"{path.name} is empty; give it a header with the columns {', '.join(wanted.columns)}, and rows")
        return _read_either(path, seen, dialect_of(seen, wanted), wanted, problems)
    except DataError as error:
        problems.add(str(error))
    except FileNotFoundError:
        problems.add(f"{path.name} is missing in {path.parent}; add it, with the columns {', '.join(wanted.columns)}")
    except OSError as error:
        problems.add(f"{path.name} can't be read ({error.strerror}); check what it is and its permissions")
    return None


def _read_either(path: Path, seen: Look, dialect: Dialect, wanted: Wanted, problems: Problems) -> Table | None:
    """Read a table with doubled quotes, or with quotes escaped by backslashes where the other way fails.

    Raises:
        DataError: It can be read in neither way, or problems are not collected and it has some.
    """
    fault: Exception | None = None
    noted = Problems(collect=True, watch=problems.watch)
    table = None
    try:
        table = _read(path, seen, dialect, wanted, noted)
    except csv.Error as error:
        fault = error
    if (fault or noted.found) and dialect.quoting == "double" and any('\\"' in text for text, _ in text_blocks(path, seen.encoding)):
        again = Problems(collect=True, watch=problems.watch)
        with suppress(csv.Error):
            escaped = _read(path, seen, replace(dialect, quoting="backslash"), wanted, again)
            if not again.found:
                table, noted, fault = escaped, again, None
    if fault is not None:
        raise DataError(
            f"{path.name}: line {_line_of_fault(path, seen, dialect)}: malformed CSV ({fault}); "
            "close the quote that opens there, and double the quotes inside of a quoted cell"
        ) from fault
    problems.notes += noted.notes
    for problem in noted.found:
        problems.add(problem)
    return table


def header_of(path: Path, wanted: Wanted) -> list[str]:
    """Return the names of a file's columns, to see what it is; none where it can't be read."""
    try:
        seen = look_at_start(path, wanted.encoding)
        return [] if seen is None else header_names(seen, dialect_of(seen, wanted), wanted)
    except (DataError, OSError, csv.Error):
        return []


def fault_of_text(path: Path, wanted: Wanted) -> str | None:
    """Return what keeps a file of text from being a table with names of columns, if anything does.

    Raises:
        DataError: It is no text.
        OSError: It can't be read.
    """
    if (seen := look(path, wanted.encoding)) is None:
        return f"{path.name} is empty; add rows"
    header = header_names(seen, dialect_of(seen, wanted), wanted)
    return no_header(path.name, header) if without_names(header) else None


def look_at_start(path: Path, encoding: str | None = None) -> Look | None:
    """Look at a file's first lines only."""
    from srgformer_lab.data.blocks import MARKS, SAMPLE, raw_blocks

    start = next(raw_blocks(path, SAMPLE), b"")
    marked = next((name for mark, name in MARKS if start.startswith(mark)), "utf-8")
    text = start.decode(encoding or marked, "replace")
    return Look(encoding or marked, text, '"' in text, len(start)) if text.strip() else None


def without_names(header: Sequence[str]) -> bool:
    """Return whether what should be the names of columns looks like a row of numbers."""
    return bool(header) and sum(map(is_number, header)) > len(header) / 2


def is_number(name: str) -> bool:
    """Return whether the name of a column is a number, as only cells are."""
    return name.replace(".", "", 1).isdigit()


def no_header(file: str, header: Sequence[str]) -> str:
    """Say that a file has no header, and what to do."""
    return f"{file} has no header: its first row is {few(header, 8)}; add one, or number the columns, as in columns='user=1,item=2'"


def _read(path: Path, seen: Look, dialect: Dialect, wanted: Wanted, problems: Problems) -> Table | None:
    header = header_names(seen, dialect, wanted)
    while header and not header[-1] and not wanted.header:
        header.pop()
    if (n_columns := len(header)) > MOST_COLUMNS:
        raise DataError(
            f"{path.name}: row 1: {n_columns:,} columns, and at most {MOST_COLUMNS:,} can be read; leave out those that no card needs"
        )
    header = [name or f"column {place}" for place, name in enumerate(header, start=1)]
    if without_names(header) and not wanted.header and not set(wanted.columns) <= set(header):
        raise DataError(no_header(path.name, header))
    if twice := sorted(name for name, count in Counter(header).items() if count > 1):
        problems.add(f"{path.name}: row 1: the column {twice[0]!r} stands twice; rename or remove one")
        return None
    chosen = list(header if wanted.choose is None else wanted.choose(header))
    grid = Grid(path.name, header, chosen, dialect)
    problems.say(f"{path.name}: {seen.named}, divided by {dialect.named}: {few(header, 12)}")
    if above := dialect.above:
        problems.note(f"{path.name}: {counted(len(above), 'line')} above the table left out, such as {above[0].strip()[:80]!r}")
    for n_rows in (_read_lines if dialect.quoting == "none" else _read_records)(path, seen, dialect, wanted, grid):
        grid.check_memory(seen.n_bytes)
        problems.say(f"{path.name}: {n_rows:,} rows, {min(grid.n_read / max(seen.n_bytes, 1), 1):.0%}")
    return grid.table(seen, problems)


def _read_lines(path: Path, seen: Look, dialect: Dialect, wanted: Wanted, grid: Grid) -> Iterator[int]:
    """Read a table without quotes block by block, and return again and again how many rows there are."""
    row, to_skip, is_headed = 1, dialect.skip, bool(wanted.header)
    for block, grid.n_read in text_blocks(path, seen.encoding):
        if len(block) > LONGEST_CELL:
            _check_cells(path.name, block, dialect.separator)
        text = block.replace("\r\n", "\n").replace("\r", "\n")
        while text and (to_skip or not is_headed):
            line, _, text = text.partition("\n")
            row += 1
            is_headed = is_headed or (not to_skip and any(cell.strip() for cell in line.split(dialect.separator)))
            to_skip = max(to_skip - 1, 0)
        if text:
            row = grid.add_text(text, row)
            yield grid.n_rows


def _read_records(path: Path, seen: Look, dialect: Dialect, wanted: Wanted, grid: Grid) -> Iterator[int]:
    """Read a table with quotes some records at a time, and return again and again how many rows there are."""
    records = records_of(islice(chain.from_iterable(_lines_of(path, seen, dialect, grid)), dialect.skip, None), dialect)
    first_row = 1 + dialect.skip
    if not wanted.header:
        for record in records:
            first_row += 1
            if record and any(cell.strip() for cell in record):
                break
    while batch := list(islice(records, RECORDS)):
        grid.add(batch, first_row)
        first_row += len(batch)
        yield grid.n_rows


def _lines_of(path: Path, seen: Look, dialect: Dialect, grid: Grid) -> Iterator[io.StringIO]:
    for text, n_read in text_blocks(path, seen.encoding):
        grid.n_read = n_read
        if len(text) > LONGEST_CELL:
            _check_cells(path.name, text, dialect.separator)
        yield io.StringIO(text, newline="")


def _check_cells(file: str, text: str, separator: str) -> None:
    start = 0
    while start + LONGEST_CELL < len(text):
        end = text.rfind("\n", start, start + LONGEST_CELL + 1)
        if end < 0:  # a line that is longer than a cell may be
            end = text.find("\n", start) % (len(text) + 1)
            if (longest := max(map(len, text[start:end].split(separator)))) > LONGEST_CELL:
                raise DataError(f"{file}: a cell of {longest:,} characters, and at most {LONGEST_CELL:,} can be read; shorten it")
        start = end + 1


def _line_of_fault(path: Path, seen: Look, dialect: Dialect) -> int:
    """Find the line where the record starts that the csv module refuses."""
    lines = chain.from_iterable(io.StringIO(text, newline="") for text, _ in text_blocks(path, seen.encoding))
    reader = csv.reader(lines, delimiter=dialect.separator, strict=True)
    line = 1
    try:
        for _ in reader:
            line = reader.line_num + 1
    except csv.Error:
        pass
    return line
