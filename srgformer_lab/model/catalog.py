"""The models by the names that run folders and the command line know them by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from srgformer_lab.config import Config, ModelConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import UnknownIdError
from srgformer_lab.model.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.model.baselines.popularity import Popularity, PopularityConfig
from srgformer_lab.model.protocol import Recommender
from srgformer_lab.model.srgformer import SRGFormer


@dataclass(frozen=True)
class Kind:
    """How to build one sort of model, and what configures it."""

    config: type[Config]
    build: Callable[[Dataset, Any], Recommender]


MODELS: Mapping[str, Kind] = MappingProxyType(
    {
        "srgformer": Kind(ModelConfig, SRGFormer),
        "lightgcn": Kind(LightGCNConfig, LightGCN),
        "popularity": Kind(PopularityConfig, Popularity),
    }
)


def kind(name: str) -> Kind:
    """Find a sort of model by its name.

    Raises:
        UnknownIdError: No model has that name.
    """
    if name not in MODELS:
        raise UnknownIdError("model", name, MODELS)
    return MODELS[name]


def name_of(model: Recommender) -> str:
    """Give the name of a model's sort.

    Raises:
        UnknownIdError: The model is of no sort that the catalogue knows.
    """
    for name, entry in MODELS.items():
        if type(model) is entry.build:
            return name
    raise UnknownIdError("model", type(model).__name__, MODELS)
