"""The terms of SRGFormer's objective on one batch, from what a pass computed; ``losses`` has them as pure functions."""

from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.config import TrainConfig
from srgformer_lab.models.attention import EdgeAttention
from srgformer_lab.models.losses import anchors, bpr, cointeraction, hypergraph_contrast, modality_contrast, norm_sum
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.step import Step
from srgformer_lab.models.trace import Trace

Terms: TypeAlias = dict[str, Float[Tensor, ""]]
"""Weighted scalars by name."""


def nodes_in(batch: Batch, n_users: int) -> Int[Tensor, " three_batches"]:
    """Return the nodes of a batch: its users, then its positives, then its negatives."""
    return torch.cat([batch.user, n_users + batch.positive, n_users + batch.negative])


def ranking_terms(trace: Trace, batch: Batch, regularization_weight: float) -> Terms:
    """Compute the terms that read the fused embeddings.

    Args:
        trace: The pass.
        batch: Rows of users, positives and negatives, (batch,) each.
        regularization_weight: λ.

    Returns:
        The scalars ``ranking`` and λ ``regularization``.
    """
    rows = trace.fused.of(nodes_in(batch, trace.graph.n_users)).unflatten(0, (3, -1))  # (users, positives and negatives, batch, dim)
    user, positive, negative = rows.unbind()
    return {
        "ranking": bpr((user * positive).sum(1), (user * negative).sum(1)),
        "regularization": regularization_weight * norm_sum(rows),
    }


def contrast_terms(trace: Trace, batch: Batch, config: TrainConfig, draws: torch.Generator) -> Terms:
    """Compute the terms that hold the modalities of a pass against each other.

    Args:
        trace: The pass.
        batch: Whose users and positives are contrasted.
        config: The weights c and γ, τ_C and how many rows to contrast with.
        draws: What these rows are drawn from.

    Returns:
        The scalars c ``hypergraph_contrast`` and γ ``modality_contrast``; 0 where the weight is.
    """
    zero = trace.fused.values.new_zeros(())
    users = anchors(batch.user, trace.graph.n_users, config.contrast_sample, draws)
    items = anchors(batch.positive, trace.graph.n_items, config.contrast_sample, draws)
    tau, c, gamma = config.contrast_temperature, config.hypergraph_contrast_weight, config.modality_contrast_weight
    return {
        "hypergraph_contrast": c * hypergraph_contrast(list(trace.hypergraph.values()), users, items, tau) if c else zero,
        "modality_contrast": gamma * modality_contrast(list(trace.modality.values()), users, items, tau) if gamma else zero,
    }


def structure_terms(trace: Trace, batch: Batch, balance: float, step: Step, attention: EdgeAttention) -> Terms:
    """Compute the terms that teach memberships and attention alone; 0 where this step has left out the branch.

    Args:
        trace: The pass.
        batch: Whose interactions attention tells from shuffled ones.
        balance: ρ.
        step: What of them is learned now, and what is kept.
        attention: What learns.

    Returns:
        The scalars ``cointeraction`` and ``attention_contrast``, each only where the configuration asks for it.
    """
    settings, terms = trace.config, {}
    zero = trace.fused.values.new_zeros(())

    def of_memberships() -> Tensor:
        found = [torch.softmax(part.logits.items / settings.membership_temperature, dim=1) for part in trace.hypergraph.values()]
        return cointeraction(found, trace.graph, balance)

    def of_attention() -> Tensor:
        reads = trace.attention.reads
        return attention.contrast(reads.index_select(0, batch.user), reads.index_select(0, trace.graph.n_users + batch.positive))

    if settings.membership_objective == "cointeraction":
        terms["cointeraction"] = step.term("cointeraction", step.learns_memberships, of_memberships) if trace.hypergraph else zero
    if settings.attention_objective == "contrast":
        terms["attention_contrast"] = step.term("attention_contrast", step.learns_attention, of_attention) if step.with_attention else zero
    return terms
