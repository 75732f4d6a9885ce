"""The interaction graph: users first, then items, with the two linear maps that every branch is built from."""

import warnings
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor, nn

from srgformer_lab.data.dataset import Dataset

DEGREE_OFFSET = 1e-7


class Graph(nn.Module):
    """Ã and R of a data set's training interactions, as buffers, and the edges along which attention runs.

    A = [[0, R], [Rᵀ, 0]], D = diag(A·1) + 1e-7, Ã = D^-1/2 A D^-1/2, without self-loops: an isolated node stays zero.

    Source: spec section 3; LightGCN (He et al. 2020).
    """

    def __init__(self, data: Dataset) -> None:
        """Build the sparse maps from the training split."""
        super().__init__()
        self.n_users, self.n_items, self.n_nodes = data.n_users, data.n_items, data.n_users + data.n_items
        history = data.matrix("train").astype(np.float64)
        whole = sparse.bmat([[None, history], [history.T, None]], format="csr")
        whole.sort_indices()
        degree = np.asarray(whole.sum(axis=1)).ravel()
        inverse_root = sparse.diags((degree + DEGREE_OFFSET) ** -0.5)
        inverse_user_degree = sparse.diags(1 / (degree[: self.n_users] + DEGREE_OFFSET))
        self.normalized = SparseMap((inverse_root @ whole @ inverse_root).tocsr(), symmetric=True)
        self.history_sum = SparseMap(history)
        self.history_mean = SparseMap((inverse_user_degree @ history).tocsr())
        self.first_edge: Tensor
        self.edge_neighbor: Tensor
        self.register_buffer("first_edge", torch.from_numpy(whole.indptr.astype(np.int64)), persistent=False)
        self.register_buffer("edge_neighbor", torch.from_numpy(whole.indices.astype(np.int64)), persistent=False)

    def propagate(self, values: Float[Tensor, "nodes dim"]) -> Float[Tensor, "nodes dim"]:
        """Take one step of Ã: every node becomes the degree-weighted sum of its neighbours."""
        return self.normalized(values)

    def edges(self, nodes: Int[Tensor, " rows"]) -> tuple[Int[Tensor, " edges"], Int[Tensor, " edges"]]:
        """List the edges that end in ``nodes``: for each, the position of its node among them, and its neighbour."""
        first, count = self.first_edge[nodes], self.first_edge[nodes + 1] - self.first_edge[nodes]
        position = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), count)  # (edges,)
        before = torch.cumsum(count, 0) - count
        place = torch.arange(len(position), device=nodes.device) - before[position] + first[position]
        return position, self.edge_neighbor[place]

    def row(self, node: int) -> tuple[Int[Tensor, " neighbors"], Float[Tensor, " neighbors"]]:
        """Give one node's neighbours and their entries of Ã."""
        entries = slice(int(self.first_edge[node]), int(self.first_edge[node + 1]))
        return self.edge_neighbor[entries], self.normalized.get_buffer("forward_value")[entries]


class SparseMap(nn.Module):
    """A constant sparse matrix that multiplies dense ones, with its transpose at hand for the backward pass."""

    def __init__(self, matrix: sparse.csr_matrix, symmetric: bool = False) -> None:
        """Keep the matrix, and its transpose unless it is its own."""
        super().__init__()
        self.shape = matrix.shape
        self.symmetric = symmetric
        self._keep("forward", matrix)
        if not symmetric:
            self._keep("backward", matrix.T.tocsr())

    def _keep(self, way: str, matrix: Any) -> None:
        matrix.sort_indices()
        self.register_buffer(f"{way}_first", torch.from_numpy(matrix.indptr.astype(np.int32)), persistent=False)
        self.register_buffer(f"{way}_column", torch.from_numpy(matrix.indices.astype(np.int32)), persistent=False)
        self.register_buffer(
            f"{way}_value", torch.from_numpy(matrix.data.astype(np.float64)).to(torch.get_default_dtype()), persistent=False
        )

    def matrix(self, way: str, dtype: torch.dtype) -> Tensor:
        """Give the matrix (``forward``) or its transpose (``backward``) as torch's sparse rows."""
        way, shape = ("forward", self.shape) if way == "forward" or self.symmetric else ("backward", self.shape[::-1])
        first, column, value = (getattr(self, f"{way}_{part}") for part in ("first", "column", "value"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch calls its sparse rows a beta feature
            return torch.sparse_csr_tensor(first, column, value.to(dtype), shape, check_invariants=False)

    def forward(self, dense: Float[Tensor, "columns dim"]) -> Float[Tensor, "rows dim"]:
        """Multiply; differentiable in ``dense``."""
        return _Product.apply(dense, self)


class _Product(torch.autograd.Function):
    """matrix · dense, whose backward product is matrixᵀ · gradient (the same product where the matrix is symmetric)."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, sparse_map: SparseMap) -> Tensor:
        ctx.sparse_map = sparse_map
        return sparse_map.matrix("forward", dense.dtype) @ dense

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return ctx.sparse_map.matrix("backward", gradient.dtype) @ gradient, None
