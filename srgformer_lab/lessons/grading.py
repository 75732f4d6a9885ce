"""Grading of filled-in notebooks: a file, or a folder of them, in processes of their own.

A learner's code runs with the rights of whoever grades it; it is kept apart from this process, not from this machine.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from srgformer_lab.errors import LabError
from srgformer_lab.lessons.catalog import LESSONS, Lesson

COLUMNS = ["file", "lesson", "exercise", "passed", "misconception", "message"]
TIME_LIMIT = 120.0
"""Seconds for one notebook."""
_MARK = re.compile(r"^\s*LESSON = (\d+)\s*$", re.MULTILINE)


def lesson_of(path: Path) -> Lesson:
    """Return which lesson a notebook is, by the line ``LESSON = …`` of its first cell; its file may be called anything.

    Raises:
        LabError: It can't be read, or is no lesson.
    """
    try:
        found = _MARK.search(path.read_text("utf-8"))
    except (OSError, UnicodeError) as error:
        raise LabError(f"{path} can't be read: {error}") from error
    known = {one.number: one for one in LESSONS if one.exercises}
    if not found or int(found[1]) not in known:
        raise LabError(f"{path} is no lesson: its first cell must hold the line LESSON = … that it came with")
    return known[int(found[1])]


def grade(path: Path, time_limit: float = TIME_LIMIT) -> pd.DataFrame:
    """Check every exercise of one filled-in notebook: ``file, lesson, exercise, passed, misconception, message``, a row an exercise.

    Raises:
        LabError: The file can't be read, or is no lesson.
    """
    lesson = lesson_of(path)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "verdicts.json"
        command = [sys.executable, "-m", "srgformer_lab.lessons.examine", str(path.resolve()), str(lesson.number), str(result)]
        environment = os.environ | {"XDG_STATE_HOME": folder}  # a learner's progress is not the teacher's
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=time_limit, env=environment, check=False)
            trouble = _last_line(done.stderr)
        except subprocess.TimeoutExpired:
            trouble = f"not done after {time_limit:g} s; does a loop never end?"
        verdicts = json.loads(result.read_text("utf-8")) if result.is_file() else {}
    rows = []
    for exercise in lesson.exercises:
        missing = {"passed": False, "misconception": "", "message": f"The notebook could not be checked: {trouble}"}
        rows.append({"file": path.name, "lesson": lesson.number, "exercise": exercise} | verdicts.get(exercise, missing))
    return pd.DataFrame(rows, columns=COLUMNS)


def grade_all(path: Path) -> Iterator[pd.DataFrame]:
    """Grade a notebook, or every Python file of a folder, one after the other; what is no lesson gets one row that says so.

    Raises:
        LabError: There is no such file or folder, or the folder has no Python files.
    """
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    if not files or not path.exists():
        raise LabError(f"no notebooks at {path}; give a filled-in lesson (a .py file) or a folder of them")
    for file in files:
        try:
            yield grade(file)
        except LabError as error:
            yield pd.DataFrame([[file.name, None, "", False, "", str(error)]], columns=COLUMNS)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "its process ended without a word"
