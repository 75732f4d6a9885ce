"""The last row of an exported table that sums up the others: it is no interaction and no item."""

import re
from collections.abc import Sequence

import numpy as np

from srgformer_lab.data.columns import plain
from srgformer_lab.data.problems import Problems
from srgformer_lab.data.tables import Table, numbered

WORDS = frozenset(
    (
        *("total", "totals", "grandtotal", "subtotal", "sum", "overall", "average", "mean", "count", "summary"),
        *("summe", "gesamt", "gesamtsumme", "gesamtergebnis", "zwischensumme", "insgesamt", "mittelwert", "durchschnitt", "anzahl"),
        *("somme", "totalgénéral", "totalgeneral", "moyenne", "suma", "promedio", "totale", "somma", "media", "totaal", "eindtotaal"),
        *("итого", "всего", "合計", "总计", "合计", "總計"),
    )
)
"""What such a row calls itself, without spaces and marks."""
FEWEST = 3
"""Rows of a table that may end in one."""
CENT = 0.0051
"""Sums of rounded numbers differ by so much."""


def is_summary_word(cell: str) -> bool:
    """Return whether a cell is a word that rows of sums begin with."""
    return plain(cell) in WORDS


def begins_summary(cell: str) -> bool:
    """Return whether a cell that no column fits begins with such a word, as in ``Total: 48 rows``."""
    return any(is_summary_word(part) for part in re.split(r"[:=\d]", cell.strip(), maxsplit=1)[:1])


def without_summary(table: Table, ids: Sequence[str], problems: Problems) -> Table:
    """Leave out the last row if it surely sums up the others; say so also where it only may.

    It does if a cell of it is a word for a sum that stands nowhere above, and every other cell is empty, or the sum, mean or number of
    what stands above it.

    Args:
        table: As it was read.
        ids: The columns of its users and items.
        problems: Where it is said.
    """
    if len(table) < FEWEST:
        return table
    last = {name: str(cells[-1]).strip() for name, cells in table.columns.items()}
    words = [name for name, cell in last.items() if is_summary_word(cell) and _is_new(table[name])]
    others = [name for name in last if name not in words]
    if not words:
        return table
    is_alone = len(others) == 1 and others[0] in ids and last[others[0]]  # a number as an id alone may be one
    if others and not is_alone and all(not last[name] or _sums_up(table[name], name in ids) for name in others):
        is_last = np.arange(len(table)) == len(table) - 1
        return problems.leave_out(table, is_last, lambda _: f"the last, which sums up the others: {last[words[0]]!r} as {words[0]}")
    if (named := [name for name in words if name in ids]) and all(last[name] for name in ids):
        what = f"{table.file}: the last row's {named[0]} is {last[named[0]]!r}"
        problems.note(f"{what}, and counts as any other; remove the row if it is a sum of others")
    return table


def _is_new(cells: np.ndarray) -> bool:
    """Return whether the last cell stands nowhere above it."""
    codes = numbered(cells)[0]
    return not (codes[:-1] == codes[-1]).any()


def _sums_up(cells: np.ndarray, are_ids: bool) -> bool:
    """Return whether the last cell is the sum, mean, number or number of different ones of those above; an id must be none of them."""
    above = [cell for cell in map(str.strip, cells[:-1]) if cell]
    if are_ids and not _is_new(cells):
        return False
    counts = {float(len(above)), float(len(cells) - 1), float(len(set(above)))}
    for decimal, thousands in ((".", ","), (",", ".")):
        last = _amount(cells[-1], decimal, thousands)
        amounts = [] if are_ids else [amount for cell in above if (amount := _amount(cell, decimal, thousands)) is not None]
        found = counts | ({sum(amounts), sum(amounts) / len(amounts)} if len(amounts) > len(above) / 2 else set())
        if last is not None and any(abs(last - value) <= CENT + 1e-9 * abs(value) for value in found):
            return True
    return False


def _amount(cell: str, decimal: str, thousands: str) -> float | None:
    text = re.sub(r"[\s€$£¥'%]", "", cell).replace(thousands, "").replace(decimal, ".")
    try:
        return float(text)
    except ValueError:
        return None
