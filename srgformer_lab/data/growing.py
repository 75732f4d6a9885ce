"""The same data, grown: when a folder still holds all that a run was trained on, and what is new beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from srgformer_lab.data.contents import built_in_inputs
from srgformer_lab.data.dataset import SPLITS, Dataset, Interactions
from srgformer_lab.data.keeping import Kept, picture_hashes, row_hashes, word_hashes
from srgformer_lab.data.parts import ItemCards
from srgformer_lab.data.problems import counted, few
from srgformer_lab.data.tables import positions
from srgformer_lab.errors import DataError

TRAIN = SPLITS.index("train")


@dataclass(frozen=True, eq=False)
class Growth:
    """A data set as a run was trained on it, and as it is now."""

    own: Dataset
    """What the run was trained on: its users, items and interactions, in their splits; titles and pictures are those of now."""
    learnable: Dataset
    """All that is there now, to train on: what the run held back stays held back, and what is new is split as it is read."""
    new_users: Sequence[str]
    new_items: Sequence[str]
    n_interactions: int
    """New interactions."""
    reworded: Sequence[str]
    """Items whose title or text is another one by now."""
    repictured: Sequence[str]
    """Items whose picture is."""

    @cached_property
    def data(self) -> Dataset:
        """All that is there now, to serve: whatever is new is known of the people, and none of it held back."""
        pairs = self.learnable.interactions
        user, item = (positions(old, new) for old, new in self._ids())
        is_old = (user[pairs.user] >= 0) & (item[pairs.item] >= 0)
        own = self.own.interactions
        keys = own.user * self.own.n_items + own.item
        asked = user[pairs.user] * self.own.n_items + item[pairs.item]
        place = np.searchsorted(keys, asked).clip(max=len(keys) - 1)
        is_old &= keys[place] == asked
        return replace(self.learnable, interactions=replace(pairs, split=np.where(is_old, pairs.split, TRAIN)))

    @cached_property
    def known(self) -> Dataset:
        """``data`` without the users and items that are new: for a model that can say nothing of them."""
        user, item = (positions(old, new) for old, new in self._ids())
        pairs = self.data.interactions
        kept = (user[pairs.user] >= 0) & (item[pairs.item] >= 0)
        some = pairs.take(kept)
        return replace(self.own, interactions=replace(some, user=user[some.user], item=item[some.item]))

    def _ids(self) -> Sequence[tuple[Sequence[str], Sequence[str]]]:
        return (self.own.user_ids, self.learnable.user_ids), (self.own.item_ids, self.learnable.item_ids)

    def is_own(self, user_id: object, *item_ids: object) -> bool:
        """Return whether a user and items were all trained on."""
        return str(user_id) not in self._fresh[0] and not {str(item) for item in item_ids} & self._fresh[1]

    @cached_property
    def _fresh(self) -> tuple[frozenset[str], frozenset[str]]:
        return frozenset(self.new_users), frozenset(self.new_items)

    def said(self, run: str, serves: bool = True, learns: bool = True) -> list[str]:
        """Return what is new and how it is served, in sentences; none where nothing is.

        Args:
            run: The path of the run's folder.
            serves: Whether the model can serve what it has not learned.
            learns: Whether it is trained at all.
        """
        new = [(self.new_items, "item"), (self.new_users, "user")]
        words = [f"{counted(len(ids), what)} ({few(ids, 3)})" for ids, what in new if ids]
        words += [counted(self.n_interactions, "interaction")] if self.n_interactions else []
        sentences = []
        if words:
            one = len(words) == 1 and words[0].startswith("1 ")
            sentences.append(f"{_joined(words)} {'is' if one else 'are'} new since this run was trained")
            if self.new_users or self.new_items:
                how = "served as newcomers" if serves else "left out, since this model has no rule for newcomers"
                sentences[0] += f": who or what is new is {how}"
            sentences[0] += "; the others keep their scores, and what they took meanwhile is left out of their lists"
            again = f"srgformer-lab train --from {run}" if learns else "fit it anew, as it learns no weights"
            sentences.append(f"to learn from all of it: {again}")
        for names, what in ((self.reworded, "title or text"), (self.repictured, "picture")):
            if names:
                have = "have" if len(names) > 1 else "has"
                told = f"{counted(len(names), 'item')} ({few(names, 3)}) {have} another {what} than when this run was trained"
                sentences.append(f"{told}: shown as now, judged by the features that were learned")
        return sentences


def growth(kept: Kept, data: Dataset) -> Growth:
    """Return how a data set grew from what a run keeps.

    It is the same data, grown, where every user, item and interaction of the run is still there, with its modalities and, where features
    are files, with the same features. Users, items and interactions may come beside them; titles, texts, pictures, details and times
    may change, and lists of neighbours: what was trained on keeps those that it had. Old items keep the vectors that built-in encoders gave
    them, new ones get theirs from the same encoders.

    Args:
        kept: What the run keeps of its data.
        data: What is there now.

    Returns:
        What the run was trained on, and what is new.

    Raises:
        DataError: Something of the run's is gone or changed; says what.
    """
    users, items = positions(data.user_ids, kept.user_ids), positions(data.item_ids, kept.item_ids)
    for what, rows, names in (("user", users, kept.user_ids), ("item", items, kept.item_ids)):
        if (rows < 0).any():
            gone = [names[row] for row in np.flatnonzero(rows < 0).tolist()]
            raise DataError(f"{len(gone):,} of its {len(names):,} {what}s {_are(gone)} gone, such as {gone[0]!r}")
    if lost := sorted(kept.neighbors.keys() - data.neighbors):
        raise DataError(f"its lists of neighbours {lost[0]!r} are gone")
    if fresh := sorted(data.neighbors.keys() - kept.neighbors):
        raise DataError(f"there are lists of neighbours {fresh[0]!r} that it was not trained with")
    pairs, n_items = data.interactions, data.n_items
    keys, old = pairs.user * n_items + pairs.item, users[kept.user] * n_items + items[kept.item]
    place = np.searchsorted(keys, old).clip(max=len(keys) - 1)
    if gone := np.flatnonzero(keys[place] != old).tolist():
        user, item = kept.user_ids[int(kept.user[gone[0]])], kept.item_ids[int(kept.item[gone[0]])]
        raise DataError(f"{len(gone):,} of its {len(old):,} interactions {_are(gone)} gone, such as user {user!r} and item {item!r}")
    _check_features(kept, data, items)
    features = {name: _extended(name, kept, data, items) for name in data.features}
    split = pairs.split.copy()
    split[place] = kept.split
    learnable = replace(data, interactions=replace(pairs, split=split), features=features, encoders=kept.encoders)
    time = None if pairs.timestamp is None else pairs.timestamp[place]
    cards = _cards_of(data.cards, items)
    own = replace(
        data,
        user_ids=kept.user_ids,
        item_ids=kept.item_ids,
        interactions=Interactions(kept.user, kept.item, kept.split, time),
        features={name: matrix[items] for name, matrix in features.items()},
        cards=cards,
        encoders=kept.encoders,
        neighbors=kept.neighbors,
    )
    new_users, new_items = (_without(now, then) for now, then in ((data.user_ids, kept.user_ids), (data.item_ids, kept.item_ids)))
    changed = (np.flatnonzero(now != then) for now, then in ((word_hashes(cards), kept.words), (picture_hashes(cards), kept.pictures)))
    reworded, repictured = ([kept.item_ids[row] for row in rows.tolist()] for rows in changed)
    return Growth(own, learnable, new_users, new_items, len(keys) - len(old), reworded, repictured)


def _check_features(kept: Kept, data: Dataset, items: np.ndarray) -> None:
    """Refuse other modalities, and features from files that differ from those that were learned."""
    now = {name: name in data.encoders for name in data.features}
    then = {name: name in kept.fitted for name in kept.modalities}
    if lost := sorted(then.keys() - now):
        raise DataError(f"there is no modality {lost[0]!r} any more")
    if fresh := sorted(now.keys() - then):
        raise DataError(f"there is a modality {fresh[0]!r} that it was not trained with")
    for name in then:
        if now[name] != then[name]:
            made = "the built-in encoder", f"a file in features/ (or {name}_feat.npy)"
            raise DataError(f"its features {name} came from {made[not then[name]]}, and now come from {made[then[name]]}")
    for name, hashes in kept.rows.items():
        if changed := np.flatnonzero(row_hashes(data.features[name][items]) != hashes).tolist():
            example = kept.item_ids[changed[0]]
            raise DataError(f"the features {name} of {len(changed):,} of its {len(items):,} items are others, such as those of {example!r}")


def _extended(name: str, kept: Kept, data: Dataset, items: np.ndarray) -> np.ndarray:
    """Return the features of all items: those that were learned, and for new items those of the same encoder."""
    if name not in kept.fitted:
        return data.features[name]
    matrix = np.zeros((data.n_items, kept.fitted[name].shape[1]), dtype=np.float32)
    matrix[items] = kept.fitted[name]
    new = np.setdiff1d(np.arange(data.n_items), items)
    inputs = built_in_inputs(name, _cards_of(data.cards, new), [data.item_ids[int(row)] for row in new])
    matrix[new] = kept.encoders[name](inputs)  # type: ignore[arg-type]
    return matrix


def _cards_of(cards: ItemCards, rows: np.ndarray) -> ItemCards:
    details = cards.details.iloc[rows]
    return ItemCards(*([part[row] for row in rows] for part in (cards.titles, cards.texts, cards.pictures)), details)  # type: ignore[arg-type]


def _without(now: Sequence[str], then: Sequence[str]) -> list[str]:
    known = set(then)
    return [name for name in now if name not in known]


def _are(gone: Sequence[object]) -> str:
    return "is" if len(gone) == 1 else "are"


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
