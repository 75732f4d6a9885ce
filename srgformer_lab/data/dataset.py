"""The data set that everything else reads: who took what, what the items look like, and nothing that is not checked."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from PIL import Image
from scipy import sparse

from srgformer_lab.data.pictures import flatten
from srgformer_lab.errors import DataError, UnknownIdError

SPLITS = ("train", "valid", "test")
FIRST_MODALITIES = ("image", "text")


@dataclass(frozen=True, eq=False)
class Interactions:
    """Every known user–item pair once, as row indices, with the split it belongs to."""

    user: Int[np.ndarray, " pairs"]
    item: Int[np.ndarray, " pairs"]
    split: Int[np.ndarray, " pairs"]
    """Position in ``SPLITS``: 0 train, 1 valid, 2 test."""
    timestamp: Int[np.ndarray, " pairs"] | None = None
    """Seconds since 1970 where they are known."""

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.user)


@dataclass(frozen=True, eq=False)
class ItemCards:
    """What a person sees of each item, in row order."""

    titles: Sequence[str]
    texts: Sequence[str]
    pictures: Sequence[Path | bytes | None]
    """A picture file, an encoded picture, or nothing."""
    details: pd.DataFrame
    """Further columns of the item table (year, genres, …), one row an item; may have no column."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of a planted world, apart from what a model may see."""

    group_names: tuple[str, ...]
    group_modality: tuple[str, ...]
    """Where each group shows: ``image``, ``text`` or ``both``."""
    item_group: Int[np.ndarray, " items"]
    user_interests: tuple[tuple[int, ...], ...]
    """The groups that each user likes."""
    noise: np.ndarray
    """For each interaction, whether it was drawn regardless of the user's interests."""


@dataclass(frozen=True, eq=False)
class DataSource:
    """How a data set was opened, so that it can be opened again in another process."""

    reader: str
    """``studio``, ``mmrec`` or ``folder``; ``memory`` for one that was built by hand and can't be opened again."""
    path: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the source as a plain dictionary, ready for JSON."""
        return {"reader": self.reader, "path": self.path, "options": dict(self.options)}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Users, items, their interactions in three splits, one feature matrix a modality, and a card for each item.

    Raw ids are strings; inside, users and items are row indices. It is validated when it is made and never changes.

    Raises:
        DataError: The parts do not fit together.
    """

    name: str
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    interactions: Interactions
    features: Mapping[str, Float[np.ndarray, "items _"]]
    """float32 matrices by modality; kept in the order image, text, then alphabetically."""
    cards: ItemCards
    source: DataSource = field(default_factory=lambda: DataSource("memory"))
    truth: Truth | None = None
    neighbors: Mapping[str, Int[np.ndarray, "items _"]] = field(default_factory=dict)
    """For some modalities, each item's most similar items by it, the nearest first, as rows; most data sets bring none."""

    def __post_init__(self) -> None:
        """Put the modalities in their order and check that everything fits."""
        ordered = [name for name in FIRST_MODALITIES if name in self.features]
        ordered += sorted(set(self.features) - set(ordered))
        object.__setattr__(self, "features", MappingProxyType({name: self.features[name] for name in ordered}))
        object.__setattr__(self, "neighbors", MappingProxyType({name: self.neighbors[name] for name in sorted(self.neighbors)}))
        for kind, ids in (("user", self.user_ids), ("item", self.item_ids)):
            if len(set(ids)) != len(ids):
                twice = next(name for name in ids if list(ids).count(name) > 1)
                raise DataError(f"{kind} id {twice!r} stands twice; ids must be unique")
        pairs = self.interactions
        for kind, rows, count in (("user", pairs.user, self.n_users), ("item", pairs.item, self.n_items)):
            if len(rows) and not (0 <= rows.min() and rows.max() < count):
                raise DataError(f"{kind} rows must lie in 0…{count - 1}, not {rows.min()}…{rows.max()}")
        keys = pairs.user.astype(np.int64) * max(self.n_items, 1) + pairs.item
        if len(np.unique(keys)) != len(keys):
            raise DataError("an interaction stands twice; give each user–item pair once")
        for name, matrix in self.features.items():
            check_features(name, matrix, self.n_items, self.item_ids)
        for name, lists in self.neighbors.items():
            check_neighbors(name, lists, self.n_items)
        parts = {"titles": self.cards.titles, "texts": self.cards.texts, "pictures": self.cards.pictures, "details": self.cards.details}
        for part, values in parts.items():
            if len(values) != self.n_items:
                raise DataError(f"cards.{part} has {len(values)} rows for {self.n_items} items; give one an item")
        for array in (pairs.user, pairs.item, pairs.split, *self.features.values(), *self.neighbors.values()):
            array.setflags(write=False)

    def __repr__(self) -> str:
        """Say sizes, splits and modalities in one line."""
        splits = "/".join(f"{len(self.pairs(split)):,}" for split in SPLITS)
        modalities = ", ".join(f"{name}[{matrix.shape[1]}]" for name, matrix in self.features.items()) or "no modality"
        return f"Dataset({self.name}: {self.n_users:,} users × {self.n_items:,} items, {splits}, {modalities})"

    def __deepcopy__(self, memo: Any) -> "Dataset":
        """Return the data set itself: it never changes, so copies of a model share it."""
        return self

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Pickle what it was made from."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return Dataset, tuple(dict(value) if isinstance(value, MappingProxyType) else value for value in values.values())

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

    def pairs(self, split: str) -> Int[np.ndarray, "pairs 2"]:
        """Return the (user, item) rows of one split, or of ``all``, in the order of the interactions."""
        return self._pairs[split]

    @cached_property
    def _pairs(self) -> Mapping[str, np.ndarray]:
        both = np.stack([self.interactions.user, self.interactions.item], axis=1).astype(np.int64)
        parts = {name: both[self.interactions.split == code] for code, name in enumerate(SPLITS)}
        return {**parts, "all": both}

    def matrix(self, split: str) -> sparse.csr_matrix:
        """Return the 0/1 matrix (users, items) of one split, or of ``all``, with sorted columns."""
        return self._matrices[split]

    @cached_property
    def _matrices(self) -> Mapping[str, sparse.csr_matrix]:
        shape = (self.n_users, self.n_items)
        matrices = {}
        for name, pairs in self._pairs.items():
            matrices[name] = sparse.csr_matrix((np.ones(len(pairs), dtype=np.float32), (pairs[:, 0], pairs[:, 1])), shape=shape)
            matrices[name].sort_indices()
        return matrices

    def history(self, user_id: str, split: str = "train") -> tuple[str, ...]:
        """Return the ids of a user's items in one split, the oldest first where time is known.

        Raises:
            UnknownIdError: No user has that id.
        """
        pairs = self.interactions
        chosen = (pairs.user == self.user_row(user_id)) & (split == "all" or pairs.split == SPLITS.index(split))
        rows = np.flatnonzero(chosen)
        if pairs.timestamp is not None:
            rows = rows[np.argsort(pairs.timestamp[rows], kind="stable")]
        return tuple(self.item_ids[int(row)] for row in pairs.item[rows])

    def user_row(self, user_id: object) -> int:
        """Find a user's row.

        Raises:
            UnknownIdError: No user has that id.
        """
        return self._row("user", user_id, self._user_rows)

    def item_row(self, item_id: object) -> int:
        """Find an item's row.

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
        """Open an item's picture, or give nothing where there is none.

        Raises:
            UnknownIdError: No item has that id.
            DataError: The picture's file is gone or can't be decoded.
        """
        picture = self.cards.pictures[self.item_row(item_id)]
        if picture is None:
            return None
        try:
            return flatten(Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture))
        except OSError as error:
            raise DataError(f"the picture of item {item_id!r} can't be opened: {error}; replace the file or remove it") from error

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of ids, interactions, splits, features and, where there are any, neighbours: equal for equal data, on any machine.

        Generated data is hashed by its recipe instead of its features, whose last bits depend on the machine's libraries.
        """
        digest = hashlib.sha256()
        digest.update("\x1f".join([*self.user_ids, "\x1e", *self.item_ids]).encode())
        order = np.lexsort((self.interactions.item, self.interactions.user))
        for array in (self.interactions.user, self.interactions.item, self.interactions.split):
            digest.update(array[order].astype("<i8").tobytes())
        for name, matrix in self.features.items():
            digest.update(f"{name}{matrix.shape}".encode())
            digest.update(b"" if self.source.reader == "studio" else matrix.astype("<f4").tobytes())
        for name, lists in self.neighbors.items():
            digest.update(f"neighbors {name}{lists.shape}".encode())
            digest.update(lists.astype("<i8").tobytes())
        if self.source.reader == "studio":
            digest.update(repr(sorted(self.source.options.items())).encode())
        return digest.hexdigest()[:16]


def check_features(name: str, matrix: np.ndarray, n_items: int, item_ids: Sequence[str] = ()) -> None:
    """Refuse a feature matrix that is not (items, width), finite and float32; ``name`` is the modality or its file.

    Raises:
        DataError: With the first bad row.
    """
    if matrix.ndim != 2:
        raise DataError(f"{name}: features must be a matrix (items, width), not of shape {matrix.shape}")
    if len(matrix) != n_items:
        raise DataError(f"{name}: {len(matrix)} feature rows for {n_items} items; give one row an item, in the order of the item table")
    if matrix.dtype != np.float32:
        raise DataError(f"{name}: features are {matrix.dtype}; convert them to float32")
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        kind = "a NaN" if np.isnan(matrix[bad[0]]).any() else "an infinite"
        label = f" (item {item_ids[bad[0]]})" if len(item_ids) else ""
        raise DataError(f"{name}: row {bad[0]}{label} holds {kind} value, {len(bad)} such rows in all; repair or drop these items")


def check_neighbors(name: str, lists: np.ndarray, n_items: int) -> None:
    """Refuse lists that are not (items, k) different item rows each; ``name`` is the modality or its file.

    Raises:
        DataError: With the first bad row.
    """
    if lists.ndim != 2 or not lists.shape[1]:
        raise DataError(f"{name}: neighbours must be a matrix (items, k), not of shape {lists.shape}; give each item a row of item rows")
    if lists.dtype.kind not in "iu":
        raise DataError(f"{name}: neighbours are {lists.dtype}; give the rows of items as whole numbers")
    if len(lists) != n_items:
        raise DataError(f"{name}: {len(lists)} lists of neighbours for {n_items} items; give one list an item, in the order of the items")
    outside = ((lists < 0) | (lists >= n_items)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(f"{name}: the list in row {row} leaves the items' rows 0…{n_items - 1}; {outside.sum()} such lists in all")
    ordered = np.sort(lists, axis=1)
    repeats = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if repeats.any():
        row = int(np.argmax(repeats))
        raise DataError(f"{name}: the list in row {row} names an item twice; {repeats.sum()} such lists in all; name each once")


def check_learnable(data: Dataset) -> Dataset:
    """Return the data set back if a model can learn from it and be judged on it; what every reader promises.

    Raises:
        DataError: A user has no training item, or a split is empty.
    """
    degree = np.asarray(data.matrix("train").sum(axis=1)).ravel()
    without = np.flatnonzero(degree == 0)
    if len(without):
        raise DataError(
            f"{data.name}: user {data.user_ids[without[0]]!r} has no training item, {len(without)} such users in all; "
            "drop them or move one of their interactions to the training split"
        )
    for split in SPLITS:
        if not len(data.pairs(split)):
            raise DataError(f"{data.name}: the {split} split is empty; give it interactions, or give no split and let the protocol split")
    return data
