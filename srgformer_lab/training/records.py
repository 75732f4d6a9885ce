"""What a run folder tells: what was trained, how far it is, and its history as frames."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from srgformer_lab.config import Config, TrainConfig
from srgformer_lab.data.dataset import DataSource
from srgformer_lab.errors import RunError


@dataclass(frozen=True)
class RunConfig:
    """What was trained, on what."""

    model_name: str
    model: Config
    train: TrainConfig
    source: DataSource
    fingerprint: str
    data: str
    """The data set in one line."""
    versions: Mapping[str, str]
    created: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class Status:
    """How far a run is."""

    state: str
    """``queued``, ``running``, ``stopped``, ``finished``, ``failed``, or ``interrupted``: its process is gone."""
    epoch: int = 0
    """Complete epochs."""
    n_epochs: int = 0
    """Epochs at most."""
    step: int = 0
    n_steps: int = 0
    best_epoch: int = 0
    best_metric: float = math.nan
    """Valid recall@20 at the best epoch."""
    message: str = ""
    seconds: float = 0.0
    """Time spent so far."""
    eta_seconds: float = math.nan
    """Time left if no early stop comes."""
    updated: float = 0.0


def epochs_of(history: Path) -> pd.DataFrame:
    """Return one row an epoch."""
    rows = []
    for record in _read(history, "epoch"):
        losses = {f"loss.{name}": value for name, value in record["losses"].items()}
        about = {"epoch": record["epoch"], "seconds": record["seconds"], "loss": sum(record["losses"].values())}
        rows.append(about | losses | record["metrics"] | {"is_best": record["is_best"]} | record["knobs"])
    return pd.DataFrame(rows if rows else {"epoch": [], "seconds": [], "loss": [], "recall@20": [], "is_best": []})


def steps_of(history: Path) -> pd.DataFrame:
    """Return one row a written step."""
    rows = []
    for record in _read(history, "step"):
        losses = {f"loss.{name}": value for name, value in record["losses"].items()}
        place = {"epoch": record["epoch"], "step": record["step"], "progress": record["progress"]}
        rows.append(place | {"loss": sum(record["losses"].values())} | losses)
    return pd.DataFrame(rows if rows else {"epoch": [], "step": [], "progress": [], "loss": []})


def knob_changes_of(history: Path) -> pd.DataFrame:
    """Return one row a knob that was moved."""
    changes = [(record["progress"], record["changes"]) for record in _read(history, "knobs")]
    rows = [(progress, name, before, after) for progress, moved in changes for name, (before, after) in moved.items()]
    return pd.DataFrame(rows, columns=["progress", "name", "before", "after"])


def _read(history: Path, kind: str) -> Iterator[dict[str, Any]]:
    if not history.exists():
        return
    *lines, _ = history.read_text("utf-8").split("\n")
    for number, line in enumerate(lines, start=1):  # what follows the last line break is still being written
        try:
            record = json.loads(line)
        except ValueError as error:
            raise RunError(f"{history}, line {number} is damaged ({error}); resume the run, or delete it") from error
        if record.get("kind") == kind:
            yield record
