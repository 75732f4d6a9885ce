"""What each command does with its options."""

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

from srgformer_lab.cli.bars import inputs_bar, trainings_bar
from srgformer_lab.cli.options import flag, in_command_words, option_of, reader_options
from srgformer_lab.cli.serving import TWO_HEAPS, become_marimo, check_port
from srgformer_lab.cli.terminal import Progress, say
from srgformer_lab.config import READER_OPTIONS, ModelConfig, TrainConfig
from srgformer_lab.errors import ConfigError, RunError


def app(options: argparse.Namespace) -> int:
    """Open the app in a browser."""
    from srgformer_lab import places

    check_port(options.host or "127.0.0.1", options.port)
    command = ["run", str(places.apps_folder() / "explore.py")]
    command += ["--host", options.host] if options.host else []
    command += ["--port", str(options.port)] if options.port else []
    command += ["--headless"] if options.headless or options.serve is not None else []
    passed = ["data", *map(option_of, READER_OPTIONS)]
    extra = [part for name in passed if getattr(options, name) is not None for part in (flag(name), str(getattr(options, name)))]
    command += ["--", *(extra if options.serve is None else _class_data(options))]
    origins = {"SRGFORMER_LAB_ORIGINS": " ".join(options.allow_origin)} if options.allow_origin else {}
    return become_marimo(command, TWO_HEAPS | os.environ | origins)


def _class_data(options: argparse.Namespace) -> list[str]:
    """Open each data set of a class once, so that a mistake shows before anybody comes, and give the app's arguments."""
    from srgformer_lab.backend import Link, limits
    from srgformer_lab.data.source import open_data

    if options.data != "studio" or reader_options(options):
        raise ConfigError("--serve takes the data folders itself; write --serve 'FOLDER?k_core=5' instead of --data FOLDER --k-core 5")
    for words in limits.read_choices(options.serve).values():
        say(f"visitors may choose: {open_data(words['data'], **Link.of(words).options)}")
    return ["--serve=", *(f"--serve={folder}" for folder in options.serve)]


def recommend(options: argparse.Namespace) -> int:
    """Print one user's list, or write everybody's."""
    from srgformer_lab.models import ranking
    from srgformer_lab.training.run import Run

    if options.user is None and options.output is None:
        raise ConfigError("give --user ID for one list, or --output FILE.csv for all users")
    served = Run.open(options.run).serve()
    for told in served.said:
        say(told, sys.stderr)
    given = (served.model, served.data)
    lists = ranking.recommend_all(*given, options.k) if options.user is None else ranking.recommend(*given, options.user, options.k)
    if options.output is None:
        say(lists.to_string(index=False))
        return 0
    from srgformer_lab.output import csv_bytes
    from srgformer_lab.training.files import write_bytes

    write_bytes(options.output, csv_bytes(lists))
    say(f"{len(lists):,} rows in {options.output}")
    return 0


def report(options: argparse.Namespace) -> int:
    """Write what a run says about one user and item as one HTML file, or as tables where the file ends in .zip."""
    from srgformer_lab.backend.report import report_on
    from srgformer_lab.training.files import write_bytes
    from srgformer_lab.training.run import Run

    written = report_on(Run.open(options.run), options.user or "", options.item or "")
    for told in written.scene.news:
        say(told, sys.stderr)
    write_bytes(options.output, written.tables() if options.output.suffix == ".zip" else written.html().encode())
    say(f"{written.title}: {options.output}, {options.output.stat().st_size / 1e6:.1f} MB")
    return 0


def track(options: argparse.Namespace) -> int:
    """Hand a run to a tracker."""
    from srgformer_lab.training import tracking
    from srgformer_lab.training.run import Run

    n_epochs = tracking.track(Run.open(options.run), options.to, options.folder, options.follow)
    say(f"{n_epochs} epochs of {options.run} are in {options.to}")
    return 0


def share(options: argparse.Namespace) -> int:
    """Write a finished run as a folder to be shared."""
    from srgformer_lab.training import sharing
    from srgformer_lab.training.run import Run

    run = Run.open(options.run)
    say(f"wrote {sharing.share(run, options.output or Path('shared') / run.name).path}; its README.md is the model card")
    return 0


def runs(options: argparse.Namespace) -> int:
    """List the runs of a folder, the damaged ones with the reason."""
    from srgformer_lab.training.managing import damaged_runs, list_runs

    runs, damaged = list_runs(options.folder), damaged_runs(options.folder)
    for run in runs:
        with suppress(RunError):  # one that is deleted in this instant
            say(run)
    for path, reason in damaged.items():
        say(f"{path.name}: damaged: {reason}")
    if not runs and not damaged:
        say(f"no runs in {options.folder}; start one with: srgformer-lab train")
    return 0


def check(options: argparse.Namespace) -> int:
    """Print what a data folder holds and what is wrong with it; the exit code is 1 if anything is."""
    from srgformer_lab.data.check import check as look_at

    report = look_at(options.folder, Progress(), **reader_options(options))
    say(in_command_words(str(report)))
    return 1 if report.problems else 0


def import_folder(options: argparse.Namespace) -> int:
    """Print what was understood of a folder, and write it as a plain folder where one is asked for."""
    from srgformer_lab.data.importing import import_data

    say(in_command_words(str(import_data(options.folder, options.output, Progress(), **reader_options(options)))))
    return 0


def encode_folder(options: argparse.Namespace) -> int:
    """Write features that pretrained models make of a folder's texts and pictures."""
    from srgformer_lab.encoding.folder import encode

    given = (options.folder, options.text, options.image)
    made = encode(*given, batch_size=options.batch_size, device=options.device, watch=inputs_bar(), **reader_options(options))
    say(in_command_words(str(made)))
    return 0


def experiment(options: argparse.Namespace) -> int:
    """Answer one of the paper's questions by trainings, or by measuring."""
    from srgformer_lab.experiments import catalog
    from srgformer_lab.experiments.cases import Setup
    from srgformer_lab.experiments.command import run_experiment
    from srgformer_lab.experiments.engines import engine
    from srgformer_lab.experiments.recipe import Recipe

    chosen = catalog.experiment(options.name)
    path = options.data or chosen.data
    path = path if path in ("studio", chosen.data) else str(Path(path).resolve())
    names = {item.name for config in (ModelConfig, TrainConfig) for item in fields(config)} - {"seed"}
    setup = Setup(
        Recipe(path, reader_options(options)),
        options.preset or "studio",
        tuple(range(options.first_seed, options.first_seed + options.seeds)),
        {name: value for name in sorted(names) if (value := getattr(options, name)) is not None},
        options.trials,
        tuple(dict.fromkeys(name.strip() for name in options.only.split(","))) if options.only else (),
        options.search,
        options.beyond,
    )
    folder = options.output or Path("experiments") / f"{chosen.name}-{Path(path).name}"
    where = engine(options.engine, options.address, options.threads)
    with trainings_bar() as watch:
        for text in run_experiment(chosen.name, setup, folder, options.workers, options.hours, watch, where, options.storage):
            say(text)
    return 0


def bench(options: argparse.Namespace) -> int:
    """Measure speed and memory, or the time until models are good."""
    from srgformer_lab.experiments.command import bench_quality, run_bench

    it, changes = options, {item.name: value for item in fields(TrainConfig) if (value := getattr(options, item.name, None)) is not None}
    if it.quality is None:
        found = run_bench(it.shapes, it.data, it.preset, it.dims, it.repeats, it.plain, it.output, changes)
    else:
        only = tuple(name.strip() for name in it.only.split(",")) if it.only else ()
        found = bench_quality(it.data or "studio", it.preset, it.dims, it.seeds, changes, only, it.quality, it.output)
    for text in found:
        say(text)
    return 0
