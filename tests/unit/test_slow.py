"""What takes long is found once, beside whoever asked, and says how far it is and what went wrong."""

import threading
from types import SimpleNamespace

import srgformer_lab as lab
from srgformer_lab.backend import Slow

LIMIT = 10


def waited(slow):
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon and "_search" in thread.name:
            thread.join(LIMIT)
    assert not slow.is_going


def test_it_runs_beside_says_how_far_it_is_and_is_kept():
    reached, go_on, made = threading.Event(), threading.Event(), []

    def find(watch):
        for step in watch(range(4)):
            if step == 1:
                reached.set()
                assert go_on.wait(LIMIT)
        made.append(1)
        return "found"

    slow = Slow("beside", find)
    assert (slow.is_ready, slow.is_going, slow.share) == (False, False, 0.0)
    slow.begin()
    assert reached.wait(LIMIT)
    slow.begin()  # a second visitor asks too
    assert (slow.is_going, slow.share) == (True, 0.25)
    assert 0 <= slow.eta_seconds < LIMIT
    go_on.set()
    assert slow.value() == "found"
    waited(slow)
    assert slow.is_ready
    assert Slow("beside", find).value() == "found"
    assert made == [1]


def test_a_failure_is_told_and_can_be_tried_again():
    tries = []

    def find(watch):
        tries.append(1)
        if len(tries) == 1:
            raise lab.DataError("too few people")
        return 5

    slow = Slow("failing", find)
    slow.begin()
    waited(slow)
    assert (str(slow.error), slow.is_ready) == ("too few people", False)
    slow.begin()
    waited(slow)
    assert (slow.error, slow.value()) == (None, 5)


def test_steps_within_a_step_are_parts_of_it():
    shares = []

    def find(watch):
        for _ in watch(range(2)):
            shares.extend(slow.share for _ in watch(range(4)))
        shares.append(slow.share)

    slow = Slow("nested", find)
    slow.begin()
    waited(slow)
    assert shares == [place / 8 for place in range(9)]


def test_what_is_quick_needs_no_asking():
    slow = Slow("quick", lambda watch: sum(watch([1, 2])), at_once=True)
    assert slow.is_ready
    assert slow.value() == 3


def test_what_was_not_begun_has_no_end_in_sight():
    assert Slow("never begun", lambda watch: 0).eta_seconds == float("inf")


def test_what_hangs_is_late_and_begun_anew_without_waiting_for_it(monkeypatch):
    hangs, go_on, found = threading.Event(), threading.Event(), iter(("late", "anew"))

    def find(watch):
        mine = next(found)
        for _ in watch(range(2)):
            if mine == "late":
                hangs.set()
                assert go_on.wait(LIMIT)
        return mine

    slow = Slow("hanging", find)
    slow.begin()
    assert hangs.wait(LIMIT)
    assert (slow.is_going, slow.is_late) == (True, False)
    slow.begin()  # nobody has waited long enough for another one
    monkeypatch.setattr("srgformer_lab.backend.slow.PATIENCE", 0.0)
    assert slow.is_late
    others = threading.enumerate()
    slow.begin()
    for thread in set(threading.enumerate()) - set(others):
        thread.join(LIMIT)
    assert slow.value() == "anew"
    assert (slow.is_ready, slow.is_going, slow.is_late, slow.error) == (True, False, False, None)
    go_on.set()
    waited(slow)
    assert slow.is_ready


def test_each_step_is_a_sign_of_life(monkeypatch):
    monkeypatch.setattr("srgformer_lab.backend.slow.PATIENCE", 100.0)
    now, silences = iter(range(0, 900, 90)), []
    monkeypatch.setattr("srgformer_lab.backend.slow.time", SimpleNamespace(monotonic=lambda: next(now)))

    def find(watch):
        silences.extend(slow.is_late for _ in watch(range(3)))

    slow = Slow("alive", find)
    slow.begin()
    waited(slow)
    assert silences == [False, False, False]
