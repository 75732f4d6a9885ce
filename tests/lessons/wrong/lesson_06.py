"""Plausible wrong answers of lesson 6: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np
import torch
from torch.nn.functional import normalize


def inner(first, second):
    return first @ second.T


def one_side(first, second):
    return normalize(first, dim=1) @ second.T


def by_column(first, second):
    return normalize(first, dim=0) @ normalize(second, dim=0).T


def squared(first, second):
    return first @ second.T / (first.norm(dim=1, keepdim=True) * second.norm(dim=1)) ** 2


def transposed(first, second):
    return cosines(second, first)


def unguarded(first, second):
    return (first / first.norm(dim=1, keepdim=True)) @ (second / second.norm(dim=1, keepdim=True)).T


def cosines(first, second):
    return normalize(first, dim=1) @ normalize(second, dim=1).T


def one_length(first, second):
    return (first / first.norm()) @ (second / second.norm()).T


def loss(score, own):
    return torch.nn.functional.cross_entropy(score, own, reduction="sum")


def right(images, texts, rows, temperature):
    return loss(cosines(images, texts)[rows] / temperature, rows)


def left_out(images, texts, rows, temperature):
    score = cosines(images, texts)[rows] / temperature
    own = score[torch.arange(len(rows)), rows]
    return ((score.exp().sum(1) - own.exp()).log() - own).sum()


def mean(images, texts, rows, temperature):
    return right(images, texts, rows, temperature) / len(rows)


def multiplied(images, texts, rows, temperature):
    return loss(cosines(images, texts)[rows] * temperature, rows)


def cold(images, texts, rows, temperature):
    return loss(cosines(images, texts)[rows], rows)


def in_batch(images, texts, rows, temperature):
    return loss(cosines(images[rows], texts[rows]) / temperature, torch.arange(len(rows)))


def everything(images, texts, rows, temperature):
    return right(images, texts, torch.arange(len(images)), temperature)


def other_way(images, texts, rows, temperature):
    return right(texts, images, rows, temperature)


def negative(images, texts, rows, temperature):
    return -right(images, texts, rows, temperature)


def all_own(images, texts, rows, temperature):
    return -(cosines(images, texts)[rows] / temperature).softmax(1).log().sum()


def one_sum(images, texts, rows, temperature):
    raised = (cosines(images, texts) / temperature).exp()
    return -(raised / raised.sum()).diagonal()[rows].log().sum()


def both_ways(images, texts, rows, temperature):
    return (right(images, texts, rows, temperature) + right(texts, images, rows, temperature)) / 2


def once(images, texts, rows, temperature):
    return right(images, texts, rows.unique(), temperature)


def like_a_stranger(cosine, own, temperature):
    return (cosine / temperature).softmax(0) / temperature


def unscaled(cosine, own, temperature):
    share = shares(cosine, own, temperature)
    share[own] -= 1
    return share


def uphill(cosine, own, temperature):
    return -unscaled(cosine, own, temperature) / temperature


def warm(cosine, own, temperature):
    return unscaled(cosine, own, 1.0) / temperature


def shareless(cosine, own, temperature):
    share = shares(cosine, own, temperature)
    share[own] = -1
    return share / temperature


def all_like_own(cosine, own, temperature):
    return (shares(cosine, own, temperature) - 1) / temperature


def slope_of_shares(cosine, own, temperature):
    share = shares(cosine, own, temperature)
    return share * (1 - share) / temperature


def loss_itself(cosine, own, temperature):
    return -shares(cosine, own, temperature)[own].log()


def shares(cosine, own, temperature):
    return (cosine / temperature).softmax(0)


def cosines_in_numpy(first, second):
    first, second = (rows.detach().numpy() for rows in (first, second))
    lengths = [np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (first, second)]
    return (first / lengths[0]) @ (second / lengths[1]).T


def right_but_cut(images, texts, rows, temperature):
    score = (normalize(images[rows], dim=1) @ normalize(texts, dim=1).T) / temperature
    return torch.nn.functional.cross_entropy(score, rows, reduction="sum").item()


def by_place(images, texts, rows, temperature):
    score = (normalize(images[rows], dim=1) @ normalize(texts, dim=1).T) / temperature
    return (score.logsumexp(1) - score.diagonal()).sum()


WRONG = {
    "cosines": {
        "no gradient": cosines_in_numpy,
        "inner products": inner,
        "one side only": one_side,
        "lengths by column": by_column,
        "squared lengths": squared,
        "transposed": transposed,
        "divides by 0": unguarded,
        "one length for all": one_length,
    },
    "info_nce": {
        "no gradient": right_but_cut,
        "own text by place": by_place,
        "own pair left out": left_out,
        "mean instead of sum": mean,
        "multiplies by τ": multiplied,
        "forgets τ": cold,
        "against the batch only": in_batch,
        "every row": everything,
        "texts ask": other_way,
        "wrong sign": negative,
        "each row once": once,
        "all texts count as own": all_own,
        "one sum for all pictures": one_sum,
        "both ways": both_ways,
    },
    "pushes": {
        "own pair like a stranger": like_a_stranger,
        "forgets 1/τ": unscaled,
        "wrong sign": uphill,
        "shares at τ = 1": warm,
        "own pair forgets its share": shareless,
        "all like the own pair": all_like_own,
        "slope of the shares": slope_of_shares,
        "gives the loss": loss_itself,
        "shares only": shares,
    },
}
