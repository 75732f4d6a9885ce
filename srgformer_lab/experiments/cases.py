"""One training among many: on which data, of which model, with which settings, and what it is called in the table."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from srgformer_lab.config import FOUND_STRUCTURE, Config, ModelConfig, TrainConfig, check_number, check_seed, refuse_unknown
from srgformer_lab.errors import ConfigError, UnknownIdError
from srgformer_lab.experiments.recipe import Recipe
from srgformer_lab.models import catalog
from srgformer_lab.presets import preset

if TYPE_CHECKING:
    from srgformer_lab.experiments.pruning import Pruning

KEPT = ("embedding_dim", "modalities", "seed")
"""Settings of a model that belong to the data set at hand rather than to a preset."""
WEIGHTS = ("hypergraph_contrast_weight", "modality_contrast_weight", "contrast_temperature", "regularization_weight")
"""Settings of a training that belong to the model; optimiser, batch and epochs belong to the data set."""
AnyConfig = TypeVar("AnyConfig", bound=Config)
DIGITS = 10
"""Letters of a digest in a folder's name: enough that two settings never share one."""
NUMBERS_SINCE = "0.1.0"
"""The release since which the same settings train to the same numbers. Another one here makes every experiment begin anew."""


LATER = (*FOUND_STRUCTURE, "membership_balance", "missing_features", "modality_contrast_rows")
"""Settings that 0.1.0 did not have."""


@dataclass(frozen=True)
class TrainingCase:
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
    with_structure: bool = False
    """Whether it is also measured what the hyperedges and the attention of the trained model mean."""
    with_beyond: bool = False
    """Whether it is also measured what its lists are like beyond what they find."""
    pruning: "Pruning | None" = None
    """What may stop the training early, since others with the same aim are better."""

    @cached_property
    def key(self) -> str:
        """Name the run folder: cases share one if, and only if, nothing that decides the training differs."""
        settings = {
            "data": [self.recipe.fingerprint(self.seed), self.recipe.share, self.seed, *self.recipe.done],
            "model": [self.model_name, _since_0_1_0(self.model)],
            "train": _since_0_1_0(self.train),
            "version": NUMBERS_SINCE,
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return f"{self.model_name}-{self.seed}-{digest[:DIGITS]}"


def _since_0_1_0(config: Config) -> dict[str, Any]:
    """Return the settings without those that came later and stand at their defaults, so that run folders keep their names."""
    defaults = {item.name: item.default for item in fields(config) if item.name in LATER}  # type: ignore[arg-type]
    return {name: value for name, value in config.to_dict().items() if name not in LATER or value != defaults[name]}


@dataclass(frozen=True)
class Setup:
    """What all cases of an experiment have in common.

    Raises:
        UnknownIdError: There is no such preset.
        ConfigError: There is no seed, or one twice or out of its range, or no trial; or a change names no setting of SRGFormer or of
            its training, or is out of its range.
    """

    recipe: Recipe
    preset_name: str = "studio"
    seeds: tuple[int, ...] = (0,)
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the preset's, of SRGFormer or of the training."""
    n_trials: int = 1
    """Settings tried a model before its seeds are run; 1 takes the model's own."""
    only: tuple[str, ...] = ()
    """Labels to restrict the experiment to; none given means all."""
    search: str = "grid"
    """How settings are chosen for the trials: ``grid``, or ``optuna`` between the ends of the grids."""
    beyond: bool = False
    """Whether tables also say what lists are like beyond what they find; trainings and the names of their folders stay the same."""

    def __post_init__(self) -> None:
        """Check everything that is known before the data are."""
        seeds = tuple(check_seed(seed, "draws the data, the weights and the training") for seed in _listed("seeds", self.seeds))
        n_trials = check_number("trials", self.n_trials, 1, 2**31, "settings tried for each model", is_whole=True)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ConfigError(f"seeds={self.seeds}: give at least one seed, each once")
        if not isinstance(self.changes, Mapping) or "seed" in self.changes:
            raise ConfigError(f"changes={self.changes!r} must be settings by name, without the seed: each case has its own, of seeds")
        refuse_unknown("SRGFormer and its training have", self.changes, sorted({*ModelConfig.names(), *TrainConfig.names()} - {"seed"}))
        object.__setattr__(self, "seeds", seeds)
        object.__setattr__(self, "n_trials", n_trials)
        object.__setattr__(self, "only", tuple(dict.fromkeys(_listed("only", self.only))))
        self.model, self.train  # noqa: B018 both refuse what is out of range

    @property
    def model(self) -> ModelConfig:
        """The SRGFormer that the experiment starts from."""
        return changed(preset(self.preset_name).model, self.changes)

    @property
    def train(self) -> TrainConfig:
        """The training that the experiment starts from."""
        return changed(preset(self.preset_name).train.replace(keep_epochs=0), self.changes)

    def value(self, name: str) -> Any:
        """Return the setting that SRGFormer, or its training, starts from.

        Args:
            name: A setting of either.

        Returns:
            Its value.
        """
        return getattr(self.model, name) if hasattr(self.model, name) else getattr(self.train, name)

    def case(self, labels: Mapping[str, str | float], seed: int, model_name: str = "srgformer", **changes: Any) -> TrainingCase:
        """Make one case of the experiment.

        Every other model than SRGFormer starts from its own defaults, at the same width and with the same modalities.

        Args:
            labels: What names the case in tables.
            seed: What data, weights and training are drawn from.
            model_name: Such as ``srgformer`` or ``light_gcn``.
            **changes: Settings of the model or of the training that differ from the base.

        Returns:
            The data, the model and the training of this case.

        Raises:
            UnknownIdError: There is no such model.
            ConfigError: A name is a setting of neither, or a value is out of its range.
        """
        kind = catalog.kind(model_name)
        shared = {name: getattr(self.model, name) for name in ("embedding_dim", "modalities")}
        base: Config = self.model if kind.config is ModelConfig else changed(kind.config(), shared)
        of_kind = {name: value for name, value in kind.train.items() if name not in self.changes}
        train = self.train.replace(**of_kind)
        refuse_unknown(f"{model_name} and its training have", changes, sorted({*kind.config.names(), *TrainConfig.names()}))
        new = {name: value for name, value in changes.items() if value != getattr(base, name, getattr(train, name, None))}
        model, train = changed(base, {**new, "seed": seed}), changed(train, {**new, "seed": seed})
        return TrainingCase(labels, self.recipe, seed, model_name, model, train, new, with_beyond=self.beyond)

    def wanted(self, label: str, known: Iterable[str]) -> list[str]:
        """Return the names that the experiment is restricted to, or all.

        Args:
            label: What they name, for the message.
            known: The names that there are.

        Returns:
            Some of them.

        Raises:
            UnknownIdError: A name is none of those known.
        """
        names = list(known)
        for name in self.only:
            if name not in names:
                raise UnknownIdError(label, name, names)
        return list(self.only) or names

    def without(self, modality: str, share: float) -> "Setup":
        """Return the same setup on items of which a part lacks a modality.

        Args:
            modality: Which one.
            share: From 0 to 1, of the items that have it; 0 changes nothing.

        Returns:
            A setup.

        Raises:
            ConfigError: The share is out of range.
        """
        return replace(self, recipe=replace(self.recipe, lost=(modality, share))) if share else self

    def intervening(self, *interventions: tuple[str, str]) -> "Setup":
        """Return the same setup on data in which something more is done to the features of modalities.

        Args:
            *interventions: Modalities with the names of what is done.

        Returns:
            A setup.
        """
        return replace(self, recipe=replace(self.recipe, interventions=(*self.recipe.interventions, *interventions)))

    def of_share(self, share: float) -> "Setup":
        """Return the same setup on a part of the training interactions.

        Args:
            share: Above 0 and at most 1.

        Returns:
            A setup.

        Raises:
            ConfigError: The share is out of range.
        """
        return replace(self, recipe=replace(self.recipe, share=share))


def settings_of(preset_name: str) -> dict[str, Any]:
    """Return those settings of a preset that can be carried to another data set.

    Raises:
        UnknownIdError: No preset has that name.
    """
    chosen = preset(preset_name)
    of_model = {name: value for name, value in chosen.model.to_dict().items() if name not in KEPT}
    return of_model | {name: getattr(chosen.train, name) for name in WEIGHTS}


def changed(config: AnyConfig, values: Mapping[str, Any]) -> AnyConfig:
    """Change those settings that a configuration has; the others are another configuration's."""
    return config.replace(**{name: value for name, value in values.items() if name in config.names()})


def _listed(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigError(f"{name}={values!r} must be a tuple, such as {('whole',) if name == 'only' else (0, 1, 2)}")
    return tuple(values)
