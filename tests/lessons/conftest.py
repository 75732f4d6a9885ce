"""The lessons that are there, and their parts, found by the catalogue alone."""

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from srgformer_lab.lessons import grading
from srgformer_lab.lessons.catalog import available
from tests.lessons.warm import INSTEAD

TUTORIALS = Path(__file__).parents[2] / "tutorials"
LESSONS = available()
EXERCISES = [(lesson, exercise) for lesson in LESSONS for exercise in lesson.exercises]
NAMES = [f"{lesson.number:02}-{exercise}" for lesson, exercise in EXERCISES]
HELPERS = ("kit", "common", "widgets", "solutions")


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """Keep progress out of the home folder, and give every test helpers of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.syspath_prepend(str(TUTORIALS))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in HELPERS]:
        del sys.modules[name]


@pytest.fixture
def warm(monkeypatch):
    """Grade in processes that need not import anything any more."""
    monkeypatch.setattr(grading, "subprocess", INSTEAD)


def notebook(lesson):
    """Import a lesson's notebook as it stands: its first cell runs, its functions are the stubs."""
    spec = importlib.util.spec_from_file_location(f"notebook_{lesson.number:02}", lesson.path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def solution(lesson, exercise):
    return getattr(importlib.import_module(f"solutions.{lesson.module}"), exercise)


def wrong_answers(lesson):
    return importlib.import_module(f"tests.lessons.wrong.{lesson.module}").WRONG


def filled_in(lesson, folder, answers):
    """Write a copy of a notebook in which stubs are replaced by other source code, as a learner's file would be."""
    import ast

    text = lesson.path.read_text("utf-8")
    lines = text.splitlines(keepends=True)
    for node in sorted(ast.parse(text).body, key=lambda node: -node.lineno):
        if isinstance(node, ast.FunctionDef) and node.name in answers:
            lines[node.lineno - 1 : node.end_lineno] = [answers[node.name].rstrip() + "\n"]
    path = folder / f"student_{lesson.file}"
    path.write_text("".join(lines), "utf-8")
    return path
