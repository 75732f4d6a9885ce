"""Learned hyperedges (the paper's *local* structure): soft memberships of items and users, and what flows through them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.config import ModelConfig
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.hooks import Hooks
from srgformer_lab.models.parts import Embeddings


@dataclass(frozen=True, eq=False)
class UserItemPair:
    """One matrix of width K for the users and one for the items."""

    users: Float[Tensor, "users hyperedges"]
    items: Float[Tensor, "items hyperedges"]

    def detach(self) -> "UserItemPair":
        """Return the same numbers, through which no gradient flows."""
        return UserItemPair(self.users.detach(), self.items.detach())


def logits_of(items: Float[Tensor, "items hyperedges"], graph: Graph) -> UserItemPair:
    """Return the users' logits, the sums over their histories, beside the items' X V."""
    return UserItemPair(graph.history_sum(items), items)


@dataclass(frozen=True, eq=False)
class HypergraphTrace:
    """The hypergraph branch of one modality, as factors; the product is derived from them."""

    logits: UserItemPair
    """S: X V of the items, summed over the history for the users, which ``user_membership`` ``mean`` and ``lift`` don't read."""
    membership: UserItemPair
    """H: rows sum to 1 (before dropout, in the paper's form)."""
    hyperedges: Float[Tensor, "hyperedges dim"]
    """Λ of the last layer."""

    @cached_property
    def user_embedding(self) -> Float[Tensor, "users dim"]:
        """H_u Λ."""
        return self.membership.users @ self.hyperedges

    @cached_property
    def item_embedding(self) -> Float[Tensor, "items dim"]:
        """Z of the last layer, H_i Λ."""
        return self.membership.items @ self.hyperedges

    def of(self, nodes: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen dim"]:
        """E^{m,H} of some nodes (users first, increasing)."""
        membership = torch.cat([self.membership.users, self.membership.items])
        return (membership if len(nodes) == len(membership) else membership.index_select(0, nodes)) @ self.hyperedges

    @property
    def embedding(self) -> Embeddings:
        """E^{m,H}: users then items."""
        values = torch.cat([self.user_embedding, self.item_embedding])
        return Embeddings(values, torch.arange(len(values), device=values.device), len(self.user_embedding), len(values))


class Noise:
    """Gumbel noise and dropout while training, nothing otherwise.

    The release draws noise at evaluation too; here evaluation and tracing are deterministic, and the edit ``noisy_memberships``
    puts it in.
    """

    def __init__(self, draws: torch.Generator | None = None, dropout: float = 0.0, scale: float = 1.0) -> None:
        """Draw from ``draws``; without it there is neither noise nor dropout. ``scale`` multiplies the noise; at 0 none is drawn."""
        self.draws, self.dropout, self.scale = draws, dropout, scale

    def disturb(self, logits: Float[Tensor, "rows hyperedges"]) -> Float[Tensor, "rows hyperedges"]:
        """Add standard Gumbel noise, −ln of an exponential draw, times the scale."""
        if self.draws is None or self.scale == 0:
            return logits
        exponential = torch.empty_like(logits).exponential_(generator=self.draws)
        return logits - self.scale * exponential.clamp_min(torch.finfo(logits.dtype).tiny).log()

    def drop(self, membership: Float[Tensor, "rows hyperedges"]) -> Float[Tensor, "rows hyperedges"]:
        """Drop entries and scale the others up by 1/(1 − p): inverted dropout."""
        if self.draws is None or self.dropout == 0:
            return membership
        keep = torch.rand(membership.shape, generator=self.draws, device=membership.device) >= self.dropout
        return membership * (keep.to(membership.dtype) / (1 - self.dropout))


def relax(
    logits: Mapping[str, UserItemPair],
    items: Float[Tensor, "items dim"],
    config: ModelConfig,
    graph: Graph,
    hooks: Hooks,
    noise: Noise | None = None,
) -> dict[str, HypergraphTrace]:
    """Turn logits into memberships and let the items' embeddings flow through the hyperedges.

    H = softmax((S + g)/τ) over the K hyperedges; the users' by ``user_membership`` (see ``of_history``). Only where
    ``membership_objective`` is ``ranking`` does a gradient of what flows reach the memberships.

    From Z⁰ = ``items``: Λ = (K/N) HᵀZ, Z ← H Λ, for each layer; users read the last Λ and never feed it. The constant K/N (common
    to all modalities, so the norms and cosines taken later don't see it) keeps the products from growing with the number of items
    and layers.

    Source: the paper (arXiv 2511.00584), after LGMRec (Guo et al. 2024); Gumbel-softmax (Jang et al. 2017).
    """
    noise, n_layers = noise or Noise(), config.n_hypergraph_layers
    is_ranked = config.membership_objective == "ranking"
    membership = {name: _soft(pair if is_ranked else pair.detach(), config, graph, noise) for name, pair in logits.items()}
    if config.as_released and logits:
        membership = _released_slip(membership, logits)
    return {name: _flow(name, logits[name], membership[name], items, n_layers, hooks, noise) for name in logits}


def _soft(logits: UserItemPair, config: ModelConfig, graph: Graph, noise: Noise) -> UserItemPair:
    temperature = config.membership_temperature
    if config.user_membership != "sum":
        items = torch.softmax(noise.disturb(logits.items) / temperature, dim=1)
        return UserItemPair(of_history(items, graph, is_lift=config.user_membership == "lift"), items)
    users, items = (torch.softmax(noise.disturb(part) / temperature, dim=1) for part in (logits.users, logits.items))
    return UserItemPair(users, items)


def of_history(items: Float[Tensor, "items hyperedges"], graph: Graph, is_lift: bool) -> Float[Tensor, "users hyperedges"]:
    """Return the users' memberships made of their items': the mean h̄_u over the history, or its lift.

    The lift is H_uk ∝ h̄_uk² / π_k, with π the mean over all interactions: h̄_uk weighed by how far it is above everybody's, so that a
    hyperedge that everybody has much of says less. A user without a history is in all hyperedges alike, as in the published form.

    The mean has an exact share for each item of a history, h_ik / d_u. The lift has none: it is a ratio of sums. With the factor
    h̄_uk / (π_k Σ_l h̄_ul²/π_l) held at its value, as norms and attention weights are elsewhere, the items' shares sum to it.

    Source: none outside this library; ``lift`` is the ratio known from association rules, times the mean.
    """
    length = graph.history_length.to(items.dtype).unsqueeze(1)  # (users, 1)
    total = graph.history_sum(items)
    membership = total / length.clamp_min(1)
    if is_lift:
        smallest = torch.finfo(items.dtype).tiny
        everybody = total.sum(0) / length.sum().clamp_min(1)
        membership = membership * (membership / everybody.clamp_min(smallest))
        membership = membership / membership.sum(1, keepdim=True).clamp_min(smallest)
    return torch.where(length > 0, membership, 1 / items.shape[1])


def _released_slip(membership: Mapping[str, UserItemPair], logits: Mapping[str, UserItemPair]) -> dict[str, UserItemPair]:
    """Repeat the release's overwritten variable: image users get the text memberships, text users their raw logits."""
    image, text = membership
    return {
        image: UserItemPair(membership[text].users, membership[image].items),
        text: UserItemPair(logits[text].users, membership[text].items),
    }


def _flow(
    name: str, logits: UserItemPair, membership: UserItemPair, items: Tensor, n_layers: int, hooks: Hooks, noise: Noise
) -> HypergraphTrace:
    of_users = noise.drop(hooks.of(hooks.user_membership, name)(membership.users))
    of_items = noise.drop(hooks.of(hooks.item_membership, name)(membership.items))
    common, hyperedges = of_items.shape[1] / len(of_items), items
    for layer in range(1, n_layers + 1):
        hyperedges = of_items.T @ items * common  # (hyperedges, dim)
        if layer < n_layers:
            items = of_items @ hyperedges  # (items, dim)
    return HypergraphTrace(logits, UserItemPair(of_users, of_items), hooks.of(hooks.hyperedges, name)(hyperedges))
