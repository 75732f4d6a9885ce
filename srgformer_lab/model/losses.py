"""The terms of the objective, as pure functions.

Source: spec section 4; BPR (Rendle et al. 2009), InfoNCE (van den Oord et al. 2018).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from srgformer_lab.model.hypergraph import HypergraphTrace
from srgformer_lab.model.parts import Embeddings

BLOCK, NARROW_BLOCK = 256, 32
"""Rows at a time: many make a wide product efficient; for narrow ones it counts more that a block stays in the cache."""


def bpr(positive: Float[Tensor, " batch"], negative: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Mean of −ln σ(r_up − r_uq): the positive item should outscore the negative one."""
    return -logsigmoid(positive - negative).mean()


def norm_sum(*rows: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    """Sum of the Frobenius norms (not squared) of the batch's rows, divided by the batch size."""
    return torch.stack([part.norm() for part in rows]).sum() / len(rows[0])


def modality_contrast(
    parts: Sequence[Embeddings], users: Int[Tensor, " batch"], items: Int[Tensor, " batch"], temperature: float
) -> Float[Tensor, ""]:
    """L_MCL: one-way InfoNCE from each modality to each later one, batch users against all users, batch items against all items.

    With fewer than two modalities it is 0.
    """
    total = torch.zeros((), device=users.device)
    for first, second in combinations(parts, 2):
        total = total + info_nce(first.users, second.users, users, temperature) + info_nce(first.items, second.items, items, temperature)
    return total


def hypergraph_contrast(
    parts: Sequence[HypergraphTrace], users: Int[Tensor, " batch"], items: Int[Tensor, " batch"], temperature: float
) -> Float[Tensor, ""]:
    """L_HCL: as ``modality_contrast``, on what flowed through the hyperedges of each modality.

    With a = H_a Λ_a and b = H_b Λ_b, cos(a, b) = (H_a Λ_a Λ_bᵀ / |a|) · (H_b / |b|): products of width K instead of d,
    which pays where there are fewer hyperedges than dimensions.
    """
    if parts and parts[0].hyperedges.shape[0] > parts[0].hyperedges.shape[1]:
        return modality_contrast([part.embedding for part in parts], users, items, temperature)
    total = torch.zeros((), device=users.device)
    for first, second in combinations(parts, 2):
        middle = first.hyperedges @ second.hyperedges.T  # (hyperedges, hyperedges)
        for side, rows in (("users", users), ("items", items)):
            (of_first, first_norm), (of_second, second_norm) = first.factor(side), second.factor(side)
            total = total + _streamed(of_first @ middle / first_norm, of_second / second_norm, rows, temperature, NARROW_BLOCK)
    return total


def info_nce(
    query: Float[Tensor, "all dim"],
    key: Float[Tensor, "all dim"],
    rows: Int[Tensor, " batch"],
    temperature: float,
    block: int = BLOCK,
) -> Float[Tensor, ""]:
    """Sum over the batch of −log exp(cos(a_x, b_x)/τ) / Σ_x' exp(cos(a_x, b_x')/τ), over **all** rows x'.

    Memory is O(block × all).
    """
    return _streamed(normalize(query, dim=1, eps=1e-12), normalize(key, dim=1, eps=1e-12), rows, temperature, block)


def _streamed(query: Tensor, key: Tensor, rows: Tensor, temperature: float, block: int) -> Tensor:
    """Contrast rows whose products are cosines; one that stands in the batch several times is computed once and weighted."""
    distinct, count = torch.unique(rows, return_counts=True)
    return _StreamedInfoNCE.apply(query.index_select(0, distinct), key, distinct, count.to(key.dtype), temperature, block)


class _StreamedInfoNCE(torch.autograd.Function):
    """The log-sum-exp in row blocks, with its gradient formed in the same pass.

    With rows q, b whose products are cosines, weights w and p = softmax(q bᵀ/τ): ∂/∂q_x = w_x (Σ p b − b_x)/τ, and
    ∂/∂b = Σ_x w_x p_x q_x/τ, less w_x q_x/τ for the positive of each x. A cosine is at most 1 and τ at least 0.05, so exp
    stays below e²⁰ and no maximum is subtracted.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, rows: Tensor, weight: Tensor, temperature: float, block: int) -> Tensor:
        positive = keys.index_select(0, rows)
        share = (weight / temperature).unsqueeze(1)
        total = -(weight * (queries * positive).sum(1)).sum() / temperature
        query_gradient = -share * positive
        key_gradient = torch.zeros_like(keys).index_add_(0, rows, -share * queries)
        sharp = queries / temperature
        for start in range(0, len(queries), block):
            part = slice(start, start + block)
            exponential = (sharp[part] @ keys.T).exp_()  # (block, all): made, summed and multiplied twice, nothing else
            row_sum = exponential.sum(1, keepdim=True)
            total = total + (weight[part] * row_sum.squeeze(1).log()).sum()
            per_row = share[part] / row_sum  # (block, 1)
            query_gradient[part] += per_row * (exponential @ keys)
            key_gradient.addmm_(exponential.T, per_row * queries[part])
        ctx.save_for_backward(query_gradient, key_gradient)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        query_gradient, key_gradient = ctx.saved_tensors
        return gradient * query_gradient, gradient * key_gradient, None, None, None, None
