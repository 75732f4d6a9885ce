"""Trainings on a Ray cluster, as this process sees them: a process of its own talks to the cluster, and may hang or break in its place."""

import multiprocessing
import pickle
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from uuid import uuid4

from srgformer_lab.config import check_number
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, RunError, require
from srgformer_lab.experiments.cases import TrainingCase
from srgformer_lab.experiments.cluster_driver import Order, work
from srgformer_lab.experiments.engines import Engine, Job, Pool, drive
from srgformer_lab.experiments.needs import Need
from srgformer_lab.experiments.outcomes import Outcome, seen
from srgformer_lab.experiments.workers import Check, HasFolder, SeesRuns, files_of

AUTO = "auto"
HOST_PORT = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d{1,5})")
START_SECONDS = 120.0
"""So long the process that talks to the cluster may take to load its packages."""


@dataclass(frozen=True)
class RayEngine(Engine):
    """A Ray cluster that runs already, of which this machine is a part: each training is a task, begun again where its worker is lost.

    Raises:
        ConfigError: The address is none, or a number is out of its range.
    """

    address: str = AUTO
    """``HOST:PORT`` of its head, or ``auto`` for the cluster that this machine belongs to."""
    n_threads: int = 1
    """Cores that each training takes and computes with."""
    n_retries: int = 3
    """How often a training is begun again after its worker was lost; it goes on from its run folder."""
    answer_seconds: float = 20.0
    """So long the head may take to answer."""
    node_seconds: float = 120.0
    """So long each machine may take to look at the folders."""

    def __post_init__(self) -> None:
        """Refuse what can't be an address or a number of it."""
        match = HOST_PORT.fullmatch(self.address) if isinstance(self.address, str) else None
        if self.address != AUTO and not (match and 0 < int(match[2]) < 2**16):
            raise ConfigError(
                f"address={self.address!r} must be HOST:PORT of the cluster's head, such as 10.0.0.1:6379, as `ray start --head` prints "
                "it, or auto for the cluster that this machine belongs to"
            )
        check_number("threads", self.n_threads, 1, 4096, "cores that each training computes with", True)
        check_number("retries", self.n_retries, 0, 1000, "how often a training is begun again", True)

    @contextmanager
    def opened(self, need: Need, folder: Path, data: Dataset, n_workers: int | None = None, checks: Sequence[Check] = ()) -> Iterator[Pool]:
        """Join the cluster, and look from each of its machines whether folders, data and versions are the same.

        Args:
            need: What the cases take, which is what each task declares.
            folder: Where the run folders are to be: storage that all machines share under one path.
            data: What is trained on, as this machine reads it.
            n_workers: Trainings at most at once; by default as many as the cluster holds.
            checks: What else must hold wherever a training runs.

        Returns:
            What ``with`` enters: the places.

        Raises:
            MissingPackageError: Ray isn't installed.
            ConfigError: The cluster doesn't answer, no machine of it holds such a training, or one does not see what it must.
        """
        require("ray", "cluster")
        if n_workers == 0:
            raise ConfigError("workers=0 trains in this process, and a cluster does not; leave --workers or --engine out")
        path = data.source.path
        with ExitStack() as stack:
            with _shown_to_workers(folder) as token:
                held: list[Check] = [SeesRuns(str(token), token.name)]
                held += [HasFolder(path, files_of(path))] if path else []
                resources = (self.n_threads, need.memory_bytes, need.devices)
                order = Order(self.address, *resources, n_workers, self.n_retries, (*held, *checks), self.node_seconds)
                pool = stack.enter_context(_pool(order, self.answer_seconds))
            yield pool


@contextmanager
def _shown_to_workers(folder: Path) -> Iterator[Path]:
    """Put a file where run folders are to be, for workers to see; where they don't, the folder is not left behind."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    token = folder / f".seen-{uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        token.write_text(token.name, encoding="ascii")
        yield token
    except BaseException as error:
        token.unlink(missing_ok=True)
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        if isinstance(error, OSError):
            raise RunError(f"the folder {folder} can't be written: {error}; choose another --output") from error
        raise
    token.unlink(missing_ok=True)


@contextmanager
def _pool(order: Order, answer_seconds: float) -> Iterator["RayPool"]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.NamedTemporaryFile(prefix="srgformer-lab-ray-", suffix=".log") as log:
        process = context.Process(target=work, args=(theirs, order, log.name), daemon=True)
        process.start()
        theirs.close()
        try:
            said = Path(log.name)
            _told(ours, said, "connecting", START_SECONDS, "the process that talks to the cluster did not start")
            silence = f"no Ray cluster answers at {order.address}"
            remedy = "start one with `ray start --head`, or give the address that it printed"
            _told(ours, said, "connected", answer_seconds, f"{silence} within {answer_seconds:g} s; {remedy}")
            seconds = order.node_seconds + START_SECONDS
            n_places = _told(ours, said, "ready", seconds, f"the machines of the cluster {order.address} don't answer")
            yield RayPool(ours, said, n_places)
        finally:
            ours.close()  # tells it to leave the cluster
            process.join(5)
            process.kill()
            process.join()


def _told(connection: Connection, log: Path, what: str, seconds: float, silence: str) -> int:
    """Wait for a message of one kind; a refusal, or silence, is an error."""
    try:
        kind, value = connection.recv() if connection.poll(seconds) else ("refused", silence)
    except (EOFError, OSError) as error:
        raise ConfigError(f"{silence}: the process that talks to the cluster ended{_last(log)}") from error
    if kind != what:
        raise ConfigError(value)
    return int(value)


def _last(log: Path) -> str:
    """Return what was said last, in brackets."""
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    return next((f" ({line.strip()[:200]})" for line in reversed(lines) if line.strip()), "")


class RayPool(Pool):
    """Places on the machines of a cluster."""

    def __init__(self, connection: Connection, log: Path, n_places: int) -> None:
        """Talk to the process that talks to the cluster."""
        self.n_places, self._connection, self._log = n_places, connection, log
        self._futures: dict[str, Future[tuple[bytes | None, str]]] = {}
        self._lost = ""
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self, cases: Sequence[TrainingCase], job: Job) -> dict[str, Outcome]:
        """Bring cases to their ends as tasks of the cluster.

        Args:
            cases: No two of which need the same training.
            job: Where, until when, and who is told how far it is.

        Returns:
            The outcome of each, by the key of its case; of one whose worker was lost too often, how far it is.

        Raises:
            RunError: The cluster was lost; what had been written is kept.
        """

        def submit(case: TrainingCase) -> Future[tuple[bytes | None, str]]:
            future = self._futures[case.key] = Future()
            self._say(("submit", case.key, pickle.dumps(case), job.folder))
            return future

        def result(future: Future[tuple[bytes | None, str]], case: TrainingCase) -> Outcome:
            packed, reason = future.result()
            so_far = pickle.loads(packed) if packed else seen(case, job.folder)
            return replace(so_far, message=reason) if reason else so_far

        def withdraw(future: Future[tuple[bytes | None, str]], case: TrainingCase) -> bool:
            if not seen(case, job.folder).is_under_way:  # a task that is there is asked through its run folder
                self._say(("withdraw", case.key))
            return False

        return drive(cases, job, lambda: self.n_places, submit, result, withdraw)

    def _say(self, message: tuple[object, ...]) -> None:
        try:
            self._connection.send(message)
        except OSError:
            self._lose()

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                kind, *values = self._connection.recv()
                if kind == "places":
                    self.n_places = values[0]
                elif future := self._futures.pop(values[0], None):
                    if kind == "done":
                        future.set_result((values[1], values[2]))
                    else:
                        future.set_exception(values[1])
        self._lose()

    def _lose(self) -> None:
        last = _last(self._log)
        while self._futures:
            _, future = self._futures.popitem()
            message = f"the Ray cluster was lost{last}; start it again, give the same command, and it goes on from there"
            with suppress(Exception):
                future.set_exception(RunError(message))
