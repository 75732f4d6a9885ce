"""Plausible wrong answers of lesson 9: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np


def pearson(claimed, effect):
    return np.corrcoef(claimed, effect)[0, 1]


def orders(claimed, effect):
    return pearson(np.argsort(claimed), np.argsort(effect))


def reversed_once(claimed, effect):
    return pearson(np.argsort(np.argsort(-claimed)), np.argsort(np.argsort(effect)))


def undivided(claimed, effect):
    first, second = (np.argsort(np.argsort(values)) for values in (claimed, effect))
    return ((first - first.mean()) * (second - second.mean())).sum()


def uncentred(claimed, effect):
    first, second = (np.argsort(np.argsort(values)) + 1 for values in (claimed, effect))
    return first @ second / np.sqrt((first @ first) * (second @ second))


def falls(order, score_without):
    return [score_without([]) - score_without(list(order[:n])) for n in range(len(order) + 1)]


def summed(claims, score_without):
    return np.cumsum([0, *(score_without([]) - score_without([row]) for row in np.argsort(-claims))])


def single(claims, score_without):
    return [0, *(score_without([]) - score_without([row]) for row in np.argsort(-claims))]


def least(claims, score_without):
    return falls(np.argsort(claims), score_without)


def as_it_stands(claims, score_without):
    return falls(range(len(claims)), score_without)


def left_over(claims, score_without):
    return [score_without(list(np.argsort(-claims)[:n])) for n in range(len(claims) + 1)]


def keeps(claims, score_without):
    return [score_without([]) - score_without(list(np.argsort(-claims)[n:])) for n in range(len(claims) + 1)]


def late(claims, score_without):
    return falls(np.argsort(-claims), score_without)[1:]


def by_effect(claims, score_without):
    return falls(sorted(range(len(claims)), key=lambda row: score_without([row])), score_without)


WRONG = {
    "take_apart": {
        "by part": lambda brought, item: (brought @ item).sum(0),
        "one number": lambda brought, item: brought.sum((0, 1)) @ item,
        "keeps the parts": lambda brought, item: brought @ item,
        "mean of the parts": lambda brought, item: brought.mean(1) @ item,
        "forgets the item": lambda brought, item: brought.sum((1, 2)),
        "sizes only": lambda brought, item: abs(brought @ item).sum(1),
        "not summed": lambda brought, item: (brought * item).sum(1),
        "first part only": lambda brought, item: brought[:, 0] @ item,
        "shares of the whole": lambda brought, item: brought.sum(1) @ item / (brought.sum((0, 1)) @ item),
    },
    "rank_agreement": {
        "values, not ranks": pearson,
        "order, not ranks": orders,
        "wrong sign": reversed_once,
        "not divided": undivided,
        "middle not taken off": uncentred,
        "no root": lambda claimed, effect: undivided(claimed, effect) / undivided(claimed, claimed) / undivided(effect, effect),
        "one side ranked": lambda claimed, effect: pearson(np.argsort(np.argsort(claimed)), effect),
    },
    "deletion": {
        "by the effect": by_effect,
        "sums single removals": summed,
        "one at a time": single,
        "least first": least,
        "ignores the claims": as_it_stands,
        "scores": left_over,
        "keeps instead of removes": keeps,
        "starts too late": late,
        "ends too early": lambda claims, score_without: falls(np.argsort(-claims), score_without)[:-1],
        "places for things": lambda claims, score_without: falls(np.argsort(np.argsort(-claims)), score_without),
        "sizes of claims": lambda claims, score_without: falls(np.argsort(-abs(claims)), score_without),
        "step by step": lambda claims, score_without: np.diff(falls(np.argsort(-claims), score_without), prepend=0),
        "rises": lambda claims, score_without: [-fall for fall in falls(np.argsort(-claims), score_without)],
    },
}
