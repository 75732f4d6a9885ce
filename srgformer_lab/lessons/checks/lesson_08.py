"""Lesson 8: gradient descent, a contrast that knows nothing, and early stopping."""

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Case, Verdict, judge

DESCEND = {
    "uphill": "You walk uphill. The gradient points to where the loss rises; a step goes the other way.",
    "one step": "You take one step only. Repeat it, each time from where the last one ended.",
    "gradient once": "You ask for the gradient once, at the start. After a step the slope is another: ask again, where you stand now.",
    "slope of its own": "You always walk down w². The loss is another here: ask the function `gradient` for its slope.",
    "forgets the rate": "Your steps are as long as the gradient. The learning rate says which part of it a step goes.",
}
NOTHING = {
    "the mean": "This is the loss of one user and one item. The contrast is summed over the batch, not averaged.",
    "negative": "The logarithm of 1/n is negative. In the formula a minus stands before it: knowing nothing costs something.",
    "leaves itself out": "You leave the person and the item themselves out. The sum below the line runs over all, these among them.",
    "counts each once": "You count each person and item once. Who stands in several triples of the batch is contrasted in each.",
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
    "stops a step early": "You stop one epoch too soon. When the best is `patience` epochs back, that epoch is still run.",
    "never resets": "You count all epochs without a better one. A better one resets the count: only those since the best matter.",
    "values": "You give the value of the best epoch. Asked for is which epoch it is.",
    "begins at 0": "Your best begins as 0, so an epoch of 0 or less never becomes the best. The first epoch is the best so far, whatever "
    "its value.",
    "stops a step late": "You wait one epoch too many: stop as soon as the best is `patience` epochs back.",
    "falls in a row": "You count epochs that fell against the one before. What counts is how long the **best** has not been beaten: "
    "an epoch that rises a little but stays below it changes nothing.",
    "never stops": "You look at all epochs. A training that has been stopped never sees what would have come.",
    "sees the future": "You take the best of all epochs. When it stopped, the later ones had not happened.",
    "one number": "Two numbers are asked for: the best epoch, and the epoch after which it stops.",
}


def check_descend(answer: Callable[..., Any]) -> Verdict:
    """Check ``descend(weight, gradient, rate, steps)``: the weight after some steps of gradient descent."""

    def bowl(weight: Any) -> Any:
        return 2 * weight

    slips = {"uphill": 1.2**3, "one step": 0.8, "gradient once": 0.4, "forgets the rate": -1.0}
    cases = [
        Case((1.0, bowl, 0.1, 3), 0.8**3, slips, "1.0, gradient = 2w, 0.1, 3"),
        Case((np.array([1.0, -2.0]), bowl, 0.5, 1), [0.0, 0.0], {}, "[1, −2], gradient = 2w, 0.5, 1"),
        Case((1.0, bowl, 1.1, 2), 1.44, {}, "1.0, gradient = 2w, 1.1, 2"),
        Case((2.0, lambda weight: 3 * weight**2, 0.1, 2), 0.608, {"slope of its own": 1.28}, "2.0, gradient = 3w², 0.1, 2"),
        Case((np.array([-1.0, 0.5]), bowl, 0.1, 2), [-0.64, 0.32], {}, "[−1, 0.5], gradient = 2w, 0.1, 2"),
        Case((3.0, bowl, 0.1, 0), 3.0, {}, "3.0, gradient = 2w, 0.1, 0 steps"),
    ]
    return judge(answer, cases, DESCEND, "Right: from where you stand, against the slope. With a rate of 1.1 the same walk runs away.")


def check_knowing_nothing(answer: Callable[..., Any]) -> Verdict:
    """Check ``knowing_nothing(batch, n_users, n_items)``: both contrasts of a batch where all cosines are equal, before the weight."""
    batch, users, items = 12, 100, 20
    slips = {
        "the mean": log(users) + log(items),
        "negative": -batch * (log(users) + log(items)),
        "leaves itself out": batch * (log(users - 1) + log(items - 1)),
        "one side": batch * log(users),
        "all nodes in one crowd": 2 * batch * log(users + items),
        "against the batch": 2 * batch * log(batch),
        "log base 2": batch * (np.log2(users) + np.log2(items)),
        "no logarithm": batch * (1 / users + 1 / items),
    }
    small = [Case((5, 2, 3), 5 * (log(2) + log(3)), {"counts each once": 2 * log(2) + 3 * log(3)}), Case((3, 1, 1), 0.0)]
    cases = [Case((batch, users, items), batch * (log(users) + log(items)), slips), *small]
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
                "stops a step early": [2, 4],
                "stops a step late": [2, 6],
                "values": [0.4, 5],
                "falls in a row": [2, 7],
                "never stops": [8, 9],
                "sees the future": [8, 5],
                "one number": 2,
            },
        ),
        Case((level, 2), [2, 4], {"latest of equals": [3, 5]}),
        Case(([0.1, 0.2, 0.3], 5), [3, 3]),
        Case(([0.3, 0.2, 0.4, 0.3, 0.5], 2), [5, 5], {"never resets": [3, 4]}),
        Case(([0.0, 0.0, 0.1], 2), [3, 3], {"begins at 0": ([0, 2], [1, 2])}),
        Case(([-0.5, -0.7, -0.6], 5), [1, 3], {"begins at 0": ([0, 3], [2, 3])}),
        Case(([0.4], 1), [1, 1]),
        Case(([0.4, 0.3, 0.5], 1), [1, 2]),
    ]
    draws = np.random.default_rng(8)
    for _ in range(40):
        valid, patience = (draws.integers(-3, 4, draws.integers(1, 9)) / 10).tolist(), int(draws.integers(1, 4))
        cases.append(Case((valid, patience), _stop(valid, patience)))
    return judge(answer, cases, STOP, "Right: the earliest best, and an end as soon as patience runs out, or when the epochs do.")


def _stop(valid: list[float], patience: int) -> list[int]:
    """Return the first epoch whose best lies `patience` back, with that best; else the last epoch."""
    for last in range(1, len(valid) + 1):
        best = valid.index(max(valid[:last])) + 1
        if last - best >= patience or last == len(valid):
            return [best, last]
    raise ValueError("no epochs")
