"""How well a model serves whom: from a table of cohorts to one person's list, with what they really took."""

import pandas as pd

from srgformer_lab.errors import RunError
from srgformer_lab.learn.evaluation import evaluate_users
from srgformer_lab.model.ranking import rank_items
from srgformer_lab.workspace.cohorts import COHORTS, cohort_mean
from srgformer_lab.workspace.inventory import history_lengths
from srgformer_lab.workspace.scene import NOTHING_TRAINED, Scene
from srgformer_lab.workspace.shelf import Shelf

SERVED_METRICS = ("recall@20", "ndcg@20")
LISTED = 20
_served, _tables = Shelf(24), Shelf(24)


def served_users(look: Scene) -> pd.DataFrame:
    """Evaluate every user with something to find, on the validation split under the view's knobs.

    Columns: ``user_id``, ``items`` (history), ``cohort``, ``recall@20``, ``ndcg@20`` in 0…1.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    trace = look.trace
    if trace is None:
        raise RunError(NOTHING_TRAINED)

    def compute() -> pd.DataFrame:
        served = evaluate_users(trace, look.data, "valid", (LISTED,))
        return history_lengths(look.data).merge(served, on="user_id")

    return _served.get(look.key(), compute)


def knows_served(look: Scene) -> bool:
    """Tell whether ``served_users`` has been computed already."""
    return look.key() in _served


def cohort_table(look: Scene) -> pd.DataFrame:
    """Set the cohorts beside one another, all users last.

    Columns: ``cohort`` (empty for all), ``users``, ``judged`` (those with something to find), ``shortest``, ``median`` and
    ``longest`` history; for each metric its mean over the judged and the bounds of its bootstrap interval, ``recall@20``,
    ``recall@20 low``, ``recall@20 high`` and so on: NaN without anybody to judge, bounds NaN for one.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    served = served_users(look)
    return _tables.get(look.key(), lambda: _by_cohort(served, history_lengths(look.data)))


def _by_cohort(served: pd.DataFrame, lengths: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for cohort in (*COHORTS, ""):
        those, judged = (frame[frame["cohort"] == cohort] if cohort else frame for frame in (lengths, served))
        history = those["items"]
        row = {"cohort": cohort, "users": len(those), "judged": len(judged)}
        row |= {"shortest": history.min(), "median": history.median(), "longest": history.max()}
        for metric in SERVED_METRICS:
            interval = cohort_mean(judged[metric].to_numpy(float))
            row |= {metric: interval.mean, f"{metric} low": interval.low, f"{metric} high": interval.high}
        rows.append(row)
    return pd.DataFrame(rows)


def cohort_served(look: Scene, cohort: str = "", best_first: bool = False) -> pd.DataFrame:
    """List a cohort's judged users as ``served_users`` does, the worst served first by NDCG; among equals the longer history first.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    served = served_users(look)
    those = served[served["cohort"] == cohort] if cohort else served
    return those.sort_values(["ndcg@20", "items"], ascending=[not best_first, False], kind="stable", ignore_index=True)


def tested_ranking(look: Scene) -> pd.DataFrame:
    """Rank for the view's user all that they did not have to learn from, as the evaluation does, and say what they took.

    Columns: ``rank``, ``item_id``, ``title``, ``score``, ``hit`` (held back for validation, and so to be found).

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    if look.trace is None:
        raise RunError(NOTHING_TRAINED)
    ranking = rank_items(look.trace, look.data, look.view.user, hide="train")
    return ranking.assign(hit=ranking["item_id"].isin(look.data.history(look.view.user, "valid")))
