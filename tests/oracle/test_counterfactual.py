"""A what-if gives what a model rebuilt on the changed data with the same weights gives, and leaves nothing behind."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import srgformer_lab as lab
from srgformer_lab.analysis.counterfactual import add_items, drop_items, keep_items, set_knobs, shuffle_modality, what_if
from srgformer_lab.analysis.newcomers import add_item, add_user
from srgformer_lab.data.changing import with_interactions, with_item, with_user, without_interactions
from srgformer_lab.models.edits import drop_hyperedge, merge_hyperedges, mute_head, uniform_attention, without_modality
from tests.oracle import reference
from tests.worlds import build, float64, shop, situations, small, with_isolated_nodes, world

RELAXED = settings(max_examples=25, deadline=None)


def pairs_of(data, split="train"):
    return [(int(user), int(item)) for user, item in data.pairs(split)]


def rebuilt(data, train, features=None, n_users=None, n_items=None):
    """The data set with another training split, built from scratch."""
    kept = {split: [pair for pair in pairs_of(data, split) if pair not in train] for split in ("valid", "test")}
    return world(train, n_users or data.n_users, n_items or data.n_items, features or dict(data.features), kept["valid"], kept["test"])


def expected_scores(model, data, parameters=None):
    outcome = reference.forward(parameters or reference.parameters_of(model), data, model.config)
    return outcome.scores().numpy()


def found_scores(frame, data):
    scores = np.full(data.n_items, np.nan)
    scores[[data.item_row(item) for item in frame["item_id"]]] = frame["score"]
    return scores


@RELAXED
@given(situations(), st.data())
def test_a_changed_history_equals_a_model_rebuilt_on_the_changed_data(situation, draw):
    data, config, seed, scale = situation
    user = seed % data.n_users
    history = sorted(item for owner, item in pairs_of(data) if owner == user)
    free = sorted(set(range(data.n_items)) - set(history))
    gone = draw.draw(st.sets(st.sampled_from(history))) if history else set()
    new = draw.draw(st.sets(st.sampled_from(free), max_size=2)) if free else set()
    changes = [drop_items(*(f"i{item}" for item in gone))] * bool(gone) + [add_items(*(f"i{item}" for item in new))] * bool(new)
    assume(changes)
    train = [pair for pair in pairs_of(data) if pair not in {(user, item) for item in gone}] + [(user, item) for item in new]
    changed = rebuilt(data, train)
    model = build(data, config, seed, scale)
    outcome = reference.forward(reference.parameters_of(model), changed, config)
    assume(reference.is_generic(outcome, changed))
    expected = outcome.scores().numpy()[user]
    with float64():
        found = what_if(model, data, f"u{user}", *changes, item_id="i0")
    size = 1 + np.abs(expected).max()
    assert found.score_after == pytest.approx(expected[0], abs=1e-9 * size)
    shown = found_scores(found.after, data)
    assert shown[~np.isnan(shown)] == pytest.approx(expected[~np.isnan(shown)], abs=1e-9 * size)
    before = found_scores(found.before, data)
    assert set(found.before["item_id"]) == set(found.after["item_id"])
    assert before[~np.isnan(before)] == pytest.approx(expected_scores(model, data)[user][~np.isnan(before)], abs=1e-9 * size)


@RELAXED
@given(situations())
def test_a_newcomer_equals_a_model_rebuilt_with_the_row_that_the_rule_says(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, scale)
    items = sorted({seed % data.n_items, (seed // 7) % data.n_items})
    train = pairs_of(data) + [(data.n_users, item) for item in items]
    changed = rebuilt(data, train, n_users=data.n_users + 1)
    parameters = reference.parameters_of(model)
    history = parameters["item_embedding"][items].mean(0)
    row = history / history.norm() * parameters["user_embedding"].norm(dim=1).mean()
    parameters["user_embedding"] = torch.cat([parameters["user_embedding"], row[None]])
    outcome = reference.forward(parameters, changed, config)
    assume(reference.is_generic(outcome, changed))
    with float64():
        guest, there = add_user(model, data, [f"i{item}" for item in items], "guest")
    found = guest.scorer()(torch.tensor([data.n_users]))[0].numpy()
    expected = outcome.scores().numpy()[-1]
    assert found == pytest.approx(expected, abs=1e-9 * (1 + np.abs(expected).max()))
    assert set(lab.recommend(guest, there, "guest", k=50)["item_id"]).isdisjoint(f"i{item}" for item in items)


def test_a_newcomer_can_be_explained():
    data = shop()
    with float64():
        why = lab.explain(*add_user(build(data), data, ["i1", "i2"], "guest"), "guest", "i4")
    assert set(why.history["item_id"]) == {"i1", "i2"}
    assert why.heads.groupby("head")["weight"].sum().to_numpy() == pytest.approx(1)
    assert abs(why.sources["contribution"].sum() - why.score) < 1e-10


def test_a_new_item_is_what_the_rule_says():
    data, config = shop(), small()
    model = build(data, config)
    features = {name: matrix[2] * 1.5 for name, matrix in data.features.items()}
    with float64():
        other, there = add_item(model, data, features, "new", title="A new thing")
    fused = reference.forward(reference.parameters_of(model), data, config).fused[data.n_users :]
    likeness = sum(
        reference.nz_numpy(np.vstack([X, X[2]]).astype(float)) @ reference.nz_numpy(X[2:3].astype(float)).T for X in data.features.values()
    )
    nearest = np.argsort(-likeness[: data.n_items, 0], kind="stable")[:5]
    assert nearest[0] == 2
    stand_in = (config.n_id_layers + 1) * fused[nearest.copy()].mean(0)
    parameters = reference.parameters_of(model)
    parameters["item_embedding"] = torch.cat([parameters["item_embedding"], stand_in[None]])
    grown = {name: np.vstack([matrix, features[name]]).astype(np.float32) for name, matrix in data.features.items()}
    expected = reference.forward(parameters, rebuilt(data, pairs_of(data), grown, n_items=data.n_items + 1), config).scores().numpy()
    assert other.scorer()(torch.tensor([1]))[0].numpy() == pytest.approx(expected[1], abs=1e-6)
    why = lab.explain(other, there, "u1", "new")
    assert why.title == "A new thing"
    assert len(why.audience) == 0
    assert {"image", "text", "attention"}.isdisjoint(why.parts.loc[why.parts["contribution"] != 0, "item_part"])


def test_keeping_items_is_dropping_the_others(tiny, trained):
    _, model = trained
    first, *rest = tiny.history("u5")
    kept, dropped = what_if(model, tiny, "u5", keep_items(first)), what_if(model, tiny, "u5", drop_items(*rest))
    assert kept.after["score"].tolist() == dropped.after["score"].tolist()


def test_knobs_and_edits_equal_those_of_the_model(tiny, trained):
    _, model = trained
    user = torch.tensor([5])
    for change in (
        mute_head(1),
        uniform_attention(),
        drop_hyperedge("image", 2),
        merge_hyperedges("text", 0, 1),
        without_modality("image"),
    ):
        edits = change if isinstance(change, tuple) else (change,)
        with model.edit(*edits):
            expected = model.trace().scores(user)[0].numpy()
        shown = found_scores(what_if(model, tiny, "u5", change).after, tiny)
        assert shown[~np.isnan(shown)] == pytest.approx(expected[~np.isnan(shown)], rel=1e-4, abs=1e-5)
    turned = found_scores(what_if(model, tiny, "u5", set_knobs(attention_scale=0.9)).after, tiny)
    expected = model.trace().fuse(attention_scale=0.9).scores(user)[0].numpy()
    assert turned[~np.isnan(turned)] == pytest.approx(expected[~np.isnan(turned)], rel=1e-4, abs=1e-5)


def test_edits_in_force_hold_on_both_sides(tiny, trained):
    _, model = trained
    first = tiny.history("u5")[0]
    with model.edit(*without_modality("image")):
        found = what_if(model, tiny, "u5", drop_items(first), item_id="i3")
        why = lab.explain(model, tiny, "u5", "i3")
    assert found.score_before == pytest.approx(why.score, rel=1e-5)
    both = what_if(model, tiny, "u5", drop_items(first), without_modality("image"), item_id="i3")
    assert found.score_after == pytest.approx(both.score_after, rel=1e-5)


def test_merging_hyperedges_moves_their_members_and_keeps_the_sum():
    data = shop()
    model = build(data, small(n_hyperedges=3))
    before = model.trace().hypergraph["image"].membership
    with model.edit(*merge_hyperedges("image", 2, 0)):
        after = model.trace().hypergraph["image"].membership
    for side in ("users", "items"):
        old, new = getattr(before, side), getattr(after, side)
        assert torch.equal(new[:, 0], torch.zeros(len(new)).double())
        assert torch.allclose(new[:, 2], old[:, 2] + old[:, 0])
        assert torch.equal(new[:, 1], old[:, 1])


def test_a_shuffled_modality_keeps_its_vectors_and_moves_scores():
    data = shop()
    model = build(data)
    with float64():
        found = what_if(model, data, "u1", shuffle_modality("image", seed=4), item_id="i3")
    order = np.random.default_rng(4).permutation(data.n_items)
    shuffled = rebuilt(data, pairs_of(data), {**data.features, "image": data.features["image"][order]})
    assert found.score_after == pytest.approx(expected_scores(model, shuffled)[1, 3], abs=1e-9)


def test_nothing_is_left_behind(tiny, trained):
    _, model = trained
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    fingerprint, config, scores = tiny.fingerprint, model.config, model.scorer()(torch.tensor([5]))
    what_if(model, tiny, "u5", drop_items(tiny.history("u5")[0]), mute_head(0), set_knobs(hypergraph_scale=0.0))
    add_user(model, tiny, ["i1"])
    assert tiny.fingerprint == fingerprint
    assert model.config == config
    assert model.hooks.active == ()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert torch.equal(model.scorer()(torch.tensor([5])), scores)


def test_a_user_without_any_history_has_a_clear_answer(tiny, trained):
    _, model = trained
    found = what_if(model, tiny, "u5", drop_items(*tiny.history("u5")), item_id="i3")
    assert np.isfinite(found.after["score"]).all()
    assert set(tiny.history("u5")).isdisjoint(found.after["item_id"])


def test_isolated_nodes_can_be_asked_about():
    data = with_isolated_nodes()
    with float64():
        found = what_if(build(data), data, "u3", add_items("i4"), item_id="i4")
    assert found.ranks == (None, None)
    assert np.isfinite(found.score_after)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda h: drop_items("i999"), lab.UnknownIdError, "there is no item 'i999'"),
        (lambda h: drop_items(h[0], h[0]), lab.DataError, "stands twice"),
        (lambda h: add_items(h[0]), lab.DataError, "is in the training history of user 'u5' already"),
        (lambda h: mute_head(7), lab.ConfigError, "there is no head 7; the model's heads are 0 to 1"),
        (lambda h: drop_hyperedge("sound", 0), lab.ConfigError, "no modality 'sound'; it has image, text"),
        (lambda h: merge_hyperedges("image", 0, 9), lab.ConfigError, "there is no hyperedge 9"),
        (lambda h: shuffle_modality("sound"), lab.DataError, "no modality 'sound'; it has image, text"),
        (lambda h: set_knobs(attention_scale=-1), lab.ConfigError, "attention_scale=-1"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(tiny, trained, change, error, message):
    _, model = trained
    with pytest.raises(error, match=message):
        what_if(model, tiny, "u5", change(tiny.history("u5")))
    assert model.hooks.active == ()


def test_dropping_what_is_not_there_names_what_is(tiny, trained):
    _, model = trained
    stranger = next(item for item in tiny.item_ids if item not in tiny.history("u5", "all"))
    with pytest.raises(lab.DataError, match=f"item '{stranger}' is not in the training history of user 'u5'.*the history has i"):
        what_if(model, tiny, "u5", drop_items(stranger))
    with pytest.raises(lab.ConfigError, match="at least one change"):
        what_if(model, tiny, "u5")
    with pytest.raises(lab.ConfigError, match="can't be merged with itself"):
        merge_hyperedges("image", 1, 1)
    with pytest.raises(lab.ConfigError, match=r"dropout can't be set on a trained model; its knobs are attention_scale"):
        set_knobs(dropout=0.5)


def test_a_newcomer_that_does_not_fit_is_refused(tiny, trained):
    _, model = trained
    features = {name: matrix[0] for name, matrix in tiny.features.items()}
    for call, message in [
        (lambda: add_user(model, tiny, ["i1"], "u5"), "user id 'u5' is taken"),
        (lambda: add_user(model, tiny, []), "has no item"),
        (lambda: add_item(model, tiny, features, "i5"), "item id 'i5' is taken"),
        (lambda: add_item(model, tiny, {"image": features["image"]}), "has features for image; give one vector for each of image, text"),
        (lambda: add_item(model, tiny, features | {"text": np.ones(3)}), "text vector has 3 entries; the other items' have"),
        (lambda: add_item(model, tiny, features | {"text": features["text"] * np.nan}), "a NaN value"),
    ]:
        with pytest.raises(lab.DataError, match=message):
            call()


def test_changed_data_is_the_data_with_the_change(tiny):
    first, second = tiny.history("u5")[:2]
    shorter = without_interactions(tiny, "u5", [first, second])
    assert shorter.history("u5") == tiny.history("u5")[2:]
    assert shorter.history("u6") == tiny.history("u6")
    longer = with_interactions(shorter, "u5", [second])
    assert set(longer.history("u5")) == set(tiny.history("u5")) - {first}
    held_out = tiny.history("u5", "test")[0]
    moved = with_interactions(tiny, "u5", [held_out])
    assert held_out in moved.history("u5")
    assert held_out not in moved.history("u5", "test")
    grown = with_user(tiny, "guest", ["i3"])
    assert grown.history("guest") == ("i3",)
    assert len(grown.interactions) == len(tiny.interactions) + 1
    features = {name: matrix[0] for name, matrix in tiny.features.items()}
    assert with_item(tiny, "new", features).cards.titles[-1] == "new"
    assert grown.truth is None


def test_a_new_item_leaves_the_types_of_the_details_alone(tiny):
    details = tiny.cards.details.assign(year=2001, is_new=True, price=1.5)
    data = replace(tiny, cards=replace(tiny.cards, details=details))
    grown = with_item(data, "new", {name: matrix[0] for name, matrix in tiny.features.items()}).cards.details
    assert len(grown) == tiny.n_items + 1
    assert [str(grown[name].dtype) for name in ("year", "is_new", "price")] == ["Int64", "boolean", "Float64"]
    assert grown["year"].iloc[0] == 2001
    assert grown.iloc[-1].isna().all()
