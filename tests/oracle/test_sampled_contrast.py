"""Contrasts against a sample: exact where the sample is everything, unbiased where it is not, and drawn from the epoch's draws alone."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab.config import TrainConfig
from srgformer_lab.models.losses import Anchors, anchors, info_nce
from srgformer_lab.models.sampling import Batch
from tests.oracle import reference
from tests.worlds import build, shop, small, triples

HEAVY = TrainConfig(hypergraph_contrast_weight=0.2, modality_contrast_weight=0.1, contrast_temperature=0.4)
CONTRASTS = ("hypergraph_contrast", "modality_contrast")


def run(seed=0):
    return torch.Generator().manual_seed(seed)


def pair(n_rows, width=3, seed=0):
    draws = run(seed)
    return tuple(torch.randn(n_rows, width, generator=draws, dtype=torch.float64).requires_grad_() for _ in range(2))


def one(row):
    return torch.tensor([row]), torch.tensor([1])


@pytest.mark.parametrize("n_against", [0, 6, 7, 1000])
def test_a_sample_of_all_rows_or_more_is_the_exact_loss_and_takes_no_draw(n_against):
    (query, key), rows, draws = pair(6), torch.tensor([5, 0, 0, 3]), run(1)
    state = draws.get_state()
    chosen = anchors(rows, 6, n_against, draws)
    assert chosen.against is None
    assert torch.equal(draws.get_state(), state)
    assert info_nce(query, key, chosen, 0.2).item() == pytest.approx(reference.info_nce(query, key, rows, 0.2).item(), rel=1e-12)


def test_a_sample_that_names_every_row_is_the_exact_loss():
    """In any order; and so is its gradient."""
    (query, key), rows = pair(6), torch.tensor([5, 0, 0, 3])
    row, count, _ = anchors(rows, 6)
    ours = info_nce(query, key, Anchors(row, count, torch.tensor([3, 1, 5, 0, 4, 2])), 0.2)
    dense = reference.info_nce(query, key, rows, 0.2)
    torch.testing.assert_close(ours, dense, rtol=1e-12, atol=0)
    for found, expected in zip(*(torch.autograd.grad(loss, (query, key)) for loss in (ours, dense)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    n_rows=st.integers(2, 9),
    n_against=st.integers(1, 9),
    batch=st.lists(st.integers(0, 8), min_size=1, max_size=12),
    seed=st.integers(0, 2**16),
)
def test_a_drawn_sample_holds_distinct_rows_of_the_asked_number(n_rows, n_against, batch, seed):
    rows = torch.tensor([row % n_rows for row in batch])
    chosen = anchors(rows, n_rows, n_against, run(seed))
    assert sorted(torch.repeat_interleave(chosen.row, chosen.count).tolist()) == sorted(rows.tolist())
    if n_against >= n_rows:
        assert chosen.against is None
    else:
        assert len(set(chosen.against.tolist())) == len(chosen.against) == n_against
        assert set(chosen.against.tolist()) <= set(range(n_rows))


def test_every_row_is_drawn_equally_often():
    """2000 samples of 2 in 5: each row is in 800 of them, give or take four standard deviations of 22."""
    draws = run(2)
    drawn = torch.cat([anchors(torch.tensor([0]), 5, 2, draws).against for _ in range(2000)])
    assert (torch.bincount(drawn, minlength=5) - 800).abs().max() < 4 * 22


@pytest.mark.parametrize("n_against", [1, 2, 3, 4])
@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
def test_over_all_samples_the_estimated_denominator_is_the_exact_one_on_average(n_against, temperature):
    """From the loss of one anchor, T = exp(loss + cos/τ); samples with the anchor and without it both count."""
    query, key = (values.detach() for values in pair(5))
    cosine = reference.nz(query) @ reference.nz(key).T
    exact = torch.exp(cosine / temperature).sum(1)
    for row in range(5):
        losses = [
            info_nce(query, key, Anchors(*one(row), torch.tensor(sample)), temperature) for sample in combinations(range(5), n_against)
        ]
        denominators = torch.exp(torch.stack(losses) + cosine[row, row] / temperature)
        assert denominators.mean().item() == pytest.approx(exact[row].item(), rel=1e-9)
        assert (denominators >= torch.exp(cosine[row, row] / temperature) * (1 - 1e-9)).all(), "the positive is always in it"
        assert n_against == 4 or denominators.std() > 1e-3 * exact[row], "an estimate that never errs was not sampled"


def test_the_sampled_loss_is_its_formula_with_its_gradient():
    """Rows 0 and 3 are anchors, 3 and 4 are drawn: Σ_{x' ≠ x} is 6/2 times the drawn others, and the positive counts once."""
    query, key = pair(6)
    rows = torch.tensor([0, 0, 3])
    row, count, _ = anchors(rows, 6)
    raised = torch.exp(reference.nz(query) @ reference.nz(key).T / 0.3)
    total = {0: raised[0, 0] + 3 * (raised[0, 3] + raised[0, 4]), 3: raised[3, 3] + 3 * raised[3, 4]}
    expected = sum(torch.log(total[anchor] / raised[anchor, anchor]) for anchor in rows.tolist())
    ours = info_nce(query, key, Anchors(row, count, torch.tensor([4, 3])), 0.3, cells=2)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)
    for found, gradient in zip(*(torch.autograd.grad(loss, (query, key)) for loss in (ours, expected)), strict=True):
        torch.testing.assert_close(found, gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("against", [[3, 4], [1, 2], [0, 3], [3]], ids=str)
@pytest.mark.parametrize("cells", [1, 4, 1000])
def test_the_gradient_is_that_of_finite_differences(against, cells):
    row, count, _ = anchors(torch.tensor([3, 0, 0]), 6)
    chosen = Anchors(row, count, torch.tensor(against))
    assert torch.autograd.gradcheck(lambda query, key: info_nce(query, key, chosen, 0.3, cells=cells), pair(6))


# --------------------------------------------------------------------------------------------------------- inside the model


def losses_of(model, n_against, seed):
    model.start_epoch(run(seed))
    terms = model.losses(Batch(*triples(shop(), 9)), HEAVY.replace(contrast_sample=n_against))
    return {name: terms[name].item() for name in CONTRASTS}


def test_the_samples_depend_on_the_epochs_draws_alone():
    model = build(shop(), small()).eval()
    first = losses_of(model, 3, 1)
    torch.manual_seed(5)
    model.trace()
    assert losses_of(build(shop(), small()).eval(), 3, 1) == first
    other = losses_of(model, 3, 2)
    assert all(other[name] != first[name] for name in CONTRASTS)


@pytest.mark.parametrize("n_hyperedges", [3, 8])
def test_the_models_contrasts_use_their_sample(n_hyperedges):
    """Seven users and six items. A sample of six rows samples the users alone, and one of seven nothing."""
    model = build(shop(), small(n_hyperedges=n_hyperedges)).eval()
    exact = losses_of(model, 0, 1)
    assert losses_of(model, 7, 1) == exact
    assert all(abs(losses_of(model, 6, 1)[name] - exact[name]) > 1e-6 for name in CONTRASTS)
    estimates = [losses_of(model, 4, seed) for seed in range(60)]
    for name in CONTRASTS:
        values = torch.tensor([terms[name] for terms in estimates], dtype=torch.float64)
        assert values.std() > 1e-3 * exact[name]
        assert values.mean() < exact[name] + 4 * values.std() / 60**0.5, "a concave function of an unbiased estimate errs downwards"
        assert values.mean().item() == pytest.approx(exact[name], rel=0.05)


def test_both_contrasts_and_all_pairs_of_a_step_share_one_sample_a_side():
    """Two draws a step, users' and items', whatever the number of modalities."""
    data = shop(("image", "text", "audio"))
    model, by_hand = build(data).eval(), run(4)
    model.start_epoch(run(4))
    model.losses(Batch(*triples(data, 9)), HEAVY.replace(contrast_sample=3))
    for count in (data.n_users, data.n_items):
        torch.randperm(count, generator=by_hand)
    assert torch.equal(model._draws.get_state(), by_hand.get_state())


@pytest.mark.parametrize("against", [0, 4])
def test_some_of_a_batch_estimate_all_of_it_without_bias(against):
    """Over all rotations of a batch each row stands first as often, so the mean of the terms and gradients is that of the whole batch."""
    data, size = shop(), 6
    whole = triples(data, size)

    def terms(batch, n_rows):
        model = build(data, small()).train()
        model.start_epoch(run(4))
        found = model.losses(Batch(*batch), HEAVY.replace(modality_contrast_rows=n_rows, contrast_sample=against))
        value = torch.stack([found[name] for name in CONTRASTS])
        return torch.cat(
            [value.detach(), *(part.flatten() for part in torch.autograd.grad(value.sum(), list(model.projection.parameters())))]
        )

    rotated = [[part.roll(shift) for part in whole] for shift in range(size)]
    mean = torch.stack([terms(batch, 2) for batch in rotated]).mean(0)
    torch.testing.assert_close(mean, terms(whole, 0), rtol=1e-10, atol=1e-10)
    assert not torch.allclose(terms(rotated[0], 2), terms(rotated[1], 2))
    assert torch.equal(terms(whole, size), terms(whole, 0))
    assert torch.equal(terms(whole, size + 1), terms(whole, 0))
