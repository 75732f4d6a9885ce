"""Full-ranking evaluation: every item competes, and only the training positives are masked.

Source: spec section 5.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from srgformer_lab.data.dataset import SPLITS, Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.model.protocol import Recommender
from srgformer_lab.model.ranking import device_of, hide_pairs, scorer_of, top_k
from srgformer_lab.model.trace import Trace

CUTOFFS = (10, 20)
SELECTION_METRIC = "recall@20"
BLOCK_CELLS = 16_000_000


def evaluate(model: Recommender | Trace, data: Dataset, split: str = "valid", cutoffs: Sequence[int] = CUTOFFS) -> dict[str, float]:
    """Average Recall@k and NDCG@k over the users with a positive in ``split``: ``{"recall@10": …, "ndcg@20": …}``, in 0…1.

    Raises:
        ConfigError: The split or a cut-off does not exist.
    """
    return evaluate_users(model, data, split, cutoffs).drop(columns="user_id").mean().to_dict()


def evaluate_users(model: Recommender | Trace, data: Dataset, split: str = "valid", cutoffs: Sequence[int] = CUTOFFS) -> pd.DataFrame:
    """Give each user's Recall@k and NDCG@k: one row for every user with a positive in ``split``.

    Recall@k = hits / positives; NDCG@k is binary, its ideal list has min(positives, k) hits. Ties go to the lower item row.

    Raises:
        ConfigError: The split or a cut-off does not exist.
    """
    if split not in SPLITS[1:] or not cutoffs or min(cutoffs) < 1:
        raise ConfigError(f"split={split!r}, cutoffs={tuple(cutoffs)}: the split must be valid or test, cut-offs whole numbers from 1")
    relevant, known = data.matrix(split), data.matrix("train")
    users = np.flatnonzero(np.diff(relevant.indptr))
    scorer, device = scorer_of(model), device_of(model)
    block = max(1, BLOCK_CELLS // data.n_items)
    parts = []
    with torch.no_grad():
        for start in range(0, len(users), block):
            chosen = users[start : start + block]
            scores = scorer(torch.from_numpy(chosen).to(device))
            hide_pairs(scores, known[chosen])
            values, items = top_k(scores, max(cutoffs))
            hit = _hits(items.cpu(), chosen, relevant) & (values.cpu() > -torch.inf)
            parts.append(_metrics(hit, np.diff(relevant.indptr)[chosen], cutoffs))
    ids = [data.user_ids[int(row)] for row in users]
    return pd.concat([pd.DataFrame({"user_id": ids}), pd.concat(parts, ignore_index=True)], axis=1)


def _hits(items: Int[Tensor, "rows k"], users: Int[np.ndarray, " rows"], relevant: object) -> Bool[Tensor, "rows k"]:
    n_items = relevant.shape[1]  # type: ignore[attr-defined]
    entries = relevant[users].tocoo()  # type: ignore[index]
    keys = np.sort(entries.row.astype(np.int64) * n_items + entries.col)
    asked = np.arange(len(users))[:, None] * n_items + items.numpy()
    place = np.searchsorted(keys, asked).clip(max=len(keys) - 1)
    return torch.from_numpy(keys[place] == asked)


def _metrics(hit: Bool[Tensor, "rows k"], n_relevant: Int[np.ndarray, " rows"], cutoffs: Sequence[int]) -> pd.DataFrame:
    discount = 1 / torch.log2(torch.arange(2, max(cutoffs) + 2, dtype=torch.float64))
    ideal = torch.cat([torch.zeros(1, dtype=torch.float64), discount.cumsum(0)])
    positives = torch.from_numpy(n_relevant.astype(np.int64))
    columns = {f"recall@{k}": hit[:, :k].sum(1) / positives.double() for k in cutoffs}
    for k in cutoffs:
        gain = (hit[:, :k] * discount[: hit[:, :k].shape[1]]).sum(1)
        columns[f"ndcg@{k}"] = gain / ideal[positives.clamp(max=k)]
    return pd.DataFrame({name: values.numpy() for name, values in columns.items()})


def metric_surface(
    trace: Trace,
    data: Dataset,
    attention_scales: Sequence[float],
    hypergraph_scales: Sequence[float],
    split: str = "valid",
    metric: str = SELECTION_METRIC,
) -> pd.DataFrame:
    """Evaluate one trained model under every pair of α and β: ``attention_scale``, ``hypergraph_scale``, ``value``.

    Raises:
        ConfigError: A scale is out of range, or the metric isn't one of recall@k and ndcg@k.
    """
    kind, _, cutoff = metric.partition("@")
    if kind not in ("recall", "ndcg") or not cutoff.isdigit():
        raise ConfigError(f"metric={metric!r} must be recall@k or ndcg@k, such as {SELECTION_METRIC}")
    rows = [
        (alpha, beta, evaluate(trace.fuse(attention_scale=alpha, hypergraph_scale=beta), data, split, (int(cutoff),))[metric])
        for alpha in attention_scales
        for beta in hypergraph_scales
    ]
    return pd.DataFrame(rows, columns=["attention_scale", "hypergraph_scale", "value"])
