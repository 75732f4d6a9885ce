"""Lesson 9: a score by things, Spearman's rank correlation, and a deletion test."""

from collections.abc import Callable
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Case, Verdict, judge

SHARES = {
    "by part": "You sum over the things, and keep the parts. Asked for is a number for each thing: sum over its parts.",
    "one number": "This is what all things bring together. Asked for is a number for each thing.",
    "keeps the parts": "This is a table of things and parts. A thing's share is the sum over its parts.",
    "mean of the parts": "You take the mean over the parts. A person is the sum of their parts, so the terms of a thing are added.",
    "forgets the item": "You add up what each thing brings, but never meet the item. A share is a dot product with its vector.",
    "sizes only": "You took sizes. What speaks against the item has a term below 0, and the sum needs it.",
    "not summed": "You multiply entry by entry, but do not sum over the dimensions. A dot product is one number.",
    "first part only": "You look at the first part only. A thing speaks through every part.",
    "shares of the whole": "You divided by the sum. The shares sum to a piece of the score, not to 1; near a sum of 0 they would explode.",
}
RANKS = {
    "values, not ranks": "This is Pearson's correlation of the values. One huge value then decides alone. Turn both into ranks first.",
    "order, not ranks": "argsort gives the rows in order of size: who is first, who is second. A rank says for each row which place it "
    "has. Apply argsort once more, to what the first gave.",
    "wrong sign": "The sign is turned. The largest claim and the largest effect must get the same rank: rank both in the same direction.",
    "not divided": "This is the sum of the products. Divide by both sizes, so that the result lies between −1 and 1.",
    "no root": "Below the line stands a root. Without it, agreement shrinks as the lists grow.",
    "one side ranked": "You rank the claims only. The effects need ranks as well.",
    "middle not taken off": "Take the mean rank off first. Otherwise even ranks that have nothing to do with each other seem to agree.",
}
DELETION = {
    "sums single removals": "You add up what single removals cost. Two things may stand in for each other: take them away together, "
    "and ask for the score without all of them.",
    "one at a time": "At each step only one thing is gone, and the earlier ones are back. They must stay away.",
    "least first": "You take away the smallest claims first. A good claim is tested by what it calls most important.",
    "ignores the claims": "You take the things away in the order in which they stand. The order must come from the claims.",
    "by the effect": "You take away first what changes the score most. It is the claims that are tested: the order must come from them.",
    "places for things": "You take places for things. One argsort gives the things, the largest claim first; a second one gives places.",
    "sizes of claims": "You order by size without the sign. A thing that speaks against the item has a small claim, not a large one.",
    "step by step": "You measure each fall from the one before. What is asked for counts from the whole score.",
    "rises": "The sign is turned. A fall is the whole score, less what is left.",
    "scores": "These are the scores that are left. Asked for is the fall: the score with everything, less what is left.",
    "keeps instead of removes": "You keep the largest claims and remove the others. That is the other test (sufficiency).",
    "starts too late": "The first entry is missing: with nothing taken away, the fall is 0.",
    "ends too early": "The last entry is missing: with all N things gone.",
}


def check_take_apart(answer: Callable[..., Any]) -> Verdict:
    """Check ``take_apart(brought, item)``: the share of each thing, summed over the parts that it speaks through."""
    cases = []
    for things, vector in (
        ([[[1, 2, 0], [0, 1, 1]], [[2, 0, 1], [0, -1, 0]], [[0, -3, 0], [1, 0, -2]]], [2, 1, -1]),
        ([[[1, 0, 2], [2, 1, 0]], [[0, 4, 0], [1, 0, 1]]], [3, -1, 1]),
        ([[[1, 0, 2], [2, 1, 0]], [[0, 1, 0], [1, 0, 1]]], [-3, 2, 1]),
    ):
        brought, item = np.array(things, float), np.array(vector, float)
        terms = brought @ item
        slips = {
            "by part": terms.sum(0),
            "one number": terms.sum(),
            "keeps the parts": terms,
            "mean of the parts": terms.mean(1),
            "forgets the item": brought.sum((1, 2)),
            "sizes only": (abs(terms).sum(1), abs(terms.sum(1))),
            "not summed": (brought * item).sum(1),
            "first part only": terms[:, 0],
            "shares of the whole": terms.sum(1) / terms.sum(),
        }
        cases.append(Case((brought, item), terms.sum(1), slips, f"{things}, {vector}"))
    return judge(answer, cases, SHARES, "Right: a thing speaks through every part, and its terms add up to its share.")


def check_rank_agreement(answer: Callable[..., Any]) -> Verdict:
    """Check ``rank_agreement(claimed, effect)``: Spearman's correlation; no two values are the same."""
    cases = []
    for claimed, effect in (
        ([0.9, 0.1, 0.5, 0.3, 0.2], [10.0, 2.0, 3.0, 1.0, 4.0]),
        ([0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 90.0]),
        ([4.0, 1.0, 3.0, 2.0], [-3.0, 5.0, -2.0, 0.0]),
    ):
        values = np.array(claimed), np.array(effect)
        order = [np.argsort(one) for one in values]
        ranks = [np.argsort(one) for one in order]
        away = [one - one.mean() for one in ranks]
        right = _pearson(*ranks)
        cosine = ((ranks[0] + 1) * (ranks[1] + 1)).sum() / ((ranks[0] + 1) ** 2).sum()
        slips = {
            "values, not ranks": _pearson(*values),
            "order, not ranks": _pearson(*order),
            "wrong sign": -right,
            "no root": (away[0] * away[1]).sum() / ((away[0] ** 2).sum() * (away[1] ** 2).sum()),
            "one side ranked": _pearson(ranks[0], values[1]),
            "not divided": (away[0] * away[1]).sum(),
            "middle not taken off": cosine,
        }
        cases.append(Case(values, right, slips))
    return judge(answer, cases, RANKS, "Right: 1 is the same order, −1 the reverse, and how far the values lie apart does not matter.")


def check_deletion(answer: Callable[..., Any]) -> Verdict:
    """Check ``deletion(claims, score_without)``: the fall of the score with 0, 1, 2, … of the largest claims taken away."""
    slips = {
        "sums single removals": [0, 2, 6, 7],
        "one at a time": [0, 2, 4, 1],
        "least first": [0, 1, 5, 10],
        "ignores the claims": [0, 4, 5, 10],
        "places for things": [0, 1, 3, 10],
        "by the effect": [0, 4, 9, 10],
        "step by step": [0, 2, 7, 1],
        "rises": [0, -2, -9, -10],
        "scores": [10, 8, 1, 0],
        "keeps instead of removes": [10, 5, 1, 0],
        "starts too late": [2, 9, 10],
        "ends too early": [0, 2, 9],
    }
    given = "[0.3, 0.2, 0.9], a score of 10 that falls by 4, 1, 2, and by 3 more without both 0 and 2"
    cases = [
        Case((np.array([0.3, 0.2, 0.9]), _score_without), [0, 2, 9, 10], slips, given),
        Case((np.array([-0.3, -0.2, -0.9]), _score_without), [0, 1, 5, 10], {"sizes of claims": [0, 2, 9, 10]}, given.replace("0.", "−0.")),
        Case((np.array([0.2, 0.9]), _rises), [0, -2, -4], {}, "[0.2, 0.9], a score of 3 that rises by 2 each time"),
    ]
    return judge(answer, cases, DELETION, "Right: what went stays away, and the score is asked anew each time.")


def _score_without(gone: list[int]) -> float:
    lost = {int(row) for row in gone}
    return 10.0 - sum((4, 1, 2)[row] for row in lost) - 3.0 * ({0, 2} <= lost)


def _rises(gone: list[int]) -> float:
    return 3.0 + 2 * len(gone)


def _pearson(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])
