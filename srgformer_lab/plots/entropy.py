"""How widely attention is spread: its entropy against the length of the history, a point for each user."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.knobs import LABEL_PAPER
from srgformer_lab.plots.language import INK, SURFACE, TIED, digits, part_color, setting, ticks
from srgformer_lab.plots.rows import correlation, numbers
from srgformer_lab.plots.template import TICK_SIZE, empty_figure, first_that_fits, new_figure

EVEN, WIDE, NARROW = 0.95, 0.8, 0.5
"""Median entropies from which attention is called nearly even, wide, and neither; below, it is called narrow."""
TREND = 0.1
"""Rank correlation with the length from which longer histories are said to differ."""
MOST_POINTS = 20_000


def entropy_scatter(spread: pd.DataFrame, user_id: str = "", *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw how evenly each user's attention is spread against the number of items that it is spread over.

    Args:
        spread: ``user_id``, ``items`` (2 or more), ``entropy`` (0 if one item has all the weight, 1 if all have the same).
        user_id: A user to mark.
        dark: Whether the page is dark.
        hint: Words in place of what to try.

    Raises:
        DataError: A column is missing, or a value is no finite number.
    """
    rows = numbers(spread, ["user_id"], ["items", "entropy"], "entropy scatter")
    if not len(rows):
        return empty_figure(
            "Nobody has two things to look at", "A point appears for each person with a history of two items or more.", dark
        )
    text = "At 100 % all things count alike. Choose a head: is one of them choosier?" if hint is None else hint
    figure = new_figure(_finding(rows), text, dark, left=62, right=18, bottom=44)
    drawn = rows if len(rows) <= MOST_POINTS else rows.iloc[np.linspace(0, len(rows) - 1, MOST_POINTS).astype(int)]
    color = part_color("attention", dark)
    figure.add_scattergl(
        x=drawn["items"].to_numpy(np.float32),
        y=drawn["entropy"].to_numpy(np.float32),
        mode="markers",
        marker={"color": color, "size": 6 if len(drawn) < 2000 else 4, "opacity": 0.5},
        hovertemplate="%{x} items, %{y:.1%} of an even spread<extra></extra>",
        name="users",
    )
    _mark(figure, rows[rows["user_id"] == user_id], dark)
    low, high = float(rows["items"].min()), float(rows["items"].max())
    lengths = [length for length in (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if low <= length <= high]
    figure.update_xaxes(
        type="log", title={"text": "items of the history"}, tickvals=lengths, ticktext=[f"{n:,}" for n in lengths], zeroline=False
    )
    bottom = min(0.98, float(rows["entropy"].min()))
    room = 0.06 * (1 - bottom)
    places = ticks(bottom, 1.0)
    figure.update_yaxes(
        range=[bottom - room, 1 + room],
        title={"text": "spread of attention"},
        tickvals=places,
        ticktext=[f"{setting(100 * place)} %" for place in places],
    )
    return figure


def _mark(figure: go.Figure, own: pd.DataFrame, dark: bool) -> None:
    """Ring the point of one user and name it."""
    if not len(own):
        return
    items, entropy = float(own["items"].iloc[0]), float(own["entropy"].iloc[0])
    ring = {"color": SURFACE[dark], "size": 11, "line": {"color": INK[dark], "width": 2.5}}
    figure.add_scatter(x=[items], y=[entropy], mode="markers", marker=ring, hoverinfo="skip", name="this person")
    words = {"text": "this person", "font": {"size": TICK_SIZE, "color": INK[dark]}, "bgcolor": LABEL_PAPER[dark], "borderpad": 1}
    figure.add_annotation(x=np.log10(items), y=entropy, yshift=-18, **words)


def _finding(rows: pd.DataFrame) -> str:
    """Say how even a typical user's attention is, and whether it is more so over longer histories."""
    typical = float(rows["entropy"].median())
    how = "nearly even" if typical >= EVEN else "wide" if typical >= WIDE else "middling" if typical >= NARROW else "narrow"
    said = f"Attention is {how}: {_share(typical)} of an even spread"
    if len(rows) < 3 or rows["items"].nunique() < 2 or rows["entropy"].nunique() < 2:
        return said
    trend = float(rows["items"].corr(rows["entropy"], method="spearman"))
    also = "more even" if trend >= TREND else "less even" if trend <= -TREND else "no different"
    return first_that_fits(f"{said}; longer histories: {also} (rank correlation {correlation(trend)})", f"{said}; longer histories: {also}")


def _share(value: float) -> str:
    return f"{digits(100 * value)}{TIED}%"
