"""What cases still take, by the estimate of each, and whether that fits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srgformer_lab import runtime
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.experiments.cases import TrainingCase
from srgformer_lab.experiments.outcomes import seen
from srgformer_lab.training.estimate import estimate

HOUR = 3600.0


@dataclass(frozen=True)
class Need:
    """What some cases still take, by the estimate of each; good to about a factor of two."""

    n_cases: int
    hours_at_least: float
    """Every case stops as early as its patience lets it."""
    hours_at_most: float
    """No case stops before its last epoch."""
    memory_bytes: int
    """Of the largest case."""
    devices: frozenset[str] = frozenset()
    """What the cases are to be trained on, as their settings say it."""

    def __str__(self) -> str:
        """Return it in a line."""
        hours = f"{self.hours_at_least:.2g} to {self.hours_at_most:.2g} hours"
        return f"{self.n_cases} trainings are to be done; by estimate that takes {hours} and {self.memory_bytes / 2**30:.1f} GiB for each"


def need(cases: Sequence[TrainingCase], folder: Path) -> Need:
    """Estimate what is still to be done; the data of all seeds counts as being of one size."""
    todo = [outcome for case in {case.key: case for case in cases}.values() if not (outcome := seen(case, folder)).is_finished]
    data: dict[tuple[str, float], Dataset] = {}
    least = most = memory = 0.0
    for outcome in todo:
        case, recipe = outcome.case, outcome.case.recipe
        if (recipe.path, recipe.share) not in data:
            data[recipe.path, recipe.share] = recipe.open(case.seed)
        one = estimate(data[recipe.path, recipe.share], case.model, case.train)
        left = case.train.epochs - outcome.epochs
        at_least = min(left, case.train.patience - (outcome.epochs - max(1, outcome.best_epoch)))
        most += one.seconds(left)
        least += one.seconds(max(0, at_least))
        memory = max(memory, one.memory_bytes)
    devices = frozenset(outcome.case.train.device for outcome in todo)
    return Need(len(todo), least / HOUR, most / HOUR, int(memory), devices)


def check_hours(need: Need, hours: float, n_at_once: int) -> None:
    """Refuse what can't fit into the hours, before anything is started.

    So many trainings at once are taken to be as many times as fast as one: they are less, so what is refused surely can't fit.

    Raises:
        ConfigError: Not even early stops would bring it to its end in time.
    """
    if hours != math.inf and need.hours_at_least / max(1, min(n_at_once, need.n_cases)) > hours:
        raise ConfigError(
            f"{need}. --hours {hours:g} can't be enough; give more, or take fewer --seeds, --trials or --epochs "
            "(without --hours it runs until it is done, and goes on where it was when the same command is given again)"
        )


def check_memory(need: Need, n_at_once: int) -> None:
    """Refuse more trainings at once than the memory of this machine holds.

    Raises:
        ConfigError: They need more than is free.
    """
    n_at_once = max(1, min(n_at_once, need.n_cases))
    free, wanted = runtime.free_memory(), need.memory_bytes * n_at_once
    if wanted > free:
        raise ConfigError(
            f"{need}. {n_at_once} at once need {wanted / 2**30:.1f} GiB, and {free / 2**30:.1f} are free; take fewer --workers"
        )
