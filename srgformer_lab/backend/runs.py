"""Which runs a link can name: those of the working folder, read anew only where their files changed, and the shipped one."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from srgformer_lab.backend import limits
from srgformer_lab.backend.link import SHIPPED, shortened
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import LabError, RunError
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.files import file_stamp
from srgformer_lab.training.managing import shipped_run
from srgformer_lab.training.records import UNFINISHED, RunConfig, Status
from srgformer_lab.training.run import RUNS, Run

Stamp = tuple[tuple[int, ...], ...]
FILES = ("config.json", "status.json", "history.jsonl", "result.json", "knobs.json", "best.safetensors")
"""What a run's page can show depends on these."""


@dataclass(frozen=True)
class KnownRun:
    """A run with what was read of it at once."""

    run: Run
    config: RunConfig
    status: Status

    @property
    def has_weights(self) -> bool:
        """Whether its best weights are there."""
        return self.run.weights_path("best").exists()

    @property
    def can_show(self) -> bool:
        """Whether it is a trained SRGFormer to look into."""
        return self.config.model_name == "srgformer" and self.has_weights


_known: dict[Path, tuple[Stamp, KnownRun | None]] = {}
_lock = Lock()


def run_stamp(folder: Path) -> Stamp:
    """Return what differs when a file of a run has changed."""
    return tuple(file_stamp(folder / name) for name in FILES)


def known_runs(data: Dataset) -> dict[str, KnownRun]:
    """Return the runs of this data in the working folder by name, the newest first, and the shipped one if it is its own.

    Damaged ones are left out. Only folders whose files changed since are read.
    """
    found = sorted(filter(None, map(_read, _folders())), key=lambda known: -known.config.created)
    named = {known.run.name: known for known in found}
    with suppress(LabError):  # an installation without it still opens
        if shipped := _read(shipped_run().path):
            named[SHIPPED] = shipped
    return {name: known for name, known in named.items() if data.matches(known.config.fingerprint)}


def runs_of(data: Dataset) -> dict[str, Run]:
    """Return the same runs without what was read of them."""
    return {name: known.run for name, known in known_runs(data).items()}


def default_run(data: Dataset) -> str:
    """Return the name of the SRGFormer run with the best valid recall@20 on this data; empty if there is none with weights.

    In a class it is one that was there before it, and that all can open.
    """
    known = {name: known for name, known in known_runs(data).items() if known.can_show and limits.is_offered(name)}
    values = {name: each.status.best_metric for name, each in known.items()}
    judged = [name for name, value in values.items() if value == value and limits.can_open(data, known[name].config.model)]
    return max(judged, key=lambda name: values[name], default="")


def run_path(name: str) -> Path:
    """Return where the run of a name lies, if it is there.

    Raises:
        RunError: The shipped run is missing, or the name is not a plain one.
    """
    if name == SHIPPED:
        return shipped_run().path
    if Path(name).name != name or "\0" in name or len(name) > 200:
        raise RunError(f"there is no run {shortened(name)} in {RUNS.resolve()}; choose one of those that the Train page lists")
    return RUNS / name


def find_run(name: str) -> Run:
    """Open a run by the name that a link knows it by.

    Raises:
        RunError: There is none of that name, or it is damaged.
    """
    path = run_path(name)
    if not path.is_dir():
        raise RunError(f"there is no run {shortened(name)} in {RUNS.resolve()}; choose one of those that the Train page lists")
    return Run.open(path)


def _folders() -> list[Path]:
    try:
        return sorted(folder for folder in RUNS.iterdir() if not folder.name.startswith(".") and folder.is_dir())
    except OSError:  # nothing was trained yet
        return []


def _read(folder: Path) -> KnownRun | None:
    """Read a run unless that was done since it changed; None for a damaged one."""
    stamp, place = run_stamp(folder), folder.absolute()
    with _lock:
        kept, known = _known.get(place, ((), None))
    if kept == stamp and not (known and known.status.state in UNFINISHED):  # whether one is still being trained no file says
        return known
    try:
        run = Run.open(folder)
        known = KnownRun(run, run.config, run.status())
    except RunError:
        known = None
    with _lock:
        _known[place] = stamp, known
        for gone in [path for path in _known if not path.is_dir()] if len(_known) > 1000 else ():
            del _known[gone]
    return known


def trained_pass(run: Run, data: Dataset, epoch: int | str = "best") -> tuple[SRGFormer, Trace]:
    """Load a run's weights and make a pass.

    Raises:
        RunError: The run is of another model or of other data, or there are no weights of that epoch.
    """
    model = run.model(data, epoch)
    if not isinstance(model, SRGFormer):
        raise RunError(f"run {run.name} is no SRGFormer; choose another")
    return model, model.trace()
