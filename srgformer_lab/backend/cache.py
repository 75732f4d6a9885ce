"""A bounded cache for what is heavy to make, shared by all visitors."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")


class Cache:
    """Keeps the values that were asked for last; threads that ask for the same one at the same time share one making of it."""

    def __init__(self, bound: int) -> None:
        """Keep at most ``bound`` values."""
        self._values: LRUCache[Hashable, Any] = LRUCache(bound)
        self._flights: dict[Hashable, Future[Any]] = {}
        self._lock = Lock()

    def __contains__(self, key: Hashable) -> bool:
        """Return whether a value is here already."""
        with self._lock:
            return key in self._values

    def __len__(self) -> int:
        """Return the number of values kept."""
        with self._lock:
            return len(self._values)

    def abandon(self, key: Hashable) -> None:
        """Let the next who asks for ``key`` make it, without waiting for whoever is at it."""
        with self._lock:
            self._flights.pop(key, None)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of ``key``, made by ``make`` if it isn't here.

        An error of ``make`` goes to everybody who waits for it, and is not kept.
        """
        with self._lock:
            if key in self._values:
                return self._values[key]
            flight = self._flights.get(key)
            is_mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if not is_mine:
            return flight.result()
        try:
            value = make()
        except BaseException as error:
            self._land(key, flight)
            flight.set_exception(error)
            raise
        with self._lock:
            self._values[key] = value
        self._land(key, flight)
        flight.set_result(value)
        return value

    def _land(self, key: Hashable, flight: "Future[Any]") -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
