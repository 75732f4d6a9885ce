"""Whatever ids and titles say, no spreadsheet computes them and no terminal obeys them."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from srgformer_lab.cli.terminal import say
from srgformer_lab.output import csv_bytes, visible

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "=5"]


def cells(table):
    return list(csv.reader(io.StringIO(csv_bytes(table).decode("utf-8-sig"), newline="")))


def shown(text):
    return "'" + text.replace("\r", "\n")


def test_a_carriage_return_begins_no_row():
    assert cells(pd.DataFrame({"title": ["a\r=1"]}))[1:] == [["a\n=1"]]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_a_text(text):
    assert cells(pd.DataFrame({"title": [text], "kind": pd.Categorical([text])}))[1] == [shown(text)] * 2
    assert cells(pd.DataFrame({text: [1]}))[0] == [shown(text)]


def test_numbers_stay_numbers():
    table = pd.DataFrame({"a": [-1.5, np.nan], "b": [-3, 4], "c": ["-7", "+1e-5"], "d": ["a-b", "1=2"], "e": [None, -2]})
    assert cells(table)[1:] == [["-1.5", "-3", "-7", "a-b", ""], ["", "4", "+1e-5", "1=2", "-2.0"]]
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(csv_bytes(table[["a", "b"]]))), table[["a", "b"]])


def test_columns_of_one_name_and_lone_surrogates_are_written():
    table = pd.DataFrame([["=1", "é\udcff"]], columns=["a", "a"], dtype=object)  # pyarrow's texts hold no lone surrogates
    assert cells(table) == [["a", "a"], ["'=1", "é\\udcff"]]


def test_spreadsheets_see_that_it_is_utf_8():
    assert csv_bytes(pd.DataFrame({"a": ["é"]})) == b"\xef\xbb\xbfa\n\xc3\xa9\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb", "a\\rb"),
        ("a\nb", "a\nb"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202etxt", "\\u202etxt"),
        ("\udcff", "\\udcff"),
    ]
    + [(plain, plain) for plain in ("é 🙂 ⅓", "東京\u3000", "👩\u200d🔬", "α τ")],
)
def test_no_terminal_is_told_anything(text, shown):
    assert visible(text) == shown


def test_what_a_terminal_cannot_show_is_escaped():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    say("é\x1b", stream)
    assert stream.buffer.getvalue() == b"\\xe9\\x1b\n"
