"""A value is made once for all who ask at the same time, is bounded, and a failure leaves nothing behind."""

from threading import Event, Thread

import pytest

from srgformer_lab import DataError
from srgformer_lab.backend import Cache

LIMIT = 300  # seconds; ends a broken test


class Watched(str):
    """A key that says when the cache looks it up."""

    def __new__(cls, text, looked_up):
        key = super().__new__(cls, text)
        key.looked_up = looked_up
        return key

    def __hash__(self):
        self.looked_up.set()
        return super().__hash__()


def two_at_once(make):
    """Ask for one key twice, the second time while the first is being made; return what each got or raised."""
    cache, entered, looked_up, go_on, got, calls = Cache(2), Event(), Event(), Event(), {}, []

    def making():
        calls.append(1)
        entered.set()
        assert go_on.wait(LIMIT)
        return make()

    def ask(name, key):
        try:
            got[name] = cache.get(key, making)
        except DataError as error:
            got[name] = error

    first = Thread(target=ask, args=("first", "a"))
    first.start()
    assert entered.wait(LIMIT)
    second = Thread(target=ask, args=("second", Watched("a", looked_up)))
    second.start()
    assert looked_up.wait(LIMIT)  # it holds the cache's lock until it knows whether to make or to wait
    go_on.set()
    for thread in (first, second):
        thread.join(LIMIT)
    return cache, got, calls


def test_whoever_asks_during_the_making_waits_for_it():
    _, got, calls = two_at_once(object)
    assert calls == [1]
    assert got["first"] is got["second"]


def test_an_error_goes_to_all_who_wait_and_is_not_kept():
    def fail():
        raise DataError("no")

    cache, got, calls = two_at_once(fail)
    assert calls == [1]
    assert str(got["first"]) == str(got["second"]) == "no"
    assert cache.get("a", lambda: 1) == 1


def test_failures_leave_nothing_behind():
    cache = Cache(3)
    for key in range(100):
        with pytest.raises(DataError):
            cache.get(key, lambda: (_ for _ in ()).throw(DataError("no")))
    assert (len(cache), len(cache._flights)) == (0, 0)


def test_what_was_not_asked_for_longest_is_dropped():
    cache = Cache(2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda key=key: key)
    assert ("a" in cache, "b" in cache, "c" in cache, len(cache)) == (True, False, True, 2)
