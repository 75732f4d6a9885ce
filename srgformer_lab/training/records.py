"""What a run folder tells: what was trained, how far it is, and its history as frames; every value is checked before it is believed."""

import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from srgformer_lab.config import Config, TrainConfig
from srgformer_lab.data.dataset import DataSource
from srgformer_lab.data.source import source_from_dict
from srgformer_lab.errors import LabError, RunError
from srgformer_lab.models import catalog
from srgformer_lab.training.files import is_number, parse_json, read_bytes, read_json
from srgformer_lab.version import VERSION

RECALL = "recall@20"
"""What chose the best epoch in version 0.1.0, whose runs don't say so."""
STATES = ("queued", "running", "stopped", "finished", "failed", "interrupted")
UNFINISHED = ("queued", "running")


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
    selection_metric: str = RECALL
    """The validation metric that chooses the best epoch."""
    begun_from: str = ""
    """Whose weights it started from, in words; empty where they were drawn."""

    @classmethod
    def read(cls, path: Path) -> "RunConfig":
        """Read ``config.json``.

        Raises:
            RunError: The file is missing or damaged.
        """
        content = read_json(path)
        try:
            parts = {
                name: content[name] for name in ("model_name", "model", "train", "source", "fingerprint", "data", "versions", "created")
            }
            parts |= {"selection_metric": content.get("selection_metric", RECALL), "begun_from": content.get("begun_from", "")}
            for name in ("model_name", "fingerprint", "data", "selection_metric", "begun_from"):
                if not isinstance(parts[name], str):
                    raise RunError(f"{name} is {parts[name]!r:.60}, not a text")
            if not all(isinstance(parts[name], dict) for name in ("model", "train", "versions")) or not _is_finite(parts["created"]):
                raise RunError("model, train and versions must be objects, and created a number")
            parts["model"] = catalog.kind(parts["model_name"]).config.from_dict(parts["model"])
            return cls(**parts | {"train": TrainConfig.from_dict(parts["train"]), "source": source_from_dict(parts["source"])})
        except (KeyError, TypeError, ValueError, LabError) as error:
            raise RunError(f"{path} is damaged ({error}); restore it, or delete the run") from error


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
    """The selection metric on the validation split at the best epoch."""
    message: str = ""
    seconds: float = 0.0
    """Time spent so far."""
    eta_seconds: float = math.nan
    """Time left if no early stop comes."""
    updated: float = 0.0
    """When it was written, in seconds since 1970."""
    metric: str = RECALL
    """Name of the selection metric."""
    host: str = ""
    """The machine of the process that wrote it."""
    pid: int = 0

    @classmethod
    def read(cls, path: Path) -> "Status":
        """Read ``status.json``; what a later version adds is left out.

        Args:
            path: Where the file is.

        Returns:
            What it says.

        Raises:
            RunError: The file is missing or damaged.
        """
        content = read_json(path, "resume the run, which writes it anew, or delete it")
        found: dict[str, Any] = {}
        for item in fields(cls):
            value: Any = content.get(item.name, item.default)
            value = math.nan if value is None and item.type is float else value
            if item.type is str:
                fits = isinstance(value, str)
            elif item.type is int:
                fits = type(value) is int and 0 <= value < 2**63
            else:
                fits = is_number(value) or (isinstance(value, float) and math.isnan(value))
            if not fits:
                given = repr(value)[:60] if item.name in content else "missing"
                raise RunError(f"{path} is damaged ({item.name} is {given}); resume the run, or delete it")
            found[item.name] = float(value) if item.type is float else value
        if found["state"] not in STATES:
            raise RunError(f"{path} is damaged (state {found['state']!r:.60} is none of {', '.join(STATES)}); resume the run, or delete it")
        return cls(**found)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON, which knows no NaN.

        Returns:
            All fields by name, None for NaN.
        """
        return {name: None if value != value else value for name, value in asdict(self).items()}


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


def whole_part(history: bytes) -> tuple[int, int]:
    """Return how many bytes of a history are whole lines that can be read, from its beginning, and the last epoch among them."""
    length = epoch = 0
    for line in history.splitlines(keepends=True):
        try:
            record = parse_json(line)
        except ValueError:
            break
        if not line.endswith(b"\n") or _what_is_wrong(record):
            break
        length += len(line)
        epoch = record["epoch"] if record["kind"] == "epoch" else epoch
    return length, epoch


def _read(history: Path, kind: str) -> Iterator[dict[str, Any]]:
    try:
        *lines, _ = read_bytes(history).split(b"\n")  # what follows the last line break is still being written
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, start=1):
        try:
            record = parse_json(line)
        except ValueError as error:
            raise RunError(f"{history}, line {number} is damaged ({error}); resume the run, or delete it") from error
        if wrong := _what_is_wrong(record):
            raise RunError(f"{history}, line {number} is damaged ({wrong}); resume the run, or delete it")
        if record["kind"] == kind:
            yield record


def _what_is_wrong(record: object) -> str:
    """Say what a record lacks; nothing for one that is as the training writes it."""
    if not isinstance(record, dict) or not isinstance(record.get("kind"), str):
        return "it is no record"
    numbers = {"epoch": ("epoch", "seconds"), "step": ("epoch", "step", "progress"), "knobs": ("progress",)}.get(record["kind"], ())
    tables = {"epoch": ("losses", "metrics", "knobs"), "step": ("losses",)}.get(record["kind"], ())
    for name in numbers:
        if not _is_finite(record.get(name)):
            return f"{name} is no number"
    for name in tables:
        fits = _is_float if name == "metrics" else _is_finite  # over no users there is no mean
        if not isinstance(record.get(name), dict) or not all(map(fits, record[name].values())):
            return f"{name} is no table of numbers"
    if record["kind"] == "epoch" and not isinstance(record.get("is_best"), bool):
        return "is_best is neither true nor false"
    if record["kind"] == "knobs":
        moved = record.get("changes")
        ends = moved.values() if isinstance(moved, dict) else [None]
        if not all(isinstance(pair, list) and len(pair) == 2 and all(map(_is_finite, pair)) for pair in ends):
            return "changes is no table of pairs of numbers"
    return ""


def _is_finite(value: object) -> bool:
    return is_number(value) and math.isfinite(value)  # type: ignore[arg-type]


def _is_float(value: object) -> bool:
    return is_number(value) or isinstance(value, float)


def versions() -> dict[str, str]:
    """Name the versions that a run depends on."""
    return {"python": platform.python_version(), "srgformer-lab": VERSION} | {name: version(name) for name in ("torch", "numpy")}
