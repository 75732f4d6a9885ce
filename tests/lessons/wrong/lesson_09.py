"""Plausible wrong answers of lesson 9: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np


def own_kind(user_parts, item_parts):
    return np.diag((user_parts * item_parts).sum(1))


def whole(user_parts, item_parts):
    return user_parts.sum(0) @ item_parts.sum(0)


def turned(user_parts, item_parts):
    return item_parts @ user_parts.T


def entries(user_parts, item_parts):
    return user_parts * item_parts


def sizes(user_parts, item_parts):
    return abs(user_parts @ item_parts.T)


def shares(user_parts, item_parts):
    cells = user_parts @ item_parts.T
    return cells / cells.sum()


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


WRONG = {
    "take_apart": {
        "same parts only": own_kind,
        "one number": whole,
        "turned": turned,
        "no sum over dimensions": entries,
        "sizes only": sizes,
        "shares of the score": shares,
    },
    "rank_agreement": {
        "values, not ranks": pearson,
        "order, not ranks": orders,
        "wrong sign": reversed_once,
        "not divided": undivided,
        "middle not taken off": uncentred,
    },
    "deletion": {
        "sums single removals": summed,
        "one at a time": single,
        "least first": least,
        "ignores the claims": as_it_stands,
        "scores": left_over,
        "keeps instead of removes": keeps,
        "starts too late": late,
    },
}
