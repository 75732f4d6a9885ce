"""The knobs that need training, γ and the contrasts' τ: a grid of finished runs to move through, and a queue for the missing ones."""

import math
from collections.abc import Callable
from typing import Any

import common
import comparison
import dials
import marimo as mo
import pandas as pd
import waiting

from srgformer_lab import LabError, figures, workspace

MOST_PROGRESS = 4
"""So many trainings on their way are shown with their progress; of the rest, the number."""
Point = tuple[float, float]


def sliders(base: workspace.Scene, grid: pd.DataFrame, move: Callable[[Callable[[Point], Point]], None]) -> mo.ui.dictionary:
    """Make the sliders of γ and τ, at the loaded run, over the usual steps and all that is trained."""
    assert base.run is not None
    here = workspace.point_of(base.run)

    def turn(place: int) -> Callable[[float], None]:
        return lambda value: move(lambda point: (value, point[1]) if place == 0 else (point[0], value))

    made = {knob: dials.knob_slider(knob, here[place], turn(place), grid[knob]) for place, knob in enumerate(workspace.GRID_KNOBS)}
    return mo.ui.dictionary(made)


def boxes(base: workspace.Scene, made: Any) -> mo.Html:
    """Show the sliders in the colours of their parts, each with a mark at the loaded run."""
    assert base.run is not None
    here = zip(made.elements.items(), workspace.point_of(base.run), strict=True)
    return common.stack(*(dials.knob_box(knob, slider, mark, base.view.is_dark) for (knob, slider), mark in here))


def ticker(base: workspace.Scene, grid: pd.DataFrame, tell: Callable[[pd.DataFrame], None]) -> mo.ui.refresh | None:
    """Read the runs anew while some of the grid are on their way, but only if something changed."""
    seen = [workspace.runs_stamp()]

    def look(_: object) -> None:
        if workspace.runs_stamp() != seen[0]:
            seen[0] = workspace.runs_stamp()
            tell(workspace.contrast_grid(base.data, base.view.run))

    return mo.ui.refresh(default_interval="2s", on_change=look) if _going(grid) else None


def progress(grid: pd.DataFrame, ticks: mo.ui.refresh | None) -> mo.Html | None:
    """Say how far the trainings of the grid are that are on their way."""
    names = _going(grid)
    if not names or ticks is None:
        return None
    lines: list[Any] = []
    for name in names[:MOST_PROGRESS]:
        try:
            run = workspace.find_run(name)
            lines.append(common.stack(common.fact(name), waiting.progress(run, run.status())))
        except LabError as error:
            lines.append(common.problem(error))
    rest = common.fact(f"and {len(names) - MOST_PROGRESS} more wait") if len(names) > MOST_PROGRESS else None
    return common.stack(*lines, rest, mo.Html(f'<div class="lab-ticker">{ticks.text}</div>'))


def chart(base: workspace.Scene, grid: pd.DataFrame, point: Point) -> mo.ui.plotly:
    """Draw the grid around the point that is looked at."""
    assert base.run is not None
    whole = workspace.with_missing(grid, dials.STEPS, point)
    return common.chart(figures.knob_grid(whole, loaded=workspace.point_of(base.run), chosen=point, dark=base.view.is_dark))


def buttons(
    base: workspace.Scene, grid: pd.DataFrame, point: Point, tell: Callable[[pd.DataFrame], None], refuse: Callable[[LabError | None], None]
) -> mo.ui.dictionary:
    """Make the buttons that queue what is missing: the point itself, and those one step around it."""
    around = workspace.missing_neighbours(grid, dials.STEPS, point)
    words: dict[str, tuple[str, list[Point]]] = {}
    if not workspace.run_at(grid, point)[0]:
        words["point"] = "Train this point", [point]
    if around:
        words["around"] = f"Train the {len(around)} missing next to it" if len(around) > 1 else "Train the missing one next to it", around

    def begin(points: list[Point]) -> None:
        refuse(None)
        try:
            workspace.begin_points(base.data, base.view.run, points)
        except LabError as error:
            refuse(error)
        tell(workspace.contrast_grid(base.data, base.view.run))

    made = {
        key: mo.ui.button(label=said, value=points, on_click=lambda value: value, on_change=begin) for key, (said, points) in words.items()
    }
    return mo.ui.dictionary(made)


def numbers(base: workspace.Scene, grid: pd.DataFrame, point: Point) -> mo.Html:
    """Say what the run at a point reached, beside the loaded one; or that there is none yet."""
    assert base.run is not None
    name, state, value = workspace.run_at(grid, point)
    if not name:
        return common.fact("Nobody has trained these two values. Everything else would be as in the loaded run.")
    loaded = base.run.status().best_metric
    against = "the loaded run" if name == base.view.run else f"the loaded run has {common.share(loaded)}"
    tiles = [("valid Recall@20", common.share(value) if math.isfinite(value) else "–", against)]
    test, ours = workspace.find_run(name).test_metrics(), base.run.test_metrics()
    for metric in [metric for metric in ("recall@20", "ndcg@20") if metric in test]:
        is_other = metric in ours and name != base.view.run
        beside = f"the loaded run has {figures.metric_value(metric, ours[metric])}" if is_other else state
        tiles.append((f"test {figures.metric_name(metric)}", figures.metric_value(metric, test[metric]), beside))
    return common.stack(common.finding(name), common.tiles(tiles))


def lists(base: workspace.Scene, grid: pd.DataFrame, point: Point, user_id: str) -> mo.Html:
    """Show one person's list of the loaded run beside that of the run at a point."""
    name, state, _ = workspace.run_at(grid, point)
    if name == base.view.run:
        return common.fact("This is the loaded run. Move γ or τ to another filled cell: its list comes here, held against this one.")
    if not name or state in workspace.GOING:
        return common.fact("There is no list here until a training of these values has finished. Filled cells have one.")
    try:
        return comparison.lists(base.data, (base.view.run, name), user_id)
    except LabError as error:
        return common.problem(error, "The loaded run is unharmed.", "Move to another cell.")


def _going(grid: pd.DataFrame) -> list[str]:
    return list(grid.loc[grid["state"].isin(workspace.GOING), "run"])
