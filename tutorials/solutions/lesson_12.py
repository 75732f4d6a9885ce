"""Lesson 12: its solutions, the branches of lessons 2 to 6 for all nodes at once, and the training of the whole model."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from solutions import lesson_01, lesson_02, lesson_06
from torch.nn.functional import normalize

import srgformer_lab as lab
from srgformer_lab import runtime
from srgformer_lab.statistics import over_seeds

EARLIER = {
    "top_k": lesson_01.top_k,
    "recall_at_k": lesson_01.recall_at_k,
    "normalized_adjacency": lesson_02.normalized_adjacency,
    "light_gcn": lesson_02.light_gcn,
    "bpr_loss": lesson_02.bpr_loss,
    "info_nce": lesson_06.info_nce,
}
"""What this lesson calls of earlier ones."""
normalized_adjacency, light_gcn = EARLIER["normalized_adjacency"], EARLIER["light_gcn"]
bpr_loss, info_nce = EARLIER["bpr_loss"], EARLIER["info_nce"]
top_k, recall_at_k = EARLIER["top_k"], EARLIER["recall_at_k"]


def draw(pairs, known, draws):
    shuffled = pairs[torch.randperm(len(pairs), generator=draws)]
    users = shuffled[:, 0]
    others = torch.randint(known.shape[1], (len(pairs),), generator=draws)
    while known[users, others].any():
        again = torch.randint(known.shape[1], (len(pairs),), generator=draws)
        others = torch.where(known[users, others], again, others)
    return torch.column_stack([shuffled, others])


def assemble(collaborative, modalities, attention, hyperedges, alpha, beta):
    groups = torch.stack(hyperedges).sum(0)
    structure = alpha * normalize(attention, dim=1) + beta * normalize(groups, dim=1)
    return collaborative + sum(normalize(rows, dim=1) for rows in modalities) + structure


def total_loss(nodes, contrasts, triples, n_users, penalty, tau):
    users, items = nodes[:n_users], nodes[n_users:]
    u, p, q = triples.T
    ranking = bpr_loss((users[u] * items[p]).sum(1), (users[u] * items[q]).sum(1))
    lengths = (users[u].norm() + items[p].norm() + items[q].norm()) / len(triples)
    loss = ranking + penalty * lengths
    for weight, images, texts in contrasts:
        of_users = info_nce(images[:n_users], texts[:n_users], u, tau)
        of_items = info_nce(images[n_users:], texts[n_users:], p, tau)
        loss = loss + weight * (of_users + of_items)
    return loss


def train_step(optimizer, compute):
    optimizer.zero_grad()
    loss = compute()
    loss.backward()
    optimizer.step()
    return loss.item()


def mean_recall(scores, known, hidden, k):
    values = []
    for user, items in enumerate(hidden):
        if items:
            ranked = top_k(scores[user], known[user], k)
            values.append(recall_at_k(ranked, items, k))
    return sum(values) / len(values)


# ---------------------------------------------------- branches, for all nodes at once


class Branches:
    """What lessons 2 to 6 built, as products of whole matrices: the same formulas, a row for each node."""

    def __init__(self, data, config):
        self.config, self.n_users = config, data.n_users
        self.R = torch.tensor(data.matrix("train").toarray()).float()
        self.walk = normalized_adjacency(self.R).float()
        self.lines = self.walk.nonzero().T
        self.features = {name: torch.tensor(np.asarray(matrix)) for name, matrix in data.features.items()}

    def start(self, draws):
        """Draw all that is trained, by Xavier's rule."""
        d, k = self.config.embedding_dim, self.config.n_hyperedges
        shapes = {"users": (self.n_users, d), "items": (self.R.shape[1], d)} | dict.fromkeys(("query", "key", "value"), (d, d))
        for name, matrix in self.features.items():
            shapes |= {f"{name} map": (matrix.shape[1], d), f"{name} groups": (matrix.shape[1], k)}
        empty = {name: torch.empty(shape) for name, shape in shapes.items()}
        return {name: torch.nn.init.xavier_uniform_(values, generator=draws).requires_grad_() for name, values in empty.items()}

    def collaborative(self, weights):
        """Lesson 2."""
        return light_gcn(self.walk, torch.cat([weights["users"], weights["items"]]), self.config.n_id_layers)

    def modality(self, weights, name):
        """Lessons 2 and 6: mapped features, people as the mean of what they took, and a walk of which the last step counts."""
        items = self.features[name] @ weights[f"{name} map"]
        rows = torch.cat([self.R @ items / self.R.sum(1, keepdim=True).clamp(min=1), items])
        for _ in range(self.config.n_modality_layers):
            rows = self.walk @ rows
        return rows

    def hyperedges(self, weights, name, collaborative, draws):
        """Lessons 3 and 4: memberships, with noise and gaps while training (``draws``), and messages over the hyperedges."""
        scores = self.features[name] @ weights[f"{name} groups"]
        shares = []
        for rows in (self.R @ scores, scores):
            noise = -torch.log(-torch.log(torch.rand(rows.shape, generator=draws).clamp(1e-10, 1 - 1e-7))) if draws else 0
            share = ((rows + noise) / self.config.membership_temperature).softmax(1)
            keep = 1 - self.config.dropout
            shares.append(share * (torch.rand(share.shape, generator=draws) < keep) / keep if draws else share)
        of_users, of_items = shares
        messages = of_items.T @ collaborative[self.n_users :]
        return torch.cat([of_users @ messages, of_items @ messages])

    def attention(self, weights):
        """Lesson 5: every node attends to its neighbours."""
        nodes, heads = torch.cat([weights["users"], weights["items"]]), self.config.n_heads
        query, key, value = ((nodes @ weights[name]).unflatten(1, (heads, -1)) for name in ("query", "key", "value"))
        node, neighbor = self.lines
        weight = (query[node] * key[neighbor]).sum(2).clamp(-10, 10).exp()
        total = torch.zeros(len(nodes), heads).index_add(0, node, weight).clamp(min=1e-12)
        told = torch.zeros_like(value).index_add(0, node, weight[:, :, None] * value[neighbor])
        return (told / total[:, :, None]).flatten(1)

    def forward(self, weights, draws=None, alpha=None):
        """Put everything together: all nodes' vectors, and the pairs of sides that are contrasted."""
        collaborative = self.collaborative(weights)
        modalities = [self.modality(weights, name) for name in self.features]
        groups = [self.hyperedges(weights, name, collaborative, draws) for name in self.features]
        scale = self.config.attention_scale if alpha is None else alpha
        nodes = assemble(collaborative, modalities, self.attention(weights), groups, scale, self.config.hypergraph_scale)
        return nodes, modalities, groups


RIGHT = "nothing: as it was put together"
SLIPS = (RIGHT, "known items are drawn as well", "gradients are never zeroed", "the pairs are never shuffled", "no walk: layer 0 alone")


def trained(data, seed=0, epochs=60, slip=RIGHT):
    """Train the whole model with the shipped run's settings; keep the best epoch by validation. ``slip`` leaves one thing out.

    Returns a namespace: ``history`` (epoch, loss, valid), ``best_epoch``, ``test`` (Recall@20), ``weights``, ``branches``.
    """
    config = lab.shipped_run().config
    model, settings = config.model, config.train
    draws = torch.Generator().manual_seed(seed)
    branches = Branches(data, model.replace(n_id_layers=0) if slip == SLIPS[4] else model)
    weights = branches.start(draws)
    pairs, known = torch.tensor(np.array(data.pairs("train"))), branches.R > 0
    optimizer = (
        Quiet(weights.values(), settings.learning_rate) if slip == SLIPS[2] else torch.optim.Adam(weights.values(), settings.learning_rate)
    )
    taken, hidden = _rows(data, "train"), {split: [set(rows) for rows in _rows(data, split)] for split in ("valid", "test")}
    history, best = [], SimpleNamespace(valid=-1.0)
    with runtime.threads(1):  # products of this size gain nothing from a second, and lose much where others want it
        for epoch in range(1, epochs + 1):
            triples = draw(pairs, torch.zeros_like(known) if slip == SLIPS[1] else known, draws)
            if slip == SLIPS[3]:
                triples = triples[triples[:, 0].sort(stable=True).indices]
            losses = [
                train_step(optimizer, _computed(branches, weights, batch, settings, draws)) for batch in triples.split(settings.batch_size)
            ]
            with torch.no_grad():
                nodes, *_ = branches.forward(weights)
            scores = (nodes[: data.n_users] @ nodes[data.n_users :].T).numpy()
            valid = mean_recall(scores, taken, hidden["valid"], 20)
            history.append({"epoch": epoch, "loss": sum(losses) / len(losses), "valid": valid})
            if valid > best.valid:
                kept = {name: values.detach().clone() for name, values in weights.items()}
                best = SimpleNamespace(valid=valid, epoch=epoch, scores=scores, weights=kept)
            elif epoch - best.epoch >= settings.patience:
                break
    test = mean_recall(best.scores, taken, hidden["test"], 20)
    return SimpleNamespace(history=pd.DataFrame(history), best_epoch=best.epoch, test=test, weights=best.weights, branches=branches)


class Quiet(torch.optim.Adam):
    """An optimizer whose gradients nobody zeroes, whatever is asked."""

    def zero_grad(self, set_to_none=True):
        """Leave all as it is."""


def _computed(branches, weights, batch, settings, draws):
    def compute():
        nodes, modalities, groups = branches.forward(weights, draws)
        contrasts = [(settings.modality_contrast_weight, *modalities), (settings.hypergraph_contrast_weight, *groups)]
        return total_loss(nodes, contrasts, batch, branches.n_users, settings.regularization_weight, settings.contrast_temperature)

    return compute


def _rows(data, split):
    matrix = data.matrix(split)
    return [matrix[user].indices.tolist() for user in range(data.n_users)]


# --------------------------------------------------------------------- stored rows


def stored(table):
    """Read what took too long for a lesson: ``library`` (``seed, test``), ``slips`` (``slip, epoch, loss, valid``)."""
    return pd.read_csv(Path(__file__).parents[1] / "stored" / f"lesson_12_{table}.csv")


def library(data, seeds=range(5)):
    """Train the library's SRGFormer with the shipped run's settings from five starts: seed, and test Recall@20 at its best epoch."""
    config, rows = lab.shipped_run().config, []
    assert isinstance(config.model, lab.ModelConfig)
    for seed in seeds:
        model = lab.SRGFormer(data, config.model.replace(seed=seed))
        best, test = -1.0, 0.0
        for record in lab.epochs(model, data, config.train.replace(seed=seed, device="cpu")):
            if record.metrics["recall@20"] > best:
                best, test = record.metrics["recall@20"], lab.evaluate(model, data, "test", (20,))["recall@20"]
        rows.append({"seed": seed, "test": test})
    return pd.DataFrame(rows)


def bounds(rows):
    """Return mean and the range in which one more start lies 19 times in 20: wider than the interval of the mean."""
    values = rows["test"].to_numpy()
    mean, low, high = over_seeds(values).mean, over_seeds(values).low, over_seeds(values).high
    reach = (high - low) / 2 * (1 + len(values)) ** 0.5
    return mean, mean - reach, mean + reach


def shipped(data):
    """Return the shipped run's weights in these branches."""
    run = lab.shipped_run()
    model = run.model(data)
    names = {"user_embedding": "users", "item_embedding": "items"}
    names |= {f"attention.{name}": name for name in ("query", "key", "value")}
    for name in data.features:
        names |= {f"projection.{name}": f"{name} map", f"implicit_attribute.{name}": f"{name} groups"}
    weights = {names[name]: values.detach() for name, values in model.named_parameters()}
    return SimpleNamespace(weights=weights, branches=Branches(data, run.config.model))


def with_alpha(found, data, alpha):
    """Return the test Recall@20 of a finished training with the attention at another scale."""
    with torch.no_grad():
        nodes, *_ = found.branches.forward(found.weights, alpha=alpha)
    scores = (nodes[: data.n_users] @ nodes[data.n_users :].T).numpy()
    return mean_recall(scores, _rows(data, "train"), [set(rows) for rows in _rows(data, "test")], 20)
