"""Runs side by side, of whatever model: their lists for one user, and how well each serves whom.

Each side is a scene: the view's run counts as the view has it, at its epoch and knobs; the others as trained, at their best epoch.
"""

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.backend.cohorts import COHORTS, cohort_mean, cohort_users
from srgformer_lab.backend.scene import Scene, runs_of, scene
from srgformer_lab.backend.serving import mean_metrics, served, served_users, tested_ranking
from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.backend.slow import Slow
from srgformer_lab.backend.view import KNOB_OF
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.protocol import Watch
from srgformer_lab.models.ranking import compare_lists
from srgformer_lab.training.evaluation import SELECTION_METRIC

MOST_RUNS = 4
"""So many runs can be looked at beside one another."""
COMPARED_METRICS = ("recall@20", "ndcg@20", "recall@10", "ndcg@10")
_cohorts = Shelf(32)


def comparable_runs(data: Dataset) -> list[str]:
    """Name the runs of this data, of any model, that have weights to look at; the best valid recall@20 first."""
    found = {name: run.status().best_metric for name, run in runs_of(data).items() if run.weights_path("best").exists()}
    return sorted(found, key=lambda name: -found[name] if found[name] == found[name] else math.inf)


def as_trained(look: Scene, name: str) -> Scene:
    """Return a run of the same data as it was trained: its best epoch, its own knobs.

    Raises:
        LabError: The run is gone or damaged, or is of other data.
    """
    plain = dict.fromkeys((*KNOB_OF, "epoch"), "")
    return scene(look.view.change(run=name, **plain))


def is_changed(look: Scene) -> bool:
    """Return whether a view looks at its run at another epoch than the best, or under other knobs than the trained ones."""
    return bool(_differences(look))


def first_side(look: Scene) -> Scene | None:
    """Return the run that others are held against: the view's as the view has it; the best of this data where that has no weights.

    Raises:
        LabError: The run is gone or damaged.
    """
    known = comparable_runs(look.data)
    if look.view.run in known:
        return look
    return as_trained(look, known[0]) if known else None


def other_sides(first: Scene) -> dict[str, str]:
    """Name, by what a person calls them, the runs that can be held against the first: itself as trained if it is changed, the others."""
    names = [first.view.run] if is_changed(first) else []
    names += [name for name in comparable_runs(first.data) if name != first.view.run]
    return {_trained_name(first, name): name for name in names}


def sides(first: Scene, names: Iterable[str]) -> dict[str, Scene]:
    """Return what is compared by what a person calls it, the first side first, then those of ``other_sides`` that are named.

    Raises:
        LabError: A run is gone or damaged.
    """
    return {side_name(first): first} | {_trained_name(first, name): as_trained(first, name) for name in names}


def side_name(look: Scene) -> str:
    """Call a side by its run, and by what differs from how that was trained."""
    changed = _differences(look)
    return f"{look.view.run} at {', '.join(changed)}" if changed else look.view.run


def _trained_name(first: Scene, name: str) -> str:
    return f"{name} as trained" if name == first.view.run else name


def _differences(look: Scene) -> list[str]:
    if look.run is None:
        return []
    epoch = look.view.epoch
    found = [f"epoch {epoch}"] if epoch and int(epoch) != look.run.status().best_epoch else []
    turned = {name: value for name, value in look.knobs.items() if value != look.trained_knobs[name]}
    return found + [f"{plots.knob_symbol(name).partition('_')[0]} {plots.setting(value)}" for name, value in turned.items()]


def run_moves(first: Scene, second: Scene, user_id: str, k: int = 10) -> pd.DataFrame:
    """Join two sides' lists of a user as ``compare_lists`` does, with ``hit``.

    Raises:
        RunError: A run has no weights yet, or is damaged.
        UnknownIdError: No user has that id.
    """
    before, after = (tested_ranking(side, user_id) for side in (first, second))
    moved = compare_lists(before.drop(columns="hit"), after.drop(columns="hit"), k)
    return moved.assign(hit=moved["item_id"].isin(first.data.history(user_id, "valid")))


def run_quality(compared: Mapping[str, Scene]) -> Slow[pd.DataFrame]:
    """Evaluate sides on the validation split, one after the other, each in blocks of users.

    Columns: ``run`` (what it is called), ``model``, ``epoch``, and for each of the ``COMPARED_METRICS`` its mean in 0…1 and the bounds
    of its bootstrap interval over users, ``recall@20``, ``recall@20 low``, ``recall@20 high`` and so on. ``RunError`` comes with its
    value where a run has no weights yet, or is damaged.
    """

    def find(watch: Watch) -> pd.DataFrame:
        rows = []
        for name, look in watch(list(compared.items())):
            means = mean_metrics(served(look).value(watch), COMPARED_METRICS)
            assert look.run is not None  # else nobody could be served
            epoch = int(look.view.epoch or look.run.status().best_epoch)
            rows.append({"run": name, "model": look.run.config.model_name, "epoch": epoch, **means})
        return pd.DataFrame(rows)

    key = ("quality", *((name, *look.key()) for name, look in compared.items()))
    return Slow(key, find, all(look.is_quick for look in compared.values()))


def cohort_differences(compared: Mapping[str, Scene], metric: str = SELECTION_METRIC) -> pd.DataFrame:
    """Hold sides against the first of them, cohort by cohort, all users last.

    Columns: ``cohort`` (empty for all), ``run`` (what it is called), ``judged`` (users with something to find), ``first`` and ``value``
    (the metric of both), ``difference`` (value − first), ``low`` and ``high``: the bounds of its paired bootstrap interval over users,
    NaN for fewer than two.

    Raises:
        RunError: A run has no weights yet, or is damaged.
    """
    (_, first), *others = compared.items()
    return pd.concat([_against(first, look, metric).assign(run=name) for name, look in others], ignore_index=True)


def changed_users(first: Scene, second: Scene, cohort: str = "", metric: str = SELECTION_METRIC) -> pd.DataFrame:
    """List a cohort's judged users, those first that gain most from the second side.

    Columns: ``user_id``, ``first``, ``second``, ``difference``.

    Raises:
        RunError: A run has no weights yet, or is damaged.
        UnknownIdError: There is no such cohort.
    """
    ours, theirs = (served_users(look).set_index("user_id")[metric] for look in (first, second))
    pairs = pd.DataFrame({"first": ours, "second": theirs, "difference": theirs - ours}).reset_index()
    pairs = pairs[pairs["user_id"].isin(cohort_users(first.data, cohort))] if cohort else pairs
    return pairs.sort_values("difference", ascending=False, kind="stable", ignore_index=True)


def _against(first: Scene, second: Scene, metric: str) -> pd.DataFrame:
    def compute() -> pd.DataFrame:
        rows = []
        for cohort in (*COHORTS, ""):
            pairs = changed_users(first, second, cohort, metric)
            interval = cohort_mean(pairs["difference"].to_numpy(float))
            means = {"first": pairs["first"].mean(), "value": pairs["second"].mean()}
            bounds = {"difference": interval.mean, "low": interval.low, "high": interval.high}
            rows.append({"cohort": cohort, "judged": len(pairs), **means, **bounds})
        return pd.DataFrame(rows)

    return _cohorts.get(("against", first.key(), second.key(), metric), compute)
