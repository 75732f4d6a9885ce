"""What is said of a model's structure, and of the untrained one beside it, equals scikit-learn's measures taken one by one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score, roc_auc_score

import srgformer_lab as lab
from srgformer_lab.analysis.attention import attention_auc
from tests.worlds import build, shop, small


@pytest.fixture(scope="module")
def learned(tiny):
    """A model after a few epochs of both objectives, and its table."""
    chosen = lab.preset("studio_found")
    model = lab.SRGFormer(tiny, chosen.model.replace(embedding_dim=16, n_hyperedges=5))
    for epoch in lab.epochs(model, tiny, chosen.train.replace(epochs=4, batch_size=128)):
        assert epoch.losses
    return model, lab.measure_structure(model.trace()).set_index(["measure", "modality"])


def auc_of(trace, data):
    """Take each user's weights and ask scikit-learn."""
    is_noise = {
        (user, item): flag for user, item, flag in zip(data.interactions.user, data.interactions.item, data.truth.noise, strict=True)
    }
    found = []
    for user in range(data.n_users):
        edges = trace.attention.node == user
        items = (trace.attention.neighbor[edges] - data.n_users).tolist()
        real = [not is_noise[user, item] for item in items]
        if len(set(real)) == 2:
            found.append(roc_auc_score(real, trace.attention.weight[edges].mean(1).double()))
    return np.mean(found)


def test_agreement_and_auc_are_those_of_the_trained_and_of_the_first_weights(learned, tiny):
    model, table = learned
    first = lab.SRGFormer(tiny, model.config)
    for column, trace in (("value", model.trace()), ("untrained", first.trace())):
        for modality in tiny.modalities:
            labels = lab.visible_labels(tiny, modality).to_numpy()
            home = trace.hypergraph[modality].membership.items.argmax(1).numpy()
            known = labels != ""
            nmi = normalized_mutual_info_score(labels[known], home[known])
            assert table.loc[("NMI with categories", modality), column] == pytest.approx(nmi)
            usage = lab.hyperedge_usage(trace, modality)
            assert table.loc[("membership entropy", modality), column] == usage.membership_entropy
            assert table.loc[("dead", modality), column] == usage.n_dead
        assert table.loc[("attention AUC", ""), column] == pytest.approx(auc_of(trace, tiny))
    assert table["value"].ne(table["untrained"]).sum() > 5


def test_weights_that_are_all_alike_tell_nothing(learned, tiny):
    model, _ = learned
    with model.edit(lab.uniform_attention()):
        trace = model.trace()
    assert attention_auc(trace, tiny) == pytest.approx(0.5)


def test_ties_count_half(learned, tiny):
    model, _ = learned
    trace = model.trace()
    coarse = replace(trace, attention=replace(trace.attention, weight=torch.round(trace.attention.weight, decimals=1)))
    assert attention_auc(coarse, tiny) == pytest.approx(auc_of(coarse, tiny))


def test_the_first_weights_are_those_that_a_training_begins_with(tiny, tmp_path):
    model = lab.SRGFormer(tiny, lab.ModelConfig(embedding_dim=8, n_heads=2, n_hyperedges=3, seed=5))
    run = lab.fit(model, tiny, lab.TrainConfig(epochs=2, batch_size=256), tmp_path)
    for trained in (model, run.model(tiny, "latest").trace()):
        first, kept = lab.untrained(trained), run.model(tiny, 0)
        assert all(torch.equal(weights, kept.state_dict()[name]) for name, weights in first.state_dict().items())


def test_what_nobody_knows_is_left_out():
    measured = lab.measure_structure(build(shop()).trace())  # no truth, no column of words
    assert set(measured["measure"]) == {"balance", "dead", "twins", "membership entropy", "attention entropy"}
    bare = shop(modalities=())
    assert list(lab.measure_structure(build(bare, small()).trace())["measure"]) == ["attention entropy"]
    pd.testing.assert_frame_equal(measured, lab.measure_structure(build(shop()).trace(), build(shop()).data))


def test_other_data_is_refused(learned):
    with pytest.raises(lab.DataError, match="measure_structure"):
        lab.measure_structure(learned[0].trace(), shop())
