"""MF-BPR: one vector a user and item, and no graph: what collaborative filtering gives without neighbours."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab import runtime
from srgformer_lab.config import Config, TrainConfig, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.losses import bpr, norm_sum
from srgformer_lab.models.protocol import Trainable, table
from srgformer_lab.models.reading import ComponentTable, Piece, Reading
from srgformer_lab.models.sampling import Batch, TripleSampler


@dataclass(frozen=True)
class MatrixFactorizationConfig(Config):
    """Width of matrix factorisation."""

    embedding_dim: int = setting(64, "d", "width of every embedding", 1, 65_536)
    seed: int = setting(999, "–", "seed of the initial weights", 0, 2**62)


class MatrixFactorization(Trainable[Batch]):
    """A score is ⟨e_u, e_i⟩.

    Loss: BPR + λ · (norms of the batch's three embeddings) / |B|.

    Source: Rendle et al. 2009.
    """

    def __init__(self, data: Dataset, config: MatrixFactorizationConfig | None = None) -> None:
        """Draw the embeddings (Xavier uniform, from ``config.seed``)."""
        super().__init__(data)
        self.config: MatrixFactorizationConfig = config or MatrixFactorizationConfig()
        draws = runtime.generator("cpu", self.config.seed, "weights")
        self.sampler = TripleSampler(data)
        self.user_embedding = table(data.n_users, self.config.embedding_dim, draws)
        self.item_embedding = table(data.n_items, self.config.embedding_dim, draws)

    def losses(self, batch: Batch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute ``ranking`` + λ ``regularization`` on one batch."""
        user = self.user_embedding.index_select(0, batch.user)
        positive, negative = (self.item_embedding.index_select(0, rows) for rows in (batch.positive, batch.negative))
        return {
            "ranking": bpr((user * positive).sum(1), (user * negative).sum(1)),
            "regularization": config.regularization_weight * norm_sum(torch.stack([user, positive, negative])),
        }

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Return a function from user rows to the scores of all items."""
        users, items = self.user_embedding.detach(), self.item_embedding.detach()
        return lambda chosen: users[chosen] @ items.T

    def reading(self, users: Int[Tensor, " chosen"]) -> "LearnedVectors":
        """Return the vectors, which are all that a score is made of."""
        return LearnedVectors(self)


class LearnedVectors(Reading):
    """A node's learned vector as the one part, which is the node's own."""

    reads_history = False
    note = (
        "MF multiplies a learned vector of the person with one of the item. What they took shaped these in training and does not enter "
        "the score, so taking it away changes nothing until the model is trained again."
    )

    def __init__(self, model: MatrixFactorization) -> None:
        """Put the vectors of users and items below each other."""
        self.data, self.vectors = model.data, torch.cat([model.user_embedding, model.item_embedding]).detach()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.vectors.device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the products of the vectors."""
        return self.vectors[users] @ self.vectors[self.data.n_users :].T

    def parts(self, node: int) -> dict[str, Float[Tensor, " dim"]]:
        """Return the vector."""
        return {"id": self.vectors[node].double()}

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add the vector itself."""
        table.add("id", [Piece("own", self.vectors[node, None].double())])
