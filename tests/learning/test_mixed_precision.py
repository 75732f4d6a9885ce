"""Products in bfloat16 while training: what they change, by how little, and what they must not touch."""

import pytest
import torch

from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.step import in_bfloat16
from srgformer_lab.training.evaluation import evaluate
from srgformer_lab.training.loop import epochs
from tests.learning.test_step import watched
from tests.worlds import planted, scatter, shop, small, triples

HEAVY = TrainConfig(regularization_weight=0.3, hypergraph_contrast_weight=0.2, modality_contrast_weight=0.1, contrast_temperature=0.4)
QUICK = TrainConfig(epochs=10, batch_size=64, learning_rate=0.02, device="cpu", modality_contrast_weight=1e-4)
ROUNDING = 2.0**-8
"""Half the distance between 1 and the next number with eight bits."""


def step_of(seed, is_mixed, **changes):
    """(terms, gradients, pass) of one training step in single precision, with noise and dropout."""
    data = shop(n_users=30, n_items=20, density=0.2)
    model = scatter(SRGFormer(data, small(embedding_dim=12, dropout=0.3, **changes)), seed).train()
    model.start_epoch(torch.Generator().manual_seed(seed))
    steps = watched(model)
    terms = model.losses(Batch(*triples(data, 20, seed)), HEAVY.replace(mixed_precision=is_mixed))
    sum(terms.values()).backward()
    ((*_, made),) = steps
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {name: term.item() for name, term in terms.items()}, gradients, made


@pytest.mark.parametrize("seed", range(4))
def test_losses_and_gradients_stay_near_those_of_single_precision(seed):
    """Over forty seeds the terms were off by at most 2.1e-3, 4.6e-4, 1.5e-7 and 3.7e-4, the gradients by at most 2.6 %."""
    (plain, gradients, _), (mixed, rounded, _) = (step_of(seed, is_mixed) for is_mixed in (False, True))
    bounds = {"ranking": 1e-2, "regularization": 3e-3, "hypergraph_contrast": 1e-6, "modality_contrast": 3e-3}
    for name, bound in bounds.items():
        assert mixed[name] == pytest.approx(plain[name], rel=bound), name
    assert mixed["ranking"] != plain["ranking"]
    assert mixed["modality_contrast"] != plain["modality_contrast"]
    for name, gradient in gradients.items():
        assert rounded[name].dtype == torch.float32
        assert rounded[name].isfinite().all()
        assert (rounded[name] - gradient).norm() < 0.06 * gradient.norm(), name


def test_memberships_and_what_flows_through_hyperedges_are_computed_in_single_precision():
    """X V is the single product to the bit; beside W, in one product, its last bits fall otherwise."""
    (*_, plain), (*_, mixed) = (step_of(3, is_mixed) for is_mixed in (False, True))
    model = scatter(SRGFormer(shop(n_users=30, n_items=20, density=0.2), small(embedding_dim=12)), 3)
    for name, part in mixed.hypergraph.items():
        attribute = model.implicit_attribute[name]
        assert torch.equal(part.logits.items, model.features[name].values @ attribute)
        other = plain.hypergraph[name]
        for side in ("users", "items"):
            ours, theirs = (getattr(trace.membership, side) for trace in (part, other))
            assert torch.equal(ours == 0, theirs == 0), "the same entries are dropped"
            torch.testing.assert_close(ours, theirs, rtol=3e-5, atol=1e-6)
        torch.testing.assert_close(part.embedding.values, other.embedding.values, rtol=1e-4, atol=1e-5)
    assert torch.equal(mixed.collaborative.values, plain.collaborative.values)


@pytest.mark.parametrize("n_modality_layers", [0, 2])
def test_projections_are_rounded_to_eight_bits_and_no_further(n_modality_layers):
    (*_, plain), (*_, mixed) = (step_of(5, is_mixed, n_modality_layers=n_modality_layers) for is_mixed in (False, True))
    for ours, theirs in [
        (mixed.attention.value, plain.attention.value),
        *((mixed.modality[name].values, plain.modality[name].values) for name in plain.modality),
    ]:
        assert ours.dtype == torch.float32
        gap = (ours - theirs).norm() / theirs.norm()
        assert 0.1 * ROUNDING < gap < 2 * ROUNDING


def test_a_product_has_the_gradients_of_rounded_factors():
    left, right = (torch.randn(5, 5, generator=torch.Generator().manual_seed(seed)).requires_grad_() for seed in (1, 2))
    product = in_bfloat16(left, right)
    rounded = left.detach().bfloat16().float() @ right.detach().bfloat16().float()
    torch.testing.assert_close(product, rounded, rtol=2 * ROUNDING, atol=1e-6)
    product.sum().backward()
    for factor, expected in ((left, right.detach().sum(1).expand(5, 5)), (right, left.detach().sum(0)[:, None].expand(5, 5))):
        torch.testing.assert_close(factor.grad, expected, rtol=0.02, atol=0.03)


def test_a_reading_is_never_rounded():
    data = shop()
    model = scatter(SRGFormer(data, small()))
    before = model.trace().fused.values
    list(epochs(model, data, HEAVY.replace(epochs=1, batch_size=8, mixed_precision=True, learning_rate=1e-9, device="cpu")))
    torch.testing.assert_close(model.trace().fused.values, before, rtol=1e-5, atol=1e-6)


def test_a_planted_world_is_learned_as_well_as_in_single_precision():
    data, found = planted(), []
    for is_mixed in (False, True):
        model = SRGFormer(data, ModelConfig(embedding_dim=16, n_id_layers=2, n_hyperedges=4, n_heads=2))
        train = TrainConfig(
            epochs=10, batch_size=64, learning_rate=0.02, device="cpu", modality_contrast_weight=1e-4, mixed_precision=is_mixed
        )
        records = list(epochs(model, data, train))
        found.append((records[-1].losses["ranking"], evaluate(model, data, "test", (4,))["recall@4"]))
    (loss, recall), (loss_mixed, recall_mixed) = found
    assert loss_mixed != loss
    assert loss_mixed == pytest.approx(loss, rel=0.02)
    assert recall_mixed > recall - 0.05
