"""Training triples: what may be a positive, what may be a negative, and how both are drawn."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab.models.sampling import TripleSampler
from tests.oracle import reference
from tests.worlds import recipes, world

RELAXED = settings(max_examples=40, deadline=None)


def run(seed=0):
    return torch.Generator().manual_seed(seed)


@RELAXED
@given(recipes(max_modalities=0), st.integers(1, 40), st.integers(0, 2**16))
def test_every_pair_is_a_positive_once_and_no_negative_is_known(recipe, batch_size, seed):
    """A user who has every item that occurs in training has no negative, and is skipped."""
    data = recipe.make()
    R = reference.interaction_matrix(data)
    pool = set(torch.from_numpy(R.sum(0)).nonzero().flatten().tolist())
    expected = [(u, i) for u, i in data.pairs("train").tolist() if R[u].sum() < len(pool)]
    sampler = TripleSampler(data)
    batches = list(sampler.batches(batch_size, run(seed)))
    assert len(batches) == sampler.n_batches(batch_size) == math.ceil(len(expected) / batch_size)
    assert [len(batch.user) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    triples = [triple for batch in batches for triple in zip(*(rows.tolist() for rows in batch), strict=True)]
    assert sorted((user, positive) for user, positive, _ in triples) == sorted(expected)
    assert all(R[user, negative] == 0 and negative in pool for user, _, negative in triples)


def test_the_order_is_shuffled_and_decided_by_the_generator():
    data = world([(user, item) for user in range(10) for item in range(user, user + 5)], 10, 15)
    sampler = TripleSampler(data)
    (first,), (again,), (other,) = (list(sampler.batches(1000, run(seed))) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.user, other.user)
    assert first.user.tolist() != sorted(first.user.tolist())


def test_negatives_are_uniform_over_what_the_user_may_be_given():
    """User 0 has one of four items; item 4 occurs in no training pair, so it is never drawn."""
    data = world([(0, 0), (1, 1), (1, 2), (2, 3)], 3, 5)
    sampler, draws = TripleSampler(data), run()
    counts = torch.zeros(5)
    for _ in range(1000):
        for batch in sampler.batches(100, draws):
            counts += torch.bincount(batch.negative[batch.user == 0], minlength=5)
    assert counts[[0, 4]].tolist() == [0, 0]
    assert (counts / 1000).tolist()[1:4] == pytest.approx([1 / 3] * 3, abs=0.06)
