"""Lists judged: every metric with how sure it is, by cohort, against other lists, and what two makers of lists agree on."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import sparse

from srgformer_lab.config import check_number
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.labels import THIRDS, history_thirds
from srgformer_lab.data.lists import HIDDEN, Lists
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.protocol import Recommender, Watch
from srgformer_lab.models.trace import Trace
from srgformer_lab.statistics import Interval, between_groups, over_user_sets, over_users
from srgformer_lab.training.beyond import OVER_ALL, exposure, left_out
from srgformer_lab.training.evaluation import CUTOFFS, evaluate_users, judged_lists

Sides = Mapping[str, Recommender | Trace | Lists]
GAP = "gap"
"""Stands for the longest histories minus the shortest, where others are cohorts."""
PAIRS_AT_ONCE = 4_000_000


@on_own_data
def judge_lists(
    model: Recommender | Trace | Lists,
    data: Dataset,
    split: str = "valid",
    cutoffs: Sequence[int] = CUTOFFS,
    watch: Watch | None = None,
) -> pd.DataFrame:
    """Compute what lists hit and what they are like beyond that, each number with its bounds over users.

    Popularity, the tail, novelty and categories are those of the training split. Means are over the users whose list tells something.

    - ``recall@k``, ``ndcg@k``, in 0…1: as ``evaluate`` computes them.
    - ``popularity@k``, in users from 0: how many have an item of a list in training, on average.
    - ``long_tail@k``, in 0…1: the share of a list outside of the head, the most taken items that hold 80 % of the interactions.
    - ``novelty@k``, in bits from 0 to log2(users): the mean of −log2 of the share of users who have an item; one that nobody
      has counts as if one had it.
    - ``image_distance@k`` and so on, in 0…2: the mean of 1 − cosine over all pairs of a list, by the features of that modality.
      Items without it are left out, and counted.
    - ``calibration@k``, in nats from 0 to 4.6: the Kullback–Leibler divergence of a list's categories from the history's, 0 where
      they are the same; a hundredth of the history is mixed into the list. The category is the planted group, or the first
      column of words of the item table with 2 to 60 values, of whose values ``a|b`` the first counts. Items without one are left
      out, and counted.
    - ``coverage@k``, in 0…1: the share of the catalogue that is on anybody's list.
    - ``gini@k``, 0 where all items are on as many lists, to 1 − 1/items where all lists are one item.

    Args:
        model: Any recommender, a pass that was made, or lists.
        split: ``valid`` or ``test``: those with a positive there are judged. Training items are hidden in both.
        cutoffs: The k, each from 1.
        watch: Hands on the blocks of users one by one, such as ``tqdm``.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``metric``, ``value``, ``low`` and ``high`` (95 % bootstrap over users; NaN for fewer than two), ``users`` (over how many),
        ``left_out`` (places of lists whose items don't count).

    Raises:
        ConfigError: The split or a cut-off does not exist, or lists have fewer places.
        DataError: The data is not what the model was built on.

    Examples:
        >>> found = lab.judge_lists(lab.Popularity(lab.studio()), cutoffs=[20]).set_index("metric")["value"]
        >>> f"{found['coverage@20']:.0%} of the items are on a list, {found['long_tail@20']:.0%} of the places are of the tail"
        '20% of the items are on a list, 0% of the places are of the tail'

    Source:
        Popularity and tail: H. Abdollahpouri, R. Burke, B. Mobasher (2019), Managing popularity bias in recommender systems with
        personalized re-ranking, FLAIRS. Novelty: T. Zhou et al. (2010), Solving the apparent diversity-accuracy dilemma of
        recommender systems, PNAS 107(10). Distance: C.-N. Ziegler et al. (2005), Improving recommendation lists through topic
        diversification, WWW. Calibration: H. Steck (2018), Calibrated recommendations, RecSys. Coverage: M. Ge,
        C. Delgado-Battenfeld, D. Jannach (2010), Beyond accuracy, RecSys. Gini: D. Fleder, K. Hosanagar (2009), Blockbuster
        culture's next rise or fall, Management Science 55(5).
    """
    rows, items = judged_lists(model, data, split, cutoffs, watch)
    users = evaluate_users(Lists(data, rows, items), data, split, cutoffs, beyond=True).drop(columns="user_id")
    without, found = left_out(items, data, cutoffs), []
    for metric, values in users.items():
        told = values.dropna().to_numpy(float)
        found.append(_row(str(metric), mean_of_users(told), len(told), without.get(str(metric), 0)))
    for name, measure in OVER_ALL.items():
        for k in cutoffs:
            shown = exposure(items[:, :k], data.n_items)
            interval = _over_all(lambda drawn, shown=shown, measure=measure: measure(drawn @ shown), shown)
            interval = Interval(interval.mean, *np.clip([interval.low, interval.high], 0, 1).tolist())
            found.append(_row(f"{name}@{k}", interval, len(rows), 0))
    return pd.DataFrame(found)


@on_own_data
def judge_cohorts(
    model: Recommender | Trace | Lists, data: Dataset, split: str = "valid", cutoffs: Sequence[int] = CUTOFFS
) -> pd.DataFrame:
    """Compute each user's metrics, averaged over users with short, middling and long histories, and the gap between them.

    Args:
        model: Any recommender, a pass that was made, or lists.
        split: ``valid`` or ``test``.
        cutoffs: The k, each from 1.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``cohort`` (``cold``, ``middle``, ``heavy``: thirds of the users by their training history; ``gap``: the last of those that are
        there minus the first), ``metric`` (those that a single list has), ``users``, ``value``, ``low``, ``high``: the bounds of the
        bootstrap interval over users, each cohort drawn by itself; NaN for fewer than two users.

    Raises:
        ConfigError: The split or a cut-off does not exist, or lists have fewer places.
        DataError: The data is not what the model was built on.
    """
    users = evaluate_users(model, data, split, cutoffs, beyond=True)
    third = pd.Series(history_thirds(data), index=list(data.user_ids)).loc[users.pop("user_id")].to_numpy()
    found, there = [], [cohort for cohort in THIRDS if (third == cohort).any()]
    for metric, values in users.items():
        by = {cohort: values[third == cohort].dropna().to_numpy(float) for cohort in there}
        found += [
            {"cohort": cohort, "metric": metric, "users": len(those), **_bounds(mean_of_users(those))} for cohort, those in by.items()
        ]
        if len(there) > 1:
            first, last = by[there[0]], by[there[-1]]
            known = len(first) > 1 and len(last) > 1
            gap = between_groups(first, last) if known else Interval(np.nan, np.nan, np.nan)
            found.append({"cohort": GAP, "metric": metric, "users": len(first) + len(last), **_bounds(gap)})
    return pd.DataFrame(found)


@on_own_data
def judge_differences(sides: Sides, data: Dataset, split: str = "valid", cutoffs: Sequence[int] = CUTOFFS) -> pd.DataFrame:
    """Hold models or lists against the first of them, metric by metric, on the same users.

    Args:
        sides: By name, what is compared: recommenders, passes or lists of the same data.
        split: ``valid`` or ``test``.
        cutoffs: The k, each from 1.
        data: Their data; may be left out or stand second.

    Returns:
        ``metric`` (those of ``judge_lists``), ``side``, ``first`` and ``value`` (both means over the users whom both tell something of),
        ``difference`` (value − first), ``low`` and ``high`` (95 % paired bootstrap over users), ``users``.

    Raises:
        ConfigError: There is one side only, or the split or a cut-off does not exist.
        DataError: They are of different data.
    """
    made = _made(sides, data, split, cutoffs)
    users = {name: evaluate_users(lists, data, split, cutoffs, beyond=True).drop(columns="user_id") for name, lists in made.items()}
    (_, (ours, shown)), *others = ((name, (users[name], lists.items)) for name, lists in made.items())
    found = []
    for name, (theirs, other) in others:
        for metric in ours:
            pair = pd.DataFrame({"first": ours[metric], "value": theirs[metric]}).dropna()
            interval = mean_of_users((pair["value"] - pair["first"]).to_numpy(float))
            found.append({"metric": metric, "side": name, **pair.mean().to_dict(), **_difference(interval), "users": len(pair)})
        for label, measure in OVER_ALL.items():
            for k in cutoffs:
                both = [exposure(items[:, :k], data.n_items) for items in (shown, other)]
                means = {of: float(measure(np.ones((1, len(shown))) @ each)[0]) for of, each in zip(("first", "value"), both, strict=True)}
                interval = _over_all(lambda drawn, both=both, measure=measure: measure(drawn @ both[1]) - measure(drawn @ both[0]), *both)
                found.append({"metric": f"{label}@{k}", "side": name, **means, **_difference(interval), "users": len(shown)})
    return pd.DataFrame(found)


@on_own_data
def list_overlap(
    sides: Sides, data: Dataset, split: str = "valid", cutoffs: Sequence[int] = CUTOFFS, persistence: float = 0.9
) -> pd.DataFrame:
    """Compute how far each user's lists of several makers agree with those of the first of them.

    Args:
        sides: By name, what is compared: recommenders, passes or lists of the same data.
        split: ``valid`` or ``test``: those with a positive there are looked at.
        cutoffs: The k, each from 1; rank-biased overlap looks at the largest.
        persistence: How likely a reader goes on from a place to the next, above 0 and below 1; the higher, the deeper it looks.
        data: Their data; may be left out or stand second.

    Returns:
        ``side``, ``user_id``, for each k ``overlap@k`` (of the longer list's first k items, the share that stands in the other's
        first k too, in 0…1), ``rbo`` (rank-biased overlap, extrapolated; 0 nothing in common … 1 the same list); NaN where a list is empty.

    Raises:
        ConfigError: There is one side only, the split or a cut-off does not exist, or the persistence is out of its range.
        DataError: They are of different data.

    Source:
        W. Webber, A. Moffat, J. Zobel (2010), A similarity measure for indefinite rankings, ACM TOIS 28(4): RBO_EXT for lists of
        different lengths.
    """
    if not 0 < check_number("persistence", persistence, 0, 1, "how likely a reader goes on to the next place") < 1:
        raise ConfigError(f"persistence={persistence!r} must lie above 0 and below 1; 0.9 by default")
    (_, first), *others = _made(sides, data, split, cutoffs).items()
    ids, found = [data.user_ids[row] for row in first.users.tolist()], []
    for name, second in others:
        shared = _shared(first.items, second.items)
        columns = {}
        for k in cutoffs:
            longer = np.maximum(*((lists.items[:, :k] != HIDDEN).sum(axis=1) for lists in (first, second)))
            both = ((first.items[:, :1] != HIDDEN) & (second.items[:, :1] != HIDDEN))[:, 0]
            columns[f"overlap@{k}"] = np.where(both, shared[:, min(k, shared.shape[1]) - 1] / longer.clip(min=1), np.nan)
        rbo = _rank_biased_overlap(shared, first.items, second.items, persistence)
        found.append(pd.DataFrame({"side": name, "user_id": ids, **columns, "rbo": rbo}))
    return pd.concat(found, ignore_index=True)


def mean_of_users(values: Float[np.ndarray, " users"]) -> Interval:
    """Return the mean over users with its bounds; NaN stands for what too few users can't tell."""
    if len(values) > 1:
        return over_users(values)
    return Interval(float(values[0]) if len(values) else np.nan, np.nan, np.nan)


def _over_all(measure: Callable[[np.ndarray], np.ndarray], *shown: sparse.csr_matrix) -> Interval:
    """Draw users with all of their lists; NaN bounds where a maker's lists are all empty, or there are fewer than two users."""
    n_users = shown[0].shape[0]
    if n_users > 1 and all(each.nnz for each in shown):
        return over_user_sets(measure, n_users)
    return Interval(float(measure(np.ones((1, n_users)))[0]), np.nan, np.nan)


def _made(sides: Sides, data: Dataset, split: str, cutoffs: Sequence[int]) -> dict[str, Lists]:
    """Make everybody's lists, once a side, for the users with a positive."""
    if len(sides) < 2:
        raise ConfigError(f"there are {len(sides)} sides ({', '.join(sides)}); give at least two to compare")
    found = {}
    for name, side in sides.items():
        rows, items = judged_lists(side, data, split, cutoffs)
        found[name] = Lists(data, rows, items, name)
    return found


def _shared(first: Int[np.ndarray, "users places"], second: Int[np.ndarray, "users others"]) -> Int[np.ndarray, "users depths"]:
    """Return how many items two lists share among their first 1, 2, … places."""
    depth = max(first.shape[1], second.shape[1])
    found = np.zeros((len(first), depth), dtype=np.int64)
    block = max(1, PAIRS_AT_ONCE // (first.shape[1] * second.shape[1]))
    for start in range(0, len(first), block):
        ours, theirs = first[start : start + block, :, None], second[start : start + block, None, :]
        user, one, two = np.nonzero((ours == theirs) & (ours != HIDDEN))
        np.add.at(found, (user + start, np.maximum(one, two)), 1)  # both lists hold it from the later of its places on
    return found.cumsum(axis=1)


def _rank_biased_overlap(
    shared: Int[np.ndarray, "users depths"],
    first: Int[np.ndarray, "users places"],
    second: Int[np.ndarray, "users others"],
    persistence: float,
) -> Float[np.ndarray, " users"]:
    lengths = np.stack([(items != HIDDEN).sum(axis=1) for items in (first, second)])
    short, long = lengths.min(axis=0), lengths.max(axis=0)
    known, depth = short > 0, np.arange(1, shared.shape[1] + 1)
    weight = np.where(depth <= long[:, None], persistence**depth, 0.0)
    rows, least = np.arange(len(shared)), short.clip(min=1)
    at_short, at_long = shared[rows, least - 1], shared[rows, long.clip(min=1) - 1]
    seen = (shared / depth * weight).sum(axis=1)
    expected = ((at_short / least)[:, None] * (depth - short[:, None]).clip(min=0) / depth * weight).sum(axis=1)
    beyond = ((at_long - at_short) / long.clip(min=1) + at_short / least) * persistence**long
    return np.where(known, (1 - persistence) / persistence * (seen + expected) + beyond, np.nan)


def _row(metric: str, interval: Interval, users: int, without: int) -> dict[str, object]:
    return {"metric": metric, **_bounds(interval), "users": users, "left_out": without}


def _bounds(interval: Interval) -> dict[str, float]:
    return {"value": interval.mean, "low": interval.low, "high": interval.high}


def _difference(interval: Interval) -> dict[str, float]:
    return {"difference": interval.mean, "low": interval.low, "high": interval.high}
