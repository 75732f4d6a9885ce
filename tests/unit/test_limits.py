"""A class opens only what is on its list, and each visitor trains one small model at a time."""

import shutil
from dataclasses import replace
from threading import Thread
from weakref import WeakKeyDictionary

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import Link, limits
from srgformer_lab.training import worker
from tests.shops import resolve, write_shop
from tests.worlds import as_if_trained

SMALL = lab.preset("studio")


@pytest.fixture
def root(tiny, tmp_path, monkeypatch):
    """A working folder with two shops, where trainings wait for ever."""
    for name in ("shop", "other"):
        write_shop(tmp_path / name, tiny)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(limits, "_class", None)
    monkeypatch.setattr(limits, "_visitors", WeakKeyDictionary())
    monkeypatch.setattr(worker, "start", as_if_trained)
    return tmp_path


@pytest.fixture
def in_class(root):
    backend.arrival({}, {"serve": ["", "shop"]})
    return root


def elsewhere(act):
    """Act as another visitor does: in a thread of its own."""
    given = []
    thread = Thread(target=lambda: given.append(act()))
    thread.start()
    thread.join()
    return given[0]


def test_without_serve_nothing_is_limited(root, tiny):
    assert backend.arrival({"data": "shop"}, {"data": "other"}) == Link(data="shop")
    assert (backend.data_choices(), backend.may_manage()) == ({}, True)
    assert backend.SESSION.dataset(Link(data="other")).n_users == tiny.n_users
    wide = backend.adjusted("baby", device="cpu", epochs=1000, embedding_dim="256")
    runs = [backend.begin(tiny, "whole", *wide) for _ in range(2)]
    assert all(backend.may_steer(run) for run in runs)
    assert elsewhere(lambda: backend.may_steer(runs[0]))


@pytest.mark.parametrize("given", ["shop other?k_core=2&min_rating=1", ["", "shop", "other?k_core=2&min_rating=1"]])
def test_the_list_is_what_the_command_line_names_and_the_built_in_data(root, given):
    backend.arrival({}, {"serve": given})
    choices = backend.data_choices()
    assert list(choices) == ["the built-in data", "shop", "other (k_core 2, min_rating 1)"]
    assert [Link.of(words) for words in choices.values()] == [
        Link(data="studio"),
        Link(data="shop"),
        Link(data="other", k_core="2", min_rating="1"),
    ]
    assert not backend.may_manage()


def test_a_short_link_gets_the_options_of_the_list(root):
    assert backend.arrival({"data": "other", "user": "u1"}, {"serve": "other?k_core=2"}) == Link(data="other", k_core="2", user="u1")
    assert backend.arrival({}, {"serve": "other?k_core=2", "data": "elsewhere"}) == Link()


def test_two_folders_of_one_name_are_told_apart():
    assert list(limits.read_choices(["a/shop", "b/shop"])) == ["the built-in data", "shop", "b/shop"]


def test_what_is_no_option_of_a_reader_is_refused():
    with pytest.raises(lab.ConfigError, match="core is no option of a data folder; there are min_rating, k_core"):
        limits.read_choices(["shop?core=3"])


@pytest.mark.parametrize("wanted", [{"data": "other"}, {"data": "shop", "k_core": "2"}, {"data": "./shop"}, {"data_seed": "3"}])
def test_a_link_to_anything_else_is_refused_and_says_what_there_is(in_class, wanted):
    link, notes = resolve(Link(**wanted))
    assert (link.data, link.k_core, link.data_seed) == ("studio", "", "")
    (note,) = [note for note in notes if "could not be opened" in note]
    assert f"{next(iter(wanted))}=" in note
    assert "is not open to this class; choose the built-in data or shop on the first page" in note


def test_what_is_on_the_list_opens(in_class, tiny):
    assert resolve(Link(data="shop"))[0].data == "shop"
    assert resolve(Link()) == resolve(Link(data="studio"))


@pytest.mark.parametrize(("size", "most"), [({"epochs": 61}, "at most 60"), ({"embedding_dim": "128"}, "at most 64")])
def test_a_large_training_is_refused_where_it_is_asked_for_and_where_it_starts(in_class, tiny, size, most):
    with pytest.raises(lab.ConfigError, match=most):
        backend.adjusted("studio", device="cpu", **size)
    whole = {name: int(value) for name, value in size.items()}
    model = SMALL.model.replace(**{name: value for name, value in whole.items() if name != "epochs"})
    train = SMALL.train.replace(**{name: value for name, value in whole.items() if name == "epochs"})
    with pytest.raises(lab.ConfigError, match=most):
        backend.begin(tiny, "lightgcn", model, train)
    assert not (in_class / "runs").exists()


def test_the_largest_training_that_a_form_offers_may_start(in_class, tiny):
    sizes = {"epochs": backend.most_epochs(), "embedding_dim": str(backend.widths()[-1])}
    asked = backend.adjusted("studio", device="cpu", **sizes)
    assert backend.begin(tiny, "whole", *asked).status().state == "queued"


def test_each_visitor_has_one_training_at_a_time_and_steers_no_other(in_class, tiny):
    mine = backend.begin_small(tiny)
    with pytest.raises(lab.RunError, match=f"your training {mine.name} is still queued"):
        backend.begin_small(tiny)
    theirs = elsewhere(lambda: backend.begin_small(tiny))
    assert len(lab.list_runs("runs")) == 2
    assert (backend.may_steer(mine), backend.may_steer(theirs), elsewhere(lambda: backend.may_steer(theirs))) == (True, False, False)
    assert (backend.going_on(tiny), elsewhere(lambda: backend.going_on(tiny))) == (mine.name, "")
    for run in (mine, theirs):
        run.write_status(replace(run.status(), state="stopped"))
    assert (backend.can_go_on(mine), backend.can_go_on(theirs)) == (True, False)
    with pytest.raises(lab.RunError, match="another visitor's"):
        backend.carry_on(theirs)
    backend.carry_on(mine)
    assert mine.status().state == "queued"


def test_a_reloaded_page_of_the_same_browser_keeps_its_trainings_and_counts_as_the_same_visitor(in_class, tiny):
    def opened(key, act):
        def arrived():
            backend.arrival({}, {"serve": "shop"}, key)
            return act()

        return elsewhere(arrived)

    run = opened("0a" * 16, lambda: backend.begin_small(tiny))
    assert opened("0a" * 16, lambda: (backend.may_steer(run), backend.going_on(tiny))) == (True, run.name)
    for key in ("0b" * 16, "", "0a", "0A" * 16):
        assert opened(key, lambda: (backend.may_steer(run), backend.going_on(tiny))) == (False, "")

    def refused():
        with pytest.raises(lab.RunError, match=f"your training {run.name} is still queued"):
            backend.begin_small(tiny)
        return True

    assert opened("0a" * 16, refused)


@pytest.mark.parametrize("key", ["", "0a", "none"])
def test_visitors_without_a_proper_key_share_nothing(in_class, tiny, key):
    def arrived(act):
        backend.arrival({}, {"serve": "shop"}, key)
        return act()

    run = elsewhere(lambda: arrived(lambda: backend.begin_small(tiny)))
    assert not elsewhere(lambda: arrived(lambda: backend.may_steer(run)))


def test_after_some_trainings_a_visitor_has_had_enough_but_may_resume(in_class, tiny):
    for _ in range(limits.MOST_STARTED):
        run = backend.begin_small(tiny)
        run.write_status(replace(run.status(), state="stopped"))
    with pytest.raises(lab.RunError, match=f"you have started {limits.MOST_STARTED} trainings"):
        backend.begin_small(tiny)
    backend.carry_on(run)
    assert len(lab.list_runs("runs")) == limits.MOST_STARTED


def test_a_run_that_is_gone_does_not_block_its_visitor(in_class, tiny):
    shutil.rmtree(backend.begin_small(tiny).path)
    assert backend.begin_small(tiny).status().state == "queued"


def test_the_queue_is_bounded_for_all_visitors_together(in_class, tiny, monkeypatch):
    monkeypatch.setattr(worker, "MAX_RUNNING", 1)
    monkeypatch.setattr(backend.training, "MOST_WAITING", 1)
    for _ in range(2):
        elsewhere(lambda: backend.begin_small(tiny))
    with pytest.raises(lab.RunError, match="1 of at most 1 places in the queue are taken"):
        backend.begin_small(tiny)
