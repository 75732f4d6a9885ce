"""What one node's embedding in a pass of SRGFormer consists of: the walks, heads and hyperedges behind a score."""

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.graph import DEGREE_OFFSET
from srgformer_lab.models.missing import absent
from srgformer_lab.models.propagation import IdWalks, depths
from srgformer_lab.models.reading import EDITED, SMALLEST_NORM, ComponentTable, Piece, Reading, rounded_to
from srgformer_lab.models.trace import Trace


class Walks(Reading):
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
            self._id = IdWalks(trace.embedding.values, graph, config.n_id_layers)
            self._modality = {}
            for name, projected in trace.projected.items():
                start = torch.cat([graph.history_mean(projected), projected])
                *_, self._modality[name] = depths(start, graph.propagate, max(config.n_modality_layers - 1, 0))

    @property
    def data(self) -> Dataset:  # type: ignore[override]
        """The data set of the model that made the pass."""
        return self.trace.data

    @property
    def device(self) -> torch.device:
        """Where the pass lives."""
        return self.trace.nodes.device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the scores of the pass."""
        return self.trace.scores(users)

    def parts(self, node: int) -> dict[str, Float[Tensor, " dim"]]:
        """Return a node's parts in float64; they sum to its fused embedding.

        Where a hook changed the fused embedding, what it put in is a part of its own, ``edit``.
        """
        chosen = torch.tensor([node], device=self.device)
        parts = {name: part.of(chosen)[0].double() for name, part in self.trace.parts.items()}
        fused, stacked = self.trace.fused.of(chosen)[0].double(), torch.stack(list(parts.values()))
        rest = fused - stacked.sum(0)
        is_edited = rest.norm() > EDITED * stacked.norm(dim=1).sum()
        return parts | {"edit": rest} if is_edited else rounded_to(fused, parts)

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add what flowed into a node through each branch."""
        neighbors, weight = self.trace.graph.row(node)
        table.add("id", self._id.pieces(node))
        for name in self.trace.modality:
            self._add_modality(table, name, node, neighbors, weight.double())
        self._add_attention(table, node)
        self._add_hypergraph(table, node)
        table.add("edit", [])

    def attention(self, node: int) -> pd.DataFrame:
        """Return the attention weights of a node by neighbour and head."""
        edges = (self.trace.attention.node == node).nonzero().squeeze(1)
        neighbors = self.trace.attention.neighbor[edges].cpu().numpy()
        weight = pd.DataFrame(self.trace.attention.weight[edges].double().cpu().numpy(), index=neighbors)
        return weight.rename_axis("neighbor").reset_index().melt("neighbor", var_name="head", value_name="weight").astype({"head": int})

    def memberships(self, node: int) -> pd.DataFrame:
        """Return a node's memberships by modality and hyperedge."""
        n_users = self.trace.graph.n_users
        side, row = ("users", node) if node < n_users else ("items", node - n_users)
        found = [
            pd.DataFrame({"modality": name, "membership": getattr(part.membership, side)[row].double().cpu().numpy()})
            .rename_axis("hyperedge")
            .reset_index()
            for name, part in self.trace.hypergraph.items()
        ]
        return pd.concat(found) if found else super().memberships(node)

    def absent(self, item: int) -> dict[str, str]:
        """Return what stands for each modality that an item lacks."""
        return absent(self.data, item, self.trace.config, tuple(self.trace.modality))

    def _add_modality(self, table: ComponentTable, name: str, node: int, neighbors: Tensor, weight: Tensor) -> None:
        n_layers, n_users = self.trace.config.n_modality_layers, self.trace.graph.n_users
        projected = self.trace.projected[name]
        if n_layers:
            piece = Piece("neighbor", weight[:, None] * self._modality[name][neighbors].double(), neighbors, n_layers)
        elif node < n_users:
            piece = Piece("neighbor", projected[neighbors - n_users].double() / (len(neighbors) + DEGREE_OFFSET), neighbors, 1)
        else:
            piece = Piece("own", projected[node - n_users, None].double())
        table.add(name, [piece], self.trace.enters(name, node) / _norm(self.trace.modality[name].values[node]))

    def _add_attention(self, table: ComponentTable, node: int) -> None:
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
            piece = Piece("neighbor", weight[:, head, None] * value[:, head], neighbors, head=head)
            table.add("attention", [piece], scale, place)

    def _add_hypergraph(self, table: ComponentTable, node: int) -> None:
        n_users = self.trace.graph.n_users
        side, row = ("users", node) if node < n_users else ("items", node - n_users)
        pieces = []
        for name, part in self.trace.hypergraph.items():
            vectors = getattr(part.membership, side)[row, :, None].double() * part.hyperedges.double()  # (hyperedges, dim)
            pieces.append(Piece("hyperedge", self.trace.enters(name, node) * vectors, modality=name, hyperedge=torch.arange(len(vectors))))
        whole = [self.trace.enters(name, node) * part.embedding.values[node] for name, part in self.trace.hypergraph.items()]
        total = torch.stack(whole).sum(0) if whole else None
        table.add("hypergraph", pieces, 0.0 if total is None else self.trace.config.hypergraph_scale / _norm(total))


def _norm(values: Float[Tensor, " dim"]) -> Float[Tensor, ""]:
    return values.double().norm().clamp_min(SMALLEST_NORM)
