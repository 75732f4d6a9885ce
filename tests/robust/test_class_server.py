"""What a visitor of a class sends over a websocket counts as little as what the pages don't offer."""

import time

import pytest

import srgformer_lab as lab
from benchmarks.app_class import PATIENCE, Visitor
from srgformer_lab.training.records import UNFINISHED

KINDS = ("number", "dropdown", "button")
STARTED = "Train"


@pytest.fixture(scope="module")
def server(guarded):
    """A class of the built-in data alone."""
    return guarded("--serve=")


def arrive(server):
    visitor = Visitor(server.address, "train", kinds=KINDS)
    visitor.ends.get(timeout=PATIENCE)
    return visitor


def runs_in(server):
    return {run.name: run for run in lab.list_runs(server.folder / "runs")}


@pytest.mark.timeout(900)
def test_a_raw_websocket_gets_no_more_than_the_form_offers_and_touches_no_other_training(server):
    mine, other = arrive(server), arrive(server)
    train = mine.find("button", STARTED)
    for field, wrong, right in (("Most epochs", 10**9, 60), ("Hyperedges K", 65536, 8), ("Most epochs", "nan", 60)):
        name = mine.find("number", field)
        for value in (wrong, right):
            mine.set(name, value)
            if value == wrong:
                mine.set(train, 1)
        assert runs_in(server) == {}, field
    mine.set(train, 1)
    (run,) = runs_in(server).values()
    assert (run.config.train.epochs, run.config.model.n_hyperedges) == (60, 8)
    stop = mine.find("button", "Stop")

    other.set(other.find("button", "Train"), 0)  # whatever was sent before has been computed
    theirs = other.find("button", STARTED).removesuffix(train[-6:]) + stop[-6:]  # a button that their page does not show
    other.set(theirs, 1)
    assert not run.stop_is_requested()
    assert "request" not in run.status().message

    mine.set(stop, 1)
    due = time.monotonic() + 120
    while run.status().state in UNFINISHED and time.monotonic() < due:
        time.sleep(0.1)
    assert run.status().state in ("stopped", "finished")
    mine.leave()
    other.leave()
