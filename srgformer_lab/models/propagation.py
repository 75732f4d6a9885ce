"""The two linear branches, from values of some nodes to values of all: LightGCN over the ID embeddings, and the modalities."""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.missing import completed, entering, known_mean
from srgformer_lab.models.parts import unit
from srgformer_lab.models.reading import Piece
from srgformer_lab.models.step import Product, Step

Propagate = Callable[[Tensor], Tensor]
"""One step on a graph, values of all nodes in and out, such as ``Graph.propagate``."""


def depths(values: Float[Tensor, "nodes dim"], propagate: Propagate, n_layers: int) -> Iterator[Float[Tensor, "nodes dim"]]:
    """Return the values as they are, and after each of ``n_layers`` steps of Ã."""
    yield values
    for _ in range(n_layers):
        values = propagate(values)
        yield values


def light_gcn(embedding: Float[Tensor, "nodes dim"], propagate: Propagate, n_layers: int) -> Float[Tensor, "nodes dim"]:
    """Average the ID embeddings over all depths of propagation, layer 0 included.

    E^(s) = Ã E^(s−1), E^id = 1/(L+1) Σ_s E^(s): no weights, no non-linearity, no dropout.

    Source: LightGCN (He et al. 2020).
    """
    mean, _ = mean_and_last(embedding, propagate, n_layers)
    return mean


def mean_and_last(
    embedding: Float[Tensor, "nodes dim"], propagate: Propagate, n_layers: int
) -> tuple[Float[Tensor, "nodes dim"], Float[Tensor, "nodes dim"]]:
    """Return E^id and the last depth E^(L) of one and the same propagation."""
    every = list(depths(embedding, propagate, n_layers))
    return reduce(torch.add, every) / (n_layers + 1), every[-1]


class IdWalks:
    """What each neighbour hands over to a node at each depth of LightGCN's propagation; computed once for any number of nodes.

    E^id_a = 1/(L+1) (E⁰_a + Σ_b ã_ab Σ_s E^(s−1)_b): a walk of several steps belongs to the neighbour that it went to first.
    """

    def __init__(self, embedding: Float[Tensor, "nodes dim"], graph: Graph, n_layers: int) -> None:
        """Propagate, keeping every depth but the last, which hands nothing over."""
        self.graph, self.n_layers = graph, n_layers
        with torch.no_grad():
            self.depths = list(depths(embedding, graph.propagate, max(n_layers - 1, 0)))

    def embedding(self) -> Float[Tensor, "nodes dim"]:
        """Return E^id of all nodes, as ``light_gcn`` does."""
        with torch.no_grad():
            every = [*self.depths, self.graph.propagate(self.depths[-1])] if self.n_layers else self.depths
            return reduce(torch.add, every) / (self.n_layers + 1)

    def pieces(self, node: int) -> list[Piece]:
        """Return a node's own share of its embedding, and its neighbours' by depth, in float64."""
        neighbors, weight = self.graph.row(node)
        share = weight.double()[:, None] / (self.n_layers + 1)
        own = Piece("own", self.depths[0][node, None].double() / (self.n_layers + 1))
        handed = enumerate(self.depths[: self.n_layers], start=1)
        return [own, *(Piece("neighbor", share * values[neighbors].double(), neighbors, depth) for depth, values in handed)]


def modality_embedding(projected: Float[Tensor, "items dim"], graph: Graph, n_layers: int) -> Float[Tensor, "nodes dim"]:
    """Carry projected item features X^m W^m to all nodes.

    A user starts as the mean of the items in its history; E^m = Ã^L [users; items], the last layer only. Without
    self-loops an isolated item ends at 0: its own features reach a score through the hypergraph alone.

    Source: the paper (arXiv 2511.00584); the last layer alone, as in LGMRec (Guo et al. 2024).
    """
    start = torch.cat([graph.history_mean(projected), projected])  # (nodes, dim)
    *_, last = depths(start, graph.propagate, n_layers)
    return last


class FeatureReading(NamedTuple):
    """What the features of one modality give a pass."""

    projected: Float[Tensor, "items dim"] | None
    """X W; None where nothing needs it."""
    embedding: Float[Tensor, "nodes dim"]
    """E^m."""
    logits: Float[Tensor, "items hyperedges"]
    """X V."""


SPARSE_COST = 5
"""A multiplication in a sparse product takes about as long as this many in a dense one (measured: 4 to 8 on two cores)."""
ROUNDED = 1e-5
"""A row that is nearer to the centre than this part of its norm is at the centre."""


class Features(nn.Module):
    """X of one modality, as a constant: Ã^L [·] (X W) = (Ã^L [·] X) W lets narrow features be propagated once."""

    def __init__(self, data: Dataset, name: str, normalize: bool, centres: bool = False, missing: str = "zero") -> None:
        """Keep the data set's features, with what stands for ``missing`` ones, and each row divided by its norm if wanted.

        ``centres``: memberships read them centred and divided by their norms, (x − x̄)/‖x − x̄‖ with x̄ the mean over the items that
        have any; a row of zeros, which is an item without features, stays one.
        """
        super().__init__()
        self.data, self.name, self.normalize, self.missing = data, name, normalize, missing
        self.mean = known_mean(data, name) if missing in ("mean", "neighbors") else None
        self.values: Tensor
        self.propagated: Tensor | None
        self.entering: Tensor | None
        self.register_buffer("values", torch.empty(0, dtype=torch.get_default_dtype()), persistent=False)
        self.register_buffer("propagated", None, persistent=False)
        self._complete()
        mask = entering(data, name, missing)
        self.register_buffer("entering", None if mask is None else torch.tensor(mask).unsqueeze(1).to(self.values.dtype), persistent=False)
        self.centre: Tensor | None
        self.centred: Tensor | None
        self.register_buffer("centre", None, persistent=False)
        self.register_buffer("centred", None, persistent=False)
        if centres:
            has_any = self.values.any(1, keepdim=True)
            self.centre_on(self.values.sum(0) / has_any.sum().clamp_min(1))

    def _complete(self) -> None:
        values = torch.tensor(completed(self.data, self.name, self.missing, self.mean)).to(self.values)
        self.values = unit(values) if self.normalize else values

    def learned_as(self, other: "Features") -> None:
        """Take what stands for missing features, and what memberships are centred on, from those that a model was trained with."""
        if self.mean is not None:
            self.mean = other.mean
            self._complete()
        if other.centre is not None:
            self.centre_on(other.centre)

    def centre_on(self, centre: Float[Tensor, " width"]) -> None:
        """Centre what memberships read on this point: on other data, the one that they were learned with."""
        apart = (self.values - centre) * self.values.any(1, keepdim=True)
        is_apart = apart.norm(dim=1) > ROUNDED * self.values.norm(dim=1)  # what is left of equal rows is rounding, and has no direction
        self.centre, self.centred = centre, unit(apart) * is_apart.unsqueeze(1)

    def logits(self, implicit_attribute: Float[Tensor, "width hyperedges"]) -> Float[Tensor, "items hyperedges"]:
        """Compute X V, of the features as memberships read them."""
        return (self.values if self.centred is None else self.centred) @ implicit_attribute

    def project(
        self, projection: Float[Tensor, "width dim"], implicit_attribute: Float[Tensor, "width hyperedges"], product: Product
    ) -> tuple[Float[Tensor, "items dim"], Float[Tensor, "items hyperedges"]]:
        """Compute X W and X V; in one product where their precision is one, as a narrow one alone takes as long as a wide one."""
        if product is not torch.matmul or self.centred is not None:
            return product(self.values, projection), self.logits(implicit_attribute)
        both = self.values @ torch.cat([projection, implicit_attribute], 1)
        projected, logits = both.split([projection.shape[1], implicit_attribute.shape[1]], 1)
        return projected, logits

    def read(
        self,
        projection: Float[Tensor, "width dim"],
        implicit_attribute: Float[Tensor, "width hyperedges"],
        graph: Graph,
        n_layers: int,
        step: Step,
    ) -> FeatureReading:
        """Compute X W, where the step reads it, X V, and E^m from X W or from features that are propagated once.

        Args:
            projection: W.
            implicit_attribute: V.
            graph: Along what E^m is propagated, ``n_layers`` times.
            n_layers: L_m.
            step: What a training rounds and leaves out.

        Returns:
            All three.
        """
        is_once = self.propagates_once(graph, n_layers)
        if is_once and not step.with_projected:
            projected, logits = None, self.logits(implicit_attribute)
        else:
            projected, logits = self.project(projection, implicit_attribute, step.product)
        if projected is None or is_once:
            return FeatureReading(projected, step.product(self.propagate(graph, n_layers), projection), logits)
        return FeatureReading(projected, modality_embedding(projected, graph, n_layers), logits)

    def propagates_once(self, graph: Graph, n_layers: int) -> bool:
        """Return whether E^m comes from features that are propagated once, as constants: Ã^L[·](X W) = (Ã^L[·]X) W.

        That replaces sparse products of width d by one dense product with a row for every node; it is done while training,
        where the features are narrow.
        """
        return self.training and graph.n_users * self.values.shape[1] <= SPARSE_COST * (n_layers + 0.5) * len(graph.edge_neighbor)

    def propagate(self, graph: Graph, n_layers: int) -> Float[Tensor, "nodes width"]:
        """Return Ã^L[·]X, computed once."""
        if self.propagated is None:
            self.propagated = modality_embedding(self.values, graph, n_layers)
        return self.propagated
