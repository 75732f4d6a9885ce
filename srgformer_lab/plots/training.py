"""A training as it happens: the metric over epochs with the knobs that were turned, and every term of the loss on its own scale."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import (
    Number,
    before_after,
    counted,
    digits,
    knob_markup,
    knob_name,
    metric_name,
    metric_unit,
    metric_value,
    percent,
    safe,
    setting,
)
from srgformer_lab.plots.style import (
    FAINT,
    INK,
    MUTED,
    SURFACE,
    TALLEST,
    TICK_SIZE,
    empty_figure,
    knob_color,
    new_figure,
    part_color,
    plot_height,
    scale,
)

MOST_LEVELS = 3
LABEL_SHARE = 0.25
"""Share of the axis that one label may take, measured where the figure is 400 px wide."""


@dataclass(frozen=True)
class Turn:
    """One knob that was turned: when (in finished epochs), from what, to what."""

    at: float
    name: str
    before: float
    after: float

    @property
    def label(self) -> str:
        """Return symbol, before → after, ready for a figure."""
        return f"{knob_markup(self.name)} {setting(self.before)} → {setting(self.after)}"


def _turns_of(knob_changes: pd.DataFrame | None, within: float = 0.5) -> list[Turn]:
    """Return the changes in their order; several of one knob within half an epoch (a drag) become one, which may cancel out."""
    if knob_changes is None or not len(knob_changes):
        return []
    require(knob_changes, ["progress", "name", "before", "after"], "knob changes")
    merged: list[Turn] = []
    latest: dict[str, int] = {}
    for row in knob_changes.sort_values("progress", kind="stable").itertuples():
        turn = Turn(float(row.progress), str(row.name), float(row.before), float(row.after))  # type: ignore[arg-type]
        place = latest.get(turn.name)
        if place is not None and turn.at - merged[place].at <= within:
            merged[place] = Turn(merged[place].at, turn.name, merged[place].before, turn.after)
        else:
            latest[turn.name] = len(merged)
            merged.append(turn)
    return sorted((turn for turn in merged if turn.before != turn.after), key=lambda turn: turn.at)


def _draw_turns(figure: go.Figure, turns: list[Turn], bounds: tuple[float, float], axes: dict[str, str], dark: bool) -> None:
    """Draw a thin vertical line for each turn, all of one knob as one trace: a drawn shape each would take seconds for hundreds."""
    for name in dict.fromkeys(turn.name for turn in turns):
        at = np.array([turn.at for turn in turns if turn.name == name])
        x, y = np.repeat(at, 3).astype(np.float32), np.tile([*bounds, np.nan], len(at)).astype(np.float32)
        line = {"color": knob_color(name, dark), "width": 1, "dash": "2px,3px"}
        figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", name=f"{name} turned", **axes)


def _mark_turns(figure: go.Figure, turns: list[Turn], start: float, reach: float, x: np.ndarray, y: np.ndarray, dark: bool) -> int:
    """Mark each turn by a diamond on the curve and a label above the plot; return the rows of labels used.

    Labels that would cover one another move to the next row; where no row is free only the mark and its hover text stay.
    """
    width = LABEL_SHARE * ((reach - start) or 1.0)
    free, above = [-np.inf] * MOST_LEVELS, {"y": 1, "yref": "y domain", "yanchor": "bottom"}
    for turn in turns:
        left = min(max(turn.at - width / 2, start), reach - width)
        level = next((level for level in range(MOST_LEVELS) if free[level] <= left), None)
        if level is None:
            continue
        free[level] = left + width
        anchor = "left" if turn.at < start + width / 2 else "right" if turn.at > reach - width / 2 else "center"
        font = {"color": knob_color(turn.name, dark), "size": TICK_SIZE}
        figure.add_annotation(x=turn.at, yshift=2 + 15 * level, xanchor=anchor, text=turn.label, font=font, **above)
    if turns and len(x):
        at, colors = np.array([turn.at for turn in turns]), [knob_color(turn.name, dark) for turn in turns]
        marker = {"size": 10, "symbol": "diamond", "color": colors, "line": {"color": SURFACE[dark], "width": 1.5}}
        said = [f"{turn.label}<br>{safe(knob_name(turn.name))}, epoch {turn.at + 1:.0f}" for turn in turns]
        look = {"mode": "markers", "marker": marker, "text": said, "hovertemplate": "%{text}<extra></extra>", "name": "knobs"}
        figure.add_scatter(x=at.astype(np.float32), y=np.interp(at, x, y).astype(np.float32), **look)
    return sum(level > -np.inf for level in free)


MOST_POINTS = 400
"""Finer records are averaged to at most so many points: the page sends the figure again at every tick."""
FEW_EPOCHS = 6
"""Up to so many epochs, each has its own tick, and none stands between two."""


def learning_curves(
    history: pd.DataFrame,
    steps: pd.DataFrame | None = None,
    knob_changes: pd.DataFrame | None = None,
    metric: str = "recall@20",
    *,
    baseline: Mapping[str, Number] | None = None,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw a validation metric over the epochs, its best epoch filled, and each knob that was turned on the way.

    Epoch k stands at k, where it ends; ``progress`` counts finished epochs, so a knob turned within epoch k stands before it.

    Raises:
        DataError: ``history`` has rows but no column ``epoch`` or ``metric``, or the other frames lack ``progress``.
    """
    now, (factor, unit) = _progress(steps), metric_unit(metric)
    if len(history):
        require(history, ["epoch", metric], "learning curves")
    curve = history.dropna(subset=[metric]) if len(history) else history
    turns = _turns_of(knob_changes)
    if not len(curve):
        done = f" Epoch 1 is {percent(min(now, 1))} done." if 0 < now < 1 else ""
        return empty_figure("No epoch has finished yet", f"The first point appears when epoch 1 has been judged.{done}", dark)
    epoch, value = curve["epoch"].to_numpy(float), curve[metric].to_numpy(float)
    best = int(np.argmax(value))
    figure = new_figure(_curve_finding(metric, epoch, value, best), _curve_hint(turns) if hint is None else hint, dark, right=18)
    reach = max(float(epoch[-1]), now, *(turn.at for turn in turns), float(epoch[0]) + 1)
    low, high = _metric_range(value, baseline)
    _draw_turns(figure, turns, (low, high), {}, dark)
    x, y, written = (values.astype(np.float32) for values in (epoch, value, factor * value))
    hover = f"epoch %{{x:.0f}}<br>{safe(metric_name(metric))} %{{customdata:.3g}}{unit}<extra></extra>"
    look = {"line": {"color": INK[dark], "width": 2}, "marker": {"size": 5 if len(epoch) < 40 else 0.1, "color": INK[dark]}}
    figure.add_scatter(x=x, y=y, customdata=written, mode="lines+markers", hovertemplate=hover, name=metric, **look)
    start = min(float(epoch[0]), 0.0 if now or turns else float(epoch[0]))
    levels = _mark_turns(figure, turns, start, reach, epoch, value, dark)
    ends, few = [start - 0.01 * (reach - start), reach + 0.03 * (reach - start)], {"dtick": 1} if reach - start <= FEW_EPOCHS else {}
    figure.update_xaxes(range=ends, title_text="epoch", zeroline=False, nticks=6, **few)
    scale(figure.layout.yaxis, (low, high), 0, (factor, unit), domain=[0, 1 - (0.02 + 0.085 * levels)])
    _mark_best(figure, metric, (epoch, value, best), (start, reach), dark)
    for label, level in (baseline or {}).items():
        figure.add_hline(y=float(level), line={"color": FAINT[dark], "width": 1, "dash": "dot"})
        words = {"text": f"{safe(label)} {metric_value(metric, level)}", "font": {"size": TICK_SIZE, "color": MUTED[dark]}}
        figure.add_annotation(x=0, xref="paper", xshift=4, y=float(level), yshift=8, xanchor="left", **words)
    return figure


def _curve_finding(metric: str, epoch: np.ndarray, value: np.ndarray, best: int) -> str:
    name, top = metric_name(metric), metric_value(metric, value[best])
    since = int(epoch[-1] - epoch[best])
    if len(epoch) == 1:
        return f"{name} starts at {top} after epoch {epoch[0]:.0f}"
    if since == 0:
        return f"{name} still rises: {top} at epoch {epoch[best]:.0f}"
    return f"{name} was best at epoch {epoch[best]:.0f}: {top}, not beaten in {counted(since, 'epoch')} since"


def _curve_hint(turns: list[Turn]) -> str:
    if not turns:
        return "Turn a knob while a model trains: a mark stands there, and the curve shows what came of it."
    return "Each mark is a knob that was turned. Turn one back and see whether the curve follows."


def _metric_range(value: np.ndarray, baseline: Mapping[str, Number] | None) -> tuple[float, float]:
    every = np.concatenate([value, [float(level) for level in (baseline or {}).values()]])
    low, high = float(every.min()), float(every.max())
    room = (high - low) or abs(high) or 1.0
    return (0.0 if 0 <= low < 0.6 * high else low - 0.08 * room), high + 0.16 * room


def _mark_best(figure: go.Figure, metric: str, curve: tuple[np.ndarray, np.ndarray, int], span: tuple[float, float], dark: bool) -> None:
    (epoch, value, best), (start, reach) = curve, span
    x, y = float(epoch[best]), float(value[best])
    place = (x - start) / ((reach - start) or 1)
    anchor = "right" if place > 0.8 else "left" if place < 0.15 else "center"
    figure.add_scatter(x=[x], y=[y], mode="markers", marker={"size": 10, "color": INK[dark]}, hoverinfo="skip", name="best")
    label = metric_value(metric, y)
    label = f"best {label}" if best < len(epoch) - 1 else label
    figure.add_annotation(x=x, y=y, yshift=14, text=f"<b>{label}</b>", xanchor=anchor)
    if best < len(epoch) - 1:
        ring = {"size": 9, "symbol": "circle-open", "color": INK[dark], "line": {"width": 2}}
        figure.add_scatter(x=[epoch[-1]], y=[value[-1]], mode="markers", marker=ring, hoverinfo="skip")
        if epoch[-1] - x > 0.22 * (reach - start):
            words = {"text": f"last {metric_value(metric, value[-1])}", "font": {"color": MUTED[dark]}}
            figure.add_annotation(x=epoch[-1], y=value[-1], yshift=-14, xanchor="right", **words)


def _progress(steps: pd.DataFrame | None) -> float:
    if steps is None or not len(steps):
        return 0.0
    require(steps, ["progress"], "steps of the training")
    return float(steps["progress"].max())


def thin(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Average neighbouring points so that at most so many remain; gaps (NaN) don't count."""
    kept = np.isfinite(y)
    x, y = x[kept], y[kept]
    if len(x) > most:
        edges = np.linspace(0, len(x), most + 1).astype(int)[:-1]
        sizes = np.diff([*edges, len(x)])
        x, y = np.add.reduceat(x, edges) / sizes, np.add.reduceat(y, edges) / sizes
    return x.astype(np.float32), y.astype(np.float32)


PREFIX = "loss."
FIRST_TERMS = ("ranking", "regularization", "hypergraph_contrast", "modality_contrast")
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
    turns = _turns_of(knob_changes)
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
    """Return a term's epoch means and its steps, each as (finished epochs, value)."""
    column, nothing = PREFIX + term, (np.empty(0, np.float32), np.empty(0, np.float32))
    means = thin(history["epoch"].to_numpy(float), history[column].to_numpy(float)) if len(history) else nothing
    fine = thin(finer["progress"].to_numpy(float), finer[column].to_numpy(float)) if len(finer) and column in finer else nothing
    return means, fine


def _main(pair: tuple[Curve, Curve]) -> Curve:
    return pair[0] if len(pair[0][0]) > 1 else pair[1] if len(pair[1][0]) else pair[0]


def _finding(curves: dict[str, tuple[Curve, Curve]]) -> str:
    last = {term: float(_main(pair)[1][-1]) for term, pair in curves.items() if len(_main(pair)[1])}
    if not last or not (total := sum(last.values())):
        return "All terms of the loss are zero"
    largest = max(last, key=lambda term: last[term])
    y = _main(curves[largest])[1]
    way = f" and {'fell' if y[-1] < y[0] else 'rose'} by {percent(abs(y[-1] / y[0] - 1))}" if len(y) > 1 and y[0] and y[-1] != y[0] else ""
    share = f"makes {percent(last[largest] / total)} of the loss" if len(last) > 1 else f"is {digits(last[largest])}"
    return f"{_name(largest).capitalize()} {share}{way}"


def _name(term: str) -> str:
    return term.replace("_", " ")


def term_color(term: str, dark: bool = False) -> str:
    """Return a term's colour: that of the part which it shapes."""
    part = {"hypergraph_contrast": "hypergraph", "modality_contrast": "image"}.get(term)
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
        _draw_turns(figure, turns, (low - room, high + room), axes, dark)
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
    """Name a term, its share of the whole loss, and its way from the first value to the last."""
    name, values = f"<b>{safe(_name(term))}</b>", _main(curves[term])[1]
    if not len(values):
        return name
    first, last = float(values[0]), float(values[-1])
    total = sum(float(_main(pair)[1][-1]) for pair in curves.values() if len(_main(pair)[1]))
    if total and len(curves) > 1:
        name += f", {percent(last / total)}"
    if len(values) == 1:
        return f"{name}<br>{digits(last)}"
    moved = f" ({'−' if last < first else '+'}{percent(abs(last / first - 1))})" if first else ""
    return f"{name}<br>{before_after(first, last)}{moved}"
