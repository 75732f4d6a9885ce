"""A run in the tools that people track trainings with: read from its folder, afterwards or while it is trained."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from srgformer_lab.errors import RunError, UnknownIdError, require
from srgformer_lab.models.identity import checked
from srgformer_lab.training.records import UNFINISHED
from srgformer_lab.training.run import Run

EXTRA = "tracking"
POLL_SECONDS = 1.0
ABOUT = ("epoch", "is_best")
"""Columns of a history that are no measures."""


class Sink(ABC):
    """Where measures go."""

    @abstractmethod
    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Take what an epoch measured."""

    @abstractmethod
    def close(self, values: Mapping[str, float], is_finished: bool) -> None:
        """Take what the training came to, and end."""


class TensorBoard(Sink):
    """Event files in ``folder/<run>``, which ``tensorboard --logdir folder`` shows; exporting again replaces what was shown."""

    def __init__(self, run: Run, folder: Path) -> None:
        require("tensorboard", EXTRA)
        from torch.utils.tensorboard.writer import SummaryWriter

        self.writer = SummaryWriter(str(folder / run.name), purge_step=0)
        self.writer.add_text("settings", "\n".join(f"    {name}: {value}" for name, value in settings_of_run(run).items()))

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write a scalar a measure."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, epoch)

    def close(self, values: Mapping[str, float], is_finished: bool) -> None:
        """Write the test metrics at epoch 0, since they belong to none."""
        self.log(0, values)
        self.writer.close()


class MLflow(Sink):
    """A run on the server that ``MLFLOW_TRACKING_URI`` names, else in ``folder/mlflow.db``; each export is a run of its own."""

    def __init__(self, run: Run, folder: Path) -> None:
        require("mlflow", EXTRA)
        import os

        from mlflow.tracking import MlflowClient

        folder.mkdir(parents=True, exist_ok=True)
        self.client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve() / 'mlflow.db'}")
        known = self.client.get_experiment_by_name(run.config.model_name)
        experiment = known.experiment_id if known else self.client.create_experiment(run.config.model_name)
        self.id = self.client.create_run(experiment, run_name=run.name).info.run_id
        for name, value in settings_of_run(run).items():
            self.client.log_param(self.id, name, value)

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write a metric a measure; its names allow no @."""
        for name, value in values.items():
            self.client.log_metric(self.id, name.replace("@", "_at_"), value, step=epoch)

    def close(self, values: Mapping[str, float], is_finished: bool) -> None:
        """Write the test metrics, and how the training ended."""
        self.log(0, values)
        self.client.set_terminated(self.id, "FINISHED" if is_finished else "KILLED")


class WandB(Sink):
    """A run of Weights & Biases below ``folder``; with ``WANDB_MODE=offline`` nothing leaves this machine."""

    def __init__(self, run: Run, folder: Path) -> None:
        require("wandb", EXTRA)
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self.end = wandb.teardown
        self.run = wandb.init(project="srgformer-lab", name=run.name, dir=str(folder), config=settings_of_run(run))

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write a value a measure."""
        self.run.log(dict(values), step=epoch)

    def close(self, values: Mapping[str, float], is_finished: bool) -> None:
        """Write the test metrics as the summary, and end."""
        self.run.summary.update(dict(values))
        self.run.finish(exit_code=0 if is_finished else 1)
        self.end()  # its own process writes the last of it only when it ends


TRACKERS: Mapping[str, Callable[[Run, Path], Sink]] = MappingProxyType({"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WandB})


@checked
def track(run: Run, to: str, folder: Path | str = "tracking", follow: bool = False) -> int:
    """Hand a run's settings, losses and metrics to a tracker; only the run folder is read, and nothing is written there.

    Args:
        run: Any run, also one that is being trained by another process.
        to: ``tensorboard``, ``mlflow`` or ``wandb``, which the extra ``[tracking]`` brings.
        folder: Where a tracker that works offline writes.
        follow: Whether to go on until the training ends, an epoch at a time.

    Returns:
        How many epochs were handed on.

    Raises:
        UnknownIdError: There is no such tracker.
        MissingPackageError: The tracker isn't installed.
        RunError: The run is damaged, or the tracker refused what it was given.
    """
    if to not in TRACKERS:
        raise UnknownIdError("tracker", to, TRACKERS)
    run.history()  # a damaged run is refused before a tracker hears of it
    try:
        sink = TRACKERS[to](run, Path(folder).expanduser())
        done = _hand_on(run, sink, 0)
        while follow and run.status().state in UNFINISHED:
            time.sleep(POLL_SECONDS)
            done = _hand_on(run, sink, done)
        done = _hand_on(run, sink, done)  # what was written between the last look and the end
        sink.close({f"test/{name}": value for name, value in run.test_metrics().items()}, run.status().state == "finished")
    except (RunError, ImportError):
        raise
    except Exception as error:  # trackers raise what they like: of a full disk, of a server that doesn't answer
        raise RunError(f"{to} did not take run {run.name}: {error}; the run itself is unharmed") from error
    return done


def _hand_on(run: Run, sink: Sink, done: int) -> int:
    """Hand on the epochs after the first ``done``, and return how many there are now."""
    rows = run.history()
    for row in rows.iloc[done:].to_dict("records"):
        sink.log(int(row["epoch"]), {_group(str(name)): float(value) for name, value in row.items() if name not in ABOUT})
    return len(rows)


def _group(name: str) -> str:
    """Return a measure's name under that of its kind, by which trackers put charts together."""
    return f"valid/{name}" if "@" in name else name.replace("loss.", "loss/")


def settings_of_run(run: Run) -> dict[str, Any]:
    """Return what was trained on what, as trackers show it.

    Args:
        run: Any run.

    Returns:
        The settings of model and training by name, the data set in one line, its fingerprint, and the versions.
    """
    config = run.config
    about = {"model_name": config.model_name, "data": config.data, "fingerprint": config.fingerprint}
    versions = {f"version.{name}": value for name, value in config.versions.items()}
    of_model = {f"model.{name}": value for name, value in config.model.to_dict().items()}
    return about | of_model | {f"train.{name}": value for name, value in config.train.to_dict().items()} | versions
