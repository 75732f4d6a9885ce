"""What ``srgformer-lab experiment`` and ``srgformer-lab bench`` do: from words to trainings or timings, and to tables in a folder."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from srgformer_lab.config import check_number
from srgformer_lab.data.source import STUDIO, open_data
from srgformer_lab.errors import ConfigError
from srgformer_lab.experiments import timing
from srgformer_lab.experiments.cases import Setup
from srgformer_lab.experiments.catalog import Chosen, Experiment, experiment, none_tuned
from srgformer_lab.experiments.engines import Engine, Job, LocalEngine, Watcher
from srgformer_lab.experiments.measurement import Measurement, take
from srgformer_lab.experiments.needs import HOUR, check_hours, need
from srgformer_lab.experiments.outcomes import Outcome, rows, table
from srgformer_lab.experiments.quality import HELD, quality_table, time_to_quality
from srgformer_lab.experiments.recipe import Recipe
from srgformer_lab.experiments.report import Result, check_output, write_files
from srgformer_lab.experiments.runner import Runner
from srgformer_lab.experiments.search import joined, search
from srgformer_lab.experiments.workload import Task, shape, task

RUNS = "runs"


def run_experiment(
    name: str,
    setup: Setup,
    folder: Path | str,
    n_workers: int | None = None,
    hours: float = math.inf,
    watch: Watcher | None = None,
    engine: Engine | None = None,
    storage: str | None = None,
) -> Iterator[str]:
    """Train or measure what one of the paper's questions asks, and report what is being done.

    What was trained before with the same settings is not trained again; a training that was stopped goes on where it was.

    Args:
        name: ``baselines``, ``ablation``, ``sensitivity``, ``sparsity``, ``missing``, ``audit``, ``transfer``, ``freezing``,
            ``attention`` or ``structure``; ``cost`` and ``latency`` measure.
        setup: Data, seeds, and what differs from the preset.
        folder: Where the tables are left. The run folders are in ``runs`` beside it, so that experiments share trainings.
        n_workers: Trainings at once, from 0; by default one a core, or what a cluster holds; 0 for one after the other in this process.
        hours: When they are up, trainings are stopped, and the tables are written without them; above 0.
        watch: Called every second with how far the trainings are.
        engine: What trains: this machine by default, or ``RayEngine`` of a cluster. The numbers are the same, to the last digit where
            processors are of one kind and each training has as many threads.
        storage: Where Optuna keeps trials, for ``search="optuna"``: a file or a database's URL; by default ``search.journal`` in the
            folder.

    Returns:
        An iterator of texts: the question, the table in Markdown, and the files that were written.

    Raises:
        UnknownIdError: There is no such experiment, or it is restricted to something that doesn't exist.
        ConfigError: It can't fit into the hours or the memory, a setting is out of its range, the folder can't be written, trials are
            asked of a question that tries none, the storage can't be opened, or the cluster can't train it; nothing was started then.
        MissingPackageError: The engine or the search needs an extra that isn't installed.
        DataError: The data folder is not in order.
        RunError: A process was ended from outside.
    """
    question, folder = experiment(name), Path(folder)
    if (setup.n_trials > 1 or setup.search != "grid") and (isinstance(question, Measurement) or question.tuned is none_tuned):
        raise ConfigError(f"trials={setup.n_trials}: {name} takes its settings as given and tries none; leave --trials and --search out")
    if hours != math.inf:
        hours = check_number("hours", hours, 0, 1e9, "when to stop; without it, it runs until it is done")
    if not hours:
        raise ConfigError("hours=0 leaves no time; give more, or none to run until it is done")
    if isinstance(question, Measurement):
        if setup.beyond:
            raise ConfigError(f"{name} trains nothing whose lists could be judged; leave --beyond out")
        if engine is not None and not isinstance(engine, LocalEngine):
            raise ConfigError(f"{name} measures one thing after the other on this machine; leave --engine out")
        return take(question, setup, folder, hours)
    workers = n_workers if n_workers is None else int(check_number("workers", n_workers, 0, 10_000, "trainings at once", True))
    return _train(question, setup, folder, engine or LocalEngine(), workers, hours, watch, storage)


def _train(
    question: Experiment,
    setup: Setup,
    folder: Path,
    engine: Engine,
    n_workers: int | None,
    hours: float,
    watch: Watcher | None,
    storage: str | None,
) -> Iterator[str]:
    runs = folder.absolute().parent / RUNS
    check_output(folder)
    check_output(runs)
    trying = search(setup, folder, storage)
    models = question.tuned(setup) if setup.n_trials > 1 else []
    still = joined(trying.need(setup, models, runs), need(question.cases(setup, {}), runs))
    data = setup.recipe.open(setup.seeds[0])
    with engine.opened(still, runs, data, n_workers, trying.checks) as pool:
        check_hours(still, hours, pool.n_places)
        yield f"{question.question}\n{data!r}, preset {setup.preset_name}, d={setup.model.embedding_dim}\n{still}"
        runner = Runner(Job(runs, time.monotonic() + hours * HOUR, watch), pool)
        tried = trying.tried(setup, models, runner)
        outcomes = runner.finish(question.cases(setup, best(tried, question.by[0])))
    found = table(outcomes, question.by, question.reference, question.others)
    result = Result(question, setup, repr(data), rows(tried), rows(outcomes), found)
    paths = result.write(folder)
    yield f"{result.to_markdown()}\n" + "\n".join(f"wrote {path}" for path in paths)


def best(tried: Sequence[Outcome], label: str) -> Chosen:
    """Return the settings of each label's best trial by validation; the first of equals."""
    ranked = sorted((outcome for outcome in tried if outcome.is_finished), key=_valid)  # stable: the last is the best
    return {str(outcome.case.labels[label]): outcome.case.changes for outcome in ranked}


def _valid(outcome: Outcome) -> tuple[float, float]:
    return (outcome.valid or {})[outcome.metric], -float(outcome.case.labels["trial"])


def run_bench(
    shapes: str, data: Path | None, preset: str | None, dims: str, repeats: int, plain: bool, output: Path, changes: Mapping[str, Any]
) -> Iterator[str]:
    """Measure one data set after the other; yield a table of each and write the files anew as soon as it is there.

    Raises:
        ConfigError: A width, a number of rounds or a folder is none; nothing has been measured then.
        UnknownIdError: There is no such shape or preset.
        DataError: The data folder is not in order.
        RunError: A measuring process was ended from outside; what was measured before is written.
    """
    repeats = check_number("repeats", repeats, 1, 1_000_000, "rounds, of which medians are shown", True)
    check_output(output)
    found, written = [], []
    for each in _tasks(shapes, data, preset, dims, repeats, plain, changes):
        found.append(timing.measure(each))
        written = timing.write(found, output)
        yield timing.table(found[-1]) + "\n"
    yield "\n".join(f"wrote {path}" for path in written)


def bench_quality(
    data: Path | str,
    preset: str | None,
    dims: str,
    n_seeds: int,
    changes: Mapping[str, Any],
    only: Sequence[str],
    target: float,
    output: Path,
) -> Iterator[str]:
    """Measure how long models take until validation holds a target; yield what is known after each training, and write it.

    Raises:
        ConfigError: The target, a width or a number of seeds is none; nothing has been trained then.
        UnknownIdError: There is no such preset or model.
        DataError: The data folder is not in order.
    """
    n_seeds = check_number("seeds", n_seeds, 1, 10_000, "trainings of each model", True)
    check_output(output)
    recipe = Recipe(str(data) if data == STUDIO else str(Path(data).resolve()))
    name = preset or (STUDIO if data == STUDIO else "baby")
    for dim in (_whole(word.strip()) for word in dims.split(",")):
        setup = Setup(recipe, name, tuple(range(n_seeds)), {**changes, "embedding_dim": dim}, only=tuple(only))
        yield f"{recipe.open(0)!r}, preset {name}, d={dim}: until validation holds {target:g} for {HELD} evaluations"
        for found in time_to_quality(setup, target):
            written = write_files(output, {f"quality-{dim}.csv": found}, {}, {})
            yield quality_table(found)
        yield f"wrote {written[0]}"


def _tasks(
    shapes: str, data: Path | None, preset: str | None, dims: str, repeats: int, plain: bool, changes: Mapping[str, Any]
) -> list[Task]:
    if data is not None:
        subjects = [(open_data(data).source, preset or "baby")]
    else:
        subjects = [(each, preset or each.preset) for each in (shape(name.strip()) for name in shapes.split(","))]
    widths = [_whole(word.strip()) for word in dims.split(",")]
    return [task(subject, chosen, dim, repeats, plain, **changes) for subject, chosen in subjects for dim in widths]


def _whole(word: str) -> int:
    if not word.isdigit():
        raise ConfigError(f"dims={word!r} must be whole numbers, such as 64,256")
    return int(word)
