"""Attention along the edges of the interaction graph (the paper's *global* structure, its modified transformer).

One layer, heads side by side, and nothing else: no feed-forward block, residual, layer norm, position code or output map.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import hardtanh

from srgformer_lab.models.graph import Graph
from srgformer_lab.models.hooks import Hooks
from srgformer_lab.models.parts import AttentionTrace, Embeddings, unit
from srgformer_lab.models.sparse import Edges
from srgformer_lab.models.step import Product, Step

CLIP = 10.0


class EdgeAttention(nn.Module):
    """Multi-head attention of each node over its neighbours, on the ID embeddings or what was made of them.

    With q = e_a W_Q, k = e_b W_K and the neighbours b of a, for each head, E^att[a] = ‖_heads Σ_b w_ab e_b W_V, and by ``form``:

    - ``product``: s_ab = clip(⟨q, k⟩, −10, 10), divided by √d_h before the clip if ``scaled``; w_ab = softmax_b s_ab.
    - ``cosine``: s_ab = 10 cos(q, k), which spans what the clip leaves; w_ab = softmax_b s_ab.
    - ``linear``: s_ab = ⟨φ(q), φ(k)⟩ with φ(x) = elu(x) + 1, which is above 0; w_ab = s_ab / Σ_b s_ab.
    - ``uniform``: s_ab = 0, w_ab = 1/degree; W_Q and W_K are not read and learn nothing.

    Projecting every node once and then multiplying along the edges costs O(n d² + |E| d). Scores within ±10 need no maximum
    subtracted before exp.

    Source: ``product`` is that of the paper (arXiv 2511.00584); ``linear``: Katharopoulos et al. 2020, over neighbours in place of all.
    """

    def __init__(
        self, dim: int, n_heads: int, draws: torch.Generator, scaled: bool, denominator_offset: float, form: str = "product"
    ) -> None:
        """Draw the three maps; ``denominator_offset`` is what the softmax adds to its denominator (0, or 1e-8 as released)."""
        super().__init__()
        self.n_heads, self.form = n_heads, form
        self.shrink = 1 / math.sqrt(dim // n_heads) if scaled else 1.0
        self.denominator_offset = denominator_offset
        self.query, self.key, self.value = (nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim), generator=draws)) for _ in range(3))

    def forward(
        self, embedding: Float[Tensor, "nodes dim"], graph: Graph, nodes: Int[Tensor, " rows"], hooks: Hooks, step: Step | None = None
    ) -> AttentionTrace:
        """Attend from ``nodes`` (increasing) to their neighbours."""
        step = step or Step()
        if not step.with_attention:
            return self._absent(embedding, graph, nodes)
        edges = graph.edges(nodes, self.n_heads)
        if step.score is None:
            score = self._score(embedding, nodes, edges, step.product)
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
        return AttentionTrace(nodes[edges.row], edges.neighbor, score, weight, embedding, value, rows)

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

    def _absent(self, embedding: Tensor, graph: Graph, nodes: Tensor) -> AttentionTrace:
        nothing, no_score = nodes[:0], embedding.new_zeros(0, self.n_heads)
        rows = Embeddings(embedding.new_zeros(len(nodes), embedding.shape[1]), nodes, graph.n_users, graph.n_nodes)
        return AttentionTrace(nothing, nothing, no_score, no_score, embedding, torch.zeros_like(embedding), rows)


def _directions(values: Float[Tensor, "rows heads width"]) -> Float[Tensor, "rows heads width"]:
    return unit(values.flatten(0, 1)).view_as(values)


def _positive(values: Float[Tensor, "rows heads width"]) -> Float[Tensor, "rows heads width"]:
    """φ(x) = elu(x) + 1, which is exp(x) below 0: written so, it keeps its digits there."""
    return torch.where(values > 0, values + 1, values.clamp_max(0).exp())
