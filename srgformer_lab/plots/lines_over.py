"""A few named lines over one axis: what becomes of a number along steps, epochs, or a share."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.growth import spread
from srgformer_lab.plots.language import FAINT, FELL, FURTHER_COLORS, MUTED, ROSE, digits, safe
from srgformer_lab.plots.rows import numbers
from srgformer_lab.plots.template import TICK_SIZE, empty_figure, new_figure

LETTER = 6.5
"""Pixels of a letter of a line's name."""
COLORS = (MUTED, ROSE, FELL, *FURTHER_COLORS[1:3])
APART = 0.07
"""Least distance of two names, in heights of the figure."""


def lines_over(
    frame: pd.DataFrame,
    finding: str,
    hint: str = "",
    *,
    x: str,
    y: str,
    marks: Mapping[str, float] | None = None,
    dark: bool = False,
) -> go.Figure:
    """Draw a line for each name, named at its right end; the first is quiet, as what the others are held against.

    Args:
        frame: ``name``, ``x``, ``y``; rows of a name in their order. Up to five names.
        finding: What it shows; whoever computes the numbers says it.
        hint: What to look at.
        x: What the axis below says.
        y: What the axis at the left says.
        marks: For some names, the x of a point on their line that stands out.
        dark: For dark pages.

    Raises:
        DataError: A column is missing, or a value is no finite number.
    """
    frame = numbers(frame, ["name"], ["x", "y"], "lines")
    if not len(frame):
        return empty_figure(finding, hint, dark)
    names = list(dict.fromkeys(map(str, frame["name"])))
    figure = new_figure(finding, hint, dark, height=320, left=56, right=int(18 + LETTER * max(map(len, names))), bottom=44)
    lines = {name: frame[frame["name"] == name] for name in names}
    low, high = frame["y"].min(), frame["y"].max()
    room = (high - low) or 1.0
    low, high = low - 0.05 * room, high + 0.08 * room
    places = spread([float(line["y"].iloc[-1]) for line in lines.values()], APART * (high - low), high)
    for (name, line), place, color in zip(lines.items(), places, (pair[dark] for pair in COLORS), strict=False):
        hover = [f"{safe(name)}<br>{x} {digits(at)}: {digits(value)}" for at, value in zip(line["x"], line["y"], strict=True)]
        style = {"color": color, "width": 2}
        figure.add_scatter(
            x=line["x"], y=line["y"], mode="lines", line=style, customdata=hover, hovertemplate="%{customdata}<extra></extra>"
        )
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=6, y=place, text=safe(name), font={"color": color, "size": TICK_SIZE}
        )
        if marks and name in marks:
            at = line[line["x"] == marks[name]]
            figure.add_scatter(x=at["x"], y=at["y"], mode="markers", marker={"color": color, "size": 9}, hoverinfo="skip")
    figure.update_xaxes(title_text=x, zeroline=False, showline=True, linecolor=FAINT[dark])
    figure.update_yaxes(title_text=y, range=[low, high], zeroline=bool(low < 0 < high))
    return figure
