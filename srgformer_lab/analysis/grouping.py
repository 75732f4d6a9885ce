"""Hyperedges set beside something else: known labels of the items, or another modality's hyperedges."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from srgformer_lab.data.dataset import FIRST_MODALITIES, Dataset
from srgformer_lab.data.labels import categories_of, labels_of, listed, truth_of
from srgformer_lab.errors import ConfigError, DataError
from srgformer_lab.models.hypergraph import UserItemPair
from srgformer_lab.models.identity import checked, on_own_data
from srgformer_lab.models.trace import Trace

Labels = Sequence[str] | np.ndarray | pd.Series
NO_HOME = -1
"""The home of an item that is in no hyperedge more than in the others."""
SHUFFLES = 200
"""Over so many random orders of the items the purity by chance is averaged."""


def memberships(trace: Trace, modality: str) -> UserItemPair:
    """Return a modality's membership matrices.

    Raises:
        ConfigError: The model has no such modality.
    """
    if modality not in trace.hypergraph:
        raise ConfigError(f"the model has no modality {modality!r}; it has {', '.join(trace.hypergraph) or 'none, so no hyperedges'}")
    return trace.hypergraph[modality].membership


def item_membership(trace: Trace, modality: str) -> Float[np.ndarray, "items hyperedges"]:
    """Return the items' memberships H of a modality in float64.

    Raises:
        ConfigError: The model has no such modality.
    """
    return memberships(trace, modality).items.detach().cpu().double().numpy()


def homes(membership: Float[np.ndarray, "rows hyperedges"]) -> Int[np.ndarray, " rows"]:
    """Return each row's largest hyperedge, the lowest of equals; ``NO_HOME`` where all are the same, as without features."""
    undecided = (np.ptp(membership, axis=1) == 0) & (membership.shape[1] > 1)
    return np.where(undecided, NO_HOME, membership.argmax(axis=1))


@checked
def item_labels(data: Dataset, column: str | None = None) -> pd.Series:
    """Return each item's known group.

    Args:
        data: A data set with planted groups, or with columns in its item table.
        column: A column of ``data.cards.details``, of whose values ``a|b|c`` the first counts; without it, the planted groups.

    Returns:
        A label an item, by item id; ``""`` where it is not known.

    Raises:
        DataError: There are no planted groups, or no such column.
    """
    return labels_of(data, column)


@checked
def visible_labels(data: Dataset, modality: str) -> pd.Series:
    """Return each item's planted group where that group shows in a modality.

    Args:
        data: A data set with planted groups.
        modality: Such as ``image`` or ``text``.

    Returns:
        A label an item, by item id; ``""`` for the items of groups that don't show there.

    Raises:
        DataError: There are no planted groups, or none shows in this modality.
    """
    truth = truth_of(data)
    places = {modality, "both"} if modality in FIRST_MODALITIES else {modality}
    shows = np.array([where in places for where in truth.group_modality])
    if not shows.any():
        raise DataError(f"no group of {data.name} shows in {modality!r}; they show in {listed(sorted(set(truth.group_modality)))}")
    return item_labels(data).where(shows[truth.item_group], "")


def categories(data: Dataset, modality: str) -> pd.Series | None:
    """Return each item's category: the planted groups that a modality shows, or the first column with few words; None if neither."""
    if data.truth is not None:
        try:
            return visible_labels(data, modality)
        except DataError:
            return item_labels(data)
    return categories_of(data)


def aligned_labels(labels: Labels, data: Dataset) -> np.ndarray:
    """Return labels in the order of the item rows, ``""`` where one is unknown; a Series goes by its item ids, the rest by place.

    Raises:
        DataError: There is not one label an item, or a Series names items that are not there or twice.
    """
    series = pd.Series(labels if isinstance(labels, pd.Series) else np.asarray(labels, dtype=object))
    if not isinstance(series.index, pd.RangeIndex):
        if strange := set(series.index) - set(data.item_ids):
            raise DataError(f"the labels name item {min(map(str, strange))!r}, which {data.name} has not; index them by its item ids")
        if series.index.has_duplicates:
            twice = series.index[series.index.duplicated()][0]
            raise DataError(f"the labels name item {str(twice)!r} twice; give one label an item")
        series = series.reindex(list(data.item_ids))
    if len(series) != data.n_items:
        raise DataError(f"{len(series)} labels for {data.n_items} items; give one an item, in the order of the item table")
    return series.astype(str).where(series.notna(), "").to_numpy(dtype=object)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far one grouping of the items tells another."""

    first: str
    second: str
    contingency: pd.DataFrame
    """``first``, ``second``, ``items``: how many items are in each pair of groups, empty pairs included."""
    n_items: int
    """The items that take part: those that are in a group on both sides."""
    nmi: float
    """Mutual information divided by the mean of both entropies; NaN where neither side splits the items."""
    chance: float
    """The mean of ``nmi`` over all ways to shuffle the items between groups of these sizes: many small groups agree by chance."""
    purity: float
    """Share of the items that are in the commonest second group of their first one."""
    purity_chance: float
    """The mean of ``purity`` over shuffled items."""

    def __repr__(self) -> str:
        """Say how much they agree, beside what chance gives."""
        return (
            f"Agreement({self.first} × {self.second} over {self.n_items:,} items: NMI {self.nmi:.3f} ({self.chance:.3f} by chance), "
            f"purity {self.purity:.3f} ({self.purity_chance:.3f} by chance))"
        )


@on_own_data
def agreement(trace: Trace, data: Dataset, first: str, second: str) -> Agreement:
    """Compute how far two modalities group the items alike: each item counts where its largest membership is.

    Args:
        trace: A pass of the model.
        first: One modality.
        second: The other.
        data: The model's own data; may be left out or stand second.

    Returns:
        The counts of both groupings, normalised mutual information and purity (0 to 1), each beside what chance gives.

    Raises:
        ConfigError: The model has no such modality.
        DataError: The pass was made on other data.

    Source: Vinh, Epps and Bailey, JMLR 2010, for the expected mutual information; NMI = I / ((H₁ + H₂)/2).
    """
    one, two = (item_membership(trace, modality) for modality in (first, second))
    home, other = homes(one), homes(two)
    return _agreement(first, second, home, other, range(one.shape[1]), range(two.shape[1]), (home >= 0) & (other >= 0))


@on_own_data
def against_labels(trace: Trace, data: Dataset, modality: str, labels: Labels, only: Collection[str] | None = None) -> Agreement:
    """Compute how far a modality's hyperedges tell the items' known labels.

    Items without a label don't take part. Compare with ``visible_labels`` what a modality can know at all.

    Args:
        trace: A pass of the model.
        modality: Whose hyperedges.
        labels: A Series by item id, or one label an item in the data's order; ``""`` where it is not known.
        only: The labels that take part; all by default.
        data: The model's own data; may be left out or stand second.

    Returns:
        The counts of both groupings, normalised mutual information and purity (0 to 1), each beside what chance gives.

    Raises:
        ConfigError: The model has no such modality.
        DataError: The labels don't fit the data set, or the pass was made on other data, or no item has a label of ``only``.
    """
    membership, known = item_membership(trace, modality), aligned_labels(labels, data)
    home = homes(membership)
    chosen = (known != "") & (True if only is None else np.isin(known.astype(str), list(map(str, only))))
    if not chosen.any():
        wanted = "" if only is None else f" among {listed(only)}"
        raise DataError(f"no item has a label{wanted}; the labels are {listed(sorted(set(known) - {''})[:9])}")
    names = sorted(set(known[chosen]))
    return _agreement(modality, "label", home, np.searchsorted(names, known), range(membership.shape[1]), names, chosen & (home >= 0))


def _agreement(
    first: str, second: str, home: np.ndarray, other: np.ndarray, rows: Sequence, columns: Sequence, takes_part: np.ndarray
) -> Agreement:
    """Count the pairs of groups and compare with what shuffled items would give.

    NMI = I / ((H₁ + H₂)/2). Shuffling leaves both entropies as they are, so its mean is the expected I by the same divisor.

    Source: Vinh, Epps and Bailey, Information theoretic measures for clusterings comparison, JMLR 2010.
    """
    from scipy.stats import entropy
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.metrics.cluster import expected_mutual_information

    one, two = home[takes_part], other[takes_part]
    n_items, table = len(one), _table(one, two, len(rows), len(columns))
    split = (entropy(table.sum(axis=1)) + entropy(table.sum(axis=0))) / 2 if n_items else 0.0
    filled = table[table.any(axis=1)][:, table.any(axis=0)]
    draws = np.random.default_rng(0)
    shuffled = [_purity(_table(one, draws.permutation(two), *table.shape)) for _ in range(SHUFFLES)]
    pairs = pd.MultiIndex.from_product([rows, columns], names=["first", "second"])
    return Agreement(
        first,
        second,
        pd.DataFrame({"items": table.ravel()}, index=pairs).reset_index(),
        n_items,
        nmi=float(normalized_mutual_info_score(one, two)) if split else float("nan"),
        chance=float(expected_mutual_information(filled, n_items) / split) if split else float("nan"),
        purity=_purity(table),
        purity_chance=float(np.mean(shuffled)),
    )


def _table(one: np.ndarray, two: np.ndarray, n_rows: int, n_columns: int) -> Int[np.ndarray, "rows columns"]:
    return np.bincount(one * n_columns + two, minlength=n_rows * n_columns).reshape(n_rows, n_columns)


def _purity(table: Int[np.ndarray, "rows columns"]) -> float:
    return float(table.max(axis=1).sum() / table.sum()) if table.sum() else float("nan")
