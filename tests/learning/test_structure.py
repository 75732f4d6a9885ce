"""Hyperedges find planted groups and attention finds real interactions; shortcuts let them learn only where they are computed."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score

import srgformer_lab as lab
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.training.loop import epochs
from tests.learning.test_freezing import HEAVY, N_STEPS, movements
from tests.oracle.test_structure import TAUGHT_ALONE, found
from tests.worlds import build, planted, shop, triples

ATTRIBUTES = {"implicit_attribute.image", "implicit_attribute.text"}
SCORING = {"attention.query", "attention.key", "attention.score_scale", "attention.score_bias"}
KEPT = HEAVY.replace(hypergraph_contrast_weight=0.0)


@pytest.mark.parametrize(
    ("settings", "steps_of_attributes", "steps_of_scoring"),
    [
        ({}, set(range(1, N_STEPS + 1)), set(range(1, N_STEPS + 1))),
        ({"memberships_every": 3}, {1, 4, 7}, set(range(1, N_STEPS + 1))),
        ({"attention_every": 0}, set(range(1, N_STEPS + 1)), {1}),
    ],
    ids=str,
)
def test_kept_numbers_learn_only_where_they_are_computed(settings, steps_of_attributes, steps_of_scoring):
    moved, everything = movements(KEPT.replace(**settings), found())
    assert everything >= ATTRIBUTES | SCORING
    for (epoch, step), names in moved.items():
        still = set() if step in steps_of_attributes else ATTRIBUTES
        assert everything - names == (still if step in steps_of_scoring else still | SCORING), (epoch, step)


def test_after_the_last_learning_epoch_both_are_frozen_to_the_bit():
    moved, everything = movements(KEPT.replace(epochs=3, freeze_after=1), found())
    for (epoch, step), names in moved.items():
        assert everything - names == (set() if epoch == 1 else ATTRIBUTES | SCORING), (epoch, step)


def test_a_frozen_term_is_reported_as_it_is():
    """V stands still, so L_co of every step is that of the weights, and has no gradient."""
    model, train = build(shop(), found()).train(), KEPT.replace(freeze_after=1)
    batch = Batch(*triples(shop(), 5))
    model.start_epoch(torch.Generator().manual_seed(0), 1)
    learned = model.losses(batch, train)
    model.start_epoch(torch.Generator().manual_seed(0), 2)
    for _ in range(2):
        frozen = model.losses(batch, train)
        for name in ("cointeraction", "attention_contrast"):
            assert not frozen[name].requires_grad
            assert frozen[name].item() == pytest.approx(learned[name].item())


def test_planted_groups_and_real_interactions_are_found():
    """Four groups behind noisy features: published memberships hardly leave where they started, these hold the groups."""
    data = planted(noise=0.3)
    groups, agreement = np.arange(data.n_items) // 8, {}
    found_here = {"membership_objective": "cointeraction", "membership_noise": 0.0, "user_membership": "lift"}
    scored = {"attention_objective": "contrast", "attention_reads": "content", "attention_input": "propagated"}
    for name, changes in (("published", {}), ("found", {**found_here, **scored})):
        model = SRGFormer(data, ModelConfig(embedding_dim=16, n_id_layers=2, n_hyperedges=4, n_heads=2, **changes))
        list(epochs(model, data, TrainConfig(epochs=40, patience=40, batch_size=64, learning_rate=0.02, device="cpu")))
        members = model.trace().hypergraph["image"].membership.items.argmax(1).numpy()
        agreement[name] = normalized_mutual_info_score(groups, members)
    assert agreement["found"] > 0.95
    assert agreement["found"] > agreement["published"] + 0.2
    trace = model.trace()
    users, items = (trace.attention.reads[part] for part in (slice(None, data.n_users), slice(data.n_users, None)))
    score = ((users @ model.attention.query) @ (items @ model.attention.key).T).detach().numpy()
    same = (np.arange(data.n_users)[:, None] % 4) == groups[None]
    assert score[same].mean() > score[~same].mean() + score.std()


def test_more_hyperedges_than_items_are_learned_too():
    data = lab.studio(seed=0, n_users=40, n_items=12, n_groups=3, n_interactions=200)
    chosen = lab.preset("studio_found")
    model = lab.SRGFormer(data, chosen.model.replace(embedding_dim=8, n_heads=2, n_hyperedges=50))
    records = list(lab.epochs(model, data, chosen.train.replace(epochs=2, batch_size=64, device="cpu")))
    assert all(math.isfinite(loss) for record in records for loss in record.losses.values())
    homes = model.eval().trace().hypergraph["image"].membership.items
    assert homes.shape == (12, 50)
    torch.testing.assert_close(homes.sum(1), torch.ones(12))


def test_memberships_that_nothing_teaches_stay_as_they_were_drawn():
    data = lab.studio(seed=0, n_users=40, n_items=12, n_groups=3, n_interactions=200)
    chosen = lab.preset("studio_found")
    model = lab.SRGFormer(data, chosen.model.replace(embedding_dim=8, n_heads=2, membership_objective="none"))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    list(lab.epochs(model, data, chosen.train.replace(epochs=2, batch_size=64, device="cpu")))
    still = {name for name, weight in model.state_dict().items() if torch.equal(weight, before[name])}
    assert still == {f"implicit_attribute.{name}" for name in data.modalities}


def test_names_of_what_is_taught_alone_are_those_of_the_weights():
    names = [name for name, _ in build(shop(), found()).named_parameters()]
    assert {name for name in names if name.startswith(TAUGHT_ALONE)} == ATTRIBUTES | SCORING


@pytest.mark.parametrize(("features", "agreement"), [("raw", 0.0), ("unit", math.nan)])
def test_features_that_are_all_alike_put_all_items_into_hyperedges_alike(features, agreement):
    """Nothing tells items apart, so nothing can be found: all have one row, in one hyperedge, or centred in all of them alike."""
    data = lab.studio(seed=0, n_users=40, n_items=12, n_groups=3, n_interactions=200)
    data = replace(data, features={name: np.full_like(matrix, 17.0) for name, matrix in data.features.items()})
    chosen = lab.preset("studio_found")
    model = lab.SRGFormer(data, chosen.model.replace(embedding_dim=8, n_heads=2, membership_features=features))
    records = list(lab.epochs(model, data, chosen.train.replace(epochs=2, batch_size=64, device="cpu")))
    assert all(math.isfinite(loss) for record in records for loss in record.losses.values())
    homes = model.eval().trace().hypergraph["text"].membership.items
    torch.testing.assert_close(homes, homes[:1].expand_as(homes))
    np.testing.assert_equal(lab.against_labels(model.trace(), data, "text", lab.visible_labels(data, "text")).nmi, agreement)
