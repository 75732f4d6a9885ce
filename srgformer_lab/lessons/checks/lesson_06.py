"""Lesson 6: cosines of all pairs, InfoNCE of a batch against all rows, and how hard it pushes each pair."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from srgformer_lab.lessons.verdict import Case, Verdict, judge

COSINES = {
    "inner products": "These are inner products: a long vector counts more than a short one. Divide each row by its length first.",
    "one side only": "Only one side has been brought to length 1. Divide the rows of both by their lengths.",
    "lengths by column": "You divide columns by their lengths. A vector is a row: sum its squares along the row (dim=1).",
    "squared lengths": "You divide by the squared length. The length is its square root (x.norm does that).",
    "one length for all": "You divide by one length for the whole matrix. Each row has a length of its own (dim=1).",
    "divides by 0": "A row of zeros has length 0, and 0 / 0 is no number. Let no length be below 10⁻¹² (clamp_min).",
    "transposed": "Rows and columns are exchanged: row r must hold the cosines of first[r].",
}
INFO_NCE = {
    "own pair left out": "The sum below the fraction leaves the own pair out. It runs over all texts, the own one among them.",
    "mean instead of sum": "This is the mean over the batch. SRGFormer sums: a larger batch weighs more.",
    "multiplies by τ": "You multiply by τ. Dividing by a small τ makes differences large.",
    "forgets τ": "τ plays no part: this is the value of τ = 1.",
    "against the batch only": "Strangers come from the batch only. Here the sum below runs over all texts.",
    "every row": "All pictures are summed. Only those in rows are asked for; the texts they are compared with are all.",
    "texts ask": "The sum below runs over pictures: here a text looks for its picture. The picture must look for its text.",
    "wrong sign": "This is the log of the share, which is below 0. A loss is what should become small: minus the log.",
    "each row once": "A row that stands twice in the batch counts twice.",
    "all texts count as own": "You sum over all texts. Of each picture's shares only that of its own text enters the loss.",
    "own text by place": "The k-th picture of the batch was given the k-th text as its own. It is picture rows[k], and so is its text.",
    "one sum for all pictures": "All shares together sum to 1. Each picture shares out one whole: sum over its own row only (dim=1).",
    "both ways": "You also let texts look for pictures. Here it goes one way: pictures look for texts.",
}
PUSHES = {
    "own pair like a stranger": "The own pair is treated like a stranger. The loss falls when its cosine grows: which term says that?",
    "forgets 1/τ": "A factor is missing: the cosine is divided by τ before all else. What does the chain rule make of it?",
    "wrong sign": "The signs are the other way round. The slope of the loss is negative where a larger cosine makes the loss smaller.",
    "shares at τ = 1": "Your shares are those of τ = 1. Divide the cosines by τ before the softmax.",
    "own pair forgets its share": "The second term gives something for the own text as well: its share. Add it to what the first gives.",
    "all like the own pair": "Every text is treated as the own one. The first term, −c/τ, holds the own text's cosine only.",
    "slope of the shares": "p (1 − p) / τ is the slope of a share by its own cosine. Asked is the slope of −log p of the own text.",
    "gives the loss": "This is the loss itself, one number. Asked is its slope by each cosine: n numbers.",
    "shares only": "These are the shares. The slope is made of them: what becomes of the own pair, and what does 1/τ do?",
}


def check_cosines(answer: Callable[..., Any]) -> Verdict:
    """Check ``cosines(first, second)``: a row for each row of ``first``, a column for each of ``second``; 0 for a row of zeros."""
    first, second = torch.tensor([[3.0, 4.0], [0.1, 0.0]]), torch.tensor([[0.0, 2.0], [1.0, 1.0], [-2.0, 0.0]])
    expected = _cosines(first, second)
    by_column = normalize(first, dim=0) @ normalize(second, dim=0).T
    lengths = first.norm(dim=1, keepdim=True) * second.norm(dim=1)
    slips = {
        "inner products": first @ second.T,
        "lengths by column": by_column,
        "squared lengths": first @ second.T / lengths**2,
        "one length for all": first @ second.T / (first.norm() * second.norm()),
        "transposed": expected.T,
    }
    halves = {"one side only": normalize(first) @ second.T}, {"one side only": first @ normalize(second).T}
    cases = [Case((first, second), expected, slips | halves[0]), Case((first, second), expected, slips | halves[1])]
    no_number = {"divides by 0": [[float("nan")], [1.0]]}
    cases.append(Case((torch.tensor([[0.0, 0.0], [0.0, 5.0]]), torch.tensor([[0.0, 1.0]])), [[0.0], [1.0]], no_number))
    asked = first.clone().requires_grad_()
    pulled = torch.autograd.grad(_cosines(asked, second).sum(), asked)[0]
    cases.append(Case((first, second), expected, gradient=(0, pulled)))
    return judge(answer, cases, COSINES, "Right: lengths don't count, and a row of zeros has cosine 0 with everything.")


def check_info_nce(answer: Callable[..., Any]) -> Verdict:
    """Check ``info_nce(images, texts, rows, temperature)``: summed over the batch, against all texts."""
    images = torch.tensor([[1.0, 0.0], [1.0, 2.0], [-1.0, 1.0], [0.0, 1.0]])
    texts = torch.tensor([[2.0, 1.0], [1.0, 3.0], [-1.0, 0.0], [1.0, 1.0]])
    cosine, rows, tau = _cosines(images, texts), torch.tensor([0, 2]), 0.5
    own = cosine[rows, rows] / tau
    others = cosine[rows].div(tau).exp().sum(1) - own.exp()
    right = _info_nce(cosine, rows, tau)
    slips = {
        "own pair left out": (others.log() - own).sum(),
        "mean instead of sum": right / 2,
        "multiplies by τ": _info_nce(cosine, rows, 1 / tau),
        "forgets τ": _info_nce(cosine, rows, 1.0),
        "against the batch only": _info_nce(cosine[rows][:, rows], torch.arange(2), tau),
        "every row": _info_nce(cosine, torch.arange(4), tau),
        "texts ask": _info_nce(cosine.T, rows, tau),
        "wrong sign": -right,
        "all texts count as own": -(cosine[rows] / tau).log_softmax(1).sum(),
        "one sum for all pictures": ((cosine / tau).flatten().logsumexp(0) - own).sum(),
        "own text by place": (cosine[rows].div(tau).logsumexp(1) - cosine[rows].diagonal() / tau).sum(),
        "both ways": (right + _info_nce(cosine.T, rows, tau)) / 2,
    }
    twice, asked = torch.tensor([1, 1, 0]), images.clone().requires_grad_()
    pulled = torch.autograd.grad(_info_nce(_cosines(asked, texts), twice, tau), asked)[0]
    cases = [
        Case((images, texts, rows, tau), right, slips),
        Case((images, texts, rows[1:], 0.2), _info_nce(cosine, rows[1:], 0.2), {"multiplies by τ": _info_nce(cosine, rows[1:], 5.0)}),
        Case(
            (images, texts, twice, tau),
            _info_nce(cosine, twice, tau),
            {"each row once": _info_nce(cosine, torch.tensor([0, 1]), tau)},
            gradient=(0, pulled),
        ),
    ]
    return judge(answer, cases, INFO_NCE, "Right: each picture of the batch looks for its text among all texts.")


def check_pushes(answer: Callable[..., Any]) -> Verdict:
    """Check ``pushes(cosine, own, temperature)``: the slope of one row's loss by each cosine."""
    cosine, tau = torch.tensor([0.9, 0.5, -0.2]), 0.5
    share, is_own = (cosine / tau).softmax(0), torch.tensor([0.0, 1.0, 0.0])
    right = (share - is_own) / tau
    slips = {
        "own pair like a stranger": share / tau,
        "forgets 1/τ": share - is_own,
        "wrong sign": -right,
        "shares at τ = 1": (cosine.softmax(0) - is_own) / tau,
        "own pair forgets its share": (share * (1 - is_own) - is_own) / tau,
        "all like the own pair": (share - 1) / tau,
        "slope of the shares": share * (1 - share) / tau,
        "gives the loss": -share[1].log(),
        "shares only": share,
    }
    cases = [Case((cosine, 1, tau), right, slips), Case((cosine[:1], 0, tau), [0.0])]
    return judge(answer, cases, PUSHES, "Right: the own pair is pulled as hard as all strangers together are pushed; the slopes sum to 0.")


def _cosines(first: Tensor, second: Tensor) -> Tensor:
    return normalize(first, dim=1) @ normalize(second, dim=1).T


def _info_nce(cosine: Tensor, rows: Tensor, temperature: float) -> Tensor:
    score = cosine[rows] / temperature
    return (score.logsumexp(1) - score[torch.arange(len(rows)), rows]).sum()
