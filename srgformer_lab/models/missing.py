"""What stands for the features of an item that lacks a modality, and what an explanation says of it.

The treatments are the values of ``missing_features``. All but ``zero``, which uses the features as they are stored, are this library's
own; the published form knows no missing modality.
"""

import numpy as np
from jaxtyping import Bool, Float

from srgformer_lab.config import ModelConfig
from srgformer_lab.data.dataset import Dataset

COLUMNS = 256
"""Columns of features that are gathered at a time, so that a wide modality of many users fits into memory."""
NOUNS = {"image": "picture", "text": "text"}


def known_mean(data: Dataset, name: str) -> Float[np.ndarray, " width"]:
    """Return the mean of a modality over the items that have it; zeros where none has."""
    known = data.known[name]
    return data.features[name][known].mean(axis=0, dtype=np.float64) if known.any() else np.zeros(data.features[name].shape[1])


def completed(data: Dataset, name: str, treatment: str, mean: Float[np.ndarray, " width"] | None) -> Float[np.ndarray, "items width"]:
    """Return the features of a modality with what stands for those that are missing.

    - ``zero`` and ``omit``: 0, as it is stored.
    - ``mean``: the mean of all items that have it.
    - ``neighbors``: Σ_j C_ij x_j / Σ_j C_ij over the items j that have the modality, with C = RᵀR the numbers of people who took both
      i and j to learn from: one step along the graph of co-interaction. Where nobody links an item to such a one, the mean of all.

    Args:
        data: Whose features.
        name: The modality.
        treatment: A value of ``missing_features``.
        mean: ``known_mean``, or on other data than a model was trained on that of its own; None where nothing is filled in.

    Returns:
        The stored matrix itself where nothing is filled in, else a copy in float64.
    """
    stored, lacking = data.features[name], ~data.known[name]
    if mean is None or not lacking.any():
        return stored
    values = stored.astype(np.float64)
    values[lacking] = mean
    if treatment == "neighbors":
        taken_by = data.matrix("train").astype(np.float64)
        of_lacking = taken_by[:, lacking].T.tocsr()
        links = of_lacking @ (taken_by @ data.known[name].astype(np.float64))
        linked = links > 0
        for start in range(0, stored.shape[1], COLUMNS):
            part = slice(start, start + COLUMNS)
            total = of_lacking @ (taken_by @ stored[:, part].astype(np.float64))  # rows of 0 add nothing
            values[np.ix_(np.flatnonzero(lacking)[linked], np.arange(values.shape[1])[part])] = total[linked] / links[linked, None]
    return values


def entering(data: Dataset, name: str, treatment: str) -> Bool[np.ndarray, " nodes"] | None:
    """Return which nodes' terms of a modality enter the fusion, users first; None where all do."""
    if treatment != "omit" or data.known[name].all():
        return None
    return np.concatenate([np.ones(data.n_users, dtype=bool), data.known[name]])


def absent(data: Dataset, item: int, config: ModelConfig, names: tuple[str, ...]) -> dict[str, str]:
    """Return, for each of the modalities that an item lacks, one sentence on what a model's part of it is then.

    Args:
        data: Whose item.
        item: Its row.
        config: How the model treats what is missing.
        names: The modalities that the model uses.

    Returns:
        Sentences by modality; empty where the item has all.
    """
    return {name: _sentence(data, item, config, name) for name in names if not data.known[name][item]}


def lacks(name: str) -> str:
    """Return what an item without a modality is said to be: with no picture, no text, or none of the features of that name."""
    return f"no {NOUNS.get(name, f'{name} features')}"


def _sentence(data: Dataset, item: int, config: ModelConfig, name: str) -> str:
    none, treatment = lacks(name), config.missing_features
    zero = f"{none}: its {name} part is 0 by definition"
    if treatment == "omit":
        return f"{zero}, and its {name} hyperedges are left out"
    history = data.matrix("train")
    people = history.getcol(item)
    if treatment == "zero":
        if not people.nnz:
            return f"{none}, and nobody to learn from took it: its {name} part is 0 by definition"
        if not config.n_modality_layers:
            return zero
        return f"{none}: its own {name} features are 0 by definition; what its {name} part holds comes from the people who took it"
    mean = f"the mean of all items' {name} features stands in"
    if treatment == "mean":
        return f"{none}: {mean}"
    if (people.T @ history @ data.known[name].astype(np.float64)).any():
        return f"{none}: the mean {name} features of the items that the same people took stand in"
    return f"{none}, and the people who took it have no item with {name} features: {mean}"


def gaps(data: Dataset, item: int | None = None) -> list[str]:
    """Return a sentence for each modality that an item lacks, by its row, or that some lack: what is stored, not what a model does."""
    if item is not None:
        return [f"{lacks(name)}: its own {name} features are 0 by definition" for name, known in data.known.items() if not known[item]]
    lacking = {name: int((~known).sum()) for name, known in data.known.items()}
    return [
        f"{count:,} of {data.n_items:,} items have {lacks(name)}: their own {name} features are 0 by definition"
        for name, count in lacking.items()
        if count
    ]
