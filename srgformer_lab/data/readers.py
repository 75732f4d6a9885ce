"""The readers of data folders: one pass for every layout, from a listing of files to a data set."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from srgformer_lab.data.catalogue import (
    fitted_features,
    neighbors_of,
    pictures_of,
    read_all_features,
    read_items,
)
from srgformer_lab.data.columns import DESCRIBING, plain
from srgformer_lab.data.contents import Contents, assemble, make_cards, one_of_each
from srgformer_lab.data.dataset import Dataset, DataSource
from srgformer_lab.data.features import Features
from srgformer_lab.data.files import existing_folder, open_file
from srgformer_lab.data.interactions import read_interactions
from srgformer_lab.data.layouts import ANSWERS, Layout, Listing, recognized
from srgformer_lab.data.matching import all_items, among_rows, are_rows, ids_of_rows, known_rows
from srgformer_lab.data.problems import Problems, few
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.data.tables import Table, numbered, positions
from srgformer_lab.errors import ConfigError


def read_folder(folder: str | Path, **options: Any) -> Dataset:
    """Read a plain folder: ``interactions.csv``, and perhaps ``items.csv``, ``images`` and ``features``.

    - ``interactions.csv``: user_id, item_id and, if there, rating, timestamp and split (train, valid, test).
    - ``items.csv``: item_id, title and, if there, text; any further column goes to ``cards.details``, whole numbers as such.
    - ``images/<item_id>.jpg``, or .png, .webp, .gif, …: the pictures that there are.
    - ``features/<modality>.npy``: a matrix with one row for each row of ``items.csv``. Without a ``features`` folder the
      built-in encoders make features of the pictures, if there is one, and of title and text, if there is a text.

    Ids are text: leading zeros stay. Items keep the order of ``items.csv``, users are sorted by id. Users without an interaction
    left disappear. Items without one stay, as isolated nodes that still have features, unless ``k_core`` removes them.

    Args:
        folder: Where it lies.
        **options: The options of ``open_data``.

    Returns:
        The data set, which a model can learn from and be judged on; its ``reading`` says what was understood, done and left out.

    Raises:
        DataError: A file is missing or is not what the layout promises; names the file, the row or the id, and the remedy.
        ConfigError: An option is out of its range, or asks for a column that isn't there.
    """
    return read_layout(folder, "folder", **options)


def read_mmrec(folder: str | Path, **options: Any) -> Dataset:
    """Read a folder with ``<name>.inter`` and, for each modality, ``<modality>_feat.npy``.

    ``<name>.inter`` is tab separated with the columns userID, itemID and, if there, rating, timestamp and x_label
    (0 train, 1 valid, 2 test). Without x_label the protocol splits. Timestamps that are all equal count as
    unknown. Where there are features, an item is a row of them and its id the row's number; items without interactions are
    isolated nodes. ``<modality>_knn.npz`` may give each item's most similar items by a modality (``indices``, item rows, the
    nearest first), for models that read such lists. ``items.csv`` (item_id, title, text, …) and ``images/<item_id>.jpg`` may give
    cards, otherwise an item is called by its id.

    Args:
        folder: Where it lies.
        **options: The options of ``open_data``.

    Returns:
        The data set, which a model can learn from and be judged on; its ``reading`` says what was understood, done and left out.

    Raises:
        DataError: A file is missing or is not what the layout promises; names the file, the row or the id, and the remedy.
        ConfigError: An option is out of its range, or asks for a column that isn't there.
    """
    return read_layout(folder, "mmrec", **options)


def read_layout(folder: str | Path, name: str | None = None, ask: bool = True, **options: Any) -> Dataset:
    """Read a folder in the layout of a name, or in the one that it is recognised to have; ``ask`` is off for what was opened once."""
    path = existing_folder(folder)
    refuse_unknown_options("open_data", options)
    chosen = ReadingOptions(**options)
    problems = Problems(ask=ask)
    contents = gather(path, problems, chosen, name)
    return contents.to_dataset(DataSource(contents.layout, str(path), chosen.without_layout().chosen()), problems.notes)


def refuse_unknown_options(owner: str, options: Mapping[str, Any]) -> None:
    """Refuse options that no reader of folders has.

    Raises:
        ConfigError: With those that there are.
    """
    known = [field.name for field in fields(ReadingOptions)]
    if unknown := sorted(name for name in options if name not in known):
        raise ConfigError(f"{owner} has no option {', '.join(unknown)}; its options for folders are {', '.join(known)}")


def gather(folder: Path, problems: Problems, options: ReadingOptions | None = None, name: str | None = None) -> Contents:
    """Take from the folder what it holds, in the layout of a name if one is given; problems are raised or collected."""
    options = options or ReadingOptions()
    listing = Listing(folder)
    layout, files = recognized(listing, options.layout or name, options.given)
    problems.by_name = options.layout is not None
    problems.answered |= _answered(listing, problems)
    problems.note(f"layout {layout.name}: {layout.about}{'' if options.layout is None else ', as was asked for'}")
    if options.encoding:
        object.__setattr__(layout := _copy(layout), "encoding", options.encoding)
    table = read_interactions(listing, layout, files, options, problems)
    before = len(problems.found)
    items = read_items(listing, layout, files.get("items", ()), options, problems)
    rows_are_known = len(problems.found) == before
    if layout.join is not None and table is not None:
        table = layout.join(table, None if items is None else items.table)
    read = read_all_features(listing, layout, items, problems)
    by_row = any(features.ids is None for features in read.values())
    places = None
    if (layout.rows_are_ids and by_row) or (by_row and items is None and are_rows(read, table)):
        item_ids, places = ids_of_rows(read, table, options, problems)
        table = table if table is None else known_rows(table, item_ids, problems)
        if items is not None:
            remedy = "add the item there, or remove this row"
            unknown = positions(item_ids, items.table["item_id"]) < 0
            where = among_rows(item_ids)
            problems.drop(items.table, unknown, lambda row: f"item id {items.table['item_id'][row]!r} is not {where}", remedy)
    else:
        table, item_ids = all_items(table, items, by_row and items is not None, options, problems)
    features = {}
    if rows_are_known or layout.rows_are_ids:
        features = fitted_features(read, item_ids, None if layout.rows_are_ids else items, problems, places)
    if by_row and items is None and places is None and not files.get("items") and not problems.found:
        file = next(features.file for features in read.values() if features.ids is None)
        problems.add(
            f"{file}: its rows can't be matched with items, since no table of items gives their order; "
            f"add items.csv with a row for each, or a file {Path(file).stem}_ids.txt beside it with an id a line"
        )
    if table is not None and len(table):
        table = _choose(one_of_each(table, options.duplicates == "merge", problems), options, problems)
    if options.k_core and table is not None:
        kept = np.flatnonzero(positions(numbered(table["item_id"])[1], item_ids) >= 0)
        item_ids = [item_ids[row] for row in kept]
        features = {name: matrix[kept] for name, matrix in features.items()}
    cards = make_cards(None if items is None else items.table, item_ids, pictures_of(listing, items, item_ids, problems, options.ids))
    contents = assemble(
        name=_name(layout, files, folder),
        layout=layout.name,
        split_column=(layout.columns.get("split") or ("split",))[0],
        table=table,
        item_ids=item_ids,
        features=features,
        cards=cards,
        options=options,
        problems=problems,
        encode=layout.encode and not read,
        neighbors=neighbors_of(listing, features, problems) if not options.k_core else None,
    )
    contents = replace(contents, made_by={name: one.made_by for name, one in read.items() if one.made_by})
    _note_unused(listing, read, problems)
    _note_modalities(contents, layout, problems)
    return contents


def _answered(listing: Listing, problems: Problems) -> set[str]:
    """Return the options that an import has written down as answered."""
    if ANSWERS not in listing.files:
        return set()
    problems.used.add(ANSWERS)
    try:
        with open_file(listing.files[ANSWERS], 2**16) as file:
            return set(json.load(file)) & {"ids", "min_rating"}
    except (OSError, ValueError, TypeError, RecursionError) as error:
        problems.note(f"{ANSWERS} can't be read ({error}), so what it answers may be asked again")
        return set()


def _copy(layout: Layout) -> Layout:
    from copy import copy

    return copy(layout)


def _name(layout: Layout, files: dict[str, list[str]], folder: Path) -> str:
    """Return what the data set is called: as its one file where that is its own name, else as its folder."""
    return Path(files["interactions"][0]).stem if layout.name in ("mmrec", "recbole") else folder.name


def _note_unused(listing: Listing, read: dict[str, Features], problems: Problems) -> None:
    used = problems.used | {features.file for features in read.values()}
    folders = tuple(f"{file}/" for file in used if file in {features.file for features in read.values()})
    unused = [name for name in listing.files if name not in used and not name.startswith(folders or ("\0",))]
    unused = [name for name in unused if not name.lower().split("/")[-1].startswith(("readme", "license", "licence"))]
    if unused:
        problems.note(f"not used: {few(unused, 8)}")
    if listing.outside:
        problems.note(f"links that lead out of the folder: {few(listing.outside)}")


def _note_modalities(contents: Contents, layout: Layout, problems: Problems) -> None:
    """Say first, where there is no modality, what would give one."""
    cards = contents.cards
    if contents.features or (contents.encode and (any(cards.texts) or any(cards.pictures))):
        return
    details = {plain(name): name for name in map(str, cards.details.columns)}
    column = next((details[plain(name)] for name in DESCRIBING if plain(name) in details), None)
    titled = any(title != name for title, name in zip(cards.titles, contents.item_ids, strict=True))
    remedy = (
        f"columns='text={column}' makes one of the column {column}"
        if column and contents.encode
        else "columns='text=title' makes one of the titles"
        if titled and contents.encode
        else "add a matrix such as image_feat.npy with a row for each item"
        if layout.rows_are_ids
        else "add a column text to the table of items, pictures as images/<item_id>.jpg, or matrices as features/<name>.npy"
    )
    problems.notes.insert(0, f"no modality: models learn from interactions alone; {remedy}")


def _choose(table: Table, options: ReadingOptions, problems: Problems) -> Table:
    given = len(table)
    if options.min_rating is not None:
        if "rating" not in table:
            raise ConfigError(f"min_rating={options.min_rating:g} needs ratings, and {table.file} has no column rating; leave it out")
        low = ~(table["rating"] >= options.min_rating)
        table = problems.leave_out(table, low, lambda _: f"rated below {options.min_rating:g} or not at all")
    if options.k_core:
        user, item = (numbered(table[name])[0] for name in ("user_id", "item_id"))
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
