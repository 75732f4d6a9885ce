"""How widely the attention of users is spread over their histories."""

import numpy as np
import pandas as pd

from srgformer_lab.data.dataset import Dataset
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
