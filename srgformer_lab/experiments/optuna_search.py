"""Settings that Optuna asks for, between the ends of each model's grid, with the same budget for every model.

Trials are asked for and told in rounds, so that what is tried depends on what was found, and neither on how many are trained at once nor on
where. A round that is broken off is finished when the same command is given again, by this machine or another with the same storage.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import OptunaError
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from srgformer_lab.errors import RunError
from srgformer_lab.experiments.candidates import SEARCH_SEED, Candidate
from srgformer_lab.experiments.cases import Setup, TrainingCase
from srgformer_lab.experiments.needs import Need, need
from srgformer_lab.experiments.outcomes import Outcome, seen
from srgformer_lab.experiments.pruning import PRUNED, Pruning, ReachesStorage, is_url, open_storage, pruner, quiet, report, without_password
from srgformer_lab.experiments.report import check_output
from srgformer_lab.experiments.runner import Runner
from srgformer_lab.experiments.search import Search, joined, trial_of
from srgformer_lab.training.run import Run

AT_ONCE = 4
"""Trials of a model in a round."""
WIDE = 10
"""Positive values that lie so many times apart are searched on a logarithmic scale."""
SURPLUS, MESSAGE = "surplus", "message"


def space_of(model: Candidate) -> dict[str, BaseDistribution]:
    """Return what Optuna chooses each setting from: all between the ends of its grid, the model's own value included."""
    return {name: _range(sorted({*values, model.settings.get(name, values[0])})) for name, values in model.grid.items()}


def _range(values: Sequence[Any]) -> BaseDistribution:
    low, high, above = values[0], values[-1], [value for value in values if value > 0]
    is_wide = len(above) > 1 and above[-1] >= WIDE * above[0]
    if is_wide and low <= 0:
        return CategoricalDistribution(list(values))
    if all(type(value) is int for value in values):
        return IntDistribution(low, high, log=is_wide)
    return FloatDistribution(float(low), float(high), log=is_wide)


def _points(space: Mapping[str, BaseDistribution]) -> list[dict[str, Any]] | None:
    """Return all that a space holds; None where it holds a whole interval."""
    values: list[Sequence[Any]] = []
    for one in space.values():
        if isinstance(one, FloatDistribution) and not one.single():
            return None
        values.append(one.choices if isinstance(one, CategoricalDistribution) else range(int(one.low), int(one.high) + 1))  # type: ignore[attr-defined]
    return [dict(zip(space, point, strict=True)) for point in product(*values)]


@dataclass(frozen=True)
class OptunaSearch(Search):
    """Optuna's tree of Parzen estimators, which stops trials that validate below the median."""

    storage: str
    """A file, or the URL of a database, that all machines share which search together."""
    is_beside: bool = False
    """Whether it is a file beside the tables, and so on the same storage as the run folders."""

    def __post_init__(self) -> None:
        """Refuse a storage that can't be opened; a file that is not there yet is made when the search begins."""
        scheme, _, file = self.storage.partition(":///")
        if scheme.startswith("sqlite") and file and file != ":memory:":
            object.__setattr__(self, "storage", f"{scheme}:///{Path(file).absolute()}")
        if not is_url(self.storage):
            object.__setattr__(self, "storage", str(Path(self.storage).expanduser().absolute()))
            check_output(Path(self.storage).parent)
        if is_url(self.storage) or Path(self.storage).exists():
            self._opened()

    @property
    def checks(self) -> Sequence[ReachesStorage]:
        """The storage is reached from each machine that trains."""
        if self.is_beside:
            return ()
        self._opened()
        return (ReachesStorage(self.storage),)

    def _opened(self) -> BaseStorage:
        return open_storage(self.storage)

    def need(self, setup: Setup, models: Sequence[Candidate], folder: Path) -> Need:
        """Estimate what is still to be tried: every trial like the model's own; at least, only the first are trained to early stops."""
        storage = self._opened() if is_url(self.storage) or Path(self.storage).exists() else None
        total = Need(0, 0, 0, 0)
        for model in models:
            study = _Study(setup, model, "", storage) if storage else None
            budget = _budget(setup, space_of(model))
            n_left = budget - (study.n_told if study and study.exists else 0)
            one = need([trial_of(setup, model, 1, model.settings)], folder)
            if n_left > 0 and one.n_cases:
                least = min(n_left, AT_ONCE) * one.hours_at_least
                total = joined(total, replace(one, n_cases=n_left, hours_at_least=least, hours_at_most=n_left * one.hours_at_most))
        return total

    def tried(self, setup: Setup, models: Sequence[Candidate], runner: Runner) -> list[Outcome]:
        """Try as many settings of each model as the budget says, and return the outcome of each trial.

        Raises:
            RunError: The storage can't be read or written.
        """
        Path(self.storage).parent.mkdir(parents=True, exist_ok=True) if not is_url(self.storage) else None
        try:
            with quiet():
                storage = self._opened()
                studies = [_Study(setup, model, self.storage, storage) for model in models]
                while asked := [(study, case) for study in studies for case in study.asked(runner)]:
                    outcomes = runner.finish([case for _, case in asked])
                    told = [study.tell(case, outcome, runner) for (study, case), outcome in zip(asked, outcomes, strict=True)]
                    if not all(told):  # the time is up, or a worker was lost too often: they stay as they are until the next start
                        break
                return [outcome for study in studies for outcome in study.outcomes(runner)]
        except OptunaError as error:
            where = without_password(self.storage)
            raise RunError(f"the trials in {where} can't be read or written: {error}; give the same command again") from error


def _budget(setup: Setup, space: Mapping[str, BaseDistribution]) -> int:
    points = _points(space)
    return setup.n_trials if points is None else min(setup.n_trials, len(points))


class _Study:
    """The trials of one model: its study in the storage holds those of the same data, seed, settings and ranges, and no others."""

    def __init__(self, setup: Setup, model: Candidate, storage: str, opened: BaseStorage) -> None:
        self.setup, self.model, self.url, self.storage = setup, model, storage, opened
        self.space = space_of(model)
        self.budget = _budget(setup, self.space)
        own = trial_of(setup, model, 1, model.settings)
        self.name = f"{model.name} {own.key} {_digest(repr(sorted(self.space.items())))[:8]}"

    @property
    def exists(self) -> bool:
        return self.name in optuna.get_all_study_names(self.storage)

    @property
    def n_told(self) -> int:
        states = optuna.load_study(study_name=self.name, storage=self.storage).trials
        return sum(trial.state.is_finished() and SURPLUS not in trial.user_attrs for trial in states)

    @cached_property
    def study(self) -> optuna.Study:
        study = optuna.create_study(storage=self.storage, study_name=self.name, load_if_exists=True, direction="maximize", pruner=pruner())
        points = _points(self.space)
        own = {name: self.model.settings[name] for name in self.space}
        for point in [own, *(points if points is not None and len(points) <= self.budget else ())]:
            study.enqueue_trial(point, skip_if_exists=True)
        return study

    def trials(self) -> list[FrozenTrial]:
        """Return the trials that count, in the order in which they were asked for."""
        found = self.study.get_trials(deepcopy=False)
        return [trial for trial in found if trial.state != TrialState.WAITING and SURPLUS not in trial.user_attrs]

    def asked(self, runner: Runner) -> list[TrainingCase]:
        """Return what is open, and what is needed to make a round of it, within the budget."""
        known = self.trials()
        cases = []
        for trial in known:
            if trial.state == TrialState.RUNNING:
                if PRUNED in trial.user_attrs or set(trial.params) != set(self.space):
                    self._close(trial, is_surplus=PRUNED not in trial.user_attrs)
                else:
                    cases.append(self.case(trial))
        if runner.job.is_over:
            return cases
        n_more = -len(known) % AT_ONCE or (0 if cases else AT_ONCE)
        for number in range(len(known), min(len(known) + n_more, self.budget)):
            self.study.sampler = TPESampler(seed=int(_digest(f"{self.name} {number} {SEARCH_SEED}")[:8], 16))
            trial = self.study.ask(self.space)
            place = [each.number for each in self.trials()].index(trial.number)
            if place < self.budget:
                cases.append(self.case(self.storage.get_trial(trial._trial_id)))
            else:  # another machine asked at the same moment
                self._close(self.storage.get_trial(trial._trial_id), is_surplus=True)
        return cases

    def _close(self, trial: FrozenTrial, is_surplus: bool) -> None:
        if is_surplus:
            self.storage.set_trial_user_attr(trial._trial_id, SURPLUS, True)
        self.study.tell(trial.number, state=TrialState.FAIL if is_surplus else TrialState.PRUNED, skip_if_finished=True)

    def case(self, trial: FrozenTrial) -> TrainingCase:
        chosen = {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in trial.params.items()}
        case = trial_of(self.setup, self.model, trial.number + 1, {**self.model.settings, **chosen})
        return replace(case, pruning=Pruning(self.url, self.name, trial._trial_id))

    def tell(self, case: TrainingCase, outcome: Outcome, runner: Runner) -> bool:
        """Tell the storage what became of a trial; return whether that is known."""
        number, in_storage = int(case.labels["trial"]) - 1, case.pruning.trial  # type: ignore[union-attr]
        if self.storage.get_trial(in_storage).state.is_finished():  # another machine has told it
            return True
        if outcome.is_finished:
            report(Trial(self.study, in_storage), Run(runner.job.folder / case.key))
            self.study.tell(number, (outcome.valid or {})[outcome.metric], skip_if_finished=True)
        elif outcome.state == "pruned":
            self.study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
        elif outcome.state == "failed":
            self.storage.set_trial_user_attr(in_storage, MESSAGE, outcome.message)
            self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        else:
            return False
        return True

    def outcomes(self, runner: Runner) -> list[Outcome]:
        """Return what is known of each trial; of one whose run folder is elsewhere, what the storage has."""
        return [self._outcome(trial, runner) for trial in self.trials()]

    def _outcome(self, trial: FrozenTrial, runner: Runner) -> Outcome:
        case = self.case(trial) if set(trial.params) == set(self.space) else trial_of(self.setup, self.model, trial.number + 1, {})
        found = seen(case, runner.job.folder)
        if trial.state == TrialState.COMPLETE and not found.is_finished:
            metric = found.metric if found.metric else "recall@20"
            return Outcome(case, "finished", "its run folder is elsewhere", valid={metric: trial.value or math.nan}, metric=metric, test={})
        if trial.state == TrialState.PRUNED:
            epoch = int(trial.user_attrs.get(PRUNED, found.epochs))  # the run may have gone on since, for others who need it
            return Outcome(case, "pruned", f"below the median after epoch {epoch}", epoch)
        if trial.state == TrialState.FAIL:
            return replace(found, state="failed", message=str(trial.user_attrs.get(MESSAGE, "")))
        return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
