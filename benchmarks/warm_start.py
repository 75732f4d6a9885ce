"""What a warm start saves on data that has grown: run as ``python -m benchmarks.warm_start`` from the repository's root.

A tenth of the users and of the items of a built-in world is held out, a run is trained on the rest, and then all of it is there. From the
run's weights a training goes on, with the newcomers placed by their rules (SRGFormer) or drawn as usual; beside it one begins anew on the
same split.
"""

import argparse
import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import srgformer_lab as lab
from srgformer_lab.models import catalog

METRIC = "recall@20"
SIZES = {"n_users": 300, "n_items": 160, "n_groups": 10, "n_interactions": 4_500}
SHARE = 0.1


def main() -> None:
    """Train, grow, train on, and print what each start reaches."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=30)
    options.add_argument("--model", default="srgformer", choices=[name for name, kind in catalog.MODELS.items() if kind.learns])
    asked = options.parse_args()
    rows = [row for seed in range(asked.seeds) for row in one_seed(seed, asked.epochs, asked.model)]
    frame = pd.DataFrame(rows, columns=["seed", "start", "before training", "epoch 1", "best", "at", "reaches warm epoch 1 at"])
    print(frame.round(4).to_string(index=False))
    print(frame.groupby("start", sort=False).mean(numeric_only=True).drop(columns="seed").round(4).to_string())


def one_seed(seed: int, epochs: int, name: str) -> list[tuple[object, ...]]:
    """Return a row for each start."""
    world, draws, chosen = lab.studio(**SIZES, seed=seed), np.random.default_rng(seed), lab.preset("studio")
    held = [set(draws.permutation(count)[: round(SHARE * count)].tolist()) for count in (world.n_users, world.n_items)]
    kind, is_ours = catalog.kind(name), name == "srgformer"
    config = chosen.model.replace(embedding_dim=32, seed=seed) if is_ours else kind.config(seed=seed)  # type: ignore[call-arg]
    train = chosen.train.replace(seed=seed, epochs=epochs + 10, contrast_sample=128, **kind.train)
    with tempfile.TemporaryDirectory() as root:
        shop = Path(root) / "shop"
        write(world, shop, *held)
        run = lab.fit(kind.build(lab.open_data(shop), config), config=train, folder=Path(root) / "runs")
        write(world, shop, (), ())
        data = run.warm_start().data
        starts = {"warm": run.warm_start(), "cold": kind.build(data, config)}
        starts |= {"warm, newcomers drawn": drawn(run, config)} if is_ours else {}
    rows, first = [], 0.0
    for name, model in starts.items():
        before = lab.evaluate(model, "valid")[METRIC]
        curve = [record.metrics[METRIC] for record in lab.epochs(model, config=train.replace(epochs=epochs, patience=epochs))]
        first = first or curve[0]
        reached = next((epoch for epoch, value in enumerate(curve, start=1) if value >= first), np.nan)
        rows.append((seed, name, before, curve[0], max(curve), 1 + int(np.argmax(curve)), reached))
    return rows


def drawn(run: lab.Run, config: lab.ModelConfig) -> lab.SRGFormer:
    """Return the warm start with the newcomers' embeddings as a new model draws them."""
    model, learned = run.warm_start(), run.open_data()
    fresh = lab.SRGFormer(model.data, config.replace(seed=config.seed + 1_000))
    for name, ids, known in (("user", model.data.user_ids, learned.user_ids), ("item", model.data.item_ids, learned.item_ids)):
        rows = np.flatnonzero(~np.isin(ids, known))
        with torch.no_grad():
            model.get_parameter(f"{name}_embedding")[rows] = fresh.get_parameter(f"{name}_embedding")[rows]
    return model


def write(world: lab.Dataset, folder: Path, without_users: Collection[int], without_items: Collection[int]) -> None:
    """Write a world as a plain folder, without some users and items."""
    (folder / "features").mkdir(parents=True, exist_ok=True)
    pairs = zip(world.interactions.user.tolist(), world.interactions.item.tolist(), strict=True)
    kept = [(world.user_ids[user], world.item_ids[item]) for user, item in pairs if user not in without_users and item not in without_items]
    pd.DataFrame(kept, columns=["user_id", "item_id"]).to_csv(folder / "interactions.csv", index=False)
    rows = [row for row in range(world.n_items) if row not in without_items]
    pd.DataFrame({"item_id": [world.item_ids[row] for row in rows]}).to_csv(folder / "items.csv", index=False)
    for name, matrix in world.features.items():
        np.save(folder / "features" / f"{name}.npy", matrix[rows])


if __name__ == "__main__":
    main()
