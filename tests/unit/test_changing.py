"""What is changed in a data set is what was asked for: how many interactions go and whose, what is done to whose features."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import srgformer_lab as lab
from srgformer_lab.data.changing import INTERVENTIONS, thinned, with_intervention, without_features
from srgformer_lab.data.dataset import SPLITS
from srgformer_lab.errors import DataError
from tests.worlds import recipes, shop

RELAXED = settings(max_examples=60, deadline=None)
SHARES = st.floats(0, 1, exclude_min=True)
SEEDS = st.integers(0, 2**32)


def pairs_of(data, split="train"):
    return set(map(tuple, data.pairs(split).tolist()))


@RELAXED
@given(recipes(), SHARES, SEEDS)
def test_the_count_is_exact_and_every_user_keeps_one(recipe, share, seed):
    data = recipe.make()
    thin, users = thinned(data, share, seed), {user for user, _ in pairs_of(data)}
    assert len(thin.pairs("train")) == max(len(users), round(share * len(data.pairs("train"))))
    assert {user for user, _ in pairs_of(thin)} == users


@RELAXED
@given(recipes(), SHARES, SEEDS)
def test_nothing_is_added_and_nothing_else_is_touched(recipe, share, seed):
    data = recipe.make()
    before = [array.copy() for array in (data.interactions.user, data.interactions.item, data.interactions.split)]
    thin = thinned(data, share, seed)
    assert pairs_of(thin) <= pairs_of(data)
    for split in SPLITS[1:]:
        assert thin.pairs(split).tolist() == data.pairs(split).tolist()
    assert (thin.user_ids, thin.item_ids, thin.modalities) == (data.user_ids, data.item_ids, data.modalities)
    assert all(np.array_equal(matrix, data.features[name]) for name, matrix in thin.features.items())
    after = (data.interactions.user, data.interactions.item, data.interactions.split)
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


@RELAXED
@given(recipes(), SHARES, SHARES, SEEDS)
def test_a_smaller_share_is_a_part_of_a_larger_one(recipe, one, other, seed):
    data = recipe.make()
    small, large = (pairs_of(thinned(data, share, seed)) for share in sorted((one, other)))
    assert small <= large


@RELAXED
@given(recipes(), SHARES, SEEDS)
def test_a_seed_decides_what_is_kept(recipe, share, seed):
    data = recipe.make()
    assert thinned(data, share, seed).pairs("train").tolist() == thinned(data, share, seed).pairs("train").tolist()


@RELAXED
@given(recipes(), SEEDS)
def test_a_share_of_one_keeps_everything_in_its_order(recipe, seed):
    data = recipe.make()
    assert thinned(data, 1, seed).fingerprint == data.fingerprint
    assert thinned(data, 1.0, seed).pairs("all").tolist() == data.pairs("all").tolist()


def test_chance_alone_decides_which_of_a_users_items_stay():
    """Over many seeds each item of a user stays as often as the user's others, within five deviations of either."""
    data, n_seeds = shop(n_users=4, n_items=8, density=0.9), 2000
    counts = np.zeros((data.n_users, data.n_items))
    for seed in range(n_seeds):
        rows = thinned(data, 0.5, seed).pairs("train")
        counts[rows[:, 0], rows[:, 1]] += 1
    taken = data.matrix("train").toarray() > 0
    assert (counts > 0).tolist() == taken.tolist()
    for user in range(data.n_users):
        assert np.ptp(counts[user][taken[user]]) < 10 * 0.5 * math.sqrt(n_seeds)


def test_timestamps_stay_with_their_interactions():
    data = lab.studio(n_users=30, n_items=20, n_groups=4, n_interactions=300, seed=1)
    thin = lab.thinned(data, 0.4, seed=2)
    before, after = (
        {(user, item): time for user, item, time in zip(pairs.user.tolist(), pairs.item.tolist(), pairs.timestamp.tolist(), strict=True)}
        for pairs in (data.interactions, thin.interactions)
    )
    assert len(after) < len(before)
    assert after.items() <= before.items()
    assert (thin.truth, thin.source.reader) == (None, "memory")


@pytest.mark.parametrize("share", [0, -0.1, 1.0001, math.nan, math.inf])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(DataError, match=r"share=.* must be above 0 and at most 1"):
        thinned(shop(), share)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**62), name=st.sampled_from(INTERVENTIONS))
def test_an_intervention_touches_the_features_of_one_modality_and_leaves_what_it_says(tiny, seed, name):
    data = without_features(tiny, "image", 0.3, seed=1)
    done, before = with_intervention(data, "image", name, seed), data.features["image"]
    after, known = done.features["image"], data.known["image"]
    assert np.array_equal(done.features["text"], data.features["text"])
    assert done.interactions.item.tolist() == data.interactions.item.tolist()
    assert np.array_equal(data.features["image"], before), "the data set that was given stays as it is"
    if name in ("permuted", "swapped"):
        assert sorted(map(tuple, after)) == sorted(map(tuple, before))
    if name == "zero":
        assert not done.known["image"].any()
    if name == "missing":
        kept = done.known["image"]
        assert np.array_equal(after[kept], before[kept])
        assert kept.sum() == known.sum() - round(known.sum() / 2)
    if name == "mean":
        assert np.allclose(after[known], before[known].mean(axis=0))
        assert not after[~known].any()


def test_swapped_features_stay_among_items_that_about_as_many_people_took():
    data = lab.studio()
    data = replace(data, features={"image": np.arange(data.n_items, dtype=np.float32)[:, None]}, truth=None)
    taken = np.bincount(data.pairs("train")[:, 1], minlength=data.n_items)
    moved = with_intervention(data, "image", "swapped", 3).features["image"][:, 0].astype(int)
    place = np.argsort(np.argsort(-taken, kind="stable"))
    assert (moved != np.arange(data.n_items)).mean() > 0.8
    assert np.abs(place - place[moved]).max() < data.n_items / 20


@pytest.mark.parametrize("given", [("smell", "zero"), ("image", "burnt")])
def test_an_unknown_intervention_is_refused_by_name(tiny, given):
    with pytest.raises(DataError, match=rf"{given[0] if given[0] == 'smell' else 'burnt'}.*(image|zero)"):
        with_intervention(tiny, *given)
