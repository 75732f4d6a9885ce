"""One user's list before and after a change: who rose, who fell, who entered, who left."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.language import FAINT, FELL, INK, MUTED, ROSE, counted, require, safe, shorten
from srgformer_lab.plots.template import TICK_SIZE, new_figure

COLUMNS = ("item_id", "title", "rank_before", "rank_after")
HINT = "Move α or β and watch which titles change places."


def moved_items(compare: pd.DataFrame, k: int) -> pd.DataFrame:
    """Return the items that stand in either list's first ``k``, with the ranks they moved (positive: rose).

    Raises:
        DataError: A column is missing, or a rank is.
    """
    require(compare, COLUMNS, "moved ranks")
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

    Raises:
        DataError: A column or a rank is missing.
    """
    items = moved_items(compare, k)
    rows = max(int((items["rank_after"] <= k).sum()), 1)
    figure = new_figure(
        describe_moves(compare, k), HINT if hint is None else hint, dark, min(360, 120 + 26 * (rows + 1)), left=8, right=8, bottom=8
    )
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
    ends = min(float(item.rank_before), beyond), min(float(item.rank_after), beyond)
    steps = np.linspace(0, 1, 17)
    ease = steps * steps * (3 - 2 * steps)
    figure.add_scatter(
        x=(0.435 + 0.13 * steps).astype(np.float32),
        y=(ends[0] + (ends[1] - ends[0]) * ease).astype(np.float32),
        mode="lines",
        line={"color": color, "width": 2 if moved else 1.5, "dash": "4px,3px" if moved < 0 else "solid"},
        hoverinfo="skip",
        name=str(item.item_id),
    )
    title, ink = safe(shorten(item.title, 20)), INK[dark] if moved else MUTED[dark]
    if not item.entered:
        gone = f' <span style="color:{color}">▼ to {item.rank_after:.0f}</span>' if item.left else ""
        text = f"{safe(shorten(item.title, 12)) if gone else title}{gone} <b>{item.rank_before:.0f}</b>"
        figure.add_annotation(x=0.42, y=item.rank_before, text=text, xanchor="right", font={"color": ink})
    if not item.left:
        arrow = f"▲ {moved}" if moved > 0 else f"▼ {-moved}" if moved < 0 else ""
        text = (
            f'<b>{item.rank_after:.0f}</b> {safe(shorten(item.title, 16)) if arrow else title} <span style="color:{color}">{arrow}</span>'
        )
        figure.add_annotation(x=0.58, y=item.rank_after, text=text, xanchor="left", font={"color": ink})
