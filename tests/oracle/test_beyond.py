"""What lists are like beyond hits equals other people's formulas and plain loops; and so does how far two lists agree."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics.pairwise import cosine_distances

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.models.baselines.popularity import Popularity
from srgformer_lab.statistics import between_groups, over_user_sets, over_users
from srgformer_lab.training.evaluation import evaluate, evaluate_users, rank_lists
from srgformer_lab.training.judging import GAP, judge_cohorts, judge_differences, judge_lists, list_overlap
from tests.oracle import reference
from tests.oracle.test_metrics import Fixed, random_scores
from tests.worlds import recipes, shop

RELAXED = settings(max_examples=15, deadline=None)
CUTOFFS = (1, 3, 10)


def with_kinds(data, seed):
    """Give items a column of numbers, one of too many words, and one of categories, some of which are unknown."""
    kinds = np.random.default_rng(seed).choice(["red|new", "blue", "green", ""], data.n_items)
    kinds[:2] = ["red", "blue"]
    details = pd.DataFrame({"year": np.arange(data.n_items), "kind": kinds})
    features = {name: np.where(np.arange(data.n_items)[:, None] % 4 == 3, 0, matrix) for name, matrix in data.features.items()}
    return replace(data, cards=replace(data.cards, details=details), features=features)


def lists_of(scores, data, split):
    """{user row: their list without what they have in training}, for those with a positive."""
    train, positives = reference.interaction_matrix(data), reference.interaction_matrix(data, split)
    return {
        user: reference.ranking_of(scores[user].tolist(), set(np.flatnonzero(train[user])))
        for user in range(data.n_users)
        if positives[user].any()
    }


def measures(ranked, user, data):
    """One list's measures, by loops over its items and other libraries' distances and divergence."""
    train = reference.interaction_matrix(data)
    taken = train.sum(axis=0)
    order = sorted(range(data.n_items), key=lambda item: (-taken[item], item))
    head, held = set(), 0.0
    for item in order:
        if held >= 0.8 * taken.sum():
            break
        head.add(item)
        held += taken[item]
    found = {
        "popularity": np.mean([taken[item] for item in ranked]) if ranked else math.nan,
        "long_tail": np.mean([item not in head for item in ranked]) if ranked else math.nan,
        "novelty": np.mean([-math.log2(max(taken[item], 1) / data.n_users) for item in ranked]) if ranked else math.nan,
    }
    for name, matrix in data.features.items():
        known = [item for item in ranked if matrix[item].any()]
        distances = cosine_distances(matrix[known].astype(float)) if known else None
        pairs = [distances[pair] for pair in combinations(range(len(known)), 2)]
        found[f"{name}_distance"] = np.mean(pairs) if pairs else math.nan
    kinds = [kind.partition("|")[0] for kind in data.cards.details["kind"]]
    names = sorted(set(kinds) - {""})
    wanted = np.array([sum(kinds[item] == name for item in np.flatnonzero(train[user])) for name in names], float)
    shown = np.array([sum(kinds[item] == name for item in ranked) for name in names], float)
    if wanted.sum() and shown.sum():
        p, q = wanted / wanted.sum(), shown / shown.sum()
        found["calibration"] = entropy(p, 0.99 * q + 0.01 * p)
    else:
        found["calibration"] = math.nan
    return found


@RELAXED
@given(recipes(max_modalities=2), st.integers(0, 2**16), st.sampled_from([1, 3, 1000]), st.sampled_from(["valid", "test"]))
def test_what_each_list_is_like_equals_loops_and_other_libraries(recipe, seed, n_values, split):
    data = with_kinds(recipe.make(), seed)
    assume(len(data.pairs(split)))
    scores = random_scores(data, seed, n_values)
    expected = lists_of(scores, data, split)
    found = evaluate_users(Fixed(data, scores), data, split, CUTOFFS, beyond=True)
    assert found["user_id"].tolist() == [data.user_ids[user] for user in expected]
    for row, (user, ranked) in zip(found.to_dict("records"), expected.items(), strict=True):
        for k in CUTOFFS:
            wanted = {f"{name}@{k}": value for name, value in measures(ranked[:k], user, data).items()}
            assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=1e-9, nan_ok=True)


@RELAXED
@given(recipes(max_modalities=2), st.integers(0, 2**16), st.sampled_from([1, 3, 1000]))
def test_what_all_lists_have_together_equals_counts_and_what_is_left_out_is_counted(recipe, seed, n_values):
    data = with_kinds(recipe.make(), seed)
    assume(len(data.pairs("valid")))
    scores = random_scores(data, seed, n_values)
    lists = lists_of(scores, data, "valid")
    found = judge_lists(Fixed(data, scores), data, "valid", CUTOFFS).set_index("metric")
    users = evaluate_users(Fixed(data, scores), data, "valid", CUTOFFS, beyond=True)
    for k in CUTOFFS:
        shown = [item for ranked in lists.values() for item in ranked[:k]]
        counts = np.bincount(shown, minlength=data.n_items).astype(float)
        differences = np.abs(counts[:, None] - counts).sum()
        assert found.loc[f"coverage@{k}", "value"] == pytest.approx(len(set(shown)) / data.n_items, abs=1e-12)
        gini = differences / (2 * data.n_items * counts.sum()) if shown else math.nan
        assert found.loc[f"gini@{k}", "value"] == pytest.approx(gini, abs=1e-9, nan_ok=True)
        for name, has in data.known.items():
            assert found.loc[f"{name}_distance@{k}", "left_out"] == sum(not has[item] for item in shown)
        assert found.loc[f"calibration@{k}", "left_out"] == sum(data.cards.details["kind"][item] == "" for item in shown)
    for metric in users.columns[1:]:
        assert found.loc[metric, "value"] == pytest.approx(users[metric].mean(), abs=1e-12, nan_ok=True)
        assert found.loc[metric, "users"] == users[metric].notna().sum()


def test_recall_has_the_bounds_that_it_has_elsewhere_and_lists_are_judged_as_the_model_that_made_them():
    data = shop(n_users=30, n_items=20, density=0.2)
    model = Fixed(data, random_scores(data, 1, 50))
    lists = rank_lists(model, data, "test", 7)
    found = judge_lists(model, data, "test", (1, 7))
    pd.testing.assert_frame_equal(judge_lists(lists, data, "test", (1, 7)), found)
    assert evaluate(lists, "test", (3, 7)) == evaluate(model, "test", (3, 7))
    row = found.set_index("metric").loc["recall@7"]
    interval = over_users(evaluate_users(model, data, "test", (7,))["recall@7"].to_numpy())
    assert (row["value"], row["low"], row["high"]) == (interval.mean, interval.low, interval.high)
    together = found.set_index("metric").loc[["coverage@1", "gini@7"]]
    assert ((together["low"] < together["value"]) & (together["value"] < together["high"])).all()


def test_a_sample_of_sets_spreads_as_a_mean_does_and_is_not_moved_by_repeats():
    values = np.random.default_rng(0).normal(size=400)
    sets, means = over_user_sets(lambda drawn: drawn @ values / len(values), len(values), draws=4000), over_users(values, draws=4000)
    assert sets.mean == pytest.approx(means.mean)
    assert (sets.high - sets.low) == pytest.approx(means.high - means.low, rel=0.05)
    seen = over_user_sets(lambda drawn: (drawn > 0).mean(axis=1), 400)
    assert seen.low < seen.mean == 1.0 < seen.high


def test_groups_are_drawn_by_themselves():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 300), rng.normal(1, 2, 500)
    found, spread = between_groups(first, second), math.sqrt(first.var(ddof=1) / 300 + second.var(ddof=1) / 500)
    assert found.mean == pytest.approx(second.mean() - first.mean())
    assert (found.high - found.low) == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_cohorts_are_the_means_of_their_users_and_the_gap_is_between_the_outer_ones():
    data = shop(n_users=40, n_items=20, density=0.3)
    model = Popularity(data)
    found = judge_cohorts(model, data, "test", (5,)).set_index(["cohort", "metric"])["value"]
    users = evaluate_users(model, data, "test", (5,), beyond=True).set_index("user_id")
    for metric in users:
        means = {cohort: found[cohort, metric] for cohort in backend.COHORTS}
        assert found[GAP, metric] == pytest.approx(means["heavy"] - means["cold"])
        for cohort, mean in means.items():
            assert mean == pytest.approx(users.loc[users.index.isin(backend.cohort_users(data, cohort)), metric].mean())


@RELAXED
@given(recipes(max_modalities=1), st.integers(0, 2**16))
def test_a_side_differs_from_itself_by_nothing_and_from_another_by_the_difference_of_both(recipe, seed):
    data = recipe.make()
    assume(len({int(user) for user in data.pairs("valid")[:, 0]}) > 1)
    ours, theirs = Fixed(data, random_scores(data, seed, 9)), Popularity(data)
    found = judge_differences({"a": ours, "again": ours, "b": theirs}, data, cutoffs=(3,)).set_index(["side", "metric"])
    again = found.loc["again"].dropna()
    assert (again[["difference", "low", "high"]].abs() < 1e-12).all(axis=None)
    values = {name: judge_lists(model, data, cutoffs=(3,)).set_index("metric")["value"] for name, model in (("a", ours), ("b", theirs))}
    for metric in ("recall@3", "ndcg@3", "coverage@3", "gini@3"):
        row = found.loc["b", metric]
        assert (row["first"], row["value"]) == pytest.approx((values["a"][metric], values["b"][metric]), nan_ok=True)
        assert row["difference"] == pytest.approx(row["value"] - row["first"], abs=1e-12, nan_ok=True)


def rank_biased_overlap(first, second, p):
    """Equation 32 of Webber et al., term by term over sets."""
    short, long = sorted((first, second), key=len)
    s, n = len(short), len(long)
    if not s:
        return math.nan
    shared = [len(set(short[:d]) & set(long[:d])) for d in range(n + 1)]
    total = sum(shared[d] / d * p**d for d in range(1, n + 1))
    total += sum(shared[s] * (d - s) / (s * d) * p**d for d in range(s + 1, n + 1))
    return (1 - p) / p * total + ((shared[n] - shared[s]) / n + shared[s] / s) * p**n


@RELAXED
@given(recipes(max_modalities=0), st.integers(0, 2**16), st.sampled_from([0.5, 0.9]))
def test_overlap_equals_sets_and_the_published_sum(recipe, seed, p):
    data = recipe.make()
    assume(len(data.pairs("valid")))
    scores = [random_scores(data, seed + place, 1000) for place in range(2)]
    short = [item for item in range(data.n_items) if item % 3]
    scores[1][:, [item for item in range(data.n_items) if item not in short]] = -np.inf
    mine = lists_of(scores[0], data, "valid")
    theirs = {user: [item for item in ranked if item in short] for user, ranked in lists_of(scores[1], data, "valid").items()}
    sides = {"a": Fixed(data, scores[0]), "b": Fixed(data, scores[1])}
    found = list_overlap(sides, data, cutoffs=(2, 6), persistence=p)
    assert found["user_id"].tolist() == [data.user_ids[user] for user in mine]
    for row, user in zip(found.to_dict("records"), mine, strict=True):
        for k in (2, 6):
            one, two = mine[user][:k], theirs[user][:k]
            wanted = len(set(one) & set(two)) / max(len(one), len(two)) if one and two else math.nan
            assert row[f"overlap@{k}"] == pytest.approx(wanted, nan_ok=True)
        assert row["rbo"] == pytest.approx(rank_biased_overlap(mine[user][:6], theirs[user][:6], p), abs=1e-9, nan_ok=True)


def test_a_list_agrees_wholly_with_itself_and_not_at_all_with_another():
    data = shop(n_users=20, n_items=40, density=0.1)
    scores = random_scores(data, 0, 1000)
    same = list_overlap({"a": Fixed(data, scores), "b": Fixed(data, scores)}, data, cutoffs=(5,))
    assert same["rbo"].to_numpy() == pytest.approx(1)
    other = list_overlap({"a": Fixed(data, scores), "b": Fixed(data, -scores)}, data, cutoffs=(5,))
    assert other["rbo"].to_numpy() == pytest.approx(0)


def test_lists_of_other_data_of_short_ones_and_of_one_side_are_refused():
    data, other = shop(n_users=12, n_items=30, density=0.1), shop(n_users=12, n_items=30, density=0.1, seed=4)
    lists = rank_lists(Popularity(data), data, k=5)
    with pytest.raises(lab.DataError, match="not on"):
        evaluate(lists, other)
    with pytest.raises(lab.ConfigError, match="cut-off 20: the lists of Popularity have up to 5 places"):
        evaluate(lists, data)
    with pytest.raises(lab.ConfigError, match="give at least two"):
        list_overlap({"a": lists}, data, cutoffs=(5,))
    with pytest.raises(lab.DataError, match="not on"):
        list_overlap({"a": lists, "b": Popularity(other)}, data, cutoffs=(5,))
    with pytest.raises(lab.ConfigError, match="persistence"):
        list_overlap({"a": lists, "b": lists}, data, cutoffs=(5,), persistence=1.0)
    taken = int(data.pairs("train")[0, 1])
    for items, fault in (([[taken]], "training"), ([[99]], "must lie in"), ([[-1, 3]], "gap"), ([[2, 2]], "twice")):
        with pytest.raises(lab.DataError, match=fault):
            lab.Lists(data, np.array([int(data.pairs("train")[0, 0])]), np.array(items))
