"""The commands that judge: a trained run, or anybody's lists."""

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from srgformer_lab.cli.options import add_data, file_path, flag, in_command_words, option_of, reader_options
from srgformer_lab.cli.terminal import say
from srgformer_lab.errors import ConfigError

if TYPE_CHECKING:
    from srgformer_lab.data.dataset import Dataset
    from srgformer_lab.data.lists import Lists
    from srgformer_lab.models.protocol import Recommender
    from srgformer_lab.training.run import Run

OF_LISTS = ("columns", "ids")
"""Options that say how the lists are read, not the data."""


def add_judging(named: Any) -> None:
    """Add the commands that judge."""
    evaluating = named.add_parser("evaluate", help="evaluate a run on full ranking")
    evaluating.add_argument("run", type=file_path, help="run folder")
    evaluating.add_argument("--split", default="test", choices=("valid", "test"))
    evaluating.add_argument(
        "--beyond", action="store_true", help="also popularity, novelty, distances, calibration, coverage, cohorts; all with their bounds"
    )
    evaluating.set_defaults(command=evaluate)

    judging = named.add_parser("judge", help="judge lists that were made anywhere, as a run is, and hold them against one")
    judging.add_argument("lists", type=file_path, help="a table of user_id, item_id and rank or score: CSV, Parquet, …")
    add_data(judging, without=OF_LISTS)
    judging.set_defaults(data=None)
    judging.add_argument("--against", type=file_path, metavar="RUN", help="a run to compare with; the data is its own then")
    judging.add_argument("--on", default="test", choices=("valid", "test"), help="what was held back and is to be found (default test)")
    judging.add_argument("--cutoffs", help="the k, a,b,c (default 10,20 as far as the lists go)")
    judging.add_argument("--columns", help="which column of the lists is what: user=who,item=what,rank=place or score=value")
    judging.add_argument("--by", help="what orders the lists where there are both: rank or score")
    judging.add_argument("--ids", help="exact, or match: ids that differ by leading zeros, .0, case or Unicode form are the same")
    judging.set_defaults(command=judge)

    exporting = named.add_parser("export", help="write a run's split and lists as other tools read them, and say what those find in them")
    exporting.add_argument("run", type=file_path, help="run folder")
    exporting.add_argument("--format", required=True, choices=("recbole", "mmrec", "trec"))
    exporting.add_argument("--output", type=file_path, required=True, help="the folder to write; a name that is taken gets a number")
    exporting.add_argument("-k", type=int, default=100, help="items a user (default 100)")
    exporting.set_defaults(command=export)

    auditing = named.add_parser("audit", help="ask a run whether its lists rest on its pictures, texts or other modalities")
    auditing.add_argument("run", type=file_path, help="run folder")
    auditing.add_argument("--split", default="test", choices=("valid", "test"))
    auditing.add_argument("-k", type=int, default=20, help="items a list")
    auditing.add_argument("--draws", type=int, default=1, help="how often features are dealt out; means are taken")
    auditing.add_argument("--output", type=file_path, metavar="FOLDER", help="write audit.csv, users.csv and items.csv there")
    auditing.set_defaults(command=audit)

    testing = named.add_parser("faithfulness", help="hold what claims to explain a run's recommendations against real removals")
    testing.add_argument("run", type=file_path, help="run folder")
    testing.add_argument("--users", type=int, default=20, help="people whose first recommendation is explained")
    testing.add_argument("--claims", type=file_path, help="CSV of user_id, item_id, history_id, claim: anybody's reasons, tested beside")
    testing.add_argument("--output", type=file_path, metavar="FOLDER", help="write correlations.csv, differences.csv and effects.csv there")
    testing.set_defaults(command=faithfulness)


def evaluate(options: argparse.Namespace) -> int:
    """Print the metrics of a run's best epoch."""
    from srgformer_lab.training import evaluation

    run, data = _opened(options)
    if options.beyond:
        _say_all(evaluation.rank_lists(run.model(data), data, options.split), options.split, evaluation.CUTOFFS)
        return 0
    for name, value in evaluation.evaluate(run.model(data), data, options.split).items():
        say(f"{options.split} {name:10} {value:.4f}")
    return 0


def audit(options: argparse.Namespace) -> int:
    """Print what a run's lists lose where its modalities tell less, and write it."""
    from tqdm import tqdm

    from srgformer_lab.experiments.report import write_files
    from srgformer_lab.training.audit import audit as ask

    run, data = _opened(options)
    watch = partial(tqdm, unit="step", leave=False, disable=None)  # none in a log
    found = ask(run.model(data), data, options.split, options.k, draws=options.draws, watch=watch)
    for _, row in found.table[found.table["cohort"] == ""].iterrows():
        bounds = f"{row['change']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"
        say(f"{options.split} {found.metric} {row['before']:.4f} → {row['after']:.4f} {bounds}  {row['modality']}: {row['intervention']}")
    say(f"{found.verdict}\nWhat a modality brings, only trainings without it tell: srgformer-lab experiment audit")
    if options.output is not None:
        tables = {"audit.csv": found.table, "users.csv": found.users, "items.csv": found.items}
        say("\n".join(f"wrote {path}" for path in write_files(options.output, tables, {}, {})))
    return 0


def faithfulness(options: argparse.Namespace) -> int:
    """Print how well explanations rank a history as real removals do, and write it."""
    from tqdm import tqdm

    from srgformer_lab.analysis.explainers import explainers_for, read_claims
    from srgformer_lab.analysis.faithfulness import faithfulness as test
    from srgformer_lab.experiments.report import write_files

    claims = {options.claims.name: read_claims(options.claims)} if options.claims else {}
    run, data = _opened(options)
    model, watch = run.model(data), partial(tqdm, unit="user", leave=False, disable=None)
    found = test(model, data, options.users, shares=(), watch=watch, explainers=explainers_for(model) | claims)
    differences = found.differences()
    say(f"{found.correlations.round(3).to_string(index=False)}\n\ncontribution minus the others, user by user")
    say(f"{differences.round(3).to_string(index=False)}\n{found.verdict}")
    if options.output is not None:
        tables = {"correlations.csv": found.correlations, "differences.csv": differences, "effects.csv": found.effects}
        say("\n".join(f"wrote {path}" for path in write_files(options.output, tables, {}, {})))
    return 0


def _opened(options: argparse.Namespace) -> "tuple[Run, Dataset]":
    """Open a run and its data, and say what they are."""
    from srgformer_lab.data.source import reopen
    from srgformer_lab.training.run import Run

    run = Run.open(options.run)
    found = reopen(run.config.source)
    data = run.check_data(found)
    say("\n".join([f"{run.name} on {data}", *(f"  {in_command_words(note)}" for note in data.reading)]))
    if data is not found and (told := run.growth(found)) and told.said(str(run.path)):
        say(f"judged are the {data.n_users:,} users that it was trained on, by what was held back then; what is new since does not count")
    return run, data


def judge(options: argparse.Namespace) -> int:
    """Print how good lists are that a file holds, what they are like, and how they differ from a run's."""
    from srgformer_lab.data.reading_lists import read_lists
    from srgformer_lab.training.run import Run

    run = Run.open(options.against) if options.against else None
    data = _judged_data(options, run)
    lists = read_lists(options.lists, data, columns=options.columns, by=options.by, ids=options.ids)
    say("\n".join([f"{lists} on {data}", *(f"  {in_command_words(note)}" for note in (*data.reading, *lists.reading))]))
    cutoffs = _cutoffs(options.cutoffs, min(lists.items.shape[1], data.n_items))
    _say_all(lists, options.on, cutoffs)
    if run is not None:
        _say_against(run.model(data), lists, run.name, options.on, cutoffs)
    return 0


def export(options: argparse.Namespace) -> int:
    """Write a run's split and lists, and print what other tools find in the lists."""
    from srgformer_lab.training.exporting import export_run, second_opinion
    from srgformer_lab.training.run import Run

    run = Run.open(options.run)
    data = run.open_data()
    say(f"written: {export_run(run, options.output, options.format, options.k, data)}")
    found = second_opinion(run.model(data), data)
    say(found.rename(columns={"valid_hidden": "with validation hidden, as in RecBole"}).to_string(index=False, float_format="%.4f"))
    if not {"ir_measures", "ranx"} & set(found):
        say("for a second opinion on these: pip install ir-measures")
    return 0


def _judged_data(options: argparse.Namespace, run: "Run | None") -> "Dataset":
    from srgformer_lab.data.source import open_data, reopen

    given = {name: value for name, value in reader_options(options).items() if name not in OF_LISTS}
    if run is not None and options.data is None:
        if given:
            options_given = ", ".join(flag(option_of(name)) for name in given)
            raise ConfigError(f"--against takes the data of its run, {options_given} too; leave that out, or give --data")
        return run.check_data(reopen(run.config.source))
    if options.data is None:
        raise ConfigError("say which data the lists are of: --data FOLDER, --data studio, or --against RUN for that of a run")
    data = open_data(options.data, **given)
    return data if run is None else run.check_data(data)


def _cutoffs(text: str | None, longest: int) -> tuple[int, ...]:
    from srgformer_lab.training.evaluation import CUTOFFS

    if text is None:
        return tuple(k for k in CUTOFFS if k <= longest) or (longest,)
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise ConfigError(f"--cutoffs {text} must be whole numbers from 1, divided by commas, such as 10,20")
    return tuple(dict.fromkeys(map(int, parts)))


def _say_all(lists: "Lists", split: str, cutoffs: tuple[int, ...]) -> None:
    """Print every metric with its bounds over users, then the cohorts."""
    from srgformer_lab.training.judging import GAP, judge_cohorts, judge_lists

    found = judge_lists(lists, split=split, cutoffs=cutoffs)
    most = int(found["users"].max())
    say(f"95 % bounds over {most:,} users of {split}; {GAP}: long minus short histories")
    for row in found.to_dict("records"):
        less = f"; over {row['users']:,} users" if row["users"] < most else ""
        without = f"; {row['left_out']:,} listed items that lack it left out" if row["left_out"] else ""
        say(f"{split} {row['metric']:22} {_bounded(row)}{less}{without}")
    cohorts = judge_cohorts(lists, split=split, cutoffs=cutoffs[-1:])
    for metric, those in cohorts.groupby("metric", sort=False):
        say(f"{split} {metric:22} {', '.join(_in_words(row) for row in those.to_dict('records'))}")


def _say_against(model: "Recommender", lists: "Lists", name: str, split: str, cutoffs: tuple[int, ...]) -> None:
    """Print what lists and a run's have more or less of, and how far they agree."""
    from srgformer_lab.training.evaluation import rank_lists
    from srgformer_lab.training.judging import judge_differences, list_overlap, mean_of_users

    sides = {name: rank_lists(model, split=split, k=max(cutoffs)), lists.name: lists}
    say(f"{lists.name} minus {name}, on the same users:")
    for row in judge_differences(sides, split=split, cutoffs=cutoffs).to_dict("records"):
        values = f"{_number(row['value'])} against {_number(row['first'])}"
        say(f"{split} {row['metric']:22} {_bounded({**row, 'value': row['difference']}, '+')}; {values}")
    overlap = list_overlap(sides, split=split, cutoffs=cutoffs).drop(columns=["side", "user_id"])
    say(f"what both agree on, over {int(overlap['rbo'].notna().sum()):,} users with two lists:")
    for metric, values in overlap.items():
        interval = mean_of_users(values.dropna().to_numpy(float))
        say(f"{split} {metric:22} {_bounded({'value': interval.mean, 'low': interval.low, 'high': interval.high})}")


def _in_words(row: dict[str, Any]) -> str:
    from srgformer_lab.training.judging import GAP

    return f"{row['cohort']} {_bounded(row, '+')}" if row["cohort"] == GAP else f"{row['cohort']} {_number(row['value'])}"


def _bounded(row: dict[str, Any], sign: str = "") -> str:
    if row["low"] != row["low"]:
        return _number(row["value"], sign)
    return f"{_number(row['value'], sign)} [{_number(row['low'], sign)}, {_number(row['high'], sign)}]"


def _number(value: float, sign: str = "") -> str:
    if value != value:
        return "unknown"
    return f"{value:{sign}.4f}" if abs(value) < 10 else f"{value:{sign}.1f}"
