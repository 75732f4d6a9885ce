"""Filled-in notebooks are graded by what their functions do; whatever is wrong with a file becomes a row that says so."""

import inspect
import textwrap

import pandas as pd
import pytest

from srgformer_lab.cli import main
from srgformer_lab.errors import LabError
from srgformer_lab.lessons import catalog, grading
from tests.lessons.conftest import LESSONS, filled_in, solution

FIRST = catalog.lesson(1)
NAN = "def recall_at_k(ranked, relevant, k):\n    return len(set(ranked[:k]) & relevant) / k"


def solved(lesson):
    return {exercise: textwrap.dedent(inspect.getsource(solution(lesson, exercise))) for exercise in lesson.exercises}


def test_each_exercise_gets_its_own_verdict_and_no_solution_is_shown(tmp_path):
    path = filled_in(FIRST, tmp_path, solved(FIRST) | {"recall_at_k": NAN})
    table = grading.grade(path)
    assert list(table.columns) == grading.COLUMNS
    assert dict(zip(table["exercise"], table["passed"], strict=True)) == {"top_k": True, "recall_at_k": False, "ndcg_at_k": True}
    assert list(table["misconception"]) == ["", "divides by k", ""]
    assert not table["message"].str.contains("return hits|def |np.argsort", regex=True).any()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_solutions_put_into_the_notebook_pass(lesson, tmp_path):
    table = grading.grade(filled_in(lesson, tmp_path, solved(lesson)))
    assert table["passed"].all(), table["message"].tolist()


def test_folder_gives_rows_for_every_file_also_for_broken_ones(tmp_path, capsys):
    filled_in(FIRST, tmp_path, {"recall_at_k": NAN})
    (tmp_path / "a_note.py").write_text("print('no lesson')")
    (tmp_path / "b_broken.py").write_text("LESSON = 1\ndef top_k(:\n")
    csv = tmp_path / "verdicts.csv"
    assert main(["lessons", "check", str(tmp_path), "--csv", str(csv)]) == 1
    table = pd.read_csv(csv)
    assert list(table["file"]) == ["a_note.py"] + ["b_broken.py"] * 3 + [f"student_{FIRST.file}"] * 3
    assert "is no lesson" in table["message"][0]
    assert "SyntaxError" in table["message"][1]
    assert "recall_at_k: not yet" in capsys.readouterr().out


def test_a_loop_that_never_ends_keeps_the_verdicts_before_it(tmp_path):
    endless = "def recall_at_k(ranked, relevant, k):\n    while True:\n        pass"
    table = grading.grade(filled_in(FIRST, tmp_path, solved(FIRST) | {"recall_at_k": endless}), time_limit=20)
    assert list(table["passed"]) == [True, False, False]
    assert "does a loop never end" in table["message"][1]


def test_function_that_needs_another_cell_is_found_by_running_them(tmp_path):
    path = filled_in(FIRST, tmp_path, solved(FIRST))
    text = path.read_text()
    plain = "@app.function\ndef recall_at_k"
    start, end = text.index(plain), text.index("@app.cell", text.index(plain))
    cells = (
        "@app.cell\ndef _():\n    one = 1.0\n    return (one,)\n\n\n@app.cell\ndef _(one):\n"
        "    def recall_at_k(ranked, relevant, k):\n        return one * len(set(ranked[:k]) & set(relevant)) / len(relevant)\n"
        "    return (recall_at_k,)\n\n\n"
    )
    path.write_text(
        text[:start]
        + cells
        + text[end:].replace("def _():\n    kit.check(LESSON, recall_at_k)", "def _(recall_at_k):\n    kit.check(LESSON, recall_at_k)")
    )
    assert grading.grade(path)["passed"].all()


def test_missing_path_says_what_to_give(tmp_path):
    with pytest.raises(LabError, match="give a filled-in lesson"):
        list(grading.grade_all(tmp_path / "nowhere"))
