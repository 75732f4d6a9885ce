"""Runs side by side, of whatever model: their lists for one user, and how well each serves whom.

Each side is a scene: the link's run counts as the link has it, at its epoch and knobs; the others as trained, at their best epoch.
"""

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.backend.background import BackgroundTask
from srgformer_lab.backend.cohorts import listed, mean_metrics, served, served_users, tested_ranking
from srgformer_lab.backend.inventory import cohort_users, cohorts_of
from srgformer_lab.backend.link import KNOB_OF
from srgformer_lab.backend.runs import comparable_runs
from srgformer_lab.backend.scene import Scene
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.lists import Lists
from srgformer_lab.models.protocol import Watch
from srgformer_lab.models.ranking import compare_lists
from srgformer_lab.training.beyond import OVER_ALL, names_beyond
from srgformer_lab.training.evaluation import SELECTION_METRIC
from srgformer_lab.training.judging import judge_lists, mean_of_users

LISTED = 20
"""Places by which lists are judged beyond what they find."""
MOST_RUNS = 4
"""So many runs can be looked at beside one another."""
TIES = "ndcg@20"
"""Sorts people whose gain is the same: it knows places, where Recall only counts."""
TEST = f"test {SELECTION_METRIC}"
"""Column of the same metric on the test split, as a finished run looked at it once."""
COMPARED_METRICS = ("recall@20", "ndcg@20", "recall@10", "ndcg@10")
TOGETHER_METRICS = tuple(f"{name}@{LISTED}" for name in OVER_ALL)
"""Those of ``run_quality`` that all lists have together, and nobody's alone."""


def as_trained(scene: Scene, name: str) -> Scene:
    """Return a run of the same data as it was trained: its best epoch, its own knobs.

    Raises:
        LabError: The run is gone or damaged, or is of other data.
    """
    return scene.at(run=name, **dict.fromkeys((*KNOB_OF, "epoch")))


def is_changed(scene: Scene) -> bool:
    """Return whether a link looks at its run at another epoch than the best, or under other knobs than the trained ones."""
    return bool(_differences(scene))


def first_side(scene: Scene) -> Scene | None:
    """Return the run that others are held against: the link's as the link has it; the best of this data where that has no weights.

    Raises:
        LabError: The run is gone or damaged.
    """
    known = comparable_runs(scene.data)
    if scene.link.run in known:
        return scene
    return as_trained(scene, next(iter(known))) if known else None


def other_sides(first: Scene) -> dict[str, str]:
    """Name, by what a person calls them, the runs that can be held against the first: itself as trained if it is changed, the others."""
    names = [first.link.run] if is_changed(first) else []
    names += [name for name in comparable_runs(first.data) if name != first.link.run]
    return {_trained_name(first, name): name for name in names}


def sides(first: Scene, names: Iterable[str]) -> dict[str, Scene]:
    """Return what is compared by what a person calls it, the first side first, then those of ``other_sides`` that are named.

    Raises:
        LabError: A run is gone or damaged.
    """
    return {side_name(first): first} | {_trained_name(first, name): as_trained(first, name) for name in names}


def side_name(scene: Scene) -> str:
    """Call a side by its run, and by what differs from how that was trained."""
    changed = _differences(scene)
    return f"{scene.link.run} at {', '.join(changed)}" if changed else scene.link.run


def _trained_name(first: Scene, name: str) -> str:
    return f"{name} as trained" if name == first.link.run else name


def _differences(scene: Scene) -> list[str]:
    if scene.run is None:
        return []
    epoch = scene.link.epoch
    found = [f"epoch {epoch}"] if epoch is not None and epoch != scene.run.status().best_epoch else []
    moved = {name: value for name, value in scene.knobs.items() if value != scene.trained_knobs[name]}
    return found + [f"{plots.knob_symbol(name).partition('_')[0]} {plots.setting(value)}" for name, value in moved.items()]


def run_moves(first: Scene, second: Scene, user_id: str, k: int = 10) -> pd.DataFrame:
    """Join two sides' lists of a user as ``compare_lists`` does, with ``hit``.

    Raises:
        RunError: A run has no weights yet, or is damaged.
        UnknownIdError: No user has that id.
    """
    before, after = (tested_ranking(side, user_id) for side in (first, second))
    moved = compare_lists(before.drop(columns="hit"), after.drop(columns="hit"), k)
    return moved.assign(hit=moved["item_id"].isin(first.data.history(user_id, "valid")))


def run_quality(compared: Mapping[str, Scene]) -> BackgroundTask[pd.DataFrame]:
    """Evaluate sides on the validation split, one after the other, each in blocks of users.

    Columns: ``run`` (what it is called), ``model``, ``epoch``, and for each of the ``COMPARED_METRICS`` and what ``judge_lists`` has
    beyond them at 20 its mean and the bounds of its bootstrap interval over users, ``recall@20``, ``recall@20 low``,
    ``recall@20 high`` and so on; ``TEST`` beside them, NaN where a run has not finished or is looked at as it was not trained.
    ``RunError`` comes with its value where a run has no weights yet, or is damaged.
    """

    def compute(watch: Watch) -> pd.DataFrame:
        rows = []
        for name, scene in watch(list(compared.items())):
            means = _judged(listed(scene).value(watch)) | mean_metrics(served(scene).value(), COMPARED_METRICS)
            assert scene.run is not None  # else nobody could be served
            epoch = scene.run.status().best_epoch if scene.link.epoch is None else scene.link.epoch
            test = math.nan if is_changed(scene) else scene.run.test_metrics().get(SELECTION_METRIC, math.nan)
            rows.append({"run": name, "model": scene.run.config.model_name, "epoch": epoch, **means, TEST: test})
        return pd.DataFrame(rows)

    key = ("quality", *((name, *scene.key) for name, scene in compared.items()))
    return BackgroundTask(key, compute, all(scene.is_quick for scene in compared.values()))


def _judged(lists: Lists) -> dict[str, float]:
    found = judge_lists(lists, split="valid", cutoffs=(LISTED,)).set_index("metric")[["value", "low", "high"]]
    named = {"value": "", "low": " low", "high": " high"}
    return {f"{metric}{named[of]}": value for metric, row in found.iterrows() for of, value in row.items()}  # pyright: ignore


def list_metrics(data: Dataset) -> list[str]:
    """Name what ``run_quality`` says of a single list beyond what it finds."""
    return [f"{name}@{LISTED}" for name in names_beyond(data)]


def cohort_differences(compared: Mapping[str, Scene], metric: str = SELECTION_METRIC) -> pd.DataFrame:
    """Hold sides against the first of them, cohort by cohort, all users last.

    Columns: ``cohort`` (empty for all), ``run`` (what it is called), ``judged`` (users with something to find), ``first`` and ``value``
    (the metric of both), ``difference`` (value − first), ``low`` and ``high``: the bounds of its paired bootstrap interval over users,
    NaN for fewer than two.

    Raises:
        RunError: A run has no weights yet, or is damaged.
    """
    (_, first), *others = compared.items()
    return pd.concat([_against(first, scene, metric).assign(run=name) for name, scene in others], ignore_index=True)


def changed_users(first: Scene, second: Scene, cohort: str = "", metric: str = SELECTION_METRIC) -> pd.DataFrame:
    """List a cohort's judged users whom both sides' lists tell something of, those first that gain most from the second side.

    Columns: ``user_id``, ``first``, ``second``, ``difference``, ``tie`` (of NDCG@20, by which those of one difference are sorted).

    Raises:
        RunError: A run has no weights yet, or is damaged.
        UnknownIdError: There is no such cohort.
    """
    ours, theirs = (served_users(scene).set_index("user_id") for scene in (first, second))
    gain, tie = theirs[metric] - ours[metric], theirs[TIES] - ours[TIES]
    pairs = pd.DataFrame({"first": ours[metric], "second": theirs[metric], "difference": gain, "tie": tie}).dropna().reset_index()
    pairs = pairs[pairs["user_id"].isin(cohort_users(first.data, cohort))] if cohort else pairs
    return pairs.sort_values(["difference", "tie"], ascending=False, kind="stable", ignore_index=True)


def first_hits(first: Scene, second: Scene, user_id: str) -> tuple[float, float]:
    """Return at which place of either list of a user the first held-back item stands; NaN where nothing was held back.

    Raises:
        RunError: A run has no weights yet, or is damaged.
        UnknownIdError: No user has that id.
    """
    lists = (tested_ranking(scene, user_id) for scene in (first, second))
    before, after = (float(found.loc[found["hit"], "rank"].min()) for found in lists)
    return before, after


def _against(first: Scene, second: Scene, metric: str) -> pd.DataFrame:
    def compute() -> pd.DataFrame:
        rows = []
        for cohort in (*cohorts_of(first.data), ""):
            pairs = changed_users(first, second, cohort, metric)
            interval = mean_of_users(pairs["difference"].to_numpy(float))
            means = {"first": pairs["first"].mean(), "value": pairs["second"].mean()}
            bounds = {"difference": interval.mean, "low": interval.low, "high": interval.high}
            rows.append({"cohort": cohort, "judged": len(pairs), **means, **bounds})
        return pd.DataFrame(rows)

    return first.keep(("against", second.key, metric), compute)
