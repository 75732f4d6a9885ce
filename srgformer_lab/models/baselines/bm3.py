"""BM3: self-supervised learning without negatives, from views of the embeddings that dropout makes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from srgformer_lab import runtime
from srgformer_lab.config import Config, TrainConfig, check_modalities, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.baselines.light_gcn import UNREAD
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.parts import unit
from srgformer_lab.models.propagation import IdWalks, light_gcn
from srgformer_lab.models.protocol import Trainable, chosen_modalities, linear, table
from srgformer_lab.models.reading import ComponentTable, Piece, Reading, rounded_to
from srgformer_lab.models.sampling import Batch, TripleSampler

NORM_WEIGHT = 0.1
"""λ of the source on Amazon Baby; the command line's default for this model."""


@dataclass(frozen=True)
class BM3Config(Config):
    """Width, depth and views of BM3; the defaults are the source's for Amazon Baby."""

    embedding_dim: int = setting(64, "d", "width of every embedding", 1, 65_536)
    n_layers: int = setting(1, "L", "propagation layers on the interaction graph", 0, 64)
    dropout: float = setting(0.5, "p", "share of the entries of an embedding that its view lacks while training", 0, 0.99)
    alignment_weight: float = setting(2.0, "–", "weight of the modalities' alignment with items and with their own views", 0, 1e6)
    modalities: tuple[str, ...] | None = setting(None, "m", "names of the modalities to use; none given means all of the data set")
    seed: int = setting(999, "–", "seed of the initial weights", 0, 2**62)

    def __post_init__(self) -> None:
        """Check ranges, and that modalities are names."""
        super().__post_init__()
        check_modalities(self.modalities)


class BM3(Trainable[Batch]):
    """LightGCN, with items' own embeddings added again, that learns to tell each side of an interaction from the other side's view.

    [e_u; e_i] by LightGCN; h_u = e_u; h_i = e_i + E_i; h_m = L_m(x^m), whose features are fine-tuned; a score is ⟨P h_u, P h_i⟩, with one
    linear map P for all. A view v(h) is h without the entries that dropout takes, as a constant: no gradient flows into it.
    With C(a, b) = 1 − cos(a, b), the means over the batch's pairs make the loss:
    C(P h_u, v(h_i)) + C(P h_i, v(h_u)) + w Σ_m [C(P h_m, v(h_i)) + C(P h_m, v(h_m))] + λ (‖h_users‖ + ‖h_items‖) / n_items.

    Where the paper and its released code differ, this is the code: w = 2 instead of 1, norms of all nodes instead of squared ones,
    fine-tuned features, which the paper leaves open. Where it draws one mask a node and step, here each row of the batch has its own.
    An item that lacks a modality has no terms of it, a case that neither knows. The batch's negatives stay unread.

    Source: Zhou et al. 2023, arXiv 2207.05969.
    """

    rows: ClassVar = {**Trainable.rows, "features": "item"}

    def __init__(self, data: Dataset, config: BM3Config | None = None) -> None:
        """Draw the weights (Xavier uniform, from ``config.seed``); features start as they are.

        Biases are uniform within 1/√(width of what is mapped), as in the released code. From 0, cosines learn more slowly: on Amazon Baby
        valid Recall@20 is .065 instead of .070 after 17 epochs.

        Raises:
            ConfigError: The data has no modality, or lacks one that the configuration names.
        """
        super().__init__(data)
        self.config: BM3Config = config or BM3Config()
        names = chosen_modalities(data, self.config.modalities, "BM3")
        draws, dim = runtime.generator("cpu", self.config.seed, "weights"), self.config.embedding_dim
        self.graph, self.sampler = Graph(data), TripleSampler(data)
        self.user_embedding, self.item_embedding = table(data.n_users, dim, draws), table(data.n_items, dim, draws)
        features = [torch.tensor(data.features[name], dtype=torch.get_default_dtype()) for name in names]
        self.features = nn.ParameterList(features)
        self.projections = nn.ModuleList(linear(X.shape[1], dim, draws) for X in features)
        self.predictor = linear(dim, dim, draws)
        for layer in (*self.projections, self.predictor):
            nn.init.uniform_(layer.bias, -(layer.in_features**-0.5), layer.in_features**-0.5, generator=draws)  # type: ignore[arg-type]
        self.is_known: Tensor
        self.register_buffer("is_known", torch.from_numpy(np.stack([data.known[name] for name in names])), persistent=False)
        self._draws: torch.Generator | None = None

    def forward(self) -> tuple[Float[Tensor, "users dim"], Float[Tensor, "items dim"]]:
        """Compute h_u and h_i.

        Returns:
            Embeddings of users (users × dim) and items (items × dim).
        """
        embedding = light_gcn(torch.cat([self.user_embedding, self.item_embedding]), self.graph.propagate, self.config.n_layers)
        users, items = embedding.split([self.graph.n_users, self.graph.n_items])
        return users, items + self.item_embedding

    def start_epoch(self, draws: torch.Generator, epoch: int = 1) -> None:
        """Take the generator of this epoch's views."""
        self._draws = draws

    def draw_kept(self, rows: int) -> Bool[Tensor, "rows dim"]:
        """Draw which entries of so many embeddings a view keeps, each with probability 1 − p.

        Args:
            rows: How many embeddings.

        Returns:
            True where an entry is kept (rows × dim).
        """
        device = self.user_embedding.device
        if self._draws is None:
            self._draws = runtime.generator(device, self.config.seed, "noise")
        return torch.rand(rows, self.config.embedding_dim, generator=self._draws, device=device) >= self.config.dropout

    def view(self, embedding: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows dim"]:
        """Return embeddings as constants: while training without what dropout takes, else whole.

        What is kept isn't scaled up, since a cosine does not see it.

        Args:
            embedding: Embeddings (rows × dim).

        Returns:
            Their views (rows × dim).
        """
        constant = embedding.detach()
        return constant * self.draw_kept(len(constant)) if self.training and self.config.dropout else constant

    def losses(self, batch: Batch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute ``reconstruction`` + w (``alignment`` + ``masking``) + λ ``regularization`` on one batch."""
        users, items = self()
        user, item = users.index_select(0, batch.user), items.index_select(0, batch.positive)
        user_view, item_view = self.view(user), self.view(item)
        reconstruction = _distance(self.predictor(user), item_view) + _distance(self.predictor(item), user_view)
        alignment, masking, weight = (*user.new_zeros(2, len(user)), self.config.alignment_weight)
        if weight:
            for features, project, is_known in zip(self.features, self.projections, self.is_known, strict=True):
                read, known = project(features.index_select(0, batch.positive)), is_known.index_select(0, batch.positive)
                online = self.predictor(read)
                alignment = alignment + known * _distance(online, item_view)
                masking = masking + known * _distance(online, self.view(read))
        return {
            "reconstruction": reconstruction.mean(),
            "alignment": weight * alignment.mean(),
            "masking": weight * masking.mean(),
            "regularization": config.regularization_weight * (users.norm() + items.norm()) / len(items),
        }

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Propagate and predict once and give a function from user rows to the scores of all items."""
        with torch.no_grad():
            users, items = (self.predictor(side) for side in self())
        return lambda chosen: users[chosen] @ items.T

    def reading(self, users: Int[Tensor, " chosen"]) -> "BM3Walks":
        """Return the walks behind these users' scores, seen through the predictor."""
        return BM3Walks(self)


class BM3Walks(Reading):
    """A score as ⟨P h_u + b, P h_i + b⟩: walks and an item's own embedding, each mapped by P, and the bias b, the same for all."""

    def __init__(self, model: BM3) -> None:
        """Propagate once, keeping every depth."""
        self.model, self.data, self.reads_history = model, model.data, model.config.n_layers > 0
        self.note = "" if self.reads_history else UNREAD
        self.walks = IdWalks(torch.cat([model.user_embedding, model.item_embedding]).detach(), model.graph, model.config.n_layers)
        with torch.no_grad():
            self.hidden = self.walks.embedding()
            self.hidden[self.data.n_users :] += model.item_embedding
            self.embedding = model.predictor(self.hidden)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.embedding.device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the products of the mapped embeddings."""
        return self.embedding[users] @ self.embedding[self.data.n_users :].T

    def parts(self, node: int) -> dict[str, Float[Tensor, " dim"]]:
        """Return the mapped embedding and the bias."""
        with torch.no_grad():
            mapped, bias = self._mapped(self.hidden[node].double()), self.model.predictor.bias.double()
            return rounded_to(self.embedding[node], {"id": mapped, "bias": bias})

    def _mapped(self, vectors: Tensor) -> Tensor:
        return vectors @ self.model.predictor.weight.double().T

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add the mapped walks, an item's own embedding among what is its own, and the bias."""
        row = node - self.data.n_users
        own, *handed = self.walks.pieces(node)
        if row >= 0:
            own = own._replace(vectors=own.vectors + self.model.item_embedding[row].double())
        table.add("id", [piece._replace(vectors=self._mapped(piece.vectors)) for piece in (own, *handed)])
        table.add("bias", [Piece("everyone" if row < 0 else "own", self.model.predictor.bias[None].double())])


def _distance(online: Float[Tensor, "rows dim"], view: Float[Tensor, "rows dim"]) -> Float[Tensor, " rows"]:
    return 1 - (unit(online) * unit(view)).sum(1)
