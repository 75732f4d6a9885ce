"""Plausible wrong answers of lesson 1: exercise → the misconception that the check must name → an answer that has it."""

import math

import numpy as np


def keeps_known(scores, known, k):
    return np.argsort(-np.asarray(scores))[:k]


def hides_with_zero(scores, known, k):
    shown = np.array(scores)
    shown[list(known)] = 0
    return np.argsort(-shown)[:k]


def cuts_first(scores, known, k):
    return [item for item in np.argsort(-np.asarray(scores))[:k] if item not in known]


def removes(scores, known, k):
    return np.argsort(-np.delete(scores, list(map(int, known))))[:k]


def ascending(scores, known, k):
    return [item for item in np.argsort(scores) if item not in known][:k]


def best_last(scores, known, k):
    return [item for item in np.argsort(scores) if item not in known][-k:]


def spoils(scores, known, k):
    scores[list(known)] = -np.inf
    return np.argsort(-scores)[:k]


def precision(ranked, relevant, k):
    return len(set(ranked[:k]) & set(relevant)) / k


def at_most(ranked, relevant, k):
    return len(set(ranked[:k]) & set(relevant)) / min(k, len(relevant))


def hit_rate(ranked, relevant, k):
    return float(bool(set(ranked[:k]) & set(relevant)))


def percent(ranked, relevant, k):
    return 100 * len(set(ranked[:k]) & set(relevant)) / len(relevant)


def whole_list(ranked, relevant, k):
    return len(set(ranked) & set(relevant)) / len(relevant)


def dcg(ranked, relevant, k, offset=2):
    return sum(1 / math.log2(place + offset) for place, item in enumerate(ranked[:k]) if item in relevant)


def per_hidden(ranked, relevant, k):
    return dcg(ranked, relevant, k) / len(relevant)


def full_ideal(ranked, relevant, k):
    return dcg(ranked, relevant, k) / sum(1 / math.log2(place + 2) for place in range(k))


def found_ideal(ranked, relevant, k):
    hits = sum(item in relevant for item in ranked[:k])
    return dcg(ranked, relevant, k) / sum(1 / math.log2(place + 2) for place in range(hits)) if hits else 0.0


def one_late(ranked, relevant, k):
    return dcg(ranked, relevant, k, 3) / sum(1 / math.log2(place + 3) for place in range(min(k, len(relevant))))


def long_ideal(ranked, relevant, k):
    return dcg(ranked, relevant, k) / sum(1 / math.log2(place + 2) for place in range(len(relevant)))


def hides_with_the_lowest(scores, known, k):
    shown = np.array(scores, dtype=float)
    shown[list(known)] = shown.min()
    return np.argsort(-shown, kind="stable")[:k]


def fills_up(scores, known, k):
    shown = np.array(scores, dtype=float)
    shown[list(known)] = -np.inf
    return np.argsort(-shown, kind="stable")[:k]


def short_ideal(ranked, relevant, k):
    return dcg(ranked, relevant, k) / sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant), len(ranked))))


WRONG = {
    "top_k": {
        "hides with the lowest": hides_with_the_lowest,
        "fills up with what is known": fills_up,
        "keeps what is known": keeps_known,
        "hides with 0": hides_with_zero,
        "cuts before hiding": cuts_first,
        "numbers the rest anew": removes,
        "worst first": ascending,
        "best last": best_last,
        "changes its input": spoils,
    },
    "recall_at_k": {
        "divides by k": precision,
        "divides by min(k, positives)": at_most,
        "ignores k": whole_list,
        "one hit is enough": hit_rate,
        "gives percent": percent,
    },
    "ndcg_at_k": {
        "ideal ends with the list": short_ideal,
        "ideal list always full": full_ideal,
        "no ideal": dcg,
        "divides by the hidden": per_hidden,
        "ideal of the found": found_ideal,
        "starts one place late": one_late,
        "ideal ignores k": long_ideal,
    },
}
