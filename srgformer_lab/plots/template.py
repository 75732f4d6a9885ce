"""The one plotly template, light and dark, and the empty figure that every other starts from: a finding and what to try."""

import html
import re
import textwrap
from collections.abc import Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from srgformer_lab.plots.language import FAINT, INK, MUTED, SURFACE, lines, part_color

ImageFormat = Literal["png", "svg"]
FONT = '"PT Sans", system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif'
NAME_LETTERS = 80
"""Characters of a saved figure's file name at most."""
TALLEST = 360
TITLE_WIDTH, HINT_WIDTH = 42, 56
"""Characters a line: what fits into a figure of 400 px."""
MOST_LINES = 2
TITLE_SIZE, TEXT_SIZE, TICK_SIZE = 15, 12, 11


def template(dark: bool = False) -> go.layout.Template:
    """Return the template: the page's own paper, no grid, a zero line, few ticks, left-aligned finding."""
    axis = {
        "showgrid": False,
        "zeroline": True,
        "zerolinecolor": FAINT[dark],
        "zerolinewidth": 1,
        "showline": False,
        "ticks": "",
        "nticks": 5,
        "tickfont": {"size": TICK_SIZE, "color": MUTED[dark]},
        "title": {"font": {"size": TEXT_SIZE, "color": MUTED[dark]}, "standoff": 6},
        "automargin": False,
        "fixedrange": True,
    }
    layout = {
        "font": {"family": FONT, "size": TEXT_SIZE, "color": INK[dark]},
        "paper_bgcolor": SURFACE[dark],  # so that a saved picture can be read on any page
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": [part_color(part, dark) for part in ("image", "text", "attention", "hypergraph", "id")],
        "title": {"font": {"size": TITLE_SIZE, "weight": 600}, "subtitle": {"font": {"size": TEXT_SIZE, "color": MUTED[dark]}}},
        "xaxis": axis,
        "yaxis": axis,
        "showlegend": False,
        "separators": ".,",
        "dragmode": False,
        "hoverlabel": {
            "bgcolor": SURFACE[dark],
            "bordercolor": FAINT[dark],
            "font": {"family": FONT, "size": TEXT_SIZE, "color": INK[dark]},
            "align": "left",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED[dark], "activecolor": INK[dark]},
        "annotationdefaults": {"showarrow": False, "font": {"size": TEXT_SIZE, "color": INK[dark]}},
    }
    return go.layout.Template(layout=layout)


TEMPLATES = {"srgformer_light": template(dark=False), "srgformer_dark": template(dark=True)}


def register() -> None:
    """Let plotly know both templates by name, for figures that others draw."""
    from plotly.io import templates

    for name, value in TEMPLATES.items():
        templates[name] = value


def new_figure(finding: str, hint: str, dark: bool, height: int = TALLEST, left: int = 56, right: int = 16, bottom: int = 40) -> go.Figure:
    """Start a figure: the finding on top, what to try below it, wrapped so that both fit into 400 px."""
    title, subtitle = lines(finding, TITLE_WIDTH, MOST_LINES), lines(hint, HINT_WIDTH, MOST_LINES)
    top = 12 + 20 * len(title) + (16 * len(subtitle) + 2 if hint else 0) + 12
    layout = {  # given at once: to change the layout of a figure takes plotly several times as long
        "template": TEMPLATES["srgformer_dark" if dark else "srgformer_light"],
        "height": height,
        "margin": {"l": left, "r": right, "t": top, "b": bottom},
        "title": {
            "text": "<br>".join(title),
            "subtitle": {"text": "<br>".join(subtitle)},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 12, "t": 12 + 11 * (len(title) - 1)},  # plotly places the first line by the middle of all
        },
    }
    return go.Figure(layout=layout)


def color_bar(places: Sequence[float], words: Sequence[str]) -> dict[str, object]:
    """Return the thin bar right of a heatmap that says what its colours mean at some places."""
    shape = {"thickness": 10, "outlinewidth": 0, "x": 1.02, "xpad": 0, "len": 1}
    return {**shape, "tickvals": list(places), "ticktext": list(words), "tickfont": {"size": TICK_SIZE}}


def empty_figure(finding: str, hint: str, dark: bool, height: int = 160) -> go.Figure:
    """Return a quiet figure that only says what it waits for."""
    figure = new_figure(finding, hint, dark, height)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def first_that_fits(*findings: str, width: int = TITLE_WIDTH) -> str:
    """Choose the first finding (or hint, by its width) that fits into two lines of a narrow figure; the last one where none does."""
    return next((finding for finding in findings if len(textwrap.wrap(finding, width)) <= MOST_LINES), findings[-1])


def finding_of(figure: go.Figure) -> str:
    """Read a figure's finding back as plain text, for alt texts and reports."""
    return html.unescape(str(figure.layout.title.text or "").replace("<br>", " "))


def plot_config(figure: go.Figure, image: ImageFormat) -> dict[str, Any]:
    """Return what plotly needs beside a figure: a camera alone, seen on pointing and by Tab, that saves it under the name of its finding.

    A second button would need a function, which can't be sent as JSON, so a page offers one format: PNG at twice the size, or SVG.
    """
    name = re.sub(r"\W+", "-", finding_of(figure).replace("’", "")).strip("-_")[:NAME_LETTERS].rstrip("-") or "figure"
    return {
        "responsive": True,
        "displayModeBar": "hover",
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": image, "filename": name, "scale": 2 if image == "png" else 1},
    }
