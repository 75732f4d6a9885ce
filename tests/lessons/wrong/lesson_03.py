"""Plausible wrong answers of lesson 3: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np


def filled(groups, n_items):
    H = np.zeros((n_items, len(groups)))
    for column, group in enumerate(groups):
        H[group, column] = 1
    return H


def on_its_side(groups, n_items):
    return filled(groups, n_items).T


def pairs(groups, n_items):
    A = np.zeros((n_items, n_items))
    for group in groups:
        for one in group:
            for other in group:
                A[one, other] = one != other
    return A


def rows_to_one(groups, n_items):
    H = filled(groups, n_items)
    return H / np.maximum(H.sum(1, keepdims=True), 1)


def labels(groups, n_items):
    of = {item: column for column, group in enumerate(groups) for item in group}
    return [[float(of.get(item) == column) for column in range(len(groups))] for item in range(n_items)]


def from_one(groups, n_items):
    return filled([[item + 1 for item in group] for group in groups], n_items + 1)[:n_items]


def adds_up(groups, n_items):
    H = np.zeros((n_items, len(groups)))
    for column, group in enumerate(groups):
        for item in group:
            H[item, column] += 1
    return H


def with_itself(H):
    return (H @ H.T > 0).astype(float)


def counted(H):
    A = H @ H.T
    np.fill_diagonal(A, 0)
    return A


def product(H):
    return H @ H.T


def upper(H):
    return np.triu(H @ H.T > 0, 1)


def of_groups(H):
    return H.T @ H


def without_itself(H, Z):
    A = H @ H.T
    np.fill_diagonal(A, 0)
    return A @ Z


def gathered(H, Z):
    return H.T @ Z


def mean_in(H, Z):
    return H @ (H.T @ Z / H.sum(0)[:, None])


def mean_over(H, Z):
    return H @ (H.T @ Z) / H.sum(1, keepdims=True)


def mean_both(H, Z):
    return mean_in(H, Z) / H.sum(1, keepdims=True)


def residual(H, Z):
    return Z + H @ (H.T @ Z)


def unit_rows(H, Z):
    found = H @ (H.T @ Z)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def on_lines(H, Z):
    A = (H @ H.T > 0).astype(float)
    np.fill_diagonal(A, 0)
    return A @ Z


def hard(H, Z):
    member = (H > 0).astype(float)
    return member @ (member.T @ Z)


WRONG = {
    "incidence": {
        "lies on its side": on_its_side,
        "pairs instead of groups": pairs,
        "shares instead of ones": rows_to_one,
        "one group for each": labels,
        "counts from 1": from_one,
        "counts twice": adds_up,
    },
    "adjacency_of": {
        "joined to itself": with_itself,
        "counts the groups": counted,
        "counts, and joins to itself": product,
        "half of the lines": upper,
        "groups instead of items": of_groups,
    },
    "pass_messages": {
        "leaves itself out": without_itself,
        "stops at the hyperedges": gathered,
        "means in the hyperedges": mean_in,
        "means over the hyperedges": mean_over,
        "means both ways": mean_both,
        "adds its own row": residual,
        "divides by the length": unit_rows,
        "along the lines": on_lines,
        "all or nothing": hard,
    },
}
