"""What the loop, the evaluation and every baseline agree on.

Only a ``Recommender`` that is also ``Trainable`` needs training: popularity, for one, is not.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from srgformer_lab.config import Config, TrainConfig
from srgformer_lab.data.dataset import Dataset

B = TypeVar("B")
"""What a model takes at a step: triples, or whatever else it learns from."""
Watch = Callable[[Sequence[Any]], Iterable[Any]]
"""Hands on the steps of something slow one by one, so that a bar can show how far it is; ``iter`` shows nothing."""


class Recommender(nn.Module, ABC):
    """A model that scores items for users, and knows the data set that it was built on."""

    config: Config
    data: Dataset

    def __init__(self, data: Dataset) -> None:
        """Keep the data set, which what is asked of the model is held against."""
        super().__init__()
        self.data = data

    @abstractmethod
    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Read the model once, and give a function from user rows to the scores of all items."""


class Trainable(Recommender, Generic[B]):
    """A recommender that learns from batches of its own kind, which it makes itself."""

    @abstractmethod
    def n_batches(self, batch_size: int) -> int:
        """Count the batches of an epoch."""

    @abstractmethod
    def batches(self, batch_size: int, draws: torch.Generator) -> Iterator[B]:
        """Return the batches of one epoch, all drawn from ``draws``."""

    @abstractmethod
    def start_epoch(self, draws: torch.Generator, epoch: int = 1) -> None:
        """Take the generator of everything that the model itself draws in this epoch, and the epoch's number."""

    @abstractmethod
    def losses(self, batch: B, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted terms of the objective on one batch; their sum is minimised."""
