"""What takes long is found once for all visitors, in a thread beside the pages, and says how far it is."""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.errors import LabError
from srgformer_lab.models.protocol import Watch

Value = TypeVar("Value")
PATIENCE = 300.0
"""Seconds without a finished step after which a search is called late."""

_found = Shelf(96)
_begun: dict[Hashable, "_Errand"] = {}
_lock = Lock()


class _Errand:
    """How far one search is, and whether it failed."""

    def __init__(self) -> None:
        self.share, self.since = 0.0, time.monotonic()
        self.heard = self.since
        self._part = 1.0  # of the whole that the present step is
        self.error: LabError | None = None

    def watch(self, steps: Sequence[Any]) -> Iterator[Any]:
        """Hand on the steps one by one and count them; steps that are watched within a step are parts of it."""
        start, part = self.share, self._part
        for place, step in enumerate(steps):
            self.share, self._part = start + part * place / len(steps), part / len(steps)
            yield step
            self.heard = time.monotonic()
        self.share, self._part = start + part, part


class Slow(Generic[Value]):
    """A value that takes long to find."""

    def __init__(self, key: Hashable, find: Callable[[Watch], Value], at_once: bool = False) -> None:
        """Name a value.

        Args:
            key: What it depends on.
            find: Finds it; hands its steps to what it is given.
            at_once: Whether it is found so quickly that nobody need be asked.
        """
        self.key, self.find, self.at_once = key, find, at_once

    @property
    def is_ready(self) -> bool:
        """Whether it is there, or as good as there."""
        return self.at_once or self.key in _found

    @property
    def is_going(self) -> bool:
        """Whether it is being looked for."""
        errand = _begun.get(self.key)
        return errand is not None and errand.error is None and self.key not in _found

    @property
    def is_late(self) -> bool:
        """Whether it has been looked for unusually long without a step; perhaps it hangs, so it may be begun anew."""
        return self.is_going and self.silence_seconds > PATIENCE

    @property
    def silence_seconds(self) -> float:
        """How long ago the last step was finished, or the search began; 0 where none is going on."""
        errand = _begun.get(self.key)
        return time.monotonic() - errand.heard if errand else 0.0

    @property
    def error(self) -> LabError | None:
        """What went wrong the last time."""
        errand = _begun.get(self.key)
        return errand.error if errand else None

    @property
    def share(self) -> float:
        """How far the search is, from 0 to 1."""
        errand = _begun.get(self.key)
        return errand.share if errand else 0.0

    @property
    def eta_seconds(self) -> float:
        """How long the search takes from here, by its pace so far; infinite before the first step is done."""
        errand, share = _begun.get(self.key), self.share
        return (time.monotonic() - errand.since) * (1 - share) / share if errand and share else float("inf")

    def value(self, watch: Watch = iter) -> Value:
        """Return it; find it first, and wait for that, where it isn't there. ``watch`` hands on its steps.

        Raises:
            LabError: It can't be found.
        """
        return _found.get(self.key, lambda: self.find(watch))

    def begin(self) -> None:
        """Look for it beside the pages; nothing happens if that is going on already, unless it is late: then it is begun anew.

        A late search is left to itself. Should it still end, what it found counts.
        """
        with _lock:
            if self.key in _found or (self.is_going and not self.is_late):
                return
            _found.abandon(self.key)
            _begun[self.key] = errand = _Errand()
        Thread(target=self._search, args=(errand,), daemon=True).start()

    def _search(self, errand: _Errand) -> None:
        try:
            _found.get(self.key, lambda: self.find(errand.watch))
        except LabError as error:
            errand.error = error
        except Exception as error:
            errand.error = LabError(f"this could not be found: {error}")
            raise
        else:
            with _lock:
                if _begun.get(self.key) is errand:
                    del _begun[self.key]
