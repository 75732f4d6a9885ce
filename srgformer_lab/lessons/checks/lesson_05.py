"""Lesson 5: attention weights over a history, one head, and heads side by side. Vectors are rows, maps stand to their right."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from srgformer_lab.lessons.verdict import Case, Verdict, judge

SCALED = "You divide the scores by √d, as most transformers do. SRGFormer does not: it only clips them."
CLIPPED = "A score above 10 counts as it is. Scores stay between −10 and 10, as in the first exercise."
WEIGHTS = {
    "divides by √d": SCALED,
    "shares of the scores": "You divide the scores by their sum. Scores may be negative, shares may not. What makes every number positive "
    "before you divide?",
    "no normalisation": "These are not yet shares: they don't sum to 1 over the history.",
    "gives scores": "These are the scores. How do they become shares that sum to 1?",
    "forgets the clip": "A score above 10 counts as it is. It must be clipped first, so that no single thing can drown all others.",
    "clips above only": "Scores far below 0 must be clipped as well, at −10.",
    "clips too late": "You clip after the exponential. It is the scores that stay between −10 and 10.",
    "shifts before the clip": "You subtract the largest score before you clip. That changes which scores the clip meets; clip first. Then "
    "nothing overflows any more.",
}
ATTEND = {
    "weighs the embeddings": "The weights are right, but you sum the items' embeddings. What an item hands over is its value, e W_V.",
    "weighs the keys": "You sum the keys. Keys are only for being compared; what an item hands over is its value, e W_V.",
    "plain mean": "All items count alike here: this is the mean of the values. Multiply each value by its weight, and sum.",
    "adds the user": "The user's own embedding is added. That is a residual connection, and this layer has none.",
    "adds the user's value": "The user's own value is added. A person looks at their things only, not at themselves.",
    "not summed": "Each value has its weight now. Sum them over the things: one vector is left.",
    "maps swapped": "Query and key maps are swapped: the user asks (query), the items answer (key).",
    "maps on the left": "You compute W e. A vector is a row here, so that the map stands on its right: e W.",
    "query map on the left": "The query is W_Q e here. A vector is a row, so that the map stands on its right: e W_Q.",
    "divides by √d": SCALED,
    "forgets the clip": CLIPPED,
}
HEADS = {
    "forgets the clip": CLIPPED,
    "one softmax for all heads": "All heads use the same weights. Each head has scores of its own, from its own part of queries and keys.",
    "sums the heads": "The heads are summed. They stand beside each other (torch.cat), so that the result is as wide as an embedding.",
    "averages the heads": "The heads are averaged. They stand side by side (torch.cat), so that the result is as wide as an embedding.",
    "every n-th column": "You give a head every n-th column. Heads are neighbouring columns: the first d / n, then the next d / n, …",
    "cuts the rows": "You cut the maps by rows. A row belongs to what goes in; a head reads the whole embedding and owns some columns.",
    "cuts rows and columns": "You cut the embeddings as well. A head reads the whole embedding; only the columns of the maps are its own.",
    "whole maps": "Every head has the whole maps, so all heads are the same. A head owns d / h columns of each.",
    "stacks the heads": "The heads lie on top of each other (torch.stack). torch.cat puts them side by side, into one row of numbers.",
}


def check_attention_weights(answer: Callable[..., Any]) -> Verdict:
    """Check ``attention_weights(query, keys)``: the softmax of clipped inner products, over the history."""
    small, keys = torch.tensor([1.0, 2.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    score = keys @ small
    far, ends = torch.tensor([4.0, 0.0]), torch.tensor([[4.0, 0.0], [5.0, 0.0], [2.0, 1.0]])
    low = torch.tensor([[-3.0, 0.0], [-4.0, 0.0], [-5.0, 2.0]])
    cases = [
        Case(
            (small, keys),
            score.softmax(0),
            {
                "divides by √d": (score / 2**0.5).softmax(0),
                "shares of the scores": score / score.sum(),
                "no normalisation": score.exp(),
                "gives scores": score,
                "clips too late": score.exp().clamp(-10, 10) / score.exp().clamp(-10, 10).sum(),
            },
        ),
        Case(
            (far, ends),
            torch.tensor([10.0, 10.0, 8.0]).softmax(0),
            {"forgets the clip": (ends @ far).softmax(0), "shifts before the clip": torch.tensor([-4.0, 0.0, -10.0]).softmax(0)},
        ),
        Case((far, low), torch.full((3,), 1 / 3), {"clips above only": (low @ far).softmax(0)}),
        Case((far, torch.tensor([[-5.0, 0.0], [-2.0, 1.0]])), torch.tensor([-10.0, -8.0]).softmax(0)),
        Case((far, keys[:1]), [1.0]),
    ]
    return judge(answer, cases, WEIGHTS, "Right: shares that sum to 1, and no score beyond ±10.")


def check_attend(answer: Callable[..., Any]) -> Verdict:
    """Check ``attend(user, items, query_map, key_map, value_map)``: one head's weighted sum of values."""
    user, items = torch.tensor([1.0, 2.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    query_map, key_map = torch.tensor([[1.0, 0.0], [0.2, 0.5]]), torch.tensor([[0.6, -0.4], [0.1, 1.0]])
    value_map = torch.tensor([[2.0, 0.5], [1.0, 3.0]])
    maps = (query_map, key_map, value_map)
    weight, value = _weight(user, items, query_map, key_map), items @ value_map
    slips = {
        "weighs the embeddings": weight @ items,
        "weighs the keys": weight @ (items @ key_map),
        "plain mean": value.mean(0),
        "adds the user": weight @ value + user,
        "adds the user's value": weight @ value + user @ value_map,
        "not summed": weight[:, None] * value,
        "maps swapped": _weight(user, items, key_map, query_map) @ value,
        "maps on the left": _attend(user, items, query_map.T, key_map.T, value_map.T),
        "query map on the left": _attend(user, items, query_map.T, key_map, value_map),
        "divides by √d": ((items @ key_map) @ (user @ query_map) / 2**0.5).softmax(0) @ value,
    }
    cases = [Case((user, items, *maps), weight @ value, slips)]
    cases.append(Case((user, items[:1], *maps), value[0], description="one user, one item, width 2"))
    far = (10 * user, 2 * items, *maps)
    cases.append(Case(far, _attend(*far), {"forgets the clip": _loose(*far)}, "a user ten times as long, items twice as long"))
    return judge(answer, cases, ATTEND, "Right: the user asks, the items answer, and each hands over its value by its weight.")


def check_attend_with_heads(answer: Callable[..., Any]) -> Verdict:
    """Check ``attend_with_heads(user, items, query_map, key_map, value_map, n_heads)``: each head on its own columns, side by side."""
    draws = torch.Generator().manual_seed(5)
    user, items = torch.randn(4, generator=draws), torch.randn(3, 4, generator=draws)
    maps = tuple(torch.randn(4, 4, generator=draws) * 0.7 for _ in range(3))
    one = _attend(user, items, *maps)
    cases = [Case((user, items, *maps, 1), one, {"stacks the heads": one[None]}, "one user, three items, width 4, one head")]
    halves = (slice(0, 2), slice(2, 4))
    by_head = [_attend(user, items, *(values[:, own] for values in maps)) for own in halves]
    mixed = [_attend(user, items, *(values[:, head::2] for values in maps)) for head in range(2)]
    slips = {
        "one softmax for all heads": one,
        "sums the heads": by_head[0] + by_head[1],
        "averages the heads": (by_head[0] + by_head[1]) / 2,
        "every n-th column": torch.cat(mixed),
        "cuts the rows": torch.cat([_attend(user[own], items[:, own], *(values[own] for values in maps)) for own in halves]),
        "cuts rows and columns": torch.cat([_attend(user[own], items[:, own], *(values[own, own] for values in maps)) for own in halves]),
        "whole maps": torch.cat([one, one]),
    }
    cases.append(Case((user, items, *maps, 2), torch.cat(by_head), slips, "one user, three items, width 4, two heads"))
    far = [_loose(50 * user, items, *(values[:, own] for values in maps)) for own in halves]
    right = [_attend(50 * user, items, *(values[:, own] for values in maps)) for own in halves]
    cases.append(Case((50 * user, items, *maps, 2), torch.cat(right), {"forgets the clip": torch.cat(far)}, "a user fifty times as long"))
    quarters = [_attend(user, items, *(values[:, [head]] for values in maps)) for head in range(4)]
    cases.append(Case((user, items, *maps, 4), torch.cat(quarters), {}, "one user, three items, width 4, four heads"))
    return judge(answer, cases, HEADS, "Right: each head has its own columns, its own weights, and its own place in the result.")


def _weight(user: Tensor, items: Tensor, query_map: Tensor, key_map: Tensor) -> Tensor:
    return ((items @ key_map) @ (user @ query_map)).clamp(-10, 10).softmax(0)


def _loose(user: Tensor, items: Tensor, query_map: Tensor, key_map: Tensor, value_map: Tensor) -> Tensor:
    return ((items @ key_map) @ (user @ query_map)).softmax(0) @ (items @ value_map)


def _attend(user: Tensor, items: Tensor, query_map: Tensor, key_map: Tensor, value_map: Tensor) -> Tensor:
    return _weight(user, items, query_map, key_map) @ (items @ value_map)
