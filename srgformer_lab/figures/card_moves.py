"""One user's list before and after a change, as two columns of cards that thin lines join."""

import html

import pandas as pd

from srgformer_lab.figures.card_style import ROW_HEIGHT
from srgformer_lab.figures.cards import Size, card
from srgformer_lab.figures.language import require
from srgformer_lab.figures.moves import COLUMNS, HINT, describe_moves, moved_items

STUB = 42
"""How far (in percent of the gap) the line of an item reaches that comes from below the list, or leaves it."""


def rank_moves_cards(
    compare: pd.DataFrame,
    k: int = 10,
    *,
    before: str = "Before",
    after: str = "After",
    size: Size = "small",
    hint: str | None = None,
) -> str:
    """Show a list's first ``k`` before and after: solid lines rise, dashed ones fall, faint ones stay.

    An item that enters or leaves has a short line from or towards below the list, and a word that says how far it came.

    Raises:
        DataError: A column of item_id, title, picture, rank_before and rank_after is missing, or a rank is.
    """
    require(compare, [*COLUMNS, "picture"], "moved cards")
    items = moved_items(compare, k)
    items["hit"] = items["hit"] if "hit" in items else None
    left = items[~items["entered"]].sort_values("rank_before")
    right = items[~items["left"]].sort_values("rank_after")
    rows = max(len(left), len(right), 1)
    columns = [
        "".join(
            _row(item, int(item.rank_before), size, bool(item.left), f"to {item.rank_after:.0f}" if item.left else "")
            for item in left.itertuples()
        ),
        "".join(
            _row(item, int(item.rank_after), size, True, f"from {item.rank_before:.0f}" if item.entered else "")
            for item in right.itertuples()
        ),
    ]
    height = rows * ROW_HEIGHT[size]
    lines = "".join(_line(item, k, rows, ROW_HEIGHT[size]) for item in items.itertuples())
    drawn = (
        f'<svg class="srg-lines" viewBox="0 0 100 {height}" height="{height}" preserveAspectRatio="none" aria-hidden="true">{lines}</svg>'
    )
    return (
        f'<section class="srg srg-{size}"><p class="srg-finding">{html.escape(describe_moves(compare, k))}</p>'
        f'<p class="srg-hint">{html.escape(HINT if hint is None else hint)}</p>'
        f'<div class="srg-moves"><h3>{html.escape(before)}</h3><span></span><h3>{html.escape(after)}</h3>'
        f'<ol class="srg-lying">{columns[0]}</ol><div>{drawn}</div><ol class="srg-lying">{columns[1]}</ol></div></section>'
    )


def _row(item, rank: int, size: Size, moves: bool, mark: str) -> str:  # noqa: ANN001 a row of itertuples has no nameable type
    moved = item.moved if moves else None
    shown = card(str(item.title), item.picture, "", moved, item.hit, size, str(item.item_id), mark)
    return f'<li><span class="srg-place">{rank}</span>{shown}</li>'


def _line(item, k: int, rows: int, step: int) -> str:  # noqa: ANN001 as above
    kind = "rose" if item.moved > 0 else "fell" if item.moved < 0 else "same"
    start, end = ((rank - 0.5) * step for rank in (item.rank_before, item.rank_after))
    bottom = rows * step
    if item.entered:
        y = min(end + 1.4 * step, bottom)
        return f'<path class="srg-{kind}" d="M{100 - STUB} {y:.0f}C{100 - STUB / 2:.0f} {y:.0f} {100 - STUB / 2:.0f} {end:.0f} 100 {end:.0f}"></path>'
    if item.left:
        y = min(start + 1.4 * step, bottom)
        return f'<path class="srg-{kind}" d="M0 {start:.0f}C{STUB / 2:.0f} {start:.0f} {STUB / 2:.0f} {y:.0f} {STUB} {y:.0f}"></path>'
    return f'<path class="srg-{kind}" d="M0 {start:.0f}C50 {start:.0f} 50 {end:.0f} 100 {end:.0f}"></path>'
