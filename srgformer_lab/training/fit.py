"""Driving the loop: what a training writes into its run folder, what it obeys, and how it goes on after a stop."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from srgformer_lab.config import TrainConfig
from srgformer_lab.data.dataset import SPLITS, Dataset
from srgformer_lab.data.splitting import check_trainable
from srgformer_lab.errors import ConfigError, DataError, RunError
from srgformer_lab.models import catalog
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.protocol import Recommender, Trainable
from srgformer_lab.together import Together, joined
from srgformer_lab.training.checkpoint import load_weights, save_weights
from srgformer_lab.training.evaluation import evaluate
from srgformer_lab.training.files import sweep_files, write_json
from srgformer_lab.training.locks import Lock
from srgformer_lab.training.loop import Ended, Training, cutoffs_for
from srgformer_lab.training.recording import Recorder, Watcher
from srgformer_lab.training.requests import STOP, Request, drop, pending
from srgformer_lab.training.run import RUNS, START, Run, Status


@on_own_data
def fit(
    model: Recommender,
    data: Dataset,
    config: TrainConfig | None = None,
    folder: Path | str = RUNS,
    name: str | None = None,
    watch: Watcher | None = None,
) -> Run:
    """Train a model in place and write a run folder; afterwards the model holds its best weights by validation.

    Args:
        model: Any recommender; one that needs no training is only evaluated.
        config: How to train; ``TrainConfig()`` by default.
        folder: Where run folders are; ``runs`` in the working folder by default.
        name: The run's name; one that is taken gets a number. By default those of the data and the model.
        watch: Called with the status a few times a second, to show progress.
        data: The model's own data; may be left out or stand second.

    Under ``torchrun`` its processes train together: they share the rows of each batch, and the first one writes. In the others
    the model holds the weights of the last epoch afterwards.

    Returns:
        The run: its folder, history and metrics.

    Raises:
        ConfigError: The name is not a plain folder name, the device is not there, or several processes can't share the training.
        RunError: The folder can't be written, or a loss is no longer finite.
        DataError: Nothing can be learned from the data, its validation or test split is empty, or it is other than the model's.

    Examples:
        >>> run = lab.fit(lab.SRGFormer(lab.studio()), config=lab.TrainConfig(epochs=1))
        >>> run.status().state
        'finished'
    """
    check_trainable(data, SPLITS[1:])
    config = config or TrainConfig()
    with joined() as together:
        check_together(model, config, together)
        if not together.is_first:
            run = Run(Path(together.agreed("")))
            follow(model, config, together)
            return run
        run = Run.create(folder, name, data, catalog.name_of(model), model.config, config, model)
        with run.hold() as lock, _failure_is_noted(run, lock):
            together.agreed(str(run.path))
            _train(run, lock, model, data, watch, together)
    return run


def resume(run: Run, data: Dataset | None = None, watch: Watcher | None = None) -> Run:
    """Train on from where a run was stopped or interrupted, or start one that waits.

    The history equals that of an unbroken run (seconds apart, with the same number of threads and no knob moved).
    What was asked to stop before this call does not stop the run; what is asked later does.

    Args:
        run: The run.
        data: The run's own data, if it is open already; else it is opened here.
        watch: Called with the status a few times a second, to show progress.

    Returns:
        The same run; ``run.model()`` has its best weights.

    Raises:
        RunError: The run is damaged, being trained, or belongs to other data.
        DataError: The run's own data can't be read.
    """
    stale = pending(run.path, STOP)
    with run.hold() as lock:
        go_on(run, lock, data, watch, stale)
    return run


def go_on(run: Run, lock: Lock, data: Dataset | None = None, watch: Watcher | None = None, stale: Sequence[Request] = ()) -> None:
    """Go on with a run that this process owns.

    Args:
        run: The run.
        lock: Its lock, held by the caller.
        data: The run's data; opened here unless given.
        watch: Called with the status a few times a second.
        stale: Requests to stop that are older than the wish to go on; they are dropped.

    Raises:
        RunError: The run is damaged, or belongs to other data.
    """
    with _failure_is_noted(run, lock):
        drop(stale)
        model = _built(run, data)
        with joined() as together:
            check_together(model, run.config.train, together)
            _train(run, lock, model, model.data, watch, together)


def follow_run(run: Run) -> None:
    """Help the first process to go on with a run, which that one alone writes."""
    model = _built(run)
    with joined() as together:
        check_together(model, run.config.train, together)
        follow(model, run.config.train, together, run.config.selection_metric)


def _built(run: Run, data: Dataset | None = None) -> Recommender:
    data = run.open_data() if data is None else run.check_data(data)
    model = catalog.kind(run.config.model_name).build(data, run.config.model)
    if run.config.begun_from:
        load_weights(run.path / START, model)
    return model


def check_together(model: Recommender, config: TrainConfig, together: Together) -> None:
    """Refuse what several processes can't train together, in all of them alike, before anything is written.

    Raises:
        ConfigError: The model is trained by one process, or there are more processes than rows to share.
        DataError: The processes have opened different data.
    """
    if together.is_alone:
        return
    found, n = together.gathered((model.data.fingerprint, repr(model.data))), together.n_processes
    if other := next((told for told in found if told != found[0]), None):
        raise DataError(f"the processes of this training opened different data: {found[0][1]} and {other[1]}; give all the same folder")
    if not (isinstance(model, Trainable) and model.is_divisible):
        raise ConfigError(
            f"{catalog.name_of(model)} is trained by one process: nearly all of its step is the same for every row, so that {n} processes "
            "would each do all of it; start it without torchrun, or train srgformer"
        )
    rows = min(config.batch_size, len(model.data.pairs("train")))
    if n > rows:
        raise ConfigError(f"{n} processes can't share batches of {rows} rows; start at most {rows}, or raise batch_size")


def follow(model: Recommender, config: TrainConfig, together: Together, metric: str | None = None) -> None:
    """Train with the first process, which alone writes, until it ends."""
    with suppress(Ended):
        for _ in Training(model, model.data, config, metric, together).records():  # type: ignore[arg-type]
            pass


def _train(run: Run, lock: Lock, model: Recommender, data: Dataset, watch: Watcher | None, together: Together) -> None:
    """Train from where the folder is to the end, or until somebody asks for a stop."""
    for folder in (run.path, run.path / "epochs"):
        sweep_files(folder, any_age=True)
    sweep_files(run.path / "requests")  # where others may be writing
    metric = run.config.selection_metric
    if isinstance(model, Trainable):
        Recorder(run, lock, Training(model, data, run.config.train, metric, together), watch).train()
    else:
        _evaluate_once(run, model, data, metric)


@contextmanager
def _failure_is_noted(run: Run, lock: Lock) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        state, message = ("stopped", "interrupted from the keyboard") if isinstance(error, KeyboardInterrupt) else ("failed", str(error))
        if lock.is_in_place():
            with suppress(RunError):  # a full disk takes no status either; what went wrong first is said
                run.write_status(replace(run.status(), state=state, message=message or type(error).__name__))
        if isinstance(error, OSError):
            raise RunError(f"the training of {run.name} broke off: {error}; resume it to go on") from error
        raise


def _evaluate_once(run: Run, model: Recommender, data: Dataset, metric: str) -> None:
    metrics = evaluate(model, data, "valid", cutoffs_for(metric))
    save_weights(run.weights_path("best"), model, {"model": model.config.to_dict()})
    write_json(run.path / "result.json", {"epoch": 0, "valid": metrics, "test": evaluate(model, data, "test", cutoffs_for(metric))})
    run.write_status(Status("finished", best_metric=metrics[metric], message="needs no training", metric=metric))
