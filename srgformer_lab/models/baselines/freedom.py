"""FREEDOM: a frozen graph between items that look or read alike, and an interaction graph that is thinned anew each epoch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor, nn

from srgformer_lab import runtime
from srgformer_lab.config import Config, TrainConfig, check_modalities, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.graph import Graph, adjacency, normalized
from srgformer_lab.models.losses import bpr
from srgformer_lab.models.neighbors import item_graph, neighbor_lists
from srgformer_lab.models.propagation import IdWalks, light_gcn
from srgformer_lab.models.protocol import Trainable, chosen_modalities, linear, table
from srgformer_lab.models.reading import ComponentTable, Piece, Reading, block_of, in_blocks, part_names, rounded_to
from srgformer_lab.models.sampling import Batch, TripleSampler
from srgformer_lab.models.sparse import SparseMap

UNREAD = (
    "Without a propagation layer FREEDOM multiplies a learned vector of the person with what it knows of the item. What they took shaped "
    "these in training and does not enter the score, so taking it away changes nothing until the model is trained again."
)


@dataclass(frozen=True)
class FREEDOMConfig(Config):
    """Widths, depths and graphs of FREEDOM."""

    embedding_dim: int = setting(64, "d", "width of every embedding", 1, 65_536)
    n_layers: int = setting(2, "L", "propagation layers on the interaction graph", 0, 64)
    n_neighbors: int = setting(10, "k", "most similar items that each item is joined with, itself among them", 1, 1_000_000)
    image_weight: float = setting(0.1, "–", "weight of the first of two modalities in the item graph; the second has the rest", 0, 1)
    pruned: float = setting(0.8, "ρ", "share of the interactions that an epoch leaves out", 0, 0.99)
    modality_ranking_weight: float = setting(1e-3, "λ", "weight of the ranking by each modality's features", 0, 1e6)
    modalities: tuple[str, ...] | None = setting(None, "m", "names of the modalities to use; none given means all of the data set")
    seed: int = setting(999, "–", "seed of the initial weights", 0, 2**62)

    def __post_init__(self) -> None:
        """Check ranges, and that modalities are names."""
        super().__post_init__()
        check_modalities(self.modalities)


class FREEDOM(Trainable[Batch]):
    """LightGCN on a thinned graph, and one step on a frozen graph of similar items.

    h = S E_i; [e_u; e_i] by LightGCN; e*_i = e_i + h_i; a score is ⟨e_u, e*_i⟩.
    Loss: BPR + λ Σ_m BPR with the item replaced by L_m(x^m), whose features are fine-tuned; at evaluation the graph is whole.
    The bias of L_m is part of the published model; it is the same in both items' scores and moves nothing.

    Source: Zhou and Shen 2023.
    """

    rows: ClassVar = {**Trainable.rows, "features": "item"}

    def __init__(self, data: Dataset, config: FREEDOMConfig | None = None) -> None:
        """Draw the weights (Xavier uniform, from ``config.seed``) and join similar items.

        Raises:
            ConfigError: There are no modalities or more than two, or the data's lists of neighbours are too short.
        """
        super().__init__(data)
        self.config: FREEDOMConfig = config or FREEDOMConfig()
        names = chosen_modalities(data, self.config.modalities, "FREEDOM")
        draws, dim = runtime.generator("cpu", self.config.seed, "weights"), self.config.embedding_dim
        self.graph, self.sampler = Graph(data), TripleSampler(data)
        self.similar = similar_items(data, names, self.config)
        self.item_graph = SparseMap(sum(self.similar.values(), sparse.csr_matrix((data.n_items, data.n_items))))
        self.user_embedding, self.item_embedding = table(data.n_users, dim, draws), table(data.n_items, dim, draws)
        features = [torch.tensor(data.features[name], dtype=torch.get_default_dtype()) for name in names]
        self.features = nn.ParameterList(features)
        self.projections = nn.ModuleList(linear(X.shape[1], dim, draws) for X in features)
        self.thinned: SparseMap | None = None
        pairs = torch.from_numpy(data.pairs("train").copy())
        user_degree, item_degree = (torch.bincount(rows)[rows].double() for rows in pairs.T)
        self.pairs: Tensor
        self.edge_weight: Tensor
        self.register_buffer("pairs", pairs, persistent=False)
        self.register_buffer("edge_weight", ((user_degree * item_degree) ** -0.5).float(), persistent=False)

    def forward(self) -> tuple[Float[Tensor, "users dim"], Float[Tensor, "items dim"]]:
        """Compute e_u and e*_i: on the epoch's thinned graph while training, otherwise on the whole one.

        Returns:
            Embeddings of users (users × dim) and items (items × dim).
        """
        propagate = self.thinned if self.training and self.thinned is not None else self.graph.propagate
        embedding = light_gcn(torch.cat([self.user_embedding, self.item_embedding]), propagate, self.config.n_layers)
        users, items = embedding.split([self.graph.n_users, self.graph.n_items])
        return users, items + self.item_graph(self.item_embedding)

    def start_epoch(self, draws: torch.Generator, epoch: int = 1) -> None:
        """Draw the edges that this epoch keeps, and normalise anew on them."""
        kept = self.pairs[self.draw_edges(draws)].cpu().numpy()
        shape = (self.graph.n_users, self.graph.n_items)
        history = sparse.csr_matrix((np.ones(len(kept)), (kept[:, 0], kept[:, 1])), shape=shape)
        self.thinned = normalized(adjacency(history)).to(self.pairs.device)

    def draw_edges(self, draws: torch.Generator) -> Int[Tensor, " kept"]:
        """Draw a share 1 − ρ of the training pairs without replacement, with probability ∝ (deg_u deg_i)^-1/2.

        The first of exponential waiting times with rates w come in just that order.

        Args:
            draws: What they are drawn from.

        Returns:
            Places (kept,) of the drawn pairs.
        """
        n_kept = max(1, round((1 - self.config.pruned) * len(self.pairs)))
        waiting = torch.empty_like(self.edge_weight).exponential_(generator=draws) / self.edge_weight
        return torch.topk(waiting, n_kept, largest=False).indices

    def losses(self, batch: Batch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute ``ranking`` + λ ``modality_ranking`` on one batch."""
        users, items = self()
        user, rows = users.index_select(0, batch.user), (batch.positive, batch.negative)
        weight, by_features = self.config.modality_ranking_weight, user.new_zeros(())
        if weight:
            for matrix, project in zip(self.features, self.projections, strict=True):
                by_features = by_features + _ranking(user, *(project(matrix.index_select(0, row)) for row in rows))
        ranking = _ranking(user, *(items.index_select(0, row) for row in rows))
        return {"ranking": ranking, "modality_ranking": weight * by_features}

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Read the whole graph once and give a function from user rows to the scores of all items."""
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                users, items = self()
        finally:
            self.train(was_training)
        return lambda chosen: users[chosen] @ items.T

    def reading(self, users: Int[Tensor, " chosen"]) -> "FREEDOMWalks":
        """Return the walks behind these users' scores, and the similar items behind each item."""
        return FREEDOMWalks(self)


class FREEDOMWalks(Reading):
    """A score as ⟨e_u, e_i⟩ + Σ_m ⟨e_u, h_i^m⟩ with h^m = S^m E_i: a part for each term, walks on the user's side of all.

    On the item's side the first part is walks too; that of a modality is a sum over the items that look or read alike.
    """

    def __init__(self, model: FREEDOM) -> None:
        """Propagate once on the whole graph, keeping every depth."""
        self.model, self.data, n_layers = model, model.data, model.config.n_layers
        self.reads_history = n_layers > 0
        self.note = "" if self.reads_history else UNREAD
        self.walks = IdWalks(torch.cat([model.user_embedding, model.item_embedding]).detach(), model.graph, n_layers)
        with torch.no_grad():
            users, self.own = self.walks.embedding().split([self.data.n_users, self.data.n_items])
            self.embedding = torch.cat([users, self.own + model.item_graph(model.item_embedding)])
        self.names = ("id", *part_names(tuple(model.similar), ("id",)))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.embedding.device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the products of e_u and e*_i."""
        return self.embedding[users] @ self.embedding[self.data.n_users :].T

    def parts(self, node: int) -> dict[str, Float[Tensor, " blocks"]]:
        """Return the vectors of all terms, each of which meets its namesake alone."""
        whole, row = self.embedding[node].double(), node - self.data.n_users
        if row < 0:
            return in_blocks(dict.fromkeys(self.names, whole))
        alike = {name: vectors.sum(0) for name, (_, vectors) in zip(self.names[1:], self._similar(row), strict=True)}
        return in_blocks(rounded_to(whole, {"id": self.own[row].double(), **alike}))

    def _similar(self, row: int) -> list[tuple[Tensor, Tensor]]:
        """Return, for each modality, the nodes of the items like one, and what each hands over."""
        found = []
        for matrix in self.model.similar.values():
            entries = slice(*matrix.indptr[row : row + 2])
            items = torch.from_numpy(matrix.indices[entries].astype(np.int64)).to(self.device)
            share = torch.from_numpy(matrix.data[entries]).to(self.device)
            found.append((items + self.data.n_users, share[:, None] * self.model.item_embedding.detach()[items].double()))
        return found

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add the walks of each term, or the similar items."""
        row, dim = node - self.data.n_users, self.embedding.shape[1]
        for name in self.names if row < 0 else ("id",):
            table.add(name, self.walks.pieces(node), place=block_of(name, self.names, dim))
        for (modality, name), (items, vectors) in zip(
            zip(self.model.similar, self.names[1:], strict=True), self._similar(row) if row >= 0 else (), strict=row >= 0
        ):
            table.add(name, [Piece("similar", vectors, items, modality=modality)], place=block_of(name, self.names, dim))


def _ranking(user: Float[Tensor, "batch dim"], positive: Float[Tensor, "batch dim"], negative: Float[Tensor, "batch dim"]) -> Tensor:
    return bpr((user * positive).sum(1), (user * negative).sum(1))


def similar_items(data: Dataset, names: tuple[str, ...], config: FREEDOMConfig) -> dict[str, sparse.csr_matrix]:
    """Return S^m = weight_m D^-1/2 A^m D^-1/2 by modality, with A^m the 0/1 lists of neighbours and D its row sums; S is their sum.

    Raises:
        ConfigError: There are more than two modalities, or the data's lists are too short.
    """
    if len(names) > 2:
        raise ConfigError(
            f"FREEDOM weighs one or two modalities, not {len(names)}; choose two with modalities=({names[0]!r}, {names[1]!r})"
        )
    weights = [1.0] if len(names) == 1 else [config.image_weight, 1 - config.image_weight]
    found = {}
    for name, weight in zip(names, weights, strict=True):
        found[name] = (weight * item_graph(neighbor_lists(data, name, config.n_neighbors))).tocsr()
    return found
