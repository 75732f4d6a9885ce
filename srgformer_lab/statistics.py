"""How sure a number is: intervals over seeds and over users, and how far two orders agree."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from srgformer_lab.config import check_number, check_seed
from srgformer_lab.errors import ConfigError

AT_ONCE = 1_000_000
"""Numbers that the bootstrap draws in one go: it bounds the memory."""


@dataclass(frozen=True)
class Interval:
    """A mean and the bounds of its confidence interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the mean and the bounds with four decimals."""
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def over_seeds(values: Float[np.ndarray, " seeds"], level: float = 0.95) -> Interval:
    """Return Student's t interval of a mean over independent repetitions.

    For a comparison, pass the paired differences.

    Raises:
        ConfigError: There are fewer than two values, one is not finite, or the level is not between 0 and 1.
    """
    values, level = _sample(values, "seeds"), _level(level)
    mean, half = float(np.mean(values)), float(stats.sem(values) * stats.t.ppf((1 + level) / 2, len(values) - 1))
    return Interval(mean, mean - half, mean + half)


def over_users(differences: Float[np.ndarray, " users"], level: float = 0.95, draws: int = 2000, seed: int = 0) -> Interval:
    """Return the percentile bootstrap interval of a mean over users; for a comparison, pass each user's paired difference.

    Raises:
        ConfigError: There are fewer than two values, one is not finite, or an option is out of its range.
    """
    values, level = _sample(differences, "users"), _level(level)
    count = check_number("draws", draws, 1, 10_000_000, "samples that the bootstrap draws", is_whole=True)
    generator, batch = np.random.default_rng(check_seed(seed)), max(1, AT_ONCE // len(values))
    found = stats.bootstrap((values,), np.mean, n_resamples=count, confidence_level=level, method="percentile", batch=batch, rng=generator)
    return Interval(float(values.mean()), float(found.confidence_interval.low), float(found.confidence_interval.high))


def over_user_sets(
    measure: Callable[[Float[np.ndarray, "draws users"]], Float[np.ndarray, " draws"]],
    users: int,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the bootstrap interval of what users have together only, such as the share of a catalogue that their lists cover.

    A sample with repeats holds fewer different users than there are, so that such a number is lower there for that reason alone.
    The draws are therefore moved to have the number itself as their mean, and tell no more than its spread.

    Args:
        measure: From how often each user is drawn to the number, for several draws at once; finite for each.
        users: How many there are.
        level: How often the interval covers what other users of the same kind would give, above 0 and below 1.
        draws: Samples that the bootstrap draws.
        seed: What they are drawn from.

    Raises:
        ConfigError: There are fewer than two users, or an option is out of its range.
    """
    level, generator = _level(level), np.random.default_rng(check_seed(seed))
    count = check_number("draws", draws, 1, 10_000_000, "samples that the bootstrap draws", is_whole=True)
    n_users = check_number("users", users, 2, 10**9, "users of the sample", is_whole=True)
    value, found, batch = float(measure(np.ones((1, n_users)))[0]), [], max(1, AT_ONCE // n_users)
    for start in range(0, count, batch):
        drawn = (
            generator.integers(0, n_users, (min(batch, count - start), n_users)) + n_users * np.arange(min(batch, count - start))[:, None]
        )
        found.append(measure(np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(float)))
    values = np.concatenate(found)
    low, high = np.quantile(values - values.mean(), [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, value + float(low), value + float(high))


def between_groups(
    first: Float[np.ndarray, " some"], second: Float[np.ndarray, " others"], level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Interval:
    """Return the percentile bootstrap interval of the second group's mean minus the first's, each drawn by itself.

    Raises:
        ConfigError: A group has fewer than two values, one is not finite, or an option is out of its range.
    """
    values, level = (_sample(second, "users"), _sample(first, "users")), _level(level)
    count = check_number("draws", draws, 1, 10_000_000, "samples that the bootstrap draws", is_whole=True)
    generator, batch = np.random.default_rng(check_seed(seed)), max(1, AT_ONCE // max(map(len, values)))

    def difference(ours: np.ndarray, theirs: np.ndarray, axis: int = -1) -> np.ndarray:
        return ours.mean(axis=axis) - theirs.mean(axis=axis)

    found = stats.bootstrap(values, difference, n_resamples=count, confidence_level=level, method="percentile", batch=batch, rng=generator)
    bounds = found.confidence_interval
    return Interval(float(difference(*values)), float(bounds.low), float(bounds.high))


def holm(p_values: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """Return p-values corrected for all tests that are looked at together, by Holm's step-down rule.

    Those below 0.05 are significant at a familywise error rate of 5 %, whatever the tests' dependence.

    Raises:
        ConfigError: One is not between 0 and 1.

    Source:
        S. Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2).
    """
    found = np.asarray(p_values, dtype=float)
    if found.ndim != 1 or not ((found >= 0) & (found <= 1)).all():
        raise ConfigError(f"p_values={p_values!r} must be numbers between 0 and 1, one a test; leave out tests without one")
    order = np.argsort(found, kind="stable")
    steps = np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1))
    corrected = np.empty_like(found)
    corrected[order] = np.minimum(steps, 1)
    return corrected


def rank_correlation(first: Float[np.ndarray, " values"], second: Float[np.ndarray, " values"]) -> float:
    """Return Spearman's rank correlation; NaN where one side has fewer than two different values and so no order.

    Raises:
        ConfigError: They differ in length.
    """
    if len(first) != len(second):
        raise ConfigError(f"{len(first)} values can't be ranked beside {len(second)}; give as many of both")
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def _sample(values: Float[np.ndarray, " values"], what: str) -> Float[np.ndarray, " values"]:
    found = np.asarray(values, dtype=float)
    if found.ndim != 1 or len(found) < 2:
        raise ConfigError(f"values of shape {found.shape} give no interval; give one value each of at least two {what}")
    if not np.isfinite(found).all():
        raise ConfigError(f"{int((~np.isfinite(found)).sum())} of {len(found)} values are not finite; leave out {what} without a number")
    return found


def _level(level: float) -> float:
    if not 0 < (found := check_number("level", level, 0, 1, "how often the interval covers the mean")) < 1:
        raise ConfigError(f"level={level!r} must lie above 0 and below 1; 0.95 by default")
    return found
