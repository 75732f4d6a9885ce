"""Both ways of splitting give every user the numbers of the protocol, and differ in what they hold back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import srgformer_lab as lab
from srgformer_lab.data.splitting import selection_metric, sorted_by, split_by_protocol, split_by_time
from srgformer_lab.training.loop import cutoffs_for
from tests.worlds import world

histories = st.lists(st.integers(0, 45), min_size=1, max_size=12)
seeds = st.integers(0, 2**32)


def shuffled(lengths, seed):
    """Users and items of histories of these lengths, in some order."""
    user = np.repeat(np.arange(len(lengths)), lengths)
    item = np.concatenate([np.arange(length) for length in lengths])
    order = np.random.default_rng(seed).permutation(len(user))
    return user[order], item[order]


def protocol(n):
    """The rule as the specification says it, in floating point as the field computes it."""
    if n < 3:
        return [n, 0, 0]
    if n < 10:
        return [n - 2, 1, 1]
    h = int(np.floor(0.2 * n))
    return [n - h, h // 2, h - h // 2]


def counts(user, split, n_users):
    return np.stack([np.bincount(user[split == code], minlength=n_users) for code in range(3)], axis=1).tolist()


@given(histories, seeds)
def test_every_user_gets_the_protocols_numbers(lengths, seed):
    user, item = shuffled(lengths, seed)
    expected = [protocol(n) for n in lengths]
    timestamp = np.random.default_rng(seed).integers(0, 5, len(user))
    for split in (
        split_by_protocol(user, len(lengths), seed),
        split_by_protocol(user, len(lengths), seed, item),
        split_by_time(user, timestamp),
    ):
        assert len(split) == len(user)
        assert set(split.tolist()) <= {0, 1, 2}
        assert counts(user, split, len(lengths)) == expected


@pytest.mark.parametrize(
    ("n", "expected"), [(2, [2, 0, 0]), (3, [1, 1, 1]), (9, [7, 1, 1]), (10, [8, 1, 1]), (15, [12, 1, 2]), (20, [16, 2, 2])]
)
def test_numbers_at_the_borders(n, expected):
    user = np.zeros(n, dtype=int)
    assert counts(user, split_by_protocol(user, 1, 999), 1) == [expected]


@given(histories, seeds, seeds)
def test_with_items_the_order_of_rows_does_not_matter(lengths, seed, other):
    splits = []
    for order in (seed, other):
        user, item = shuffled(lengths, order)
        split = split_by_protocol(user, len(lengths), seed, item)
        splits.append({(int(u), int(i)): int(s) for u, i, s in zip(user, item, split, strict=True)})
    assert splits[0] == splits[1]


def test_seed_decides_the_split_and_nothing_else_does():
    user, item = shuffled([30] * 20, 0)
    first = split_by_protocol(user, 20, 1, item)
    np.random.seed(5)  # noqa: NPY002 - the global state must not matter
    assert (first == split_by_protocol(user, 20, 1, item)).all()
    assert (first != split_by_protocol(user, 20, 2, item)).any()


def test_every_place_of_a_history_is_held_back_equally_often():
    n_users, n = 4000, 10
    user, item = np.repeat(np.arange(n_users), n), np.tile(np.arange(n), n_users)
    split = split_by_protocol(user, n_users, 3, item)
    for code in (1, 2):
        share = np.bincount(item[split == code], minlength=n) / n_users
        assert np.abs(share - 0.1).max() < 5 * np.sqrt(0.1 * 0.9 / n_users)


def test_given_inputs_stay_untouched():
    user, item = shuffled([12, 5], 0)
    before = user.copy(), item.copy()
    split_by_protocol(user, 2, 1, item)
    split_by_time(user, item)
    assert (before[0] == user).all()
    assert (before[1] == item).all()


@given(histories, seeds)
def test_by_time_nothing_newer_is_in_an_earlier_split(lengths, seed):
    user, _ = shuffled(lengths, seed)
    timestamp = np.random.default_rng(seed).integers(0, 20, len(user))
    split = split_by_time(user, timestamp)
    for row in range(len(lengths)):
        own = user == row
        for code in (0, 1):
            earlier, later = timestamp[own & (split == code)], timestamp[own & (split > code)]
            assert not len(earlier) or not len(later) or earlier.max() <= later.min()


def test_by_time_ties_are_settled_by_row():
    user = np.array([0, 1, 0, 1, 0, 1])
    assert split_by_time(user, np.zeros(6, dtype=int)).tolist() == [0, 0, 1, 1, 2, 2]


def test_no_interaction_is_no_error():
    nothing = np.empty(0, dtype=int)
    assert len(split_by_protocol(nothing, 3, 1)) == 0
    assert len(split_by_time(nothing, nothing)) == 0


@pytest.mark.parametrize(("n_items", "metric"), [(6, "ndcg@2"), (15, "ndcg@6"), (21, "ndcg@9"), (40, "recall@20")])
def test_the_metric_that_chooses_can_tell_two_models_apart(n_items, metric):
    train = [(user, (user + place) % n_items) for user in range(12) for place in range(2)]
    held = [[(user, (user + 2 + place) % n_items) for user in range(12)] for place in range(2)]
    data = world(train, 12, n_items, valid=held[0], test=held[1])
    assert selection_metric(data) == metric
    values = {lab.evaluate(lab.Popularity(data), data, "valid", cutoffs_for(metric))[metric]}
    model = lab.LightGCN(data, lab.LightGCNConfig(embedding_dim=4))
    values |= {record.metrics[metric] for record in lab.epochs(model, data, lab.TrainConfig(epochs=4, learning_rate=0.05, batch_size=8))}
    assert len(values) > 1


def test_without_validated_users_recall_stays():
    data = world([(0, 0), (1, 1)], 2, 3)
    assert selection_metric(data) == "recall@20"


@given(st.lists(st.tuples(st.integers(0, 2**18), st.integers(-3, 3)), max_size=60), st.booleans())
def test_rows_are_sorted_as_by_lexsort(rows, as_floats):
    first, then = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    then = then / 4 if as_floats else then
    assert sorted_by(first, then).tolist() == np.lexsort((then, first)).tolist()
