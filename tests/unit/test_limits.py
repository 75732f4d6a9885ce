"""A class opens only what is on its list, and each visitor trains one small model at a time."""

import shutil
from collections import deque
from dataclasses import replace
from threading import Event, Thread
from types import SimpleNamespace
from weakref import WeakKeyDictionary

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import Link, background, limits, visitors
from srgformer_lab.training import estimate as estimating
from srgformer_lab.training import worker
from srgformer_lab.training.estimate import pass_bytes
from srgformer_lab.training.requests import STOP, pending
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
    monkeypatch.setattr(visitors, "_visitors", WeakKeyDictionary())
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
    mine.write_status(replace(mine.status(), message="place 3 in the queue"))
    with pytest.raises(lab.RunError, match=r"is still queued \(place 3 in the queue\)"):
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


# ------------------------------------------------- what one person with many cookies, or odd sizes, can't do


def came(act, key="", address=""):
    """Act as a visitor with a key does who comes from an address."""

    def arrived():
        backend.arrival({}, {"serve": "shop"}, key, address)
        try:
            return act()
        except lab.LabError as error:
            return error

    return elsewhere(arrived)


def test_many_cookies_of_one_machine_are_one_machine_and_others_still_get_a_place(in_class, tiny, monkeypatch):
    monkeypatch.setattr(worker, "MAX_RUNNING", 1)
    monkeypatch.setattr(backend.training, "MOST_WAITING", 6)
    got = [came(lambda: backend.begin_small(tiny), f"{n:032x}", "10.0.0.1") for n in range(16)]
    assert [isinstance(each, lab.Run) for each in got] == [True] * limits.MOST_GOING_OF_ONE + [False] * (16 - limits.MOST_GOING_OF_ONE)
    assert "of your machine" in str(got[-1])
    assert isinstance(came(lambda: backend.begin_small(tiny), "a" * 32, "10.0.0.2"), lab.Run)
    second = came(lambda: backend.begin_small(tiny), "b" * 32, "10.0.0.2")  # half of the queue is full: it is for those who have none
    assert "the other places are for those who have none" in str(second)
    assert isinstance(came(lambda: backend.begin_small(tiny), "c" * 32, "10.0.0.3"), lab.Run)


def test_who_is_refused_a_place_hears_when_there_will_be_one(in_class, tiny, monkeypatch):
    monkeypatch.setattr(worker, "MAX_RUNNING", 1)
    monkeypatch.setattr(backend.training, "MOST_WAITING", 0)
    run = came(lambda: backend.begin_small(tiny), "a" * 32, "10.0.0.1")
    monkeypatch.setattr(lab.Run, "status", lambda self: lab.Status("running", eta_seconds=130.0))
    assert "0 of at most 0 places in the queue are taken; the first that runs ends in about 3 min" in str(
        came(lambda: backend.begin_small(tiny), "b" * 32, "10.0.0.2")
    )
    assert run.path.is_dir()


def test_a_class_starts_no_more_than_its_disk_bears(in_class, tiny, monkeypatch):
    monkeypatch.setattr(limits, "MOST_STARTED_BY_ALL", 1)
    came(lambda: backend.begin_small(tiny), "a" * 32, "10.0.0.1")
    assert "this class has started 1 trainings" in str(came(lambda: backend.begin_small(tiny), "b" * 32, "10.0.0.2"))


@pytest.mark.parametrize("size", [{"n_hyperedges": 65_536}, {"n_id_layers": 64, "n_modality_layers": 64, "n_heads": 64}])
def test_any_size_counts_by_what_it_takes(in_class, tiny, monkeypatch, size):
    """Seconds and bytes of the largest training that a form offers are the bound here, so that no machine's speed matters."""
    largest = SMALL.model.replace(embedding_dim=64, n_hyperedges=8)
    monkeypatch.setattr("srgformer_lab.training.estimate.limits", lambda device: estimating.Work(1e9, 1e9))
    usual = backend.cost(tiny, "whole", largest, SMALL.train)
    monkeypatch.setattr(limits, "MOST_TRAINING_SECONDS", 1.5 * usual.seconds_at_most)
    monkeypatch.setattr(limits, "MOST_TRAINING_BYTES", int(1.5 * usual.memory_bytes))
    assert backend.begin(tiny, "whole", largest, SMALL.train).status().state == "queued"
    for act in (backend.cost, backend.begin):
        with pytest.raises(lab.ConfigError, match="in a class the most is"):
            act(tiny, "whole", largest.replace(**size), SMALL.train)
    assert len(lab.list_runs("runs")) == 1


@pytest.mark.parametrize("size", ["nan", None, [1], "many", float("inf"), "1e3"])
def test_what_is_no_whole_number_is_refused_by_name(root, size):
    with pytest.raises(lab.ConfigError, match=r"epochs=.* must be a whole number"):
        backend.adjusted("studio", device="cpu", epochs=size)


def trained_run(data, name, value, **size):
    """Make a finished run with real weights and a metric of choice."""
    model = lab.SRGFormer(data, SMALL.model.replace(embedding_dim=8, n_heads=2, **size))
    run = lab.fit(model, data, SMALL.train.replace(epochs=1), "runs", name)
    run.write_status(replace(run.status(), best_metric=value))
    return run


def test_a_pupils_run_is_never_the_default_and_an_oversized_one_is_opened_for_nobody(root, tiny, monkeypatch):
    data = lab.open_data("shop")
    for name, value, size in (("teachers", 0.4, {}), ("huge", 0.9, {"n_hyperedges": 4096})):
        trained_run(data, name, value, **size)
    assert (backend.default_run(data), backend.SESSION.open(Link(data="shop")).link.run) == ("huge", "huge")
    backend.arrival({}, {"serve": "shop"})
    monkeypatch.setattr(limits, "MOST_PASS_BYTES", 2 * pass_bytes(data, lab.Run.open("runs/teachers").config.model))
    trained_run(data, "pupils", 0.8)
    assert backend.default_run(data) == "teachers"
    assert backend.SESSION.open(Link(data="shop")).link.run == "teachers"
    asked = backend.SESSION.open(Link(data="shop", run="pupils"))
    assert (asked.link.run, asked.trace is not None) == ("pupils", True)
    refused = backend.SESSION.open(Link(data="shop", run="huge"))
    assert (refused.trace, refused.model) == (None, None)
    assert any("huge takes about" in note and "in a class the most is" in note for note in refused.notes)


def test_another_visitors_run_is_neither_stopped_nor_turned_whatever_a_page_shows(in_class, tiny):
    run = came(lambda: backend.begin_small(tiny), "a" * 32)
    for act in (lambda: backend.stop_run(run), lambda: backend.update_run_knobs(run, modality_contrast_weight=0.1)):
        assert "another visitor's" in str(came(act, "b" * 32))
    assert pending(run.path) == []
    assert came(lambda: backend.stop_run(run), "a" * 32) is None
    assert [request.kind for request in pending(run.path)] == [STOP]


def test_long_computations_are_bounded_for_a_visitor_and_for_a_machine(in_class, monkeypatch):
    monkeypatch.setattr(limits, "MOST_TASKS_OF_ADDRESS", limits.MOST_TASKS_OF_ONE + 1)
    monkeypatch.setattr(background, "_waiting", deque())
    monkeypatch.setattr(background, "_running", [])  # what seems started below would keep a place from later tests for good
    end = Event()

    def asked(name, key, address):
        task = backend.BackgroundTask(name, lambda watch: end.wait(30))
        came(task.begin, key, address)
        return task.error

    try:
        first = [asked(("long", n), "a" * 32, "10.0.0.1") for n in range(limits.MOST_TASKS_OF_ONE + 1)]
        assert first[:-1] == [None] * limits.MOST_TASKS_OF_ONE
        assert "long computations of yours" in str(first[-1])
        assert asked("b1", "b" * 32, "10.0.0.1") is None
        assert "long computations of yours" in str(asked("b2", "b" * 32, "10.0.0.1"))
        assert asked("c1", "c" * 32, "10.0.0.2") is None
        started = []
        monkeypatch.setattr(background, "Thread", lambda target, **_: SimpleNamespace(start=lambda: started.append(target.__self__.key)))
        monkeypatch.setattr(background, "MOST_RUNNING", background.MOST_RUNNING + 1)
        background._start_waiting()
        assert started[0] in ("b1", "c1")  # whoever has none running comes first
    finally:
        end.set()
