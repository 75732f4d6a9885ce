"""Let several processes train, stop, resume, steer, rename, delete and list the same runs at random, and look for what got lost.

``python -m benchmarks.robustness --interleavings 1000`` prints its seed; the same seed plays the same actions, though the system decides
how they fall together. In each interleaving four processes act on two runs and on those that they begin. Trainings are processes of
their own, some of which are killed. Then every run that is left is trained to its end, and it must hold:

- nothing but named errors was raised, and listing the runs never raised any;
- every knob has the value that its mover set last, wherever the run was then;
- a training that ran when a stop was asked for went at most two steps further;
- every history has each epoch once, and equals an unbroken run's where no knob was moved.

``--data-folders 10000`` and ``--run-folders 10000`` damage folders instead, see ``benchmarks/hostile.py``; ``--kills 1000`` breaks off what
writes, see ``benchmarks/kills.py``; ``--minutes 60`` plays everything in turns.
"""

import argparse
import gc
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import srgformer_lab as lab
from benchmarks import hostile, kills
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.training import managing
from srgformer_lab.training.recording import Recorder

N_ACTORS, N_ACTIONS = 4, 6
KNOBS = ("regularization_weight", "learning_rate", "modality_contrast_weight", "contrast_temperature")
MODEL, TRAIN = lab.LightGCNConfig(embedding_dim=4), lab.TrainConfig(epochs=8, patience=100, batch_size=4096, keep_epochs=3, device="cpu")
MOST_STATUSES = 2


class Log:
    """What one process did, a line an event, on the clock that all processes share."""

    def __init__(self, folder: Path, who: str) -> None:
        self.path = folder / f"{who}.jsonl"

    def __call__(self, what: str, **about: object) -> None:
        """Write an event."""
        with self.path.open("a") as file:
            file.write(json.dumps({"what": what, "at": time.monotonic(), "pid": os.getpid(), **about}) + "\n")

    def tried(self, what: str, act: Callable[[], object], **about: object) -> object:
        """Do something that may be refused by name; anything else that is raised is a fault."""
        began = time.monotonic()
        try:
            result = act()
        except lab.LabError as error:
            self("refused", of=what, error=str(error), **about)
            return None
        except BaseException:
            self("fault", of=what, error=traceback.format_exc(), **about)
            return None
        self(what, began=began, **about)
        return result


class Actor:
    """One person at one machine: some random actions in a row."""

    def __init__(self, root: Path, logs: Path, number: int, seed: str, data: Dataset) -> None:
        self.root, self.logs, self.number, self.data = root, logs, number, data
        self.rng, self.log = random.Random(f"{seed}/{number}"), Log(logs, f"actor{number}")
        self.children: list[int] = []
        self.counter = 0

    def act(self) -> None:
        """Do all, then wait for the trainings that were begun here."""
        twice = (self.resume, self.stop, self.turn) * 2
        acts = (self.train, *twice, self.rename, self.delete, self.look, self.kill)
        for _ in range(N_ACTIONS):
            self.rng.choice(acts)()
            time.sleep(self.rng.random() * 0.03)
        for child in self.children:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)

    def new_name(self) -> str:
        """Return a name that no run ever had, so that a name tells which run was meant."""
        self.counter += 1
        return f"n{self.number}-{self.counter}"

    def some(self) -> lab.Run | None:
        """Choose one of the folders that are there."""
        names = sorted(path.name for path in self.root.iterdir() if not path.name.startswith("."))
        return lab.Run(self.root / self.rng.choice(names)) if names else None

    def begin(self, run: lab.Run, what: str) -> None:
        """Train in a process of its own."""
        child = os.fork()
        if child:
            self.children.append(child)
            return
        log = Log(self.logs, f"trainer{os.getpid()}")

        def watch(status: object) -> None:
            log("status", run=run.name, state=status.state, epoch=status.epoch)

        log.tried(what, lambda: lab.resume(run, self.data, watch), run=run.name)
        os._exit(0)

    def train(self) -> None:
        """Begin a new run."""
        name = self.new_name()
        run = self.log.tried("create", lambda: lab.Run.create(self.root, name, self.data, "lightgcn", MODEL, TRAIN), run=name)
        if isinstance(run, lab.Run):
            self.begin(run, "train")

    def resume(self) -> None:
        """Go on with some run, or try to."""
        if run := self.some():
            self.begin(run, "resume")

    def stop(self) -> None:
        """Ask some run to stop."""
        if run := self.some():
            self.log.tried("stop", run.request_stop, run=run.name)

    def turn(self) -> None:
        """Move this actor's own knob of some run."""
        knob, value = KNOBS[self.number], round(self.rng.uniform(0.06, 0.2), 6)
        if run := self.some():
            self.log.tried("turn", lambda: run.update_knobs(**{knob: value}), run=run.name, knob=knob, value=value)

    def rename(self) -> None:
        """Give some run a new name."""
        wanted = self.new_name()
        if run := self.some():
            self.log.tried("rename", lambda: managing.rename_run(run, wanted), run=run.name, to=wanted)

    def delete(self) -> None:
        """Delete some run, now and then."""
        if self.rng.random() < 0.5 and (run := self.some()):
            self.log.tried("delete", lambda: managing.delete_run(run), run=run.name)

    def look(self) -> None:
        """List all runs and read each."""
        try:
            runs = managing.list_runs(self.root)
        except BaseException:
            self.log("fault", of="list", error=traceback.format_exc())
            return
        for run in runs:
            self.log.tried("look", lambda run=run: (run.status(), run.knobs(), run.history(), repr(run)), run=run.name)

    def kill(self) -> None:
        """Kill a training that was begun here, if it still runs."""
        if self.children:
            with suppress(ProcessLookupError):
                os.kill(self.rng.choice(self.children), signal.SIGKILL)


def history_of(run: lab.Run) -> list[dict[str, object]]:
    """Read a history, less the seconds, which differ from run to run."""
    records = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


def play(folder: Path, seed: str, data: Dataset, unbroken: list[dict[str, object]]) -> list[str]:
    """Play one interleaving in a folder, and return what went wrong."""
    root, logs = folder / "runs", folder / "logs"
    logs.mkdir(parents=True)
    for name in ("a", "b"):
        lab.Run.create(root, name, data, "lightgcn", MODEL, TRAIN)
    actors = []
    for number in range(N_ACTORS):
        child = os.fork()
        if not child:
            try:
                Actor(root, logs, number, seed, data).act()
            except BaseException:
                Log(logs, f"actor{number}")("fault", of="actor", error=traceback.format_exc())
            os._exit(0)
        actors.append(child)
    for child in actors:
        os.waitpid(child, 0)
    events = sorted((json.loads(line) for path in logs.iterdir() for line in path.read_text().splitlines()), key=lambda event: event["at"])
    return judged(root, events, data, unbroken)


def judged(root: Path, events: list[dict], data: Dataset, unbroken: list[dict[str, object]]) -> list[str]:
    """Say what is not as it must be, after training every run to its end."""
    wrong = [f"{event['of']} raised {event['error']}" for event in events if event["what"] == "fault"]
    first = {event["to"]: event["run"] for event in events if event["what"] == "rename"}

    def identity(name: str) -> str:
        while name in first:
            name = first[name]
        return name

    running = [event for event in events if event["what"] == "status" and event["state"] == "running"]
    for stop in (event for event in events if event["what"] == "stop"):
        statuses = [event for event in running if identity(event["run"]) == identity(stop["run"])]
        for pid in {event["pid"] for event in statuses if event["at"] < stop["began"]}:
            after = [event for event in statuses if event["pid"] == pid and event["at"] > stop["at"]]
            if len(after) > MOST_STATUSES:
                wrong.append(f"a stop of {stop['run']} was lost: its training went on for {len(after)} more steps")
    for waiting in list(managing.deleted_runs(root)):
        managing.restore_run(waiting, root)
    for path, reason in managing.damaged_runs(root).items():
        wrong.append(f"{path.name} is damaged: {reason}")
    for run in managing.list_runs(root):
        turns = [event for event in events if event["what"] == "turn" and identity(event["run"]) == identity(run.name)]
        moved = {event["knob"]: event["value"] for event in turns}
        if lost := {name: (value, run.knobs()[name]) for name, value in moved.items() if run.knobs()[name] != value}:
            wrong.append(f"knobs of {run.name} were lost: {lost}")
        lab.resume(run, data)
        if lost := {name: (value, run.knobs()[name]) for name, value in moved.items() if run.knobs()[name] != value}:
            wrong.append(f"knobs of {run.name} were lost in its training: {lost}")
        epochs = list(run.history()["epoch"])
        if run.status().state != "finished" or epochs != list(range(1, TRAIN.epochs + 1)):
            wrong.append(f"{run.name} is {run.status()}, its epochs are {epochs}")
        if not moved and history_of(run) != unbroken:
            wrong.append(f"the history of {run.name} is not that of an unbroken run")
        if left := [path.name for path in run.path.rglob(".*")]:
            wrong.append(f"{run.name} holds {left}")
    made = {identity(event["run"]) for event in events if event["what"] == "create"} | {"a", "b"}
    found = {identity(run.name) for run in managing.list_runs(root)}
    return wrong + [f"run {name} is gone" for name in sorted(made - found)]


def play_all(n: int, seed: int, folder: Path, tell: Callable[[str], object] = print) -> list[str]:
    """Play ``n`` interleavings, each in a folder of its own, and return what went wrong."""
    Recorder.__init__.__globals__["STATUS_SECONDS"] = 0.0  # a status at every step, which is what the stops are checked by
    data = lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)
    reference = lab.Run.create(folder / "reference", "unbroken", data, "lightgcn", MODEL, TRAIN)
    lab.resume(reference, data)
    unbroken, wrong = history_of(reference), []
    gc.freeze()  # what all processes share stays shared
    for number in range(n):
        found = play(folder / str(number), f"{seed}/{number}", data, unbroken)
        wrong += [f"interleaving {number} of seed {seed}: {line}" for line in found]
        if found or number % 50 == 49:
            tell(f"{number + 1} played, {len(wrong)} faults" + "".join(f"\n  {line}" for line in found))
    return wrong


PARTS: Mapping[str, tuple[int, Callable[[int, int, Path, Callable[[str], object]], list[str]]]] = {
    "kills": (40, kills.play_kills),
    "interleavings": (10, play_all),
    "data folders": (100, hostile.attack_data),
    "run folders": (100, hostile.attack_runs),
}
"""What there is to play, and how many of each make a turn of ``--minutes``."""


def main() -> int:
    """Play, and return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interleavings", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0, help="actions to break off at a call that writes, or at a random moment")
    parser.add_argument("--data-folders", type=int, default=0, help="damaged data folders to open")
    parser.add_argument("--run-folders", type=int, default=0, help="damaged run folders to open")
    parser.add_argument("--minutes", type=float, default=0, help="play everything in turns for so long")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    counts = {"kills": options.kills, "interleavings": options.interleavings}
    counts |= {"data folders": options.data_folders, "run folders": options.run_folders}
    n_wrong = sum(played(name, n, options.seed) for name, n in counts.items() if n)
    due, turn = time.monotonic() + 60 * options.minutes, 0
    while time.monotonic() < due:
        for name, (n, _) in PARTS.items():
            n_wrong += played(name, n, options.seed + turn)
        turn += 1
    return 1 if n_wrong else 0


def played(name: str, n: int, seed: int) -> int:
    """Play one part in a folder of its own, and return how many faults it found."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        wrong = PARTS[name][1](n, seed, Path(folder), lambda line: print(line, flush=True))
    print(f"{n} {name} of seed {seed} in {time.monotonic() - started:.0f} s: {len(wrong)} faults", flush=True)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
