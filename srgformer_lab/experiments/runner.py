"""Many cases at once: processes that share the cores, each case from where it stands, and a budget that is kept."""

import math
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from srgformer_lab import runtime
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.experiments.cases import TrainingCase
from srgformer_lab.experiments.outcomes import Outcome, complete, seen
from srgformer_lab.training.estimate import estimate
from srgformer_lab.training.run import Run

POLL_SECONDS = 1.0
LEAST_DONE = 0.01
HOUR = 3600.0


@dataclass(frozen=True)
class ExperimentProgress:
    """How far the cases are."""

    n_done: int
    n_cases: int
    seconds_left: float
    """At the pace so far, if no early stop comes; NaN while there is no pace yet."""


Watcher = Callable[[ExperimentProgress], None]


@dataclass(frozen=True)
class Runner:
    """Runs cases: by how many processes, for how long, and where the run folders are."""

    folder: Path
    n_workers: int = 1
    """Processes at once, which share the cores; 0 works in this process."""
    ends: float = math.inf
    """When to stop, on the clock of ``time.monotonic``."""
    watch: Watcher | None = None

    def finish(self, cases: Sequence[TrainingCase]) -> list[Outcome]:
        """Bring every case to its end, or as far as the time reaches; return outcomes in the order of the cases.

        Cases that need the same training share it. What is stopped goes on from there at the next call.

        Raises:
            RunError: The folder can't be made, or a process was ended from outside; what it had written is kept.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"the folder {self.folder} can't be made: {error}; choose another --output") from error
        first = {case.key: case for case in reversed(cases)}
        trained = {key: seen(case, self.folder) for key, case in first.items()}
        todo = [first[key] for key, outcome in reversed(trained.items()) if not outcome.is_finished]
        if time.monotonic() < self.ends:
            trained |= self._here(todo) if self.n_workers == 0 else self._in_processes(todo)
        return [complete(case, self.folder) if trained[case.key].is_finished else replace(trained[case.key], case=case) for case in cases]

    def _here(self, cases: Sequence[TrainingCase]) -> dict[str, Outcome]:
        found, started = {}, time.monotonic()
        for number, case in enumerate(cases, start=1):
            found[case.key] = complete(case, self.folder) if time.monotonic() < self.ends else seen(case, self.folder)
            if self.watch:
                self.watch(ExperimentProgress(number, len(cases), seconds_left(len(cases), number, 0, time.monotonic() - started)))
        return found

    def _in_processes(self, cases: Sequence[TrainingCase]) -> dict[str, Outcome]:
        if not cases:
            return {}
        threads, started = max(1, runtime.n_cores() // self.n_workers), time.monotonic()
        before = sum(seen(case, self.folder).share_done for case in cases)
        workers = min(self.n_workers, len(cases))
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with_parent) as pool:
            futures = {pool.submit(_complete_in_worker, case, self.folder, threads): case for case in cases}
            left = dict(futures)
            try:
                while left:
                    for future in wait(left, POLL_SECONDS, FIRST_COMPLETED).done:
                        left.pop(future)
                    if self.watch:
                        self.watch(self._progress(len(cases), left.values(), before, time.monotonic() - started))
                    if time.monotonic() > self.ends:
                        self._stop(left)
            finally:  # a process has one more case at hand than the one it works on
                while left := {future: case for future, case in left.items() if not future.done()}:
                    self._stop(left)
                    wait(left, POLL_SECONDS)
        return {case.key: seen(case, self.folder) if future.cancelled() else _result(future) for future, case in futures.items()}

    def _progress(self, n_cases: int, left: Collection[TrainingCase], before: float, seconds: float) -> ExperimentProgress:
        done = n_cases - len(left) + sum(seen(case, self.folder).share_done for case in left)
        return ExperimentProgress(n_cases - len(left), n_cases, seconds_left(n_cases, done, before, seconds))

    def _stop(self, left: Mapping[Future[Outcome], TrainingCase]) -> None:
        """Let no further case begin, and ask those that are running to stop after their step."""
        for future, case in left.items():
            if not future.cancel() and (self.folder / case.key).is_dir():
                Run(self.folder / case.key).request_stop()


def seconds_left(n_cases: int, done: float, before: float, seconds: float) -> float:
    """Estimate how long the rest takes, at the pace of what was done in ``seconds``; ``before`` was there already.

    NaN until a hundredth of a case is done.
    """
    return (n_cases - done) * seconds / (done - before) if done - before >= LEAST_DONE else math.nan


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, killed perhaps: nobody would read what it trains."""
    parent = multiprocessing.parent_process()

    def wait_and_end() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()


def _complete_in_worker(case: TrainingCase, folder: Path, n_threads: int) -> Outcome:
    runtime.keep_memory()
    with runtime.threads(n_threads):
        return complete(case, folder)


def _result(future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise RunError(
            "a process was ended from outside, most likely for want of memory; give the same command again with fewer --workers, "
            "and it goes on from there"
        ) from error


@dataclass(frozen=True)
class Need:
    """What some cases still take, by the estimate of each; good to about a factor of two."""

    n_cases: int
    hours_at_least: float
    """Every case stops as early as its patience lets it."""
    hours_at_most: float
    """No case stops before its last epoch."""
    memory_bytes: int
    """Of the largest case."""

    def __str__(self) -> str:
        """Return it in a line."""
        hours = f"{self.hours_at_least:.2g} to {self.hours_at_most:.2g} hours"
        return f"{self.n_cases} trainings are to be done; by estimate that takes {hours} and {self.memory_bytes / 2**30:.1f} GiB for each"


def need(cases: Sequence[TrainingCase], folder: Path) -> Need:
    """Estimate what is still to be done; the data of all seeds counts as being of one size."""
    todo = [outcome for case in {case.key: case for case in cases}.values() if not (outcome := seen(case, folder)).is_finished]
    data: dict[tuple[str, float], Dataset] = {}
    least = most = memory = 0.0
    for outcome in todo:
        case, recipe = outcome.case, outcome.case.recipe
        if (recipe.path, recipe.share) not in data:
            data[recipe.path, recipe.share] = recipe.open(case.seed)
        one = estimate(data[recipe.path, recipe.share], case.model, case.train)
        left = case.train.epochs - outcome.epochs
        at_least = min(left, case.train.patience - (outcome.epochs - max(1, outcome.best_epoch)))
        most += one.seconds(left)
        least += one.seconds(max(0, at_least))
        memory = max(memory, one.memory_bytes)
    return Need(len(todo), least / HOUR, most / HOUR, int(memory))


def check_budget(need: Need, hours: float, n_workers: int) -> None:
    """Refuse what can't fit into the hours or the memory, before anything is started.

    So many processes at once are taken to be as many times as fast as one: they are less, so what is refused surely can't fit.

    Raises:
        ConfigError: Not even early stops would bring it to its end in time, or the processes need more memory than is free.
    """
    at_once = max(1, min(n_workers, need.n_cases))
    if need.hours_at_least / at_once > hours:
        raise ConfigError(
            f"{need}. --hours {hours:g} can't be enough; give more, or take fewer --seeds, --trials or --epochs "
            "(without --hours it runs until it is done, and goes on where it was when the same command is given again)"
        )
    free, wanted = runtime.free_memory(), need.memory_bytes * at_once
    if wanted > free:
        raise ConfigError(f"{need}. {at_once} at once need {wanted / 2**30:.1f} GiB, and {free / 2**30:.1f} are free; take fewer --workers")
