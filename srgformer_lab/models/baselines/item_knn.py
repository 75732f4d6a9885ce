"""ItemKNN: items that the same people took are alike, and whoever took one is offered the others."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

from srgformer_lab.config import Config, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.ranking import top_k
from srgformer_lab.models.sampling import Histories
from srgformer_lab.models.sparse import SparseMap

BLOCK_CELLS = 8_000_000
"""Similarities that are held at a time."""


@dataclass(frozen=True)
class ItemKNNConfig(Config):
    """How many neighbours vote, and how much small overlaps are distrusted."""

    n_neighbors: int = setting(100, "k", "most similar other items that each item keeps", 1, 1_000_000)
    shrinkage: float = setting(10.0, "s", "added to the denominator of the cosine: what few users share counts less", 0, 1e6)


class ItemKNN(Recommender):
    """Score an item by its similarity to the user's history; nothing is trained.

    sim_ij = |users of both| / (√(n_i n_j) + s), 0 for i = j; an item keeps its k most similar others, ties to the lower row;
    r_ui = Σ of the kept similarities to items of u's training history.

    Source: Sarwar et al. 2001.
    """

    def __init__(self, data: Dataset, config: ItemKNNConfig | None = None) -> None:
        """Count who took what together."""
        super().__init__(data)
        self.config: ItemKNNConfig = config or ItemKNNConfig()
        self.n_items = data.n_items
        self.histories = Histories(data)
        self.similarity = SparseMap(nearest(data.matrix("train"), self.config.n_neighbors, self.config.shrinkage))

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Return a function that sums over the users' histories."""

        def scores(users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
            place, item = self.histories.entries(users)
            history = torch.zeros(self.n_items, len(users), device=users.device)
            history[item, place] = 1.0
            return self.similarity(history).T.contiguous()

        return scores


def nearest(history: sparse.csr_matrix, n_neighbors: int, shrinkage: float) -> sparse.csr_matrix:
    """Return each item's kept similarities as a sparse row (items × items); of those that are 0 none is kept."""
    history = history.astype(np.float64).tocsc()
    n_items, count = history.shape[1], np.asarray(history.sum(axis=0)).ravel()
    block = max(1, BLOCK_CELLS // max(n_items, 1))
    rows, columns, values = [], [], []
    for start in range(0, n_items, block):
        targets = np.arange(start, min(start + block, n_items))
        both = (history[:, targets].T @ history).toarray()  # (targets, items)
        both[np.arange(len(targets)), targets] = 0.0
        expected = np.sqrt(np.outer(count[targets], count)) + shrinkage
        similarity = np.divide(both, expected, out=both, where=both > 0)
        value, column = (found.numpy() for found in top_k(torch.from_numpy(similarity), n_neighbors))
        row, place = np.nonzero(value)
        rows.append(targets[row])
        columns.append(column[row, place])
        values.append(value[row, place])
    kept = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix(kept, shape=(n_items, n_items))
