"""A trial of Optuna as the process that trains it sees it: each epoch's validation is reported, and a trial that lags behind is stopped."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import optuna
from optuna.exceptions import StorageInternalError
from optuna.pruners import MedianPruner
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial

from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.training.run import Run, Status

STARTUP_TRIALS, WARMUP_EPOCHS = 4, 5
"""So many trials of a model are trained to their ends, and so many epochs of each, before any is stopped."""
ANSWER_SECONDS = 10
PRUNED = "pruned"
"""The attribute of a trial that says after which epoch it was stopped."""


def open_storage(storage: str, may_make: bool = True) -> BaseStorage:
    """Open a file, or what a database's URL names.

    Raises:
        ConfigError: It can't be opened; the message follows the name of the machine, or stands alone.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        if not is_url(storage):
            if not may_make and not Path(storage).is_file():
                raise OSError("there is no such file")
            return JournalStorage(JournalFileBackend(storage))
        options = {"connect_timeout": ANSWER_SECONDS} if urlsplit(storage).scheme.startswith(("postgres", "mysql", "mariadb")) else {}
        return RDBStorage(storage, engine_kwargs={"connect_args": options, "pool_pre_ping": True})
    except Exception as error:  # drivers of databases raise what they like
        lines = str(error).splitlines() or [type(error).__name__]
        remedy = "give the path of a file on storage that all machines share, or the URL of a database, such as postgresql://host/name"
        raise ConfigError(f"storage={without_password(storage)!r} can't be opened: {_hidden(storage, lines[0])}; {remedy}") from error


def is_url(storage: str) -> bool:
    """Return whether a storage is a database's URL, and no file."""
    return "://" in storage


def without_password(storage: str) -> str:
    """Return a storage as people may read it."""
    return _hidden(storage, storage)


def _hidden(storage: str, text: str) -> str:
    password = urlsplit(storage).password if is_url(storage) else None
    return text.replace(password, "***") if password else text


@dataclass(frozen=True)
class ReachesStorage:
    """The storage of the trials can be opened on each machine that trains."""

    storage: str

    def __call__(self) -> None:
        """Open it."""
        try:
            open_storage(self.storage, may_make=False)
        except ConfigError as error:
            raise ConfigError(f"does not reach the trials: {error}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Take Optuna's remarks on what is experimental, and on what was reported twice, as read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def pruner() -> MedianPruner:
    """Return what stops a trial: it is worse than the median of those that ended, at the same epoch."""
    return MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=WARMUP_EPOCHS)


def report(trial: Trial, run: Run) -> None:
    """Report the validation of each epoch that was not yet."""
    history = run.history()
    known = trial.storage.get_trial(trial._trial_id).intermediate_values
    for epoch, value in zip(history["epoch"], history[run.config.selection_metric], strict=True):
        if int(epoch) not in known:
            trial.report(float(value), int(epoch))


@dataclass(frozen=True)
class Pruning:
    """Watches the training of a trial, in whatever process it is."""

    storage: str
    study: str
    trial: int
    """The trial's number in the storage, which is not that in its study."""

    def watching(self, run: Run) -> Callable[[Status], None]:
        """Return what is called with each status of the training."""
        with quiet():
            study = optuna.load_study(study_name=self.study, storage=open_storage(self.storage, may_make=False), pruner=pruner())
            trial = Trial(study, self.trial)
        done = 0

        def watch(status: Status) -> None:
            nonlocal done
            if status.epoch == done or status.state != "running":
                return
            done = status.epoch
            with suppress(StorageInternalError, OSError), quiet():  # a storage that is away for a moment hears of it at the next epoch
                report(trial, run)
                if trial.should_prune():
                    trial.set_user_attr(PRUNED, done)
                    run.request_stop()

        return watch

    def stopped_after(self) -> int:
        """Return after which epoch the trial was stopped; 0 where it was not.

        Raises:
            RunError: The storage can't be read.
        """
        try:
            return int(open_storage(self.storage).get_trial(self.trial).user_attrs.get(PRUNED, 0))
        except (StorageInternalError, OSError, KeyError) as error:
            raise RunError(f"the trials in {without_password(self.storage)} can't be read: {error}; give the same command again") from error
