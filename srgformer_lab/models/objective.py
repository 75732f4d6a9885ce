"""The terms of SRGFormer's objective on one batch, from what a pass computed; ``losses`` has them as pure functions."""

from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.config import TrainConfig
from srgformer_lab.models.attention import EdgeAttention
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.losses import Anchors, anchors, bpr, cointeraction, hypergraph_contrast, modality_contrast, norm_sum
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.step import Step
from srgformer_lab.models.trace import Trace
from srgformer_lab.together import ALONE, Together

Terms: TypeAlias = dict[str, Float[Tensor, ""]]
"""Weighted scalars by name."""


def nodes_in(batch: Batch, n_users: int) -> Int[Tensor, " three_batches"]:
    """Return the nodes of a batch: its users, then its positives, then its negatives."""
    return torch.cat([batch.user, n_users + batch.positive, n_users + batch.negative])


def ranking_terms(trace: Trace, batch: Batch, regularization_weight: float, together: Together = ALONE) -> Terms:
    """Compute the terms that read the fused embeddings.

    Args:
        trace: The pass.
        batch: Rows of users, positives and negatives, (batch,) each.
        regularization_weight: λ.
        together: Which part of the batch's rows counts here.

    Returns:
        The scalars ``ranking`` and λ ``regularization``.
    """
    nodes, n_rows = nodes_in(Batch(*map(together.part, batch)), trace.graph.n_users), len(batch.user)
    rows = trace.fused.of(nodes).unflatten(0, (3, -1))  # (users, positives and negatives, rows, dim)
    user, positive, negative = rows.unbind()
    return {
        "ranking": bpr((user * positive).sum(1), (user * negative).sum(1), n_rows),
        "regularization": regularization_weight * norm_sum(rows, n_rows, together),
    }


def contrast_terms(trace: Trace, batch: Batch, config: TrainConfig, draws: torch.Generator, together: Together = ALONE) -> Terms:
    """Compute the terms that hold the modalities of a pass against each other.

    Args:
        trace: The pass.
        batch: Whose users and positives are contrasted.
        config: The weights c and γ, τ_C, how many of the batch's rows the modalities are contrasted on, and with how many others.
        draws: What the others are drawn from; a batch is shuffled, so its first rows are drawn already.
        together: Which part of the rows counts here.

    Returns:
        The scalars c ``hypergraph_contrast`` and γ ``modality_contrast``; 0 where the weight is.
    """
    zero = trace.fused.values.new_zeros(())
    whole, some = contrasted(batch, trace.graph, config, draws, together)
    tau, c, gamma = config.contrast_temperature, config.hypergraph_contrast_weight, config.modality_contrast_weight
    gamma *= len(batch.user) / _n_rows(batch, config)
    return {
        "hypergraph_contrast": c * hypergraph_contrast(list(trace.hypergraph.values()), *whole, tau) if c else zero,
        "modality_contrast": gamma * modality_contrast(list(trace.modality.values()), *some, tau) if gamma else zero,
    }


def contrasted(
    batch: Batch, graph: Graph, config: TrainConfig, draws: torch.Generator, together: Together = ALONE
) -> tuple[tuple[Anchors, Anchors], tuple[Anchors, Anchors]]:
    """Return which users and which positives of a batch are contrasted here, and with which rows: by hyperedges, and by modality."""
    n_rows, sides = _n_rows(batch, config), ((batch.user, graph.n_users), (batch.positive, graph.n_items))
    users, items = (anchors(rows, n_all, config.contrast_sample, draws) for rows, n_all in sides)
    some_users, some_items = users, items
    if n_rows < len(batch.user):
        some_users, some_items = (anchors(rows[:n_rows], n_all) for rows, n_all in sides)
        some_users, some_items = some_users._replace(against=users.against), some_items._replace(against=items.against)

    def own(side: Anchors) -> Anchors:
        return side._replace(row=together.part(side.row), count=together.part(side.count))

    return (own(users), own(items)), (own(some_users), own(some_items))


def _n_rows(batch: Batch, config: TrainConfig) -> int:
    return min(config.modality_contrast_rows or len(batch.user), len(batch.user))


def structure_terms(trace: Trace, batch: Batch, balance: float, step: Step, attention: EdgeAttention, together: Together = ALONE) -> Terms:
    """Compute the terms that teach memberships and attention alone; 0 where this step has left out the branch.

    Args:
        trace: The pass.
        batch: Whose interactions attention tells from shuffled ones.
        balance: ρ.
        step: What of them is learned now, and what is kept.
        attention: What learns.
        together: Which part counts here: these terms are no sums over rows, so each process computes them and counts an equal share.

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
    return {name: term / together.n_processes for name, term in terms.items()}
