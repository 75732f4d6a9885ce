"""The page of runs says which there are, and what a person does to one the view follows."""

import importlib
import json
import shutil
import sys
from types import SimpleNamespace

import marimo
import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from tests.shops import resolve
from tests.worlds import as_if_trained


@pytest.fixture
def own(shop, shop_root, tmp_path, monkeypatch):
    """Work in a folder of one's own with two runs: the finished one and a copy of it."""
    for name in ("first", "second"):
        shutil.copytree(shop_root / "runs" / "first", tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)
    return shop.change(alpha=0.7)


def test_every_run_of_the_data_is_listed_and_words_narrow_them_down(page, own):
    _, names = page("runs", own)
    assert [button.value for button in names["runs"].elements] == list(backend.runs_of(names["data"]))
    _, names = page("runs", own, **{"runs.words": "SECOND"})
    assert [button.value for button in names["runs"].elements] == ["second"]
    shown, _ = page("runs", own, **{"runs.words": "nothing like it"})
    assert "No run has these words" in shown


def test_without_a_run_the_page_offers_to_train_one(page, own, tmp_path, monkeypatch):
    monkeypatch.setattr("srgformer_lab.training.worker.start", lambda run: None)
    shutil.rmtree(tmp_path / "runs")
    shown, names = page("runs", resolve(backend.Link(data=own.data))[0])
    assert "Which runs are there?" in shown
    assert "No model is trained on this data yet." in shown
    names["first_run"]._update(1)
    assert (names["get_jump"](), len(backend.runs_of(names["data"]))) == ("train", 1)


def test_ticked_runs_go_to_the_comparison_the_views_own_first(page, own):
    _, names = page("runs", own)
    assert names["ticks"].value == {"first": False, "second": False}
    _, names = page("runs", own, **{"runs.ticked": {"first", "second", "gone"}})
    names["compare"]._update(1)
    assert names["get_jump"]() == "compare"
    assert names["get_link"]() == {"run": "first", "runs": ("second",)}


def test_a_renamed_run_stays_the_one_that_is_looked_at(page, own):
    _, names = page("runs", own)
    names["act"](names["rename"], "first", "best so far")
    assert sorted(backend.runs_of(names["data"])) == ["best so far", "second"]
    assert own.change(**names["get_link"]()) == own.change(run="best so far", alpha=0.7)
    assert names["get_chosen"]() == "best so far"


def test_a_deleted_run_is_offered_again_and_its_view_takes_the_usual(page, own):
    _, names = page("runs", own)
    names["act"](names["delete"], "first")
    after, said = resolve(own.change(**names["get_link"]()))
    assert (after.run, said) == ("second", ())
    shown, names = page("runs", after)
    (button,) = names["undo"].elements.values()
    assert "Bring first back" in shown
    button._update(1)
    assert sorted(backend.runs_of(names["data"])) == ["first", "second"]


def test_what_is_refused_is_said_and_changes_nothing(page, own):
    _, names = page("runs", own)
    before = names["get_link"]()
    with lab.Run.open("runs/first").hold():
        names["act"](names["delete"], "first")
    assert "stop it before deleting it" in names["get_said"]().text
    assert names["get_link"]() == before
    names["act"](names["rename"], "first", "a/b")
    assert "must be a plain folder name" in names["get_said"]().text
    assert sorted(backend.runs_of(names["data"])) == ["first", "second"]


def test_a_damaged_folder_is_named_and_can_be_deleted(page, own, tmp_path):
    (tmp_path / "runs" / "second" / "config.json").write_text("{")
    shown, names = page("runs", own)
    assert "second is left out" in shown
    names["sweepers"].elements["second"]._update(1)
    assert not (tmp_path / "runs" / "second").exists()


def test_a_run_of_a_terminal_appears_at_the_next_tick_and_nothing_is_read_before(page, own, tmp_path, monkeypatch):
    _, names = page("runs", own)
    read = []
    monkeypatch.setattr(backend, "run_table", lambda data: read.append(data) or backend.training.run_table(data))
    names["ticker"]._update("tick")
    assert read == []
    shutil.copytree(tmp_path / "runs" / "first", tmp_path / "runs" / "third")
    names["ticker"]._update("tick")
    assert "third" in list(names["get_table"]()["run"])


@pytest.fixture
def retrained(own, tmp_path):
    """Give `second` another τ, as if it had been trained so."""

    def retrain(tau):
        path = tmp_path / "runs" / "second" / "config.json"
        config = json.loads(path.read_text())
        config["train"]["contrast_temperature"] = tau
        path.write_text(json.dumps(config))
        (path.parent / "status.json").touch()

    retrain(0.4)
    return retrain


def grid_buttons(names, point, loaded):
    trained = importlib.import_module("trained")
    tell = refuse = lambda _: None
    return trained.buttons(names["base"], names["get_grid"](), point, tell, refuse, loaded.append).elements


def test_a_finished_run_of_the_grid_is_offered_to_every_page_the_loaded_one_is_not(page, own, retrained):
    _, names = page("knobs", own)
    (gamma, tau), loaded = names["get_point"](), []
    assert "load" not in grid_buttons(names, (gamma, tau), loaded)
    assert "load" not in grid_buttons(names, (gamma, 0.3), loaded)
    button = grid_buttons(names, (gamma, 0.4), loaded)["load"]
    assert "Look at this run on every page" in button.text
    button._update(1)
    assert loaded == ["second"]
    names["set_loaded"]("second")
    assert names["loads"] == {}  # of the page as it was opened


def test_a_run_that_is_still_trained_is_not_offered(page, own, retrained, tmp_path):
    as_if_trained(lab.Run.open("runs/second"))
    _, names = page("knobs", own)
    assert grid_buttons(names, (names["get_point"]()[0], 0.4), []).keys() == {"around"}


def test_a_run_of_the_grid_that_is_gone_is_said_and_the_grid_stays(page, own, retrained, tmp_path):
    _, names = page("knobs", own)
    trained = importlib.import_module("trained")
    point, told = (names["get_point"]()[0], 0.4), []
    shutil.rmtree(tmp_path / "runs" / "second")
    shown = trained.bench(names["base"], names["get_grid"](), point, names["movers"], names["queuers"], None, None)
    assert "second" in shown.text
    assert "Move to another cell." in shown.text
    shutil.rmtree(tmp_path / "runs" / names["base"].link.run)
    button = trained.buttons(names["base"], names["get_grid"](), (point[0], 0.3), told.append, told.append, told.append).elements["point"]
    button._update(1)
    assert [type(one) for one in told] == [type(None), lab.RunError]  # the grid is not told anew


def test_the_sliders_of_the_grid_are_made_anew_only_for_a_value_that_they_lack(page, own, retrained):
    _, names = page("knobs", own)
    marks = names["get_marks"]()
    slider = names["movers"].elements["contrast_temperature"]
    slider._update(slider.steps.index(0.4))
    assert names["get_point"]()[1] == 0.4
    retrained(0.6)  # a usual step
    names["ticks"]._update("tick")
    assert sorted(names["get_grid"]()["contrast_temperature"]) == [0.2, 0.6]
    assert names["get_marks"]() is marks
    retrained(0.33)
    names["ticks"]._update("tick")
    made = importlib.import_module("trained").sliders(names["get_marks"](), names["stood"], lambda: None)
    anew = made.elements["contrast_temperature"]
    assert 0.33 in anew.steps
    assert anew.value == 0.4  # where it was


@pytest.mark.parametrize(("how", "seen"), [("loads", ["first", "second"]), ("picked", ["first"])])
def test_a_page_is_run_anew_with_a_run_that_it_loads_and_not_with_one_that_it_picks(page, own, monkeypatch, how, seen):
    fake = marimo.App()

    @fake.cell
    def _():
        link, memory = None, {}
        return memory, link

    @fake.cell
    def _(memory, link):
        import sys

        memory.setdefault("shown", []).append(link.run)
        picked, loads = {"user": link.user, "alpha": link.alpha}, {}
        (loads if sys.modules["pages.start"].how == "loads" else picked).update({"run": "second"} if link.run == "first" else {})
        return loads, picked

    monkeypatch.setitem(sys.modules, "pages.start", SimpleNamespace(app=fake, how=how))
    monkeypatch.setattr("marimo.cli_args", lambda: SimpleNamespace(to_dict=lambda: {"data": own.data, "run": "first"}))
    _, names = importlib.import_module("explore").app.run()
    assert names["memory"]["shown"] == seen
    assert names["get_scene"]().link.run == "second"
