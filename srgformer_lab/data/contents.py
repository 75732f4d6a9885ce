"""What the readers and the checker take from a folder, whatever its layout: interactions, features and item cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from srgformer_lab.data.dataset import SPLITS, Dataset, DataSource, Interactions, ItemCards, check_learnable
from srgformer_lab.data.splitting import SMALLEST_SPLIT_HISTORY, split_by_protocol, split_by_time
from srgformer_lab.data.tables import Problems, Table, natural_order, numbers, others, positions, read_table
from srgformer_lab.errors import ConfigError

LATEST = 2.0**62
"""Beyond this no whole number of 64 bits holds a timestamp."""


@dataclass(frozen=True)
class Layout:
    """What a layout calls its columns and splits."""

    name: str
    user: str
    item: str
    split: str
    labels: Mapping[str, int]
    delimiter: str
    duplicates: str
    """What to do about a pair that stands twice."""


@dataclass(frozen=True, eq=False)
class Contents:
    """What a folder holds, checked and in row order; ``to_dataset`` makes it a data set."""

    name: str
    layout: str
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    interactions: Interactions
    rating: np.ndarray | None
    split_by: str
    """Where the split comes from, in words."""
    features: Mapping[str, np.ndarray]
    cards: ItemCards

    def to_dataset(self, source: DataSource, features: Mapping[str, np.ndarray] | None = None) -> Dataset:
        """Build the data set, with other features if any are given."""
        features = self.features if features is None else features
        return check_learnable(
            Dataset(self.name, self.user_ids, self.item_ids, self.interactions, features, self.cards, source),
        )


def read_interactions(path: Path, layout: Layout, problems: Problems) -> Table | None:
    """Read a file of interactions into the columns user_id, item_id and, where known, rating, timestamp and split (codes).

    A rating or timestamp column says nothing, and is left out, where it has one value throughout.

    Raises:
        DataError: The file has a problem, and problems are not collected.
    """
    table = read_table(path, (layout.user, layout.item), problems, layout.delimiter)
    if table is None:
        return None
    for column in (layout.user, layout.item):
        table = problems.drop(table, table[column] == "", lambda _: f"no {column}", f"give every interaction a {column}")  # noqa: B023
    known = {"user_id": table[layout.user], "item_id": table[layout.item]}
    if "rating" in table:
        known["rating"] = numbers(table["rating"])
    if "timestamp" in table:
        time = numbers(table["timestamp"])
        known["timestamp"] = np.where(np.abs(time) < LATEST, time, np.nan)
    if layout.split in table:
        known["split"] = np.array([layout.labels.get(label, -1) for label in table[layout.split]], dtype=np.int8)
    return _without_unreadable(table.with_columns(**{f"read {name}": values for name, values in known.items()}), layout, problems)


def _without_unreadable(table: Table, layout: Layout, problems: Problems) -> Table:
    for name, remedy in (
        ("rating", "write a number, or remove the column"),
        ("timestamp", "write seconds since 1970, or remove the column"),
    ):
        if f"read {name}" in table:
            cells = table[name]
            bad = np.isnan(table[f"read {name}"])
            table = problems.drop(table, bad, lambda row: f"{name} {cells[row]!r} is no number", remedy)  # noqa: B023
    if "read split" in table:
        labels = table[layout.split]
        known = ", ".join(f"{label} ({SPLITS[code]})" if label != SPLITS[code] else label for label, code in layout.labels.items())
        remedy = f"write one of {known}, or remove the column"
        table = problems.drop(table, table["read split"] < 0, lambda row: f"{layout.split} {labels[row]!r} is no split", remedy)
    columns = {name.removeprefix("read "): values for name, values in table.columns.items() if name.startswith("read ")}
    for name in ("rating", "timestamp"):
        if name in columns and len(table) and (columns[name] == columns[name][0]).all():
            del columns[name]
    return Table(table.file, columns, table.rows)


def place_items(table: Table, item_ids: Sequence[str], known_from: str, problems: Problems) -> Table:
    """Add the column item, each interaction's row among ``item_ids``, and drop interactions with items that are not there."""
    table = table.with_columns(item=positions(item_ids, table["item_id"]))
    ids = table["item_id"]
    return problems.drop(
        table, table["item"] < 0, lambda row: f"item id {ids[row]!r} is not {known_from}", "add the item there, or remove the interaction"
    )


def one_of_each(table: Table, merge: bool, layout: Layout, problems: Problems) -> Table:
    """Keep each pair of user and item once: of several the latest, then the highest rated, then the first."""
    user = positions(dict.fromkeys(table["user_id"]), table["user_id"])
    preference = [-table.rows, *(table[name] for name in ("rating", "timestamp") if name in table)]
    order = np.lexsort((*preference, table["item"], user))
    same = (user[order][1:] == user[order][:-1]) & (table["item"][order][1:] == table["item"][order][:-1])
    if merge:
        best = np.append(~same, True)[: len(order)]  # the last of each pair's run
        return table.keep(np.sort(order[best]))
    by_row = np.lexsort((table.rows, table["item"], user))
    repeats = np.zeros(len(table), dtype=bool)
    repeats[by_row[1:]] = same

    def what(row: int) -> str:
        first = np.flatnonzero((user == user[row]) & (table["item"] == table["item"][row]))[0]
        return f"user {table['user_id'][row]!r} and item {table['item_id'][row]!r} stand in row {table.rows[first]} already"

    return problems.drop(table, repeats, what, layout.duplicates)


def read_items(path: Path, required: Sequence[str], problems: Problems) -> Table | None:
    """Read an item table: one item a row, under unique ids.

    Raises:
        DataError: The file has a problem, and problems are not collected.
    """
    table = read_table(path, required, problems)
    if table is None:
        return None
    table = problems.drop(table, table["item_id"] == "", lambda _: "no item_id", "give every item an item_id")
    ids = table["item_id"]
    first = dict(zip(ids[::-1], range(len(ids) - 1, -1, -1), strict=True))
    repeats = positions(first, ids) >= 0
    repeats[list(first.values())] = False
    return problems.drop(
        table,
        repeats,
        lambda row: f"item_id {ids[row]!r} stands in row {table.rows[first[ids[row]]]} already",
        "give each item one row and an id of its own",
    )


def make_cards(table: Table | None, item_ids: Sequence[str], pictures: Sequence[Path | None]) -> ItemCards:
    """Make the cards of some items from the item table; an item without a row or a title is called by its id."""
    columns = {} if table is None else dict(table.columns)
    place = positions(columns.pop("item_id", np.empty(0, dtype=object)), item_ids)

    def column(name: str) -> list[str]:
        values = columns.pop(name, None)
        return [""] * len(item_ids) if values is None else [values[row] if row >= 0 else "" for row in place]

    titles = [title or name for title, name in zip(column("title"), item_ids, strict=True)]
    texts = column("text")
    details = pd.DataFrame({name: _as_numbers(column(name)) for name in list(columns)}, index=range(len(item_ids)))
    return ItemCards(titles, texts, pictures, details)


def _as_numbers(values: list[str]) -> np.ndarray | list[str]:
    """Read a column as whole numbers if nothing is lost by it, so that years compare as years."""
    try:
        found = np.array([int(value) for value in values], dtype=np.int64)
    except (ValueError, OverflowError):
        return values
    return found if list(map(str, found)) == values else values


def settle(  # noqa: PLR0913 - the parts of Contents
    *,
    name: str,
    layout: Layout,
    table: Table | None,
    item_ids: Sequence[str],
    features: Mapping[str, np.ndarray],
    cards: ItemCards,
    rule: str,
    seed: int,
    problems: Problems,
) -> Contents:
    """Number the users, split the interactions where the file does not, and see that there is something to learn from.

    Raises:
        DataError: A user has nothing in training or a split is empty, and problems are not collected.
        ConfigError: The split by time is asked for without times, or against the file's own split.
    """
    known = table if table is not None else Table("", {"user_id": np.empty(0, object), "item": np.empty(0, np.int64)}, np.empty(0, int))
    user_ids = natural_order(set(known["user_id"]))
    user, item = positions(user_ids, known["user_id"]), known["item"]
    timestamp = known["timestamp"].astype(np.int64) if "timestamp" in known else None
    if "split" in known:
        if rule == "time":
            raise ConfigError(f"split='time' contradicts the column {layout.split} of {known.file}; leave one of the two out")
        split, split_by = known["split"], f"the column {layout.split}"
    elif rule == "time":
        if timestamp is None:
            raise ConfigError(f"split='time' needs times, and {known.file} has no timestamps that differ; use split='protocol'")
        split, split_by = split_by_time(user, timestamp), "time"
    else:
        split, split_by = split_by_protocol(user, len(user_ids), seed, item), f"the protocol with seed {seed}"
    if table is not None:
        _note_unlearnable(table.with_columns(split=split), user, user_ids, layout if "split" in known else None, problems)
    interactions = Interactions(user, item, split, timestamp)
    return Contents(name, layout.name, user_ids, item_ids, interactions, known.columns.get("rating"), split_by, features, cards)


def _note_unlearnable(table: Table, user: np.ndarray, user_ids: Sequence[str], layout: Layout | None, problems: Problems) -> None:
    """Note users without training items and empty splits; ``layout`` is given where the file's own column made the split."""
    trained = np.bincount(user, weights=table["split"] == 0, minlength=len(user_ids)) > 0
    without = [user_ids[row] for row in np.flatnonzero(~trained)]
    if without:
        problems.add(
            f"{table.file}: user id {without[0]!r} has no training interaction{others(without)}; "
            "put one of the user's interactions into train, or remove the user"
        )
    for code, name in enumerate(SPLITS):
        if (table["split"] == code).any():
            continue
        if layout:
            problems.add(f"{table.file}: no row is in the split {name}; label some in the column {layout.split}, or remove the column")
        else:
            problems.add(
                f"{table.file}: the split {name} is empty, since no user has {SMALLEST_SPLIT_HISTORY} interactions; "
                "add interactions, or a column with a split of your own"
            )
