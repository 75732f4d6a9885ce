"""Filled-in notebooks are graded by what their functions do; whatever is wrong with a file becomes a row that says so."""

import importlib
from pathlib import Path

import pandas as pd
import pytest

from srgformer_lab.cli import main
from srgformer_lab.errors import LabError
from srgformer_lab.lessons import catalog, grading
from tests.lessons.conftest import LESSONS, filled_in

FIRST = catalog.lesson(1)
NAN = "def recall_at_k(ranked, relevant, k):\n    return len(set(ranked[:k]) & relevant) / k"


def solved(lesson):
    kit = importlib.import_module("kit")
    return {exercise: kit.solution_text(lesson.number, exercise) for exercise in lesson.exercises}


def test_each_exercise_gets_its_own_verdict_and_no_solution_is_shown(tmp_path):
    path = filled_in(FIRST, tmp_path, solved(FIRST) | {"recall_at_k": NAN})
    table = grading.grade(path)
    assert list(table.columns) == grading.COLUMNS
    assert dict(zip(table["exercise"], table["passed"], strict=True)) == {"top_k": True, "recall_at_k": False, "ndcg_at_k": True}
    assert list(table["misconception"]) == ["", "divides by k", ""]
    assert not table["message"].str.contains("return hits|def |np.argsort", regex=True).any()


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_solutions_put_into_the_notebook_pass(lesson, tmp_path):
    table = grading.grade(filled_in(lesson, tmp_path, solved(lesson)))
    assert table["passed"].all(), table["message"].tolist()


@pytest.mark.usefixtures("warm")
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


def test_a_folder_a_student_is_searched_under_the_time_limit_that_is_asked_for(tmp_path, monkeypatch, capsys):
    limits = []

    def grade(path, time_limit):
        limits.append(time_limit)
        return pd.DataFrame([[path.name, 1, "top_k", True, "", "Right:"]], columns=grading.COLUMNS)

    monkeypatch.setattr(grading, "grade", grade)
    for student in ("ann", "bob"):
        (tmp_path / student).mkdir()
        (tmp_path / student / "lesson.py").touch()
    assert main(["lessons", "check", str(tmp_path), "--time-limit", "2.5"]) == 0
    assert [line.split(" ")[0] for line in capsys.readouterr().out.splitlines()] == ["ann/lesson.py", "bob/lesson.py"]
    assert main(["lessons", "check", str(tmp_path / "ann" / "lesson.py")]) == 0
    assert limits == [2.5, 2.5, grading.TIME_LIMIT]


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "inf"])
def test_a_time_limit_that_is_none_is_refused(seconds, capsys):
    with pytest.raises(SystemExit):
        main(["lessons", "check", "here", f"--time-limit={seconds}"])
    assert "is no number of seconds above 0" in capsys.readouterr().err


def spoilt(folder, **bodies):
    """Write lesson 1 solved, but for exercises that have other bodies."""
    heads = {"top_k": "scores, known, k", "recall_at_k": "ranked, relevant, k", "ndcg_at_k": "ranked, relevant, k"}
    answers = {name: f"def {name}({heads[name]}):\n    {body}" for name, body in bodies.items()}
    return filled_in(FIRST, folder, solved(FIRST) | answers)


WAITS = f"""import signal, threading
    assert {grading.IDLE_LIMIT / 2} < signal.getitimer(signal.ITIMER_REAL)[0] <= {grading.IDLE_LIMIT}
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    threading.Event().wait()"""
"""Waits for ever; the clock that must be running is put forward, so that nobody waits for it."""

WRITES = f"""with open("beside.bin", "wb") as file:
        file.write(bytes({grading.FILE_SIZE + 1}))
    return []"""
"""Writes a file, larger than it may, where it stands."""

ENDS = [
    (
        {"top_k": "__import__('os')._exit(3)", "recall_at_k": "return 10 ** 10 ** 10"},  # compiled code that no thread can interrupt
        [
            "top_k ended its whole process (exit code 3).",
            "recall_at_k is not done after 0.5 s of processor time; does a loop never end?",
            "Right:",
        ],
    ),
    (
        {
            "top_k": "__import__('threading').Thread(target=__import__('threading').Event().wait).start()\n"
            "    return [np.empty(2**30) for _ in range(10**6)]",
            "recall_at_k": "__import__('os').kill(__import__('os').getpid(), 9)",
        },
        ["MemoryError", "recall_at_k was ended by the system; does it fill the memory?", "Right:"],
    ),
    (
        {"top_k": WRITES, "recall_at_k": WAITS, "ndcg_at_k": "sys.exit()"},
        ["File too large", "recall_at_k is not done after 600 s by the clock; does it wait for something?", "SystemExit"],
    ),
]


@pytest.mark.parametrize(("bodies", "words"), ENDS, ids=["leaves, endless", "memory, killed", "waits, exits"])
def test_an_exercise_that_ends_its_process_is_lost_alone_and_said_how(tmp_path, bodies, words, request):
    # half a second of processor time is less than the imports take, which those that are not warm make: they do not count
    if bodies != ENDS[-1][0]:
        request.getfixturevalue("warm")
    table = grading.grade(spoilt(tmp_path, **bodies), time_limit=0.5)
    assert list(table["passed"]) == [said == "Right:" for said in words], table["message"].tolist()
    for message, said in zip(table["message"], words, strict=True):
        assert said in message
    assert not Path("beside.bin").exists()


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(("line", "words"), [("while True: pass", "is not done after"), ("sys.exit(4)", "exit code 4")])
def test_a_notebook_that_does_not_open_is_said_for_each_exercise(tmp_path, line, words):
    path = spoilt(tmp_path)
    path.write_text(path.read_text().replace("    LESSON = 1\n", f"    LESSON = 1\n    {line}\n"))
    table = grading.grade(path, time_limit=0.2)
    assert not table["passed"].any()
    assert table["message"].str.contains("The notebook could not be checked: it ").all()
    assert table["message"].str.contains(words).all(), table["message"].tolist()


@pytest.mark.usefixtures("warm")
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
