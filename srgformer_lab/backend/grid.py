"""Knobs that need training: the runs that differ in nothing but γ and the contrasts' τ, and starting those that are missing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from srgformer_lab.backend.forms import recipe
from srgformer_lab.backend.runs import find_run, known_runs
from srgformer_lab.backend.training import GOING, begin, devices
from srgformer_lab.config import ModelConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import RunError
from srgformer_lab.training.records import RunConfig
from srgformer_lab.training.run import Run

GRID_KNOBS = ("modality_contrast_weight", "contrast_temperature")
REACH = 2
"""So many steps to every side of a point are shown as missing."""
MISSING = "missing"
SCALE_STEPS = tuple(round(0.05 * step, 2) for step in range(21))
TEMPERATURE_STEPS = (0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
WEIGHT_STEPS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
KNOB_STEPS = {
    "attention_scale": SCALE_STEPS,
    "hypergraph_scale": SCALE_STEPS,
    "membership_temperature": TEMPERATURE_STEPS,
    "contrast_temperature": TEMPERATURE_STEPS,
    "modality_contrast_weight": WEIGHT_STEPS,
    "hypergraph_contrast_weight": WEIGHT_STEPS,
}
"""The values that a person can give to a knob, wherever it is turned."""
Point = tuple[float, float]


def knob_steps(name: str, *held: float) -> list[float]:
    """Return the steps of a knob, these values among them; those of α and β end at 1, or at the largest of the values."""
    steps = KNOB_STEPS[name]
    reach = max(1.0, *held) if steps is SCALE_STEPS else 1.0
    return sorted({*(round(reach * step, 4) for step in steps), *held} if reach > 1 else {*steps, *held})


def contrast_grid(data: Dataset, name: str) -> pd.DataFrame:
    """Find the runs of this data that differ from a run in nothing but γ and the contrasts' τ, itself among them, one a point.

    Left out are runs that ended early, and those whose knobs were turned while they trained: they stand at no point.

    Columns: ``modality_contrast_weight`` (γ), ``contrast_temperature`` (τ), ``run``, ``state``, ``value`` (the best valid recall@20,
    NaN before the first epoch). By γ, then τ.

    Raises:
        RunError: The run is gone or damaged.
    """
    alike = _settings(find_run(name).config)
    rows: dict[Point, dict[str, Any]] = {}
    found = known_runs(data)
    for each in sorted(found, key=lambda each: (each != name, found[each].status.state != "finished")):  # stable: the newest first
        known, status = found[each], found[each].status
        ended_well = status.state in ("finished", *GOING)
        fits = each == name or (ended_well and _settings(known.config) == alike and not known.turned)
        if fits and (point := _point(known.config)) not in rows:
            rows[point] = dict(zip(GRID_KNOBS, point, strict=True)) | {"run": each, "state": status.state, "value": status.best_metric}
    return pd.DataFrame(rows.values()).sort_values(list(GRID_KNOBS), ignore_index=True)


def point_of(run: Run) -> Point:
    """Return γ and the contrasts' τ that a run was trained with."""
    return _point(run.config)


def _point(config: RunConfig) -> Point:
    gamma, tau = (float(getattr(config.train, knob)) for knob in GRID_KNOBS)
    return gamma, tau


def with_missing(grid: pd.DataFrame, steps: Mapping[str, Sequence[float]], point: Point) -> pd.DataFrame:
    """Fill a grid up with the points that nobody trained: those between its own values and the steps around ``point``."""
    axes = [sorted({*grid[knob], *_near(steps[knob], value)}) for knob, value in zip(GRID_KNOBS, point, strict=True)]
    whole = pd.MultiIndex.from_product(axes, names=list(GRID_KNOBS)).to_frame(index=False)
    filled = whole.merge(grid, on=list(GRID_KNOBS), how="left")
    return filled.assign(run=filled["run"].fillna(""), state=filled["state"].fillna(MISSING))


def missing_neighbours(grid: pd.DataFrame, steps: Mapping[str, Sequence[float]], point: Point) -> list[Point]:
    """List the points one step from ``point``, along one knob at a time, that nobody trained or trains."""
    taken = set(grid[list(GRID_KNOBS)].itertuples(index=False, name=None))
    (gamma, tau), (gammas, taus) = point, (_near(steps[knob], value, 1) for knob, value in zip(GRID_KNOBS, point, strict=True))
    cross = [(value, tau) for value in gammas] + [(gamma, value) for value in taus]
    return sorted({each for each in cross if each != point and each not in taken})


def run_at(grid: pd.DataFrame, point: Point) -> tuple[str, str, float]:
    """Return run, state and best valid recall@20 at a point; an empty name where nobody trained."""
    here = grid[(grid[GRID_KNOBS[0]] == point[0]) & (grid[GRID_KNOBS[1]] == point[1])]
    return tuple(here.iloc[0][["run", "state", "value"]]) if len(here) else ("", MISSING, math.nan)


def begin_points(data: Dataset, name: str, points: Sequence[Point]) -> list[str]:
    """Start trainings with all the settings of a run but γ and the contrasts' τ; give their names.

    Raises:
        ConfigError: A value is out of its range.
        RunError: The run is of another model, a point is trained already, or the queue is full; the points before it have been started.
    """
    config, grid, begun = find_run(name).config, contrast_grid(data, name), []
    if not isinstance(config.model, ModelConfig):
        raise RunError(f"run {name} is of {config.model_name}, which knows no contrasts; load a run of srgformer")
    device = config.train.device if config.train.device in devices() else "auto"
    for point in points:
        if known := run_at(grid, point)[0]:
            raise RunError(f"{known} is trained at γ={point[0]:g}, τ={point[1]:g} already; move there instead")
        train = config.train.replace(device=device, **dict(zip(GRID_KNOBS, point, strict=True)))
        begun.append(begin(data, "whole", config.model, train, f"{data.name}-gamma{point[0]:g}-tau{point[1]:g}").name)
    return begun


def _settings(config: RunConfig) -> tuple[str, dict[str, Any], dict[str, Any]]:
    kind, model, train = recipe(config)
    return kind, model, {name: value for name, value in train.items() if name not in GRID_KNOBS}


def _near(steps: Sequence[float], value: float, reach: int = REACH) -> list[float]:
    """Return a value and the steps up to ``reach`` places below and above it."""
    below, above = [step for step in steps if step < value], [step for step in steps if step > value]
    return [*below[-reach:], value, *above[:reach]]
