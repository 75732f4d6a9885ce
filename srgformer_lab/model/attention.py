"""Attention along the edges of the interaction graph (the paper's *global* structure, its modified transformer).

One layer, heads side by side, and nothing else: no feed-forward block, residual, layer norm, position code or output map.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from srgformer_lab.model.graph import Graph
from srgformer_lab.model.parts import AttentionTrace, Embeddings
from srgformer_lab.model.taps import Taps

CLIP = 10.0


class EdgeAttention(nn.Module):
    """Multi-head attention of each node over its neighbours, on the raw ID embeddings.

    s_ab = clip(⟨e_a W_Q, e_b W_K⟩, −10, 10) for each head, w_ab = softmax of s_ab over the neighbours b of a,
    E^att[a] = ‖_heads Σ_b w_ab e_b W_V. Scores are not divided by √d_h unless ``scaled``. Projecting every node once and
    then gathering along edges costs O(n d² + |E| d). The clip bounds exp(s), so no maximum is subtracted.

    Source: spec section 3.4.
    """

    def __init__(self, dim: int, n_heads: int, draws: torch.Generator, scaled: bool, denominator_offset: float) -> None:
        """Draw the three maps; ``denominator_offset`` is what the softmax adds to its denominator (0, or 1e-8 as released)."""
        super().__init__()
        self.n_heads = n_heads
        self.shrink = 1 / math.sqrt(dim // n_heads) if scaled else 1.0
        self.denominator_offset = denominator_offset
        self.query, self.key, self.value = (nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim), generator=draws)) for _ in range(3))

    def forward(self, embedding: Float[Tensor, "nodes dim"], graph: Graph, nodes: Int[Tensor, " rows"], taps: Taps) -> AttentionTrace:
        """Attend from ``nodes`` to their neighbours."""
        position, neighbor = graph.edges(nodes)
        rows, heads = len(nodes), self.n_heads
        split = (len(neighbor), heads, embedding.shape[1] // heads)

        query = (embedding.index_select(0, nodes) @ self.query).index_select(0, position)  # (edges, dim)
        key = (embedding @ self.key).index_select(0, neighbor)  # (edges, dim)
        product = (query * key).view(split).sum(-1)  # (edges, heads)
        score = taps.attention_score((product * self.shrink).clamp(-CLIP, CLIP))

        exponential = score.exp()
        total = exponential.new_zeros(rows, heads).index_add(0, position, exponential)  # (rows, heads)
        weight = taps.attention_weight(exponential / (total.index_select(0, position) + self.denominator_offset))

        value = embedding @ self.value  # (nodes, dim)
        weighted = weight.unsqueeze(-1) * value.index_select(0, neighbor).view(split)  # (edges, heads, head width)
        summed = value.new_zeros(rows, *split[1:]).index_add(0, position, weighted)
        output = taps.attention_output(summed).flatten(1)  # (rows, dim)
        return AttentionTrace(nodes[position], neighbor, score, weight, value, Embeddings(output, nodes, graph.n_users, graph.n_nodes))
