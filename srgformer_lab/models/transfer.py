"""The same weights on other data: what a what-if and a newcomer stand on."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.srgformer import SRGFormer


class Variant(NamedTuple):
    """A model and the data that it stands on; use it wherever a model and a data set are asked for."""

    model: SRGFormer
    data: Dataset


@on_own_data
def carry_over(model: SRGFormer, data: Dataset, after: Dataset) -> Variant:
    """Return a model's weights on other data: rows follow their raw ids, and nothing is trained.

    Everything that is computed from interactions and features (Ã, R, degrees) is that of the new data. A user or item that
    the model has not learned gets a zero ID embedding; ``add_user`` and ``add_item`` have better rules. Edits that are active stay active.

    Args:
        model: The model, which stays as it is.
        after: The data to put its weights onto.
        data: The model's own data; may be left out or stand second.

    Returns:
        The new model and ``after``, for whatever asks for a model and its data.

    Raises:
        ConfigError: The data lacks a modality of the model.
        DataError: The features have other widths than those that the model was built for, or the model's own data is other.
    """
    other = SRGFormer(after, model.config.replace(modalities=model.modalities)).to(model.device, model.user_embedding.dtype)
    tables = {"user_embedding": (data.user_ids, after.user_ids), "item_embedding": (data.item_ids, after.item_ids)}
    state = {name: value for name, value in model.state_dict().items() if name not in tables}
    for name, (old, new) in tables.items():
        state[name] = _follow(model.get_parameter(name).detach(), old, new)
    own = other.state_dict()
    if wrong := [name for name, value in state.items() if value.shape != own[name].shape]:
        given, wanted = tuple(own[wrong[0]].shape), tuple(state[wrong[0]].shape)
        raise DataError(f"{wrong[0]} would be {given} on {after.name}, but the model's is {wanted}; give features of the same widths")
    other.load_state_dict(state)
    for name, features in model.features.items():
        other.features[name].learned_as(features)
    other.config = model.config
    other.hooks.adopt(model.hooks)
    return Variant(other.eval(), after)


def _follow(table: Float[Tensor, "before dim"], old: Sequence[str], new: Sequence[str]) -> Float[Tensor, "after dim"]:
    if new == old:
        return table
    place = {name: row for row, name in enumerate(old)}
    rows = torch.tensor([place.get(name, len(old)) for name in new], device=table.device)
    return torch.cat([table, table.new_zeros(1, table.shape[1])])[rows]
