"""An audit is nothing but evaluations of the same weights on changed features, counted by user and by item."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.data.changing import INTERVENTIONS, with_intervention
from srgformer_lab.errors import ConfigError
from srgformer_lab.training.audit import TOGETHER

K = 5


def trained(kind, data):
    """A model whose weights are no longer as they were drawn, so that each modality moves its scores."""
    model = kind(data)
    draws = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=draws))
    return model


@pytest.mark.fast
@pytest.mark.parametrize("kind", [lab.SRGFormer, lab.VBPR, lab.FREEDOM, lab.MGCN])
def test_each_mean_is_that_of_the_model_on_the_changed_data(tiny, kind):
    model = trained(kind, tiny)
    found = lab.audit(model, k=K, seed=2)
    table = found.table[found.table["cohort"] == ""].set_index(["modality", "intervention"])
    assert set(table.index) == {(name, each) for name in ("image", "text", TOGETHER) for each in INTERVENTIONS}
    assert table["before"].to_numpy() == pytest.approx(lab.evaluate(model, "test", [K])[f"recall@{K}"], abs=1e-12)
    for modality, intervention in table.index:
        names = tiny.modalities if modality == TOGETHER else [modality]
        changed = tiny
        for place, name in enumerate(names):
            changed = with_intervention(changed, name, intervention, 2 + place)
        expected = lab.evaluate(lab.carry_over(model, changed).model, "test", [K])[f"recall@{K}"]
        assert table.loc[(modality, intervention), "after"] == pytest.approx(expected, abs=1e-12)


def test_users_and_items_count_the_same_hits(tiny):
    found = lab.audit(trained(lab.SRGFormer, tiny), k=K, split="valid")
    held = np.bincount(tiny.pairs("valid")[:, 0], minlength=tiny.n_users)
    count = {user: held[row] for row, user in enumerate(tiny.user_ids)}
    hits = found.users.assign(**{name: found.users[name] * found.users["user_id"].map(count) for name in ("before", "after")})
    for name in ("before", "after"):
        of_users = hits.groupby(["modality", "intervention"])[name].sum()
        pd.testing.assert_series_equal(of_users, found.items.groupby(["modality", "intervention"])[name].sum())
    assert (found.items.groupby(["modality", "intervention"])["held"].sum() == len(tiny.pairs("valid"))).all()
    assert set(found.users["cohort"]) <= {"cold", "middle", "heavy"}
    sizes = found.table[found.table["cohort"] != ""].groupby(["modality", "intervention"], sort=False)["users"].sum()
    assert (sizes == found.table[found.table["cohort"] == ""].set_index(["modality", "intervention"])["users"]).all()


def test_what_a_model_does_not_read_changes_nothing_and_is_said_to(tiny):
    blind = lab.VBPR(tiny)
    with torch.no_grad():
        blind.projection.weight.zero_()
    for model in (blind, trained(lab.BM3, tiny)):  # BM3 learns from features, and its scores read none
        found = lab.audit(model, k=K, draws=2)
        assert not found.table[["change", "low", "high"]].fillna(0).to_numpy().any()
        assert found.verdict.count("can't be told from chance") == 3


def test_the_planted_modalities_are_found_to_be_used():
    found = lab.audit(lab.shipped_run("studio").model(), interventions=["permuted"])
    assert (found.table[found.table["cohort"] == ""]["high"] < 0).all()
    assert found.verdict.startswith("The lists rest on the image features: dealt out anew among the items, −0.0")
    assert not found.items["after"].gt(found.items["held"]).any()


def test_repeated_draws_are_averaged(tiny):
    model = trained(lab.SRGFormer, tiny)
    one, two, both = (lab.audit(model, k=K, interventions=["permuted"], seed=seed, draws=draws) for seed, draws in ((0, 1), (1, 1), (0, 2)))
    assert both.users["after"].to_numpy() == pytest.approx((one.users["after"] + two.users["after"]).to_numpy() / 2, abs=1e-12)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (lab.LightGCN, {}, "LightGCN uses no modality"),
        (lab.Popularity, {}, "Popularity uses no modality"),
        (lab.SRGFormer, {"interventions": ["burnt"]}, "not 'burnt'"),
        (lab.SRGFormer, {"interventions": []}, r"interventions=\[\]"),
        (lab.SRGFormer, {"draws": 0}, "draws=0"),
        (lab.SRGFormer, {"k": 0}, "cut-offs"),
        (lab.SRGFormer, {"split": "train"}, "valid or test"),
    ],
)
def test_what_can_not_be_audited_is_refused_by_name(tiny, kind, options, words):
    with pytest.raises(ConfigError, match=words):
        lab.audit(kind(tiny), **options)


def test_a_model_of_one_modality_is_not_asked_about_both(tiny):
    model = lab.SRGFormer(tiny, replace(lab.ModelConfig(), modalities=("text",)))
    assert set(lab.audit(model, interventions=["zero"]).table["modality"]) == {"text"}
