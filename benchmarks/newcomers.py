"""What it costs not to have been learned: run as ``python benchmarks/newcomers.py`` from the repository's root.

A tenth of the users is held out of training altogether and then added by their training items alone, under several rules for
their ID embedding; the rule is chosen by validation. A tenth of the items is held out likewise and added by features alone. The
yardstick is the same users or items under a model that has learned them.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import normalize

import srgformer_lab as lab
from srgformer_lab.data.dataset import DataSource, Interactions
from srgformer_lab.models.transfer import carry_over

METRIC = "recall@20"


def main() -> None:
    """Hold out, add, compare, and print means over seeds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", default="studio")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--epochs", type=int, default=60)
    options.add_argument("--share", type=float, default=0.1)
    options.add_argument("--min-rating", type=float, default=None)
    options.add_argument("--k-core", type=int, default=None)
    asked = options.parse_args()
    reading = {name: value for name, value in (("min_rating", asked.min_rating), ("k_core", asked.k_core)) if value is not None}
    rows = []
    for seed in range(asked.seeds):
        data = lab.open_data(asked.data, seed=seed, **reading)
        found = [*held_out_users(data, asked.epochs, asked.share, seed), *held_out_items(data, asked.epochs, asked.share, seed)]
        rows += [(seed, *row) for row in found]
        for row in found:
            print(seed, *row, flush=True)
    frame = pd.DataFrame(rows, columns=["seed", "held_out", "rule", "valid", "test"])
    print(frame.groupby(["held_out", "rule"], sort=False)[["valid", "test"]].mean().round(4))


def held_out_users(data: lab.Dataset, epochs: int, share: float, seed: int) -> Iterator[tuple[str, str, float, float]]:
    """Yield (what, rule, valid, test) of the held-out users."""
    rows = np.sort(np.random.default_rng(seed).permutation(data.n_users)[: round(share * data.n_users)])
    kept = np.setdiff1d(np.arange(data.n_users), rows)
    ids = {data.user_ids[row] for row in rows}
    yield "users", "learned", *recalls(trained(data, epochs, seed), data, ids)
    rest = without_users(data, kept)
    model, _ = carry_over(trained(rest, epochs, seed), rest, data)
    model.requires_grad_(False)
    newcomers = torch.from_numpy(rows)
    learned = model.user_embedding[torch.from_numpy(kept)]
    history = model.graph.history_mean(model.item_embedding)[newcomers]
    rules = {
        "zero": torch.zeros_like(history),
        "mean user": learned.mean(0).expand_as(history),
        "mean of the history": history,
        "direction of the history": normalize(history, dim=1) * learned.norm(dim=1).mean(),
    }
    for rule, values in rules.items():
        model.user_embedding[newcomers] = values
        yield "users", rule, *recalls(model, data, ids)
    yield "users", "popularity", *recalls(lab.Popularity(data), data, ids)


def held_out_items(data: lab.Dataset, epochs: int, share: float, seed: int) -> Iterator[tuple[str, str, float, float]]:
    """Yield (what, rule, valid, test), where only the held-out items count as hits."""
    items = np.random.default_rng(seed).permutation(data.n_items)[: round(share * data.n_items)]
    pairs = data.interactions
    held, learning = np.isin(pairs.item, items), pairs.split == 0
    yield "items", "learned", *recalls(trained(data, epochs, seed), chosen_pairs(data, learning | held))
    model = trained(chosen_pairs(data, ~held), epochs, seed)
    added, there = carry_over(model, data, chosen_pairs(data, learning ^ held))
    added.requires_grad_(False)
    newcomers, known = torch.from_numpy(items), np.setdiff1d(np.arange(data.n_items), items)
    nearest = torch.from_numpy(known[nearest_items(data, items, known)])  # (newcomers, nearest)
    trace, layers = model.trace(), model.config.n_id_layers + 1
    content = sum(part.items for name, part in trace.parts.items() if name in data.modalities)
    rules = {
        "features alone": torch.zeros(len(items), trace.fused.values.shape[1]),
        "id part of the nearest": layers * trace.parts["id"].items[nearest].mean(1),
        "id and modality parts of the nearest": layers * (trace.parts["id"].items + content)[nearest].mean(1),
        "fused embedding of the nearest": layers * trace.fused.items[nearest].mean(1),
    }
    for rule, values in rules.items():
        added.item_embedding[newcomers] = values
        yield "items", rule, *recalls(added, there)


def nearest_items(data: lab.Dataset, items: np.ndarray, known: np.ndarray, count: int = 5) -> np.ndarray:
    """Return the places among the known items of the nearest by features, cosines summed over modalities."""
    total = 0.0
    for matrix in data.features.values():
        unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True).clip(1e-12)
        total = total + unit[items] @ unit[known].T
    return np.argsort(-total, axis=1)[:, :count]


def trained(data: lab.Dataset, epochs: int, seed: int) -> lab.SRGFormer:
    """Train with the preset of the built-in shop; the model holds its best weights by validation."""
    chosen = lab.preset("studio")
    model = lab.SRGFormer(data, chosen.model.replace(seed=seed))
    with tempfile.TemporaryDirectory() as folder:
        lab.fit(model, data, chosen.train.replace(epochs=epochs, seed=seed, keep_epochs=0), folder)
    return model


def without_users(data: lab.Dataset, kept: np.ndarray) -> lab.Dataset:
    """Leave out all users but these rows."""
    pairs, place = data.interactions, np.full(data.n_users, -1)
    place[kept] = np.arange(len(kept))
    chosen = place[pairs.user] >= 0
    fewer = Interactions(place[pairs.user[chosen]], pairs.item[chosen], pairs.split[chosen])
    ids = tuple(data.user_ids[row] for row in kept)
    return replace(data, user_ids=ids, interactions=fewer, truth=None, source=DataSource("memory"))


def chosen_pairs(data: lab.Dataset, chosen: np.ndarray) -> lab.Dataset:
    """Keep some of the interactions."""
    pairs = data.interactions
    fewer = Interactions(pairs.user[chosen], pairs.item[chosen], pairs.split[chosen])
    return replace(data, interactions=fewer, truth=None, source=DataSource("memory"))


def recalls(model: object, data: lab.Dataset, user_ids: set[str] | None = None) -> tuple[float, float]:
    """Return valid and test recall, over some users or all."""
    found = []
    for split in ("valid", "test"):
        users = lab.evaluate_users(model, data, split)
        found.append(float(users.loc[users["user_id"].isin(user_ids or set(data.user_ids)), METRIC].mean()))
    return found[0], found[1]


if __name__ == "__main__":
    main()
