"""Features, pictures, quantities and splits as people keep them: matched as they are meant, or refused by name; never in silence."""

import json

import numpy as np
import pandas as pd
import pytest
from folders import HEADER, ROWS, matrix, shop, text

from srgformer_lab.data.check import check
from srgformer_lab.data.source import open_data

VALUES = matrix(3) + 0.5
BACK = range(5, -1, -1)


def with_table(folder, content):
    return shop(folder, **{"features__look.csv": content})


TABLES = {
    "numbers of rows": pd.DataFrame(VALUES).to_csv(),
    "numbers of rows, names of columns": pd.DataFrame(VALUES, columns=list("abc")).to_csv(),
    "names of rows": pd.DataFrame(VALUES[::-1], index=[f"i{row}" for row in BACK]).to_csv(),
    "ids without a header": "\n".join(f"i{row}," + ",".join(map(str, VALUES[row])) for row in BACK),
    "ids, numbered columns": pd.DataFrame(VALUES[::-1])
    .assign(item_id=[f"i{row}" for row in BACK])[["item_id", 0, 1, 2]]
    .to_csv(index=False),
    "a comment": "# made by a tool\n" + "\n".join(",".join(map(str, row)) for row in VALUES),
}


@pytest.mark.parametrize("form", TABLES)
def test_tables_of_features(tmp_path, form):
    data = open_data(with_table(tmp_path, TABLES[form]))
    assert (data.features["look"] == VALUES).all()
    assert any("it is left out" in note for note in data.reading) == form.startswith("numbers of rows")


IDS = {
    "_ids.txt": b"\xef\xbb\xbf" + "\r\n".join(f" i{row} " for row in BACK).encode(),
    "_names.txt": "\n".join(["item_id", *(f"i{row}" for row in BACK)]).encode(),
    "_ids.json": json.dumps([f"i{row}" for row in BACK]).encode(),
    ".ids.txt": "\n".join(f"i{row}" for row in BACK).encode(),
}


def beside(folder, ending, content):
    shop(folder, **{"features__look" + ending: content})
    np.save(folder / "features" / "look.npy", VALUES[::-1])
    return folder


@pytest.mark.parametrize("ending", IDS)
def test_ids_beside_a_matrix(tmp_path, ending):
    data = open_data(beside(tmp_path, ending, IDS[ending]))
    assert (data.features["look"] == VALUES).all()
    assert not any("not used" in note for note in data.reading)


def test_ids_beside_a_matrix_may_be_an_object_with_rows(tmp_path):
    rows = {f"i{row}": 5 - row for row in range(6)}
    assert (open_data(beside(tmp_path, "_ids.json", json.dumps(rows).encode())).features["look"] == VALUES).all()


@pytest.mark.parametrize(
    ("ending", "content", "words"),
    [
        ("_ids.txt", b"i0\ni1\ni2\ni3\ni4\ni4", "features/look.npy: the id 'i4' stands twice; give each row an id of its own"),
        ("_ids.txt", b"i0\ni1", "features/look.npy: 2 ids for 6 rows; give each row an id of its own, in their order"),
        ("_ids.json", b"{", "look_ids.json: it is no JSON"),
        ("_ids.json", b'{"i0": "a"}', "look_ids.json: it is neither a list of ids nor an object with the row of each"),
    ],
)
def test_ids_that_do_not_fit_are_refused(tmp_path, ending, content, words):
    (problem,) = check(beside(tmp_path, ending, content)).problems
    assert words in problem


def test_what_lies_in_place_of_a_matrix_is_named(tmp_path):
    (problem,) = check(shop(tmp_path, features__look__=b"", **{"features__look.h5": b"\x89HDF"})).problems
    assert "features/ holds no matrix that can be read, but features/look" in problem
    assert "numpy.save" in problem


def test_pictures_that_are_named_and_not_there_are_said(tmp_path):
    items = text([f"i{item},Thing,images/{item}.png" for item in range(6)], "item_id,title,image")
    assert any(
        "6 items name a picture that is not in the folder, such as 'images/0.png'" in n
        for n in open_data(shop(tmp_path, items=items)).reading
    )


@pytest.mark.parametrize("returned", ["-1,00", "(1)", "1-", "-1 pcs", "−1", "0,00"])
def test_what_was_brought_back_is_left_out_however_it_is_written(tmp_path, returned):
    rows = [f'{row},"{returned if number % 5 == 4 else "2"}"' for number, row in enumerate(ROWS)]
    data = open_data(shop(tmp_path, text(rows, HEADER + ",quantity")))
    assert len(data.interactions) == 16
    assert not any("not used" in note for note in data.reading)
    assert any("quantity to see what was brought back" in note for note in data.reading)
    assert any(f"4 rows left out, whose quantity is 0 or less, such as {returned!r}: brought back" in note for note in data.reading)


def test_quantities_that_are_no_numbers_are_said(tmp_path):
    data = open_data(
        shop(tmp_path, text([f"{row},{'some' if number % 5 == 4 else '1-2'}" for number, row in enumerate(ROWS)], HEADER + ",qty"))
    )
    assert len(data.interactions) == 20
    assert any("4 rows have a qty that is no number, such as 'some'; they count as bought" in note for note in data.reading)


def test_folds_are_no_split_unless_it_is_said(tmp_path):
    folder = shop(tmp_path, text([f"{row},{max(number % 5 - 2, 0)}" for number, row in enumerate(ROWS)], HEADER + ",fold"))
    data = open_data(folder)
    assert any("fold holds numbers, as parts of a cross-validation, and is not used" in note for note in data.reading)
    sizes = [len(open_data(folder, columns="split=fold").pairs(split)) for split in ("train", "valid", "test")]
    assert sizes == [12, 4, 4]


def test_splits_that_pandas_made_numbers_of(tmp_path):
    data = open_data(shop(tmp_path, text([f"{row},{max(number % 5 - 2, 0):.1f}" for number, row in enumerate(ROWS)], HEADER + ",x_label")))
    assert [len(data.pairs(split)) for split in ("train", "valid", "test")] == [12, 4, 4]


def test_rulers_and_footers_of_databases_are_no_rows(tmp_path):
    rows = [" " + row.replace(",", " | ") for row in ROWS]
    content = "\n".join([" " + HEADER.replace(",", " | "), "---------+---------+--------+------", *rows, "(20 rows)", "\x1a"])
    data = open_data(shop(tmp_path, content))
    assert len(data.interactions) == 20
    assert any("2 lines of comment left out" in note for note in data.reading)
