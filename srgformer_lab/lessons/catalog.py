"""The twelve lessons in their order: file, question, goal, minutes, and the functions that a learner writes."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from srgformer_lab import places
from srgformer_lab.errors import LabError, RunError, UnknownIdError
from srgformer_lab.lessons.verdict import Verdict
from srgformer_lab.training.files import write_bytes


@dataclass(frozen=True)
class Lesson:
    """One lesson; a lesson without exercises is not written yet."""

    number: int
    name: str
    title: str
    goal: str
    """What the learner can do afterwards, in one line."""
    minutes: int
    exercises: tuple[str, ...] = ()
    """Names of the functions that the learner writes, in their order."""

    @property
    def file(self) -> str:
        """Name of the notebook in ``tutorials/``."""
        return f"{self.number:02}_{self.name}.py"

    @property
    def module(self) -> str:
        """Name of its modules of checks, solutions and wrong answers."""
        return f"lesson_{self.number:02}"

    @property
    def path(self) -> Path:
        """Where the notebook lies."""
        return places.tutorials_folder() / self.file

    def check(self, exercise: str) -> Callable[[Any], Verdict]:
        """Find the check of one exercise.

        Raises:
            UnknownIdError: The lesson has no such exercise.
        """
        if exercise not in self.exercises:
            raise UnknownIdError(f"exercise of lesson {self.number}", exercise, self.exercises)
        return getattr(import_module(f"srgformer_lab.lessons.checks.{self.module}"), f"check_{exercise}")


LESSONS = (
    Lesson(
        1,
        "data_and_metrics",
        "Is this list any good?",
        "Turn scores into a list, and judge it by Recall@k and NDCG@k that you wrote yourself.",
        45,
        ("top_k", "recall_at_k", "ndcg_at_k"),
    ),
    Lesson(
        2,
        "light_gcn",
        "Why does a neighbour help?",
        "Build LightGCN from scratch, and say why it has no weights.",
        50,
        ("normalized_adjacency", "light_gcn", "bpr_loss"),
    ),
    Lesson(
        3,
        "hypergraphs",
        "What joins more than two?",
        "Write a hypergraph as an incidence matrix, and pass messages over it.",
        45,
        ("incidence", "adjacency_of", "pass_messages"),
    ),
    Lesson(
        4,
        "hyperedges",
        "Can groups be learned?",
        "Let items choose their hyperedges by Gumbel-softmax.",
        55,
        ("memberships", "user_memberships", "gumbel_softmax"),
    ),
    Lesson(
        5,
        "attention",
        "What does the model look at?",
        "Compute attention over a history, without the feed-forward part.",
        55,
        ("attention_weights", "attend", "attend_with_heads"),
    ),
    Lesson(
        6,
        "contrast",
        "What pulls pictures and words together?",
        "Write InfoNCE, and say what the temperature τ does.",
        45,
        ("cosines", "info_nce", "pushes"),
    ),
    Lesson(
        7,
        "fusion",
        "How much of each part?",
        "Fuse the parts with α and β, take a score apart, and set up an ablation that is fair.",
        50,
        ("fuse", "shares", "without"),
    ),
    Lesson(
        8,
        "training",
        "Is it still learning?",
        "Walk down a loss, hold each term of it against its yardstick, and stop at the right epoch.",
        50,
        ("descend", "knowing_nothing", "stop"),
    ),
    Lesson(
        9,
        "explaining",
        "Why this item?",
        "Take a score apart, and test the explanation.",
        55,
        ("take_apart", "rank_agreement", "deletion"),
    ),
    Lesson(
        10,
        "bug_hunt",
        "Which of these models is broken?",
        "Write five tests that tell models with real faults from models that are in order.",
        60,
        ("memberships_hold", "scores_repeat", "steps_are_fresh", "chooses_blindly", "hides_test"),
    ),
    Lesson(
        11,
        "small_table",
        "What does a table prove?",
        "Make a small table with seeds, selection on validation and paired intervals, and say what it does not show.",
        60,
        ("report", "paired", "interval"),
    ),
    Lesson(
        12,
        "whole_model",
        "Can you build it whole?",
        "Put sampling, model, loss, a training step and the evaluation together into an SRGFormer that trains.",
        75,
        ("draw", "assemble", "total_loss", "train_step", "mean_recall"),
    ),
)


def lesson(number: int) -> Lesson:
    """Find a lesson.

    Raises:
        UnknownIdError: There is no lesson of that number.
    """
    for one in LESSONS:
        if one.number == number:
            return one
    raise UnknownIdError("lesson", number, [one.number for one in LESSONS])


def notebook(one: Lesson) -> Path:
    """Return a lesson's notebook.

    Raises:
        LabError: It is not written yet.
    """
    if not one.path.is_file():
        raise LabError(f"lesson {one.number} is not in {one.path.parent}; srgformer-lab lessons lists those that are")
    return one.path


def available() -> list[Lesson]:
    """List the lessons whose notebooks are there."""
    return [one for one in LESSONS if one.exercises and one.path.is_file()]


def lesson_text(one: Lesson) -> str:
    """Return a lesson's source as a copy of it holds it: it wears the installed apps' style.

    Raises:
        LabError: It is not written yet.
    """
    return notebook(one).read_text("utf-8").replace('"../apps/', f'"{places.apps_folder().as_posix()}/')


def copy_lesson(one: Lesson, folder: Path) -> Path:
    """Copy a lesson's notebook into a folder and return the copy; one that is there already is kept as it is.

    The copy wears the installed apps' style; where it is opened elsewhere it only looks plainer.

    Raises:
        LabError: The lesson is not written yet, or the folder can't be written to.
    """
    target = folder.resolve() / one.file
    if target.exists():
        return target
    text = lesson_text(one)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, text.encode())
    except (OSError, RunError) as error:
        raise LabError(f"{target} can't be written: {error}; name another folder with --folder") from error
    return target
