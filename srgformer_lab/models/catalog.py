"""The models by the names that run folders and the command line know them by."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from srgformer_lab.config import Config, ModelConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import UnknownIdError
from srgformer_lab.models.baselines import bm3, mgcn
from srgformer_lab.models.baselines.bm3 import BM3, BM3Config
from srgformer_lab.models.baselines.freedom import FREEDOM, FREEDOMConfig
from srgformer_lab.models.baselines.item_knn import ItemKNN, ItemKNNConfig
from srgformer_lab.models.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.models.baselines.matrix_factorization import MatrixFactorization, MatrixFactorizationConfig
from srgformer_lab.models.baselines.mgcn import MGCN, MGCNConfig
from srgformer_lab.models.baselines.mult_vae import BATCH_SIZE, MultVAE, MultVAEConfig
from srgformer_lab.models.baselines.popularity import Popularity, PopularityConfig
from srgformer_lab.models.baselines.vbpr import VBPR, VBPRConfig
from srgformer_lab.models.protocol import Recommender, Trainable
from srgformer_lab.models.srgformer import SRGFormer


@dataclass(frozen=True)
class Kind:
    """How to build one sort of model, and what configures it."""

    config: type[Config]
    model: type[Recommender]
    train: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a training that are usual for this sort of model, where they differ from those of all others."""
    derived: str = ""
    """The name of a class that is derived from ``model`` and built in its place."""

    @property
    def learns(self) -> bool:
        """Whether it is trained at all."""
        return issubclass(self.model, Trainable)

    def build(self, data: Dataset, config: Any = None) -> Recommender:
        """Build a model on a data set.

        Raises:
            UnknownIdError: It is of a derived class that this process doesn't know.
        """
        make: Any = _derived(self.model, self.derived) if self.derived else self.model
        return make(data, config)


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
        "bm3": Kind(BM3Config, BM3, {"regularization_weight": bm3.NORM_WEIGHT}),
        "mgcn": Kind(MGCNConfig, MGCN, {"regularization_weight": mgcn.NORM_WEIGHT}),
    }
)


def kind(name: str) -> Kind:
    """Find a sort of model by its name; ``srgformer:Mine`` is a class of that name that somebody derived from SRGFormer.

    Such a class has the configuration of its parent. It is looked up among the classes of this process when a model is built.

    Raises:
        UnknownIdError: No model has that name.
    """
    parent, _, derived = name.partition(":")
    if parent not in MODELS:
        raise UnknownIdError("model", name, MODELS)
    entry = MODELS[parent]
    return replace(entry, derived=derived)


def _derived(parent: type[Recommender], name: str) -> type[Recommender]:
    """Find a derived class by its name; of several, as a notebook makes when its cell runs again, the latest."""
    found, todo = [], [parent]
    while todo:
        below = todo.pop().__subclasses__()
        found += [each for each in below if each.__name__ == name]
        todo += below
    if not found:
        raise UnknownIdError(f"class derived from {parent.__name__} in this process (import the module that defines it first)", name)
    return found[-1]


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
    """Return the name of a model's sort; ``srgformer:Mine`` for a class of that name that is derived from SRGFormer.

    Raises:
        UnknownIdError: The model is of no sort that the catalogue knows.
    """
    for name, entry in MODELS.items():
        if isinstance(model, entry.model):
            return name if type(model) is entry.model else f"{name}:{type(model).__name__}"
    raise UnknownIdError("model", type(model).__name__, MODELS)
