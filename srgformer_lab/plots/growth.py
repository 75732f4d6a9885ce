"""How cost grows with the size of the data: straight lines on two logarithmic axes, each with its exponent."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.language import INK, MUTED, part_color, require, safe
from srgformer_lab.plots.template import TALLEST, TICK_SIZE, empty_figure, new_figure

LOOKS: Mapping[str, tuple[str, str]] = {
    "propagation": ("id", "solid"),
    "features": ("image", "solid"),
    "memberships": ("hypergraph", "solid"),
    "attention": ("attention", "solid"),
    "ranking": ("id", "dot"),
    "hypergraph_contrast": ("hypergraph", "dot"),
    "modality_contrast": ("text", "dot"),
}
"""The part whose colour a piece wears, and its dash."""
LABEL_SPACE = 0.055
"""Least distance of two labels, as a part of the plot's height."""


def growth_curves(frame: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw milliseconds against how many times the data has grown, a line a piece, with its exponent at the line's end.

    Args:
        frame: ``what``, ``scale`` (1 for the smallest), ``milliseconds`` and ``exponent`` (the same in all rows of a piece).
        dark: For dark pages.
        hint: What to try; the figure's own words without it.

    Raises:
        DataError: A column is missing.
    """
    require(frame, ["what", "scale", "milliseconds", "exponent"], "growth")
    frame = frame[(frame["scale"] > 0) & (frame["milliseconds"] > 0)]
    if frame["scale"].nunique() < 2:
        return empty_figure("One size shows no growth", "Measure the same shape at several sizes.", dark)
    pieces = {str(what): part.sort_values("scale") for what, part in frame.groupby("what", sort=False)}
    steepest = max(pieces, key=lambda what: float(pieces[what]["exponent"].iloc[0]))
    finding = f"Steepest: {words(steepest)}, as size to the power {pieces[steepest]['exponent'].iloc[0]:.2f}"
    text = "Users, items and interactions grow together; the batch stays. A power of 1 is proportional growth." if hint is None else hint
    figure = new_figure(finding, text, dark, height=TALLEST, left=52, right=168, bottom=44)
    ends = {what: float(np.log10(part["milliseconds"].iloc[-1])) for what, part in pieces.items()}
    low, high = float(np.log10(frame["milliseconds"].min())), float(np.log10(frame["milliseconds"].max()))
    pad = 0.06 * (high - low or 1)
    scales = sorted(frame["scale"].unique())
    figure.update_xaxes(type="log", tickvals=scales, ticktext=[f"×{scale:g}" for scale in scales], title_text="size of the data")
    figure.update_yaxes(type="log", range=[low - pad, high + pad], title_text="ms a step", tickvals=[10.0**power for power in range(-3, 7)])
    places = spread(list(ends.values()), LABEL_SPACE * (high - low + 2 * pad), high)
    for (what, part), place in zip(pieces.items(), places, strict=True):
        owner, dash = LOOKS.get(what, ("", "dash"))
        color = part_color(owner, dark) if owner else MUTED[dark]
        figure.add_scatter(
            x=part["scale"],
            y=part["milliseconds"],
            mode="lines+markers",
            line={"color": color, "width": 2, "dash": dash},
            marker={"size": 6, "color": color},
            hovertemplate=f"{safe(words(what))}<br>×%{{x}}: %{{y:.3g}} ms<extra></extra>",
        )
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            xshift=8,
            y=place,
            yref="y",
            text=f'<span style="color:{color}">━</span> {safe(words(what))} <b>{part["exponent"].iloc[0]:.2f}</b>',
            font={"size": TICK_SIZE, "color": INK[dark]},
        )
    return figure


def words(what: str) -> str:
    """Name a piece in words."""
    return what.replace("_", " ")


def spread(values: Sequence[float], least: float, high: float) -> list[float]:
    """Move places apart until neighbours are ``least`` apart, keeping their order and staying at or below ``high``."""
    order = np.argsort(values, kind="stable")
    places = np.asarray(values, float)[order]
    for place in range(1, len(places)):
        places[place] = max(places[place], places[place - 1] + least)
    places[-1] = min(places[-1], high)
    for place in range(len(places) - 2, -1, -1):
        places[place] = min(places[place], places[place + 1] - least)
    moved = np.empty_like(places)
    moved[order] = places
    return moved.tolist()
