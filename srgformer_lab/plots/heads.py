"""How the attention's heads weigh a history: what each of them looks at, and whether they look at the same."""

import math
from collections import Counter

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.cells import write_cells
from srgformer_lab.plots.language import FAINT, INK, MUTED, SIGNED_SCALE, SINGLE_SCALE, counted, percent, safe, shorten, signed
from srgformer_lab.plots.rows import correlation, name_rows, numbers, rows_figure, split_off, who_leads
from srgformer_lab.plots.template import TICK_SIZE, color_bar, empty_figure, first_that_fits

VALUES = ("weight", "contribution")
WRITTEN_HEADS, WRITTEN_ROWS = 5, 15
"""Up to so many heads and items a cell of the narrowest figure has room for its value."""
ALIKE, APART = 0.7, 0.3
"""Mean rank correlation from which heads are said to agree, and below which they are said to have little in common."""
ROUNDING = 1e-5
"""Relative differences up to which a head weighs all items alike."""


def attention_heads(
    heads: pd.DataFrame, value: str = "weight", most: int = 20, *, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw how each head weighs each item of a history, or what the item contributes through it.

    Weights run over one hue from zero, contributions from blue (hurts) over neutral to orange (helps). The ``most`` items of
    largest mean size are shown, sorted by their means; whether the heads agree is judged over all items.

    Args:
        heads: ``item_id``, ``title``, ``head``, and ``weight`` (sums to 1 over the items within a head) or ``contribution``.
        value: ``weight`` or ``contribution``.
        most: How many items are shown.
        dark: Whether the page is dark.
        hint: Words in place of what to try.

    Raises:
        DataError: A column is missing, a value is no finite number, or an item doesn't stand exactly once in each head.
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
    shown, others = split_off(table.abs().mean(axis=1).reset_index(drop=True), most, what)
    shown = sorted(shown, key=lambda row: -float(table.iloc[row].mean()))
    text = "Mute a head and see which things lose their say." if hint is None else hint
    if others:
        share = f" with {percent(table.iloc[others].sum().mean())} of the weight" if value == "weight" else ""
        text = f"Not shown: {counted(len(others), 'item')}{share}. {text}"
    names = list(titles.iloc[shown])
    figure = rows_figure(_finding(table, value, list(titles)), text, names, dark)
    _draw(figure, table.iloc[shown], names, value, dark)
    return figure


def _draw(figure: go.Figure, table: pd.DataFrame, names: list[str], value: str, dark: bool) -> None:
    values, is_weight = table.to_numpy(float), value == "weight"
    largest = float(np.abs(values).max()) or 1.0
    places = 1 - math.floor(math.log10(largest))
    is_written = table.shape[1] <= WRITTEN_HEADS and len(table) <= WRITTEN_ROWS and (is_weight or 0 <= places <= 4)
    write, cells = (percent if is_weight else signed), None
    if is_written:
        cells = [
            [percent(cell) if is_weight else f"{round(cell, places) + 0.0:.{places}f}".replace("-", "−") for cell in row] for row in values
        ]
    figure.add_heatmap(
        z=values.astype(np.float32),
        zmin=0 if is_weight else -largest,
        zmax=largest,
        colorscale=[list(stop) for stop in (SINGLE_SCALE if is_weight else SIGNED_SCALE)[dark]],
        showscale=not is_written,
        colorbar=_color_bar(largest, is_weight),
        xgap=1 if table.shape[1] > 16 else 2,
        ygap=1,
        text=cells,
        customdata=[
            [f"{safe(name)}<br>head {safe(head)}: {write(cell)}" for head, cell in zip(table.columns, row, strict=True)]
            for name, row in zip(names, values, strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    if cells:
        write_cells(figure, cells)
    figure.layout.plot_bgcolor = FAINT[dark]  # the gaps show it, so that a cell of zero is a cell too
    name_rows(figure, names, [INK[dark]] * len(names))
    named = range(0, table.shape[1], -(-table.shape[1] // 16))
    figure.update_xaxes(tickvals=list(named), ticktext=[safe(table.columns[place]) for place in named], zeroline=False)
    below = {"x": 0, "xref": "paper", "xanchor": "right", "xshift": -6, "y": 0, "yref": "paper", "yanchor": "top", "yshift": -1}
    figure.add_annotation(text="head", font={"size": TICK_SIZE, "color": MUTED[dark]}, **below)
    if not is_written:
        figure.layout.margin.r = 62


def _color_bar(largest: float, is_weight: bool) -> dict:
    places = [0.0, largest] if is_weight else [-largest, 0.0, largest]
    return color_bar(places, [percent(place) if is_weight else signed(place) for place in places])


def _finding(table: pd.DataFrame, value: str, titles: list[str]) -> str:
    """Say whether the heads agree: by the mean rank correlation of their pairs, and by what stands first in each."""
    values, n_heads, is_weight = table.to_numpy(float), table.shape[1], value == "weight"
    names = [f"“{shorten(title, 24)}”" for title in titles]
    if not is_weight and not values.any():
        return "No item moves the score through any head"
    if len(values) == 1:
        through = f" over {counted(n_heads, 'head')}"
        whole = f"{names[0]} is the whole history: each head gives it {percent(values.mean())}"
        return whole if is_weight else f"{names[0]} is the whole history: {signed(values.sum())}{through}"
    even = np.ptp(values, axis=0) <= ROUNDING * np.abs(values).max(axis=0)
    if even.any():
        who = "Every head" if even.all() else f"{int(even.sum())} of {n_heads} heads"
        verb = "weigh" if is_weight else "draw on"
        return f"{who} {verb}{'s' if even.all() or even.sum() == 1 else ''} all {len(values)} items alike"
    if n_heads == 1:
        top = int(values[:, 0].argmax())
        most = [f"looks most at {names[top]}, {percent(values[top, 0])}"] if is_weight else who_leads(names, list(values[:, 0]), "item")
        return f"The only head {most[0]}" if is_weight else f"Through the only head {most[0]}"
    top, votes = _first(values)
    firsts = [f"{votes} of {n_heads} put “{shorten(titles[top], width)}” first" for width in (26, 16)]
    firsts = firsts if votes > 1 else ["no two put the same item first"]
    if len(values) == 2:
        return f"Of the heads, {firsts[0]}"
    alike = _rank_correlation(table)
    how = "agree" if alike >= ALIKE else "agree in part" if alike >= APART else "have little in common"
    agreement = f"The heads {how} (rank correlation {correlation(alike)})"
    return first_that_fits(*(f"{agreement}; {first}" for first in firsts), agreement)


def _first(values: np.ndarray) -> tuple[int, int]:
    """Return the item that stands alone at the top of most heads, and in how many."""
    tops = [np.flatnonzero(column == column.max()) for column in values.T]
    votes = Counter(int(top[0]) for top, column in zip(tops, values.T, strict=True) if len(top) == 1 and column.max() > 0)
    return votes.most_common(1)[0] if votes else (0, 0)


def _rank_correlation(table: pd.DataFrame) -> float:
    pairs = table.corr(method="spearman").to_numpy(float)
    return float(pairs[np.triu_indices(len(pairs), 1)].mean())
