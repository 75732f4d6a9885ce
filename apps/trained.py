"""The knobs that need training, γ and the contrasts' τ: a grid of finished runs to move through, and a queue for the missing ones."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import common
import comparison
import dials
import marimo as mo
import pandas as pd
import waiting

from srgformer_lab import LabError, backend, plots

MOST_PROGRESS = 4
"""So many trainings on their way are shown with their progress; of the rest, the number."""
Point = tuple[float, float]


def marks(grid: pd.DataFrame) -> tuple[frozenset[float], ...]:
    """Return the trained values of γ and of τ that lie between the usual steps of their sliders."""
    return tuple(frozenset(grid[knob]) - frozenset(backend.KNOB_STEPS[knob]) for knob in backend.GRID_KNOBS)


def notifier(
    draw: Callable[[pd.DataFrame], None], marked: Callable[[], tuple[frozenset[float], ...]], mark: Callable[[Any], None]
) -> Callable[[pd.DataFrame], None]:
    """Make what hands on a new grid; the sliders hear of it only where a value came or went that lies between their steps."""

    def notify(grid: pd.DataFrame) -> None:
        draw(grid)
        if marks(grid) != marked():
            mark(marks(grid))

    return notify


def sliders(between: Sequence[Iterable[float]], stood: list[float], moved: Callable[[], None]) -> mo.ui.dictionary:
    """Make the sliders of γ and τ over the usual steps and those ``between``; they keep in ``stood`` where they stand."""

    def turn(place: int, value: float) -> None:
        stood[place] = value
        moved()

    return mo.ui.dictionary(
        {knob: dials.knob_slider(knob, stood[place], partial(turn, place), between[place]) for place, knob in enumerate(backend.GRID_KNOBS)}
    )


def boxes(base: backend.Scene, made: Any) -> mo.Html:
    """Show the sliders in the colours of their parts, each with a mark at the loaded run."""
    assert base.run is not None
    here = zip(made.elements.items(), backend.point_of(base.run), strict=True)
    return common.stack(*(dials.knob_box(knob, slider, mark, base.link.is_dark) for (knob, slider), mark in here))


def ticker(base: backend.Scene, grid: pd.DataFrame, notify: Callable[[pd.DataFrame], None]) -> mo.ui.refresh:
    """Read the runs anew when something changed: often while some of the grid are on their way, else for what a terminal trains."""
    seen = [backend.runs_stamp()]

    def check(_: object) -> None:
        if backend.runs_stamp() != seen[0]:
            seen[0] = backend.runs_stamp()
            _read_anew(base, notify)

    return mo.ui.refresh(default_interval="2s" if _going(grid) else "10s", on_change=check)


def progress(grid: pd.DataFrame, ticks: mo.ui.refresh) -> mo.Html:
    """Say how far the trainings of the grid are that are on their way, at every tick."""
    names = _going(grid)
    lines: list[Any] = []
    for name in names[:MOST_PROGRESS]:
        try:
            run = backend.find_run(name)
            lines.append(common.stack(common.fact(name), waiting.progress(run, run.status())))
        except LabError as error:
            lines.append(common.problem(error))
    rest = common.fact(f"and {len(names) - MOST_PROGRESS} more wait") if len(names) > MOST_PROGRESS else None
    return common.stack(*lines, rest, waiting.beat(ticks))


def chart(base: backend.Scene, grid: pd.DataFrame, point: Point) -> mo.ui.plotly:
    """Draw the grid around the point that is looked at."""
    assert base.run is not None
    whole = backend.with_missing(grid, backend.KNOB_STEPS, point)
    return common.chart(plots.knob_grid(whole, loaded=backend.point_of(base.run), chosen=point, dark=base.link.is_dark))


def buttons(
    base: backend.Scene,
    grid: pd.DataFrame,
    point: Point,
    notify: Callable[[pd.DataFrame], None],
    refuse: Callable[[LabError | None], None],
    load: Callable[[str], None],
) -> mo.ui.dictionary:
    """Make the buttons of a point: the one that loads its run, or those that queue what is missing, there and one step around it."""
    name, state, _ = backend.run_at(grid, point)
    around = backend.missing_neighbours(grid, backend.KNOB_STEPS, point)

    def begin(points: list[Point]) -> None:
        refuse(None)
        try:
            backend.begin_points(base.data, base.link.run, points)
        except LabError as error:
            refuse(error)
        _read_anew(base, notify)

    made: dict[str, tuple[str, Any, Callable[[Any], None]]] = {}
    if not name:
        made["point"] = "Train this point", [point], begin
    elif name != base.link.run and state not in backend.GOING:
        made["load"] = "Look at this run on every page", name, load
    if around:
        those = f"the {len(around)} missing" if len(around) > 1 else "the missing one"
        made["around"] = f"Train {those} next to it", around, begin
    return mo.ui.dictionary(
        {key: mo.ui.button(label=said, value=of, on_click=lambda value: value, on_change=act) for key, (said, of, act) in made.items()}
    )


def numbers(base: backend.Scene, grid: pd.DataFrame, point: Point) -> mo.Html:
    """Say what the run at a point reached, beside the loaded one; or that there is none yet."""
    assert base.run is not None
    name, state, value = backend.run_at(grid, point)
    if not name:
        return common.fact("Nobody has trained these two values. Everything else would be as in the loaded run.")
    status = base.run.status()
    against = "the loaded run" if name == base.link.run else f"the loaded run has {common.score(status.metric, status.best_metric)}"
    best = common.score(status.metric, value) if math.isfinite(value) else "–"
    tiles = [(f"valid {plots.metric_name(status.metric)}", best, against)]
    test, ours = backend.find_run(name).test_metrics(), base.run.test_metrics()
    for metric in [metric for metric in ("recall@20", "ndcg@20") if metric in test]:
        is_other = metric in ours and name != base.link.run
        beside = f"the loaded run has {plots.metric_value(metric, ours[metric])}" if is_other else state
        tiles.append((f"test {plots.metric_name(metric)}", plots.metric_value(metric, test[metric]), beside))
    return common.stack(common.finding(name), common.tiles(tiles))


def bench(
    base: backend.Scene, grid: pd.DataFrame, point: Point, movers: Any, queuers: Any, refused: LabError | None, below: Any
) -> mo.Html:
    """Lay out sliders, numbers and buttons beside the picture of the grid."""
    trouble = common.problem(refused, "What was queued before goes on.") if refused else None
    row = mo.hstack(list(queuers.elements.values()), justify="start", wrap=True)
    try:
        reached = numbers(base, grid, point)
    except LabError as error:
        reached = _gone(error)
    left = common.stack(boxes(base, movers), reached, row, trouble, below)
    said = "These two act only while a model learns. Here you move through the runs that differ from the loaded one in them alone."
    head = common.stack(common.section("And the knobs that need training?", "from finished runs"), common.fact(said))
    return common.stack(head, common.side_by_side(left, chart(base, grid, point)))


def lists(base: backend.Scene, grid: pd.DataFrame, point: Point, user_id: str) -> mo.Html:
    """Show one person's list of the loaded run beside that of the run at a point."""
    name, state, _ = backend.run_at(grid, point)
    if name == base.link.run:
        return common.fact("This is the loaded run. Move γ or τ to another filled cell: its list comes here, held against this one.")
    if not name or state in backend.GOING:
        return common.fact("There is no list here until a training of these values has finished. Filled cells have one.")
    try:
        return comparison.lists({each: backend.as_trained(base, each) for each in (base.link.run, name)}, user_id)
    except LabError as error:
        return _gone(error)


def _gone(error: LabError) -> mo.Html:
    return common.problem(error, "The other runs are as they were.", "Move to another cell.")


def _read_anew(base: backend.Scene, notify: Callable[[pd.DataFrame], None]) -> None:
    with suppress(LabError):  # the loaded run was deleted meanwhile: the grid stays as it was
        notify(backend.contrast_grid(base.data, base.link.run))


def _going(grid: pd.DataFrame) -> list[str]:
    return list(grid.loc[grid["state"].isin(backend.GOING), "run"])
