"""Training one case, or going on with it, and what it leaves; and from many of these, one row a case and one row a label."""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import LabError, RunError
from srgformer_lab.experiments.beyond import BEYOND, read_beyond, write_beyond
from srgformer_lab.experiments.cases import TrainingCase
from srgformer_lab.experiments.structure import structure_of
from srgformer_lab.models.edits import noisy_memberships
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.statistics import over_seeds, over_users
from srgformer_lab.training.evaluation import SELECTION_METRIC, evaluate, evaluate_users
from srgformer_lab.training.files import write_bytes
from srgformer_lab.training.fit import resume
from srgformer_lab.training.loop import cutoffs_for
from srgformer_lab.training.records import UNFINISHED
from srgformer_lab.training.run import Run

METRICS = ("recall@10", "recall@20", "ndcg@10", "ndcg@20")
STRUCTURE = "structure.csv"
MEASURED = "structure."
"""What stands before the names of measures of structure in tables."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case."""

    case: TrainingCase
    state: str
    """``finished``; ``stopped``, ``running`` and the like if it is to go on later; ``failed``; ``pruned``: a trial that lagged behind."""
    message: str = ""
    epochs: int = 0
    best_epoch: int = 0
    seconds: float = math.nan
    epoch_seconds: float = math.nan
    """Median, validation included."""
    metric: str = "recall@20"
    """What chose the best epoch."""
    valid: Mapping[str, float] | None = None
    """At the best validation epoch."""
    test: Mapping[str, float] | None = None
    users_file: Path | None = None
    """Each user's test metrics."""
    structure: Mapping[str, float] | None = None
    """What hyperedges and attention mean, where the case asks for it."""
    beyond: Mapping[str, float] | None = None
    """What its lists at test are like beyond what they find, where the case asks for it."""

    @property
    def is_finished(self) -> bool:
        """Whether its numbers are there: it was trained to its end, and judged."""
        return self.state == "finished" and self.test is not None

    @property
    def is_under_way(self) -> bool:
        """Whether a process has its training at hand, here or on another machine."""
        return self.state in UNFINISHED

    @property
    def share_done(self) -> float:
        """How much of the case is done, by epochs, if no early stop comes; in 0…1."""
        return 1.0 if self.is_finished else self.epochs / self.case.train.epochs

    def users(self) -> pd.DataFrame:
        """Return each user's test metrics, by ``user_id``.

        Raises:
            RunError: The case is not finished.
        """
        if self.users_file is None:
            raise RunError(f"{self.case.key} is {self.state} and has no metrics yet; start the experiment again to go on with it")
        return pd.read_csv(self.users_file, dtype={"user_id": str}).set_index("user_id")


def complete(case: TrainingCase, folder: Path) -> Outcome:
    """Train a case to its end in its own run folder under ``folder``, from wherever it is; one that is finished is only read.

    A mistake in its settings, or a loss that is not finite, is an outcome too, so that the other cases go on; and so is a training
    that another process has at hand, on this machine or another, which is left to that one.
    """
    if (outcome := seen(case, folder)).is_finished:
        return outcome
    try:
        data = case.recipe.open(case.seed)
        run = _run_of(case, data, folder)
        if run.status().state not in ("finished", *UNFINISHED):
            resume(run, data, case.pruning.watching(run) if case.pruning else None)
        return _judged(case, run, data) if run.status().state == "finished" else _stopped(case, run)
    except LabError as error:
        elsewhere = seen(case, folder)  # another process may have begun it in this moment
        return elsewhere if elsewhere.is_under_way else Outcome(case, "failed", str(error))


def seen(case: TrainingCase, folder: Path) -> Outcome:
    """Read how far a case is, without touching it."""
    path = folder / case.key
    if not (path / "config.json").exists():
        return Outcome(case, "not begun")
    try:
        run = Run.open(path)
        return _read(case, run) if run.status().state == "finished" and _is_judged(case, run) else _unfinished(case, run)
    except LabError as error:
        return Outcome(case, "failed", str(error))


def _run_of(case: TrainingCase, data: Dataset, folder: Path) -> Run:
    path = folder / case.key
    with _alone_in(folder):  # another experiment may be making the same folder now
        if (path / "config.json").exists():
            run = Run.open(path)
            run.check_data(data)
            return run
        shutil.rmtree(path, ignore_errors=True)  # a folder that was made, but broken off before it said of what
        return Run.create(folder, case.key, data, case.model_name, case.model, case.train)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / ".making.lock")
    try:
        lock.acquire()
    except OSError as error:
        raise RunError(f"{lock.lock_file} can't be locked: {error}; free some space, or choose another --output") from error
    try:
        yield
    finally:
        lock.release()


def _judged(case: TrainingCase, run: Run, data: Dataset) -> Outcome:
    if not _is_judged(case, run):
        model = run.model(data)
        if case.with_structure and isinstance(model, SRGFormer):
            write_bytes(run.path / STRUCTURE, pd.DataFrame([structure_of(model, data)]).to_csv(index=False).encode())
        with _noise(case, model):
            users = evaluate_users(model, data, "test")
            valid = evaluate(model, data, "valid", cutoffs_for(run.config.selection_metric))
            if case.with_beyond:
                write_beyond(_file("beyond", case, run), model, data)
        write_bytes(_file("valid", case, run), pd.DataFrame([valid]).to_csv(index=False).encode())
        write_bytes(_file("users", case, run), users.to_csv(index=False, float_format="%.6g").encode())
    return _read(case, run)


def _is_judged(case: TrainingCase, run: Run) -> bool:
    is_told = not case.with_beyond or _file("beyond", case, run).exists()
    return _file("users", case, run).exists() and is_told and (not case.with_structure or (run.path / STRUCTURE).exists())


def _noise(case: TrainingCase, model: Recommender) -> AbstractContextManager[None]:
    if not (case.with_noise and isinstance(model, SRGFormer)):
        return nullcontext()
    temperature = model.config.membership_temperature
    return model.edit(*(edit for name in model.modalities for edit in noisy_memberships(name, temperature, case.seed)))


def _read(case: TrainingCase, run: Run) -> Outcome:
    history, status = run.history(), run.status()
    valid = pd.read_csv(_file("valid", case, run)).iloc[0].to_dict()
    test = pd.read_csv(_file("users", case, run)).drop(columns="user_id").mean().to_dict()
    return Outcome(
        case,
        status.state,
        status.message,
        status.epoch,
        status.best_epoch,
        status.seconds,
        float(history["seconds"].median()) if len(history) else math.nan,
        status.metric,
        {str(name): float(value) for name, value in valid.items()},
        {str(name): float(value) for name, value in test.items()},
        _file("users", case, run),
        pd.read_csv(run.path / STRUCTURE).iloc[0].to_dict() if case.with_structure else None,
        read_beyond(_file("beyond", case, run)) if case.with_beyond else None,
    )


def _stopped(case: TrainingCase, run: Run) -> Outcome:
    outcome = _unfinished(case, run)
    if case.pruning and outcome.state == "stopped" and case.pruning.stopped_after():
        return replace(outcome, state="pruned")
    return outcome


def _unfinished(case: TrainingCase, run: Run) -> Outcome:
    status = run.status()
    state = "not judged" if status.state == "finished" else status.state
    return Outcome(case, state, status.message, status.epoch, status.best_epoch, status.seconds)


def _file(what: str, case: TrainingCase, run: Run) -> Path:
    return run.path / f"{what}{'-with-noise' if case.with_noise else ''}.csv"


def rows(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return one row a case: its labels, ``seed``, ``state``, epochs, seconds, and metrics as ``valid.…`` and ``test.…``."""
    found = []
    for outcome in outcomes:
        case = outcome.case
        about = {"seed": case.seed, "settings": _words(case.changes), "state": outcome.state, "message": outcome.message, "run": case.key}
        spent = {"epochs": outcome.epochs, "best_epoch": outcome.best_epoch, "seconds": outcome.seconds}
        metrics = {f"valid.{name}": value for name, value in (outcome.valid or {}).items()}
        metrics |= {f"test.{name}": value for name, value in (outcome.test or {}).items()}
        metrics |= {f"{MEASURED}{name}": value for name, value in (outcome.structure or {}).items()}
        metrics |= {f"{BEYOND}{name}": value for name, value in (outcome.beyond or {}).items()}
        found.append({**case.labels, **about, **spent, "epoch_seconds": outcome.epoch_seconds, **metrics})
    return pd.DataFrame(found)


Labels = Mapping[str, str | float]


def table(outcomes: Sequence[Outcome], by: Sequence[str], reference: Labels, others: Sequence[Labels] = ()) -> pd.DataFrame:
    """Return one row a label: mean test metrics, their bounds over seeds, and the paired difference to its reference.

    The reference of a row is the row that has these labels instead of its own. Only finished cases count; ``unfinished`` says
    how many others there are. ``gain`` is the mean difference of test recall@20 with the same seed; ``gain_low`` and
    ``gain_high`` bound it over seeds (Student's t, 95 %), ``users_low`` and ``users_high`` over users (bootstrap; a user of several
    seeds counts once, with the mean difference, for one person's differences are no independent draws). The same stands for
    each of the ``others`` behind its name, and for each measure of structure its mean and bounds over seeds.
    """
    groups: dict[tuple[str | float, ...], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(tuple(outcome.case.labels[name] for name in by), []).append(outcome)
    found = []
    for label, group in groups.items():
        labels, row = dict(zip(by, label, strict=True)), _row(group)
        for place, against in enumerate((reference, *others)):
            other = tuple((labels | dict(against))[name] for name in by)
            gain = _gain(_finished(group), _finished(groups.get(other, []))) if other != label else {}
            row |= {f"{name}{of_other(against) if place else ''}": value for name, value in gain.items()}
        found.append(labels | row)
    return pd.DataFrame(found)


def of_other(reference: Labels) -> str:
    """Return what follows the names of the columns that hold rows against a further reference."""
    return f", {' '.join(map(str, reference.values()))}"


def _finished(group: Sequence[Outcome]) -> dict[int, Outcome]:
    return {outcome.case.seed: outcome for outcome in group if outcome.is_finished}


def _row(group: Sequence[Outcome]) -> dict[str, float]:
    done = _finished(group)
    row: dict[str, float] = {"seeds": len(done), "unfinished": len(group) - len(done)}
    if not done:
        return row
    tests = pd.DataFrame([outcome.test for outcome in done.values()])
    row |= {name: float(tests[name].mean()) for name in METRICS}
    row |= _bounds("", tests[SELECTION_METRIC].to_numpy())
    row |= {
        "valid": float(np.mean([(outcome.valid or {})[outcome.metric] for outcome in done.values()])),
        "best_epoch": float(np.median([outcome.best_epoch for outcome in done.values()])),
        "epoch_seconds": float(np.median([outcome.epoch_seconds for outcome in done.values()])),
    }
    for prefix, of in ((MEASURED, "structure"), (BEYOND, "beyond")):
        measured = pd.DataFrame([getattr(outcome, of) or {} for outcome in done.values()])
        for name in measured:
            known = measured[name].dropna()  # no history long enough to be ranked, or no group that could be told
            row |= {f"{prefix}{name}": float(known.mean()), **_bounds(f"{prefix}{name} ", known.to_numpy())}
    return row


def _gain(done: dict[int, Outcome], beside: dict[int, Outcome]) -> dict[str, float]:
    shared = [seed for seed in done if seed in beside]
    if not shared:
        return {}
    pairs = [done[seed].users()[SELECTION_METRIC].align(beside[seed].users()[SELECTION_METRIC], join="inner") for seed in shared]
    gains = [ours - theirs for ours, theirs in pairs]
    users = over_users(pd.concat(gains, axis=1).mean(axis=1).to_numpy())
    means = np.array([gain.mean() for gain in gains])
    return {"gain": float(means.mean()), **_bounds("gain_", means), "users_low": users.low, "users_high": users.high}


def _bounds(prefix: str, values: np.ndarray) -> dict[str, float]:
    if len(values) < 2:
        return {}
    interval = over_seeds(values)
    return {f"{prefix}low": interval.low, f"{prefix}high": interval.high}


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in settings.items())
