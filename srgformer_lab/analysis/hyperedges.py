"""What the learned hyperedges hold: who is in them, what sets them apart, and whether some of them are dead or twins."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from srgformer_lab.analysis.grouping import Labels, aligned_labels, homes, item_labels, item_membership, memberships
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import checked, on_own_data
from srgformer_lab.models.trace import Trace

DEAD_SHARE = 0.1
"""A hyperedge is dead if no item has it as its first and its mass is below this part of the even share 1/K."""
TWIN_COSINE = 0.95
"""A hyperedge has a twin if the cosine of its membership column with another's is at least this."""
WORD = r"(?u)\b[^\W\d_]\w+\b"
"""What counts as a word: it begins with a letter and has a second character, so years and sizes don't."""


@dataclass(frozen=True)
class Usage:
    """How a modality uses its hyperedges."""

    modality: str
    n_hyperedges: int
    balance: float
    """Entropy of the mass over the hyperedges, divided by ln K: 1 if all carry the same (so at K = 1), 0 if one carries everything."""
    n_dead: int
    n_twins: int
    """Hyperedges that have a twin; both of a pair count."""
    membership_entropy: float
    """Mean over the items of their memberships' entropy, divided by ln K: 0 if each is in one hyperedge, 1 if in all alike."""

    def __repr__(self) -> str:
        """Say how evenly and how decidedly the hyperedges are used, and how many are not."""
        return (
            f"Usage({self.modality}: {self.n_hyperedges} hyperedges, balance {self.balance:.2f}, {self.n_dead} dead, "
            f"{self.n_twins} with a twin; membership entropy {self.membership_entropy:.2f})"
        )


@checked
def hyperedge_usage(trace: Trace, modality: str) -> Usage:
    """Compute how a modality uses its hyperedges: how evenly, how decidedly, and how many are dead or have a twin.

    Args:
        trace: A pass of the model.
        modality: Whose hyperedges.

    Returns:
        Balance and membership entropy (0 to 1), and the numbers of dead hyperedges and of those with a twin.

    Raises:
        ConfigError: The model has no such modality.
    """
    items = item_membership(trace, modality)
    mass, n_hyperedges = _mass(items), items.shape[1]
    balance = float(_entropy(mass[None])[0]) if n_hyperedges > 1 else 1.0
    dead, twins = _dead(items), _twins(items)
    return Usage(modality, n_hyperedges, balance, int(dead.sum()), int((twins >= 0).sum()), float(_entropy(items).mean()))


@on_own_data
def hyperedge_cards(
    trace: Trace, data: Dataset, modality: str, n_items: int = 6, n_words: int = 5, labels: Labels | None = None
) -> pd.DataFrame:
    """Describe every hyperedge of a modality in one row.

    *Its items* are those whose largest membership is the one in it; an item whose memberships are all the same, as one without
    features, is in none.

    Args:
        trace: A pass of the model.
        modality: Whose hyperedges.
        n_items: Top items that each row names, from 0.
        n_words: Words that each row names, from 0.
        labels: A Series by item id, or one label an item in the data's order; by default the groups of a planted world.
        data: The model's own data; may be left out or stand second.

    Returns:
        One row a hyperedge, with the columns

        - ``modality``, ``hyperedge``; ``items``, ``users``: how many have their largest membership in it.
        - ``mass``: its share of the items' total membership, 0 to 1.
        - ``entropy``: mean over its items of −Σ_k H_k ln H_k / ln K: 0 if they are in it alone, 1 if they are in all alike; NaN
          without items.
        - ``top_items``, ``top_titles``: ids and titles of the ``n_items`` items that have the largest membership in it.
        - ``words``: the ``n_words`` words that set its items' titles and texts apart (c-TF-IDF), an item counting by its membership.
        - ``label``, ``purity``, ``labelled``: the commonest known label of its items, its share among those whose label is known,
          and how many these are; ``""``, NaN and 0 where none is.
        - ``is_dead``: it is no item's largest, and its mass is below 0.1/K.
        - ``twin``: the hyperedge most like it, if the cosine of their columns of H is at least 0.95, else <NA>.

    Raises:
        ConfigError: The model has no such modality, or a count is negative.
        DataError: The labels don't fit the data set, or the pass was made on other data.

    Examples:
        >>> model = lab.SRGFormer(lab.studio(), lab.ModelConfig(n_hyperedges=8))
        >>> len(lab.hyperedge_cards(model.trace(), "image"))
        8

    Source: H = softmax(S/τ), the memberships of the paper (arXiv 2511.00584); Grootendorst 2022 (arXiv 2203.05794) for c-TF-IDF.
    """
    if min(n_items, n_words) < 0:
        raise ConfigError(f"n_items={n_items} and n_words={n_words} are counts; give 0 or more")
    items = item_membership(trace, modality)
    n_hyperedges = items.shape[1]
    home, users = homes(items), homes(memberships(trace, modality).users.detach().cpu().double().numpy())
    inside = np.eye(n_hyperedges)[home] * (home >= 0)[:, None]  # (items, hyperedges)
    count, top = inside.sum(axis=0).astype(np.int64), np.argsort(-items, axis=0, kind="stable")[:n_items].T
    twins, entropy = _twins(items), (_entropy(items) @ inside) / np.where(count > 0, count, np.nan)
    texts = [
        f"{'' if title == name else title}. {text}"
        for name, title, text in zip(data.item_ids, data.cards.titles, data.cards.texts, strict=True)
    ]
    if labels is None and data.truth is not None:
        labels = item_labels(data)
    known = np.full(data.n_items, "", dtype=object) if labels is None else aligned_labels(labels, data)
    columns = {
        "modality": modality,
        "hyperedge": np.arange(n_hyperedges),
        "items": count,
        "users": np.bincount(users[users >= 0], minlength=n_hyperedges),
        "mass": _mass(items),
        "entropy": entropy,
        "top_items": [tuple(data.item_ids[row] for row in rows) for rows in top],
        "top_titles": [tuple(data.cards.titles[row] for row in rows) for rows in top],
        "words": distinctive_words(texts, inside * items, n_words),
        **_majority(home, known, n_hyperedges),
        "is_dead": _dead(items),
        "twin": pd.Series(twins, dtype="Int64").mask(twins < 0),
    }
    return pd.DataFrame(columns)


def _mass(membership: Float[np.ndarray, "items hyperedges"]) -> Float[np.ndarray, " hyperedges"]:
    return membership.sum(axis=0) / membership.sum()


def _entropy(rows: Float[np.ndarray, "rows hyperedges"]) -> Float[np.ndarray, " rows"]:
    """Compute each row's entropy by that of an even one; 0 where there is a single hyperedge."""
    from scipy.stats import entropy

    return entropy(rows, axis=1) / np.log(max(rows.shape[1], 2))


def _dead(membership: Float[np.ndarray, "items hyperedges"]) -> Bool[np.ndarray, " hyperedges"]:
    n_hyperedges = membership.shape[1]
    return (_mass(membership) < DEAD_SHARE / n_hyperedges) & ~np.isin(np.arange(n_hyperedges), homes(membership))


def _twins(membership: Float[np.ndarray, "items hyperedges"]) -> Int[np.ndarray, " hyperedges"]:
    """Return each hyperedge the one most like it, or −1 where none is as like as a twin."""
    columns = membership / np.linalg.norm(membership, axis=0).clip(1e-300)
    cosine = columns.T @ columns
    np.fill_diagonal(cosine, -1)
    return np.where(cosine.max(axis=1) >= TWIN_COSINE, cosine.argmax(axis=1), -1)


def _majority(home: Int[np.ndarray, " items"], labels: np.ndarray, n_hyperedges: int) -> dict[str, list]:
    """Return each hyperedge the commonest known label of its items, the first by name of equals."""
    found: dict[str, list] = {"label": [], "purity": [], "labelled": []}
    for hyperedge in range(n_hyperedges):
        names, counts = np.unique(labels[(home == hyperedge) & (labels != "")].astype(str), return_counts=True)
        found["labelled"].append(int(counts.sum()))
        found["label"].append(str(names[counts.argmax()]) if len(names) else "")
        found["purity"].append(float(counts.max() / counts.sum()) if len(names) else float("nan"))
    return found


@on_own_data
def hyperedge_members(trace: Trace, data: Dataset, modality: str, hyperedge: int, n_items: int = 12) -> pd.DataFrame:
    """List the items that are most in a hyperedge, the most first: ``item_id``, ``title``, ``membership`` (0 to 1).

    Raises:
        ConfigError: The model has no such modality or hyperedge, or ``n_items`` is negative.
        DataError: The pass was made on other data.
    """
    membership = item_membership(trace, modality)
    if not 0 <= hyperedge < membership.shape[1]:
        raise ConfigError(f"hyperedge={hyperedge} must be from 0 to {membership.shape[1] - 1}")
    if n_items < 0:
        raise ConfigError(f"n_items={n_items} is a count; give 0 or more")
    rows = np.argsort(-membership[:, hyperedge], kind="stable")[:n_items]
    return pd.DataFrame(
        {
            "item_id": [data.item_ids[row] for row in rows],
            "title": [data.cards.titles[row] for row in rows],
            "membership": membership[rows, hyperedge],
        }
    )


def distinctive_words(texts: Sequence[str], weight: Float[np.ndarray, "texts classes"], n_words: int = 5) -> list[tuple[str, ...]]:
    """Return the words that set each class of texts apart, the most telling first.

    c-TF-IDF of word x in class c: tf(x, c) ln(1 + A/f(x)), with tf the word's count in the class, f its count in all classes
    and A the classes' mean number of words; each text counts by its weight. English stop words, words of one letter and numbers
    don't count, and a class is given only words that make at least as large a part of it as of all classes together.

    Source: Grootendorst, BERTopic: neural topic modeling with a class-based TF-IDF procedure, arXiv 2203.05794, 2022.
    """
    counts, words = _word_counts(tuple(texts))
    if not len(words):
        return [()] * weight.shape[1]
    frequency = counts.T @ weight  # (words, classes)
    overall, length = frequency.sum(axis=1), frequency.sum(axis=0)
    mean_length = length.sum() / max((length > 0).sum(), 1)
    telling = frequency * np.log1p(mean_length / np.maximum(overall, 1e-300))[:, None]
    telling[frequency * length.sum() < overall[:, None] * length * (1 - 1e-9)] = 0
    order = np.argsort(-telling, axis=0, kind="stable")[:n_words]
    return [tuple(str(words[row]) for row in rows if telling[row, k] > 0) for k, rows in enumerate(order.T)]


@lru_cache(maxsize=4)
def _word_counts(texts: tuple[str, ...]) -> tuple[Any, np.ndarray]:
    """Count the words of each text: a sparse matrix (texts, words) and the words; kept, as every epoch asks for the same texts."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(stop_words="english", token_pattern=WORD)
    analyze = counter.build_analyzer()
    if not any(analyze(text) for text in texts):
        return None, np.array([])
    return counter.fit_transform(texts), counter.get_feature_names_out()


@on_own_data
def hyperedge_incidence(trace: Trace, data: Dataset, modality: str, n_items: int = 60) -> pd.DataFrame:
    """Return a readable part of the membership matrix, one row a cell.

    Args:
        trace: A pass of the model.
        modality: Whose hyperedges.
        n_items: Items at most, from 1; of more, an even sample along their order is taken.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``item_id``, ``title``, ``place``: an item and its row, ordered by its largest hyperedge and there by membership, those in
        none last. ``hyperedge``, ``column``: a hyperedge and its place, ordered by mass. ``membership``: H of the item in it, 0 to 1.

    Raises:
        ConfigError: The model has no such modality, or ``n_items`` is below 1.
        DataError: The pass was made on other data.
    """
    if n_items < 1:
        raise ConfigError(f"n_items={n_items} must be at least 1")
    membership = item_membership(trace, modality)
    by_mass = np.argsort(-membership.sum(axis=0), kind="stable")
    column_of, home = np.argsort(by_mass), homes(membership)
    rank = np.where(home < 0, len(by_mass), column_of[home])
    order = np.lexsort((-membership.max(axis=1), rank))
    chosen = order[np.linspace(0, len(order) - 1, min(n_items, len(order))).round().astype(np.int64)]
    place, column = (grid.ravel() for grid in np.indices((len(chosen), len(by_mass))))
    rows, hyperedge = chosen[place], by_mass[column]
    return pd.DataFrame(
        {
            "item_id": np.array(data.item_ids, dtype=object)[rows],
            "title": np.array(data.cards.titles, dtype=object)[rows],
            "place": place,
            "hyperedge": hyperedge,
            "column": column,
            "membership": membership[rows, hyperedge],
        }
    )
