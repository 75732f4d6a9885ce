"""Lesson 2: the normalised adjacency, LightGCN's forward pass, and the ranking loss. Users come first, then items."""

from collections.abc import Callable
from math import exp, log
from typing import Any

import torch

from srgformer_lab.lessons.verdict import Case, Verdict, judge

ADJACENCY = {
    "only one direction": "A person now sees the items, but no item sees a person: the lower left block is empty. Each interaction is a "
    "line that can be walked both ways.",
    "items only": "This is not square over all nodes. Users and items are both nodes: with U users and I items it has U + I rows and "
    "columns.",
    "not normalised": "These are the zeros and ones of A. Without the division, whoever has many neighbours would receive and send most.",
    "divides by the row only": "Each row sums to 1, so this is the mean over the neighbours. LightGCN divides by the square roots of "
    "both ends' degrees: an item that everyone takes then also says less.",
    "divides by the column only": "Each column sums to 1: every node shares out what it has, however busy the other end is. Both ends' "
    "degrees count, by their square roots.",
    "items first": "This is right, but for items before users. The first rows and columns belong to the users.",
    "R on the diagonal": "R stands on the diagonal, so users are joined to users. Rows of users and columns of items meet at the upper "
    "right.",
    "no square root": "You divide by the product of the two degrees. It is the square root of that product.",
    "loops to itself": "The diagonal is not 0: a node is joined to itself. LightGCN adds no self-loops; the mean over the layers keeps "
    "each node's own vector.",
    "divides by 0": "A node without neighbours gives 0 / 0. Its row must be 0: nothing arrives there.",
}
LIGHT_GCN = {
    "last layer only": "This is the last layer alone. LightGCN takes the mean over all layers, the first included.",
    "without layer 0": "Layer 0, the node's own vector, is missing from the mean: there are n_layers + 1 layers to average.",
    "sum of the layers": "This is the sum of the layers. Divide by how many there are.",
    "divides by n_layers": "You divide by n_layers, but layer 0 counts too: there are n_layers + 1.",
    "cuts negative values": "Negative values became 0: that is a ReLU. LightGCN has no non-linearity between its layers.",
    "walks the sum": "What walks on is the sum so far, so every step takes the earlier ones along again. Only the last layer walks on.",
    "always from layer 0": "Every step begins at layer 0 again, so all of them are the same step. Each step takes what the one before "
    "gave.",
}
BPR = {
    "sum": "This is the sum over the pairs. Take the mean, so that the loss doesn't grow with the batch.",
    "wrong way round": "The loss is small where the negative item wins. The positive score comes first: positive − negative.",
    "no logarithm": "This is a probability, σ(…) or 1 − σ(…) or −σ(…), not its logarithm. A pair that is quite wrong should cost a lot "
    "more than 1.",
    "mean before the logarithm": "You take the mean of σ, and then the logarithm. Each pair has a logarithm of its own; the mean comes "
    "last.",
    "σ of each score": "You squeeze each score alone. BPR compares: take the difference first, then σ.",
    "not negated": "This is below 0, and it would fall as the model gets worse. A loss is what should become small: mind the sign.",
    "a hinge": "This is a hinge, max(0, 1 − difference). BPR uses −ln σ(difference), which has no corner and never quite reaches 0.",
}


def check_normalized_adjacency(answer: Callable[..., Any]) -> Verdict:
    """Check ``normalized_adjacency(R)``: D^-1/2 A D^-1/2 over users and items."""
    small = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    lonely = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    broad = torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    half, root = 0.5, 0.5**0.5
    upper = torch.tensor([[root, half], [0.0, root]])
    whole = _both_ways(small)
    degree = whole.sum(1, keepdim=True)
    cases = [
        Case(
            (small,),
            _both_ways(upper),
            {
                "only one direction": _both_ways(upper, back=False),
                "not normalised": whole,
                "divides by the row only": whole / degree,
                "divides by the column only": whole / degree.T,
                "items first": _both_ways(upper.T),
                "R on the diagonal": _rooted(torch.block_diag(small, small.T)),
                "no square root": whole / (degree * degree.T),
                "loops to itself": _rooted(whole + torch.eye(len(whole))),
                "items only": upper,
            },
        ),
        Case((lonely,), _both_ways(torch.tensor([[half, root, 0.0], [root, 0.0, 0.0]])), {"divides by 0": _not_a_number_at(4)}),
        Case((broad,), _rooted(_both_ways(broad)), description="four users, three items"),
    ]
    praise = "Right: lines run both ways, each is divided by the roots of both degrees, and where nobody goes nothing arrives."
    return judge(answer, cases, ADJACENCY, praise)


def check_light_gcn(answer: Callable[..., Any]) -> Verdict:
    """Check ``light_gcn(adjacency, embedding, n_layers)``: the mean of the embeddings after 0 … n_layers steps."""
    path = torch.tensor([[0.0, 0.5, 0.0], [0.5, 0.0, 1.0], [0.0, 1.0, 0.0]])
    start = torch.tensor([[4.0, 0.0], [0.0, -8.0], [2.0, 0.0]])
    one = path @ start
    two = path @ one
    cut = (path @ start).relu()
    pulled = torch.stack([torch.linalg.matrix_power(path.T, step) for step in range(4)]).sum(0) @ torch.ones_like(start) / 4
    cases = [
        Case(
            (path, start, 2),
            (start + one + two) / 3,
            {
                "last layer only": two,
                "without layer 0": (one + two) / 2,
                "sum of the layers": start + one + two,
                "divides by n_layers": (start + one + two) / 2,
                "cuts negative values": (start + cut + (path @ cut).relu()) / 3,
                "walks the sum": (start + one + path @ (start + one)) / 3,
                "always from layer 0": (start + 2 * one) / 3,
            },
            description="adjacency [[0, 0.5, 0], [0.5, 0, 1], [0, 1, 0]], embedding [[4, 0], [0, -8], [2, 0]], 2 layers",
        ),
        Case((path, start, 0), start, description="the same, 0 layers"),
        Case((path, start, 3), (start + one + two + path @ two) / 4, description="the same, 3 layers", gradient=(1, pulled)),
    ]
    praise = "Right: each step takes the one before, and the mean keeps the node's own vector. Nothing else: no weight, no activation."
    return judge(answer, cases, LIGHT_GCN, praise)


def check_bpr_loss(answer: Callable[..., Any]) -> Verdict:
    """Check ``bpr_loss(positive, negative)``: the mean of −ln σ(positive − negative)."""
    positive, negative = [2.0, 0.0, 1.0], [0.0, 1.0, 1.0]
    difference = [one - other for one, other in zip(positive, negative, strict=True)]
    cost = [_cost(gap) for gap in difference]
    cases = [
        Case(
            (torch.tensor([3.0]), torch.tensor([1.0])),
            _cost(2),
            {
                "not negated": -_cost(2),
                "wrong way round": _cost(-2),
                "no logarithm": (-1 / (1 + exp(-2)), 1 / (1 + exp(-2)), 1 / (1 + exp(2))),
                "σ of each score": _cost(3) - _cost(1),
                "a hinge": 0.0,
            },
        ),
        Case(
            (torch.tensor(positive), torch.tensor(negative)),
            sum(cost) / 3,
            {
                "sum": sum(cost),
                "mean before the logarithm": -log(sum(exp(-one) for one in cost) / 3),
            },
            gradient=(0, [-1 / (1 + exp(gap)) / 3 for gap in difference]),
        ),
        Case((torch.tensor([0.0]), torch.tensor([200.0])), 200.0, description="a pair that is very wrong: positive 0, negative 200"),
    ]
    praise = "Right: level scores cost ln 2, a pair in the right order costs less, and a very wrong one as much as it is wrong."
    return judge(answer, cases, BPR, praise)


def _cost(gap: float) -> float:
    return log(1 + exp(-gap))


def _both_ways(block: torch.Tensor, back: bool = True) -> torch.Tensor:
    users, items = block.shape
    whole = torch.zeros(users + items, users + items)
    whole[:users, users:] = block
    if back:
        whole[users:, :users] = block.T
    return whole


def _rooted(whole: torch.Tensor) -> torch.Tensor:
    root = whole.sum(1, keepdim=True).sqrt()
    return whole / (root * root.T)


def _not_a_number_at(row: int) -> torch.Tensor:
    half, root = 0.5, 0.5**0.5
    spoilt = _both_ways(torch.tensor([[half, root, 0.0], [root, 0.0, 0.0]]))
    spoilt[row], spoilt[:, row] = torch.nan, torch.nan
    return spoilt
