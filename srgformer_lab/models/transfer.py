"""The same weights on other data, and what stands for those that were never learned: what a what-if and a newcomer stand on."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, DataError
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.protocol import Recommender, Trainable
from srgformer_lab.models.srgformer import SRGFormer

NEAREST = 5
"""Items whose place a newcomer among the items takes."""
SMALLEST_NORM = 1e-12


Model = TypeVar("Model", bound=Recommender)


class Variant(NamedTuple):
    """A model and the data that it stands on; use it wherever a model and a data set are asked for."""

    model: Any
    """Of the same sort as the one that it came from."""
    data: Dataset


@on_own_data
def carry_over(model: Recommender, data: Dataset, after: Dataset) -> Variant:
    """Return a model's weights on other data: rows follow their raw ids, and nothing is trained.

    Everything that is computed from interactions and features (Ã, R, degrees, counts, similarities) is that of the new data. A user or
    item that the model has not learned gets weights of 0; ``with_newcomers`` has better rules for an SRGFormer. Edits that are active
    stay active.

    Args:
        model: A model of the catalogue, or one that is built from a data set and a configuration as they are; it stays as it is.
        after: The data to put its weights onto.
        data: The model's own data; may be left out or stand second.

    Returns:
        The new model and ``after``, for whatever asks for a model and its data.

    Raises:
        ConfigError: The data lacks a modality of the model, or the model can't be built so.
        DataError: The features have other widths than those that the model was built for, or the model's own data is other.
    """
    other = _built_on(model, after)
    _take_weights(other, model)
    other.adopt(model)
    return Variant(other.eval(), after)


def _built_on(model: Model, after: Dataset) -> Model:
    """Build a model of the same sort, settings, modalities and place on other data."""
    config = getattr(model, "config", None)
    weight = next((each for each in (*model.parameters(), *model.buffers()) if each.is_floating_point()), None)
    if config is not None and getattr(config, "modalities", ()) is None:
        config = config.replace(modalities=tuple(model.data.modalities))
    try:
        other = type(model)(after, config)  # type: ignore[call-arg]  # all models of the catalogue are built so
    except TypeError as error:
        raise ConfigError(
            f"{type(model).__name__} can't be put onto other data ({error}); let its constructor take a data set and a configuration"
        ) from None
    if config is not None:
        other.config = model.config
    return other if weight is None else other.to(weight.device, weight.dtype)


def with_newcomers(model: SRGFormer, after: Dataset) -> Variant:
    """Return a model's weights on data that has users and items more, whose ID embeddings stand where the rules for newcomers put them.

    Args:
        model: The model, which stays as it is.
        after: Its own data and more.

    Returns:
        The new model and ``after``.

    Raises:
        ConfigError: The data lacks a modality of the model.
        DataError: The features have other widths than those that the model was built for.
    """
    other, _ = carry_over(model, after)
    place_newcomers(other, model)
    return Variant(other, after)


def warm_start(model: Trainable[Any], after: Dataset) -> Trainable[Any]:
    """Return a model to train on data that has users and items more, which starts from another's weights.

    Newcomers of an SRGFormer stand where the rules for newcomers put them; those of other models are drawn as in a new model.
    Unlike after ``carry_over``, what stands for missing features, and what memberships are centred on, is that of the new data.

    Args:
        model: The model, which stays as it is.
        after: Its own data and more.

    Raises:
        ConfigError: The data lacks a modality of the model.
        DataError: The features have other widths than those that the model was built for.
    """
    other = type(model)(after, model.config)  # type: ignore[call-arg]  # all models of the catalogue are built so
    _take_weights(other, model, drawn=True)
    if isinstance(model, SRGFormer) and isinstance(other, SRGFormer):
        place_newcomers(other, model)
    return other


def place_newcomers(other: SRGFormer, model: SRGFormer) -> None:
    """Set the ID embeddings of the users and items that only the other model has.

    - A user stands where the mean of the items' embeddings points, as long as a learned one on average.
    - An item that somebody took stands where the mean of these people's embeddings points, as long as a learned one on average.
    - An item that nobody took, or only newcomers, stands by its features: E⁰_i = (L+1) · mean E*_j of the five items that are nearest by
      them (cosines summed over the modalities), of which a length as learned is taken where it has edges. Without any features it is 0.

    Args:
        other: A model on more data, with the model's weights.
        model: The model that learned.
    """
    users, items = (
        torch.tensor([row for row, name in enumerate(now) if name not in known], dtype=torch.int64, device=model.device)
        for now, known in ((other.data.user_ids, set(model.data.user_ids)), (other.data.item_ids, set(model.data.item_ids)))
    )
    with torch.no_grad():
        if len(items):
            _place_items(other, model, items)
        if len(users):
            _place_users(other, model, users)


def _place_users(other: SRGFormer, model: SRGFormer, rows: Int[Tensor, " new"]) -> None:
    history = other.graph.history_mean(other.item_embedding)[rows]
    other.user_embedding[rows] = model.user_embedding.norm(dim=1).mean() * normalize(history, dim=1)


def _place_items(other: SRGFormer, model: SRGFormer, rows: Int[Tensor, " new"]) -> None:
    stand_in = (model.config.n_id_layers + 1) * _nearest_mean(other, model, rows)
    taken_by = other.data.matrix("train")[:, rows.cpu().numpy()].T.tocsr()
    people = torch.from_numpy(taken_by @ other.user_embedding.cpu().double().numpy()).to(stand_in)
    has_edges = torch.from_numpy(np.diff(taken_by.indptr) > 0).to(rows.device)[:, None]
    pointing = torch.where(people.norm(dim=1, keepdim=True) > SMALLEST_NORM, people, stand_in)
    length = model.item_embedding.norm(dim=1).mean()
    other.item_embedding[rows] = torch.where(has_edges, length * normalize(pointing, dim=1), stand_in)


def _nearest_mean(other: SRGFormer, model: SRGFormer, rows: Int[Tensor, " new"]) -> Float[Tensor, "new dim"]:
    """Return the mean fused embedding of the learned items that are nearest by features; 0 where an item has none."""
    new, learned = rows.cpu().numpy(), [other.data.item_row(name) for name in model.data.item_ids]
    units = [_unit_rows(matrix) for matrix in other.data.features.values()]
    of_learned = [unit[learned] for unit in units]
    fused, found = model.trace().fused.items, torch.zeros(len(new), model.item_embedding.shape[1], device=rows.device)
    for place, row in enumerate(new):
        if any(unit[row].any() for unit in units):
            likeness = sum(known @ unit[row] for known, unit in zip(of_learned, units, strict=True))
            nearest = np.argsort(-likeness, kind="stable")[:NEAREST]
            found[place] = fused[torch.from_numpy(nearest).to(rows.device)].mean(0)
    return found.to(model.item_embedding.dtype)


def _unit_rows(matrix: Float[np.ndarray, "rows width"]) -> Float[np.ndarray, "rows width"]:
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True).clip(SMALLEST_NORM)


def _take_weights(other: Recommender, model: Recommender, drawn: bool = False) -> None:
    """Copy a model's weights: rows of users and items by their ids, 0 or as drawn for those that it has not learned."""
    data, after, own = model.data, other.data, other.state_dict()
    ids = {"user": (data.user_ids, after.user_ids), "item": (data.item_ids, after.item_ids)}
    state = {}
    for name, value in model.state_dict().items():
        of = model.rows.get(name) or model.rows.get(name.partition(".")[0])
        state[name] = value if of is None else _follow(value, *ids[of], own[name] if drawn else None)
    if wrong := [name for name, value in state.items() if value.shape != own[name].shape]:
        given, wanted = tuple(own[wrong[0]].shape), tuple(state[wrong[0]].shape)
        raise DataError(f"{wrong[0]} would be {given} on {after.name}, but the model's is {wanted}; give features of the same widths")
    other.load_state_dict(state)


def _follow(table: Tensor, old: Sequence[str], new: Sequence[str], drawn: Tensor | None) -> Tensor:
    """Return the rows of a table in the order of new ids; those of ids that are not among the old ones are 0, or as drawn."""
    if new == old:
        return table
    place = {name: row for row, name in enumerate(old)}
    rows = torch.tensor([place.get(name, -1) for name in new], device=table.device)
    found = table.new_zeros(len(new), *table.shape[1:])
    if drawn is not None and drawn.shape == found.shape:
        found.copy_(drawn)
    found[rows >= 0] = table[rows[rows >= 0]]
    return found
