"""How a training step is computed: what it keeps from earlier steps, what it rounds, and what it leaves out."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.model.hypergraph import UserItemPair
from srgformer_lab.model.precision import Product, in_bfloat16
from srgformer_lab.model.trace import Trace


class Step:
    """The steps of one epoch, one after the other; a reading is a step that keeps, rounds and leaves out nothing.

    Freezing: membership logits and attention scores of an earlier step stand where the configuration lets them; the softmaxes
    after them are taken at every step, with its own noise and edits. An epoch starts with nothing kept, so that a resumed
    training does what an unbroken one does. After ``freeze_after`` epochs both are computed once an epoch and without
    gradients: the implicit attributes V then stay as they are, and so do W_Q and W_K.

    Source: spec section 10, question 7.
    """

    def __init__(self, epoch: int = 1) -> None:
        """Start an epoch."""
        self.epoch, self.number = epoch, 0
        self.is_frozen = False
        self.logits: Mapping[str, UserItemPair] | None = None
        self.score: Float[Tensor, "edges heads"] | None = None
        """Of all edges."""
        self.product: Product = torch.matmul
        self.with_attention = self.with_hypergraph = True

    def advance(self, train: TrainConfig, model: ModelConfig) -> None:
        """Go to the next step: forget what is due to be computed anew, and see what nothing will read."""
        self.is_frozen = 0 < train.freeze_after < self.epoch
        self.product = in_bfloat16 if train.mixed_precision else torch.matmul
        self.with_attention = model.attention_scale > 0
        self.with_hypergraph = model.hypergraph_scale > 0 or train.hypergraph_contrast_weight > 0
        if self._is_due(train.memberships_every):
            self.logits = None
        if self._is_due(train.attention_every):
            self.score = None
        self.number += 1

    def _is_due(self, every: int) -> bool:
        return self.number == 0 or (not self.is_frozen and every > 0 and self.number % every == 0)

    def needs_every_score(self, train: TrainConfig) -> bool:
        """Whether this step computes the scores for later ones, whose batches look along other edges."""
        return self.with_attention and self.score is None and (self.is_frozen or train.attention_every != 1)

    def keep(self, trace: Trace, train: TrainConfig) -> None:
        """Take what later steps will use."""
        if self.with_hypergraph and (self.is_frozen or train.memberships_every != 1):
            self.logits = {
                name: UserItemPair(part.logits.users.detach(), part.logits.items.detach()) for name, part in trace.hypergraph.items()
            }
        if self.needs_every_score(train):
            self.score = trace.attention.score.detach()
