"""The form of a training has every setting, a name and a seed; what was trained is said, and looked at when one asks for it."""

import importlib
import math
from dataclasses import fields, replace

import pandas as pd
import pytest
from marimo._plugins.ui._core.ui_element import UIElement

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import limits
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.training import worker
from srgformer_lab.training.records import Status
from srgformer_lab.training.run import RUNS
from tests.apps.conftest import APPS
from tests.worlds import as_if_ended, as_if_trained


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(worker, "start", as_if_trained)


def test_every_setting_stands_in_one_group_of_the_form():
    grouped = [name for names in backend.FORM_GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert {*grouped, "modalities"} == {item.name for kind in (ModelConfig, TrainConfig) for item in fields(kind)}


@pytest.mark.parametrize("name", lab.PRESETS)
def test_an_untouched_form_asks_for_its_preset_and_says_what_that_sets(monkeypatch, name):
    monkeypatch.syspath_prepend(str(APPS))
    model, train = backend.adjusted(name, **importlib.import_module("form").fields(name).value)
    given = lab.preset(name)
    assert (model, train) == (given.model, given.train)
    words = backend.preset_words(name)
    assert words.startswith(given.about)
    for kind, config in ((ModelConfig, given.model), (TrainConfig, given.train)):
        for item in fields(kind):
            value, symbol = getattr(config, item.name), item.metadata["symbol"]
            if isinstance(value, float) and symbol != "–":
                assert (f"{symbol} {lab.plots.setting(value)}" in words) == (value != item.default)


def test_what_is_typed_is_what_is_asked_for_and_nonsense_is_refused_by_name():
    model, train = backend.adjusted("studio", n_heads="2", dropout="0.1", learning_rate="1e-4", patience="7", seed="5")
    assert (model.n_heads, model.dropout, train.learning_rate, train.patience) == (2, 0.1, 1e-4, 7)
    assert (model.seed, train.seed) == (5, 5)
    with pytest.raises(lab.ConfigError, match="learning_rate='fast' must be a number"):
        backend.adjusted("studio", learning_rate="fast")


def test_a_run_with_the_very_settings_is_found_another_seed_or_a_turned_knob_is_another(shop, quiet):
    data = backend.SESSION.dataset(shop)
    asked = backend.adjusted("studio", epochs=2)
    assert backend.same_run(data, "whole", *asked) == ""
    run = backend.begin(data, "whole", *asked, name="mine")
    try:
        assert backend.same_run(data, "whole", *asked) == "mine"
        assert backend.same_run(data, "whole", *backend.adjusted("studio", epochs=2, device="cpu")) == "mine"
        assert backend.same_run(data, "whole", *backend.adjusted("studio", epochs=2, seed=3)) == ""
        with (run.path / "history.jsonl").open("a") as file:
            file.write('{"kind": "knobs", "progress": 0.5, "changes": {"attention_scale": [0.3, 0.7]}}\n')
        assert backend.same_run(data, "whole", *asked) == ""
        (row,) = backend.run_table(data).query("run == 'mine'").to_dict("records")
        assert "turned while it trained: α 0.3 → 0.7" in row["what"]
        assert {"seed 999", "lr 0.003", "γ 10⁻⁶"} <= {part.strip() for part in row["what"].split(",")}
    finally:
        as_if_ended(run)
        run.delete()


def test_in_a_class_visitors_get_seeds_of_their_own(shop, monkeypatch):
    assert backend.usual_seed("studio") == lab.preset("studio").train.seed
    monkeypatch.setattr(limits, "is_class", lambda: True)
    visitors = iter(["a", "a", "b"])
    monkeypatch.setattr("srgformer_lab.backend.visitors.visitor", lambda: type("V", (), {"name": next(visitors)}))
    first, again, other = (backend.usual_seed("studio") for _ in range(3))
    assert first == again != other


def test_a_name_kept_for_shipped_runs_is_refused(shop, quiet):
    with pytest.raises(lab.ConfigError, match="kept for a run that comes with the package"):
        backend.begin(backend.SESSION.dataset(shop), "whole", *backend.adjusted("studio"), name="shipped")


def test_who_waits_is_told_how_many_are_before_and_when_their_turn_comes(monkeypatch):
    states = [
        ("running", 60.0, ""),
        ("running", 200.0, ""),
        ("queued", 100.0, "place 2 in the queue"),
        ("queued", 30.0, "place 1 in the queue"),
    ]
    going = [Status(state, eta_seconds=left, message=message) for state, left, message in states]
    monkeypatch.setattr(worker, "MAX_RUNNING", 2)
    monkeypatch.setattr(backend.training, "list_runs", lambda root: going)
    monkeypatch.setattr(backend.training, "_status", lambda status: status)
    assert backend.queue_ahead() == (2, 190.0)  # 60 + 30 on the one place, which then takes the other until 190; the second is free at 200
    monkeypatch.setattr(backend.training, "list_runs", lambda root: [])
    assert backend.queue_ahead() == (0, 0.0)
    monkeypatch.setattr(backend.training, "list_runs", lambda root: [replace(going[0], eta_seconds=math.nan)] * 2)
    assert backend.queue_ahead() == (0, math.inf)


def test_a_training_that_ended_is_looked_at_only_when_one_asks_for_it(page, shop):
    finished = shop.run
    shown, names = page("train", shop)
    assert "See what it recommends" not in shown  # it is what all pages show
    assert names["loads"] == {}
    asked = []
    run, form = backend.find_run(finished), importlib.import_module("form")
    button, offer = form.ended(run, finished, False, asked.append)
    assert "The other pages still show the run that you had" in offer.text
    button._update(1)
    assert asked == [finished]
    assert form.ended(run, finished, True, asked.append) == (None, None)
    names["look"](finished)
    assert (names["get_loaded"](), names["get_jump"]()) == ({"run": finished}, "why")


def test_the_list_below_a_running_training_says_how_far_it_is_and_ticks_no_longer_than_that(page, shop, quiet):
    data = backend.SESSION.dataset(shop)
    _, names = page("train", shop)
    assert names["table_ticks"] is None
    run = backend.begin(data, "whole", *backend.adjusted("studio", seed=8), name="running")
    try:
        _, names = page("train", shop)
        told = []
        ticks = importlib.import_module("waiting").table_ticker(data, told.append)
        ticks._update("tick")
        assert told == []
        run.write_status(replace(run.status(), state="running", epoch=41))
        ticks._update("tick")
        (row,) = told[0].query("run == 'running'").to_dict("records")
        assert row["how far"].startswith("running, 41 epochs")
        assert names["table_ticks"] is not None
    finally:
        as_if_ended(run)
        run.delete()


def test_runs_are_sorted_as_asked(shop, tmp_path, monkeypatch):
    data = backend.SESSION.dataset(shop)
    known = {
        name: type("Known", (), {"status": Status("finished", best_metric=best, seconds=seconds)})
        for name, best, seconds in (("b", 0.1, 3.0), ("A", 0.3, 1.0), ("c", math.nan, 2.0))
    }
    monkeypatch.setattr(backend.training, "known_runs", lambda data: known)
    table = pd.DataFrame({"run": list(known)})
    orders = {order: list(backend.ordered_runs(table, data, order)["run"]) for order in backend.RUN_ORDERS.values()}
    assert orders == {"newest": ["b", "A", "c"], "best": ["A", "b", "c"], "name": ["A", "b", "c"], "longest": ["b", "c", "A"]}


def test_the_list_of_runs_stays_where_the_loaded_ones_folder_is_gone(page, shop):
    _, names = page("runs", shop.change(run="gone"))
    assert "gone" in names["gone"].text
    assert len(names["runs"]) == len(backend.runs_of(names["data"]))
    assert RUNS.is_dir()


@pytest.mark.parametrize(("name", "buttons"), [("train", "start"), ("runs", "manage")])
def test_nothing_that_is_typed_makes_the_button_anew_that_acts_on_it(page, shop, name, buttons):
    """Who types and presses at once would press what is no longer there."""
    _, names = page(name, shop)
    (made,) = [cell for cell in importlib.import_module(f"pages.{name}").app._cell_manager.cells() if cell and buttons in cell.defs]
    assert {read for read in made.refs if isinstance(names.get(read), UIElement)} == set()
