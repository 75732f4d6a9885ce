"""What a page can ask a training for: the model or a part of it, a preset, every setting in groups, a seed; and the run that has them."""

import zlib
from collections.abc import Mapping
from dataclasses import Field, fields
from types import MappingProxyType
from typing import Any

from srgformer_lab import plots
from srgformer_lab.backend import limits, visitors
from srgformer_lab.backend.link import shortened
from srgformer_lab.backend.runs import known_runs
from srgformer_lab.config import Config, ModelConfig, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, UnknownIdError
from srgformer_lab.models.baselines.light_gcn import LightGCNConfig
from srgformer_lab.presets import preset
from srgformer_lab.training.records import RunConfig

FORM_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "": ("epochs", "embedding_dim", "n_hyperedges", "n_heads", "device", "seed"),
        "Layers and branches": (
            *("n_id_layers", "n_modality_layers", "n_hypergraph_layers", "attention_scale", "hypergraph_scale"),
            *("membership_temperature", "dropout"),
        ),
        "Learning": (
            *("learning_rate", "patience", "batch_size", "regularization_weight", "modality_contrast_weight"),
            *("hypergraph_contrast_weight", "contrast_temperature"),
        ),
        "Forms of attention and memberships": (
            *("attention_form", "attention_input", "attention_reads", "attention_objective", "scaled_attention"),
            *("membership_objective", "membership_balance", "membership_noise", "membership_features", "user_membership"),
            *("normalize_features", "missing_features", "as_released"),
        ),
        "Computing": (
            *("contrast_sample", "modality_contrast_rows", "memberships_every", "attention_every", "freeze_after"),
            *("mixed_precision", "keep_epochs"),
        ),
    }
)
"""Every setting, in the groups of the form; those of the first are always open. What modalities are used is said by the variant."""
NO_MATTER = ("device", "keep_epochs")
"""Settings of a training that change nothing of what is learned."""
SETTINGS: Mapping[str, Field[Any]] = MappingProxyType({item.name: item for kind in (TrainConfig, ModelConfig) for item in fields(kind)})


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
    """Return the model's name and both configurations of a variant.

    Without the hypergraph its contrast is off too, since it would still train the ID embeddings.

    Raises:
        UnknownIdError: There is no such variant.

    Source: the paper's ablations (arXiv 2511.00584): α = 0; β = 0 and c = 0; γ = 0; one modality.
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


def adjusted(preset_name: str, **chosen: object) -> tuple[ModelConfig, TrainConfig]:
    """Return a preset's configurations with what a person chose, by the names of the settings; ``seed`` is that of both.

    Raises:
        ConfigError: A value is no number or out of its range, too much for a class, or two settings don't go together.
    """
    whole = {name: _read(name, value) for name, value in chosen.items()}
    both = preset(preset_name)
    train = both.train.replace(**{name: value for name, value in whole.items() if name in TrainConfig.names()})
    model = both.model.replace(**{name: value for name, value in whole.items() if name == "seed" or name not in TrainConfig.names()})
    limits.check_sizes(model, train)
    return model, train


def _read(name: str, value: object) -> Any:
    """Return what was typed or chosen as the number that a setting is."""
    kind = SETTINGS[name].type if name in SETTINGS else str
    if kind is int:
        try:
            return int(value)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f"{name}={shortened(str(value))} must be a whole number, such as 5") from error
    if kind is float:
        try:
            return float(value)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{name}={shortened(str(value))} must be a number, such as 0.5 or 1e-3") from error
    return value


def preset_values(preset_name: str) -> dict[str, Any]:
    """Return every setting of a preset by its name."""
    both = preset(preset_name)
    return {name: getattr(both.train if name in TrainConfig.names() else both.model, name) for name in SETTINGS if name != "modalities"}


def setting_label(name: str) -> str:
    """Return symbol and meaning of a setting, as its field is called."""
    about = SETTINGS[name].metadata
    return about["meaning"] if about["symbol"] == "–" else f"{about['symbol']}: {about['meaning']}"


def preset_words(preset_name: str) -> str:
    """Say what a preset is for, and which settings it sets to something else than their defaults."""
    both = preset(preset_name)
    changed = [
        f"{SETTINGS[name].metadata['symbol'].replace('–', name.replace('_', ' '))} {_written(value)}"
        for name, value in preset_values(preset_name).items()
        if value != SETTINGS[name].default
    ]
    return f"{both.about}. It sets {', '.join(changed)}; all else stands at its default." if changed else f"{both.about}: all defaults."


def _written(value: object) -> str:
    return plots.setting(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def usual_seed(preset_name: str) -> int:
    """Return the seed that a form proposes: in a class each visitor has one of their own, else it is the preset's."""
    if not limits.is_class():
        return preset(preset_name).train.seed
    return 1000 + zlib.crc32(str(visitors.visitor().name).encode()) % 9000


def recipe(config: RunConfig) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return all that decides what a run learns from its data: kind of model, its settings, and those of the training."""
    train = {name: value for name, value in config.train.to_dict().items() if name not in NO_MATTER}
    return config.model_name, config.model.to_dict(), train


def same_run(data: Dataset, variant: str, model: ModelConfig, train: TrainConfig) -> str:
    """Name the run of this data that was trained, or is, with exactly these settings and no knob turned; empty if there is none."""
    kind, config, train = settings(variant, model, train)
    wanted = kind, config.to_dict(), {name: value for name, value in train.to_dict().items() if name not in NO_MATTER}
    ended_well = ("finished", "running", "queued")
    return next(
        (
            name
            for name, known in known_runs(data).items()
            if known.status.state in ended_well and not known.turned and recipe(known.config) == wanted
        ),
        "",
    )
