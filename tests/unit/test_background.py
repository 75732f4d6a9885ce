"""What takes long is found once, beside whoever asked, and says how far it is and what went wrong."""

import threading
from types import SimpleNamespace

import srgformer_lab as lab
from srgformer_lab.backend import BackgroundTask, background

LIMIT = 300  # seconds; ends a broken test


def waited(task):
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "background task" in thread.name:
            thread.join(LIMIT)
    assert not task.is_going


def test_it_runs_beside_says_how_far_it_is_and_is_kept():
    reached, go_on, made = threading.Event(), threading.Event(), []

    def find(watch):
        for step in watch(range(4)):
            if step == 1:
                reached.set()
                assert go_on.wait(LIMIT)
        made.append(1)
        return "found"

    task = BackgroundTask("beside", find)
    assert (task.is_ready, task.is_going, task.share) == (False, False, 0.0)
    task.begin()
    assert reached.wait(LIMIT)
    task.begin()  # a second visitor asks too
    assert (task.is_going, task.share) == (True, 0.25)
    assert 0 <= task.eta_seconds < LIMIT
    go_on.set()
    assert task.value() == "found"
    waited(task)
    assert task.is_ready
    assert BackgroundTask("beside", find).value() == "found"
    assert made == [1]


def test_a_failure_is_told_and_can_be_tried_again():
    tries = []

    def find(watch):
        tries.append(1)
        if len(tries) == 1:
            raise lab.DataError("too few people")
        return 5

    task = BackgroundTask("failing", find)
    task.begin()
    waited(task)
    assert (str(task.error), task.is_ready) == ("too few people", False)
    task.begin()
    waited(task)
    assert (task.error, task.value()) == (None, 5)


def test_steps_within_a_step_are_parts_of_it():
    shares = []

    def find(watch):
        for _ in watch(range(2)):
            shares.extend(task.share for _ in watch(range(4)))
        shares.append(task.share)

    task = BackgroundTask("nested", find)
    task.begin()
    waited(task)
    assert shares == [place / 8 for place in range(9)]


def test_what_is_quick_needs_no_asking():
    task = BackgroundTask("quick", lambda watch: sum(watch([1, 2])), at_once=True)
    assert task.is_ready
    assert task.value() == 3


def test_what_was_not_begun_has_no_end_in_sight():
    assert BackgroundTask("never begun", lambda watch: 0).eta_seconds == float("inf")


def test_what_hangs_is_late_and_begun_anew_without_waiting_for_it(monkeypatch):
    hangs, go_on, found = threading.Event(), threading.Event(), iter(("late", "anew"))

    def find(watch):
        mine = next(found)
        for _ in watch(range(2)):
            if mine == "late":
                hangs.set()
                assert go_on.wait(LIMIT)
        return mine

    task = BackgroundTask("hanging", find)
    task.begin()
    assert hangs.wait(LIMIT)
    assert (task.is_going, task.is_late) == (True, False)
    task.begin()  # nobody has waited long enough for another one
    monkeypatch.setattr("srgformer_lab.backend.background.PATIENCE", 0.0)
    assert task.is_late
    others = threading.enumerate()
    task.begin()
    for thread in set(threading.enumerate()) - set(others):
        thread.join(LIMIT)
    assert task.value() == "anew"
    assert (task.is_ready, task.is_going, task.is_late, task.error) == (True, False, False, None)
    go_on.set()
    waited(task)
    assert task.is_ready


def test_each_step_is_a_sign_of_life(monkeypatch):
    monkeypatch.setattr("srgformer_lab.backend.background.PATIENCE", 100.0)
    now, silences = iter(range(0, 900, 90)), []
    monkeypatch.setattr("srgformer_lab.backend.background.time", SimpleNamespace(monotonic=lambda: next(now)))

    def find(watch):
        silences.extend(task.is_late for _ in watch(range(3)))

    task = BackgroundTask("alive", find)
    task.begin()
    waited(task)
    assert silences == [False, False, False]


def test_failed_tasks_are_forgotten_in_the_end():
    def fail(watch):
        raise lab.DataError("no")

    for number in range(2 * background.MOST_KNOWN):
        task = BackgroundTask(("failing", number), fail)
        task.begin()
        waited(task)
    assert str(task.error) == "no"
    assert len(background._jobs) <= background.MOST_KNOWN
    assert not background._running
    assert not background._waiting


def test_only_some_run_at_once_and_the_others_wait_for_them(monkeypatch):
    monkeypatch.setattr(background, "MOST_RUNNING", 1)
    begun, go_on, order = threading.Event(), threading.Event(), []

    def first(watch):
        begun.set()
        assert go_on.wait(LIMIT)
        order.append("first")

    one, two = BackgroundTask("runs", first), BackgroundTask("waits", lambda watch: order.append("second"))
    one.begin()
    assert begun.wait(LIMIT)
    two.begin()
    assert (two.is_going, two.is_late, two.is_ready) == (True, False, False)
    assert len([thread for thread in threading.enumerate() if "background task" in thread.name]) == 1
    go_on.set()
    waited(one)
    waited(two)
    assert order == ["first", "second"]


def test_too_many_are_refused(monkeypatch):
    monkeypatch.setattr(background, "MOST_WAITING", 0)
    task = BackgroundTask("refused", lambda watch: 1)
    task.begin()
    assert "try again" in str(task.error)
    assert not task.is_going
