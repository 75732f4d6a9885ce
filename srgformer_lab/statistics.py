"""How sure a number is: intervals over seeds and over users."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from srgformer_lab.errors import ConfigError


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
    """Give Student's t interval of a mean over independent repetitions.

    For a comparison, pass the paired differences.

    Raises:
        ConfigError: There are fewer than two values.
    """
    if len(values) < 2:
        raise ConfigError(f"{len(values)} value gives no interval; repeat with at least two seeds")
    mean, half = float(np.mean(values)), float(stats.sem(values) * stats.t.ppf((1 + level) / 2, len(values) - 1))
    return Interval(mean, mean - half, mean + half)


def over_users(differences: Float[np.ndarray, " users"], level: float = 0.95, draws: int = 2000, seed: int = 0) -> Interval:
    """Give the percentile bootstrap interval of a mean over users; for a comparison, pass each user's paired difference.

    Raises:
        ConfigError: There are fewer than two values.
    """
    if len(differences) < 2:
        raise ConfigError(f"{len(differences)} user gives no interval; take at least two")
    generator = np.random.default_rng(seed)
    means = np.array([differences[generator.integers(len(differences), size=len(differences))].mean() for _ in range(draws)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(differences.mean()), float(low), float(high))
