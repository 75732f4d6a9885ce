"""How long and how much memory a training will take, told before it starts."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from srgformer_lab import runtime
from srgformer_lab.config import Config, ModelConfig, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models import catalog
from srgformer_lab.models.baselines.bm3 import BM3Config
from srgformer_lab.models.baselines.freedom import FREEDOMConfig
from srgformer_lab.models.baselines.mgcn import MGCNConfig
from srgformer_lab.models.baselines.mult_vae import MultVAEConfig
from srgformer_lab.models.baselines.vbpr import VBPRConfig
from srgformer_lab.models.losses import CELLS
from srgformer_lab.models.protocol import chosen_modalities
from srgformer_lab.training.evaluation import BLOCK_CELLS

BYTES = 4
PROCESS_BYTES = 420_000_000
"""What a process with torch and pandas takes before it holds any data."""
LEARNED = 12
"""How often a step holds what is learned of memberships and attention: values, noise, gradients and moments."""
STEP_OVERHEAD = 0.006
"""Seconds that a step takes however small the data is."""
LEARN_FEATURES = FREEDOMConfig | BM3Config | MGCNConfig
"""Whose models have the features themselves among their weights."""


@dataclass(frozen=True)
class Estimate:
    """What a training is expected to take; good to about a factor of two."""

    seconds_per_epoch: float
    seconds_at_most: float
    """If no early stop comes."""
    memory_bytes: int

    def seconds(self, n_epochs: int) -> float:
        """Return what so many epochs take; what needs no training is evaluated once, however many are asked for.

        Args:
            n_epochs: How many epochs.

        Returns:
            Seconds, at most ``seconds_at_most``.
        """
        return min(self.seconds_per_epoch * n_epochs, self.seconds_at_most)


@dataclass(frozen=True)
class Work:
    """Arithmetic and memory traffic: of a training, or of a machine in a second."""

    flops: float
    traffic: float
    """Bytes read or written."""

    def __add__(self, other: "Work") -> "Work":
        """Do one after the other."""
        return Work(self.flops + other.flops, self.traffic + other.traffic)

    def __mul__(self, times: float) -> "Work":
        """Do it several times."""
        return Work(self.flops * times, self.traffic * times)


def estimate(data: Dataset, model: Config, train: TrainConfig) -> Estimate:
    """Compute how long and how much memory a training takes, good to about a factor of two.

    An epoch's arithmetic and memory traffic are counted, and divided by what this machine was just measured to do. A model that
    needs no training is only evaluated, once.

    Args:
        data: What to train on.
        model: The configuration of any model, such as ``ModelConfig()`` or ``LightGCNConfig()``.
        train: How to train.

    Returns:
        Seconds an epoch and at most, and bytes of memory.

    Raises:
        ConfigError: The training asks for a device that this machine lacks, the model for a modality that the data lacks, or one of
            them is no configuration.
    """
    if not isinstance(data, Dataset) or not isinstance(model, Config) or not isinstance(train, TrainConfig):
        given = ", ".join(type(each).__name__ for each in (data, model, train))
        raise ConfigError(f"an estimate needs a data set, a model's configuration and a TrainConfig, not {given}")
    named = getattr(model, "modalities", None)
    if named or isinstance(model, VBPRConfig | LEARN_FEATURES):
        chosen_modalities(data, named, type(model).__name__.removesuffix("Config"))
    limit = limits(runtime.resolve_device(train.device).type)
    evaluation = Work(2.0 * data.n_users * data.n_items * _width(model), 8.0 * BYTES * data.n_users * data.n_items)
    learns = catalog.kind_of(model).learns
    work = work_of_epoch(data, model, train) + evaluation if learns else evaluation
    overhead = _n_steps(data, model, train) * STEP_OVERHEAD if learns else 0.0
    seconds = work.flops / limit.flops + work.traffic / limit.traffic + overhead
    return Estimate(seconds, seconds * train.epochs if learns else seconds, int(_memory(data, model, train)))


def work_of_epoch(data: Dataset, model: Config, train: TrainConfig) -> Work:
    """Count the arithmetic and the memory traffic of an epoch's training steps."""
    return _step(data, model, train, min(train.batch_size, _n_examples(data, model))) * _n_steps(data, model, train)


def _n_examples(data: Dataset, model: Config) -> int:
    """Count what an epoch goes through: users for MultVAE, pairs for all others."""
    return data.n_users if isinstance(model, MultVAEConfig) else len(data.pairs("train"))


def _n_steps(data: Dataset, model: Config, train: TrainConfig) -> int:
    return -(-_n_examples(data, model) // train.batch_size)


def _width(model: Config) -> int:
    return model.hidden_dim if isinstance(model, MultVAEConfig) else getattr(model, "embedding_dim", 0)


def _modalities_width(data: Dataset, names: tuple[str, ...] | None) -> int:
    return sum(data.features[name].shape[1] for name in (data.modalities if names is None else names))


def _tables(data: Dataset, model: Config) -> int:
    """Count the cells of an embedding for every node; MultVAE has none."""
    return 0 if isinstance(model, MultVAEConfig) else (data.n_users + data.n_items) * _width(model)


def _own_weights(data: Dataset, model: Config) -> int:
    """Count the weights of a model beyond an embedding for every node, where there are many."""
    if isinstance(model, MultVAEConfig):
        return 2 * data.n_items * model.hidden_dim
    if isinstance(model, VBPRConfig):
        return data.n_users * model.embedding_dim
    return data.n_items * _modalities_width(data, model.modalities) if isinstance(model, LEARN_FEATURES) else 0


def _step(data: Dataset, model: Config, train: TrainConfig, batch: int) -> Work:
    n_nodes, n_edges, dim = data.n_users + data.n_items, 2 * len(data.pairs("train")), _width(model)
    layers = getattr(model, "n_layers", 0)
    work = Work(0.0, 28.0 * BYTES * (_tables(data, model) + _own_weights(data, model)))
    if isinstance(model, MultVAEConfig):
        work += Work(6.0 * batch * data.n_items * dim, 8.0 * BYTES * batch * data.n_items)
    if isinstance(model, VBPRConfig | LEARN_FEATURES):
        widths = _modalities_width(data, model.modalities)
        work += Work(12.0 * batch * widths * dim, 12.0 * BYTES * batch * widths)
    if isinstance(model, MGCNConfig):
        work += _views(data, model, batch)
        layers += _n_modalities(data, model)
    if isinstance(model, ModelConfig):
        names = data.modalities if model.modalities is None else model.modalities
        layers = model.n_id_layers + len(names) * model.n_modality_layers
        widths = _modalities_width(data, names)
        work += Work(
            4.0 * data.n_items * widths * (dim + model.n_hyperedges) + 18.0 * n_nodes * dim * dim, 2.0 * BYTES * data.n_items * widths
        )
        share = min(1.0, 3 * batch / n_nodes)
        work += Work(12.0 * share * n_edges * dim, 6.0 * BYTES * share * n_edges * dim)
        work += _found_structure(data, model, len(names), batch)
        n_pairs = len(names) * (len(names) - 1) // 2
        for weight, width, rows in (
            (train.modality_contrast_weight, dim, train.modality_contrast_rows or batch),
            (train.hypergraph_contrast_weight, min(dim, 2 * model.n_hyperedges), batch),
        ):
            for count in (data.n_users, data.n_items):
                cells = n_pairs * _distinct(min(batch, rows), count) * min(count, train.contrast_sample or count)
                work += Work(6.0 * cells * width, 6.0 * BYTES * cells) if weight else Work(0.0, 0.0)
    return work + Work(4.0 * layers * n_edges * dim, 4.0 * BYTES * layers * n_edges * dim)


def _n_modalities(data: Dataset, model: ModelConfig | MGCNConfig) -> int:
    return len(data.modalities if model.modalities is None else model.modalities)


def _views(data: Dataset, model: MGCNConfig, batch: int) -> Work:
    """Count what MGCN's views of the modalities, their fusion and their contrast with behaviour take."""
    dim, cells = model.embedding_dim, _branch_cells(data, model)
    widths, neighbors = _modalities_width(data, model.modalities), data.n_items * model.n_neighbors * _n_modalities(data, model)
    work = Work(6.0 * data.n_items * widths * dim + 18.0 * cells * dim + 12.0 * batch**2 * dim, 12.0 * BYTES * (2 * cells + batch**2))
    return work + Work(4.0 * neighbors * dim, 4.0 * BYTES * neighbors * dim) * model.n_item_layers


def _found_structure(data: Dataset, model: ModelConfig, n_modalities: int, batch: int) -> Work:
    """Count what the objectives of memberships and attention add, and the users' memberships where they are made of the items'."""
    n_nodes, n_pairs = data.n_users + data.n_items, len(data.pairs("train"))
    width, work = n_modalities * model.n_hyperedges, Work(0.0, 0.0)
    if model.membership_objective == "cointeraction":
        work += Work(4.0 * n_pairs * width + 6.0 * n_nodes * width * model.n_hyperedges, 4.0 * BYTES * (n_pairs + 2 * n_nodes) * width)
    if model.user_membership != "sum":
        work += Work(2.0 * n_pairs * width, 2.0 * BYTES * (n_pairs + 2 * n_nodes) * width)
    if model.attention_objective == "contrast":
        dim = model.embedding_dim
        work += Work(8.0 * batch * dim * dim, 24.0 * BYTES * batch * dim)
    return work


def _distinct(draws: int, count: int) -> float:
    """Return how many different ones of ``count`` are expected among so many draws."""
    return count * (1 - (1 - 1 / count) ** draws)


def _memory(data: Dataset, model: Config, train: TrainConfig) -> float:
    n_edges = 2 * len(data.pairs("train"))
    widths = sum(matrix.shape[1] for matrix in data.features.values())
    constants = 2 * BYTES * data.n_items * widths + 40 * n_edges
    passes = 34 * BYTES * _tables(data, model) + 4 * BYTES * _own_weights(data, model)  # a weight, its gradient, two moments
    passes += LEARNED * BYTES * _branch_cells(data, model)
    blocks = 3 * BYTES * CELLS + 3 * BYTES * min(BLOCK_CELLS, data.n_users * data.n_items)
    return PROCESS_BYTES + constants + passes + blocks


def pass_bytes(data: Dataset, model: Config) -> int:
    """Return how much memory a model's weights and one pass over all users and items take, in bytes.

    Args:
        data: What it was trained on.
        model: Its settings.
    """
    names = chosen_modalities(data, model.modalities, "SRGFormer") if isinstance(model, ModelConfig) else ()
    return BYTES * ((8 + 2 * len(names)) * _tables(data, model) + _own_weights(data, model) + 2 * _branch_cells(data, model))


def _branch_cells(data: Dataset, model: Config) -> int:
    """Count the cells of MGCN's views, or of SRGFormer's memberships, maps of features, and attention's values along the edges."""
    if isinstance(model, MGCNConfig):
        return _n_modalities(data, model) * _tables(data, model)
    if not isinstance(model, ModelConfig):
        return 0
    names = data.modalities if model.modalities is None else model.modalities
    n_nodes, n_edges = data.n_users + data.n_items, 2 * len(data.pairs("train"))
    maps = _modalities_width(data, names) * (model.embedding_dim + model.n_hyperedges)
    return len(names) * n_nodes * model.n_hyperedges + maps + n_edges * model.n_heads


@cache
def limits(device: str) -> Work:
    """Measure how much this machine does in a second, in about a tenth of one."""
    square, long = torch.rand(768, 768, device=device), torch.rand(4_000_000, device=device)
    flops = 2 * 768**3 / _seconds(lambda: square @ square, device)
    traffic = 2 * BYTES * len(long) / _seconds(lambda: long * 2, device)
    return Work(flops, traffic)


def _seconds(call: Callable[[], object], device: str, repeats: int = 7) -> float:
    """Return the shortest time: a limit is what the machine does when nothing disturbs it."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        runtime.wait_for(device)
        times.append(time.perf_counter() - started)
    return min(times)
