"""Titles and texts of items as files have them: words for nothing and marks of web pages go, and what was decoded wrongly is said."""

import html
import re
from collections.abc import Collection

import numpy as np

from srgformer_lab.data.problems import Problems, counted
from srgformer_lab.data.tables import as_cells
from srgformer_lab.data.values import unknown

_MIXED_UP = re.compile("[ÂÃ][\u0080-\u00bf]|â€|\ufffd")
"""Letters that UTF-8 shows where it was read as another encoding."""


def told(file: str, column: str, cells: np.ndarray, problems: Problems) -> np.ndarray:
    """Return titles or texts without words for nothing that several items have; say where they seem to have been decoded wrongly.

    Args:
        file: Where they stand.
        column: What they are.
        cells: One an item.
        problems: Where it is said.
    """
    nothing = unknown(cells) & (cells != "")
    if nothing.sum() > 1:
        problems.note(f"{file}: {nothing.sum():,} items have {cells[int(np.argmax(nothing))]!r} as {column}, which counts as none")
        cells = np.where(nothing, "", cells)
    if wrong := [cell for cell in cells if _MIXED_UP.search(cell)]:
        problems.note(f"{file}: {counted(len(wrong), 'cell')} of {column} may have been decoded wrongly before, such as {wrong[0][:60]!r}")
    return cells


def joined(columns: dict[str, np.ndarray], names: Collection[str]) -> np.ndarray:
    """Return the text of each item: some columns in a row, those of web pages without their marks.

    Args:
        columns: All columns.
        names: Those that make up the text, in this order.
    """
    return as_cells([" ".join(filter(None, map(_bare, names, cells))) for cells in zip(*(columns[name] for name in names), strict=True)])


def _bare(name: str, cell: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", cell)).strip() if "html" in name.casefold() else cell
