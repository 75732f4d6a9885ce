"""Lesson 9: a score by pairs of parts, Spearman's rank correlation, and a deletion test."""

from collections.abc import Callable
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Case, Verdict, judge

PARTS = {
    "same parts only": "You only let a part meet its own kind. But the sums are multiplied whole: the user's image part meets the item's "
    "text part, too. Without these cells the sum is not the score.",
    "one number": "This is the whole score. Asked for is a table: a row for each part of the user, a column for each part of the item.",
    "turned": "Rows and columns are swapped. The rows belong to the user's parts, the columns to the item's.",
    "no sum over dimensions": "You multiply entries. A cell is a dot product: multiply entry by entry, then sum over the dimensions.",
    "sizes only": "You took sizes. A part that speaks against the item has a cell below 0, and the sum needs it.",
    "shares of the score": "You divided by the score. The cells shall sum to the score, not to 1; near a score of 0 such shares explode.",
}
RANKS = {
    "values, not ranks": "This is Pearson's correlation of the values. One huge value then decides alone. Turn both into ranks first.",
    "order, not ranks": "argsort gives the rows in order of size: who is first, who is second. A rank says for each row which place it "
    "has. They are different lists.",
    "wrong sign": "The sign is turned. The largest claim and the largest effect must get the same rank: rank both in the same direction.",
    "not divided": "This is the sum of the products. Divide by both sizes, so that the result lies between −1 and 1.",
    "middle not taken off": "Take the mean rank off first. Otherwise even ranks that have nothing to do with each other seem to agree.",
}
DELETION = {
    "sums single removals": "You add up what single removals cost. Two items may stand in for each other: take them away together, "
    "and ask for the score without all of them.",
    "one at a time": "At each step only one item is gone, and the earlier ones are back. They must stay away.",
    "least first": "You take away the smallest claims first. A good claim is tested by what it calls most important.",
    "ignores the claims": "You take the items away in the order in which they stand. The order must come from the claims.",
    "scores": "These are the scores that are left. Asked for is the fall: the score with everything, less what is left.",
    "keeps instead of removes": "You keep the largest claims and remove the others. That is the other test (sufficiency).",
    "starts too late": "The first entry is missing: with nothing taken away, the fall is 0.",
}


def check_take_apart(answer: Callable[..., Any]) -> Verdict:
    """Check ``take_apart(user_parts, item_parts)``: the dot products of all pairs of parts."""
    cases = []
    for user, item in (
        ([[1.0, 2.0], [3.0, 0.0]], [[2.0, 1.0], [0.0, -1.0]]),
        ([[1.0, 0.0, 2.0], [2.0, 1.0, 0.0]], [[3.0, 1.0, 1.0], [-1.0, 2.0, 2.0]]),
    ):
        left, right = np.array(user), np.array(item)
        cells = left @ right.T
        slips = {
            "same parts only": np.diag(np.diag(cells)),
            "one number": cells.sum(),
            "turned": cells.T,
            "no sum over dimensions": left * right,
            "sizes only": abs(cells),
            "shares of the score": cells / cells.sum(),
        }
        cases.append(Case((left, right), cells, slips))
    return judge(answer, cases, PARTS, "Right: every part of the user meets every part of the item, and the cells sum to the score.")


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
            "not divided": (away[0] * away[1]).sum(),
            "middle not taken off": cosine,
        }
        cases.append(Case(values, right, slips))
    return judge(answer, cases, RANKS, "Right: 1 is the same order, −1 the reverse, and how far the values lie apart does not matter.")


def check_deletion(answer: Callable[..., Any]) -> Verdict:
    """Check ``deletion(claims, score_without)``: the fall of the score with 0, 1, 2, … of the largest claims taken away."""
    slips = {
        "sums single removals": [0, 2, 3, 7],
        "one at a time": [0, 2, 1, 4],
        "least first": [0, 4, 5, 10],
        "ignores the claims": [0, 1, 5, 10],
        "scores": [10, 8, 4, 0],
        "keeps instead of removes": [10, 5, 4, 0],
        "starts too late": [2, 6, 10],
    }
    told = "[0.3, 0.2, 0.9], a score of 10 that falls by 1, 4, 2, and by 3 more without both 0 and 2"
    cases = [
        Case((np.array([0.3, 0.2, 0.9]), _score_without), [0, 2, 6, 10], slips, told),
        Case((np.array([-0.3, -0.2, -0.9]), _score_without), [0, 4, 5, 10], told=told.replace("0.", "−0.")),
    ]
    return judge(answer, cases, DELETION, "Right: what went stays away, and the score is asked anew each time.")


def _score_without(gone: list[int]) -> float:
    lost = {int(row) for row in gone}
    return 10.0 - sum((1, 4, 2)[row] for row in lost) - 3.0 * ({0, 2} <= lost)


def _pearson(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])
