"""How a training step is computed: what it keeps from earlier steps, what it rounds, and what it leaves out."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.models.hypergraph import UserItemPair

Product = Callable[[Float[Tensor, "rows inner"], Float[Tensor, "inner columns"]], Float[Tensor, "rows columns"]]


def in_bfloat16(left: Float[Tensor, "rows inner"], right: Float[Tensor, "inner columns"]) -> Float[Tensor, "rows columns"]:
    """Multiply with eight bits of mantissa, forwards and backwards, and give the result in the precision of ``right``.

    Memberships are never computed from such a product, and no contrast is computed with one.
    """
    return (left.to(torch.bfloat16) @ right.to(torch.bfloat16)).to(right.dtype)


class Step:
    """The steps of one epoch, one after the other; a reading is a step that keeps, rounds and leaves out nothing.

    Freezing: membership logits and attention scores of an earlier step stand where the configuration lets them; the softmaxes
    after them are taken at every step, with its own noise and edits. An epoch starts with nothing kept, so that a resumed
    training does what an unbroken one does. After ``freeze_after`` epochs both are computed once an epoch and without
    gradients: the implicit attributes V then stay as they are, and so do W_Q and W_K.
    """

    def __init__(self, epoch: int = 1) -> None:
        """Start an epoch."""
        self.epoch, self.number = epoch, 0
        self.is_frozen = False
        self.logits: Mapping[str, UserItemPair] | None = None
        self.score: Float[Tensor, "edges heads"] | None = None
        """Of all edges, before any edit."""
        self.wants_logits = self.wants_score = False
        """Whether this step computes numbers that later ones use; the scores of all edges then, as later batches look along others."""
        self.learns_memberships = self.learns_attention = True
        """Whether the implicit attributes, and what scores are made of, get a gradient in this step."""
        self.product: Product = torch.matmul
        self.with_attention = self.with_hypergraph = self.with_projected = True
        self.kept_terms: dict[str, Float[Tensor, ""]] = {}
        """The objectives of memberships and of attention, as they were where those were last computed."""

    def advance(self, train: TrainConfig, model: ModelConfig) -> None:
        """Go to the next step: forget what is due to be computed anew, and see what nothing will read."""
        self.is_frozen = 0 < train.freeze_after < self.epoch
        self.product = in_bfloat16 if train.mixed_precision else torch.matmul
        self.with_projected = False
        self.with_attention = model.attention_scale > 0
        self.with_hypergraph = model.hypergraph_scale > 0 or train.hypergraph_contrast_weight > 0
        if self._is_due(train.memberships_every):
            self.logits = None
        if self._is_due(train.attention_every):
            self.score = None
        self.number += 1
        self.learns_memberships = self.logits is None and not self.is_frozen
        self.learns_attention = self.score is None and not self.is_frozen
        self.wants_logits = self.logits is None and (self.is_frozen or train.memberships_every != 1)
        self.wants_score = self.with_attention and self.score is None and (self.is_frozen or train.attention_every != 1)

    def _is_due(self, every: int) -> bool:
        return self.number == 0 or (not self.is_frozen and every > 0 and self.number % every == 0)

    def term(self, name: str, is_learned: bool, compute: Callable[[], Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """Return a term that teaches what may be kept: where that is kept, the last value, which moves nothing.

        Frozen, its first value of an epoch is computed without gradients.
        """
        if not is_learned and name in self.kept_terms:
            return self.kept_terms[name]
        with torch.set_grad_enabled(is_learned):
            term = compute()
        self.kept_terms[name] = term.detach()
        return term
