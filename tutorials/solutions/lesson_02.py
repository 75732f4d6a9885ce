"""Lesson 2: its solutions, the small shop that a signal walks through, and a training that a lesson has time for."""

from functools import cache
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from torch.nn.functional import normalize

import srgformer_lab as lab
from srgformer_lab import runtime
from srgformer_lab.models.protocol import Recommender


def normalized_adjacency(R):
    n_users, n_items = R.shape
    A = torch.zeros(n_users + n_items, n_users + n_items)
    A[:n_users, n_users:] = R
    A[n_users:, :n_users] = R.T
    root = A.sum(1).clamp(min=1e-7).sqrt()  # a node without neighbours: 0 divided by little is 0
    return A / (root[:, None] * root[None, :])


def light_gcn(adjacency, embedding, n_layers):
    layer, total = embedding, embedding
    for _ in range(n_layers):
        layer = adjacency @ layer
        total = total + layer
    return total / (n_layers + 1)


def bpr_loss(positive, negative):
    return -torch.nn.functional.logsigmoid(positive - negative).mean()


# ------------------------------------------------------------ the small shop

PEOPLE = ("person A", "person B", "person C", "person D")
THINGS = ("skis", "goggles", "sled", "thermos", "tent", "boots")
TAKEN = (
    ("person A", "skis"),
    ("person A", "goggles"),
    ("person B", "goggles"),
    ("person B", "sled"),
    ("person C", "sled"),
    ("person C", "thermos"),
    ("person C", "tent"),
    ("person D", "tent"),
    ("person D", "boots"),
)


def small_shop():
    """Return the small shop's matrix (people, things) of 0 and 1."""
    R = torch.zeros(len(PEOPLE), len(THINGS))
    for person, thing in TAKEN:
        R[PEOPLE.index(person), THINGS.index(thing)] = 1
    return R


def signal(person, n_steps):
    """Put 1 on one person of the small shop, take some steps, and give the nodes and lines to draw."""
    values = torch.eye(len(PEOPLE) + len(THINGS))[PEOPLE.index(person)]
    for _ in range(n_steps):
        values = normalized_adjacency(small_shop()) @ values
    sides = [0] * len(PEOPLE) + [1] * len(THINGS)
    nodes = pd.DataFrame({"name": PEOPLE + THINGS, "side": sides, "value": values.tolist()})
    return nodes, pd.DataFrame(TAKEN, columns=["left", "right"])


# ------------------------------------------------------------- a real training


class Fixed(Recommender):
    """Embeddings as they are, users first, as a model that the library can evaluate."""

    def __init__(self, embedding, data):
        super().__init__(data)
        self.users, self.items = embedding[: data.n_users], embedding[data.n_users :]

    def scorer(self):
        return lambda chosen: self.users[chosen] @ self.items.T


def with_weights(adjacency, embedding, weights):
    """Propagate as graph networks did before LightGCN: a weight matrix and a ReLU in every layer."""
    layer, total = embedding, embedding
    for weight in weights:
        layer = torch.relu(adjacency @ layer @ weight)
        total = total + layer
    return total / (len(weights) + 1)


DIM, LAYERS, EPOCHS, BATCH = 32, 2, 40, 2048
NAMES = {False: "LightGCN", True: "with W and ReLU"}


def stored():
    """Read both trainings of 160 epochs, train(lab.studio(), has_weights, 160): name, epoch, recall@20, loss."""
    return pd.read_csv(Path(__file__).parents[1] / "stored" / "lesson_02_longer.csv")


def best_of_longer():
    """Return the row of the best epoch of each of the stored trainings, by name."""
    return {name: rows.loc[rows["recall@20"].idxmax()] for name, rows in stored().groupby("name", sort=False)}


@cache
def race():
    """Train LightGCN, and the same with weights and ReLU, on the built-in shop: same start, same batches, same number of epochs."""
    with runtime.threads(1):  # products of this size gain nothing from a second, and lose much where others want it
        return {False: train(lab.studio(), False), True: train(lab.studio(), True)}


def train(data, has_weights, epochs=EPOCHS):
    """Train with BPR and Adam; give the history (epoch, recall@20, loss), the embeddings E0, and the number of trained values."""
    draws = torch.Generator().manual_seed(0)
    adjacency = normalized_adjacency(torch.tensor(data.matrix("train").toarray()))
    xavier = nn.init.xavier_uniform_
    embedding = nn.Parameter(xavier(torch.empty(len(adjacency), DIM), generator=draws))
    weights = [nn.Parameter(xavier(torch.empty(DIM, DIM), generator=draws)) for _ in range(LAYERS if has_weights else 0)]
    optimizer = torch.optim.Adam([embedding, *weights], lr=0.01)
    batches, history = lab.LightGCN(data).batches, []

    def forward():
        return with_weights(adjacency, embedding, weights) if has_weights else light_gcn(adjacency, embedding, LAYERS)

    for epoch in range(1, epochs + 1):
        losses = []
        for user, positive, negative in batches(BATCH, draws):
            users, items = forward().split([data.n_users, data.n_items])
            chosen = users[user]
            loss = bpr_loss((chosen * items[positive]).sum(1), (chosen * items[negative]).sum(1))
            norms = sum(embedding[rows].norm() for rows in (user, data.n_users + positive, data.n_users + negative))
            optimizer.zero_grad()
            (loss + 1e-4 * norms / len(user)).backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        if epoch % 2 == 0:
            with torch.no_grad():
                recall = lab.evaluate(Fixed(forward(), data), data, "valid", (20,))["recall@20"]
            history.append({"epoch": epoch, "recall@20": recall, "loss": sum(losses) / len(losses)})
    return pd.DataFrame(history), embedding.detach(), sum(part.numel() for part in (embedding, *weights))


DEPTHS = (0, 1, 2, 3, 4, 6, 8, 12, 20, 40)


def at_depths(data, embedding):
    """Propagate trained embeddings to several depths; give for each, by "mean" and "last", the embeddings of all nodes."""
    adjacency = normalized_adjacency(torch.tensor(data.matrix("train").toarray()))
    layers, found = [embedding], {}
    for _ in range(max(DEPTHS)):
        layers.append(adjacency @ layers[-1])
    for depth in DEPTHS:
        found["mean", depth] = torch.stack(layers[: depth + 1]).mean(0)
        found["last", depth] = layers[depth]
    return found


def likeness(data, embedding):
    """Return the mean cosine between people's embeddings, and the share of their lists of 10 that popularity would give too."""
    people = normalize(embedding[: data.n_users])
    known = torch.tensor(data.matrix("all").toarray()) > 0
    popular, everyone = torch.tensor(data.matrix("train").toarray()).sum(0), torch.arange(data.n_users)
    own, other = (
        scores.masked_fill(known, -torch.inf).topk(10).indices
        for scores in (Fixed(embedding, data).scorer()(everyone), popular.expand(len(everyone), -1))
    )
    shared = (own[:, :, None] == other[:, None, :]).any(2).float().mean()
    return float((people @ people.T).mean()), float(shared)
