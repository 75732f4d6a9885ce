"""Where a table begins: which of its first rows names the columns, below comments, titles of a report and blank rows."""

import re
from collections.abc import Collection, Sequence

from srgformer_lab.data.columns import plain, roles_of

LOOKED_AT = 20
"""Rows that stand above the names of columns, at most."""
MARKS = ("#", "%", "//")
"""Beginnings of a line of comment."""
_MARK = re.compile(r"\s*(#|%|//)+\s*")


def is_comment(line: str) -> bool:
    """Return whether a line begins as a comment does; an id may begin so too, but without a space behind the mark."""
    return line.lstrip().startswith(MARKS)


def is_surely_comment(line: str) -> bool:
    """Return whether a line can be no row of a table: its mark stands alone."""
    return bool(re.match(r"\s*(#|%|//)+(\s|$)", line))


def names_columns(cells: Sequence[str], known: Collection[str]) -> bool:
    """Return whether a row gives the columns that a layout knows, or those of users and items, or of items and titles."""
    names = unmarked(cells)
    if known and {plain(name) for name in known} <= {plain(name) for name in names}:
        return True
    roles = set(roles_of(names, ("user", "item", "title")))
    return {"user", "item"} <= roles or {"item", "title"} <= roles


def unmarked(cells: Sequence[str]) -> list[str]:
    """Return the names of columns without the mark of a comment that the first may have."""
    return [_MARK.sub("", name, count=1) if place == 0 else name for place, name in enumerate(cells)]


def first_row(rows: Sequence[Sequence[str]], known: Collection[str]) -> int:
    """Return which of a table's first rows names the columns: one that does so surely, else the first that is no comment.

    Args:
        rows: The cells of the first rows, blank ones among them.
        known: Columns that the table is known to have.
    """
    filled = [place for place, cells in enumerate(rows) if any(cell.strip() for cell in cells)][:LOOKED_AT]
    sure = next((place for place in filled if names_columns(rows[place], known)), None)
    if sure is not None:
        return sure
    for is_none in (is_comment, is_surely_comment):  # ids may begin as comments do
        if (place := next((place for place in filled if not is_none(rows[place][0])), None)) is not None:
            return place
    return filled[0] if filled else 0
