"""A bounded store for what is heavy to make, shared by all visitors."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

Value = TypeVar("Value")


class Shelf:
    """Keeps the values that were asked for last, and makes each only once, also when several threads ask at the same time."""

    def __init__(self, bound: int) -> None:
        """Keep at most ``bound`` values."""
        self.bound = bound
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, Lock] = {}
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
            self._making.pop(key, None)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of ``key``, made by ``make`` if it isn't here; an error of ``make`` is passed on and not kept."""
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key]
            value = make()
            with self._lock:
                self._values[key] = value
                while len(self._values) > self.bound:
                    gone, _ = self._values.popitem(last=False)
                    self._making.pop(gone, None)
        return value
