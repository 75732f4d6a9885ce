"""What the readers and the checker take from a folder, whatever its layout: interactions, features and item cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from srgformer_lab.data.dataset import SPLITS, Dataset, DataSource, Interactions, ItemCards
from srgformer_lab.data.problems import Problems, few, shortened
from srgformer_lab.data.provenance import Provenance
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.data.splitting import SMALLEST_SPLIT_HISTORY, check_learnable, split_by_protocol, split_by_time
from srgformer_lab.data.tables import Table, natural_order, numbered, positions
from srgformer_lab.errors import ConfigError

NO_ID = np.empty(0, dtype=object)


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
    own_split: bool
    """Whether it comes from the folder's files."""
    features: Mapping[str, np.ndarray]
    cards: ItemCards
    neighbors: Mapping[str, np.ndarray] = field(default_factory=dict)
    encode: bool = False
    """Whether the built-in encoders make the features."""
    made_by: Mapping[str, Provenance] = field(default_factory=dict)
    """What made the features, by modality, where a sidecar says so."""

    def to_dataset(self, source: DataSource, reading: Sequence[str] = ()) -> Dataset:
        """Build the data set; the built-in encoders make features where there are none."""
        features, encoders = fit_built_in(self.cards, self.item_ids) if self.encode else (self.features, {})
        parts = (self.name, self.user_ids, self.item_ids, self.interactions, features, self.cards, source)
        made_by = {name: shortened(str(one)) for name, one in self.made_by.items()}
        about = {"reading": tuple(reading), "made_by": made_by, "encoders": encoders}
        return check_learnable(Dataset(*parts, neighbors=self.neighbors, **about))


def fit_built_in(cards: ItemCards, item_ids: Sequence[str]) -> tuple[Mapping[str, np.ndarray], Mapping[str, Any]]:
    """Encode pictures and texts with the package's own encoders, and return those too; a modality that no item has is left out.

    An item without a picture lacks that modality, and so does one with neither a title, but its id, nor a text.
    """
    from srgformer_lab.data.encoders import fit_pictures, fit_texts

    fitted = {}
    if any(cards.pictures):
        fitted["image"] = fit_pictures(built_in_inputs("image", cards, item_ids))
    if any(cards.texts):
        fitted["text"] = fit_texts(built_in_inputs("text", cards, item_ids))
    return {name: features for name, (features, _) in fitted.items()}, {name: encoder for name, (_, encoder) in fitted.items()}


def built_in_inputs(modality: str, cards: ItemCards, item_ids: Sequence[str]) -> Sequence[Any]:
    """Return what the built-in encoder of a modality reads of each item."""
    from srgformer_lab.data.pictures import OpenedPictures

    if modality == "image":
        return OpenedPictures(cards.pictures)
    words = zip(cards.titles, cards.texts, item_ids, strict=True)
    return [f"{title}. {text}" if text or title != name else "" for title, text, name in words]


def one_of_each(table: Table, merge: bool, problems: Problems) -> Table:
    """Merge pairs of user and item that stand twice, or refuse them: the latest stays, then the highest rated, then the first.

    Raises:
        DataError: A pair stands twice, ``merge`` is off, and problems are not collected.
    """
    user, item = (numbered(table[name])[0] for name in ("user_id", "item_id"))
    keys = user.astype(np.int64) * (int(item.max(initial=0)) + 1) + item
    in_order = np.sort(keys)
    if not (in_order[1:] == in_order[:-1]).any():
        return table
    again = pd.Series(keys).duplicated().to_numpy()
    chosen = np.isin(keys, keys[again])  # only these rows are put in order
    places = np.flatnonzero(chosen)
    preference = [-places, *(_known(table[name][chosen]) for name in ("rating", "timestamp") if merge and name in table)]
    order = np.lexsort((*preference, keys[chosen]))
    repeats = np.zeros(len(table), dtype=bool)
    repeats[places[order[:-1][keys[chosen][order][1:] == keys[chosen][order][:-1]]]] = True  # all of a pair's run but its last
    if merge:
        row = int(np.argmax(repeats))
        kept = "the latest" if "timestamp" in table else "the highest rated" if "rating" in table else "the first"

        def what(_: int) -> str:
            return f"which repeat a user and an item, such as {table['user_id'][row]!r} and {table['item_id'][row]!r}: {kept} stays"

        return problems.leave_out(table, repeats, what)

    def stands(row: int) -> str:
        first = table.rows[keys == keys[row]][0]
        return f"user id {table['user_id'][row]!r} and item id {table['item_id'][row]!r} stand in row {first} already"

    return problems.drop(table, repeats, stands, "remove one of the rows, or say duplicates='merge', which keeps the latest")


def _known(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, nan=-np.inf) if values.dtype.kind == "f" else values


def make_cards(table: Table | None, item_ids: Sequence[str], pictures: Sequence[Path | bytes | None]) -> ItemCards:
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
    layout: str,
    split_column: str,
    table: Table | None,
    item_ids: Sequence[str],
    features: Mapping[str, np.ndarray],
    cards: ItemCards,
    options: ReadingOptions,
    problems: Problems,
    encode: bool = False,
    neighbors: Mapping[str, np.ndarray] | None = None,
) -> Contents:
    """Number the users, split the interactions where the file does not, and see that there is something to learn from.

    Raises:
        DataError: A split is empty, and problems are not collected.
        ConfigError: The split by time is asked for without times, or against the file's own split.
    """
    known = table if table is not None else Table("", {"user_id": NO_ID, "item_id": NO_ID}, np.empty(0, int))
    user_ids = natural_order(set(numbered(known["user_id"])[1]))
    user, item = positions(user_ids, known["user_id"]), positions(item_ids, known["item_id"])
    time = known.columns.get("timestamp")
    timestamp = time if time is not None and len(time) and (time != time[0]).any() else None
    own = "split" in known and len(known) > 0 and (known["split"] != known["split"][0]).any()
    if "split" in known and not own and len(known):
        problems.note(f"{known.file}: all rows are in the split {SPLITS[known['split'][0]]}, so it is split anew")
    if own:
        if options.split == "time":
            raise ConfigError(f"split='time' contradicts the column {split_column} of {known.file}; leave one of the two out")
        split, split_by = known["split"], f"the column {split_column}"
        split, split_by = _with_valid(split, split_by, user, item, len(user_ids), options.seed, known, problems)
    elif options.split == "time":
        if timestamp is None:
            raise ConfigError(f"split='time' needs times, and {known.file} has no timestamps that differ; use split='protocol'")
        split, split_by = split_by_time(user, timestamp), "time"
    else:
        split, split_by = split_by_protocol(user, len(user_ids), options.seed, item), f"the protocol with seed {options.seed}"
    rating = known.columns.get("rating")
    if table is not None and len(table):
        trained = np.bincount(user, weights=split == 0, minlength=len(user_ids)) > 0
        if not trained.all():
            user_ids, kept = _note_cold(user_ids, trained, trained[user], problems)
            user, item, split = (np.cumsum(trained) - 1)[user][kept], item[kept], split[kept]
            timestamp, rating = (None if one is None else one[kept] for one in (timestamp, rating))
        _note_empty_splits(known.file, split, split_column if own else None, problems)
    interactions = Interactions(user, item, split, timestamp)
    return Contents(
        name, layout, user_ids, item_ids, interactions, rating, split_by, own, features, cards, neighbors or {}, encode and not features
    )


def _with_valid(
    split: np.ndarray, split_by: str, user: np.ndarray, item: np.ndarray, n_users: int, seed: int, table: Table, problems: Problems
) -> tuple[np.ndarray, str]:
    """Take a validation split that is missing from training, as many of each user as the protocol holds back for it."""
    if (split == 1).any() or not (split == 0).any() or not (split == 2).any():
        return split, split_by
    train = np.flatnonzero(split == 0)
    held = split_by_protocol(user[train], n_users, seed, item[train]) == 1
    split = split.copy()
    split[train[held]] = 1
    became = f"{held.sum():,} of {len(train):,} training rows became it, by the protocol with seed {seed}"
    problems.note(f"{table.file}: there is no validation split: {became}")
    return split, f"{split_by}, validation taken from training by the protocol with seed {seed}"


def _note_cold(user_ids: list[str], trained: np.ndarray, kept: np.ndarray, problems: Problems) -> tuple[list[str], np.ndarray]:
    cold = [name for name, known in zip(user_ids, trained, strict=True) if not known]
    problems.note(
        f"{len(cold):,} of {len(user_ids):,} users have no training interaction, such as {few(cold, 3)}: "
        f"they and their {int((~kept).sum()):,} interactions are left out, since nothing could be learned of them"
    )
    return [name for name, known in zip(user_ids, trained, strict=True) if known], kept


def _note_empty_splits(file: str, split: np.ndarray, column: str | None, problems: Problems) -> None:
    """Note empty splits; ``column`` is given where the file's own column made the split."""
    if problems.found:  # rows that were dropped may be what is missing
        return
    empty = [name for code, name in enumerate(SPLITS) if not (split == code).any()]
    named = f"the split{'s' if len(empty) > 1 else ''} {' and '.join(empty)}"
    if empty and column:
        problems.add(f"{file}: no row is in {named}; label some in the column {column}, or remove the column")
    elif empty:
        problems.add(
            f"{file}: {named} {'are' if len(empty) > 1 else 'is'} empty, since no user has {SMALLEST_SPLIT_HISTORY} interactions; "
            "add interactions, or a column with a split of your own"
        )
