"""A metric over two knobs: those of a trained model as a surface, those that need training as a grid of runs."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import cell_inks, color_bar, heatmap, new_figure, write_cells
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import (
    digits,
    knob_at,
    knob_markup,
    knob_name,
    knob_symbol,
    metric_name,
    metric_unit,
    metric_value,
    safe,
    setting,
)
from srgformer_lab.plots.style import INK, LABEL_PAPER, MUTED, SINGLE_SCALE, SURFACE, TEXT_SIZE, TICK_SIZE, knob_color, part_color
from srgformer_lab.plots.texts import first_that_fits

Point = tuple[float, float]
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
    text = "Move α or β: the filled mark follows, the hollow one stays where the model was trained." if hint is None else hint
    figure = new_figure(_surface_finding(grid, metric, trained), text, dark, left=58, right=64, bottom=44)
    values, (factor, unit) = grid.to_numpy(np.float32), metric_unit(metric)
    low, high = float(values.min()), float(values.max())
    places = [low, (low + high) / 2, high] if high > low else [high]
    at = {"x": grid.columns.to_numpy(np.float32), "y": grid.index.to_numpy(np.float32), "customdata": factor * values}
    hover = f"α %{{x:.3~g}}, β %{{y:.3~g}}<br>{metric_name(metric)} %{{customdata:.3g}}{unit}<extra></extra>"
    bar = color_bar(places, [metric_value(metric, place) for place in places])
    heatmap(figure, values, SINGLE_SCALE[dark], low, high, hovertemplate=hover, **at, **bar)
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


def _at(grid: pd.DataFrame, point: Point) -> float:
    """Interpolate a grid (rows β, columns α) linearly at (α, β); outside it, the nearest edge counts."""
    along = [np.interp(float(point[0]), grid.columns.to_numpy(float), row) for row in grid.to_numpy(float)]
    return float(np.interp(float(point[1]), grid.index.to_numpy(float), along))


def _on_grid(grid: pd.DataFrame, point: Point) -> bool:
    axes = (grid.columns.to_numpy(float), grid.index.to_numpy(float))
    return all(np.isclose(axis, float(place)).any() for axis, place in zip(axes, point, strict=True))


def _within(grid: pd.DataFrame, point: Point) -> bool:
    axes = (grid.columns.to_numpy(float), grid.index.to_numpy(float))
    return all(axis.min() <= float(place) <= axis.max() for axis, place in zip(axes, point, strict=True))


def _best(grid: pd.DataFrame) -> Point:
    row, column = np.unravel_index(int(np.argmax(grid.to_numpy())), grid.shape)
    return float(grid.columns[column]), float(grid.index[row])


def _surface_finding(grid: pd.DataFrame, metric: str, trained: Point | None) -> str:
    best, name = _best(grid), metric_name(metric)
    top, where = _at(grid, best), f"{knob_at('α', best[0])}, {knob_at('β', best[1])}"
    if trained is None:
        return f"{name} is best at {where}: {metric_value(metric, top)}"
    there = _at(grid, trained)
    if top <= there * (1 + 5e-4):
        return f"No α, β beats the trained point: {name} {metric_value(metric, there)}"
    if metric_value(metric, top) == metric_value(metric, there):
        return f"No α, β clearly beats the trained point: {name} {metric_value(metric, there)}"
    return f"{where} would give {name} {metric_value(metric, top)} instead of {metric_value(metric, there)}"


def _mark_points(figure: go.Figure, grid: pd.DataFrame, metric: str, points: tuple[Point | None, Point | None], dark: bool) -> None:
    """Mark best, trained and current point; a ring in two tones stays visible on every shade."""
    best, (trained, current) = _best(grid), points
    ink, halo = INK[0], SURFACE[0]
    _dot(figure, best, "x-thin", 8, {"line": {"width": 4, "color": halo}})
    _dot(figure, best, "x-thin", 8, {"line": {"width": 2, "color": ink}})
    if trained is not None:
        _dot(figure, trained, "circle-open", 17, {"line": {"width": 5, "color": halo}, "color": halo})
        _dot(figure, trained, "circle-open", 17, {"line": {"width": 2, "color": ink}, "color": ink})
    if current is not None and not _within(grid, current):
        words = {"text": f"now outside this map: {knob_at('α', current[0])}, {knob_at('β', current[1])}", "bgcolor": LABEL_PAPER[dark]}
        figure.add_annotation(x=1, xref="paper", y=1, yref="paper", xanchor="right", yanchor="top", **words)
        current = None
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
        text = f"<b>{' = '.join(words)}</b> {about}{metric_value(metric, _at(grid, point))}"
        look = {"bgcolor": LABEL_PAPER[dark], "borderpad": 2, "font": {"size": TEXT_SIZE - 1, "color": INK[dark]}}
        anchor = "left" if x < 0.2 else "right" if x > 0.8 else "center"
        figure.add_annotation(x=point[0], y=point[1], text=text, yshift=lift, xanchor=anchor, **look)


def _lift(x: float, y: float, taken: list[tuple[float, float]]) -> int:
    """Find how far above or below its point a label stands so that it covers no other; 220 px is the plot's least height."""
    for lift in (20, -20, 42, -42, 64, -64):
        inside = -0.02 <= y + lift / 220 <= 1.02
        if inside and all(abs(x - other) > 0.42 or abs(y + lift / 220 - height) > 0.085 for other, height in taken):
            return lift
    return 20


def _dot(figure: go.Figure, point: Point, symbol: str, size: int, style: dict) -> None:
    at, marker = {"x": [float(point[0])], "y": [float(point[1])]}, {"symbol": symbol, "size": size, **style}
    figure.add_scatter(mode="markers", marker=marker, hoverinfo="skip", cliponaxis=False, **at)


WAITING = ("queued", "running")
MISSING = "missing"


def knob_grid(
    frame: pd.DataFrame,
    knobs: tuple[str, str] = ("modality_contrast_weight", "contrast_temperature"),
    metric: str = "recall@20",
    loaded: Point | None = None,
    chosen: Point | None = None,
    *,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw runs over two knobs, values equally spaced: a filled cell with its metric, a hollow one on its way, a dot where none is.

    A dashed frame marks the run that is loaded, a solid one the point that is looked at.

    Args:
        frame: The two knobs, ``state`` (``missing``, ``queued``, ``running``; any other is over) and ``value``, each pair once.
        knobs: The knob of the rows and that of the columns.
        metric: What ``value`` is.
        loaded: Where the loaded run stands, as (row, column).
        chosen: Where one looks.

    Raises:
        DataError: A column is missing, the frame is empty, or a pair stands twice.
    """
    require(frame, [*knobs, "state", "value"], "knob grid")
    if not len(frame) or frame.duplicated(list(knobs)).any():
        raise DataError(f"knob grid: {len(frame)} rows; give each pair of {knobs[0]} and {knobs[1]} exactly once")
    table = frame.pivot(index=knobs[0], columns=knobs[1], values="value").sort_index().sort_index(axis=1)
    states = frame.pivot(index=knobs[0], columns=knobs[1], values="state").reindex_like(table).fillna(MISSING).to_numpy(str)
    is_done = ~np.isin(states, (*WAITING, MISSING)) & table.notna().to_numpy()
    values = np.where(is_done, table.to_numpy(float), np.nan)
    text = "Dashed: the loaded run. Solid: where the knobs stand. One run each, so a small difference may be chance."
    figure = new_figure(_finding(values, table, knobs, metric, loaded), text if hint is None else hint, dark, left=66, right=16, bottom=46)
    done = values[is_done]
    low, high = (float(done.min()), float(done.max())) if done.size else (0.0, 1.0)
    room = (high - low) or 1.0  # the lightest shades stay free, so that the worst cell is still seen as a cell
    darkest = high + (0.0 if high > low else room)
    heatmap(figure, values, SINGLE_SCALE[dark], low - 0.35 * room, darkest, xgap=4, ygap=4, hoverinfo="skip")
    factor = metric_unit(metric)[0]
    write_cells(figure, [[digits(factor * value) if value == value else "" for value in line] for line in values])
    _rest(figure, states, is_done, dark)
    for point, dash, width in ((loaded, "dot", 2), (chosen, "solid", 3)):
        if point is not None and point[0] in table.index and point[1] in table.columns:
            place = table.index.get_loc(point[0]), table.columns.get_loc(point[1])
            is_inside = dash == "dot" and is_done[place]
            _frame(figure, *place, dash, width, str(cell_inks(figure)[place]) if is_inside else INK[dark])
    for axis, knob, named in ((figure.layout.yaxis, knobs[0], table.index), (figure.layout.xaxis, knobs[1], table.columns)):
        title = {"text": f"<b>{knob_markup(knob)}</b> {safe(knob_name(knob))}", "font": {"color": knob_color(knob, dark)}}
        words = [setting(value) for value in named]
        axis.update(title=title, tickvals=list(range(len(words))), ticktext=words, range=[-0.5, len(words) - 0.5], zeroline=False)
    return figure


def _rest(figure: go.Figure, states: np.ndarray, is_done: np.ndarray, dark: bool) -> None:
    waits = np.isin(states, WAITING)
    for row, column in zip(*np.nonzero(waits), strict=True):
        _frame(figure, int(row), int(column), "solid", 1, MUTED[dark])
        figure.add_annotation(x=column, y=row, text=str(states[row, column]), font={"size": TICK_SIZE})
    row, column = np.nonzero(~is_done & ~waits)
    figure.add_scatter(x=column, y=row, mode="markers", marker={"size": 4, "color": MUTED[dark]}, hoverinfo="skip")


def _frame(figure: go.Figure, row: int, column: int, dash: str, width: int, color: str) -> None:
    reach = 0.4 if dash == "dot" else 0.47
    corners = {"x0": column - reach, "x1": column + reach, "y0": row - reach, "y1": row + reach}
    figure.add_shape(type="rect", **corners, line={"color": color, "width": width, "dash": dash})


def _finding(values: np.ndarray, table: pd.DataFrame, knobs: tuple[str, str], metric: str, loaded: Point | None) -> str:
    n_done, name = int(np.isfinite(values).sum()), metric_name(metric)
    if not n_done:
        return "No run of this grid has finished yet"
    row, column = np.unravel_index(int(np.nanargmax(values)), values.shape)
    best, point = float(values[row, column]), (float(table.index[row]), float(table.columns[column]))
    where = ", ".join(knob_at(knob_symbol(knob).partition("_")[0], value) for knob, value in zip(knobs, point, strict=True))
    if n_done == 1:
        return f"Only {where} is trained so far: {name} {metric_value(metric, best)}"
    is_known = loaded is not None and loaded[0] in table.index and loaded[1] in table.columns
    there = float(values[table.index.get_loc(loaded[0]), table.columns.get_loc(loaded[1])]) if is_known and loaded else np.nan
    if there == best:
        return f"The loaded run is the best of {n_done}: {name} {metric_value(metric, best)}"
    if metric_value(metric, there) == metric_value(metric, best):
        return f"The loaded run and {where} are best of {n_done}: {name} {metric_value(metric, best)}"
    instead = f" instead of {metric_value(metric, there)}" if there == there else ""
    return first_that_fits(
        f"{where} is best of {n_done} runs: {name} {metric_value(metric, best)}{instead}", f"{where} is best: {metric_value(metric, best)}"
    )
