"""Lesson 8: its solutions, and small trainings, healthy and not."""

from math import log

import numpy as np
import pandas as pd

import srgformer_lab as lab


def ranking_loss(positive, negative):
    return np.mean(np.log1p(np.exp(-(positive - negative))))  # −ln σ(x) = ln(1 + e^−x)


def knowing_nothing(batch, n_users, n_items):
    return batch * (log(n_users) + log(n_items))


def stop(valid, patience):
    best, best_epoch, epoch = float("-inf"), 0, 0
    for epoch, value in enumerate(valid, start=1):
        if value > best:
            best, best_epoch = value, epoch
        if epoch - best_epoch >= patience:
            break
    return [best_epoch, epoch]


RIGHT = "nothing: the shipped settings"
SLIPS = {
    RIGHT: {},
    "learning rate 100 times smaller": {"learning_rate": 0.00003},
    "learning rate 100 times larger": {"learning_rate": 0.3},
    "contrast of modalities 100,000 times heavier": {"modality_contrast_weight": 0.1},
}


def trained(data, epochs, **changes):
    """Train SRGFormer with the shipped run's settings and some changes; give its history: epoch, loss, loss.<term>, recall@20."""
    config = lab.shipped_run().config
    assert isinstance(config.model, lab.ModelConfig)
    settings = config.train.replace(epochs=epochs, patience=epochs, device="cpu", **changes)
    rows = [
        {"epoch": record.epoch, "loss": sum(record.losses.values()), "recall@20": record.metrics["recall@20"]}
        | {f"loss.{term}": value for term, value in record.losses.items()}
        for record in lab.epochs(lab.SRGFormer(data, config.model), data, settings)
    ]
    return pd.DataFrame(rows)
