"""How widely the attention of users is spread over their histories, and whether it tells real interactions from chance ones."""

import numpy as np
import pandas as pd

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.trace import Trace


@on_own_data
def attention_entropy(trace: Trace, data: Dataset) -> pd.DataFrame:
    """Say how evenly each head of each user's attention is spread: ``user_id``, ``items``, ``head``, ``entropy``.

    The entropy of a user's weights w over the n items of the history is −Σ w ln w / ln n: 1 if all weigh the same, 0 if one has
    everything, NaN where there is one item, which can't but have everything. Users without a history are left out.

    Raises:
        DataError: The pass was made on other data.
    """
    node, weight = trace.attention.node.cpu().numpy(), trace.attention.weight.detach().cpu().double().numpy()
    is_user = node < data.n_users
    node, weight = node[is_user], weight[is_user]
    length = np.bincount(node, minlength=data.n_users)
    users, n_heads = np.flatnonzero(length), weight.shape[1]
    surprise = -weight * np.log(np.where(weight > 0, weight, 1.0))
    entropy = np.stack([np.bincount(node, column, data.n_users)[users] for column in surprise.T], axis=1)  # (users, heads)
    most = np.log(np.where(length[users] > 1, length[users], np.nan))
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.array(data.user_ids, dtype=object)[users], n_heads),
            "items": np.repeat(length[users], n_heads),
            "head": np.tile(np.arange(n_heads), len(users)),
            "entropy": (entropy / most[:, None]).ravel(),
        }
    )


@on_own_data
def attention_auc(trace: Trace, data: Dataset) -> float:
    """Compute how well attention tells a user's real interactions from chance ones, where the world says which are which.

    Of each user with both kinds, the AUC: how likely a real interaction weighs more than a chance one, weights averaged over the
    heads; then the mean over these users. 0.5 is what weights without any meaning reach.

    Raises:
        DataError: The data set doesn't say which interactions are chance, or the pass was made on other data.
    """
    if data.truth is None:
        raise DataError(f"{data.name} doesn't say which interactions are chance; only the built-in world does")
    by_pair = data.n_items * np.asarray(data.interactions.user, dtype=np.int64) + data.interactions.item
    is_real = pd.Series(~np.asarray(data.truth.noise, dtype=bool), index=by_pair)
    node, item = trace.attention.node.cpu().numpy(), trace.attention.neighbor.cpu().numpy() - data.n_users
    looks = node < data.n_users
    weights = pd.DataFrame({"user": node[looks], "weight": trace.attention.weight.detach().mean(1).cpu().double().numpy()[looks]})
    weights["is_real"] = is_real.loc[data.n_items * weights["user"].to_numpy(np.int64) + item[looks]].to_numpy()
    weights["above"] = weights.groupby("user")["weight"].rank() * weights["is_real"]  # Mann and Whitney: AUC from the real ones' ranks
    by_user = weights.groupby("user").agg(n=("is_real", "size"), real=("is_real", "sum"), ranks=("above", "sum"))
    both = by_user[(by_user["real"] > 0) & (by_user["real"] < by_user["n"])]
    found = (both["ranks"] - both["real"] * (both["real"] + 1) / 2) / (both["real"] * (both["n"] - both["real"]))
    return float(found.mean())
