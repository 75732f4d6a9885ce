"""One user's list before and after a change, as two columns of cards that thin lines join."""

import html

import pandas as pd

from srgformer_lab.plots.card_style import ROW_HEIGHT
from srgformer_lab.plots.cards import Size, card
from srgformer_lab.plots.language import require
from srgformer_lab.plots.moves import COLUMNS, HINT, describe_moves, moved_items

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
    items["hit"] = items.get("hit")
    left = items[~items["entered"]].sort_values("rank_before")
    right = items[~items["left"]].sort_values("rank_after")
    rows = max(len(left), len(right), 1)
    columns = [
        "".join(_row(item, int(item.rank_before), size, bool(item.left), f"to {item.rank_after:.0f}") for item in left.itertuples()),
        "".join(_row(item, int(item.rank_after), size, True, f"from {item.rank_before:.0f}") for item in right.itertuples()),
    ]
    height = rows * ROW_HEIGHT[size]
    lines = "".join(_line(item, rows, ROW_HEIGHT[size]) for item in items.itertuples())
    drawn = (
        f'<svg class="srg-lines" viewBox="0 0 100 {height}" height="{height}" preserveAspectRatio="none" aria-hidden="true">{lines}</svg>'
    )
    return (
        f'<section class="srg srg-{size}"><p class="srg-finding">{html.escape(describe_moves(compare, k))}</p>'
        f'<p class="srg-hint">{html.escape(HINT if hint is None else hint)}</p>'
        f'<div class="srg-moves"><h3>{html.escape(before)}</h3><span></span><h3>{html.escape(after)}</h3>'
        f'<ol class="srg-lying">{columns[0]}</ol><div>{drawn}</div><ol class="srg-lying">{columns[1]}</ol></div></section>'
    )


def _row(item, rank: int, size: Size, says_more: bool, way: str) -> str:  # noqa: ANN001 a row of itertuples has no nameable type
    """Show one place of a list; what moved and what hit is said once, where the item ends up."""
    moved = item.moved if says_more and item.moved else None
    hit = item.hit if says_more else None
    mark = way if moved is not None and (item.entered or item.left) else ""
    picture = item.picture if isinstance(item.picture, str) else ""
    shown = card(str(item.title), picture, "", moved, hit, size, str(item.item_id), mark)
    return f'<li><span class="srg-place">{rank}</span>{shown}</li>'


def _line(item, rows: int, step: int) -> str:  # noqa: ANN001 as above
    kind = "rose" if item.moved > 0 else "fell" if item.moved < 0 else "same"
    start, end = ((rank - 0.5) * step for rank in (item.rank_before, item.rank_after))
    x = (0, 100)
    if item.entered:
        x, start = (100 - STUB, 100), min(end + 1.4 * step, rows * step)
    if item.left:
        x, end = (0, STUB), min(start + 1.4 * step, rows * step)
    middle = sum(x) / 2
    return f'<path class="srg-{kind}" d="M{x[0]} {start:.0f}C{middle:g} {start:.0f} {middle:g} {end:.0f} {x[1]} {end:.0f}"></path>'
