"""What the app counts of a data set and of a run, against counting by hand and against the package's other ways."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.data.dataset import Interactions, ItemCards
from srgformer_lab.errors import RunError, UnknownIdError
from srgformer_lab.statistics import over_users

PAIRS = [("u1", "a"), ("u1", "b"), ("u2", "a"), ("u3", "a"), ("u3", "b"), ("u3", "c")]


@pytest.fixture
def corner():
    """Three users and four items, one of which nobody has to learn from."""
    users, items = ["u1", "u2", "u3"], ["a", "b", "c", "d"]
    rows = [(users.index(user), items.index(item), 0) for user, item in PAIRS] + [(1, 3, 1), (0, 2, 2)]
    user, item, split = np.array(rows).T
    details = pd.DataFrame({"kind": ["mug|blue", "mug", "cap|blue", None], "year": [1, 2, 3, 4]})
    cards = ItemCards(["Blue mug", "Old mug", "Blue cap", "d"], ["a mug", "", "a cap", ""], [None, b"x", None, None], details)
    image = np.array([[1, 0], [0, 2], [0, 0], [3, 3]], dtype=np.float32)
    return lab.Dataset("corner", users, items, Interactions(user, item, split), {"image": image}, cards)


def test_facts_are_counts(corner):
    assert backend.facts(corner) == backend.Facts(3, 4, 8, 8 / 12, 2.0, 1)


def test_items_are_counted_by_those_who_can_learn_from_them(corner):
    counted = backend.item_counts(corner)
    assert list(counted["item_id"]) == ["a", "b", "c", "d"]
    assert list(counted["users"]) == [3, 2, 1, 0]
    assert list(backend.user_lengths(corner)["items"]) == [2, 1, 3]


def test_every_user_is_in_the_cohort_that_lists_them(tiny):
    lengths = backend.user_lengths(tiny)
    for cohort in backend.COHORTS:
        assert list(lengths.loc[lengths["cohort"] == cohort, "user_id"]) == backend.cohort_users(tiny, cohort)


def test_coverage_counts_what_is_known(corner):
    known = backend.coverage(corner).set_index("what")["items"].to_dict()
    assert known == {"image features": 3, "picture to show": 1, "title": 3, "words": 2}


def test_groups_come_from_columns_of_words_and_from_planted_ones(corner, tiny):
    assert backend.item_groups(corner) == {("kind", "mug"): 2, ("kind", "blue"): 2, ("kind", "cap"): 1}
    planted = {name: count for (column, name), count in backend.item_groups(tiny).items() if not column}
    assert planted == pd.Series([tiny.truth.group_names[group] for group in tiny.truth.item_group]).value_counts().to_dict()


def test_items_are_chosen_by_all_wishes_together(corner):
    def chosen(**wishes):
        return list(backend.choose_items(corner, **wishes)["item_id"])

    assert chosen() == ["a", "b", "c", "d"]
    assert chosen(words="blue") == ["a", "c"]
    assert chosen(group=("kind", "mug")) == ["a", "b"]
    assert chosen(words="blue", group=("kind", "mug")) == ["a"]
    assert chosen(popularity="head") == ["a"]
    assert chosen(popularity="tail") == ["c", "d"]
    assert chosen(popularity="new") == ["d"]
    assert chosen(words="teapot") == []
    with pytest.raises(UnknownIdError, match="popularity 'rare'"):
        chosen(popularity="rare")
    with pytest.raises(UnknownIdError, match="column 'colour'"):
        chosen(group=("colour", "blue"))


def test_takers_have_the_item_and_come_shortest_first(corner):
    assert backend.takers(corner, "a") == ["u2", "u1", "u3"]
    assert backend.takers(corner, "a", 1) == ["u2"]
    assert backend.takers(corner, "d") == []


def test_people_of_a_cohort_are_its_users_each_once(tiny):
    users = backend.cohort_users(tiny, "cold")
    pages = [backend.people(tiny, page, 1, "cold") for page in range(len(users))]
    assert sorted(user for page in pages for user in page) == sorted(users)
    assert backend.people(tiny, len(users), 1, "cold") == pages[0]
    assert len(backend.people(tiny, 0, 5, "cold")) == 5


@pytest.mark.parametrize("lengths", [[3, 3, 3, 3, 3, 3], [2, 2, 2, 2, 9, 10], [1, 2, 3, 4, 5, 6], [5, 4, 4, 4, 1, 1]])
def test_people_of_one_length_are_in_one_cohort(tiny, lengths, monkeypatch):
    data = tiny
    rows = np.zeros((len(data.user_ids), data.n_items), dtype=int)
    for user, length in enumerate((lengths * len(data.user_ids))[: len(data.user_ids)]):
        rows[user, :length] = 1
    monkeypatch.setattr(type(data), "matrix", lambda self, split: sparse.csr_matrix(rows))
    found = backend.user_lengths(data)
    assert found["cohort"].notna().all()
    assert (found.groupby("items")["cohort"].nunique() == 1).all()
    order = [found.loc[found["cohort"] == cohort, "items"] for cohort in backend.cohorts_of(data)]
    assert all(short.max() < long.min() for short, long in pairwise(order))
    if len(set(lengths)) == 1:
        assert list(backend.cohorts_of(data)) == ["middle"]


@pytest.fixture
def scene(tiny, trained):
    run, _ = trained
    return backend.SESSION.load(backend.Link(user=tiny.user_ids[3], item=tiny.item_ids[0]), tiny, run)


def test_everybody_together_is_served_as_the_run_says(scene, trained):
    run, _ = trained
    served = backend.served_users(scene)
    assert served["recall@20"].mean() == pytest.approx(run.status().best_metric, abs=1e-6)
    assert served["recall@20"].mean() == pytest.approx(lab.evaluate(scene.trace, scene.data)["recall@20"])
    assert backend.served(scene).is_ready


def test_the_cohort_table_averages_its_people(scene):
    table, served = backend.cohort_table(scene).value().set_index("cohort"), backend.served_users(scene)
    for cohort in backend.COHORTS:
        those = served[served["user_id"].isin(backend.cohort_users(scene.data, cohort))]
        assert table.loc[cohort, "judged"] == len(those)
        assert table.loc[cohort, "recall@20"] == pytest.approx(those["recall@20"].mean())
        assert table.loc[cohort, "ndcg@20 low"] <= table.loc[cohort, "ndcg@20"] <= table.loc[cohort, "ndcg@20 high"]
    assert table.loc["", "recall@20 high"] == over_users(served["recall@20"].to_numpy()).high
    assert table["users"].iloc[:3].sum() == table.loc["", "users"] == scene.data.n_users


def test_the_worst_served_come_first(scene):
    worst, best = (backend.cohort_served(scene, "heavy", best_first) for best_first in (False, True))
    assert worst["ndcg@20"].is_monotonic_increasing
    assert best["ndcg@20"].is_monotonic_decreasing
    assert set(worst["user_id"]) == set(best["user_id"]) <= set(backend.cohort_users(scene.data, "heavy"))


def test_a_person_is_served_as_their_list_says(scene):
    served = backend.served_users(scene).set_index("user_id")
    for user in list(served.index[:10]):
        ranking = backend.tested_ranking(scene, user)
        assert ranking["hit"].sum() == len(scene.data.history(user, "valid"))
        assert ranking["hit"].head(20).sum() / ranking["hit"].sum() == pytest.approx(served.loc[user, "recall@20"])


def test_sureness_pairs_each_user_with_themselves(scene):
    sure = backend.sureness(scene)
    bar = lab.evaluate(lab.Popularity(scene.data), scene.data)["recall@20"]
    assert sure.lead.mean == pytest.approx(sure.recall.mean - bar)
    ours = backend.served_users(scene).set_index("user_id")["recall@20"]
    theirs = lab.evaluate_users(lab.Popularity(scene.data), scene.data).set_index("user_id")["recall@20"]
    assert sure.lead == over_users((ours - theirs).to_numpy())


def test_without_a_model_nobody_is_served(tiny):
    empty = backend.SESSION.load(backend.Link(user=tiny.user_ids[0]), tiny, None)
    for ask in (backend.served_users, lambda scene: backend.tested_ranking(scene, scene.link.user), backend.membership_paths):
        with pytest.raises(RunError, match="no trained SRGFormer"):
            ask(empty)


def test_paths_share_what_the_hyperedges_add(scene):
    paths, why = backend.membership_paths(scene), scene.explanation()
    added = why.sources.loc[why.sources["kind"] == "hyperedge", "contribution"].sum()
    assert paths["total"].sum() == pytest.approx(added, rel=1e-5)
    assert set(paths["item_id"]) == {"", *scene.data.history(scene.link.user)}


def test_the_hyperedges_that_carried_a_score_come_with_their_first_items(scene):
    why = scene.explanation()
    carried = backend.carrying_hyperedges(scene, why, 3)
    mine = why.hyperedges[why.hyperedges["side"] == "user"]["contribution"]
    assert list(carried["contribution"].abs()) == sorted(mine.abs(), reverse=True)[:3]
    card = lab.hyperedge_cards(scene.trace, scene.data, carried["modality"][0]).set_index("hyperedge").loc[carried["hyperedge"][0]]
    assert carried["top_items"][0] == card["top_items"][:4]


def test_what_can_be_added_begins_with_what_was_chosen_and_is_new(scene):
    history = scene.data.history(scene.link.user)
    free = [item for item in scene.data.item_ids if item not in history][-1]
    asked = replace(scene, link=replace(scene.link, items=(history[0], free)))
    addable = backend.addable_items(asked, scene.ranking())
    assert addable[0] == free
    assert not {*history, scene.link.item} & set(addable)
