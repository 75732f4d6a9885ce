"""Do two modalities know each other: every measure against its formula written out, on points whose answer is known by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import srgformer_lab as lab
from srgformer_lab.analysis import alignment
from srgformer_lab.analysis.alignment import cosines, cross_modal_recall, geometry, neighbor_agreement
from srgformer_lab.errors import ConfigError, DataError, LabError
from tests import worlds

EAST, NORTH, WEST = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)


def trace_of(users=None, **items):
    """A pass whose modalities hold these item vectors (and user vectors, else 0), and the data set that it belongs to."""
    users, n_items = users or {}, len(next(iter(items.values())))
    n_users = len(next(iter(users.values()))) if users else 2
    names = ("image", "text")
    data = worlds.world([(0, 0)], n_users, n_items, worlds.random_features(np.random.default_rng(0), n_items, names))
    trace = worlds.build(data, worlds.small()).trace()
    modality = {}
    for name, values in items.items():
        values = torch.as_tensor(np.array(values))
        above = torch.as_tensor(np.array(users[name])) if users else torch.zeros(n_users, values.shape[1], dtype=values.dtype)
        modality[name] = trace.collaborative.with_values(torch.cat([above, values]))
    return replace(trace, modality=modality), data


def clouds(seed, n=12, dim=3, noise=0.7):
    """Two noisy views of the same random points."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, dim))
    return {name: shared + noise * rng.standard_normal((n, dim)) for name in ("image", "text")}


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def rotation(seed, dim):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))[0]


def values(frame):
    return frame.set_index("measure")["value"]


def recalls(frame):
    return frame.set_index(["direction", "k"])["recall"]


# ---------------------------------------------------------------- recall across modalities


def brute_force_recall(query, target, k):
    found = 0
    for row, vector in enumerate(unit(query)):
        similarity = unit(target) @ vector
        found += row in np.argsort(-similarity)[:k]
    return found / len(query)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**16), n=st.integers(4, 30), dim=st.integers(2, 5), block=st.sampled_from([1, 60, 2**22]))
def test_recall_is_that_of_a_full_sort_both_ways_whatever_the_blocks(seed, n, dim, block):
    views, before = clouds(seed, n, dim), alignment.BLOCK
    trace, _ = trace_of(**views)
    alignment.BLOCK = block
    try:
        found = cross_modal_recall(trace, k=(1, 3))
    finally:
        alignment.BLOCK = before
    for k in (1, 3):
        assert recalls(found)["image → text", k] == pytest.approx(brute_force_recall(views["image"], views["text"], k))
        assert recalls(found)["text → image", k] == pytest.approx(brute_force_recall(views["text"], views["image"], k))
    assert found["chance"].tolist() == pytest.approx([1 / n, 3 / n] * 2)


def test_the_two_directions_differ_where_one_target_draws_all():
    trace, _ = trace_of(image=[EAST, (1.0, 0.1), (1.0, 0.2)], text=[EAST, NORTH, WEST])
    found = recalls(cross_modal_recall(trace, k=(1,)))
    assert found["image → text", 1] == pytest.approx(1 / 3)  # all three images are nearest to the first text
    assert found["text → image", 1] == pytest.approx(2 / 3)  # north finds the third image instead of the second


def test_equal_modalities_find_themselves_and_have_no_gap():
    same = clouds(3)["image"]
    trace, data = trace_of(image=same, text=same.copy())
    assert (cross_modal_recall(trace, k=(1, 5))["recall"] == 1).all()
    measured = values(geometry(trace))
    assert measured["modality gap"] == pytest.approx(0, abs=1e-12)
    assert measured["alignment"] == pytest.approx(0, abs=1e-12)
    assert measured["positive cosine"] == pytest.approx(1)
    assert neighbor_agreement(trace, data, k=4).mean == pytest.approx(1)


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_a_collapsed_space_scores_chance_however_rounding_falls(noise):
    spread = noise * np.random.default_rng(0).standard_normal((2, 20, 3))
    trace, data = trace_of(image=1 + spread[0], text=1 + spread[1])
    found = cross_modal_recall(trace, k=(1, 5))
    assert found["recall"].to_numpy() == pytest.approx(found["chance"].to_numpy())
    agreement = neighbor_agreement(trace, data, k=4)
    assert agreement.mean == pytest.approx(agreement.chance)
    assert values(geometry(trace))["separability"] == pytest.approx(0.5)


def test_a_tie_counts_by_its_chance_of_being_drawn_in():
    trace, _ = trace_of(image=[EAST, NORTH, WEST], text=[EAST, EAST, WEST])
    found = recalls(cross_modal_recall(trace, k=(1, 2)))
    assert found["image → text", 1] == pytest.approx((1 / 2 + 1 / 3 + 1) / 3)  # two texts lie east, and north is as near to all three
    assert found["image → text", 2] == pytest.approx((1 + 2 / 3 + 1) / 3)


# ---------------------------------------------------------------- geometry


def test_geometry_on_points_that_can_be_reckoned_by_hand():
    trace, _ = trace_of(image=[EAST, NORTH], text=[NORTH, NORTH])
    measured = values(geometry(trace))
    assert measured["alignment"] == pytest.approx((2 + 0) / 2)
    assert measured["uniformity image"] == pytest.approx(-4)  # one pair at squared distance 2
    assert measured["uniformity text"] == pytest.approx(0)
    assert measured["modality gap"] == pytest.approx(np.sqrt(0.5))
    assert measured["positive cosine"] == pytest.approx(0.5)
    assert measured["negative cosine"] == pytest.approx(0.5)
    assert measured["separability"] == pytest.approx(0.5)
    assert (measured["rows"], measured["left out"]) == (2, 0)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**16), n=st.integers(2, 15), dim=st.integers(2, 5))
def test_geometry_is_its_formulas_written_out(seed, n, dim):
    views = clouds(seed, n, dim)
    trace, _ = trace_of(**views)
    x, y = unit(views["image"]), unit(views["text"])
    measured = values(geometry(trace))
    others = [(r, s) for r in range(n) for s in range(n) if r != s]
    assert measured["alignment"] == pytest.approx(np.mean([np.sum((x[r] - y[r]) ** 2) for r in range(n)]))
    for name, z in (("image", x), ("text", y)):
        expected = np.log(np.mean([np.exp(-2 * np.sum((z[r] - z[s]) ** 2)) for r, s in others]))
        assert measured[f"uniformity {name}"] == pytest.approx(expected)
    assert measured["modality gap"] == pytest.approx(np.linalg.norm(x.mean(0) - y.mean(0)))
    assert measured["alignment"] == pytest.approx(2 - 2 * measured["positive cosine"])
    assert measured["negative cosine"] == pytest.approx(np.mean([x[r] @ y[s] for r, s in others]))
    wins = [(x[r] @ y[r] > x[a] @ y[b]) + (x[r] @ y[r] == x[a] @ y[b]) / 2 for r in range(n) for a, b in others]
    assert measured["separability"] == pytest.approx(np.mean(wins), abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**16), size=st.floats(1e-3, 1e3))
def test_turning_both_modalities_alike_or_rescaling_rows_changes_nothing(seed, size):
    views = clouds(seed, 15, 4)
    turn, scale = rotation(seed + 1, 4), size * np.random.default_rng(seed).uniform(0.5, 2, (15, 1))
    trace, data = trace_of(**views)
    turned, _ = trace_of(**{name: scale * values @ turn for name, values in views.items()})
    assert values(geometry(turned)).to_numpy() == pytest.approx(values(geometry(trace)).to_numpy(), abs=1e-6)
    pd.testing.assert_frame_equal(cross_modal_recall(turned, k=(1, 5)), cross_modal_recall(trace, k=(1, 5)))
    pd.testing.assert_frame_equal(neighbor_agreement(turned, data, k=3).per_row, neighbor_agreement(trace, data, k=3).per_row)


def test_turning_one_modality_alone_keeps_its_neighbours_and_loses_its_partners():
    views = clouds(5, 60, 6, noise=0.2)
    trace, data = trace_of(**views)
    turned, _ = trace_of(image=views["image"], text=views["text"] @ rotation(1, 6))
    assert neighbor_agreement(turned, data, k=5).mean == pytest.approx(neighbor_agreement(trace, data, k=5).mean)
    before, after = (recalls(cross_modal_recall(one, k=(1,)))["image → text", 1] for one in (trace, turned))
    assert before > 0.8
    assert after < 0.2


def test_uniformity_of_many_rows_is_that_of_a_sample_and_says_so(monkeypatch):
    trace, _ = trace_of(**clouds(2, 400, 3))
    exact = geometry(trace)
    monkeypatch.setattr(alignment, "MOST_ROWS", 150)
    sampled = geometry(trace)
    assert values(sampled)["uniformity image"] == pytest.approx(values(exact)["uniformity image"], abs=0.1)
    assert values(sampled)["uniformity image"] != values(exact)["uniformity image"]
    assert "150 sampled items" in sampled.set_index("measure")["meaning"]["uniformity image"]
    pd.testing.assert_frame_equal(sampled, geometry(trace))


# ---------------------------------------------------------------- cosines


def test_few_pairs_are_all_given():
    views = clouds(1, 5)
    trace, _ = trace_of(**views)
    found = cosines(trace)
    table = unit(views["image"]) @ unit(views["text"]).T
    own = np.eye(5, dtype=bool)
    for kind, expected in (("positive", table[own]), ("negative", table[~own])):
        assert np.sort(found.loc[found["kind"] == kind, "cosine"]) == pytest.approx(np.sort(expected))
    assert found.attrs == {"rows": 5, "left_out": 0}


def test_no_row_is_its_own_negative():
    trace, _ = trace_of(image=np.eye(40), text=np.eye(40))
    found = cosines(trace, n_negatives=1_000)  # fewer than there are, so they are drawn
    kinds = found.groupby("kind")["cosine"]
    assert kinds.size().to_dict() == {"positive": 40, "negative": 1_000}
    assert kinds.min()["positive"] == 1
    assert kinds.max()["negative"] == 0


def test_drawn_negatives_have_the_mean_of_all_and_depend_on_the_seed_alone():
    trace, _ = trace_of(**clouds(4, 80, 3))
    mean = values(geometry(trace))["negative cosine"]
    drawn = cosines(trace, n_negatives=5_000)
    assert drawn.loc[drawn["kind"] == "negative", "cosine"].mean() == pytest.approx(mean, abs=0.04)
    pd.testing.assert_frame_equal(drawn, cosines(trace, n_negatives=5_000))
    assert not drawn.equals(cosines(trace, n_negatives=5_000, seed=1))


def test_positives_beyond_a_bound_are_drawn_without_repeats(monkeypatch):
    trace, _ = trace_of(**clouds(4, 80, 3))
    every = cosines(trace)
    monkeypatch.setattr(alignment, "MOST_POSITIVES", 30)
    drawn = cosines(trace)["cosine"][:30]
    assert drawn.is_unique
    assert drawn.isin(every["cosine"][:80]).all()


# ---------------------------------------------------------------- agreement of neighbourhoods


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**16), n=st.integers(3, 20), k=st.integers(1, 6))
def test_agreement_is_the_share_of_common_neighbours(seed, n, k):
    assume(k < n)
    views = clouds(seed, n)
    trace, data = trace_of(**views)
    expected = []
    for row in range(n):
        near = []
        for one in views.values():
            similarity = unit(one) @ unit(one)[row]
            similarity[row] = -2
            near.append(set(np.argsort(-similarity)[:k]))
        expected.append(len(near[0] & near[1]) / k)
    found = neighbor_agreement(trace, data, k=k)
    assert found.per_row["overlap"].to_numpy() == pytest.approx(expected)
    assert found.per_row["id"].tolist() == list(data.item_ids)
    assert found.mean == pytest.approx(np.mean(expected))
    assert found.chance == pytest.approx(k / (n - 1))


def test_unrelated_modalities_agree_by_chance():
    rng = np.random.default_rng(0)
    trace, data = trace_of(image=rng.standard_normal((300, 8)), text=rng.standard_normal((300, 8)))
    found = neighbor_agreement(trace, data)
    assert found.mean == pytest.approx(found.chance, abs=0.01)
    assert "chance 3.3%; 300 items, 0 left out" in repr(found)


# ---------------------------------------------------------------- who is measured


def test_isolated_rows_are_left_out_of_every_measure_and_counted():
    views = clouds(7, 14)
    without = {name: np.delete(values, [2, 9], axis=0) for name, values in views.items()}
    views["image"][2], views["text"][9] = 0, 0
    (trace, data), (clean, _) = trace_of(**views), trace_of(**without)
    found, expected = cross_modal_recall(trace, k=(1, 3)), cross_modal_recall(clean, k=(1, 3))
    assert (found["left_out"] == 2).all()
    assert (found["rows"] == 12).all()
    pd.testing.assert_frame_equal(found.drop(columns="left_out"), expected.drop(columns="left_out"))
    measured = values(geometry(trace))
    assert measured["left out"] == 2
    assert measured.drop("left out").to_numpy() == pytest.approx(values(geometry(clean)).drop("left out").to_numpy())
    agreement = neighbor_agreement(trace, data, k=3)
    assert agreement.left_out == 2
    assert not {"i2", "i9"} & set(agreement.per_row["id"])
    assert cosines(trace).attrs == {"rows": 12, "left_out": 2}


def test_an_isolated_node_of_a_real_pass_is_left_out():
    data = worlds.with_isolated_nodes()
    trace = worlds.build(data).trace()
    assert cross_modal_recall(trace, k=(1,))["left_out"].tolist() == [1, 1]  # item 4 was never taken
    agreement = neighbor_agreement(trace, data, side="users", k=1)
    assert agreement.per_row["id"].tolist() == ["u0", "u1", "u2"]  # user 3 has taken nothing


def test_users_are_measured_on_their_own_vectors():
    above, below = clouds(1, 9), clouds(2, 13)
    trace, data = trace_of(users=above, **below)
    swapped, _ = trace_of(**above)
    pd.testing.assert_frame_equal(cross_modal_recall(trace, side="users", k=(1, 3)), cross_modal_recall(swapped, k=(1, 3)))
    assert neighbor_agreement(trace, data, side="users", k=3).per_row["id"].tolist() == list(data.user_ids)


def test_any_two_modalities_can_be_compared():
    data = worlds.shop(("image", "text", "audio"))
    trace = worlds.build(data).trace()
    found = cross_modal_recall(trace, "audio", "image", k=(1,))
    assert found["direction"].tolist() == ["audio → image", "image → audio"]
    assert {"uniformity audio", "uniformity text"} <= set(geometry(trace, "text", "audio")["measure"])


# ---------------------------------------------------------------- borders

MEASURES = [
    lambda trace, data, **given: cross_modal_recall(trace, k=(1,), **given),
    lambda trace, data, **given: cosines(trace, **given),
    lambda trace, data, **given: geometry(trace, **given),
    lambda trace, data, **given: neighbor_agreement(trace, data, k=1, **given),
]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"side": "item"}, "side='item' must be 'users' or 'items'"),
        ({"second": "sound"}, "the model has no modality 'sound'; it has image, text"),
        ({"second": "fused"}, "the model has no modality 'fused'; it has image, text"),
        ({"second": "image"}, "both 'image'; compare two different"),
    ],
)
def test_what_is_asked_for_must_exist(measure, given, message):
    data = worlds.shop()
    with pytest.raises(ConfigError, match=message):
        measure(worlds.build(data).trace(), data, **given)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("modalities", "known"), [((), "none"), (("text",), "text")])
def test_a_model_with_fewer_than_two_modalities_says_which_it_has(measure, modalities, known):
    data = worlds.shop(modalities)
    with pytest.raises(ConfigError, match=f"needs two of them, and this model has {known}; train one on data with two"):
        measure(worlds.build(data).trace(), data)


def test_more_neighbours_than_there_are_others_are_refused():
    trace, data = trace_of(**clouds(1, 5))
    with pytest.raises(ConfigError, match="k=5 must be from 1 to 4: 5 items have a vector in both modalities, 0 are left out"):
        cross_modal_recall(trace, k=(1, 5))
    with pytest.raises(ConfigError, match="k=0 must be from 1 to 4"):
        neighbor_agreement(trace, data, k=0)
    with pytest.raises(ConfigError, match="n_negatives=0 must be at least 1"):
        cosines(trace, n_negatives=0)


def test_too_few_rows_other_data_and_a_diverged_model_are_named():
    one = [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(ConfigError, match="only 1 of 3 items have a vector in both image and text"):
        geometry(trace_of(image=one, text=one)[0])
    trace, _ = trace_of(**clouds(1, 5))
    with pytest.raises(DataError, match=r"2 users × 5 items.*, not on .*shop: 7 users × 6 items"):
        neighbor_agreement(trace, worlds.shop(), k=1)
    with pytest.raises(LabError, match="image holds values that are not finite"):
        geometry(trace_of(image=[[1.0, np.nan], [1.0, 0.0]], text=[EAST, NORTH])[0])


def test_training_brings_the_shipped_models_modalities_together():
    run = lab.shipped_run()
    data = run.open_data()
    models = [run.model(data, epoch) for epoch in (0, "best")]
    before, after = (cross_modal_recall(model.trace()).query("k == 10") for model in models if isinstance(model, lab.SRGFormer))
    assert (before["recall"] < 2 * before["chance"]).all()
    assert (after["recall"] > 10 * after["chance"]).all()
