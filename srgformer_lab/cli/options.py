"""The options that several commands share: which data, and one for each setting of a model or of a training."""

import argparse
from collections.abc import Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srgformer_lab.config import READER_OPTIONS, WORLD_OPTIONS, Config, ModelConfig, TrainConfig
from srgformer_lab.errors import ConfigError
from srgformer_lab.presets import Preset, preset

if TYPE_CHECKING:
    from srgformer_lab.data.dataset import Dataset

_Options = argparse._ArgumentGroup


def file_path(text: str) -> Path:
    """Return a path that an option gives; a shell leaves the ``~`` of ``--data=~/shop`` as it is."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def _data(text: str) -> str:
    return str(file_path(text)) if text.startswith("~") else text  # ./studio and studio differ, and a Path would not tell them apart


def add_data(parser: argparse.ArgumentParser, world: bool = False, without: Sequence[str] = ()) -> None:
    """Add the choice of a data set, and its reader's options; ``world`` adds what can be changed in the built-in one."""
    parser.add_argument("--data", type=_data, default="studio", help="studio (built in), or the path of a data folder")
    add_reading(parser, world, without)


def add_reading(parser: argparse.ArgumentParser, world: bool = False, without: Sequence[str] = ()) -> None:
    """Add the options of the readers of folders; ``world`` adds what can be changed in the built-in data."""
    for name, (kind, meaning) in ({**READER_OPTIONS, **WORLD_OPTIONS} if world else READER_OPTIONS).items():
        if name not in without:
            parser.add_argument(flag(option_of(name)), type=kind, help=meaning)


def in_command_words(text: str) -> str:
    """Return a message with the options of readers as the command line writes them: ``--min-rating 1`` for ``min_rating=1``."""
    from srgformer_lab.data.reading_options import with_options_as

    return with_options_as(text, lambda name, value: f"{flag(option_of(name))} {value}")


def option_of(name: str) -> str:
    """Return what the command line calls an option of a reader; the plain ``seed`` is the training's."""
    return "data_seed" if name == "seed" else name


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a model, and one option for each setting that any of them has."""
    from srgformer_lab.models import catalog

    parser.add_argument("--model", default="srgformer", help=f"one of {', '.join(catalog.MODELS)}")
    owners: dict[str, dict[str, Field[Any]]] = {}
    for model, kind in catalog.MODELS.items():
        for item in fields(kind.config):  # type: ignore[arg-type]
            owners.setdefault(item.name, {})[model] = item
    group = parser.add_argument_group("the model")
    for name, owned in owners.items():
        models: dict[str, list[str]] = {}
        for model, item in owned.items():
            models.setdefault(_about(item), []).append(model)
        text = "; ".join(f"{about} in {', '.join(those)}" for about, those in models.items())
        _add_setting(group, model_option(name), next(iter(owned.values())), text)


def model_option(setting: str) -> str:
    """Name the option of a model's setting; the plain ``seed`` is the training's."""
    return "model_seed" if setting == "seed" else setting


def add_settings(group: _Options, config: type[Config], without: Sequence[str] = ()) -> None:
    """Add one option for each setting of a configuration."""
    for item in fields(config):  # type: ignore[arg-type]
        if item.name not in without:
            _add_setting(group, item.name, item, _about(item))


def _about(item: Field[Any]) -> str:
    return f"{item.metadata['symbol']}: {item.metadata['meaning']} (default {item.default})".replace("%", "%%")


def _add_setting(group: _Options, name: str, item: Field[Any], text: str) -> None:
    choices = item.metadata["choices"]
    words = "{" + ",".join(choices) + "}" if choices else None  # the configuration refuses others, in one line
    if item.type is bool:
        group.add_argument(flag(name), action=argparse.BooleanOptionalAction, default=None, help=text)
    elif item.type in (int, float, str):
        group.add_argument(flag(name), type=item.type, metavar=words, help=text)
    else:
        group.add_argument(flag(name), type=lambda value: tuple(value.split(",")) if value else (), help=f"{text}; a,b,c")


def flag(name: str) -> str:
    """Write a name as an option."""
    return "--" + name.replace("_", "-")


def opened_data(options: argparse.Namespace) -> "Dataset":
    """Open the data set that the options name."""
    from srgformer_lab.data.source import open_data

    return open_data(options.data, **reader_options(options))


def reader_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the data set's reader that were given."""
    given = {name: getattr(options, option_of(name), None) for name in (*READER_OPTIONS, *WORLD_OPTIONS)}
    return {name: value for name, value in given.items() if value is not None}


def _shared(config: type[Config], model: ModelConfig) -> dict[str, Any]:
    """Return what a preset's SRGFormer means to another model: its width, so that both are compared at the same."""
    return {item.name: model.embedding_dim for item in fields(config) if item.name == "embedding_dim"}  # type: ignore[arg-type]


def preset_note(options: argparse.Namespace) -> str:
    """Return what a model other than SRGFormer takes from a preset that was named; empty where nothing is left out."""
    from srgformer_lab.models import catalog

    kind = catalog.kind(options.model)
    if options.preset is None or kind.config is ModelConfig:
        return ""
    shared = _shared(kind.config, preset(options.preset).model)
    parts = ["the training's settings", *(f"{flag(name)} {value}" for name, value in shared.items())]
    return f"of preset {options.preset}, {options.model} takes {' and '.join(parts)}; the rest is SRGFormer's own"


def continued_training(options: argparse.Namespace, train: TrainConfig) -> TrainConfig:
    """Return a training's configuration with what the options change, for a model that another run gives.

    Raises:
        ConfigError: An option says what that run says.
    """
    from srgformer_lab.models import catalog

    names = {model_option(item.name) for kind in catalog.MODELS.values() for item in fields(kind.config)}  # type: ignore[arg-type]
    of_training = {item.name: value for item in fields(TrainConfig) if (value := getattr(options, item.name)) is not None}
    of_data = [option_of(name) for name in (*READER_OPTIONS, *WORLD_OPTIONS)]
    said = [name for name in (*sorted(names - {"seed"}), *of_data, "preset") if getattr(options, name, None) is not None]
    said += ["model"] if options.model != "srgformer" else []
    if said:
        raise ConfigError(f"--from takes model and data from its run, {flag(said[0])} too; leave it out, or train without --from")
    return train.replace(**of_training)


def configurations(options: argparse.Namespace) -> tuple[Config, TrainConfig]:
    """Return the configurations of the model and of its training that the options describe.

    Raises:
        UnknownIdError: There is no such model or preset.
        ConfigError: The model has no such setting, or a value is out of its range.
    """
    from srgformer_lab.models import catalog

    chosen = options.preset or ("studio" if options.data == "studio" else None)
    base = preset(chosen) if chosen else Preset(ModelConfig(), TrainConfig())
    base = base.quick() if options.quick else base
    kind = catalog.kind(options.model)
    start = base.model if kind.config is ModelConfig else kind.config().replace(**_shared(kind.config, base.model))
    names = {item.name for other in catalog.MODELS.values() for item in fields(other.config)}  # type: ignore[arg-type]
    of_model = {name: value for name in sorted(names) if (value := getattr(options, model_option(name))) is not None}
    of_training = {item.name: value for item in fields(TrainConfig) if (value := getattr(options, item.name)) is not None}
    known = [item.name for item in fields(kind.config)]  # type: ignore[arg-type]
    if foreign := [name for name in of_model if name not in known]:
        its = ", ".join(flag(model_option(name)) for name in known) or "none"
        raise ConfigError(f"{options.model} has no setting {flag(model_option(foreign[0]))}; it has {its}")
    return start.replace(**of_model), base.train.replace(**{**kind.train, **of_training})
