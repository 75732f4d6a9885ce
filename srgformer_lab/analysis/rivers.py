"""Hyperedges followed from one model to another: which became which, and how the items flow between them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from srgformer_lab.analysis.grouping import homes, item_membership
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError
from srgformer_lab.models.identity import checked, on_own_data
from srgformer_lab.models.trace import Trace


@checked
def match_hyperedges(before: Trace, after: Trace, modality: str) -> pd.DataFrame:
    """Find which hyperedge became which, by the assignment of the largest total overlap.

    The overlap of two hyperedges is Σ_i min(H_before, H_after), in items. Its largest total is the membership that stays in place:
    N minus the items' total variation distance. A cosine would give a nearly empty hyperedge as much say as a large one.

    Args:
        before: A pass of one model.
        after: A pass of another one on the same items.
        modality: Whose hyperedges.

    Returns:
        ``before``, ``after``, ``overlap`` (0 to N items): one row a pair, and where K differs, one for each hyperedge without a
        partner, with <NA> beside it and an overlap of 0.

    Raises:
        ConfigError: A model has no such modality.
        DataError: The traces cover different items.

    Source: Kuhn, The Hungarian method for the assignment problem, 1955.
    """
    one, two = item_membership(before, modality), item_membership(after, modality)
    if tuple(before.data.item_ids) != tuple(after.data.item_ids):
        raise DataError(f"the passes cover the items of {before.data!r} and of {after.data!r}; match models of the same items")
    return _matched(one, two)


def _matched(one: Float[np.ndarray, "items before"], two: Float[np.ndarray, "items after"]) -> pd.DataFrame:
    from scipy.optimize import linear_sum_assignment

    overlap = np.stack([np.minimum(column[:, None], two).sum(axis=0) for column in one.T])  # (before, after)
    left, right = linear_sum_assignment(overlap, maximize=True)
    rows: list[tuple[int | None, int | None, float]] = [(int(k), int(j), float(overlap[k, j])) for k, j in zip(left, right, strict=True)]
    rows += [(k, None, 0.0) for k in range(one.shape[1]) if k not in left]
    rows += [(None, j, 0.0) for j in range(two.shape[1]) if j not in right]
    frame = pd.DataFrame(rows, columns=["before", "after", "overlap"])
    return frame.astype({"before": "Int64", "after": "Int64"}).sort_values(["before", "after"], ignore_index=True)


@on_own_data
def hyperedge_river(traces: Mapping[int, Trace], data: Dataset, modality: str) -> pd.DataFrame:
    """Compute how the items flow between hyperedges from epoch to epoch.

    Numbers are those of the last epoch; going back, a hyperedge takes the number of the one it is matched with, so one that
    stays keeps its number, and one that has no successor takes a number not yet used.

    Args:
        traces: A pass for each epoch, by its number.
        modality: Whose hyperedges.
        data: The models' own data; may be left out or stand second.

    Returns:
        ``epoch``, ``next_epoch``, ``hyperedge``, ``next_hyperedge``, ``items``. At each step the items sum to N; those in no
        hyperedge have <NA>. One epoch alone makes no row.

    Raises:
        ConfigError: A model has no such modality, or no pass is given.
        DataError: A pass was made on other data.
    """
    epochs = sorted(traces, reverse=True)
    steps, later, number, used = [], None, np.arange(0), 0
    numbered: dict[int, pd.Series] = {}
    for epoch in epochs:
        membership = item_membership(traces[epoch], modality)
        number, used = _renumbered(membership, later, number, used)
        home = homes(membership)
        numbered[epoch] = pd.Series(number[home], dtype="Int64").mask(home < 0)
        later = membership
    for epoch, following in zip(epochs[:0:-1], epochs[-2::-1], strict=True):
        pairs = pd.DataFrame({"hyperedge": numbered[epoch], "next_hyperedge": numbered[following]})
        flow = pairs.groupby(list(pairs), dropna=False).size().rename("items").reset_index()
        steps.append(flow.assign(epoch=epoch, next_epoch=following))
    columns = ["epoch", "next_epoch", "hyperedge", "next_hyperedge", "items"]
    return pd.concat(steps, ignore_index=True)[columns] if steps else pd.DataFrame(columns=columns)


def _renumbered(
    membership: Float[np.ndarray, "items before"], later: np.ndarray | None, number: Int[np.ndarray, " after"], used: int
) -> tuple[Int[np.ndarray, " before"], int]:
    """Return the hyperedges of an epoch the numbers of their successors, and say how many numbers are used by then."""
    if later is None:
        return np.arange(membership.shape[1]), membership.shape[1]
    pairs = _matched(membership, later).dropna(subset=["before"])
    given = np.empty(membership.shape[1], dtype=np.int64)
    for before, after in zip(pairs["before"], pairs["after"], strict=True):
        given[before] = used if after is pd.NA else number[after]
        used += after is pd.NA
    return given, used
