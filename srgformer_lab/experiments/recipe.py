"""Which data the trainings of an experiment are made on: a data set for each seed, and what is done to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from cachetools import cached

from srgformer_lab.config import check_number
from srgformer_lab.data.changing import thinned, with_interventions, without_features
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.fingerprint import fingerprint_of_0_1_0
from srgformer_lab.data.source import open_data
from srgformer_lab.errors import ConfigError


@dataclass(frozen=True)
class Recipe:
    """Which data to train on. A seed draws the world, or the split, anew, where the data set doesn't bring its own.

    Raises:
        ConfigError: The options hold a seed, or the share is out of range.
    """

    path: str
    """``studio``, or a data folder."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The reader's options, without its seed."""
    share: float = 1.0
    """How much of the training interactions to keep, above 0 and at most 1."""
    lost: tuple[str, float] | None = None
    """A modality, and the share of the items which have it that are to lack it."""
    interventions: tuple[tuple[str, str], ...] = ()
    """Modalities with what is done to their features, as ``with_interventions`` does it."""

    def __post_init__(self) -> None:
        """Refuse options that are no names with values, a seed among them, and a share that keeps nothing."""
        if not isinstance(self.options, Mapping) or "seed" in self.options:
            raise ConfigError(f"options={self.options!r} must be options of the reader by name, without its seed (Setup has the seeds)")
        object.__setattr__(self, "path", str(self.path))
        object.__setattr__(self, "share", check_number("share", self.share, 0, 1, "part of the training interactions that is kept"))
        if not self.share:
            raise ConfigError("share=0 keeps no training interaction; give a part above 0, such as 0.5")
        if self.lost is not None:
            modality, share = self.lost
            object.__setattr__(self, "lost", (modality, check_number("lost", share, 0, 1, "part of the items that is to lack a modality")))

    @property
    def done(self) -> tuple[str | float, ...]:
        """What is done to modalities, for the name of a run folder; empty where nothing is."""
        return (*(self.lost or ()), *chain(*self.interventions))

    def open(self, seed: int) -> Dataset:
        """Open the data of one seed.

        Args:
            seed: What the world or the split, the thinning, the loss and the interventions are drawn from.

        Returns:
            The data set, of whose training interactions ``share`` is kept, and whose items lack what is ``lost``.

        Raises:
            DataError: The folder is missing or not in order, or has no such modality.
            ConfigError: The options are none of the reader's.
        """
        data = open_data(self.path, seed=seed, **self.options)
        data = data if self.share == 1 else thinned(data, self.share, seed)
        data = without_features(data, *self.lost, seed) if self.lost else data
        return with_interventions(data, self.interventions, seed)

    @cached({}, key=lambda recipe, seed: (recipe.path, repr(sorted(recipe.options.items())), seed))
    def fingerprint(self, seed: int) -> str:
        """Return the fingerprint of a seed's whole data, before anything is left out; computed once in a process.

        It has the form of 0.1.0, so that run folders keep their names: it covers all that decides a training, and no cards.

        Args:
            seed: What the world or the split is drawn from.

        Returns:
            A short hash.

        Raises:
            DataError: The folder is missing or not in order.
            ConfigError: The options are none of the reader's.
        """
        return fingerprint_of_0_1_0(open_data(self.path, seed=seed, **self.options))
