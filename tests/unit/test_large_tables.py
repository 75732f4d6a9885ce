"""Large tables are read in blocks that are divided at once: the same cells as line by line, each different one known once."""

import numpy as np
import pytest
from folders import write_rows
from hypothesis import given
from hypothesis import strategies as st

from srgformer_lab.cli.terminal import Progress
from srgformer_lab.data import blocks, grid, tables
from srgformer_lab.data.check import check
from srgformer_lab.data.delimited import read_delimited
from srgformer_lab.data.dialects import Wanted
from srgformer_lab.data.problems import Problems
from srgformer_lab.data.tables import Interner, numbered

CELLS = ["", " ", "a", "Ünï", "0", "007", "1.0", "NaN", "b c", "\t", "x" * 40]


@given(
    st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=5), max_size=30),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_blocks_that_are_divided_at_once_are_read_as_line_by_line(tmp_path_factory, rows, newline, ends):
    """Whatever the shape of the rows: ragged and blank ones, empty first cells, leading zeros, any way of ending a line."""
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_bytes((newline.join(["u,i,r", *(",".join(row) for row in rows)]) + newline * ends).encode())
    found = []
    for at_once in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not at_once:
                patch.setattr(grid.Grid, "_whole_columns", lambda self, text: None)
            problems = Problems(collect=True)
            table = read_delimited(path, Wanted(), problems)
        cells = None if table is None else ({name: list(column) for name, column in table.columns.items()}, list(table.rows))
        found.append((cells, problems.found, problems.notes))
    assert found[0] == found[1]


def test_a_column_keeps_its_cells_whether_they_repeat_or_not():
    few, many = np.array(["a", "b", "a", "a"] * 3, dtype=object), np.array([f"x{n}" for n in range(9)], dtype=object)
    for parts in ([few, few], [few, many], [many, few]):
        interner = Interner()
        for part in parts:
            interner.add(part.copy())
        assert interner.column().tolist() == np.concatenate(parts).tolist()


def test_what_a_column_is_numbered_by_goes_with_it():
    cells = np.array(["b", "a", "b"] * 50_000, dtype=object)
    codes, uniques = numbered(cells)
    assert (codes[:3].tolist(), list(uniques)) == ([0, 1, 0], ["b", "a"])
    assert numbered(cells)[0] is codes
    with pytest.raises(ValueError, match="read-only"):
        cells[0] = "c"
    name = id(cells)
    del cells
    assert name not in tables._numbered


def test_a_large_table_says_what_it_is_and_how_far_reading_is(tmp_path, monkeypatch, capsys):
    write_rows(tmp_path / "interactions.csv", "user_id,item_id", [f"u{n % 20},i{n // 20}" for n in range(300)])
    monkeypatch.setattr(blocks.raw_blocks, "__defaults__", (500,))
    check(tmp_path, watch=Progress(seconds=0))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "interactions.csv: UTF-8, divided by commas: user_id, item_id"
    assert said[-1] == "interactions.csv: 300 rows, 100%"
    assert len(said) > 4
