"""Recall, NDCG and top-k lists equal plain loops over sorted lists, ties and short lists included."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchmetrics.functional.retrieval import retrieval_normalized_dcg, retrieval_recall

from srgformer_lab.models.baselines.popularity import Popularity
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.ranking import recommend, recommend_all, top_k
from srgformer_lab.training import evaluation
from srgformer_lab.training.evaluation import evaluate, evaluate_users, metric_surface
from tests.oracle import reference
from tests.worlds import build, recipes, shop, world

RELAXED = settings(max_examples=40, deadline=None)


class Fixed(Recommender):
    """Scores that were written down."""

    def __init__(self, data, scores):
        super().__init__(data)
        self.register_buffer("scores", torch.as_tensor(scores))

    def scorer(self):
        return lambda users: self.scores[users].clone()


def random_scores(data, seed, n_values):
    """Scores from a few values only, so that ties are everywhere."""
    return np.random.default_rng(seed).integers(0, n_values, (data.n_users, data.n_items)).astype(np.float32)


@RELAXED
@given(recipes(max_modalities=0), st.integers(0, 2**16), st.sampled_from([1, 2, 4, 1000]), st.sampled_from(["valid", "test"]))
def test_every_users_metrics_equal_the_loops(recipe, seed, n_values, split):
    data = recipe.make()
    assume(len(data.pairs(split)))
    scores = random_scores(data, seed, n_values)
    cutoffs = (1, 3, 10, 20)
    expected = reference.metrics_by_user(scores, data, split, cutoffs)
    found = evaluate_users(Fixed(data, scores), data, split, cutoffs)
    assert found["user_id"].tolist() == [data.user_ids[user] for user in expected]
    for row, wanted in zip(found.to_dict("records"), expected.values(), strict=True):
        assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=1e-12)
    assert evaluate(Fixed(data, scores), data, split, cutoffs) == pytest.approx(reference.mean_metrics(expected), abs=1e-12)


@RELAXED
@given(recipes(max_modalities=0), st.integers(0, 2**16), st.sampled_from([1, 7]))
def test_metrics_do_not_depend_on_the_block(recipe, seed, cells):
    data = recipe.make()
    assume(len(data.pairs("valid")))
    model = Fixed(data, random_scores(data, seed, 3))
    whole = evaluate(model, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "BLOCK_CELLS", cells)
        assert evaluate(model, data) == pytest.approx(whole, abs=1e-12)


def test_a_trained_models_metrics_equal_the_loops_on_the_references_scores():
    data = shop(n_users=12, n_items=10, density=0.3)
    model = build(data)
    scores = reference.forward(reference.parameters_of(model), data, model.config).scores()
    for split in ("valid", "test"):
        expected = reference.mean_metrics(reference.metrics_by_user(scores, data, split, (2, 5)))
        assert evaluate(model, data, split, (2, 5)) == pytest.approx(expected)
        assert evaluate(model.trace(), data, split, (2, 5)) == pytest.approx(expected)


def test_only_training_items_are_hidden():
    """At test the validation item is still in the list and pushes the test item down."""
    data = world([(0, 0)], 1, 4, valid=[(0, 1)], test=[(0, 2)])
    scores = np.array([[9.0, 8.0, 7.0, 6.0]], dtype=np.float32)
    assert evaluate(Fixed(data, scores), data, "test", (1, 2)) == pytest.approx(
        {"recall@1": 0, "recall@2": 1, "ndcg@1": 0, "ndcg@2": 1 / np.log2(3)}
    )
    assert evaluate(Fixed(data, scores), data, "valid", (1,))["recall@1"] == 1


def test_users_without_a_positive_do_not_count():
    data = world([(0, 0), (1, 0), (2, 1)], 3, 3, valid=[(0, 1), (1, 2)])
    scores = np.array([[0, 2, 1], [0, 2, 1], [9, 9, 9]], dtype=np.float32)
    assert evaluate(Fixed(data, scores), data, "valid", (1,))["recall@1"] == 0.5


def test_torchmetrics_agrees_where_no_score_is_tied():
    data = shop(n_users=20, n_items=30, density=0.2)
    scores = np.random.default_rng(1).permutation(600).reshape(20, 30).astype(np.float32)
    taken, positives = reference.interaction_matrix(data), reference.interaction_matrix(data, "valid")
    found = evaluate_users(Fixed(data, scores), data, "valid", (5, 10))
    for row in found.to_dict("records"):
        user = data.user_row(row["user_id"])
        shown = torch.from_numpy(np.flatnonzero(taken[user] == 0))
        target = torch.from_numpy(positives[user])[shown] > 0
        values = torch.from_numpy(scores[user])[shown]
        for k in (5, 10):
            assert row[f"recall@{k}"] == pytest.approx(retrieval_recall(values, target, top_k=k).item(), abs=1e-6)
            assert row[f"ndcg@{k}"] == pytest.approx(retrieval_normalized_dcg(values, target, top_k=k).item(), abs=1e-6)


def test_popularity_ranks_by_training_count():
    data = world([(0, 2), (1, 2), (1, 0), (2, 3)], 3, 4, valid=[(0, 0)])
    assert Popularity(data).scorer()(torch.tensor([0, 2])).tolist() == [[1, 0, 2, 1]] * 2
    assert recommend(Popularity(data), data, "u0", k=4)["item_id"].tolist() == ["i3", "i1"]
    assert recommend(Popularity(data), data, "u0", k=4, hide="train")["item_id"].tolist() == ["i0", "i3", "i1"]


@RELAXED
@given(st.integers(1, 8), st.integers(1, 12), st.integers(1, 15), st.sampled_from([1, 2, 5, 10_000]), st.integers(0, 2**16))
def test_top_k_equals_a_stable_sort(n_rows, n_items, k, n_values, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, n_values, (n_rows, n_items)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.2] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    values, items = top_k(torch.from_numpy(scores), k)
    np.testing.assert_array_equal(items.numpy(), order)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(scores, order, 1))


@RELAXED
@given(recipes(max_modalities=0), st.integers(0, 2**16), st.integers(1, 12))
def test_recommendations_hide_everything_known_and_keep_ties_in_order(recipe, seed, k):
    data = recipe.make()
    scores = random_scores(data, seed, 3)
    everyone = recommend_all(Fixed(data, scores), data, k, block=3)
    known = sum(reference.interaction_matrix(data, split) for split in ("train", "valid", "test"))
    for user, user_id in enumerate(data.user_ids):
        expected = reference.ranking_of(scores[user].tolist(), set(np.flatnonzero(known[user])))[:k]
        found = recommend(Fixed(data, scores), data, user_id, k)
        assert found["item_id"].tolist() == [data.item_ids[item] for item in expected]
        assert found["rank"].tolist() == list(range(1, len(expected) + 1))
        assert found["score"].tolist() == [scores[user, item] for item in expected]
        rows = everyone[everyone["user_id"] == user_id]
        assert rows["item_id"].tolist() == found["item_id"].tolist()


def test_the_metric_surface_equals_models_built_with_each_pair_of_scales():
    data = shop(n_users=12, n_items=10, density=0.3)
    model = build(data)
    surface = metric_surface(model.trace(), data, [0.0, 2.0], [0.0, 3.0], "valid", "ndcg@3")
    assert list(surface) == ["attention_scale", "hypergraph_scale", "value"]
    assert len(surface) == 4
    for alpha, beta, value in surface.itertuples(index=False):
        rebuilt = build(data, model.config.replace(attention_scale=alpha, hypergraph_scale=beta))
        assert value == pytest.approx(evaluate(rebuilt, data, "valid", (3,))["ndcg@3"])
