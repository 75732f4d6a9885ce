"""What leaves the program as text for people: tables that a spreadsheet opens, and lines for a terminal.

Ids and titles come from anybody's files, and a message quotes them. Neither a spreadsheet nor a terminal may take them for commands.
"""

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")
"""A text that begins so is computed by spreadsheets, or hides one that is."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows, so that a line reads otherwise than it is written."""


def csv_bytes(table: "pd.DataFrame") -> bytes:
    """Return a table as CSV for people: UTF-8 with the mark that spreadsheets know it by, and no text that they would compute.

    A text that begins like a formula gets an apostrophe before it; numbers, also those in a column of texts, stay as they are.
    """
    import pandas as pd

    safe = table.copy()
    safe.columns = [_harmless(name) for name in table.columns]
    for place, (_, column) in enumerate(table.items()):
        if column.dtype.kind not in "biufcmM":
            safe.isetitem(place, pd.Series([_harmless(cell) for cell in column], column.index, object))  # not texts of pyarrow's, all UTF-8
    return safe.to_csv(index=False, lineterminator="\n").encode("utf-8-sig", "backslashreplace")


def _harmless(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\r\n", "\n").replace("\r", "\n")  # readers end a row at a bare carriage return, which nothing quotes
    return f"'{text}" if text.startswith(FORMULA) and not _NUMBER.fullmatch(text) else text


def visible(text: str) -> str:
    """Return a text in which control characters, other than line breaks, are written out as escapes, so that a terminal obeys none."""
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character == "\n" or character.isprintable():
        return character
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _TURNING:
        return character.encode("unicode_escape").decode()
    return character
