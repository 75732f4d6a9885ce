"""Data that somebody brings to the Start page: looked through, asked about by controls, kept, saved and bounded in a class."""

import errno
import gzip
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import Link, dropped, limits, opening, visitors
from srgformer_lab.config import READER_OPTIONS
from srgformer_lab.data.problems import Problems
from tests.downloads import IMITATIONS, PAIRS, hm, lines, movielens, table
from tests.shops import resolve


@pytest.fixture(autouse=True)
def nothing_dropped(monkeypatch, tmp_path):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(dropped, "_kept", {})
    monkeypatch.setattr(dropped, "_root", lambda: tmp_path / "kept")
    monkeypatch.setattr(limits, "_class", None)
    monkeypatch.setattr(visitors, "_visitors", WeakKeyDictionary())


@pytest.fixture
def in_class(tmp_path):
    movielens(tmp_path / "served")
    backend.arrival({}, {"serve": ["", str(tmp_path / "served")]})


def votes(folder):
    rows = [
        [f"u{u}", f"i{i}", 1 if i % 2 else -1, ("view", "cart", "buy")[(u + i) % 3], f"0{1 + i % 9}/0{1 + u % 9}/2020"] for u, i in PAIRS
    ]
    table(folder / "votes.csv", ["user", "item", "rating", "event", "date"], rows)


def contents(folder):
    return [(path.name, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_page_understands_what_import_understands(tmp_path, name):
    IMITATIONS[name][0](tmp_path / "download")
    link = Link(data=str(tmp_path / "download"))
    report = backend.look_through(link).value()
    imported = lab.import_data(tmp_path / "download")
    assert (report.problems, backend.question_controls(report)) == ([], [])
    assert tuple(report.reading) == imported.reading
    assert report.first.equals(imported.first)
    assert backend.first_cards(report)["picture"].str.len().any() == (name in ("hm", "parquet"))
    assert resolve(link)[0].data == link.data


@pytest.mark.parametrize("name", ["movielens", "hm", "lattice", "diffmm", "mmrec"])
def test_the_files_of_a_download_open_as_well_where_they_are_dropped(tmp_path, name):
    IMITATIONS[name][0](tmp_path / "download")
    link = backend.drop(contents(tmp_path / "download"))
    assert backend.look_through(link).value().problems == []
    assert backend.must_be_saved(link)
    saved = backend.save(link, backend.proposed_output(link))
    assert lab.open_data(saved.data).fingerprint == lab.open_data(tmp_path / "download").fingerprint
    assert backend.proposed_output(link) != saved.data


def test_every_question_is_a_control_and_its_answer_opens_the_data(tmp_path):
    votes(tmp_path / "votes")
    link = Link(data=str(tmp_path / "votes"))
    report = backend.look_through(link).value()
    asked = {control.name: control for control in backend.question_controls(report)}
    assert set(asked) == {"min_rating", "events", "dates"}
    assert asked["events"].kinds == ["view", "cart", "buy"]
    assert set(asked["min_rating"].choices.values()) == {"1", "-1"}
    assert all(control.what for control in asked.values())
    wanted = backend.answered(
        link, {"min_rating": "-1", "events": ["cart", "buy"], "dates": "day-first", "split": "protocol", "k_core": ""}
    )
    assert (wanted.events, wanted.dates, wanted.split) == ("cart,buy", "day-first", "")
    report = backend.look_through(wanted).value()
    assert report.problems == []
    expected = lab.open_data(tmp_path / "votes", min_rating=-1, events="cart,buy", dates="day-first")
    assert backend.SESSION.dataset(wanted).fingerprint == expected.fingerprint


def test_columns_are_chosen_by_their_names_and_kept_by_the_controls(tmp_path):
    table(tmp_path / "odd" / "a.csv", ["who", "what", "when"], [[f"u{u}", f"i{i}", u + i] for u, i in PAIRS])
    link = Link(data=str(tmp_path / "odd"))
    report = backend.look_through(link).value()
    assert "“Column of user” NAME, “Column of item” NAME" in opening.in_page_words(report.problems[0])
    controls = {control.name: control for control in backend.reader_controls(link)}
    assert list(controls["column_of_user"].choices.values()) == ["", "-", "who", "what", "when"]
    values = {"column_of_user": "who", "column_of_item": "what", "column_of_time": "-"}
    wanted = backend.answered(link, values)
    assert wanted.columns == "user=who,item=what,time="
    assert backend.look_through(wanted).value().problems == []
    again = {control.name: control.value for control in backend.reader_controls(wanted)}
    assert {name: again[name] for name in values} == values
    assert backend.answered(wanted, again) == wanted


def test_a_table_without_a_header_offers_the_numbers_of_its_columns(tmp_path):
    lines(tmp_path / "bare" / "pairs.csv", [f"{10 + u},{20 + i}" for u, i in PAIRS])
    link = Link(data=str(tmp_path / "bare"))
    controls = {control.name: control for control in backend.reader_controls(link)}
    assert list(controls["column_of_user"].choices.values()) == ["", "-", "1", "2"]
    wanted = backend.answered(link, {"column_of_user": "1", "column_of_item": "2"})
    assert backend.look_through(wanted).value().problems == []


@pytest.mark.parametrize("option", READER_OPTIONS)
def test_a_remedy_that_a_message_names_is_called_as_its_control(option):
    value = "user=a,item=" if option == "columns" else "x"
    said = opening.in_page_words(f"say {option}='{value}', or nothing")
    assert f"{option}=" not in said
    assert any(f"“{label}”" in said for label in opening.LABELS.values())


def test_what_is_wrong_or_half_copied_is_said_in_a_sentence(tmp_path):
    wrong = backend.drop([("ratings.csv", b"<!DOCTYPE html><html><body>Sign in</body></html>")])
    assert any("is a web page" in problem for problem in backend.look_through(wrong).value().problems)
    written = "user_id,item_id\n" + "\n".join(f"u{u},i{i}" for u, i in np.random.default_rng(0).integers(0, 10**6, (5_000, 2)))
    half = backend.drop([("interactions.csv.gz", gzip.compress(written.encode())[:20_000])])
    assert any("cut or damaged" in problem for problem in backend.look_through(half).value().problems)
    with pytest.raises(lab.DataError, match="there is no folder"):
        backend.look_through(Link(data=str(tmp_path / "gone")))


def test_two_hundred_thousand_rows_are_looked_through_beside_the_page(tmp_path, monkeypatch):
    draws = np.random.default_rng(0)
    pairs = np.unique(draws.integers(0, (8_000, 3_000), (210_000, 2)), axis=0)[:200_000]
    (tmp_path / "large").mkdir()
    np.savetxt(
        tmp_path / "large" / "interactions.csv",
        pairs,
        "user-%06d-of-this-shop,item-%06d-of-this-shop",
        header="user_id,item_id",
        comments="",
    )
    link, heard = Link(data=str(tmp_path / "large")), []
    say = Problems.say
    monkeypatch.setattr(Problems, "say", lambda self, sentence: (say(self, sentence), heard.extend(backend.seen_so_far(link))))
    task = backend.look_through(link)
    assert not task.is_ready
    report = task.value()
    assert heard[0] == "interactions.csv: UTF-8, divided by commas: user_id, item_id"
    assert heard[-1] == "interactions.csv: UTF-8, divided by commas: user_id, item_id; 200,000 rows, 100%"
    assert backend.seen_so_far(link) == []
    assert report.problems == []
    assert any("200,000 rows" in note for note in report.reading)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("a.csv", b"x" * (dropped.MOST_BYTES + 1))], "at most 45,000,000 can be dropped; type the path"),
        ([("a/x.csv", b""), ("b/X.csv", b"")], "two files are called x.csv"),
        ([("..", b"")], "is no name of a file"),
        ([("x" * 200, b"")], "is no name of a file"),
        ([(f"{n}.csv", b"") for n in range(dropped.MOST_FILES + 1)], "at most 2,000 can be dropped"),
    ],
)
def test_what_cannot_be_dropped(files, said, tmp_path):
    with pytest.raises(lab.DataError, match=said):
        backend.drop(files)
    assert not list(tmp_path.glob("kept/*"))


@pytest.mark.parametrize("name", ["../../evil.csv", "..\\evil.csv", "/etc/evil.csv", "a\x00/evil.csv"])
def test_a_dropped_name_leaves_no_folder(name):
    folder = dropped.keep_files([(name, b"user,item\n")])
    assert [path.name for path in folder.rglob("*")] == ["evil.csv"]


def test_what_a_full_disk_cut_short_is_not_kept(monkeypatch):
    def kept():
        return dict(dropped._kept), sorted(dropped._root().glob("*"))

    before, write = kept(), Path.write_bytes

    def fill(path, content):
        if path.name == "items.csv":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(lab.DataError, match=r"can't be kept .*No space left"):
        backend.drop([("ratings.csv", b"user,item\n1,2\n"), ("items.csv", b"item,title\n2,a\n")])
    assert kept() == before


def test_in_a_class_small_text_tables_can_be_dropped_and_no_path_is_read(in_class, tmp_path):
    hm(tmp_path / "elsewhere")
    for act in (backend.look_through, lambda link: backend.save(link, "x")):
        with pytest.raises(lab.DataError, match=r"is not open to this class|no folder is written"):
            act(Link(data=str(tmp_path / "elsewhere")))
    link = backend.drop(contents(tmp_path / "served"))
    assert backend.look_through(link).value().problems == []
    assert resolve(link)[0].data == link.data
    assert not backend.must_be_saved(link)
    for files, said in (
        ([("a.csv", b"x" * (dropped.MOST_BYTES_IN_CLASS + 1))], "at most 3,000,000 can be dropped; keep fewer rows"),
        ([("a.csv.gz", b"")], "is no plain text table"),
        ([("a.parquet", b"")], "is no plain text table"),
        ([("a.png", b"")], "is no plain text table"),
    ):
        with pytest.raises(lab.DataError, match=said):
            backend.drop(files)
    for _ in range(dropped.MOST_DROPS_OF_ONE - 1):
        backend.drop([("a.csv", b"user,item\n")])
    with pytest.raises(lab.DataError, match="you have dropped files 10 times"):
        backend.drop([("a.csv", b"user,item\n")])


def test_saving_where_something_is_already_says_so_and_harms_nothing(tmp_path):
    movielens(tmp_path / "ml")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    link = Link(data=str(tmp_path / "ml"))
    with pytest.raises(lab.DataError, match="exists already"):
        backend.save(link, str(tmp_path / "full"))
    with pytest.raises(lab.DataError, match="type its path"):
        backend.save(link, " ")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_a_path_that_does_not_open_stays_to_be_mended_until_other_data_is_open(tmp_path):
    gone = str(tmp_path / "my_shpo")
    scene = backend.SESSION.open(Link(data=gone))
    assert scene.link.data == backend.STUDIO
    assert scene.link.typed == gone
    assert scene.link.change(user="u3").typed == gone
    assert not scene.link.change(data=str(tmp_path)).typed
    assert gone not in scene.link.address()
