"""A run in a process of its own, so that a page, a terminal or another machine only reads its folder."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from filelock import FileLock, Timeout

from srgformer_lab import runtime
from srgformer_lab.errors import RunError
from srgformer_lab.training.run import Run, Status

MAX_RUNNING = max(1, runtime.n_cores() // 2)
"""Trainings at once that a page may start on this machine; the rest wait their turn."""
QUEUE_SECONDS = 0.5


def start(run: Run) -> subprocess.Popen[bytes]:
    """Start, or go on with, a run in a new process that outlives this one; it waits while too many are running.

    What the process prints goes to ``log.txt`` in the run folder.

    Raises:
        RunError: The run is being trained already, or the machine has no room for it.
    """
    if run.is_held():
        raise RunError(f"run {run.name} is being trained already")
    run.write_status(replace(run.status(), state="queued", message="starting"))
    command = [sys.executable, "-m", "srgformer_lab", "train", "--resume", str(run.path), "--queue"]
    try:
        with (run.path / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment()
            )
    except OSError as error:
        raise RunError(f"the training of {run.name} can't be started: {error}; free some space or memory, and try again") from error
    threading.Thread(target=process.wait, daemon=True).start()  # so that a training that ended doesn't stay as a zombie
    return process


@contextmanager
def place_in_queue(run: Run) -> Iterator[None]:
    """Wait for one of the places of this machine, saying so in the status; leave the queue when a stop is asked for.

    Raises:
        RunError: A stop was asked for while waiting.
    """
    folder = run.path.parent / ".places"
    folder.mkdir(exist_ok=True)
    while True:
        for number in range(MAX_RUNNING):
            lock = FileLock(folder / f"{number}.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            try:
                yield
            finally:
                lock.release()
            return
        if run.stop_is_requested():
            run.write_status(Status("stopped", message="stopped while it waited; resume it to go on"))
            raise RunError(f"run {run.name} was stopped while it waited")
        run.write_status(replace(run.status(), state="queued", message="waiting for another training to end"))
        time.sleep(QUEUE_SECONDS)


def _environment() -> dict[str, str]:
    """Let the new process find this package, also where it isn't installed, and let its idle threads sleep instead of spin.

    Spinning threads take the cores from the app: on two busy cores a step took four times as long with them.
    """
    paths = [os.fspath(path) for path in sys.path if path]
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
