"""Intervals agree with what is known of them."""

import numpy as np
import pytest

from srgformer_lab.errors import ConfigError
from srgformer_lab.statistics import holm, over_seeds, over_users, rank_correlation


def test_the_interval_over_seeds_is_students():
    interval = over_seeds(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert interval.mean == 3
    assert interval.high - interval.mean == pytest.approx(2.7764451 * np.sqrt(2.5) / np.sqrt(5))
    assert interval.mean - interval.low == pytest.approx(interval.high - interval.mean)


def test_the_bootstrap_agrees_with_the_normal_interval_on_many_users():
    values = np.random.default_rng(1).normal(0.5, 2.0, 4000)
    interval = over_users(values)
    assert interval.mean == values.mean()
    half = 1.96 * values.std() / np.sqrt(4000)
    assert interval.high - interval.mean == pytest.approx(half, rel=0.1)
    assert interval.mean - interval.low == pytest.approx(half, rel=0.1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(2)
    intervals = [over_seeds(generator.normal(size=5)) for _ in range(2000)]
    covered = np.mean([one.low <= 0 <= one.high for one in intervals])
    assert covered == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("interval", [over_seeds, over_users])
def test_one_value_gives_no_interval(interval):
    with pytest.raises(ConfigError, match="at least two"):
        interval(np.array([1.0]))


@pytest.mark.parametrize("interval", [over_seeds, over_users])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_counted_and_refused(interval, value):
    with pytest.raises(ConfigError, match="1 of 3 values are not finite"):
        interval(np.array([1.0, value, 2.0]))


def test_the_bootstrap_draws_users_with_replacement_from_its_own_seed():
    """The stored tables' bounds are these: indices of one generator, in blocks, and the quantiles of their means."""
    values, n_users = np.random.default_rng(3).normal(size=700), 700
    generator, block = np.random.default_rng(5), 1_000_000 // n_users
    means = [values[generator.integers(n_users, size=(count, n_users))].mean(1) for count in (block, 2000 - block)]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    found = over_users(values, seed=5)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))


@pytest.mark.parametrize(
    "options", [{"seed": -1}, {"seed": 2**63}, {"seed": 0.5}, {"draws": 0}, {"draws": True}, {"level": 1.0}, {"level": 95}]
)
def test_an_option_out_of_its_range_is_named(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        over_users(np.arange(5.0), **options)


def test_orders_of_different_lengths_are_refused_and_no_order_is_nan():
    with pytest.raises(ConfigError, match="3 values can't be ranked beside 2"):
        rank_correlation(np.arange(3.0), np.arange(2.0))
    assert np.isnan(rank_correlation(np.zeros(3), np.arange(3.0)))
    assert np.isnan(rank_correlation(np.zeros(0), np.zeros(0)))


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03, 0.005], [0.2], [], [0.5, 0.5, 0.5], [0.01, 0.01, 1.0, 0.0]])
def test_holm_rejects_what_closed_testing_with_bonferroni_rejects(p_values):
    """A hypothesis falls where each set of hypotheses that holds it falls; the largest of the sets' levels is its corrected p-value."""
    n = len(p_values)
    sets = [[k for k in range(n) if bits >> k & 1] for bits in range(1, 2**n)]
    closed = [max(min(1, len(some) * min(p_values[k] for k in some)) for some in sets if one in some) for one in range(n)]
    assert holm(np.array(p_values)) == pytest.approx(closed)


@pytest.mark.parametrize("p_values", [[1.1], [-0.1], [np.nan], [[0.1]]])
def test_what_is_no_p_value_is_refused(p_values):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        holm(np.array(p_values))
