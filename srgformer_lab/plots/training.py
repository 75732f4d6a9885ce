"""A training as it happens: the metric over epochs, with the knobs that were turned on the way."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.drawing import empty_figure, new_figure, scale
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import counted, knob_markup, knob_name, metric_name, metric_unit, metric_value, percent, safe, setting
from srgformer_lab.plots.style import FAINT, INK, LABEL_PAPER, MUTED, SURFACE, TICK_SIZE, knob_color

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


def turns_of(knob_changes: pd.DataFrame | None, within: float = 0.5) -> list[Turn]:
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


def draw_turns(figure: go.Figure, turns: list[Turn], bounds: tuple[float, float], axes: dict[str, str], dark: bool) -> None:
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
    free, named = [-np.inf] * MOST_LEVELS, []
    above = {"y": 1, "yref": "y domain", "yanchor": "bottom"}
    for turn in turns:
        left = min(max(turn.at - width / 2, start), reach - width)
        level = next((level for level in range(MOST_LEVELS) if free[level] <= left), None)
        if level is None:
            continue
        free[level] = left + width
        named.append(turn)
        anchor = "left" if turn.at < start + width / 2 else "right" if turn.at > reach - width / 2 else "center"
        font = {"color": knob_color(turn.name, dark), "size": TICK_SIZE}
        figure.add_annotation(x=turn.at, yshift=2 + 15 * level, xanchor=anchor, text=turn.label, font=font, **above)
    if turns and len(x):
        at, colors = np.array([turn.at for turn in turns]), [knob_color(turn.name, dark) for turn in turns]
        marker = {"size": 10, "symbol": "diamond", "color": colors, "line": {"color": SURFACE[dark], "width": 1.5}}
        said = [f"{turn.label}<br>{safe(knob_name(turn.name))}, epoch {turn.at + 1:.0f}" for turn in turns]
        look = {"mode": "markers", "marker": marker, "text": said, "hovertemplate": "%{text}<extra></extra>", "name": "knobs"}
        figure.add_scatter(x=at.astype(np.float32), y=np.interp(at, x, y).astype(np.float32), **look)
    used = sum(level > -np.inf for level in free)
    if unnamed := len(turns) - sum(1 for turn in turns if turn in named):
        font = {"color": MUTED[dark], "size": TICK_SIZE}
        figure.add_annotation(
            x=reach, yshift=2 + 15 * used, xanchor="right", text=f"and {counted(unnamed, 'mark')} more: point at it", font=font, **above
        )
        used += 1
    return used


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
    baseline: Mapping[str, float] | None = None,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw a validation metric over the epochs, its best epoch filled, and each knob that was turned on the way.

    Epoch k stands at k, where it ends; ``progress`` counts finished epochs, so a knob turned within epoch k stands before it.

    Args:
        history: ``epoch`` (from 1) and the column ``metric``; a row for each epoch that is over.
        steps: ``progress`` in epochs, finer than ``history``: how far the training is.
        knob_changes: ``progress``, ``name``, ``before``, ``after``; a row for each change.
        metric: The column to draw, in 0…1.
        baseline: Names and values of levels to beat.

    Raises:
        DataError: ``history`` has rows but no column ``epoch`` or ``metric``, or the other frames lack ``progress``.
    """
    now, (factor, unit) = _progress(steps), metric_unit(metric)
    if len(history):
        require(history, ["epoch", metric], "learning curves")
    curve = history.dropna(subset=[metric]) if len(history) else history
    turns = turns_of(knob_changes)
    if not len(curve):
        done = f" Epoch 1 is {percent(min(now, 1))} done." if 0 < now < 1 else ""
        return empty_figure("No epoch has finished yet", f"The first point appears when epoch 1 has been judged.{done}", dark)
    epoch, value = curve["epoch"].to_numpy(float), curve[metric].to_numpy(float)
    best = int(np.argmax(value))
    figure = new_figure(_curve_finding(metric, epoch, value, best), _curve_hint(turns) if hint is None else hint, dark, right=18)
    reach = max(float(epoch[-1]), now, *(turn.at for turn in turns), float(epoch[0]) + 1)
    low, high = _metric_range(value, baseline)
    draw_turns(figure, turns, (low, high), {}, dark)
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


def _metric_range(value: np.ndarray, baseline: Mapping[str, float] | None) -> tuple[float, float]:
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
            words = {"text": f"last {metric_value(metric, value[-1])}", "font": {"color": MUTED[dark]}, "bgcolor": LABEL_PAPER[dark]}
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
