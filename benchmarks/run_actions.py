"""What people and pages do with runs, each on a small folder of them, so that something may befall it (``benchmarks/kills.py``)."""

import io
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

import srgformer_lab as lab
from benchmarks.hostile import world
from srgformer_lab.cli import main
from srgformer_lab.experiments.report import write_files
from srgformer_lab.lessons import progress
from srgformer_lab.training import managing, worker
from srgformer_lab.training.records import Status

TRAIN = lab.TrainConfig(epochs=6, patience=100, batch_size=1024, keep_epochs=3, device="cpu")
MODELS = {"lightgcn": lab.LightGCNConfig(embedding_dim=4), "srgformer": lab.ModelConfig(embedding_dim=4, n_heads=1, n_hyperedges=2)}
KNOB, VALUE = "learning_rate", 0.004


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


def start(place: Place) -> str:
    """Start a training beside this process; what is started is played by another action."""
    worker.subprocess.Popen = lambda *_, **__: SimpleNamespace(wait=lambda: 0)
    worker.start(place.run("half"))
    return "started"


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
        *(start, train_by_command, stop_by_command, recommend, report, tables, learn),
    )
}
