"""What attention looks at: each head over one history, and how widely it is spread over all users."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.bars import name_rows, rows_figure, split_off
from srgformer_lab.plots.drawing import HOVER, bounds_of, color_bar, empty_figure, heatmap, marks, new_figure, scale, write_cells
from srgformer_lab.plots.frames import evenly, numbers
from srgformer_lab.plots.language import TIED, correlation, counted, decimal, digits, percent, safe, signed
from srgformer_lab.plots.style import FAINT, INK, LABEL_PAPER, MUTED, SIGNED_SCALE, SINGLE_SCALE, SURFACE, TICK_SIZE, part_color
from srgformer_lab.plots.texts import first_that_fits, shorten, who_leads

VALUES = ("weight", "contribution")
WRITTEN_HEADS, WRITTEN_ROWS = 5, 15
"""Up to so many heads and items a cell of the narrowest figure has room for its value."""
ALIKE, APART = 0.7, 0.3
"""Mean rank correlation from which heads are said to agree, and below which they are said to have little in common."""
NEARLY = 0.02
"""Relative differences of weights up to which a head is said to weigh all items nearly alike."""
ROUNDING = 1e-5
"""Relative differences up to which a head weighs all items alike."""


def attention_heads(
    heads: pd.DataFrame,
    value: str = "weight",
    most: int = 20,
    *,
    order: Sequence[str] = (),
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw how each head weighs each item of a history, or what the item contributes through it.

    Weights run over one hue from zero, contributions from blue (hurts) over neutral to orange (helps). The ``most`` items of
    largest mean size are shown, sorted by their means; whether the heads agree is judged over all items.

    Args:
        heads: ``item_id``, ``title``, ``head``, and ``weight`` (sums to 1 over the items within a head) or ``contribution``.
        value: ``weight`` or ``contribution``.
        most: How many items are shown.
        order: Ids of the items in the order in which the first ``most`` are shown, so that figures of one history have the same rows.

    Raises:
        DataError: A column is missing, a value is no finite number, an id has no item, or an item doesn't stand exactly once in each head.
    """
    what = "attention heads"
    if value not in VALUES:
        raise DataError(f"{what}: value={value!r} must be one of {', '.join(VALUES)}")
    rows = numbers(heads, ["item_id", "title", "head"], [value], what)
    if not len(rows):
        return empty_figure("There is no history to attend to", "A row appears for each thing that the person took.", dark)
    if rows.duplicated(["item_id", "head"]).any() or len(rows) != rows["item_id"].nunique() * rows["head"].nunique():
        raise DataError(f"{what}: {len(rows)} rows; give each item exactly once in each head")
    titles = rows.drop_duplicates("item_id").set_index("item_id")["title"].astype(str)
    table = rows.pivot(index="item_id", columns="head", values=value).loc[titles.index].sort_index(axis=1)
    if unknown := [name for name in order if name not in titles.index]:
        raise DataError(f"{what}: order has {unknown[0]!r}, which is no item of the frame")
    shown, others = split_off(table.abs().mean(axis=1).reset_index(drop=True), most, what)
    shown = sorted(shown, key=lambda row: -float(table.iloc[row].mean()))
    if order:
        places = [titles.index.get_loc(name) for name in order]
        shown, others = places[:most], [row for row in range(len(titles)) if row not in places[:most]]
    text = "Mute a head and see which things lose their say." if hint is None else hint
    if others:
        share = f" with {percent(table.iloc[others].sum().mean())} of the weight" if value == "weight" else ""
        text = f"Not shown: {counted(len(others), 'item')}{share}. {text}"
    names = list(titles.iloc[shown])
    figure = rows_figure(_heads_finding(table, value, list(titles)), text, names, dark)
    _draw(figure, table.iloc[shown], names, value, dark)
    return figure


def _draw(figure: go.Figure, table: pd.DataFrame, names: list[str], value: str, dark: bool) -> None:
    values, is_weight = table.to_numpy(float), value == "weight"
    largest = float(np.abs(values).max()) or 1.0
    places = 1 - math.floor(math.log10(largest))
    is_written = table.shape[1] <= WRITTEN_HEADS and len(table) <= WRITTEN_ROWS and (is_weight or 0 <= places <= 4)
    write, ends = (percent, [0.0, largest]) if is_weight else (signed, [-largest, 0.0, largest])
    cells = [[percent(cell) if is_weight else decimal(cell, places) for cell in row] for row in values] if is_written else None
    said = [
        [f"{safe(name)}<br>head {safe(head)}: {write(cell)}" for head, cell in zip(table.columns, row, strict=True)]
        for name, row in zip(names, values, strict=True)
    ]
    colors, low = (SINGLE_SCALE, 0) if is_weight else (SIGNED_SCALE, -largest)
    look = {"xgap": 1 if table.shape[1] > 16 else 2, "ygap": 1, "text": cells, "customdata": said, "hovertemplate": HOVER}
    look |= {} if cells else color_bar(ends, [write(end) for end in ends])
    heatmap(figure, values.astype(np.float32), colors[dark], low, largest, **look)
    if cells:
        write_cells(figure, cells)
    else:
        figure.layout.margin.r = 62
    figure.layout.plot_bgcolor = FAINT[dark]  # the gaps show it, so that a cell of zero is a cell too
    name_rows(figure, names, [INK[dark]] * len(names))
    named = range(0, table.shape[1], -(-table.shape[1] // 16))
    figure.update_xaxes(tickvals=list(named), ticktext=[safe(table.columns[place]) for place in named], zeroline=False)
    below = {"x": 0, "xref": "paper", "xanchor": "right", "xshift": -6, "y": 0, "yref": "paper", "yanchor": "top", "yshift": -1}
    figure.add_annotation(text="head", font={"size": TICK_SIZE, "color": MUTED[dark]}, **below)


def _heads_finding(table: pd.DataFrame, value: str, titles: list[str]) -> str:
    """Say whether the heads agree: by the mean rank correlation of their pairs, and by what stands first in each."""
    values, n_heads, is_weight = table.to_numpy(float), table.shape[1], value == "weight"
    names = [f"“{shorten(title, 24)}”" for title in titles]
    if not is_weight and not values.any():
        return "No item moves the score through any head"
    if len(values) == 1:
        through = f" over {counted(n_heads, 'head')}"
        whole = f"{names[0]} is the whole history: each head gives it {percent(values.mean())}"
        return whole if is_weight else f"{names[0]} is the whole history: {signed(values.sum())}{through}"
    alike = np.ptp(values, axis=0) / np.maximum(np.abs(values).max(axis=0), 1e-300)
    even = alike <= (NEARLY if is_weight else ROUNDING)  # the order of weights that are written alike says nothing
    if even.any():
        who = "Every head" if even.all() else f"{int(even.sum())} of {n_heads} heads"
        verb = "weigh" if is_weight else "draw on"
        how = "nearly alike" if alike[even].max() > ROUNDING else "alike"
        return f"{who} {verb}{'s' if even.all() or even.sum() == 1 else ''} all {len(values)} items {how}"
    if n_heads == 1:
        top = int(values[:, 0].argmax())
        most = [f"looks most at {names[top]}, {percent(values[top, 0])}"] if is_weight else who_leads(names, list(values[:, 0]), "item")
        return f"The only head {most[0]}" if is_weight else f"Through the only head {most[0]}"
    top, votes = _first(values)
    firsts = [f"{votes} of {n_heads} put “{shorten(titles[top], width)}” first" for width in (26, 16)]
    firsts = firsts if votes > 1 else ["no two put the same item first"]
    if len(values) == 2:
        return f"Of the heads, {firsts[0]}"
    pairs = table.corr(method="spearman").to_numpy(float)
    alike = float(pairs[np.triu_indices(len(pairs), 1)].mean())
    how = "agree" if alike >= ALIKE else "agree in part" if alike >= APART else "have little in common"
    agreement = f"The heads {how} (rank correlation {correlation(alike)})"
    return first_that_fits(*(f"{agreement}; {first}" for first in firsts), agreement)


def _first(values: np.ndarray) -> tuple[int, int]:
    """Return the item that stands alone at the top of most heads, and in how many."""
    tops = [np.flatnonzero(column == column.max()) for column in values.T]
    votes = Counter(int(top[0]) for top, column in zip(tops, values.T, strict=True) if len(top) == 1 and column.max() > 0)
    return votes.most_common(1)[0] if votes else (0, 0)


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

    Raises:
        DataError: A column is missing, or a value is no finite number.
    """
    rows = numbers(spread, ["user_id"], ["items", "entropy"], "entropy scatter")
    if not len(rows):
        return empty_figure(
            "Nobody has two things to look at", "A point appears for each person with a history of two items or more.", dark
        )
    text = "At 100 % all things count alike. Choose a head: is one of them choosier?" if hint is None else hint
    figure = new_figure(_entropy_finding(rows), text, dark, left=62, right=18, bottom=44)
    drawn = evenly(rows, MOST_POINTS)
    x, y = (drawn[name].to_numpy(np.float32) for name in ("items", "entropy"))
    marker = {"color": part_color("attention", dark), "size": 6 if len(drawn) < 2000 else 4, "opacity": 0.5}
    hover = "%{x} items, %{y:.1%} of an even spread<extra></extra>"
    figure.add_scattergl(x=x, y=y, mode="markers", marker=marker, hovertemplate=hover, name="users")
    _mark(figure, rows[rows["user_id"] == user_id], dark)
    low, high = bounds_of(rows["items"])
    lengths = [length for length in (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if low <= length <= high]
    words = {"tickvals": lengths, "ticktext": [f"{n:,}" for n in lengths], "title": {"text": "items of the history"}}
    figure.update_xaxes(type="log", zeroline=False, **words)
    scale(figure.layout.yaxis, (min(0.98, float(rows["entropy"].min())), 1.0), 0.06, (100, " %"), title={"text": "spread of attention"})
    return figure


def _mark(figure: go.Figure, own: pd.DataFrame, dark: bool) -> None:
    if not len(own):
        return
    items, entropy = float(own["items"].iloc[0]), float(own["entropy"].iloc[0])
    marks(figure, [items], [entropy], INK[dark], 11, fill=SURFACE[dark], width=2.5, name="this person")
    words = {"text": "this person", "font": {"size": TICK_SIZE, "color": INK[dark]}, "bgcolor": LABEL_PAPER[dark], "borderpad": 1}
    figure.add_annotation(x=np.log10(items), y=entropy, yshift=-18, **words)


def _entropy_finding(rows: pd.DataFrame) -> str:
    typical = float(rows["entropy"].median())
    how = "nearly even" if typical >= EVEN else "wide" if typical >= WIDE else "middling" if typical >= NARROW else "narrow"
    said = f"Attention is {how}: {digits(100 * typical)}{TIED}% of an even spread"
    if len(rows) < 3 or rows["items"].nunique() < 2 or rows["entropy"].nunique() < 2:
        return said
    trend = float(rows["items"].corr(rows["entropy"], method="spearman"))
    also = "more even" if trend >= TREND else "less even" if trend <= -TREND else "no different"
    whole = f"{said}; {also} where it is long"
    return first_that_fits(f"{whole} (rank correlation {correlation(trend)})", whole, said)
