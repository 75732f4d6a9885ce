"""Rows of bars around a zero line: what the figures of contributions, sources and shares have in common."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import DIGIT, HOVER, LETTER, NARROWEST, TALLEST, new_figure, plot_height, ticks
from srgformer_lab.plots.language import part_name, part_order, safe, setting, signed
from srgformer_lab.plots.style import INK, SURFACE, TEXT_SIZE, part_color
from srgformer_lab.plots.texts import shorten

TITLE_LETTERS = 19
ROW, MOST_ROWS = 21, 20
"""Pixels of a row where there is room, and how many rows a figure can name."""
KEY_LINE, KEY_LETTERS = 18, 52


def split_off(values: pd.Series, most: int, what: str) -> tuple[list[int], list[int]]:
    """Return the rows of largest size, sorted from what helps most to what hurts most, and the others.

    Raises:
        DataError: No row may be shown, or more than have room.
    """
    if not 1 <= most <= MOST_ROWS:
        raise DataError(f"{what}: most={most} must be from 1 to {MOST_ROWS}")
    by_size = values.abs().sort_values(ascending=False, kind="stable").index
    shown = values.loc[by_size[:most]].sort_values(ascending=False, kind="stable").index
    return [int(row) for row in shown], [int(row) for row in by_size[most:]]


def rows_figure(finding: str, hint: str, names: Sequence[str], dark: bool, key: Sequence[str] = (), above: int = 0) -> go.Figure:
    """Start a figure of rows, as wide on the left as their names need, with a key of parts or some free pixels above them."""
    left = int(min(max((len(name) for name in names), default=0), TITLE_LETTERS) * LETTER + 16)
    figure = new_figure(finding, hint, dark, left=left, right=12, bottom=28)
    broken = _key_lines(key)
    figure.layout.margin.t += KEY_LINE * len(broken) + above
    set_rows(figure, len(names))
    if broken:
        words = [
            [f'<span style="color:{part_color(part, dark, key)}">■ {safe(part_name(part))}</span>' for part in line] for line in broken
        ]
        write_above(figure, "<br>".join("   ".join(line) for line in words), right=False)
    return figure


def set_rows(figure: go.Figure, n_rows: int, row_height: int = ROW) -> None:
    """Make a figure as high as its rows need, and no higher than others."""
    margin = figure.layout.margin
    figure.layout.height = min(TALLEST, margin.t + margin.b + max(row_height * n_rows, 44))


def write_above(figure: go.Figure, text: str, right: bool, **style: object) -> None:
    """Write words directly above the rows, from the figure's left edge or up to its right one."""
    side = {"x": 1, "xanchor": "right"} if right else {"x": 0, "xanchor": "left", "xshift": 12 - figure.layout.margin.l}
    place = {"xref": "paper", "y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 4, "align": "left", "name": "above"}
    figure.add_annotation(text=text, **place, **side, **style)


def _key_lines(parts: Sequence[str]) -> list[list[str]]:
    broken: list[list[str]] = []
    room = 0
    for part in parts:
        needed = len(part_name(part)) + 4
        if needed > room:
            broken.append([])
            room = KEY_LETTERS
        broken[-1].append(part)
        room -= needed
    return broken


def stack(figure: go.Figure, table: pd.DataFrame, names: Sequence[str], dark: bool) -> None:
    """Draw each row's parts beside one another, those that hurt to the left of zero, and write their sum at the end.

    Where a row has parts on both sides, a mark stands at its sum.

    Args:
        figure: Where to draw.
        table: A row for each bar, a column for each part.
        names: The rows' names in full, for the hover text.
    """
    parts, places, look = part_order(table.columns), np.arange(len(table)), {"orientation": "h", "width": 0.68, "hovertemplate": HOVER}
    for part in parts:
        values = table[part].to_numpy(float)
        said = [f"{safe(name)}<br>{safe(part_name(part))} {signed(value)}" for name, value in zip(names, values, strict=True)]
        marker = {"color": part_color(part, dark, parts), "line": {"width": 0}}
        figure.add_bar(x=values, y=places, marker=marker, customdata=said, name=part, **look)
    figure.update_layout(barmode="relative")
    cells = table[parts].to_numpy(float)
    helps, hurts, sums = np.maximum(cells, 0).sum(axis=1), np.minimum(cells, 0).sum(axis=1), cells.sum(axis=1)
    both = np.flatnonzero((helps > 0) & (hurts < 0)).tolist()
    said = [f"{safe(names[place])}<br>together {signed(sums[place])}" for place in both]
    for width, color in ((5, SURFACE[dark]), (2.5, INK[dark])) if both else ():
        marker = {"symbol": "line-ns", "size": text_size(figure, len(table)), "line": {"width": width, "color": color}}
        figure.add_scatter(x=sums[both], y=both, mode="markers", marker=marker, customdata=said, hovertemplate=HOVER, name="sum")
    write_ends(figure, np.where(sums >= 0, helps, hurts), sums, [*hurts, *helps])


def steps(
    figure: go.Figure, starts: np.ndarray, values: np.ndarray, colors: Sequence[str], hovers: Sequence[str], **marker: object
) -> None:
    """Draw one bar a row, from its start over its value."""
    look = {"orientation": "h", "width": 0.64, "marker": {"color": list(colors), "line": {"width": 0}} | marker}
    said = {"customdata": [safe(hover) for hover in hovers], "hovertemplate": HOVER}
    figure.add_bar(x=values, y=np.arange(len(values)), base=starts, **look, **said)


def write_ends(figure: go.Figure, ends: np.ndarray, values: np.ndarray, reach: Sequence[float], texts: Sequence[str] | None = None) -> None:
    """Write each row's value beyond the end of its bar, and leave the room for it even in the narrowest figure."""
    written, size = [signed(value) for value in values] if texts is None else texts, text_size(figure, len(values))
    for place, (end, value, text) in enumerate(zip(ends, values, written, strict=True)):
        beside = {"xanchor": "left", "xshift": 5} if value >= 0 else {"xanchor": "right", "xshift": -5}
        figure.add_annotation(x=float(end), y=place, text=text, font={"size": size}, name="value", **beside)
    low, high = min(0.0, *map(float, reach)), max(0.0, *map(float, reach))
    needed = np.array([(len(signed(value)) * DIGIT + 10) * (1 if value >= 0 else -1) for value in values])
    width = max(NARROWEST - figure.layout.margin.l - figure.layout.margin.r, 100)
    left, right = low, high or (0.0 if low else 1.0)
    for _ in range(12):  # room for the texts takes room from the bars, so it is found step by step
        pixel = (right - left) / width
        outer = ends + needed * pixel
        left, right = min(low, float(outer.min())) - 2 * pixel, max(high, float(outer.max())) + 2 * pixel
    places = ticks(low, high, 3)
    figure.update_xaxes(range=[left, right], tickvals=places, ticktext=[setting(place) for place in places])


def text_size(figure: go.Figure, n_rows: int) -> int:
    """Return the size of letters that a row has room for."""
    return int(min(TEXT_SIZE, max(9, plot_height(figure) / max(n_rows, 1) - 1)))


def name_rows(figure: go.Figure, names: Sequence[str], colors: Sequence[str], bold_last: bool = False) -> None:
    """Name the rows at the left, from top to bottom, shortened to what fits beside the bars."""
    words = [f'<span style="color:{color}">{safe(shorten(name, TITLE_LETTERS))}</span>' for name, color in zip(names, colors, strict=True)]
    if bold_last:
        words[-1] = f"<b>{words[-1]}</b>"
    label_rows(figure, words, {"size": text_size(figure, len(names))}, 6)


def label_rows(figure: go.Figure, words: Sequence[str], font: dict[str, object], standoff: int) -> None:
    """Put words, already inert, at the left of rows that count from 0 at the top."""
    figure.update_yaxes(
        range=[len(words) - 0.45, -0.55],
        tickvals=list(range(len(words))),
        ticktext=list(words),
        tickfont=font,
        zeroline=False,
        ticklabelstandoff=standoff,
    )
