"""The same data set with something different: a history item less or more, a newcomer, a modality shuffled, fewer interactions.

Each function gives a new, validated data set; the one it was given stays as it is. What is known of a planted world does not
carry over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from srgformer_lab.config import check_seed
from srgformer_lab.data.dataset import SPLITS, Dataset, DataSource, Interactions, ItemCards
from srgformer_lab.data.matrices import check_features
from srgformer_lab.errors import DataError

TRAIN = SPLITS.index("train")
INTERVENTIONS = ("zero", "mean", "permuted", "swapped", "missing")
"""What can be done to a modality to see whether a model makes use of it; ``with_intervention`` says what each is."""
ALIKE = 20
"""Groups of about equally popular items within which features are swapped."""


def without_interactions(data: Dataset, user_id: str, item_ids: Iterable[str]) -> Dataset:
    """Take items out of a user's training history; the history may end up empty.

    Raises:
        UnknownIdError: No user or item has that id.
        DataError: An item is not in the user's training history, or stands twice.
    """
    user, items = data.user_row(user_id), _rows(data, item_ids)
    history = set(data.matrix("train")[user].indices.tolist())
    if strange := [row for row in items if row not in history]:
        raise DataError(
            f"item {data.item_ids[strange[0]]!r} is not in the training history of user {user_id!r} and can't be dropped; "
            f"the history has {_some(data, sorted(history))}"
        )
    pairs = data.interactions
    return _with_pairs(data, ~((pairs.user == user) & np.isin(pairs.item, items) & (pairs.split == TRAIN)))


def with_interactions(data: Dataset, user_id: str, item_ids: Iterable[str]) -> Dataset:
    """Put items into a user's training history; one that was held out for validation or test moves there.

    Raises:
        UnknownIdError: No user or item has that id.
        DataError: An item is in the training history already, or stands twice.
    """
    user, items = data.user_row(user_id), _rows(data, item_ids)
    history = set(data.matrix("train")[user].indices.tolist())
    if known := [row for row in items if row in history]:
        raise DataError(f"item {data.item_ids[known[0]]!r} is in the training history of user {user_id!r} already; add others")
    pairs = data.interactions
    return _with_pairs(data, ~((pairs.user == user) & np.isin(pairs.item, items)), user, items)


def with_user(data: Dataset, user_id: str, item_ids: Sequence[str]) -> Dataset:
    """Add a user who is known only by a list of items.

    Raises:
        UnknownIdError: No item has that id.
        DataError: The id is taken, the list is empty, or an item stands twice.
    """
    if str(user_id) in data.user_ids:
        raise DataError(f"user id {user_id!r} is taken; choose another for the newcomer")
    items = _rows(data, item_ids)
    if not len(items):
        raise DataError(f"the newcomer {user_id!r} has no item; give at least one that they took")
    grown = replace(data, user_ids=(*data.user_ids, str(user_id)), truth=None, source=DataSource("memory"))
    return _with_pairs(grown, np.ones(len(data.interactions), dtype=bool), data.n_users, items)


def with_item(data: Dataset, item_id: str, features: Mapping[str, np.ndarray], title: str = "", text: str = "") -> Dataset:
    """Add an item that nobody has taken, known only by its features: one vector a modality.

    Lists of neighbours are dropped: they know nothing of the newcomer.

    Raises:
        DataError: The id is taken, a modality is missing or strange, or a vector has the wrong width or is not finite.
    """
    if str(item_id) in data.item_ids:
        raise DataError(f"item id {item_id!r} is taken; choose another for the newcomer")
    if set(features) != set(data.modalities):
        given, wanted = ", ".join(sorted(features)) or "none", ", ".join(data.modalities) or "none"
        raise DataError(f"the newcomer {item_id!r} has features for {given}; give one vector for each of {wanted}")
    grown = {}
    for name, matrix in data.features.items():
        vector = np.asarray(features[name], dtype=np.float32).reshape(1, -1)
        if vector.shape[1] != matrix.shape[1]:
            raise DataError(f"the newcomer's {name} vector has {vector.shape[1]} entries; the other items' have {matrix.shape[1]}")
        check_features(name, vector, 1, [str(item_id)])
        grown[name] = np.concatenate([matrix, vector])
    cards = data.cards
    more = ItemCards(
        titles=(*cards.titles, title or str(item_id)),
        texts=(*cards.texts, text),
        pictures=(*cards.pictures, None),
        details=cards.details.reset_index(drop=True).convert_dtypes().reindex(range(data.n_items + 1)),
    )
    ids = (*data.item_ids, str(item_id))
    return replace(data, item_ids=ids, features=grown, cards=more, neighbors={}, truth=None, source=DataSource("memory"))


def with_shuffled_modality(data: Dataset, modality: str, seed: int = 0) -> Dataset:
    """Deal the features of one modality out among the items anew: same vectors, none where it belongs but by chance.

    Its lists of neighbours, which told where they belong, are dropped.

    Raises:
        DataError: There is no such modality.
    """
    _check_modality(data, modality)
    order = np.random.default_rng(check_seed(seed)).permutation(data.n_items)
    return _with_features(data, modality, data.features[modality][order])


def with_intervention(data: Dataset, modality: str, intervention: str, seed: int = 0) -> Dataset:
    """Take away what the features of a modality tell, or a part of it; lists of neighbours by them are dropped.

    - ``zero``: no item has the modality.
    - ``mean``: every item that has it has the mean of them all.
    - ``permuted``: its vectors are dealt out among all items anew.
    - ``swapped``: they are dealt out among items that about as many people took (twentieths of the catalogue by users in training),
      so that what they tell of an item's popularity stays.
    - ``missing``: half of the items that have it lack it.

    Args:
        data: Whose features.
        modality: Which of them.
        intervention: One of ``INTERVENTIONS``.
        seed: What is drawn where something is drawn.

    Returns:
        The data set.

    Raises:
        DataError: There is no such modality, or no such intervention.
        ConfigError: The seed is no whole number from 0 to 2⁶².
    """
    _check_modality(data, modality)
    if intervention not in INTERVENTIONS:
        raise DataError(f"intervention={intervention!r} must be one of {', '.join(INTERVENTIONS)}")
    if intervention in ("zero", "missing"):
        return without_features(data, modality, 1.0 if intervention == "zero" else 0.5, seed)
    if intervention == "permuted":
        return with_shuffled_modality(data, modality, seed)
    matrix, known = data.features[modality].copy(), data.known[modality]
    if intervention == "mean":
        matrix[known] = matrix[known].mean(axis=0, dtype=np.float64) if known.any() else 0
        return _with_features(data, modality, matrix)
    draws = np.random.default_rng(check_seed(seed))
    by_popularity = np.argsort(-np.bincount(data.pairs("train")[:, 1], minlength=data.n_items), kind="stable")
    for alike in np.array_split(by_popularity, min(ALIKE, data.n_items)):
        matrix[alike] = data.features[modality][draws.permutation(alike)]
    return _with_features(data, modality, matrix)


def with_interventions(data: Dataset, interventions: Iterable[tuple[str, str]], seed: int = 0) -> Dataset:
    """Do something to several modalities, as ``with_intervention`` does it to one; each is dealt out by an order of its own.

    Raises:
        DataError: There is no such modality, or no such intervention.
        ConfigError: The seed is no whole number from 0 to 2⁶².
    """
    for place, (modality, intervention) in enumerate(interventions):
        data = with_intervention(data, modality, intervention, seed + place)
    return data


def without_features(data: Dataset, modality: str, share: float, seed: int = 0) -> Dataset:
    """Return a data set in which a share of the items that have a modality lack it: their features are 0.

    A seed puts these items into one random order, and the first ones lose theirs; so what a smaller share takes, a larger one takes too.
    Lists of neighbours by this modality are dropped.

    Args:
        data: Whose features.
        modality: Which of them.
        share: From 0 to 1, of the items that have it.
        seed: Which order.

    Returns:
        The data set; ``known`` says which items have what.

    Raises:
        DataError: There is no such modality, or the share is out of range.
        ConfigError: The seed is no whole number from 0 to 2⁶².
    """
    _check_modality(data, modality)
    if not 0 <= share <= 1:
        raise DataError(f"share={share!r} of the items must lie between 0 and 1; try 0.5")
    order = np.random.default_rng(check_seed(seed)).permutation(np.flatnonzero(data.known[modality]))
    matrix = data.features[modality].copy()
    matrix[order[: round(share * len(order))]] = 0
    return _with_features(data, modality, matrix)


def _with_features(data: Dataset, modality: str, matrix: np.ndarray) -> Dataset:
    left = {name: lists for name, lists in data.neighbors.items() if name != modality}
    return replace(data, features={**data.features, modality: matrix}, neighbors=left, truth=None, source=DataSource("memory"))


def _check_modality(data: Dataset, modality: str) -> None:
    if modality not in data.features:
        raise DataError(f"{data.name} has no modality {modality!r}; it has {', '.join(data.modalities) or 'none'}")


def thinned(data: Dataset, share: float, seed: int = 0) -> Dataset:
    """Return a data set with a share of its training interactions, drawn at random without replacement; the other splits stay.

    A seed puts them into one random order. Each user's first is kept whatever the share, so that no user is left without history;
    the others are kept from the front of the order until max(users with training items, round(share · interactions)) are. So
    the kept are a random sample and one more for each user whom it misses, and what a smaller share keeps, a larger one with the
    same seed keeps too. Users of few interactions lose a smaller part of them, and an item may lose all that it has.

    Args:
        data: What to thin.
        share: Above 0 and at most 1, of the training interactions.
        seed: Which order.

    Returns:
        The thinned data set.

    Raises:
        DataError: The share is out of range.
        ConfigError: The seed is no whole number from 0 to 2⁶².
    """
    if not 0 < share <= 1:
        raise DataError(f"share={share!r} of the training interactions must be above 0 and at most 1, which keeps them all; try 0.5")
    pairs = data.interactions
    order = np.random.default_rng(check_seed(seed)).permutation(np.flatnonzero(pairs.split == TRAIN))
    _, first = np.unique(pairs.user[order], return_index=True)
    n_kept = max(len(first), round(share * len(order)))
    others = np.delete(order, first)
    kept = pairs.split != TRAIN
    kept[order[first]] = True
    kept[others[: n_kept - len(first)]] = True
    return _with_pairs(data, kept)


def _with_pairs(data: Dataset, kept: np.ndarray, user: int = 0, items: Sequence[int] = ()) -> Dataset:
    """Keep some interactions, and add training pairs of one user at the end."""
    pairs, count = data.interactions, len(items)
    time = pairs.timestamp
    if time is not None:
        time = np.append(time[kept], np.full(count, time.max(initial=0), dtype=time.dtype))
    changed = Interactions(
        user=np.append(pairs.user[kept], np.full(count, user, dtype=pairs.user.dtype)),
        item=np.append(pairs.item[kept], np.asarray(items, dtype=pairs.item.dtype)),
        split=np.append(pairs.split[kept], np.full(count, TRAIN, dtype=pairs.split.dtype)),
        timestamp=time,
    )
    return replace(data, interactions=changed, truth=None, source=DataSource("memory"))


def _rows(data: Dataset, item_ids: Iterable[str]) -> list[int]:
    rows = [data.item_row(item) for item in item_ids]
    if len(set(rows)) < len(rows):
        twice = next(row for row in rows if rows.count(row) > 1)
        raise DataError(f"item {data.item_ids[twice]!r} stands twice in the list; give each item once")
    return rows


def _some(data: Dataset, rows: Sequence[int], most: int = 8) -> str:
    named = ", ".join(data.item_ids[row] for row in rows[:most]) or "no item"
    return named + (f" and {len(rows) - most} more" if len(rows) > most else "")
