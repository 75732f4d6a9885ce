"""Whether a run is any good, by its own records and against counting."""

import math
from dataclasses import dataclass

import pandas as pd

from srgformer_lab.backend.scene import Scene
from srgformer_lab.backend.serving import served
from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import RunError
from srgformer_lab.models.baselines.popularity import Popularity
from srgformer_lab.statistics import Interval, over_users
from srgformer_lab.training.evaluation import SELECTION_METRIC, evaluate, evaluate_users

_counted, _sure = Shelf(8), Shelf(24)


@dataclass(frozen=True)
class Health:
    """Whether a run is any good: valid Recall@20, and what it is to be held against."""

    recall: float
    popularity: float
    gain: float
    """Recall over popularity's recall."""
    best_epoch: int
    epochs: int
    test: float | None
    """Recall@20 on the test split at the best epoch, once the run has finished."""


def health(look: Scene) -> Health:
    """Judge the run of a scene by its own records, and against recommending what most people took.

    Raises:
        RunError: There is no run, or its files are damaged.
    """
    if look.run is None:
        raise RunError("there is no run on this data yet; train one")
    status, bar = look.run.status(), popularity_quality(look.data)[SELECTION_METRIC]
    gain = status.best_metric / bar if bar else math.inf
    test = look.run.test_metrics().get(SELECTION_METRIC)
    return Health(status.best_metric, bar, gain, status.best_epoch, status.epoch, test)


@dataclass(frozen=True)
class Sureness:
    """How sure a run's valid Recall@20 is: bootstrap intervals over the users."""

    recall: Interval
    lead: Interval
    """Over popularity, each user's difference taken."""


def sureness(look: Scene) -> Sureness | None:
    """Resample the users of a scene; None where that takes long and nobody has asked for it yet, or fewer than two can be judged.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    if not (found := served(look)).is_ready or len(users := found.value()) < 2:
        return None
    return _sure.get(look.key(), lambda: _sureness(look.data, users))


def _sureness(data: Dataset, users: pd.DataFrame) -> Sureness:
    ours = users[SELECTION_METRIC].to_numpy(float)
    bar = _counted.get(("users", data.fingerprint), lambda: evaluate_users(Popularity(data), data, "valid", (20,)))
    return Sureness(over_users(ours), over_users(ours - bar[SELECTION_METRIC].to_numpy(float)))


def popularity_quality(data: Dataset) -> dict[str, float]:
    """Evaluate what needs no learning at all, counting: the bar that a trained model should clear."""
    return _counted.get(data.fingerprint, lambda: evaluate(Popularity(data), data, "valid"))
