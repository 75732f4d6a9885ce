"""How well a model serves whom: cohorts beside one another, one person's list, and whether a run is any good at all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from srgformer_lab.backend import limits
from srgformer_lab.backend.background import BackgroundTask
from srgformer_lab.backend.inventory import COHORTS, user_lengths
from srgformer_lab.backend.scene import NOTHING_TRAINED, Scene, weights_of
from srgformer_lab.backend.session import SESSION
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.lists import Lists
from srgformer_lab.errors import RunError
from srgformer_lab.models.baselines.popularity import Popularity
from srgformer_lab.models.protocol import Recommender, Watch
from srgformer_lab.models.ranking import rank_items
from srgformer_lab.models.trace import Trace
from srgformer_lab.statistics import Interval, over_users
from srgformer_lab.training.evaluation import SELECTION_METRIC, evaluate, evaluate_users, rank_lists
from srgformer_lab.training.judging import mean_of_users
from srgformer_lab.training.loop import cutoffs_for

SERVED_METRICS = ("recall@20", "ndcg@20")


def reader_of(scene: Scene) -> Recommender | Trace:
    """Return what ranks for a scene: the pass under its knobs, or the weights of a run of another model.

    Raises:
        RunError: There is no run, it has no weights yet, or it is damaged.
    """
    if scene.trace is not None:
        return scene.trace
    if scene.judged.model is not None:
        return scene.judged.model
    run = scene.run
    if run is None:
        raise RunError(NOTHING_TRAINED)
    if not run.weights_path(weights_of(scene.link)).exists():
        raise RunError(f"run {run.name} has no weights yet; wait for its first epoch, or choose another run")
    limits.check_opening(scene.data, run)
    return scene.judged.keep("model", lambda: run.model(scene.judged.data, weights_of(scene.link)))


def listed(scene: Scene) -> BackgroundTask[Lists]:
    """Make everybody's list under the link's weights and knobs, once for all that judges them on the validation split.

    ``RunError`` comes with its value where there is nothing that ranks.
    """
    scene = scene.judged

    def compute(watch: Watch) -> Lists:
        return rank_lists(reader_of(scene), scene.data, "valid", watch=watch)

    return BackgroundTask(("listed", *scene.key), compute, scene.is_quick)


def served(scene: Scene) -> BackgroundTask[pd.DataFrame]:
    """Make everybody's list under the link's weights and knobs, and judge it on the validation split, in blocks of users.

    A row for every user with something to find: ``user_id``, ``items`` (history), ``cohort``, and its metrics at 10 and 20, those
    beyond accuracy included, NaN where a list tells nothing.
    ``RunError`` comes with its value where there is nothing that ranks.
    """
    scene = scene.judged

    def compute(watch: Watch) -> pd.DataFrame:
        users = evaluate_users(listed(scene).value(watch), scene.data, "valid", beyond=True)
        return user_lengths(scene.data).merge(users, on="user_id")

    return BackgroundTask(("served", *scene.key), compute, scene.is_quick)


def served_users(scene: Scene) -> pd.DataFrame:
    """Return what ``served`` finds, and wait for it.

    Raises:
        RunError: There is no run, it has no weights yet, or it is damaged.
    """
    return served(scene).value()


def cohort_sizes(data: Dataset) -> pd.DataFrame:
    """Count the people of the cohorts, all users last: ``cohort`` (empty for all), ``users``, ``shortest`` and ``longest`` history."""
    return pd.DataFrame([{"cohort": cohort, **_sizes(those)} for cohort, those in _groups(user_lengths(data)).items()])


def cohort_table(scene: Scene) -> BackgroundTask[pd.DataFrame]:
    """Set the cohorts beside one another, all users last.

    Columns: those of ``cohort_sizes``; ``judged`` (people with something to find); for each of the ``SERVED_METRICS`` its mean over the
    judged and the bounds of its bootstrap interval, ``recall@20``, ``recall@20 low``, ``recall@20 high`` and so on: NaN without
    anybody to judge, bounds NaN for one. ``RunError`` comes with its value where there is nothing that ranks.
    """
    scene = scene.judged

    def count() -> pd.DataFrame:
        rows = [{"judged": len(those), **mean_metrics(those, SERVED_METRICS)} for those in _groups(served_users(scene)).values()]
        return pd.concat([cohort_sizes(scene.data), pd.DataFrame(rows)], axis=1)

    def compute(watch: Watch) -> pd.DataFrame:
        return [step() for step in watch((partial(served(scene).value, watch), count))][-1]

    return BackgroundTask(("cohorts", *scene.key), compute, scene.is_quick)


def _groups(users: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    found = {cohort: users[users["cohort"] == cohort] for cohort in COHORTS}
    return {cohort: those for cohort, those in found.items() if len(those)} | {"": users}


def _sizes(those: pd.DataFrame) -> dict[str, int]:
    return {"users": len(those), "shortest": those["items"].min(), "longest": those["items"].max()}


def mean_metrics(users: pd.DataFrame, metrics: Sequence[str]) -> dict[str, float]:
    """Average metrics of ``served`` over its users, with the bounds of the bootstrap interval, in the words of ``cohort_table``."""
    means = {}
    for metric in metrics:
        interval = mean_of_users(users[metric].dropna().to_numpy(float))
        means |= {metric: interval.mean, f"{metric} low": interval.low, f"{metric} high": interval.high}
    return means


def cohort_served(scene: Scene, cohort: str = "", best_first: bool = False) -> pd.DataFrame:
    """List a cohort's judged users as ``served`` does, the worst served first by NDCG; among equals the longer history first.

    Raises:
        RunError: There is no run, it has no weights yet, or it is damaged.
    """
    those = _groups(served_users(scene))[cohort]
    return those.sort_values(["ndcg@20", "items"], ascending=[not best_first, False], kind="stable", ignore_index=True)


def tested_ranking(scene: Scene, user_id: str) -> pd.DataFrame:
    """Rank for a user all that they did not have to learn from, as the evaluation does.

    Columns: ``rank``, ``item_id``, ``title``, ``score``, ``hit`` (held back for validation, and so to be found).

    Raises:
        RunError: There is no run, it has no weights yet, or it is damaged.
        UnknownIdError: No user has that id.
    """
    ranking = rank_items(reader_of(scene), scene.data, user_id, hide="train")
    return ranking.assign(hit=ranking["item_id"].isin(scene.data.history(user_id, "valid")))


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


def health(scene: Scene) -> Health:
    """Judge the run of a scene by its own records, and against recommending what most people took.

    Raises:
        RunError: There is no run, or its files are damaged.
    """
    if scene.run is None:
        raise RunError("there is no run on this data yet; train one")
    status, metric = scene.run.status(), scene.run.config.selection_metric
    bar = popularity_quality(scene.judged.data, metric)[metric]
    gain = status.best_metric / bar if bar else math.inf
    test = scene.run.test_metrics().get(metric)
    return Health(status.best_metric, bar, gain, status.best_epoch, status.epoch, test, metric)


@dataclass(frozen=True)
class Sureness:
    """How sure a run's valid Recall@20 is: bootstrap intervals over the users."""

    recall: Interval
    lead: Interval
    """Over popularity, each user's difference taken."""


def sureness(scene: Scene) -> Sureness | None:
    """Resample the users of a scene; None where that takes long and nobody has asked for it yet, or fewer than two can be judged.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    if not (found := served(scene)).is_ready or len(users := found.value()) < 2:
        return None
    return scene.keep("sureness", lambda: _sureness(scene.judged.data, users))


def _sureness(data: Dataset, users: pd.DataFrame) -> Sureness:
    ours = users[SELECTION_METRIC].to_numpy(float)
    bar = SESSION.values.get(("popularity by user", data.fingerprint), lambda: evaluate_users(Popularity(data), data, "valid", (20,)))
    return Sureness(over_users(ours), over_users(ours - bar[SELECTION_METRIC].to_numpy(float)))


def popularity_quality(data: Dataset, metric: str = SELECTION_METRIC) -> dict[str, float]:
    """Evaluate what needs no learning at all, counting: the bar that a trained model should clear."""
    return SESSION.values.get(
        ("popularity", metric, data.fingerprint), lambda: evaluate(Popularity(data), data, "valid", cutoffs_for(metric))
    )
