"""Attention along the edges of the interaction graph (the paper's *global* structure, its modified transformer).

One layer, heads side by side, and nothing else: no feed-forward block, residual, layer norm, position code or output map.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import hardtanh

from srgformer_lab.model.graph import Graph
from srgformer_lab.model.parts import AttentionTrace, Embeddings
from srgformer_lab.model.step import Step
from srgformer_lab.model.taps import Taps

CLIP = 10.0


class EdgeAttention(nn.Module):
    """Multi-head attention of each node over its neighbours, on the raw ID embeddings.

    s_ab = clip(⟨e_a W_Q, e_b W_K⟩, −10, 10) for each head, w_ab = softmax of s_ab over the neighbours b of a,
    E^att[a] = ‖_heads Σ_b w_ab e_b W_V. Scores are not divided by √d_h unless ``scaled``. Projecting every node once and
    then multiplying along the edges costs O(n d² + |E| d). The clip bounds exp(s), so no maximum is subtracted.

    Source: spec section 3.4.
    """

    def __init__(self, dim: int, n_heads: int, draws: torch.Generator, scaled: bool, denominator_offset: float) -> None:
        """Draw the three maps; ``denominator_offset`` is what the softmax adds to its denominator (0, or 1e-8 as released)."""
        super().__init__()
        self.n_heads = n_heads
        self.shrink = 1 / math.sqrt(dim // n_heads) if scaled else 1.0
        self.denominator_offset = denominator_offset
        self.query, self.key, self.value = (nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim), generator=draws)) for _ in range(3))

    def forward(
        self, embedding: Float[Tensor, "nodes dim"], graph: Graph, nodes: Int[Tensor, " rows"], taps: Taps, step: Step | None = None
    ) -> AttentionTrace:
        """Attend from ``nodes`` (increasing) to their neighbours."""
        step = step or Step()
        if not step.with_attention:
            return self._absent(embedding, graph, nodes)
        edges, product = graph.edges(nodes, self.n_heads), step.product
        heads = (-1, self.n_heads, embedding.shape[1] // self.n_heads)
        if step.score is None:
            seeing = embedding if len(nodes) == graph.n_nodes else embedding.index_select(0, nodes)
            query = product(seeing, self.query * self.shrink).view(heads)  # (rows, heads, head width)
            key = product(embedding, self.key).view(heads)  # (nodes, heads, head width)
            score = hardtanh(edges.products(query, key), -CLIP, CLIP)  # (edges, heads)
            score = score.detach() if step.is_frozen else score
        else:
            score = edges.of_all(step.score)
        if step.wants_score:
            step.score = score.detach()

        score = taps.attention_score(score)
        weight = taps.attention_weight(edges.softmax(score, self.denominator_offset))
        value = product(embedding, self.value)  # (nodes, dim)
        output = taps.attention_output(edges.sums(weight, value.view(heads))).flatten(1)  # (rows, dim)
        rows = Embeddings(output, nodes, graph.n_users, graph.n_nodes)
        return AttentionTrace(nodes[edges.row], edges.neighbor, score, weight, value, rows)

    def _absent(self, embedding: Tensor, graph: Graph, nodes: Tensor) -> AttentionTrace:
        nothing, no_score = nodes[:0], embedding.new_zeros(0, self.n_heads)
        rows = Embeddings(embedding.new_zeros(len(nodes), embedding.shape[1]), nodes, graph.n_users, graph.n_nodes)
        return AttentionTrace(nothing, nothing, no_score, no_score, torch.zeros_like(embedding), rows)
