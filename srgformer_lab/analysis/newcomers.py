"""Users and items that the model has never learned: what it can say about them from a list of items, or from features alone."""

from collections.abc import Mapping, Sequence

import numpy as np

from srgformer_lab.data.changing import with_item, with_user
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError
from srgformer_lab.models.identity import Id, on_own_data
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.transfer import Variant, with_newcomers


@on_own_data
def add_user(model: SRGFormer, data: Dataset, item_ids: Sequence[Id], user_id: Id = "newcomer") -> Variant:
    """Return the model with a user more, who is known only by a list of items, without training.

    Edges to the items are made, so most of what the model says comes from the items and from those items' other users. The
    rule for the learned ID embedding that is missing: E⁰_u points where the mean of the items' ID embeddings points and is as
    long as a learned one on average. Of five rules it did best on validation; docs/explanations.md has what it costs.

    Args:
        model: A trained model; it stays as it is.
        item_ids: The newcomer's history: one or more items, each once.
        user_id: The newcomer's id, which nobody has yet.
        data: The model's own data; may be left out or stand second.

    Returns:
        The model and its data, for ``recommend(*variant, user_id)``, ``explain`` and ``what_if``.

    Raises:
        UnknownIdError: No item has that id.
        DataError: The id is taken, the list is empty, an item stands twice, or the data is other.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> len(lab.recommend(*lab.add_user(model, ["i3", "i8"]), "newcomer", k=5))
        5
    """
    return with_newcomers(model, with_user(data, str(user_id), list(map(str, item_ids))))


@on_own_data
def add_item(
    model: SRGFormer, data: Dataset, features: Mapping[str, np.ndarray], item_id: Id = "new item", title: str = "", text: str = ""
) -> Variant:
    """Return the model with an item more, which nobody has taken and which is known by its features alone, without training.

    Without an edge no walk reaches it: its modality and attention parts are 0, and only its place among the hyperedges comes
    from its features. So alone it is never recommended. The rule: its ID embedding stands in for what is missing with the
    mean fused embedding of the five items that are nearest by features (cosines summed over the modalities),
    E⁰_i = (L+1) · mean E*_j, so that its id part 1/(L+1) E⁰_i is that mean. An explanation shows it as the item's own share.

    Args:
        model: A trained model; it stays as it is.
        features: One vector a modality of the data, as wide as the items' own.
        item_id: The newcomer's id, which no item has yet.
        title: For its card; the id where it is empty.
        text: For its card.
        data: The model's own data; may be left out or stand second.

    Returns:
        The model and its data, for ``recommend(*variant, user_id)``, ``explain`` and ``what_if``.

    Raises:
        DataError: The id is taken, a modality is missing, the data has none at all or is other, or a vector has the wrong width or
            is not finite.
    """
    if not data.modalities:
        raise DataError(f"{data.name} has no modality, so nothing can be known of the newcomer {item_id!r}; give items features first")
    return with_newcomers(model, with_item(data, str(item_id), features, title, text))
