"""Reads a plain folder that anyone can make: two CSV files, and pictures and feature matrices if there are any."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from srgformer_lab.data.contents import (
    Contents,
    Layout,
    assemble,
    check_seed,
    make_cards,
    one_of_each,
    only_known,
    read_interactions,
    read_items,
)
from srgformer_lab.data.dataset import SPLITS, Dataset, DataSource, ItemCards
from srgformer_lab.data.matrices import read_features
from srgformer_lab.data.pictures import OpenedPictures, find_pictures
from srgformer_lab.data.tables import Problems, Table, existing_folder, natural_order, positions
from srgformer_lab.errors import ConfigError

INTERACTIONS, ITEMS = "interactions.csv", "items.csv"
RULES = ("protocol", "time")
WAYS_WITH_DUPLICATES = ("error", "merge")
LAYOUT = Layout(
    name="folder",
    user="user_id",
    item="item_id",
    split="split",
    labels={name: code for code, name in enumerate(SPLITS)},
    delimiter=",",
    duplicates="remove one of the rows, or read with duplicates='merge', which keeps the latest",
)


@dataclass(frozen=True)
class FolderOptions:
    """The options of ``read_folder``, validated."""

    min_rating: float | None = None
    k_core: int | None = None
    split: str = "protocol"
    duplicates: str = "error"
    seed: int = 999

    def __post_init__(self) -> None:
        """Refuse what no folder could be read with."""
        rating, core = self.min_rating, self.k_core
        if rating is not None and (isinstance(rating, bool) or not isinstance(rating, int | float) or not math.isfinite(rating)):
            raise ConfigError(f"min_rating={rating!r} must be a number, the lowest rating to keep, or None for all")
        if core is not None and (isinstance(core, bool) or not isinstance(core, int) or core < 1):
            raise ConfigError(f"k_core={core!r} must be a whole number from 1 up, such as 5, or None for no filter")
        check_seed(self.seed)
        for name, known in (("split", RULES), ("duplicates", WAYS_WITH_DUPLICATES)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}={getattr(self, name)!r} must be one of {', '.join(known)}")


def read_folder(
    folder: str | Path,
    min_rating: float | None = None,
    k_core: int | None = None,
    split: Literal["protocol", "time"] = "protocol",
    duplicates: Literal["error", "merge"] = "error",
    seed: int = 999,
) -> Dataset:
    """Read a folder with ``interactions.csv`` and ``items.csv``, and perhaps ``images`` and ``features``.

    - ``interactions.csv``: user_id, item_id and, if there, rating, timestamp (seconds since 1970) and split (train, valid, test).
    - ``items.csv``: item_id, title and, if there, text; any further column goes to ``cards.details``, whole numbers as such.
    - ``images/<item_id>.jpg``, or .jpeg, .png, .webp: the pictures that there are.
    - ``features/<modality>.npy``: a matrix with one row for each row of ``items.csv``. Without a ``features`` folder the
      built-in encoders make features of the pictures, if there is one, and of title and text, if there is a text.

    Ids are text: leading zeros stay. Items keep the order of ``items.csv``, users are sorted by id. Users without an interaction
    left disappear. Items without one stay, as isolated nodes that still have features, unless ``k_core`` removes them.

    Args:
        folder: Where it lies.
        min_rating: Keep interactions with at least this rating.
        k_core: Then keep the largest part in which every user and every item has this many interactions.
        split: Where no column says it: ``protocol`` holds back a random fifth of each user, ``time`` the newest fifth.
        duplicates: What to do with a user and item that stand twice: ``error``, or ``merge`` to keep the latest, of equally old
            ones the highest rated, of those the first; before any filter.
        seed: What the protocol's shuffling starts from.

    Raises:
        DataError: A file is missing or is not what the layout promises; names the file, the row or the id, and the remedy.
        ConfigError: An option is out of its range, or asks for a column that isn't there.
    """
    path = existing_folder(folder)
    options = FolderOptions(min_rating, k_core, split, duplicates, seed)
    contents = gather(path, Problems(), options)
    features = contents.features if (path / "features").is_dir() else built_in_features(contents.cards)
    return contents.to_dataset(DataSource("folder", str(path), asdict(options)), features)


def gather(folder: Path, problems: Problems, options: FolderOptions | None = None) -> Contents:
    """Take from the folder what it holds; problems are raised or collected, as ``problems`` says."""
    options = options or FolderOptions()
    table = read_interactions(folder / INTERACTIONS, LAYOUT, problems)
    before = len(problems.found)
    items = read_items(folder / ITEMS, ("item_id", "title"), problems)
    rows_are_known = len(problems.found) == before
    item_ids = natural_order(set(table["item_id"] if table else ())) if items is None else list(items["item_id"])
    features = _read_all_features(folder, item_ids if rows_are_known else None, problems)
    if table is not None:
        table = one_of_each(only_known(table, item_ids, f"in {ITEMS}", problems), options.duplicates == "merge", LAYOUT, problems)
        table = _choose(table, options, problems)
    if options.k_core and table is not None:
        kept = np.flatnonzero(positions(set(table["item_id"]), item_ids) >= 0)
        item_ids = [item_ids[row] for row in kept]
        features = {name: matrix[kept] for name, matrix in features.items()}
    return assemble(
        name=folder.name,
        layout=LAYOUT,
        table=table,
        item_ids=item_ids,
        features=features,
        cards=make_cards(items, item_ids, find_pictures(folder, item_ids, problems)),
        rule=options.split,
        seed=options.seed,
        problems=problems,
    )


def _read_all_features(folder: Path, item_ids: Sequence[str] | None, problems: Problems) -> dict[str, np.ndarray]:
    if not (folder / "features").is_dir():
        return {}
    files = sorted((folder / "features").glob("*.npy"))
    if not files:
        problems.add("features/ holds no .npy file; add one for each modality, or remove the folder to use the built-in encoders")
    matrices = {path.stem: read_features(path, f"features/{path.name}", item_ids, problems) for path in files}
    return {name: matrix for name, matrix in matrices.items() if matrix is not None}


def _choose(table: Table, options: FolderOptions, problems: Problems) -> Table:
    """Keep what the options ask for: well-rated interactions, then a dense core of them."""
    given = len(table)
    if options.min_rating is not None:
        if "rating" not in table:
            raise ConfigError(f"min_rating={options.min_rating:g} needs ratings, and {table.file} has no column rating; leave it out")
        table = table.keep(table["rating"] >= options.min_rating)
    if options.k_core:
        user, item = (pd.factorize(table[name])[0] for name in ("user_id", "item_id"))
        table = table.keep(core(user, item, options.k_core))
    if given and not len(table):
        asked = ", ".join(f"{name}={value:g}" for name, value in (("min_rating", options.min_rating), ("k_core", options.k_core)) if value)
        problems.add(f"{table.file}: none of {given:,} interactions is left with {asked}; ask for less")
    return table


def core(user: Int[np.ndarray, " pairs"], item: Int[np.ndarray, " pairs"], k: int) -> Bool[np.ndarray, " pairs"]:
    """Mark the largest set of interactions in which every user and every item that occurs does so at least ``k`` times."""
    kept = np.ones(len(user), dtype=bool)
    while True:
        enough = kept.copy()
        for rows in (user, item):
            enough &= np.bincount(rows[kept], minlength=rows.max(initial=-1) + 1)[rows] >= k
        if (enough == kept).all():
            return kept
        kept = enough


def built_in_features(cards: ItemCards) -> Mapping[str, Float[np.ndarray, "items _"]]:
    """Encode pictures and texts with the package's own encoders; a modality that no item has is left out."""
    from srgformer_lab.data.encoders import encode_pictures, encode_texts

    features = {}
    if any(cards.pictures):
        features["image"] = encode_pictures(OpenedPictures(cards.pictures))
    if any(cards.texts):
        features["text"] = encode_texts([f"{title}. {text}" for title, text in zip(cards.titles, cards.texts, strict=True)])
    return features
