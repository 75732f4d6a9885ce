"""What if? The same weights, run again with something different: the history, the branches, the hyperedges, the features."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from srgformer_lab.config import MODEL_KNOBS, ModelConfig
from srgformer_lab.data import changing
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.hooks import Edit
from srgformer_lab.models.identity import Id, checked, on_own_data
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.ranking import Scoring, compare_lists, ranking_of, user_scores
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.transfer import Variant, carry_over


@dataclass(frozen=True)
class DataChange:
    """A change of what is known, for the user who is asked about."""

    name: str
    apply: Callable[[Dataset, str], Dataset]

    def __repr__(self) -> str:
        """Say what changes."""
        return self.name


@dataclass(frozen=True)
class KnobChange:
    """Other values of α, β or the membership τ."""

    values: tuple[tuple[str, float], ...]

    def __repr__(self) -> str:
        """Say what changes."""
        return f"set_knobs({', '.join(f'{name}={value:g}' for name, value in self.values)})"


Change = DataChange | KnobChange | Edit | tuple[Edit, ...]


@checked
def drop_items(*item_ids: Id) -> DataChange:
    """Return a change that takes items out of the user's history.

    Args:
        *item_ids: Items of the history, each once.

    Returns:
        A change for ``what_if``, which raises ``UnknownIdError`` or ``DataError`` where an item is unknown or not in the history.

    Raises:
        ConfigError: An id is neither text nor a whole number.
    """
    return DataChange(
        f"drop_items({', '.join(map(repr, item_ids))})", lambda data, user: changing.without_interactions(data, user, map(str, item_ids))
    )


@checked
def keep_items(*item_ids: Id) -> DataChange:
    """Return a change that takes everything but these items out of the user's history.

    Args:
        *item_ids: The items to keep; those that are not in the history change nothing.

    Returns:
        A change for ``what_if``, which raises ``UnknownIdError`` where an item is unknown.

    Raises:
        ConfigError: An id is neither text nor a whole number.
    """

    def apply(data: Dataset, user: str) -> Dataset:
        kept = {data.item_row(item) for item in item_ids}
        rest = [data.item_ids[int(row)] for row in data.matrix("train")[data.user_row(user)].indices if row not in kept]
        return changing.without_interactions(data, user, rest)

    return DataChange(f"keep_items({', '.join(map(repr, item_ids))})", apply)


@checked
def add_items(*item_ids: Id) -> DataChange:
    """Return a change that puts items into the user's history.

    Args:
        *item_ids: Items that are not in the history, each once.

    Returns:
        A change for ``what_if``, which raises ``UnknownIdError`` or ``DataError`` where an item is unknown or there already.

    Raises:
        ConfigError: An id is neither text nor a whole number.
    """
    return DataChange(
        f"add_items({', '.join(map(repr, item_ids))})", lambda data, user: changing.with_interactions(data, user, map(str, item_ids))
    )


@checked
def shuffle_modality(modality: str, seed: int = 0) -> DataChange:
    """Return a change that deals one modality's features out among the items anew, in E^m and in the hyperedges alike.

    Args:
        modality: Whose features.
        seed: What the order depends on.

    Returns:
        A change for ``what_if``, which raises ``DataError`` where the data has no such modality.

    Raises:
        ConfigError: The seed is no whole number from 0 to 2⁶².
    """
    return DataChange(
        f"shuffle_modality({modality!r}, seed={seed})", lambda data, user: changing.with_shuffled_modality(data, modality, seed)
    )


@checked
def set_knobs(**knobs: float) -> KnobChange:
    """Return a change of the scales that weigh the branches, or of the membership temperature.

    Args:
        **knobs: ``attention_scale`` (α, 0 to 10), ``hypergraph_scale`` (β, 0 to 10) or ``membership_temperature`` (τ, 0.05 to 100).

    Returns:
        A change for ``what_if``.

    Raises:
        ConfigError: A name is none of these, or a value is outside its range.
    """
    if unknown := sorted(set(knobs) - set(MODEL_KNOBS)):
        raise ConfigError(f"{', '.join(unknown)} can't be set on a trained model; its knobs are {', '.join(MODEL_KNOBS)}")
    ModelConfig().replace(**knobs)
    return KnobChange(tuple(knobs.items()))


@dataclass(frozen=True, eq=False)
class WhatIf:
    """One user's scores and ranks before and after a change.

    Both rankings are over the same items: those that may be shown to the user before and after.
    """

    user_id: str
    changes: str
    before: pd.DataFrame
    """``rank``, ``item_id``, ``title``, ``score``; best first."""
    after: pd.DataFrame
    item_id: str | None = None
    """The item that was asked about."""
    score_before: float = np.nan
    score_after: float = np.nan

    def moves(self, k: int = 10) -> pd.DataFrame:
        """Return what is in the top k of either list, as ``compare_lists`` does.

        Args:
            k: Places of either list that are compared, from 1.

        Returns:
            ``item_id``, ``title``, ``rank_before``, ``rank_after``, ``moved`` (places risen), ``score_before``, ``score_after``.

        Raises:
            ConfigError: ``k`` is below 1.
        """
        return compare_lists(self.before, self.after, k)

    @property
    def effect(self) -> float:
        """How much the item's score fell (before − after)."""
        return self.score_before - self.score_after

    @property
    def ranks(self) -> tuple[int | None, int | None]:
        """The item's rank before and after; None where it may not be shown."""
        return _rank(self.before, self.item_id), _rank(self.after, self.item_id)

    def __repr__(self) -> str:
        """Say what changed, for the item or for the list."""
        if self.item_id is not None:
            first, last = ("–" if rank is None else str(rank) for rank in self.ranks)
            return (
                f"WhatIf({self.changes} for user {self.user_id}: {self.item_id} goes from "
                f"{self.score_before:.4g} to {self.score_after:.4g}, rank {first} → {last})"
            )
        kept = len(set(self.before["item_id"].head(10)) & set(self.after["item_id"].head(10)))
        return f"WhatIf({self.changes} for user {self.user_id}: {kept} of the first {min(10, len(self.before))} items stay)"


def variant(model: Recommender, data: Dataset, user_id: Id, *changes: Change) -> Variant:
    """Return the model and data after the changes of data among ``changes``; without any, those that came in.

    Raises:
        UnknownIdError: No user or item has that id.
        DataError: A change does not fit the data.
    """
    changed = data
    for change in _flat(changes):
        if isinstance(change, DataChange):
            changed = change.apply(changed, str(user_id))
    return Variant(model, data) if changed is data else carry_over(model, data, changed)


def changed_reading(model: Recommender, user: int, *changes: Change) -> Scoring:
    """Read a model for one user with the edits and knobs of ``changes`` in force; what changes data is done by ``variant``.

    Raises:
        ConfigError: There are edits or knobs, and the model is no SRGFormer.
    """
    inner, users = [change for change in _flat(changes) if not isinstance(change, DataChange)], torch.tensor([user])
    if not inner:
        return model.for_users(users)
    if not isinstance(model, SRGFormer):
        raise ConfigError(
            f"{inner[0]!r} changes a branch of SRGFormer, and {type(model).__name__} has none; change what is known, as drop_items does"
        )
    with model.edit(*(change for change in inner if isinstance(change, Edit))):
        trace = model.trace_for(users)
    knobs = {name: value for change in inner if isinstance(change, KnobChange) for name, value in change.values}
    return trace.fuse(**knobs) if knobs else trace


@on_own_data
def what_if(model: Recommender, data: Dataset, user_id: Id, *changes: Change, item_id: Id | None = None) -> WhatIf:
    """Compute one user's list again with the same weights and something different, and compare it with the list before.

    Changes are made in the order given: ``drop_items``, ``keep_items``, ``add_items``, ``shuffle_modality``, ``set_knobs``, and the
    edits ``mute_head``, ``uniform_attention``, ``drop_hyperedge``, ``merge_hyperedges``, ``harden_memberships``,
    ``noisy_memberships``, ``blank_modality``, ``without_modality``; all but the first four are of SRGFormer alone.
    Nothing is trained, and model and data stay as they are. Removing a history item changes everything that rests on it: degrees,
    norms, attention weights, memberships, similarities, also of other nodes.

    Args:
        model: A model that can run again.
        user_id: Whose list.
        *changes: One or more changes or edits, in the order in which they are made.
        item_id: An item to compare the score and rank of.
        data: The model's own data; may be left out or stand second.

    Returns:
        Both rankings, over the items that may be shown before and after, and the item's scores and ranks.

    Raises:
        UnknownIdError: No user or item has that id.
        DataError: A change does not fit the data, such as an item to drop that is not in the history.
        ConfigError: No change was given, or the model has no such branch, head, modality or hyperedge.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> lab.what_if(model, "u1", lab.set_knobs(attention_scale=0), lab.mute_head(0)).changes
        'set_knobs(attention_scale=0), mute_head(0)'
    """
    if not changes:
        raise ConfigError("what_if needs at least one change, such as drop_items('i3') or mute_head(0)")
    user = data.user_row(user_id)
    other, there = variant(model, data, user_id, *changes)
    first, second = user_scores(model, user), user_scores(changed_reading(other, user, *changes), user)
    known = data.matrix("all")[user] + there.matrix("all")[user]
    shown = np.setdiff1d(np.arange(data.n_items), known.indices)
    item = None if item_id is None else data.item_row(item_id)
    return WhatIf(
        user_id=str(user_id),
        changes=", ".join(dict.fromkeys(map(repr, _flat(changes)))),
        before=ranking_of(data, first, shown),
        after=ranking_of(data, second, shown),
        item_id=None if item is None else data.item_ids[item],
        score_before=np.nan if item is None else float(first[item]),
        score_after=np.nan if item is None else float(second[item]),
    )


def _flat(changes: Iterable[Change]) -> list[DataChange | KnobChange | Edit]:
    return [part for change in changes for part in (change if isinstance(change, tuple) else (change,))]


def _rank(ranking: pd.DataFrame, item_id: str | None) -> int | None:
    place = ranking.loc[ranking["item_id"] == item_id, "rank"]
    return int(place.iloc[0]) if len(place) else None
