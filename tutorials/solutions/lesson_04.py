"""Lesson 4: its solutions, draws with Gumbel noise, and what the shipped run's hyperedges are worth."""

import numpy as np
import torch
from scipy.special import softmax

import srgformer_lab as lab


def memberships(X, V, tau):
    scores = X @ V / tau
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))  # the largest becomes e⁰ = 1: nothing overflows
    return raised / raised.sum(axis=1, keepdims=True)


def user_memberships(R, S, tau):
    return softmax(R @ S / tau, axis=1)


def gumbel_softmax(S, u, tau):
    noise = -np.log(-np.log(u))
    return softmax((S + noise) / tau, axis=1)


# ------------------------------------------------------------------- the draws

SCORES = (2.0, 1.0, 0.0)
DRAWS = (10, 30, 100, 300, 1000, 3000, 10_000)


def wins(n_draws):
    """Add Gumbel noise to SCORES again and again; give how often each was the largest."""
    u = np.random.default_rng(1).uniform(1e-12, 1, (n_draws, len(SCORES)))
    largest = gumbel_softmax(np.tile(SCORES, (n_draws, 1)), u, 1.0).argmax(axis=1)
    return np.bincount(largest, minlength=len(SCORES)).tolist()


# ----------------------------------------------------------------- the model


def sharpness(trace, modality):
    """Return the share that a typical item, and a typical person, has in its first hyperedge."""
    membership = trace.hypergraph[modality].membership
    return tuple(float(part.max(dim=1).values.median()) for part in (membership.items, membership.users))


def by_history(data, trace, modality):
    """Return for the fifth of the people with the shortest, and with the longest histories: most or fewest items, typical first share."""
    length = np.asarray(data.matrix("train").sum(axis=1)).ravel()
    first = trace.hypergraph[modality].membership.users.max(dim=1).values.numpy()
    short, long = np.quantile(length, [0.2, 0.8])
    return (int(short), float(np.median(first[length <= short]))), (int(long), float(np.median(first[length >= long])))


def worth(data, run, modality, epoch):
    """Say how far the hyperedges of an epoch tell the interest groups that this modality shows."""
    labels = lab.visible_labels(data, modality)
    return lab.against_labels(run.model(data, epoch).trace(), data, modality, labels[labels != ""])


def noisy(model, modalities, seed, hypergraph_scale):
    """Make a pass with Gumbel noise in every membership, as while training."""
    tau = model.config.membership_temperature
    edits = [edit for name in modalities for edit in lab.noisy_memberships(name, tau, seed)]
    with model.edit(*edits):
        return model.trace().fuse(hypergraph_scale=hypergraph_scale)


def replaced(data, before, after, k=10):
    """Return the share of everyone's list of k that is another item after a change."""
    known = torch.tensor(data.matrix("all").toarray()) > 0
    everyone = torch.arange(data.n_users)
    one, other = (trace.scores(everyone).detach().masked_fill(known, -torch.inf).topk(k).indices for trace in (before, after))
    return 1 - float((one[:, :, None] == other[:, None, :]).any(2).float().mean())


def moved(before, after, modality):
    """Return the share of the things whose first hyperedge is another one after a change."""
    first, then = (trace.hypergraph[modality].membership.items.argmax(dim=1) for trace in (before, after))
    return float((first != then).float().mean())
