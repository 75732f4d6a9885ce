"""The loss terms and their gradients equal the dense reference and its autograd, noise and dropout included."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from srgformer_lab.config import TrainConfig
from srgformer_lab.models import propagation
from srgformer_lab.models.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.models.losses import anchors, bpr, info_nce
from srgformer_lab.models.sampling import Batch
from tests.oracle import reference
from tests.worlds import build, float64, model_configs, recipes, shop, situations, small, triples

RELAXED = settings(max_examples=20, deadline=None)
TERMS = ["ranking", "regularization", "hypergraph_contrast", "modality_contrast"]
HEAVY = TrainConfig(regularization_weight=0.3, hypergraph_contrast_weight=0.2, modality_contrast_weight=0.1, contrast_temperature=0.4)


def run(seed=0):
    return torch.Generator().manual_seed(seed)


def assert_losses_agree(model, data, batch, train, noise=None, keep=None):
    """Compare every term, and the gradient of every parameter."""
    parameters = reference.parameters_of(model, requires_grad=True)
    outcome = reference.forward(parameters, data, model.config, noise, keep)
    assume(reference.is_generic(outcome, data))
    theirs = reference.loss_terms(outcome, batch, train)
    ours = model.losses(Batch(*batch), train)
    assert list(ours) == TERMS
    for name in TERMS:
        assert ours[name].item() == pytest.approx(theirs[name].item(), rel=1e-7, abs=1e-8), name
    gradients = torch.autograd.grad(sum(theirs.values()), list(parameters.values()), allow_unused=True, materialize_grads=True)
    model.zero_grad()
    sum(ours.values()).backward()
    largest = max(gradient.abs().max().item() for gradient in gradients)
    for (name, parameter), expected in zip(model.named_parameters(), gradients, strict=True):
        found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(
            found, expected, rtol=1e-6, atol=1e-8 * (1 + largest), msg=lambda text, name=name: f"gradient of {name}: {text}"
        )


@RELAXED
@given(situations(), st.integers(1, 9))
def test_every_loss_term_and_gradient_equals_the_reference(situation, size):
    data, config, seed, scale = situation
    assert_losses_agree(build(data, config, seed, min(scale, 1.0)), data, triples(data, size, seed), HEAVY)


@RELAXED
@given(recipes(min_modalities=3), model_configs(n_modalities=3))
def test_with_three_modalities_the_pairs_run_from_earlier_to_later(recipe, config):
    data = recipe.make()
    model = build(data, config, 1)
    batch = triples(data, 5)
    assert_losses_agree(model, data, batch, HEAVY)


@pytest.mark.parametrize("modalities", [(), ("image",), ("text",)])
def test_with_fewer_than_two_modalities_the_contrasts_vanish(modalities):
    data = shop(modalities)
    terms = build(data).losses(Batch(*triples(data, 5)), HEAVY)
    assert terms["hypergraph_contrast"] == 0
    assert terms["modality_contrast"] == 0


@RELAXED
@given(situations(min_modalities=2, max_modalities=2, attention_scale=0.0, as_released=False, normalize_features=False), st.integers(1, 9))
def test_without_attention_and_modality_contrast_the_loss_is_lgmrecs(situation, size):
    data, config, seed, scale = situation
    model = build(data, config, seed, scale)
    assume(reference.is_generic(reference.forward(reference.parameters_of(model), data, config), data))
    fused, _, hyper = reference.lgmrec_numpy(reference.parameters_of(model), data, config)
    batch = triples(data, size, seed)
    expected = reference.lgmrec_loss_numpy(
        fused, hyper, data.n_users, batch, regularization_weight=0.3, contrast_weight=0.2, contrast_temperature=0.4
    )
    train = HEAVY.replace(modality_contrast_weight=0)
    assert sum(model.losses(Batch(*batch), train).values()).item() == pytest.approx(expected, rel=1e-8)


def test_lightgcn_regularises_its_layer_zero_rows():
    data, batch = shop(()), triples(shop(()), 9)
    with float64():
        model = LightGCN(data, LightGCNConfig(embedding_dim=4, n_layers=2))
    parameters = reference.parameters_of(model)
    users, items = parameters["user_embedding"], parameters["item_embedding"]
    layers = reference.lightgcn_numpy(reference.interaction_matrix(data), torch.cat([users, items]).numpy(), 2)
    e_u, e_p, e_q = (torch.from_numpy(layers[rows]) for rows in (batch[0], data.n_users + batch[1], data.n_users + batch[2]))
    norms = users[batch[0]].norm() + items[batch[1]].norm() + items[batch[2]].norm()
    terms = model.losses(Batch(*batch), TrainConfig(regularization_weight=0.5))
    assert terms["ranking"].item() == pytest.approx(reference.bpr((e_u * e_p).sum(1), (e_u * e_q).sum(1)).item(), rel=1e-10)
    assert terms["regularization"].item() == pytest.approx(0.5 * norms.item() / 9, rel=1e-10)


# ------------------------------------------------------------------------------------------------------------------ InfoNCE


@settings(max_examples=40, deadline=None)
@given(
    n_rows=st.integers(1, 40),
    width=st.integers(1, 5),
    size=st.integers(1, 60),
    block=st.sampled_from([1, 2, 7, 64]),
    temperature=st.sampled_from([0.05, 0.2, 1.0]),
    seed=st.integers(0, 2**16),
)
def test_streamed_info_nce_equals_the_dense_one_with_its_gradient(n_rows, width, size, block, temperature, seed):
    """Rows repeat in the batch; the gradient is taken of a multiple, as it is inside a weighted sum."""
    draws = run(seed)
    query, key = (torch.randn(n_rows, width, generator=draws, dtype=torch.float64).requires_grad_() for _ in range(2))
    rows = torch.randint(n_rows, (size,), generator=draws)
    dense, ours = (
        reference.info_nce(query, key, rows, temperature),
        info_nce(query, key, anchors(rows, n_rows), temperature, cells=block * n_rows),
    )
    torch.testing.assert_close(ours, dense, rtol=1e-10, atol=1e-10)
    expected = torch.autograd.grad(-2.5 * dense, (query, key))
    for found, gradient in zip(torch.autograd.grad(-2.5 * ours, (query, key)), expected, strict=True):
        torch.testing.assert_close(found, gradient, rtol=1e-8, atol=1e-8)


def test_streamed_info_nce_has_the_gradient_that_finite_differences_have():
    draws = run(4)
    query, key = (torch.randn(6, 3, generator=draws, dtype=torch.float64).requires_grad_() for _ in range(2))
    rows = torch.tensor([5, 0, 0, 3])
    assert torch.autograd.gradcheck(lambda a, b: info_nce(a, b, anchors(rows, 6), 0.2, cells=12), (query, key))


def test_one_tensor_may_be_query_and_key():
    values = torch.randn(6, 3, generator=run(), dtype=torch.float64).requires_grad_()
    rows = torch.tensor([1, 2, 2])
    (ours,) = torch.autograd.grad(info_nce(values, values, anchors(rows, 6), 0.2), values)
    (dense,) = torch.autograd.grad(reference.info_nce(values, values, rows, 0.2), values)
    torch.testing.assert_close(ours, dense)


def test_info_nce_of_equal_vectors_at_the_lowest_temperature_is_finite_in_single_precision():
    """All cosines are 1, so that each row's share is one in a thousand at any temperature."""
    values = torch.ones(1000, 4).requires_grad_()
    loss = info_nce(values, values, anchors(torch.arange(1000), 1000), 0.05)
    loss.backward()
    assert loss.item() == pytest.approx(1000 * math.log(1000), rel=1e-4)
    assert values.grad.isfinite().all()


def test_info_nce_of_a_zero_vector_is_uniform():
    key = torch.randn(5, 3, generator=run(), dtype=torch.float64)
    zero, row = torch.zeros(5, 3, dtype=torch.float64), anchors(torch.tensor([2]), 5)
    assert info_nce(zero, key, row, 0.2).item() == pytest.approx(math.log(5))


def test_bpr_does_not_overflow():
    far = torch.tensor([-500.0, 500.0])
    assert bpr(far, torch.zeros(2)).item() == pytest.approx(250)


# --------------------------------------------------------------------------------------------------------- while training


def inferred_noise(trace, config):
    """The Gumbel draws that explain a training pass's memberships, up to a constant a row, which the softmax doesn't see."""
    names, noise = list(trace.hypergraph), {}
    for name, part in trace.hypergraph.items():
        for side in ("users", "items"):
            of = names[1] if config.as_released and side == "users" else name
            if config.as_released and side == "users" and name == names[1]:
                continue
            logits = getattr(trace.hypergraph[of].logits, side).detach()
            noise[name, side] = config.membership_temperature * getattr(part.membership, side).detach().log() - logits
    return noise


@RELAXED
@given(situations(min_modalities=1), st.integers(0, 2**16))
def test_training_losses_and_gradients_equal_the_reference_under_the_same_noise(situation, seed):
    data, config, parameter_seed, scale = situation
    model = build(data, config, parameter_seed, min(scale, 1.0)).train()
    model.start_epoch(run(seed))
    noise = inferred_noise(model(), config)
    model.start_epoch(run(seed))
    assert_losses_agree(model, data, triples(data, 6, seed), HEAVY, noise)


@RELAXED
@given(st.integers(0, 2**16), st.sampled_from([0.3, 0.6]), st.integers(1, 3))
def test_training_losses_and_gradients_equal_the_reference_under_the_same_dropout(seed, dropout, n_layers):
    """With two hyperedges a kept entry tells the dropped one, and a row that lost both has no gradient."""
    data, config = shop(), small(n_hyperedges=2, dropout=dropout, n_hypergraph_layers=n_layers, membership_temperature=1.0)
    model = build(data, config, seed).train()
    model.start_epoch(run(seed))
    noise, keep = {}, {}
    for name, part in model().hypergraph.items():
        for side in ("users", "items"):
            dropped = getattr(part.membership, side).detach()
            kept, full = dropped > 0, dropped * (1 - dropout)
            full = torch.where(kept.sum(1, keepdim=True) == 1, torch.where(kept, full, 1 - full.sum(1, keepdim=True)), full)
            full = torch.where(kept.any(1, keepdim=True), full, torch.full_like(full, 0.5))
            noise[name, side] = config.membership_temperature * full.log() - getattr(part.logits, side).detach()
            keep[name, side] = kept / (1 - dropout)
    model.start_epoch(run(seed))
    assert_losses_agree(model, data, triples(data, 6, seed), HEAVY, noise, keep)


# --------------------------------------------------------------------------------------------------- who gets a gradient


def silent_parameters(training, **changes):
    """The names of parameters whose gradient is 0 throughout."""
    data = shop()
    train = HEAVY.replace(hypergraph_contrast_weight=0, modality_contrast_weight=0) if changes.pop("no_contrast", False) else HEAVY
    model = build(data, small(**changes)).train(training)
    model.start_epoch(run())
    sum(model.losses(Batch(*triples(data, 20)), train).values()).backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())
    return {name for name, parameter in model.named_parameters() if parameter.grad is None or parameter.grad.abs().max() < 1e-12}


MAPS = {"attention.query", "attention.key", "attention.value"}
ATTRIBUTES = {"implicit_attribute.image", "implicit_attribute.text"}


@pytest.mark.parametrize(
    ("changes", "silent"),
    [
        ({}, set()),
        ({"no_contrast": True}, set()),
        ({"hypergraph_scale": 0.0}, set()),
        ({"n_hyperedges": 1}, ATTRIBUTES),
        ({"attention_scale": 0.0}, MAPS),
        ({"hypergraph_scale": 0.0, "no_contrast": True}, ATTRIBUTES),
        ({"n_id_layers": 0, "n_modality_layers": 0}, set()),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_every_parameter_gets_a_gradient_except_by_construction(changes, silent, training):
    assert silent_parameters(training, **changes) == silent


def test_dropout_leaves_every_parameter_its_gradient():
    assert silent_parameters(training=True, dropout=0.5) == set()


def test_every_row_of_the_embeddings_gets_a_gradient():
    data = shop()
    model = build(data).train()
    model.start_epoch(run())
    sum(model.losses(Batch(*triples(data, 20)), HEAVY).values()).backward()
    assert (model.user_embedding.grad.abs().sum(1) > 0).all()
    assert (model.item_embedding.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("n_modality_layers", [0, 1, 3])
def test_propagated_features_give_the_same_losses_and_gradients(monkeypatch, n_modality_layers):
    data = shop()
    batch = Batch(*triples(data, 9))
    found = {}
    for cost in (0, 1e9):  # never worth it, always worth it
        monkeypatch.setattr(propagation, "SPARSE_COST", cost)
        model = build(data, small(n_modality_layers=n_modality_layers)).train()
        model.start_epoch(torch.Generator().manual_seed(3))
        losses = model.losses(batch, TrainConfig(modality_contrast_weight=0.3, hypergraph_contrast_weight=0.2))
        sum(losses.values()).backward()
        assert (model.features["image"].propagated is not None) == (cost > 0)
        found[cost] = losses, {name: parameter.grad for name, parameter in model.named_parameters()}
    for first, second in zip(*found.values(), strict=True):
        for name, value in first.items():
            assert torch.allclose(value, second[name], rtol=1e-10, atol=1e-12), name


@pytest.mark.parametrize(
    ("changes", "weights", "silent"),
    [
        ({"attention_scale": 0.0}, {}, {"attention_score", "attention_weight", "attention_output"}),
        ({"hypergraph_scale": 0.0}, {"hypergraph_contrast_weight": 0.0}, {"user_membership", "item_membership", "hyperedges"}),
        ({"hypergraph_scale": 0.0}, {}, set()),
        ({}, {"hypergraph_contrast_weight": 0.0}, set()),
    ],
)
def test_a_step_leaves_out_what_no_term_reads_and_a_reading_leaves_out_nothing(changes, weights, silent):
    model = build(shop(), small(**changes)).train()
    model.start_epoch(run())
    called, everything = set(), set()
    for name, site in model.hooks.named_modules():
        if isinstance(site, torch.nn.Identity):
            group = name.partition(".")[0]
            everything.add(group)
            site.register_forward_hook(lambda *_, group=group: called.add(group))
    model.losses(Batch(*triples(shop(), 9)), HEAVY.replace(**weights))
    assert everything - called == silent
    model.trace()
    assert called >= everything
