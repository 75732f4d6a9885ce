"""The page of runs says which there are, and what a person does to one the view follows."""

import shutil

import pytest

import srgformer_lab as lab
from srgformer_lab import workspace


@pytest.fixture
def own(shop, shop_root, tmp_path, monkeypatch):
    """Work in a folder of one's own with two runs: the finished one and a copy of it."""
    for name in ("first", "second"):
        shutil.copytree(shop_root / "runs" / "first", tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)
    return shop.change(alpha="0.7")


def test_every_run_of_the_data_is_listed_and_words_narrow_them_down(page, own):
    _, names = page("runs", own)
    assert [button.value for button in names["runs"].elements] == list(workspace.runs_of(names["data"]))
    _, names = page("runs", own, **{"runs.words": "SECOND"})
    assert [button.value for button in names["runs"].elements] == ["second"]
    shown, _ = page("runs", own, **{"runs.words": "nothing like it"})
    assert "No run has these words" in shown


def test_ticked_runs_go_to_the_comparison_the_views_own_first(page, own):
    _, names = page("runs", own)
    assert names["ticks"].value == {"first": False, "second": False}
    _, names = page("runs", own, **{"runs.ticked": {"first", "second", "gone"}})
    names["compare"]._update(1)
    assert names["get_jump"]() == "compare"
    assert names["get_link"]() == {"run": "first", "runs": "second"}


def test_a_renamed_run_stays_the_one_that_is_looked_at(page, own):
    _, names = page("runs", own)
    names["act"](names["rename"], "first", "best so far")
    assert sorted(workspace.runs_of(names["data"])) == ["best so far", "second"]
    assert own.change(**names["get_link"]()) == own.change(run="best so far", alpha="0.7")
    assert names["get_chosen"]() == "best so far"


def test_a_deleted_run_is_offered_again_and_its_view_takes_the_usual(page, own):
    _, names = page("runs", own)
    names["act"](names["delete"], "first")
    after, said = workspace.settle(own.change(**names["get_link"]()))
    assert (after.run, said) == ("second", ())
    shown, names = page("runs", after)
    (button,) = names["undo"].elements.values()
    assert "Bring first back" in shown
    button._update(1)
    assert sorted(workspace.runs_of(names["data"])) == ["first", "second"]


def test_what_is_refused_is_said_and_changes_nothing(page, own):
    _, names = page("runs", own)
    before = names["get_link"]()
    with lab.Run.open("runs/first").hold():
        names["act"](names["delete"], "first")
    assert "stop it before deleting it" in names["get_said"]().text
    assert names["get_link"]() == before
    names["act"](names["rename"], "first", "a/b")
    assert "must be a plain folder name" in names["get_said"]().text
    assert sorted(workspace.runs_of(names["data"])) == ["first", "second"]


def test_a_damaged_folder_is_named_and_can_be_deleted(page, own, tmp_path):
    (tmp_path / "runs" / "second" / "config.json").write_text("{")
    shown, names = page("runs", own)
    assert "second is left out" in shown
    names["sweepers"].elements["second"]._update(1)
    assert not (tmp_path / "runs" / "second").exists()


def test_a_run_of_a_terminal_appears_at_the_next_tick_and_nothing_is_read_before(page, own, tmp_path, monkeypatch):
    _, names = page("runs", own)
    read = []
    monkeypatch.setattr(workspace, "run_table", lambda data: read.append(data) or workspace.training.run_table(data))
    names["ticker"]._update("tick")
    assert read == []
    shutil.copytree(tmp_path / "runs" / "first", tmp_path / "runs" / "third")
    names["ticker"]._update("tick")
    assert "third" in list(names["get_table"]()["run"])
