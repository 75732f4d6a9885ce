"""What lists are like beyond what they hit: popular or rare, alike or mixed, close to a history or not, many things or few.

Everything is counted on the training split, which is what a model knows. ``judge_lists`` describes each metric.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.labels import category_codes
from srgformer_lab.data.lists import HIDDEN

HEAD = 0.8
"""The most taken items that together hold this share of the training interactions are the head; all others are the long tail."""
SMOOTHING = 0.01
"""How much of the history stands in a list's categories, so that one that it lacks costs much but not infinitely much."""
BLOCK_CELLS = 4_000_000
"""Numbers that a block of users holds at once."""


@dataclass(frozen=True)
class Catalogue:
    """What is known of the items of a data set."""

    data: Dataset

    @cached_property
    def taken(self) -> Int[np.ndarray, " items"]:
        """How many users have each item in training."""
        return np.bincount(self.data.pairs("train")[:, 1], minlength=self.data.n_items)

    @cached_property
    def is_tail(self) -> np.ndarray:
        """Which items are of the long tail; among items that are taken equally often, the lower row is of the head first."""
        order = np.argsort(-self.taken, kind="stable")
        before = np.concatenate([[0], self.taken[order].cumsum()[:-1]])
        return (before >= HEAD * self.taken.sum())[np.argsort(order)]

    @cached_property
    def surprise(self) -> Float[np.ndarray, " items"]:
        """−log2 of the share of users who have each item; one that nobody has counts as one that a single user has."""
        return -np.log2(self.taken.clip(min=1) / self.data.n_users)

    @cached_property
    def categories(self) -> Float[np.ndarray, "items categories"]:
        """A 1 for each item's category; a row of 0 where it isn't known."""
        codes, names = category_codes(self.data)
        return (codes[:, None] == np.arange(len(names))).astype(float)

    def directions(self, modality: str) -> Float[np.ndarray, "items _"]:
        """Return the items' features of length 1; a row of 0 where an item has none."""
        features = self.data.features[modality].astype(float)
        return features / np.linalg.norm(features, axis=1, keepdims=True).clip(min=np.finfo(float).tiny)


def names_beyond(data: Dataset) -> list[str]:
    """Name the metrics that ``beyond_accuracy`` has for a data set, without their k."""
    names = ["popularity", "long_tail", "novelty", *(f"{modality}_distance" for modality in data.modalities)]
    return [*names, "calibration"] if category_codes(data)[1] else names


def beyond_accuracy(
    items: Int[np.ndarray, "users places"], users: Int[np.ndarray, " users"], data: Dataset, cutoffs: Sequence[int]
) -> dict[str, np.ndarray]:
    """Return what each list is like, a column a metric, without those that only all lists together have.

    Args:
        items: Item rows, best first; −1 behind the end of a list.
        users: Whose lists they are, as rows.
        data: Whose items.
        cutoffs: The k, each from 1.

    Returns:
        For each of ``names_beyond`` and each k a value a list; NaN where a list tells nothing of it.
    """
    known = Catalogue(data)
    by_item = {"popularity": known.taken.astype(float), "long_tail": known.is_tail.astype(float), "novelty": known.surprise}
    columns = {f"{name}@{k}": _means(items[:, :k], values) for name, values in by_item.items() for k in cutoffs}
    for modality in data.modalities:
        distances = _distances(items, known.directions(modality), data.known[modality], cutoffs)
        columns |= {f"{modality}_distance@{k}": values for k, values in distances.items()}
    if known.categories.shape[1]:
        columns |= {f"calibration@{k}": _divergence(items[:, :k], users, known) for k in cutoffs}
    return columns


def left_out(items: Int[np.ndarray, "users places"], data: Dataset, cutoffs: Sequence[int]) -> dict[str, int]:
    """Count, for the metrics that not every item has a value for, the places of lists whose items don't count."""
    has_category = Catalogue(data).categories.any(axis=1)
    known = {**{f"{modality}_distance": has for modality, has in data.known.items()}, "calibration": has_category}
    lacking = {name: (items != HIDDEN) & ~has[items] for name, has in known.items()}
    return {f"{name}@{k}": int(without[:, :k].sum()) for name, without in lacking.items() for k in cutoffs}


def exposure(items: Int[np.ndarray, "users places"], n_items: int) -> sparse.csr_matrix:
    """Return which items each user is shown, as a 0/1 matrix (users × items)."""
    filled = items != HIDDEN
    first = np.concatenate([[0], filled.sum(axis=1).cumsum()])
    return sparse.csr_matrix((np.ones(first[-1]), items[filled], first), shape=(len(items), n_items))


def coverage(shown: Float[np.ndarray, "draws items"]) -> Float[np.ndarray, " draws"]:
    """Return which share of the catalogue is shown to anybody, in 0…1, from how often each item is shown."""
    return (shown > 0).mean(axis=1)


def gini(shown: Float[np.ndarray, "draws items"]) -> Float[np.ndarray, " draws"]:
    """Return how unequally items are shown: 0 all alike … 1 − 1/items one alone, from how often each is shown; NaN if none is."""
    ordered, n_items = np.sort(shown, axis=1), shown.shape[1]
    total = ordered.sum(axis=1)
    weighted = ordered @ (2 * np.arange(1, n_items + 1) - n_items - 1.0)
    return np.divide(weighted, n_items * total, out=np.full(len(total), np.nan), where=total > 0)


OVER_ALL = {"coverage": coverage, "gini": gini}
"""The metrics that all lists have together, from how often each item is shown."""


def _means(items: Int[np.ndarray, "users k"], values: Float[np.ndarray, " items"]) -> Float[np.ndarray, " users"]:
    filled = items != HIDDEN
    return _ratio(np.where(filled, values[items], 0.0).sum(axis=1), filled.sum(axis=1))


def _distances(
    items: Int[np.ndarray, "users places"], directions: Float[np.ndarray, "items _"], has: np.ndarray, cutoffs: Sequence[int]
) -> dict[int, np.ndarray]:
    """Return the mean of 1 − cosine over the pairs of each list: the squared length of their sum holds all cosines at once."""
    found = {k: np.full(len(items), np.nan) for k in cutoffs}
    block = max(1, BLOCK_CELLS // max(directions.shape[1], 1))
    counts = np.where((items != HIDDEN) & has[items], 1, 0)
    for start in range(0, len(items), block):
        rows, total, before = slice(start, start + block), 0.0, 0
        for k in sorted(set(cutoffs)):
            total = total + exposure(items[rows, before:k], len(directions)) @ directions
            n, before = counts[rows, :k].sum(axis=1), k
            found[k][rows] = 1 - _ratio((total**2).sum(axis=1) - n, n * (n - 1))
    return found


def _divergence(items: Int[np.ndarray, "users k"], users: Int[np.ndarray, " users"], known: Catalogue) -> Float[np.ndarray, " users"]:
    """Return the Kullback–Leibler divergence of each list's categories from its user's history's."""
    found, labels = np.full(len(items), np.nan), known.categories
    history, block = known.data.matrix("train"), max(1, BLOCK_CELLS // labels.shape[1])
    for start in range(0, len(items), block):
        rows = slice(start, start + block)
        wanted, shown = (counts @ labels for counts in (history[users[rows]], exposure(items[rows], len(labels))))
        has = wanted.any(axis=1) & shown.any(axis=1)
        p, q = (counts[has] / counts[has].sum(axis=1, keepdims=True) for counts in (wanted, shown))
        ratio = np.divide(p, (1 - SMOOTHING) * q + SMOOTHING * p, out=np.ones_like(p), where=p > 0)
        found[np.flatnonzero(has) + start] = (p * np.log(ratio)).sum(axis=1)
    return found


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
