"""What a page may start: trainings on the data that is being looked at, their queue, and the table of those that there are."""

import heapq
import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from types import MappingProxyType

import pandas as pd

from srgformer_lab import places, plots, runtime
from srgformer_lab.backend import limits
from srgformer_lab.backend.forms import settings
from srgformer_lab.backend.link import SHIPPED_RUNS
from srgformer_lab.backend.runs import KnownRun, known_runs, read_run, runs_of
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.presets import preset
from srgformer_lab.training import worker
from srgformer_lab.training.estimate import Estimate, estimate
from srgformer_lab.training.managing import damaged_runs, list_runs
from srgformer_lab.training.records import Status
from srgformer_lab.training.run import RUNS, Run

GOING = ("queued", "running")
SHOWN_SETTINGS = {
    "d": "embedding_dim",
    "K": "n_hyperedges",
    "α": "attention_scale",
    "β": "hypergraph_scale",
    "τ": "membership_temperature",
    "γ": "modality_contrast_weight",
    "c": "hypergraph_contrast_weight",
    "contrast τ": "contrast_temperature",
    "lr": "learning_rate",
    "seed": "seed",
}
"""What tells runs apart in a list, by the symbols that people know."""
OF_CONTRASTS = ("modality_contrast_weight", "hypergraph_contrast_weight", "contrast_temperature")
"""Settings of the training that SRGFormer alone obeys."""
SMALL_EPOCHS, FEWEST_EPOCHS = 25, 5
SMALL_SECONDS = 240
"""What a small training should take at most, if so few epochs do it."""
MOST_WAITING = 12
"""Trainings that may wait for a place in the working folder."""
RUN_ORDERS: Mapping[str, str] = MappingProxyType(
    {"the newest first": "newest", "the best first": "best", "by name": "name", "the longest first": "longest"}
)
"""How a list of runs may be sorted, in words."""
_lock = Lock()


def cost(data: Dataset, variant: str, model: ModelConfig, train: TrainConfig) -> Estimate:
    """Estimate what the training of a variant takes.

    Raises:
        ConfigError: The machine has no such device, or it is too much for a class.
    """
    return limits.check_cost(data, *settings(variant, model, train)[1:])


def begin(data: Dataset, variant: str, model: ModelConfig, train: TrainConfig, name: str = "") -> Run:
    """Make a run folder in the working folder, named after data and variant unless told otherwise, and start its training beside us.

    Raises:
        ConfigError: A setting is out of its range, or too much for a class.
        RunError: The folder can't be written, too many trainings wait already, or it is not this visitor's turn.
    """
    if name in SHIPPED_RUNS:
        raise ConfigError(f"the name {name!r} is kept for a run that comes with the package; choose another")
    kind, config, train = settings(variant, model, train)
    limits.check_sizes(config, train)
    expected = limits.check_cost(data, config, train)
    with _lock:
        limits.check_turn()
        _check_queue()
        run = Run.create(RUNS, name or f"{data.name}-{variant}", data, kind, config, train)
        run.write_status(replace(run.status(), eta_seconds=expected.seconds_at_most))  # those behind it in the queue go by that
        try:
            worker.start(run)
        except RunError:
            run.delete()  # nothing was learned yet
            raise
        limits.note_start(run)
    return run


def begin_small(data: Dataset, variant: str = "whole") -> Run:
    """Start a training that is small enough to wait for: the built-in preset, for a few epochs.

    Raises:
        RunError: The folder can't be written, or too many trainings wait already.
    """
    return begin(data, variant, *_small(data, variant))


def small_cost(data: Dataset, variant: str = "whole") -> Estimate:
    """Estimate what ``begin_small`` takes.

    Raises:
        ConfigError: It is too much for a class.
    """
    return cost(data, variant, *_small(data, variant))


def _small(data: Dataset, variant: str) -> tuple[ModelConfig, TrainConfig]:
    chosen = preset("studio")
    each = estimate(data, *settings(variant, chosen.model, chosen.train)[1:]).seconds_per_epoch
    epochs = max(FEWEST_EPOCHS, min(SMALL_EPOCHS, round(SMALL_SECONDS / each)))
    return chosen.model, chosen.train.replace(epochs=epochs)


def going_on(data: Dataset) -> str:
    """Name the newest run of this data that is being trained or waits for it, in a class one's own; empty if there is none."""
    return next((name for name, run in runs_of(data).items() if is_going(run) and limits.may_steer(run)), "")


def is_going(run: Run) -> bool:
    """Return whether a run is being trained or waits for it; not if its folder is gone."""
    status = _status(run)
    return status is not None and status.state in GOING


def _status(run: Run) -> Status | None:
    """Return how far a run is, or nothing if its folder is gone."""
    with suppress(RunError):
        return run.status()
    return None


def can_go_on(run: Run) -> bool:
    """Return whether this visitor can resume a run: it was stopped or broken off, and is not one of the shipped ones."""
    is_own = limits.may_steer(run) and not run.path.resolve().is_relative_to(places.PACKAGE)
    return is_own and run.status().state in ("stopped", "interrupted", "failed")


def can_show(run: Run) -> bool:
    """Return whether a run has a trained SRGFormer to look into."""
    return run.config.model_name == "srgformer" and run.weights_path("best").exists()


def run_table(data: Dataset) -> pd.DataFrame:
    """List the runs on this data: what was trained, how far it came, how good it is."""
    rows = []
    for name, known in known_runs(data).items():
        with suppress(RunError):  # it is renamed or deleted in this instant
            rows.append(_row(name, known))
    return pd.DataFrame(rows if rows else {"run": []}).fillna("")


def _row(name: str, known: KnownRun) -> dict[str, str]:
    config, status = known.config, known.status
    metric = config.selection_metric
    scores = {"valid": status.best_metric, "test": known.run.test_metrics().get(metric, math.nan)}
    written = {split: f"{100 * value:.1f} %" if metric.startswith("recall") else f"{value:.3f}" for split, value in scores.items()}
    spent = f" in {plots.duration(status.seconds)}" if status.seconds else ""
    return {
        "run": name,
        "what": ", ".join(filter(None, [config.model_name, *_numbers(known), turned_words(known)])),
        "how far": f"{status.state}, {status.epoch} epochs{spent}, {time.strftime('%Y-%m-%d %H:%M', time.localtime(config.created))}",
        **{f"{split} {plots.metric_name(metric)}": written[split] if value == value else "" for split, value in scores.items()},
    }


def _numbers(known: KnownRun) -> list[str]:
    config, found = known.config, []
    for symbol, key in SHOWN_SETTINGS.items():
        owner = config.model if hasattr(config.model, key) else config.train
        if hasattr(owner, key) and (config.model_name == "srgformer" or key not in OF_CONTRASTS):
            found.append(f"{symbol} {plots.setting(getattr(owner, key))}")
    return found


def turned_words(known: KnownRun) -> str:
    """Say which knobs were turned while a run trained, from what to what; nothing where none was."""
    moves = [f"{plots.knob_symbol(name)} {plots.setting(a)} → {plots.setting(b)}" for name, (a, b) in known.turned.items()]
    return f"turned while it trained: {', '.join(moves)}" if moves else ""


def turned_in(run: Run | None) -> str:
    """Say which knobs were turned while this run trained; nothing where none was, or its folder is gone."""
    known = read_run(run.path) if run is not None else None
    return turned_words(known) if known else ""


def ordered_runs(table: pd.DataFrame, data: Dataset, order: str) -> pd.DataFrame:
    """Sort the rows of ``run_table`` by one of ``RUN_ORDERS``."""
    known = known_runs(data)
    keys = {
        "best": lambda name: -known[name].status.best_metric if known[name].status.best_metric == known[name].status.best_metric else 0.0,
        "name": str.casefold,
        "longest": lambda name: -known[name].status.seconds,
    }
    if order not in keys or not len(table):
        return table
    names = sorted((name for name in table["run"] if name in known), key=keys[order])
    return table.set_index("run", drop=False).loc[names].reset_index(drop=True)


def damaged_lines() -> dict[str, str]:
    """Say which run folders can't be read, by their name, and why."""
    return {path.name: f"{path.name} is left out: {reason}" for path, reason in damaged_runs(RUNS).items()}


def devices() -> list[str]:
    """Name the devices to choose from; ``auto`` takes the fastest."""
    return ["auto", *runtime.available_devices()]


def carry_on(run: Run) -> None:
    """Start a run that waits, or resume one that was stopped.

    Raises:
        RunError: It is being trained already, too many trainings wait already, or it is not this visitor's turn.
    """
    with _lock:
        limits.check_turn(resumed=run)
        _check_queue()
        worker.start(run)


def stop_run(run: Run) -> None:
    """Ask a training to stop after its current step.

    Raises:
        RunError: It is another visitor's, or its folder can't be written.
    """
    limits.check_owner(run)
    run.request_stop()


def update_run_knobs(run: Run, **knobs: float) -> None:
    """Turn knobs of a training while it runs.

    Raises:
        RunError: It is another visitor's, or its folder can't be written.
        ConfigError: A value is out of its range.
    """
    limits.check_owner(run)
    run.update_knobs(**knobs)


def queue_ahead(run: Run | None = None) -> tuple[int, float]:
    """Return how many trainings wait before a run, or before a new one, and in at most about how many seconds its turn comes."""
    going = [status for status in map(_status, list_runs(RUNS)) if status and status.state in GOING]
    free = sorted([0.0] * worker.MAX_RUNNING + [status.eta_seconds for status in going if status.state == "running"])[-worker.MAX_RUNNING :]
    heapq.heapify(free := [each if each == each else math.inf for each in free])
    own = _place(run.status()) if run is not None else math.inf
    before = sorted((status for status in going if status.state == "queued" and _place(status) < own), key=_place)
    for status in before:
        heapq.heappush(free, heapq.heappop(free) + (status.eta_seconds if status.eta_seconds == status.eta_seconds else math.inf))
    return len(before), free[0]


def _place(status: Status) -> float:
    """Return the place in the queue that a run's process has written; that of one which just begins to wait is behind all others."""
    found = re.search(r"place (\d+)", status.message)
    return float(found[1]) if found else 1e9


def _check_queue() -> None:
    """Refuse one more training where enough are waiting, saying when there will be room."""
    going = [status for status in map(_status, list_runs(RUNS)) if status and status.state in GOING]
    waiting = len(going) - worker.MAX_RUNNING
    if waiting >= MOST_WAITING:
        left = [status.eta_seconds for status in going if status.state == "running" and math.isfinite(status.eta_seconds)]
        soon = f"the first that runs ends in about {math.ceil(min(left) / 60)} min: wait for it" if left else "wait until one has ended"
        ended = "; whoever started the app can end one that nobody watches any more: srgformer-lab stop NAME" if limits.is_class() else ""
        raise RunError(f"{waiting} of at most {MOST_WAITING} places in the queue are taken; {soon}{ended}")
    limits.check_share(max(0, waiting), MOST_WAITING)
