"""Driving the loop: what a training writes into its run folder, what it obeys, and how it goes on after a stop."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from srgformer_lab.config import TrainConfig
from srgformer_lab.data.dataset import SPLITS, Dataset, check_trainable
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.models import catalog
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.protocol import Recommender, Trainable
from srgformer_lab.training.checkpoint import load_training, save_training, save_weights
from srgformer_lab.training.evaluation import SELECTION_METRIC, evaluate
from srgformer_lab.training.files import write_json
from srgformer_lab.training.loop import EpochRecord, StepRecord, Training
from srgformer_lab.training.run import RUNS, Run, Status

STEPS_SHOWN = 10
STATUS_SECONDS = 0.3

Watcher = Callable[[Status], None]


@on_own_data
def fit(
    model: Recommender,
    data: Dataset,
    config: TrainConfig | None = None,
    folder: Path | str = RUNS,
    name: str | None = None,
    watch: Watcher | None = None,
) -> Run:
    """Train a model in place and write a run folder; afterwards the model holds its best weights by validation.

    Args:
        model: Any recommender; one that needs no training is only evaluated.
        data: The data set that the model was built on.
        config: How to train.
        folder: Where run folders are; ``runs`` in the working folder unless told otherwise.
        name: The run's name; one that is taken gets a number.
        watch: Called with the status a few times a second, to show progress.

    Raises:
        RunError: The folder can't be written, or a loss is no longer finite.
        DataError: Nothing can be learned from the data, or its validation or test split is empty.
    """
    check_trainable(data, SPLITS[1:])
    config = config or TrainConfig()
    run = Run.create(folder, name, data, catalog.name_of(model), model.config, config)
    return carry_on(run, model, data, watch)


def resume(run: Run, data: Dataset | None = None, watch: Watcher | None = None) -> Recommender:
    """Go on with a run that was stopped or interrupted, or start one that waits; give the model with its best weights.

    The history equals that of an unbroken run (seconds apart, with the same number of threads and no knob moved).

    Raises:
        RunError: The run is damaged, being trained, or belongs to other data.
    """
    data = run.open_data() if data is None else data
    run.check_data(data)
    config = run.config
    model = catalog.kind(config.model_name).build(data, config.model)
    carry_on(run, model, data, watch)
    return model


def carry_on(run: Run, model: Recommender, data: Dataset, watch: Watcher | None = None) -> Run:
    """Train from where the folder is to the end, or until somebody asks for a stop."""
    with run.hold(), _failure_is_noted(run):
        (run.path / "stop").unlink(missing_ok=True)
        if isinstance(model, Trainable):
            _Recorder(run, Training(model, data, run.config.train), watch).train()
        else:
            _evaluate_once(run, model, data)
    return run


@contextmanager
def _failure_is_noted(run: Run) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        state, message = ("stopped", "interrupted from the keyboard") if isinstance(error, KeyboardInterrupt) else ("failed", str(error))
        if run.path.is_dir():
            with suppress(RunError):  # a full disk takes no status either; what went wrong first is said
                run.write_status(replace(run.status(), state=state, message=message or type(error).__name__))
        raise


def _evaluate_once(run: Run, model: Recommender, data: Dataset) -> None:
    metrics = evaluate(model, data, "valid")
    save_weights(run.weights_path("best"), model, {"model": model.config.to_dict()})
    write_json(run.path / "result.json", {"epoch": 0, "valid": metrics, "test": evaluate(model, data, "test")})
    run.write_status(Status("finished", best_metric=metrics[SELECTION_METRIC], message="needs no training"))


class _Recorder:
    """One training and the folder that it writes.

    ``latest.safetensors`` is the last file of an epoch: it holds how long the history was then, so that whatever a killed
    process wrote after it is cut off when the run goes on.
    """

    def __init__(self, run: Run, training: Training, watch: Watcher | None) -> None:
        self.run, self.training, self.watch = run, training, watch
        self.history_path, self.latest_path = run.path / "history.jsonl", run.weights_path("latest")
        self.seconds_before, self.started, self.epoch_seconds = 0.0, time.perf_counter(), math.nan
        self.knobs_stamp: tuple[int, int] | None = None
        self.status_due = 0.0
        self.note = ""

    def train(self) -> None:
        """Train until it is over or somebody asks for a stop."""
        self._restore()
        self._obey_knobs(0, 1)
        for record in self.training.records():
            if isinstance(record, EpochRecord):
                self._write_epoch(record)
            else:
                self._write_step(record)
                self._obey_knobs(record.step, record.n_steps)
            if self.run.stop_is_requested() and not self.training.is_over:
                (self.run.path / "stop").unlink(missing_ok=True)
                self._write_status("stopped", message="stopped on request; resume it to go on")
                return
        self._finish()

    def _restore(self) -> None:
        (self.run.path / "epochs").mkdir(exist_ok=True)
        if self.latest_path.exists():
            facts = load_training(self.latest_path, self.training)
            self.training.epoch, self.training.best_epoch, self.training.best_value = (
                facts["epoch"],
                facts["best_epoch"],
                facts["best_value"],
            )
            self.training.update_knobs(facts["knobs"])
            self.seconds_before = facts["seconds"]
            with self.history_path.open("r+b") as file:
                file.truncate(facts["history_bytes"])
        else:
            self.history_path.write_bytes(b"")
            self._keep_weights(0)
        self._write_status("running")

    def _write_step(self, record: StepRecord) -> None:
        every = max(1, record.n_steps // STEPS_SHOWN)
        is_short = record.step == record.n_steps > 1  # sums over a short last batch are no measure
        if not is_short and (record.step == 1 or record.step % every == 0):
            progress = self.training.epoch + record.step / record.n_steps
            self._append({"kind": "step", "epoch": record.epoch, "step": record.step, "progress": progress, "losses": dict(record.losses)})
        if time.perf_counter() >= self.status_due:
            self._write_status("running", record.step, record.n_steps)

    def _write_epoch(self, record: EpochRecord) -> None:
        self.epoch_seconds = record.seconds
        self._append({"kind": "epoch", **asdict(record)})
        if record.is_best:
            save_weights(self.run.weights_path("best"), self.training.model, self._facts())
        self._keep_weights(record.epoch)
        save_training(self.latest_path, self.training, self._facts())
        self._write_status("running")

    def _facts(self) -> dict[str, Any]:
        training = self.training
        progress = {
            "epoch": training.epoch,
            "best_epoch": training.best_epoch,
            "best_value": training.best_value,
            "seconds": self._seconds(),
        }
        settings = {"knobs": training.knobs, "model": training.model.config.to_dict()}
        return progress | settings | {"history_bytes": self.history_path.stat().st_size}

    def _keep_weights(self, epoch: int) -> None:
        most = self.training.config.keep_epochs
        if most:
            save_weights(self.run.weights_path(epoch), self.training.model, self._facts())
            for extra in thinned(self.run.epochs(), most):
                self.run.weights_path(extra).unlink()

    def _append(self, record: Mapping[str, Any]) -> None:
        try:
            with self.history_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        except OSError as error:
            raise RunError(f"{self.history_path} can't be written: {error}; free some space and resume the run") from error

    def _obey_knobs(self, step: int, n_steps: int) -> None:
        path = self.run.path / "knobs.json"
        stamp = (path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else None
        if stamp is None or stamp == self.knobs_stamp:
            return
        self.knobs_stamp, self.note = stamp, ""
        try:
            changes = self.training.update_knobs({name: value for name, value in self.run.knobs().items() if name in self.training.knobs})
        except (ConfigError, RunError, TypeError, ValueError) as error:
            self.note = f"knobs.json was not obeyed: {error}"
            return
        if changes:
            progress = self.training.epoch + step / n_steps
            self._append({"kind": "knobs", "epoch": self.training.epoch + 1, "step": step, "progress": progress, "changes": changes})

    def _seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.started

    def _write_status(self, state: str, step: int = 0, n_steps: int = 0, message: str = "") -> None:
        training = self.training
        share = step / n_steps if n_steps else 0.0
        best = training.best_value if training.best_epoch else math.nan
        left = (training.config.epochs - training.epoch - share) * self.epoch_seconds
        status = Status(
            state=state,
            epoch=training.epoch,
            n_epochs=training.config.epochs,
            step=step,
            n_steps=n_steps,
            best_epoch=training.best_epoch,
            best_metric=best,
            message=message or self.note,
            seconds=self._seconds(),
            eta_seconds=left,
        )
        self.run.write_status(status)
        self.status_due = time.perf_counter() + STATUS_SECONDS
        if self.watch:
            self.watch(status)

    def _finish(self) -> None:
        training, model = self.training, self.training.model
        early = training.epoch < training.config.epochs
        best = self.run.model(training.data, "best").to(training.device)
        model.load_state_dict(best.state_dict())
        model.config = best.config
        result = {
            "epoch": training.best_epoch,
            "valid": evaluate(model, training.data, "valid"),
            "test": evaluate(model, training.data, "test"),
        }
        write_json(self.run.path / "result.json", result)
        self._write_status("finished", message=f"no better epoch for {training.config.patience} epochs" if early else "all epochs done")


def thinned(epochs: list[int], most: int) -> list[int]:
    """Name the epochs to give up so that at most ``most`` stay: first, last, and between them denser early than late."""
    kept, given_up = sorted(epochs), []
    while len(kept) > max(most, 1):
        gaps = {kept[i]: math.log((kept[i + 1] + 1) / (kept[i - 1] + 1)) for i in range(1, len(kept) - 1)}
        loser = min(gaps, key=lambda epoch: gaps[epoch]) if gaps else kept[0]
        kept.remove(loser)
        given_up.append(loser)
    return given_up
