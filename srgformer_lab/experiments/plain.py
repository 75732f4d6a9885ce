"""SRGFormer written down as a tidy implementation writes it, whole and in pieces: what the fast path is timed against, and must equal.

Attention gathers its operands along all edges, contrasts are dense and computed for every row of the batch, features are
projected and propagated at every step, and autograd differentiates one operation after another.

Source: the paper (arXiv 2511.00584).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid, normalize

from srgformer_lab.config import FOUND_STRUCTURE, ModelConfig, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.hypergraph import HypergraphTrace, UserItemPair
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.training.evaluation import CUTOFFS

Pieces = Mapping[str, Callable[[], object]]

PIECES = {
    "propagation": "LightGCN",
    "features": "features, propagated",
    "memberships": "memberships and hyperedges",
    "attention": "attention",
    "ranking": "fusion, BPR, norms",
    "hypergraph_contrast": "InfoNCE, hypergraph",
    "modality_contrast": "InfoNCE, modalities",
}


class Plain:
    """The same weights as a model's, in plain operations; gradients end in the model's own parameters."""

    def __init__(self, model: SRGFormer, data: Dataset) -> None:
        """Build Ã and R as torch's sparse matrices, and the list of edges.

        Raises:
            ConfigError: The model's attention has another form or input than the default ones.
        """
        if found := [name for name in FOUND_STRUCTURE if getattr(model.config, name) != getattr(ModelConfig(), name)]:
            raise ConfigError(
                f"the plain implementation has the published form only, not {found[0]}={getattr(model.config, found[0])!r}; "
                "measure that without it (--no-plain)"
            )
        if (given := (model.config.attention_form, model.config.attention_input)) != ("product", "raw"):
            raise ConfigError(
                f"the plain implementation has attention_form='product' and attention_input='raw' only, not {given[0]!r} and {given[1]!r}; "
                "measure those without it (--no-plain)"
            )
        self.model, self.config = model, model.config
        self.n_users, self.n_items = data.n_users, data.n_items
        pairs = torch.from_numpy(data.pairs("train").copy())
        user, item = pairs[:, 0], pairs[:, 1] + self.n_users
        self.edges = torch.stack([torch.cat([user, item]), torch.cat([item, user])])  # (2, edges)
        dtype, n_nodes = model.user_embedding.dtype, self.n_users + self.n_items
        degree = torch.bincount(self.edges[0], minlength=n_nodes).to(dtype) + 1e-7
        weight = (degree[self.edges[0]] * degree[self.edges[1]]) ** -0.5
        self.adjacency = torch.sparse_coo_tensor(self.edges, weight, (n_nodes, n_nodes), check_invariants=False).coalesce()
        ones = torch.ones(len(pairs), dtype=dtype)
        self.interactions = torch.sparse_coo_tensor(pairs.T, ones, (self.n_users, self.n_items), check_invariants=False).coalesce()
        self.user_degree = degree[: self.n_users].unsqueeze(1)

    def embedding(self) -> Float[Tensor, "nodes dim"]:
        """E⁰."""
        return torch.cat([self.model.user_embedding, self.model.item_embedding])

    def collaborative(self, embedding: Float[Tensor, "nodes dim"]) -> Float[Tensor, "nodes dim"]:
        """E^id: the mean of all depths."""
        depths = [embedding]
        for _ in range(self.config.n_id_layers):
            depths.append(torch.sparse.mm(self.adjacency, depths[-1]))
        return torch.stack(depths).mean(0)

    def modality(self, name: str) -> Float[Tensor, "nodes dim"]:
        """E^m: projected, averaged over the history for users, propagated."""
        items = self.model.features[name].values @ self.model.projection[name]
        values = torch.cat([torch.sparse.mm(self.interactions, items) / self.user_degree, items])
        for _ in range(self.config.n_modality_layers):
            values = torch.sparse.mm(self.adjacency, values)
        return values

    def hypergraph(self, name: str, items: Float[Tensor, "items dim"]) -> Float[Tensor, "nodes dim"]:
        """E^{m,H}: memberships, with noise and dropout while training, and what flows through the hyperedges."""
        logits = self.model.features[name].values @ self.model.implicit_attribute[name]
        users, members = self._membership(torch.sparse.mm(self.interactions, logits)), self._membership(logits)
        hyperedges = members.T @ items
        for _ in range(1, self.config.n_hypergraph_layers):
            hyperedges = members.T @ (members @ hyperedges) / self.n_items
        return torch.cat([users, members]) @ hyperedges

    def _membership(self, logits: Tensor) -> Tensor:
        if not self.model.training:
            return torch.softmax(logits / self.config.membership_temperature, 1)
        gumbel = -torch.empty_like(logits).exponential_().log()
        return torch.nn.functional.dropout(torch.softmax((logits + gumbel) / self.config.membership_temperature, 1), self.config.dropout)

    def attention(self, embedding: Float[Tensor, "nodes dim"]) -> Float[Tensor, "nodes dim"]:
        """E^att, for all nodes."""
        node, neighbor = self.edges
        maps, heads = self.model.attention, self.config.n_heads
        query, key, value = (embedding @ weight for weight in (maps.query, maps.key, maps.value))
        shape = (len(node), heads, -1)
        score = (query[node].view(shape) * key[neighbor].view(shape)).sum(2) * maps.shrink
        raised = score.clamp(-10, 10).exp()  # (edges, heads)
        total = torch.zeros(len(embedding), heads, dtype=raised.dtype).index_add(0, node, raised)
        weighted = (raised / total[node]).unsqueeze(2) * value[neighbor].view(shape)
        return torch.zeros_like(embedding).view(len(embedding), heads, -1).index_add(0, node, weighted).flatten(1)

    def fused(
        self, collaborative: Tensor, modality: Mapping[str, Tensor], hypergraph: Mapping[str, Tensor], attention: Tensor
    ) -> Float[Tensor, "nodes dim"]:
        """E*: the sum of the branches, weighed."""
        total = collaborative + self.config.attention_scale * normalize(attention, dim=1)
        total = total + sum(normalize(values, dim=1) for values in modality.values())
        return total + self.config.hypergraph_scale * normalize(sum(hypergraph.values(), torch.zeros_like(total)), dim=1)

    def forward(self) -> tuple[Tensor, Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return E*, E^m and E^{m,H}."""
        embedding = self.embedding()
        collaborative = self.collaborative(embedding)
        modality = {name: self.modality(name) for name in self.model.modalities}
        hypergraph = {name: self.hypergraph(name, collaborative[self.n_users :]) for name in self.model.modalities}
        return self.fused(collaborative, modality, hypergraph, self.attention(embedding)), modality, hypergraph

    def contrast(self, parts: Mapping[str, Tensor], batch: Batch, temperature: float) -> Float[Tensor, ""]:
        """Sum of the InfoNCE losses, each against all rows."""
        total = torch.zeros(())
        for first, second in combinations(parts.values(), 2):
            for side, rows in ((slice(None, self.n_users), batch.user), (slice(self.n_users, None), batch.positive)):
                query, key = normalize(first[side], dim=1), normalize(second[side], dim=1)
                total = total + cross_entropy(query[rows] @ key.T / temperature, rows, reduction="sum")
        return total

    def ranking(self, fused: Tensor, batch: Batch) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return BPR, and the norms of the batch's rows over its size."""
        user, positive, negative = (fused[rows] for rows in (batch.user, self.n_users + batch.positive, self.n_users + batch.negative))
        norms = sum(part.norm() for part in (user, positive, negative)) / len(user)
        return -logsigmoid((user * (positive - negative)).sum(1)).mean(), torch.as_tensor(norms)

    def losses(self, batch: Batch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted terms of the objective, under the names that the model gives them."""
        fused, modality, hypergraph = self.forward()
        ranking, norms = self.ranking(fused, batch)
        tau = config.contrast_temperature
        return {
            "ranking": ranking,
            "regularization": config.regularization_weight * norms,
            "hypergraph_contrast": config.hypergraph_contrast_weight * self.contrast(hypergraph, batch, tau),
            "modality_contrast": config.modality_contrast_weight * self.contrast(modality, batch, tau),
        }


def plain_step(plain: Plain, config: TrainConfig, batches: Iterator[Batch]) -> Callable[[], object]:
    """Return a step of the plain path, with an optimiser of its own on the same weights."""
    optimizer = torch.optim.Adam(plain.model.parameters(), lr=config.learning_rate)

    def step() -> None:
        optimizer.zero_grad()
        sum(plain.losses(next(batches), config).values(), torch.zeros(())).backward()
        optimizer.step()

    return step


def plain_evaluate(plain: Plain, data: Dataset, split: str = "valid", block: int = 512) -> dict[str, float]:
    """Average Recall@k and NDCG@k, user by user."""
    found: dict[str, list[float]] = {f"{metric}@{k}": [] for metric in ("recall", "ndcg") for k in CUTOFFS}
    relevant, known = data.matrix(split), data.matrix("train")
    with torch.no_grad():
        fused, _, _ = plain.forward()
        users = np.flatnonzero(np.diff(relevant.indptr))
        for start in range(0, len(users), block):
            chosen = users[start : start + block]
            scores = fused[chosen] @ fused[data.n_users :].T
            for row, user in enumerate(chosen):
                scores[row, known[user].indices] = -torch.inf
            for user, best in zip(chosen, torch.topk(scores, min(max(CUTOFFS), data.n_items)).indices.tolist(), strict=True):
                wanted = set(relevant[user].indices.tolist())
                hits = [item in wanted for item in best]
                for k in CUTOFFS:
                    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits[:k]) if hit)
                    ideal = sum(1 / math.log2(place + 2) for place in range(min(len(wanted), k)))
                    found[f"recall@{k}"].append(sum(hits[:k]) / len(wanted))
                    found[f"ndcg@{k}"].append(gain / ideal)
    return {name: float(np.mean(values)) for name, values in found.items()}


def plain_pieces(plain: Plain, batch: Batch, config: TrainConfig) -> Pieces:
    """Return the pieces of the plain step, cut in the same places."""
    model, names = plain.model, plain.model.modalities
    embedding = leaf(plain.embedding())
    with torch.no_grad():
        _, modality, hypergraph = plain.forward()
        collaborative, attention = plain.collaborative(embedding), plain.attention(embedding)
    items = leaf(collaborative[plain.n_users :])

    def ranking() -> None:
        parts = [{name: leaf(values) for name, values in part.items()} for part in (modality, hypergraph)]
        back(plain.ranking(plain.fused(leaf(collaborative), parts[0], parts[1], leaf(attention)), batch))

    def contrast(parts: Mapping[str, Tensor]) -> None:
        back([plain.contrast({name: leaf(values) for name, values in parts.items()}, batch, config.contrast_temperature)])

    return {
        "propagation": lambda: back([plain.collaborative(embedding)]),
        "features": lambda: back(plain.modality(name) for name in names),
        "memberships": lambda: back(plain.hypergraph(name, items) for name in model.modalities),
        "attention": lambda: back([plain.attention(embedding)]),
        "ranking": ranking,
        "hypergraph_contrast": lambda: contrast(hypergraph),
        "modality_contrast": lambda: contrast(modality),
    }


def leaf(values: Tensor) -> Tensor:
    """Return the same values as the start of a computation."""
    return values.detach().clone().requires_grad_()


def cut(part: HypergraphTrace) -> HypergraphTrace:
    """Return the same factors as the start of a computation."""
    membership = UserItemPair(leaf(part.membership.users), leaf(part.membership.items))
    return HypergraphTrace(part.logits, membership, leaf(part.hyperedges))


def back(results: Iterable[Tensor]) -> None:
    """Go back from the sum of the results, as far as they come from anything."""
    if made := [values.sum() for values in results if values.requires_grad]:
        torch.stack(made).sum().backward()
