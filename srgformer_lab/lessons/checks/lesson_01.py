"""Lesson 1: a list from scores, Recall@k, NDCG@k. An item is its index; a better place is an earlier one."""

from collections.abc import Callable
from math import log2
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Case, Verdict, judge

TOP_K = {
    "keeps what is known": "An item that the person already has is in the list. It must not be: nobody needs to be told of it again.",
    "worst first": "The lowest scores come first. The list must begin with the highest score.",
    "best last": "These are the right items in the wrong order: the best must come first. A list is read from its top.",
    "cuts before hiding": "The list is too short. You cut to k first and took the known items out afterwards; "
    "hide them first, then the next best item moves up.",
    "hides with 0": "A known item is in the list. Setting its score to 0 or −1 does not hide it: here all others are lower. "
    "Which number is below every score?",
    "hides with the lowest": "A known item is in the list. It got the lowest of all scores, and so it is level with an item that may be "
    "shown. Which number is below every score?",
    "fills up with what is known": "Fewer than k items are left, and the known ones fill the list. A list that is shorter is right here.",
    "numbers the rest anew": "These are places in a shortened array, not the items. When items are removed, all later ones get another "
    "number; hide them without removing them.",
    "gives scores": "These are scores. The list must hold the items: where these scores stand.",
}
RECALL = {
    "divides by k": "You divide by k. That is precision: which share of the list was right. Recall asks which share of the person's "
    "hidden items was found.",
    "counts only": "This is the number of hits. Recall is a share: of how many items that could have been found?",
    "ignores k": "Hits after place k count as well. Only the first k items of the list are looked at.",
    "gives percent": "This is in percent. Give the share itself: all found is 1, not 100.",
    "one hit is enough": "This says whether there is a hit at all (the hit rate). Recall counts how many of the hidden items were found.",
    "divides by min(k, positives)": "You divide by the most hits that a list of k can have. Then a list can be perfect that misses half of "
    "what the person took; recall divides by all hidden items.",
}
NDCG = {
    "divides by the hidden": "You divide by how many items are hidden, as Recall does. But even the best list has a discount on its second "
    "hit, so it would not get 1. Divide by the DCG of the best list that is possible.",
    "ideal list always full": "Your ideal list has a hit at each of the k places. But this person has fewer hidden items than k, so nobody "
    "could reach 1. How many hits can the best list have?",
    "no ideal": "This is DCG: it depends on how many items the person has. Divide by the DCG of the best list that is possible.",
    "ideal of the found": "Your ideal list holds only the hits that were found. Then a list that misses an item can still be perfect; "
    "the ideal list has all hidden items first, as far as k places go.",
    "ideal ends with the list": "Your ideal list is as short as the one that was given. A short list that misses an item is not "
    "perfect: the ideal list has all hidden items first, as far as k places go.",
    "ideal ignores k": "Your ideal list is longer than k. A list of k places can't hold more than k hits, so the ideal one can't either.",
    "starts one place late": "The discount begins one place too late: the first place must count fully, 1 / log2(2) = 1.",
    "one over the place": "You discount by 1 / place. NDCG is gentler: 1 / log2(place + 1), places counted from 1.",
    "no discount": "All places count alike. A hit at place 1 must be worth more than one at place 5.",
    "ignores k": "Hits after place k count as well. Only the first k items of the list are looked at.",
}


def check_top_k(answer: Callable[..., Any]) -> Verdict:
    """Check ``top_k(scores, known, k)``: the rows of the k best items that are not known, the best first."""
    scores, low = [0.9, 0.2, 0.8, 0.4, 0.7], [-3.0, -1.0, -2.0, -4.0, -5.0]
    cases = [
        Case(
            (np.array(scores), [0], 3),
            [2, 4, 3],
            {
                "keeps what is known": [0, 2, 4],
                "worst first": [1, 3, 4],
                "best last": [3, 4, 2],
                "cuts before hiding": [2, 4],
                "numbers the rest anew": [1, 3, 2],
                "gives scores": [0.8, 0.7, 0.4],
            },
        ),
        Case((np.array(low), [1], 2), [2, 0], {"hides with 0": [1, 2], "worst first": [4, 3]}),
        Case((np.array(scores), [], 2), [0, 2]),
        Case((np.array([-1.0, -2.0, -3.0]), [0], 2), [1, 2], {"hides with the lowest": [1, 0]}),
        Case((np.array([0.5, 0.9, 0.7]), [1], 3), [2, 0], {"fills up with what is known": [2, 0, 1]}),
        Case((np.array([0.1, 0.3, 0.2, 0.4]), [2, 0], 2), [3, 1]),
    ]
    return judge(answer, cases, TOP_K, "Right: known items are hidden, whatever the scores are, and the next best move up.")


def check_recall_at_k(answer: Callable[..., Any]) -> Verdict:
    """Check ``recall_at_k(ranked, relevant, k)``: the share of the relevant items that is among the first k."""
    ranked = [7, 3, 9, 1, 5, 4]
    cases = [
        Case(
            (ranked, {3, 9, 4, 8}, 5),
            2 / 4,
            {"divides by k": 2 / 5, "counts only": 2, "one hit is enough": 1, "ignores k": 3 / 4, "gives percent": 50},
        ),
        Case((ranked, {7, 3, 8, 6}, 2), 2 / 4, {"divides by min(k, positives)": 1.0, "one hit is enough": 1.0, "counts only": 2}),
        Case((ranked, {7, 3}, 5), 1.0, {"divides by k": 2 / 5}),
        Case((ranked, {7, 6}, 1), 1 / 2, {"one hit is enough": 1.0, "divides by min(k, positives)": 1.0}),
        Case((ranked, {6}, 5), 0.0),
        Case(([4, 2], {2, 9, 4, 1}, 5), 2 / 4, {"divides by k": 2 / 5}),
    ]
    return judge(answer, cases, RECALL, "Right: found, divided by all that there was to find.")


def check_ndcg_at_k(answer: Callable[..., Any]) -> Verdict:
    """Check ``ndcg_at_k(ranked, relevant, k)``: DCG of the first k, divided by that of the best list of k."""
    ranked = [7, 3, 9, 1, 4]
    gain = [1 / log2(place + 1) for place in range(1, 6)]
    late = [1 / log2(place + 2) for place in range(1, 6)]
    hits = gain[1] + gain[3]
    cases = [
        Case(
            (ranked, {3, 1}, 5),
            hits / (gain[0] + gain[1]),
            {
                "ideal list always full": hits / sum(gain),
                "no ideal": hits,
                "divides by the hidden": hits / 2,
                "starts one place late": (late[1] + late[3]) / (late[0] + late[1]),
                "one over the place": (1 / 2 + 1 / 4) / (1 + 1 / 2),
                "no discount": 1.0,
            },
        ),
        Case((ranked, {3, 8}, 5), gain[1] / (gain[0] + gain[1]), {"ideal of the found": gain[1]}),
        Case(
            (ranked, {3, 9, 4}, 2),
            gain[1] / (gain[0] + gain[1]),
            {
                "ignores k": (gain[1] + gain[2] + gain[4]) / (gain[0] + gain[1]),
                "ideal ignores k": gain[1] / sum(gain[:3]),
                "ideal of the found": gain[1],
            },
        ),
        Case((ranked, {6}, 5), 0.0),
        Case(([3, 8], {3, 8, 6}, 5), sum(gain[:2]) / sum(gain[:3]), {"ideal ends with the list": 1.0, "ideal of the found": 1.0}),
    ]
    praise = "Right: an early hit is worth more, and the best list that is possible for this person gets 1."
    return judge(answer, cases, NDCG, praise)
