"""The teacher's guide names what the lessons hold: a page for each, with its exercises, misconceptions, predictions, and minutes."""

import ast
import importlib
import re

import pytest

from srgformer_lab.lessons.verdict import Verdict
from tests.lessons.conftest import EXERCISES, LESSONS, NAMES, TUTORIALS, wrong_answers

HEADINGS = ("Goals", "Minutes", "Predictions", "Misconceptions", "Transfer questions", "What to ask", "Slides")


def page(lesson):
    return (TUTORIALS / "guide" / f"{lesson.number:02}.md").read_text("utf-8")


def hints(lesson):
    """Name every slip that the lesson's checks have words for."""
    checks = vars(importlib.import_module(f"srgformer_lab.lessons.checks.{lesson.module}"))
    tables = [value for name, value in checks.items() if name.isupper() and isinstance(value, dict)]
    return {name for table in tables for name, told in table.items() if isinstance(told, str)}


def told(lesson, exercise, monkeypatch):
    """Give what the check of an exercise says of each slip that it knows."""
    checks, found = importlib.import_module(f"srgformer_lab.lessons.checks.{lesson.module}"), {}
    monkeypatch.setattr(checks, "judge", lambda _answer, _cases, hints, _praise: found.update(hints) or Verdict(True, ""), raising=False)
    lesson.check(exercise)(lambda: None)
    return found


def right_answers(lesson):
    calls = [node for node in ast.walk(ast.parse(lesson.path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    given = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "right"]
    return [value.value for value in given if isinstance(value, ast.Constant)]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_page_names_every_exercise_and_misconception_of_its_lesson(lesson):
    rest = page(lesson)
    for exercise, answers in wrong_answers(lesson).items():
        assert f"### `{exercise}`" in rest
        part = rest.split(f"### `{exercise}`")[1].split("\n#")[0]
        for misconception in answers:
            assert f"| {misconception} |" in part, f"{exercise}: {misconception}"
    assert not {name for name in hints(lesson) if f"| {name} |" not in rest}


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES, ids=NAMES)
def test_page_repeats_what_the_check_of_an_exercise_says_and_of_no_other(lesson, exercise, monkeypatch):
    said = told(lesson, exercise, monkeypatch)
    part = page(lesson).split(f"### `{exercise}`")[1].split("\n#")[0]
    rows = dict(re.findall(r"^\| ([^|]+) \| (.*) \|$", part, re.MULTILINE)[1:])
    if said:
        assert set(rows) <= set(said) | set(wrong_answers(lesson)[exercise])
    assert {name: rows[name] for name in rows if name in said} == {name: said[name] for name in rows if name in said}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_page_has_its_parts_the_right_answers_and_minutes_that_add_up(lesson):
    text = page(lesson)
    assert text.startswith(f"# Lesson {lesson.number}: {lesson.title}\n\n{lesson.goal} ")
    assert [heading for heading in HEADINGS if f"\n## {heading}\n" not in text] == []
    assert sum(map(int, re.findall(r"^\| (\d+) \|", text, re.MULTILINE))) == lesson.minutes
    for answer in right_answers(lesson):
        assert f"Right: **{answer}**" in text


def test_every_page_belongs_to_a_lesson():
    from srgformer_lab.lessons.catalog import LESSONS as ALL

    pages = {path.stem for path in (TUTORIALS / "guide").glob("*.md")}
    assert pages <= {f"{lesson.number:02}" for lesson in ALL}


def test_readme_links_to_every_page():
    text = (TUTORIALS / "README.md").read_text("utf-8")
    for path in (TUTORIALS / "guide").glob("*.md"):
        assert f"(guide/{path.name})" in text


def questions(lesson):
    """Yield the options and the right answer of each prediction of a lesson that are written out in it."""
    for node in ast.walk(ast.parse(lesson.path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Question":
            keys = [key.value for key in node.args[2].keys if isinstance(key, ast.Constant)]
            right = next(keyword.value for keyword in node.keywords if keyword.arg == "right")
            if isinstance(node.args[1], ast.Constant) and len(keys) == len(node.args[2].keys) and isinstance(right, ast.Constant):
                yield node.args[1].value, keys, right.value


def test_no_place_in_the_list_gives_the_right_answer_away():
    kit = importlib.import_module("kit")
    asked = [kit.Question("", text, dict.fromkeys(keys, ""), right) for lesson in LESSONS for text, keys, right in questions(lesson)]
    places = [question.shuffled().index(question.right) for question in asked]
    assert len(places) > 15
    assert all(0.2 < places.count(place) / len(places) < 0.5 for place in range(3)), places


def test_a_wrong_guess_is_told_why_and_what_is_right():
    kit = importlib.import_module("kit")
    question = kit.Question("x", "Which?", {"this": "Because of A.", "that": "But B."}, right="that")
    wrong, right = question.answer(1, "this").text, question.answer(1, "that").text
    assert all(words in wrong for words in ("Not quite", "Because of A.", "Right is: that.", "But B."))
    assert "As you guessed" in right
    assert "Because of A." not in right
