"""Products along the entries of sparse matrices, with backward products that never make a value a wide one an entry.

Rows are stored one after another (CSR): ``first`` says where each begins, ``column`` where each entry stands.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor, nn

from srgformer_lab import runtime


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
        value = torch.from_numpy(matrix.data).to(torch.float64).to(torch.get_default_dtype())
        self.register_buffer(f"{way}_first", torch.from_numpy(matrix.indptr).to(torch.int32), persistent=False)
        self.register_buffer(f"{way}_column", torch.from_numpy(matrix.indices).to(torch.int32), persistent=False)
        self.register_buffer(f"{way}_value", value, persistent=False)

    def times(self, dense: Tensor, way: str = "forward") -> Tensor:
        """Multiply the matrix (``forward``) or its transpose (``backward``)."""
        way = "forward" if self.symmetric else way
        first, column, value = (getattr(self, f"{way}_{part}") for part in ("first", "column", "value"))
        return rows_times(first, column, value.to(dense.dtype), dense)

    def forward(self, dense: Float[Tensor, "columns dim"]) -> Float[Tensor, "rows dim"]:
        """Multiply; differentiable in ``dense``."""
        return _Product.apply(dense, self)


class _Product(torch.autograd.Function):
    """matrix · dense, whose backward product is matrixᵀ · gradient (the same product where the matrix is symmetric)."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, sparse_map: SparseMap) -> Tensor:
        ctx.sparse_map = sparse_map
        return sparse_map.times(dense)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return ctx.sparse_map.times(gradient, "backward"), None


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges that leave some rows, in the order of the rows, and where each one leads.

    A value an edge and head is a sparse matrix a head, and the heads stand in one matrix as blocks along its diagonal. Its
    products with rows of width d/heads are all that attention needs, forwards and backwards: nothing of width d is ever made
    for an edge.
    """

    first: Int[Tensor, " rows_and_one"]
    """Where each row's edges begin, and where the last one's end."""
    neighbor: Int[Tensor, " edges"]
    n_nodes: int
    n_heads: int
    number: Int[Tensor, " edges"] | None = None
    """The number of each edge among all; none given means that these are all."""

    def of_all(self, value: Float[Tensor, "all heads"]) -> Float[Tensor, "edges heads"]:
        """Pick the values of these edges out of those of all edges."""
        return value if self.number is None else value.T.index_select(1, self.number).T

    @cached_property
    def row(self) -> Int[Tensor, " edges"]:
        """The row that each edge leaves."""
        return row_of_entry(self.first, len(self.neighbor))

    def products(self, rows: Float[Tensor, "rows heads width"], nodes: Float[Tensor, "nodes heads width"]) -> Float[Tensor, "edges heads"]:
        """Give ⟨row, neighbour⟩ of every edge, head by head; differentiable in both."""
        return _Products.apply(rows, nodes, self)

    def softmax(self, score: Float[Tensor, "edges heads"], offset: float = 0.0) -> Float[Tensor, "edges heads"]:
        """Return exp(score) / (Σ over the row's edges + offset), head by head; differentiable. Scores must not be far from 0."""
        return _Softmax.apply(score, offset, self)

    def shares(self, value: Float[Tensor, "edges heads"]) -> Float[Tensor, "edges heads"]:
        """Return value / Σ over the row's edges, head by head; differentiable. Values must be above 0."""
        return _Shares.apply(value, self)

    def sums(self, weight: Float[Tensor, "edges heads"], nodes: Float[Tensor, "nodes heads width"]) -> Float[Tensor, "rows heads width"]:
        """Return every row the weighted sum of its neighbours, head by head; differentiable in both."""
        return _Sums.apply(weight, nodes, self)

    @cached_property
    def _blocks(self) -> tuple[Tensor, Tensor]:
        return self._diagonal(self.first, self.neighbor, self.n_nodes)

    @cached_property
    def _turned(self) -> tuple[Tensor, Tensor, Tensor]:
        """The same by neighbour: where each neighbour's edges begin, the rows that they leave, and their places here."""
        neighbor, place = torch.sort(self.neighbor.to(torch.int32), stable=True)
        first = torch.searchsorted(neighbor, torch.arange(self.n_nodes + 1, dtype=torch.int32, device=neighbor.device))
        return *self._diagonal(first, self.row[place], len(self.first) - 1), place

    def _diagonal(self, first: Tensor, column: Tensor, n_columns: int) -> tuple[Tensor, Tensor]:
        """Repeat a matrix for every head, each one block further down and to the right."""
        head = torch.arange(self.n_heads, device=first.device).unsqueeze(1)
        begins = (first[:-1] + head * len(column)).flatten()
        ends = first.new_full((1,), self.n_heads * len(column))
        return torch.cat([begins, ends]).to(torch.int32), (column + head * n_columns).flatten().to(torch.int32)

    @cached_property
    def _block_row(self) -> Tensor:
        head = torch.arange(self.n_heads, device=self.first.device).unsqueeze(1)
        return (self.row + head * (len(self.first) - 1)).flatten()

    def _products(self, rows: Tensor, nodes: Tensor) -> Tensor:
        return self._an_edge(products_of_entries(*self._blocks, _by_head(rows), _by_head(nodes)))

    def _sums(self, weight: Tensor, nodes: Tensor) -> Tensor:
        return self._a_row(rows_times(*self._blocks, weight.T.flatten(), _by_head(nodes)))

    def _turned_sums(self, weight: Tensor, rows: Tensor) -> Tensor:
        first, column, place = self._turned
        return self._a_row(rows_times(first, column, weight.T.index_select(1, place).flatten(), _by_head(rows)))

    def _row_total(self, value: Tensor, offset: float = 0.0) -> Tensor:
        """Sum over the edges of each row, and give the sum to each of them."""
        one = value.new_ones(self.n_heads * self.n_nodes, 1)
        total = rows_times(*self._blocks, value.T.flatten(), one) + offset
        return self._an_edge(total.squeeze(1).index_select(0, self._block_row))

    def _an_edge(self, values: Tensor) -> Tensor:
        return values.view(self.n_heads, -1).T  # (edges, heads)

    def _a_row(self, values: Tensor) -> Tensor:
        return values.view(self.n_heads, -1, values.shape[1]).transpose(0, 1)  # (rows, heads, width)


def _by_head(values: Float[Tensor, "rows heads width"]) -> Float[Tensor, "heads_times_rows width"]:
    return values.transpose(0, 1).flatten(0, 1)


class _Products(torch.autograd.Function):
    """⟨a_row, b_neighbour⟩: with G the gradients as a sparse matrix, ∂a = G b and ∂b = Gᵀ a."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, nodes: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(rows, nodes)
        ctx.edges = edges
        return edges._products(rows, nodes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        rows, nodes = ctx.saved_tensors
        return ctx.edges._sums(gradient, nodes), ctx.edges._turned_sums(gradient, rows), None


class _Softmax(torch.autograd.Function):
    """w = exp(s) / (Σ exp(s) + offset), whose gradient is w (g − Σ w g) within each row."""

    @staticmethod
    def forward(ctx: Any, score: Tensor, offset: float, edges: Edges) -> Tensor:
        raised = score.exp()
        weight = raised.div_(edges._row_total(raised, offset))
        ctx.save_for_backward(weight)
        ctx.edges = edges
        return weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (weight,) = ctx.saved_tensors
        inner = weight * gradient
        return inner.addcmul(weight, ctx.edges._row_total(inner), value=-1), None, None


class _Shares(torch.autograd.Function):
    """w = v / Σ v, whose gradient is (g − Σ w g) / Σ v within each row."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, edges: Edges) -> Tensor:
        total = edges._row_total(value)
        weight = value / total
        ctx.save_for_backward(weight, total)
        ctx.edges = edges
        return weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        weight, total = ctx.saved_tensors
        return (gradient - ctx.edges._row_total(weight * gradient)) / total, None


class _Sums(torch.autograd.Function):
    """W b for sparse W: ∂W are the products of the entries, ∂b = Wᵀ · gradient."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, nodes: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(weight, nodes)
        ctx.edges = edges
        return edges._sums(weight, nodes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:  # type: ignore[override]
        weight, nodes = ctx.saved_tensors
        of_weight = ctx.edges._products(gradient, nodes) if ctx.needs_input_grad[0] else None
        return of_weight, ctx.edges._turned_sums(weight, gradient), None


def row_of_entry(first: Int[Tensor, " rows_and_one"], n_entries: int) -> Int[Tensor, " entries"]:
    """Return the row of every entry."""
    rows = torch.arange(len(first) - 1, device=first.device)
    return torch.repeat_interleave(rows, first.diff(), output_size=n_entries)


def rows_times(
    first: Int[Tensor, " rows_and_one"], column: Int[Tensor, " entries"], value: Float[Tensor, " entries"], dense: Float[Tensor, "n d"]
) -> Float[Tensor, "rows d"]:
    """Multiply a sparse matrix with a dense one."""
    if runtime.has_sparse_products(dense.device.type):
        return _csr(first, column, value.contiguous(), len(dense)) @ dense
    weighted = value.unsqueeze(1) * dense.index_select(0, column)  # (entries, d)
    return dense.new_zeros(len(first) - 1, dense.shape[1]).index_add(0, row_of_entry(first, len(column)), weighted)


def products_of_entries(
    first: Int[Tensor, " rows_and_one"], column: Int[Tensor, " entries"], rows: Float[Tensor, "rows d"], columns: Float[Tensor, "n d"]
) -> Float[Tensor, " entries"]:
    """Multiply a row with a column's row, wherever the sparse matrix has an entry."""
    if runtime.has_sparse_products(rows.device.type):
        pattern = _csr(first, column, rows.new_zeros(len(column)), len(columns))
        return torch.sparse.sampled_addmm(pattern, rows.contiguous(), columns.T, beta=0.0).values()
    return (rows.index_select(0, row_of_entry(first, len(column))) * columns.index_select(0, column)).sum(1)


def _csr(first: Tensor, column: Tensor, value: Tensor, n_columns: int) -> Tensor:
    return torch.sparse_csr_tensor(first, column, value, (len(first) - 1, n_columns), check_invariants=False)
