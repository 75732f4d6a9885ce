"""One node's embedding as a sum of vectors that each came from somewhere: the walks, heads and hyperedges behind a score.

``Walks`` takes one pass apart; ``NodeComponents`` gives the pieces of one node names instead of rows, and folds them into tables.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.graph import DEGREE_OFFSET
from srgformer_lab.models.propagation import depths
from srgformer_lab.models.trace import Trace

SMALLEST_NORM = 1e-12
EDITED = 1e-4
"""A branch differs from the sum of its components by more than this share of their sizes only if a hook changed it on the way."""


@dataclass(frozen=True, eq=False)
class Components:
    """What one node's parts consist of, each multiplied with some targets."""

    index: pd.DataFrame
    """``part``; ``source`` (own, neighbor, hyperedge or edit); ``neighbor`` (node), ``depth``, ``head``, ``modality``, ``hyperedge``,
    −1 or ``""`` where they don't apply."""
    values: Float[np.ndarray, "components targets"]
    """⟨component, target⟩; for each target the sum over a part's components is ⟨part, target⟩."""

    @property
    def total(self) -> pd.DataFrame:
        """The index with one column ``contribution``: the sum over all targets."""
        return self.index.assign(contribution=self.values.sum(1))


class Walks:
    """What each neighbour hands over to a node at each depth of one pass; computed once for any number of nodes.

    E^id_a = 1/(L+1) (E⁰_a + Σ_b ã_ab Σ_s E^(s−1)_b), nz(E^m)_a = Σ_b ã_ab E^{m,(L−1)}_b / ‖E^m_a‖,
    α nz(E^att)_a = α Σ_b Σ_r w^(r)_ab (e_b W_V)^(r) / ‖E^att_a‖, β nz(E^H)_a = β Σ_m Σ_k H^m_ak Λ^m_k / ‖E^H_a‖.

    The norms, the attention weights and the memberships are held at the values of this pass: the components say what the score
    consists of, not what it would be if a neighbour were gone (then norms and weights change too; ``what_if`` tells that).
    A walk that comes back to its node belongs to the neighbour it went to first. Where attention reads the last LightGCN layer
    (``attention_input="propagated"``), what a neighbour hands over is no longer its own: it has gathered it from up to L_id steps
    around it, the node itself among them, and its attention components then belong to it as those of its walks do. What the pass itself
    rounded off is shared among the components of a part in proportion to their sizes, so that they sum to what the model computed.

    Source: the branches of the paper (arXiv 2511.00584), each a sum over neighbours, heads or hyperedges.
    """

    def __init__(self, trace: Trace) -> None:
        """Propagate again, keeping every depth."""
        self.trace, graph, config = trace, trace.graph, trace.config
        with torch.no_grad():
            self._id = list(depths(trace.embedding.values, graph.propagate, max(config.n_id_layers - 1, 0)))
            self._modality = {}
            for name, projected in trace.projected.items():
                start = torch.cat([graph.history_mean(projected), projected])
                *_, self._modality[name] = depths(start, graph.propagate, max(config.n_modality_layers - 1, 0))

    def parts(self, node: int) -> dict[str, Float[Tensor, " dim"]]:
        """Return a node's parts in float64; they sum to its fused embedding.

        Where a hook changed the fused embedding, what it put in is a part of its own, ``edit``.
        """
        chosen = torch.tensor([node], device=self.trace.nodes.device)
        parts = {name: part.of(chosen)[0].double() for name, part in self.trace.parts.items()}
        stacked = torch.stack(list(parts.values()))
        size = stacked.norm(dim=1, keepdim=True)
        rest = self.trace.fused.of(chosen)[0].double() - stacked.sum(0)
        if rest.norm() > EDITED * size.sum():
            return parts | {"edit": rest}
        return dict(zip(parts, stacked + rest * size / size.sum().clamp_min(SMALLEST_NORM), strict=True))

    def components(self, node: int, targets: Float[Tensor, "targets dim"]) -> Components:
        """Multiply every component of a node's parts with the targets, in float64."""
        with torch.no_grad():
            neighbors, weight = self.trace.graph.row(node)
            table = _Table(self.parts(node), targets.double())
            self._add_id(table, node, neighbors, weight.double())
            for name in self.trace.modality:
                self._add_modality(table, name, node, neighbors, weight.double())
            self._add_attention(table, node)
            self._add_hypergraph(table, node)
            table.add("edit", [])
        return table.finish()

    def _add_id(self, table: "_Table", node: int, neighbors: Tensor, weight: Tensor) -> None:
        n_layers = self.trace.config.n_id_layers
        own = _Piece("own", self.trace.embedding.values[node, None].double() / (n_layers + 1))
        share = weight[:, None] / (n_layers + 1)
        walked = [
            _Piece("neighbor", share * handed[neighbors].double(), neighbors, depth)
            for depth, handed in enumerate(self._id[:n_layers], start=1)
        ]
        table.add("id", [own, *walked])

    def _add_modality(self, table: "_Table", name: str, node: int, neighbors: Tensor, weight: Tensor) -> None:
        n_layers, n_users = self.trace.config.n_modality_layers, self.trace.graph.n_users
        projected = self.trace.projected[name]
        if n_layers:
            piece = _Piece("neighbor", weight[:, None] * self._modality[name][neighbors].double(), neighbors, n_layers)
        elif node < n_users:
            piece = _Piece("neighbor", projected[neighbors - n_users].double() / (len(neighbors) + DEGREE_OFFSET), neighbors, 1)
        else:
            piece = _Piece("own", projected[node - n_users, None].double())
        table.add(name, [piece], self.trace.enters(name, node) / _norm(self.trace.modality[name].values[node]))

    def _add_attention(self, table: "_Table", node: int) -> None:
        attention, n_heads = self.trace.attention, self.trace.config.n_heads
        edges = (attention.node == node).nonzero().squeeze(1)
        neighbors, weight = attention.neighbor[edges], attention.weight[edges].double()  # (neighbors, heads)
        scale = self.trace.config.attention_scale / _norm(attention.output.of(edges.new_tensor([node]))[0])
        value = (
            attention.value[neighbors].double().unflatten(1, (n_heads, attention.value.shape[1] // n_heads))
        )  # (neighbors, heads, head width)
        width = value.shape[2]
        for head in range(n_heads):
            place = slice(head * width, (head + 1) * width)
            piece = _Piece("neighbor", weight[:, head, None] * value[:, head], neighbors, head=head)
            table.add("attention", [piece], scale, place)

    def _add_hypergraph(self, table: "_Table", node: int) -> None:
        n_users = self.trace.graph.n_users
        side, row = ("users", node) if node < n_users else ("items", node - n_users)
        pieces = []
        for name, part in self.trace.hypergraph.items():
            vectors = getattr(part.membership, side)[row, :, None].double() * part.hyperedges.double()  # (hyperedges, dim)
            pieces.append(_Piece("hyperedge", self.trace.enters(name, node) * vectors, modality=name, hyperedge=torch.arange(len(vectors))))
        whole = [self.trace.enters(name, node) * part.embedding.values[node] for name, part in self.trace.hypergraph.items()]
        total = torch.stack(whole).sum(0) if whole else None
        table.add("hypergraph", pieces, 0.0 if total is None else self.trace.config.hypergraph_scale / _norm(total))


def _norm(values: Float[Tensor, " dim"]) -> Float[Tensor, ""]:
    return values.double().norm().clamp_min(SMALLEST_NORM)


class _Piece(NamedTuple):
    """Some components of one branch, as vectors before its norm and scale, and where they came from."""

    source: str
    vectors: Tensor
    neighbor: Tensor | int = -1
    depth: int = 0
    head: int = -1
    modality: str = ""
    hyperedge: Tensor | int = -1


class _Table:
    """Components as they are gathered, branch by branch."""

    def __init__(self, parts: dict[str, Float[Tensor, " dim"]], targets: Float[Tensor, "targets dim"]) -> None:
        self.parts, self.targets = parts, targets
        self._frames: list[pd.DataFrame] = []
        self._values: list[np.ndarray] = []

    def add(self, part: str, pieces: list[_Piece], scale: Tensor | float = 1.0, place: slice = slice(None)) -> None:
        """Take a part's components, or those of some of its columns.

        Where a hook changed the branch after its components were summed, the components are scaled by the multiple of their sum that
        is nearest to what came out (0 for a muted one), and what else the hook put in becomes a component of its own.
        """
        if part not in self.parts:
            return
        whole, targets = self.parts[part][place], self.targets[:, place].T
        vectors = [scale * piece.vectors for piece in pieces]
        sizes = [each.norm(dim=1, keepdim=True) for each in vectors]
        total, size = sum((each.sum(0) for each in vectors), start=torch.zeros_like(whole)), sum(float(each.sum()) for each in sizes)
        kept = 1.0
        if float((whole - total).norm()) > EDITED * size:
            kept = float(whole @ total / (total @ total)) if total.any() else 0.0
        rest = whole - kept * total
        is_edited = float(rest.norm()) > EDITED * size
        for piece, each, norm in zip(pieces, vectors, sizes, strict=True):
            rounded = 0.0 if is_edited or not size else norm / size * rest
            self._append(part, piece, (kept * each + rounded) @ targets)
        if is_edited:
            self._append(part, _Piece("edit", rest), rest[None] @ targets)

    def _append(self, part: str, piece: _Piece, values: Float[Tensor, "components targets"]) -> None:
        keys = {name: value.cpu().numpy() if isinstance(value, Tensor) else value for name, value in piece._asdict().items()}
        keys.pop("vectors")
        self._frames.append(pd.DataFrame({"part": part, **keys}, index=range(len(values))))
        self._values.append(values.cpu().numpy())

    def finish(self) -> Components:
        """Put everything below each other."""
        return Components(pd.concat([frame for frame in self._frames if len(frame)], ignore_index=True), np.concatenate(self._values))


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
        parts = [part for part in self.parts if part not in ("hypergraph", "edit")]
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

    def hyperedges(self) -> pd.DataFrame:
        """Return the hypergraph components with the memberships behind them."""
        named = self.named[self.named["source"] == "hyperedge"]
        return named.merge(self.membership, on=["modality", "hyperedge"])[["modality", "hyperedge", "membership", "contribution"]]


def node_components(walks: Walks, data: Dataset, node: int, targets: Float[Tensor, "parts dim"], names: list[str]) -> NodeComponents:
    """Take one node apart against the parts of the node on the other side."""
    components, trace = walks.components(node, targets), walks.trace
    edges = (trace.attention.node == node).nonzero().squeeze(1)
    weight = pd.DataFrame(trace.attention.weight[edges].double().cpu().numpy(), index=trace.attention.neighbor[edges].cpu().numpy())
    weight = weight.rename_axis("neighbor").reset_index().melt("neighbor", var_name="head", value_name="weight")
    side, row = ("users", node) if node < data.n_users else ("items", node - data.n_users)
    membership = [
        pd.DataFrame({"modality": name, "membership": getattr(part.membership, side)[row].double().cpu().numpy()})
        .rename_axis("hyperedge")
        .reset_index()
        for name, part in trace.hypergraph.items()
    ]
    empty = pd.DataFrame({"modality": pd.Series(dtype=object), "hyperedge": pd.Series(dtype=int), "membership": pd.Series(dtype=float)})
    return NodeComponents(components, names, node_names(data), weight.astype({"head": int}), pd.concat(membership) if membership else empty)


@dataclass(frozen=True, eq=False)
class Names:
    """What a person calls each node; the last entry, which the number −1 finds, is empty."""

    id: np.ndarray
    title: np.ndarray

    def label(self, index: pd.DataFrame) -> pd.Series:
        """Name where each component came from: a title, a hyperedge such as ``image 3``, ``own`` or ``edit``."""
        title = pd.Series(self.title[index["neighbor"].to_numpy()], index=index.index)
        hyperedge = index["modality"] + " " + index["hyperedge"].astype(str)
        return title.where(index["source"] == "neighbor", hyperedge.where(index["source"] == "hyperedge", index["source"]))


def node_names(data: Dataset) -> Names:
    """Look up the names of all nodes; users have no titles."""
    ids = np.array([*data.user_ids, *data.item_ids, ""], dtype=object)
    return Names(ids, np.array([*data.user_ids, *data.cards.titles, ""], dtype=object))
