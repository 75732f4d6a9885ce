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

from srgformer_lab.model.parts import Embeddings

BLOCK = 256


def bpr(positive: Float[Tensor, " batch"], negative: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Mean of −ln σ(r_up − r_uq): the positive item should outscore the negative one."""
    return -logsigmoid(positive - negative).mean()


def norm_sum(*rows: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    """Sum of the Frobenius norms (not squared) of the batch's rows, divided by the batch size."""
    return torch.stack([part.norm() for part in rows]).sum() / len(rows[0])


def modality_pairs_contrast(
    parts: Sequence[Embeddings], users: Int[Tensor, " batch"], items: Int[Tensor, " batch"], temperature: float
) -> Float[Tensor, ""]:
    """One-way InfoNCE from each modality to each later one: batch users against all users, batch items against all items.

    With fewer than two modalities it is 0.
    """
    total = torch.zeros((), device=users.device)
    for first, second in combinations(parts, 2):
        total = total + info_nce(first.users, second.users, users, temperature) + info_nce(first.items, second.items, items, temperature)
    return total


def info_nce(
    query: Float[Tensor, "all dim"],
    key: Float[Tensor, "all dim"],
    rows: Int[Tensor, " batch"],
    temperature: float,
    block: int = BLOCK,
) -> Float[Tensor, ""]:
    """Sum over the batch of −log exp(cos(a_x, b_x)/τ) / Σ_x' exp(cos(a_x, b_x')/τ), over **all** rows x'.

    A row that stands in the batch several times is computed once and weighted. Memory is O(block × all).
    """
    distinct, count = torch.unique(rows, return_counts=True)
    queries = normalize(query.index_select(0, distinct), dim=1, eps=1e-12)
    keys = normalize(key, dim=1, eps=1e-12)
    return _StreamedInfoNCE.apply(queries, keys, distinct, count.to(queries.dtype), temperature, block)


class _StreamedInfoNCE(torch.autograd.Function):
    """The log-sum-exp in row blocks, with its gradient formed in the same pass.

    With unit rows q, b, weights w and p = softmax(q bᵀ/τ): ∂/∂q_x = w_x (Σ p b − b_x)/τ, ∂/∂b = Σ_x w_x p_x q_x/τ − the
    positives' own share. A cosine is at most 1 and τ at least 0.05, so exp stays below e²⁰ and no maximum is subtracted.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, rows: Tensor, weight: Tensor, temperature: float, block: int) -> Tensor:
        positive = keys.index_select(0, rows)
        share = (weight / temperature).unsqueeze(1)
        total = -(weight * (queries * positive).sum(1)).sum() / temperature
        query_gradient = -share * positive
        key_gradient = torch.zeros_like(keys).index_add_(0, rows, -share * queries)
        for start in range(0, len(queries), block):
            part = slice(start, start + block)
            exponential = (queries[part] @ keys.T).div_(temperature).exp_()  # (block, all)
            row_sum = exponential.sum(1, keepdim=True)
            total = total + (weight[part] * row_sum.squeeze(1).log()).sum()
            softmax = exponential.mul_(share[part] / row_sum)
            query_gradient[part] += softmax @ keys
            key_gradient.addmm_(softmax.T, queries[part])
        ctx.save_for_backward(query_gradient, key_gradient)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        query_gradient, key_gradient = ctx.saved_tensors
        return gradient * query_gradient, gradient * key_gradient, None, None, None, None
