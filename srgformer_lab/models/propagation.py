"""The two linear branches: LightGCN over the ID embeddings, and the modality embeddings."""

from collections.abc import Callable, Iterator
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from srgformer_lab.models.graph import Graph

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

    Source: spec section 3.1; LightGCN (He et al. 2020).
    """
    mean, _ = mean_and_last(embedding, propagate, n_layers)
    return mean


def mean_and_last(
    embedding: Float[Tensor, "nodes dim"], propagate: Propagate, n_layers: int
) -> tuple[Float[Tensor, "nodes dim"], Float[Tensor, "nodes dim"]]:
    """Return E^id and the last depth E^(L) of one and the same propagation."""
    every = list(depths(embedding, propagate, n_layers))
    return reduce(torch.add, every) / (n_layers + 1), every[-1]


def modality_embedding(projected: Float[Tensor, "items dim"], graph: Graph, n_layers: int) -> Float[Tensor, "nodes dim"]:
    """Carry projected item features X^m W^m to all nodes.

    A user starts as the mean of the items in its history; E^m = Ã^L [users; items], the last layer only. Without
    self-loops an isolated item ends at 0: its own features reach a score through the hypergraph alone.

    Source: spec section 3.2.
    """
    start = torch.cat([graph.history_mean(projected), projected])  # (nodes, dim)
    *_, last = depths(start, graph.propagate, n_layers)
    return last
