"""Intervals agree with what is known of them."""

import numpy as np
import pytest

from srgformer_lab.errors import ConfigError
from srgformer_lab.statistics import over_seeds, over_users


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
