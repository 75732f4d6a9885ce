"""The process that talks to a Ray cluster, and what the cluster's machines are asked to do.

Ray prints, aborts and waits as it likes, so it is kept out of the process that people started. Nothing is sent to anybody: usage reports
are off, and no dashboard is started.
"""

import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from srgformer_lab.errors import ConfigError, LabError
from srgformer_lab.experiments.workers import Check, end_with_parent, look, train
from srgformer_lab.version import VERSION

TURN_SECONDS, PLACES_SECONDS = 0.2, 2.0


@dataclass(frozen=True)
class Order:
    """What is wanted of a cluster."""

    address: str
    n_threads: int
    memory_bytes: int
    devices: frozenset[str]
    n_workers: int | None
    n_retries: int
    checks: Sequence[Check]
    node_seconds: float


def work(connection: Connection, order: Order, log: str) -> None:
    """Join the cluster, look at its machines, and submit tasks until the other end is closed."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other end asks for a stop
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_SCHEDULER_EVENTS="0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "error")
    import ray

    connection.send(("connecting", 0))
    try:
        ray.init(address=order.address, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR)
    except Exception as error:
        remedy = "start one with `ray start --head`, on the other machines with `ray start --address`, and here too"
        connection.send(("refused", f"the Ray cluster {order.address} can't be joined: {_line(error)}; {remedy}"))
        return
    connection.send(("connected", 0))
    try:
        cluster = _Cluster(ray, order)
        cluster.check()
    except LabError as error:
        connection.send(("refused", str(error)))
        return
    connection.send(("ready", cluster.n_places()))
    cluster.serve(connection)


class _Cluster:
    """A cluster that was joined."""

    def __init__(self, ray: Any, order: Order) -> None:
        self.ray, self.order, self.refs = ray, order, dict[Any, str]()
        has_gpus = any(node["Resources"].get("GPU", 0) >= 1 for node in self._nodes())
        self.n_gpus = int(any(device.startswith("cuda") for device in order.devices) or ("auto" in order.devices and has_gpus))
        self.wanted = {"CPU": order.n_threads, "memory": order.memory_bytes, "GPU": self.n_gpus}

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def _room(self, node: dict[str, Any]) -> int:
        return min(int(node["Resources"].get(name, 0) // amount) for name, amount in self.wanted.items() if amount)

    def n_places(self) -> int:
        """Return how many trainings run at once."""
        room = sum(map(self._room, self._nodes()))
        return room if self.order.n_workers is None else min(room, self.order.n_workers)

    def check(self) -> None:
        """Refuse a cluster of which no machine holds a training, or one does not see what it must.

        Raises:
            ConfigError: So.
        """
        nodes = [node for node in self._nodes() if self._room(node)]
        if not nodes:
            wanted = f"{self.order.n_threads} cores, {self.order.memory_bytes / 2**30:.1f} GiB{' and a GPU' * self.n_gpus}"
            raise ConfigError(f"no machine of the cluster has {wanted} for a training; take fewer --threads, or add a machine")
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as OnlyOn

        task, looked = self.ray.remote(look), {}
        for node in nodes:
            there = task.options(num_cpus=0, max_retries=0, scheduling_strategy=OnlyOn(node["NodeID"], soft=False))
            looked[there.remote(self.order.checks)] = node["NodeName"]
        done, late = self.ray.wait(list(looked), num_returns=len(looked), timeout=self.order.node_seconds)
        for ref in done:
            try:
                version, wrong = self.ray.get(ref)
            except Exception as error:
                remedy = f"install srgformer-lab {VERSION} there"
                raise ConfigError(f"the worker {looked[ref]} can't begin a training: {_line(error)}; {remedy}") from error
            if wrong:
                raise ConfigError(f"the worker {looked[ref]} {wrong}")
            if version != VERSION:
                raise ConfigError(f"the worker {looked[ref]} has srgformer-lab {version}, and this machine {VERSION}; install the same")
        if late:
            seconds = f"{self.order.node_seconds:g} s"
            raise ConfigError(
                f"the worker {looked[late[0]]} did not look at the folders within {seconds}; see whether it is there, or busy"
            )

    def serve(self, connection: Connection) -> None:
        """Submit what is asked for and tell what ended, until the other end is closed."""
        task, wanted = self.ray.remote(train), self.order
        options = {"num_cpus": wanted.n_threads, "num_gpus": self.n_gpus, "memory": wanted.memory_bytes}
        options |= {"max_retries": wanted.n_retries, "scheduling_strategy": "SPREAD"}
        told, due = self.n_places(), time.monotonic()
        try:
            while True:
                while connection.poll(0 if self.refs else TURN_SECONDS):
                    kind, *values = connection.recv()
                    if kind == "submit":
                        key, packed, folder = values
                        self.refs[task.options(**options, name=key).remote(packed, folder, wanted.n_threads)] = key
                    else:
                        for ref in [ref for ref, key in self.refs.items() if key == values[0]]:
                            self.ray.cancel(ref)
                for ref in self.ray.wait(list(self.refs), timeout=TURN_SECONDS)[0] if self.refs else ():
                    connection.send(self._ended(ref, self.refs.pop(ref)))
                if time.monotonic() > due:
                    due = time.monotonic() + PLACES_SECONDS
                    if (now := self.n_places()) != told:
                        told = now
                        connection.send(("places", now))
        except (EOFError, OSError):
            self.ray.shutdown()  # which ends the tasks

    def _ended(self, ref: Any, key: str) -> tuple[Any, ...]:
        errors = self.ray.exceptions
        try:
            return "done", key, self.ray.get(ref), ""
        except errors.TaskCancelledError:
            return "done", key, None, ""
        except errors.RayTaskError as error:
            cause = getattr(error, "cause", None)
            return "broke", key, cause if isinstance(cause, Exception) else RuntimeError(_line(error))
        except errors.RayError as error:
            return "done", key, None, f"its worker was lost {self.order.n_retries + 1} times: {_line(error)}"


def _line(error: Exception) -> str:
    """Return what an error says last, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
