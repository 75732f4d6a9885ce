"""What is measured: some data, a model and its training, opened and ready for its next step."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import torch

from srgformer_lab import runtime
from srgformer_lab.bench.shapes import Shape, generate
from srgformer_lab.config import ModelConfig, TrainConfig, preset
from srgformer_lab.data.dataset import Dataset, DataSource
from srgformer_lab.data.source import reopen
from srgformer_lab.models.baselines.light_gcn import LightGCN
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.training.loop import Training

KEPT_BATCHES = 8
"""Steps are timed on these, in turn, so that drawing batches is left out."""


@dataclass(frozen=True)
class Task:
    """What to measure on which data, and how often."""

    data: Shape | DataSource
    model: ModelConfig
    train: TrainConfig
    repeats: int = 3
    with_plain: bool = True

    def open(self) -> Dataset:
        """Generate the data, or open it."""
        return generate(self.data) if isinstance(self.data, Shape) else reopen(self.data)


def task(data: Shape | DataSource, preset_name: str, dim: int, repeats: int, with_plain: bool, **changes: Any) -> Task:
    """Take a preset at some width; ``changes`` are settings of the training."""
    chosen = preset(preset_name)
    return Task(data, chosen.model.replace(embedding_dim=dim), chosen.train.replace(**changes), repeats, with_plain)


@dataclass(frozen=True)
class Subject:
    """A task's data, and its model in the middle of a training."""

    task: Task
    data: Dataset
    model: SRGFormer
    training: Training

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.training.device

    def batches(self) -> Iterator[Batch]:
        """Return a few batches of an epoch, again and again."""
        return some_batches(self.model, self.task.train.batch_size, self.device)

    def facts(self) -> dict[str, Any]:
        """Say what is measured: the name of the data, its size, and where."""
        scale = self.task.data.scale if isinstance(self.task.data, Shape) else 1
        sizes = {"users": self.data.n_users, "items": self.data.n_items, "interactions": len(self.data.pairs("train"))}
        return {"data": self.data.name, "scale": scale, **sizes, "dim": self.task.model.embedding_dim, "device": str(self.device)}


def start(task: Task) -> Subject:
    """Open the data and begin a training, in a process that keeps its memory as trainings do."""
    runtime.keep_memory()
    data = task.open()
    model = SRGFormer(data, task.model)
    training = Training(model, data, task.train)
    model.train()
    model.start_epoch(runtime.generator(training.device, 0))
    return Subject(task, data, model, training)


def some_batches(model: SRGFormer | LightGCN, size: int, device: torch.device) -> Iterator[Batch]:
    """Return a few batches of an epoch, again and again."""
    return cycle(islice(model.batches(size, runtime.generator(device, 0)), KEPT_BATCHES))
