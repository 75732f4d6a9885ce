"""Lesson 8: its solutions, and small trainings, healthy and not."""

from math import log

import pandas as pd
from solutions import lesson_11 as tables

import srgformer_lab as lab


def descend(weight, gradient, rate, steps):
    for _ in range(steps):
        weight = weight - rate * gradient(weight)
    return weight


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


def diagnosis(frame, healthy):
    """Say, for each slip, which curve of its training tells it from the healthy one."""
    ranking, sound = ([f"{value:.2f}" for value in one["loss.ranking"]] for one in (frame, healthy))
    share = frame["loss.modality_contrast"].iloc[-1] / frame["loss"].iloc[-1]
    way, better = " → ".join(ranking), f"the healthy one falls to {sound[-1]}"
    told = (
        f"The ranking loss falls steadily: {way}.",
        f"The ranking loss stands still: {way}; {better}. It learns, but far too slowly.",
        f"The ranking loss jumps about ln 2, the value of level scores: {way}; {better}.",
        f"Not the ranking loss: {way}. But the contrast of modalities now makes {100 * share:.0f} % of the loss, and it falls beautifully: "
        "the model works for it, and the lists come second.",
    )
    return dict(zip(SLIPS, told, strict=True))


def without_contrast():
    """Train without the contrast in the hypergraph: the change of test Recall@20 over five seeds, mean and bounds (stored rows)."""
    table = tables.table(tables.stored("ablation"), "whole", range(5)).set_index("name")
    return tuple(table.loc["w/o HCL", ["gain", "gain_low", "gain_high"]])
