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
from srgformer_lab.training.loop import cutoffs_for

_counted, _sure = Shelf(8), Shelf(24)


@dataclass(frozen=True)
class Health:
    """Whether a run is any good: its selection metric on valid (Recall@20 nearly always), and what it is to be held against."""

    recall: float
    popularity: float
    gain: float
    """The run's value over popularity's."""
    best_epoch: int
    epochs: int
    test: float | None
    """The same metric on the test split at the best epoch, once the run has finished."""
    metric: str = SELECTION_METRIC


def health(look: Scene) -> Health:
    """Judge the run of a scene by its own records, and against recommending what most people took.

    Raises:
        RunError: There is no run, or its files are damaged.
    """
    if look.run is None:
        raise RunError("there is no run on this data yet; train one")
    status, metric = look.run.status(), look.run.config.selection_metric
    bar = popularity_quality(look.data, metric)[metric]
    gain = status.best_metric / bar if bar else math.inf
    test = look.run.test_metrics().get(metric)
    return Health(status.best_metric, bar, gain, status.best_epoch, status.epoch, test, metric)


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


def popularity_quality(data: Dataset, metric: str = SELECTION_METRIC) -> dict[str, float]:
    """Evaluate what needs no learning at all, counting: the bar that a trained model should clear."""
    return _counted.get((data.fingerprint, metric), lambda: evaluate(Popularity(data), data, "valid", cutoffs_for(metric)))
