"""One user's list before and after a change: who rose, who fell, who entered, who left, as a figure and as cards."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.cards import ROW_HEIGHT, Size, card_data, macros
from srgformer_lab.plots.drawing import TALLEST, new_figure
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import counted, safe
from srgformer_lab.plots.style import FAINT, FELL, INK, MUTED, ROSE, TICK_SIZE
from srgformer_lab.plots.texts import shorten

MOVES_COLUMNS = ("item_id", "title", "rank_before", "rank_after")
MOVES_HINT = "Move α or β and watch which titles change places."
STUB = 42
"""How far (in percent of the gap) the line of an item reaches that comes from below the list, or leaves it."""


def moved_items(compare: pd.DataFrame, k: int) -> pd.DataFrame:
    """Return the items that stand in either list's first ``k``, with the ranks they moved (positive: rose).

    Raises:
        DataError: A column is missing, or a rank is.
    """
    require(compare, MOVES_COLUMNS, "moved ranks")
    if compare[["rank_before", "rank_after"]].isna().any(axis=None):
        raise DataError("moved ranks: an item has no rank in one of the lists; rank the same items before and after")
    shown = compare[(compare["rank_before"] <= k) | (compare["rank_after"] <= k)].sort_values("rank_after").copy()
    shown["moved"] = shown["rank_before"] - shown["rank_after"]
    shown["entered"], shown["left"] = shown["rank_before"] > k, shown["rank_after"] > k
    return shown


def describe_moves(compare: pd.DataFrame, k: int) -> str:
    """Say in words what changed in a list's first ``k``."""
    items = moved_items(compare, k)
    kept = items[~items["left"]]
    size = min(k, len(kept))
    if not len(items) or not items["moved"].any():
        return f"Nothing moved: the first {size} stay as they were"
    entered = int(items["entered"].sum())
    top = items.loc[items["moved"].idxmax()]
    rise = f"“{shorten(top['title'], 30)}” rises most, by {counted(int(top['moved']), 'rank')}" if top["moved"] > 0 else ""
    if entered:
        return f"{counted(entered, 'item')} {'enters' if entered == 1 else 'enter'} the top {k}; {rise}"
    changed = int((kept["moved"] != 0).sum())
    return f"The same {size} items, {changed} in other places" + (f"; {rise}" if rise else "")


def rank_moves(compare: pd.DataFrame, k: int = 10, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw two columns of titles joined by thin lines: solid for what rose, dashed for what fell, faint for what stayed.

    Args:
        compare: ``item_id``, ``title``, ``rank_before``, ``rank_after`` (from 1).
        k: How many ranks of either list are shown.

    Raises:
        DataError: A column or a rank is missing.
    """
    items = moved_items(compare, k)
    rows = max(int((items["rank_after"] <= k).sum()), 1)
    text, height = MOVES_HINT if hint is None else hint, min(TALLEST, 120 + 26 * (rows + 1))
    figure = new_figure(describe_moves(compare, k), text, dark, height, left=8, right=8, bottom=8)
    for item in items.itertuples():
        _join(figure, item, k, dark)
    for x, anchor, word in ((0.42, "right", "before"), (0.58, "left", "after")):
        figure.add_annotation(x=x, y=0.1, text=word, xanchor=anchor, font={"size": TICK_SIZE, "color": MUTED[dark]})
    figure.update_xaxes(range=[0, 1], visible=False)
    figure.update_yaxes(range=[rows + 1.0, -0.3], visible=False)
    return figure


def _join(figure: go.Figure, item, k: int, dark: bool) -> None:  # noqa: ANN001 a row of itertuples has no nameable type
    moved, beyond = int(item.moved), k + 0.75
    color = ROSE[dark] if moved > 0 else FELL[dark] if moved < 0 else FAINT[dark]
    start, end = min(float(item.rank_before), beyond), min(float(item.rank_after), beyond)
    steps = np.linspace(0, 1, 17)
    x, y = (0.435 + 0.13 * steps).astype(np.float32), (start + (end - start) * steps * steps * (3 - 2 * steps)).astype(np.float32)
    line = {"color": color, "width": 2 if moved else 1.5, "dash": "4px,3px" if moved < 0 else "solid"}
    figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", name=str(item.item_id))
    title, font = safe(shorten(item.title, 20)), {"color": INK[dark] if moved else MUTED[dark]}
    if not item.entered:
        gone = f' <span style="color:{color}">▼ to {item.rank_after:.0f}</span>' if item.left else ""
        text = f"{safe(shorten(item.title, 12)) if gone else title}{gone} <b>{item.rank_before:.0f}</b>"
        figure.add_annotation(x=0.42, y=item.rank_before, text=text, xanchor="right", font=font)
    if not item.left:
        arrow = f"▲ {moved}" if moved > 0 else f"▼ {-moved}" if moved < 0 else ""
        shown = safe(shorten(item.title, 16)) if arrow else title
        text = f'<b>{item.rank_after:.0f}</b> {shown} <span style="color:{color}">{arrow}</span>'
        figure.add_annotation(x=0.58, y=item.rank_after, text=text, xanchor="left", font=font)


def rank_moves_cards(
    compare: pd.DataFrame, k: int = 10, *, before: str = "Before", after: str = "After", size: Size = "small", hint: str | None = None
) -> str:
    """Return a list's first ``k`` before and after as HTML: solid lines rise, dashed ones fall, faint ones stay.

    An item that enters or leaves has a short line from or towards below the list, and a word that says how far it came.

    Args:
        compare: ``item_id``, ``title``, ``picture``, ``rank_before``, ``rank_after`` (from 1), and ``hit`` where it is known.
        k: How many ranks of either list are shown.
        before: What the first list is called.
        after: What the second list is called.
        size: The cards' size.

    Raises:
        DataError: A column or a rank is missing, or the size is unknown.
    """
    require(compare, [*MOVES_COLUMNS, "picture"], "moved cards")
    items = moved_items(compare, k)
    items["hit"] = items.get("hit")
    left, right = items[~items["entered"]].sort_values("rank_before"), items[~items["left"]].sort_values("rank_after")
    columns = [
        [(int(item.rank_before), _place(item, size, bool(item.left), f"to {item.rank_after:.0f}")) for item in left.itertuples()],
        [(int(item.rank_after), _place(item, size, True, f"from {item.rank_before:.0f}")) for item in right.itertuples()],
    ]
    rows = max(len(left), len(right), 1)
    lines = [_line(item, rows, ROW_HEIGHT[size]) for item in items.itertuples()]
    text, height = MOVES_HINT if hint is None else hint, rows * ROW_HEIGHT[size]
    return str(macros("cards.html").moves(size, describe_moves(compare, k), text, (before, after), columns, lines, height))


def _place(item, size: Size, says_more: bool, way: str) -> dict[str, Any]:  # noqa: ANN001 as above
    """Return the card at one place of a list; what moved and what hit is said once, where the item ends up."""
    moved = item.moved if says_more and item.moved else None
    mark = way if moved is not None and (item.entered or item.left) else ""
    return card_data(str(item.title), item.picture, "", moved, item.hit if says_more else None, size, str(item.item_id), mark)


def _line(item, rows: int, step: int) -> tuple[str, str]:  # noqa: ANN001 as above
    """Return the kind of a joining line, and its path."""
    start, end = ((rank - 0.5) * step for rank in (item.rank_before, item.rank_after))
    x = (0, 100)
    if item.entered:
        x, start = (100 - STUB, 100), min(end + 1.4 * step, rows * step)
    if item.left:
        x, end = (0, STUB), min(start + 1.4 * step, rows * step)
    path = f"M{x[0]} {start:.0f}C{sum(x) / 2:g} {start:.0f} {sum(x) / 2:g} {end:.0f} {x[1]} {end:.0f}"
    return "rose" if item.moved > 0 else "fell" if item.moved < 0 else "same", path
