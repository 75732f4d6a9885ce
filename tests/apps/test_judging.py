"""Where data is large, everybody's lists are judged when somebody asks: button, progress, table; a failure is told with what to do."""

import threading

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import background, cohorts

LIMIT = 300
"""Seconds after which a test that waits for an event is broken."""
WORDS = {"data": "Judge everybody’s list", "compare": "Judge everybody’s lists"}
METRIC = "NDCG@20"


@pytest.fixture(params=WORDS)
def name(request):
    return request.param


@pytest.fixture
def show(name, page, shop, monkeypatch):
    """Have no data count as quick and nothing be found yet; give what shows the page."""
    monkeypatch.setattr(backend.Scene, "is_quick", False)
    monkeypatch.setattr(background, "_results", backend.Cache(8))
    monkeypatch.setattr(background, "_jobs", {})
    return lambda: page(name, shop.change(alpha=0.0, runs=("first",)))


def wait_for_search():
    for thread in [thread for thread in threading.enumerate() if "background task" in thread.name]:
        thread.join(LIMIT)


def test_the_button_is_followed_by_progress_and_then_by_the_table(name, show, monkeypatch):
    reached, go_on = threading.Event(), threading.Event()

    def rank(model, data, split, watch):
        for step in watch(range(4)):
            if step == 1:
                reached.set()
                assert go_on.wait(LIMIT)
        return lab.rank_lists(model, data, split)

    monkeypatch.setattr(cohorts, "rank_lists", rank)
    shown, names = show()
    assert WORDS[name] in shown
    assert "<progress" not in shown
    assert METRIC not in shown.split("How is this computed?")[0]
    names["judge"]._update(1)
    assert reached.wait(LIMIT)
    shown, _ = show()
    assert '<progress max="1" value="0.125"' in shown  # one of four blocks, of the first of two steps
    assert WORDS[name] not in shown
    go_on.set()
    wait_for_search()
    shown, _ = show()
    assert "<progress" not in shown
    assert METRIC in shown.split("How is this computed?")[0]


def test_a_failing_search_says_what_is_wrong_and_what_to_do(name, show, monkeypatch):
    def rank(model, data, split, watch):
        raise lab.RunError("the weights are gone")

    monkeypatch.setattr(cohorts, "rank_lists", rank)
    _, names = show()
    names["judge"]._update(1)
    wait_for_search()
    shown, names = show()
    assert "The weights are gone." in shown
    assert "Press the button to try again" in shown
    assert WORDS[name] in shown
