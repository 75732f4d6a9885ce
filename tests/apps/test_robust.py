"""What lies on disk may be deleted, damaged or half there while people look at it: the app says so and goes on."""

import importlib
import os
import re
import shutil
import threading
import time
from pathlib import Path

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from tests.shops import resolve

LIMIT = 300
"""Seconds after which a test that waits for an event is broken."""


@pytest.fixture
def looked_at(shop_root, tmp_path, monkeypatch):
    """A view of a run that is looked at, in a folder with a second, less good one."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shop_root / "shop", "shop")
    shutil.copytree(shop_root / "runs" / "first", "runs/first")
    other = Path(shutil.copytree("runs/first", "runs/second"))
    status = (other / "status.json").read_text()
    (other / "status.json").write_text(re.sub('"best_metric": [0-9.]+', '"best_metric": 0.001', status))
    link, notes = resolve(backend.Link(data=str(tmp_path / "shop")))
    assert (link.run, notes) == ("first", ())
    backend.SESSION.open(link)
    return link


def spoil(path, content):
    path.write_bytes(content)
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns + 10**9))


SPOILS = {
    "deleted": lambda run: shutil.rmtree(run),
    "weights cut off": lambda run: spoil(run / "best.safetensors", (run / "best.safetensors").read_bytes()[:1000]),
    "weights empty": lambda run: spoil(run / "best.safetensors", b""),
    "status broken": lambda run: spoil(run / "status.json", b'{"state": "fin'),
    "config broken": lambda run: spoil(run / "config.json", b"[]"),
    "result broken": lambda run: spoil(run / "result.json", b"{}"),
    "history broken": lambda run: spoil(run / "history.jsonl", b"no\n"),
    "half-written": lambda run: [(run / name).unlink() for name in ("config.json", "best.safetensors", "result.json")],
}


@pytest.mark.parametrize("what", SPOILS)
def test_a_new_visitor_sees_another_run_and_hears_why(looked_at, page, what):
    SPOILS[what](Path("runs/first"))
    link, notes = resolve(looked_at)
    assert link.run == "second"
    assert any("You see the best run of this data instead" in note for note in notes)
    assert resolve(backend.Link(data=looked_at.data))[0].run == "second"
    assert "lab-question" in page("start", link)[0]


@pytest.mark.parametrize("name", ["start", "train", "knobs"])
@pytest.mark.parametrize("what", ["deleted", "weights cut off"])
def test_a_page_on_a_spoilt_run_says_what_to_do(looked_at, page, name, what):
    SPOILS[what](Path("runs/first"))
    shown, _ = page(name, looked_at)
    assert re.search("Choose other data or another run|delete the run|choose one on the page “Which runs are there", shown)


@pytest.mark.parametrize("what", SPOILS)
def test_the_list_of_runs_names_the_damaged_one_and_keeps_the_others(looked_at, page, what):
    SPOILS[what](Path("runs/first"))
    shown, _ = page("train", resolve(looked_at)[0])
    assert "second" in shown
    if what != "deleted":
        assert re.search(r"first is left out: .*(restore|resume|delete)", shown, re.DOTALL)


def test_damaged_weights_of_an_epoch_give_the_best_ones(looked_at):
    path = lab.Run.open("runs/first").weights_path(1)
    spoil(path, path.read_bytes()[:500])
    link, notes = resolve(looked_at.change(epoch=1))
    assert (link.run, link.epoch) == ("first", None)
    assert any("damaged" in note for note in notes)


def test_a_stop_that_can_not_be_written_is_said(looked_at, page):
    _, names = page("train", looked_at)
    shutil.rmtree("runs/first")
    names["stop_button"]._update(1)
    assert "renamed or deleted" in str(names["get_trouble"]())


def test_a_data_folder_that_changes_is_said_with_what_to_do(looked_at, page):
    interactions = Path("shop/interactions.csv")
    whole = interactions.read_bytes()
    spoil(interactions, whole[: len(whole) // 2].rpartition(b"\n")[0] + b"\n")
    shown, _ = page("knobs", looked_at)
    assert "was trained on" in shown
    spoil(interactions, b"nonsense")
    os.utime(interactions, ns=(time.time_ns(), time.time_ns() + 10**10))
    link, notes = resolve(looked_at)
    assert link.data == "studio"
    assert any("What you see is the built-in data" in note for note in notes)
    interactions.write_bytes(whole)
    assert resolve(looked_at) == (looked_at, ())


def test_a_training_that_vanishes_ends_the_watching(looked_at, page):
    _, names = page("train", looked_at)
    drawn, told = {"size": 0}, []
    scene = names["waiting"].check_for_news(names["run"], drawn, told.append, told.append)
    shutil.rmtree("runs/first")
    scene(None)
    scene(None)
    assert told[-1] is False


def test_a_search_that_hangs_says_so_and_is_offered_anew(page, shop, monkeypatch):
    page("report", shop)  # brings the pages' helpers
    waiting, begun, go_on = importlib.import_module("waiting"), threading.Event(), threading.Event()

    def find(watch):
        begun.set()
        assert go_on.wait(LIMIT)

    slow = backend.BackgroundTask("hangs on a page", find)
    slow.begin()
    assert begun.wait(LIMIT)
    button, ticks = waiting.task_button(slow, "Look for it", lambda _: None), waiting.ticker(slow, lambda _: None)
    assert "the page stays usable" in waiting.task_line(slow, button, ticks).text
    monkeypatch.setattr("srgformer_lab.backend.background.PATIENCE", 0.0)
    shown = waiting.task_line(slow, button, ticks).text
    assert "takes unusually long" in shown
    assert button.text in shown
    assert ticks.text in shown  # should it still end, the page shows what was found
    go_on.set()
