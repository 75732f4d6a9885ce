"""Lists are what sorting by hand gives: ties to the lower row, nothing a person already has, shorter where items run out."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import srgformer_lab as lab
from srgformer_lab.models.ranking import compare_lists, recommend_all, top_k
from tests import worlds


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, float("-inf")]), min_size=5, max_size=5), min_size=1, max_size=6),
    k=st.integers(1, 7),
)
def test_top_k_is_a_stable_sort_even_among_ties(rows, k):
    scores = torch.tensor(rows)
    values, items = top_k(scores, k)
    for row, (value, item) in enumerate(zip(values, items, strict=True)):
        order = sorted(range(5), key=lambda place: (-rows[row][place], place))[:k]
        assert item.tolist() == order
        assert value.tolist() == [rows[row][place] for place in order]


def test_a_recommended_list_hides_all_that_the_person_has(tiny, trained):
    _, model = trained
    listed = lab.recommend(model, tiny, "u3", k=tiny.n_items)
    known = set(tiny.history("u3", "all"))
    assert set(listed["item_id"]) == set(tiny.item_ids) - known
    assert listed["rank"].tolist() == list(range(1, len(listed) + 1))
    assert listed["score"].is_monotonic_decreasing
    learned = lab.rank_items(model, tiny, "u3", hide="train")
    assert set(learned["item_id"]) == set(tiny.item_ids) - set(tiny.history("u3", "train"))


def test_lists_for_all_equal_lists_one_by_one(tiny, trained):
    _, model = trained
    everyone = recommend_all(model, tiny, k=7, block=13)
    for user_id in ("u0", "u17", "u59"):
        one = lab.recommend(model, tiny, user_id, k=7)
        mine = everyone[everyone["user_id"] == user_id]
        assert mine["item_id"].tolist() == one["item_id"].tolist()
        np.testing.assert_allclose(mine["score"], one["score"], rtol=1e-5)


def test_comparing_a_list_with_itself_moves_nothing(tiny, trained):
    _, model = trained
    ranking = lab.rank_items(model, tiny, "u1")
    same = lab.compare_lists(ranking, ranking, k=5)
    assert same["moved"].tolist() == [0] * 5


def test_compared_lists_hold_whatever_is_in_either_top(tiny, trained):
    _, model = trained
    trace = model.trace()
    before, after = lab.rank_items(trace, tiny, "u1"), lab.rank_items(trace.fuse(attention_scale=3.0, hypergraph_scale=0.0), tiny, "u1")
    joined = lab.compare_lists(before, after, k=5)
    assert set(joined["item_id"]) == {*before["item_id"][:5], *after["item_id"][:5]}
    assert (joined["moved"] == joined["rank_before"] - joined["rank_after"]).all()
    assert joined["rank_after"].is_monotonic_increasing


def test_unknown_ids_and_impossible_lists_are_refused_with_a_hint(tiny, trained):
    _, model = trained
    with pytest.raises(lab.UnknownIdError, match=r"there is no user 'u6O' among 60; did you mean u6"):
        lab.recommend(model, tiny, "u6O")
    with pytest.raises(lab.ConfigError, match="k=0 must be at least 1"):
        lab.recommend(model, tiny, "u1", k=0)
    with pytest.raises(lab.ConfigError, match="hide='all'"):
        lab.rank_items(model, tiny, "u1", hide="all")


def test_popularity_scores_by_training_count():
    data = worlds.world([(0, 0), (1, 0), (1, 1)], 2, 3)
    assert lab.Popularity(data).scorer()(torch.tensor([1, 0])).tolist() == [[2, 1, 0], [2, 1, 0]]


def test_lists_that_differ_keep_what_entered_and_what_left():
    def ranked(*names):
        return pd.DataFrame(
            {
                "rank": range(1, len(names) + 1),
                "item_id": names,
                "title": [name.upper() for name in names],
                "score": [9.0 - k for k in range(len(names))],
            }
        )

    found = compare_lists(ranked("a", "b", "c"), ranked("d", "b"), k=3)
    assert found["item_id"].tolist() == ["d", "b", "a", "c"]
    assert found["title"].tolist() == ["D", "B", "A", "C"]
    assert found["rank_before"].fillna(0).tolist() == [0, 2, 1, 3]
    assert found["rank_after"].fillna(0).tolist() == [1, 2, 0, 0]
    assert found["moved"].fillna(99).tolist() == [99, 0, 99, 99]
    assert found["score_after"].isna().tolist() == [False, False, True, True]
    whole = compare_lists(ranked("a", "b"), ranked("b", "a"), k=1)
    assert whole["moved"].tolist() == [1, -1]
    assert whole["rank_before"].dtype.kind == "i"
