"""Runs side by side, of whatever model: their lists for one user, and how well each serves whom."""

import math
from collections.abc import Sequence

import pandas as pd

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import RunError
from srgformer_lab.learn.evaluation import SELECTION_METRIC, evaluate_users
from srgformer_lab.learn.run import Run
from srgformer_lab.model.protocol import Recommender
from srgformer_lab.model.ranking import compare_lists, rank_items
from srgformer_lab.model.srgformer import SRGFormer
from srgformer_lab.model.trace import Trace
from srgformer_lab.workspace.cohorts import COHORTS, cohort_mean, cohort_users
from srgformer_lab.workspace.scene import find_run, runs_of
from srgformer_lab.workspace.shelf import Shelf

MOST_RUNS = 4
"""So many runs can be looked at beside one another."""
_readers, _served, _cohorts = Shelf(8), Shelf(32), Shelf(32)


def comparable_runs(data: Dataset) -> list[str]:
    """Name the runs of this data, of any model, that have weights to look at; the best valid recall@20 first."""
    found = {name: run.status().best_metric for name, run in runs_of(data).items() if run.weights_path("best").exists()}
    return sorted(found, key=lambda name: -found[name] if found[name] == found[name] else math.inf)


def run_ranking(data: Dataset, name: str, user_id: str) -> pd.DataFrame:
    """Rank for a user all that a run did not have to learn from, as the evaluation does.

    Columns: ``rank``, ``item_id``, ``title``, ``score``, ``hit`` (held back for validation, and so to be found).

    Raises:
        RunError: The run is gone or damaged, has no weights yet, or is of other data.
        UnknownIdError: No user has that id.
    """
    ranking = rank_items(_reader(data, name)[1], data, user_id, hide="train")
    return ranking.assign(hit=ranking["item_id"].isin(data.history(user_id, "valid")))


def run_moves(data: Dataset, first: str, second: str, user_id: str, k: int = 10) -> pd.DataFrame:
    """Join two runs' lists of a user as ``compare_lists`` does, with ``hit``.

    Raises:
        RunError: A run is gone or damaged, has no weights yet, or is of other data.
        UnknownIdError: No user has that id.
    """
    before, after = (run_ranking(data, name, user_id) for name in (first, second))
    moved = compare_lists(before.drop(columns="hit"), after.drop(columns="hit"), k)
    return moved.assign(hit=moved["item_id"].isin(data.history(user_id, "valid")))


def run_quality(data: Dataset, names: Sequence[str]) -> pd.DataFrame:
    """Evaluate runs on the validation split: ``run``, ``model``, ``epoch`` (the best), and a column a metric, in 0…1.

    Raises:
        RunError: A run is gone or damaged, has no weights yet, or is of other data.
    """
    rows = []
    for name in names:
        run, metrics = find_run(name), _users(data, name).drop(columns="user_id").mean()
        rows.append({"run": name, "model": run.config.model_name, "epoch": run.status().best_epoch, **metrics.to_dict()})
    return pd.DataFrame(rows)


def knows_quality(data: Dataset, names: Sequence[str]) -> bool:
    """Tell whether everybody's lists have been judged already under these runs, so that ``run_quality`` answers at once.

    Raises:
        RunError: A run is gone or damaged, or has no weights yet.
    """
    return all(_stamp(data, find_run(name)) in _served for name in names)


def cohort_differences(data: Dataset, first: str, others: Sequence[str], metric: str = SELECTION_METRIC) -> pd.DataFrame:
    """Hold runs against the first one, cohort by cohort, all users last.

    Columns: ``cohort`` (empty for all), ``run``, ``judged`` (users with something to find), ``first`` and ``value`` (the metric of
    both runs), ``difference`` (value − first), ``low`` and ``high``: the bounds of its paired bootstrap interval over users, NaN for
    fewer than two.

    Raises:
        RunError: A run is gone or damaged, has no weights yet, or is of other data.
    """
    tables = [_against(data, first, name, metric) for name in others]
    columns = ["cohort", "run", "judged", "first", "value", "difference", "low", "high"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def changed_users(data: Dataset, first: str, second: str, cohort: str = "", metric: str = SELECTION_METRIC) -> pd.DataFrame:
    """List a cohort's judged users, those first that gain most from the second run.

    Columns: ``user_id``, ``first``, ``second``, ``difference``.

    Raises:
        RunError: A run is gone or damaged, has no weights yet, or is of other data.
        UnknownIdError: There is no such cohort.
    """
    pairs = _paired(data, first, second, metric)
    pairs = pairs[pairs["user_id"].isin(cohort_users(data, cohort))] if cohort else pairs
    return pairs.sort_values("difference", ascending=False, kind="stable", ignore_index=True)


def _against(data: Dataset, first: str, second: str, metric: str) -> pd.DataFrame:
    key = ("against", _reader(data, first)[0], _reader(data, second)[0], metric)

    def compute() -> pd.DataFrame:
        rows = []
        for cohort in (*COHORTS, ""):
            pairs = changed_users(data, first, second, cohort, metric)
            interval = cohort_mean(pairs["difference"].to_numpy(float))
            means = {"first": pairs["first"].mean(), "value": pairs["second"].mean()}
            bounds = {"difference": interval.mean, "low": interval.low, "high": interval.high}
            rows.append({"cohort": cohort, "run": second, "judged": len(pairs), **means, **bounds})
        return pd.DataFrame(rows)

    return _cohorts.get(key, compute)


def _paired(data: Dataset, first: str, second: str, metric: str) -> pd.DataFrame:
    ours, theirs = (_users(data, name).set_index("user_id")[metric] for name in (first, second))
    return pd.DataFrame({"first": ours, "second": theirs, "difference": theirs - ours}).reset_index()


def _users(data: Dataset, name: str) -> pd.DataFrame:
    stamp, reader = _reader(data, name)
    return _served.get(stamp, lambda: evaluate_users(reader, data, "valid"))


def _reader(data: Dataset, name: str) -> tuple[tuple[object, ...], Recommender | Trace]:
    """Give what ranks for a run, and what it is known by: new weights make it anew."""
    run = find_run(name)
    stamp = _stamp(data, run)
    return stamp, _readers.get(stamp, lambda: _read(run, data))


def _stamp(data: Dataset, run: Run) -> tuple[object, ...]:
    path = run.weights_path("best")
    try:
        return (data.fingerprint, str(path.resolve()), path.stat().st_mtime_ns)
    except OSError as error:
        raise RunError(f"run {run.name} has no weights yet; wait for its first epoch, or choose another run") from error


def _read(run: Run, data: Dataset) -> Recommender | Trace:
    model = run.model(data)
    return model.trace() if isinstance(model, SRGFormer) else model
