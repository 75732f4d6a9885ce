"""Which settings of each model are tried before its seeds are run: points of its grid, or what Optuna asks for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from srgformer_lab.errors import ConfigError, UnknownIdError, require
from srgformer_lab.experiments.candidates import Candidate
from srgformer_lab.experiments.cases import Setup, TrainingCase
from srgformer_lab.experiments.needs import Need, need
from srgformer_lab.experiments.outcomes import Outcome
from srgformer_lab.experiments.runner import Runner
from srgformer_lab.experiments.workers import Check

SEARCHES = ("grid", "optuna")


class Search(ABC):
    """Something that is given models and tries settings of each, as many for every one."""

    checks: Sequence[Check] = ()
    """What must hold on each machine that trains."""

    @abstractmethod
    def need(self, setup: Setup, models: Sequence[Candidate], folder: Path) -> Need:
        """Estimate what is still to be tried.

        Raises:
            ConfigError: It can't be searched so.
        """

    @abstractmethod
    def tried(self, setup: Setup, models: Sequence[Candidate], runner: Runner) -> list[Outcome]:
        """Try settings, on the first seed, and return the outcome of each trial."""


class GridSearch(Search):
    """Each model's own settings, and then points of its grid in a random order that is always the same."""

    def need(self, setup: Setup, models: Sequence[Candidate], folder: Path) -> Need:
        """Estimate what is still to be tried."""
        return need(self._cases(setup, models), folder)

    def tried(self, setup: Setup, models: Sequence[Candidate], runner: Runner) -> list[Outcome]:
        """Train every trial to its end."""
        return runner.finish(self._cases(setup, models))

    def _cases(self, setup: Setup, models: Sequence[Candidate]) -> list[TrainingCase]:
        return [
            trial_of(setup, each, number, settings)
            for each in models
            for number, settings in enumerate(each.trials(setup.n_trials), start=1)
        ]


def trial_of(setup: Setup, model: Candidate, number: int, settings: Mapping[str, Any]) -> TrainingCase:
    """Return the training that tries settings of a model, on the first seed."""
    return setup.case({"model": model.name, "trial": number}, setup.seeds[0], model.model_name, **settings)


def search(setup: Setup, folder: Path, storage: str | None = None) -> Search:
    """Return the search that a setup names.

    Args:
        setup: What is searched, and how.
        folder: Where tables are left: the storage lies there unless it is given.
        storage: A file or a database's URL, for Optuna.

    Raises:
        UnknownIdError: There is no such search.
        ConfigError: A storage is given for a search without one, or can't be opened; or no trials are asked for.
        MissingPackageError: Optuna isn't installed.
    """
    if setup.search not in SEARCHES:
        raise UnknownIdError("search", setup.search, SEARCHES)
    if setup.search == "grid":
        if storage is not None:
            raise ConfigError("a storage belongs to Optuna; give --search optuna with it, or leave --storage out")
        return GridSearch()
    if setup.n_trials < 2:
        raise ConfigError(f"search='optuna' needs more than one trial, and trials={setup.n_trials}; give --trials, such as 40")
    require("optuna", "search")
    from srgformer_lab.experiments.optuna_search import OptunaSearch

    return OptunaSearch(str(folder / "search.journal"), is_beside=True) if storage is None else OptunaSearch(storage)


def joined(first: Need, second: Need) -> Need:
    """Return what two parts of the work need together."""
    return replace(
        first,
        n_cases=first.n_cases + second.n_cases,
        hours_at_least=first.hours_at_least + second.hours_at_least,
        hours_at_most=first.hours_at_most + second.hours_at_most,
        memory_bytes=max(first.memory_bytes, second.memory_bytes),
        devices=first.devices | second.devices,
    )
