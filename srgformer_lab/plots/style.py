"""How every figure looks: colours, the plotly template, the figure that every other starts from, and marks, names and scales on it."""

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from srgformer_lab.plots.language import HINT_WIDTH, KNOB_MARKS, PARTS, TITLE_WIDTH, lines, setting

ImageFormat = Literal["png", "svg"]

PART_COLORS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "id": ("#4D4D4D", "#BDBDBD"),
        "image": ("#0072B2", "#56B4E9"),
        "text": ("#D55E00", "#F0A15E"),
        "attention": ("#009E73", "#3CC79A"),
        "hypergraph": ("#AA5A8C", "#CC79A7"),
    }
)
"""Each part's colour on light and on dark pages (Okabe–Ito, adjusted for contrast)."""
FURTHER_COLORS = (("#E69F00", "#F2C14E"), ("#8C6BB1", "#B79AD6"), ("#7A5C3E", "#C9A27E"), ("#2F7F8F", "#7CC7D4"))
"""Colours of modalities beyond image and text."""
HISTORY_COLORS = ("#587290", "#8FA6C4")
"""Colour of an item of the history whose parts are summed: none of the parts' colours."""
INK, MUTED, FAINT, SURFACE = ("#1F2328", "#E6E8EA"), ("#5C6570", "#A6AEB5"), ("#C6CCD2", "#4B535A"), ("#FFFFFF", "#181C1A")
FELL, ROSE = ("#2A6FB0", "#6DB1EA"), ("#C2630A", "#F2A154")
LABEL_PAPER = ("rgba(255,255,255,0.86)", "rgba(24,28,26,0.8)")
"""What lies behind words that stand on a curve or a heatmap."""
SIGNED_SCALE = (
    ((0.0, "#2166AC"), (0.25, "#90BCDD"), (0.5, "#FFFFFF"), (0.75, "#F5B67A"), (1.0, "#C2570C")),
    ((0.0, "#62AEEA"), (0.25, "#335F83"), (0.5, "#22282B"), (0.75, "#86572B"), (1.0, "#F2994A")),
)
"""Blue is below zero, orange above; zero is white on light pages and a dark neutral on dark ones."""
SINGLE_SCALE = (((0.0, "#F0F3F8"), (0.5, "#8FA6C4"), (1.0, "#1F3A5F")), ((0.0, "#1C242D"), (0.5, "#587290"), (1.0, "#D3E2F5")))
CELL_INKS = ("#000000", "#FFFFFF")
"""Only pure black and white leave 4.5 : 1 on every colour."""

FONT = '"PT Sans", system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif'
TITLE_SIZE, TEXT_SIZE, TICK_SIZE = 15, 12, 11
TALLEST, NARROWEST = 360, 400
"""Pixels of the tallest and of the narrowest figure."""
LETTER, DIGIT = 7.0, 7.5
"""Pixels of a letter and of a digit, on the wide side."""
FILE_NAME_LETTERS = 80
HOVER = "%{customdata}<extra></extra>"


def part_color(part: str, dark: bool = False, among: Iterable[str] = ()) -> str:
    """Return a part's colour; a further modality takes the next of one list, by its place among the parts that are shown."""
    if part in PART_COLORS:
        return PART_COLORS[part][dark]
    further = sorted({part, *among} - set(PARTS))
    return FURTHER_COLORS[further.index(part) % len(FURTHER_COLORS)][dark]


def knob_color(name: str, dark: bool = False) -> str:
    """Return the colour of the part that a knob belongs to."""
    return part_color(KNOB_MARKS[name][2], dark) if name in KNOB_MARKS else MUTED[dark]


def _template(dark: bool) -> go.layout.Template:
    """Return the template: the page's own paper, no grid, a zero line, few ticks, left-aligned finding."""
    small, text = {"size": TICK_SIZE, "color": MUTED[dark]}, {"size": TEXT_SIZE, "color": MUTED[dark]}
    axis = {"showgrid": False, "zeroline": True, "zerolinecolor": FAINT[dark], "zerolinewidth": 1, "showline": False, "ticks": ""}
    axis |= {"nticks": 5, "tickfont": small, "title": {"font": text, "standoff": 6}, "automargin": False, "fixedrange": True}
    font = {"family": FONT, "size": TEXT_SIZE, "color": INK[dark]}
    layout = {
        "font": font,
        "paper_bgcolor": SURFACE[dark],  # so that a saved picture can be read on any page
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": [part_color(part, dark) for part in ("image", "text", "attention", "hypergraph", "id")],
        "title": {"font": {"size": TITLE_SIZE, "weight": 600}, "subtitle": {"font": text}},
        "xaxis": axis,
        "yaxis": axis,
        "showlegend": False,
        "separators": ".,",
        "dragmode": False,
        "hoverlabel": {"bgcolor": SURFACE[dark], "bordercolor": FAINT[dark], "font": font, "align": "left"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED[dark], "activecolor": INK[dark]},
        "annotationdefaults": {"showarrow": False, "font": {"size": TEXT_SIZE, "color": INK[dark]}},
    }
    return go.layout.Template(layout=layout)


TEMPLATES = {"srgformer_light": _template(dark=False), "srgformer_dark": _template(dark=True)}


def register() -> None:
    """Make both templates known to plotly by name, for figures that others draw."""
    from plotly.io import templates

    for name, value in TEMPLATES.items():
        templates[name] = value


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


def finding_of(figure: go.Figure) -> str:
    """Return a figure's finding as plain text, for alt texts and reports."""
    return html.unescape(str(figure.layout.title.text or "").replace("<br>", " "))


def plot_config(figure: go.Figure, image: ImageFormat) -> dict[str, Any]:
    """Return what plotly needs beside a figure: a camera alone, seen on pointing and by Tab, that saves it under the name of its finding.

    A second button would need a function, which can't be sent as JSON, so a page offers one format: PNG at twice the size, or SVG.
    """
    name = re.sub(r"\W+", "-", finding_of(figure).replace("’", "")).strip("-_")[:FILE_NAME_LETTERS].rstrip("-") or "figure"
    return {
        "responsive": True,
        "displayModeBar": "hover",
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": image, "filename": name, "scale": 2 if image == "png" else 1},
    }


def plot_height(figure: go.Figure) -> float:
    """Return the pixels between a figure's margins."""
    return figure.layout.height - figure.layout.margin.t - figure.layout.margin.b


# ---------------------------------------------------------------- scales


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


def color_bar(places: Sequence[float], words: Sequence[str]) -> dict[str, object]:
    """Return the thin bar right of a heatmap that says what its colours mean at some places."""
    shape = {"thickness": 10, "outlinewidth": 0, "x": 1.02, "xpad": 0, "len": 1}
    return {**shape, "tickvals": list(places), "ticktext": list(words), "tickfont": {"size": TICK_SIZE}}


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
