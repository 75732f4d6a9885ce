"""Claims about a history against what removals really do: the effects are those of what-ifs, the summaries are counted again."""

import numpy as np
import pytest
from scipy import stats

import srgformer_lab as lab
from srgformer_lab.analysis.counterfactual import drop_items, keep_items, what_if
from srgformer_lab.analysis.faithfulness import Faithfulness, faithfulness, removal_effects
from srgformer_lab.errors import ConfigError
from tests.worlds import build, duo, shop

SHARES = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def found(tiny, trained):
    return faithfulness(trained[1], tiny, n_users=3, shares=SHARES, seed=2)


def test_an_effect_is_what_a_what_if_finds(tiny, trained, found):
    _, model = trained
    for row in found.effects.iloc[::7].itertuples():
        assert lab.recommend(model, tiny, row.user_id, k=1)["item_id"].tolist() == [row.item_id]
        assert row.effect == pytest.approx(what_if(model, tiny, row.user_id, drop_items(row.removed), item_id=row.item_id).effect, abs=1e-5)
        history = lab.explain(model, tiny, row.user_id, row.item_id).history.set_index("item_id").loc[row.removed]
        assert row.contribution == pytest.approx(history["total"], rel=1e-5)
        assert row.attention == pytest.approx(history["weight"], rel=1e-5)
    assert found.effects.groupby("user_id").size().to_dict() == {user: len(tiny.history(user)) for user in found.effects["user_id"]}


def test_removals_of_one_history_are_those_of_what_ifs_and_are_watched(tiny, trained):
    model = trained[1]
    user, item = tiny.user_ids[3], lab.recommend(model, tiny, tiny.user_ids[3], k=3)["item_id"].iloc[2]
    steps = []
    found = removal_effects(model, tiny, user, item, watch=lambda items: [steps.append(one) or one for one in items])
    assert set(found["removed"]) == set(steps) == set(tiny.history(user))
    history = lab.explain(model, tiny, user, item).history.set_index("item_id")
    for row in found.itertuples():
        assert row.effect == pytest.approx(what_if(model, tiny, user, drop_items(row.removed), item_id=item).effect, abs=1e-5)
        assert row.contribution == pytest.approx(history.loc[row.removed, "total"], rel=1e-5)
        assert row.attention == pytest.approx(history.loc[row.removed, "weight"], rel=1e-5)
    assert len(removal_effects(model, tiny, user, item, most_removals=2)) == 2
    with pytest.raises(ConfigError, match="at least 1"):
        removal_effects(model, tiny, user, item, most_removals=0)


def test_correlations_are_means_over_users(found):
    for row in found.correlations.itertuples():
        by_user = [stats.spearmanr(group[row.order], group["effect"]).statistic for _, group in found.effects.groupby("user_id")]
        assert row.spearman == pytest.approx(np.mean(by_user))
        assert row.low <= row.spearman <= row.high
        assert row.n_users == 3


def test_curves_start_and_end_where_they_must(tiny, trained, found):
    _, model = trained
    curve = found.curves.set_index(["kind", "order", "share"])["drop"]
    users = found.effects.drop_duplicates("user_id")
    whole = np.mean(
        [
            what_if(model, tiny, row.user_id, drop_items(*tiny.history(row.user_id)), item_id=row.item_id).effect
            for row in users.itertuples()
        ]
    )
    for order in ("contribution", "attention", "random"):
        assert curve["comprehensiveness", order, 0.0] == curve["sufficiency", order, 1.0] == 0
        assert curve["comprehensiveness", order, 1.0] == pytest.approx(whole, abs=1e-5)
        assert curve["sufficiency", order, 0.0] == pytest.approx(whole, abs=1e-5)
    middle = []
    for row in users.itertuples():
        history = lab.explain(model, tiny, row.user_id, row.item_id).history
        first = history.sort_values("weight", ascending=False)["item_id"].head(round(0.5 * len(history)))
        middle.append(what_if(model, tiny, row.user_id, keep_items(*first), item_id=row.item_id).effect)
    assert curve["sufficiency", "attention", 0.5] == pytest.approx(np.mean(middle), abs=1e-5)


def test_the_same_seed_asks_the_same_users(tiny, trained, found):
    again = faithfulness(trained[1], tiny, n_users=3, shares=SHARES, seed=2)
    assert again.effects.equals(found.effects)
    other = faithfulness(trained[1], tiny, n_users=3, shares=(), seed=3)
    assert set(other.effects["user_id"]) != set(found.effects["user_id"])


def test_only_some_of_a_long_history_is_removed_one_by_one(tiny, trained):
    short = faithfulness(trained[1], tiny, n_users=2, most_removals=4, shares=())
    assert (short.effects.groupby("user_id").size() == 4).all()
    assert len(short.curves) == 0


@pytest.mark.parametrize(
    ("low", "high", "words", "advice"),
    [
        (0.75, 0.9, "ranks a history much as real removals do", "may be read as an explanation here"),
        (0.2, 0.9, "says something about what removals do", "is not an explanation on its own"),
        (-0.1, 0.2, "can't be told from chance", "is not an explanation on its own"),
        (-0.4, -0.1, "ranks a history against what removals do", "is not an explanation on its own"),
    ],
)
def test_the_verdict_never_says_more_than_the_interval(found, low, high, words, advice):
    table = found.correlations.copy()
    table.loc[table["order"] == "attention", ["spearman", "low", "high"]] = (low + high) / 2, low, high
    verdict = Faithfulness(found.effects, table, found.curves).verdict
    numbers = f"(rank correlation {(low + high) / 2:.2f}, 95 % [{low:.2f}, {high:.2f}])".replace("-", "−")
    assert f"Attention weight {words} {numbers}" in verdict
    assert verdict.endswith(f"Attention {advice}.")


def test_what_can_not_be_measured_is_refused():
    data = shop()
    with pytest.raises(lab.ConfigError, match="n_users=1 must be at least 2"):
        faithfulness(build(data), data, n_users=1)
    with pytest.raises(lab.DataError, match="of duo have 4 training items or more and something left to recommend; it takes two"):
        faithfulness(build(duo()), duo())
