"""Plausible wrong answers of lesson 4: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np


def shares(values, axis=1):
    raised = np.exp(values - values.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


def hottest(values):
    return np.eye(values.shape[1])[values.argmax(1)]


def gumbel(u):
    return -np.log(-np.log(u))


def overflowing(X, V, tau):
    with np.errstate(all="ignore"):
        raised = np.exp(X @ V / tau)
        return raised / raised.sum(1, keepdims=True)


def below_one_largest(X, V, tau):
    with np.errstate(all="ignore"):
        raised = np.exp(X @ V / tau - (X @ V / tau).max())
        return raised / raised.sum(1, keepdims=True)


def divided(X, V, tau):
    scores = X @ V / tau
    return scores / scores.sum(1, keepdims=True)


WRONG = {
    "memberships": {
        "over the items": lambda X, V, tau: shares(X @ V / tau, 0),
        "multiplies by τ": lambda X, V, tau: shares(X @ V * tau),
        "no exponential": divided,
        "takes the largest": lambda X, V, tau: hottest(X @ V),
        "gives scores": lambda X, V, tau: X @ V,
        "forgets τ": lambda X, V, tau: shares(X @ V),
        "overflows": overflowing,
        "largest of all rows": below_one_largest,
    },
    "user_memberships": {
        "mean of the scores": lambda R, S, tau: shares(R @ S / R.sum(1, keepdims=True) / tau),
        "mean of the items' rows": lambda R, S, tau: R @ shares(S / tau) / R.sum(1, keepdims=True),
        "sum of the items' rows": lambda R, S, tau: R @ shares(S / tau),
        "over the people": lambda R, S, tau: shares(R @ S / tau, 0),
        "over everything": lambda R, S, tau: np.exp(R @ S / tau) / np.exp(R @ S / tau).sum(),
        "softmax twice": lambda R, S, tau: shares(R @ shares(S / tau) / tau),
        "gives scores": lambda R, S, tau: R @ S,
        "forgets τ": lambda R, S, tau: shares(R @ S),
    },
    "gumbel_softmax": {
        "no noise": lambda S, u, tau: shares(S / tau),
        "noise after the temperature": lambda S, u, tau: shares(S / tau + gumbel(u)),
        "one logarithm": lambda S, u, tau: shares((S - np.log(u)) / tau),
        "wrong sign": lambda S, u, tau: shares((S - gumbel(u)) / tau),
        "adds u itself": lambda S, u, tau: shares((S + u) / tau),
        "noise on the shares": lambda S, u, tau: shares(S / tau) + gumbel(u),
        "takes the largest": lambda S, u, tau: hottest(S + gumbel(u)),
    },
}
