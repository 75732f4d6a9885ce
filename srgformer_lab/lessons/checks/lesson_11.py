"""Lesson 11: what a training reports, differences paired by seed, and their interval."""

from collections.abc import Callable
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Case, Verdict, judge

REPORT = {
    "best on test": "That is the best test number of all. Nobody may choose by test: it would be the luckiest of many, and not what a new "
    "choice would reach.",
    "settings by test": "You choose the epoch by validation, and then the setting by test. That is looking at test as well: validation "
    "chooses both at once.",
    "epoch by test": "You choose the setting by validation, and then its epoch by test. That is looking at test as well: validation "
    "chooses both at once.",
    "setting by its mean": "You choose the setting whose mean over the epochs is best. What counts is its best epoch.",
    "reports validation": "This is the validation number of the best cell. It was chosen for being high, so it is too good; what is "
    "reported is test, at the same place.",
    "last epoch": "You take the last epoch of the best setting. What counts is its best epoch on validation: a training may have "
    "gone past it.",
    "latest of equals": "Two cells are level on validation, and you take the later one. The rule is the earliest: fix it before you look.",
    "column by column": "You read epoch by epoch. The rule reads row by row: all epochs of a setting, then the next setting.",
    "the place": "This is where the best validation number stands. What is asked for is the test number there.",
    "mean over settings": "You average over settings. One setting is chosen, by validation; the others are not reported.",
}
PAIRED = {
    "pairs by place": "You subtract in the order in which the values stand. These dictionaries list their seeds in different orders: "
    "seed belongs to seed.",
    "pairs by rank": "You sort the numbers, and so a good seed meets a good seed. Pair the same seed: both had the same shop.",
    "not in order": "The differences are right, but not in the order of the seeds. Begin with the lowest seed.",
    "wrong way round": "The signs are turned: a positive difference must say that ours is better.",
    "a share": "You divide as well. What is asked for is the plain difference.",
    "one number": "This is a single number. A mean hides how much the differences vary: give one for each seed.",
    "sizes only": "You took sizes. Where ours is worse, the difference is below 0, and the mean needs it.",
    "keeps lonely seeds": "A seed that one of the two lacks has no difference. Leave it out.",
}
INTERVAL = {
    "forgets the root of n": "You use the spread of single values. The mean of n values varies less: divide by the root of n.",
    "percentiles": "This is where most single differences lie. Asked for is how sure their mean is: that gets narrower with more seeds.",
    "variance": "You take s², the variance. Its root s has the unit of the differences: np.std rather than np.var.",
    "divides by n": "Your spread divides by n. The mean was taken from the same values, so n − 1 are free: np.std(…, ddof=1).",
    "1.96": "You take 1.96 from the normal distribution. With so few values the spread is itself uncertain; Student's t with n − 1 "
    "degrees of freedom is wider.",
    "one side": "You leave out 5 % on one side. A 95 % interval leaves out 2.5 % on each side: the 0.975 quantile.",
    "n degrees of freedom": "You take t with n degrees of freedom. One is used up by the mean: n − 1.",
    "half width": "You give the mean and the half width. What is asked for is the two ends: low, high.",
}


def check_report(answer: Callable[..., Any]) -> Verdict:
    """Check ``report(valid, test)``: settings × epochs; the test number at the earliest best validation."""
    valid = np.array([[0.30, 0.35, 0.33], [0.42, 0.40, 0.41], [0.31, 0.34, 0.36]])
    test = np.array([[0.28, 0.36, 0.30], [0.37, 0.39, 0.38], [0.45, 0.43, 0.44]])
    level = np.array([[0.20, 0.50, 0.30], [0.50, 0.10, 0.50]])
    cases = [
        Case(
            (valid, test),
            0.37,
            {
                "best on test": 0.45,
                "settings by test": 0.44,
                "epoch by test": 0.39,
                "reports validation": 0.42,
                "last epoch": 0.38,
                "mean over settings": tuple(test.mean(0)),
                "the place": [1, 0],
            },
        ),
        Case((np.array([[0.5, 0.1], [0.4, 0.3]]), np.array([[0.2, 0.3], [0.4, 0.1]])), 0.2, {"setting by its mean": 0.4}),
        Case((level, np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.9]])), 0.2, {"latest of equals": 0.9, "column by column": 0.4}),
    ]
    return judge(answer, cases, REPORT, "Right: validation chooses setting and epoch, the earliest of equals, and test is read there.")


def check_paired(answer: Callable[..., Any]) -> Verdict:
    """Check ``paired(ours, theirs)``: an array of differences, in the order of the seeds that both have."""
    ours, theirs = {0: 0.54, 1: 0.56, 2: 0.50}, {2: 0.49, 0: 0.50, 1: 0.55}
    cases = [
        Case(
            (ours, theirs),
            [0.04, 0.01, 0.01],
            {
                "pairs by place": [0.05, 0.06, -0.05],
                "pairs by rank": [0.01, 0.04, 0.01],
                "wrong way round": [-0.04, -0.01, -0.01],
                "a share": [0.04 / 0.50, 0.01 / 0.55, 0.01 / 0.49],
                "one number": 0.02,
            },
        ),
        Case(
            ({3: 0.5, 1: 0.4, 7: 0.6}, {1: 0.1, 3: 0.3}),
            [0.3, 0.2],
            {"keeps lonely seeds": [0.3, 0.2, 0.6], "pairs by place": [0.4, 0.1], "not in order": [0.2, 0.3]},
            stops={"KeyError": "keeps lonely seeds"},
        ),
        Case(({2: 0.5, 0: 0.6}, {0: 0.2, 1: 0.3}), [0.4], {"pairs by place": ([0.4, 0.2], [0.3, 0.3])}),
        Case(({8: 0.5, 1: 0.3, 9: 0.4}, {9: 0.3, 1: 0.4, 8: 0.1}), [-0.1, 0.4, 0.1], {"sizes only": [0.1, 0.4, 0.1]}),
    ]
    return judge(answer, cases, PAIRED, "Right: the same seed on both sides, one difference each.")


def check_interval(answer: Callable[..., Any]) -> Verdict:
    """Check ``interval(differences)``: low and high of Student's 95 % interval of the mean."""
    values = np.array([0.01, 0.02, 0.03, 0.04])
    n, mean, spread = 4, 0.025, float(np.std(values, ddof=1))
    t, one_side, more = 3.182446305, 2.353363435, 2.776445105  # quantiles .975 and .95 with 3 degrees of freedom, .975 with 4

    def around(half: float) -> list[float]:
        return [mean - half, mean + half]

    half = t * spread / n**0.5
    slips = {
        "forgets the root of n": around(t * spread),
        "percentiles": np.percentile(values, [2.5, 97.5]),
        "variance": around(t * spread**2 / n**0.5),
        "divides by n": around(t * float(np.std(values)) / n**0.5),
        "1.96": around(1.959964 * spread / n**0.5),
        "one side": around(one_side * spread / n**0.5),
        "n degrees of freedom": around(more * spread / n**0.5),
        "half width": [mean, half],
    }
    cases = [
        Case((values,), around(half), slips),
        Case((np.array([-0.01, 0.03]),), [0.01 - 12.706205 * 0.02, 0.01 + 12.706205 * 0.02]),
    ]
    return judge(answer, cases, INTERVAL, "Right: the mean, give or take t times its standard error.")
