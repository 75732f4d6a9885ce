"""The frozen features of the items, and the two maps that every modality goes through."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.parts import unit
from srgformer_lab.models.precision import Product
from srgformer_lab.models.propagation import modality_embedding

SPARSE_COST = 5
"""A multiplication in a sparse product takes about as long as this many in a dense one (measured: 4 to 8 on two cores)."""


class Features(nn.Module):
    """X of one modality, as a constant.

    Source: spec sections 3.2 and 8.
    """

    def __init__(self, data: Dataset, name: str, normalize: bool) -> None:
        """Keep the data set's features, each row divided by its norm if wanted."""
        super().__init__()
        values = torch.tensor(data.features[name], dtype=torch.get_default_dtype())
        self.values: Tensor
        self.propagated: Tensor | None
        self.register_buffer("values", unit(values) if normalize else values, persistent=False)
        self.register_buffer("propagated", None, persistent=False)

    def project(
        self, projection: Float[Tensor, "width dim"], implicit_attribute: Float[Tensor, "width hyperedges"], product: Product
    ) -> tuple[Float[Tensor, "items dim"], Float[Tensor, "items hyperedges"]]:
        """Compute X W and X V; in one product where their precision is one, as a narrow one alone takes as long as a wide one."""
        if product is not torch.matmul:
            return product(self.values, projection), self.values @ implicit_attribute
        both = self.values @ torch.cat([projection, implicit_attribute], 1)
        projected, logits = both.split([projection.shape[1], implicit_attribute.shape[1]], 1)
        return projected, logits

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
