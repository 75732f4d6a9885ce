"""The data set that everything else reads: who took what, what the items look like, and nothing that is not checked.

Every part copies what it is given and hands out nothing that can be changed: the caller's arrays stay the caller's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image
from scipy import sparse

from srgformer_lab.data.fingerprint import fingerprint, fingerprint_of_0_1_0, is_as_made
from srgformer_lab.data.matrices import check_features, check_neighbors, zeros_for_nan
from srgformer_lab.data.parts import SPLITS, DataSource, Interactions, ItemCards, Part, Truth, frozen, ids
from srgformer_lab.data.pictures import open_picture
from srgformer_lab.errors import ConfigError, DataError, UnknownIdError

FIRST_MODALITIES = ("image", "text")


@dataclass(frozen=True, eq=False)
class Dataset(Part):
    """Users, items, their interactions in three splits, one feature matrix a modality, and a card for each item.

    Raw ids are strings (whole numbers are turned into them); inside, users and items are row indices. Interactions stand in one order,
    by user row, then item row, however they are given; ``truth.noise`` goes with them. All is validated and copied when a data set is
    made, and never changes.

    Raises:
        DataError: The parts do not fit together.
    """

    name: str
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    interactions: Interactions
    features: Mapping[str, Float[np.ndarray, "items _"]]
    """float32 matrices by modality; kept in the order image, text, then alphabetically. An item without a modality has a row of 0 there,
    or is given one of NaN, which becomes 0."""
    cards: ItemCards
    source: DataSource = field(default_factory=lambda: DataSource("memory"))
    truth: Truth | None = None
    neighbors: Mapping[str, Int[np.ndarray, "items _"]] = field(default_factory=dict)
    """For some modalities, each item's most similar items by it, the nearest first, as rows; most data sets bring none."""
    reading: Sequence[str] = ()
    """What its reader took for what, did and left out, a sentence each; no part of what the data is."""
    made_by: Mapping[str, str] = field(default_factory=dict)
    """For features that an encoder made, which one, how and from what; no part of what the data is."""
    encoders: Mapping[str, Any] = field(default_factory=dict)
    """The built-in encoders that were fitted on these items, by modality; no part of what the data is."""

    def __post_init__(self) -> None:
        """Copy everything, put modalities and interactions in their order, and check that everything fits."""
        if not isinstance(self.name, str) or not self.name:
            raise DataError(f"name={self.name!r} must be a word or two, as messages and figures say them")
        for kind in ("user", "item"):
            object.__setattr__(self, f"{kind}_ids", ids(kind, getattr(self, f"{kind}_ids")))
        if strange := [name for name in (*self.features, *self.neighbors) if not isinstance(name, str) or not name]:
            raise DataError(f"a modality is called {strange[0]!r}; give it a name, such as image")
        ordered = [name for name in FIRST_MODALITIES if name in self.features]
        ordered += sorted(set(self.features) - set(ordered))
        given = {name: zeros_for_nan(np.asarray(self.features[name])) for name in ordered}
        for name, matrix in given.items():
            check_features(name, matrix, self.n_items, self.item_ids)
        for name, lists in self.neighbors.items():
            check_neighbors(name, np.asarray(lists), self.n_items)
        features = {name: frozen(matrix, np.float32) for name, matrix in given.items()}
        neighbors = {name: frozen(self.neighbors[name], np.int64) for name in sorted(self.neighbors)}
        object.__setattr__(self, "features", MappingProxyType(features))
        object.__setattr__(self, "neighbors", MappingProxyType(neighbors))
        for part in ("titles", "texts", "pictures", "details"):
            if (count := len(getattr(self.cards, part))) != self.n_items:
                raise DataError(f"cards.{part} has {count} rows for {self.n_items} items; give one an item")
        if truth := self.truth:
            for part, count in (("item_group", self.n_items), ("user_interests", self.n_users), ("noise", len(self.interactions))):
                if len(getattr(truth, part)) != count:
                    raise DataError(f"truth.{part} has {len(getattr(truth, part))} entries where {count} belong")
        self._put_in_order()

    def _put_in_order(self) -> None:
        """Check the interactions and sort them, and what is known of each, by user row, then item row."""
        pairs = self.interactions
        if not len(pairs):
            raise DataError(f"{self.name} has no interaction; give at least one user and item")
        for kind, rows, count in (("user", pairs.user, self.n_users), ("item", pairs.item, self.n_items)):
            if not (0 <= rows.min() and rows.max() < count):
                raise DataError(f"{kind} rows must lie in 0…{count - 1}, not {rows.min()}…{rows.max()}")
        step = np.diff(keys := pairs.user * self.n_items + pairs.item)
        if (step <= 0).any():
            order = np.argsort(keys)
            step = np.diff(keys[order])
            object.__setattr__(self, "interactions", pairs.take(order))
            if self.truth:
                object.__setattr__(self, "truth", replace(self.truth, noise=self.truth.noise[order]))
        if not step.all():
            raise DataError("an interaction stands twice; give each user–item pair once")

    def __repr__(self) -> str:
        """Say sizes, splits and modalities in one line."""
        splits = "/".join(f"{len(self.pairs(split)):,}" for split in SPLITS)
        modalities = ", ".join(f"{name}[{matrix.shape[1]}]" for name, matrix in self.features.items()) or "no modality"
        return f"Dataset({self.name}: {self.n_users:,} users × {self.n_items:,} items, {splits}, {modalities})"

    def __deepcopy__(self, memo: Any) -> "Dataset":
        """Return the data set itself: it never changes, so copies of a model share it."""
        return self

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.item_ids)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in their order."""
        return tuple(self.features)

    @cached_property
    def known(self) -> Mapping[str, Bool[np.ndarray, " items"]]:
        """For each modality, which items have it: those whose features are not all 0. Read-only, and part of identity by the features."""
        return MappingProxyType({name: frozen(matrix.any(axis=1)) for name, matrix in self.features.items()})

    def pairs(self, split: str) -> Int[np.ndarray, "pairs 2"]:
        """Return the interactions of one split as rows.

        Args:
            split: ``train``, ``valid``, ``test`` or ``all``.

        Returns:
            (pairs × 2): user row and item row, in the order of the interactions; read-only.

        Raises:
            ConfigError: There is no such split.
        """
        return _of_split(self._pairs, split)

    @cached_property
    def _pairs(self) -> Mapping[str, np.ndarray]:
        both = np.stack([self.interactions.user, self.interactions.item], axis=1)
        parts = {name: both[self.interactions.split == code] for code, name in enumerate(SPLITS)}
        return {name: frozen(pairs) for name, pairs in (*parts.items(), ("all", both))}

    def matrix(self, split: str) -> sparse.csr_matrix:
        """Return the interactions of one split as a matrix.

        Args:
            split: ``train``, ``valid``, ``test`` or ``all``.

        Returns:
            0/1 float32 (users × items) with sorted columns; its arrays are read-only.

        Raises:
            ConfigError: There is no such split.
        """
        matrix = sparse.csr_matrix(_of_split(self._matrices, split), shape=(self.n_users, self.n_items))
        matrix.has_canonical_format = True  # and so its read-only arrays are never sorted in place
        return matrix

    @cached_property
    def _matrices(self) -> Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return the arrays of each split's matrix; whoever asks gets a matrix of their own around them."""
        parts = {}
        for name, pairs in self._pairs.items():
            first = np.concatenate([[0], np.bincount(pairs[:, 0], minlength=self.n_users).cumsum()])
            parts[name] = (frozen(np.ones(len(pairs), np.float32)), frozen(pairs[:, 1], np.int32), frozen(first, np.int32))
        return parts

    def history(self, user_id: str, split: str = "train") -> tuple[str, ...]:
        """Return a user's items in one split.

        Args:
            user_id: Whose.
            split: ``train``, ``valid``, ``test`` or ``all``.

        Returns:
            Item ids, the oldest first where time is known, else in the order of the item rows.

        Raises:
            UnknownIdError: No user has that id.
            ConfigError: There is no such split.
        """
        pairs, codes = self.interactions, _of_split(_CODES, split)
        rows = np.flatnonzero((pairs.user == self.user_row(user_id)) & np.isin(pairs.split, codes))
        if pairs.timestamp is not None:
            rows = rows[np.argsort(pairs.timestamp[rows], kind="stable")]
        return tuple(self.item_ids[int(row)] for row in pairs.item[rows])

    def user_row(self, user_id: object) -> int:
        """Return a user's row.

        Args:
            user_id: A raw id; a number stands for its digits.

        Returns:
            From 0 to users − 1.

        Raises:
            UnknownIdError: No user has that id.
        """
        return self._row("user", user_id, self._user_rows)

    def item_row(self, item_id: object) -> int:
        """Return an item's row.

        Args:
            item_id: A raw id; a number stands for its digits.

        Returns:
            From 0 to items − 1.

        Raises:
            UnknownIdError: No item has that id.
        """
        return self._row("item", item_id, self._item_rows)

    @staticmethod
    def _row(kind: str, given: object, rows: Mapping[str, int]) -> int:
        if str(given) not in rows:
            raise UnknownIdError(kind, given, rows)
        return rows[str(given)]

    @cached_property
    def _user_rows(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.user_ids)}

    @cached_property
    def _item_rows(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.item_ids)}

    def picture(self, item_id: object) -> Image.Image | None:
        """Open an item's picture.

        Args:
            item_id: A raw id; a number stands for its digits.

        Returns:
            The picture, or None where there is none.

        Raises:
            UnknownIdError: No item has that id.
            DataError: The picture's file is gone or can't be decoded.
        """
        picture = self.cards.pictures[self.item_row(item_id)]
        if picture is None:
            return None
        try:
            return open_picture(picture)
        except OSError as error:
            where = f", {picture.name}," if isinstance(picture, Path) else ""
            raise DataError(f"the picture of item {item_id!r}{where} can't be opened: {error}; replace the file or remove it") from error

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of everything that a training or a picture can depend on: equal for equal data, on any machine.

        Raises:
            DataError: A picture file is gone.
        """
        return fingerprint(self)

    def matches(self, fingerprint: str) -> bool:
        """Return whether a fingerprint is this data set's own, or the one that version 0.1.0 gave it.

        A generated world into which somebody put other content has none of 0.1.0, which could not tell it from the original.

        Args:
            fingerprint: A short hash, as runs keep it.

        Returns:
            Whether it is.

        Raises:
            DataError: A picture file is gone.
        """
        return fingerprint == self.fingerprint or fingerprint == self._old_fingerprint  # the old one is dear

    @cached_property
    def _old_fingerprint(self) -> str:
        return fingerprint_of_0_1_0(self) if self.source.reader != "studio" or is_as_made(self) else ""


_CODES = {**{name: (code,) for code, name in enumerate(SPLITS)}, "all": tuple(range(len(SPLITS)))}
"""The codes of each split, by its name."""


def _of_split(parts: Mapping[str, Any], split: str) -> Any:
    if split not in parts:
        raise ConfigError(f"there is no split {split!r}; there are {', '.join(SPLITS)}, and all")
    return parts[split]
