"""The pieces of one node with names instead of rows, folded into tables: what a score came from, whichever model made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.reading import Components, Reading

UNSPREAD = ("hypergraph", "edit")
"""Parts that no neighbour hands over."""


@dataclass(frozen=True, eq=False)
class NodeComponents:
    """One node's components against the parts of the node on the other side, with names instead of rows."""

    components: Components
    parts: list[str]
    """Names of the parts, the same on both sides."""
    names: "Names"
    weight: pd.DataFrame
    """neighbor, head, weight."""
    membership: pd.DataFrame
    """modality, hyperedge, membership."""

    @cached_property
    def named(self) -> pd.DataFrame:
        """The totals with ids and titles."""
        index = self.components.index
        rows = index["neighbor"].to_numpy()
        return self.components.total.assign(id=self.names.id[rows], title=self.names.title[rows], label=self.names.label(index))

    def long(self, side: str) -> pd.DataFrame:
        """One row for each component and part of the other side."""
        index = self.named.drop(columns=["neighbor", "contribution", "label"]).rename(columns={"id": "neighbor_id"}).assign(side=side)
        long = index.loc[index.index.repeat(len(self.parts))].reset_index(drop=True)
        long["other_part"] = np.tile(np.array(self.parts, dtype=object), len(index))
        long["contribution"] = self.components.values.ravel()
        front = ["side", "part", "other_part", "source", "neighbor_id", "title"]
        return long[[*front, *(name for name in long.columns if name not in front)]]

    def sources(self, kind: str) -> pd.DataFrame:
        """Sum the components by where they came from."""
        named = self.named
        frame = pd.DataFrame({"kind": named["source"].replace("neighbor", kind), "id": named["id"], "name": named["label"]})
        grouped = frame.assign(contribution=named["contribution"]).groupby(["kind", "id", "name"], as_index=False, sort=False)
        return grouped["contribution"].sum()

    def neighbors(self, key: str) -> pd.DataFrame:
        """Return each neighbour's exact total over the parts that flow through it."""
        named = self.named[self.named["source"] == "neighbor"]
        parts = [part for part in self.parts if part not in UNSPREAD]
        table = named.pivot_table(index="neighbor", columns="part", values="contribution", aggfunc="sum", sort=False)
        table = table.reindex(columns=parts).fillna(0.0).rename_axis(columns=None)
        first = named.drop_duplicates("neighbor").set_index("neighbor").loc[table.index]
        front = pd.DataFrame({key: first["id"], "title": first["title"]})
        mean = self.weight.groupby("neighbor")["weight"].mean()
        back = pd.DataFrame({"total": table.sum(axis=1), "weight": mean.reindex(table.index)})
        table = table.rename(columns={name: f"{name} modality" for name in (key, "title", "total", "weight")})
        return pd.concat([front, table, back], axis=1).sort_values("total", ascending=False, kind="stable", ignore_index=True)

    def heads(self, key: str) -> pd.DataFrame:
        """Return the attention components by neighbour and head, with their weights."""
        named = self.named[self.named["head"] >= 0].merge(self.weight, on=["neighbor", "head"])
        return named.rename(columns={"id": key})[[key, "title", "head", "weight", "contribution"]]

    def depths(self, key: str) -> pd.DataFrame:
        """Return the components that walked along edges, by neighbour, part and depth."""
        named = self.named[self.named["depth"] > 0]
        return named.rename(columns={"id": key})[[key, "title", "part", "depth", "contribution"]].reset_index(drop=True)

    def similar(self) -> pd.DataFrame:
        """Return the components of items that look or read alike, the largest first."""
        named = self.named[self.named["source"] == "similar"].rename(columns={"id": "item_id"})
        return named[["item_id", "title", "modality", "contribution"]].sort_values(
            "contribution", ascending=False, kind="stable", ignore_index=True
        )

    def hyperedges(self) -> pd.DataFrame:
        """Return the hypergraph components with the memberships behind them."""
        named = self.named[self.named["source"] == "hyperedge"]
        return named.merge(self.membership, on=["modality", "hyperedge"])[["modality", "hyperedge", "membership", "contribution"]]


def node_components(reading: Reading, node: int, targets: Float[Tensor, "parts dim"], names: list[str]) -> NodeComponents:
    """Take one node apart against the parts of the node on the other side."""
    components = reading.components(node, targets)
    return NodeComponents(components, names, node_names(reading.data), reading.attention(node), reading.memberships(node))


def components_towards(reading: Reading, user: int, items: Sequence[int]) -> Components:
    """Multiply one user's components with the whole vectors of some item rows: what each brings to each score."""
    whole = [torch.stack(list(reading.parts(reading.data.n_users + item).values())).sum(0) for item in items]
    return reading.components(user, torch.stack(whole))


@dataclass(frozen=True, eq=False)
class Names:
    """What a person calls each node; the last entry, which the number −1 finds, is empty."""

    id: np.ndarray
    title: np.ndarray

    def label(self, index: pd.DataFrame) -> pd.Series:
        """Name where each component came from: a title, a hyperedge such as ``image 3``, or the kind of its source, such as ``own``."""
        title = pd.Series(self.title[index["neighbor"].to_numpy()], index=index.index)
        hyperedge = index["modality"] + " " + index["hyperedge"].astype(str)
        return title.where(index["neighbor"] >= 0, hyperedge.where(index["source"] == "hyperedge", index["source"]))


def node_names(data: Dataset) -> Names:
    """Look up the names of all nodes; users have no titles."""
    ids = np.array([*data.user_ids, *data.item_ids, ""], dtype=object)
    return Names(ids, np.array([*data.user_ids, *data.cards.titles, ""], dtype=object))
