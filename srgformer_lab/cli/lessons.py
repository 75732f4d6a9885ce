"""The commands ``srgformer-lab lessons``, and ``lessons open``, ``check``, ``hand-out`` and ``collect``."""

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from srgformer_lab.cli.options import file_path
from srgformer_lab.cli.serving import become_marimo
from srgformer_lab.cli.terminal import say
from srgformer_lab.errors import LabError, require

if TYPE_CHECKING:
    import pandas as pd

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
    handing = named.add_parser("hand-out", help="write copies of lessons without their solutions, for a class")
    handing.add_argument("folder", type=file_path, help="where to; nothing that is there is replaced")
    handing.add_argument("--lesson", type=int, nargs="+", metavar="NUMBER", help="which lessons (default: all)")
    handing.add_argument("--ids", type=file_path, metavar="FILE", help="a line an id: a folder each, and the id in each copy")
    handing.add_argument("--notebooks", action="store_true", help="also as .ipynb, with the marks that nbgrader knows exercises by")
    handing.add_argument("--points", type=points_of, nargs="+", metavar="EXERCISE=POINTS", default=[], help="other than 1 each")
    handing.set_defaults(command=handed_out)
    collecting = named.add_parser("collect", help="grade what a class handed in: points, a row a student, files for other tools")
    collecting.add_argument("path", type=file_path, help="a folder of notebooks, or of folders of them")
    collecting.add_argument("--output", type=file_path, required=True, metavar="FOLDER", help="where the tables and files are written")
    collecting.add_argument("--points", type=points_of, nargs="+", metavar="EXERCISE=POINTS", default=[], help="other than 1 each")
    collecting.add_argument("--anonymous", action="store_true", help="no names: ids that stand in the copies, else s01, s02 …")
    collecting.add_argument("--time-limit", type=positive_seconds, metavar="SECONDS", help=limit)
    collecting.set_defaults(command=collected)


def points_of(text: str) -> tuple[str, float]:
    """Read ``EXERCISE=POINTS``.

    Raises:
        ArgumentTypeError: It isn't of that form.
    """
    exercise, _, points = text.partition("=")
    try:
        return exercise, float(points)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be an exercise and its points, such as top_k=2") from None


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


def handed_out(options: argparse.Namespace) -> int:
    """Write what a class begins with."""
    from srgformer_lab.lessons import catalog, course, gradebook
    from srgformer_lab.training.files import write_bytes

    if options.notebooks:
        require("nbformat", "course")  # said before anything is written
    elif options.points:
        raise LabError("--points stand in Jupyter notebooks alone: add --notebooks, or give them to lessons collect")
    lessons = [catalog.lesson(number) for number in options.lesson] if options.lesson else catalog.available()
    copies = course.hand_out(options.folder, lessons, _ids(options.ids) if options.ids else ())
    for copy in copies:
        if options.notebooks:
            write_bytes(copy.with_suffix(".ipynb"), gradebook.notebook_json(copy, dict(options.points)).encode())
        say(str(copy))
    say(f"{len(copies)} copies without solutions; grade them with: srgformer-lab lessons collect HANDED_IN --output RESULTS")
    return 0


def _ids(file: Path) -> list[str]:
    """Read a file with an id a line.

    Raises:
        LabError: It can't be read, or holds none.
    """
    try:
        found = [line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeError) as error:
        raise LabError(f"{file} can't be read: {error}; give a text file with an id a line") from error
    if not found:
        raise LabError(f"{file} holds no ids; write one a line")
    return found


def collected(options: argparse.Namespace) -> int:
    """Grade a class and write its tables and files."""
    require("marimo")
    from srgformer_lab.lessons import course, gradebook, grading
    from srgformer_lab.output import csv_bytes
    from srgformer_lab.training.files import write_bytes

    def tell(student: str, table: "pd.DataFrame") -> None:
        say(f"{student}: {int(table['passed'].sum())} of {len(table)} passed")

    verdicts = course.collect(options.path, dict(options.points), options.time_limit or grading.TIME_LIMIT, options.anonymous, tell)
    students = course.summary(verdicts)
    written = {"verdicts.csv": csv_bytes(verdicts), "students.csv": csv_bytes(students)} | gradebook.files(verdicts)
    for name, content in written.items():
        path = options.output / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"{path.parent} can't be made: {error}; name another folder with --output") from error
        write_bytes(path, content)
    marked = students[(students["reference"] > 0) | (students["alike"] > 0)]["student"]
    say(f"{len(students)} students, {len(verdicts)} verdicts in {options.output}: verdicts.csv, students.csv, junit.xml, gradescope/")
    if len(marked):
        say(f"answers to look at (the reference's own, or of one shape as another's): {', '.join(map(str, marked))}")
    return 0
