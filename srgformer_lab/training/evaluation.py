"""Full-ranking evaluation: every item competes, and only the training positives are masked.

Source: the protocol of the paper (arXiv 2511.00584): Recall@k = hits / positives; binary NDCG@k (Järvelin and Kekäläinen 2002).
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int

from srgformer_lab.data.dataset import SPLITS, Dataset
from srgformer_lab.data.lists import HIDDEN, Lists, among
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.protocol import Recommender, Watch
from srgformer_lab.models.ranking import device_of, hide_pairs, scorer_of, top_k
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.beyond import beyond_accuracy

CUTOFFS = (10, 20)
SELECTION_METRIC = "recall@20"
METRIC = re.compile(r"(?:recall|ndcg)@([1-9][0-9]*)")
BLOCK_CELLS = 16_000_000
WATCHED_CELLS = 1_000_000
"""Scores that are made at once: blocks of a second or so where somebody watches, else as many as memory allows."""


@on_own_data
def evaluate(model: Recommender | Trace | Lists, data: Dataset, split: str = "valid", cutoffs: Sequence[int] = CUTOFFS) -> dict[str, float]:
    """Compute Recall@k and NDCG@k, averaged over the users with a positive in ``split``.

    Args:
        model: Any recommender, a pass that was made, or lists.
        split: ``valid`` or ``test``. Training items are hidden in both.
        cutoffs: The k, each from 1.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``{"recall@10": …, "recall@20": …, "ndcg@10": …, "ndcg@20": …}``, each in 0…1; NaN where no user has a positive.

    Raises:
        ConfigError: The split or a cut-off does not exist, or lists have fewer places.
        DataError: The data is not what the model was built on.

    Examples:
        >>> model = lab.Popularity(lab.studio())
        >>> sorted(lab.evaluate(model, "test", cutoffs=[20]))
        ['ndcg@20', 'recall@20']
    """
    users, items = judged_lists(model, data, split, cutoffs)
    return {name: float(values.mean()) for name, values in accuracy(items, users, data, split, cutoffs).items()}


@on_own_data
def evaluate_users(
    model: Recommender | Trace | Lists,
    data: Dataset,
    split: str = "valid",
    cutoffs: Sequence[int] = CUTOFFS,
    watch: Watch | None = None,
    beyond: bool = False,
) -> pd.DataFrame:
    """Compute each user's Recall@k and NDCG@k.

    Recall@k = hits / positives; NDCG@k is binary, its ideal list has min(positives, k) hits. Ties go to the lower item row. A user
    whom lists leave out finds nothing.

    Args:
        model: Any recommender, a pass that was made, or lists.
        split: ``valid`` or ``test``. Training items are hidden in both.
        cutoffs: The k, each from 1.
        watch: Hands on the blocks of users one by one, such as ``tqdm``.
        beyond: Whether to measure more of each list than hits; see ``judge_lists`` for what, its ranges and sources.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``user_id``, and ``recall@k`` and ``ndcg@k`` (0 to 1) for each k: one row for every user with a positive in ``split``. With
        ``beyond`` also ``popularity@k``, ``long_tail@k``, ``novelty@k``, for each modality such as image ``image_distance@k``, and
        where items have categories ``calibration@k``; NaN where a list tells nothing of it.

    Raises:
        ConfigError: The split or a cut-off does not exist, or lists have fewer places.
        DataError: The data is not what the model was built on.
    """
    users, items = judged_lists(model, data, split, cutoffs, watch)
    columns = accuracy(items, users, data, split, cutoffs)
    if beyond:
        columns |= beyond_accuracy(items, users, data, cutoffs)
    return pd.DataFrame({"user_id": [data.user_ids[row] for row in users.tolist()], **columns})


@on_own_data
def rank_lists(model: Recommender | Trace, data: Dataset, split: str = "valid", k: int = max(CUTOFFS), watch: Watch | None = None) -> Lists:
    """Make the lists by which a model is judged, once for all that judges them.

    Args:
        model: Any recommender, or a pass that was made.
        split: ``valid`` or ``test``: everybody with a positive there gets a list. Training items are hidden in both.
        k: How many items a list has, from 1; fewer where fewer are left.
        watch: Hands on the blocks of users one by one, such as ``tqdm``.
        data: The model's own data; may be left out or stand second.

    Returns:
        Lists, which ``evaluate``, ``evaluate_users``, ``judge_lists`` and whatever else judges take as they take a model.

    Raises:
        ConfigError: The split does not exist, or ``k`` is not positive.
        DataError: The data is not what the model was built on.

    Examples:
        >>> lists = lab.rank_lists(lab.Popularity(lab.studio()), k=20)
        >>> lab.evaluate(lists) == lab.evaluate(lab.Popularity(lab.studio()))
        True
    """
    users, items = judged_lists(model, data, split, (k,), watch)
    return Lists(data, users, items, type(model).__name__)


def judged_lists(
    model: Recommender | Trace | Lists, data: Dataset, split: str, cutoffs: Sequence[int], watch: Watch | None = None
) -> tuple[Int[np.ndarray, " users"], Int[np.ndarray, "users places"]]:
    """Return the users with a positive in ``split`` and their lists, item rows best first; a model's are made in blocks of users.

    Raises:
        ConfigError: The split or a cut-off does not exist, or lists have fewer places.
    """
    if split not in SPLITS[1:] or not cutoffs or min(cutoffs) < 1:
        raise ConfigError(f"split={split!r}, cutoffs={tuple(cutoffs)}: the split must be valid or test, cut-offs whole numbers from 1")
    users = np.flatnonzero(np.diff(data.matrix(split).indptr))
    if isinstance(model, Lists):
        return users, model.of(users, max(cutoffs))
    scorer, device, known = scorer_of(model), device_of(model), data.matrix("train")
    block = max(1, (WATCHED_CELLS if watch else BLOCK_CELLS) // data.n_items)
    listed = np.empty((len(users), min(max(cutoffs), data.n_items)), dtype=np.int64)
    with torch.no_grad():
        for start in (watch or iter)(range(0, len(users), block)):
            chosen = users[start : start + block]
            scores = scorer(torch.from_numpy(chosen).to(device))
            hide_pairs(scores, known[chosen])
            values, items = top_k(scores, max(cutoffs))
            listed[start : start + block] = items.masked_fill(values == -torch.inf, HIDDEN).cpu().numpy()
    return users, listed


def accuracy(
    items: Int[np.ndarray, "users places"], users: Int[np.ndarray, " users"], data: Dataset, split: str, cutoffs: Sequence[int]
) -> dict[str, np.ndarray]:
    """Return Recall@k and NDCG@k of lists, a column a metric."""
    hit = among(data.pairs(split), data.n_items, users[:, None], items)
    n_relevant = np.diff(data.matrix(split).indptr)[users]
    discount = 1 / np.log2(np.arange(2, max(cutoffs) + 2))
    ideal = np.concatenate([[0.0], discount.cumsum()])
    columns = {f"recall@{k}": hit[:, :k].sum(1) / n_relevant for k in cutoffs}
    for k in cutoffs:
        columns[f"ndcg@{k}"] = hit[:, :k] @ discount[: hit[:, :k].shape[1]] / ideal[n_relevant.clip(max=k)]
    return columns


@on_own_data
def metric_surface(
    trace: Trace,
    data: Dataset,
    attention_scales: Sequence[float],
    hypergraph_scales: Sequence[float],
    split: str = "valid",
    metric: str = SELECTION_METRIC,
) -> pd.DataFrame:
    """Compute a metric of one trained model under every pair of α and β.

    Args:
        trace: A pass over all nodes.
        attention_scales: The α, each in 0…10.
        hypergraph_scales: The β, each in 0…10.
        split: ``valid`` or ``test``.
        metric: ``recall@k`` or ``ndcg@k``.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``attention_scale``, ``hypergraph_scale``, ``value`` (0 to 1), one row a pair.

    Raises:
        ConfigError: A scale is out of range, the split does not exist, or the metric isn't one of recall@k and ndcg@k.
        DataError: The data is not what the model was built on.
    """
    if not (found := METRIC.fullmatch(metric)):
        raise ConfigError(f"metric={metric!r} must be recall@k or ndcg@k with a whole number from 1, such as {SELECTION_METRIC}")
    rows = [
        (alpha, beta, evaluate(trace.fuse(attention_scale=alpha, hypergraph_scale=beta), data, split, (int(found[1]),))[metric])
        for alpha in attention_scales
        for beta in hypergraph_scales
    ]
    return pd.DataFrame(rows, columns=["attention_scale", "hypergraph_scale", "value"])
