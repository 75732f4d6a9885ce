"""Data as people have it opens, or is refused in a sentence whose remedy works; what was done is said. Each row is a kind of file."""

import gzip
import json
import re

import numpy as np
import pytest
from folders import HEADER, ITEMS, ROWS, column, matrix, shop, text, write_rows
from PIL import Image

from srgformer_lab.data.check import check
from srgformer_lab.data.source import open_data, reopen
from srgformer_lab.errors import DataError


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The same shop without any quirk."""
    return open_data(shop(tmp_path_factory.mktemp("plain")))


SAME = {  # the file, words that say what was done
    "semicolons": (text(ROWS, separator=";"), "semicolons"),
    "tabs": (text(ROWS, separator="\t"), "tabs"),
    "bars": (text(ROWS, separator="|"), "bars"),
    "a line that says what divides": ("sep=;\n" + text(ROWS, separator=";"), "semicolons"),
    "UTF-16 with tabs": (text(ROWS, separator="\t").encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (text(ROWS).encode("utf-16-le"), "UTF-16"),
    "a mark": (b"\xef\xbb\xbf" + text(ROWS).encode(), "UTF-8 with a mark"),
    "blank rows": (text([*ROWS[:5], ",,,", "", *ROWS[5:], ",,,"]), "2 blank rows left out"),
    "a comma behind each row": (text([row + "," for row in ROWS]), "20 rows end in cells without a column"),
    "quotes everywhere": (text([",".join(f'"{cell}"' for cell in row.split(",")) for row in ROWS]), "commas"),
    "other names": (
        text(ROWS, "Customer ID,SKU,Stars,Order Date"),
        "Customer ID as user, SKU as item, Stars as rating, Order Date as time",
    ),
    "RecBole's types": (text(ROWS, "user_id:token,item_id:token,rating:float,timestamp:float"), "user_id:token as user"),
    "spaces around ids": (column(1, lambda cell, _: f" {cell} "), "spaces around item_id are left out, as in ' i0 '"),
    "repeats": (
        text([*ROWS, ROWS[0], ROWS[1]]),
        "2 rows left out, which repeat a user and an item, such as 'u0' and 'i0': the latest stays",
    ),
    "guests": (text([*ROWS, "nan,i0,3,1600000000", ",i1,3,1600000000"]), "2 rows left out, without a user_id ('nan')"),
    "milliseconds": (column(3, lambda cell, _: cell + "000"), "milliseconds"),
    "microseconds": (column(3, lambda cell, _: cell + "000000"), "microseconds"),
    "nanoseconds": (column(3, lambda cell, _: cell + "000000000"), "nanoseconds"),
    "no rating here and there": (
        column(2, lambda cell, row: "\\N" if row % 3 else cell),
        "13 rows have no rating, such as row 3 with '\\\\N'",
    ),
    "a header once more": (text([*ROWS[:9], HEADER, *ROWS[9:]]), "1 row left out, which repeat the header"),
    "what was brought back": (
        text([*(row + ",2" for row in ROWS), "u0,i5,3,1600000000,-1", "u1,i0,3,1600000000,0"], HEADER + ",Quantity"),
        "2 rows left out, whose Quantity is 0 or less, such as '-1': brought back",
    ),
    "ratings with a decimal comma": (
        column(2, lambda cell, _: cell + ",0").replace(",0,", "%0;").replace(",", ";").replace("%", ","),
        "comma",
    ),
}


@pytest.mark.parametrize("quirk", SAME)
def test_what_changes_no_meaning_is_done_and_said(tmp_path, plain, quirk):
    content, words = SAME[quirk]
    data = open_data(shop(tmp_path / "shop", content))
    assert data.fingerprint == plain.fingerprint
    assert any(words in note for note in data.reading), data.reading
    assert check(tmp_path / "shop").problems == []


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("name", ["interactions.csv", "interactions.tsv", "interactions.csv.csv", "interactions.jsonl"])
def test_names_and_packing(tmp_path, plain, name, pack):
    content = text(ROWS)
    if name.endswith("jsonl"):
        content = "\n".join(json.dumps(dict(zip(HEADER.split(","), row.split(","), strict=True))) for row in ROWS)
    (shop(tmp_path) / "interactions.csv").unlink()
    path = tmp_path / (name + ".gz" * pack)
    path.write_bytes(gzip.compress(content.encode()) if pack else content.encode())
    assert open_data(tmp_path).fingerprint == plain.fingerprint


def as_dates(form):
    import pandas as pd

    return column(3, lambda cell, _: pd.Timestamp(int(cell), unit="s").strftime(form))


@pytest.mark.parametrize(
    ("form", "whole"),
    [
        *(("%Y-%m-%d %H:%M:%S", True), ("%Y-%m-%dT%H:%M:%SZ", True), ("%Y/%m/%d %H:%M:%S", True), ("%d.%m.%Y %H:%M:%S", True)),
        *(("%Y%m%d%H%M%S", True), ("%d/%m/%Y %H:%M:%S", True), ("%m/%d/%Y %I:%M:%S %p", True), ("%b %d %Y %H:%M:%S", True)),
        *(("%Y-%m-%d", False), ("%Y%m%d", False), ("%d.%m.%y", False)),
    ],
)
def test_dates_in_many_forms(tmp_path, plain, form, whole):
    """The days are 13 to 17, so that no form can be read in two ways."""
    time = open_data(shop(tmp_path, as_dates(form).replace(",2020,", " 2020,"))).interactions.timestamp
    expected = plain.interactions.timestamp
    assert (time == (expected if whole else expected // 86_400 * 86_400)).all()


def test_days_since_1900_are_named(tmp_path, plain):
    data = open_data(shop(tmp_path, column(3, lambda cell, row: str(44_000 + int(cell[-6:]) // 86_400))))
    assert any("look like a spreadsheet's days since 1900" in note for note in data.reading)
    assert not any("spreadsheet" in note for note in plain.reading)


def test_zones_are_undone(tmp_path, plain):
    data = open_data(shop(tmp_path, column(3, lambda cell, _: f"{np.datetime64(int(cell) + 7_200, 's')}+02:00")))
    assert (data.interactions.timestamp == plain.interactions.timestamp).all()


def test_rows_without_a_time_count_as_the_oldest(tmp_path, plain):
    data = open_data(shop(tmp_path, column(3, lambda cell, row: "" if row == 4 else cell)))
    assert data.history("u0", "all")[:2] == ("i0", "i4")
    assert any("1 rows have no time, such as row 6" in note for note in data.reading)


ASKED = {  # the file, the option, its answers and what each leaves: interactions, and the first user's
    "dislikes": (column(2, lambda _, row: "-1" if row % 5 == 4 else "1"), "min_rating", {1: 16, -1: 20}),
    "labels": (column(2, lambda _, row: str(int(row % 5 < 4))), "min_rating", {1: 16, 0: 20}),
    "true and false": (column(2, lambda _, row: str(row % 5 < 4)), "min_rating", {1: 16, 0: 20}),
    "thumbs": (column(2, lambda _, row: "up" if row % 5 < 4 else "down").replace("rating", "vote"), "min_rating", {1: 16, 0: 20}),
    "likes": (column(2, lambda _, row: str(row % 5 < 4)).replace("rating", "is_recommended"), "min_rating", {1: 16, 0: 20}),
    "0 in a scale to 10": (column(2, lambda cell, row: "0" if row % 5 == 4 else str(2 * int(cell))), "min_rating", {2: 16, 0: 20}),
    "events": (
        text([row + (",buy" if number % 5 < 4 else ",view") for number, row in enumerate(ROWS)], HEADER + ",event"),
        "events",
        {"buy": 16, "all": 20, "buy,view": 20},
    ),
    "dates of two ways": (column(3, lambda _, row: f"0{1 + row % 5}/06/2020"), "dates", {"day-first": 20, "month-first": 20}),
    "users with zeros": (text([*ROWS, *(f"0{row[1:]}" for row in ROWS), *(row[1:] for row in ROWS)]), "ids", {"exact": 60, "match": 40}),
    "zeros of items lost": (column(1, lambda cell, _: f"00{cell[1:]}"), "ids", {"match": 20}),
    "a point at items": (column(1, lambda cell, _: f"{cell[1:]}.0"), "ids", {"match": 20}),
    "case of items": (column(1, lambda cell, _: cell.upper()), "ids", {"match": 20}),
    "rounded by a spreadsheet": (column(0, lambda cell, _: f"5.1{cell[1:]}E+12"), "ids", {"exact": 20}),
}


@pytest.mark.parametrize("quirk", ASKED)
def test_what_changes_meaning_is_asked_and_each_answer_opens(tmp_path, quirk):
    content, option, answers = ASKED[quirk]
    items = text([row[1:] for row in ITEMS], "item_id,title,text") if quirk in ("zeros of items lost", "a point at items") else None
    folder = shop(tmp_path, content, items)
    report = check(folder)
    assert [question.option for question in report.questions] == [option]
    assert len(report.problems) == 1
    with pytest.raises(DataError, match=re.escape(report.problems[0])):
        open_data(folder)
    assert all(f"{option}=" in problem for problem in report.problems)
    for answer, count in answers.items():
        data = open_data(folder, **{option: answer})
        assert len(data.interactions) == count
        assert reopen(data.source).fingerprint == data.fingerprint
        assert check(folder, **{option: answer}).problems == []


def test_what_was_opened_once_is_not_asked_again(tmp_path):
    """A run of version 0.1.0 trained on dislikes; its data opens as it was, by the source that the run keeps."""
    from srgformer_lab.data.dataset import DataSource

    old = {"min_rating": None, "k_core": None, "split": "protocol", "duplicates": "error", "seed": 999}
    folder = shop(tmp_path, ASKED["dislikes"][0])
    assert len(reopen(DataSource("folder", str(folder), old)).interactions) == 20


REFUSED = {
    "a sign-in page": (b"<!DOCTYPE html><html><body>Sign in</body></html>", ("is a web page", "download the file itself")),
    "a workbook called .csv": (b"PK\x03\x04" + bytes(40), ("is a zip archive or an Excel workbook", ".xlsx")),
    "a pointer of git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", ("git-lfs", "git lfs pull")),
    "no header": (text(ROWS[1:], "7,3,4,1600000000"), ("has no header", "columns='user=1,item=2'")),
    "no such column": (text(ROWS, "a,b,c,d"), ("no column user_id, item_id among a, b, c, d", "columns='user=NAME'")),
    "hardly a user": (text([f",{row.partition(',')[2]}" for row in ROWS[:15]] + ROWS[15:]), ("no user_id in 15 of 20 rows",)),
    "damaged UTF-8": ("é".join(text(ROWS)).encode()[:80] + b"\xff\n" + text(ROWS).encode(), ("no UTF-8 text, though the rest is",)),
    "two orders of days": (
        column(3, lambda _, row: "31/12/2020" if row else "12/31/2020"),
        ("timestamp '12/31/2020' is no number and no date",),
    ),
}


@pytest.mark.parametrize("quirk", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path, quirk):
    content, words = REFUSED[quirk]
    report = check(shop(tmp_path, content))
    assert len(report.problems) == 1, report.problems
    for word in words:
        assert word in report.problems[0]
    with pytest.raises(DataError, match=re.escape(report.problems[0])):
        open_data(tmp_path)


def test_columns_may_be_said(tmp_path, plain):
    folder = shop(tmp_path, text(ROWS, "a,b,c,d"))
    assert open_data(folder, columns="user=a,item=b,rating=c,time=d").interactions.timestamp is not None
    (folder / "interactions.csv").write_text("\n".join(ROWS))
    assert open_data(folder, columns="user=1,item=2,rating=3,time=4", layout="folder").n_users == plain.n_users


# ---------------------------------------------------------------------------------------------------------------------- items


def test_titles_in_another_code_page(tmp_path):
    data = open_data(shop(tmp_path, items=text([row.replace("Thing", "Café") for row in ITEMS], "item_id,title,text").encode("cp1252")))
    assert data.cards.titles[2] == "Café 2"
    assert any("items.csv is no UTF-8 and was read as cp1252: 'i0,Café 0" in note for note in data.reading)
    assert any("if that looks wrong, give its encoding" in note for note in data.reading)
    sjis = text([row.replace("Thing", "椅子") for row in ITEMS], "item_id,title,text").encode("shift_jis")
    (tmp_path / "items.csv").write_bytes(sjis)
    assert open_data(tmp_path, encoding="shift_jis").cards.titles[2] == "椅子 2"


def test_quotes_escaped_by_backslashes(tmp_path):
    rows = [f'i{item},"the \\"best\\", thing {item}",x' for item in range(6)]
    assert open_data(shop(tmp_path, items=text(rows, "item_id,title,text"))).cards.titles[1] == 'the "best", thing 1'


def test_a_long_description_is_read(tmp_path):
    rows = [f"{ITEMS[0]} {'wool ' * 40_000}", *(f'"{row.replace(",", chr(34) + "," + chr(34))}"' for row in ITEMS[1:])]
    assert len(open_data(shop(tmp_path, items=text(rows, "item_id,title,text"))).cards.texts[0]) > 200_000


def test_items_without_a_row_are_called_by_their_ids_and_the_first_of_a_repeated_row_counts(tmp_path):
    data = open_data(shop(tmp_path, text([*ROWS, "u0,new,3,1600000000"]), text([*ITEMS, "i0,Again,x"], "item_id,title,text")))
    assert data.item_ids[-1] == data.cards.titles[-1] == "new"
    assert data.cards.titles[0] == "Thing 0"
    assert any("1 item of interactions.csv not in it, such as new" in note for note in data.reading)
    assert any("1 row left out, whose item stands above already, such as 'i0', 1 of them with other cells" in n for n in data.reading)


@pytest.mark.parametrize(("header", "remedy"), [("item_id,title", "text=title"), ("item_id,title,genres", "text=genres")])
def test_no_modality_is_said_first_with_what_would_give_one(tmp_path, header, remedy):
    rows = [",".join(row.split(",")[: header.count(",") + 1]) for row in ITEMS]
    data = open_data(shop(tmp_path, items=text(rows, header)))
    assert data.modalities == ()
    assert data.reading[0].startswith("no modality")
    assert f"columns='{remedy}'" in data.reading[0]
    assert str(check(tmp_path)).splitlines()[1].strip() == data.reading[0]
    assert open_data(tmp_path, columns=remedy).modalities == ("text",)


def test_without_a_table_of_items(tmp_path):
    (shop(tmp_path) / "items.csv").unlink()
    assert open_data(tmp_path).cards.titles == tuple(f"i{item}" for item in range(6))


# --------------------------------------------------------------------------------------------------------------------- splits


def labelled(*labels):
    return text([f"{row},{labels[number % 5]}" for number, row in enumerate(ROWS)], HEADER + ",split")


def test_splits_in_other_words_and_a_missing_validation(tmp_path):
    sizes = [
        len(open_data(shop(tmp_path, labelled("Train", "training", "TRAIN", "val", "Test"))).pairs(s)) for s in ("train", "valid", "test")
    ]
    assert sizes == [12, 4, 4]
    data = open_data(shop(tmp_path, labelled("train", "train", "train", "train", "test")))
    assert [len(data.pairs(split)) for split in ("train", "valid", "test")] == [12, 4, 4]
    assert any("there is no validation split: 4 of 16 training rows became it" in note for note in data.reading)


def test_users_without_a_training_item_are_left_out_of_the_judgement(tmp_path, plain):
    content = labelled("train", "train", "train", "valid", "test").rstrip() + "\ncold,i0,3,1600000000,test\n"
    data = open_data(shop(tmp_path, content))
    assert data.user_ids == plain.user_ids
    assert any("1 of 5 users have no training interaction, such as cold" in note for note in data.reading)


# ---------------------------------------------------------------------------------------------------------- features, pictures


@pytest.mark.parametrize("kind", ["npy", "npz", "pt", "csv", "csv with ids", "parquet", "a file an item", "names beside"])
def test_features_in_many_forms(tmp_path, kind):
    values, shuffled = matrix(3), [4, 2, 0, 1, 5, 3]
    folder = shop(tmp_path) / "features"
    folder.mkdir()
    ids = [f"i{row}" for row in shuffled]
    if kind == "npy":
        np.save(folder / "look.npy", values.astype(np.int32))
    elif kind == "npz":
        np.savez(folder / "look.npz", features=values)
    elif kind == "pt":
        import torch

        torch.save(torch.tensor(values), folder / "look.pt")
    elif kind == "csv":
        np.savetxt(folder / "look.csv", values, delimiter=",")
    elif kind == "csv with ids":
        write_rows(folder / "look.csv", "item_id,a,b,c", [f"i{row}," + ",".join(map(str, values[row])) for row in shuffled])
    elif kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"item_id": ids, "vector": [values[row].tolist() for row in shuffled]}), folder / "look.parquet")
    elif kind == "a file an item":
        (folder / "look").mkdir()
        for row in range(6):
            np.save(folder / "look" / f"i{row}.npy", values[row])
    else:
        np.save(folder / "look.npy", values[shuffled])
        (folder / "look_ids.txt").write_text("\n".join(ids))
    (folder / "._look.npy").write_bytes(b"of a Mac")
    data = open_data(tmp_path)
    assert data.modalities == ("look",)
    assert (data.features["look"] == values).all()
    assert any("features look, 6 × 3; rows are matched" in note for note in data.reading)


def test_a_tensor_file_that_runs_code_is_not_opened(tmp_path):
    import torch

    marker = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return (type(marker).touch, (marker,))

    (shop(tmp_path) / "features").mkdir()
    torch.save({"features": Bomb()}, tmp_path / "features" / "look.pt")
    with pytest.raises(DataError, match="no tensor can be read from it"):
        open_data(tmp_path)
    assert not marker.exists()


def test_zeros_and_placeholders_are_named(tmp_path):
    (shop(tmp_path) / "features").mkdir()
    np.save(tmp_path / "features" / "a.npy", np.zeros((6, 3), np.float32))
    np.save(tmp_path / "features" / "b.npy", np.ones((6, 3), np.float32))
    notes = open_data(tmp_path).reading
    assert any("a.npy: all 6 items have zeros only" in note for note in notes)
    assert any("b.npy: 6 of 6 items have the same vector" in note for note in notes)


@pytest.mark.parametrize("suffix", ["gif", "bmp", "tiff", "avif", "png", "webp"])
def test_pictures_of_many_formats_in_folders_of_their_own(tmp_path, suffix):
    (shop(tmp_path) / "images" / "00").mkdir(parents=True)
    frames = [Image.new("RGB", (8, 8), color) for color in ((200, 0, 0), (0, 0, 200))]
    more = {"save_all": True, "append_images": frames[1:]} if suffix == "gif" else {}
    frames[0].save(tmp_path / "images" / "00" / f"i1.{suffix}", **more)
    data = open_data(tmp_path)
    assert data.picture("i1").getpixel((4, 4))[0] == pytest.approx(200, abs=12)
    assert "image" in data.modalities
    assert any("pictures: 1 of 6 items have one" in note for note in data.reading)


BAD = {
    "i1.jpg": (b"", "is empty"),
    "i2.jpg": (b"<html>not found</html>", "is a web page"),
    "i3.jpg": (b"../blobs/3", "is the text of a link"),
    "i4.png": (b"\x89PNG\r\n\x1a\n" + bytes(30), "can't be decoded"),
    "i5.jpg": (b"hello", "is neither JPEG nor PNG nor WebP"),
}


def test_a_bad_picture_leaves_its_item_without(tmp_path):
    (shop(tmp_path) / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "i0.jpg")
    for name, (content, _) in BAD.items():
        (tmp_path / "images" / name).write_bytes(content)
    data = open_data(tmp_path)
    assert [picture is not None for picture in data.cards.pictures] == [True] + [False] * 5
    assert check(tmp_path).problems == []
    for name, (_, words) in BAD.items():
        assert any(f"images/{name} {words}" in note for note in data.reading), name


def test_several_pictures_and_links(tmp_path):
    folder = shop(tmp_path / "shop")
    (folder / "images").mkdir()
    (folder / "blobs").mkdir()
    Image.new("RGB", (8, 8), (9, 9, 9)).save(folder / "blobs" / "a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "outside.png")
    (folder / "images" / "i0.png").symlink_to(folder / "blobs" / "a.png")
    (folder / "images" / "i1.png").symlink_to(tmp_path / "outside.png")
    for suffix in ("jpg", "png"):
        Image.new("RGB", (8, 8)).save(folder / "images" / f"i2.{suffix}")
    data = open_data(folder)
    assert [picture.name if picture else None for picture in data.cards.pictures] == ["i0.png", None, "i2.jpg", None, None, None]
    assert any("images/i1.png is a link that leads out of the folder" in note for note in data.reading)
    assert any("1 item with several pictures, such as 'i2': the first counts" in note for note in data.reading)


def test_the_same_picture_for_all_is_named(tmp_path):
    (shop(tmp_path) / "images").mkdir()
    for item in range(6):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / f"i{item}.png")
    assert any("6 of 6 are one and the same" in note for note in open_data(tmp_path).reading)


@pytest.mark.parametrize("form", ["I{}", "0i{}"])
def test_pictures_that_are_nearly_called_as_items(tmp_path, form):
    items = text([row if form == "I{}" else row[1:] for row in ITEMS], "item_id,title,text")
    folder = shop(tmp_path, None if form == "I{}" else column(1, lambda cell, _: cell[1:]), items)
    (folder / "images").mkdir()
    for item in range(6):
        Image.new("RGB", (8, 8), (item * 30, 0, 0)).save(folder / "images" / f"{form.replace('0i', '000').format(item)}.png")
    with pytest.raises(DataError, match=r"6 pictures nearly called as an item, such as images/.*0\.png for .*ids='match'"):
        open_data(folder)
    assert all(open_data(folder, ids="match").cards.pictures)
    assert not any(open_data(folder, ids="exact").cards.pictures)


def test_what_is_not_used_is_named(tmp_path):
    data = open_data(shop(tmp_path, notes=b"x", other__deep=b"x"))
    assert any(note == "not used: notes, other/deep" for note in data.reading)
