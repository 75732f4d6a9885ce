"""What claims to explain a recommendation: functions from one to how much each item of the history counts, and claims from anywhere."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, DataError
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.srgformer import SRGFormer

Explainer = Callable[[Recommender, Dataset, str, str], Mapping[str, float]]
"""From a model, its data, a user's and an item's id to a number for each item of the user's history: the larger, the more it counts."""
SMALLEST_NORM = 1e-12
CLAIMED = ("user_id", "item_id", "history_id", "claim")


def gradient_times_input(model: Recommender, data: Dataset, user_id: str, item_id: str) -> dict[str, float]:
    """Return for each history item Σ gradient × input over its layer-0 embedding and its projected features.

    Args:
        model: An SRGFormer.
        data: Its own data.
        user_id: Whose history.
        item_id: The item whose score is explained.

    Returns:
        A number by the id of each item in training.

    Raises:
        ConfigError: The model is none whose inputs are known.

    Source: Shrikumar et al. 2016 (gradient × input), as captum's ``InputXGradient`` computes it.
    """
    if not isinstance(model, SRGFormer):
        raise ConfigError(f"gradient × input knows the inputs of SRGFormer, not of {type(model).__name__}; leave this explainer out")
    user, history = data.user_row(user_id), data.matrix("train")[data.user_row(user_id)].indices
    was_training = model.training
    try:
        trace = model.eval()()
    finally:
        model.train(was_training)
    inputs = [model.item_embedding, *trace.projected.values()]
    score = trace.fused.users[user] @ trace.fused.items[data.item_row(item_id)]
    found = torch.autograd.grad(score, inputs, allow_unused=True)
    rows = torch.from_numpy(history.astype(np.int64)).to(score.device)
    claims = sum((g * x)[rows].sum(1).detach().double() for g, x in zip(found, inputs, strict=True) if g is not None)
    return dict(zip((data.item_ids[int(row)] for row in history), np.asarray(claims.cpu()).tolist(), strict=True))  # type: ignore[union-attr]


def likeness_of_history(model: Recommender, data: Dataset, user_id: str, item_id: str) -> dict[str, float]:
    """Return how alike each history item is to the recommended one: cosines of their features, summed over the modalities.

    Args:
        model: Any; it is not asked.
        data: Its own data.
        user_id: Whose history.
        item_id: The item that is explained.

    Returns:
        A number by the id of each item in training, from −modalities to modalities.

    Raises:
        ConfigError: The data has no modality.
    """
    if not data.modalities:
        raise ConfigError(f"{data.name} has no modality by which items could be alike; leave this explainer out")
    history, item = data.matrix("train")[data.user_row(user_id)].indices, data.item_row(item_id)
    total = np.zeros(len(history))
    for matrix in data.features.values():
        rows = matrix[history].astype(np.float64)
        norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(matrix[item].astype(np.float64))
        total += rows @ matrix[item] / norms.clip(SMALLEST_NORM)
    return dict(zip((data.item_ids[int(row)] for row in history), total.tolist(), strict=True))


def popularity_of_history(model: Recommender, data: Dataset, user_id: str, item_id: str) -> dict[str, float]:
    """Return how many people have each history item in training: what is popular explains everything alike.

    Args:
        model: Any; it is not asked.
        data: Its own data.
        user_id: Whose history.
        item_id: The item that is explained; it doesn't matter.

    Returns:
        A number by the id of each item in training, from 1.
    """
    history = data.matrix("train")[data.user_row(user_id)].indices
    taken = np.bincount(data.pairs("train")[:, 1], minlength=data.n_items)
    return {data.item_ids[int(row)]: float(taken[row]) for row in history}


EXPLAINERS: Mapping[str, Explainer] = MappingProxyType(
    {"gradient × input": gradient_times_input, "nearest by features": likeness_of_history, "popularity": popularity_of_history}
)
"""What ``faithfulness`` can hold beside the exact contribution, attention and chance."""


def explainers_for(model: Recommender) -> dict[str, Explainer]:
    """Return those of the ``EXPLAINERS`` that know a model of this sort, on its data."""
    data = model.data
    known = {"gradient × input": isinstance(model, SRGFormer), "nearest by features": bool(data.modalities)}
    return {name: explainer for name, explainer in EXPLAINERS.items() if known.get(name, True)}


def claims_of(table: pd.DataFrame) -> Explainer:
    """Return what explains by claims that were made anywhere, a language model's included.

    Args:
        table: ``user_id``, ``item_id`` (which is explained), ``history_id``, ``claim``: the larger, the more it counts. What is not
            claimed of counts as 0; whose recommendation no row explains has no claims, and does not count among ``n_users``.

    Returns:
        An explainer for ``faithfulness``.

    Raises:
        DataError: A column is missing, a claim is no finite number, or one stands twice.

    Examples:
        >>> model, item = lab.Popularity(lab.studio()), lab.studio().history("u1")[0]
        >>> rows = lab.recommend(model, "u1", k=1)[["item_id"]].assign(user_id="u1", history_id=item, claim=1.0)
        >>> lab.claims_of(rows)(model, model.data, "u1", rows["item_id"][0])[item]
        1.0
    """
    if missing := [name for name in CLAIMED if name not in table]:
        raise DataError(f"claims lack the column {missing[0]!r}; they need {', '.join(CLAIMED)}, and have {', '.join(map(str, table))}")
    rows = table[list(CLAIMED)].astype(dict.fromkeys(CLAIMED[:3], str))
    rows["claim"] = pd.to_numeric(rows["claim"], errors="coerce")
    if (wrong := ~np.isfinite(rows["claim"])).any():
        at = int(wrong.to_numpy().argmax())
        raise DataError(f"row {at + 1} of the claims has no finite number but {table['claim'].iloc[at]!r}; give one for each")
    if (twice := rows.duplicated(list(CLAIMED[:3]))).any():
        user, item, history, _ = rows[twice].iloc[0]
        raise DataError(f"history item {history!r} is claimed twice for user {user!r} and item {item!r}; give each once")
    known = {key: dict(zip(those["history_id"], those["claim"], strict=True)) for key, those in rows.groupby(["user_id", "item_id"])}

    def explainer(model: Recommender, data: Dataset, user_id: str, item_id: str) -> dict[str, float]:
        claims = known.get((user_id, item_id), {})
        return {**dict.fromkeys(data.history(user_id), 0.0), **claims} if claims else {}

    return explainer


def read_claims(path: Path | str) -> Explainer:
    """Return what explains by the claims of a CSV file, as ``claims_of`` a table.

    Raises:
        DataError: The file can't be read, or its table is no table of claims.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # what pandas can't parse is a ValueError
        raise DataError(f"{path} can't be read as a CSV of {', '.join(CLAIMED)}: {error}") from error
    return claims_of(table)


def claimed(name: str, explainer: Explainer, model: Recommender, data: Dataset, user_id: str, item_id: str) -> "pd.Series[float]":
    """Ask an explainer, and refuse nonsense by its name.

    Returns:
        A number by item id for each item of the history; NaN everywhere where it claims nothing.

    Raises:
        ConfigError: What it gives are no finite numbers by ids of the history, one each.
    """
    given = explainer(model, data, user_id, item_id)
    asked = f"explainer {name!r}, user {user_id!r}, item {item_id!r}:"
    if not isinstance(given, Mapping | pd.Series):
        raise ConfigError(f"{asked} a {type(given).__name__} is no explanation; give a number for each item of the history by its id")
    claims, history = {str(key): value for key, value in given.items()}, data.history(user_id)
    if not claims:
        return pd.Series(np.nan, index=list(history))
    if strange := [key for key in claims if key not in set(history)]:
        raise ConfigError(f"{asked} {strange[0]!r} is no item of the history; claim of {', '.join(history[:5])} and so on")
    if left_out := [key for key in history if key not in claims]:
        raise ConfigError(f"{asked} nothing is claimed of {left_out[0]!r} and {len(left_out) - 1} others; give 0 for what does not count")
    numbers = pd.to_numeric(pd.Series(claims, dtype=object), errors="coerce")
    if (wrong := ~np.isfinite(numbers)).any():
        key = numbers.index[wrong][0]
        raise ConfigError(f"{asked} {claims[key]!r} for {key!r} is no finite number; give 0 for what does not count")
    return numbers.astype(float).loc[list(history)]
