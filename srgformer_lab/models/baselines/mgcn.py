"""MGCN: item embeddings gated by each modality's features, spread over items that look or read alike, and fused with behaviour."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from srgformer_lab import runtime
from srgformer_lab.config import LOWEST_TEMPERATURE, Config, TrainConfig, check_modalities, setting
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.losses import Anchors, bpr, info_nce
from srgformer_lab.models.neighbors import cosines, item_graph, neighbor_lists
from srgformer_lab.models.propagation import IdWalks, light_gcn
from srgformer_lab.models.protocol import Trainable, chosen_modalities, linear, table
from srgformer_lab.models.reading import ComponentTable, Piece, Reading, part_names, rounded_to
from srgformer_lab.models.sampling import Batch, TripleSampler
from srgformer_lab.models.sparse import SparseMap

NORM_WEIGHT = 1e-4
"""λ of the source; the command line's default for this model."""


@dataclass(frozen=True)
class MGCNConfig(Config):
    """Widths, depths and graphs of MGCN; the defaults are the source's for Amazon Baby."""

    embedding_dim: int = setting(64, "d", "width of every embedding", 1, 65_536)
    n_layers: int = setting(2, "L", "propagation layers on the interaction graph", 0, 64)
    n_item_layers: int = setting(1, "L_i", "propagation layers on the graphs between items", 0, 64)
    n_neighbors: int = setting(10, "k", "most similar items that each item is joined with, itself among them", 1, 1_000_000)
    view_contrast_weight: float = setting(0.01, "λ_C", "weight of the contrast between behaviour and fused modalities", 0, 1e6)
    view_temperature: float = setting(0.2, "τ", "temperature of that contrast", LOWEST_TEMPERATURE, 100)
    modalities: tuple[str, ...] | None = setting(None, "m", "names of the modalities to use; none given means all of the data set")
    seed: int = setting(999, "–", "seed of the initial weights", 0, 2**62)

    def __post_init__(self) -> None:
        """Check ranges, and that modalities are names."""
        super().__post_init__()
        check_modalities(self.modalities)


class MGCN(Trainable[Batch]):
    """LightGCN beside one view a modality, in which items are purified by behaviour and joined with similar items.

    B by LightGCN. Of each modality m: purified items E_i ⊙ σ(G_m(L_m(x^m))), whose features are fine-tuned; L_i steps on the graph of
    similar items, D^-1/2 S^m D^-1/2; users take theirs by one step of Ã; both make V^m.
    a = softmax over m of q·tanh(Q(V^m)); V = Σ_m a_m V^m; F = (V + Σ_m σ(H_m(B)) ⊙ (V^m − V)) / (number of modalities + 1).
    A score is ⟨z_u, z_i⟩ with z = B + F; G, H, L and Q are linear with bias.
    Loss: BPR + λ (½ the squared norms of the batch's z) / |B| + λ_C (InfoNCE from F to B over the batch's users, and over its positives).
    S^m holds each item's k largest cosines of features, at least 0: an item without features has no neighbours by them.

    Where the paper and its released code differ, this is the code: the fused modalities are an equal mean (the paper adds V whole, and
    the mean of the rest), the contrast is with the batch and not with everybody, features are fine-tuned, and the norms are those of the
    batch's final embeddings. The code lets the step length fall by 4 % in 50 epochs; here it stays.

    Source: Yu et al. 2023, arXiv 2308.03588.
    """

    rows: ClassVar = {**Trainable.rows, "features": "item"}

    def __init__(self, data: Dataset, config: MGCNConfig | None = None) -> None:
        """Draw the weights (Xavier uniform, from ``config.seed``) and join similar items; biases start at 0, features as they are.

        Raises:
            ConfigError: The data has no modality, lacks one that the configuration names, or has lists of neighbours that are too short.
        """
        super().__init__(data)
        self.config: MGCNConfig = config or MGCNConfig()
        self.modalities = names = chosen_modalities(data, self.config.modalities, "MGCN")
        draws, dim = runtime.generator("cpu", self.config.seed, "weights"), self.config.embedding_dim
        self.graph, self.sampler = Graph(data), TripleSampler(data)
        self.item_graphs = nn.ModuleList(similar_items(data, name, self.config.n_neighbors) for name in names)
        self.user_embedding, self.item_embedding = table(data.n_users, dim, draws), table(data.n_items, dim, draws)
        features = [torch.tensor(data.features[name], dtype=torch.get_default_dtype()) for name in names]
        self.features = nn.ParameterList(features)
        self.projections = nn.ModuleList(linear(X.shape[1], dim, draws) for X in features)
        self.purifiers = nn.ModuleList(linear(dim, dim, draws) for _ in names)
        self.preferences = nn.ModuleList(linear(dim, dim, draws) for _ in names)
        self.query, self.query_weight = linear(dim, dim, draws), table(dim, 1, draws)

    def forward(self) -> tuple[Float[Tensor, "nodes dim"], Float[Tensor, "nodes dim"]]:
        """Compute B and F of all nodes, users first; their sum is what scores are made of.

        Returns:
            Embeddings by behaviour (nodes × dim) and by fused modalities (nodes × dim).
        """
        behavior = light_gcn(torch.cat([self.user_embedding, self.item_embedding]), self.graph.propagate, self.config.n_layers)
        views = self.views(self.purified())
        return behavior, (self.shares(behavior, views) * views).sum(0)

    def purified(self) -> Float[Tensor, "modalities items dim"]:
        """Compute the items' embeddings as each modality's features let them through.

        Returns:
            E_i ⊙ σ(G_m(L_m(x^m))) (modalities × items × dim).
        """
        parts = zip(self.features, self.projections, self.purifiers, strict=True)
        return torch.stack([self.item_embedding * torch.sigmoid(purify(project(features))) for features, project, purify in parts])

    def views(self, purified: Float[Tensor, "modalities items dim"]) -> Float[Tensor, "modalities nodes dim"]:
        """Compute V^m of all nodes, users first.

        Args:
            purified: The purified items (modalities × items × dim).

        Returns:
            One view a modality (modalities × nodes × dim).
        """
        found, nobody = [], self.user_embedding.new_zeros(self.user_embedding.shape)
        for items, join in zip(purified, self.item_graphs, strict=True):
            for _ in range(self.config.n_item_layers):
                items = join(items)
            users = self.graph.propagate(torch.cat([nobody, items]))[: len(nobody)]
            found.append(torch.cat([users, items]))
        return torch.stack(found)

    def shares(
        self, behavior: Float[Tensor, "nodes dim"], views: Float[Tensor, "modalities nodes dim"]
    ) -> Float[Tensor, "modalities nodes dim"]:
        """Compute what F takes of each V^m: F = Σ_m s_m ⊙ V^m with s_m = (a_m (1 − Σ_n g_n) + g_m) / (modalities + 1), g_m = σ(H_m(B)).

        Args:
            behavior: B (nodes × dim).
            views: V^m (modalities × nodes × dim).

        Returns:
            s (modalities × nodes × dim).
        """
        attention = torch.softmax(torch.tanh(self.query(views)) @ self.query_weight, dim=0)  # (modalities, nodes, 1)
        gates = torch.stack([torch.sigmoid(prefer(behavior)) for prefer in self.preferences])
        return (attention * (1 - gates.sum(0)) + gates) / (len(views) + 1)

    def losses(self, batch: Batch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute ``ranking`` + λ ``regularization`` + λ_C ``view_contrast`` on one batch."""
        behavior, fused = self()
        nodes = (batch.user, batch.positive + self.graph.n_users, batch.negative + self.graph.n_users)
        user, positive, negative = ((behavior + fused).index_select(0, rows) for rows in nodes)
        squares = user.square().sum() + positive.square().sum() + negative.square().sum()
        contrast, weight = user.new_zeros(()), self.config.view_contrast_weight
        if weight:
            every = Anchors(torch.arange(len(user), device=user.device), torch.ones_like(batch.user))
            for rows in nodes[:2]:
                query, key = fused.index_select(0, rows), behavior.index_select(0, rows)
                contrast = contrast + info_nce(query, key, every, self.config.view_temperature) / len(user)
        return {
            "ranking": bpr((user * positive).sum(1), (user * negative).sum(1)),
            "regularization": config.regularization_weight * squares / (2 * len(user)),
            "view_contrast": weight * contrast,
        }

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Make one pass and give a function from user rows to the scores of all items."""
        with torch.no_grad():
            behavior, fused = self()
            users, items = (behavior + fused).split([self.graph.n_users, self.graph.n_items])
        return lambda chosen: users[chosen] @ items.T

    def reading(self, users: Int[Tensor, " chosen"]) -> "MGCNWalks":
        """Return what flows into these users' scores by behaviour and by each modality."""
        return MGCNWalks(self)


class MGCNWalks(Reading):
    """A node's vector as B + Σ_m s_m ⊙ V^m: walks, and with s held what each history item, or each similar item, brings to V^m."""

    note = (
        "MGCN lets through more or less of each modality by what it knows of the person. These shares are held at their values, so what an "
        "item of the history brings is what the score consists of; if the item were gone, the shares would change too."
    )

    def __init__(self, model: MGCN) -> None:
        """Make one pass, keeping every depth."""
        self.model, self.data = model, model.data
        self.walks = IdWalks(torch.cat([model.user_embedding, model.item_embedding]).detach(), model.graph, model.config.n_layers)
        with torch.no_grad():
            self.behavior, self.purified = self.walks.embedding(), model.purified()
            self.views = model.views(self.purified)
            self.shares = model.shares(self.behavior, self.views)
            self.embedding = self.behavior + (self.shares * self.views).sum(0)
        self.names = part_names(model.modalities, ("id",))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.embedding.device

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the products of the embeddings."""
        return self.embedding[users] @ self.embedding[self.data.n_users :].T

    def parts(self, node: int) -> dict[str, Float[Tensor, " dim"]]:
        """Return what behaviour and each modality bring."""
        fused = self.shares[:, node].double() * self.views[:, node].double()
        return rounded_to(self.embedding[node], {"id": self.behavior[node].double(), **dict(zip(self.names, fused, strict=True))})

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add the walks, and of each modality what a user's history, or the items like an item, hand over."""
        table.add("id", self.walks.pieces(node))
        for place, name in enumerate(self.names):
            handed = self._of_user(place, node) if node < self.data.n_users else self._of_item(place, node - self.data.n_users)
            table.add(name, [handed._replace(vectors=self.shares[place, node].double() * handed.vectors)])

    def _of_user(self, place: int, node: int) -> Piece:
        neighbors, weight = self.model.graph.row(node)
        return Piece("neighbor", weight.double()[:, None] * self.views[place, neighbors].double(), neighbors, 1)

    def _of_item(self, place: int, row: int) -> Piece:
        n_layers = self.model.config.n_item_layers
        weight = torch.zeros(self.data.n_items, 1, dtype=torch.float64, device=self.device)
        weight[row] = 1.0
        for _ in range(n_layers):  # a row of the graph's power
            weight = self.model.item_graphs[place].times(weight, "backward")  # type: ignore[operator]
        items = weight.squeeze(1).nonzero().squeeze(1)
        vectors = weight[items] * self.purified[place, items].double()
        modality = self.model.modalities[place]
        return Piece("similar", vectors, items + self.data.n_users, modality=modality) if n_layers else Piece("own", vectors)


def similar_items(data: Dataset, name: str, k: int) -> SparseMap:
    """Return D^-1/2 S D^-1/2 of one modality: S holds each item's cosines with the k nearest, at least 0, and D the sums of its rows.

    Raises:
        ConfigError: The data's lists of neighbours are too short.
    """
    lists = neighbor_lists(data, name, k)
    return SparseMap(item_graph(lists, cosines(data.features[name], lists).clip(min=0)))
