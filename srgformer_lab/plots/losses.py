"""The terms of the loss as small multiples: each on its own scale, because they differ by orders of magnitude."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.drawing import TALLEST, empty_figure, new_figure, plot_height
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import before_after, digits, percent, safe
from srgformer_lab.plots.style import INK, MUTED, TICK_SIZE, part_color
from srgformer_lab.plots.training import Turn, draw_turns, thin, turns_of

MOST_PERCENT = 10
"""What has grown more than this is said as a factor: +3353078 % tells nobody anything."""
PREFIX = "loss."
FIRST_TERMS = ("ranking", "regularization", "hypergraph_contrast", "modality_contrast", "cointeraction", "attention_contrast")
CAPTION, PANEL = 36, 74
"""Pixels of a panel's two lines of text, and of its plot."""


def loss_terms(
    history: pd.DataFrame,
    steps: pd.DataFrame | None = None,
    knob_changes: pd.DataFrame | None = None,
    *,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw every term of the loss, already weighed, in a panel of its own: epoch means, and the finer steps behind them.

    Args:
        history: ``epoch`` (from 1) and ``loss.<term>`` for each term; a row for each epoch that is over.
        steps: ``progress`` in epochs and ``loss.<term>``; finer than ``history``.
        knob_changes: ``progress``, ``name``, ``before``, ``after``; a row for each change.

    Raises:
        DataError: Neither frame has a column ``loss.<term>``, or one lacks ``epoch`` or ``progress``.
    """
    finer = steps if steps is not None else pd.DataFrame()
    if not len(history) and not len(finer):
        return empty_figure("Nothing has been learned yet", "The terms of the loss appear with the first steps.", dark)
    columns = list(history.columns) if len(history) else list(finer.columns)
    terms = _order([str(name)[len(PREFIX) :] for name in columns if str(name).startswith(PREFIX)])
    needed = ["epoch" if len(history) else "progress", *([] if terms else [f"{PREFIX}ranking"])]
    require(history if len(history) else finer, needed, "loss terms")
    if len(finer):
        require(finer, ["progress"], "steps of the training")
    curves = {term: _curve(history, finer, term) for term in terms}
    turns = turns_of(knob_changes)
    reach = max([1.0, *(float(x[-1]) for pair in curves.values() for x, _ in pair if len(x))])
    rows, across = -(-len(terms) // 2), min(2, len(terms))
    text = "Each term has its own scale: compare shapes, not heights." if hint is None else hint
    figure = new_figure(_finding(curves), text, dark, left=12, right=12, bottom=26)
    figure.layout.height = min(TALLEST, figure.layout.margin.t + figure.layout.margin.b + rows * (CAPTION + PANEL))
    for place, term in enumerate(terms):
        row, column = divmod(place, 2)
        suffix = "" if place == 0 else str(place + 1)
        _panel(figure, suffix, (row, column, rows, across), CAPTION / plot_height(figure), reach)
        _draw(figure, suffix, term, curves, turns, dark)
    return figure


Curve = tuple[np.ndarray, np.ndarray]


def _order(terms: list[str]) -> list[str]:
    return [term for term in FIRST_TERMS if term in terms] + [term for term in terms if term not in FIRST_TERMS]


def _curve(history: pd.DataFrame, finer: pd.DataFrame, term: str) -> tuple[Curve, Curve]:
    column, nothing = PREFIX + term, (np.empty(0, np.float32), np.empty(0, np.float32))
    means = thin(history["epoch"].to_numpy(float), history[column].to_numpy(float)) if len(history) else nothing
    fine = thin(finer["progress"].to_numpy(float), finer[column].to_numpy(float)) if len(finer) and column in finer else nothing
    return means, fine


def _main(pair: tuple[Curve, Curve]) -> Curve:
    return pair[0] if len(pair[0][0]) > 1 else pair[1] if len(pair[1][0]) else pair[0]


def _finding(curves: dict[str, tuple[Curve, Curve]]) -> str:
    last = {term: float(_main(pair)[1][-1]) for term, pair in curves.items() if len(_main(pair)[1])}
    if not last or not (total := sum(map(abs, last.values()))):
        return "All terms of the loss are zero"
    largest = max(last, key=lambda term: abs(last[term]))
    y = _main(curves[largest])[1]
    way = ""
    if len(y) > 1 and y[0] and y[-1] != y[0]:
        moved = change(float(y[0]), float(y[-1]))
        way = f" and grew to {moved}" if moved.startswith("×") else f" and {'fell' if y[-1] < y[0] else 'rose'} by {moved[1:]}"
    share = f"makes {percent(abs(last[largest]) / total)} of the loss" if len(last) > 1 else f"is {digits(last[largest])}"
    return f"{_name(largest).capitalize()} {share}{way}"


def change(first: float, last: float) -> str:
    """Return how far a value moved from one that is not 0: in percent, or as a factor where that is more than ten."""
    if abs(last) > MOST_PERCENT * abs(first):
        return f"×{digits(abs(last / first))}"
    return f"{'−' if last < first else '+'}{percent(abs(last / first - 1))}"


def _name(term: str) -> str:
    return term.replace("_", " ")


def term_color(term: str, dark: bool = False) -> str:
    """Return a term's colour: that of the part which it shapes."""
    part = {
        "hypergraph_contrast": "hypergraph",
        "modality_contrast": "image",
        "cointeraction": "hypergraph",
        "attention_contrast": "attention",
    }.get(term)
    return part_color(part, dark) if part else MUTED[dark] if term == "regularization" else INK[dark]


def _panel(figure: go.Figure, suffix: str, grid: tuple[int, int, int, int], caption: float, reach: float) -> None:
    """Place one panel; ``caption`` is the share of the plot's height that its text takes."""
    row, column, rows, across = grid
    gap = 0.06 if across > 1 else 0.0
    width, top, is_last = (1 - gap * (across - 1)) / across, 1 - row / rows, row == rows - 1
    left = column * (width + gap)
    across_axis = {"domain": [left, left + width], "range": [0, reach * 1.01], "nticks": 4, "zeroline": False}
    figure.layout[f"xaxis{suffix}"] = across_axis | {"anchor": f"y{suffix}", "showticklabels": is_last}
    bottom = top - 1 / rows + (0 if is_last else 0.04)
    figure.layout[f"yaxis{suffix}"] = {"domain": [bottom, top - caption], "anchor": f"x{suffix}", "showticklabels": False}


def _draw(figure: go.Figure, suffix: str, term: str, curves: dict[str, tuple[Curve, Curve]], turns: list[Turn], dark: bool) -> None:
    color, axes = term_color(term, dark), {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    (x, y), (fine_x, fine_y) = curves[term]
    every = np.concatenate([y, fine_y])
    if len(every):
        low, high = float(every.min()), float(every.max())
        room = 0.08 * ((high - low) or abs(high) or 1.0)
        figure.layout[f"yaxis{suffix}"].range = [low - room, high + room]
        draw_turns(figure, turns, (low - room, high + room), axes, dark)
    hover = f"epoch %{{x:.3~g}}<br>{safe(_name(term))} %{{y:.3g}}<extra></extra>"
    if len(fine_x):
        fine = {"color": color, "width": 1}
        figure.add_scatter(x=fine_x, y=fine_y, mode="lines", line=fine, opacity=0.35, hoverinfo="skip", name=f"{term}, steps", **axes)
    look = {"mode": "lines" if len(x) > 1 else "markers", "line": {"color": color, "width": 2}, "marker": {"color": color, "size": 7}}
    figure.add_scatter(x=x, y=y, hovertemplate=hover, name=term, **look, **axes)
    if term == "modality_contrast" and len(x) > 1:  # it pulls image and text together, so it wears both colours
        second = {"color": part_color("text", dark), "width": 2, "dash": "6px,6px"}
        figure.add_scatter(x=x, y=y, mode="lines", line=second, hoverinfo="skip", name=f"{term}, text", **axes)
    at = {"x": 0, "xref": f"x{suffix} domain", "xanchor": "left", "y": 1, "yref": f"y{suffix} domain", "yanchor": "bottom", "yshift": 3}
    figure.add_annotation(text=_caption(term, curves), align="left", font={"color": color, "size": TICK_SIZE}, **at)


def _caption(term: str, curves: dict[str, tuple[Curve, Curve]]) -> str:
    name, values = f"<b>{safe(_name(term))}</b>", _main(curves[term])[1]
    if not len(values):
        return name
    first, last = float(values[0]), float(values[-1])
    total = sum(abs(float(_main(pair)[1][-1])) for pair in curves.values() if len(_main(pair)[1]))
    if total and len(curves) > 1:
        name += f", {percent(abs(last) / total)}"
    if len(values) == 1:
        return f"{name}<br>{digits(last)}"
    moved = f" ({change(first, last)})" if first else ""
    return f"{name}<br>{before_after(first, last)}{moved}"
