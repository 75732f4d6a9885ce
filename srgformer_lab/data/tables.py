"""Tables whose cells are text, whatever file they come from, and what readers do with ids."""

import weakref
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
    """Gathers a column in parts whose equal cells share one string, so that a million rows of few words take little memory."""

    def __init__(self) -> None:
        """Know no cell yet."""
        self.known: dict[str, int] = {}
        self.parts: list[np.ndarray] = []
        self.is_coded = True
        """Whether the parts are places among the known cells; where hardly any cell repeats they are the cells themselves."""

    def add(self, cells: np.ndarray) -> int:
        """Take some cells, and return about how many bytes they take."""
        codes, uniques = pd.factorize(cells) if self.is_coded else ((), ())
        if self.is_coded and len(uniques) > len(cells) // 2:
            known = as_cells(list(self.known))
            self.parts, self.is_coded = [known[part] for part in self.parts], False
            self.known.clear()
        if not self.is_coded:
            self.parts.append(cells)
            return 64 * len(cells) + sum(map(len, cells))
        before = len(self.known)
        places = [self.known.setdefault(cell, len(self.known)) for cell in uniques]
        self.parts.append(np.array(places, np.int32)[codes])
        return 12 * len(cells) + 120 * (len(self.known) - before)

    def column(self) -> np.ndarray:
        """Return all cells; what is the same in them is known from then on."""
        if not self.is_coded or not self.parts:
            return np.concatenate(self.parts) if self.parts else np.empty(0, object)
        uniques, codes = as_cells(list(self.known)), np.concatenate(self.parts)
        self.parts.clear()
        cells = uniques[codes]
        _remember(cells, codes, uniques)
        return cells


LARGE = 100_000
"""Columns from this length on are numbered once."""
_numbered: dict[int, tuple[np.ndarray, np.ndarray]] = {}
"""Codes and different cells of columns that are alive, by their identity."""


def numbered(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each cell its place among the different ones, and those in the order in which they come; large columns once."""
    if id(cells) in _numbered:
        return _numbered[id(cells)]
    codes, uniques = pd.factorize(cells)
    if len(cells) >= LARGE and cells.dtype == object:
        _remember(cells, codes, uniques)
    return codes, uniques


def is_numbered(cells: np.ndarray) -> bool:
    """Return whether the different cells of a column are known already."""
    return id(cells) in _numbered


def _remember(cells: np.ndarray, codes: np.ndarray, uniques: np.ndarray) -> None:
    cells.setflags(write=False)  # else it might become another one
    _numbered[id(cells)] = codes, uniques
    weakref.finalize(cells, _numbered.pop, id(cells), None)


def natural_order(ids: Collection[str]) -> list[str]:
    """Sort ids by value where all are whole numbers, else as text."""
    if all(name.isascii() and name.isdigit() for name in ids):
        return sorted(ids, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))
    return sorted(ids)


def positions(ids: Collection[str], wanted: Collection[str]) -> np.ndarray:
    """Return the place of each wanted id among ``ids``, -1 where it is not there."""
    codes, uniques = numbered(as_cells(wanted))
    places = pd.Index(list(ids), dtype=object).get_indexer(list(uniques)).astype(np.int64)
    return places[codes] if len(places) else np.full(len(codes), -1)


def as_cells(values: Collection[str]) -> np.ndarray:
    """Return strings as an array of objects."""
    if isinstance(values, np.ndarray) and values.dtype == object:
        return values
    cells = np.empty(len(values), dtype=object)
    cells[:] = list(values)
    return cells
