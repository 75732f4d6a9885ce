"""Spaces in one plane: what the picture keeps is measured right, and what can be known by hand comes out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness

from srgformer_lab.analysis import projection
from srgformer_lab.analysis.projection import project
from srgformer_lab.errors import ConfigError, DataError, LabError
from tests import worlds


def trace_of(**items):
    """A pass whose modalities hold these item vectors, and the data set that it belongs to."""
    n_items = len(next(iter(items.values())))
    data = worlds.world([(0, 0)], 2, n_items, worlds.random_features(np.random.default_rng(0), n_items, ("image", "text")))
    trace = worlds.build(data, worlds.small()).trace()
    with_users = {name: torch.as_tensor(np.concatenate([np.zeros((2, np.shape(values)[1])), values])) for name, values in items.items()}
    return replace(trace, modality={name: trace.collaborative.with_values(values) for name, values in with_users.items()}), data


def clouds(seed=0, n=40, dim=5, noise=0.5):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, dim))
    return {name: shared + noise * rng.standard_normal((n, dim)) + place for place, name in enumerate(("image", "text"))}


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def plane(found, space):
    return found.points.loc[found.points["space"] == space, ["x", "y"]].to_numpy()


def ranks(values):
    """Each row's rank of each other row by distance, from 1; a row itself has 0."""
    distance = np.linalg.norm(values[:, None] - values[None], axis=2)
    np.fill_diagonal(distance, -1)
    return distance.argsort(1).argsort(1)


def venna_kaski(original, drawn, k):
    """1 − 2/(nk(2n − 3k − 1)) Σ_i Σ_{j near in the drawing, not before} (r(i, j) − k)."""
    n, before, after = len(original), ranks(original), ranks(drawn)
    intruders = (after >= 1) & (after <= k) & (before > k)
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * (before - k)[intruders].sum()


# ---------------------------------------------------------------- the plane


def test_two_dimensions_drawn_in_two_keep_everything():
    trace, data = trace_of(**clouds(dim=2))
    found = project(trace, data)
    assert found.quality["trustworthiness"].tolist() == pytest.approx([1, 1])
    assert found.quality["continuity"].tolist() == pytest.approx([1, 1])
    assert sum(found.explained) == pytest.approx(1)
    image, text = (unit(values) for values in clouds(dim=2).values())
    apart = np.linalg.norm(plane(found, "image") - plane(found, "text"), axis=1)
    assert apart == pytest.approx(np.linalg.norm(image - text, axis=1), abs=1e-6)  # one fit: distances between the spaces hold too


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**16), dim=st.integers(2, 8))
def test_pca_is_the_svd_of_all_spaces_at_once(seed, dim):
    views = clouds(seed, dim=dim)
    trace, data = trace_of(**views)
    stacked = np.concatenate([unit(values) for values in views.values()])
    left, size, right = np.linalg.svd(stacked - stacked.mean(0), full_matrices=False)
    found = project(trace, data)
    drawn, expected = found.points[["x", "y"]].to_numpy(), left[:, :2] * size[:2]
    assert np.abs(drawn) == pytest.approx(np.abs(expected), abs=1e-5)
    assert found.explained == pytest.approx(size[:2] ** 2 / (size**2).sum())
    loadings = right[:2] * np.sign((drawn * expected).sum(0))[:, None]
    assert (loadings.max(1) == np.abs(loadings).max(1)).all()  # each direction is turned so that its largest loading is positive


def test_a_joint_fit_is_not_two_separate_ones():
    trace, data = trace_of(**clouds(noise=1.5))
    joint, alone = project(trace, data), project(trace, data, spaces=("image",))
    assert not np.allclose(np.abs(plane(joint, "image")), np.abs(plane(alone, "image")), atol=0.05)
    centred = plane(joint, "text").mean(0) - plane(joint, "image").mean(0)
    assert np.linalg.norm(centred) > 0.1  # the gap between the clouds is drawn, which separate fits would hide


def test_points_carry_ids_and_titles_space_by_space_in_the_datas_order():
    trace, data = trace_of(**clouds(n=12))
    points = project(trace, data, spaces=("text", "image")).points
    assert points["space"].tolist() == ["text"] * 12 + ["image"] * 12
    assert points["id"].tolist() == list(data.item_ids) * 2
    assert points["title"].tolist() == list(data.cards.titles) * 2
    assert (points["x"].dtype, points["y"].dtype) == (np.float32, np.float32)


def test_every_space_of_a_model_can_be_drawn_on_both_sides():
    data = worlds.shop()
    trace = worlds.build(data).trace()
    spaces = ("id", "image", "text", "attention", "hypergraph", "fused")
    for side, n in (("users", data.n_users), ("items", data.n_items)):
        found = project(trace, data, spaces, side)
        assert found.points.groupby("space", sort=False).size().to_dict() == dict.fromkeys(spaces, n)
        assert found.points["id"].tolist() == list(data.user_ids if side == "users" else data.item_ids) * 6


def test_a_space_holds_directions_so_its_weight_moves_no_point():
    data = worlds.shop()
    trace = worlds.build(data).trace()
    spaces = ("id", "attention", "hypergraph")
    weighed = trace.fuse(attention_scale=0.05, hypergraph_scale=1.0)
    before, after = (project(one, data, spaces, "users").points for one in (trace, weighed))
    pd.testing.assert_frame_equal(before, after, atol=1e-5)


# ---------------------------------------------------------------- how far to believe it


@pytest.mark.parametrize(("n", "k"), [(40, 10), (21, 10), (20, 9), (6, 2)])
def test_quality_is_its_formula_written_out(n, k):
    views = clouds(n=n, dim=6)
    trace, data = trace_of(**views)
    found = project(trace, data)
    for row in found.quality.itertuples():
        original, drawn = unit(views[row.space]), plane(found, row.space).astype(float)
        assert row.k == k
        assert row.trustworthiness == pytest.approx(venna_kaski(original, drawn, k))
        assert row.continuity == pytest.approx(venna_kaski(drawn, original, k))
        assert row.continuity == pytest.approx(trustworthiness(drawn, original, n_neighbors=k))


def test_a_sphere_pressed_flat_tears_nothing_but_makes_false_neighbours():
    trace, data = trace_of(image=np.random.default_rng(0).standard_normal((200, 3)))
    quality = project(trace, data, spaces=("image",)).quality.iloc[0]
    assert quality["continuity"] > 0.95
    assert quality["trustworthiness"] < 0.9  # front and back fall together


def test_quality_of_many_rows_is_that_of_a_sample_and_says_so(monkeypatch):
    trace, data = trace_of(**clouds(n=200))
    whole = project(trace, data).quality
    monkeypatch.setattr(projection, "QUALITY_ROWS", 80)
    sampled = project(trace, data).quality
    assert whole["measured"].tolist() == [200, 200]
    assert sampled["measured"].tolist() == [80, 80]
    assert sampled["rows"].tolist() == [200, 200]
    assert sampled["trustworthiness"].to_numpy() == pytest.approx(whole["trustworthiness"].to_numpy(), abs=0.1)


# ---------------------------------------------------------------- who is drawn


def test_rows_that_are_zero_in_a_space_are_left_out_of_it_alone():
    views = clouds(n=12)
    views["image"][[3, 5]] = 0
    views["text"][[5]] = 0
    trace, data = trace_of(**views)
    found = project(trace, data)
    ids = found.points.groupby("space")["id"].agg(list)
    assert ids["image"] == [name for name in data.item_ids if name not in ("i3", "i5")]
    assert ids["text"] == [name for name in data.item_ids if name != "i5"]
    assert found.quality.set_index("space")["left_out"].to_dict() == {"image": 2, "text": 1}
    assert "(10 items, 2 left out); text" in repr(found)


def test_a_sample_draws_the_same_rows_in_every_space():
    trace, data = trace_of(**clouds(n=100))
    found = project(trace, data, sample=30, seed=4)
    ids = found.points.groupby("space")["id"].agg(list)
    assert ids["image"] == ids["text"]
    assert len(ids["image"]) == 30
    assert ids["image"] == sorted(ids["image"], key=data.item_row)
    pd.testing.assert_frame_equal(found.points, project(trace, data, sample=30, seed=4).points)
    assert ids["image"] != project(trace, data, sample=30, seed=5).points["id"].tolist()[:30]
    assert len(project(trace, data, sample=1000).points) == 200


# ---------------------------------------------------------------- UMAP


def test_umap_repeats_itself_from_a_seed_and_says_what_its_distances_are_not():
    """The one slow test: numba compiles UMAP when it first runs."""
    trace, data = trace_of(**clouds(n=30, dim=8))
    first, again = (project(trace, data, method="umap", n_neighbors=6) for _ in range(2))
    pd.testing.assert_frame_equal(first.points, again.points)
    assert first.explained == ()
    assert first.quality["method"].tolist() == ["umap", "umap"]
    drawn, views = plane(first, "text").astype(float), clouds(n=30, dim=8)
    assert first.quality["trustworthiness"][1] == pytest.approx(venna_kaski(unit(views["text"]), drawn, 10))
    assert first.quality["trustworthiness"].min() > 0.7  # an order by chance has about 0.5
    assert "distances are not model distances" in repr(first)


def test_two_umaps_at_once_give_what_each_gives_alone():
    trace, data = trace_of(**clouds(n=30, dim=8))

    def draw(seed):
        return project(trace, data, method="umap", n_neighbors=6, seed=seed).points["x"].tolist()

    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(draw, (0, 1)))
    assert at_once == [draw(0), draw(1)]


def test_nobody_waits_for_a_umap_that_hangs_and_the_next_turn_is_free_again(monkeypatch):
    trace, data = trace_of(**clouds(n=30, dim=8))
    monkeypatch.setattr(projection, "LONGEST_UMAP", 0.0)
    with projection._umap_turn(), pytest.raises(LabError, match="another UMAP has not ended for 0 minutes"):
        project(trace, data, method="umap", n_neighbors=6)
    with projection._umap_turn():
        assert projection._one_at_a_time.locked()
    assert not projection._one_at_a_time.locked()


def test_more_neighbours_than_points_are_refused_before_umap_is_loaded():
    trace, data = trace_of(**clouds(n=6))
    with pytest.raises(ConfigError, match="n_neighbors=15 must be from 2 to 11: there are 12 points in all"):
        project(trace, data, method="umap")


# ---------------------------------------------------------------- borders


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"spaces": ("image", "sound")}, "no space 'sound'; it has id, image, text, attention, hypergraph, fused"),
        ({"spaces": ()}, "must name one or more spaces, each once; the model has id, image"),
        ({"spaces": "image"}, "must name one or more spaces"),
        ({"spaces": ("image", "image")}, "each once"),
        ({"side": "item"}, "side='item' must be 'users' or 'items'"),
        ({"method": "tsne"}, "method='tsne' must be 'pca' .* or 'umap'"),
        ({"sample": 2}, "sample=2 must be at least 4, or None for all items"),
    ],
)
def test_what_is_asked_for_must_exist(given, message):
    data = worlds.shop()
    with pytest.raises(ConfigError, match=message):
        project(worlds.build(data).trace(), data, **given)


def test_a_model_without_modalities_has_other_spaces():
    data = worlds.shop(())
    trace = worlds.build(data).trace()
    with pytest.raises(ConfigError, match="no space 'image'; it has id, attention, hypergraph, fused"):
        project(trace, data)
    assert len(project(trace, data, spaces=("id", "fused")).points) == 2 * data.n_items


def test_a_branch_that_is_switched_off_has_nothing_to_draw_and_says_why():
    data = worlds.shop()
    trace = worlds.build(data).trace().fuse(attention_scale=0.0)
    with pytest.raises(ConfigError, match=r"attention has 0 items to draw and 6 whose embedding is 0 \(attention_scale is 0\)"):
        project(trace, data, spaces=("image", "attention"))


def test_vectors_that_are_all_one_have_no_plane():
    data = worlds.shop()
    trace = worlds.build(data, worlds.small(n_hyperedges=1)).trace()
    with pytest.raises(ConfigError, match="hypergraph: all vectors lie in one place"):
        project(trace, data, spaces=("hypergraph",))


def test_other_data_and_partial_passes_are_refused():
    trace, _ = trace_of(**clouds(n=12))
    with pytest.raises(DataError, match=r"2 users × 12 items.*, not on .*shop: 7 users × 6 items"):
        project(trace, worlds.shop())
    data = worlds.shop()
    part = worlds.build(data).forward(torch.arange(3))
    with pytest.raises(LabError, match="3 of 13 nodes"):
        project(part, data, spaces=("fused",))
