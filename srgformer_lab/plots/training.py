"""A training as it happens: the metric over epochs with the knobs that were turned, and every term of the loss on its own."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.language import (
    FAINT,
    INK,
    MUTED,
    Number,
    counted,
    metric_name,
    metric_unit,
    metric_value,
    percent,
    require,
    safe,
    setting,
    ticks,
)
from srgformer_lab.plots.template import TICK_SIZE, empty_figure, new_figure
from srgformer_lab.plots.turns import Turn, draw_turns, mark_turns, turns_of

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
    marker = {"size": 5 if len(epoch) < 40 else 0.1, "color": INK[dark]}
    hover = f"epoch %{{x:.0f}}<br>{safe(metric_name(metric))} %{{customdata:.3g}}{unit}<extra></extra>"
    figure.add_scatter(
        x=epoch.astype(np.float32),
        y=value.astype(np.float32),
        customdata=(factor * value).astype(np.float32),
        mode="lines+markers",
        line={"color": INK[dark], "width": 2},
        marker=marker,
        hovertemplate=hover,
        name=metric,
    )
    start = min(float(epoch[0]), 0.0 if now or turns else float(epoch[0]))
    levels = mark_turns(figure, turns, start, reach, epoch, value, dark)
    places = ticks(low, high)
    headroom = 0.02 + 0.085 * levels
    figure.update_xaxes(
        range=[start - 0.01 * (reach - start), reach + 0.03 * (reach - start)], title_text="epoch", zeroline=False, nticks=6
    )
    if reach - start <= FEW_EPOCHS:
        figure.update_xaxes(dtick=1)
    figure.update_yaxes(
        range=[low, high], domain=[0, 1 - headroom], tickvals=places, ticktext=[setting(factor * place) + unit for place in places]
    )
    _mark_best(figure, metric, (epoch, value, best), (start, reach), dark)
    for label, level in (baseline or {}).items():
        figure.add_hline(y=float(level), line={"color": FAINT[dark], "width": 1, "dash": "dot"})
        text = f"{safe(label)} {metric_value(metric, level)}"
        figure.add_annotation(
            x=0, xref="paper", xshift=4, y=float(level), yshift=8, text=text, xanchor="left", font={"size": TICK_SIZE, "color": MUTED[dark]}
        )
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
        figure.add_scatter(
            x=[epoch[-1]],
            y=[value[-1]],
            mode="markers",
            marker={"size": 9, "symbol": "circle-open", "color": INK[dark], "line": {"width": 2}},
            hoverinfo="skip",
        )
        if epoch[-1] - x > 0.22 * (reach - start):
            figure.add_annotation(
                x=epoch[-1],
                y=value[-1],
                yshift=-14,
                text=f"last {metric_value(metric, value[-1])}",
                xanchor="right",
                font={"color": MUTED[dark]},
            )


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
