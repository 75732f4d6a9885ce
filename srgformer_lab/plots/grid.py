"""Two knobs that need training: what finished runs reached at each pair of values, which are on their way, and which are missing."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.cells import inks, write_cells
from srgformer_lab.plots.knobs import Point
from srgformer_lab.plots.language import (
    INK,
    MUTED,
    SINGLE_SCALE,
    TIED,
    digits,
    knob_color,
    knob_markup,
    knob_name,
    knob_symbol,
    metric_name,
    metric_unit,
    metric_value,
    require,
    safe,
    setting,
)
from srgformer_lab.plots.template import TICK_SIZE, first_that_fits, new_figure

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
        dark: Whether the page is dark.
        hint: Words in place of how to read it.

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
    figure.add_heatmap(
        z=values,
        zmin=low - 0.35 * room,
        zmax=high + (0.0 if high > low else room),
        colorscale=[list(stop) for stop in SINGLE_SCALE[dark]],
        showscale=False,
        xgap=4,
        ygap=4,
        hoverinfo="skip",
    )
    factor = metric_unit(metric)[0]
    write_cells(figure, [[digits(factor * value) if value == value else "" for value in line] for line in values])
    _rest(figure, states, is_done, dark)
    for point, dash, width in ((loaded, "dot", 2), (chosen, "solid", 3)):
        if point is not None and point[0] in table.index and point[1] in table.columns:
            place = table.index.get_loc(point[0]), table.columns.get_loc(point[1])
            is_inside = dash == "dot" and is_done[place]
            _frame(figure, *place, dash, width, str(inks(figure)[place]) if is_inside else INK[dark])
    for axis, knob, named in ((figure.layout.yaxis, knobs[0], table.index), (figure.layout.xaxis, knobs[1], table.columns)):
        title = {"text": f"<b>{knob_markup(knob)}</b> {safe(knob_name(knob))}", "font": {"color": knob_color(knob, dark)}}
        words = [setting(value) for value in named]
        axis.update(title=title, tickvals=list(range(len(words))), ticktext=words, range=[-0.5, len(words) - 0.5], zeroline=False)
    return figure


def _rest(figure: go.Figure, states: np.ndarray, is_done: np.ndarray, dark: bool) -> None:
    """Mark the points that have no value: hollow and named where a training is on its way, a dot where there is none."""
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
    count, name = int(np.isfinite(values).sum()), metric_name(metric)
    if not count:
        return "No run of this grid has finished yet"
    row, column = np.unravel_index(int(np.nanargmax(values)), values.shape)
    best, point = float(values[row, column]), (float(table.index[row]), float(table.columns[column]))
    where = ", ".join(
        f"{knob_symbol(knob).partition('_')[0]}{TIED}={TIED}{setting(value)}" for knob, value in zip(knobs, point, strict=True)
    )
    if count == 1:
        return f"Only {where} is trained so far: {name} {metric_value(metric, best)}"
    is_known = loaded is not None and loaded[0] in table.index and loaded[1] in table.columns
    there = float(values[table.index.get_loc(loaded[0]), table.columns.get_loc(loaded[1])]) if is_known and loaded else np.nan
    if there == best:
        return f"The loaded run is the best of {count}: {name} {metric_value(metric, best)}"
    if metric_value(metric, there) == metric_value(metric, best):
        return f"The loaded run and {where} are best of {count}: {name} {metric_value(metric, best)}"
    instead = f" instead of {metric_value(metric, there)}" if there == there else ""
    return first_that_fits(
        f"{where} is best of {count} runs: {name} {metric_value(metric, best)}{instead}", f"{where} is best: {metric_value(metric, best)}"
    )
