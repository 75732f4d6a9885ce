"""How well a model serves whom: from a table of cohorts to one person's list, with what they really took."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from srgformer_lab.backend.cohorts import COHORTS, cohort_mean
from srgformer_lab.backend.inventory import history_lengths
from srgformer_lab.backend.scene import NOTHING_TRAINED, Scene, weights_of
from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.backend.slow import Slow
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import RunError
from srgformer_lab.models.protocol import Recommender, Watch
from srgformer_lab.models.ranking import rank_items
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.evaluation import evaluate_users

SERVED_METRICS = ("recall@20", "ndcg@20")
_models = Shelf(8)


def reader_of(look: Scene) -> Recommender | Trace:
    """Return what ranks for a scene: the pass under its knobs, or the weights of a run of another model.

    Raises:
        RunError: There is no run, it has no weights yet, or it is damaged.
    """
    if look.trace is not None:
        return look.trace
    run = look.run
    if run is None:
        raise RunError(NOTHING_TRAINED)
    if not run.weights_path(weights_of(look.view)).exists():
        raise RunError(f"run {run.name} has no weights yet; wait for its first epoch, or choose another run")
    return _models.get(look.key(), lambda: run.model(look.data, weights_of(look.view)))


def served(look: Scene) -> Slow[pd.DataFrame]:
    """Make everybody's list under the view's weights and knobs, and judge it on the validation split, in blocks of users.

    A row for every user with something to find: ``user_id``, ``items`` (history), ``cohort``, and its metrics at 10 and 20 in 0…1.
    ``RunError`` comes with its value where there is nothing that ranks.
    """

    def find(watch: Watch) -> pd.DataFrame:
        return history_lengths(look.data).merge(evaluate_users(reader_of(look), look.data, "valid", watch=watch), on="user_id")

    return Slow(("served", *look.key()), find, look.is_quick)


def served_users(look: Scene) -> pd.DataFrame:
    """Return what ``served`` finds, and wait for it.

    Raises:
        RunError: There is no run, it has no weights yet, or it is damaged.
    """
    return served(look).value()


def cohort_sizes(data: Dataset) -> pd.DataFrame:
    """Count the people of the cohorts, all users last: ``cohort`` (empty for all), ``users``, ``shortest`` and ``longest`` history."""
    return pd.DataFrame([{"cohort": cohort, **_sizes(those)} for cohort, those in _groups(history_lengths(data)).items()])


def cohort_table(look: Scene) -> Slow[pd.DataFrame]:
    """Set the cohorts beside one another, all users last.

    Columns: those of ``cohort_sizes``; ``judged`` (people with something to find); for each of the ``SERVED_METRICS`` its mean over the
    judged and the bounds of its bootstrap interval, ``recall@20``, ``recall@20 low``, ``recall@20 high`` and so on: NaN without
    anybody to judge, bounds NaN for one. ``RunError`` comes with its value where there is nothing that ranks.
    """

    def count() -> pd.DataFrame:
        rows = [{"judged": len(those), **mean_metrics(those, SERVED_METRICS)} for those in _groups(served_users(look)).values()]
        return pd.concat([cohort_sizes(look.data), pd.DataFrame(rows)], axis=1)

    def find(watch: Watch) -> pd.DataFrame:
        return [step() for step in watch((partial(served(look).value, watch), count))][-1]

    return Slow(("cohorts", *look.key()), find, look.is_quick)


def _groups(users: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    return {cohort: users[users["cohort"] == cohort] for cohort in COHORTS} | {"": users}


def _sizes(those: pd.DataFrame) -> dict[str, int]:
    return {"users": len(those), "shortest": those["items"].min(), "longest": those["items"].max()}


def mean_metrics(users: pd.DataFrame, metrics: Sequence[str]) -> dict[str, float]:
    """Average metrics of ``served`` over its users, with the bounds of the bootstrap interval, in the words of ``cohort_table``."""
    means = {}
    for metric in metrics:
        interval = cohort_mean(users[metric].to_numpy(float))
        means |= {metric: interval.mean, f"{metric} low": interval.low, f"{metric} high": interval.high}
    return means


def cohort_served(look: Scene, cohort: str = "", best_first: bool = False) -> pd.DataFrame:
    """List a cohort's judged users as ``served`` does, the worst served first by NDCG; among equals the longer history first.

    Raises:
        RunError: There is no run, it has no weights yet, or it is damaged.
    """
    those = _groups(served_users(look))[cohort]
    return those.sort_values(["ndcg@20", "items"], ascending=[not best_first, False], kind="stable", ignore_index=True)


def tested_ranking(look: Scene, user_id: str) -> pd.DataFrame:
    """Rank for a user all that they did not have to learn from, as the evaluation does.

    Columns: ``rank``, ``item_id``, ``title``, ``score``, ``hit`` (held back for validation, and so to be found).

    Raises:
        RunError: There is no run, it has no weights yet, or it is damaged.
        UnknownIdError: No user has that id.
    """
    ranking = rank_items(reader_of(look), look.data, user_id, hide="train")
    return ranking.assign(hit=ranking["item_id"].isin(look.data.history(user_id, "valid")))
