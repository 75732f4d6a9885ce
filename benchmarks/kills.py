"""Break off, at any call that writes, what people and pages do with runs; then look for what was lost.

``python -m benchmarks.robustness --kills 1000`` chooses so often an action on a small folder of runs and what befalls it: SIGKILL at some
call that changes the disk (a write half done) or at some moment, or an error of the disk (``benchmarks/faults.py``). Then, on a disk that
works, it must hold:

- the action gave a result or a named error, and a result means that it is done;
- no run is lost or damaged; history, weights and metrics of each, trained to its end, equal those of an undisturbed run bit for bit;
- no temporary file and no half-made folder is left.
"""

import hashlib
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

import srgformer_lab as lab
from benchmarks.faults import KINDS, Faults, in_a_child
from benchmarks.hostile import world
from benchmarks.run_actions import ACTIONS, KNOB, MODELS, TRAIN, VALUE, Place
from srgformer_lab.training import files, managing, recording, worker

UNTIMED = ("seconds", "history_bytes")
"""What differs from run to run: how long it took, and how many digits that has."""
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
    if name in ("recommend", "report", "tables", "learn"):
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
