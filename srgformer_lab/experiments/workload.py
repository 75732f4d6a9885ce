"""What is timed: a real data set or a generated one of any size, a model and its training, ready for the next step; and the clock."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import torch

from srgformer_lab import runtime
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.data.dataset import Dataset, DataSource, Interactions, ItemCards
from srgformer_lab.data.source import reopen
from srgformer_lab.errors import ConfigError, RunError, UnknownIdError
from srgformer_lab.models.baselines.light_gcn import LightGCN
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.presets import preset
from srgformer_lab.training.loop import Training

POPULARITY_EXPONENT, ACTIVITY_SPREAD = 0.8, 0.8
"""Item of popularity rank r is drawn in proportion to r^−0.8; activity is log-normal with this deviation."""
KEPT_BATCHES = 8
"""Steps are timed on these, again and again, so that drawing batches is left out."""
SMALLEST_HISTORY = 3
"""Each user has one pair to train on, one to validate and one to test."""


@dataclass(frozen=True)
class Shape:
    """The size of a data set, and the preset whose model is trained on it."""

    name: str
    n_users: int
    n_items: int
    n_train: int
    widths: Mapping[str, int]
    """Width of each modality's features."""
    preset: str
    scale: int = 1
    """How many times the size of the shape that it grew from."""

    def __post_init__(self) -> None:
        """Refuse a size that no data set can have: each user takes an item to train on, one to validate and one to test."""
        least, most = self.n_users, self.n_users * (self.n_items - SMALLEST_HISTORY + 1)
        if self.n_items < SMALLEST_HISTORY or not 0 < least <= self.n_train <= most:
            raise ConfigError(
                f"{self.name}: {self.n_users:,} users and {self.n_items:,} items can't share {self.n_train:,} training pairs; "
                f"it takes at least {SMALLEST_HISTORY} items, and {least:,} to {max(most, least):,} pairs"
            )

    def times(self, scale: int) -> "Shape":
        """Multiply users, items and interactions."""
        return Shape(
            f"{self.name}-x{scale}", scale * self.n_users, scale * self.n_items, scale * self.n_train, self.widths, self.preset, scale
        )


RAW = {"image": 4096, "text": 384}
BABY = Shape("baby", 19_445, 7_050, 118_551, {"image": 256, "text": 256}, "baby")
SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        shape.name: shape
        for shape in (
            Shape("studio", 600, 240, 9_766, {"image": 32, "text": 32}, "studio"),
            Shape("movielens", 585, 1_261, 26_237, {"image": 1280, "text": 384}, "studio"),
            BABY,
            *(BABY.times(scale) for scale in (2, 4, 8)),
            Shape("baby-raw", 19_445, 7_050, 118_551, RAW, "baby"),
            Shape("sports", 35_598, 18_357, 218_409, RAW, "sports"),
            Shape("clothing", 39_387, 23_033, 197_338, RAW, "clothing"),
        )
    }
)


def shape(name: str) -> Shape:
    """Return a shape by its name.

    Raises:
        UnknownIdError: There is no such shape.
    """
    if not isinstance(name, str) or name not in SHAPES:
        raise UnknownIdError("shape", name, SHAPES)
    return SHAPES[name]


def generate(shape: Shape, seed: int = 0) -> Dataset:
    """Draw a data set of exactly this size, with popular items and active users, and features without meaning."""
    rng = np.random.default_rng(seed)
    n_users, n_items = shape.n_users, shape.n_items
    activity = rng.lognormal(0, ACTIVITY_SPREAD, n_users)
    popularity = rng.permutation((1.0 + np.arange(n_items)) ** -POPULARITY_EXPONENT)
    user = np.repeat(np.arange(n_users), SMALLEST_HISTORY)
    item = (np.repeat(rng.integers(n_items, size=n_users), SMALLEST_HISTORY) + np.tile(np.arange(SMALLEST_HISTORY), n_users)) % n_items
    pair, wanted = np.unique(user * n_items + item), shape.n_train + 2 * n_users
    while len(pair) < wanted:
        size = 2 * (wanted - len(pair)) + 100
        users = rng.choice(n_users, size, p=activity / activity.sum())
        items = rng.choice(n_items, size, p=popularity / popularity.sum())
        fresh = rng.permutation(np.setdiff1d(users * n_items + items, pair))
        pair = np.union1d(pair, fresh[: wanted - len(pair)])
    order = rng.permutation(wanted)
    user, item = pair[order] // n_items, pair[order] % n_items
    place = pd.Series(user).groupby(user).cumcount().to_numpy()  # 0 and 1: a user's first pairs in a random order
    split = np.where(place == 0, 1, np.where(place == 1, 2, 0)).astype(np.int8)
    blank = tuple("" for _ in range(n_items))
    return Dataset(
        name=shape.name,
        user_ids=tuple(f"u{row}" for row in range(n_users)),
        item_ids=tuple(f"i{row}" for row in range(n_items)),
        interactions=Interactions(user, item, split),
        features={name: rng.standard_normal((n_items, width), dtype=np.float32) for name, width in shape.widths.items()},
        cards=ItemCards(blank, blank, (None,) * n_items, pd.DataFrame(index=range(n_items))),
    )


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
        """Return what is measured: the name of the data, its size, and where."""
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


def medians(acts: Mapping[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, float]:
    """Return the median of each act's ``durations`` in milliseconds."""
    return {name: median(values) for name, values in durations(acts, repeats, device).items()}


def durations(acts: Mapping[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Time each act ``repeats`` times, one after the other in every round; return all times in milliseconds.

    A round before the first warms up and doesn't count.
    """
    found: dict[str, list[float]] = {name: [] for name in acts}
    for number in range(repeats + 1):
        for name, act in acts.items():
            started = time.perf_counter()
            act()
            runtime.wait_for(device.type)
            if number:
                found[name].append(1000 * (time.perf_counter() - started))
    return found


def in_own_process(act: Callable[..., Any], *arguments: object) -> Any:
    """Run a function in a fresh process and return its result.

    Raises:
        RunError: The process was ended from outside.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(act, *arguments).result()
        except BrokenProcessPool as error:
            raise RunError("a measuring process was ended from outside, most likely for want of memory; measure a smaller size") from error
