"""Why this above that, and why this whole list: explanations set beside one another."""

from dataclasses import dataclass

import pandas as pd
import torch

from srgformer_lab.analysis.contributions import Explanation, explain
from srgformer_lab.analysis.reading import read_for
from srgformer_lab.analysis.sides import node_names
from srgformer_lab.analysis.terms import Walks
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import Id, on_own_data
from srgformer_lab.models.ranking import recommend
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace

REASON_COLUMNS = ["rank", "item_id", "title", "score", "place", "kind", "reason_id", "reason", "contribution"]


@dataclass(frozen=True, eq=False)
class Versus:
    """Two items for one user, and what makes the difference between their scores; every table adds up to it."""

    first: Explanation
    second: Explanation

    @property
    def difference(self) -> float:
        """The first item's score minus the second's."""
        return self.first.score - self.second.score

    @property
    def parts(self) -> pd.DataFrame:
        """``part``, ``a``, ``b``, ``difference``: the shares of the parts (half of the row, half of the column)."""
        return _beside(self.first.by_part, self.second.by_part, ["part"], "contribution")

    @property
    def sources(self) -> pd.DataFrame:
        """``kind``, ``id``, ``name``, ``a``, ``b``, ``difference``: own embedding, history items and hyperedges of the user."""
        return _beside(self.first.sources, self.second.sources, ["kind", "id", "name"], "contribution")

    @property
    def history(self) -> pd.DataFrame:
        """``item_id``, ``title``, ``a``, ``b``, ``difference``: what each item of the history does for either."""
        return _beside(self.first.history, self.second.history, ["item_id", "title"], "total")

    def __repr__(self) -> str:
        """Say which item is ahead, by how much, and what decides."""
        ahead, behind = (self.first, self.second) if self.difference >= 0 else (self.second, self.first)
        parts = self.parts
        decides = parts.loc[parts["difference"].abs().idxmax()]
        return (
            f"Versus({ahead.title!r} is {abs(self.difference):.4g} ahead of {behind.title!r} for user {ahead.user_id}; "
            f"the largest difference is {decides['part']} {decides['difference']:+.3g})"
        )


def _beside(first: pd.DataFrame, second: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    both = (
        first[[*keys, value]]
        .merge(second[[*keys, value]], on=keys, how="outer", suffixes=("_a", "_b"), sort=False)
        .fillna({f"{value}_a": 0.0, f"{value}_b": 0.0})
    )
    both = both.rename(columns={f"{value}_a": "a", f"{value}_b": "b"})
    both["difference"] = both["a"] - both["b"]
    order = both["difference"].abs().sort_values(ascending=False, kind="stable").index
    return both.loc[order].reset_index(drop=True)


@on_own_data
def versus(model: SRGFormer | Trace, data: Dataset, user_id: Id, item_a: Id, item_b: Id) -> Versus:
    """Explain the difference between two items' scores for one user, exactly.

    Raises:
        UnknownIdError: No user or item has that id.
    """
    trace = read_for(model, data.user_row(user_id))
    return Versus(explain(trace, data, user_id, item_a), explain(trace, data, user_id, item_b))


@on_own_data
def reasons(model: SRGFormer | Trace, data: Dataset, user_id: Id, k: int = 10, n: int = 3) -> pd.DataFrame:
    """Return the n largest reasons for each of the k items recommended to a user.

    A reason is an item of the history (``history``), a hyperedge (``hyperedge``) or the user's own embedding (``own``), as in
    ``Explanation.sources``. Columns: ``rank``, ``item_id``, ``title``, ``score``, ``place`` (1 is the largest), ``kind``,
    ``reason_id``, ``reason``, ``contribution``. Reasons that hurt are not listed, so an item may have fewer than n.

    Raises:
        UnknownIdError: No user has that id.
        ConfigError: ``k`` or ``n`` is not positive.
    """
    if n < 1:
        raise ConfigError(f"n={n} must be at least 1: how many reasons to give for an item")
    trace = read_for(model, data.user_row(user_id))
    listed = recommend(trace, data, user_id, k)
    items = torch.tensor([data.item_row(item) for item in listed["item_id"]], dtype=torch.long, device=trace.nodes.device)
    terms = Walks(trace).terms(data.user_row(user_id), trace.fused.items[items])
    index, names = terms.index, node_names(data)
    keys = pd.DataFrame(
        {
            "kind": index["source"].replace("neighbor", "history"),
            "reason_id": names.id[index["neighbor"]],
            "reason": names.label(index),
        }
    )
    columns = [keys.assign(item_id=item, contribution=terms.values[:, place]) for place, item in enumerate(listed["item_id"])]
    if not columns:
        return pd.DataFrame(columns=REASON_COLUMNS)
    every = pd.concat(columns, ignore_index=True)
    long = every.groupby(["item_id", *keys], sort=False, as_index=False)["contribution"].sum()
    long = long[long["contribution"] > 0].sort_values("contribution", ascending=False, kind="stable")
    long["place"] = long.groupby("item_id").cumcount() + 1
    told = listed.merge(long[long["place"] <= n], on="item_id").sort_values(["rank", "place"], ignore_index=True)
    return told[REASON_COLUMNS]
