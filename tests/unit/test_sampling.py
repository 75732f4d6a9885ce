"""Every training pair once an epoch, negatives that nobody has, and draws that depend on seed and epoch alone."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab import runtime
from srgformer_lab.model.sampling import TripleSampler
from tests import worlds


def draw(sampler, batch_size=4, key=0):
    batches = list(sampler.batches(batch_size, runtime.generator("cpu", key)))
    return batches, [torch.cat(part) for part in zip(*batches, strict=True)] if batches else []


@settings(deadline=None, max_examples=40)
@given(data=worlds.datasets(), batch_size=st.integers(1, 9), key=st.integers(0, 99))
def test_an_epoch_holds_each_pair_once_with_a_negative_from_training_that_the_user_lacks(data, batch_size, key):
    matrix = data.matrix("train").toarray() > 0
    pool = set(matrix.any(axis=0).nonzero()[0])
    learnable = {(user, item) for user, item in map(tuple, data.pairs("train")) if not pool <= set(matrix[user].nonzero()[0])}
    sampler = TripleSampler(data)
    batches, columns = draw(sampler, batch_size, key)
    assert len(batches) == sampler.n_batches(batch_size)
    if not learnable:
        assert not batches
        return
    user, positive, negative = (column.tolist() for column in columns)
    assert sorted(zip(user, positive, strict=True)) == sorted(learnable)
    assert all(item in pool and not matrix[one, item] for one, item in zip(user, negative, strict=True))
    assert all(len(batch.user) == batch_size for batch in batches[:-1])


def test_negatives_are_uniform_over_what_the_user_lacks():
    data = worlds.world([(0, 0), *((user, item) for user in (1, 2) for item in (1, 2, 3))], 3, 4)
    sampler = TripleSampler(data)
    counts = torch.zeros(4)
    for key in range(3000):
        _, (user, _, negative) = draw(sampler, 16, key)
        counts += torch.bincount(negative[user == 0], minlength=4)
    assert counts[0] == 0
    assert ((counts[1:] / counts.sum() - 1 / 3).abs() < 0.04).all()


def test_the_same_key_draws_the_same_epoch_and_another_key_another():
    sampler = TripleSampler(worlds.shop())
    first, again, other = (draw(sampler, key=key)[1] for key in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(torch.equal(one, two) for one, two in zip(first, other, strict=True))


def test_drawing_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    draw(TripleSampler(worlds.shop()))
    assert torch.equal(torch.random.get_rng_state(), before)
