"""ItemKNN: items that the same people took are alike, and whoever took one is offered the others."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

from srgformer_lab.config import Config, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.reading import Components, ComponentTable, Piece, Reading
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
            history = self.similarity.get_buffer("forward_value").new_zeros(self.n_items, len(users))
            history[item, place] = 1.0
            return self.similarity(history).T.contiguous()

        return scores

    def reading(self, users: Int[Tensor, " chosen"]) -> "Similarities":
        """Return the kept similarities behind these users' scores."""
        return Similarities(self)


class Similarities(Reading):
    """A score as Σ_j S_ij over the history: the user's row of zeros and ones times the item's row of kept similarities.

    An item's similarity to j is a count of the people who took both over a denominator, so each of those people has an equal share of it,
    with the denominator and the choice of the k most similar held at their values.
    """

    def __init__(self, model: ItemKNN) -> None:
        """Keep the history and the similarities."""
        self.model, self.data, self._score = model, model.data, model.scorer()
        self.history = model.data.matrix("train").astype(np.float64).tocsr()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.similarity.get_buffer("forward_value").device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the model's scores."""
        return self._score(users)

    def parts(self, node: int) -> dict[str, Float[Tensor, " items"]]:
        """Return a user's row of zeros and ones, or an item's kept similarities."""
        row = node - self.data.n_users
        found = self._kept(row) if row >= 0 else self.history[node].toarray()[0]
        return {"similarity": torch.from_numpy(found).to(self.device)}

    def _kept(self, row: int) -> Float[np.ndarray, " items"]:
        similarity, kept = self.model.similarity, np.zeros(self.data.n_items)
        first, column, value = (similarity.get_buffer(f"forward_{name}") for name in ("first", "column", "value"))
        entries = slice(int(first[row]), int(first[row + 1]))
        kept[column[entries].cpu().numpy()] = value[entries].double().cpu().numpy()
        return kept

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add a user's history, one item a component."""
        items = torch.from_numpy(self.history[node].indices.astype(np.int64)).to(self.device)
        taken = torch.zeros(len(items), self.data.n_items, dtype=torch.float64, device=self.device)
        taken[torch.arange(len(items)), items] = 1.0
        table.add("similarity", [Piece("neighbor", taken, items + self.data.n_users, 1)])

    def components(self, node: int, targets: Float[Tensor, "targets items"]) -> Components:
        """Multiply the components with the targets; those of an item are as many rows as people took it, and stay sparse."""
        row = node - self.data.n_users
        if row < 0:
            return super().components(node, targets)
        people = self.history[:, [row]].tocoo().row.astype(np.int64)
        both = self.history[people]
        together = np.asarray(both.sum(axis=0)).ravel()
        share = np.divide(self._kept(row), together, out=np.zeros(self.data.n_items), where=together > 0)
        values = both @ (share[:, None] * targets.double().cpu().numpy().T)
        where = {"part": "similarity", "source": "neighbor", "neighbor": people, "depth": 1, "head": -1, "modality": "", "hyperedge": -1}
        return Components(pd.DataFrame(where, index=range(len(people))), values)


def nearest(history: sparse.csr_matrix, n_neighbors: int, shrinkage: float) -> sparse.csr_matrix:
    """Return each item's kept similarities as a sparse row (items × items); of those that are 0 none is kept."""
    history = history.astype(np.float64).tocsc()
    n_items, count = history.shape[1], np.asarray(history.sum(axis=0)).ravel()
    block = max(1, BLOCK_CELLS // max(n_items, 1))
    rows, columns, values = [], [], []
    for start in range(0, n_items, block):
        both = (history[:, start : start + block].T @ history).tocoo()  # (targets, items)
        row, column = both.row + start, both.col
        value = np.where(row == column, 0.0, both.data / (np.sqrt(count[row] * count[column]) + shrinkage))
        order = np.lexsort((column, -value, row))
        row, column, value = row[order], column[order], value[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        kept = (place < n_neighbors) & (value > 0)
        rows.append(row[kept])
        columns.append(column[kept])
        values.append(value[kept])
    kept = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix(kept, shape=(n_items, n_items))
