"""Which group an item is in: as a model's hyperedges say, and as is known of the items."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from srgformer_lab.data.dataset import FIRST_MODALITIES, Dataset, Truth
from srgformer_lab.errors import ConfigError, DataError
from srgformer_lab.models.hypergraph import UserItemPair
from srgformer_lab.models.identity import checked
from srgformer_lab.models.trace import Trace

Labels = Sequence[str] | np.ndarray | pd.Series
NO_HOME = -1
"""The home of an item that is in no hyperedge more than in the others."""


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
    """Return each item's known group, by item id; ``""`` where it is not known.

    Without ``column`` these are the planted groups; with it, a column of the item table, and of several values ``a|b|c`` the
    first.

    Raises:
        DataError: There are no planted groups, or no such column.
    """
    details = data.cards.details
    if column is None:
        truth = _truth(data)
        return pd.Series([truth.group_names[group] for group in truth.item_group], index=list(data.item_ids), name="group")
    if column not in details.columns:
        raise DataError(f"{data.name} has no item column {column!r}; it has {listed(details.columns)}")
    values = details[column].convert_dtypes()
    first = values.astype(str).str.partition("|")[0].str.strip().where(values.notna().to_numpy(), "")
    return pd.Series(first.to_numpy(dtype=object), index=list(data.item_ids), name=column)


@checked
def visible_labels(data: Dataset, modality: str) -> pd.Series:
    """Return each item's planted group where that group shows in a modality; ``""`` for the items of the others.

    Raises:
        DataError: There are no planted groups, or none shows in this modality.
    """
    truth = _truth(data)
    places = {modality, "both"} if modality in FIRST_MODALITIES else {modality}
    shows = np.array([where in places for where in truth.group_modality])
    if not shows.any():
        raise DataError(f"no group of {data.name} shows in {modality!r}; they show in {listed(sorted(set(truth.group_modality)))}")
    return item_labels(data).where(shows[truth.item_group], "")


def _truth(data: Dataset) -> Truth:
    if data.truth is None:
        raise DataError(f"{data.name} has no planted groups; name an item column: {listed(data.cards.details.columns)}")
    return data.truth


def listed(names: Collection[str]) -> str:
    """Write names one after another, or ``none``."""
    return ", ".join(map(str, names)) or "none"


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
