"""Which runs a link can name: those of the working folder, read anew only where their files changed, and the shipped ones."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from srgformer_lab.analysis.explanation import read_for
from srgformer_lab.backend import limits
from srgformer_lab.backend.link import SHIPPED, SHIPPED_FOUND, SHIPPED_RUNS, shortened
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import LabError, RunError
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.reading import Reading
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.files import file_stamp
from srgformer_lab.training.managing import shipped_run
from srgformer_lab.training.records import UNFINISHED, RunConfig, Status
from srgformer_lab.training.run import RUNS, Run

Stamp = tuple[tuple[int, ...], ...]
FILES = ("config.json", "status.json", "history.jsonl", "result.json", "knobs.json", "best.safetensors")
"""What a run's page can show depends on these."""
FORMS = {SHIPPED: "as published", SHIPPED_FOUND: "found"}
"""What people call the two forms, as whose examples the shipped runs stand beside one another."""


@dataclass(frozen=True)
class KnownRun:
    """A run with what was read of it at once."""

    run: Run
    config: RunConfig
    status: Status
    turned: Mapping[str, tuple[float, float]]
    """The knobs that were turned while it trained: their values at first and at last."""

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
    """Return the runs of this data in the working folder by name, the newest first, and then the shipped ones if it is their own.

    Damaged ones are left out. Only folders whose files changed since are read.
    """
    found = sorted(filter(None, map(read_run, _folders())), key=lambda known: -known.config.created)
    named = {known.run.name: known for known in found}
    for name, preset in SHIPPED_RUNS.items():
        with suppress(LabError):  # an installation without it still opens
            if shipped := read_run(shipped_run(preset).path):
                named[name] = shipped
    return {name: known for name, known in named.items() if known.run.is_on(data)}


def runs_of(data: Dataset) -> dict[str, Run]:
    """Return the same runs without what was read of them."""
    return {name: known.run for name, known in known_runs(data).items()}


def comparable_runs(data: Dataset) -> dict[str, KnownRun]:
    """Return the runs of this data that have weights, of whatever model, the best valid recall@20 first and those without one last.

    The shipped one whose structure is found comes after all others: what is shown unasked is SRGFormer as published.
    """

    def place(name: str) -> tuple[bool, float]:
        value = known[name].status.best_metric
        return name == SHIPPED_FOUND, -value if value == value else math.inf

    known = {name: each for name, each in known_runs(data).items() if each.has_weights}
    return {name: known[name] for name in sorted(known, key=place)}


def default_run(data: Dataset) -> str:
    """Return the name of the SRGFormer run with the best valid recall@20 on this data; empty if there is none with weights.

    In a class it is one that was there before it, and that all can open.
    """
    for name, known in comparable_runs(data).items():
        is_judged = known.can_show and not math.isnan(known.status.best_metric)
        if is_judged and limits.is_offered(name) and limits.can_open(data, known.config.model):
            return name
    return ""


def shipped_forms(data: Dataset) -> dict[str, str]:
    """Name the two forms of SRGFormer of which a finished run comes with the package, each with that run; none on other data."""
    known = known_runs(data)
    return {words: name for name, words in FORMS.items() if name in known} if SHIPPED_FOUND in known else {}


def run_path(name: str) -> Path:
    """Return where the run of a name lies, if it is there.

    Raises:
        RunError: A shipped run is missing, or the name is not a plain one.
    """
    if name in SHIPPED_RUNS:
        return shipped_run(SHIPPED_RUNS[name]).path
    if Path(name).name != name or "\0" in name or len(name) > 200:
        raise RunError(f"there is no run {shortened(name)} in {RUNS.resolve()}; choose one on the page “Which runs are there?”")
    return RUNS / name


def find_run(name: str) -> Run:
    """Open a run by the name that a link knows it by.

    Raises:
        RunError: There is none of that name, or it is damaged.
    """
    path = run_path(name)
    if not path.is_dir():
        raise RunError(f"there is no run {shortened(name)} in {RUNS.resolve()}; choose one on the page “Which runs are there?”")
    return Run.open(path)


def _folders() -> list[Path]:
    try:
        return sorted(folder for folder in RUNS.iterdir() if not folder.name.startswith(".") and folder.is_dir())
    except OSError:  # nothing was trained yet
        return []


def read_run(folder: Path) -> KnownRun | None:
    """Read a run unless that was done since it changed; None for a damaged one."""
    stamp, place = run_stamp(folder), folder.absolute()
    with _lock:
        kept, known = _known.get(place, ((), None))
    if kept == stamp and not (known and known.status.state in UNFINISHED):  # whether one is still being trained no file says
        return known
    try:
        run = Run.open(folder)
        known = KnownRun(run, run.config, run.status(), _turned(run))
    except RunError:
        known = None
    with _lock:
        _known[place] = stamp, known
        for gone in [path for path in _known if not path.is_dir()] if len(_known) > 1000 else ():
            del _known[gone]
    return known


def _turned(run: Run) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for row in run.knob_changes().to_dict("records"):
        found[row["name"]] = (found[row["name"]][0] if row["name"] in found else row["before"], row["after"])
    return found


def trained_pass(run: Run, data: Dataset, epoch: int | str = "best") -> tuple[SRGFormer, Trace]:
    """Load a run's weights and make a pass.

    Raises:
        RunError: The run is of another model or of other data, or there are no weights of that epoch.
    """
    model = run.model(data, epoch)
    if not isinstance(model, SRGFormer):
        raise RunError(f"run {run.name} is no SRGFormer; choose another")
    return model, model.trace()


def other_reading(run: Run, data: Dataset, epoch: int | str = "best") -> tuple[Recommender, Reading]:
    """Load a run's weights, of whichever model, and read them so that everybody's scores can be taken apart.

    Raises:
        RunError: The run is of other data, or there are no weights of that epoch.
    """
    model = run.model(data, epoch)
    return model, read_for(model, *range(data.n_users))
