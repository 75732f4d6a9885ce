"""Plausible wrong answers of lesson 7: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np


def unit(rows, axis=1):
    return rows / np.maximum(np.linalg.norm(rows, axis=axis, keepdims=True), 1e-12)


def raw(ids, modalities, attention, hypergraph, alpha, beta):
    return ids + sum(modalities) + alpha * attention + beta * hypergraph


def scaled_first(ids, modalities, attention, hypergraph, alpha, beta):
    return ids + sum(map(unit, modalities)) + unit(alpha * attention) + unit(beta * hypergraph)


def unit_ids(ids, modalities, attention, hypergraph, alpha, beta):
    return unit(ids) + sum(map(unit, modalities)) + alpha * unit(attention) + beta * unit(hypergraph)


def columns(ids, modalities, attention, hypergraph, alpha, beta):
    return ids + sum(unit(one, 0) for one in modalities) + alpha * unit(attention, 0) + beta * unit(hypergraph, 0)


def one_content(ids, modalities, attention, hypergraph, alpha, beta):
    return ids + unit(sum(modalities)) + alpha * unit(attention) + beta * unit(hypergraph)


def one_scale(ids, modalities, attention, hypergraph, alpha, beta):
    return ids + sum(map(unit, modalities)) + alpha * (unit(attention) + unit(hypergraph))


def swapped(ids, modalities, attention, hypergraph, alpha, beta):
    return ids + sum(map(unit, modalities)) + beta * unit(attention) + alpha * unit(hypergraph)


def mean_content(ids, modalities, attention, hypergraph, alpha, beta):
    return ids + np.mean([unit(one) for one in modalities], axis=0) + alpha * unit(attention) + beta * unit(hypergraph)


def unit_result(ids, modalities, attention, hypergraph, alpha, beta):
    return unit(ids + sum(map(unit, modalities)) + alpha * unit(attention) + beta * unit(hypergraph))


def lengths_as_a_row(ids, modalities, attention, hypergraph, alpha, beta):
    def spread(rows):
        return rows / np.maximum(np.linalg.norm(rows, axis=1), 1e-12)

    return ids + sum(map(spread, modalities)) + alpha * spread(attention) + beta * spread(hypergraph)


def one_length(ids, modalities, attention, hypergraph, alpha, beta):
    def whole(rows):
        return rows / max(np.linalg.norm(rows), 1e-12)

    return ids + sum(map(whole, modalities)) + alpha * whole(attention) + beta * whole(hypergraph)


def long_content(ids, modalities, attention, hypergraph, alpha, beta):
    return ids + sum(modalities) + alpha * unit(attention) + beta * unit(hypergraph)


def by_zero(ids, modalities, attention, hypergraph, alpha, beta):
    def bare(rows):
        with np.errstate(invalid="ignore"):
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return ids + sum(map(bare, modalities)) + alpha * bare(attention) + beta * bare(hypergraph)


WRONG = {
    "fuse": {
        "no normalisation": raw,
        "scales before normalising": scaled_first,
        "normalises the id part": unit_ids,
        "normalises columns": columns,
        "normalises the sum": one_content,
        "scales everything by α": one_scale,
        "swaps α and β": swapped,
        "averages the modalities": mean_content,
        "normalises the result": unit_result,
        "lengths along columns": lengths_as_a_row,
        "one length for all": one_length,
        "modalities as long as they are": long_content,
        "not finite": by_zero,
    },
    "shares": {
        "only like with like": lambda ours, theirs: (ours * theirs).sum(1),
        "the user's side only": lambda ours, theirs: ours @ theirs.sum(0),
        "the item's side only": lambda ours, theirs: theirs @ ours.sum(0),
        "counts twice": lambda ours, theirs: ours @ theirs.sum(0) + theirs @ ours.sum(0),
        "own cell once": lambda ours, theirs: (ours @ theirs.sum(0) + theirs @ ours.sum(0) - (ours * theirs).sum(1)) / 2,
        "gives the table": lambda ours, theirs: ours @ theirs.T,
        "divides by the score": lambda ours, theirs: (ours @ theirs.sum(0) + theirs @ ours.sum(0)) / 2 / (ours @ theirs.T).sum(),
    },
    "without": {
        "hypergraph still trained": lambda part, given: [given[0] * (part != "attention"), given[1] * (part != "hypergraph"), *given[2:]],
        "contrast alone": lambda part, given: (
            [given[0] * (part != "attention"), given[1], 0, given[3]] if part != "attention" else [0, *given[1:]]
        ),
        "the other contrast stays": lambda part, given: {"attention": [0, *given[1:]], "hypergraph": [given[0], 0, 0, given[3]]}.get(
            part, [*given[:3], 0]
        ),
        "the modalities' contrast stays": lambda part, given: (
            [0, *given[1:]] if part == "attention" else [given[0], given[1] * (part != "hypergraph"), 0, given[3]]
        ),
        "leaves out too much": lambda part, given: [0, *given[1:]] if part == "attention" else [given[0], 0, 0, 0],
        "the hypergraph goes too": lambda part, given: {"attention": [0, *given[1:]], "hypergraph": [given[0], 0, 0, given[3]]}.get(
            part, [given[0], 0, 0, 0]
        ),
        "contrasts one with itself": lambda part, given: {"attention": [0, *given[1:]], "hypergraph": [given[0], 0, 0, given[3]]}.get(
            part, given
        ),
    },
}
