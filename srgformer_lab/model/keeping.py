"""Scaling by freezing: what a training computes now and then, and keeps as a constant in between.

Source: spec section 10, question 7.
"""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from srgformer_lab.config import TrainConfig
from srgformer_lab.model.hypergraph import UserItemPair
from srgformer_lab.model.trace import Trace


class Kept:
    """Membership logits and attention scores of an earlier step, where the configuration lets them stand.

    The softmaxes after them are taken at every step, with its own noise and edits. An epoch starts with nothing kept, so that
    a resumed training does what an unbroken one does. After ``freeze_after`` epochs both are computed once an epoch and
    without gradients: the implicit attributes V then stay as they are, and so do W_Q and W_K. A reading keeps nothing.
    """

    def __init__(self, epoch: int = 1) -> None:
        """Start an epoch."""
        self.epoch, self.step = epoch, 0
        self.is_frozen = False
        self.logits: Mapping[str, UserItemPair] | None = None
        self.score: Float[Tensor, "edges heads"] | None = None
        """Of all edges."""

    def advance(self, config: TrainConfig) -> None:
        """Go to the next step, and forget what is due to be computed anew."""
        self.is_frozen = 0 < config.freeze_after < self.epoch
        if self._is_due(config.memberships_every):
            self.logits = None
        if self._is_due(config.attention_every):
            self.score = None
        self.step += 1

    def _is_due(self, every: int) -> bool:
        return self.step == 0 or (not self.is_frozen and every > 0 and self.step % every == 0)

    def needs_every_score(self, config: TrainConfig) -> bool:
        """Whether this step computes the scores for later ones, whose batches look along other edges."""
        return self.score is None and (self.is_frozen or config.attention_every != 1)

    def keep(self, trace: Trace, config: TrainConfig) -> None:
        """Take what later steps will use."""
        if self.is_frozen or config.memberships_every != 1:
            self.logits = {
                name: UserItemPair(part.logits.users.detach(), part.logits.items.detach()) for name, part in trace.hypergraph.items()
            }
        if self.needs_every_score(config):
            self.score = trace.attention.score.detach()
