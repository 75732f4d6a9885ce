"""For every exercise: the stub is told what to do, the solution passes, and each wrong answer is told what is wrong with it."""

import importlib

import pytest

from tests.lessons.conftest import EXERCISES, LESSONS, NAMES, notebook, solution, wrong_answers


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES, ids=NAMES)
def test_stub_fails_and_is_told_what_to_do(lesson, exercise):
    stub = getattr(notebook(lesson), exercise)
    verdict = lesson.check(exercise)(stub)
    assert not verdict.passed
    assert exercise in verdict.message
    assert "gives nothing back yet" in verdict.message
    assert (stub.__doc__ or "").strip(), "a stub says in its docstring what goes in and what comes out"


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES, ids=NAMES)
def test_solution_passes(lesson, exercise):
    verdict = lesson.check(exercise)(solution(lesson, exercise))
    assert verdict.passed, verdict.message
    assert verdict.misconception == ""


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES, ids=NAMES)
def test_shown_solution_passes_where_nothing_else_is_written(lesson, exercise):
    learners = vars(notebook(lesson))
    exec(importlib.import_module("kit").solution_text(lesson.number, exercise), learners)
    verdict = lesson.check(exercise)(learners[exercise])
    assert verdict.passed, verdict.message


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES, ids=NAMES)
def test_each_wrong_answer_is_told_its_misconception(lesson, exercise):
    answers = wrong_answers(lesson)[exercise]
    assert len(answers) >= 3
    messages = set()
    for misconception, answer in answers.items():
        verdict = lesson.check(exercise)(answer)
        assert not verdict.passed, misconception
        assert verdict.misconception == misconception, verdict.message
        messages.add(verdict.message.replace(answer.__name__, ""))
    assert len(messages) == len(answers), "each misconception has words of its own"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_lesson_has_wrong_answers_for_its_exercises_only(lesson):
    assert set(wrong_answers(lesson)) == set(lesson.exercises)
