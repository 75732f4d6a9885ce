"""What the scales of a trained model do: a metric over α × β, and one user's list before and after."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.language import (
    INK,
    SINGLE_SCALE,
    SURFACE,
    TIED,
    Number,
    metric_name,
    metric_unit,
    metric_value,
    part_color,
    require,
    setting,
)
from srgformer_lab.plots.template import TEXT_SIZE, color_bar, new_figure

Point = tuple[Number, Number]
LABEL_PAPER = ("rgba(255,255,255,0.86)", "rgba(24,28,26,0.8)")
AXES = ("attention_scale", "hypergraph_scale")


def metric_heatmap(
    frame: pd.DataFrame,
    metric: str = "recall@20",
    trained: Point | None = None,
    current: Point | None = None,
    *,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw a metric over α × β: a hollow mark where the model was trained, a filled one where the knobs stand now.

    Values between the grid's points are interpolated linearly and marked with ≈.

    Raises:
        DataError: A column is missing, a point of the grid is missing or stands twice, or the grid is empty.
    """
    grid = _grid(frame)
    figure = new_figure(
        _surface_finding(grid, metric, trained),
        "Move α or β: the filled mark follows, the hollow one stays where the model was trained." if hint is None else hint,
        dark,
        left=58,
        right=64,
        bottom=44,
    )
    values, (factor, unit) = grid.to_numpy(np.float32), metric_unit(metric)
    figure.add_heatmap(
        x=grid.columns.to_numpy(np.float32),
        y=grid.index.to_numpy(np.float32),
        z=values,
        customdata=factor * values,
        colorscale=[list(stop) for stop in SINGLE_SCALE[dark]],
        hovertemplate=f"α %{{x:.3~g}}, β %{{y:.3~g}}<br>{metric_name(metric)} %{{customdata:.3g}}{unit}<extra></extra>",
        colorbar=_color_bar(values, metric),
    )
    for axis, part, symbol in ((figure.layout.xaxis, "attention", "α"), (figure.layout.yaxis, "hypergraph", "β")):
        axis.update(title={"text": f"<b>{symbol}</b> {part}", "font": {"color": part_color(part, dark)}}, zeroline=False, nticks=6)
    _mark_points(figure, grid, metric, (trained, current), dark)
    return figure


def _grid(frame: pd.DataFrame) -> pd.DataFrame:
    require(frame, [*AXES, "value"], "metric surface")
    if not len(frame) or frame.duplicated(list(AXES)).any():
        raise DataError(f"metric surface: {len(frame)} rows; give each pair of {AXES[0]} and {AXES[1]} exactly once")
    grid = frame.pivot(index=AXES[1], columns=AXES[0], values="value").sort_index().sort_index(axis=1)
    if grid.isna().any(axis=None):
        row, column = np.argwhere(grid.isna().to_numpy())[0]
        raise DataError(f"metric surface: there is no value at α={grid.columns[column]:g}, β={grid.index[row]:g}; give the whole grid")
    return grid


def at(grid: pd.DataFrame, point: Point) -> float:
    """Interpolate a grid (rows β, columns α) linearly at (α, β); outside it, the nearest edge counts."""
    along = [np.interp(float(point[0]), grid.columns.to_numpy(float), row) for row in grid.to_numpy(float)]
    return float(np.interp(float(point[1]), grid.index.to_numpy(float), along))


def _on_grid(grid: pd.DataFrame, point: Point) -> bool:
    return bool(
        np.isclose(grid.columns.to_numpy(float), float(point[0])).any() and np.isclose(grid.index.to_numpy(float), float(point[1])).any()
    )


def _best(grid: pd.DataFrame) -> Point:
    row, column = np.unravel_index(int(np.argmax(grid.to_numpy())), grid.shape)
    return float(grid.columns[column]), float(grid.index[row])


def _surface_finding(grid: pd.DataFrame, metric: str, trained: Point | None) -> str:
    best, name = _best(grid), metric_name(metric)
    top, where = at(grid, best), f"α{TIED}={TIED}{setting(best[0])}, β{TIED}={TIED}{setting(best[1])}"
    if trained is None:
        return f"{name} is best at {where}: {metric_value(metric, top)}"
    there = at(grid, trained)
    if top <= there * (1 + 5e-4):
        return f"No α, β beats the trained point: {name} {metric_value(metric, there)}"
    if metric_value(metric, top) == metric_value(metric, there):
        return f"No α, β clearly beats the trained point: {name} {metric_value(metric, there)}"
    return f"{where} would give {name} {metric_value(metric, top)} instead of {metric_value(metric, there)}"


def _color_bar(values: np.ndarray, metric: str) -> dict:
    low, high = float(values.min()), float(values.max())
    ticks = [low, (low + high) / 2, high] if high > low else [high]
    return color_bar(ticks, [metric_value(metric, tick) for tick in ticks])


def _mark_points(figure: go.Figure, grid: pd.DataFrame, metric: str, points: tuple[Point | None, Point | None], dark: bool) -> None:
    """Mark best, trained and current point; a ring in two tones stays visible on every shade."""
    best, (trained, current) = _best(grid), points
    ink, halo = INK[0], SURFACE[0]
    _dot(figure, best, "x-thin", 8, {"line": {"width": 4, "color": halo}})
    _dot(figure, best, "x-thin", 8, {"line": {"width": 2, "color": ink}})
    if trained is not None:
        _dot(figure, trained, "circle-open", 17, {"line": {"width": 5, "color": halo}, "color": halo})
        _dot(figure, trained, "circle-open", 17, {"line": {"width": 2, "color": ink}, "color": ink})
    if current is not None:
        _dot(figure, current, "circle", 11, {"color": ink, "line": {"width": 2, "color": halo}})
    named: dict[tuple[float, float], list[str]] = {}
    for word, point in (("now", current), ("trained", trained), ("best", best)):
        if point is not None:
            named.setdefault((round(float(point[0]), 9), round(float(point[1]), 9)), []).append(word)
    span_x = float(grid.columns.max()) - float(grid.columns.min()) or 1.0
    span_y = float(grid.index.max()) - float(grid.index.min()) or 1.0
    taken: list[tuple[float, float]] = []
    for point, words in named.items():
        x, y = (point[0] - float(grid.columns.min())) / span_x, (point[1] - float(grid.index.min())) / span_y
        lift = _lift(x, y, taken)
        taken.append((x, y + lift / 220))
        about = "" if _on_grid(grid, point) else "≈ "
        figure.add_annotation(
            x=point[0],
            y=point[1],
            text=f"<b>{' = '.join(words)}</b> {about}{metric_value(metric, at(grid, point))}",
            yshift=lift,
            xanchor="left" if x < 0.2 else "right" if x > 0.8 else "center",
            bgcolor=LABEL_PAPER[dark],
            borderpad=2,
            font={"size": TEXT_SIZE - 1, "color": INK[dark]},
        )


def _lift(x: float, y: float, taken: list[tuple[float, float]]) -> int:
    """Find how far above or below its point a label stands so that it covers no other; 220 px is the plot's least height."""
    for lift in (20, -20, 42, -42, 64, -64):
        inside = -0.02 <= y + lift / 220 <= 1.02
        if inside and all(abs(x - other) > 0.42 or abs(y + lift / 220 - height) > 0.085 for other, height in taken):
            return lift
    return 20


def _dot(figure: go.Figure, point: Point, symbol: str, size: int, style: dict) -> None:
    figure.add_scatter(
        x=[float(point[0])],
        y=[float(point[1])],
        mode="markers",
        marker={"symbol": symbol, "size": size, **style},
        hoverinfo="skip",
        cliponaxis=False,
    )
