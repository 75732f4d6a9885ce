"""A run is a folder: everything that one training did, readable by anyone at any moment."""

import math
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from srgformer_lab.config import KNOBS, Config, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.source import reopen, source_from_dict
from srgformer_lab.errors import ConfigError, LabError, RunError
from srgformer_lab.models import catalog
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.training import records
from srgformer_lab.training.checkpoint import check_weights, load_weights
from srgformer_lab.training.files import file_stamp, new_folder, read_json, write_bytes, write_json
from srgformer_lab.training.records import RunConfig, Status
from srgformer_lab.version import VERSION

RUNS = Path("runs")
UNFINISHED = ("queued", "running")
GRACE_SECONDS = 60
LOCK_SECONDS = 5
_found_good: dict[Path, tuple[tuple[int, ...], ...]] = {}
"""The stamps of runs whose files have been read through: the app opens all runs at every move, and histories are long."""


class Run:
    """A run folder. It only reads, except for knobs and the request to stop; the training writes the rest."""

    def __init__(self, path: Path) -> None:
        """Point at a folder; use ``Run.open`` to have it checked."""
        self.path = Path(path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def __repr__(self) -> str:
        """Say what was trained and how far."""
        status = self.status()
        best = f", valid recall@20 {status.best_metric:.4f} at epoch {status.best_epoch}" if status.best_epoch else ""
        return f"Run({self.name}: {self.config.model_name} on {self.config.data}; {status.state} after {status.epoch} epochs{best})"

    @classmethod
    def create(cls, root: Path | str, name: str | None, data: Dataset, model_name: str, model: Config, train: TrainConfig) -> "Run":
        """Make a new folder under ``root``; a name that is taken gets a number.

        Raises:
            ConfigError: The name is not a plain folder name.
            RunError: The folder can't be written.
        """
        name = name or f"{data.name}-{model_name}".replace(":", "-")
        check_name(name)
        facts = {"model_name": model_name, "model": model.to_dict(), "train": train.to_dict(), "source": data.source.to_dict()}
        about = {"fingerprint": data.fingerprint, "data": repr(data), "versions": versions(), "created": time.time()}

        def fill(folder: Path) -> None:
            write_json(folder / "knobs.json", _numbers(model) | _numbers(train))
            write_json(folder / "config.json", facts | about)
            cls(folder).write_status(Status("queued"))

        return cls(new_folder(Path(root), name, fill))

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Open an existing run.

        Raises:
            RunError: The folder is missing or damaged.
        """
        run = cls(Path(path))
        if not run.path.is_dir():
            raise RunError(f"there is no run folder {run.path}; `srgformer-lab runs` lists those that there are")
        files = [run.path / name for name in ("config.json", "status.json", "history.jsonl", "result.json")]
        stamp = tuple(map(file_stamp, [*files, run.weights_path("best")]))
        if _found_good.get(run.path.resolve()) != stamp:
            run.config, run.status(), run.history(), run.test_metrics()  # reading is the check
            if run.weights_path("best").exists():
                check_weights(run.weights_path("best"))
            _found_good[run.path.resolve()] = stamp
        return run

    @property
    def config(self) -> RunConfig:
        """What was trained, on what.

        Raises:
            RunError: The file is missing or damaged.
        """
        content = read_json(self.path / "config.json")
        try:
            model = catalog.kind(content["model_name"]).config.from_dict(content["model"])
            train, source = TrainConfig.from_dict(content["train"]), source_from_dict(content["source"])
            rest = {name: content[name] for name in ("model_name", "fingerprint", "data", "versions", "created")}
            return RunConfig(model=model, train=train, source=source, **rest)
        except (KeyError, TypeError, LabError) as error:
            raise RunError(f"{self.path / 'config.json'} is damaged ({error}); restore it, or delete the run") from error

    def status(self) -> Status:
        """Read how far the run is; one whose process is gone reads ``interrupted``.

        Raises:
            RunError: The file is missing or damaged.
        """
        content = read_json(self.path / "status.json")
        try:
            missing: Any = math.nan
            status = Status(**{name: missing if value is None else value for name, value in content.items()})
        except TypeError as error:
            raise RunError(f"{self.path / 'status.json'} is damaged ({error}); resume the run, or delete it") from error
        starting = status.state == "queued" and time.time() - status.updated < GRACE_SECONDS
        if status.state in UNFINISHED and not starting and not self.is_held():
            return replace(status, state="interrupted", message="its process is gone; resume it to go on")
        return status

    def write_status(self, status: Status) -> None:
        """Replace the status file, stamped with the time."""
        content = {**asdict(status), "updated": time.time()}
        write_json(self.path / "status.json", {name: None if value != value else value for name, value in content.items()})

    def history_size(self) -> int:
        """Return how many bytes of history there are: cheap to ask, and it changes whenever there is something new to draw."""
        return self._history.stat().st_size if self._history.exists() else 0

    def history(self) -> pd.DataFrame:
        """Return one row an epoch: ``epoch``, ``seconds``, ``loss``, ``loss.<term>``, the valid metrics, ``is_best``, and the knobs."""
        return records.epochs_of(self._history)

    def steps(self) -> pd.DataFrame:
        """Return some steps of every epoch: ``epoch``, ``step``, ``progress`` in epochs, ``loss``, ``loss.<term>``."""
        return records.steps_of(self._history)

    def knob_changes(self) -> pd.DataFrame:
        """Return every knob that a person moved: ``progress`` in epochs, ``name``, ``before``, ``after``."""
        return records.knob_changes_of(self._history)

    @property
    def _history(self) -> Path:
        return self.path / "history.jsonl"

    def knobs(self) -> dict[str, float]:
        """Return the knobs as they are set now.

        Raises:
            RunError: The file is missing or damaged.
        """
        return {name: float(value) for name, value in read_json(self.path / "knobs.json").items()}

    def update_knobs(self, **values: float) -> None:
        """Set knobs; a running training obeys at its next step.

        Raises:
            ConfigError: A name is not a knob of this run, or a value is outside its range; nothing changes then.
        """
        current, config = self.knobs(), self.config
        if unknown := sorted(set(values) - set(current)):
            raise ConfigError(f"{', '.join(unknown)} can't be turned; the knobs of this run are {', '.join(current)}")
        for owner in (config.model, config.train):
            owner.replace(**{name: value for name, value in values.items() if hasattr(owner, name)})
        write_json(self.path / "knobs.json", current | values)

    def request_stop(self) -> None:
        """Ask a running training to stop after its current step; it can be resumed."""
        write_bytes(self.path / "stop", b"")

    def stop_is_requested(self) -> bool:
        """Return whether somebody asked for a stop."""
        return (self.path / "stop").exists()

    def test_metrics(self) -> dict[str, float]:
        """Return the metrics on the test split at the best validation epoch; empty until the run has finished."""
        path = self.path / "result.json"
        try:
            return read_json(path)["test"] if path.exists() else {}
        except KeyError as error:
            raise RunError(f"{path} is damaged: it has no {error}; restore it, or delete the run") from error

    def epochs(self) -> list[int]:
        """List the epochs whose weights are kept; 0 is before training."""
        return sorted(int(path.stem) for path in (self.path / "epochs").glob("[0-9]*.safetensors"))

    def open_data(self) -> Dataset:
        """Open the data that the run was trained on.

        Raises:
            RunError: It is other data now.
        """
        data = reopen(self.config.source)
        self.check_data(data)
        return data

    def check_data(self, data: Dataset) -> None:
        """Refuse other data than the run's own.

        Raises:
            RunError: The fingerprints differ.
        """
        config = self.config
        if not data.matches(config.fingerprint):
            raise RunError(
                f"run {self.name} was trained on {config.data} ({config.fingerprint}), not on {data!r} ({data.fingerprint}); "
                "open its own data, or train a new run"
            )

    def model(self, data: Dataset, epoch: int | str = "best") -> Recommender:
        """Build the model with the weights and knobs of the best epoch, of the ``latest``, or of one that is kept.

        Raises:
            RunError: The data is not the run's own, or there are no weights of that epoch.
        """
        self.check_data(data)
        config = self.config
        kind = catalog.kind(config.model_name)
        model = kind.build(data, config.model)
        facts = load_weights(self.weights_path(epoch), model)
        model.config = kind.config.from_dict(facts["model"])
        return model.eval()

    def weights_path(self, epoch: int | str) -> Path:
        """Return where the weights of ``best``, ``latest`` or of an epoch are."""
        return self.path / (f"{epoch}.safetensors" if isinstance(epoch, str) else f"epochs/{epoch:05d}.safetensors")

    def is_held(self) -> bool:
        """Return whether a process trains this run now."""
        try:
            with self.hold(seconds=0):
                return False
        except RunError as error:
            return isinstance(error.__cause__, Timeout)

    @contextmanager
    def hold(self, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold the run while training it; the system lets go when the process ends, however it ends.

        Raises:
            RunError: Another process holds it.
        """
        lock = FileLock(self.path / "run.lock", timeout=seconds)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunError(f"run {self.name} is being trained by another process; stop that one first") from error
        except OSError as error:
            raise RunError(f"run {self.name} can't be locked: {error}; free some space or choose another folder, and try again") from error
        try:
            yield
        finally:
            lock.release()

    def delete(self) -> None:
        """Delete the folder.

        Raises:
            RunError: It is being trained.
        """
        if self.is_held():
            raise RunError(f"run {self.name} is being trained; stop it before deleting it")
        away = self.path.with_name(f".deleted-{self.name}-{time.time_ns()}")
        self.path.rename(away)
        shutil.rmtree(away)


def check_name(name: str) -> None:
    """Refuse what can't name a run folder.

    Raises:
        ConfigError: It is empty, starts with a dot, or holds a / or what can't be printed.
    """
    if not name or Path(name).name != name or name.startswith(".") or not name.isprintable():
        raise ConfigError(f"name={name!r} must be a plain folder name, without / and not starting with a dot")


def versions() -> dict[str, str]:
    """Name the versions that a run depends on."""
    return {"python": platform.python_version(), "srgformer-lab": VERSION} | {name: version(name) for name in ("torch", "numpy")}


def _numbers(config: Config) -> dict[str, float]:
    return {name: value for name, value in config.to_dict().items() if name in KNOBS}
