"""The hyperedge analysis works on every model that can be made, and says what is wrong where it can't."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

import srgformer_lab as lab
from srgformer_lab.analysis.grouping import against_labels, agreement, item_labels, visible_labels
from srgformer_lab.analysis.hyperedges import hyperedge_cards, hyperedge_incidence, hyperedge_usage
from srgformer_lab.analysis.rivers import hyperedge_river, match_hyperedges
from tests.worlds import build, random_features, shop, situations, small, with_isolated_nodes, world


@settings(deadline=None, max_examples=30)
@given(situations(min_modalities=1))
def test_any_model_has_cards_usage_and_incidence(situation):
    data, config, seed, scale = situation
    trace = build(data, config, seed, scale).trace()
    labels = [f"label {row % 2}" for row in range(data.n_items)]
    for modality in data.modalities:
        cards = hyperedge_cards(trace, data, modality, labels=labels)
        said, k = hyperedge_usage(trace, modality), config.n_hyperedges
        assert cards["hyperedge"].tolist() == list(range(k))
        assert cards["mass"].sum() == pytest.approx(1)
        assert 0 <= cards["items"].sum() <= data.n_items
        assert cards["labelled"].tolist() == cards["items"].tolist()
        assert (cards["entropy"].dropna().between(0, 1 + 1e-9)).all()
        assert 0 <= said.balance <= 1 + 1e-9
        assert (said.n_dead, said.n_twins) == (cards["is_dead"].sum(), cards["twin"].notna().sum())
        assert len(hyperedge_incidence(trace, data, modality)) == min(data.n_items, 60) * k
        assert match_hyperedges(trace, trace, modality)["overlap"].sum() == pytest.approx(data.n_items)
        assert agreement(trace, data, modality, modality).purity == pytest.approx(1, nan_ok=True)


@pytest.mark.parametrize("as_released", [False, True])
def test_the_released_form_changes_users_only(as_released):
    data = shop()
    trace = build(data, small(as_released=as_released)).trace()
    paper = hyperedge_cards(build(data, small()).trace(), data, "text")
    cards = hyperedge_cards(trace, data, "text")
    pd.testing.assert_frame_equal(cards, paper)  # the users' raw logits have the same largest entries
    if as_released:
        image = hyperedge_cards(trace, data, "image")
        assert image["users"].tolist() == cards["users"].tolist()


def test_one_hyperedge_holds_everything_and_is_neither_dead_nor_a_twin():
    data = shop()
    trace = build(data, small(n_hyperedges=1)).trace()
    card = hyperedge_cards(trace, data, "image").iloc[0]
    assert (card["items"], card["users"], card["mass"], card["entropy"]) == (6, 7, 1, 0)
    assert not card["is_dead"]
    assert card["twin"] is pd.NA
    assert hyperedge_usage(trace, "image").balance == 1
    assert hyperedge_usage(trace, "image").membership_entropy == 0


def test_an_item_without_features_is_in_no_hyperedge():
    features = random_features(np.random.default_rng(0), 5, ("image",))
    features["image"][[1, 3]] = 0
    data = world([(0, 0), (0, 1), (1, 2), (2, 3)], 4, 5, features, [(0, 2)], [(0, 3)])
    trace = build(data).trace()
    cards = hyperedge_cards(trace, data, "image", labels=["a"] * 5)
    assert cards["items"].sum() == cards["labelled"].sum() == 3
    assert cards["users"].sum() == 2  # user 2 has only such an item, user 3 none at all
    assert against_labels(trace, data, "image", list("aabbb")).n_items == 3
    flow = hyperedge_river({0: trace, 1: trace}, data, "image")
    assert flow["items"].sum() == 5
    assert flow.loc[flow["hyperedge"].isna(), "items"].tolist() == [2]
    assert hyperedge_incidence(trace, data, "image")["item_id"].unique()[-2:].tolist() == ["i1", "i3"]


def test_isolated_items_are_judged_by_their_features_like_others():
    data = with_isolated_nodes()
    assert hyperedge_cards(build(data).trace(), data, "text")["items"].sum() == 5


def test_a_trained_and_an_untrained_model_are_read_alike(tiny, trained):
    _, model = trained
    untrained = lab.SRGFormer(tiny, model.config)
    for trace in (model.trace(), untrained.trace()):
        cards = hyperedge_cards(trace, tiny, "text")
        assert cards["items"].sum() == tiny.n_items
        assert set(cards["label"]) <= {*tiny.truth.group_names, ""}
        assert all(len(titles) == 6 for titles in cards["top_titles"])
        assert any(cards["words"])
        said = against_labels(trace, tiny, "text", visible_labels(tiny, "text"))
        assert said.n_items == (visible_labels(tiny, "text") != "").sum()
    flow = hyperedge_river({0: untrained.trace(), 6: model.trace()}, tiny, "text")
    assert flow["items"].sum() == tiny.n_items


def test_reprs_say_what_was_found(trained, tiny):
    _, model = trained
    trace = model.trace()
    assert re.match(r"Usage\(image: 4 hyperedges, balance [01]\.\d\d, \d dead", repr(hyperedge_usage(trace, "image")))
    assert "NMI" in repr(agreement(trace, tiny, "image", "text"))
    assert "by chance" in repr(against_labels(trace, tiny, "text", item_labels(tiny)))


def test_a_modality_that_the_model_lacks_is_named_beside_those_it_has(tiny, trained):
    _, model = trained
    trace = model.trace()
    for ask in (
        lambda: hyperedge_cards(trace, tiny, "audio"),
        lambda: hyperedge_usage(trace, "audio"),
        lambda: hyperedge_incidence(trace, tiny, "audio"),
        lambda: agreement(trace, tiny, "image", "audio"),
        lambda: match_hyperedges(trace, trace, "audio"),
        lambda: hyperedge_river({0: trace}, tiny, "audio"),
    ):
        with pytest.raises(lab.ConfigError, match="no modality 'audio'; it has image, text"):
            ask()
    bare = lab.SRGFormer(tiny, replace(model.config, modalities=())).trace()
    with pytest.raises(lab.ConfigError, match="it has none, so no hyperedges"):
        hyperedge_usage(bare, "text")


def test_what_does_not_fit_is_refused_with_what_would(tiny, trained):
    _, model = trained
    trace, other = model.trace(), shop()
    with pytest.raises(lab.DataError, match=r"60 users × 40 items.*, not on .*shop: 7 users × 6 items"):
        hyperedge_cards(trace, other, "text")
    with pytest.raises(lab.DataError, match=r"× 40 items.* and of .*× 6 items"):
        match_hyperedges(trace, build(other).trace(), "text")
    with pytest.raises(lab.DataError, match="3 labels for 40 items"):
        against_labels(trace, tiny, "text", list("abc"))
    with pytest.raises(lab.DataError, match="name item 'mug'"):
        against_labels(trace, tiny, "text", pd.Series(["a"], index=["mug"]))
    with pytest.raises(lab.DataError, match="name item 'i3' twice"):
        against_labels(trace, tiny, "text", pd.Series(["a", "b"], index=["i3", "i3"]))
    with pytest.raises(lab.DataError, match="no item has a label among pizza"):
        against_labels(trace, tiny, "text", item_labels(tiny), only=["pizza"])
    with pytest.raises(lab.DataError, match="no item column 'genre'; it has family"):
        item_labels(tiny, "genre")
    with pytest.raises(lab.DataError, match="no planted groups; name an item column: none"):
        item_labels(other)
    with pytest.raises(lab.DataError, match="no planted groups"):
        visible_labels(other, "text")
    with pytest.raises(lab.DataError, match="shows in 'audio'; they show in both, image, text"):
        visible_labels(tiny, "audio")
    with pytest.raises(lab.ConfigError, match="n_items=0"):
        hyperedge_incidence(trace, tiny, "text", n_items=0)
    with pytest.raises(lab.ConfigError, match="n_words=-1"):
        hyperedge_cards(trace, tiny, "text", n_words=-1)


def test_one_epoch_is_no_river(tiny, trained):
    _, model = trained
    flow = hyperedge_river({3: model.trace()}, tiny, "text")
    assert flow.columns.tolist() == ["epoch", "next_epoch", "hyperedge", "next_hyperedge", "items"]
    assert not len(flow)
