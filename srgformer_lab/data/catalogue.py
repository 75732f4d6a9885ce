"""What a folder knows of its items: their table, their features in whatever form, their pictures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from srgformer_lab.data.columns import ADDRESSES, plain, roles_of
from srgformer_lab.data.features import KINDS, Features, fitted, read_features
from srgformer_lab.data.identities import ask_about_rounding, with_ids
from srgformer_lab.data.layouts import Layout, Listing
from srgformer_lab.data.matrices import MOST_BYTES, check_modality
from srgformer_lab.data.parts import frozen
from srgformer_lab.data.pictures import PictureError, find_pictures, is_picture, open_picture
from srgformer_lab.data.problems import Problems, counted, few
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.data.records import ending, read_any
from srgformer_lab.data.summary import without_summary
from srgformer_lab.data.tables import Table
from srgformer_lab.data.titles import joined, told
from srgformer_lab.errors import DataError

ROLES = ("item", "title", "text", "image")
MATRIX = re.compile(r"(?:features/([^/]+)|([^/]+)_feat)(\.[a-z]+)$", re.IGNORECASE)
VECTOR_ENDS = re.compile(r"_(embeddings?|emb|vectors?|features?|feats?)$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Items:
    """The table of items: item_id, title and text where known, and details; pictures and vectors that it holds itself."""

    table: Table
    places: np.ndarray
    """The place that each row had among all rows of the file."""
    n_rows: int
    named: Sequence[str] = ()
    """For each row the picture that it names, if there is such a column."""
    values: Mapping[str, list] = field(default_factory=dict)


def read_items(listing: Listing, layout: Layout, files: Sequence[str], options: ReadingOptions, problems: Problems) -> Items | None:
    """Read the table of items: one item a row, under unique ids.

    Raises:
        DataError: The file has a problem, and problems are not collected.
    """
    if not files:
        return None
    tables = []
    for file in files:
        table = read_any(listing.files[file], layout.wanted("items", file, columns=["item_id"]), problems)
        problems.used.add(file)
        if table is None:
            return None
        ids = [name for role, name in _roles(table, layout, options.given).items() if role == "item"]
        table = without_summary(table, ids, problems)
        tables.append(layout.prepare(table, "items") if layout.prepare else table)
    table = tables[0]
    if len(tables) > 1:
        columns = {name: np.concatenate([part[name] for part in tables]) for name in table.columns if all(name in part for part in tables)}
        values = {name: [cell for part in tables for cell in part.values.get(name, [None] * len(part))] for name in table.values}
        table = replace(table, columns=columns, rows=np.concatenate([part.rows for part in tables]), values=values)
    roles = _roles(table, layout, options.given)
    if "item" not in roles:
        found = few(table.names, 40)
        problems.add(
            f"{table.file}: row 1: no column item_id among {found}, which was read as {table.form}; "
            "name the column so, or say which it is: columns='item=NAME'"
        )
        return None
    _note_roles(files[0], table, roles, layout, problems)
    return _cleaned(table, roles, layout, problems, options)


def _roles(table: Table, layout: Layout, given: Mapping[str, str]) -> dict[str, str]:
    """Return which column is what; where a table is called as ours are, only ``text`` is the text."""
    header = list(table.columns)
    given = {role: name for role, name in given.items() if role in ROLES and (not name or any(plain(name) == plain(one) for one in header))}
    roles = roles_of(header, ROLES, layout.item_columns, {role: name for role, name in given.items() if role != "text"})
    if "item" not in roles and "item" not in given and (called := next((name for name in header if plain(name) == "id"), "")):
        roles["item"] = called
    if "text" in given:
        roles["text"] = next((name for name in header if plain(name) == plain(given["text"])), "")
    elif {"item_id", "title"} <= set(header) and layout.name in ("folder", "mmrec"):
        roles = {**roles, "text": "text" if "text" in header else ""}
    return {role: name for role, name in roles.items() if name}


def _note_roles(file: str, table: Table, roles: Mapping[str, str], layout: Layout, problems: Problems) -> None:
    text = [name for name in layout.text if name in table]
    taken = ", ".join(f"{name} as {role}" if name != role else name for role, name in roles.items() if not text or role != "text")
    details = [name for name in table.columns if name not in (*roles.values(), *layout.leave)]
    joined = f"; {', '.join(text)} make the text" if text else ""
    solid = [name for name in table.values if name not in layout.leave]
    left = [name for name in table.names if name in layout.leave and name not in text]
    problems.note(
        f"{file}: {len(table):,} rows, {table.form}: {taken}{joined}"
        + (f"; {few(solid)} with pictures or vectors" if solid else "")
        + (f"; shown with the items: {few(details)}" if details else "")
        + (f"; not used: {few(left)}" if left else "")
    )


def _cleaned(table: Table, roles: Mapping[str, str], layout: Layout, problems: Problems, options: ReadingOptions) -> Items:
    n_rows = len(table)
    columns = {"item_id": table[roles["item"]]}
    if "title" in roles:
        columns["title"] = table[roles["title"]]
    parts = [name for name in layout.text if name in table] if "text" not in options.given else []
    if parts:
        columns["text"] = joined(dict(table.columns), parts)
    elif "text" in roles:
        columns["text"] = table[roles["text"]]
    columns |= {name: told(table.file, name, columns[name], problems) for name in ("title", "text") if name in columns}
    kept = [name for name in table.columns if name not in (roles["item"], roles.get("title"), *layout.leave)]
    kept = [name for name in kept if parts or name != roles.get("text") or name == roles.get("title")]
    columns |= {name if name not in ("item_id", "title", "text") else f"{name}_of_{Path(table.file).stem}": table[name] for name in kept}
    cleaned = Table(table.file, columns, table.rows, table.form, table.names)
    word = roles["item"]
    cleaned = problems.drop(cleaned, cleaned["item_id"] == "", lambda _: f"no {word}", f"give every item an {word}")
    ask_about_rounding(cleaned, "item_id", word, problems, options.ids)
    rows = cleaned.rows
    cleaned = with_ids(cleaned, ("item_id",), {"item_id": word}, problems)
    repeats = pd.Series(cleaned["item_id"]).duplicated().to_numpy()
    if repeats.any():
        frame = pd.DataFrame(dict(cleaned.columns))
        differ = int((repeats & ~frame.duplicated().to_numpy()).sum())
        also = f", {differ:,} of them with other cells" if differ else ""
        first = cleaned["item_id"][int(np.argmax(repeats))]
        cleaned = problems.leave_out(
            cleaned, repeats, lambda _: f"whose item stands above already, such as {first!r}{also}: the first counts"
        )
    places = np.flatnonzero(np.isin(table.rows, cleaned.rows)) if len(rows) else np.empty(0, int)
    named = [table[roles["image"]][place] for place in places] if "image" in roles and roles["image"] in table.columns else []
    values = {name: [cells[place] for place in places] for name, cells in table.values.items() if name not in layout.leave}
    return Items(cleaned, places, n_rows, named, values)


def read_all_features(listing: Listing, layout: Layout, items: Items | None, problems: Problems) -> dict[str, Features]:
    """Read all matrices that a folder has, by modality; those that can't be read are problems.

    Raises:
        DataError: One has a problem, and problems are not collected.
    """
    paths = _matrices(listing, layout)
    found: dict[str, Features] = {}
    for modality, (file, path) in paths.items():
        try:
            check_modality(modality, file)
            left = MOST_BYTES - sum(features.matrix.nbytes for features in found.values())
            found[modality] = read_features(path, file, modality, left, problems)
            by_id = found[modality].ids is not None
            shape = " × ".join(f"{side:,}" for side in found[modality].matrix.shape)
            problems.note(f"{file}: features {modality}, {shape}; rows are matched {'by id' if by_id else 'with items in their order'}")
        except DataError as error:
            problems.add(str(error))
    if not paths and is_empty_of_matrices(listing):
        there = [name for name in listing.files if name.startswith("features/")]
        words = f"features/ holds no matrix that can be read, but {few(there, 3)}" if there else "features/ holds no matrix"
        problems.add(
            f"{words}; add one for each modality, such as image.npy by numpy.save, or remove the folder to use the built-in encoders"
        )
    for name, cells in (items.values if items else {}).items():
        if items and all(isinstance(cell, np.ndarray) for cell in cells) and len({len(cell) for cell in cells}) == 1:
            found[VECTOR_ENDS.sub("", name)] = Features(f"{items.table.file}: {name}", np.stack(cells), list(items.table["item_id"]))
    return found


def is_empty_of_matrices(listing: Listing) -> bool:
    """Return whether there is a folder of features without any that can be read."""
    return (listing.root / "features").is_dir() and not any(
        name.startswith("features/") and ending(name) in KINDS for name in listing.files
    )


def _matrices(listing: Listing, layout: Layout) -> dict[str, tuple[str, Path]]:
    """Return where each modality's matrix is: ``features/NAME.npy``, ``NAME_feat.npy``, or a folder with a file an item."""
    found: dict[str, tuple[int, str, Path]] = {}
    for name, path in listing.files.items():
        match = MATRIX.fullmatch(name)
        if (
            match
            and match[3].lower() in KINDS
            and not name.endswith(("_ids.csv", "_ids.npy", "_knn.npz"))
            and (match[1] or layout.name != "folder")
        ):
            modality, rank = match[1] or match[2], KINDS.index(match[3].lower())
            if modality not in found or rank < found[modality][0]:
                found[modality] = (rank, name, path)
        elif name.startswith("features/") and name.count("/") > 1 and name.endswith(".npy"):
            folder = name.split("/")[1]
            found.setdefault(folder, (len(KINDS), f"features/{folder}", listing.root / "features" / folder))
    return {modality: (name, path) for modality, (_, name, path) in sorted(found.items(), key=lambda pair: pair[1][1])}


def fitted_features(
    read: Mapping[str, Features], item_ids: Sequence[str], items: Items | None, problems: Problems, places: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the rows of each matrix in the order of the items.

    Args:
        read: The matrices as files have them.
        item_ids: The items.
        items: Their table, if there is one; a matrix has a row for each of its rows, also for those that were left out.
        problems: Where faults go.
        places: Which rows of matrices without ids are the items', if not all are.
    """
    fit: dict[str, np.ndarray] = {}
    unit = items.table.file if items is not None else "the items"
    for modality, features in read.items():
        if features.ids is None and places is not None:
            features = (
                replace(features, matrix=features.matrix[places]) if len(places) and places.max() < len(features.matrix) else features
            )
        elif features.ids is None and items is not None and len(features.matrix) == items.n_rows != len(items.places):
            features = replace(features, matrix=features.matrix[items.places])
        try:
            fit[modality] = fitted(features, item_ids, problems, unit)
        except DataError as error:
            problems.add(str(error))
    return fit


def pictures_of(
    listing: Listing, items: Items | None, item_ids: Sequence[str], problems: Problems, how: str | None
) -> list[Path | bytes | None]:
    """Return each item's picture: a file in ``images``, the one that the table names, or what the table holds itself."""
    files = {name: path for name, path in listing.files.items() if is_picture(name) and "/" in name and not name.startswith("features/")}
    by_id = dict(zip(items.table["item_id"], range(len(items.table)), strict=True)) if items is not None else {}
    named = [items.named[by_id[name]] if items and items.named and name in by_id else "" for name in item_ids]
    if not any(named):
        named = []
    if addresses := [cell for cell in named if "://" in cell]:
        problems.note(f"{counted(len(addresses), 'item')} name a picture on the web, such as {addresses[0]}: nothing is downloaded")
    elif items is not None and not files:
        column = next((name for name in items.table.columns if plain(name) in map(plain, ADDRESSES)), None)
        if column:
            problems.note(
                f"{items.table.file}: {column} holds addresses of pictures, of which nothing is downloaded; "
                "save them as images/<item_id>.jpg to learn from them"
            )
    missing = [cell for cell in named if cell and "://" not in cell]
    if missing and not files:
        problems.note(f"{counted(len(missing), 'item')} name a picture that is not in the folder, such as {missing[0][:80]!r}")
    shown = find_pictures(listing.root, files, item_ids, problems, how, named)
    inside = next((cells for cells in (items.values if items else {}).values() if any(isinstance(cell, bytes) for cell in cells)), None)
    if inside is None or any(shown):
        return list(shown)
    return _decodable([inside[by_id[name]] if name in by_id else None for name in item_ids], item_ids, problems)


def _decodable(pictures: list[bytes | None], item_ids: Sequence[str], problems: Problems) -> list[Path | bytes | None]:
    bad = []
    for row, picture in enumerate(pictures):
        try:
            if picture is not None:
                open_picture(picture, 64)
        except PictureError as error:
            bad.append((row, str(error)))
    for row, _ in bad:
        pictures[row] = None
    if bad:
        row, reason = bad[0]
        problems.note(f"the picture of {item_ids[row]!r} {reason}; {counted(len(bad), 'item')} left without a picture")
    return list(pictures)


def neighbors_of(listing: Listing, features: Mapping[str, np.ndarray], problems: Problems) -> dict[str, np.ndarray]:
    """Return each item's most similar items by a modality, where files give such lists."""
    from srgformer_lab.data.matrices import read_neighbors

    neighbors = {}
    for name, path in listing.files.items():
        modality = name.removeprefix("features/").removesuffix("_knn.npz")
        if not name.endswith("_knn.npz") or "/" in modality:
            continue
        problems.used.add(name)
        if modality in features:
            lists = read_neighbors(path, name, len(features[modality]), problems)
            if lists is not None:
                neighbors[modality] = frozen(lists)
        elif f"{modality}_feat.npy" not in listing.files and not name.startswith(
            "features/"
        ):  # features that are there but bad were reported already
            problems.add(f"{name}: there is no {modality}_feat.npy whose rows it could list; add it, or remove the lists")
    return neighbors
