"""Progress on this machine is kept, survives damage, and is told; a learner's copy is never overwritten."""

import pytest

from srgformer_lab.cli import main
from srgformer_lab.errors import LabError
from srgformer_lab.lessons import catalog, progress


def test_what_was_solved_is_read_back_by_lesson():
    for exercise in ("top_k", "recall_at_k", "top_k"):
        assert progress.record(1, progress.SOLVED, exercise) == ""
    progress.record(1, progress.PREDICTED, "tail")
    known = progress.read()
    assert known.solved(1) == {"top_k", "recall_at_k"}
    assert known.solved(2) == frozenset()
    assert known.done[1, progress.PREDICTED] == {"tail"}


@pytest.mark.parametrize("content", ["{", "[1]", '{"one": {"solved": ["top_k"]}}', '{"1": 2}'])
def test_damaged_file_is_told_and_begun_anew(content):
    progress.file().parent.mkdir(parents=True)
    progress.file().write_text(content)
    assert "can't be read" in progress.read().trouble
    assert progress.record(1, progress.SOLVED, "top_k") == ""
    assert progress.read() == progress.Progress({(1, progress.SOLVED): frozenset({"top_k"})})


def test_unwritable_place_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert "progress is not kept" in progress.record(1, progress.SOLVED, "top_k")


def test_copy_is_the_notebook_and_is_never_overwritten(tmp_path):
    lesson = catalog.lesson(1)
    path = catalog.copy_lesson(lesson, tmp_path)
    assert path.name == lesson.file
    assert "../apps/" not in path.read_text()
    path.write_text("mine")
    assert catalog.copy_lesson(lesson, tmp_path) == path
    assert path.read_text() == "mine"


def test_lesson_without_a_notebook_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog.Lesson, "path", tmp_path / "none.py")
    with pytest.raises(LabError, match="lesson 1 is not in"):
        catalog.copy_lesson(catalog.lesson(1), tmp_path)


def test_list_names_lessons_with_what_is_solved(capsys):
    progress.record(1, progress.SOLVED, "top_k")
    assert main(["lessons"]) == 0
    assert f"1 of {len(catalog.lesson(1).exercises)} exercises solved" in capsys.readouterr().out
