"""Attention along the edges of the interaction graph (the paper's *global* structure, its modified transformer).

One layer, heads side by side, and nothing else: no feed-forward block, residual, layer norm, position code or output map.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import hardtanh, logsigmoid

from srgformer_lab.models.graph import Graph
from srgformer_lab.models.hooks import Hooks
from srgformer_lab.models.parts import AttentionTrace, Embeddings, unit
from srgformer_lab.models.sparse import Edges
from srgformer_lab.models.step import Product, Step

CLIP = 10.0
FIRST_SCALE = 4.0
"""T before training, where scores are learned by contrast."""


class EdgeAttention(nn.Module):
    """Multi-head attention of each node over its neighbours, on the ID embeddings or what was made of them.

    With q = e_a W_Q, k = e_b W_K and the neighbours b of a, for each head, E^att[a] = ‖_heads Σ_b w_ab e_b W_V, and by ``form``:

    - ``product``: s_ab = clip(⟨q, k⟩, −10, 10), divided by √d_h before the clip if ``scaled``; w_ab = softmax_b s_ab.
    - ``cosine``: s_ab = 10 cos(q, k), which spans what the clip leaves; w_ab = softmax_b s_ab.
    - ``linear``: s_ab = ⟨φ(q), φ(k)⟩ with φ(x) = elu(x) + 1, which is above 0; w_ab = s_ab / Σ_b s_ab.
    - ``uniform``: s_ab = 0, w_ab = 1/degree; W_Q and W_K are not read and learn nothing.

    Queries and keys may be made of something else than the values: of ``content``, through which no gradient flows.

    ``is_contrasted``: an interaction has one score in both directions, s_ui = clip(T ⟨c_u W_Q, c_i W_K⟩, −10, 10) with a learned T.
    The weights are its softmax without a gradient: W_Q, W_K, T and a bias b learn by ``contrast`` alone, and change no embedding.

    Projecting every node once and then multiplying along the edges costs O(n d² + |E| d). Scores within ±10 need no maximum
    subtracted before exp.

    Source: ``product`` is that of the paper (arXiv 2511.00584); ``linear``: Katharopoulos et al. 2020, over neighbours in place of all.
    """

    def __init__(
        self,
        dim: int,
        n_heads: int,
        draws: torch.Generator,
        scaled: bool,
        denominator_offset: float,
        form: str = "product",
        is_contrasted: bool = False,
    ) -> None:
        """Draw the three maps; ``denominator_offset`` is what the softmax adds to its denominator (0, or 1e-8 as released)."""
        super().__init__()
        self.n_heads, self.form = n_heads, form
        self.shrink = 1 / math.sqrt(dim // n_heads) if scaled else 1.0
        self.denominator_offset = denominator_offset
        self.query, self.key, self.value = (nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim), generator=draws)) for _ in range(3))
        self.is_contrasted = is_contrasted
        if is_contrasted:
            self.score_scale = nn.Parameter(torch.tensor(FIRST_SCALE))  # T
            self.score_bias = nn.Parameter(torch.tensor(0.0))  # b

    def forward(
        self,
        embedding: Float[Tensor, "nodes dim"],
        graph: Graph,
        nodes: Int[Tensor, " rows"],
        hooks: Hooks,
        step: Step | None = None,
        content: Float[Tensor, "nodes dim"] | None = None,
    ) -> AttentionTrace:
        """Attend from ``nodes`` (increasing) to their neighbours; queries and keys are made of ``content`` where it is given."""
        step = step or Step()
        reads = embedding if content is None else content.detach()
        if not step.with_attention:
            return self._absent(embedding, reads, graph, nodes)
        edges = graph.edges(nodes, self.n_heads)
        if step.score is None:
            score = (
                self._one_score(reads, nodes, graph, edges, step) if self.is_contrasted else self._score(reads, nodes, edges, step.product)
            )
            score = score.detach() if step.is_frozen else score
        else:
            score = edges.of_all(step.score)
        if step.wants_score:
            step.score = score.detach()

        score = hooks.attention_score(score)
        weight = hooks.attention_weight(self._weight(score, edges))
        value = step.product(embedding, self.value)  # (nodes, dim)
        output = hooks.attention_output(edges.sums(weight, self._heads(value))).flatten(1)  # (rows, dim)
        rows = Embeddings(output, nodes, graph.n_users, graph.n_nodes)
        return AttentionTrace(nodes[edges.row], edges.neighbor, score, weight, embedding, reads, value, rows)

    @torch.no_grad()
    def _one_score(
        self, reads: Float[Tensor, "nodes dim"], nodes: Int[Tensor, " rows"], graph: Graph, edges: Edges, step: Step
    ) -> Float[Tensor, "edges heads"]:
        users, items = reads.split([graph.n_users, graph.n_items])
        both = self._heads(torch.cat([step.product(users, self.query), step.product(items, self.key)]))  # (nodes, heads, head width)
        return hardtanh(self.score_scale * edges.products(both.index_select(0, nodes), both), -CLIP, CLIP)

    def contrast(self, users: Float[Tensor, "batch dim"], items: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
        """Compute L_A: how badly scores tell a batch's interactions from the same users and items in another order.

        −mean ln σ(s_up + b) − mean ln σ(−s_up' − b), over the heads too. p' is the positive of the next pair, which is a random one
        since a batch is shuffled; it may be an item that the user has. Both sides hold every user and item as often, so neither
        popularity nor activity tells them apart, and the best s is ln p(i|u)/p(i) up to b. Neither users nor items get a gradient.

        Source: noise-contrastive estimation (Gutmann and Hyvärinen 2010); the best score is pointwise mutual information.
        """
        query, key = self._heads(users.detach() @ self.query), self._heads(items.detach() @ self.key)
        real, shuffled = (
            hardtanh(self.score_scale * (query * other).sum(2), -CLIP, CLIP) + self.score_bias for other in (key, key.roll(1, 0))
        )
        return -logsigmoid(real).mean() - logsigmoid(-shuffled).mean()

    def _score(
        self, embedding: Float[Tensor, "nodes dim"], nodes: Int[Tensor, " rows"], edges: Edges, product: Product
    ) -> Float[Tensor, "edges heads"]:
        if self.form == "uniform":
            return embedding.new_zeros(self.n_heads, len(edges.neighbor)).T
        seeing = embedding if len(nodes) == len(embedding) else embedding.index_select(0, nodes)
        query = self._heads(product(seeing, self.query * self.shrink))  # (rows, heads, head width)
        key = self._heads(product(embedding, self.key))  # (nodes, heads, head width)
        if self.form == "cosine":
            return CLIP * edges.products(_directions(query), _directions(key))
        if self.form == "linear":
            return edges.products(_positive(query), _positive(key))
        return hardtanh(edges.products(query, key), -CLIP, CLIP)

    def _weight(self, score: Float[Tensor, "edges heads"], edges: Edges) -> Float[Tensor, "edges heads"]:
        if self.form == "linear":
            # far below 0 φ rounds to 0: neighbours that have nothing but such products weigh alike, as equal ones do
            return edges.shares(score.clamp_min(torch.finfo(score.dtype).tiny))
        return edges.softmax(score, self.denominator_offset)

    def _heads(self, values: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows heads width"]:
        return values.view(len(values), self.n_heads, values.shape[1] // self.n_heads)

    def _absent(self, embedding: Tensor, reads: Tensor, graph: Graph, nodes: Tensor) -> AttentionTrace:
        nothing, no_score = nodes[:0], embedding.new_zeros(0, self.n_heads)
        rows = Embeddings(embedding.new_zeros(len(nodes), embedding.shape[1]), nodes, graph.n_users, graph.n_nodes)
        return AttentionTrace(nothing, nothing, no_score, no_score, embedding, reads, torch.zeros_like(embedding), rows)


def _directions(values: Float[Tensor, "rows heads width"]) -> Float[Tensor, "rows heads width"]:
    return unit(values.flatten(0, 1)).view_as(values)


def _positive(values: Float[Tensor, "rows heads width"]) -> Float[Tensor, "rows heads width"]:
    """φ(x) = elu(x) + 1, which is exp(x) below 0: written so, it keeps its digits there."""
    return torch.where(values > 0, values + 1, values.clamp_max(0).exp())
