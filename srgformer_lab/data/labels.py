"""What kind of thing each item is (a planted group, or a column of the item table), and how much is known of each user."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from srgformer_lab.data.dataset import Dataset, Truth
from srgformer_lab.errors import DataError

MOST_CATEGORIES = 60
"""A column of the item table with more different values than this tells no categories."""
THIRDS = ("cold", "middle", "heavy")
"""Cohorts of users: short, middling and long training histories."""


def labels_of(data: Dataset, column: str | None = None) -> pd.Series:
    """Return each item's planted group or, of a column's values ``a|b|c``, the first: by item id, ``""`` where it is not known.

    Raises:
        DataError: There are no planted groups, or no such column.
    """
    details = data.cards.details
    if column is None:
        truth = truth_of(data)
        return pd.Series([truth.group_names[group] for group in truth.item_group], index=list(data.item_ids), name="group")
    if column not in details.columns:
        raise DataError(f"{data.name} has no item column {column!r}; it has {listed(details.columns)}")
    values = details[column].convert_dtypes()
    first = values.astype(str).str.partition("|")[0].str.strip().where(values.notna().to_numpy(), "")
    return pd.Series(first.to_numpy(dtype=object), index=list(data.item_ids), name=column)


def categories_of(data: Dataset) -> pd.Series | None:
    """Return each item's category: the planted groups, else the first column with few words; None if there is neither."""
    if data.truth is not None:
        return labels_of(data)
    details = data.cards.details
    for column in details.columns:
        if not pd.api.types.is_numeric_dtype(details[column]):
            labels = labels_of(data, column)
            if 1 < labels[labels != ""].nunique() <= MOST_CATEGORIES:
                return labels
    return None


def category_codes(data: Dataset) -> tuple[np.ndarray, list[str]]:
    """Return the number of each item's category, -1 where it is not known, and the categories' names; no names where there are none."""
    labels = categories_of(data)
    if labels is None:
        return np.full(data.n_items, -1), []
    names = sorted(set(labels) - {""})
    return pd.Index(names, dtype=object).get_indexer(list(labels)), names


def history_thirds(data: Dataset) -> np.ndarray:
    """Return the cohort of each user row, one of ``THIRDS``.

    The users are put in order by the length of their training history and cut into thirds; those of one length stay together, in the
    third where their middle lies. So a third can be empty: where all lengths are equal, all are in the middle.
    """
    lengths = np.diff(data.matrix("train").indptr)
    middle = rankdata(lengths, method="average") - 0.5  # in 0…n, the same for the same length
    place = np.minimum((middle * len(THIRDS)) // max(len(lengths), 1), len(THIRDS) - 1).astype(int)
    return np.array(THIRDS, dtype=object)[place]


def truth_of(data: Dataset) -> Truth:
    """Return what was planted.

    Raises:
        DataError: There are no planted groups.
    """
    if data.truth is None:
        raise DataError(f"{data.name} has no planted groups; name an item column: {listed(data.cards.details.columns)}")
    return data.truth


def listed(names: Collection[str]) -> str:
    """Write names one after another, or ``none``."""
    return ", ".join(map(str, names)) or "none"
