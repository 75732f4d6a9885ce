"""The parts of a data set: each copies what it is given, checks it, and hands out nothing that can be changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from srgformer_lab.errors import DataError

SPLITS = ("train", "valid", "test")


class Part:
    """What is made anew where it is unpickled, so that it is frozen there too."""

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Pickle what it was made from."""
        values = (getattr(self, part.name) for part in fields(self))  # type: ignore[arg-type]
        return type(self), tuple(dict(value) if isinstance(value, MappingProxyType) else value for value in values)


class CopiedFrame:
    """An attribute that holds a table of its own, and hands out a copy whenever it is read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"_{name}"

    def __get__(self, instance: Any, owner: type) -> pd.DataFrame:
        if instance is None:
            raise AttributeError("a table has no default")  # so that dataclasses ask for one
        return instance.__dict__[self.name].copy()

    def __set__(self, instance: Any, table: pd.DataFrame) -> None:
        if not isinstance(table, pd.DataFrame) or not table.columns.is_unique:
            raise DataError("cards.details must be a pandas DataFrame with columns of different names")
        instance.__dict__[self.name] = table.reset_index(drop=True).copy()


@dataclass(frozen=True, eq=False)
class Interactions(Part):
    """Every known user–item pair once, as row indices, with the split it belongs to.

    Raises:
        DataError: The columns are not whole numbers, differ in length, or name no split.
    """

    user: Int[np.ndarray, " pairs"]
    item: Int[np.ndarray, " pairs"]
    split: Int[np.ndarray, " pairs"]
    """Position in ``SPLITS``: 0 train, 1 valid, 2 test."""
    timestamp: Int[np.ndarray, " pairs"] | None = None
    """Seconds since 1970 where they are known."""

    def __post_init__(self) -> None:
        """Copy and check."""
        columns = {name: values for name in ("user", "item", "split", "timestamp") if (values := getattr(self, name)) is not None}
        for name, values in columns.items():
            object.__setattr__(self, name, whole_numbers(f"interactions.{name}", values))
            if len(getattr(self, name)) != len(self.user):
                raise DataError(f"interactions.{name} has {len(values)} entries for {len(self.user)} pairs; give one a pair")
        unknown = np.setdiff1d(self.split, np.arange(len(SPLITS)))
        if len(unknown):
            raise DataError(f"interactions.split holds {unknown[0]}; give {', '.join(f'{k} for {name}' for k, name in enumerate(SPLITS))}")

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.user)

    def take(self, rows: np.ndarray) -> "Interactions":
        """Return some pairs, by their places or a mask."""
        time = self.timestamp
        return Interactions(self.user[rows], self.item[rows], self.split[rows], None if time is None else time[rows])


@dataclass(frozen=True, eq=False)
class ItemCards(Part):
    """What a person sees of each item, in row order.

    Raises:
        DataError: A title or text is no string, or a picture is neither a path nor bytes.
    """

    titles: Sequence[str]
    texts: Sequence[str]
    pictures: Sequence[Path | bytes | None]
    """A picture file, an encoded picture, or nothing."""
    details: CopiedFrame = CopiedFrame()
    """Further columns of the item table (year, genres, …), one row an item; may have no column. Each reading gives a copy."""

    def __post_init__(self) -> None:
        """Copy and check."""
        object.__setattr__(self, "titles", texts("cards.titles", self.titles))
        object.__setattr__(self, "texts", texts("cards.texts", self.texts))
        pictures = tuple(Path(picture) if isinstance(picture, str) else picture for picture in self.pictures)
        for row, picture in enumerate(pictures):
            if not (picture is None or isinstance(picture, Path | bytes)):
                raise DataError(f"cards.pictures: row {row} holds a {type(picture).__name__}; give a path, the bytes of a file, or None")
        object.__setattr__(self, "pictures", pictures)


@dataclass(frozen=True, eq=False)
class Truth(Part):
    """What is known of a planted world, apart from what a model may see.

    Raises:
        DataError: A group has no name, or an item or a user is of a group that doesn't exist.
    """

    group_names: tuple[str, ...]
    group_modality: tuple[str, ...]
    """Where each group shows: ``image``, ``text`` or ``both``."""
    item_group: Int[np.ndarray, " items"]
    user_interests: tuple[tuple[int, ...], ...]
    """The groups that each user likes."""
    noise: Bool[np.ndarray, " pairs"]
    """For each interaction, whether it was drawn regardless of the user's interests."""

    def __post_init__(self) -> None:
        """Copy and check."""
        object.__setattr__(self, "group_names", texts("truth.group_names", self.group_names))
        object.__setattr__(self, "group_modality", texts("truth.group_modality", self.group_modality))
        object.__setattr__(self, "item_group", whole_numbers("truth.item_group", self.item_group))
        object.__setattr__(self, "user_interests", tuple(tuple(int(group) for group in groups) for groups in self.user_interests))
        object.__setattr__(self, "noise", frozen(self.noise, bool))
        groups = np.concatenate([self.item_group, *(np.array(liked, int) for liked in self.user_interests)])
        if len(self.group_modality) != len(self.group_names) or not np.isin(groups, np.arange(len(self.group_names))).all():
            raise DataError(
                f"truth has {len(self.group_names)} names and {len(self.group_modality)} modalities of groups, and groups "
                f"{groups.min()}…{groups.max()}; give each group, counted from 0, a name and a modality"
            )


@dataclass(frozen=True, eq=False)
class DataSource(Part):
    """How a data set was opened, so that it can be opened again in another process."""

    reader: str
    """``studio``, ``mmrec`` or ``folder``; ``memory`` for one that was built by hand and can't be opened again."""
    path: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    made: str = ""
    """A hash of what was generated on this machine; never written anywhere."""

    def __post_init__(self) -> None:
        """Copy the options."""
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    def to_dict(self) -> dict[str, Any]:
        """Return the source as a plain dictionary, ready for JSON."""
        return {"reader": self.reader, "path": self.path, "options": dict(self.options)}


def frozen(values: Any, dtype: Any = None) -> np.ndarray:
    """Return an array in C order that can't be written to: the given one if it is that already, else a copy."""
    array = np.asarray(values)
    if array.dtype == (dtype or array.dtype) and array.flags.c_contiguous and _is_frozen(array):
        return array
    copy = np.array(array, dtype=dtype, order="C", copy=True)
    copy.setflags(write=False)
    return copy


def _is_frozen(array: Any) -> bool:
    """Return whether neither an array nor the one whose memory it shows can be written to."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None


def whole_numbers(name: str, values: Any) -> np.ndarray:
    """Return a row of whole numbers as int64, frozen.

    Raises:
        DataError: It is no row of whole numbers.
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(f"{name} is {array.dtype} of shape {array.shape}; give one row of whole numbers")
    return frozen(array, np.int64)


def texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return strings as a tuple.

    Raises:
        DataError: One is no string.
    """
    found = tuple(values)
    for row, value in enumerate(found):
        if not isinstance(value, str):
            raise DataError(f"{name}: row {row} holds {value!r}; give a string, empty where nothing is known")
    return found


def ids(kind: str, values: Iterable[object]) -> tuple[str, ...]:
    """Return raw ids as strings; whole numbers become their digits.

    Raises:
        DataError: There is none, one stands twice, or one is neither a string nor a whole number.
    """
    found = tuple(values)
    for row, value in enumerate(found):
        if isinstance(value, bool) or not isinstance(value, str | Integral) or value == "":
            raise DataError(f"{kind} id {value!r} in row {row} is neither a word nor a whole number; give each {kind} one")
    names = tuple(str(value) for value in found)
    if not names:
        raise DataError(f"there is no {kind}; give at least one {kind} id")
    if len(set(names)) != len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))
        raise DataError(f"{kind} id {twice!r} stands twice; ids must be unique")
    return names
