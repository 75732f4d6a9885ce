"""A class gets copies without solutions; what it hands in becomes points, marks, and the files that other tools read."""

import ast
import json
from xml.etree import ElementTree

import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab.cli import main
from srgformer_lab.errors import LabError
from srgformer_lab.lessons import catalog, course, gradebook, grading
from tests.lessons.conftest import LESSONS, filled_in

FIRST = catalog.lesson(1)
TOP_K = """def top_k(scores, known, k):
    left = [i for i in range(len(scores)) if i not in known]
    return sorted(left, key=lambda i: -scores[i])[:k]
"""
RENAMED = '''def top_k(values, seen: list, k):
    """My own."""
    rest = [place for place in range(len(values)) if place not in seen]  # hide
    return sorted(rest, key=lambda place: -values[place])[:k]
'''
OTHER = TOP_K.replace("[:k]", "[: k + 1]")


def handed_in(folder, answers, student="", name=FIRST.file):
    folder.mkdir(parents=True, exist_ok=True)
    written = filled_in(FIRST, folder, answers)
    text = written.read_text("utf-8")
    written.unlink()
    (folder / name).write_text(course._with_student(text, student) if student else text, "utf-8")


@pytest.fixture
def verdicts(monkeypatch):
    """Grade without running anything: an exercise passes where its answer's text holds no “k + 1”."""

    def grade(path, time_limit=0, idle_limit=0):
        known, text = grading.lesson_of(path), path.read_text("utf-8")
        passed = ["k + 1" not in text and course._shape(text, name) != "" for name in known.exercises]
        rows = [[path.name, known.number, name, is_right, "", "Right:"] for name, is_right in zip(known.exercises, passed, strict=True)]
        return pd.DataFrame(rows, columns=grading.COLUMNS)

    monkeypatch.setattr(grading, "grade", grade)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_copy_lacks_the_solutions_and_nothing_else(lesson, tmp_path):
    (copy,) = course.hand_out(tmp_path / "class", [lesson])
    whole, left = ast.parse(catalog.lesson_text(lesson)).body, ast.parse(copy.read_text("utf-8")).body
    gone = [ast.unparse(node) for node in whole if ast.dump(node) not in set(map(ast.dump, left))]
    assert len(gone) == len(lesson.exercises) == len(whole) - len(left)
    for exercise, text in zip(lesson.exercises, gone, strict=True):
        assert f"kit.solution(LESSON, '{exercise}')" in text


def test_each_student_gets_a_folder_and_an_id_and_a_copy_is_graded_as_the_lesson_is(tmp_path):
    copies = course.hand_out(tmp_path, [FIRST, catalog.lesson(3)], ["a-1", "b.2"])
    assert [path.relative_to(tmp_path).parts for path in copies] == [
        (student, catalog.lesson(number).file) for student in ("a-1", "b.2") for number in (1, 3)
    ]
    assert [course._student(path.read_text("utf-8")) for path in copies] == ["a-1", "a-1", "b.2", "b.2"]
    text = copies[0].read_text("utf-8")
    stub = next(node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == "top_k")
    lines = text.splitlines(keepends=True)
    lines[stub.lineno - 1 : stub.end_lineno] = [TOP_K]
    copies[0].write_text("".join(lines), "utf-8")
    assert list(grading.grade(copies[0])["passed"]) == [True, False, False]


def test_nothing_is_replaced_and_nothing_half_written(tmp_path):
    course.hand_out(tmp_path, [catalog.lesson(2)])
    with pytest.raises(LabError, match=r"02_light_gcn.py is there already, and nothing was written"):
        course.hand_out(tmp_path, [FIRST, catalog.lesson(2)])
    assert not (tmp_path / FIRST.file).exists()
    for ids, words in ((["ann", "../bob"], "'../bob' is no id"), (["ann", "ann"], "ann stands twice"), ([".."], "is no id")):
        with pytest.raises(lab.ConfigError, match=words):
            course.hand_out(tmp_path / "other", [FIRST], ids)
    assert not (tmp_path / "other").exists()


def test_whose_a_notebook_is_and_the_better_attempt_counts(tmp_path, verdicts):
    handed_in(tmp_path / "Ann Lee", {"top_k": TOP_K}, student="s17")
    handed_in(tmp_path / "Bob" / "again", {"top_k": OTHER})
    handed_in(tmp_path / "Bob", {"top_k": RENAMED}, name="second.py")
    handed_in(tmp_path, {}, name="carla.py")
    table = course.collect(tmp_path, {"top_k": 3})
    assert set(table["student"]) == {"s17", "Bob", "carla"}
    points = table.pivot_table("points", "student", "exercise")
    assert points["top_k"].to_dict() == {"s17": 3, "Bob": 3, "carla": 0}
    assert not table.duplicated(["student", "lesson", "exercise"]).any()
    unnamed = course.collect(tmp_path, anonymous=True)
    assert set(unnamed["student"]) == {"s17", "s01", "s02"}
    assert not unnamed.astype(str).apply(lambda column: column.str.contains("Ann|Bob|carla")).to_numpy().any()


def test_answers_of_one_program_and_copied_references_are_marked(tmp_path, verdicts):
    by_hand = "def top_k(scores, known, k):\n    return by_hand.top_k(scores, known, k)\n"
    given = ast.parse((FIRST.path.parent / "solutions" / "lesson_01.py").read_text("utf-8"))
    reference = next(ast.unparse(node) for node in given.body if isinstance(node, ast.FunctionDef) and node.name == "top_k")
    answers = {"ann": TOP_K, "bob": RENAMED, "carla": OTHER, "dan": by_hand, "eve": reference.replace("scores", "numbers"), "fred": None}
    for student, answer in answers.items():
        handed_in(tmp_path / student, {"top_k": answer} if answer else {})
    table = course.collect(tmp_path)
    top_k = table[table["exercise"] == "top_k"].set_index("student")
    assert top_k["alike"].to_dict() == {"ann": 1, "bob": 1, "carla": 0, "dan": 0, "eve": 0, "fred": 0}
    assert top_k["reference"].to_dict() == dict.fromkeys(("ann", "bob", "carla", "fred"), "") | {"dan": course.CALLED, "eve": course.EQUAL}
    assert (table.loc[table["exercise"] != "top_k", "alike"] == 0).all()  # stubs are nobody's answer


def test_whoever_calls_another_exercise_as_the_lesson_says_has_not_copied():
    solutions = FIRST.path.parent / "solutions" / "lesson_12.py"
    given = ast.parse(solutions.read_text("utf-8"))
    shown = next(ast.unparse(node) for node in given.body if isinstance(node, ast.FunctionDef) and node.name == "mean_recall")
    pasted = shown.replace("top_k(", "by_hand.top_k(").replace("recall_at_k(", "by_hand.recall_at_k(")
    own = pasted.replace("values.append(", "values += [").replace("items, k))", "items, k)]")
    for text, mark in ((pasted, course.EQUAL), (own, ""), (own.replace("by_hand.top_k", "by_hand.mean_recall"), course.CALLED)):
        assert course._reference(text, 12, "mean_recall", course._shape(text, "mean_recall")) == mark


def test_where_a_copy_cannot_be_written_none_is_left(tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "b2").write_text("no folder")
    with pytest.raises(LabError, match="none is left"):
        course.hand_out(tmp_path / "class", [FIRST], ["a1", "b2"])
    assert [path.name for path in (tmp_path / "class").rglob("*") if path.is_file()] == ["b2"]


def test_a_lesson_left_out_costs_its_points(tmp_path, verdicts):
    handed_in(tmp_path / "ann", {"top_k": TOP_K})
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "note.py").write_text("print('no lesson')")
    table = course.summary(course.collect(tmp_path, {"top_k": 2.5}))
    assert table.to_dict("records") == [
        {"student": "ann", "points": 2.5, "most": 4.5, "passed": 1, "exercises": 3, "reference": 0, "alike": 0},
        {"student": "bob", "points": 0.0, "most": 4.5, "passed": 0, "exercises": 3, "reference": 0, "alike": 0},
    ]
    for points, words in (
        ({"top": 1}, "no lesson has such an exercise"),
        ({"top_k": -1}, "from 0 up"),
        ({"top_k": float("nan")}, "from 0 up"),
    ):
        with pytest.raises(lab.ConfigError, match=words):
            course.collect(tmp_path, points)


TABLE = pd.DataFrame(
    [
        ["ann", 1, "top_k", True, 2.0, 2.0, "", "Right: <b>", "", 0],
        ["ann", 1, "ndcg_at_k", False, 0.0, 1.0, "divides by k", "a\x00b & \x1b[31m", "", 0],
        ["../bob", None, "", False, 0.0, 0.0, "", "is no lesson", "", 0],
    ],
    columns=course.COLUMNS,
)


def test_files_say_what_the_table_says():
    files = gradebook.files(TABLE)
    assert sorted(files) == ["gradescope/_bob.json", "gradescope/ann.json", "junit.xml"]
    whole = ElementTree.fromstring(files["junit.xml"])
    assert (whole.tag, whole.get("tests"), whole.get("failures")) == ("testsuites", "3", "2")
    suites = {suite.get("name"): suite for suite in whole}
    assert {name: (suite.get("tests"), suite.get("failures")) for name, suite in suites.items()} == {
        "ann": ("2", "1"),
        "../bob": ("1", "1"),
    }
    right, wrong = suites["ann"]
    assert (right.get("classname"), right.get("name"), list(right)) == ("01_data_and_metrics", "top_k", [])
    assert (wrong[0].tag, wrong[0].get("message"), wrong[0].text) == ("failure", "divides by k", "a\ufffdb & \ufffd[31m")
    ann = json.loads(files["gradescope/ann.json"])
    assert ann["score"] == sum(test["score"] for test in ann["tests"]) == 2.0
    assert [(test["score"], test["max_score"], test["status"]) for test in ann["tests"]] == [(2.0, 2.0, "passed"), (0.0, 1.0, "failed")]


def test_a_notebook_for_nbgrader_gives_points_where_its_checks_pass(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    (copy,) = course.hand_out(tmp_path, [FIRST])
    book = nbformat.reads(gradebook.notebook_json(copy, {"top_k": 3}), 4)
    nbformat.validate(book)
    known = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in book.cells if "nbgrader" in cell.metadata}
    assert set(known) == {*FIRST.exercises, *(f"check_{name}" for name in FIRST.exercises)}
    marks = {name: cell.metadata["nbgrader"] for name, cell in known.items()}
    assert {name: mark["points"] for name, mark in marks.items() if mark["grade"]} == {
        "check_top_k": 3.0,
        "check_recall_at_k": 1.0,
        "check_ndcg_at_k": 1.0,
    }
    assert all(mark["locked"] == mark["grade"] != mark["solution"] and mark["schema_version"] == 3 for mark in marks.values())
    names = {}
    exec(known["top_k"].source, names)
    with pytest.raises(AssertionError, match="gives nothing back yet"):
        exec(known["check_top_k"].source, names)
    exec(TOP_K, names)
    exec(known["check_top_k"].source, names)


def test_the_commands_write_a_class_and_its_gradebook(tmp_path, verdicts, capsys):
    (tmp_path / "ids.txt").write_text("a1\n\nb2\n")
    assert main(["lessons", "hand-out", str(tmp_path / "class"), "--lesson", "1", "--ids", str(tmp_path / "ids.txt")]) == 0
    assert main(["lessons", "collect", str(tmp_path / "class"), "--output", str(tmp_path / "results"), "--points", "top_k=2"]) == 0
    assert "2 students, 6 verdicts" in capsys.readouterr().out
    students = pd.read_csv(tmp_path / "results" / "students.csv")
    assert students.to_dict("list") == {
        "student": ["a1", "b2"],
        "points": [0.0, 0.0],
        "most": [4.0, 4.0],
        "passed": [0, 0],
        "exercises": [3, 3],
        "reference": [0, 0],
        "alike": [0, 0],
    }
    assert sorted(path.name for path in (tmp_path / "results" / "gradescope").iterdir()) == ["a1.json", "b2.json"]
    assert main(["lessons", "hand-out", str(tmp_path / "x"), "--ids", str(tmp_path / "none.txt")]) == 2
    assert "give a text file with an id a line" in capsys.readouterr().err
