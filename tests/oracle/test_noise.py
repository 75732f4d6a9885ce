"""What training adds to the memberships: Gumbel noise with its own law, dropout with its own share, both from one generator."""

import math

import numpy as np
import pytest
import torch

from srgformer_lab import runtime
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.edits import noisy_memberships
from tests.worlds import build, random_features, shop, small, world


def run(seed=0):
    return torch.Generator().manual_seed(seed)


def training_pass(model, seed, nodes=None):
    model.train()
    model.start_epoch(run(seed))
    return model(nodes)


def rows_of(trace):
    return [getattr(part.membership, side).detach() for part in trace.hypergraph.values() for side in ("users", "items")]


@pytest.fixture(scope="module")
def wide():
    """Many items, so that one pass holds thousands of draws; the logits stay near 0."""
    rng = np.random.default_rng(2)
    n_users, n_items = 1500, 1500
    train = [(user, user % n_items) for user in range(n_users)]
    return world(train, n_users, n_items, random_features(rng, n_items, ("image", "text"), scale=0.7))


def test_noise_changes_memberships_and_their_rows_still_sum_to_one():
    model = build(shop())
    quiet = rows_of(model.trace())
    for noisy, still in zip(rows_of(training_pass(model, 1)), quiet, strict=True):
        torch.testing.assert_close(noisy.sum(1), torch.ones(len(noisy), dtype=noisy.dtype))
        assert (noisy - still).abs().max() > 0.05


def test_users_items_and_modalities_draw_apart():
    data = shop(("image", "text"), n_users=6, n_items=6)
    model = build(data)
    with torch.no_grad():
        for attribute in model.implicit_attribute.values():
            attribute.zero_()
    drawn = rows_of(training_pass(model, 1))
    assert all((drawn[a] - drawn[b]).abs().max() > 0.05 for a in range(4) for b in range(a))


def test_the_generator_alone_decides_the_draws_whatever_nodes_are_asked_for():
    model = build(shop(), small(dropout=0.5))
    first, again = rows_of(training_pass(model, 1)), rows_of(training_pass(model, 1, torch.tensor([0, 9])))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], rows_of(training_pass(model, 2))[0])
    training_pass(model, 1)
    assert not torch.equal(first[0], rows_of(model())[0]), "the next pass of the epoch must draw anew"


def test_the_global_generator_neither_matters_nor_moves():
    model = build(shop(), small(dropout=0.5))
    torch.manual_seed(1)
    first = rows_of(training_pass(model, 1))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again = rows_of(training_pass(model, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_noise_follows_the_gumbel_law(wide):
    """With two hyperedges τ·ln(H_1/H_2) − (S_1 − S_2) is logistic: mean 0, variance π²/3, and its quartiles at ±ln 3."""
    model = build(wide, small(n_hyperedges=2), scale=0.3)
    draws = []
    for part in training_pass(model, 3).hypergraph.values():
        for side in ("users", "items"):
            membership, logits = getattr(part.membership, side).detach(), getattr(part.logits, side).detach()
            draws.append(0.5 * (membership[:, 0].log() - membership[:, 1].log()) - (logits[:, 0] - logits[:, 1]))
    draws = torch.cat(draws)
    deviation = math.pi / math.sqrt(3)
    assert abs(draws.mean().item()) < 4 * deviation / math.sqrt(len(draws))
    assert draws.std().item() == pytest.approx(deviation, rel=0.04)
    quartiles = torch.quantile(draws, torch.tensor([0.25, 0.75], dtype=draws.dtype)).tolist()
    assert quartiles == pytest.approx([-math.log(3), math.log(3)], abs=0.15)


@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_the_strongest_hyperedge_is_drawn_by_the_softmax_of_the_logits(wide, temperature):
    """The Gumbel-max property, whatever the temperature: P(k is strongest) = softmax(S)_k."""
    model = build(wide, small(n_hyperedges=3, membership_temperature=temperature), scale=0.4)
    part = training_pass(model, 5).hypergraph["image"]
    strongest = part.membership.items.argmax(1)
    expected = torch.softmax(part.logits.items.detach(), dim=1).mean(0)
    frequency = torch.bincount(strongest, minlength=3) / len(strongest)
    torch.testing.assert_close(frequency.double(), expected, rtol=0, atol=4 * 0.5 / math.sqrt(len(strongest)))


@pytest.mark.parametrize("dropout", [0.25, 0.6])
def test_dropout_drops_its_share_and_scales_the_rest_up(wide, dropout):
    """Rows that lost nothing sum to one over the keep rate; over all rows the mean stays 1."""
    config = small(n_hyperedges=3, membership_temperature=1.0, dropout=dropout)
    dropped = rows_of(training_pass(build(wide, config, scale=0.3), 4))
    for rows in dropped:
        share = (rows == 0).double().mean().item()
        assert share == pytest.approx(dropout, abs=4 * 0.5 / math.sqrt(rows.numel()))
        complete = rows[(rows > 0).all(1)]
        torch.testing.assert_close(complete.sum(1), torch.full((len(complete),), 1 / (1 - dropout), dtype=rows.dtype))
        assert rows.sum(1).mean().item() == pytest.approx(1, abs=0.05)


def test_entries_are_dropped_one_by_one_and_not_by_rows(wide):
    rows = rows_of(training_pass(build(wide, small(n_hyperedges=3, dropout=0.5), scale=0.3), 4))[0]
    lost = (rows == 0).sum(1)
    frequency = (torch.bincount(lost, minlength=4) / len(lost)).tolist()
    assert frequency == pytest.approx([1 / 8, 3 / 8, 3 / 8, 1 / 8], abs=0.05)


def test_one_mask_serves_all_layers():
    """Λ and Z of three layers follow from the one pair of memberships that the pass shows."""
    data = shop()
    model = build(data, small(n_hypergraph_layers=3, dropout=0.5, membership_temperature=1.0))
    trace = training_pass(model, 2)
    for part in trace.hypergraph.values():
        items = trace.collaborative.items
        for _ in range(3):
            hyperedges = part.membership.items.T @ items * 3 / data.n_items
            items = part.membership.items @ hyperedges
        torch.testing.assert_close(part.embedding.values, torch.cat([part.membership.users @ hyperedges, items]))


# ------------------------------------------------------------------------------------------------------ noise while reading


def replayed(rows, *keys):
    """Standard Gumbel draws of the generator that these keys name."""
    draws = runtime.generator("cpu", *keys)
    return -torch.empty_like(rows).exponential_(generator=draws).log()


@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_noise_that_is_put_in_is_the_softmax_of_noisy_logits(temperature):
    model = build(shop(), small(membership_temperature=temperature))
    with model.edit(*noisy_memberships("text", temperature, seed=3)):
        trace = model.trace()
    for side in ("users", "items"):
        part, logits = trace.hypergraph["text"], getattr(trace.hypergraph["text"].logits, side)
        expected = torch.softmax((logits + replayed(logits, 3, "text", side)) / temperature, dim=1)
        torch.testing.assert_close(getattr(part.membership, side), expected, rtol=0, atol=1e-10)
        assert (expected - torch.softmax(logits / temperature, dim=1)).abs().max() > 0.05
        quiet = torch.softmax(getattr(trace.hypergraph["image"].logits, side) / temperature, dim=1)
        torch.testing.assert_close(getattr(trace.hypergraph["image"].membership, side), quiet)


def test_a_seed_decides_the_noise_that_is_put_in_and_sides_and_modalities_draw_apart():
    data = shop(n_users=6, n_items=6)
    model, found = build(data), []
    with torch.no_grad():
        for attribute in model.implicit_attribute.values():
            attribute.zero_()
    for seed in (1, 1, 2):
        state = torch.get_rng_state()
        with model.edit(*noisy_memberships("image", 0.5, seed), *noisy_memberships("text", 0.5, seed)):
            assert torch.equal(model.trace().fused.values, model.trace().fused.values)
            found.append(rows_of(model.trace()))
        assert torch.equal(state, torch.get_rng_state())
    first, again, other = found
    assert all(torch.equal(one, same) for one, same in zip(first, again, strict=True))
    drawn = [*first, *other]
    assert all((drawn[a] - drawn[b]).abs().max() > 0.05 for a in range(8) for b in range(a))


@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_over_seeds_the_strongest_hyperedge_is_drawn_by_the_softmax_of_the_logits(temperature):
    """Gumbel-max: P(k is strongest) = softmax(S)_k, entry by entry within five deviations of a binomial share."""
    logits, n_seeds = torch.randn(4, 3, generator=run(8), dtype=torch.float64), 2000
    membership, counts = torch.softmax(logits / temperature, dim=1), torch.zeros(2, 4, 3, dtype=torch.float64)
    for seed in range(n_seeds):
        for side, edit in enumerate(noisy_memberships("image", temperature, seed)):
            counts[side][torch.arange(4), edit.change(membership).argmax(1)] += 1
    expected = torch.softmax(logits, dim=1)
    bound = 5 * (expected * (1 - expected) / n_seeds).sqrt() + 1 / n_seeds
    assert ((counts / n_seeds - expected).abs() < bound).all()


def test_a_membership_that_rounded_to_nothing_stays_a_membership():
    membership = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    for edit in noisy_memberships("image", 0.2):
        found = edit.change(membership)
        assert found.isfinite().all()
        torch.testing.assert_close(found.sum(1), torch.ones(2))
        assert found[:, 2].max() < 1e-20
        assert found[0, 0] == 1


@pytest.mark.parametrize("temperature", [0.0, -1.0, 0.01, math.nan])
def test_noise_needs_a_temperature_that_a_model_may_have(temperature):
    with pytest.raises(ConfigError, match="membership_temperature="):
        noisy_memberships("image", temperature)


def test_raw_logits_of_the_released_form_take_no_noise_and_the_refusal_says_what_to_do():
    model = build(shop(), small(as_released=True))
    of_image, of_text = noisy_memberships("image", 0.5), noisy_memberships("text", 0.5)
    with pytest.raises(ConfigError, match=r"text memberships of the users don't sum to 1.*\[1\]"), model.edit(*of_text):
        model.trace()
    with model.edit(*of_image, of_text[1]):
        trace = model.trace()
    text = trace.hypergraph["text"]
    assert torch.equal(text.membership.users, text.logits.users)
    assert (text.membership.items - torch.softmax(text.logits.items / 0.5, dim=1)).abs().max() > 0.05
    expected = torch.softmax((text.logits.users + replayed(text.logits.users, 0, "image", "users")) / 0.5, dim=1)
    torch.testing.assert_close(trace.hypergraph["image"].membership.users, expected, rtol=0, atol=1e-10)


def test_evaluation_is_free_of_noise_and_dropout():
    noisy, plain = build(shop(), small(dropout=0.9)), build(shop(), small(dropout=0.0))
    assert torch.equal(noisy.eval()().fused.values, plain.trace().fused.values)
    assert torch.equal(noisy.train().trace().fused.values, plain.trace().fused.values)
