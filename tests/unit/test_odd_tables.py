"""Tables as exports leave them: rows above and below that are none, cells that spreadsheets and databases wrote, records within records."""

import json

import numpy as np
import pytest
from folders import HEADER, ITEMS, ROWS, column, shop, text

from srgformer_lab.data.check import check
from srgformer_lab.data.source import open_data
from srgformer_lab.errors import DataError

COUNTS = [f"u{user};i{(user + place) % 6};{1 + place}" for user in range(4) for place in range(5)]
TOTAL = sum(1 + place for _ in range(4) for place in range(5))
PRICES = [f"i{item},Thing {item},warm red wool {item % 3}" for item in range(6)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The same shop without any quirk."""
    return open_data(shop(tmp_path_factory.mktemp("plain")))


def above(*lines, header=HEADER):
    return "\n".join([*lines, text(ROWS, header)])


ABOVE = {  # the file, and words that say what was left out
    "a comment": (above("# made by a tool, at night"), "1 line above the table left out, such as '# made by a tool, at night'"),
    "comments of other languages": (above("% a", "// b", "", "# c"), "3 lines above the table left out, such as '% a'"),
    "a comment with a quote that stays open": (above('# it is 5" wide', header=HEADER.replace("user_id", '"user_id"')), '5" wide'),
    "a header that begins as a comment": (above("# made by a tool", header="#" + HEADER), "1 line above"),
    "titles of a report": (above("Sales, all shops", "", "from,to,,").replace(",", ";"), "2 lines above the table left out"),
    "a comment in the middle": (text([*ROWS[:4], "# a pause", *ROWS[4:]]), "1 line of comment left out, such as '# a pause'"),
    "carets": (text(ROWS, separator="^"), "divided by carets"),
    "spaces": (text(ROWS, separator=" "), "divided by spaces"),
    "UTF-32": (text(ROWS).encode("utf-32"), "UTF-32"),
}


@pytest.mark.parametrize("quirk", ABOVE)
def test_a_table_begins_where_its_columns_are_named(tmp_path, plain, quirk):
    content, words = ABOVE[quirk]
    data = open_data(shop(tmp_path / "shop", content))
    assert data.fingerprint == plain.fingerprint
    assert any(words in note for note in data.reading), data.reading
    assert check(tmp_path / "shop").problems == []


def test_a_header_that_begins_as_a_comment_is_the_header(tmp_path, plain):
    data = open_data(shop(tmp_path, "# " + text(ROWS)))
    assert data.fingerprint == plain.fingerprint
    assert not any("left out" in note for note in data.reading)


def test_comments_above_a_table_without_names_are_no_rows_and_ids_may_begin_as_they_do(tmp_path):
    rows = [f"#{row}" for row in ROWS]
    for lines in (rows, ["# of users, and items", "#", *rows]):
        (tmp_path / "net.txt").write_text("\n".join(lines))
        data = open_data(tmp_path, columns="user=1,item=2,rating=3,time=4")
        assert (data.user_ids[0], len(data.interactions)) == ("#u0", len(ROWS))


SUMMED = {  # interactions that end in a row that sums up the others
    "a word and numbers": text([*ROWS, f"Total,20,{TOTAL},"]),
    "a word and nothing": text([*ROWS, "Grand Total:,,,"]),
    "a mean": text([*ROWS, f"Average,,{TOTAL / 20},"]),
    "fewer cells": text([*ROWS, "Gesamt: 20 Zeilen"]),
    "behind blank rows": text([*ROWS, "", ",,,", f"Summe,,{TOTAL},"]),
}


@pytest.mark.parametrize("quirk", SUMMED)
def test_a_last_row_that_sums_up_the_others_is_left_out_and_said(tmp_path, plain, quirk):
    data = open_data(shop(tmp_path, SUMMED[quirk]))
    assert data.fingerprint == plain.fingerprint
    assert any("which sums up the others" in note or "since it sums up" in note for note in data.reading), data.reading


def test_a_word_for_a_sum_in_the_column_of_dates(tmp_path):
    rows = [f"{13 + place % 9}.09.2020;{row}" for place, row in enumerate(COUNTS)]
    data = open_data(shop(tmp_path, text([*rows, f"Gesamt;4;6;{TOTAL}"], "Datum;Kunde;Artikel;Menge")))
    assert (data.n_users, data.n_items, len(data.interactions)) == (4, 6, 20)


def test_a_user_or_an_item_that_is_called_so_stays_and_is_said(tmp_path, plain):
    for last, said in (("Total,i3,4,1600000000", True), ("Total,i3,4,1600000000\nTotal,i4,4,1600000000", False)):
        data = open_data(shop(tmp_path / str(said), text([*ROWS, last])))
        assert "Total" in data.user_ids
        assert any("user_id is 'Total', and counts as any other" in note for note in data.reading) == said
    items = text([*ITEMS, "Total,Total toothpaste,fresh mint"], "item_id,title,text")
    assert open_data(shop(tmp_path / "items", items=items)).item_ids[-1] == "Total"
    assert open_data(shop(tmp_path / "title", items=text([*ITEMS, "i9,Sum,fresh"], "item_id,title,text"))).n_items == 7


@pytest.mark.parametrize("last", ["Total,,{}", ",Total,{}", "Sum,,6"])
def test_a_row_of_sums_is_no_item(tmp_path, last):
    rows = [f"i{item},Thing {item},{item + 0.5}" for item in range(6)]
    data = open_data(shop(tmp_path, items=text([*rows, last.format(sum(item + 0.5 for item in range(6)))], "item_id,title,price")))
    assert data.n_items == 6
    assert any("which sums up the others" in note for note in data.reading)


CELLS = {  # the file, words that say what was done
    "a mark inside": (text(ROWS).replace("u1,i1", "\ufeffu1,i1"), "spaces around user_id are left out"),
    "spaces without a width": (column(0, lambda cell, row: cell + "\u200b" * (row % 2)), "spaces around user_id are left out"),
    "formulas of text": (column(1, lambda cell, _: f'"=""{cell}"""'), "a spreadsheet's signs of a text around item_id"),
    "stars": (column(2, lambda cell, _: "★" * int(cell)), "ratings are written with what they count, such as '★'"),
    "empty stars": (column(2, lambda cell, _: "★" * int(cell) + "☆" * (5 - int(cell))), "such as '★☆☆☆☆'"),
    "out of five": (column(2, lambda cell, _: f"{cell}/5"), "such as '1/5'"),
    "out of five in words": (column(2, lambda cell, row: f"{cell} out of 5"), "such as '1 out of 5'"),
    "counted stars": (column(2, lambda cell, row: f"{cell} stars" if row % 5 else "1 star"), "such as '1 star'"),
    "seconds and milliseconds": (column(3, lambda cell, row: cell + "000" * (row % 2)), "times are seconds and milliseconds"),
    "day and clock apart": (
        text([f"{row},{np.datetime64(int(row[-10:]), 's')}".replace("T", ",") for row in ROWS], "user_id,item_id,rating,x,date,time"),
        "date and time together say when it was",
    ),
}


@pytest.mark.parametrize("quirk", CELLS)
def test_cells_of_spreadsheets_and_databases_are_read_and_said(tmp_path, plain, quirk):
    content, words = CELLS[quirk]
    data = open_data(shop(tmp_path, content))
    assert data.fingerprint == plain.fingerprint
    assert (data.interactions.timestamp == plain.interactions.timestamp).all()
    assert any(words in note for note in data.reading), data.reading


DOUBTFUL = {  # the file, and words that say what is doubtful in it
    "times that were rounded": (column(3, lambda cell, _: f"{int(cell):.2E}"), "20 times such as '1.60E+09' were rounded by a spreadsheet"),
    "times that are 0": (column(3, lambda cell, row: "0" if row % 5 == 4 else cell), "4 rows have the time 0, such as row 6"),
    "dates of nothing but 0": (
        column(3, lambda _, row: "2020-02-01" if row % 5 else "0000-00-00 00:00:00"),
        "4 rows have no time, such as row 2 with '0000-00-00 00:00:00'",
    ),
    "the end of time": (column(3, lambda _, row: "2020-02-01" if row % 5 else "9999-12-31"), "4 rows have a time after the year 2100"),
    "years": (column(3, lambda _, row: str(1990 + row)), "'1990' is 1990-01-01"),
    "errors of a spreadsheet": (text([*ROWS, "#N/A,i5,3,1600000000"]), "1 row left out, without a user_id ('#N/A')"),
    "nobody": (text([*ROWS, "guest,i5,3,1600000000", "guest,i4,3,1600000000"]), "2 of 22 rows are of 'guest', which counts as one user"),
}


@pytest.mark.parametrize("quirk", DOUBTFUL)
def test_what_is_doubtful_is_said(tmp_path, plain, quirk):
    content, words = DOUBTFUL[quirk]
    assert any(words in note for note in open_data(shop(tmp_path, content)).reading)
    assert not any(words in note for note in plain.reading)


def test_titles_that_say_nothing_or_were_decoded_wrongly(tmp_path):
    items = text([f"i{item},{'nan' if item % 2 else 'CafÃ©'},wool {item}" for item in range(6)], "item_id,title,text")
    data = open_data(shop(tmp_path, items=items))
    assert data.cards.titles[:2] == ("CafÃ©", "i1")
    assert any("3 items have 'nan' as title, which counts as none" in note for note in data.reading)
    assert any("3 cells of title may have been decoded wrongly before, such as 'CafÃ©'" in note for note in data.reading)


REFUSED = {
    "a column an item": (
        text([f"u{user}," + ",".join("12345678901") for user in range(4)], "user_id," + ",".join(f"i{item}" for item in range(11))),
        ("if each column is an item, write a row for each pair", ".melt('user_id'"),
    ),
    "nothing that divides": (text(ROWS, separator="§"), ("nothing that is known divides its cells", "commas, semicolons or tabs")),
    "all brought back": (text([f"{row},-1" for row in ROWS], HEADER + ",quantity"), ("no row is left of those that were read",)),
    "two scales": (column(2, lambda cell, row: f"{cell}/{5 + 5 * (row % 2)}"), ("rating '1/5' is no number",)),
    "per cent among numbers": (column(2, lambda cell, row: f"{cell}0%" if row % 2 else cell), ("rating '20%' is no number",)),
    "packed by zstd": (b"\x28\xb5\x2f\xfd" + bytes(40), ("is packed by zstd; unpack it",)),
}


@pytest.mark.parametrize("quirk", REFUSED)
def test_what_cannot_be_read_is_refused_with_what_to_do(tmp_path, quirk):
    content, words = REFUSED[quirk]
    problems = check(shop(tmp_path, content)).problems
    assert len(problems) == 1
    assert all(word in problems[0] for word in words), problems


def test_ids_that_nearly_equal_others_are_asked_about_where_no_table_of_items_knows_them(tmp_path):
    folder = shop(tmp_path, column(1, lambda cell, row: cell[1:] + ".0" * (row % 3 == 0)))
    (folder / "items.csv").unlink()
    with pytest.raises(DataError, match=r"different item ids nearly equal another, such as .*ids='match' if they are the same"):
        open_data(folder)
    assert open_data(folder, ids="match").n_items == 6


def test_what_is_packed_otherwise_is_named(tmp_path):
    (shop(tmp_path) / "interactions.csv").rename(tmp_path / "interactions.csv.bz2")
    with pytest.raises(DataError, match=r"unpack interactions\.csv\.bz2"):
        open_data(tmp_path)


# --------------------------------------------------------------------------------------------------------------------- records

RECORDS = [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in ROWS]
LISTS = [
    {"user_id": f"u{user}"} | {name: [one[name] for one in RECORDS if one["user_id"] == f"u{user}"] for name in HEADER.split(",")[1:]}
    for user in range(4)
]
AS_JSON = {
    "one list": json.dumps(RECORDS, indent=1),
    "within an object": json.dumps({"data": RECORDS}),
    "objects over several lines": "\n".join(json.dumps(one, indent=1) for one in RECORDS),
    "by columns": json.dumps({name: [one[name] for one in RECORDS] for name in RECORDS[0]}),
    "by columns and rows": json.dumps({name: {str(row): one[name] for row, one in enumerate(RECORDS)} for name in RECORDS[0]}),
    "dictionaries of Python": "\n".join(map(str, RECORDS)),
    "a list for each user": "\n".join(map(json.dumps, LISTS)),
    "ids inside": "\n".join(
        json.dumps({**one, "user": {"id": one["user_id"], "name": "x"}, "user_id": None, "item_id": {"$oid": one["item_id"]}})
        for one in RECORDS
    ).replace('"user_id": null, ', ""),
}


@pytest.mark.parametrize("form", AS_JSON)
def test_records_of_json_in_many_forms(tmp_path, plain, form):
    (shop(tmp_path) / "interactions.csv").unlink()
    (tmp_path / "interactions.json").write_text(AS_JSON[form])
    assert open_data(tmp_path).fingerprint == plain.fingerprint


def test_lists_of_different_lengths_and_json_without_records_are_refused(tmp_path):
    (shop(tmp_path) / "interactions.csv").unlink()
    (tmp_path / "interactions.jsonl").write_text("\n".join(json.dumps({**one, "rating": [3]}) for one in LISTS))
    assert "row 1: its lists have 5 of item_id, 1 of rating" in check(tmp_path).problems[0]
    (tmp_path / "interactions.jsonl").write_text(json.dumps([["u0", "i0"]]))
    assert check(tmp_path).problems == ["interactions.jsonl is no list of records; give an object a line"]


def test_ids_of_bytes_and_of_categories_are_ids(tmp_path, plain):
    import pandas as pd

    frame = pd.DataFrame(RECORDS).astype({"rating": float, "timestamp": int, "item_id": "category"})
    frame["user_id"] = frame["user_id"].str.encode("ascii")
    (shop(tmp_path) / "interactions.csv").unlink()
    frame.to_parquet(tmp_path / "interactions.parquet")
    assert open_data(tmp_path).fingerprint == plain.fingerprint


def workbook(folder, **sheets):
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    (shop(folder) / "interactions.csv").unlink()
    book.save(folder / "interactions.xlsx")
    return folder


CELLS_OF = [[*row.split(",")[:2], *map(int, row.split(",")[2:])] for row in ROWS]


def test_a_workbook_with_a_title_a_cover_and_a_total(tmp_path, plain):
    rows = [["Sales"], [], [None, "of all shops"], HEADER.split(","), *CELLS_OF, [], ["Total", None, TOTAL]]
    data = open_data(workbook(tmp_path, Cover=[["A report"]], Data=rows, More=[["x"]]))
    assert data.fingerprint == plain.fingerprint
    for words in ("2 rows above the table left out, such as 'Sales'", "the sheet 'Data' is read; not used: Cover, More", "row 26"):
        assert any(words in note for note in data.reading), data.reading


def test_a_column_of_a_workbook_that_stands_twice_is_refused(tmp_path):
    folder = workbook(tmp_path, Data=[[*HEADER.split(","), "rating"], *([*row, 9] for row in CELLS_OF)])
    assert check(folder).problems == ["interactions.xlsx: row 1: the column 'rating' stands twice; rename or remove one"]
