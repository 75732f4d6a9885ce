"""VBPR: matrix factorisation in which half of an item's vector is read off its features. The first multimodal recommender."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab import runtime
from srgformer_lab.config import Config, TrainConfig, check_modalities, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.losses import bpr, norm_sum
from srgformer_lab.models.protocol import Trainable, chosen_modalities, linear, table
from srgformer_lab.models.reading import ComponentTable, Piece, Reading, in_blocks, part_names, rounded_to
from srgformer_lab.models.sampling import Batch, TripleSampler


@dataclass(frozen=True)
class VBPRConfig(Config):
    """Width of VBPR, and what it looks at."""

    embedding_dim: int = setting(
        64, "d", "width of an item's own part and of its features' part; a user's vector is twice as wide", 1, 65_536
    )
    modalities: tuple[str, ...] | None = setting(None, "m", "names of the modalities to use; none given means all of the data set")
    seed: int = setting(999, "–", "seed of the initial weights", 0, 2**62)

    def __post_init__(self) -> None:
        """Check ranges, and that modalities are names."""
        super().__post_init__()
        check_modalities(self.modalities)


class VBPR(Trainable[Batch]):
    """A score is ⟨e_u, [e_i ∥ L(x_i)]⟩, with x_i the features of all modalities side by side and L linear with bias.

    Loss: BPR + λ · (norms of the batch's three vectors) / |B|.

    Source: He and McAuley 2016.
    """

    def __init__(self, data: Dataset, config: VBPRConfig | None = None) -> None:
        """Draw the weights (Xavier uniform, from ``config.seed``) and keep the features as constants.

        Raises:
            ConfigError: The data has no modality, or lacks one that the configuration names.
        """
        super().__init__(data)
        self.config: VBPRConfig = config or VBPRConfig()
        names = self.modalities = chosen_modalities(data, self.config.modalities, "VBPR")
        draws, dim = runtime.generator("cpu", self.config.seed, "weights"), self.config.embedding_dim
        features = torch.from_numpy(np.concatenate([data.features[name] for name in names], axis=1))
        self.features: Tensor
        self.register_buffer("features", features.to(torch.get_default_dtype()), persistent=False)
        self.sampler = TripleSampler(data)
        self.user_embedding = table(data.n_users, 2 * dim, draws)
        self.item_embedding = table(data.n_items, dim, draws)
        self.projection = linear(features.shape[1], dim, draws)

    def items(self, rows: Int[Tensor, " rows"]) -> Float[Tensor, "rows twice_dim"]:
        """Compute the vectors of some items: their own part, then their features'.

        Args:
            rows: Item rows (rows,).

        Returns:
            Vectors (rows × 2 dim).
        """
        return torch.cat([self.item_embedding.index_select(0, rows), self.projection(self.features.index_select(0, rows))], dim=1)

    def losses(self, batch: Batch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute ``ranking`` + λ ``regularization`` on one batch."""
        user = self.user_embedding.index_select(0, batch.user)
        positive, negative = self.items(batch.positive), self.items(batch.negative)
        return {
            "ranking": bpr((user * positive).sum(1), (user * negative).sum(1)),
            "regularization": config.regularization_weight * norm_sum(torch.stack([user, positive, negative])),
        }

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Compute all items once and give a function from user rows to their scores."""
        with torch.no_grad():
            users, items = self.user_embedding.detach(), self.items(torch.arange(len(self.features), device=self.features.device))
        return lambda chosen: users[chosen] @ items.T

    def reading(self, users: Int[Tensor, " chosen"]) -> "VBPRTerms":
        """Return the terms of these users' scores: of the learned vectors, of each modality, and of the bias."""
        return VBPRTerms(self)


class VBPRTerms(Reading):
    """A score as ⟨e_u, e_i⟩ + Σ_m ⟨f_u, W_m x_i^m⟩ + ⟨f_u, b⟩, with e_u and f_u the halves of the user's vector: a part for each term."""

    reads_history = False
    note = (
        "VBPR multiplies a learned vector of the person with one of the item and with what it makes of the item's features. What they took "
        "shaped these in training and does not enter the score, so taking it away changes nothing until the model is trained again."
    )

    def __init__(self, model: VBPR) -> None:
        """Compute all items once."""
        self.model, self.data, self._score = model, model.data, model.scorer()
        self.names = ("id", *part_names(model.modalities, ("id", "bias")), "bias")

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.features.device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the model's scores."""
        return self._score(users)

    def parts(self, node: int) -> dict[str, Float[Tensor, " blocks"]]:
        """Return the vectors of all terms, each of which meets its namesake alone."""
        with torch.no_grad():
            return in_blocks(dict(zip(self.names, self._of_user(node) if node < self.data.n_users else self._of_item(node), strict=True)))

    def _of_user(self, user: int) -> list[Tensor]:
        own, of_features = self.model.user_embedding[user].double().chunk(2)
        return [own, *[of_features] * (len(self.names) - 1)]

    def _of_item(self, node: int) -> list[Tensor]:
        model, row = self.model, torch.tensor([node - self.data.n_users], device=self.device)
        own, projected = model.items(row)[0].double().chunk(2)
        widths = [self.data.features[name].shape[1] for name in model.modalities]
        pairs = zip(model.features[row[0]].split(widths), model.projection.weight.split(widths, dim=1), strict=True)
        terms = {str(place): weight.double() @ values.double() for place, (values, weight) in enumerate(pairs)}
        return [own, *rounded_to(projected, {**terms, "bias": model.projection.bias.double()}).values()]

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add each term's vector: all is the node's own."""
        for name, part in self.parts(node).items():
            table.add(name, [Piece("own", part[None])])
