"""What a data set holds, as frames and for people: who took how much, what is known of the items, and how to find either."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from srgformer_lab import plots
from srgformer_lab.backend.cache import Cache
from srgformer_lab.backend.finding import find_items, find_users
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.labels import history_thirds
from srgformer_lab.errors import DataError, UnknownIdError
from srgformer_lab.models.missing import gaps as gaps_of
from srgformer_lab.models.missing import lacks

COHORTS: Mapping[str, str] = MappingProxyType({"cold": "short histories", "middle": "middling histories", "heavy": "long histories"})
"""The thirds of the users by the number of items that they have to learn from, and what a person calls them."""
POPULARITY: Mapping[str, str] = MappingProxyType(
    {"head": "the most taken tenth", "tail": "the less taken half", "new": "those that nobody has to learn from"}
)
"""Parts of the items by how many users have them to learn from, and what a person calls them."""
MOST_GROUPS = 80
"""A column of the item table with more different values is no choice of groups."""
PLANTED = ""
"""Stands for the planted groups where others are columns of the item table."""
BETWEEN = "|"
DEFAULT_HISTORY = 12
SHORTEST_STORY = 4
PICTURE_WIDTH, SMALL_WIDTH = 96, 64
"""Pixels of a card's picture, and of a small card's."""
_thumbnails = Cache(6000)


@dataclass(frozen=True)
class Facts:
    """A data set in a few numbers; histories are what there is to learn from."""

    users: int
    items: int
    interactions: int
    density: float
    """Known pairs over all pairs of a user and an item, in 0…1."""
    median_history: float
    untaken: int
    """Items that nobody has to learn from."""


def facts(data: Dataset) -> Facts:
    """Count what a data set holds."""
    history, popularity = _degrees(data)
    total = len(data.interactions)
    density = total / max(data.n_users * data.n_items, 1)
    return Facts(data.n_users, data.n_items, total, density, float(np.median(history)), int((popularity == 0).sum()))


def item_counts(data: Dataset) -> pd.DataFrame:
    """List all items, the most taken first: ``item_id``, ``title``, and ``users`` who have it to learn from."""
    _, popularity = _degrees(data)
    frame = pd.DataFrame({"item_id": list(data.item_ids), "title": list(data.cards.titles), "users": popularity})
    return frame.sort_values("users", ascending=False, kind="stable", ignore_index=True)


def user_lengths(data: Dataset) -> pd.DataFrame:
    """List all users with the number of ``items`` that they have to learn from, and their ``cohort``: ``user_id`` beside both."""
    history, _ = _degrees(data)
    frame = pd.DataFrame({"user_id": list(data.user_ids), "items": history})
    cohort_of = {user: cohort for cohort in COHORTS for user in cohort_users(data, cohort)}
    return frame.assign(cohort=frame["user_id"].map(cohort_of))


def coverage(data: Dataset) -> pd.DataFrame:
    """Count the items of which something is known: ``what``, ``modality`` (or empty), ``items``, ``share`` in 0…1.

    A modality is known of an item whose features are not all 0; readers put zeros where there are none.
    """
    known = [(f"{name} features", name, has.sum()) for name, has in data.known.items()]
    cards = data.cards
    known += [
        ("picture to show", "", sum(picture is not None for picture in cards.pictures)),
        ("title", "", sum(title not in ("", name) for title, name in zip(cards.titles, data.item_ids, strict=True))),
        ("words", "", sum(bool(text) for text in cards.texts)),
    ]
    frame = pd.DataFrame(known, columns=["what", "modality", "items"]).astype({"items": int})
    return frame.assign(share=frame["items"] / max(data.n_items, 1))


def item_groups(data: Dataset) -> dict[tuple[str, str], int]:
    """Name the known groups of items, by column and value, with how many items are in each; the largest of a column first.

    A column of words with few different values makes groups; of several values ``a|b`` an item is in each. ``PLANTED`` is the
    column of a planted world's groups.
    """
    found: dict[tuple[str, str], int] = {}
    for column, values in _grouped_columns(data).items():
        counts = Counter(value for several in values for value in several)
        if 1 < len(counts) <= MOST_GROUPS and len(counts) < data.n_items:
            found |= {(column, value): number for value, number in counts.most_common()}
    return found


def choose_items(data: Dataset, words: str = "", group: tuple[str, str] | None = None, popularity: str = "") -> pd.DataFrame:
    """List the items that fit all wishes, as ``item_counts`` does.

    Args:
        data: Whose items.
        words: What ``find_items`` is asked for.
        group: One of ``item_groups``.
        popularity: One of ``POPULARITY``; ties are cut in the data's order.

    Raises:
        UnknownIdError: There is no such column, or no such part by popularity.
    """
    chosen = item_counts(data)
    if popularity:
        if popularity not in POPULARITY:
            raise UnknownIdError("popularity", popularity, POPULARITY)
        tenth, half = -(-data.n_items // 10), data.n_items // 2
        chosen = {"head": chosen.head(tenth), "tail": chosen.tail(half), "new": chosen[chosen["users"] == 0]}[popularity]
    if words.strip():
        chosen = chosen[chosen["item_id"].isin(find_items(data, words, data.n_items))]
    if group:
        column, value = group
        columns = _grouped_columns(data)
        if column not in columns:
            raise UnknownIdError("item column", column, columns)
        fitting = {name for name, several in zip(data.item_ids, columns[column], strict=True) if value in several}
        chosen = chosen[chosen["item_id"].isin(fitting)]
    return chosen.reset_index(drop=True)


def history_groups(data: Dataset, history: pd.DataFrame) -> pd.DataFrame:
    """Sum the rows of an explanation's ``history`` by the first column of groups; an item of several groups is shared among them evenly.

    Columns are those of ``history``, a group standing in the place of an item; no rows where no groups are known.
    """
    columns = _grouped_columns(data)
    known = next((values for values in columns.values() if 1 < len(set(chain(*values))) <= MOST_GROUPS), None)
    parts = [str(name) for name in history.columns if name not in ("item_id", "title", "weight")]
    if known is None:
        return history.iloc[:0][["item_id", "title", *parts]]
    rows = []
    for row in history.to_dict("records"):
        groups = known[data.item_row(row["item_id"])] or ("no group",)
        rows += [{"item_id": group, "title": group, **{part: row[part] / len(groups) for part in parts}} for group in groups]
    return pd.DataFrame(rows).groupby(["item_id", "title"], as_index=False, sort=False).sum()


def _grouped_columns(data: Dataset) -> dict[str, list[tuple[str, ...]]]:
    """Give, for each column that holds words, what each item has there."""
    columns = {}
    if data.truth is not None:
        columns[PLANTED] = [(data.truth.group_names[group],) for group in data.truth.item_group]
    for name, values in data.cards.details.items():
        if not pd.api.types.is_numeric_dtype(values):
            columns[str(name)] = [tuple(part.strip() for part in str(value).split(BETWEEN) if part.strip()) for value in values.fillna("")]
    return columns


def _degrees(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Count the training interactions of each user and of each item."""
    matrix = data.matrix("train")
    return tuple(np.asarray(matrix.sum(axis=axis)).ravel().astype(int) for axis in (1, 0))  # type: ignore[return-value]


def cohort_name(cohort: str) -> str:
    """Call a cohort, or all users without one, as a person would."""
    return COHORTS[cohort] if cohort else "everybody"


def cohort_users(data: Dataset, cohort: str = "") -> list[str]:
    """List the users of a cohort, one of ``history_thirds``, in the data's order; all users without a cohort.

    Raises:
        UnknownIdError: There is no such cohort.
    """
    if not cohort:
        return list(data.user_ids)
    if cohort not in COHORTS:
        raise UnknownIdError("cohort", cohort, COHORTS)
    return [name for name, third in zip(data.user_ids, history_thirds(data), strict=True) if third == cohort]


def cohorts_of(data: Dataset) -> dict[str, str]:
    """Name the cohorts that hold anybody, with what a person calls them."""
    return {cohort: words for cohort, words in COHORTS.items() if cohort_users(data, cohort)}


def default_user(data: Dataset) -> str:
    """Name the first user whose history is nearest to a dozen items: long enough to tell a story, short enough to see."""
    lengths = np.asarray(data.matrix("train").sum(axis=1)).ravel()
    return data.user_ids[int(np.argmin(np.abs(lengths - DEFAULT_HISTORY)))]


def people(data: Dataset, page: int = 0, count: int = 6, cohort: str = "", words: str = "") -> list[str]:
    """Name the users of one page of a fixed random order, those with a history worth showing first; pages go round.

    With ``words`` these are the people that ``find_users`` finds, if there are any.

    Raises:
        UnknownIdError: There is no such cohort.
    """
    if found := find_users(data, words, data.n_users):
        return [found[place % len(found)] for place in range(page * count, page * count + min(count, len(found)))]
    rows = np.array([data.user_row(user) for user in cohort_users(data, cohort)], dtype=int)
    lengths = np.asarray(data.matrix("train").sum(axis=1)).ravel()[rows]
    order = np.random.default_rng(0).permutation(len(rows))
    order = order[np.argsort(lengths[order] < SHORTEST_STORY, kind="stable")]
    places = np.arange(page * count, page * count + min(count, len(rows))) % max(len(rows), 1)
    return [data.user_ids[int(row)] for row in rows[order[places]]]


def takers(data: Dataset, item_id: str, count: int = 6) -> list[str]:
    """Name some of the users who have an item to learn from, those with the shortest history first: it tells most of them.

    Raises:
        UnknownIdError: No item has that id.
    """
    users = np.flatnonzero(data.matrix("train").getcol(data.item_row(item_id)).toarray().ravel())
    lengths = np.diff(data.matrix("train").indptr)[users]
    return [data.user_ids[int(row)] for row in users[np.argsort(lengths, kind="stable")][:count]]


def picture(data: Dataset, item_id: str, width: int = PICTURE_WIDTH) -> str:
    """Return an item's picture for a page; empty where there is none or it can't be read (the card then draws a placeholder)."""

    def make() -> str:
        try:
            return plots.thumbnail_uri(data.picture(item_id), width)
        except DataError:
            return ""

    kept = data.cards.pictures[data.item_row(item_id)]
    stamp = (kept, kept.stat().st_mtime_ns if kept.exists() else 0) if isinstance(kept, Path) else kept
    return _thumbnails.get((stamp, width), make)


def title(data: Dataset, item_id: str) -> str:
    """Return an item's title, or its id where it has none."""
    return data.cards.titles[data.item_row(item_id)].strip() or item_id


def with_pictures(frame: pd.DataFrame, data: Dataset, width: int = PICTURE_WIDTH) -> pd.DataFrame:
    """Add the column ``picture`` to a frame of items."""
    return frame.assign(picture=[picture(data, item_id, width) for item_id in frame["item_id"]])


def item_cards(data: Dataset, item_ids: Sequence[str], lines: Sequence[str] | None = None, width: int = PICTURE_WIDTH) -> pd.DataFrame:
    """Make a card frame of items; one that lacks a modality says so on its card."""
    titles = [title(data, item_id) for item_id in item_ids]
    frame = pd.DataFrame({"item_id": list(item_ids), "title": titles, "line": list(lines) if lines else [""] * len(titles)})
    rows = [data.item_row(item_id) for item_id in item_ids]
    lacking = [", ".join(lacks(name) for name, known in data.known.items() if not known[row]) for row in rows]
    return with_pictures(frame.assign(mark=lacking) if any(lacking) else frame, data, width)


def origins(data: Dataset) -> list[str]:
    """Say which encoder made the features of each modality, where that is known."""
    return [f"{name} features: {about}" for name, about in data.made_by.items()]


def gaps(data: Dataset, item_id: str | None = None) -> list[str]:
    """Say of an item which modalities it lacks, or of all how many lack one; a sentence each, and none where nothing is missing."""
    return gaps_of(data, None if item_id is None else data.item_row(item_id))
