"""The command line: ``srgformer-lab app | train | evaluate | recommend | runs | check | experiment | bench``.

The options of ``train`` are the fields of the configurations of all models, with their meanings and ranges. A setting that several models
have has one option.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srgformer_lab.config import PRESETS, Config, ModelConfig, Preset, TrainConfig, preset
from srgformer_lab.errors import ConfigError, LabError

if TYPE_CHECKING:
    from srgformer_lab.data.dataset import Dataset
    from srgformer_lab.learn.run import Run, Status

_Options = argparse._ArgumentGroup
READER_OPTIONS = {
    "min_rating": (float, "keep ratings of at least this (plain folders)"),
    "k_core": (int, "keep users and items with at least this many interactions, again and again (plain folders)"),
    "split": (str, "protocol or time (plain folders)"),
    "duplicates": (str, "error or merge (plain folders)"),
    "data_seed": (int, "seed of the split, or of the built-in world"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a mistake in the input ends in one line on standard error and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(for_training=arguments[:1] == ["train"]).parse_args(arguments)
    try:
        return options.command(options) or 0
    except LabError as error:
        print(f"srgformer-lab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _parser(for_training: bool) -> argparse.ArgumentParser:
    """Make the parser; the models, and torch with them, are loaded only to train one."""
    parser = argparse.ArgumentParser(prog="srgformer-lab", description="Train SRGFormer, recommend, and see why.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    app = commands.add_parser("app", help="open the app in a browser")
    _add_data(app)
    app.add_argument("--port", type=int, help="port of the app's server")
    app.add_argument("--headless", action="store_true", help="do not open a browser")
    app.set_defaults(command=_app)

    train = commands.add_parser("train", help="train a model and write a run folder")
    _add_data(train)
    train.add_argument("--preset", default=None, help=f"start from {', '.join(PRESETS)}")
    train.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the run folders")
    train.add_argument("--name", help="name of the run folder")
    train.add_argument("--resume", type=Path, metavar="RUN", help="go on with a run folder; the other options are then its own")
    train.add_argument("--queue", action="store_true", help="wait while too many trainings of the app are running")
    if for_training:
        _add_model(train)
    _add_settings(train.add_argument_group("the training"), TrainConfig)
    train.set_defaults(command=_train)

    evaluate = commands.add_parser("evaluate", help="evaluate a run on full ranking")
    evaluate.add_argument("run", type=Path, help="run folder")
    evaluate.add_argument("--split", default="test", choices=("valid", "test"))
    evaluate.set_defaults(command=_evaluate)

    recommend = commands.add_parser("recommend", help="recommend items to one user, or to all as CSV")
    recommend.add_argument("run", type=Path, help="run folder")
    recommend.add_argument("--user", help="user id; without it all users are written to --output")
    recommend.add_argument("-k", type=int, default=10, help="items a user")
    recommend.add_argument("--output", type=Path, help="CSV file")
    recommend.set_defaults(command=_recommend)

    runs = commands.add_parser("runs", help="list the runs in a folder")
    runs.add_argument("folder", type=Path, nargs="?", default=Path("runs"))
    runs.set_defaults(command=_runs)

    check = commands.add_parser("check", help="say what a data folder holds and what is wrong with it")
    check.add_argument("folder", type=Path)
    check.set_defaults(command=_check)

    experiment = commands.add_parser("experiment", help="repeat one of the paper's questions over seeds, with intervals")
    experiment.add_argument("name", metavar="NAME", help="baselines, ablation, …, cost, latency; any other word lists them all")
    _add_data(experiment, seed=False)
    experiment.set_defaults(data=None)
    experiment.add_argument("--preset", help="what SRGFormer starts from; studio unless told otherwise")
    experiment.add_argument("--seeds", type=int, default=5, help="repetitions: each draws the world or split, the weights and the training")
    experiment.add_argument("--first-seed", type=int, default=0)
    experiment.add_argument("--trials", type=int, default=1, help="settings to try for each model first, chosen by valid recall@20")
    experiment.add_argument("--only", help="rows (or factors, or sizes) of the table to make, a,b,c; all unless told otherwise")
    experiment.add_argument("--workers", type=int, help="trainings at once; one a core unless told otherwise, 0: in this process")
    experiment.add_argument("--hours", type=float, default=float("inf"), help="when to stop; the same command goes on from there")
    experiment.add_argument("--output", type=Path, help="folder of tables and runs (default experiments/NAME-DATA)")
    _add_settings(experiment.add_argument_group("SRGFormer"), ModelConfig, without=("seed",))
    _add_settings(experiment.add_argument_group("the training"), TrainConfig, without=("seed",))
    experiment.set_defaults(command=_experiment)

    bench = commands.add_parser("bench", help="measure speed and memory, against a plain implementation in the same run")
    bench.add_argument(
        "--shapes",
        default="studio,movielens,baby",
        help="generated sizes, a,b,c: baby-x2, baby-x4, baby-x8, baby-raw, sports, clothing",
    )
    bench.add_argument("--data", type=Path, help="measure on this data folder instead")
    bench.add_argument("--preset", help="whose model to train; the shape's own unless told otherwise, baby for a folder")
    bench.add_argument("--dims", default="64", help="embedding widths, a,b,c")
    bench.add_argument("--repeats", type=int, default=3, help="rounds; medians are shown")
    bench.add_argument("--plain", action=argparse.BooleanOptionalAction, default=True, help="measure the plain implementation too")
    bench.add_argument("--output", type=Path, default=Path("bench"), help="folder of bench.csv and growth.html")
    _add_settings(bench.add_argument_group("the training"), TrainConfig)
    bench.set_defaults(command=_bench)
    return parser


def _add_data(parser: argparse.ArgumentParser, seed: bool = True) -> None:
    parser.add_argument("--data", default="studio", help="studio (built in), or the path of a data folder")
    for name, (kind, meaning) in READER_OPTIONS.items():
        if seed or name != "data_seed":
            parser.add_argument(_flag(name), type=kind, help=meaning)


def _add_model(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a model, and one option for each setting that any of them has."""
    from srgformer_lab.model import catalog

    parser.add_argument("--model", default="srgformer", help=f"one of {', '.join(catalog.MODELS)}")
    owners: dict[str, dict[str, Field[Any]]] = {}
    for model, kind in catalog.MODELS.items():
        for item in fields(kind.config):  # type: ignore[arg-type]
            owners.setdefault(item.name, {})[model] = item
    group = parser.add_argument_group("the model")
    for name, owned in owners.items():
        models: dict[str, list[str]] = {}
        for model, item in owned.items():
            models.setdefault(_about(item), []).append(model)
        text = "; ".join(f"{about} in {', '.join(those)}" for about, those in models.items())
        _add_setting(group, _model_option(name), next(iter(owned.values())), text)


def _model_option(setting: str) -> str:
    """Name the option of a model's setting; the plain ``seed`` is the training's."""
    return "model_seed" if setting == "seed" else setting


def _add_settings(group: _Options, config: type[Config], without: Sequence[str] = ()) -> None:
    for item in fields(config):  # type: ignore[arg-type]
        if item.name not in without:
            _add_setting(group, item.name, item, _about(item))


def _about(item: Field[Any]) -> str:
    return f"{item.metadata['symbol']}: {item.metadata['meaning']} (default {item.default})".replace("%", "%%")


def _add_setting(group: _Options, name: str, item: Field[Any], text: str) -> None:
    choices = item.metadata["choices"]
    words = "{" + ",".join(choices) + "}" if choices else None  # the configuration refuses others, in one line
    if item.type is bool:
        group.add_argument(_flag(name), action=argparse.BooleanOptionalAction, default=None, help=text)
    elif item.type in (int, float, str):
        group.add_argument(_flag(name), type=item.type, metavar=words, help=text)
    else:
        group.add_argument(_flag(name), type=lambda value: tuple(value.split(",")) if value else (), help=f"{text}; a,b,c")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _open_data(options: argparse.Namespace) -> "Dataset":
    from srgformer_lab.data.source import open_data

    return open_data(options.data, **_reader_options(options))


def _reader_options(options: argparse.Namespace) -> dict[str, Any]:
    given = {name.replace("data_", ""): getattr(options, name, None) for name in READER_OPTIONS}
    return {name: value for name, value in given.items() if value is not None}


def _settings(options: argparse.Namespace) -> tuple[Config, TrainConfig]:
    from srgformer_lab.model import catalog

    chosen = options.preset or ("studio" if options.data == "studio" else None)
    base = preset(chosen) if chosen else Preset(ModelConfig(), TrainConfig())
    kind = catalog.kind(options.model)
    start = base.model if kind.config is ModelConfig else kind.config()
    names = {item.name for other in catalog.MODELS.values() for item in fields(other.config)}  # type: ignore[arg-type]
    of_model = {name: value for name in sorted(names) if (value := getattr(options, _model_option(name))) is not None}
    of_training = {item.name: value for item in fields(TrainConfig) if (value := getattr(options, item.name)) is not None}
    known = [item.name for item in fields(kind.config)]  # type: ignore[arg-type]
    if foreign := [name for name in of_model if name not in known]:
        its = ", ".join(_flag(_model_option(name)) for name in known) or "none"
        raise ConfigError(f"{options.model} has no setting {_flag(_model_option(foreign[0]))}; it has {its}")
    return start.replace(**of_model), base.train.replace(**{**kind.train, **of_training})


def _app(options: argparse.Namespace) -> int:
    import subprocess

    from srgformer_lab import places

    command = [sys.executable, "-m", "marimo", "run", str(places.apps_folder() / "explore.py")]
    command += ["--port", str(options.port)] if options.port else []
    command += ["--headless"] if options.headless else []
    passed = ["data", *READER_OPTIONS]
    extra = [part for name in passed if getattr(options, name) is not None for part in (_flag(name), str(getattr(options, name)))]
    return subprocess.call([*command, "--", *extra])


def _train(options: argparse.Namespace) -> int:
    from srgformer_lab import runtime
    from srgformer_lab.learn import fit as fitting
    from srgformer_lab.learn.run import Run
    from srgformer_lab.learn.worker import place_in_queue

    runtime.keep_memory()
    if options.resume:
        run = Run.open(options.resume)
        with place_in_queue(run) if options.queue else nullcontext(), _progress() as watch:
            fitting.resume(run, watch=watch)
    else:
        from srgformer_lab.model import catalog

        data = _open_data(options)
        config, train = _settings(options)
        model = catalog.kind(options.model).build(data, config)
        print(f"{data}\n{model}")
        with _progress() as watch:
            run = fitting.fit(model, data, train, options.runs, options.name, watch)
    print(_summary(run))
    return 0


@contextmanager
def _progress() -> Iterator[Any]:
    """Show a bar with the time left from the first status on; it counts epochs, in parts."""
    from tqdm import tqdm

    bars: list[tqdm] = []

    def watch(status: "Status") -> None:
        if not bars:
            layout = "{desc} {percentage:3.0f}%|{bar}| {n:.1f}/{total:.0f} epochs [{elapsed}<{postfix}]"
            bars.append(tqdm(total=status.n_epochs, unit="epoch", bar_format=layout))
        bar, left = bars[0], status.eta_seconds
        bar.n = status.epoch + (status.step / status.n_steps if status.n_steps else 0)
        bar.total = bar.n if status.state == "finished" else status.n_epochs
        bar.set_description_str(
            f"best recall@20 {status.best_metric:.4f} at {status.best_epoch}" if status.best_epoch else status.state, refresh=False
        )
        bar.set_postfix_str(f"{tqdm.format_interval(left)} at most" if left == left else "measuring")

    try:
        yield watch
    finally:
        for bar in bars:
            bar.close()


def _summary(run: "Run") -> str:
    test = ", ".join(f"{name} {value:.4f}" for name, value in run.test_metrics().items())
    return f"{run!r}\n" + (f"test: {test}\n" if test else "") + f"folder: {run.path}"


def _evaluate(options: argparse.Namespace) -> int:
    from srgformer_lab.learn.evaluation import evaluate
    from srgformer_lab.learn.run import Run

    run = Run.open(options.run)
    data = run.open_data()
    print(f"{run.name} on {data}")
    for name, value in evaluate(run.model(data), data, options.split).items():
        print(f"{options.split} {name:10} {value:.4f}")
    return 0


def _recommend(options: argparse.Namespace) -> int:
    from srgformer_lab.learn.run import Run
    from srgformer_lab.model.ranking import recommend, recommend_all

    if options.user is None and options.output is None:
        raise ConfigError("give --user ID for one list, or --output FILE.csv for all users")
    run = Run.open(options.run)
    data = run.open_data()
    model = run.model(data)
    lists = recommend_all(model, data, options.k) if options.user is None else recommend(model, data, options.user, options.k)
    if options.output is None:
        print(lists.to_string(index=False))
        return 0
    from srgformer_lab.learn.files import write_bytes

    write_bytes(options.output, lists.to_csv(index=False).encode())
    print(f"{len(lists):,} rows in {options.output}")
    return 0


def _runs(options: argparse.Namespace) -> int:
    from srgformer_lab.learn.listing import damaged_runs, list_runs

    runs, damaged = list_runs(options.folder), damaged_runs(options.folder)
    for run in runs:
        print(run)
    for path, reason in damaged.items():
        print(f"{path.name}: damaged: {reason}")
    if not runs and not damaged:
        print(f"no runs in {options.folder}; start one with: srgformer-lab train")
    return 0


def _check(options: argparse.Namespace) -> int:
    from srgformer_lab.data.check import check

    report = check(options.folder)
    print(report)
    return 1 if report.problems else 0


def _experiment(options: argparse.Namespace) -> int:
    from srgformer_lab.experiments.case import Recipe, Setup
    from srgformer_lab.experiments.catalog import experiment
    from srgformer_lab.experiments.command import answer

    chosen = experiment(options.name)
    path = options.data or chosen.data
    path = path if path in ("studio", chosen.data) else str(Path(path).resolve())
    names = {item.name for config in (ModelConfig, TrainConfig) for item in fields(config)} - {"seed"}
    setup = Setup(
        Recipe(path, _reader_options(options)),
        options.preset or "studio",
        tuple(range(options.first_seed, options.first_seed + options.seeds)),
        {name: value for name in sorted(names) if (value := getattr(options, name)) is not None},
        options.trials,
        tuple(options.only.split(",")) if options.only else (),
    )
    folder = options.output or Path("experiments") / f"{chosen.name}-{Path(path).name}"
    for text in answer(chosen, setup, folder, options.workers, options.hours, _trainings_bar()):
        print(text, flush=True)
    return 0


def _trainings_bar() -> Any:
    """Give a watcher that shows how many trainings are done and about how long the others take."""
    from tqdm import tqdm

    bar = tqdm(unit="training", bar_format="{desc}{percentage:3.0f}%|{bar}| {n}/{total} trainings [{elapsed}<{postfix}]", disable=None)

    def watch(progress: Any) -> None:
        bar.n, bar.total = progress.n_done, progress.n_cases
        left = progress.seconds_left
        bar.set_postfix_str(f"about {tqdm.format_interval(left)}" if left == left else "measuring")

    return watch


def _bench(options: argparse.Namespace) -> int:
    from srgformer_lab.bench.command import run

    changes = {item.name: value for item in fields(TrainConfig) if (value := getattr(options, item.name)) is not None}
    for text in run(options.shapes, options.data, options.preset, options.dims, options.repeats, options.plain, options.output, changes):
        print(text, flush=True)
    return 0
