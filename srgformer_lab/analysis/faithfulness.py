"""Do explanations say what the model does? Claimed importance of history items against what really happens without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from srgformer_lab.analysis.counterfactual import drop_items, variant
from srgformer_lab.analysis.explainers import Explainer, claimed
from srgformer_lab.analysis.explanation import explain, read_for
from srgformer_lab.config import check_seed
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, DataError
from srgformer_lab.models.identity import Id, on_own_data
from srgformer_lab.models.protocol import Recommender, Watch
from srgformer_lab.models.ranking import Scoring, recommend, user_scores
from srgformer_lab.statistics import over_users, rank_correlation

ORDERS = ("contribution", "attention", "random")
TAKEN = ("user_id", "item_id", "removed", "effect", *ORDERS)
"""Names that no further explainer may have."""
NO_OTHERS: Mapping[str, Explainer] = MappingProxyType({})
FEWEST = 4
"""Items that a history must have to be ranked."""
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
GOOD = 0.7
"""An order is said to rank the history as real removals do if the whole interval of its correlation lies above this."""


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Orders of a history (contribution, attention weight if there is attention, chance, and any more) against true removals."""

    effects: pd.DataFrame
    """``user_id``, ``item_id`` (recommended first), ``removed``, ``effect`` (score before − after), and a column a claim."""
    correlations: pd.DataFrame
    """``order``, ``spearman`` (mean over users), ``low``, ``high`` (95 % bootstrap over users), ``n_users``.

    Where groups were planted also ``planted``, ``planted_low``, ``planted_high``: how well an order tells the history items of the
    recommended one's group from the others, as AUC in 0…1; 0.5 by chance.
    """
    curves: pd.DataFrame
    """``order``, ``kind``, ``share``, ``drop`` of the score (mean over users), ``low``, ``high``.

    ``comprehensiveness``: the share ranked highest is removed, and a good order drops early. ``sufficiency``: only that share is
    kept, and a good order recovers early.
    """
    note: str = ""
    """How the history enters this model's scores, in a sentence; empty where the claims need no word."""

    def differences(self, first: str = "contribution") -> pd.DataFrame:
        """Compare every order's rank correlation with one order's, user by user.

        Args:
            first: The order that the others are held against.

        Returns:
            ``order``, ``difference`` (first − other; mean over the users who have both), ``low``, ``high``, ``n_users``.

        Raises:
            ConfigError: There is no such order.
        """
        known = list(self.correlations["order"])
        if first not in known:
            raise ConfigError(f"first={first!r} must be one of {', '.join(known)}")
        found = {order: _by_user(self.effects, order) for order in known}
        rows = [(order, (found[first] - found[order]).dropna().to_numpy()) for order in known if order != first]
        return pd.DataFrame(
            [(order, *_interval(values, 0), len(values)) for order, values in rows],
            columns=["order", "difference", "low", "high", "n_users"],
        )

    @property
    def verdict(self) -> str:
        """Say in plain words what may be believed."""
        judged = [_judged(row) for row in self.correlations.itertuples() if row.order != "random"]
        said = " ".join([*judged, self.note]).strip()
        attention = self.correlations[self.correlations["order"] == "attention"]
        if attention.empty:
            return said
        advice = "may be read as an explanation here" if attention["low"].iloc[0] > GOOD else "is not an explanation on its own"
        return f"{said} Attention {advice}."

    def __repr__(self) -> str:
        """Return the verdict."""
        return f"Faithfulness({self.correlations['n_users'].max()} users, {len(self.effects)} removals: {self.verdict})"


def _judged(row: object) -> str:
    order, value, low, high = row.order, row.spearman, row.low, row.high  # type: ignore[attr-defined]
    name = {"contribution": "The exact contribution", "attention": "Attention weight"}.get(order, f"“{order}”")
    if not np.isfinite(low):
        return f"{name} gives no order that could be tested."
    written = [f"{number:.2f}".replace("-", "−") for number in (value, low, high)]
    found = (
        "ranks a history much as real removals do"
        if low > GOOD
        else "says something about what removals do"
        if low > 0
        else "can't be told from chance"
        if high > 0
        else "ranks a history against what removals do"
    )
    return f"{name} {found} (rank correlation {written[0]}, 95 % [{written[1]}, {written[2]}])."


@on_own_data
def faithfulness(
    model: Recommender,
    data: Dataset,
    n_users: int = 20,
    most_removals: int = 50,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    watch: Watch = iter,
    explainers: Mapping[str, Explainer] = NO_OTHERS,
) -> Faithfulness:
    """Compute whether explanations hold: explain the first recommendation of a sample of users, and really take history items away.

    Every removal is a pass of its own on the changed data (``what_if``), so the effect includes what a removal does to degrees,
    norms, weights and memberships. Comprehensiveness and sufficiency have scores in place of probabilities. Where a model is explained by
    removals, the contributions are effects themselves; where no history enters a score, all are 0: ``note`` says so.

    Args:
        model: Any trained model that can run again.
        n_users: How many users to draw, from 2, among those with four or more training items and something left to recommend.
        most_removals: Of longer histories this many items, from 4 and drawn at random, are removed one by one.
        shares: Shares of the history in the curves, each in 0…1.
        seed: For the sample and the random order.
        watch: Hands on the users one by one, such as ``tqdm``.
        explainers: What is to be tested besides, by name: ``EXPLAINERS``, ``claims_of`` a table, or functions of one's own from the
            model, its data, a user's and an item's id to a number for each history item.
        data: The model's own data; may be left out or stand second.

    Returns:
        The effects of all removals, the correlation of each order with them, and the curves, with intervals over users.

    Raises:
        ConfigError: ``n_users`` is below 2, ``most_removals`` below 4, or a share is outside 0…1; an explainer's name is taken, or
            what it gives is no finite number for each history item.
        DataError: Fewer than two users have four training items and something left to recommend, or the data is other.

    Source: DeYoung et al. 2020 (ERASER) for the curves; Serrano and Smith 2019 for attention tested by erasure.
    """
    if n_users < 2 or most_removals < FEWEST or not all(0 <= share <= 1 for share in shares):
        raise ConfigError(
            f"n_users={n_users} must be at least 2, most_removals={most_removals} at least {FEWEST}, shares={shares} within 0…1"
        )
    if taken := [name for name in explainers if name in TAKEN]:
        raise ConfigError(f"an explainer can't be called {taken[0]!r}: that stands for something else; taken are {', '.join(TAKEN)}")
    lengths = np.diff(data.matrix("train").indptr)
    is_open = np.diff(data.matrix("all").indptr) < data.n_items
    able = np.flatnonzero((lengths >= FEWEST) & is_open)
    if len(able) < 2:
        raise DataError(
            f"{len(able)} users of {data.name} have {FEWEST} training items or more and something left to recommend; "
            "it takes two, and shorter histories have no order"
        )
    draws = np.random.default_rng(check_seed(seed))
    chosen = np.sort(draws.permutation(able)[:n_users])
    reading = read_for(model, int(chosen[0]))
    removals = (_Removal(model, data, data.user_ids[int(user)]) for user in watch(chosen.tolist()))
    measured = [_measure(removal, most_removals, shares, draws, explainers) for removal in removals]
    effects = pd.concat([frame for frame, _ in measured], ignore_index=True)
    drops = pd.concat([frame for _, frame in measured], ignore_index=True)
    correlations = _correlations(effects, seed, data, [*ORDERS, *explainers])
    return Faithfulness(effects, correlations, _curves(drops, seed), reading.note)


@on_own_data
def removal_effects(
    model: Recommender, data: Dataset, user_id: Id, item_id: Id, most_removals: int = 50, seed: int = 0, watch: Watch = iter
) -> pd.DataFrame:
    """Take the items of one user's history away one by one, and see what each costs the score of an item.

    ``user_id``, ``item_id``; ``removed``, ``effect`` (score before − after), and what was claimed of it: ``contribution`` and
    ``attention`` (weight, mean over the heads; NaN without attention). Of more than ``most_removals`` items as many are drawn at random.

    Raises:
        UnknownIdError: There is no such user or item.
        ConfigError: ``most_removals`` is below 1.
    """
    if most_removals < 1:
        raise ConfigError(f"most_removals={most_removals} must be at least 1")
    removal = _Removal(model, data, user_id, item_id)
    claims = removal.claims()
    claims = claims.iloc[np.sort(np.random.default_rng(check_seed(seed)).permutation(len(claims))[:most_removals])]
    effects = [removal.drop([item]) for item in watch(claims["removed"].tolist())]
    claims = claims.assign(user_id=removal.user_id, item_id=removal.item_id, effect=effects)
    return claims[["user_id", "item_id", "removed", "effect", "contribution", "attention"]].reset_index(drop=True)


class _Removal:
    """One user, an item (the one recommended first unless given), and its score on any part of the history."""

    def __init__(self, model: Recommender, data: Dataset, user_id: Id, item_id: Id = "") -> None:
        self.model, self.data, self.user_id = model, data, str(user_id)
        reading = read_for(model, data.user_row(user_id))
        self.item_id = str(item_id) or str(recommend(reading, data, user_id, k=1)["item_id"].iloc[0])
        self.why = explain(reading, data, user_id, self.item_id)
        self._before = self._score(reading, data)
        self._known: dict[frozenset[str], float] = {}

    def claims(self) -> pd.DataFrame:
        """Return what is claimed of each item: ``removed``, ``contribution`` (0 where none flows from it), ``attention``."""
        history = self.why.history
        claims = pd.DataFrame({"removed": history["item_id"], "contribution": history["total"], "attention": history["weight"]})
        unread = [item for item in self.history if item not in set(claims["removed"])]
        more = pd.DataFrame({"removed": unread, "contribution": 0.0, "attention": np.nan})
        return pd.concat([claims, more], ignore_index=True) if unread else claims

    @cached_property
    def history(self) -> list[str]:
        """The user's training items, in the order of the rows."""
        return [self.data.item_ids[int(row)] for row in self.data.matrix("train")[self.data.user_row(self.user_id)].indices]

    def drop(self, items: Sequence[str], keep: bool = False) -> float:
        """Return how much the score falls without these items, or with these alone."""
        history = set(self.history)
        gone = frozenset(history - set(items) if keep else items)
        if gone not in self._known:
            without = variant(self.model, self.data, self.user_id, drop_items(*gone)) if gone else None
            self._known[gone] = self._before - self._score(*without) if without else 0.0
        return self._known[gone]

    def _score(self, model: Scoring, data: Dataset) -> float:
        return float(user_scores(model, data.user_row(self.user_id))[data.item_row(self.item_id)])


def _measure(
    removal: _Removal, most_removals: int, shares: Sequence[float], draws: np.random.Generator, explainers: Mapping[str, Explainer]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    claims = removal.claims()
    claims["random"] = draws.permutation(len(claims)).astype(float)
    for name, explainer in explainers.items():
        given = claimed(name, explainer, removal.model, removal.data, removal.user_id, removal.item_id)
        claims[name] = given.loc[claims["removed"]].to_numpy()
    one_by_one = claims.iloc[np.sort(draws.permutation(len(claims))[:most_removals])]
    effects = one_by_one.assign(
        user_id=removal.user_id, item_id=removal.item_id, effect=[removal.drop([item]) for item in one_by_one["removed"]]
    )
    rows, orders = [], [order for order in [*ORDERS, *explainers] if claims[order].notna().any()]
    for order in orders:
        ranked = claims.sort_values(order, ascending=False, kind="stable")["removed"].tolist()
        for share in shares:
            first = ranked[: round(share * len(ranked))]
            rows.append((removal.user_id, order, "comprehensiveness", share, removal.drop(first)))
            rows.append((removal.user_id, order, "sufficiency", share, removal.drop(first, keep=True)))
    columns = [*TAKEN, *explainers]
    return effects[columns], pd.DataFrame(rows, columns=["user_id", "order", "kind", "share", "drop"])


def _by_user(effects: pd.DataFrame, order: str) -> pd.Series:
    """Return each user's rank correlation of an order with the effects; NaN where either has one value alone."""
    return pd.Series(
        {user: rank_correlation(each[order].to_numpy(), each["effect"].to_numpy()) for user, each in effects.groupby("user_id")}
    )


def _correlations(effects: pd.DataFrame, seed: int, data: Dataset, orders: Sequence[str]) -> pd.DataFrame:
    rows = []
    for order in [order for order in orders if order not in ORDERS or effects[order].notna().any()]:  # who claims nothing is told
        found = _by_user(effects, order).dropna().to_numpy()
        row = dict(zip(("spearman", "low", "high"), _interval(found, seed), strict=True)) | {"n_users": len(found)}
        if data.truth is not None:
            row |= dict(zip(("planted", "planted_low", "planted_high"), _interval(_planted(effects, order, data), seed), strict=True))
        rows.append({"order": order, **row})
    return pd.DataFrame(rows)


def _planted(effects: pd.DataFrame, order: str, data: Dataset) -> np.ndarray:
    """Return of each user the AUC by which an order tells the recommended item's group in the history; none where all are alike."""
    group = dict(zip(data.item_ids, data.truth.item_group.tolist(), strict=True)) if data.truth else {}
    found = []
    for _, those in effects[effects[order].notna()].groupby("user_id"):
        is_same = those["removed"].map(group) == those["item_id"].map(group)
        if is_same.any() and not is_same.all():
            found.append(roc_auc_score(is_same, those[order]))
    return np.array(found)


def _curves(drops: pd.DataFrame, seed: int) -> pd.DataFrame:
    rows = [
        (order, kind, share, *_interval(group["drop"].to_numpy(), seed))
        for (order, kind, share), group in drops.groupby(["order", "kind", "share"])
    ]
    return pd.DataFrame(rows, columns=["order", "kind", "share", "drop", "low", "high"]).sort_values(
        ["kind", "order", "share"], ignore_index=True
    )


def _interval(values: np.ndarray, seed: int) -> tuple[float, float, float]:
    if len(values) < 2:
        return (float(values.mean()) if len(values) else np.nan), np.nan, np.nan
    found = over_users(values, seed=seed)
    return found.mean, found.low, found.high
