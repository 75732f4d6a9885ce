"""What the readers and the checker take from a folder, whatever its layout: interactions, features and item cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from srgformer_lab.data.dataset import SPLITS, Dataset, DataSource, Interactions, ItemCards
from srgformer_lab.data.splitting import SMALLEST_SPLIT_HISTORY, check_learnable, split_by_protocol, split_by_time
from srgformer_lab.data.tables import Problems, Table, natural_order, numbers, others, positions, read_table
from srgformer_lab.errors import ConfigError

NO_ID = np.empty(0, dtype=object)
LATEST = 2.0**62
"""Beyond this no whole number of 64 bits holds a timestamp."""


def check_seed(seed: object) -> None:
    """Refuse what is no seed.

    Raises:
        ConfigError: It is no whole number from 0 up.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed={seed!r} must be a whole number from 0 up, such as 999")


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
    neighbors: Mapping[str, np.ndarray] = field(default_factory=dict)

    def to_dataset(self, source: DataSource, features: Mapping[str, np.ndarray] | None = None) -> Dataset:
        """Build the data set, with other features if any are given."""
        features = self.features if features is None else features
        data = Dataset(self.name, self.user_ids, self.item_ids, self.interactions, features, self.cards, source, neighbors=self.neighbors)
        return check_learnable(data)


def read_interactions(path: Path, layout: Layout, problems: Problems) -> Table | None:
    """Read a file of interactions into the columns user_id, item_id and, where known, rating, timestamp and split (codes).

    Timestamps that are all equal count as unknown.

    Raises:
        DataError: The file has a problem, and problems are not collected.
    """
    table = read_table(path, (layout.user, layout.item), problems, layout.delimiter)
    if table is None:
        return None
    for column in (layout.user, layout.item):
        table = problems.drop(table, table[column] == "", lambda _, column=column: f"no {column}", f"give every interaction a {column}")
    table = _with_numbers(table, "rating", np.inf, "write a number, or remove the column", problems)
    table = _with_numbers(table, "timestamp", LATEST, "write seconds since 1970, or remove the column", problems)
    columns = {"user_id": table[layout.user], "item_id": table[layout.item]}
    columns |= {name: table[name] for name in ("rating", "timestamp") if name in table}
    if layout.split in table:
        columns["split"] = table[layout.split]
    return _with_split_codes(Table(table.file, columns, table.rows), layout, problems)


def _with_numbers(table: Table, name: str, bound: float, remedy: str, problems: Problems) -> Table:
    """Turn a column, if it is there, into numbers whose size is below ``bound``."""
    if name not in table:
        return table
    cells, values = table[name], numbers(table[name])
    values[np.abs(values) >= bound] = np.nan
    table = table.with_columns(**{name: values})
    return problems.drop(table, np.isnan(values), lambda row: f"{name} {cells[row]!r} is no number", remedy)


def _with_split_codes(table: Table, layout: Layout, problems: Problems) -> Table:
    """Turn the split's labels, if there are any, into positions in ``SPLITS``."""
    if "split" not in table:
        return table
    labels = table["split"]
    codes = np.array([layout.labels.get(label, -1) for label in labels], dtype=np.int8)
    known = ", ".join(label if label == SPLITS[code] else f"{label} ({SPLITS[code]})" for label, code in layout.labels.items())
    remedy = f"write one of {known}, or remove the column"
    return problems.drop(table.with_columns(split=codes), codes < 0, lambda row: f"{layout.split} {labels[row]!r} is no split", remedy)


def only_known(table: Table, item_ids: Sequence[str], known_from: str, problems: Problems) -> Table:
    """Drop the rows with items that are not among ``item_ids``.

    Raises:
        DataError: There is one, and problems are not collected.
    """
    ids, unknown = table["item_id"], positions(item_ids, table["item_id"]) < 0
    remedy = "add the item there, or remove this row"
    return problems.drop(table, unknown, lambda row: f"item id {ids[row]!r} is not {known_from}", remedy)


def one_of_each(table: Table, merge: bool, layout: Layout, problems: Problems) -> Table:
    """Refuse pairs of user and item that stand twice, or merge them: the latest stays, then the highest rated, then the first.

    Raises:
        DataError: A pair stands twice, ``merge`` is off, and problems are not collected.
    """
    user, item = (pd.factorize(table[name])[0] for name in ("user_id", "item_id"))
    preference = [-table.rows, *(table[name] for name in ("rating", "timestamp") if merge and name in table)]
    order = np.lexsort((*preference, item, user))
    again = np.append((user[order][1:] == user[order][:-1]) & (item[order][1:] == item[order][:-1]), False)[: len(order)]
    repeats = np.zeros(len(table), dtype=bool)
    repeats[order[again]] = True  # all of a pair's run but its last
    if merge:
        return table.keep(~repeats)

    def what(row: int) -> str:
        first = table.rows[(user == user[row]) & (item == item[row])][0]
        return f"user id {table['user_id'][row]!r} and item id {table['item_id'][row]!r} stand in row {first} already"

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
    ids, rows = table["item_id"], table.rows
    remedy = "give each item one row and an id of its own"
    repeats = pd.Series(ids).duplicated().to_numpy()
    return problems.drop(table, repeats, lambda row: f"item_id {ids[row]!r} stands in row {rows[ids == ids[row]][0]} already", remedy)


def make_cards(table: Table | None, item_ids: Sequence[str], pictures: Sequence[Path | None]) -> ItemCards:
    """Make the cards of some items from the item table; an item without a row or a title is called by its id."""
    columns = {} if table is None else dict(table.columns)
    place = positions(columns.pop("item_id", NO_ID), item_ids)

    def column(name: str) -> list[str]:
        values = columns.pop(name, None)
        return [""] * len(item_ids) if values is None else [str(values[row]) if row >= 0 else "" for row in place]

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


def assemble(
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
    known = table if table is not None else Table("", {"user_id": NO_ID, "item_id": NO_ID}, np.empty(0, int))
    user_ids = natural_order(set(known["user_id"]))
    user, item = positions(user_ids, known["user_id"]), positions(item_ids, known["item_id"])
    timestamp = known["timestamp"].astype(np.int64) if "timestamp" in known and len(set(known["timestamp"])) > 1 else None
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
    without = [user_ids[int(row)] for row in np.flatnonzero(~trained)]
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
