"""What a training writes into its run folder while it runs, and what it obeys."""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.training.checkpoint import load_training, save_training, save_weights
from srgformer_lab.training.evaluation import evaluate
from srgformer_lab.training.files import read_bytes, write_bytes, write_json
from srgformer_lab.training.locks import Lock
from srgformer_lab.training.loop import EpochRecord, StepRecord, Training, cutoffs_for
from srgformer_lab.training.records import whole_part
from srgformer_lab.training.requests import KNOBS, STOP, Inbox, Request, drop, pending
from srgformer_lab.training.run import Run, Status

STEPS_SHOWN = 10
STATUS_SECONDS = 0.3

Watcher = Callable[[Status], None]


class Recorder:
    """One training and the folder that it writes.

    ``latest.safetensors`` is the last file of an epoch: it holds how long the history was then, so that whatever a killed
    process wrote after it is cut off when the run goes on. What it counts on is on the disk before it is.
    """

    def __init__(self, run: Run, lock: Lock, training: Training, watch: Watcher | None) -> None:
        """Write into a run that this process owns."""
        self.run, self.lock, self.training, self.watch = run, lock, training, watch
        self.history_path, self.latest_path = run.path / "history.jsonl", run.weights_path("latest")
        self.seconds_before, self.started, self.epoch_seconds = 0.0, time.perf_counter(), math.nan
        self.inbox, self.stops = Inbox(run.path), list[Request]()
        self.status_due = 0.0
        self.note = self.lost = ""

    def train(self) -> None:
        """Train until it is over or somebody asks for a stop."""
        self._restore()
        self._obey(0, 1)
        if self._is_stopped():
            self.training.withdraw()
        else:
            with closing(self.training.records()) as records:  # whatever happens here, other processes of this training hear of it
                for record in records:
                    if isinstance(record, EpochRecord):
                        self._write_epoch(record)
                    else:
                        self._write_step(record)
                        self._obey(record.step, record.n_steps)
                    if self._is_stopped():
                        return
            self._finish()
            drop(pending(self.run.path, STOP))  # they came too late to stop anything

    def _is_stopped(self) -> bool:
        """Stop if that was asked for, and use the requests up; a training that is over has nothing to stop."""
        if self.training.is_over or not self.stops:
            return False
        self._write_status("stopped", message="stopped on request; resume it to go on")
        drop(self.stops)
        return True

    def _check_folder(self) -> None:
        """Refuse to write where another folder may stand by now.

        Raises:
            RunError: The folder was renamed or deleted.
        """
        if not self.lock.is_in_place():
            raise RunError(
                f"the folder of run {self.run.name} was renamed or deleted while it was trained, so its training ended; "
                "if it was renamed, resume it under its new name"
            )

    def _restore(self) -> None:
        self._check_folder()
        (self.run.path / "epochs").mkdir(exist_ok=True)
        if self.latest_path.exists():
            facts = load_training(self.latest_path, self.training)
            self.seconds_before = facts["seconds"]
            self._restore_history(facts["history_bytes"])
        else:
            (self.run.path / "result.json").unlink(missing_ok=True)  # of a training whose last state is lost
            self.history_path.write_bytes(b"")
            self._keep_weights(0)
        self._read_knobs()
        self._write_status("running")

    def _restore_history(self, size: int) -> None:
        """Cut off what was written after the weights; where some of what came before is lost, keep what can be read, and say so."""
        try:
            content = read_bytes(self.history_path)
        except FileNotFoundError:
            content = b""
        length, epoch = whole_part(content[:size])
        if length < size:
            self.lost = f"the history after epoch {epoch} was lost; it goes on from the weights of epoch {self.training.epoch}"
        if length < len(content) or not content:
            write_bytes(self.history_path, content[:length], durable=True)

    def _read_knobs(self) -> None:
        """Take the knobs that were set while nobody trained the run."""
        try:
            knobs = self.run.knobs()
        except RunError as error:
            self.note = f"knobs.json was not obeyed: {error}"
        else:
            self._turn(knobs, 0, 1)

    def _obey(self, step: int, n_steps: int) -> None:
        """Obey what was asked since the last step."""
        requests = self.inbox.news()
        self.stops = [request for request in requests if request.kind == STOP] or self.stops
        asked = [request for request in requests if request.kind == KNOBS]
        if not asked:
            return
        self._check_folder()
        self.note = ""
        for request in asked:
            try:
                values = request.values()
            except RunError as error:
                self.note = f"{request.path.name} was not obeyed: {error}"
            else:
                self._turn(values, step, n_steps)
        write_json(self.run.path / "knobs.json", self.training.knobs)
        drop(asked)

    def _turn(self, knobs: Mapping[str, float], step: int, n_steps: int) -> None:
        known = {name: value for name, value in knobs.items() if name in self.training.knobs}
        try:
            changes = self.training.update_knobs(known)
        except ConfigError as error:
            self.note = f"the knobs that were asked for are not obeyed: {error}"
            return
        if changes:
            progress = self.training.epoch + step / n_steps
            self._append({"kind": "knobs", "epoch": self.training.epoch + 1, "step": step, "progress": progress, "changes": changes})

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
        self._append({"kind": "epoch", **asdict(record)}, durable=True)
        if record.is_best:
            save_weights(self.run.weights_path("best"), self.training.model, self._facts(), durable=True)
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
            self._check_folder()
            save_weights(self.run.weights_path(epoch), self.training.model, self._facts())
            for extra in epochs_to_drop(self.run.epochs(), most):
                self.run.weights_path(extra).unlink(missing_ok=True)

    def _append(self, record: Mapping[str, Any], durable: bool = False) -> None:
        self._check_folder()
        try:
            with self.history_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise RunError(f"{self.history_path} can't be written: {error}; free some space and resume the run") from error

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
            message="; ".join(part for part in (message, self.note, self.lost) if part),
            seconds=self._seconds(),
            eta_seconds=left,
            metric=training.selection_metric,
        )
        self._check_folder()
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
        cutoffs = cutoffs_for(training.selection_metric)
        result = {
            "epoch": training.best_epoch,
            "valid": evaluate(model, training.data, "valid", cutoffs),
            "test": evaluate(model, training.data, "test", cutoffs),
        }
        self._check_folder()
        write_json(self.run.path / "result.json", result)
        self._write_status("finished", message=f"no better epoch for {training.config.patience} epochs" if early else "all epochs done")


def epochs_to_drop(epochs: list[int], most: int) -> list[int]:
    """Name the epochs to give up so that at most ``most`` stay: first, last, and between them denser early than late."""
    kept, given_up = sorted(epochs), []
    while len(kept) > max(most, 1):
        gaps = {kept[i]: math.log((kept[i + 1] + 1) / (kept[i - 1] + 1)) for i in range(1, len(kept) - 1)}
        loser = min(gaps, key=lambda epoch: gaps[epoch]) if gaps else kept[0]
        kept.remove(loser)
        given_up.append(loser)
    return given_up
