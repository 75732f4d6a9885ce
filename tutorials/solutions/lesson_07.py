"""Lesson 7: its solutions, the table of one score, and fusions that are done wrongly."""

import numpy as np
import pandas as pd
import torch
from solutions import lesson_11 as tables

import srgformer_lab as lab
from srgformer_lab.models.hooks import Edit


def fuse(collaborative, modalities, attention, hypergraph, alpha, beta):
    def unit(rows):
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    structure = alpha * unit(attention) + beta * unit(hypergraph)
    return collaborative + sum(unit(rows) for rows in modalities) + structure


def shares(user_parts, item_parts):
    table = user_parts @ item_parts.T
    return (table.sum(axis=1) + table.sum(axis=0)) / 2


def without(part, settings):
    alpha, beta, c, gamma = settings
    if part == "attention":
        alpha = 0
    elif part == "hypergraph":
        beta = c = 0
    else:  # one modality: there is no pair left to contrast
        c = gamma = 0
    return [alpha, beta, c, gamma]


def retrained():
    """Train without a part instead: the change of test Recall@20 over five seeds, mean and bounds, by part (stored rows)."""
    table = tables.table(tables.stored("ablation"), "whole", range(5)).set_index("name")
    rows = {"attention": "w/o attention", "hypergraph": "w/o hypergraph", "image": "text alone", "text": "image alone"}
    return {part: tuple(table.loc[name, ["gain", "gain_low", "gain_high"]]) for part, name in rows.items()}


def switched_off(model, trace, data):
    """Switch parts of a finished model off, one at a time: the change of test Recall@20, by part."""

    def recall(one):
        return lab.evaluate(one, data, "test", (20,))["recall@20"]

    found = {"attention": recall(trace.fuse(attention_scale=0)), "hypergraph": recall(trace.fuse(hypergraph_scale=0))}
    for modality in trace.modality:
        with model.edit(*lab.without_modality(modality)):
            found[modality] = recall(model)
    whole = recall(trace)
    return {part: value - whole for part, value in found.items()}


def score_table(trace, user, item):
    """Multiply every part of a user's vector with every part of an item's: user_part, item_part, contribution."""
    names = list(trace.parts)
    ours = torch.stack([part.users[user] for part in trace.parts.values()])
    theirs = torch.stack([part.items[item] for part in trace.parts.values()])
    rows = [(names[p], names[q], float(value)) for (p, q), value in np.ndenumerate((ours @ theirs.T).numpy())]
    folded = pd.DataFrame({"part": names, "contribution": shares(ours.numpy(), theirs.numpy())})
    return pd.DataFrame(rows, columns=["user_part", "item_part", "contribution"]), folded


RIGHT = "nothing: fused as it should be"
SLIPS = (RIGHT, "pictures and texts come in as long as they are", "α and β are set to 10", "the id part is brought to length 1 as well")


def fused_wrongly(model, trace, data, slip):
    """Fuse a pass with one thing done wrong: valid Recall@20, and the mean length of each part."""
    parts = {name: part.values for name, part in trace.parts.items()}
    scales = {"attention": trace.config.attention_scale, "hypergraph": trace.config.hypergraph_scale}
    if slip == SLIPS[2]:
        parts |= {name: parts[name] / scale * 10 for name, scale in scales.items()}
        scales = dict.fromkeys(scales, 10)
    elif slip == SLIPS[3]:
        parts["id"] = trace.collaborative.unit.values
    if slip == SLIPS[1]:
        parts |= {name: part.values for name, part in trace.modality.items()}
        total = torch.stack(list(parts.values())).sum(0)
    else:
        arrays = {name: part.detach().numpy() for name, part in parts.items()}
        modalities = [arrays[name] for name in trace.modality]
        fused = fuse(arrays["id"], modalities, arrays["attention"], arrays["hypergraph"], scales["attention"], scales["hypergraph"])
        total = torch.tensor(fused, dtype=parts["id"].dtype)
    with model.edit(Edit("fused by hand", lambda hooks: hooks.fused, lambda _: total)):
        recall = lab.evaluate(model, data, "valid", (20,))["recall@20"]
    return recall, {name: float(rows.norm(dim=1).mean()) for name, rows in parts.items()}
