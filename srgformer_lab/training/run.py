"""A run is a folder: everything that one training did, readable by anyone at any moment."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from srgformer_lab import places
from srgformer_lab.config import KNOBS, Config, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.keeping import kept_of, to_bytes
from srgformer_lab.data.splitting import selection_metric
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.training import requests
from srgformer_lab.training.checkpoint import check_weights, save_weights
from srgformer_lab.training.files import file_stamp, is_number, new_folder, read_json, sweep_folders, write_bytes, write_json
from srgformer_lab.training.notes import FILE as NOTES
from srgformer_lab.training.records import Status, versions
from srgformer_lab.training.serving import KEPT, TrainedFolder

RUNS = Path("runs")
START = "start.safetensors"
"""The weights that a warm-started run begins from."""
MOST_PENDING = 16
"""So many moved knobs may wait as requests in a run that nobody trains; then they are merged."""
_found_good: dict[Path, tuple[tuple[int, ...], ...]] = {}
"""The stamps of runs whose files have been read through: the app opens all runs at every move, and histories are long."""


class Run(TrainedFolder):
    """A run folder. It only reads, and leaves requests and notes; the process that trains the run writes the rest."""

    def __repr__(self) -> str:
        """Say what was trained and how far."""
        status, config = self.status(), self.config
        best = f", valid {config.selection_metric} {status.best_metric:.4f} at epoch {status.best_epoch}" if status.best_epoch else ""
        return f"Run({self.name}: {config.model_name} on {config.data}; {status.state} after {status.epoch} epochs{best})"

    @property
    def notes_path(self) -> Path:
        """The file that holds names and notes of hyperedges; of a run that comes with the package it lies beside one's own runs."""
        is_shipped = self.path.resolve().is_relative_to(places.PACKAGE)
        return RUNS / ".notes" / self.name / NOTES if is_shipped else self.path / NOTES

    @classmethod
    def create(
        cls,
        root: Path | str,
        name: str | None,
        data: Dataset,
        model_name: str,
        model: Config,
        train: TrainConfig,
        begun: Recommender | None = None,
    ) -> "Run":
        """Make a new run folder, in which nothing is trained yet.

        Args:
            root: The folder of runs; it is made where there is none.
            name: The run's name; one that is taken gets a number. By default those of the data and the model.
            data: What to train on.
            model_name: The kind of model, such as ``srgformer``.
            model: Its settings.
            train: Those of the training.
            begun: The model itself, where it starts from the weights of another run.

        Returns:
            The run, ``stopped`` until ``resume`` begins it.

        Raises:
            ConfigError: The name is not a plain folder name.
            RunError: The folder can't be written.
        """
        name, root = name or f"{data.name}-{model_name}".replace(":", "-"), Path(root).expanduser()
        check_name(name)
        metric = selection_metric(data)
        facts = {"model_name": model_name, "model": model.to_dict(), "train": train.to_dict(), "source": data.source.to_dict()}
        about = {"fingerprint": data.fingerprint, "data": repr(data), "versions": versions(), "created": time.time()}

        def fill(folder: Path) -> None:
            write_json(folder / "knobs.json", _numbers(model) | _numbers(train))
            if data.source.path:  # else it can't be opened anew, and so can't have grown
                write_bytes(folder / KEPT, to_bytes(kept_of(data)), durable=True)
            if begun and begun.begun_from:
                about["begun_from"] = begun.begun_from
                save_weights(folder / START, begun, {"model": model.to_dict()}, durable=True)
            write_json(folder / "config.json", facts | about | {"selection_metric": metric}, durable=True)  # without it all is lost
            cls(folder).write_status(Status("stopped", n_epochs=train.epochs, message="not begun yet; resume it to begin", metric=metric))

        path = new_folder(root, name, fill)
        sweep_folders(root)
        return cls(path)

    @classmethod
    def at(cls, path: Path | str) -> "Run":
        """Point at an existing folder, however damaged.

        Args:
            path: The run folder.

        Returns:
            The run, of which nothing has been read.

        Raises:
            RunError: There is none.
        """
        run = cls(Path(path).expanduser())
        if not run.path.is_dir():
            raise RunError(f"there is no run folder {run.path}; `srgformer-lab runs` lists those that there are")
        return run

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Open an existing run and check its files.

        Args:
            path: The run folder.

        Returns:
            The run.

        Raises:
            RunError: The folder is missing or damaged.
        """
        run = cls.at(path)
        files = [run.path / name for name in ("config.json", "status.json", "history.jsonl", "result.json")]
        stamp = tuple(map(file_stamp, [*files, run.weights_path("best")]))
        if _found_good.get(run.path.resolve()) == stamp:
            return run
        try:
            run.config, run.status(), run.history(), run.knob_changes(), run.steps(), run.test_metrics()  # reading is the check
            if run.weights_path("best").exists():
                check_weights(run.weights_path("best"))
        except OSError as error:
            raise RunError(f"{run.path} can't be read: {error}; wait if it is being moved, else delete the run") from error
        _found_good[run.path.resolve()] = stamp
        return run

    def knobs(self) -> dict[str, float]:
        """Return the knobs in force: those that the owner wrote last, and over them what was asked since.

        Returns:
            Values by name.

        Raises:
            RunError: The file is missing or damaged.
        """
        path = self.path / "knobs.json"
        while True:
            stamp, base = file_stamp(path), read_json(path)
            if wrong := [name for name, value in base.items() if not is_number(value)]:
                raise RunError(f"{path} is damaged: {', '.join(wrong)} is no number; restore it, or delete the run")
            asked: dict[str, float] = {}
            for request in requests.pending(self.path, requests.KNOBS):
                with suppress(RunError):  # the owner has just obeyed it, or it is no request of ours
                    asked |= {name: value for name, value in request.values().items() if name in base and is_number(value)}
            if file_stamp(path) == stamp:  # else the owner obeyed some of them meanwhile
                return {name: float(value) for name, value in (base | asked).items()}

    def update_knobs(self, **values: float) -> None:
        """Set knobs; a running training obeys at its next step. Of two people who move different knobs both are obeyed.

        Args:
            **values: α, β, τ and the weights of the losses among others, by the names that ``knobs`` returns.

        Raises:
            ConfigError: A name is not a knob of this run, or a value is outside its range; nothing changes then.
            RunError: The run is gone or damaged, or its folder can't be written.
        """
        config = self.config
        known = _numbers(config.model) | _numbers(config.train)
        if unknown := sorted(set(values) - set(known)):
            raise ConfigError(f"{', '.join(unknown)} can't be turned; the knobs of this run are {', '.join(known)}")
        checked: dict[str, float] = {}
        for owner in (config.model, config.train):
            own = {name: value for name, value in values.items() if hasattr(owner, name)}
            checked |= {name: getattr(owner.replace(**own), name) for name in own}
        requests.ask(self.path, requests.KNOBS, checked)
        if len(requests.pending(self.path, requests.KNOBS)) > MOST_PENDING:
            with suppress(RunError), self.hold(0):
                self.merge_knobs()

    def merge_knobs(self) -> None:
        """Put what was asked into ``knobs.json``: only who owns the run may.

        Raises:
            RunError: The file is damaged or can't be written.
        """
        merged = requests.pending(self.path, requests.KNOBS)
        write_json(self.path / "knobs.json", self.knobs())
        requests.drop(merged)

    def request_stop(self) -> None:
        """Ask for a stop of the training that runs, waits or starts now; it can be resumed.

        It is obeyed after the current step, or in the queue, and used up by that; it does not stop what is resumed later.

        Raises:
            RunError: The run is gone, or its folder can't be written.
        """
        requests.ask(self.path, requests.STOP, {})

    def stop_is_requested(self) -> bool:
        """Return whether somebody asked for a stop that has not been obeyed yet.

        Returns:
            Whether so.
        """
        return bool(requests.pending(self.path, requests.STOP))

    def delete(self) -> None:
        """Delete the folder for good.

        Raises:
            RunError: It is being trained, or can't be deleted.
        """
        away = self.path.with_name(f".deleted-{self.name}-{time.time_ns()}")
        with self.set_aside("deleting"):
            try:
                self.path.rename(away)
            except OSError as error:
                raise RunError(f"run {self.name} can't be deleted: {error}; it is as it was") from error
        shutil.rmtree(away, ignore_errors=True)


def check_name(name: str) -> None:
    """Refuse what can't name a run folder.

    Raises:
        ConfigError: It is empty, starts with a dot, or holds a / or what can't be printed.
    """
    if not name or Path(name).name != name or name.startswith(".") or not name.isprintable():
        raise ConfigError(f"name={name!r} must be a plain folder name, without / and not starting with a dot")


def _numbers(config: Config) -> dict[str, float]:
    return {name: value for name, value in config.to_dict().items() if name in KNOBS}
