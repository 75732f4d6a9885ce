"""Lesson 7: the fusion, the shares of a score, and the settings of an ablation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Case, Verdict, judge

FUSE = {
    "no normalisation": "Nothing is brought to length 1. Then a modality whose vectors happen to be long drowns all the others.",
    "scales before normalising": "α and β have no effect: you scale first, and bringing a vector to length 1 takes the scale away again.",
    "normalises the id part": "The id part is divided by its length as well. It comes in as it is: its length carries how popular a node "
    "is.",
    "normalises columns": "You divide by the length of columns. Each row is one user or item; a row must have length 1.",
    "normalises the sum": "You add the modalities up and bring the sum to length 1. Each modality comes in at length 1 of its own.",
    "scales everything by α": "α multiplies both branches. α belongs to attention, β to the hypergraph.",
    "swaps α and β": "α and β have changed places. α belongs to attention, β to the hypergraph.",
    "averages the modalities": "You take the mean of the modalities. The formula has a sum: a second modality adds, it does not dilute.",
    "normalises the result": "The fused vector has length 1. Each part is brought to length 1 before the sum; the sum is left as it is.",
    "lengths along columns": "Column j is divided by the length of row j: numpy lays an array (nodes,) along the columns. Keep the lengths "
    "as a column of shape (nodes, 1).",
    "one length for all": "You divide by one length for the whole array. Each row needs its own: axis=1, keepdims=True.",
    "modalities as long as they are": "The modalities come in as long as they are. They are brought to length 1 like the branches.",
}
SHARES = {
    "only like with like": "You multiply each part with its own kind only. A user's picture part also meets the item's text part: all "
    "pairs "
    "count, and your numbers don't add up to the score.",
    "the user's side only": "These are row sums: what the user's parts bring. The item's parts have columns of the same table; meet "
    "halfway.",
    "the item's side only": "These are column sums: what the item's parts bring. The user's parts have rows of the same table; meet "
    "halfway.",
    "counts twice": "Your shares add up to twice the score: row sums and column sums each hold the whole table.",
    "gives the table": "This is the whole table. Fold it: one number for each part.",
    "own cell once": "A part meets itself in one cell. It stands in the row and in the column of the part, so both its halves are the "
    "part's own.",
    "divides by the score": "You divide by the score. What is asked for adds up to the score, not to 1.",
}
WITHOUT = {
    "hypergraph still trained": "β = 0 keeps the branch out of the score, but its contrast c still trains the id embeddings that feed it. "
    "Without the hypergraph, no term of the loss may speak of it.",
    "contrast alone": "You switch off the contrast only; the branch still counts in the score.",
    "leaves out too much": "You leave out more than the part that was asked for. Then nobody can say which part made the difference.",
    "the hypergraph goes too": "The hypergraph has groups of the other modality as well. It stays in the score, with β as it was.",
    "contrasts one with itself": "With one modality there is no pair to pull together. Both contrasts need two modalities.",
    "the modalities' contrast stays": "γ holds a node's picture vector against its text vector. With one of the two gone, it has no pair "
    "either.",
    "the other contrast stays": "One contrast is left. Both compare pictures with texts: c in the hypergraph, γ outside it.",
}


def check_fuse(answer: Callable[..., Any]) -> Verdict:
    """Check ``fuse(collaborative, modalities, attention, hypergraph, alpha, beta)``: E*, an array (rows, dim)."""
    ids, hypergraph = np.array([[1.0, 1.0], [-3.0, 2.0]]), np.array([[4.0, 3.0], [0.0, 0.5]])
    modalities = [np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([[0.0, 5.0], [6.0, 8.0]])]
    attention, isolated, alpha, beta = np.array([[0.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [0.0, 0.0]]), 0.4, 0.2
    content = _unit(modalities[0]) + _unit(modalities[1])
    structure = alpha * _unit(attention) + beta * _unit(hypergraph)
    slips = {
        "no normalisation": ids + modalities[0] + modalities[1] + alpha * attention + beta * hypergraph,
        "scales before normalising": ids + content + _unit(attention) + _unit(hypergraph),
        "normalises the id part": _unit(ids) + content + structure,
        "normalises columns": ids + sum(_unit(one, 0) for one in modalities) + alpha * _unit(attention, 0) + beta * _unit(hypergraph, 0),
        "normalises the sum": ids + _unit(modalities[0] + modalities[1]) + structure,
        "scales everything by α": ids + content + alpha * (_unit(attention) + _unit(hypergraph)),
        "swaps α and β": ids + content + beta * _unit(attention) + alpha * _unit(hypergraph),
        "averages the modalities": ids + content / 2 + structure,
        "normalises the result": _unit(ids + content + structure),
        "one length for all": ids + sum(map(_whole, modalities)) + alpha * _whole(attention) + beta * _whole(hypergraph),
        "modalities as long as they are": ids + modalities[0] + modalities[1] + structure,
        "lengths along columns": ids + sum(map(_spread, modalities)) + alpha * _spread(attention) + beta * _spread(hypergraph),
    }
    lonely = ids + content + alpha * _unit(isolated) + beta * _unit(hypergraph)
    cases = [
        Case(
            (ids, modalities, attention, hypergraph, alpha, beta), ids + content + structure, slips, "… two nodes, two modalities, 0.4, 0.2"
        ),
        Case((ids, modalities, isolated, hypergraph, alpha, beta), lonely, {}, "… the second node has no neighbour: attention 0"),
        Case((ids, [], attention, hypergraph, 0.0, 0.0), ids, {}, "ids, no modality, …, α = 0, β = 0"),
    ]
    return judge(answer, cases, FUSE, "Right: direction from the branches, weight from α and β; without all of them the id part is left.")


def _unit(rows: np.ndarray, axis: int = 1) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=axis, keepdims=True), 1e-12)


def _spread(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1), 1e-12)


def _whole(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows)


def check_shares(answer: Callable[..., Any]) -> Verdict:
    """Check ``shares(user_parts, item_parts)``: one number a part; together they are the score."""
    ours, theirs = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]]), np.array([[2.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    slips = {
        "only like with like": [4, 0, 1],
        "the user's side only": [9, 9, 3],
        "the item's side only": [11, 3, 7],
        "counts twice": [20, 12, 10],
        "own cell once": [8, 6, 4.5],
        "gives the table": [[4, 2, 3], [6, 0, 3], [1, 1, 1]],
        "divides by the score": [10 / 21, 6 / 21, 5 / 21],
    }
    cases = [
        Case((ours, theirs), [10, 6, 5], slips),
        Case((np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[-1.0, 1.0], [3.0, 0.0]])), [1, 3], {"only like with like": [-2, 0]}),
        Case((np.array([[1.0, -1.0], [2.0, 0.0]]), np.array([[-3.0, 0.0], [1.0, 1.0]])), [-6, -1]),
    ]
    return judge(answer, cases, SHARES, "Right: every cell is given half to its row and half to its column, and nothing is lost.")


def check_without(answer: Callable[..., Any]) -> Verdict:
    """Check ``without(part, settings)``: [α, β, c, γ] of the training without a part."""
    settings = [0.3, 0.4, 0.01, 0.02]
    cases = [
        Case(("attention", settings), [0, 0.4, 0.01, 0.02], {"leaves out too much": [0, 0, 0, 0]}),
        Case(
            ("hypergraph", settings),
            [0.3, 0, 0, 0.02],
            {
                "hypergraph still trained": [0.3, 0, 0.01, 0.02],
                "contrast alone": [0.3, 0.4, 0, 0.02],
                "leaves out too much": [0.3, 0, 0, 0],
            },
        ),
        Case(
            ("image", settings),
            [0.3, 0.4, 0, 0],
            {
                "contrasts one with itself": settings,
                "the other contrast stays": [0.3, 0.4, 0.01, 0],
                "the modalities' contrast stays": [0.3, 0.4, 0, 0.02],
                "the hypergraph goes too": [0.3, 0, 0, 0],
            },
        ),
        Case(("text", settings), [0.3, 0.4, 0, 0], {"contrasts one with itself": settings}),
    ]
    return judge(answer, cases, WITHOUT, "Right: the part is gone from the score and from the loss, and everything else is as it was.")
