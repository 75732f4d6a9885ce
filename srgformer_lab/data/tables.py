"""Tables whose cells are text, whatever file they come from, and what readers do with ids."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one file, and for each entry the row it came from as a spreadsheet counts (the header is row 1)."""

    file: str
    columns: Mapping[str, np.ndarray]
    rows: np.ndarray
    form: str = ""
    """How the file was read: its encoding, what divides its cells."""
    names: tuple[str, ...] = ()
    """All columns that the file has, also those that were not read."""
    values: Mapping[str, list] = field(default_factory=dict)
    """What is no text: pictures and vectors, by column, one an entry, for files that hold such."""

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.rows)

    def __contains__(self, column: str) -> bool:
        """Return whether there is a column of that name."""
        return column in self.columns

    def __getitem__(self, column: str) -> np.ndarray:
        """Return a column."""
        return self.columns[column]

    def keep(self, chosen: np.ndarray) -> "Table":
        """Return the table with some entries only: those of a mask, or those at given positions."""
        places = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        values = {name: [cells[place] for place in places] for name, cells in self.values.items()}
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return replace(self, columns=columns, rows=self.rows[chosen], values=values)

    def with_columns(self, **columns: np.ndarray) -> "Table":
        """Return the table with some columns added or replaced."""
        return replace(self, columns={**self.columns, **columns})


class Interner:
    """Makes equal cells of a column share one string, so that a million rows of few words take little memory."""

    def __init__(self) -> None:
        """Know no cell yet."""
        self.known: dict[str, str] = {}

    def column(self, cells: np.ndarray) -> tuple[np.ndarray, int]:
        """Return cells that share their strings with earlier ones, and about how many bytes the new ones take."""
        codes, uniques = pd.factorize(cells)
        if len(uniques) > len(cells) // 2:  # hardly any repeats: nothing is gained
            return cells, 8 * len(cells) + sum(map(len, uniques)) + 56 * len(uniques)
        before = len(self.known)
        shared = np.array([self.known.setdefault(cell, cell) for cell in uniques], dtype=object)
        return shared[codes], 8 * len(cells) + 120 * (len(self.known) - before)


def natural_order(ids: Collection[str]) -> list[str]:
    """Sort ids by value where all are whole numbers, else as text."""
    if all(name.isascii() and name.isdigit() for name in ids):
        return sorted(ids, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))
    return sorted(ids)


def positions(ids: Collection[str], wanted: Collection[str]) -> np.ndarray:
    """Return the place of each wanted id among ``ids``, -1 where it is not there."""
    codes, uniques = pd.factorize(as_cells(wanted))
    places = pd.Index(list(ids), dtype=object).get_indexer(list(uniques)).astype(np.int64)
    return places[codes] if len(places) else np.full(len(codes), -1)


def as_cells(values: Collection[str]) -> np.ndarray:
    """Return strings as an array of objects."""
    if isinstance(values, np.ndarray) and values.dtype == object:
        return values
    cells = np.empty(len(values), dtype=object)
    cells[:] = list(values)
    return cells
