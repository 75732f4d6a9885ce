"""Plausible wrong answers of lesson 8: exercise → the misconception that the check must name → an answer that has it."""

import math

import numpy as np


def walk(weight, gradient, rate, steps, slope=None):
    for _ in range(steps):
        weight = weight - rate * (gradient(weight) if slope is None else slope)
    return weight


def in_place(weight, gradient, rate, steps):
    for _ in range(steps):
        weight -= rate * gradient(weight)
    return weight


def epochs_run(valid, patience, better=lambda value, best: value > best, over=lambda waited, patience: waited >= patience):
    best, best_epoch, epoch = -math.inf, 0, 0
    for epoch, value in enumerate(valid, start=1):
        if better(value, best):
            best, best_epoch = value, epoch
        if over(epoch - best_epoch, patience):
            break
    return [best_epoch, epoch]


def falls_in_a_row(valid, patience):
    fallen, epoch = 0, 1
    for epoch in range(2, len(valid) + 1):
        fallen = fallen + 1 if valid[epoch - 1] < valid[epoch - 2] else 0
        if fallen >= patience:
            break
    return [int(np.argmax(valid[:epoch])) + 1, epoch]


def never_resets(valid, patience):
    best, waited, epoch = 1, 0, 1
    for epoch in range(2, len(valid) + 1):
        if valid[epoch - 1] > valid[best - 1]:
            best = epoch
        else:
            waited += 1
        if waited >= patience:
            break
    return [best, epoch]


def from_0(valid, patience):
    best, best_epoch, epoch = 0, 0, 0
    for epoch, value in enumerate(valid, start=1):
        if value > best:
            best, best_epoch = value, epoch
        if epoch - best_epoch >= patience:
            break
    return [best_epoch, epoch]


WRONG = {
    "descend": {
        "slope of its own": lambda weight, gradient, rate, steps: walk(weight, lambda at: 2 * at, rate, steps),
        "uphill": lambda weight, gradient, rate, steps: walk(weight, gradient, -rate, steps),
        "one step": lambda weight, gradient, rate, steps: walk(weight, gradient, rate, 1),
        "gradient once": lambda weight, gradient, rate, steps: walk(weight, gradient, rate, steps, gradient(weight)),
        "forgets the rate": lambda weight, gradient, rate, steps: walk(weight, gradient, 1, steps),
        "changes its input": in_place,
    },
    "knowing_nothing": {
        "the mean": lambda batch, users, items: math.log(users) + math.log(items),
        "negative": lambda batch, users, items: batch * (math.log(1 / users) + math.log(1 / items)),
        "leaves itself out": lambda batch, users, items: batch * (math.log(users - 1) + math.log(items - 1)),
        "counts each once": lambda batch, users, items: min(batch, users) * math.log(users) + min(batch, items) * math.log(items),
        "one side": lambda batch, users, items: batch * math.log(users),
        "all nodes in one crowd": lambda batch, users, items: 2 * batch * math.log(users + items),
        "against the batch": lambda batch, users, items: 2 * batch * math.log(batch),
        "log base 2": lambda batch, users, items: batch * math.log2(users * items),
    },
    "stop": {
        "begins at 0": from_0,
        "latest of equals": lambda valid, patience: epochs_run(valid, patience, better=lambda value, best: value >= best),
        "counts from 0": lambda valid, patience: [epoch - 1 for epoch in epochs_run(valid, patience)],
        "stops a step early": lambda valid, patience: epochs_run(valid, patience, over=lambda waited, patience: waited >= patience - 1),
        "never resets": never_resets,
        "values": lambda valid, patience: [valid[epochs_run(valid, patience)[0] - 1], epochs_run(valid, patience)[1]],
        "stops a step late": lambda valid, patience: epochs_run(valid, patience, over=lambda waited, patience: waited > patience),
        "falls in a row": falls_in_a_row,
        "never stops": lambda valid, patience: [int(np.argmax(valid)) + 1, len(valid)],
        "sees the future": lambda valid, patience: [int(np.argmax(valid)) + 1, epochs_run(valid, patience)[1]],
        "one number": lambda valid, patience: epochs_run(valid, patience)[0],
    },
}
