"""Lesson 8: the ranking loss, a contrast that knows nothing, and early stopping."""

from collections.abc import Callable
from math import exp, log
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Case, Verdict, judge

RANKING = {
    "wrong way round": "Your loss is small when the hidden item is ahead of the one that was taken. Subtract the other way.",
    "forgets the minus": "Your loss is below 0: the logarithm of a probability is never positive. A loss has a minus in front.",
    "sums": "You add up over the pairs. Take the mean, so that a batch twice as large doesn't count twice.",
    "each score alone": "You judge each score alone: the taken one should be high, the other low. Here only their difference counts.",
    "loss of the mean": "You take the mean of the differences first. One pair that is badly wrong must cost more than its neighbours can "
    "save: "
    "the loss of each pair, then the mean.",
    "probability alone": "This is a probability: it grows when the model gets better. Its negative logarithm is the loss.",
}
NOTHING = {
    "the mean": "This is the loss of one user and one item. The contrast is summed over the batch, not averaged.",
    "one side": "You count users only. Each row of the batch holds a user and an item, and both are contrasted.",
    "all nodes in one crowd": "You put users and items into one crowd. A user is told apart from users, an item from items: two contrasts.",
    "against the batch": "You tell rows apart within the batch. Here each is told apart from **all** users, or all items.",
    "log base 2": "The loss uses the natural logarithm: math.log, not log2.",
    "no logarithm": "The chance to pick the right one of n is 1/n, and the loss is −ln of it. Where is the logarithm?",
}
STOP = {
    "latest of equals": "Two epochs are level, and you take the later one as best. “Better” is strictly greater: the earliest of equals "
    "wins.",
    "counts from 0": "Epochs are counted from 1: the first value belongs to epoch 1.",
    "stops a step late": "You wait one epoch too many: stop as soon as the best is `patience` epochs back.",
    "falls in a row": "You count epochs that fell against the one before. What counts is how long the **best** has not been beaten: "
    "an epoch that rises a little but stays below it changes nothing.",
    "never stops": "You look at all epochs. A training that has been stopped never sees what would have come.",
    "sees the future": "You take the best of all epochs. When it stopped, the later ones had not happened.",
    "one number": "Two numbers are asked for: the best epoch, and the epoch after which it stops.",
}


def check_ranking_loss(answer: Callable[..., Any]) -> Verdict:
    """Check ``ranking_loss(positive, negative)``: the mean of −ln σ(difference)."""

    def soft(difference: float) -> float:
        return log(1 + exp(-difference))

    ours, theirs = np.array([2.0, 1.0, 0.0]), np.array([1.0, 1.0, 2.0])
    expected = (soft(1) + soft(0) + soft(-2)) / 3
    slips = {
        "wrong way round": (soft(-1) + soft(0) + soft(2)) / 3,
        "forgets the minus": -expected,
        "sums": 3 * expected,
        "each score alone": sum(soft(float(p)) + soft(-float(q)) for p, q in zip(ours, theirs, strict=True)) / 3,
        "loss of the mean": soft(-1 / 3),
        "probability alone": (exp(-soft(1)) + exp(-soft(0)) + exp(-soft(-2))) / 3,
    }
    cases = [
        Case((ours, theirs), expected, slips),
        Case((np.zeros(4), np.zeros(4)), log(2)),
        Case((np.array([9.0]), np.array([-1.0])), soft(10)),
    ]
    return judge(answer, cases, RANKING, "Right: ln 2 where scores are level, and the further ahead the taken item is, the less it costs.")


def check_knowing_nothing(answer: Callable[..., Any]) -> Verdict:
    """Check ``knowing_nothing(batch, n_users, n_items)``: both contrasts of a batch where all cosines are equal, before the weight."""
    batch, users, items = 12, 100, 20
    slips = {
        "the mean": log(users) + log(items),
        "one side": batch * log(users),
        "all nodes in one crowd": 2 * batch * log(users + items),
        "against the batch": 2 * batch * log(batch),
        "log base 2": batch * (np.log2(users) + np.log2(items)),
        "no logarithm": batch * (1 / users + 1 / items),
    }
    cases = [Case((batch, users, items), batch * (log(users) + log(items)), slips), Case((3, 1, 1), 0.0)]
    return judge(answer, cases, NOTHING, "Right: one of n at random costs ln n, for each user and for each item of the batch.")


def check_stop(answer: Callable[..., Any]) -> Verdict:
    """Check ``stop(valid, patience)``: [best epoch, last epoch], from 1."""
    rise = [0.30, 0.40, 0.38, 0.39, 0.37, 0.36, 0.35, 0.50, 0.45]
    level = [0.2, 0.4, 0.4, 0.3, 0.3]
    cases = [
        Case(
            (rise, 3),
            [2, 5],
            {
                "counts from 0": [1, 4],
                "stops a step late": [2, 6],
                "falls in a row": [2, 7],
                "never stops": [8, 9],
                "sees the future": [8, 5],
                "one number": 2,
            },
        ),
        Case((level, 2), [2, 4], {"latest of equals": [3, 5]}),
        Case(([0.1, 0.2, 0.3], 5), [3, 3]),
    ]
    return judge(answer, cases, STOP, "Right: the earliest best, and an end as soon as patience runs out, or when the epochs do.")
