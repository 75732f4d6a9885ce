"""A run in a process of its own, so that a page, a terminal or another machine only reads its folder; and the queue of such processes."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from srgformer_lab import runtime
from srgformer_lab.errors import RunError
from srgformer_lab.training import locks
from srgformer_lab.training.locks import Lock
from srgformer_lab.training.records import Status
from srgformer_lab.training.requests import STOP, drop, pending
from srgformer_lab.training.run import Run

MAX_RUNNING = max(1, runtime.n_cores() // 2)
"""Trainings at once that a page may start on this machine; the rest wait their turn."""
QUEUE_SECONDS = 0.2
QUEUE = ".queue"
"""The hidden folder beside the runs with a ticket, a numbered and locked file, for each training that runs or waits."""
STOPPED_WAITING = "stopped while it waited; resume it to go on"


def start(run: Run) -> subprocess.Popen[bytes]:
    """Start, or go on with, a run in a new process that outlives this one; it waits while too many are running.

    The run belongs to the new process from this moment on: it inherits the lock and its place in the queue.
    What it prints goes to ``log.txt`` in the run folder.

    Raises:
        RunError: The run is being trained already, or the machine has no room for it.
    """
    with run.take() as lock:
        before = _last_status(run)
        drop(pending(run.path, STOP))  # they were meant for an earlier training
        run.write_status(replace(before, state="queued", message="starting"))
        command, held = [sys.executable, "-m", "srgformer_lab", "train", "--resume", str(run.path), "--queue"], ()
        try:
            with ExitStack() as ours, (run.path / "log.txt").open("ab") as log:
                if locks.CAN_ASK:  # else the new process has to lock for itself
                    ticket = ours.enter_context(_ticket(run.path.parent))
                    held = (lock.descriptor, ticket.descriptor)
                    command += ["--held", f"{lock.descriptor},{ticket.descriptor}", "--ticket", str(ticket.path)]
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment(), pass_fds=held
                )
        except OSError as error:
            run.write_status(before)
            raise RunError(f"the training of {run.name} can't be started: {error}; free some space or memory, and try again") from error
    threading.Thread(target=process.wait, daemon=True).start()  # so that a training that ended doesn't stay as a zombie
    return process


def inherited(run: Run, held: str, ticket: str) -> tuple[Lock | None, Lock | None]:
    """Take over the lock and the ticket that ``start`` handed to this process, where it did."""
    numbers = [int(number) for number in held.split(",") if number.isdigit()]
    if len(numbers) != 2:
        return None, None
    return Lock.inherited(run.lock_path, numbers[0]), Lock.inherited(Path(ticket), numbers[1])


@contextmanager
def place_in_queue(run: Run, ticket: Lock | None = None) -> Iterator[None]:
    """Wait for one of the places of this machine, first come, first served, saying so in the status; the caller owns the run.

    Raises:
        RunError: A stop was asked for while waiting, which is obeyed, and the run keeps what it knows; or the queue can't be written.
    """
    before = _last_status(run)
    try:
        ticket = ticket or _ticket(run.path.parent)
    except OSError as error:
        queue = run.path.parent / QUEUE
        raise RunError(f"run {run.name} can't wait in the queue {queue}: {error}; free some space, and try again") from error
    with ticket.beat():
        try:
            while (place := n_before(ticket.path) - MAX_RUNNING + 1) > 0:
                if stops := pending(run.path, STOP):
                    run.write_status(replace(before, state="stopped", message=STOPPED_WAITING))
                    drop(stops)
                    raise RunError(f"run {run.name} was stopped while it waited")
                run.write_status(replace(before, state="queued", message=f"place {place} in the queue"))
                time.sleep(QUEUE_SECONDS)
            yield
        finally:
            with suppress(OSError):  # once its process is gone, anybody removes it
                ticket.path.unlink(missing_ok=True)


def n_before(ticket: Path) -> int:
    """Count the living trainings that came before the one with this ticket."""
    return sum(locks.is_held(path) for path in _tickets(ticket.parent) if path.name < ticket.name)


def _ticket(root: Path) -> Lock:
    """Take the next number; those of processes that died are removed.

    Raises:
        OSError: It can't be written.
    """
    folder = root / QUEUE
    folder.mkdir(exist_ok=True)
    due = time.monotonic() + 10
    while (door := Lock.take(folder / "door")) is None:
        if time.monotonic() > due:
            raise TimeoutError(f"{folder / 'door'} is locked by another process")
        time.sleep(0.005)
    with door:
        tickets = _tickets(folder)
        for path in tickets:
            if not locks.is_held(path):
                path.unlink(missing_ok=True)
        number = 1 + max((int(path.name) for path in tickets), default=0)
        ticket = Lock.take(folder / f"{number:012d}")
        if ticket is None:
            raise BlockingIOError(f"{folder} is used by another program")
    return ticket


def _tickets(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.isdigit())


def _last_status(run: Run) -> Status:
    """Read what the run's last owner wrote; a damaged file is as good as none."""
    try:
        return run.status()
    except RunError:
        return Status("stopped")


def _environment() -> dict[str, str]:
    """Let the new process find this package, also where it isn't installed, and let its idle threads sleep instead of spin.

    Spinning threads take the cores from the app: on two busy cores a step took four times as long with them.
    """
    paths = [os.fspath(path) for path in sys.path if path]
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
