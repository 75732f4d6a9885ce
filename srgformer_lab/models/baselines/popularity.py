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
from srgformer_lab.models.reading import ComponentTable, Piece, Reading


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

    def reading(self, users: Int[Tensor, " chosen"]) -> "Votes":
        """Return the people behind each count."""
        return Votes(self)


class Votes(Reading):
    """An item's count as one for each person who took it; a user brings nothing."""

    reads_history = False
    note = (
        "Popularity counts how many people took an item and gives everybody the same list. What this person took does not move the "
        "score of any item that they may be shown."
    )

    def __init__(self, model: Popularity) -> None:
        """Keep the counts."""
        self.data, self.count = model.data, model.count

    @property
    def device(self) -> torch.device:
        """Where the counts are."""
        return self.count.device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the counts."""
        return self.count.repeat(len(users), 1)

    def parts(self, node: int) -> dict[str, Float[Tensor, " one"]]:
        """Return 1 for a user, the count for an item."""
        row = node - self.data.n_users
        return {"popularity": self.count[row : row + 1].double() if row >= 0 else self.count.new_ones(1).double()}

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add 1 for each person who took an item; a user's 1 is everyone's."""
        if node < self.data.n_users:
            table.add("popularity", [Piece("everyone", self.parts(node)["popularity"][None])])
            return
        people = torch.from_numpy(self.data.matrix("train").getcol(node - self.data.n_users).tocoo().row.astype(np.int64))
        ones = torch.ones(len(people), 1, dtype=torch.float64, device=self.device)
        table.add("popularity", [Piece("neighbor", ones, people.to(self.device))])
