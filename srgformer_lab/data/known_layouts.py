"""The layouts that open as they are downloaded: popular benchmarks, shops' exports, and any table with two columns of ids."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from srgformer_lab.data.any_tables import SPLIT_NAMES, Pairs
from srgformer_lab.data.blocks import MOST_BYTES, text_blocks
from srgformer_lab.data.columns import roles_of
from srgformer_lab.data.files import open_file, size_of
from srgformer_lab.data.layouts import Layout
from srgformer_lab.data.problems import Problems
from srgformer_lab.data.tables import Table, as_cells
from srgformer_lab.data.values import by_unique

ENDINGS = ("csv", "tsv", "txt", "csv.csv", "csv.txt", "parquet", "arrow", "feather", "xlsx", "jsonl", "ndjson", "json")
GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir"),
    *("Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The columns of MovieLens-100K's ``u.item`` that say of which genre a movie is."""


def _files(stem: str) -> tuple[str, ...]:
    return tuple(f"{stem}.{ending}" for ending in ENDINGS)


def _split_files(form: str) -> dict[str, tuple[str, ...]]:
    return {part: tuple(form.format(name) for name in names) for part, names in SPLIT_NAMES.items()}


def _with_years(table: Table, part: str) -> Table:
    """Take the year out of titles such as ``Heat (1995)``, and make a text of genres."""
    if part != "items":
        return table
    if "Action" in table:
        genres = [" ".join(name for name in GENRES[1:] if table[name][row] == "1") for row in range(len(table))]
        table = replace(table, columns={name: cells for name, cells in table.columns.items() if name not in GENRES})
    elif "genres" in table:
        genres = [cell.replace("|", " ").replace("(no genres listed)", "") for cell in table["genres"]]
    else:
        return table
    years = [(re.search(r"\((\d{4})\)\s*$", title) or ("", ""))[1] for title in table["title"]]
    return table.with_columns(year=as_cells(years), genres=as_cells(genres))


def _typed(table: Table, part: str) -> Table:
    """Undo the types that RecBole writes behind its columns' names; sequences of tokens become the text, of numbers features."""
    kinds = {name: name.rpartition(":") for name in table.columns}
    columns = {stem if colon else name: table[name] for name, (stem, colon, _) in kinds.items()}
    table = replace(table, columns=columns, names=tuple(name.rpartition(":")[0] or name for name in table.names))
    if part != "items":
        return table
    title = roles_of(list(columns), ("item", "title")).get("title")
    words = [stem for stem, _, kind in kinds.values() if kind == "token_seq" and stem != title]
    vectors = {
        stem: [np.array(cell.split(), dtype=np.float32) for cell in columns[stem]]
        for stem, _, kind in kinds.values()
        if kind == "float_seq"
    }
    kept = {name: cells for name, cells in table.columns.items() if name not in vectors}
    if words and "text" not in kept:
        kept["text"] = as_cells([" ".join(filter(None, (columns[name][row] for name in words))) for row in range(len(table))])
    return replace(table, columns=kept, values={**table.values, **vectors})


def _adjacency(path: Path, problems: Problems) -> Table | None:
    """Read a user and its items in each line, all divided by spaces, as LightGCN's files have them."""
    user: list[str] = []
    item: list[str] = []
    rows: list[int] = []
    n_line = 0
    for text, _ in text_blocks(path, "utf-8-sig"):
        for line in text.splitlines():
            n_line += 1
            first, *others = line.split() or [""]
            if bad := next((cell for cell in (first, *others) if cell and not cell.isdigit()), None):
                problems.add(f"{path.name}: line {n_line}: {bad[:40]!r} is no whole number; give a user and its items in each line")
                return None
            user += [first] * len(others)
            item += others
            rows += [n_line] * len(others)
    return Table(path.name, {"user_id": as_cells(user), "item_id": as_cells(item)}, np.array(rows, int), "a user and its items a line")


def _json_lists(path: Path, problems: Problems) -> Table | None:
    """Read one object that gives each user's items, as the files of LATTICE and MMSSL do."""
    try:
        with open_file(path, MOST_BYTES) as file:
            content = json.loads(file.read(size_of(file)))
        pairs = [(str(user), str(item), row) for row, (user, items) in enumerate(content.items(), start=1) for item in items]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        problems.add(f"{path.name}: it does not give each user a list of items ({error}); write {{'0': [1, 2], …}}")
        return None
    user, item, rows = zip(*pairs, strict=True) if pairs else ((), (), ())
    return Table(
        path.name, {"user_id": as_cells(user), "item_id": as_cells(item)}, np.array(rows, int), "JSON, a list of items for each user"
    )


def _sparse(path: Path, problems: Problems) -> Table | None:
    """Read the pairs of a sparse matrix of users and items; a pickle only if its layout was asked for by name."""
    from srgformer_lab.data.pickles import sparse_matrix

    matrix = sparse_matrix(path, problems)
    if matrix is None:
        return None
    user, item = (as_cells(list(map(str, rows.tolist()))) for rows in matrix.nonzero())
    return Table(path.name, {"user_id": user, "item_id": item}, np.arange(1, len(user) + 1), "a sparse matrix of users and items")


def _filled_down(table: Table, part: str) -> Table:
    """Give each line of an order its buyer and date, which a shop's export writes in the order's first line only."""
    if part != "interactions" or "Name" not in table:
        return table
    columns = dict(table.columns)
    order = table["Name"]
    for name in [name for name in ("Email", "Customer", "Customer ID", "Created at", "Paid at") if name in columns]:
        first = {order[row]: cell for row, cell in reversed(list(enumerate(columns[name]))) if cell}
        columns[name] = as_cells([cell or first.get(order[row], "") for row, cell in enumerate(columns[name])])
    return replace(table, columns=columns)


def _products(interactions: Table, items: Table | None) -> Table:
    """Make products of the sizes and colours that were bought, by the handle that the products' table knows them by."""
    if items is None:
        return interactions
    handle_of = {}
    for name in ("Variant SKU", "SKU", "title"):
        if name in items:
            handle_of |= {cell: items["item_id"][row] for row, cell in reversed(list(enumerate(items[name]))) if cell}
    cells = interactions["item_id"]

    def product(names: np.ndarray) -> np.ndarray:
        return as_cells([handle_of.get(name) or handle_of.get(name.rpartition(" - ")[0]) or name for name in names])

    return interactions.with_columns(item_id=by_unique(cells, product))


def _inters(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"*.{name}.inter" for name in names)


LAYOUTS: tuple[Layout, ...] = (
    Layout("folder", "a plain folder", _files("interactions"), items=_files("items")),
    Layout(
        *("recbole-split", "RecBole's files, split beforehand"),
        splits={part: _inters(names) for part, names in SPLIT_NAMES.items()},
        items=("*.item",),
        separator="\t",
        prepare=_typed,
        rows_are_ids=True,
    ),
    Layout("recbole", "RecBole's atomic files", ("*.inter",), items=("*.item",), needs=(":token",), separator="\t", prepare=_typed),
    Layout(
        *("inter-split", "three files of interactions, train, valid and test"),
        splits={part: tuple(f"{name}.inter" for name in names) for part, names in SPLIT_NAMES.items()},
        items=("*.item", *_files("items")),
        separator="\t",
        prepare=_typed,
    ),
    Layout(
        *("mmrec", "the multimodal benchmarks' folder", ("*.inter",)),
        items=(*_files("items"), "i_id_mapping.csv"),
        item_columns={"item": ("itemID",), "title": ("title", "asin", "raw_id", "item_id")},
        columns={"user": ("userID",), "item": ("itemID",), "split": ("x_label",)},
        separator="\t",
        rows_are_ids=True,
        encode=False,
    ),
    Layout("movielens", "MovieLens", ("ratings.csv",), items=("movies.csv",), needs=("movieId",), text=("genres",), prepare=_with_years),
    Layout(
        *("movielens-dat", "MovieLens with double colons", ("ratings.dat",)),
        items=("movies.dat",),
        headers={"interactions": ("user_id", "item_id", "rating", "timestamp"), "items": ("item_id", "title", "genres")},
        separator="::",
        text=("genres",),
        prepare=_with_years,
    ),
    Layout(
        *("movielens-100k", "MovieLens-100K", ("u.data",)),
        items=("u.item",),
        headers={
            "interactions": ("user_id", "item_id", "rating", "timestamp"),
            "items": ("item_id", "title", "released", "released_on_video", "address", *GENRES),
        },
        separator="\t",
        text=("genres",),
        leave=("released_on_video", "address"),
        prepare=_with_years,
    ),
    Layout(
        *("amazon-2023", "Amazon Reviews 2023", ("[!m]*.jsonl", "m[!e]*.jsonl", "me[!t]*.jsonl")),
        items=("meta_*.jsonl",),
        columns={"item": ("parent_asin",)},
        item_columns={"item": ("parent_asin",)},
        needs=("parent_asin", "user_id"),
        text=("features", "description"),
        leave=("images", "videos", "details", "bought_together", "features", "description"),
    ),
    Layout(
        *("hm", "H&M's fashion data", ("transactions_train.csv",)),
        items=("articles.csv",),
        columns={"user": ("customer_id",), "item": ("article_id",), "time": ("t_dat",)},
        item_columns={"item": ("article_id",), "title": ("prod_name",)},
        text=("product_type_name", "graphical_appearance_name", "colour_group_name", "department_name", "section_name", "detail_desc"),
    ),
    Layout(
        *("shopify", "a shop's orders and products", ("orders*.csv",)),
        items=("products*.csv",),
        columns={
            "user": ("Customer ID", "Email", "Customer"),
            "item": ("Lineitem sku", "Lineitem name"),
            "time": ("Created at", "Paid at"),
        },
        item_columns={"item": ("Handle",), "title": ("Title",), "image": ("Image Src",)},
        text=("Body (HTML)", "Type", "Product Category", "Tags", "Vendor"),
        leave=("Body (HTML)",),
        needs=("Lineitem name",),
        prepare=_filled_down,
        join=_products,
    ),
    Layout("lattice", "a list of items for each user", splits=_split_files("{}.json"), read=_json_lists, rows_are_ids=True),
    Layout(
        *("lightgcn", "a user and its items a line"),
        splits=_split_files("{}.txt"),
        items=("item_list.txt",),
        item_columns={"item": ("remap_id",), "title": ("org_id",)},
        separator=" ",
        read=_adjacency,
        rows_are_ids=True,
    ),
    Layout(
        *("diffmm", "sparse matrices of users and items"),
        splits={"train": ("trnMat.npz", "trnMat.pkl"), "valid": ("valMat.npz", "valMat.pkl"), "test": ("tstMat.npz", "tstMat.pkl")},
        read=_sparse,
        rows_are_ids=True,
    ),
    Pairs("pairs", "tables of interactions and of items"),
)
"""In the order in which they are tried."""
