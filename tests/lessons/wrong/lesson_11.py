"""Plausible wrong answers of lesson 11: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np
from scipy import stats


def best_on_test(valid, test):
    return test.max()


def on_validation(valid, test):
    return valid.max()


def last_epoch(valid, test):
    return test[valid.max(1).argmax(), -1]


def later_of_equals(valid, test):
    return test.ravel()[np.flatnonzero(valid.ravel() == valid.max())[-1]]


def averaged(valid, test):
    return test.mean(0)[valid.mean(0).argmax()]


def setting_by_test(valid, test):
    return max(tests[valids.argmax()] for valids, tests in zip(valid, test, strict=True))


def earliest_epoch(valid, test):
    return test.T.ravel()[valid.T.argmax()]


def place(valid, test):
    return np.unravel_index(valid.argmax(), valid.shape)


def by_place(ours, theirs):
    return np.array([a - b for a, b in zip(ours.values(), theirs.values(), strict=False)])


def by_rank(ours, theirs):
    return [a - b for a, b in zip(sorted(ours.values()), sorted(theirs.values()), strict=False)]


def as_ours(ours, theirs):
    return [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


def turned(ours, theirs):
    return np.array([theirs[seed] - ours[seed] for seed in sorted(ours)])


def relative(ours, theirs):
    return np.array([(ours[seed] - theirs[seed]) / theirs[seed] for seed in sorted(ours)])


def of_means(ours, theirs):
    return np.mean(list(ours.values())) - np.mean(list(theirs.values()))


def with_zeros(ours, theirs):
    return np.array([ours[seed] - theirs.get(seed, 0) for seed in sorted(ours)])


def around(values, factor, ddof=1, root=True):
    half = factor * np.std(values, ddof=ddof) / (len(values) ** 0.5 if root else 1)
    return np.mean(values) - half, np.mean(values) + half


def t(values, level=0.975, used=1):
    return stats.t.ppf(level, len(values) - used)


def epoch_by_test(valid, test):
    return test[valid.max(1).argmax()].max()


def setting_by_its_mean(valid, test):
    setting = valid.mean(1).argmax()
    return test[setting, valid[setting].argmax()]


WRONG = {
    "report": {
        "epoch by test": epoch_by_test,
        "setting by its mean": setting_by_its_mean,
        "best on test": best_on_test,
        "reports validation": on_validation,
        "last epoch": last_epoch,
        "latest of equals": later_of_equals,
        "mean over settings": averaged,
        "settings by test": setting_by_test,
        "column by column": earliest_epoch,
        "the place": place,
    },
    "paired": {
        "sizes only": lambda ours, theirs: [abs(ours[seed] - theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())],
        "pairs by place": by_place,
        "pairs by rank": by_rank,
        "not in order": as_ours,
        "wrong way round": turned,
        "a share": relative,
        "one number": of_means,
        "keeps lonely seeds": with_zeros,
    },
    "interval": {
        "forgets the root of n": lambda values: around(values, t(values), root=False),
        "percentiles": lambda values: np.percentile(values, [2.5, 97.5]),
        "variance": lambda values: (
            np.mean(values) - t(values) * np.var(values, ddof=1) / len(values) ** 0.5,
            np.mean(values) + t(values) * np.var(values, ddof=1) / len(values) ** 0.5,
        ),
        "divides by n": lambda values: around(values, t(values), ddof=0),
        "1.96": lambda values: around(values, stats.norm.ppf(0.975)),
        "one side": lambda values: around(values, t(values, 0.95)),
        "n degrees of freedom": lambda values: around(values, t(values, used=0)),
        "half width": lambda values: (np.mean(values), t(values) * stats.sem(values)),
    },
}
