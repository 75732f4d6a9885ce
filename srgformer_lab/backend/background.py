"""What takes long is computed once for all visitors, in a thread beside the pages, and says how far it is."""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from threading import RLock, Thread
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

from srgformer_lab.backend import limits
from srgformer_lab.backend.cache import Cache
from srgformer_lab.backend.visitors import visitor
from srgformer_lab.errors import LabError
from srgformer_lab.models.protocol import Watch

Value = TypeVar("Value")
PATIENCE = 300.0
"""Seconds without a finished step after which a task is called late."""
MOST_RUNNING = 3
"""Tasks that run at once; a late one no longer counts, so that what hangs stops nobody else."""
MOST_WAITING, MOST_LATE = 40, 8
"""More are refused."""
MOST_KNOWN = 96
"""Tasks that are waiting, running, late or failed, and still known."""

_results = Cache(96)
_jobs: LRUCache[Hashable, "_Job"] = LRUCache(MOST_KNOWN)
_waiting: deque["_Job"] = deque()
_running: list["_Job"] = []
_lock = RLock()


class _Job:
    """One attempt at a task: how far it is, and whether it failed."""

    def __init__(self, key: Hashable, compute: Callable[[Watch], Any]) -> None:
        self.key, self.compute = key, compute
        self.share, self.since = 0.0, time.monotonic()
        self.heard = self.since
        self._part = 1.0  # of the whole that the present step is
        self.error: LabError | None = None
        self.is_started, self.visitor = False, visitor()

    @property
    def is_late(self) -> bool:
        return self.is_started and time.monotonic() - self.heard > PATIENCE

    def watch(self, steps: Sequence[Any]) -> Iterator[Any]:
        """Hand on the steps one by one and count them; steps that are watched within a step are parts of it."""
        start, part = self.share, self._part
        for place, step in enumerate(steps):
            self.share, self._part = start + part * place / len(steps), part / len(steps)
            yield step
            self.heard = time.monotonic()
        self.share, self._part = start + part, part

    def run(self) -> None:
        try:
            _results.get(self.key, lambda: self.compute(self.watch))
        except LabError as error:
            self.error = error
        except Exception as error:
            self.error = LabError(f"this could not be found: {error}")
            raise
        finally:
            with _lock:
                if self in _running:
                    _running.remove(self)
                if self.error is None and _jobs.get(self.key) is self:
                    del _jobs[self.key]
            _start_waiting()


def _start_waiting() -> None:
    """Start what waits, as far as there is room; first what those asked for who have the fewest running."""
    with _lock:
        started = []
        while _waiting and sum(not job.is_late for job in _running) < MOST_RUNNING:
            job = min(_waiting, key=lambda waiting: sum(other.visitor.name == waiting.visitor.name for other in _running))
            _waiting.remove(job)
            job.is_started, job.since = True, time.monotonic()
            job.heard = job.since
            _running.append(job)
            started.append(job)
    for job in started:
        Thread(target=job.run, name="background task", daemon=True).start()  # what hangs must not keep the app from ending


class BackgroundTask(Generic[Value]):
    """A value that takes long to compute."""

    def __init__(self, key: Hashable, compute: Callable[[Watch], Value], at_once: bool = False) -> None:
        """Name a value.

        Args:
            key: What it depends on.
            compute: Computes it; hands its steps to what it is given.
            at_once: Whether that is so quick that nobody need be asked.
        """
        self.key, self.compute, self.at_once = key, compute, at_once

    @property
    def is_ready(self) -> bool:
        """Whether the value is there, or as good as there."""
        return self.at_once or self.key in _results

    @property
    def is_going(self) -> bool:
        """Whether it is being computed, or waits for that."""
        job = self._job
        return job is not None and job.error is None and self.key not in _results

    @property
    def is_late(self) -> bool:
        """Whether it has run unusually long without a step; perhaps it hangs, so it may be begun anew."""
        job = self._job
        return self.is_going and job is not None and job.is_late

    @property
    def silence_seconds(self) -> float:
        """How long ago the last step was finished, or the task began; 0 where it is not going on."""
        job = self._job
        return time.monotonic() - job.heard if job else 0.0

    @property
    def error(self) -> LabError | None:
        """What went wrong the last time."""
        job = self._job
        return job.error if job else None

    @property
    def share(self) -> float:
        """How far the task is, from 0 to 1."""
        job = self._job
        return job.share if job else 0.0

    @property
    def eta_seconds(self) -> float:
        """How long it takes from here, by its pace so far; infinite before the first step is done."""
        job, share = self._job, self.share
        return (time.monotonic() - job.since) * (1 - share) / share if job and share else float("inf")

    def value(self, watch: Watch = iter) -> Value:
        """Return the value; compute it first, and wait for that, where it isn't there. ``watch`` hands on its steps.

        Raises:
            LabError: It can't be computed.
        """
        return _results.get(self.key, lambda: self.compute(watch))

    def begin(self) -> None:
        """Compute it beside the pages; nothing happens if that is going on already, unless it is late: then it is begun anew.

        A late attempt is left to itself. Should it still end, what it found counts.
        """
        with _lock:
            if self.key in _results or (self.is_going and not self.is_late):
                return
            _results.abandon(self.key)
            _jobs[self.key] = job = _Job(self.key, self.compute)
            if len(_waiting) >= MOST_WAITING or sum(other.is_late for other in _running) >= MOST_LATE:
                job.error = LabError(f"{len(_waiting) + len(_running)} others are being computed or wait; try again when some have ended")
                return
            try:
                limits.check_tasks(other.visitor for other in (*_waiting, *_running))
            except LabError as error:
                job.error = error
                return
            _waiting.append(job)
        _start_waiting()

    @property
    def _job(self) -> _Job | None:
        with _lock:
            return _jobs.get(self.key)
