"""MultVAE: a user's history, pressed through a narrow Gaussian code and unfolded again. It learns from users, not from triples."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from srgformer_lab import runtime
from srgformer_lab.config import Config, TrainConfig, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.protocol import Trainable, linear, table
from srgformer_lab.models.removals import Removals
from srgformer_lab.models.sampling import UserBatch, UserSampler

BATCH_SIZE = 500
"""Users in a batch, in the source; the command line's default for this model."""


@dataclass(frozen=True)
class MultVAEConfig(Config):
    """Widths of MultVAE, and how its code is kept near the prior."""

    hidden_dim: int = setting(600, "–", "width of the hidden layer on either side of the code", 1, 65_536)
    code_dim: int = setting(200, "–", "width of the code that stands for a user", 1, 65_536)
    dropout: float = setting(0.5, "p", "share of a user's items that are hidden from the encoder while training", 0, 0.99)
    divergence_weight: float = setting(0.2, "β", "weight of the divergence from the prior, once it is annealed", 0, 1e6)
    annealing_steps: int = setting(20_000, "–", "steps in which that weight grows linearly from 0; 0: it is full at once", 0, 2**31)
    seed: int = setting(999, "–", "seed of the initial weights", 0, 2**62)


class MultVAE(Trainable[UserBatch]):
    """A variational autoencoder with a multinomial likelihood over a user's items.

    h = tanh(W x + b) for the L2-normalised training row x; code ~ N(μ(h), exp(log σ²(h))), its mean at evaluation;
    scores = W'' tanh(W' code + b') + b''. Loss: −Σ of log-softmax(scores) over the row + β_t KL(code ∥ N(0, 1)), the mean over
    the batch's users.

    Source: Liang et al. 2018.
    """

    sampler: UserSampler
    rows: ClassVar = {"item_weight": "item", "score": "item"}

    def __init__(self, data: Dataset, config: MultVAEConfig | None = None) -> None:
        """Draw the weights (Xavier uniform, from ``config.seed``); biases start at 0."""
        super().__init__(data)
        self.config: MultVAEConfig = config or MultVAEConfig()
        draws, hidden, code = runtime.generator("cpu", self.config.seed, "weights"), self.config.hidden_dim, self.config.code_dim
        self.sampler = UserSampler(data)
        self.item_weight = table(data.n_items, hidden, draws)  # a row an item: the input is sparse, so rows are picked and summed
        self.item_bias = nn.Parameter(torch.zeros(hidden))
        self.mean, self.log_variance = linear(hidden, code, draws), linear(hidden, code, draws)
        self.unfold, self.score = linear(code, hidden, draws), linear(hidden, data.n_items, draws)
        self._draws: torch.Generator | None = None
        self._epoch = 1

    def encode(
        self, n_users: int, place: Int[Tensor, " entries"], item: Int[Tensor, " entries"]
    ) -> tuple[Float[Tensor, "users code"], Float[Tensor, "users code"]]:
        """Compute mean and log-variance of the codes of users with these training items.

        Args:
            n_users: How many users.
            place: Which of them (0 to n_users − 1) has each entry (entries,).
            item: The item row of each entry (entries,).

        Returns:
            Means and log-variances, both (users × code).
        """
        weight = self.item_weight
        root = torch.bincount(place, minlength=n_users).to(weight.dtype).sqrt()  # the norm of a row of zeros and ones
        value = 1 / root[place]
        if self.training and self.config.dropout:
            kept = torch.rand(len(place), generator=self._noise(), device=place.device) >= self.config.dropout
            value = value * kept / (1 - self.config.dropout)
        summed = weight.new_zeros(n_users, weight.shape[1]).index_add(0, place, value.unsqueeze(1) * weight.index_select(0, item))
        hidden = torch.tanh(summed + self.item_bias)  # (users, hidden)
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, code: Float[Tensor, "users code"]) -> Float[Tensor, "users items"]:
        """Compute the scores of all items.

        Args:
            code: Codes of users (users × code).

        Returns:
            Scores (users × items).
        """
        return self.score(torch.tanh(self.unfold(code)))

    def _noise(self) -> torch.Generator:
        if self._draws is None:
            self._draws = runtime.generator(self.item_weight.device, self.config.seed, "noise")
        return self._draws

    def start_epoch(self, draws: torch.Generator, epoch: int = 1) -> None:
        """Take the generator of this epoch's dropout and codes, and the epoch's number, which annealing counts from."""
        self._draws, self._epoch = draws, epoch

    def annealed(self, steps: int) -> float:
        """Return β_t after so many steps of the whole training.

        Args:
            steps: From 0.

        Returns:
            From 0 up to ``divergence_weight``.
        """
        grown = min(1.0, steps / self.config.annealing_steps) if self.config.annealing_steps else 1.0
        return self.config.divergence_weight * grown

    def losses(self, batch: UserBatch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute ``reconstruction`` + β_t ``divergence`` on one batch.

        The steps done follow from the epoch and the batch's number in it, so that a resumed training anneals as an unbroken one.
        """
        n_users = len(batch.user)
        mean, log_variance = self.encode(n_users, batch.place, batch.item)
        code = mean
        if self.training:
            noise = torch.randn(mean.shape, generator=self._noise(), device=mean.device, dtype=mean.dtype)
            code = mean + noise * torch.exp(log_variance / 2)
        likelihood = torch.log_softmax(self.decode(code), dim=1)[batch.place, batch.item].sum() / n_users
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum() / (2 * n_users)
        steps = (self._epoch - 1) * self.n_batches(config.batch_size) + batch.number
        return {"reconstruction": -likelihood, "divergence": self.annealed(steps) * divergence}

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Return a function that encodes users by their whole training rows and decodes the means."""

        def scores(users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
            return self._scores(len(users), *self.sampler.histories.entries(users))

        return scores

    def _scores(self, n_users: int, place: Int[Tensor, " entries"], item: Int[Tensor, " entries"]) -> Float[Tensor, "users items"]:
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                mean, _ = self.encode(n_users, place, item)
                return self.decode(mean)
        finally:
            self.train(was_training)

    def reading(self, users: Int[Tensor, " chosen"]) -> Removals:
        """Return what these users' scores lose without each item of the history: the model sees nothing of a user but that."""
        return Removals(self, self._scores_without_each)

    def _scores_without_each(self, user: int) -> Float[Tensor, "history items"]:
        _, history = self.sampler.histories.entries(torch.tensor([user], device=self.item_weight.device))
        place, kept = (~torch.eye(len(history), dtype=torch.bool, device=history.device)).nonzero(as_tuple=True)
        return self._scores(len(history), place, history[kept])
