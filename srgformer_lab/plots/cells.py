"""Numbers written into the cells of a heatmap, in whichever ink the cell's colour leaves readable."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from srgformer_lab.plots.template import TICK_SIZE

INKS = ("#000000", "#FFFFFF")
"""Only pure black and white leave 4.5 : 1 on every colour."""


def write_cells(figure: go.Figure, words: Sequence[Sequence[str]]) -> None:
    """Write a word into every cell of the figure's heatmap, its first trace; nothing into one whose word is empty.

    Plotly's own text in cells takes one of two greys, which is unreadable on a cell of middle brightness. It loses words of a figure
    that is drawn anew after one with empty words, so these are not sent.
    """
    told = np.array([[bool(word) for word in line] for line in words])
    row, column = np.nonzero(told)
    figure.add_scatter(
        x=column,
        y=row,
        text=[word for line in words for word in line if word],
        mode="text",
        textfont={"size": TICK_SIZE, "color": inks(figure)[told].tolist()},
        hoverinfo="skip",
        showlegend=False,
    )


def inks(figure: go.Figure) -> np.ndarray:
    """Return the ink that is readable on each cell of the figure's heatmap: an array (rows, columns) of ``INKS``."""
    heatmap = figure.data[0]
    values = np.asarray(heatmap.z, dtype=float)
    share = np.nan_to_num((values - heatmap.zmin) / ((heatmap.zmax - heatmap.zmin) or 1.0)).clip(0, 1)
    stops = np.array([stop for stop, _ in heatmap.colorscale], dtype=float)
    colors = np.array([hex_to_rgb(color) for _, color in heatmap.colorscale], dtype=float)
    cell = np.stack([np.interp(share, stops, colors[:, channel]) for channel in range(3)], axis=-1)  # (rows, columns, rgb)
    return np.where(_contrast(cell, INKS[0]) >= _contrast(cell, INKS[1]), *INKS)


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
