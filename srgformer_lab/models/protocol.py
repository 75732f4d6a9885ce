"""What all models share: what the loop and the evaluation ask of them, how weights are drawn, and which modalities they use.

Only a ``Recommender`` that is also ``Trainable`` needs training: popularity, for one, is not.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from srgformer_lab.config import Config, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.reading import Reading
from srgformer_lab.together import ALONE, Together

B = TypeVar("B")
"""What a model takes at a step: triples, or whatever else it learns from."""
B_co = TypeVar("B_co", covariant=True)
Watch = Callable[[Sequence[Any]], Iterable[Any]]
"""Hands on the steps of something slow one by one, so that a bar can show how far it is; ``iter`` shows nothing."""


class Recommender(nn.Module, ABC):
    """A model that scores items for users, and knows the data set that it was built on."""

    config: Config
    data: Dataset
    begun_from: str = ""
    """Whose weights it starts from, in words, for the run that trains it; empty where they are drawn."""
    rows: ClassVar[Mapping[str, str]] = {"user_embedding": "user", "item_embedding": "item"}
    """Weights, or parts that hold such, with a row for each user or each item: rows follow their ids onto other data."""

    def __init__(self, data: Dataset) -> None:
        """Keep the data set, which what is asked of the model is held against."""
        super().__init__()
        self.data = data

    @abstractmethod
    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Return a function that scores all items; the model is read once for all its calls.

        Returns:
            From user rows (chosen,) to scores (chosen × items): the higher, the better.
        """

    def for_users(self, users: Int[Tensor, " chosen"]) -> Any:
        """Return what scores these users alone with the least work; by default the model itself.

        Args:
            users: User rows, each from 0 to users − 1.

        Returns:
            A model, or a pass that was made.
        """
        return self

    def reading(self, users: Int[Tensor, " chosen"]) -> Reading | None:
        """Return what takes these users' scores apart, their parts and the linear paths to them; None where a score has no such.

        What has none is explained by removals: the model is run again without each item of a history.

        Args:
            users: User rows, each from 0 to users − 1.

        Returns:
            The model's own reading, or None.
        """
        return None

    def adopt(self, other: Any) -> None:
        """Take over what a model of the same sort has beside its weights and settings, to be the same on other data; most have nothing.

        Args:
            other: The model whose weights this one has.
        """


class Sampler(Protocol[B_co]):
    """What makes the batches of an epoch."""

    def n_batches(self, batch_size: int) -> int:
        """Count the batches of an epoch; the short last one is kept."""
        ...

    def batches(self, batch_size: int, draws: torch.Generator) -> Iterator[B_co]:
        """Return the batches of one epoch, all drawn from ``draws``."""
        ...


class Trainable(Recommender, Generic[B]):
    """A recommender that learns from batches of its own kind, which its ``sampler`` makes.

    A class of one's own sets ``config`` and ``sampler`` and defines ``losses`` and ``scorer``; ``fit`` and ``epochs`` do the rest.
    """

    sampler: Sampler[B]
    together: Together = ALONE
    """The processes that train this model; the loop says which they are."""
    is_divisible = False
    """Whether ``losses`` computes this process's part, such that parts add up over the processes; only then can several train it."""

    def n_batches(self, batch_size: int) -> int:
        """Count the batches of an epoch.

        Args:
            batch_size: Examples in a batch, from 1; the short last one is kept.

        Returns:
            Their number.
        """
        return self.sampler.n_batches(batch_size)

    def batches(self, batch_size: int, draws: torch.Generator) -> Iterator[B]:
        """Return the batches of one epoch.

        Args:
            batch_size: Examples in a batch, from 1.
            draws: What the order and the negatives are drawn from.

        Returns:
            An iterator of batches of the model's own kind.
        """
        return self.sampler.batches(batch_size, draws)

    def start_epoch(self, draws: torch.Generator, epoch: int = 1) -> None:
        """Set what an epoch of training draws from; most models draw nothing.

        Args:
            draws: The generator of everything that the model itself draws in this epoch.
            epoch: The epoch's number, from 1.
        """

    @abstractmethod
    def losses(self, batch: B, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute the weighted terms of the objective on one batch; their sum is minimised.

        Args:
            batch: What the sampler made.
            config: The weights of the terms, among others.

        Returns:
            A scalar a term, by its name.
        """


def table(rows: int, columns: int, draws: torch.Generator) -> nn.Parameter:
    """Draw a matrix of weights, Xavier uniform."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(rows, columns), generator=draws))


def linear(n_in: int, n_out: int, draws: torch.Generator) -> nn.Linear:
    """Make a linear map with bias: weights Xavier uniform, bias 0. The caller's random state stays untouched."""
    with torch.random.fork_rng(devices=[]):  # torch draws weights of its own first
        layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight, generator=draws)
    nn.init.zeros_(layer.bias)
    return layer


def known_modalities(data: Dataset, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Name modalities in the data's order; ``wanted`` None means all. ConfigError if the data lacks one of them."""
    names = data.modalities if wanted is None else wanted
    if missing := [name for name in names if name not in data.modalities]:
        raise ConfigError(f"{data.name} has no modality {missing[0]!r}; it has {', '.join(data.modalities) or 'none'}")
    return tuple(name for name in data.modalities if name in names)


def used_modalities(model: Recommender) -> tuple[str, ...]:
    """Name the modalities that a model uses, in its data's order; none where its configuration speaks of none."""
    return known_modalities(model.data, getattr(getattr(model, "config", None), "modalities", ()))


def chosen_modalities(data: Dataset, wanted: tuple[str, ...] | None, model: str) -> tuple[str, ...]:
    """Name the modalities that a model uses, in the data's order; ``wanted`` None means all.

    Raises:
        ConfigError: There is none, or the data lacks one of them.
    """
    names = known_modalities(data, wanted)
    if not names:
        has = f"of which {data.name} has {', '.join(data.modalities)}" if data.modalities else f"and {data.name} has none"
        raise ConfigError(f"{model} needs at least one modality, {has}; give features, or train a model without modalities such as mf")
    return names
