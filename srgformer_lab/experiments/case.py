"""One training among many: on which data, of which model, with which settings, and what it is called in the table."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from typing import Any, TypeVar

from srgformer_lab.config import Config, ModelConfig, TrainConfig, preset
from srgformer_lab.data.changing import thinned
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.source import open_data
from srgformer_lab.errors import ConfigError
from srgformer_lab.models import catalog
from srgformer_lab.version import VERSION

KEPT = ("embedding_dim", "modalities", "seed")
"""Settings of a model that belong to the data set at hand rather than to a preset."""
WEIGHTS = ("hypergraph_contrast_weight", "modality_contrast_weight", "contrast_temperature", "regularization_weight")
"""Settings of a training that belong to the model; optimiser, batch and epochs belong to the data set."""
AnyConfig = TypeVar("AnyConfig", bound=Config)
DIGITS = 10
"""Letters of a digest in a folder's name: enough that two settings never share one."""


@dataclass(frozen=True)
class Recipe:
    """Which data to train on. A seed draws the world, or the split, anew, where the data set doesn't bring its own."""

    path: str
    """``studio``, or a data folder."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the reader is told beside the seed."""
    share: float = 1.0
    """How much of the training interactions to keep, in 0…1."""

    def open(self, seed: int) -> Dataset:
        """Open the data of one seed.

        Raises:
            DataError: The folder is missing or not in order.
            ConfigError: The options are none of the reader's, or the share is out of range.
        """
        data = open_data(self.path, seed=seed, **self.options)
        return data if self.share == 1 else thinned(data, self.share, seed)

    def fingerprint(self, seed: int) -> str:
        """Return the fingerprint of a seed's whole data, before anything is left out; asked for once in a process.

        Raises:
            DataError: The folder is missing or not in order.
            ConfigError: The options are none of the reader's.
        """
        return _fingerprint(self.path, tuple(self.options.items()), seed)


@cache
def _fingerprint(path: str, options: tuple[tuple[str, Any], ...], seed: int) -> str:
    return open_data(path, seed=seed, **dict(options)).fingerprint


@dataclass(frozen=True)
class Case:
    """One model, trained once, under the labels that name it in tables."""

    labels: Mapping[str, str | float]
    recipe: Recipe
    seed: int
    model_name: str
    model: Config
    train: TrainConfig
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Which settings were chosen for this case, apart from what all cases of the experiment share."""
    with_noise: bool = False
    """Whether memberships are drawn with noise when the trained model is judged, as the public release does."""

    @cached_property
    def key(self) -> str:
        """Name the run folder: cases share one if, and only if, nothing that decides the training differs."""
        settings = {
            "data": [self.recipe.fingerprint(self.seed), self.recipe.share, self.seed],
            "model": [self.model_name, self.model.to_dict()],
            "train": self.train.to_dict(),
            "version": VERSION,
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return f"{self.model_name}-{self.seed}-{digest[:DIGITS]}"


@dataclass(frozen=True)
class Setup:
    """What all cases of an experiment have in common."""

    recipe: Recipe
    preset_name: str = "studio"
    seeds: tuple[int, ...] = (0,)
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the preset's, of the model or of the training."""
    n_trials: int = 1
    """Settings tried a model before its seeds are run; 1 takes the model's own."""
    only: tuple[str, ...] = ()
    """Labels to restrict the experiment to; none given means all."""

    def __post_init__(self) -> None:
        """Refuse an experiment without seeds or trials."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or self.n_trials < 1:
            raise ConfigError(f"seeds={self.seeds}, trials={self.n_trials}: give at least one seed, each once, and at least one trial")

    @property
    def model(self) -> ModelConfig:
        """The SRGFormer that the experiment starts from."""
        return changed(preset(self.preset_name).model, self.changes)

    @property
    def train(self) -> TrainConfig:
        """The training that the experiment starts from."""
        return changed(preset(self.preset_name).train.replace(keep_epochs=0), self.changes)

    def value(self, name: str) -> Any:
        """Return the setting that SRGFormer, or its training, starts from."""
        return getattr(self.model, name) if hasattr(self.model, name) else getattr(self.train, name)

    def case(self, labels: Mapping[str, str | float], seed: int, model_name: str = "srgformer", **changes: Any) -> Case:
        """Make one case; ``changes`` are settings of the model or of the training that differ from the base.

        Every other model than SRGFormer starts from its own defaults, at the same width and with the same modalities.

        Raises:
            UnknownIdError: There is no such model.
            ConfigError: A name is a setting of neither, or a value is out of its range.
        """
        kind = catalog.kind(model_name)
        shared = {name: getattr(self.model, name) for name in ("embedding_dim", "modalities")}
        base: Config = self.model if kind.config is ModelConfig else changed(kind.config(), shared)
        of_kind = {name: value for name, value in kind.train.items() if name not in self.changes}
        train = self.train.replace(**of_kind)
        if strange := sorted(name for name in changes if not (hasattr(base, name) or hasattr(train, name))):
            raise ConfigError(f"{', '.join(strange)} is a setting neither of {model_name} nor of its training")
        new = {name: value for name, value in changes.items() if value != getattr(base, name, getattr(train, name, None))}
        model, train = changed(base, {**new, "seed": seed}), changed(train, {**new, "seed": seed})
        return Case(labels, self.recipe, seed, model_name, model, train, new)

    def of_share(self, share: float) -> "Setup":
        """Return the same setup on a part of the training interactions."""
        return replace(self, recipe=replace(self.recipe, share=share))

    def wants(self, label: str) -> bool:
        """Return whether a label is among those that the experiment is restricted to."""
        return not self.only or label in self.only


def settings_of(preset_name: str) -> dict[str, Any]:
    """Return those settings of a preset that can be carried to another data set.

    Raises:
        UnknownIdError: No preset has that name.
    """
    chosen = preset(preset_name)
    of_model = {name: value for name, value in chosen.model.to_dict().items() if name not in KEPT}
    return of_model | {name: getattr(chosen.train, name) for name in WEIGHTS}


def changed(config: AnyConfig, values: Mapping[str, Any]) -> AnyConfig:
    """Change those settings that a configuration has, and pass over the others."""
    known = {item.name for item in fields(config)}  # type: ignore[arg-type]
    return config.replace(**{name: value for name, value in values.items() if name in known})
