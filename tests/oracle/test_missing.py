"""What stands for missing features equals the dense reference: passes, losses and all gradients; and explanations stay exact and true."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab.analysis.explanation import explain, reasons
from srgformer_lab.analysis.newcomers import add_item
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.data.changing import with_item, without_features, without_interactions
from srgformer_lab.errors import DataError
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.transfer import carry_over
from tests.oracle.test_structure import assert_agreement, close, found_situations, reference_pass
from tests.oracle.test_terms import check_sums
from tests.worlds import build, float64, scatter, shop, situations, small, triples, world

RELAXED = settings(max_examples=8, deadline=None)
TREATMENTS = ("zero", "mean", "neighbors", "omit")


def lacking(data, seed, share=0.5):
    """The same data where about this share of the items lack each modality, independently."""
    rng = np.random.default_rng(seed)
    kept = {name: matrix * (rng.random((data.n_items, 1)) > share).astype(np.float32) for name, matrix in data.features.items()}
    return replace(data, features=kept)


@st.composite
def gappy(draw, **fixed):
    """A situation whose items lack modalities, and a treatment; the options of found structure among them."""
    some = situations if draw(st.booleans()) else found_situations
    situation = draw(some(min_modalities=1, **fixed))
    treatment = draw(st.sampled_from(TREATMENTS))
    data, config, seed, scale = situation
    return lacking(data, seed, draw(st.sampled_from([0.2, 0.6, 1.0]))), config.replace(missing_features=treatment), seed, min(scale, 1.0)


@RELAXED
@given(gappy())
def test_a_pass_equals_the_reference(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, scale)
    _, outcome = reference_pass(model, data)
    trace = model.trace()
    for name, part in trace.parts.items():
        close(part.values, outcome.parts[name], 1e-9)
    close(trace.fused.values, outcome.fused, 1e-9)
    some = torch.arange(0, data.n_users + data.n_items, 2)
    close(model.trace(some).fused.values, outcome.fused[some], 1e-9)


@settings(max_examples=12, deadline=None)
@given(gappy(), st.integers(1, 9), st.booleans())
def test_every_term_and_gradient_equals_the_reference_in_double_precision(situation, size, training):
    data, config, seed, scale = situation
    model = build(data, config.replace(membership_noise=0.0), seed, scale).train(training)  # training propagates narrow features once
    assert_agreement(model, data, triples(data, size, seed))


@RELAXED
@given(gappy(membership_temperature=1.0), st.integers(1, 9))
def test_every_term_and_gradient_equals_the_reference_in_single_precision(situation, size):
    data, config, seed, _ = situation
    model = scatter(SRGFormer(data, config), seed, 0.3).eval()
    assert_agreement(model, data, triples(data, size, seed), tolerance=1e-5)


@settings(max_examples=4, deadline=None)
@given(gappy())
def test_explanations_add_up(situation):
    data, config, seed, scale = situation
    trace = build(data, config, seed, scale).trace()
    for row in range(min(data.n_items, 3)):
        why = explain(trace, data, data.user_ids[seed % data.n_users], data.item_ids[row])
        check_sums(why, 1e-10)
        assert "edit" not in set(why.components["source"])
    single = scatter(SRGFormer(data, config), seed, scale)
    check_sums(explain(single, data, data.user_ids[0], data.item_ids[0]), 1e-5)


# ------------------------------------------------------------------------------------------------------------- closed forms


def gaps():
    """Three users and five items; i1 and i4 have no picture, and nobody took i4."""
    features = {"image": [[1.0, 0], [0, 0], [0, 2], [4, 4], [0, 0]], "text": np.eye(5)}
    return world([(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 1), (2, 3)], 3, 5, features)


def test_what_stands_in_is_what_was_said():
    """i1 was taken with i0 by two people, with i2 and i3 by one each."""
    data = gaps()
    assert data.known["image"].tolist() == [True, False, True, True, False]
    assert data.known["text"].all()
    values = {name: build(data, small(missing_features=name)).features["image"].values for name in TREATMENTS}
    mean = torch.tensor([5 / 3, 2.0], dtype=torch.float64)
    for name in ("zero", "omit"):
        assert torch.equal(values[name], torch.tensor(data.features["image"], dtype=torch.float64))
    torch.testing.assert_close(values["mean"][[1, 4]], torch.stack([mean, mean]))
    torch.testing.assert_close(values["neighbors"][[1, 4]], torch.stack([torch.tensor([6 / 4, 6 / 4], dtype=torch.float64), mean]))
    for matrix in values.values():
        assert torch.equal(matrix[[0, 2, 3]], values["zero"][[0, 2, 3]])


def test_wide_features_are_gathered_in_blocks(monkeypatch):
    data = lacking(shop(n_items=9), 1)
    whole = build(data, small(missing_features="neighbors")).features["text"].values
    monkeypatch.setattr("srgformer_lab.models.missing.COLUMNS", 1)
    assert torch.equal(build(data, small(missing_features="neighbors")).features["text"].values, whole)


def test_what_is_left_out_of_the_fusion_is_exactly_zero_for_items_without_and_for_nobody_else():
    data = gaps()
    trace, published = (build(data, small(missing_features=name)).trace() for name in ("omit", "zero"))
    assert not trace.parts["image"].items[[1, 4]].any()
    assert torch.equal(trace.parts["image"].users, published.parts["image"].users)
    assert torch.equal(trace.parts["image"].items[[0, 2, 3]], published.parts["image"].items[[0, 2, 3]])
    assert published.parts["image"].items[1].any(), "as published, the people who took it still hand something over"
    why = explain(trace, user_id="u1", item_id="i1")
    assert why.parts.loc[why.parts["item_part"] == "image", "contribution"].eq(0).all()
    assert set(why.hyperedges.loc[(why.hyperedges["side"] == "item") & why.hyperedges["contribution"].ne(0), "modality"]) == {"text"}


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_without_gaps_all_treatments_are_the_published_form_to_the_bit(treatment):
    data, batch = shop(), triples(shop(), 9)
    models = [scatter(SRGFormer(data, ModelConfig(embedding_dim=8, missing_features=name)), 1).train() for name in ("zero", treatment)]
    losses = []
    for model in models:
        model.start_epoch(torch.Generator().manual_seed(2))
        losses.append(model.losses(Batch(*batch), TrainConfig()))
    assert all(torch.equal(losses[0][name], losses[1][name]) for name in losses[0])
    assert torch.equal(models[0].trace().fused.values, models[1].trace().fused.values)


@pytest.mark.parametrize(
    ("changes", "item", "sentence"),
    [
        ({}, "i1", "no picture: its own image features are 0 by definition; what its image part holds comes from the people who took it"),
        ({}, "i4", "no picture, and nobody to learn from took it: its image part is 0 by definition"),
        ({"n_modality_layers": 0}, "i1", "no picture: its image part is 0 by definition"),
        ({"missing_features": "omit"}, "i1", "no picture: its image part is 0 by definition, and its image hyperedges are left out"),
        ({"missing_features": "mean"}, "i1", "no picture: the mean of all items' image features stands in"),
        ({"missing_features": "neighbors"}, "i1", "no picture: the mean image features of the items that the same people took stand in"),
        (
            {"missing_features": "neighbors"},
            "i4",
            "no picture, and the people who took it have no item with image features: the mean of all items' image features stands in",
        ),
    ],
)
def test_an_explanation_says_what_is_missing_and_it_is_so(changes, item, sentence):
    data = gaps()
    trace = build(data, small(**changes)).trace()
    assert explain(trace, user_id="u0", item_id=item).absent == {"image": sentence}
    part = trace.parts["image"].items[data.item_row(item)]
    assert part.any() == ("part is 0" not in sentence and item != "i4"), "an isolated item's part is 0 whatever stands in"
    assert explain(trace, user_id="u0", item_id="i0").absent == {}
    assert explain(build(data, small(modalities=("text",), **changes)), user_id="u0", item_id=item).absent == {}
    assert len(reasons(trace, user_id="u0"))


# --------------------------------------------------------------------------------------------------- other data, and removing


def test_the_mean_that_a_model_learned_with_goes_with_its_weights():
    """A newcomer of extreme features moves nobody else's stand-in."""
    data = gaps()
    model = build(data, small(missing_features="mean"))
    grown = with_item(data, "new", {"image": np.array([99.0, -99.0]), "text": np.ones(5)})
    other, _ = carry_over(model, grown)
    assert torch.equal(other.features["image"].values[:5], model.features["image"].values)
    blank = with_item(data, "new", {"image": np.zeros(2), "text": np.ones(5)})
    assert torch.equal(carry_over(model, blank).model.features["image"].values[5], model.features["image"].values[1])
    with float64():
        assert len(add_item(model, {"image": np.zeros(2), "text": np.ones(5)}).data.item_ids) == 6


def test_neighbours_are_those_of_the_data_at_hand():
    data = gaps()
    model = build(data, small(missing_features="neighbors"))
    other, _ = carry_over(model, without_interactions(data, "u2", ["i0", "i3"]))
    torch.testing.assert_close(other.features["image"].values[1], torch.tensor([0.5, 1.0], dtype=torch.float64))


def test_features_are_taken_away_by_seed_and_more_of_them_where_the_share_is_larger():
    data = shop(n_items=20)
    lost = [~without_features(data, "image", share, seed=4).known["image"] for share in (0.0, 0.3, 0.6, 0.9)]
    assert [int(gone.sum()) for gone in lost] == [0, 6, 12, 18]
    assert all((more | less == more).all() for less, more in pairwise(lost))
    assert (lost[1] == ~without_features(data, "image", 0.3, seed=4).known["image"]).all()
    assert (lost[1] != ~without_features(data, "image", 0.3, seed=5).known["image"]).any()
    assert without_features(data, "image", 0.9, seed=4).known["text"].all()
    for share, name in ((1.5, "image"), (float("nan"), "image"), (0.5, "sound")):
        with pytest.raises(DataError, match=r"share=|no modality 'sound'"):
            without_features(data, name, share)


def test_rows_that_are_no_numbers_throughout_are_missing_and_a_single_one_is_refused():
    features = np.arange(8.0).reshape(4, 2) + 1
    features[2] = np.nan
    data = world([(0, 0), (0, 1), (1, 2), (1, 3)], 2, 4, {"image": features})
    assert data.known["image"].tolist() == [True, True, False, True]
    assert not data.features["image"][2].any()
    features[1, 0] = np.nan
    with pytest.raises(DataError, match=r"row 1 .*NaN"):
        world([(0, 0), (0, 1), (1, 2), (1, 3)], 2, 4, {"image": features})
