"""How widely attention is spread, against an entropy per user and head written out over the dense weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

import srgformer_lab as lab
from srgformer_lab.analysis.attention import attention_entropy
from srgformer_lab.data.changing import without_interactions
from srgformer_lab.errors import DataError


def by_hand(trace, data):
    found = {}
    for user in range(data.n_users):
        chosen = trace.attention.node == user
        for head, weights in enumerate(trace.attention.weight[chosen].double().T.numpy()):
            if len(weights):
                found[data.user_ids[user], head] = stats.entropy(weights) / np.log(len(weights)) if len(weights) > 1 else np.nan
    return found


def test_entropies_are_those_of_the_weights(tiny, trained):
    trace = trained[1].trace()
    frame = attention_entropy(trace, tiny)
    expected = by_hand(trace, tiny)
    assert len(frame) == len(expected)
    for row in frame.itertuples():
        assert row.entropy == pytest.approx(expected[row.user_id, row.head], abs=1e-6, nan_ok=True)
        assert row.items == len(tiny.history(row.user_id))


def test_even_weights_have_entropy_one_and_a_single_one_zero(tiny, trained):
    model = trained[1]
    with model.edit(lab.uniform_attention()):
        even = attention_entropy(model.trace(), tiny).dropna()
    assert even["entropy"].to_numpy() == pytest.approx(1.0, abs=1e-5)
    trace = model.trace()
    first = torch.zeros_like(trace.attention.weight)
    starts = np.unique(trace.attention.node.numpy(), return_index=True)[1]
    first[torch.from_numpy(starts)] = 1
    narrow = attention_entropy(replace(trace, attention=replace(trace.attention, weight=first)), tiny).dropna()
    assert (narrow["entropy"] == 0).all()


def test_a_history_of_one_has_no_spread_and_an_empty_one_no_row():
    data = lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)
    one, none = data.user_ids[:2]
    kept = data.history(one)[0]
    data = without_interactions(data, one, [item for item in data.history(one) if item != kept])
    data = without_interactions(data, none, data.history(none))
    frame = attention_entropy(lab.SRGFormer(data, lab.ModelConfig(embedding_dim=8, n_heads=2)).trace(), data)
    assert frame.loc[frame["user_id"] == one, "items"].tolist() == [1, 1]
    assert frame.loc[frame["user_id"] == one, "entropy"].isna().all()
    assert none not in set(frame["user_id"])


def test_a_pass_over_other_data_is_refused(tiny, trained):
    other = lab.studio(n_users=30, n_items=40, n_groups=4, n_interactions=400, seed=1)
    with pytest.raises(DataError, match="the model was built on"):
        attention_entropy(trained[1].trace(), other)
