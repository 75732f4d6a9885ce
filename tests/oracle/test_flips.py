"""What a recommendation hangs on: every answer is what a model without the set does, and the smallest is the smallest of all sets."""

from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import srgformer_lab as lab
from srgformer_lab.models.catalog import MODELS
from tests.oracle.test_explained_models import READ_HISTORY, big, built


def places(model, user, item, history):
    """The item's place without each set, by a what-if of its own for each; by size, then in the order of the history."""
    return {
        chosen: lab.what_if(model, user, lab.drop_items(*chosen), item_id=item).ranks[1]
        for size in range(1, len(history) + 1)
        for chosen in combinations(history, size)
    }


@pytest.mark.parametrize("name", READ_HISTORY)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**16), k=st.integers(1, 3))
def test_the_smallest_set_is_the_smallest_of_all(name, seed, k):
    data = big(7, 9)
    user = data.user_ids[seed % data.n_users]
    model, history = built(name, data, seed=seed), data.history(user, "train")
    listed = lab.recommend(model, user, k=k + 1)["item_id"]
    assume(len(listed) > k)
    item = str(listed[k - 1])
    found = lab.flip(model, user, item, k=k, most_tries=4 * 2 ** len(history))
    without = places(model, user, item, history)
    flipping = [set(chosen) for chosen, place in without.items() if place > k]
    assert found.rank_before == k
    assert found.is_minimal
    if flipping:
        assert set(found.items) in flipping
        assert len(found.items) == len(flipping[0])
        assert found.rank_after == next(place for chosen, place in without.items() if set(chosen) == set(found.items))
        assert found.n_proven == len(found.items) - 1
    else:
        assert (found.items, found.rank_after, found.n_tried) == ((), None, len(without))
    assert " 1 sets" not in found.verdict


@pytest.mark.parametrize("name", ["lightgcn", "itemknn", "multvae"])
def test_a_bound_flips_and_is_never_called_minimal_when_it_is_not(name):
    """With few tries only; every claim is held against all sets."""
    data, claimed = big(7, 9), []
    for seed in range(6):
        user = data.user_ids[seed]
        model, history = built(name, data, seed=seed), data.history(user, "train")
        item = str(lab.recommend(model, user, k=1)["item_id"].iloc[0])
        found = lab.flip(model, user, item, most_tries=8)
        sizes = [len(chosen) for chosen, place in places(model, user, item, history).items() if place > 1]
        assert found.n_tried <= 8
        assert all(size > found.n_proven for size in sizes)
        if found.items:
            assert lab.what_if(model, user, lab.drop_items(*found.items), item_id=item).ranks == (1, found.rank_after)
            assert found.rank_after > 1
            assert found.is_minimal <= (len(found.items) == min(sizes))
            assert ("at most" in found.verdict) == (not found.is_minimal)
        elif found.is_minimal:
            assert not sizes
        claimed.append(bool(found.items))
    assert any(claimed)


@pytest.mark.parametrize("name", sorted(set(MODELS) - set(READ_HISTORY)))
def test_where_no_history_enters_nothing_is_tried_and_why_is_said(name):
    data = big()
    model = built(name, data)
    item = str(lab.recommend(model, "u1", k=1)["item_id"].iloc[0])
    found = lab.flip(model, "u1", item)
    assert (found.items, found.n_tried, found.is_minimal) == ((), 0, True)
    assert found.note in found.verdict
    assert set(places(model, "u1", item, data.history("u1", "train")).values()) == {1}


def test_what_is_not_recommended_has_nothing_to_hang_on():
    data = big()
    model = built("lightgcn", data)
    known, listed = data.history("u1")[0], lab.recommend(model, "u1", k=12)["item_id"]
    with pytest.raises(lab.ConfigError, match=f"item '{known}' is known already to 'u1'"):
        lab.flip(model, "u1", known)
    with pytest.raises(lab.ConfigError, match="is number 3 for 'u1' and not among the first 2; give k=3"):
        lab.flip(model, "u1", listed[2], k=2)
    with pytest.raises(lab.ConfigError, match="leaves no place outside"):
        lab.flip(model, "u1", listed[0], k=len(listed))
    with pytest.raises(lab.ConfigError, match="k=0 must be at least 1, most_tries=1 at least 2"):
        lab.flip(model, "u1", listed[0], k=0, most_tries=1)
