"""How sure a number is: intervals over seeds and over users, and how far two orders agree."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

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
        """Write the mean and the bounds with four decimals."""
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def over_seeds(values: Float[np.ndarray, " seeds"], level: float = 0.95) -> Interval:
    """Return Student's t interval of a mean over independent repetitions.

    For a comparison, pass the paired differences.

    Raises:
        ConfigError: There are fewer than two values.
    """
    if len(values) < 2:
        raise ConfigError(f"{len(values)} value gives no interval; repeat with at least two seeds")
    mean, half = float(np.mean(values)), float(stats.sem(values) * stats.t.ppf((1 + level) / 2, len(values) - 1))
    return Interval(mean, mean - half, mean + half)


def over_users(differences: Float[np.ndarray, " users"], level: float = 0.95, draws: int = 2000, seed: int = 0) -> Interval:
    """Return the percentile bootstrap interval of a mean over users; for a comparison, pass each user's paired difference.

    Raises:
        ConfigError: There are fewer than two values.
    """
    if len(differences) < 2:
        raise ConfigError(f"{len(differences)} user gives no interval; take at least two")
    generator, size = np.random.default_rng(seed), len(differences)
    batch = max(1, AT_ONCE // size)
    counts = [min(batch, draws - start) for start in range(0, draws, batch)]
    means = [differences[generator.integers(size, size=(count, size))].mean(1) for count in counts]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(differences.mean()), float(low), float(high))


def rank_correlation(first: Float[np.ndarray, " values"], second: Float[np.ndarray, " values"]) -> float:
    """Return Spearman's rank correlation; NaN where one side has fewer than two different values and so no order."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)
