"""How long and how much memory a training will take, told before it starts."""

import time
from dataclasses import dataclass
from functools import cache

import torch

from srgformer_lab import runtime
from srgformer_lab.config import Config, ModelConfig, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.learn.evaluation import BLOCK_CELLS
from srgformer_lab.model.losses import BLOCK

BYTES = 4
PROCESS_BYTES = 420_000_000
"""What a process with torch and pandas takes before it holds any data."""
STEP_OVERHEAD = 0.006
"""Seconds that a step takes however small the data is."""


@dataclass(frozen=True)
class Estimate:
    """What a training is expected to take; good to about a factor of two."""

    seconds_per_epoch: float
    seconds_at_most: float
    """If no early stop comes."""
    memory_bytes: int


@dataclass(frozen=True)
class _Work:
    flops: float
    traffic: float
    """Bytes read or written."""


def estimate(data: Dataset, model: Config, train: TrainConfig) -> Estimate:
    """Count an epoch's arithmetic and memory traffic, and divide by what this machine was just measured to do.

    Raises:
        ConfigError: The training asks for a device that this machine lacks.
    """
    device = runtime.resolve_device(train.device)
    flop_rate, traffic_rate = _rates(device.type)
    n_pairs = len(data.pairs("train"))
    n_steps = -(-n_pairs // train.batch_size)
    dim = getattr(model, "embedding_dim", 0)
    step = _step(data, model, train, min(train.batch_size, n_pairs))
    evaluation = _Work(2.0 * data.n_users * data.n_items * dim, 8.0 * BYTES * data.n_users * data.n_items)
    flops, traffic = n_steps * step.flops + evaluation.flops, n_steps * step.traffic + evaluation.traffic
    seconds = flops / flop_rate + traffic / traffic_rate + n_steps * STEP_OVERHEAD
    return Estimate(seconds, seconds * train.epochs, int(_memory(data, model, train)))


def _step(data: Dataset, model: Config, train: TrainConfig, batch: int) -> _Work:
    n_nodes, n_edges = data.n_users + data.n_items, 2 * len(data.pairs("train"))
    dim = getattr(model, "embedding_dim", 0)
    flops, traffic = 0.0, 28.0 * BYTES * n_nodes * dim
    layers = getattr(model, "n_layers", 0)
    if isinstance(model, ModelConfig):
        names = data.modalities if model.modalities is None else model.modalities
        layers = model.n_id_layers + len(names) * model.n_modality_layers
        widths = sum(data.features[name].shape[1] for name in names)
        flops += 4.0 * data.n_items * widths * (dim + model.n_hyperedges)
        flops += 18.0 * n_nodes * dim * dim
        traffic += 20.0 * BYTES * min(n_edges, batch * n_edges / n_nodes * 3) * dim
        users, items = _distinct(batch, data.n_users), _distinct(batch, data.n_items)
        cells = float(users * data.n_users + items * data.n_items)
        terms = (len(names) * (len(names) - 1) // 2) * ((train.modality_contrast_weight > 0) + (train.hypergraph_contrast_weight > 0))
        flops += 6.0 * terms * cells * dim
        traffic += 10.0 * BYTES * terms * cells
    traffic += 4.0 * BYTES * layers * n_edges * dim
    return _Work(flops, traffic)


def _distinct(draws: int, count: int) -> float:
    """Give how many different ones of ``count`` are expected among so many draws."""
    return count * (1 - (1 - 1 / count) ** draws)


def _memory(data: Dataset, model: Config, train: TrainConfig) -> float:
    n_nodes, n_edges = data.n_users + data.n_items, 2 * len(data.pairs("train"))
    dim = getattr(model, "embedding_dim", 0)
    widths = sum(matrix.shape[1] for matrix in data.features.values())
    constants = 2 * BYTES * data.n_items * widths + 40 * n_edges
    passes = 34 * BYTES * n_nodes * dim + 6 * BYTES * n_edges * dim
    blocks = 3 * BYTES * BLOCK * n_nodes + 3 * BYTES * min(BLOCK_CELLS, data.n_users * data.n_items)
    return PROCESS_BYTES + constants + passes + blocks


@cache
def _rates(device: str) -> tuple[float, float]:
    """Measure floating-point operations and bytes a second, in about a tenth of a second."""
    square, long = torch.rand(768, 768, device=device), torch.rand(4_000_000, device=device)
    flops = 2 * 768**3 / _seconds(lambda: square @ square, device)
    traffic = 2 * BYTES * len(long) / _seconds(lambda: long * 2, device)
    return flops, traffic


def _seconds(call: object, device: str, repeats: int = 5) -> float:
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        call()  # type: ignore[operator]
        runtime.wait_for(device)
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[repeats // 2]
