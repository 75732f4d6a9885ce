"""What one forward pass computed: the object that losses, explanations and pictures all read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce

import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.config import ModelConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.hooks import Edit, Hooks
from srgformer_lab.models.hypergraph import HypergraphTrace, relax
from srgformer_lab.models.identity import checked
from srgformer_lab.models.parts import AttentionTrace, Embeddings, unit


@dataclass(frozen=True, eq=False)
class Trace:
    """One forward pass of SRGFormer: every branch, its factors, and the settings that weighed them."""

    config: ModelConfig
    """The settings of this pass: α, β and τ among them."""
    graph: Graph = field(repr=False)
    """Along what the pass ran."""
    embedding: Embeddings
    """E⁰, the learned ID embeddings, all nodes."""
    projected: Mapping[str, Float[Tensor, "items dim"]]
    """X^m W^m of every item, before propagation; without the modalities whose step of a training has no use for it."""
    collaborative: Embeddings
    """E^id, all nodes."""
    modality: Mapping[str, Embeddings]
    """E^m, all nodes."""
    entering: Mapping[str, Float[Tensor, "nodes 1"]]
    """1 for the nodes whose terms of a modality enter the fusion, 0 for items that lack it; only where missing ones are left out."""
    hypergraph: Mapping[str, HypergraphTrace]
    """Memberships, hyperedges and their products, all nodes."""
    attention: AttentionTrace
    """Weights along the edges and E^att, for the rows of this pass."""
    hooks: Hooks = field(repr=False)
    edits: tuple[Edit, ...]
    """The edits that were active in this pass."""

    def __repr__(self) -> str:
        """Say what the pass covers and how it was weighed."""
        c, rows = self.config, self.attention.output
        weights = f"α={c.attention_scale:g}, β={c.hypergraph_scale:g}, τ={c.membership_temperature:g}"
        edits = f", edited: {', '.join(map(str, self.edits))}" if self.edits else ""
        return f"Trace({len(rows.nodes):,} of {rows.n_nodes:,} nodes × {rows.values.shape[1]}, {', '.join(self.parts)}; {weights}{edits})"

    @property
    def data(self) -> Dataset:
        """The data set of the model that made the pass."""
        return self.graph.data

    @property
    def nodes(self) -> Int[Tensor, " rows"]:
        """The nodes that the attention and fused parts cover."""
        return self.attention.output.nodes

    @cached_property
    def parts(self) -> Mapping[str, Embeddings]:
        """The terms of the fusion by name: ``id``, each modality, ``attention``, ``hypergraph``.

        E^id, nz(E^m), α nz(E^att) and β nz(Σ_m E^{m,H}), with nz(x) = x / max(‖x‖, 1e-12) row by row. They sum to E*. Where
        ``missing_features`` is ``omit``, nz(E^m) and E^{m,H} of an item that lacks m are 0 in them.

        Source: Eq. 15 of the paper (arXiv 2511.00584).
        """
        rows = self.attention.output
        whole = self.collaborative
        parts = {"id": self.collaborative.values}
        parts |= {name: self._entered(name, part.unit.values) for name, part in self.modality.items()}
        parts = {name: values if len(rows.nodes) == whole.n_nodes else values.index_select(0, rows.nodes) for name, values in parts.items()}
        parts["attention"] = self.config.attention_scale * unit(rows.values)
        parts["hypergraph"] = self.config.hypergraph_scale * unit(self._hypergraph_rows())
        return {name: rows.with_values(values) for name, values in parts.items()}

    def _hypergraph_rows(self) -> Float[Tensor, "rows dim"]:
        rows = self.attention.output
        found = (self._entered(name, part.of(rows.nodes), rows.nodes) for name, part in self.hypergraph.items())
        return sum(found, torch.zeros_like(rows.values))

    def enters(self, name: str, node: int) -> float:
        """Return 1, or 0 where a node's terms of a modality are left out of the fusion.

        Args:
            name: The modality.
            node: The node, users first.

        Returns:
            What the terms are multiplied by.
        """
        return float(self.entering[name][node, 0]) if name in self.entering else 1.0

    def _entered(self, name: str, values: Tensor, nodes: Int[Tensor, " rows"] | None = None) -> Tensor:
        if name not in self.entering:
            return values
        mask = self.entering[name]
        return values * (mask if nodes is None or len(nodes) == len(mask) else mask.index_select(0, nodes))

    @cached_property
    def fused(self) -> Embeddings:
        """E*: the sum of the parts."""
        total = reduce(torch.add, (part.values for part in self.parts.values()))
        return self.attention.output.with_values(self.hooks.fused(total))

    @checked
    def fuse(
        self,
        attention_scale: float | None = None,
        hypergraph_scale: float | None = None,
        membership_temperature: float | None = None,
    ) -> "Trace":
        """Weigh the branches anew: another α, β or membership τ of the same weights, at once and without training.

        Args:
            attention_scale: α, from 0 to 10. What is not given stays.
            hypergraph_scale: β, from 0 to 10.
            membership_temperature: τ_H, from 0.05 to 100.

        Returns:
            The same pass, weighed so. The edits of this pass stay in force.

        Raises:
            ConfigError: A name is not one of these, or a value is outside its range.
        """
        given = {
            "attention_scale": attention_scale,
            "hypergraph_scale": hypergraph_scale,
            "membership_temperature": membership_temperature,
        }
        config = self.config.replace(**{name: value for name, value in given.items() if value is not None})
        with torch.no_grad(), self.hooks.exactly(*self.edits):
            fused = replace(self, config=config)
            if config.membership_temperature != self.config.membership_temperature:
                fused = replace(fused, hypergraph=self._relaxed(config))
            fused.fused  # noqa: B018 computed while the edits of this pass are in force
        return fused

    def _relaxed(self, config: ModelConfig) -> Mapping[str, HypergraphTrace]:
        logits = {name: part.logits for name, part in self.hypergraph.items()}
        return relax(logits, self.collaborative.items, config, self.graph, self.hooks)

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Compute the scores of all items for some users: ⟨e*_u, e*_i⟩.

        Args:
            users: User rows (chosen,) that the pass covers.

        Returns:
            Scores (chosen × items): the higher, the better.
        """
        return self.fused.of(users) @ self.fused.items.T
