"""Where trainings run: an engine is given cases and gives outcomes. This machine is the default; a cluster is another."""

import math
import multiprocessing
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srgformer_lab import runtime
from srgformer_lab.config import check_number
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, RunError, UnknownIdError
from srgformer_lab.experiments.cases import TrainingCase
from srgformer_lab.experiments.needs import Need, check_memory
from srgformer_lab.experiments.outcomes import Outcome, complete, seen
from srgformer_lab.experiments.workers import Check, end_with_parent
from srgformer_lab.training.run import Run

POLL_SECONDS = 1.0
LEAST_DONE = 0.01
ENGINES = ("local", "ray")


@dataclass(frozen=True)
class ExperimentProgress:
    """How far the cases are."""

    n_done: int
    n_cases: int
    seconds_left: float
    """At the pace so far, if no early stop comes; NaN while there is no pace yet."""


Watcher = Callable[[ExperimentProgress], None]


@dataclass(frozen=True)
class Job:
    """What all cases of an experiment share while they are trained."""

    folder: Path
    """Where the run folders are."""
    ends: float = math.inf
    """When to stop, on the clock of ``time.monotonic``."""
    watch: Watcher | None = None

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.ends


class Pool(ABC):
    """The places for trainings of an engine that is open."""

    n_places: int
    """Trainings at once."""

    @abstractmethod
    def run(self, cases: Sequence[TrainingCase], job: Job) -> dict[str, Outcome]:
        """Bring cases to their ends, or as far as the time reaches.

        Args:
            cases: No two of which need the same training.
            job: Where, until when, and who is told how far it is.

        Returns:
            The outcome of each, by the key of its case. One that another process trains now is ``running``.

        Raises:
            RunError: The engine was ended from outside; what had been written is kept.
        """


class Engine(ABC):
    """Something that is given cases and gives outcomes."""

    @abstractmethod
    def opened(
        self, need: Need, folder: Path, data: Dataset, n_workers: int | None = None, checks: Sequence[Check] = ()
    ) -> AbstractContextManager[Pool]:
        """Check that such cases can be brought to their ends, before anything is written, and make places for them.

        Args:
            need: What the cases take.
            folder: Where their run folders are to be.
            data: What is trained on, as this machine reads it.
            n_workers: Trainings at most at once; by default as many as there is room for.
            checks: What must hold besides, on each machine that trains.

        Returns:
            What ``with`` enters: the places.

        Raises:
            ConfigError: They can't be, and why not.
        """


@dataclass(frozen=True)
class LocalEngine(Engine):
    """Processes of this machine, which share its cores."""

    n_threads: int | None = None
    """Of each training; by default the cores divided by the trainings at once."""

    def __post_init__(self) -> None:
        """Refuse what is no number of threads."""
        if self.n_threads is not None:
            check_number("threads", self.n_threads, 1, 4096, "cores that each training computes with", True)

    @contextmanager
    def opened(self, need: Need, folder: Path, data: Dataset, n_workers: int | None = None, checks: Sequence[Check] = ()) -> Iterator[Pool]:
        """Refuse more at once than the memory holds.

        Args:
            need: What the cases take.
            folder: Where their run folders are to be.
            data: What is trained on.
            n_workers: Processes; by default one a core, and with 0 this process works itself.
            checks: What must hold besides.

        Returns:
            What ``with`` enters: the places.

        Raises:
            ConfigError: The memory isn't enough, or a check fails.
        """
        for check in checks:
            check()
        pool = LocalPool(runtime.n_cores() if n_workers is None else n_workers, self.n_threads)
        check_memory(need, pool.n_places)
        yield pool


class LocalPool(Pool):
    """Processes of this machine, or this one."""

    def __init__(self, n_workers: int = 1, n_threads: int | None = None) -> None:
        """Take so many processes; 0 works in this one."""
        self.n_places, self.n_threads = n_workers, n_threads

    def run(self, cases: Sequence[TrainingCase], job: Job) -> dict[str, Outcome]:
        """Bring cases to their ends in processes that end with this one."""
        if self.n_places == 0:
            return self._here(cases, job)
        threads = self.n_threads or max(1, runtime.n_cores() // self.n_places)
        workers = max(1, min(self.n_places, len(cases)))
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), end_with_parent) as pool:
            return drive(
                cases,
                job,
                lambda: workers,
                lambda case: pool.submit(trained, case, job.folder, threads),
                _result,
                lambda future, case: future.cancel(),
            )

    def _here(self, cases: Sequence[TrainingCase], job: Job) -> dict[str, Outcome]:
        found, started = {}, time.monotonic()
        for number, case in enumerate(cases, start=1):
            if job.is_over:
                found[case.key] = seen(case, job.folder)
            elif self.n_threads:
                with runtime.threads(self.n_threads):
                    found[case.key] = complete(case, job.folder)
            else:
                found[case.key] = complete(case, job.folder)
            if job.watch:
                job.watch(ExperimentProgress(number, len(cases), seconds_left(len(cases), number, 0, time.monotonic() - started)))
        return found


def drive(
    cases: Sequence[TrainingCase],
    job: Job,
    n_places: Callable[[], int],
    submit: Callable[[TrainingCase], Future[Any]],
    result: Callable[[Future[Any], TrainingCase], Outcome],
    withdraw: Callable[[Future[Any], TrainingCase], bool],
) -> dict[str, Outcome]:
    """Keep every place busy until all is done or the time is up; whatever happens, what runs is asked to stop and waited for.

    Args:
        cases: What to train.
        job: Where, until when, and who is told.
        n_places: Tells how many may run at once now.
        submit: Begins a case.
        result: Gives the outcome of what ended.
        withdraw: Takes back what has not begun, and tells whether that is all.

    Returns:
        The outcome of each case, by its key.
    """
    started, before = time.monotonic(), sum(seen(case, job.folder).share_done for case in cases)
    waiting, running, found = deque(cases), dict[Future[Any], TrainingCase](), dict[str, Outcome]()
    try:
        while waiting or running:
            while waiting and len(running) < max(1, n_places()) and not job.is_over:
                case = waiting.popleft()
                running[submit(case)] = case
            if job.is_over:
                waiting.clear()
                _stop(running, job.folder, withdraw)
            if job.watch:
                left = [*running.values(), *waiting]
                done = len(cases) - len(left) + sum(seen(case, job.folder).share_done for case in left)
                pace = seconds_left(len(cases), done, before, time.monotonic() - started)
                job.watch(ExperimentProgress(len(cases) - len(left), len(cases), pace))
            for future in wait(running, POLL_SECONDS, FIRST_COMPLETED).done:
                case = running.pop(future)
                found[case.key] = seen(case, job.folder) if future.cancelled() else result(future, case)
        if job.watch and not job.is_over:
            job.watch(ExperimentProgress(len(cases), len(cases), 0.0))
    finally:
        while running := {future: case for future, case in running.items() if not future.done()}:
            _stop(running, job.folder, withdraw)
            wait(running, POLL_SECONDS)
    return {case.key: found[case.key] if case.key in found else seen(case, job.folder) for case in cases}


def _stop(running: dict[Future[Any], TrainingCase], folder: Path, withdraw: Callable[[Future[Any], TrainingCase], bool]) -> None:
    """Take back what has not begun, and ask what is trained to stop after its step."""
    for future, case in running.items():
        if not withdraw(future, case) and (folder / case.key).is_dir():
            Run(folder / case.key).request_stop()


def seconds_left(n_cases: int, done: float, before: float, seconds: float) -> float:
    """Estimate how long the rest takes, at the pace of what was done in ``seconds``; ``before`` was there already.

    NaN until a hundredth of a case is done.
    """
    return (n_cases - done) * seconds / (done - before) if done - before >= LEAST_DONE else math.nan


def trained(case: TrainingCase, folder: Path, n_threads: int) -> Outcome:
    """Bring a case to its end in a process that is there for it."""
    runtime.keep_memory()
    with runtime.threads(n_threads):
        return complete(case, folder)


def _result(future: Future[Any], case: TrainingCase) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise RunError(
            "a process was ended from outside, most likely for want of memory; give the same command again with fewer --workers, "
            "and it goes on from there"
        ) from error


def engine(name: str = "local", address: str | None = None, n_threads: int | None = None) -> Engine:
    """Return an engine by its name.

    Raises:
        UnknownIdError: There is none of that name.
        ConfigError: This machine has an address, or what is given is none.
    """
    if name not in ENGINES:
        raise UnknownIdError("engine", name, ENGINES)
    if name == "local":
        if address is not None:
            raise ConfigError(f"address={address!r} is for a cluster; give --engine ray with it, or leave it out")
        return LocalEngine(n_threads)
    from srgformer_lab.experiments.cluster import RayEngine

    return RayEngine("auto" if address is None else address, 1 if n_threads is None else n_threads)
