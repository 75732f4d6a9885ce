"""Lesson 9's stored removals are what the model does, and its solutions agree with the library."""

import importlib

import numpy as np
import pytest

import srgformer_lab as lab
from srgformer_lab import places
from srgformer_lab.statistics import rank_correlation


@pytest.fixture
def by_hand():
    return importlib.import_module("solutions.lesson_09")


def test_stored_removals_are_true_and_claims_are_the_models(by_hand):
    run = lab.shipped_run()
    data = run.open_data()
    model = run.model(data)
    row = by_hand.stored("effects").iloc[0]
    gone = lab.what_if(model, data, row["user_id"], lab.drop_items(row["removed"]), item_id=row["item_id"])
    assert gone.effect == pytest.approx(row["effect"], abs=1e-4)
    known = lab.explain(model, data, row["user_id"], row["item_id"]).history.set_index("item_id").loc[row["removed"]]
    assert known["total"] == pytest.approx(row["contribution"], abs=1e-4)
    assert known["weight"] == pytest.approx(row["attention"], abs=1e-4)


def test_stored_removals_in_both_forms_are_true_and_what_is_said_of_them_holds(by_hand):
    stored = by_hand.stored("forms")
    same = stored.query("form == 'studio' and state == 'trained'").reset_index(drop=True)
    before = by_hand.stored("effects")
    assert (same[["user_id", "removed"]] == before[["user_id", "removed"]]).all(axis=None)
    claims = ["effect", "contribution", "attention"]
    np.testing.assert_allclose(same[claims], before[claims], atol=2e-4)
    run = lab.shipped_run("studio_found")
    trained = run.model(run.open_data())
    for state, model in (("trained", trained), ("untrained", lab.untrained(trained))):
        row = stored[(stored["form"] == "studio_found") & (stored["state"] == state)].iloc[-1]
        gone = lab.what_if(model, row["user_id"], lab.drop_items(row["removed"]), item_id=row["item_id"])
        assert gone.effect == pytest.approx(row["effect"], abs=1e-4)
    known = by_hand.agreements().set_index("claim", append=True)
    weights, shares = (known.xs(claim, level="claim") for claim in ("attention weight", "exact share"))
    assert weights.loc[("found", "trained"), "low"] < 0 < weights.loc[("found", "trained"), "high"]
    assert (weights.xs("untrained", level="state")["high"] > weights.xs("trained", level="state")["mean"]).all()
    assert (shares["low"] > 0.5).all()
    assert (shares.xs("untrained", level="state")["mean"] > shares.xs("trained", level="state")["mean"]).all()


def test_shares_by_hand_are_the_explanations(by_hand):
    run = lab.shipped_run()
    data = run.open_data()
    why = lab.explain(run.model(data), data, "u17", "i3")
    terms = why.components.query("side == 'user' and source == 'neighbor'")
    brought = terms.pivot_table(index="neighbor_id", columns=["part", "other_part"], values="contribution", aggfunc="sum", fill_value=0)
    n_others = terms["other_part"].nunique()
    shares = by_hand.take_apart(brought.to_numpy().reshape(len(brought), -1, n_others), np.ones(n_others))
    np.testing.assert_allclose(shares, why.history.set_index("item_id").loc[brought.index, "total"], atol=1e-9)


def test_guide_quotes_the_stored_removals(by_hand):
    page, effects = (places.tutorials_folder() / "guide" / "09.md").read_text("utf-8"), by_hand.stored("effects")
    assert f"Over {effects['user_id'].nunique()} people and {len(effects)} removals" in page
    for row in by_hand.stored("correlations").itertuples():
        assert f"{row.spearman:.2f} [{row.low:.2f}, {row.high:.2f}]".replace("-", "−") in page


@pytest.mark.parametrize("claim", ["contribution", "attention", "random"])
def test_rank_correlations_are_spearmans_and_average_to_the_stored_ones(by_hand, claim):
    people = [rows for _, rows in by_hand.stored("effects").groupby("user_id")]
    for rows in people:
        claimed, effect = rows[claim].to_numpy(), rows["effect"].to_numpy()
        assert by_hand.rank_agreement(claimed, effect) == pytest.approx(rank_correlation(claimed, effect))
    stored = by_hand.stored("correlations").set_index("order")["spearman"]
    assert by_hand.tested(by_hand.stored("effects"), claim, by_hand.RIGHT) == pytest.approx(stored[claim], abs=1e-4)


def test_attention_is_chance_and_contributions_are_not_but_choosing_a_person_hides_it(by_hand):
    bounds = by_hand.stored("correlations").set_index("order")
    assert bounds.loc["attention", "low"] < 0 < bounds.loc["attention", "high"]
    assert bounds.loc["contribution", "low"] > 0.5
    right, one, *_ = (by_hand.tested(by_hand.stored("effects"), "attention", how) for how in by_hand.TESTS)
    assert abs(right) < 0.1
    assert one > 0.4


def test_all_deletion_curves_meet_at_the_end(by_hand):
    curves = by_hand.stored("curves").query("kind == 'comprehensiveness' and share == 1")
    assert np.ptp(curves["drop"]) == pytest.approx(0, abs=1e-6)


def test_attention_is_told_from_chance_by_halves_of_a_history_and_not_by_single_things(by_hand):
    single = by_hand.stored("correlations").set_index("order")
    assert single.loc["attention", "low"] < 0 < single.loc["attention", "high"] < single.loc["contribution", "low"]
    half = by_hand.stored("curves").query("kind == 'comprehensiveness' and share == 0.5").set_index("order")
    assert half.loc["random", "high"] < half.loc["attention", "low"]
    assert half.loc["attention", "high"] < half.loc["contribution", "low"]
