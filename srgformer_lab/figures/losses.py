"""The terms of the loss as small multiples: each on its own scale, because they differ by orders of magnitude."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.figures.language import INK, MUTED, digits, part_color, percent, require, safe
from srgformer_lab.figures.template import TICK_SIZE, empty_figure, new_figure
from srgformer_lab.figures.training import elapsed, thin
from srgformer_lab.figures.turns import Turn, turns_of

PREFIX = "loss."
FIRST_TERMS = ("ranking", "regularization", "hypergraph_contrast", "modality_contrast")
BAND = 0.3
"""Share of a panel's height that its two lines of text take."""


def loss_terms(
    history: pd.DataFrame,
    steps: pd.DataFrame | None = None,
    knob_changes: pd.DataFrame | None = None,
    *,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw every term of the loss, already weighed, in a panel of its own: epoch means, and the finer steps behind them.

    Raises:
        DataError: Neither frame has a column ``loss.<term>``, or one lacks ``epoch`` or ``progress``.
    """
    finer = steps if steps is not None else pd.DataFrame()
    if not len(history) and not len(finer):
        return empty_figure("Nothing has been learned yet", "The terms of the loss appear with the first steps.", dark)
    columns = list(history.columns) if len(history) else list(finer.columns)
    terms = _order([str(name)[len(PREFIX) :] for name in columns if str(name).startswith(PREFIX)])
    require(history if len(history) else finer, ["epoch" if len(history) else "progress", *([] if terms else [f"{PREFIX}ranking"])], "loss terms")
    if len(finer):
        require(finer, ["progress"], "steps of the training")
    curves = {term: _curve(history, finer, term) for term in terms}
    figure = new_figure(_finding(curves), "Each term has its own scale: compare shapes, not heights." if hint is None else hint, dark, left=44, bottom=26)
    rows, across = -(-len(terms) // 2), min(2, len(terms))
    turns = turns_of(knob_changes)
    reach = max([1.0, *(float(x[-1]) for pair in curves.values() for x, _ in pair if len(x))])
    for place, term in enumerate(terms):
        row, column = divmod(place, 2)
        _panel(figure, place, (row, column, rows, across), reach, dark)
        _draw(figure, place, term, curves, turns, dark)
    return figure


Curve = tuple[np.ndarray, np.ndarray]


def _order(terms: list[str]) -> list[str]:
    return [term for term in FIRST_TERMS if term in terms] + [term for term in terms if term not in FIRST_TERMS]


def _curve(history: pd.DataFrame, finer: pd.DataFrame, term: str) -> tuple[Curve, Curve]:
    """Give a term's epoch means and its steps, each as (finished epochs, value)."""
    column, nothing = PREFIX + term, (np.empty(0, np.float32), np.empty(0, np.float32))
    means = thin(history["epoch"].to_numpy(float), history[column].to_numpy(float)) if len(history) else nothing
    fine = thin(elapsed(finer["progress"]), finer[column].to_numpy(float)) if len(finer) and column in finer else nothing
    return means, fine


def _main(pair: tuple[Curve, Curve]) -> Curve:
    return pair[0] if len(pair[0][0]) > 1 else pair[1] if len(pair[1][0]) else pair[0]


def _finding(curves: dict[str, tuple[Curve, Curve]]) -> str:
    last = {term: float(_main(pair)[1][-1]) for term, pair in curves.items() if len(_main(pair)[1])}
    if not last or not (total := sum(last.values())):
        return "All terms of the loss are zero"
    largest = max(last, key=lambda term: last[term])
    y = _main(curves[largest])[1]
    change = f" and {'fell' if y[-1] < y[0] else 'rose'} by {percent(abs(y[-1] / y[0] - 1))}" if len(y) > 1 and y[0] and y[-1] != y[0] else ""
    share = f"makes {percent(last[largest] / total)} of the loss" if len(last) > 1 else f"is {digits(last[largest])}"
    return f"{_name(largest).capitalize()} {share}{change}"


def _name(term: str) -> str:
    return term.replace("_", " ")


def term_color(term: str, dark: bool = False) -> str:
    """Give a term's colour: that of the part which it shapes."""
    part = {"hypergraph_contrast": "hypergraph", "modality_contrast": "image"}.get(term)
    return part_color(part, dark) if part else MUTED[dark] if term == "regularization" else INK[dark]


def _panel(figure: go.Figure, place: int, grid: tuple[int, int, int, int], reach: float, dark: bool) -> None:
    row, column, rows, across = grid
    gap = 0.16 if across > 1 else 0.0
    width, height = (1 - gap * (across - 1)) / across, 1 / rows
    x0, top = column * (width + gap), 1 - row * height
    bottom = top - height * (1 - (0.08 if row < rows - 1 else 0))
    suffix = "" if place == 0 else str(place + 1)
    figure.layout[f"xaxis{suffix}"] = {
        "domain": [x0, x0 + width],
        "anchor": f"y{suffix}",
        "range": [0, reach * 1.01],
        "nticks": 4,
        "zeroline": False,
        "showticklabels": row == rows - 1,
        "ticksuffix": "",
    }
    figure.layout[f"yaxis{suffix}"] = {"domain": [bottom, top - BAND * height], "anchor": f"x{suffix}"}


def _draw(figure: go.Figure, place: int, term: str, curves: dict[str, tuple[Curve, Curve]], turns: list[Turn], dark: bool) -> None:
    suffix, color = "" if place == 0 else str(place + 1), term_color(term, dark)
    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    (x, y), (fine_x, fine_y) = curves[term]
    hover = f"epoch %{{x:.3~g}}<br>{safe(_name(term))} %{{y:.3g}}<extra></extra>"
    if len(fine_x):
        figure.add_scatter(x=fine_x, y=fine_y, mode="lines", line={"color": color, "width": 1}, opacity=0.35, hoverinfo="skip", **axes)
    mode = "lines" if len(x) > 1 else "markers"
    figure.add_scatter(x=x, y=y, mode=mode, line={"color": color, "width": 2}, marker={"color": color, "size": 7}, hovertemplate=hover, name=term, **axes)
    if term == "modality_contrast" and len(x) > 1:  # it pulls image and text together, so it wears both colours
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": part_color("text", dark), "width": 2, "dash": "5px,5px"}, hoverinfo="skip", **axes
        )
    for turn in turns:
        figure.add_shape(
            type="line", x0=turn.at, x1=turn.at, y0=0, y1=1, xref=f"x{suffix}", yref=f"y{suffix} domain", line={"color": MUTED[dark], "width": 1, "dash": "dot"}
        )
    _scale(figure, suffix, np.concatenate([y, fine_y]))
    now = _main(curves[term])[1]
    total = sum(float(_main(pair)[1][-1]) for pair in curves.values() if len(_main(pair)[1]))
    text = [f"<b>{safe(_name(term))}</b>"]
    if len(now):
        change = f", {'−' if now[-1] < now[0] else '+'}{percent(abs(now[-1] / now[0] - 1))}" if len(now) > 1 and now[0] else ""
        share = f", {percent(now[-1] / total)} of all" if total and len(curves) > 1 else ""
        text.append(f"{digits(now[-1])}{change}{share}")
    figure.add_annotation(
        text="<br>".join(text), x=0, xref=f"x{suffix} domain", xanchor="left", y=1, yref=f"y{suffix} domain", yanchor="bottom", yshift=3, align="left", font={"color": color, "size": TICK_SIZE}
    )


def _scale(figure: go.Figure, suffix: str, values: np.ndarray) -> None:
    """Give the panel a range of its own and two ticks, its lowest and its highest value."""
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    room = 0.08 * ((high - low) or abs(high) or 1.0)
    ticks = [low, high] if high - low > 1e-9 * max(abs(high), 1e-30) else [high]
    figure.layout[f"yaxis{suffix}"].update(range=[low - room, high + room], tickvals=ticks, ticktext=[digits(tick) for tick in ticks])
