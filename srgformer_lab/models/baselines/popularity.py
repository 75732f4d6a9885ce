"""Popularity: everyone gets what most people took. What a recommender must beat to be worth anything."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.config import Config
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.protocol import Recommender


@dataclass(frozen=True)
class PopularityConfig(Config):
    """Popularity has no settings."""


class Popularity(Recommender):
    """Score an item by the number of its training interactions: r_ui = Σ_v R_vi. Nothing is trained."""

    def __init__(self, data: Dataset, config: PopularityConfig | None = None) -> None:
        """Count the training interactions of each item."""
        super().__init__(data)
        self.config = config or PopularityConfig()
        self.count: Tensor
        counts = np.asarray(data.matrix("train").sum(axis=0)).ravel()
        self.register_buffer("count", torch.tensor(counts, dtype=torch.get_default_dtype()), persistent=False)

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Return every user the same scores."""
        return lambda users: self.count.repeat(len(users), 1)
