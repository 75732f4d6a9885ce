"""From scores to lists: the best k, every item's rank, a person's recommendations, and how two lists differ."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import Id, checked, on_own_data
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.reading import Reading
from srgformer_lab.models.trace import Trace

Scoring = Recommender | Trace | Reading
"""What scores items: any model, a pass that was made, or a model that was read to be explained."""
LISTED = ["rank", "item_id", "title", "score"]


def top_k(scores: Float[Tensor, "rows items"], k: int) -> tuple[Float[Tensor, "rows k"], Int[Tensor, "rows k"]]:
    """Return the k highest scores of each row and their items, the highest first; ties go to the lower item row.

    ``torch.topk`` breaks ties as it likes, so one place more is asked for: rows where it is tied with the last one are sorted
    in full. Comparing all scores instead made arrays of all of them, which a process that keeps what it frees piled up.
    """
    k = min(k, scores.shape[1])
    values, items = torch.topk(scores, min(k + 1, scores.shape[1]), dim=1)
    tied = (values[:, k - 1 : k] == values[:, k:]).nonzero()[:, 0]
    values, items = values[:, :k], items[:, :k]
    if len(tied):
        ordered, order = torch.sort(scores[tied], dim=1, descending=True, stable=True)
        values[tied], items[tied] = ordered[:, :k], order[:, :k]
    items, by_item = torch.sort(items, dim=1)
    values, by_value = torch.sort(values.gather(1, by_item), dim=1, descending=True, stable=True)
    return values, items.gather(1, by_value)


def scorer_of(model: Scoring) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
    """Return the function from user rows to scores, of a model or of a pass that was already made."""
    return model.scorer() if isinstance(model, Recommender) else model.scores


def device_of(model: Scoring) -> torch.device:
    """Return where a model or a pass lives."""
    if isinstance(model, Reading):
        return model.device
    if isinstance(model, Trace):
        return model.nodes.device
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def user_scores(model: Scoring, user: int) -> Float[np.ndarray, " items"]:
    """Score all items for one user row."""
    users = torch.tensor([user], device=device_of(model))
    with torch.no_grad():
        return scorer_of(reading_for(model, users))(users)[0].cpu().numpy()


def reading_for(model: Scoring, users: Int[Tensor, " chosen"]) -> Scoring:
    """Read a model for these users alone; a pass that was made is given back."""
    return model.for_users(users) if isinstance(model, Recommender) else model


@on_own_data
def rank_items(model: Scoring, data: Dataset, user_id: Id, hide: str = "known") -> pd.DataFrame:
    """Return every item that may be shown to a user, ranked by score.

    Args:
        model: Any recommender, or a pass that was made.
        user_id: Whose ranking.
        hide: What the list leaves out: all that the person is ``known`` to have, or what the model learned from, ``train``.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``rank`` (from 1), ``item_id``, ``title``, ``score`` (higher is better); best first, ties in the order of the item rows.

    Raises:
        UnknownIdError: No user has that id.
        ConfigError: ``hide`` is neither ``known`` nor ``train``.
        DataError: The data is not what the model was built on.
    """
    if hide not in ("known", "train"):
        raise ConfigError(f"hide={hide!r} must be 'known' (all the person is known to have) or 'train' (what the model learned from)")
    user = data.user_row(user_id)
    scores = user_scores(model, user)
    known = data.matrix("all" if hide == "known" else "train")[user].indices
    return ranking_of(data, scores, np.setdiff1d(np.arange(data.n_items), known))


def rank_of(model: Scoring, data: Dataset, user: int, item: int) -> int | None:
    """Return an item row's place in what ``rank_items`` lists for a user row, without the list; None for an item that it leaves out."""
    known = data.matrix("all")[user].indices
    if item in known:
        return None
    scores = user_scores(model, user)
    scores[known] = -np.inf
    return 1 + int((scores > scores[item]).sum() + (scores[:item] == scores[item]).sum())


def ranking_of(data: Dataset, scores: Float[np.ndarray, " items"], shown: Int[np.ndarray, " shown"]) -> pd.DataFrame:
    """Put the shown item rows (increasing) into the order of their scores: ``rank``, ``item_id``, ``title``, ``score``."""
    rows = shown[np.argsort(-scores[shown], kind="stable")]
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "item_id": [data.item_ids[row] for row in rows],
            "title": [data.cards.titles[row] for row in rows],
            "score": scores[rows],
        }
    )


@on_own_data
def recommend(model: Scoring, data: Dataset, user_id: Id, k: int = 10, hide: str = "known") -> pd.DataFrame:
    """Return the k best items for a user; fewer where fewer are left.

    Args:
        model: Any recommender, or a pass that was made.
        user_id: Whose list.
        k: How many items, from 1.
        hide: What the list leaves out: all that the person is ``known`` to have, or what the model learned from, ``train``.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``rank`` (from 1), ``item_id``, ``title``, ``score`` (higher is better); best first.

    Raises:
        UnknownIdError: No user has that id.
        ConfigError: ``k`` is not positive, or ``hide`` is neither ``known`` nor ``train``.
        DataError: The data is not what the model was built on.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> len(lab.recommend(model, "u1", k=5))
        5
    """
    if k < 1:
        raise ConfigError(f"k={k} must be at least 1")
    return rank_items(model, data, user_id, hide).head(k)


@on_own_data
def recommend_all(model: Scoring, data: Dataset, k: int = 10, block: int = 1024) -> pd.DataFrame:
    """Return the k best items for every user, without what each is known to have.

    Args:
        model: Any recommender, or a pass that was made.
        k: How many items for each user, from 1.
        block: How many users are scored at a time, from 1; memory grows with it.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``user_id``, ``rank`` (from 1), ``item_id``, ``title``, ``score``; user by user, best first.

    Raises:
        ConfigError: ``k`` or ``block`` is not positive.
        DataError: The data is not what the model was built on.
    """
    if k < 1 or block < 1:
        raise ConfigError(f"k={k} (items for each user) and block={block} (users at a time) must be at least 1")
    scorer, device, known = scorer_of(model), device_of(model), data.matrix("all")
    parts = []
    with torch.no_grad():
        for start in range(0, data.n_users, block):
            users = torch.arange(start, min(start + block, data.n_users))
            scores = scorer(users.to(device)).cpu()
            hide_pairs(scores, known[start : start + block])
            values, items = top_k(scores, k)
            user, place = torch.nonzero(values > -torch.inf, as_tuple=True)
            listed = {"user": user + start, "rank": place + 1, "item": items[user, place], "score": values[user, place]}
            parts.append(pd.DataFrame({name: column.numpy() for name, column in listed.items()}))
    lists = pd.concat(parts, ignore_index=True)
    lists["user_id"] = np.asarray(data.user_ids, dtype=object)[lists["user"]]
    lists["item_id"] = np.asarray(data.item_ids, dtype=object)[lists["item"]]
    lists["title"] = np.asarray(data.cards.titles, dtype=object)[lists["item"]]
    return lists[["user_id", "rank", "item_id", "title", "score"]]


def hide_pairs(scores: Float[Tensor, "rows items"], pairs: object) -> None:
    """Set the scores of a sparse matrix's pairs (rows, items) to −∞, in place."""
    entries = pairs.tocoo()  # type: ignore[attr-defined]
    place = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64)).to(scores.device)
    scores[place[0], place[1]] = -torch.inf


@checked
def compare_lists(before: pd.DataFrame, after: pd.DataFrame, k: int = 10) -> pd.DataFrame:
    """Join two rankings or recommendation lists of one user: the items in the top k of either, in the order after.

    An item that only one of them holds stays: where it entered or left, its rank and score on the other side and ``moved`` are
    NaN. What left comes last, in the order before.

    Args:
        before: ``rank``, ``item_id``, ``title``, ``score``, as ``rank_items`` and ``recommend`` return them.
        after: The same, after something changed.
        k: How many places of either list are compared.

    Returns:
        ``item_id``, ``title``, ``rank_before``, ``rank_after``, ``moved`` (how many places it rose), ``score_before``,
        ``score_after``.

    Raises:
        ConfigError: ``k`` is below 1, or a list lacks a column.
    """
    for name, ranking in (("before", before), ("after", after)):
        if missing := [column for column in LISTED if column not in ranking]:
            raise ConfigError(f"{name} has no column {missing[0]!r}; give what rank_items or recommend returned")
    if k < 1:
        raise ConfigError(f"k={k} must be at least 1")
    both = before[LISTED].merge(after[LISTED], on="item_id", how="outer", suffixes=("_before", "_after"))
    both["title"] = both["title_after"].fillna(both["title_before"])
    both["moved"] = both["rank_before"] - both["rank_after"]
    either = both[(both["rank_before"] <= k) | (both["rank_after"] <= k)].sort_values(["rank_after", "rank_before"], ignore_index=True)
    return either[["item_id", "title", "rank_before", "rank_after", "moved", "score_before", "score_after"]]
