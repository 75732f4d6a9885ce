"""Lists of items that look or read alike, and the frozen graphs between items that are made of them."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.parts import unit
from srgformer_lab.models.ranking import top_k

BLOCK_CELLS = 8_000_000
"""Cosines that are held at a time."""


def neighbor_lists(data: Dataset, name: str, k: int) -> Int[np.ndarray, "items k"]:
    """Return the k nearest of each item by a modality, itself among them: all items where there are fewer.

    Where the data has lists of its own, their first columns are taken; otherwise they are found by the features' cosines.

    Raises:
        ConfigError: The data's lists are too short.
    """
    lists = data.neighbors.get(name)
    if lists is None:
        return nearest_by_features(data.features[name], k)
    if lists.shape[1] < min(k, data.n_items):
        raise ConfigError(f"n_neighbors={k}, but the {name} lists of {data.name} hold {lists.shape[1]}; ask for that many at most")
    return lists[:, :k]


def nearest_by_features(features: Float[np.ndarray, "items width"], k: int) -> Int[np.ndarray, "items k"]:
    """List each item and the k − 1 others of the highest cosine, ties to the lower row; all items where there are fewer."""
    rows = unit(torch.tensor(features, dtype=torch.float64))
    block = max(1, BLOCK_CELLS // len(rows))
    lists = []
    for start in range(0, len(rows), block):
        cosine = rows[start : start + block] @ rows.T
        own = torch.arange(len(cosine))
        cosine[own, start + own] = torch.inf  # an item comes first in its list, whatever its twins round to, and without features too
        lists.append(top_k(cosine, k)[1])
    return torch.cat(lists).numpy()


def cosines(features: Float[np.ndarray, "items width"], lists: Int[np.ndarray, "items k"]) -> Float[np.ndarray, "items k"]:
    """Return each item's cosine with those in its list; 0 with an item without features."""
    rows = unit(torch.tensor(features, dtype=torch.float64))
    return torch.stack([(rows * rows[torch.from_numpy(column)]).sum(1) for column in lists.T.copy()], dim=1).numpy()


def item_graph(lists: Int[np.ndarray, "items k"], weights: Float[np.ndarray, "items k"] | None = None) -> sparse.csr_matrix:
    """Return D^-1/2 A D^-1/2, with A the entries of lists, each with its weight or 1, and D the sums of its rows; 0 where a sum is 0."""
    n_items, k = lists.shape
    values = np.ones(lists.size) if weights is None else weights.ravel()
    joined = sparse.csr_matrix((values, (np.repeat(np.arange(n_items), k), lists.ravel())), shape=(n_items, n_items))
    total = np.asarray(joined.sum(axis=1)).ravel()
    root = sparse.diags(np.power(total, -0.5, out=np.zeros(n_items), where=total > 0))
    return (root @ joined @ root).tocsr()
