"""The readers: a plain folder that anyone can make, and the layout in which the field passes its sets around (MMRec's)."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from srgformer_lab.data.files import entries, existing_folder, is_folder
from srgformer_lab.data.matrices import MOST_BYTES, check_modality, read_features, read_neighbors
from srgformer_lab.data.pictures import OpenedPictures, find_pictures
from srgformer_lab.data.tables import Problems, Table, natural_order, positions
from srgformer_lab.errors import ConfigError, DataError

INTERACTIONS, ITEMS = "interactions.csv", "items.csv"
RULES = ("protocol", "time")
WAYS_WITH_DUPLICATES = ("error", "merge")
PLAIN = Layout(
    name="folder",
    user="user_id",
    item="item_id",
    split="split",
    labels={name: code for code, name in enumerate(SPLITS)},
    delimiter=",",
    duplicates="remove one of the rows, or read with duplicates='merge', which keeps the latest",
)
MMREC = Layout(
    name="mmrec",
    user="userID",
    item="itemID",
    split="x_label",
    labels={"0": 0, "1": 1, "2": 2},
    delimiter="\t",
    duplicates="remove one of the rows",
)
FEATURES, NEIGHBORS = "_feat.npy", "_knn.npz"


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
        min_rating: Keep interactions with at least this rating; all by default.
        k_core: Then keep the largest part in which every user and every item has this many interactions, from 1; all by default.
        split: Where no column says it: ``protocol`` holds back a random fifth of each user, ``time`` the newest fifth.
        duplicates: What to do with a user and item that stand twice: ``error``, or ``merge`` to keep the latest, of equally old
            ones the highest rated, of those the first; before any filter.
        seed: What the protocol's shuffling starts from.

    Returns:
        The data set, which a model can learn from and be judged on.

    Raises:
        DataError: A file is missing or is not what the layout promises; names the file, the row or the id, and the remedy.
        ConfigError: An option is out of its range, or asks for a column that isn't there.
    """
    path = existing_folder(folder)
    options = FolderOptions(min_rating, k_core, split, duplicates, seed)
    contents = gather_folder(path, Problems(), options)
    features = contents.features if is_folder(path / "features") else built_in_features(contents.cards)
    return contents.to_dataset(DataSource("folder", str(path), asdict(options)), features)


def gather_folder(folder: Path, problems: Problems, options: FolderOptions | None = None) -> Contents:
    """Take from the folder what it holds; problems are raised or collected, as ``problems`` says."""
    options = options or FolderOptions()
    table = read_interactions(folder / INTERACTIONS, PLAIN, problems)
    before = len(problems.found)
    items = read_items(folder / ITEMS, ("item_id", "title"), problems)
    rows_are_known = len(problems.found) == before
    item_ids = natural_order(set(table["item_id"] if table else ())) if items is None else list(items["item_id"])
    features = _folder_features(folder, item_ids if rows_are_known else None, problems)
    if table is not None:
        table = one_of_each(only_known(table, item_ids, f"in {ITEMS}", problems), options.duplicates == "merge", PLAIN, problems)
        table = _choose(table, options, problems)
    if options.k_core and table is not None:
        kept = np.flatnonzero(positions(set(table["item_id"]), item_ids) >= 0)
        item_ids = [item_ids[row] for row in kept]
        features = {name: matrix[kept] for name, matrix in features.items()}
    return assemble(
        name=folder.name,
        layout=PLAIN,
        table=table,
        item_ids=item_ids,
        features=features,
        cards=make_cards(items, item_ids, find_pictures(folder, item_ids, problems)),
        rule=options.split,
        seed=options.seed,
        problems=problems,
    )


def _folder_features(folder: Path, item_ids: Sequence[str] | None, problems: Problems) -> dict[str, np.ndarray]:
    if not is_folder(folder / "features"):
        return {}
    files = entries(folder / "features", "*.npy")
    if not files:
        problems.add("features/ holds no .npy file; add one for each modality, or remove the folder to use the built-in encoders")
    features: dict[str, np.ndarray] = {}
    for path in files:
        _read_modality(path, f"features/{path.name}", path.stem, item_ids, features, problems)
    return features


def _read_modality(
    path: Path, file: str, modality: str, item_ids: Sequence[str] | None, features: dict[str, np.ndarray], problems: Problems
) -> None:
    try:
        check_modality(modality, file)
    except DataError as error:
        problems.add(str(error))
        return
    left = MOST_BYTES - sum(matrix.nbytes for matrix in features.values())
    if (matrix := read_features(path, file, item_ids, problems, left)) is not None:
        features[modality] = matrix


def _choose(table: Table, options: FolderOptions, problems: Problems) -> Table:
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


def read_mmrec(folder: str | Path, seed: int = 999) -> Dataset:
    """Read a folder with ``<name>.inter`` and, for each modality, ``<modality>_feat.npy``.

    ``<name>.inter`` is tab separated with the columns userID, itemID and, if there, rating, timestamp and x_label
    (0 train, 1 valid, 2 test). Without x_label the protocol splits. Timestamps that are all equal count as
    unknown. Where there are features, an item is a row of them and its id the row's number; items without interactions are
    isolated nodes. ``<modality>_knn.npz`` may give each item's most similar items by a modality (``indices``, item rows, the
    nearest first), for models that read such lists. ``items.csv`` (item_id, title, text, …) and ``images/<item_id>.jpg`` may give
    cards, otherwise an item is called by its id.

    Args:
        folder: Where it lies.
        seed: What the protocol's shuffling starts from, where it splits.

    Returns:
        The data set, which a model can learn from and be judged on.

    Raises:
        DataError: A file is missing or is not what the layout promises; names the file, the row or the id, and the remedy.
        ConfigError: The seed is no whole number from 0 up.
    """
    path = existing_folder(folder)
    check_seed(seed)
    return gather_mmrec(path, Problems(), seed).to_dataset(DataSource("mmrec", str(path), {"seed": seed}))


def inter_file(folder: Path, problems: Problems) -> Path | None:
    """Find the one ``.inter`` file; if there is none or there are several, that is a problem."""
    files = entries(folder, "*.inter")
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        problems.add(f"{folder} holds {len(files)} .inter files, {names}; keep one, or give each a folder of its own")
    if not files:
        problems.add(f"there is no .inter file in {folder}; add <name>.inter, or give interactions.csv and items.csv")
    return files[0] if len(files) == 1 else None


def gather_mmrec(folder: Path, problems: Problems, seed: int = 999) -> Contents:
    """Take from the folder what it holds; problems are raised or collected, as ``problems`` says."""
    file = inter_file(folder, problems)
    table = read_interactions(file, MMREC, problems) if file else None
    features, item_ids = _mmrec_features(folder, problems)
    items = read_items(folder / ITEMS, ("item_id",), problems) if os.path.lexists(folder / ITEMS) else None
    named = [] if items is None else items["item_id"]
    if item_ids is None:
        item_ids = natural_order({*named, *(table["item_id"] if table else ())})
    known_from = f"among the {len(item_ids)} rows of the features, 0…{len(item_ids) - 1}"
    if items is not None:
        items = only_known(items, item_ids, known_from, problems)
    if table is not None:
        table = one_of_each(only_known(table, item_ids, known_from, problems), False, MMREC, problems)
    contents = assemble(
        name=file.stem if file else folder.name,
        layout=MMREC,
        table=table,
        item_ids=item_ids,
        features=features,
        cards=make_cards(items, item_ids, find_pictures(folder, item_ids, problems)),
        rule="protocol",
        seed=seed,
        problems=problems,
    )
    return replace(contents, neighbors=_read_all_neighbors(folder, features, problems))


def _mmrec_features(folder: Path, problems: Problems) -> tuple[dict[str, np.ndarray], Sequence[str] | None]:
    features: dict[str, np.ndarray] = {}
    item_ids = None
    for path in entries(folder, f"?*{FEATURES}"):
        _read_modality(path, path.name, path.name.removesuffix(FEATURES), item_ids, features, problems)
        if features and item_ids is None:
            item_ids = [str(row) for row in range(len(next(iter(features.values()))))]
    return features, item_ids


def _read_all_neighbors(folder: Path, features: Mapping[str, np.ndarray], problems: Problems) -> dict[str, np.ndarray]:
    neighbors = {}
    for path in entries(folder, f"?*{NEIGHBORS}"):
        modality = path.name.removesuffix(NEIGHBORS)
        if modality in features:
            lists = read_neighbors(path, path.name, len(features[modality]), problems)
            if lists is not None:
                neighbors[modality] = lists
        elif not os.path.lexists(folder / f"{modality}{FEATURES}"):  # features that are there but bad were reported already
            problems.add(f"{path.name}: there is no {modality}{FEATURES} whose rows it could list; add it, or remove the lists")
    return neighbors
