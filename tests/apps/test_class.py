"""In a class the pages offer what visitors may do, and nothing else."""

import re
from threading import Thread
from weakref import WeakKeyDictionary

import pytest

from srgformer_lab import backend
from srgformer_lab.backend import limits, visitors
from srgformer_lab.training import worker
from tests.worlds import as_if_ended, as_if_trained


@pytest.fixture
def in_class(shop, monkeypatch):
    monkeypatch.setattr(limits, "_class", None)
    monkeypatch.setattr(visitors, "_visitors", WeakKeyDictionary())
    monkeypatch.setattr(worker, "start", as_if_trained)
    backend.arrival({}, {"serve": ["", shop.data]})
    return shop


def test_start_offers_a_list_and_no_field_for_a_folder(page, in_class):
    shown, names = page("start", in_class)
    assert "Path of a folder" not in shown
    assert list(names["data_box"].options) == ["the built-in data", "shop"]
    assert (names["data_box"].selected_key, names["picked"]) == ("shop", {"user": in_class.user})


def test_without_a_class_any_folder_may_be_typed(page, shop):
    assert "Path of a folder" in page("start", shop)[0]


def test_train_offers_what_may_be_asked_for(page, in_class):
    _, names = page("train", in_class, preset="baby")
    elements = names["numbers"].elements
    assert (elements["epochs"].stop, elements["epochs"].value) == (60, 60)
    assert (list(elements["embedding_dim"].options), elements["embedding_dim"].value) == (["16", "32", "64"], "64")
    assert names["asked"] is not None


def test_only_the_visitor_who_started_a_training_finds_its_buttons(page, in_class):
    begun = []
    other = Thread(target=lambda: begun.append(backend.begin_small(backend.SESSION.dataset(in_class))))
    other.start()
    other.join()
    try:
        shown, names = page("train", in_class.change(run=begun[0].name))
        assert "queued" in re.sub("<[^>]*>", "", shown)
        assert names["stop_button"].text not in shown
        assert len(names["sliders"].elements) == 0
    finally:
        as_if_ended(begun[0])
        begun[0].delete()
