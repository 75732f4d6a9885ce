"""What a course needs around the lessons: copies to hand out, verdicts of what was handed in with points and marks, and a row a student."""

import ast
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from srgformer_lab import places
from srgformer_lab.errors import ConfigError, LabError
from srgformer_lab.lessons import grading
from srgformer_lab.lessons.catalog import LESSONS, Lesson, lesson, lesson_text
from srgformer_lab.training.files import write_bytes

COLUMNS = ["student", "lesson", "exercise", "passed", "points", "most", "misconception", "message", "reference", "alike"]
CALLED, EQUAL = "calls the reference", "equals the reference"
"""What ``reference`` says: the answer calls the lesson's own solutions, or is one of them with other names."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_STUDENT = re.compile(r"^\s*STUDENT = [\"']([^\"']*)[\"']\s*$", re.MULTILINE)
_LESSON_LINE = re.compile(r"^(\s*)LESSON = \d+\s*$", re.MULTILINE)
_REFERENCES = ("by_hand", "solutions")


# -------------------------------------------------------------------------------------------------------------- handing out


def hand_out(folder: Path, lessons: Sequence[Lesson], students: Sequence[str] = ()) -> list[Path]:
    """Write copies of lessons without their solutions; with ids, a folder a student, whose copies hold the id.

    Args:
        folder: Where to; it is made. Nothing that is there is replaced.
        lessons: Which lessons.
        students: Ids of letters, digits and ``. _ @ -``, at most 64 long; they name folders.

    Returns:
        The copies, by student and lesson.

    Raises:
        ConfigError: An id is none, or stands twice.
        LabError: A copy is there already, and none was written; or one can't be written, and none is left.
    """
    for place, student in enumerate(students):
        if not _ID.fullmatch(student):
            raise ConfigError(f"{student!r} is no id: give letters, digits and . _ @ - (at most 64), beginning with a letter or digit")
        if student in students[:place]:
            raise ConfigError(f"the id {student} stands twice; give each student one of their own")
    texts = {one: without_solutions(lesson_text(one)) for one in lessons}
    copies = {
        folder / student / one.file: _with_student(texts[one], student) if student else texts[one]
        for student in students or ("",)
        for one in lessons
    }
    if there := [path for path in copies if path.exists()]:
        raise LabError(f"{there[0]} is there already, and nothing was written; name an empty folder")
    try:
        for path, text in copies.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, text.encode())
    except (OSError, LabError) as error:
        for path in copies:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise LabError(f"the copies can't be written, and none is left: {error}; name another folder") from error
    return list(copies)


def without_solutions(text: str) -> str:
    """Return a notebook's source without the cells that unfold its solutions."""
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.FunctionDef) and _calls_solution(node.body[0]):
            first = min(mark.lineno for mark in node.decorator_list)
            last = node.end_lineno or node.lineno
            while last < len(lines) and not lines[last].strip():
                last += 1
            del lines[first - 1 : last]
    return "".join(lines)


def _calls_solution(statement: ast.stmt) -> bool:
    called = statement.value.func if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr == "solution"


def _with_student(text: str, student: str) -> str:
    return _LESSON_LINE.sub(lambda found: f'{found[0].rstrip()}\n{found[1].strip(chr(10))}STUDENT = "{student}"', text, count=1)


# --------------------------------------------------------------------------------------------------------------- collecting


def collect(
    path: Path,
    points: Mapping[str, float] | None = None,
    time_limit: float = grading.TIME_LIMIT,
    anonymous: bool = False,
    report: Callable[[str, pd.DataFrame], object] = lambda student, table: None,
) -> pd.DataFrame:
    """Grade all that a class handed in, a row for each student, lesson and exercise.

    Whose a notebook is, says its line ``STUDENT = …``, else the first folder that it lies in, else its file name. Where a student handed a
    lesson in more than once, the attempt with the most points counts.

    Args:
        path: A notebook, or a folder of them; folders in it are searched too.
        points: Points by exercise; 1 where none are given.
        time_limit: Seconds of processor time for each exercise.
        anonymous: Whether students without an id in their notebook are called ``s01``, ``s02`` … instead of by their folder or file.
        report: Is told each notebook's student and verdicts as soon as they are there.

    Returns:
        ``student, lesson, exercise, passed, points, most, misconception, message, reference, alike``. ``reference`` says whether the answer
        calls, or equals, the lesson's solution; ``alike`` is a number that students share whose answers are one program with other names.

    Raises:
        ConfigError: Points are negative or not finite, or are given for an exercise that no lesson has.
        LabError: There is nothing to grade.
    """
    worth = _checked(points or {})
    names, tables = dict[str, str](), []
    for table in grading.grade_all(path, time_limit):
        file = path / table["file"].iloc[0] if path.is_dir() else path
        text = _text(file)
        student = _student(text) or _called(path, file, names, anonymous)
        messages = table["message"].str.replace(str(file), "the notebook", regex=False) if anonymous else table["message"]
        shapes = [_shape(text, exercise) for exercise in table["exercise"]]
        most = table["exercise"].map(lambda exercise: worth.get(exercise, 1.0) if exercise else 0.0)
        tables.append(
            table.assign(
                student=student,
                message=messages,
                most=most,
                points=most * table["passed"],
                reference=[_reference(text, *row) for row in zip(table["lesson"], table["exercise"], shapes, strict=True)],
                shape=shapes,
            )
        )
        report(student, tables[-1])
    found = pd.concat(tables, ignore_index=True).sort_values("points", ascending=False, kind="stable")
    found = found.drop_duplicates(["student", "lesson", "exercise"]).sort_values(["student", "lesson", "exercise"], kind="stable")
    return found.assign(alike=_alike(found))[COLUMNS].reset_index(drop=True)


def summary(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Add up what ``collect`` found, a row a student: ``student, points, most, passed, exercises, reference, alike``.

    ``most`` are the points of all exercises that anybody of the class handed in, so that a lesson left out costs its points.
    """
    known = verdicts[verdicts["exercise"] != ""]
    asked = known.drop_duplicates(["lesson", "exercise"])
    grouped = verdicts.assign(is_reference=verdicts["reference"] != "", is_alike=verdicts["alike"] > 0).groupby("student")
    table = grouped.agg(points=("points", "sum"), passed=("passed", "sum"), reference=("is_reference", "sum"), alike=("is_alike", "sum"))
    return table.assign(most=asked["most"].sum(), exercises=len(asked)).reset_index()[
        ["student", "points", "most", "passed", "exercises", "reference", "alike"]
    ]


def _checked(points: Mapping[str, float]) -> Mapping[str, float]:
    known = [exercise for one in LESSONS for exercise in one.exercises]
    for exercise, worth in points.items():
        if exercise not in known:
            raise ConfigError(f"points for {exercise!r}, but no lesson has such an exercise; the exercises: {', '.join(known)}")
        if not 0 <= worth < float("inf"):
            raise ConfigError(f"{worth:g} points for {exercise}: give a number from 0 up")
    return points


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeError):
        return ""  # its verdict says so


def _student(text: str) -> str:
    found = _STUDENT.search(text)
    return found[1] if found and _ID.fullmatch(found[1]) else ""


def _called(path: Path, file: Path, names: dict[str, str], anonymous: bool) -> str:
    """Name a student by folder or file; with ``anonymous`` by a number, the same for the same folder or file."""
    inside = file.relative_to(path) if path.is_dir() else Path(file.name)
    own = inside.parts[0] if len(inside.parts) > 1 else inside.stem
    return names.setdefault(own, f"s{len(names) + 1:02}") if anonymous else own


# -------------------------------------------------------------------------------------------------------------------- marks


class _Shape(ast.NodeTransformer):
    """Leave of a function what it does: no name that its writer chose, no docstring, no type."""

    def __init__(self, own: Iterable[str]) -> None:
        self.own = set(own)
        self.names = dict[str, str]()

    def _named(self, name: str) -> str:
        return self.names.setdefault(name, f"v{len(self.names)}") if name in self.own else name

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._named(node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        is_other_exercise = isinstance(node.value, ast.Name) and node.value.id in _REFERENCES
        return ast.Name(node.attr, node.ctx) if is_other_exercise else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._named(node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        made = ast.FunctionDef(self._named(node.name), node.args, body or [ast.Pass()], [], None)
        return self.generic_visit(ast.copy_location(made, node))


def _function(text: str, exercise: str) -> ast.FunctionDef | None:
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    return next((node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == exercise), None)


def _shape(text: str, exercise: str) -> str:
    """Return a hash of what a function does, whatever its names, comments, docstring and layout; empty where there is none, or a stub."""
    node = _function(text, exercise) if exercise else None
    if node is None or any(isinstance(part, ast.Constant) and part.value is Ellipsis for part in ast.walk(node)):
        return ""
    own = {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
    own |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    own |= {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef)}
    return hashlib.sha256(ast.dump(_Shape(own).visit(node)).encode()).hexdigest()[:16]


def _reference(text: str, number: float | None, exercise: str, shape: str) -> str:
    """Say whether an answer calls the lesson's solutions, or is one of them with other names."""
    node = _function(text, exercise) if exercise else None
    if node is None or number is None:
        return ""
    parts = list(ast.walk(node))
    is_named = any(exercise in (getattr(part, "attr", ""), getattr(part, "value", "")) for part in parts)
    if is_named and any(isinstance(part, ast.Name) and part.id in _REFERENCES for part in parts):
        return CALLED  # the solutions of other exercises may be called: lessons say so
    written = _text(places.tutorials_folder() / "solutions" / f"{lesson(int(number)).module}.py")
    return EQUAL if shape and shape == _shape(written, exercise) else ""


def _alike(found: pd.DataFrame) -> pd.Series:
    """Number the groups of at least two students whose answers to an exercise have one shape; 0 for everybody else."""
    real = found[(found["shape"] != "") & (found["reference"] == "")]
    keys = real.groupby(["lesson", "exercise", "shape"])["student"].transform("nunique")
    shared = real[keys > 1]
    numbers = shared.groupby(["lesson", "exercise", "shape"]).ngroup() + 1
    return numbers.reindex(found.index, fill_value=0).astype(int)
