"""The verdicts of a course in the files that other tools of a school read: JUnit, Gradescope, and notebooks for nbgrader."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from srgformer_lab.errors import LabError, require
from srgformer_lab.lessons.catalog import lesson
from srgformer_lab.lessons.grading import lesson_of

CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")
"""Characters that XML can't hold."""
NBGRADER = {"schema_version": 3, "task": False}
"""What nbgrader's notebooks say of every cell that it knows (its third schema)."""


def junit_xml(verdicts: pd.DataFrame) -> bytes:
    """Return verdicts of ``course.collect`` as JUnit XML: a suite a student, a case an exercise, a failure for what is not yet right.

    Source: the schema of JUnit 4 as Jenkins and GitLab read it (``testsuites/testsuite/testcase/failure``).
    """
    whole = ElementTree.Element("testsuites", tests=str(len(verdicts)), failures=str(int((~verdicts["passed"]).sum())))
    for student, rows in verdicts.groupby("student"):
        failed = int((~rows["passed"]).sum())
        suite = ElementTree.SubElement(whole, "testsuite", name=_plain(student), tests=str(len(rows)), failures=str(failed), errors="0")
        for row in rows.to_dict("records"):
            case = ElementTree.SubElement(suite, "testcase", classname=_lesson_name(row), name=_plain(row["exercise"]) or "notebook")
            if not row["passed"]:
                failure = ElementTree.SubElement(case, "failure", message=_plain(row["misconception"]) or "not yet")
                failure.text = _plain(row["message"])
    ElementTree.indent(whole)
    return ElementTree.tostring(whole, "utf-8", xml_declaration=True)


def gradescope(verdicts: pd.DataFrame) -> dict[str, Any]:
    """Return one student's verdicts as the ``results.json`` that Gradescope's autograder reads.

    Source: Gradescope's autograder specification (``score``, and for each of ``tests`` ``score``, ``max_score``, ``status``, ``output``).
    """
    tests = [
        {
            "name": f"{_lesson_name(row)}: {row['exercise'] or 'notebook'}",
            "score": float(row["points"]),
            "max_score": float(row["most"]),
            "status": "passed" if row["passed"] else "failed",
            "output": row["message"],
            "visibility": "visible",
        }
        for row in verdicts.to_dict("records")
    ]
    return {"score": float(verdicts["points"].sum()), "tests": tests}


def files(verdicts: pd.DataFrame) -> dict[str, bytes]:
    """Return the files of a gradebook by name: ``junit.xml``, and ``gradescope/STUDENT.json`` for each student."""
    found = {"junit.xml": junit_xml(verdicts)}
    for student, rows in verdicts.groupby("student"):
        name = "".join(letter if letter.isalnum() or letter in "._@-" else "_" for letter in str(student)).lstrip(".") or "_"
        while f"gradescope/{name}.json" in found:
            name += "_"
        found[f"gradescope/{name}.json"] = json.dumps(gradescope(rows), indent=1, ensure_ascii=False).encode()
    return found


def notebook_json(path: Path, points: Mapping[str, float] | None = None) -> str:
    """Return a lesson as a Jupyter notebook whose exercises and checks nbgrader knows: the first are written, the second give points.

    Args:
        path: The lesson, a marimo notebook.
        points: Points by exercise; 1 where none are given.

    Source: nbgrader's cell metadata, schema 3 (``grade``, ``solution``, ``locked``, ``grade_id``, ``points``).

    Raises:
        LabError: It is no lesson, or can't be converted.
        MissingPackageError: nbformat is not installed.
    """
    known = lesson_of(path)
    require("nbformat", "course")
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "lesson.ipynb"
        command = [sys.executable, "-m", "marimo", "--log-level", "ERROR", "export", "ipynb", str(path), "-o", str(made), "--force"]
        done = subprocess.run([*command, "--no-include-outputs", "--no-sandbox"], capture_output=True, text=True, check=False)
        if not made.is_file():
            raise LabError(f"{path} can't be converted: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
        book = nbformat.read(made, as_version=4)
    for cell in book.cells:
        for exercise in known.exercises:
            if cell.source.startswith(f"def {exercise}("):
                cell.metadata["nbgrader"] = NBGRADER | {"grade": False, "solution": True, "locked": False, "grade_id": exercise}
            elif cell.source == f"kit.check(LESSON, {exercise})":
                cell.source = _test_source(known.number, exercise)
                worth = float((points or {}).get(exercise, 1.0))
                graded = {"grade": True, "solution": False, "locked": True, "grade_id": f"check_{exercise}", "points": worth}
                cell.metadata["nbgrader"] = NBGRADER | graded
    nbformat.validate(book)
    return nbformat.writes(book)


def _test_source(number: int, exercise: str) -> str:
    """Write a cell that shows the verdict, and fails where it is no pass: so nbgrader knows."""
    return (
        f"from srgformer_lab.lessons import catalog\n\nverdict = catalog.lesson({number}).check({exercise!r})({exercise})\n"
        "assert verdict.passed, verdict.message\nprint(verdict.message)"
    )


def _lesson_name(row: Mapping[Any, Any]) -> str:
    return "no lesson" if pd.isna(row["lesson"]) else lesson(int(row["lesson"])).file.removesuffix(".py")


def _plain(text: Any) -> str:
    """Write a text as XML can hold it."""
    return str(text).translate(CONTROL).encode("utf-8", "replace").decode()
