"""A small shop on disk for the apps: a data folder with pictures, and a finished run beside it."""

from pathlib import Path

import numpy as np

import srgformer_lab as lab
from srgformer_lab import backend

LISTED = ("train", "valid", "test")


def write_shop(folder: Path, data: lab.Dataset) -> Path:
    """Write a data set as a plain folder, pictures for the first dozen items only."""
    (folder / "images").mkdir(parents=True)
    (folder / "features").mkdir()
    pairs = data.interactions
    rows = [f"{data.user_ids[u]},{data.item_ids[i]},{LISTED[s]}" for u, i, s in zip(pairs.user, pairs.item, pairs.split, strict=True)]
    (folder / "interactions.csv").write_text("user_id,item_id,split\n" + "\n".join(rows) + "\n")
    titles = [f"{item},{title}" for item, title in zip(data.item_ids, data.cards.titles, strict=True)]
    (folder / "items.csv").write_text("item_id,title\n" + "\n".join(titles) + "\n")
    for name, matrix in data.features.items():
        np.save(folder / "features" / f"{name}.npy", matrix)
    for item in data.item_ids[:12]:
        data.picture(item).resize((40, 60)).save(folder / "images" / f"{item}.jpg")
    return folder


def train_shop(folder: Path, root: Path, epochs: int = 4) -> lab.Run:
    """Train a small run on a shop into ``root``/runs."""
    data = lab.read_folder(folder)
    model = lab.SRGFormer(data, lab.ModelConfig(embedding_dim=16, n_hyperedges=4, n_heads=2))
    return lab.fit(model, data, lab.TrainConfig(epochs=epochs, batch_size=256, learning_rate=0.01), root / "runs", "first")


def resolve(link: backend.Link) -> tuple[backend.Link, tuple[str, ...]]:
    """Return what a link is resolved to, and what is said about it."""
    scene = backend.SESSION.open(link)
    return scene.link, scene.notes
