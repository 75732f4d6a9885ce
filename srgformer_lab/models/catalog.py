"""The models by the names that run folders and the command line know them by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from srgformer_lab.config import Config, ModelConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import UnknownIdError
from srgformer_lab.models.baselines.freedom import FREEDOM, FREEDOMConfig
from srgformer_lab.models.baselines.item_knn import ItemKNN, ItemKNNConfig
from srgformer_lab.models.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.models.baselines.matrix_factorization import MatrixFactorization, MatrixFactorizationConfig
from srgformer_lab.models.baselines.mult_vae import BATCH_SIZE, MultVAE, MultVAEConfig
from srgformer_lab.models.baselines.popularity import Popularity, PopularityConfig
from srgformer_lab.models.baselines.vbpr import VBPR, VBPRConfig
from srgformer_lab.models.protocol import Recommender, Trainable
from srgformer_lab.models.srgformer import SRGFormer


@dataclass(frozen=True)
class Kind:
    """How to build one sort of model, and what configures it."""

    config: type[Config]
    build: Callable[[Dataset, Any], Recommender]
    train: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a training that are usual for this sort of model, where they differ from those of all others."""

    @property
    def learns(self) -> bool:
        """Whether it is trained at all."""
        return isinstance(self.build, type) and issubclass(self.build, Trainable)


MODELS: Mapping[str, Kind] = MappingProxyType(
    {
        "srgformer": Kind(ModelConfig, SRGFormer),
        "lightgcn": Kind(LightGCNConfig, LightGCN),
        "popularity": Kind(PopularityConfig, Popularity),
        "itemknn": Kind(ItemKNNConfig, ItemKNN),
        "mf": Kind(MatrixFactorizationConfig, MatrixFactorization),
        "vbpr": Kind(VBPRConfig, VBPR),
        "multvae": Kind(MultVAEConfig, MultVAE, {"batch_size": BATCH_SIZE}),
        "freedom": Kind(FREEDOMConfig, FREEDOM),
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


def kind_of(config: Config) -> Kind:
    """Find the sort of model that a configuration is for.

    Raises:
        UnknownIdError: It is for no sort that the catalogue knows.
    """
    for entry in MODELS.values():
        if type(config) is entry.config:
            return entry
    raise UnknownIdError("configuration", type(config).__name__, [entry.config.__name__ for entry in MODELS.values()])


def name_of(model: Recommender) -> str:
    """Return the name of a model's sort.

    Raises:
        UnknownIdError: The model is of no sort that the catalogue knows.
    """
    for name, entry in MODELS.items():
        if type(model) is entry.build:
            return name
    raise UnknownIdError("model", type(model).__name__, MODELS)
