"""A run folder as everybody may read it, at any moment and while it is written."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from srgformer_lab.errors import RunError
from srgformer_lab.training import locks, records
from srgformer_lab.training.files import is_number, read_json, write_json
from srgformer_lab.training.locks import OwnedFolder
from srgformer_lab.training.records import UNFINISHED, RunConfig, Status

SHARED_WEIGHTS = "model.safetensors"
"""What ``best.safetensors`` is called in a folder that was written to be shared."""


class RecordedFolder(OwnedFolder):
    """A folder that holds what was trained, how far it is, and everything that was measured on the way."""

    @property
    def config(self) -> RunConfig:
        """What was trained, on what.

        Raises:
            RunError: The file is missing or damaged.
        """
        return RunConfig.read(self.path / "config.json")

    def status(self) -> Status:
        """Return how far the run is; one whose process is gone reads ``interrupted``.

        Returns:
            State, epochs, best metric and times.

        Raises:
            RunError: The file is missing or damaged.
        """
        path = self.path / "status.json"
        while True:
            status = Status.read(path)
            if status.state not in UNFINISHED or self.is_held(status.host):
                return status
            if Status.read(path) == status:  # else its owner wrote its last word, and let go, in between
                return replace(status, state="interrupted", message="its process is gone; resume it to go on")

    def write_status(self, status: Status) -> None:
        """Write the status file, stamped with the time and this process: only who owns the run may.

        Args:
            status: How far the run is.

        Raises:
            RunError: The file can't be written.
        """
        stamped = replace(status, updated=time.time(), host=locks.HOST, pid=os.getpid())
        write_json(self.path / "status.json", stamped.to_dict())

    def history_size(self) -> int:
        """Return how much history there is: cheap to ask, and it changes whenever there is something new to draw.

        Returns:
            Bytes.
        """
        return self._history.stat().st_size if self._history.exists() else 0

    def history(self) -> pd.DataFrame:
        """Return what every epoch measured.

        Returns:
            One row an epoch: ``epoch``, ``seconds``, ``loss``, ``loss.<term>`` (means over the steps), the valid metrics (0 to 1),
            ``is_best``, and the knobs.

        Raises:
            RunError: The file is damaged.
        """
        return records.epochs_of(self._history)

    def steps(self) -> pd.DataFrame:
        """Return some steps of every epoch.

        Returns:
            ``epoch``, ``step``, ``progress`` in epochs, ``loss``, ``loss.<term>``.

        Raises:
            RunError: The file is damaged.
        """
        return records.steps_of(self._history)

    def knob_changes(self) -> pd.DataFrame:
        """Return every knob that a person moved.

        Returns:
            ``progress`` in epochs, ``name``, ``before``, ``after``.

        Raises:
            RunError: The file is damaged.
        """
        return records.knob_changes_of(self._history)

    @property
    def _history(self) -> Path:
        return self.path / "history.jsonl"

    def test_metrics(self) -> dict[str, float]:
        """Return the metrics on the test split at the best validation epoch.

        Returns:
            ``recall@k`` and ``ndcg@k``, 0 to 1; empty until the run has finished.

        Raises:
            RunError: The file is damaged.
        """
        path = self.path / "result.json"
        if not path.exists():
            return {}
        found = read_json(path).get("test")
        if not isinstance(found, dict) or not all(isinstance(value, float) or is_number(value) for value in found.values()):
            raise RunError(f"{path} is damaged: it has no table of test metrics; restore it, or delete the run")
        return found

    def epochs(self) -> list[int]:
        """Return the epochs whose weights are kept.

        Returns:
            Increasing numbers; 0 is before training.
        """
        return sorted(int(path.stem) for path in (self.path / "epochs").glob("[0-9]*.safetensors"))

    def weights_path(self, epoch: int | str) -> Path:
        """Return where the weights of an epoch are.

        Args:
            epoch: ``"best"``, ``"latest"``, or a number.

        Returns:
            A path, whether there is a file or not.
        """
        path = self.path / (f"{epoch}.safetensors" if isinstance(epoch, str) else f"epochs/{epoch:05d}.safetensors")
        shared = self.path / SHARED_WEIGHTS
        return shared if epoch == "best" and not path.exists() and shared.exists() else path
