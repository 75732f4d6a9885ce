"""Lesson 1: its solutions, and the scoreboard that can be broken."""

from math import log2

import numpy as np


def top_k(scores, known, k):
    shown = np.array(scores, dtype=float)  # a copy: the caller's scores stay as they are
    shown[list(known)] = -np.inf
    n_left = len(shown) - len(set(known))
    return np.argsort(-shown, kind="stable")[: min(k, n_left)]


def recall_at_k(ranked, relevant, k):
    hits = [item for item in ranked[:k] if item in relevant]
    return len(hits) / len(relevant)


def ndcg_at_k(ranked, relevant, k):
    gain = [1 / log2(place + 1) for place in range(1, k + 1)]
    found = sum(gain[place] for place, item in enumerate(ranked[:k]) if item in relevant)
    ideal = sum(gain[: min(len(relevant), k)])
    return found / ideal


RIGHT = "nothing: judged as it should be"
SLIPS = (
    RIGHT,
    "items already taken stay in the list",
    "judged by what it learned from",
    "only 99 random items compete",
    "Recall divided by k",
)


def scoreboard(scores, data, slip, k):
    """Judge scores (users, items) by the hidden test items, with one thing done wrong: mean Recall@k and NDCG@k."""
    train, test = data.matrix("train"), data.matrix("test")
    draw, values = np.random.default_rng(0), []
    for user in range(data.n_users):
        known, hidden = train[user].indices, test[user].indices
        if slip == "items already taken stay in the list":
            known = []
        elif slip == "judged by what it learned from":
            known, hidden = [], known
        elif slip == "only 99 random items compete":
            rivals = draw.choice(np.setdiff1d(np.arange(data.n_items), hidden), 99, replace=False)
            known = np.setdiff1d(np.arange(data.n_items), [*hidden, *rivals])
        ranked, relevant = top_k(scores[user], known, k).tolist(), set(hidden.tolist())
        recall = recall_at_k(ranked, relevant, k)
        values.append((recall * len(relevant) / k if slip == "Recall divided by k" else recall, ndcg_at_k(ranked, relevant, k)))
    recall, ndcg = np.mean(values, axis=0).tolist()
    return {"recall": recall, "ndcg": ndcg}
