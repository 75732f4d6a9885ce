"""Items and people by what somebody types: words of a title, a text or a detail, in any case and without accents, or an id."""

import unicodedata

import numpy as np
import pandas as pd

from srgformer_lab.backend.cache import Cache
from srgformer_lab.data.dataset import Dataset

_words = Cache(4)


def find_items(data: Dataset, words: str, count: int = 8) -> list[str]:
    """Find items of which all the words are known; titles that begin with them first, then other titles, then texts and details."""
    wanted = _folded(words).split()
    if not wanted:
        return []
    titles, all_known = _words.get(data.fingerprint, lambda: _words_of(data))
    asked = words.strip()
    rows = [row for row, known in enumerate(all_known) if data.item_ids[row] == asked or all(word in known for word in wanted)]

    def place(row: int) -> tuple[bool, bool, bool]:
        title = titles[row]
        return data.item_ids[row] != asked, not title.startswith(wanted[0]), not all(word in title for word in wanted)

    return [data.item_ids[row] for row in sorted(rows, key=place)[:count]]


def found_in_list(data: Dataset, words: str, ranking: pd.DataFrame) -> list[str]:
    """Find all items of which the words are known, in the order of a person's list (``item_id``); those that are not in it last."""
    places = {item: place for place, item in enumerate(ranking["item_id"])}
    return sorted(find_items(data, words, data.n_items), key=lambda item: places.get(item, data.n_items))


def find_users(data: Dataset, words: str, count: int = 6) -> list[str]:
    """Find people by their id, or by the items that they have to learn from: those who have most of what the words find first."""
    asked = _folded(words)
    if not asked:
        return []
    named = [user for user in data.user_ids if _folded(user) == asked]
    items = [data.item_row(item) for item in find_items(data, words, data.n_items)]
    taken = np.asarray(data.matrix("train")[:, items].sum(axis=1)).ravel()
    takers = [data.user_ids[int(row)] for row in np.argsort(-taken, kind="stable") if taken[row] > 0]
    return list(dict.fromkeys([*named, *takers]))[:count]


def _words_of(data: Dataset) -> tuple[list[str], list[str]]:
    cards = data.cards
    titles = [_folded(title) for title in cards.titles]
    details = cards.details.astype("string").fillna("").agg(" ".join, axis=1) if len(cards.details.columns) else [""] * data.n_items
    whole = zip(cards.titles, data.item_ids, cards.texts, details, strict=True)
    return titles, [_folded(" ".join(parts)) for parts in whole]


def _folded(text: str) -> str:
    """Return a text as it is compared: without accents, case and spaces around."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold().strip()
