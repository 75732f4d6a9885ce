"""``srgformer-lab experiment``: from a question to trainings, and from trainings to tables and a figure in a folder."""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from srgformer_lab import runtime
from srgformer_lab.errors import ConfigError
from srgformer_lab.experiments.case import Setup
from srgformer_lab.experiments.catalog import experiment
from srgformer_lab.experiments.experiment import Chosen, Experiment, no_trials
from srgformer_lab.experiments.measurement import Measurement, take
from srgformer_lab.experiments.outcome import Outcome
from srgformer_lab.experiments.report import Result, check_output, write
from srgformer_lab.experiments.running import HOUR, Crew, Watcher, check_budget, need
from srgformer_lab.experiments.table import rows, table
from srgformer_lab.training.evaluation import SELECTION_METRIC

RUNS = "runs"


def run_experiment(
    name: str, setup: Setup, folder: Path, n_workers: int | None = None, hours: float = math.inf, watch: Watcher | None = None
) -> Iterator[str]:
    """Answer one of the paper's questions, by trainings or by measuring, and say what is being done.

    What was trained before with the same settings is not trained again; a training that was stopped goes on where it was.

    Args:
        name: ``baselines``, ``ablation``, ``sensitivity``, ``sparsity``, ``transfer``, ``freezing``, ``attention``; ``cost`` and
            ``latency`` measure.
        setup: Data, seeds, and what differs from the preset.
        folder: Where the tables are left. The run folders are in ``runs`` beside it, so that experiments share trainings.
        n_workers: Trainings at once; one a core unless told otherwise, 0 for one after the other in this process.
        hours: When they are up, trainings are stopped, and the tables are written without them.
        watch: Told every second how far the trainings are.

    Raises:
        UnknownIdError: There is no such experiment, or it is restricted to something that doesn't exist.
        ConfigError: It can't fit into the hours or the memory, a setting is out of its range, the folder can't be written, or
            trials are asked of a question that tries none; nothing was started then.
        DataError: The data folder is not in order.
        RunError: A process was ended from outside.
    """
    question = experiment(name)
    if setup.n_trials > 1 and (isinstance(question, Measurement) or question.trials is no_trials):
        raise ConfigError(f"trials={setup.n_trials}: {name} takes its settings as given and tries none; leave --trials out")
    if isinstance(question, Measurement):
        return take(question, setup, folder, hours)
    return run(question, setup, folder, runtime.n_cores() if n_workers is None else n_workers, hours, watch)


def run(question: Experiment, setup: Setup, folder: Path, n_workers: int, hours: float, watch: Watcher | None) -> Iterator[str]:
    """Answer a question with trainings: see ``run_experiment``."""
    if n_workers < 0 or not hours > 0:
        raise ConfigError(f"workers={n_workers}, hours={hours:g}: give 0 workers (this process) or more, and hours above 0")
    runs = folder.parent / RUNS
    check_output(folder)
    check_output(runs)
    trials = list(question.trials(setup)) if setup.n_trials > 1 else []
    still = need([*trials, *question.cases(setup, {})], runs)
    check_budget(still, hours, n_workers)
    data = setup.recipe.open(setup.seeds[0])
    yield f"{question.question}\n{data!r}, preset {setup.preset_name}, d={setup.model.embedding_dim}\n{still}"
    crew = Crew(runs, n_workers, time.monotonic() + hours * HOUR, watch)
    tried = crew.finish(trials)
    outcomes = crew.finish(question.cases(setup, best(tried, question.by[0])))
    found = table(outcomes, question.by, question.reference)
    result = Result(question, setup, repr(data), rows(tried), rows(outcomes), found)
    paths = write(result, folder)
    yield f"{result.to_markdown()}\n" + "\n".join(f"wrote {path}" for path in paths)


def best(tried: Sequence[Outcome], label: str) -> Chosen:
    """Return the settings of each label's best trial by validation; the first of equals."""
    ranked = sorted((outcome for outcome in tried if outcome.is_finished), key=_valid)  # stable: the last is the best
    return {str(outcome.case.labels[label]): outcome.case.changes for outcome in ranked}


def _valid(outcome: Outcome) -> tuple[float, float]:
    return (outcome.valid or {})[SELECTION_METRIC], -float(outcome.case.labels["trial"])
