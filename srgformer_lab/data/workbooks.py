"""Tables of Excel workbooks: the first sheet that holds one, below titles and blank rows."""

import warnings
import zipfile
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from srgformer_lab.data.blocks import MOST_BYTES
from srgformer_lab.data.cells import as_text
from srgformer_lab.data.files import open_file
from srgformer_lab.data.heading import LOOKED_AT, first_row, names_columns, unmarked
from srgformer_lab.data.problems import counted, few
from srgformer_lab.errors import DataError

MOST_UNPACKED = 1.25 * 2**30


def excel_rows(path: Path, known: Collection[str], note: Callable[[str], None]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the rows of a workbook's table, each with its number.

    Args:
        path: The workbook.
        known: Columns that the table is known to have.
        note: Hears what was left out: titles above the table, and other sheets.

    Raises:
        OSError: It can't be read.
        DataError: It is no workbook, or a column stands twice.
    """
    import openpyxl

    with open_file(path, MOST_BYTES) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and pictures that are not read
        try:
            size = sum(part.file_size for part in zipfile.ZipFile(file).infolist())
            if size > MOST_UNPACKED:
                raise DataError(f"{path.name}: {size:,} bytes unpacked are too many; save the sheet as .csv")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            yield from _rows_of(path.name, book.worksheets, known, note)
        except DataError:
            raise
        except Exception as error:  # damaged workbooks raise errors of many kinds
            raise DataError(f"{path.name} is no workbook that can be read ({error}); save it anew as .xlsx or .csv") from error


def _rows_of(file: str, sheets: list[Any], known: Collection[str], note: Callable[[str], None]) -> Iterator[tuple[int, dict[str, Any]]]:
    starts = {sheet.title: list(islice(sheet.iter_rows(values_only=True), 2 * LOOKED_AT)) for sheet in sheets}
    filled = [sheet for sheet in sheets if any(_is_filled(row) for row in starts[sheet.title])]
    if not filled:
        return
    texts = {sheet.title: [[as_text(cell).strip() for cell in row] for row in starts[sheet.title]] for sheet in filled}
    places = {title: first_row(rows, known) for title, rows in texts.items()}
    sheet = next((one for one in filled if names_columns(texts[one.title][places[one.title]], known)), filled[0])
    place, rows = places[sheet.title], texts[sheet.title]
    if above := [" ".join(filter(None, row)) for row in rows[:place] if any(row)]:
        note(f"{file}: {counted(len(above), 'row')} above the table left out, such as {above[0][:80]!r}")
    if others := [one.title for one in filled if one is not sheet]:
        note(f"{file}: the sheet {sheet.title!r} is read; not used: {few(others)}")
    header = unmarked(rows[place]) if names_columns(rows[place], known) else rows[place]
    if twice := next((name for column, name in enumerate(header) if name and name in header[:column]), None):
        raise DataError(f"{file}: row {place + 1}: the column {twice!r} stands twice; rename or remove one")
    for number, row in enumerate(islice(sheet.iter_rows(values_only=True), place + 1, None), start=place + 2):
        if _is_filled(row):
            yield number, {name: cell for name, cell in zip(header, row, strict=False) if name}


def _is_filled(row: tuple[Any, ...]) -> bool:
    return any(cell is not None for cell in row)
