"""What every figure starts from and draws: finding and hint, round ticks, marks with intervals, names kept apart, words in cells."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from srgformer_lab.plots.language import setting
from srgformer_lab.plots.style import TEMPLATES, TICK_SIZE
from srgformer_lab.plots.texts import HINT_WIDTH, TITLE_WIDTH, lines

TALLEST, NARROWEST = 360, 400
"""Pixels of the tallest and of the narrowest figure."""
LETTER, DIGIT = 7.0, 7.5
"""Pixels of a letter and of a digit, on the wide side."""
HOVER = "%{customdata}<extra></extra>"
CELL_INKS = ("#000000", "#FFFFFF")
"""Only pure black and white leave 4.5 : 1 on every colour."""


def new_figure(finding: str, hint: str, dark: bool, height: int = TALLEST, left: int = 56, right: int = 16, bottom: int = 40) -> go.Figure:
    """Start a figure: the finding on top, what to try below it, wrapped so that both fit into 400 px."""
    title, subtitle = lines(finding, TITLE_WIDTH), lines(hint, HINT_WIDTH)
    top = 12 + 20 * len(title) + (16 * len(subtitle) + 2 if hint else 0) + 12
    pad = {"l": 12, "t": 12 + 11 * (len(title) - 1)}  # plotly places the first line by the middle of all
    place = {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top", "pad": pad}
    layout = {  # given at once: to change the layout of a figure takes plotly several times as long
        "template": TEMPLATES["srgformer_dark" if dark else "srgformer_light"],
        "height": height,
        "margin": {"l": left, "r": right, "t": top, "b": bottom},
        "title": {"text": "<br>".join(title), "subtitle": {"text": "<br>".join(subtitle)}, **place},
    }
    return go.Figure(layout=layout)


def empty_figure(finding: str, hint: str, dark: bool, height: int = 160) -> go.Figure:
    """Return a quiet figure that only says what it waits for."""
    figure = new_figure(finding, hint, dark, height)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def plot_height(figure: go.Figure) -> float:
    """Return the pixels between a figure's margins."""
    return figure.layout.height - figure.layout.margin.t - figure.layout.margin.b


def ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Return at most so many round values between two bounds."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    fits = (power * by for by in (1, 2, 2.5, 5, 10, 20, 25) if math.floor(high / (power * by)) - math.ceil(low / (power * by)) < most)
    step = next(fits)
    return [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def scale(
    axis: go.layout.XAxis | go.layout.YAxis,
    bounds: tuple[float, float],
    room: float | tuple[float, float] = 0.05,
    unit: tuple[float, str] = (1.0, ""),
    most: int = 4,
    **style: object,
) -> None:
    """Let an axis reach from bound to bound and ``room`` (a part of the way between them) beyond, with few round ticks in a unit."""
    low, high = bounds
    span, places = (high - low) or abs(high) or 1.0, ticks(low, high, most)
    below, above = room if isinstance(room, tuple) else (room, room)
    words = [setting(unit[0] * place) + unit[1] for place in places]
    axis.update(range=[low - below * span, high + above * span], tickvals=places, ticktext=words, **style)


def bounds_of(*columns: pd.Series | np.ndarray | Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest value of several columns, NaN passed over."""
    every = np.concatenate([np.asarray(column, float) for column in columns])
    return float(np.nanmin(every)), float(np.nanmax(every))


def heatmap(figure: go.Figure, cells: np.ndarray, colors: Sequence[Any], low: float, high: float, **trace: object) -> None:
    """Draw cells in colours between two values; without a bar of colours and words on pointing, where ``trace`` doesn't ask for them."""
    look = {"zmin": low, "zmax": high, "colorscale": [list(stop) for stop in colors], "showscale": False}
    figure.add_heatmap(z=cells, **{**look, **trace})


def color_bar(places: Sequence[float], words: Sequence[str]) -> dict[str, object]:
    """Return the thin bar right of a heatmap that says what its colours mean at some places."""
    shape = {"thickness": 10, "outlinewidth": 0, "x": 1.02, "xpad": 0, "len": 1}
    return {"showscale": True, "colorbar": {**shape, "tickvals": list(places), "ticktext": list(words), "tickfont": {"size": TICK_SIZE}}}


# ---------------------------------------------------------------- marks and words


def marks(
    figure: go.Figure,
    x: Any,
    y: Any,
    color: str | list[str],
    size: float | list[float] = 9,
    *,
    fill: str | list[str] | None = None,
    symbol: str | list[str] | None = None,
    width: float = 2,
    hover: Sequence[str] | None = None,
    **trace: object,
) -> None:
    """Draw marks edged in their colour, and filled with it or with ``fill``; ``hover`` holds a text, already inert, for each."""
    marker = {"size": size, "color": color if fill is None else fill, "line": {"width": width, "color": color}}
    marker |= {} if symbol is None else {"symbol": symbol}
    said = {"hoverinfo": "skip"} if hover is None else {"customdata": list(hover), "hovertemplate": HOVER}
    figure.add_scatter(x=x, y=y, marker=marker, **{"mode": "markers", **said, **trace})


def error_bars(middle: pd.Series, low: pd.Series, high: pd.Series, color: str, thickness: float = 1.5) -> dict[str, object]:
    """Return the lines of intervals around marks; none where bounds are not known."""
    ends = {"array": (high - middle).to_numpy(float), "arrayminus": (middle - low).to_numpy(float)}
    return {"type": "data", "symmetric": False, **ends, "color": color, "thickness": thickness, "width": 0}


def write_right(
    figure: go.Figure, y: float, text: str, shift: int, color: str | None = None, size: int | None = None, **style: Any
) -> None:
    """Write words right of the plot at a height of its scale."""
    font = {name: value for name, value in (("color", color), ("size", size)) if value}
    figure.add_annotation(x=1, xref="paper", xanchor="left", xshift=shift, y=y, text=text, **({"font": font} if font else {}), **style)


def spread(values: Sequence[float], least: float | Sequence[float], high: float) -> list[float]:
    """Return places moved apart until neighbours are ``least`` apart, in their order and at or below ``high``.

    Args:
        values: Where the places would be.
        least: The distance, or that of each place to the next higher one.
        high: The highest place.
    """
    order = np.argsort(values, kind="stable")
    places, room = np.asarray(values, float)[order], np.broadcast_to(least, max(len(values) - 1, 0))
    for place in range(1, len(places)):
        places[place] = max(places[place], places[place - 1] + room[place - 1])
    places[-1] = min(places[-1], high)
    for place in range(len(places) - 2, -1, -1):
        places[place] = min(places[place], places[place + 1] - room[place])
    moved = np.empty_like(places)
    moved[order] = places
    return moved.tolist()


def write_cells(figure: go.Figure, words: Sequence[Sequence[str]]) -> None:
    """Write a word into every cell of the figure's heatmap, its first trace; nothing into one whose word is empty.

    Plotly's own text in cells takes one of two greys, which is unreadable on a cell of middle brightness. It loses words of a figure
    that is drawn anew after one with empty words, so these are not sent.
    """
    is_told = np.array([[bool(word) for word in line] for line in words])
    row, column = np.nonzero(is_told)
    said, font = [word for line in words for word in line if word], {"size": TICK_SIZE, "color": cell_inks(figure)[is_told].tolist()}
    figure.add_scatter(x=column, y=row, text=said, mode="text", textfont=font, hoverinfo="skip", showlegend=False)


def cell_inks(figure: go.Figure) -> np.ndarray:
    """Return the ink that is readable on each cell of the figure's heatmap: an array (rows, columns) of ``CELL_INKS``."""
    heatmap = figure.data[0]
    values = np.asarray(heatmap.z, dtype=float)
    share = np.nan_to_num((values - heatmap.zmin) / ((heatmap.zmax - heatmap.zmin) or 1.0)).clip(0, 1)
    stops = np.array([stop for stop, _ in heatmap.colorscale], dtype=float)
    colors = np.array([hex_to_rgb(color) for _, color in heatmap.colorscale], dtype=float)
    cell = np.stack([np.interp(share, stops, colors[:, channel]) for channel in range(3)], axis=-1)  # (rows, columns, rgb)
    return np.where(_contrast(cell, CELL_INKS[0]) >= _contrast(cell, CELL_INKS[1]), *CELL_INKS)


def _contrast(cell: np.ndarray, ink: str) -> np.ndarray:
    """Return the contrast ratio of two colours.

    Source: WCAG 2.2, relative luminance.
    """
    first, second = _luminance(cell), _luminance(np.array(hex_to_rgb(ink), dtype=float))
    return (np.maximum(first, second) + 0.05) / (np.minimum(first, second) + 0.05)


def _luminance(rgb: np.ndarray) -> np.ndarray:
    channel = rgb / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])
