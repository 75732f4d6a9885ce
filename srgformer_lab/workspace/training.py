"""What a page may start: a training on the data that is being looked at, whole or with a part left out."""

import subprocess
from collections.abc import Mapping
from threading import Lock

from srgformer_lab.config import Config, ModelConfig, TrainConfig, preset
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import UnknownIdError
from srgformer_lab.learn import worker
from srgformer_lab.learn.run import RUNS, Run
from srgformer_lab.model.baselines.light_gcn import LightGCNConfig

SMALL_EPOCHS = 25
_processes: list[subprocess.Popen[bytes]] = []
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
    """Give the model's name and both configurations of a variant.

    Without the hypergraph its contrast is off too, since it would still train the ID embeddings.

    Raises:
        UnknownIdError: There is no such variant.

    Source: spec section 7.
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


def begin(data: Dataset, variant: str, model: ModelConfig, train: TrainConfig) -> Run:
    """Make a run folder in the working folder and start its training in a process of its own.

    Raises:
        ConfigError: A setting is out of its range.
        RunError: The folder can't be written.
    """
    name, config, train = settings(variant, model, train)
    run = Run.create(RUNS, f"{data.name}-{variant}", data, name, config, train)
    carry_on(run)
    return run


def begin_small(data: Dataset) -> Run:
    """Start a training that is small enough to wait for: the built-in preset, for a few epochs.

    Raises:
        RunError: The folder can't be written.
    """
    chosen = preset("studio")
    return begin(data, "whole", chosen.model, chosen.train.replace(epochs=SMALL_EPOCHS))


def carry_on(run: Run) -> None:
    """Start a run that waits, or resume one that was stopped.

    Raises:
        RunError: It is being trained already.
    """
    with _lock:
        _processes[:] = [process for process in _processes if process.poll() is None]  # asks after those that ended, so none lingers
        _processes.append(worker.start(run))
