"""Lesson 3: an incidence matrix, what an adjacency matrix keeps of it, and messages through hyperedges. Items are rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Case, Verdict, judge

INCIDENCE = {
    "lies on its side": "Rows and columns are exchanged: here an item is a row, a hyperedge a column.",
    "pairs instead of groups": "This has a row and a column for each item: it says who is with whom, and no longer in which group. A "
    "column must stand for a hyperedge.",
    "shares instead of ones": "The rows were divided so that they sum to 1. An item that is in two hyperedges is wholly in both: 1 and 1.",
    "one group for each": "An item that is in two groups is in one of them only. That would be a partition; hyperedges may overlap.",
    "counts from 1": "Everything is off by one row: items are counted from 0.",
    "counts twice": "An item that a list names twice is 2 here. It is in the hyperedge or it is not: 1 or 0.",
}
ADJACENCY = {
    "joined to itself": "The diagonal is not 0. A line joins two different items.",
    "counts the groups": "Two items that share two hyperedges have a 2. An adjacency says whether they share one: 1 or 0.",
    "counts, and joins to itself": "This is H Hᵀ as it is: it counts shared hyperedges, and on its diagonal in how many an item is. "
    "Ask whether there is one, and only between different items.",
    "half of the lines": "Each line stands here once, above the diagonal. An adjacency has it twice: from i to j, and from j to i.",
    "groups instead of items": "This has a row and a column for each hyperedge: which groups share items. It is the items that are to be "
    "joined.",
}
MESSAGES = {
    "leaves itself out": "An item doesn't hear itself. Its own row goes into its hyperedges as everyone's does, and comes back.",
    "stops at the hyperedges": "This has a row for each hyperedge: the first half, Λ. The items still have to read it.",
    "means in the hyperedges": "Each hyperedge took the mean of its items. Here it is the sum: a large group speaks louder.",
    "means over the hyperedges": "Each item took the mean over its hyperedges. Here it is the sum: who is in two groups hears both in "
    "full.",
    "means both ways": "Both half steps took a mean, as many hypergraph networks do. Here both are sums.",
    "adds its own row": "The item's own row was added. It already comes back through the item's hyperedges.",
    "divides by the length": "Each row was divided by its length. SRGFormer does that at the very end; between rounds the rows stay as "
    "they are.",
    "along the lines": "This goes along the lines of the adjacency. Two items that share two hyperedges must hear each other twice.",
    "all or nothing": "A membership of 0.5 counted as 1. Half a member sends half, and hears half.",
}
GROUPS, N_ITEMS = [[0, 1, 2], [2, 3]], 5


def check_incidence(answer: Callable[..., Any]) -> Verdict:
    """Check ``incidence(groups, n_items)``: 1 where an item is in a hyperedge."""
    whole = _incidence(GROUPS, N_ITEMS)
    first_only, last_only = whole.copy(), whole.copy()
    first_only[2, 1] = last_only[2, 0] = 0
    cases = [
        Case(
            (GROUPS, N_ITEMS),
            whole,
            {
                "lies on its side": whole.T,
                "shares instead of ones": whole / np.maximum(whole.sum(1, keepdims=True), 1),
                "one group for each": (first_only, last_only),
                "counts from 1": (np.roll(whole, 1, axis=0), np.roll(whole, -1, axis=0)),
                "pairs instead of groups": _lines(whole),
            },
        ),
        Case(([[1, 0, 1]], 2), np.ones((2, 1)), {"counts twice": np.array([[1.0], [2.0]])}),
    ]
    return judge(answer, cases, INCIDENCE, "Right: a row an item, a column a hyperedge; item 2 is in both, item 4 in none.")


def check_adjacency_of(answer: Callable[..., Any]) -> Verdict:
    """Check ``adjacency_of(H)``: 1 where two different items share a hyperedge."""
    members = _incidence([[0, 1, 2], [1, 2, 3]], 4)
    counts = members @ members.T
    cases = [
        Case(
            (members,),
            _lines(members),
            {
                "joined to itself": counts > 0,
                "counts the groups": counts * (1 - np.eye(4)),
                "counts, and joins to itself": counts,
                "half of the lines": np.triu(_lines(members)),
                "groups instead of items": (members.T @ members, np.ones((2, 2)), 1 - np.eye(2)),
            },
        ),
        Case((_incidence([[0], [1, 2]], 3),), np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0]])),
    ]
    praise = "Right. And in which hyperedge two items meet can't be read from it any more."
    return judge(answer, cases, ADJACENCY, praise)


def check_pass_messages(answer: Callable[..., Any]) -> Verdict:
    """Check ``pass_messages(H, Z)``: Λ = HᵀZ, then HΛ."""
    members = _incidence([[0, 1, 2], [1, 2, 3]], 4)
    rows = np.array([[1.0, 0.0], [0.0, 2.0], [4.0, 0.0], [0.0, 8.0]])
    soft = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    start = np.array([[1.0], [-2.0], [-4.0]])
    share = members / members.sum(0)
    every = 1 / members.sum(1, keepdims=True)
    right = members @ members.T @ rows
    hard = (soft > 0).astype(float)
    cases = [
        Case(
            (members, rows),
            right,
            {
                "leaves itself out": right - members.sum(1, keepdims=True) * rows,
                "stops at the hyperedges": members.T @ rows,
                "means in the hyperedges": members @ share.T @ rows,
                "means over the hyperedges": every * right,
                "means both ways": every * (members @ share.T @ rows),
                "adds its own row": rows + right,
                "divides by the length": right / np.linalg.norm(right, axis=1, keepdims=True),
                "along the lines": (_lines(members) @ rows, (_lines(members) + np.eye(4)) @ rows),
            },
            description="hyperedges {0, 1, 2} and {1, 2, 3}, Z = [[1, 0], [0, 2], [4, 0], [0, 8]]",
        ),
        Case((soft, start), soft @ soft.T @ start, {"all or nothing": (hard @ hard.T @ start, hard @ soft.T @ start)}),
    ]
    praise = "Right: items write into their hyperedges, and read from them; half a member counts half. This is what SRGFormer does."
    return judge(answer, cases, MESSAGES, praise)


def _incidence(groups: list[list[int]], n_items: int) -> np.ndarray:
    members = np.zeros((n_items, len(groups)))
    for column, group in enumerate(groups):
        members[group, column] = 1
    return members


def _lines(members: np.ndarray) -> np.ndarray:
    return ((members @ members.T) > 0) * (1 - np.eye(len(members)))
