"""Which item each row of features belongs to, and which items there are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from srgformer_lab.data.catalogue import Items
from srgformer_lab.data.features import Features
from srgformer_lab.data.identities import merged_ids, to_known
from srgformer_lab.data.problems import Problems, counted, few
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.data.tables import Table, natural_order, numbered, positions


def are_rows(read: dict[str, Features], table: Table | None) -> bool:
    """Return whether all item ids are numbers of rows."""
    n_rows = min(len(features.matrix) for features in read.values() if features.ids is None)
    ids = numbered(table["item_id"])[1] if table is not None else ()
    return all(name.isascii() and name.isdigit() and str(int(name)) == name and int(name) < n_rows for name in ids)


def ids_of_rows(
    read: dict[str, Features], table: Table | None, options: ReadingOptions, problems: Problems
) -> tuple[list[str], np.ndarray]:
    """Return the ids of items whose ids are numbers of rows, and the rows of the matrices that are theirs."""
    first = next(features for features in read.values() if features.ids is None)
    n_rows = len(first.matrix)
    ids = numbered(table["item_id"])[1] if table is not None else ()
    whole = [int(name) for name in ids if name.isascii() and name.isdigit()]
    low, high = (min(whole), max(whole)) if whole else (0, 0)
    empty = all(not features.matrix[:1].any() for features in read.values())
    if options.ids == "from1":
        skipped = int(n_rows > high)
        problems.note(f"item ids count from 1{', and the first row of the features is left out' if skipped else ''}")
        return [str(row + 1 - skipped) for row in range(skipped, n_rows)], np.arange(skipped, n_rows)
    if low == 1 and high == n_rows:
        problems.question(
            "ids",
            f"{table.file if table else ''}: item ids go from 1 to {high:,}, and {first.file} has {n_rows:,} rows, which count from 0",
            {"'from1'": "if the ids count from 1", "'exact'": "if they count from 0"},
        )
    elif low == 1 and high == n_rows - 1 and empty:
        problems.note(f"{first.file}: item 0 has no interaction, and its row holds zeros only, as padding does; ids='from1' leaves it out")
    return [str(row) for row in range(n_rows)], np.arange(n_rows)


def among_rows(item_ids: Sequence[str]) -> str:
    """Say where an item is looked for."""
    return f"among the {counted(len(item_ids), 'row')} of the features" + (f", {item_ids[0]}…{item_ids[-1]}" if item_ids else "")


def known_rows(table: Table, item_ids: list[str], problems: Problems) -> Table:
    """Return the interactions whose items have a row; others are a problem."""
    ids, unknown = table["item_id"], positions(item_ids, table["item_id"]) < 0
    if not unknown.any():
        return table
    n_unknown = len(pd.unique(ids[unknown]))
    where = f"{among_rows(item_ids)}: {counted(n_unknown, 'item')} without a row"
    remedy = "add their rows to the features, or remove this row"
    return problems.drop(table, unknown, lambda row: f"item id {ids[row]!r} is not {where}", remedy)


def all_items(
    table: Table | None, items: Items | None, by_row: bool, options: ReadingOptions, problems: Problems
) -> tuple[Table | None, list[str]]:
    """Return the interactions and the ids of all items: those of the table, then those that only occur in interactions."""
    if items is None:
        table = table if table is None else merged_ids(table, "item_id", "item ids", problems, options.ids)
        return table, natural_order(set(numbered(table["item_id"])[1] if table else ()))
    known, file = list(items.table["item_id"]), items.table.file
    if table is None:
        return None, known
    asked = len(problems.questions)
    table = to_known(table, known, file, problems, options.ids)
    ids = table["item_id"]
    unknown = positions(known, ids) < 0
    if not unknown.any():
        return table, known
    if len(problems.questions) > asked:  # whose answer says what becomes of these rows
        return table.keep(~unknown), known
    if by_row:
        remedy = "add the item there, or remove this row"
        return problems.drop(table, unknown, lambda row: f"item id {ids[row]!r} is not in {file}", remedy), known
    more = natural_order(set(pd.unique(ids[unknown])))
    if unknown.all():
        problems.add(
            f"{table.file}: none of its item ids is in {file}, such as {ids[0]!r} where items are called {known[0] if known else ''!r}; "
            f"say which column has the ids, such as columns='item=NAME', or remove {file}"
        )
        return table.keep(~unknown), known
    problems.note(f"{file}: {counted(len(more), 'item')} of {table.file} not in it, such as {few(more, 3)}: called by their ids")
    return table, known + more
