"""Every lesson runs top to bottom as it stands, without a network or another lesson's leftovers, and says what its stubs lack."""

import tomllib

import pytest

from tests.lessons.conftest import LESSONS, notebook

LARGEST_PAGE = 1_000_000


@pytest.fixture
def _no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a lesson asked for the network")

    monkeypatch.setattr("socket.socket.connect", refuse)


@pytest.mark.usefixtures("_no_network")
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_lesson_runs_and_every_stub_is_told(lesson):
    outputs, _ = notebook(lesson).app.run()
    shown = "\n".join(getattr(output, "text", "") for output in outputs if output is not None)
    for exercise in lesson.exercises:
        assert f"{exercise} gives nothing back yet" in shown
        assert f"Solution of {exercise}" in shown
    assert lesson.goal in shown
    assert len(shown) < LARGEST_PAGE


@pytest.mark.parametrize(
    "lesson", [lesson for lesson in LESSONS if '"Measure"' in lesson.path.read_text("utf-8")], ids=lambda lesson: lesson.name
)
def test_who_guessed_finds_what_was_learned_by_a_measurement(lesson, monkeypatch):
    import kit
    import marimo as mo

    def guessed(question):
        form = mo.Html("")
        form.value = question.right
        return form

    monkeypatch.setattr(kit.Question, "ask", guessed)
    outputs, _ = notebook(lesson).app.run()
    shown = [getattr(output, "text", "") for output in outputs if output is not None]
    (measured,) = [text for text in shown if "<b>Measure</b>" in text]
    assert "As you guessed" in measured
    assert "lab-tiles" in measured
    assert "worlds" in measured


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_lesson_keeps_to_the_unit(lesson):
    text = lesson.path.read_text("utf-8")
    for kind in ("Look", "Predict", "Drag", "Explain", "Write", "Break it", "Transfer"):
        assert f'"{kind}"' in text, kind


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_gallery_and_window_are_given_the_title_of_the_catalog(lesson):
    head, rest = lesson.path.read_text("utf-8").split("# ///\n", 1)
    card = tomllib.loads("\n".join(line.removeprefix("# ") for line in head.splitlines()[1:]))["tool"]["marimo"]["opengraph"]
    assert card == {"title": f"{lesson.number}. {lesson.title}", "description": lesson.goal}
    assert f'app_title="{card["title"]}"' in rest


def test_index_shows_every_lesson_and_what_is_solved():
    from srgformer_lab.lessons import progress
    from tests.lessons.conftest import TUTORIALS

    progress.record(1, progress.SOLVED, "top_k")
    import runpy

    outputs, _ = runpy.run_path(str(TUTORIALS / "index.py"))["app"].run()
    shown = "\n".join(getattr(output, "text", "") for output in outputs if output is not None)
    for lesson in LESSONS:
        assert f'href="?file={lesson.file}"' in shown
    assert "1 of 3 solved" in shown
