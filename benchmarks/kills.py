"""Break off, at any call that writes, what people and pages do with runs; then look for what was lost.

``python -m benchmarks.robustness --kills 1000`` chooses so often an action on a small folder of runs and what befalls it: SIGKILL at some
call that changes the disk (a write half done) or at some moment, or an error of the disk (``benchmarks/faults.py``). Then, on a disk that
works, it must hold:

- the action gave a result or a named error, and a result means that it is done;
- no run is lost or damaged; history, weights and metrics of each, trained to its end, equal those of an undisturbed run bit for bit;
- no temporary file and no half-made folder is left.
"""

import hashlib
import io
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import safe_open

import srgformer_lab as lab
from benchmarks.faults import KINDS, Faults, in_a_child
from benchmarks.hostile import world
from srgformer_lab.cli import main
from srgformer_lab.experiments.report import write_files
from srgformer_lab.lessons import progress
from srgformer_lab.training import files, managing, recording, worker
from srgformer_lab.training.records import Status

TRAIN = lab.TrainConfig(epochs=6, patience=100, batch_size=1024, keep_epochs=3, device="cpu")
MODELS = {"lightgcn": lab.LightGCNConfig(embedding_dim=4), "srgformer": lab.ModelConfig(embedding_dim=4, n_heads=1, n_hyperedges=2)}
KNOB, VALUE = "learning_rate", 0.004
UNTIMED = ("seconds", "history_bytes")
"""What differs from run to run: how long it took, and how many digits that has."""


@dataclass(frozen=True)
class Place:
    """A folder that one action is played in."""

    folder: Path

    @property
    def root(self) -> Path:
        """The folder of runs: ``half`` was stopped in its middle, ``fresh`` not begun, ``done`` is finished, and one is in the trash."""
        return self.folder / "runs"

    def run(self, name: str) -> lab.Run:
        """Return a run."""
        return lab.Run(self.root / name)


def command(*arguments: str) -> str:
    """Give a command; it ends in a line on standard error at most, never in a traceback."""
    told = io.StringIO()
    with redirect_stdout(told), redirect_stderr(told):
        code = main(arguments)
    if code:
        raise lab.LabError(told.getvalue())
    return told.getvalue()


def train(place: Place) -> str:
    """Train a new run."""
    model = lab.LightGCN(world(), MODELS["lightgcn"])
    return lab.fit(model, world(), TRAIN, place.root, "new").status().state


def train_srgformer(place: Place) -> str:
    """Train a new run of the other model."""
    model = lab.SRGFormer(world(), MODELS["srgformer"])
    return lab.fit(model, world(), TRAIN.replace(epochs=3), place.root, "new").status().state


def resume(place: Place) -> str:
    """Go on with what was stopped."""
    return lab.resume(place.run("half"), world()).status().state


def stop(place: Place) -> str:
    """Begin a training that is asked to stop."""
    run = place.run("fresh")

    def watch(status: Status) -> None:
        if (status.state, status.epoch, status.step) == ("running", 3, 0):
            run.request_stop()

    state = lab.resume(run, world(), watch).status().state
    if (state, run.status().epoch) != ("stopped", 3):  # a request that can't be removed is stale when the run goes on
        raise AssertionError(f"a stop was lost: {run.status()}")
    return state


def turn_while_training(place: Place) -> str:
    """Turn a knob of a training."""
    run = place.run("fresh")

    def watch(status: Status) -> None:
        if (status.epoch, status.step) == (2, 0):
            run.update_knobs(**{KNOB: VALUE})

    return lab.resume(run, world(), watch).status().state


def turn(place: Place) -> str:
    """Turn a knob of a run that nobody trains."""
    place.run("half").update_knobs(**{KNOB: VALUE})
    return "turned"


def turn_often(place: Place) -> str:
    """Turn so often that the requests are merged."""
    for _ in range(18):
        place.run("half").update_knobs(**{KNOB: VALUE})
    return "turned"


def rename(place: Place) -> str:
    """Rename a run."""
    return managing.rename_run(place.run("half"), "renamed").name


def delete(place: Place) -> str:
    """Put a run into the trash."""
    return managing.delete_run(place.run("half"))


def delete_for_good(place: Place) -> str:
    """Delete a run."""
    place.run("done").delete()
    return "deleted"


def restore(place: Place) -> str:
    """Bring back what is in the trash."""
    return managing.restore_run(next(iter(managing.deleted_runs(place.root))), place.root).name


def look(place: Place) -> str:
    """List and read all."""
    return " ".join(map(repr, managing.list_runs(place.root))) + str(managing.damaged_runs(place.root)) + command("runs", str(place.root))


def train_by_command(place: Place) -> str:
    """Go on with a run by the command line, in the queue."""
    return command("train", "--resume", str(place.root / "half"), "--queue")


def stop_by_command(place: Place) -> str:
    """Ask for a stop of a run that some process owns."""
    with place.run("fresh").hold():
        return command("stop", str(place.root / "fresh"))


def recommend(place: Place) -> str:
    """Write lists of all users."""
    return command("recommend", str(place.root / "done"), "--output", str(place.folder / "lists.csv"))


def report(place: Place) -> str:
    """Write a report as tables."""
    return command("report", str(place.root / "done"), "--output", str(place.folder / "report.zip"))


def tables(place: Place) -> str:
    """Write the tables of an experiment."""
    frame = pd.DataFrame({"seed": [1, 2], "recall@20": [0.5, 0.25]})
    return str(write_files(place.folder / "table", {"a.csv": frame, "b.csv": frame}, {"c.md": "c" * 9000}, {"d": 1}))


def learn(place: Place) -> str:
    """Note an exercise as solved."""
    progress.file = lambda: place.folder / "state" / "lessons.json"
    if trouble := progress.record(1, progress.SOLVED, "exercise"):
        raise lab.LabError(trouble)
    return "noted"


ACTIONS: Mapping[str, Callable[[Place], str]] = {
    act.__name__: act
    for act in (
        *(train, train_srgformer, resume, stop, turn_while_training, turn, turn_often, rename, delete, delete_for_good, restore, look),
        *(train_by_command, stop_by_command, recommend, report, tables, learn),
    )
}
HEAVY = ("train", "resume", "stop", "turn_while_training", "train_by_command")
"""Actions that write most often, and are chosen three times as often as others."""


def prepare(folder: Path) -> dict[str, dict[str, Any]]:
    """Fill a folder with runs, and return what each is at its end, also where its knob was turned in its middle."""
    recording.STATUS_SECONDS = 0.0  # a status at every step, so that every training writes as often
    place, at_3 = Place(folder), lambda run: lambda status: run.request_stop() if status.epoch == 3 else None
    for name in ("done", "half", "fresh", "gone"):
        kind = "srgformer" if name == "done" else "lightgcn"
        run = lab.Run.create(place.root, name, world(), kind, MODELS[kind], TRAIN.replace(epochs=3) if name == "done" else TRAIN)
        if name != "fresh":
            lab.resume(run, world(), at_3(run) if name in ("half", "gone") else None)
    ends = {}
    for name, source in (("done", "done"), ("lightgcn", "fresh"), ("turned", "half")):
        other = Path(shutil.copytree(place.root / source, folder / "ends" / name))
        if name == "turned":
            lab.Run(other).update_knobs(**{KNOB: VALUE})
        ends[name] = end_of(lab.resume(lab.Run(other), world()))
    shutil.copytree(place.run("gone").path, folder / "gone")
    managing.delete_run(place.run("gone"))
    return ends


def end_of(run: lab.Run) -> dict[str, Any]:
    """Return what a finished run holds, but for times."""
    records = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    found: dict[str, Any] = {"history": [{name: value for name, value in record.items() if name != "seconds"} for record in records]}
    for path in sorted(run.path.rglob("*.safetensors")):
        with safe_open(path, "np") as file:
            facts = json.loads(file.metadata()["facts"])
            digest = hashlib.sha256(b"".join(file.get_tensor(name).tobytes() for name in sorted(file.keys()))).hexdigest()
        found[str(path.relative_to(run.path))] = digest, {name: value for name, value in facts.items() if name not in UNTIMED}
    status = run.status()
    return found | {"result": run.test_metrics(), "knobs": run.knobs(), "status": (status.state, status.epoch, status.best_epoch)}


def judged(place: Place, base: Path, name: str, answer: tuple[str, str], ends: Mapping[str, dict[str, Any]]) -> list[str]:
    """Say what is not as it must be, after training every run that was touched to its end."""
    kind, words = answer
    wrong = [f"{kind}: {words}"] if kind in ("fault", "hung") else []
    is_done = kind == "result"
    wrong += [f"{path.name} is damaged: {reason}" for path, reason in managing.damaged_runs(place.root).items()]
    before = {run.name: run for run in managing.list_runs(place.root)}
    waiting = set(managing.deleted_runs(place.root).values())
    present, moved = set(before), {"rename": "renamed", "delete": ""}.get(name)
    if moved is not None:
        is_there, has_moved = "half" in present, (moved in present if moved else "half" in waiting)
        if is_there == has_moved or (is_done and is_there):
            wrong.append(f"after {name} there are {sorted(present)}, and {sorted(waiting)} wait")
    elif "half" not in present:
        wrong.append("half is gone")
    if "fresh" not in present or ("done" not in present and name != "delete_for_good"):
        wrong.append(f"there are only {sorted(present)}")
    if ("gone" in present) == ("gone" in waiting) or (is_done and name == "restore" and "gone" in waiting):
        wrong.append(f"what was deleted is {'twice there' if 'gone' in present else 'gone for good'}")
    if is_done and name == "delete_for_good" and "done" in present:
        wrong.append("what was deleted is still there")
    for waits in list(managing.deleted_runs(place.root)):
        managing.restore_run(waits, place.root)
    files.LEFT_SECONDS = 0  # nothing else is at work here
    wrong += ended(place, base, name, is_done, ends)
    lab.Run.create(place.root, "next", world(), "lightgcn", MODELS["lightgcn"], TRAIN)
    if name in (recommend.__name__, report.__name__, tables.__name__, learn.__name__):
        ACTIONS[name](place)  # the next start sweeps
    kept = (managing.TRASH, worker.QUEUE)
    wrong += [f"{path.name} is left" for path in place.folder.rglob(".*") if path.name not in kept]
    return wrong


def contents(folder: Path) -> dict[str, bytes]:
    """Return what a folder holds, but for the lock file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def ended(place: Place, base: Path, name: str, is_done: bool, ends: Mapping[str, dict[str, Any]]) -> list[str]:
    """Train every run that was touched to its end, and say what differs from the undisturbed ones."""
    wrong = []
    for run in managing.list_runs(place.root):
        source = base.parent / "gone" if run.name == "gone" else base / {"renamed": "half"}.get(run.name, run.name)
        if not any(run.path.rglob(".*")) and source.exists() and contents(run.path) == contents(source):
            continue  # it ends as the one that it is like
        turned = run.knobs().get(KNOB) == VALUE
        if is_done and name.startswith("turn") and not turned and run.name == ("fresh" if name.endswith("training") else "half"):
            wrong.append(f"the knob of {run.name} was turned back")
        train_config = run.config.train
        lab.resume(run, world())
        if run.config.model_name == "srgformer":
            end = ends["done"]
        elif turned and run.name == "fresh":  # at which step, depends on what befell it
            if list(run.history()["epoch"]) != list(range(1, train_config.epochs + 1)) or run.knobs()[KNOB] != VALUE:
                wrong.append(f"{run.name} ends as {run.status()} with {run.knobs()}")
            continue
        else:
            end = ends["turned" if turned else "lightgcn"]
        found = end_of(run)
        differing = [part for part in {*end, *found} if found.get(part) != end.get(part)]
        wrong += [f"{run.name} differs in {part}: {found.get(part)!r:.300} {end.get(part)!r:.300}" for part in differing]
    return wrong


def play(base: Path, folder: Path, name: str, faults: Faults, seconds: float) -> tuple[str, str]:
    """Let something befall an action on a copy of the runs, and return how it ended."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder / "runs")
    place = Place(folder)
    return in_a_child(lambda: ACTIONS[name](place), faults, seconds)


def play_kills(n: int, seed: int, folder: Path, tell: Callable[[str], object] = print) -> list[str]:
    """Let something befall ``n`` actions, and return what went wrong."""
    ends = prepare(folder / "base")
    base, place, counts, seconds = folder / "base" / "runs", Place(folder / "now"), dict[str, int](), dict[str, float]()
    tally, wrong = Counter[str](), []
    for name in ACTIONS:
        started = time.monotonic()
        kind, words = play(base, place.folder, name, faults := Faults(str(place.folder)), 0.0)
        counts[name], seconds[name] = len(faults.names), time.monotonic() - started
        if kind != "result":
            wrong.append(f"{name}, undisturbed: {kind} {words}")
    tell(f"calls that write: {counts}")
    if counts["look"]:
        wrong.append(f"looking writes {counts['look']} times")
    choices = [name for name in ACTIONS if counts[name] for _ in range(3 if name in HEAVY else 1)]
    for number in range(n):
        rng = random.Random(f"{seed}/{number}")
        name, fault = rng.choice(choices), rng.choice((*KINDS, "kill", "kill", "moment"))
        at = rng.randint(1, counts[name])
        faults = Faults(str(place.folder), "" if fault == "moment" else fault, 0 if fault == "moment" else at)
        answer = play(base, place.folder, name, faults, rng.uniform(0.001, seconds[name]) if fault == "moment" else 0.0)
        tally[f"{fault}: {answer[0]}"] += 1
        kind, words = in_a_child(lambda name=name, answer=answer: "\n".join(judged(place, base, name, answer, ends)))
        found = words.splitlines() if kind == "result" else [f"afterwards {kind}: {words}"]
        label = f"{name}, {fault} at call {at} of {counts[name]} (number {number} of seed {seed})"
        wrong += [f"{label}: {line}" for line in found]
        if found or number % 100 == 99:
            tell(f"{number + 1} played, {len(wrong)} faults" + "".join(f"\n  {label}: {line}" for line in found))
    tell(", ".join(f"{name} {count}" for name, count in sorted(tally.items())))
    return wrong
