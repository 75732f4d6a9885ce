"""The interaction graph: users first, then items, with the two linear maps that every branch is built from."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor, nn

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.sparse import Edges, SparseMap

DEGREE_OFFSET = 1e-7


def adjacency(history: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return A = [[0, R], [Rᵀ, 0]] for the interactions R, users first, with sorted columns."""
    whole = sparse.bmat([[None, history], [history.T, None]], format="csr")
    whole.sort_indices()
    return whole


def normalized(whole: sparse.csr_matrix) -> SparseMap:
    """Return D^-1/2 A D^-1/2 with D = diag(A·1) + 1e-7."""
    inverse_root = sparse.diags((np.asarray(whole.sum(axis=1)).ravel() + DEGREE_OFFSET) ** -0.5)
    return SparseMap((inverse_root @ whole @ inverse_root).tocsr(), symmetric=True)


class Graph(nn.Module):
    """Ã and R of a data set's training interactions, as buffers, and the edges along which attention runs.

    A = [[0, R], [Rᵀ, 0]], D = diag(A·1) + 1e-7, Ã = D^-1/2 A D^-1/2, without self-loops: an isolated node stays zero.

    Source: LightGCN (He et al. 2020).
    """

    def __init__(self, data: Dataset) -> None:
        """Build the sparse maps from the training split."""
        super().__init__()
        self.data = data
        self.n_users, self.n_items, self.n_nodes = data.n_users, data.n_items, data.n_users + data.n_items
        history = data.matrix("train").astype(np.float64)
        whole = adjacency(history)
        inverse_user_degree = sparse.diags(1 / (np.asarray(history.sum(axis=1)).ravel() + DEGREE_OFFSET))
        self.normalized = normalized(whole)
        self.history_sum = SparseMap(history)
        self.history_mean = SparseMap((inverse_user_degree @ history).tocsr())
        self._kept: Edges | None = None
        self.first_edge: Tensor
        self.edge_neighbor: Tensor
        self.register_buffer("first_edge", torch.from_numpy(whole.indptr.astype(np.int64)), persistent=False)
        self.register_buffer("edge_neighbor", torch.from_numpy(whole.indices.astype(np.int64)), persistent=False)

    @property
    def history_length(self) -> Int[Tensor, " users"]:
        """How many training items each user has."""
        return self.first_edge[: self.n_users + 1].diff()

    def propagate(self, values: Float[Tensor, "nodes dim"]) -> Float[Tensor, "nodes dim"]:
        """Take one step of Ã: every node becomes the degree-weighted sum of its neighbours."""
        return self.normalized(values)

    def edges(self, nodes: Int[Tensor, " rows"], n_heads: int) -> Edges:
        """Return the edges between ``nodes`` (increasing) and their neighbours, to be multiplied head by head."""
        if len(nodes) == self.n_nodes:
            return self._every_edge(n_heads)
        begin, count = self.first_edge[nodes], self.first_edge[nodes + 1] - self.first_edge[nodes]
        first = torch.cat([count.new_zeros(1), count.cumsum(0)])
        n_edges = int(first[-1])
        shift = torch.repeat_interleave(begin - first[:-1], count, output_size=n_edges)
        place = torch.arange(n_edges, device=nodes.device) + shift
        return Edges(first, self.edge_neighbor.index_select(0, place), self.n_nodes, n_heads, place)

    def _every_edge(self, n_heads: int) -> Edges:
        """Return all edges, made once: what follows from them alone is then computed once, too."""
        kept = self._kept
        if kept is None or kept.n_heads != n_heads or kept.first.device != self.first_edge.device:
            kept = self._kept = Edges(self.first_edge, self.edge_neighbor, self.n_nodes, n_heads)
        return kept

    def row(self, node: int) -> tuple[Int[Tensor, " neighbors"], Float[Tensor, " neighbors"]]:
        """Return one node's neighbours and their entries of Ã."""
        entries = slice(int(self.first_edge[node]), int(self.first_edge[node + 1]))
        return self.edge_neighbor[entries], self.normalized.get_buffer("forward_value")[entries]
