"""What a page may start: a training on the data that is being looked at, whole or with a part left out."""

import math
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock

import pandas as pd

from srgformer_lab import places, plots, runtime
from srgformer_lab.backend import limits
from srgformer_lab.backend.link import shortened
from srgformer_lab.backend.runs import runs_of
from srgformer_lab.config import Config, ModelConfig, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, RunError, UnknownIdError
from srgformer_lab.models.baselines.light_gcn import LightGCNConfig
from srgformer_lab.presets import preset
from srgformer_lab.training import worker
from srgformer_lab.training.estimate import Estimate, estimate
from srgformer_lab.training.managing import damaged_runs, list_runs
from srgformer_lab.training.records import Status
from srgformer_lab.training.run import RUNS, Run

GOING = ("queued", "running")
SHOWN_SETTINGS = {"d": "embedding_dim", "K": "n_hyperedges", "α": "attention_scale", "β": "hypergraph_scale"}
TRAINED_WITH = {"γ": "modality_contrast_weight", "contrast τ": "contrast_temperature"}
"""Settings of the training that SRGFormer alone obeys."""
SMALL_EPOCHS, FEWEST_EPOCHS = 25, 5
SMALL_SECONDS = 240
"""What a small training should take at most, if so few epochs do it."""
MOST_WAITING = 12
"""Trainings that may wait for a place in the working folder."""
_lock = Lock()


def variants(data: Dataset) -> Mapping[str, str]:
    """Name what can be trained on this data, each with its key: the whole model, its ablations, and LightGCN alone."""
    named = {
        "The whole model": "whole",
        "Without attention (α = 0)": "no-attention",
        "Without hypergraph (β = 0, c = 0)": "no-hypergraph",
        "Without modality contrast (γ = 0)": "no-contrast",
    }
    if len(data.modalities) > 1:
        named |= {f"With {name} alone": f"only-{name}" for name in data.modalities}
    return named | {"LightGCN alone": "lightgcn"}


def settings(variant: str, model: ModelConfig, train: TrainConfig) -> tuple[str, Config, TrainConfig]:
    """Return the model's name and both configurations of a variant.

    Without the hypergraph its contrast is off too, since it would still train the ID embeddings.

    Raises:
        UnknownIdError: There is no such variant.

    Source: the paper's ablations (arXiv 2511.00584): α = 0; β = 0 and c = 0; γ = 0; one modality.
    """
    if variant.startswith("only-"):
        return "srgformer", model.replace(modalities=(variant.removeprefix("only-"),)), train
    if variant == "lightgcn":
        return "lightgcn", LightGCNConfig(embedding_dim=model.embedding_dim, seed=model.seed), train
    known: Mapping[str, tuple[dict[str, float], dict[str, float]]] = {
        "whole": ({}, {}),
        "no-attention": ({"attention_scale": 0.0}, {}),
        "no-hypergraph": ({"hypergraph_scale": 0.0}, {"hypergraph_contrast_weight": 0.0}),
        "no-contrast": ({}, {"modality_contrast_weight": 0.0}),
    }
    if variant not in known:
        raise UnknownIdError("variant", variant, known)
    of_model, of_train = known[variant]
    return "srgformer", model.replace(**of_model), train.replace(**of_train)


def adjusted(preset_name: str, *, device: str, **sizes: str | float) -> tuple[ModelConfig, TrainConfig]:
    """Return a preset's configurations with the device and the sizes that a person chose: ``epochs`` and fields of the model.

    Raises:
        ConfigError: A size is out of its range or too much for a class, or the heads don't divide the width.
    """
    chosen, whole = preset(preset_name), {name: _whole(name, size) for name, size in sizes.items()}
    train = chosen.train.replace(epochs=whole.pop("epochs", chosen.train.epochs), device=device)
    model = chosen.model.replace(**whole)
    limits.check_sizes(model, train)
    return model, train


def _whole(name: str, size: object) -> int:
    try:
        return int(size)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name}={shortened(str(size))} must be a whole number, such as 5") from error


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
    kind, config, train = settings(variant, model, train)
    limits.check_sizes(config, train)
    if limits.is_class():
        limits.check_cost(data, config, train)
    with _lock:
        limits.check_turn()
        _check_queue()
        run = Run.create(RUNS, name or f"{data.name}-{variant}", data, kind, config, train)
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
    for name, run in runs_of(data).items():
        with suppress(RunError):  # it is renamed or deleted in this instant
            rows.append(_row(name, run))
    return pd.DataFrame(rows if rows else {"run": []}).fillna("")


def _row(name: str, run: Run) -> dict[str, str]:
    config, status = run.config, run.status()
    numbers = [f"{symbol} {getattr(config.model, key):g}" for symbol, key in SHOWN_SETTINGS.items() if hasattr(config.model, key)]
    contrasts = TRAINED_WITH if config.model_name == "srgformer" else {}
    numbers += [f"{symbol} {getattr(config.train, key):g}" for symbol, key in contrasts.items()]
    metric = config.selection_metric
    scores = {"valid": status.best_metric, "test": run.test_metrics().get(metric, math.nan)}
    written = {split: f"{100 * value:.1f} %" if metric.startswith("recall") else f"{value:.3f}" for split, value in scores.items()}
    return {
        "run": name,
        "what": ", ".join([config.model_name, *numbers]),
        "how far": f"{status.state}, {status.epoch} epochs",
        **{f"{split} {plots.metric_name(metric)}": written[split] if value == value else "" for split, value in scores.items()},
    }


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


def _check_queue() -> None:
    """Refuse one more training where enough are waiting, saying when there will be room."""
    going = [status for status in map(_status, list_runs(RUNS)) if status and status.state in GOING]
    waiting = len(going) - worker.MAX_RUNNING
    if waiting >= MOST_WAITING:
        left = [status.eta_seconds for status in going if status.state == "running" and math.isfinite(status.eta_seconds)]
        soon = f"the first that runs ends in about {math.ceil(min(left) / 60)} min: wait for it" if left else "wait until one has ended"
        raise RunError(f"{waiting} of at most {MOST_WAITING} places in the queue are taken; {soon}")
    limits.check_share(max(0, waiting), MOST_WAITING)
