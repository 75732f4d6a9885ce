"""Exam questions: five a lesson of 20 points, each with an answer and its points; what can be computed in an answer is computed here."""

import doctest
import math
import re

import numpy as np
import pytest
import torch

from tests.lessons.conftest import LESSONS, TUTORIALS

QUESTION = re.compile(r"^\*\*(\d) \((\d) points\)\.\*\*", re.MULTILINE)


def page(lesson):
    return (TUTORIALS / "exam" / f"{lesson.number:02}.md").read_text("utf-8")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_each_lesson_has_five_questions_with_answers_and_points_of_twenty(lesson):
    head, *parts = QUESTION.split(page(lesson))
    numbers, points, texts = parts[0::3], [int(one) for one in parts[1::3]], parts[2::3]
    assert f"# Exam questions to lesson {lesson.number}: {lesson.title}\n" in head
    assert numbers == ["1", "2", "3", "4", "5"]
    assert sum(points) == 20
    for text in texts:
        question, answer = text.split("\n> ", 1)
        assert "?" in question or re.search(r"(?m)\b(Compute|Write|Fuse|Name|Bring|Begin|Give|Pass|One curve)", question)
        assert re.search(r"(?m)^> .*\bpoints?\b", answer)  # how it is marked


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_what_an_answer_computes_is_so(lesson):
    lines = [line.removeprefix("> ") for line in page(lesson).splitlines() if line.startswith("> ")]
    text = "\n".join("" if line.startswith("```") else line for line in lines)
    examples = doctest.DocTestParser().get_doctest(text, {"np": np, "math": math, "torch": torch}, lesson.name, None, None)
    found = doctest.DocTestRunner(verbose=False).run(examples)
    assert found.failed == 0
    assert found.attempted or lesson.number == 10


def test_the_overview_leads_to_the_questions():
    text = (TUTORIALS / "README.md").read_text("utf-8")
    assert all(f"(exam/{lesson.number:02}.md)" in text for lesson in LESSONS)
