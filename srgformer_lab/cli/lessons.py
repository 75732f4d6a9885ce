"""The commands ``srgformer-lab lessons``, ``lessons open`` and ``lessons check``."""

import argparse
import math
import os
import sys
from pathlib import Path

from srgformer_lab.cli.commands import become_marimo
from srgformer_lab.cli.options import file_path
from srgformer_lab.cli.terminal import say
from srgformer_lab.errors import require

RUN_AT_ONCE = {"_MARIMO_CONFIG_OVERLOAD_RUNTIME_AUTO_INSTANTIATE": "true"}
"""Marimo's editor otherwise waits for a click on “run all”, and a lesson whose code is folded away would look empty."""

ONLY_ERRORS = ["--log-level", "ERROR"]
"""The cards of the gallery have their titles from a block at the top of each lesson, of which marimo's reader of settings warns."""


def add_lessons(lessons: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    lessons.set_defaults(command=listed)
    named = lessons.add_subparsers(metavar="ACTION")
    opening = named.add_parser("open", help="open a lesson to write in, or, without a number, show all of them in a browser")
    opening.add_argument("number", type=int, nargs="?", help="which lesson")
    opening.add_argument("--folder", type=file_path, default=Path(), help="where your copy is kept (default: here)")
    opening.add_argument("--run", action="store_true", help="only show it; nothing is copied, nothing can be written")
    opening.add_argument("--port", type=int, help="port of the server")
    opening.add_argument("--headless", action="store_true", help="do not open a browser")
    opening.set_defaults(command=opened)
    checking = named.add_parser("check", help="check a filled-in lesson, or a folder of them; the exit code is 1 if anything is wrong")
    checking.add_argument("path", type=file_path, help="a notebook, or a folder of notebooks; folders in it are searched too")
    limit = "seconds of processor time for each exercise (default: 60)"
    checking.add_argument("--time-limit", type=positive_seconds, metavar="SECONDS", help=limit)
    checking.add_argument("--csv", type=file_path, help="write the verdicts to this file as well")
    checking.set_defaults(command=checked)


def positive_seconds(text: str) -> float:
    """Read a number of seconds that is above 0.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def listed(options: argparse.Namespace) -> int:
    """List the lessons with their minutes and what is solved on this machine."""
    from srgformer_lab.lessons import catalog, progress

    known = progress.read()
    for one in catalog.available():
        solved = len(known.solved(one.number) & set(one.exercises))
        say(f"{one.number:2}  {one.title:36} {one.minutes:3} min  {solved} of {len(one.exercises)} exercises solved\n    {one.goal}")
    say("\nto work on one:  srgformer-lab lessons open NUMBER")
    if known.trouble:
        say(known.trouble, sys.stderr)
    return 0


def opened(options: argparse.Namespace) -> int:
    """Open a lesson, or the gallery of all."""
    from srgformer_lab import places
    from srgformer_lab.lessons import catalog

    chosen = None if options.number is None else catalog.lesson(options.number)
    if chosen and not options.run:
        action, shown = "edit", catalog.copy_lesson(chosen, options.folder)
        say(f"your copy: {shown}")
    else:
        action, shown = "run", catalog.notebook(chosen) if chosen else places.tutorials_folder()
        if not chosen:
            say("the card “Index” lists all questions, and what is solved on this machine")
    command = [*ONLY_ERRORS, action, str(shown)]
    command += ["--port", str(options.port)] if options.port else []
    command += ["--headless"] if options.headless else []
    return become_marimo(command, os.environ | RUN_AT_ONCE)


def checked(options: argparse.Namespace) -> int:
    """Check filled-in lessons."""
    require("marimo")  # said once; else each notebook would be said to be at fault
    import pandas as pd

    from srgformer_lab.lessons import grading

    tables = []
    for table in grading.grade_all(options.path, options.time_limit or grading.TIME_LIMIT):
        for row in table.to_dict("records"):
            exercise = f" {row['exercise']}" if row["exercise"] else ""
            say(f"{row['file']}{exercise}: {'passed' if row['passed'] else 'not yet'}: {row['message']}")
        tables.append(table)
    verdicts = pd.concat(tables, ignore_index=True)
    if options.csv:
        from srgformer_lab.output import csv_bytes
        from srgformer_lab.training.files import write_bytes

        write_bytes(options.csv, csv_bytes(verdicts))
        say(f"{len(verdicts)} rows in {options.csv}")
    return 0 if verdicts["passed"].all() else 1
