"""The terms of the objective, as pure functions.

Source: the objective of the paper (arXiv 2511.00584); BPR (Rendle et al. 2009), InfoNCE (van den Oord et al. 2018).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid

from srgformer_lab import runtime
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.hypergraph import HypergraphTrace
from srgformer_lab.models.parts import Embeddings, unit
from srgformer_lab.together import ALONE, Together

CELLS, NARROW_CELLS = 5_000_000, 600_000
"""Cosines at a time: many make a wide product efficient; for narrow ones it counts more that a block stays in the cache."""
NARROW = 8
"""Up to this width the keys are stored column by column, which takes half the time in the products with a block."""


def bpr(positive: Float[Tensor, " rows"], negative: Float[Tensor, " rows"], n_rows: int | None = None) -> Float[Tensor, ""]:
    """Mean of −ln σ(r_up − r_uq): the positive item should outscore the negative one.

    Of a part of a batch, its part of the mean over all ``n_rows``.
    """
    return -logsigmoid(positive - negative).sum() / (len(positive) if n_rows is None else n_rows)


def norm_sum(rows: Float[Tensor, "parts rows dim"], n_rows: int | None = None, together: Together = ALONE) -> Float[Tensor, ""]:
    """Sum of the Frobenius norms (not squared) of the batch's users, positives and negatives, divided by the batch size.

    Of a part of a batch of ``n_rows``, its part of that.
    """
    return together.norm(rows.flatten(1).norm(dim=1)).sum() / (rows.shape[1] if n_rows is None else n_rows)


def cointeraction(memberships: Sequence[Float[Tensor, "items hyperedges"]], graph: Graph, balance: float) -> Float[Tensor, ""]:
    """L_co: how far hyperedges are from holding together what users take together, summed over the modalities.

    P_kl is the share of all pairs of items of one history, each history counting by its length, of which one is in k and the other in l.
    tr P − ‖P·1‖² is what lies inside a hyperedge beyond what chance would put there (Newman's modularity), and
    ρ (√K/N ‖Σ_i h_i‖ − 1), which is 0 where all hyperedges are as large and ρ (√K − 1) where one has everything, keeps them all in use.
    Pairs are counted by P = Σ_u w_u (Σ_{i∈u} h_i)(Σ_{i∈u} h_i)ᵀ − Σ_i (Σ_{u∋i} w_u) h_i h_iᵀ with w_u = 1/(d_u − 1): one sparse product
    of width K. Users with one item have no pair.

    Source: modularity: Newman 2006; as an objective, with the balance term: DMoN (Tsitsulin et al., arXiv 2006.16904).
    """
    length = graph.history_length.unsqueeze(1)  # (users, 1)
    has_pair = length > 1
    total = torch.zeros((), device=length.device)
    for items in memberships:
        weight = has_pair.to(items.dtype) / (length - 1).clamp_min(1)  # (users, 1)
        of_item = graph.history_sum.times(weight, "backward")  # (items, 1)
        histories = graph.history_sum(items)
        pairs = histories.T @ (weight * histories) - items.T @ (of_item * items)  # (hyperedges, hyperedges)
        share = pairs / (length * has_pair).sum().clamp_min(1)
        modularity = share.trace() - share.sum(1).square().sum()
        crowding = items.sum(0).norm() * items.shape[1] ** 0.5 / len(items) - 1
        total = total - modularity + balance * crowding
    return total


class Anchors(NamedTuple):
    """The distinct rows of a batch, which are contrasted once and weighted, and against which rows."""

    row: Int[Tensor, " distinct"]
    count: Int[Tensor, " distinct"]
    """How often the batch holds each."""
    against: Int[Tensor, " sample"] | None = None
    """The rows in the denominator; none given means all."""


def anchors(rows: Int[Tensor, " batch"], n_rows: int, n_against: int = 0, draws: torch.Generator | None = None) -> Anchors:
    """Fold a batch's rows into distinct ones, and draw ``n_against`` of all ``n_rows`` to contrast them with (0: take all).

    On an accelerator nothing is folded: the number of distinct rows would have to come back to the host first.
    """
    row, count = (rows, torch.ones_like(rows)) if runtime.is_accelerator(rows.device) else _distinct(rows, n_rows)
    if not 0 < n_against < n_rows:
        return Anchors(row, count)
    return Anchors(row, count, torch.randperm(n_rows, generator=draws, device=rows.device)[:n_against])


def _distinct(rows: Int[Tensor, " batch"], n_rows: int) -> tuple[Int[Tensor, " distinct"], Int[Tensor, " distinct"]]:
    """Return the distinct rows, increasing, and how often each occurs: by counting, which needs no sort."""
    count = torch.bincount(rows, minlength=n_rows)
    row = count.nonzero().squeeze(1)
    return row, count[row]


def modality_contrast(parts: Sequence[Embeddings], users: Anchors, items: Anchors, temperature: float) -> Float[Tensor, ""]:
    """L_MCL: one-way InfoNCE from each modality to each later one, batch users against all users, batch items against all items.

    With fewer than two modalities it is 0.
    """
    total = torch.zeros((), device=users.row.device)
    for first, second in combinations([part.unit.halves for part in parts], 2):
        for query, key, rows in zip(first, second, (users, items), strict=True):
            total = total + _streamed(query, key, rows, temperature, CELLS)
    return total


def hypergraph_contrast(parts: Sequence[HypergraphTrace], users: Anchors, items: Anchors, temperature: float) -> Float[Tensor, ""]:
    """L_HCL: as ``modality_contrast``, on what flowed through the hyperedges of each modality.

    All rows of a pair lie in the span of its hyperedges, at most 2 K wide, and so do all gradients. In an orthonormal basis of
    it cosines are what they were, and products are 2 K wide instead of d, which is taken where it is less.
    """
    total = torch.zeros((), device=users.row.device)
    for first, second in combinations(parts, 2):
        both = torch.cat([first.hyperedges, second.hyperedges])
        if len(both) >= both.shape[1]:
            total = total + modality_contrast([first.embedding, second.embedding], users, items, temperature)
            continue
        basis = torch.linalg.qr(both.detach().T).Q  # (dim, 2 hyperedges)
        maps = [part.hyperedges @ basis for part in (first, second)]
        for side, rows in (("users", users), ("items", items)):
            query, key = (unit(getattr(part.membership, side) @ to) for part, to in zip((first, second), maps, strict=True))
            total = total + _streamed(query, key, rows, temperature, NARROW_CELLS)
    return total


def info_nce(
    query: Float[Tensor, "all dim"], key: Float[Tensor, "all dim"], rows: Anchors, temperature: float, cells: int = CELLS
) -> Float[Tensor, ""]:
    """Sum over the batch of −log exp(cos(a_x, b_x)/τ) / Σ_x' exp(cos(a_x, b_x')/τ), over **all** rows x'.

    Against a sample of s of n rows the sum over the other rows is estimated, without bias, by n/s times the sample's.
    Memory is O(cells), and O(all) where one row has more cosines than that.
    """
    return _streamed(unit(query), unit(key), rows, temperature, cells)


def _streamed(query: Tensor, key: Tensor, rows: Anchors, temperature: float, cells: int) -> Tensor:
    """Contrast rows whose products are cosines."""
    scale, own = 1.0, torch.zeros_like(rows.row, dtype=key.dtype)
    if rows.against is not None:
        scale = len(key) / len(rows.against)
        own = 1 - scale * torch.isin(rows.row, rows.against).to(key.dtype)  # the positive counts once, drawn or not
    return _StreamedInfoNCE.apply(query, key, rows, own, scale, temperature, cells)


class _StreamedInfoNCE(torch.autograd.Function):
    """The log-sum-exp in row blocks, with its gradient formed in the same pass.

    For rows q with positives p, keys b and weights w, all products being cosines, the loss is Σ_x w_x (log T_x − q_x·p_x/τ)
    with T_x = s Σ_b exp(q_x·b/τ) + o_x exp(q_x·p_x/τ); s = 1 and o = 0 where all keys are there, the positive among them.
    A cosine is at most 1 and τ at least 0.05, so exp stays below e²⁰ and no maximum is subtracted.
    """

    @staticmethod
    def forward(
        ctx: Any, all_queries: Tensor, all_keys: Tensor, rows: Anchors, own: Tensor, scale: float, temperature: float, cells: int
    ) -> Tensor:
        query, positive, weight = all_queries.index_select(0, rows.row), all_keys.index_select(0, rows.row), rows.count.to(own.dtype)
        keys = all_keys if rows.against is None else all_keys.index_select(0, rows.against)
        keys = keys.T.contiguous().T if keys.shape[1] <= NARROW else keys
        cosine = (query * positive).sum(1)
        pull = own * (cosine / temperature).exp()  # (rows,)
        total = torch.empty_like(pull)
        query_gradient, key_gradient = torch.empty_like(query), torch.zeros_like(keys)
        block, sharp = max(1, cells // len(keys)), query / temperature
        for start in range(0, len(query), block):
            part = slice(start, start + block)
            exponential = (sharp[part] @ keys.T).exp_()  # (block, keys): made, summed and multiplied twice, nothing else
            total[part] = torch.add(pull[part], exponential.sum(1), alpha=scale)
            share = (weight[part] * scale / temperature / total[part]).unsqueeze(1)  # (block, 1)
            torch.mul(share, exponential @ keys, out=query_gradient[part])
            key_gradient.addmm_(exponential.T, share * query[part])
        toward = (weight / temperature * (pull / total - 1)).unsqueeze(1)  # (rows, 1)
        ctx.save_for_backward(query_gradient.addcmul_(toward, positive), toward * query, key_gradient)
        ctx.rows, ctx.n_rows = rows, len(all_keys)
        return (weight * (total.log() - cosine / temperature)).sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (of_query, of_positive, of_keys), rows = ctx.saved_tensors, ctx.rows
        of_all_keys = gradient * of_keys
        if rows.against is not None:
            of_all_keys = of_keys.new_zeros(ctx.n_rows, of_keys.shape[1]).index_add_(0, rows.against, of_all_keys)
        of_all_queries = of_query.new_zeros(ctx.n_rows, of_query.shape[1]).index_add_(0, rows.row, gradient * of_query)
        return of_all_queries, of_all_keys.index_add_(0, rows.row, gradient * of_positive), None, None, None, None, None
