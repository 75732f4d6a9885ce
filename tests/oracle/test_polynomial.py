"""A person's scores at any α and β follow from six numbers an item, and the items that can come into a list are all known."""

import numpy as np
import pandas as pd
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.analysis.polynomial import TERMS, powers, reachable, score_polynomial
from srgformer_lab.models.hooks import Edit

FORMS = {
    "published": {},
    "found": {"user_membership": "mean", "membership_features": "unit", "attention_reads": "content"},
    "missing left out": {"missing_features": "omit"},
    "one modality": {"modalities": ("text",)},
    "no modality": {"modalities": ()},
}


def model_of(name: str) -> lab.SRGFormer:
    data = lab.studio(n_users=40, n_items=30, n_groups=3, n_interactions=500, seed=2)
    return lab.SRGFormer(data, lab.ModelConfig(embedding_dim=8, n_heads=2, n_hyperedges=3, seed=4, **FORMS[name])).double()


@pytest.mark.parametrize("name", FORMS)
def test_scores_are_those_of_fuse_at_any_alpha_and_beta(name):
    model, generator = model_of(name), np.random.default_rng(0)
    trace, found = model.trace(), score_polynomial(model, "u3")
    user = torch.tensor([trace.data.user_row("u3")])
    for alpha, beta in generator.uniform(0, 10, (50, 2)):
        expected = trace.fuse(attention_scale=alpha, hypergraph_scale=beta).scores(user)[0].numpy()
        np.testing.assert_allclose(found[list(TERMS)].to_numpy() @ powers(alpha, beta), expected, rtol=0, atol=1e-10 * abs(expected).max())


def test_edits_of_the_pass_count_and_one_of_the_fused_vectors_is_refused():
    model = model_of("published")
    user = torch.tensor([model.data.user_row("u3")])
    with model.hooks.edit(Edit("half of E^id", lambda hooks: hooks.collaborative, lambda value: value / 2)):
        trace = model.trace()
    found = score_polynomial(trace, "u3")[list(TERMS)].to_numpy() @ powers(0.7, 0.2)
    np.testing.assert_allclose(found, trace.fuse(0.7, 0.2).scores(user)[0].numpy(), atol=1e-10)
    with model.hooks.edit(Edit("square", lambda hooks: hooks.fused, lambda value: value * value)):
        trace = model.trace()
    with pytest.raises(lab.ConfigError, match="edits the fused vectors"):
        score_polynomial(trace, "u3")


def test_what_is_reachable_is_what_some_step_lists():
    generator, steps = np.random.default_rng(1), ([0.0, 0.5, 1.0], [0.0, 1.0])
    table = pd.DataFrame(generator.normal(size=(50, 6)).round(1), columns=list(TERMS)).assign(item_id=[f"i{n}" for n in range(50)])
    listed = set()
    for alpha in steps[0]:
        for beta in steps[1]:
            scores = table[list(TERMS)].to_numpy() @ powers(alpha, beta)
            listed |= set(np.argsort(-scores, kind="stable")[:5])
    found = set(reachable(table, *steps, 5).index)
    assert listed <= found
    assert len(found) < 40  # not simply all
