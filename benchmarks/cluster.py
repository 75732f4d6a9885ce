"""Lose workers in the middle of an experiment on a Ray cluster, and hold its tables against those of this machine.

``python -m benchmarks.cluster`` starts two nodes with one core each on 127.0.0.1, gives them twelve small trainings, ends one training
with SIGKILL, and then one of the nodes. It must hold:

- all trainings are finished, and those that were hit went on from their last epoch;
- rows and table are those of the local engine byte for byte, seconds apart.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

import srgformer_lab as lab
from srgformer_lab.experiments.engines import Engine, ExperimentProgress

ON_THIS_MACHINE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
"""Nothing leaves 127.0.0.1: the second makes Ray stay on it, and is needed by whoever joins such a cluster too."""
TIMED = ("seconds", "epoch_seconds")
WORLD = {"n_users": 120, "n_items": 80, "n_groups": 4, "n_interactions": 2_000}
SMALL = {"embedding_dim": 8, "n_heads": 2, "n_hyperedges": 3, "batch_size": 256, "epochs": 20, "patience": 20, "device": "cpu"}
TWELVE = lab.Setup(
    lab.Recipe("studio", WORLD), "studio", (0, 1, 2, 3), SMALL | {"learning_rate": 0.01}, only=("whole", "w/o attention", "w/o HCL")
)
NODE = {"object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1", "include_log_monitor": False}


@contextmanager
def nodes(cores: tuple[int, ...]) -> Iterator[Callable[[], tuple[str, list[int]]]]:
    """Run a cluster with a node for each number of cores; what is given waits for it, and returns its address and the nodes' processes."""
    command = [sys.executable, "-m", "benchmarks.cluster", "--hold", *map(str, cores)]
    paths = os.pathsep.join(path for path in (os.fspath(Path.cwd()), *sys.path) if path)
    environment = {**os.environ, **ON_THIS_MACHINE, "PYTHONPATH": paths}
    held = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)

    def told() -> tuple[str, list[int]]:
        for line in held.stdout or ():
            if line.startswith("{"):
                about = json.loads(line)
                return about["address"], about["nodes"]
        raise RuntimeError("the cluster did not start")

    try:
        yield told
    finally:
        for stream in (held.stdin, held.stdout):
            if stream:
                stream.close()
        held.wait(30)


def hold(cores: list[int]) -> None:
    """Be the cluster until the input is closed."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, "num_cpus": cores[0], **NODE})
    others = [cluster.add_node(num_cpus=count, **NODE) for count in cores[1:]]
    raylets = [node.all_processes["raylet"][0].process for node in (cluster.head_node, *others)]
    print(json.dumps({"address": cluster.address, "nodes": [raylet.pid for raylet in raylets]}), flush=True)
    signal.signal(signal.SIGCHLD, lambda *_: [raylet.poll() for raylet in raylets])  # a node that was killed is gone, and no zombie
    sys.stdin.read()
    cluster.shutdown()


@dataclass
class Killer:
    """Ends a training, and then a node, while an experiment goes on."""

    runs: Path
    node: int | None = None
    """The process that is the node."""
    after: int = 1
    """So many trainings are done first."""
    hit: dict[str, bytes] = field(default_factory=dict)
    """The history of each training that was hit, as it was then."""

    def __call__(self, progress: ExperimentProgress) -> None:
        """Look at the experiment, and act when its moment has come."""
        if progress.n_done >= self.after and not self.hit:
            if under_way := self._under_way():
                run = under_way[0]
                self.hit[run.name] = (run.path / "history.jsonl").read_bytes()
                os.kill(run.status().pid, signal.SIGKILL)
        elif progress.n_done >= 4 and self.node is not None and (under_way := self._under_way()):
            before = {run.name: (run.path / "history.jsonl").read_bytes() for run in under_way}
            mine = [run for run in under_way if _parent(run.status().pid) == self.node]
            if mine:
                os.kill(self.node, signal.SIGKILL)
                self.node, self.hit = None, self.hit | {run.name: before[run.name] for run in mine}

    def _under_way(self) -> list[lab.Run]:
        runs = [lab.Run(path.parent) for path in self.runs.glob("*/status.json")]
        return [run for run in runs if (status := run.status()).state == "running" and status.epoch >= 2]

    def check(self) -> None:
        """Assert that what was hit went on from its last epoch."""
        for name, before in self.hit.items():
            kept = [line for line in before.splitlines() if b'"epoch", "epoch"' in line]
            after = (self.runs / name / "history.jsonl").read_bytes().splitlines()
            assert kept, name
            assert all(line in after for line in kept[:-1]), f"{name} began anew"


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:  # the process that was killed: who goes on with its training has not said so yet
        return 0


def tables(folder: Path, setup: lab.Setup, engine: Engine, n_workers: int, watch: Killer | None = None) -> Mapping[str, bytes]:
    """Run the experiment, and return its tables without times."""
    for _ in lab.run_experiment("ablation", setup, folder / "tables", n_workers, watch=watch, engine=engine):
        pass
    found = {}
    for name in ("rows", "table"):
        frame = pd.read_csv(folder / "tables" / f"{name}.csv", dtype=str, keep_default_na=False)
        found[name] = frame.drop(columns=[column for column in TIMED if column in frame]).to_csv(index=False).encode()
    return found


def main() -> int:
    """Lose workers, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold", type=int, nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        hold(options.hold)
        return 0
    os.environ.update(ON_THIS_MACHINE)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        local = tables(Path(folder) / "local", TWELVE, lab.LocalEngine(n_threads=1), 2)
        print(f"local, two processes: {time.monotonic() - started:.0f} s")
        with nodes((1, 1)) as told:
            address, processes = told()
            started, killer = time.monotonic(), Killer(Path(folder) / "ray" / "runs", processes[1])
            found = tables(Path(folder) / "ray", TWELVE, lab.RayEngine(address), 2, killer)
            print(f"Ray, two nodes, of which one is lost: {time.monotonic() - started:.0f} s")
        killer.check()
        rows = pd.read_csv(Path(folder) / "ray" / "tables" / "rows.csv")
        hit = f"hit and gone on: {', '.join(killer.hit)}; a node lost: {'yes' if killer.node is None else 'NO'}"
        print(f"{len(rows)} trainings, {(rows['state'] == 'finished').sum()} finished; {hit}")
        same = {name: found[name] == local[name] for name in local}
        print("equal byte for byte, seconds apart: " + ", ".join(f"{name} {'yes' if equal else 'NO'}" for name, equal in same.items()))
        return 0 if all(same.values()) and (rows["state"] == "finished").all() and killer.hit and killer.node is None else 1


if __name__ == "__main__":
    sys.exit(main())
