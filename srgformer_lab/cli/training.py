"""What the commands ``train`` and ``stop`` do with their options."""

import argparse
from contextlib import nullcontext
from typing import TYPE_CHECKING

from srgformer_lab.cli.bars import epochs_bar
from srgformer_lab.cli.options import configurations, continued_training, in_command_words, opened_data, preset_note
from srgformer_lab.cli.terminal import say
from srgformer_lab.errors import RunError

if TYPE_CHECKING:
    from srgformer_lab.training.run import Run


def train(options: argparse.Namespace) -> int:
    """Train a model anew or from a run's weights, or go on with a run; with all the processes that torchrun started."""
    from srgformer_lab.together import joined

    with joined() as together:
        run = (_resumed if options.resume else _warm_started if options.begin_from else _begun)(options, together.is_first)
        if together.is_first:  # alone it speaks
            say(_summary(run))
    return 0


def _begun(options: argparse.Namespace, is_first: bool) -> "Run":
    from srgformer_lab import runtime
    from srgformer_lab.models import catalog
    from srgformer_lab.training import fit as fitting

    runtime.keep_memory()
    data = opened_data(options)
    config, train = configurations(options)
    model = catalog.kind(options.model).build(data, config)
    read = [f"  {note}" for note in data.reading]
    if is_first:
        say("\n".join(text for text in (str(data), *map(in_command_words, read), str(model), preset_note(options)) if text))
    with epochs_bar() if is_first else nullcontext() as watch:
        return fitting.fit(model, data, train, options.runs, options.name, watch)


def _warm_started(options: argparse.Namespace, is_first: bool) -> "Run":
    """Train on the data as it is now, from the weights of a run that was trained on it before it grew."""
    from srgformer_lab import runtime
    from srgformer_lab.data.source import open_data
    from srgformer_lab.training import fit as fitting
    from srgformer_lab.training.run import Run

    run = Run.open(options.begin_from)
    train = continued_training(options, run.config.train)
    runtime.keep_memory()
    source = run.config.source
    data = None if options.data == "studio" else open_data(options.data, **source.options)
    model = run.warm_start(data)
    if is_first:
        say(f"{model.data}\n{model}\nwarm-started from {model.begun_from}")
    with epochs_bar() if is_first else nullcontext() as watch:
        return fitting.fit(model, train, options.runs, options.name or f"{run.name}-grown", watch)


def _resumed(options: argparse.Namespace, is_first: bool) -> "Run":
    """Go on with a run; stops that were asked for before this process began don't count, later ones do."""
    from srgformer_lab.training.requests import STOP, drop, pending

    folder = options.resume.expanduser()
    stale = [] if options.held else pending(folder, STOP)
    from srgformer_lab import runtime
    from srgformer_lab.training import fit as fitting
    from srgformer_lab.training import worker
    from srgformer_lab.training.locks import LOCK_SECONDS
    from srgformer_lab.training.run import Run

    runtime.keep_memory()
    run = Run.at(folder)
    if not is_first:
        fitting.follow_run(run)
        return run
    lock, ticket = worker.inherited(run, options.held, options.ticket)
    with (lock or run.take(LOCK_SECONDS)).beat() as lock:
        drop(stale)
        with worker.place_in_queue(run, ticket) if options.queue else nullcontext(), epochs_bar() as watch:
            fitting.go_on(run, lock, watch=watch)
    return run


def stop(options: argparse.Namespace) -> int:
    """Ask a run that is trained, or waits for it, to stop; whoever started it, also an app that is gone."""
    from srgformer_lab.training.records import UNFINISHED
    from srgformer_lab.training.run import Run

    run = Run.at(options.run)
    if not run.is_held() and run.status().state not in UNFINISHED:
        raise RunError(f"run {run.name} is not being trained: it is {run.status().state}; `srgformer-lab runs` lists what is")
    run.request_stop()
    say(f"run {run.name} is asked to stop after its current step; go on later with: srgformer-lab train --resume {run.path}")
    return 0


def _summary(run: "Run") -> str:
    test = ", ".join(f"{name} {value:.4f}" for name, value in run.test_metrics().items())
    return f"{run!r}\n" + (f"test: {test}\n" if test else "") + f"folder: {run.path}"
