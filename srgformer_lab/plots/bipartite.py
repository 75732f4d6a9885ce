"""Two kinds of nodes and the lines between them: people and items, or items and the groups that hold them."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.language import INK, MUTED, SURFACE, counted, digits, part_color, require, safe, shorten
from srgformer_lab.plots.template import TEXT_SIZE, empty_figure, new_figure

SMALLEST, LARGEST = 9.0, 30.0
"""Pixels across a node that carries nothing, and of the one that carries most."""
ROW = 34
"""Pixels of a row where there is room."""
LETTERS = 22


def bipartite_graph(
    nodes: pd.DataFrame, links: pd.DataFrame, sides: tuple[str, str], *, part: str = "id", dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw what lies on a graph whose lines run between two kinds of nodes; a node is the larger the more it carries.

    Args:
        nodes: ``name``, ``side`` (0 left, 1 right), and, where something lies on the graph, ``value`` (0 for nothing).
        links: ``left`` and ``right``: names of the two ends of each line.
        sides: What the nodes of either side are, in the plural.
        part: Whose colour a node wears that carries something.
        dark: For dark pages.
        hint: What to try; the figure's own words without it.

    Raises:
        DataError: A column is missing.
    """
    require(nodes, ["name", "side"], "two-sided graph")
    require(links, ["left", "right"], "two-sided graph")
    if not len(nodes):
        return empty_figure("There is nothing to join", "Give nodes, and the lines between them.", dark)
    columns = [nodes[nodes["side"] == side].reset_index(drop=True) for side in (0, 1)]
    rows = max(map(len, columns))
    carried = "value" in nodes
    finding = _carried(columns, sides) if carried else _joined(columns, sides, len(links))
    own = "A line joins a node only to the other side." + (" A larger node carries more." if carried else "")
    figure = new_figure(finding, own if hint is None else hint, dark, min(360, 130 + ROW * rows), 12, 12, 12)
    height = {name: (place + 0.5) / len(column) for column in columns for place, name in enumerate(column["name"])}
    ends = [(height[left], height[right], None) for left, right in zip(links["left"], links["right"], strict=True)]
    figure.add_scatter(
        x=[0, 1, None] * len(ends),
        y=[y for line in ends for y in line],
        mode="lines",
        line={"color": MUTED[dark], "width": 1},
        hoverinfo="skip",
        name="links",
    )
    most = float(nodes["value"].abs().max() or 1.0) if carried else 1.0
    for side, column in enumerate(columns):
        _draw_side(figure, column, side, [height[name] for name in column["name"]], most, part_color(part, dark), dark)
    for side, name in enumerate(sides):
        figure.add_annotation(
            x=side, y=-0.02, text=f"<b>{safe(name)}</b>", font={"color": MUTED[dark]}, xanchor=("right", "left")[side], name="side"
        )
    figure.update_xaxes(visible=False, range=[-0.75, 1.75])
    figure.update_yaxes(visible=False, range=[1.0, -0.08])
    return figure


def _draw_side(figure: go.Figure, column: pd.DataFrame, side: int, heights: list[float], most: float, color: str, dark: bool) -> None:
    """Draw the nodes of one side, filled where they carry something, with their names away from the lines."""
    value = column["value"].to_numpy(float) if "value" in column else np.zeros(len(column))
    carries = np.abs(value) > 0
    figure.add_scatter(
        x=[side] * len(column),
        y=heights,
        mode="markers",
        marker={
            "size": np.where(carries, SMALLEST + (LARGEST - SMALLEST) * np.sqrt(np.abs(value) / most), SMALLEST).tolist(),
            "color": [color if full else SURFACE[dark] for full in carries],
            "line": {"color": color, "width": 1.5},
            "opacity": 1,
        },
        customdata=[
            f"{safe(name)}<br>{digits(one)}" if "value" in column else safe(name) for name, one in zip(column["name"], value, strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
        name=("left", "right")[side],
    )
    for name, one, height in zip(column["name"], value, heights, strict=True):
        carried = f" <b>{digits(one, 2)}</b>" if one else ""
        said = safe(shorten(name, LETTERS))
        figure.add_annotation(
            x=side,
            y=height,
            text=f"{said}{carried}",
            xanchor=("right", "left")[side],
            xshift=(-20, 20)[side],
            font={"size": TEXT_SIZE, "color": INK[dark] if one or "value" not in column else MUTED[dark]},
            name="name",
        )


def _carried(columns: list[pd.DataFrame], sides: tuple[str, str]) -> str:
    """Count on both sides what carries something."""
    counts = [(int((column["value"] != 0).sum()), len(column), name) for column, name in zip(columns, sides, strict=True)]
    if not any(reached for reached, _, _ in counts):
        return "Nothing lies on any node yet"
    said = [f"{'none' if not reached else 'all' if reached == of else reached} of the {of} {name}" for reached, of, name in counts]
    finding = f"{said[0]} and {said[1]} carry something"
    return finding[:1].upper() + finding[1:]


def _joined(columns: list[pd.DataFrame], sides: tuple[str, str], n_links: int) -> str:
    named = " and ".join(f"{name} ({len(column)})" for column, name in zip(columns, sides, strict=True))
    return f"{counted(n_links, 'line')} between {named}"
