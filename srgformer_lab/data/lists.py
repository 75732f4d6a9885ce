"""Lists of items for users, whoever made them: a model of the house, or anybody else."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.parts import Part, frozen
from srgformer_lab.errors import ConfigError, DataError

HIDDEN = -1
"""Stands in a list for the places that nothing is left for."""


@dataclass(frozen=True, eq=False)
class Lists(Part):
    """The best items of some users of a data set, best first, without what these have in training.

    Whatever judges a model takes its lists instead, so that they are made once. Rows are copied and checked, and never change.

    Raises:
        DataError: A row isn't there, a user or an item of a list stands twice, a list has a gap, or holds an item of its user's training.
    """

    data: Dataset
    users: Int[np.ndarray, " lists"]
    """User rows, increasing."""
    items: Int[np.ndarray, "lists places"]
    """Item rows, best first; −1 behind the end of a list that is shorter than the longest."""
    name: str = "lists"
    """What they are called."""
    reading: tuple[str, ...] = ()
    """What the reader of their file took for what, did and left out, a sentence each."""

    def __post_init__(self) -> None:
        """Copy the rows, and check them."""
        users, items = np.asarray(self.users), np.asarray(self.items)
        if users.ndim != 1 or items.ndim != 2 or len(users) != len(items) or {users.dtype.kind, items.dtype.kind} - set("iu"):
            raise DataError(f"users of shape {users.shape} and items of shape {items.shape} are no lists; give whole numbers, a row a user")
        object.__setattr__(self, "users", frozen(users, np.int64))
        object.__setattr__(self, "items", frozen(items, np.int64))
        self._check()

    def _check(self) -> None:
        users, items, data = self.users, self.items, self.data
        if (np.diff(users) <= 0).any():
            raise DataError("the users' rows must increase, each there once; sort the lists by them")
        for kind, rows, least, count in (("user", users, 0, data.n_users), ("item", items, HIDDEN, data.n_items)):
            if rows.size and not (least <= rows.min() and rows.max() < count):
                raise DataError(f"{kind} rows must lie in {least}…{count - 1}, not {rows.min()}…{rows.max()}")
        filled = items != HIDDEN
        if (filled[:, 1:] & ~filled[:, :-1]).any():
            raise DataError("a list has a gap: -1 may stand at its end only")
        ordered = np.sort(items, axis=1)
        if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != HIDDEN)).any():
            raise DataError("an item stands twice in a list; give each once")
        if (known := in_training(data, users[:, None], items)).any():
            raise DataError(f"{int(known.sum()):,} places hold items that their users have in training; leave those out")

    def __repr__(self) -> str:
        """Say how many there are and how long they are."""
        return f"Lists({self.name}: {len(self.users):,} of {self.data.n_users:,} users, up to {self.items.shape[1]:,} items each)"

    def of(self, users: Int[np.ndarray, " chosen"], k: int) -> Int[np.ndarray, "chosen places"]:
        """Return the first k places of some users' lists.

        Args:
            users: User rows.
            k: How many places, from 1.

        Returns:
            Item rows, best first; −1 where a list has ended, and everywhere for a user without one.

        Raises:
            ConfigError: No list has as many places, though the catalogue has.
        """
        k, longest = min(k, self.data.n_items), self.items.shape[1]
        if not 1 <= k <= longest:
            raise ConfigError(f"cut-off {k}: the lists of {self.name} have up to {longest} places; give cut-offs from 1 to {longest}")
        found = np.full((len(users), k), HIDDEN)
        place = np.searchsorted(self.users, users).clip(max=max(len(self.users) - 1, 0))
        has = self.users[place] == users if len(self.users) else np.zeros(len(users), bool)
        found[has] = self.items[place[has], :k]
        return found


def in_training(data: Dataset, users: Int[np.ndarray, "..."], items: Int[np.ndarray, "..."]) -> np.ndarray:
    """Return which pairs of a user's and an item's row, in shapes that fit each other, are of the training split."""
    return among(data.pairs("train"), data.n_items, users, items)


def among(pairs: Int[np.ndarray, "pairs 2"], n_items: int, users: Int[np.ndarray, "..."], items: Int[np.ndarray, "..."]) -> np.ndarray:
    """Return which users and items, in shapes that fit each other, are among pairs in the order of their rows."""
    keys = pairs[:, 0].astype(np.int64) * n_items + pairs[:, 1]
    asked = np.where(items == HIDDEN, -1, users * n_items + items)
    return keys[np.searchsorted(keys, asked).clip(max=len(keys) - 1)] == asked if len(keys) else np.zeros(asked.shape, bool)
