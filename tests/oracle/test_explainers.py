"""What claims to explain is held against real removals by the same rules, whoever claims it, and nonsense is told by its name."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.errors import ConfigError, DataError
from tests.oracle.test_audit import trained

WORLD = {"n_users": 60, "n_items": 40, "n_groups": 4, "n_interactions": 900}


@pytest.fixture(scope="module")
def tested(tiny):
    """A model that was pushed off its first weights, and its removals."""
    model = trained(lab.SRGFormer, tiny)
    return model, lab.faithfulness(model, n_users=3, shares=(0.5,), explainers=lab.EXPLAINERS)


def test_gradient_times_input_is_how_the_score_grows_with_what_an_item_brings(tiny):
    data = replace(tiny, features={}, neighbors={}, truth=None)
    model = trained(lab.SRGFormer, data).double()
    user, item, step = data.user_ids[1], data.item_ids[2], 1e-5
    claims = lab.EXPLAINERS["gradient × input"](model, data, user, item)
    assert set(claims) == set(data.history(user))

    def score(row, by):
        with torch.no_grad():
            model.item_embedding[row] *= by
            found = model.trace()
            model.item_embedding[row] /= by
            return float(found.fused.users[data.user_row(user)] @ found.fused.items[data.item_row(item)])

    for name, claim in claims.items():
        row = data.item_row(name)
        assert claim == pytest.approx((score(row, 1 + step) - score(row, 1 - step)) / (2 * step), rel=1e-4, abs=1e-9)


def test_likeness_and_popularity_are_what_they_say(tiny):
    model, user, item = lab.Popularity(tiny), tiny.user_ids[0], tiny.item_ids[3]
    near, popular = (lab.EXPLAINERS[name](model, tiny, user, item) for name in ("nearest by features", "popularity"))
    for name in tiny.history(user):
        row, other = tiny.item_row(name), tiny.item_row(item)
        pairs = [(matrix[row].astype(float), matrix[other].astype(float)) for matrix in tiny.features.values()]
        assert near[name] == pytest.approx(sum(a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs), abs=1e-6)
        assert popular[name] == sum(name in tiny.history(each) for each in tiny.user_ids)


def test_claims_that_are_the_removals_themselves_are_found_perfect_and_their_opposite_worst(tested, tiny):
    model, found = tested
    table = found.effects.rename(columns={"removed": "history_id", "effect": "claim"})
    asked = {"oracle": lab.claims_of(table), "its opposite": lab.claims_of(table.assign(claim=-table["claim"]))}
    again = lab.faithfulness(model, n_users=3, shares=(0.5,), explainers=asked).correlations.set_index("order")
    assert again.loc["oracle", ["spearman", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
    assert again.loc["its opposite", "spearman"] == pytest.approx(-1)
    pd.testing.assert_series_equal(again["spearman"].iloc[:3], found.correlations.set_index("order")["spearman"].iloc[:3])


def test_differences_are_paired_by_user(tested):
    _, found = tested
    table = found.differences("attention").set_index("order")
    by_user = {
        order: found.effects.groupby("user_id").apply(lambda those, order=order: those[order].corr(those["effect"], "spearman"))
        for order in found.correlations["order"]
    }
    for order, row in table.iterrows():
        assert row["difference"] == pytest.approx((by_user["attention"] - by_user[order]).mean(), abs=1e-9)
    assert set(table.index) == set(found.correlations["order"]) - {"attention"}
    with pytest.raises(ConfigError, match="first='burnt'"):
        found.differences("burnt")


def test_planted_groups_are_told_by_who_knows_them_and_by_nobody_else():
    data = lab.studio(**WORLD)
    group = dict(zip(data.item_ids, data.truth.item_group.tolist(), strict=True))

    def knowing(model, data, user, item):
        return {name: float(group[name] == group[item]) for name in data.history(user)}

    def blind(model, data, user, item):
        return dict.fromkeys(data.history(user), 1.0)

    found = lab.faithfulness(lab.LightGCN(data), n_users=4, most_removals=4, shares=(), explainers={"knowing": knowing, "blind": blind})
    table = found.correlations.set_index("order")
    assert table.loc["knowing", "planted"] == 1
    assert table.loc["blind", "planted"] == 0.5
    assert np.isnan(table.loc["blind", "spearman"])
    assert "“blind” gives no order that could be tested." in found.verdict


def test_who_claims_nothing_of_a_user_is_left_out_there(tested, tiny):
    model, found = tested
    first = found.effects["user_id"].iloc[0]
    table = found.effects[found.effects["user_id"] == first].rename(columns={"removed": "history_id", "effect": "claim"})
    again = lab.faithfulness(model, n_users=3, shares=(), explainers={"some": lab.claims_of(table)})
    assert again.correlations.set_index("order").loc["some", "n_users"] == 1
    elsewhere = lab.faithfulness(model, n_users=3, shares=(), explainers={"elsewhere": lab.claims_of(table.assign(user_id="nobody"))})
    assert elsewhere.correlations.set_index("order").loc["elsewhere", "n_users"] == 0
    assert "“elsewhere” gives no order that could be tested." in elsewhere.verdict


def test_asking_for_a_gradient_leaves_a_training_model_in_training(tiny):
    model = lab.SRGFormer(tiny).train()
    lab.EXPLAINERS["gradient × input"](model, tiny, tiny.user_ids[0], tiny.item_ids[0])
    assert model.training


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda m, d, u, i: 3, "a int is no explanation"),
        (lambda m, d, u, i: {"nowhere": 1.0}, "'nowhere' is no item of the history"),
        (lambda m, d, u, i: dict.fromkeys(d.history(u)[1:], 1.0), "nothing is claimed of"),
        (lambda m, d, u, i: dict.fromkeys(d.history(u), float("nan")), "is no finite number"),
        (lambda m, d, u, i: dict.fromkeys(d.history(u), "much"), "'much' for .* is no finite number"),
    ],
)
def test_an_explainer_that_returns_nonsense_is_named(tiny, given, words):
    with pytest.raises(ConfigError, match=f"explainer 'mine', user .*{words}"):
        lab.faithfulness(lab.Popularity(tiny), n_users=2, shares=(), explainers={"mine": given})


def test_names_that_stand_for_something_else_are_refused(tiny):
    with pytest.raises(ConfigError, match="can't be called 'attention'"):
        lab.faithfulness(lab.Popularity(tiny), n_users=2, shares=(), explainers={"attention": lab.EXPLAINERS["popularity"]})
    with pytest.raises(ConfigError, match="inputs of SRGFormer, not of LightGCN"):
        lab.faithfulness(lab.LightGCN(tiny), n_users=2, shares=(), explainers=lab.EXPLAINERS)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"user_id": ["u1"], "item_id": ["i1"], "claim": [1]}, "lack the column 'history_id'"),
        (
            {"user_id": ["u1"], "item_id": ["i1"], "history_id": ["i2"], "claim": ["much"]},
            "row 1 of the claims has no finite number but 'much'",
        ),
        ({"user_id": ["u1"] * 2, "item_id": ["i1"] * 2, "history_id": ["i2"] * 2, "claim": [1, 2]}, "'i2' is claimed twice"),
    ],
)
def test_claims_that_can_not_be_read_are_refused(table, words):
    with pytest.raises(DataError, match=words):
        lab.claims_of(pd.DataFrame(table))
