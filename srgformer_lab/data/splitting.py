"""Which interactions a model may learn from and which judge it, for data that brings no split of its own.

Both rules give every user the same numbers; they differ in which of a user's interactions are held back.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from srgformer_lab.config import check_seed
from srgformer_lab.data.dataset import SPLITS, Dataset, Interactions
from srgformer_lab.errors import DataError

SMALLEST_SPLIT_HISTORY = 3
"""A user with fewer interactions keeps them all for training."""
LISTED = 20
"""Length of the lists that recall@20 judges."""
LONG_HISTORY = 10
"""From here on a fifth is held back; a shorter history gives one interaction to valid and one to test."""


def split_by_protocol(
    user: Int[np.ndarray, " pairs"], n_users: int, seed: int, item: Int[np.ndarray, " pairs"] | None = None
) -> Int[np.ndarray, " pairs"]:
    """Split each user's interactions at random: of n ≥ 10, floor(0.2 n) are held back, half of them for valid.

    With ``item`` given, the split depends on the pairs and the seed alone; without it, on the order of the rows too.

    Args:
        user: Row of each interaction's user.
        n_users: Number of users.
        seed: The same seed gives the same split on any machine.
        item: Row of each interaction's item; each user–item pair stands once.

    Returns:
        Positions in ``SPLITS``: 0 train, 1 valid, 2 test.

    Source: the rule behind the Baby, Sports and Clothing files that the paper (arXiv 2511.00584) uses.
    """
    draw = np.random.default_rng(check_seed(seed)).random(len(user))
    if item is not None:
        in_order = sorted_by(user, item)
        draw[in_order] = draw.copy()
    return _hold_back_last(user, sorted_by(user, draw), n_users)


def split_by_time(user: Int[np.ndarray, " pairs"], timestamp: Int[np.ndarray, " pairs"]) -> Int[np.ndarray, " pairs"]:
    """Split each user's interactions by age: the newest go to test, those before them to valid, the rest to train.

    The numbers are those of ``split_by_protocol``. Of two interactions at the same time the later row counts as the newer.

    Returns:
        Positions in ``SPLITS``: 0 train, 1 valid, 2 test.
    """
    # the order is stable, which is what settles ties
    return _hold_back_last(user, sorted_by(user, timestamp), int(user.max(initial=-1)) + 1)


def sorted_by(first: Int[np.ndarray, " rows"], then: np.ndarray) -> Int[np.ndarray, " rows"]:
    """Return ``np.lexsort((then, first))``, in a fraction of its time where there are millions of rows.

    Whole numbers from 0 up are put in order by 16 bits at a time, which takes as many steps as there are rows.
    """
    order = np.argsort(then, kind="stable")
    for shift in range(0, max(int(first.max(initial=0)).bit_length(), 1), 16):
        part = ((first >> shift) & 0xFFFF).astype(np.uint16)
        order = order[np.argsort(part[order], kind="stable")]
    return order


def held_back(n: Int[np.ndarray, " users"]) -> tuple[Int[np.ndarray, " users"], Int[np.ndarray, " users"]]:
    """Return how many of ``n`` interactions go to valid and how many to test."""
    # floor(0.2 n) in whole numbers, so that no rounding can take part
    both = np.where(n < SMALLEST_SPLIT_HISTORY, 0, np.where(n < LONG_HISTORY, 2, n // 5))
    return both // 2, both - both // 2


def selection_metric(data: Dataset) -> str:
    """Return the validation metric that chooses the best epoch: ``recall@20`` wherever it can tell two epochs apart.

    With 20 candidates or fewer, every list of 20 holds them all, and recall@20 is 1 whatever a model learns. So where at least half of
    the validated users have so few, ``ndcg@k`` chooses, with k half of the median number of candidates: from 1 to 10, and below the
    length of the catalogue.
    """
    return metric_for(candidates_of(data.interactions, data.n_users, data.n_items))


def candidates_of(pairs: Interactions, n_users: int, n_items: int) -> Int[np.ndarray, " validated"]:
    """Count the candidates of each user with a valid interaction: the items that are not masked, which is all but the training items."""
    validated = np.unique(pairs.user[pairs.split == SPLITS.index("valid")])
    masked = np.bincount(pairs.user[pairs.split == SPLITS.index("train")], minlength=n_users)
    return n_items - masked[validated]


def metric_for(candidates: Int[np.ndarray, " validated"]) -> str:
    """Return the metric that can tell lists apart that are drawn from so many candidates each."""
    if not len(candidates) or (median := float(np.median(candidates))) > LISTED:
        return f"recall@{LISTED}"
    return f"ndcg@{max(1, int(median) // 2)}"


def _hold_back_last(user: np.ndarray, order: np.ndarray, n_users: int) -> np.ndarray:
    """Return each user's last interactions in ``order`` (users together, rows up) to test, those before them to valid."""
    n = np.bincount(user, minlength=n_users)
    valid, test = held_back(n)
    place = np.arange(len(user)) - np.repeat(np.cumsum(n) - n, n)  # place of each ordered row within its user's
    owner = user[order]
    split = np.zeros(len(user), dtype=np.int8)
    split[order] = (place >= (n - valid - test)[owner]).astype(np.int8) + (place >= (n - test)[owner])
    return split


def check_learnable(data: Dataset) -> Dataset:
    """Return the data set back if a model can learn from it and be judged on it; what every reader promises.

    Raises:
        DataError: A user has no training item, or a split is empty.
    """
    degree = np.asarray(data.matrix("train").sum(axis=1)).ravel()
    without = np.flatnonzero(degree == 0)
    if len(without):
        raise DataError(
            f"{data.name}: user {data.user_ids[without[0]]!r} has no training item, {len(without)} such users in all; "
            "drop them or move one of their interactions to the training split"
        )
    for split in SPLITS:
        if not len(data.pairs(split)):
            raise DataError(f"{data.name}: the {split} split is empty; give it interactions, or give no split and let the protocol split")
    return data


def check_trainable(data: Dataset, judged_by: Sequence[str] = ("valid",)) -> None:
    """Refuse data on which a training could not take a step, or not be judged.

    Args:
        data: What to train on.
        judged_by: The splits that the training is judged by.

    Raises:
        DataError: One of these splits is empty, or every user has every item that occurs in training.
    """
    for split in judged_by:
        if not len(data.pairs(split)):
            raise DataError(f"{data.name} has nothing in its {split} split, which judges a training; move some interactions there")
    degree, known = np.diff(data.matrix("train").indptr), np.unique(data.pairs("train")[:, 1])
    if not ((degree > 0) & (degree < len(known))).any():
        raise DataError(
            f"{data.name}: every user with a training item has all {len(known)} items that occur in training, so there is no order to "
            "learn; give some user fewer of them, or more items to choose from"
        )
