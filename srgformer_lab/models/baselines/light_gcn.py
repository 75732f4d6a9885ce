"""LightGCN: the collaborative branch alone, as a model of its own."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab import runtime
from srgformer_lab.config import Config, TrainConfig, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.losses import bpr, norm_sum
from srgformer_lab.models.propagation import IdWalks, light_gcn
from srgformer_lab.models.protocol import Trainable, table
from srgformer_lab.models.reading import ComponentTable, Reading
from srgformer_lab.models.sampling import Batch, TripleSampler

UNREAD = (
    "Without a propagation layer a score is the product of a learned vector of the person and one of the item. What they took shaped "
    "these in training and does not enter the score, so taking it away changes nothing until the model is trained again."
)


@dataclass(frozen=True)
class LightGCNConfig(Config):
    """Width and depth of LightGCN."""

    embedding_dim: int = setting(64, "d", "width of every embedding", 1, 65_536)
    n_layers: int = setting(3, "L", "propagation layers", 0, 64)
    seed: int = setting(999, "–", "seed of the initial weights", 0, 2**62)


class LightGCN(Trainable[Batch]):
    """ID embeddings, averaged over the depths of propagation on the interaction graph.

    E^(s) = Ã E^(s−1), E = 1/(L+1) Σ_s E^(s). Loss: BPR + λ · (norms of the batch's layer-0 rows) / |B|.

    Source: He et al. 2020.
    """

    def __init__(self, data: Dataset, config: LightGCNConfig | None = None) -> None:
        """Draw the embeddings (Xavier uniform, from ``config.seed``)."""
        super().__init__(data)
        self.config: LightGCNConfig = config or LightGCNConfig()
        draws = runtime.generator("cpu", self.config.seed, "weights")
        dim = self.config.embedding_dim
        self.graph, self.sampler = Graph(data), TripleSampler(data)
        self.user_embedding = table(data.n_users, dim, draws)
        self.item_embedding = table(data.n_items, dim, draws)

    def forward(self) -> Float[Tensor, "nodes dim"]:
        """Compute one embedding for every node, users first.

        Returns:
            Embeddings (nodes × dim).
        """
        return light_gcn(torch.cat([self.user_embedding, self.item_embedding]), self.graph.propagate, self.config.n_layers)

    def losses(self, batch: Batch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute ``ranking`` + λ ``regularization`` on one batch."""
        users, items = self().split([self.graph.n_users, self.graph.n_items])
        user, positive, negative = (
            part.index_select(0, rows) for part, rows in ((users, batch.user), (items, batch.positive), (items, batch.negative))
        )
        layer_0 = torch.stack([self.user_embedding[batch.user], self.item_embedding[batch.positive], self.item_embedding[batch.negative]])
        return {
            "ranking": bpr((user * positive).sum(1), (user * negative).sum(1)),
            "regularization": config.regularization_weight * norm_sum(layer_0),
        }

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Propagate once and give a function from user rows to the scores of all items."""
        with torch.no_grad():
            users, items = self().split([self.graph.n_users, self.graph.n_items])
        return lambda chosen: users[chosen] @ items.T

    def reading(self, users: Int[Tensor, " chosen"]) -> "LightGCNWalks":
        """Return the walks behind these users' scores."""
        return LightGCNWalks(self)


class LightGCNWalks(Reading):
    """Every node's embedding as its own share and what each neighbour hands over at each depth."""

    def __init__(self, model: LightGCN) -> None:
        """Propagate once, keeping every depth."""
        self.data, self.reads_history = model.data, model.config.n_layers > 0
        self.walks = IdWalks(torch.cat([model.user_embedding, model.item_embedding]).detach(), model.graph, model.config.n_layers)
        self.embedding = self.walks.embedding()
        self.note = "" if self.reads_history else UNREAD

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.embedding.device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the products of the embeddings."""
        return self.embedding[users] @ self.embedding[self.data.n_users :].T

    def parts(self, node: int) -> dict[str, Float[Tensor, " dim"]]:
        """Return the embedding, which is the one part."""
        return {"id": self.embedding[node].double()}

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add the walks."""
        table.add("id", self.walks.pieces(node))
