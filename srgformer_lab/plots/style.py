"""How every figure looks: colours, sizes of letters, the plotly template, and how its picture is saved."""

import html
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import plotly.graph_objects as go

from srgformer_lab.plots.language import KNOB_MARKS, PARTS

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

FONT = '"PT Sans", system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif'
TITLE_SIZE, TEXT_SIZE, TICK_SIZE = 15, 12, 11
FILE_NAME_LETTERS = 80


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
        "scrollZoom": figure.layout.dragmode == "lasso",
        "modeBarButtons": [["toImage", "pan2d", "lasso2d", "resetScale2d"] if figure.layout.dragmode == "lasso" else ["toImage"]],
        "toImageButtonOptions": {"format": image, "filename": name, "scale": 2 if image == "png" else 1},
    }
