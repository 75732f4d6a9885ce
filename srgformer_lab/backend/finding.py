"""Whom and what to look at first, and how to find others."""

import numpy as np

from srgformer_lab.backend.cohorts import cohort_users
from srgformer_lab.data.dataset import Dataset

USUAL_HISTORY = 12
SHORTEST_STORY = 4


def usual_user(data: Dataset) -> str:
    """Name the first user whose history is nearest to a dozen items: long enough to tell a story, short enough to see."""
    lengths = np.asarray(data.matrix("train").sum(axis=1)).ravel()
    return data.user_ids[int(np.argmin(np.abs(lengths - USUAL_HISTORY)))]


def people(data: Dataset, page: int = 0, count: int = 6, cohort: str = "") -> list[str]:
    """Name the users of one page of a fixed random order, those with a history worth showing first; pages go round.

    Raises:
        UnknownIdError: There is no such cohort.
    """
    rows = np.array([data.user_row(user) for user in cohort_users(data, cohort)], dtype=int)
    lengths = np.asarray(data.matrix("train").sum(axis=1)).ravel()[rows]
    order = np.random.default_rng(0).permutation(len(rows))
    order = order[np.argsort(lengths[order] < SHORTEST_STORY, kind="stable")]
    places = np.arange(page * count, page * count + min(count, len(rows))) % max(len(rows), 1)
    return [data.user_ids[int(row)] for row in rows[order[places]]]


def find_items(data: Dataset, words: str, count: int = 8) -> list[str]:
    """Find items whose title or id contains all the words, in any case; titles that begin with them first."""
    wanted = words.casefold().split()
    if not wanted:
        return []
    titles = [title.casefold() for title in data.cards.titles]
    rows = [row for row, title in enumerate(titles) if all(word in title for word in wanted) or data.item_ids[row].casefold() == wanted[0]]
    rows.sort(key=lambda row: (not titles[row].startswith(wanted[0]), row))
    return [data.item_ids[row] for row in rows[:count]]


def takers(data: Dataset, item_id: str, count: int = 6) -> list[str]:
    """Name some of the users who have an item to learn from, those with the shortest history first: it tells most of them.

    Raises:
        UnknownIdError: No item has that id.
    """
    users = np.flatnonzero(data.matrix("train").getcol(data.item_row(item_id)).toarray().ravel())
    lengths = np.diff(data.matrix("train").indptr)[users]
    return [data.user_ids[int(row)] for row in users[np.argsort(lengths, kind="stable")][:count]]
