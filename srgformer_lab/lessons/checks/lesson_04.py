"""Lesson 4: memberships by softmax, people's memberships, and the Gumbel-softmax. Rows are items or people, columns hyperedges."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import softmax

from srgformer_lab.lessons.verdict import Case, Verdict, judge

MEMBERSHIPS = {
    "over the items": "Each column sums to 1, so the items share out a hyperedge. Each item has one whole to share out: its row must sum "
    "to 1.",
    "multiplies by τ": "You multiply by τ. Divide: a small τ must make differences larger, and rows sharper.",
    "no exponential": "The scores were divided by their sum. Scores can be negative or 0; their exponentials can't.",
    "takes the largest": "Each row has one 1 and else 0: that is the largest score's hyperedge alone. It can't be trained, as it doesn't "
    "change when a score changes a little.",
    "gives scores": "These are the scores S. They must become shares: not negative, and 1 in each row.",
    "forgets τ": "The temperature has no effect. Divide the scores by it before the exponential.",
    "overflows": "e¹⁰⁰⁰⁰ is no number any more. Subtract from each row a number that makes none of its scores larger than 0.",
    "largest of all rows": "You subtract the same number from all rows: a row whose scores are far below it has only e⁻¹⁰⁰⁰⁰ = 0 left. "
    "Each row has a largest score of its own.",
}
USERS = {
    "mean of the scores": "You take the mean of the history's scores. SRGFormer takes the sum: a long history makes a decided row.",
    "mean of the items' rows": "You average the items' finished rows. The scores are added first, and the softmax comes last.",
    "sum of the items' rows": "You add the items' finished rows, so a person has more than one whole. Add the scores, then take the "
    "softmax.",
    "over the people": "Each column sums to 1, so people share out a hyperedge. Each person has one whole to share out.",
    "over everything": "All numbers together sum to 1. Each person has one whole to share out: softmax needs its axis.",
    "softmax twice": "You add the items' shares. Add their scores, and take the softmax once, at the end.",
    "gives scores": "These are the summed scores. The softmax is still to come.",
    "forgets τ": "The temperature has no effect. Divide the summed scores by it before the softmax.",
}
GUMBEL = {
    "no noise": "u has no effect: these are the memberships without noise.",
    "noise after the temperature": "The noise was added after the division by τ. It belongs to the scores: add it first, then divide "
    "both. Otherwise a small τ drowns it.",
    "one logarithm": "You took −ln u. That is an exponential draw, never negative; Gumbel noise is −ln(−ln u).",
    "wrong sign": "The sign is turned: ln(−ln u) is large for small u. Gumbel noise is −ln(−ln u).",
    "adds u itself": "You added u as it is. It has to become Gumbel noise first.",
    "noise on the shares": "The noise was added to the finished shares; they no longer sum to 1. It belongs to the scores.",
    "takes the largest": "Each row has one 1 and else 0: a draw of the largest alone. The softmax keeps it soft, so that it can be "
    "trained.",
}


def check_memberships(answer: Callable[..., Any]) -> Verdict:
    """Check ``memberships(X, V, tau)``: softmax(XV/τ) row by row."""
    features, attributes = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([[2.0, 1.0], [1.0, 0.0]])
    scores, tau = features @ attributes, 0.5
    huge = np.array([[1000.0, 0.0], [0.0, 0.0]])
    cases = [
        Case(
            (features, attributes, tau),
            softmax(scores / tau, axis=1),
            {
                "over the items": softmax(scores / tau, axis=0),
                "multiplies by τ": softmax(scores * tau, axis=1),
                "no exponential": scores / scores.sum(1, keepdims=True),
                "takes the largest": np.eye(2)[scores.argmax(1)],
                "gives scores": scores,
                "forgets τ": softmax(scores, axis=1),
            },
        ),
        Case(
            (huge, np.eye(2), 0.1),
            np.array([[1.0, 0.0], [0.5, 0.5]]),
            {"overflows": np.array([[np.nan, 0.0], [0.5, 0.5]]), "largest of all rows": np.array([[1.0, 0.0], [np.nan, np.nan]])},
            description="an item of scores 1,000 and 0, an item of scores 0 and 0, τ = 0.1",
        ),
    ]
    return judge(answer, cases, MEMBERSHIPS, "Right: every item shares out one whole among the hyperedges, the sharper the smaller τ is.")


def check_user_memberships(answer: Callable[..., Any]) -> Verdict:
    """Check ``user_memberships(R, S, tau)``: softmax(RS/τ) row by row."""
    taken, scores, tau = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]), np.array([[1.0, 0.0], [2.0, 0.5], [0.0, 1.0]]), 2.0
    summed, items = taken @ scores, softmax(scores / tau, axis=1)
    count = taken.sum(1, keepdims=True)
    nobody = np.zeros((1, 3))
    cases = [
        Case(
            (taken, scores, tau),
            softmax(summed / tau, axis=1),
            {
                "mean of the scores": softmax(summed / count / tau, axis=1),
                "mean of the items' rows": taken @ items / count,
                "sum of the items' rows": taken @ items,
                "over the people": softmax(summed / tau, axis=0),
                "over everything": softmax(summed / tau),
                "softmax twice": softmax(taken @ items / tau, axis=1),
                "gives scores": summed,
                "forgets τ": softmax(summed, axis=1),
            },
        ),
        Case((nobody, scores, tau), np.array([[0.5, 0.5]]), description="a person who took nothing, 2 hyperedges"),
    ]
    return judge(answer, cases, USERS, "Right: what a person took adds up, and who took nothing is in all hyperedges alike.")


def check_gumbel_softmax(answer: Callable[..., Any]) -> Verdict:
    """Check ``gumbel_softmax(S, u, tau)``: softmax((S − ln(−ln u))/τ) row by row."""
    scores, uniform, tau = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), np.array([[0.1, 0.9, 0.5], [0.3, 0.6, 0.8]]), 0.5
    noise = -np.log(-np.log(uniform))
    cases = [
        Case(
            (scores, uniform, tau),
            softmax((scores + noise) / tau, axis=1),
            {
                "no noise": softmax(scores / tau, axis=1),
                "noise after the temperature": softmax(scores / tau + noise, axis=1),
                "one logarithm": softmax((scores - np.log(uniform)) / tau, axis=1),
                "wrong sign": softmax((scores - noise) / tau, axis=1),
                "adds u itself": softmax((scores + uniform) / tau, axis=1),
                "noise on the shares": softmax(scores / tau, axis=1) + noise,
                "takes the largest": np.eye(3)[(scores + noise).argmax(1)],
            },
        ),
    ]
    praise = "Right: noise on the scores, then temperature, then softmax. The largest of a row is a fair draw, and yet it can be trained."
    return judge(answer, cases, GUMBEL, praise)
