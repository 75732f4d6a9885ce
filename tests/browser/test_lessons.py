"""Every lesson opens in a real browser, wide and narrow; a guess is answered, a knob acts, and nothing scrolls sideways."""

import pytest

from srgformer_lab.lessons.catalog import available
from tests.browser.server import APPS, serve, serve_command

LESSONS = available()
TUTORIALS = APPS.parent / "tutorials"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("lessons"), notebook=TUTORIALS) as served:
        yield served


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_lesson_opens_and_fits(visit, gallery, lesson):
    page = visit(f"{gallery.address}/?file={lesson.file}")
    page.get_by_text(f"To write: srgformer-lab lessons open {lesson.number}").last.wait_for()
    page.get_by_text("Transfer", exact=True).wait_for()
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"window.innerWidth === {width}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator(".marimo-error").count() == 0


def test_a_guess_is_answered_by_what_was_guessed(visit, gallery):
    page = visit(f"{gallery.address}/?file={LESSONS[0].file}")
    page.get_by_role("radio", name="about half", exact=True).click()
    page.get_by_role("button", name="That is my guess").first.click()
    page.get_by_text("As you guessed").wait_for()
    page.get_by_role("radio", name="nearly all", exact=True).click()
    page.get_by_role("button", name="That is my guess").first.click()
    page.get_by_text("Not quite").wait_for()


def test_gallery_names_every_lesson_by_its_question(visit, gallery):
    page = visit(gallery.address)
    for lesson in LESSONS:
        page.get_by_text(lesson.goal, exact=True).wait_for()
        page.get_by_text(f"{lesson.number}. {lesson.title}", exact=True).last.wait_for()


def test_index_leads_to_a_lesson(visit, gallery):
    page = visit(f"{gallery.address}/?file=index.py")
    page.get_by_role("link", name=f"1. {LESSONS[0].title}").click()
    page.get_by_text(LESSONS[0].goal).wait_for()


def test_writing_a_solution_turns_the_verdict_and_is_remembered(visit, tmp_path):
    lesson = LESSONS[0]
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "BROWSER": "true"}
    with serve_command(["lessons", "open", "1", "--folder", str(tmp_path), "--headless"], tmp_path, state) as address:
        page = visit(address)
        page.get_by_text("top_k gives nothing back yet").wait_for()
        assert page.locator(".output-area").first.evaluate("area => getComputedStyle(area).maxHeight") == "none"  # no picture is cut off
        page.locator(".cm-content", has_text="known: items, each as its index").click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text("def top_k(scores, known, k):\n    return np.argsort(-scores)[:k]")
        page.keyboard.press("ControlOrMeta+Enter")
        page.get_by_text("nobody needs to be told of it again").wait_for()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text(
            "def top_k(scores, known, k):\n    return [i for i in np.argsort(-scores, kind='stable') if i not in known][:k]"
        )
        page.keyboard.press("ControlOrMeta+Enter")
        page.get_by_text("top_k passes").wait_for()
        page.close()  # an editor whose server ends complains
    assert (tmp_path / lesson.file).is_file()
    assert "top_k" in (tmp_path / "state" / "srgformer-lab" / "lessons.json").read_text()
