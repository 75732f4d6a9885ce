"""What readers and the checker say of a folder: what is wrong with it, what they took for what, and what only its owner can answer."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from srgformer_lab.errors import DataError

if TYPE_CHECKING:
    from srgformer_lab.data.tables import Table

ROWS_NAMED = 5
LONGEST_MESSAGE = 2_000


@dataclass(frozen=True)
class Question:
    """What a folder leaves open and what changes the data's meaning: answered by an option of the readers."""

    option: str
    """The option that answers it."""
    what: str
    """What was found, with its file, a count and an example."""
    answers: Mapping[str, str]
    """What the option may be, each with what it means."""
    kinds: Sequence[str] = ()
    """What there is to choose several of, divided by commas, where the option takes several."""

    def __str__(self) -> str:
        """Say it in one sentence, with all answers."""
        return f"{self.what}; say " + ", or ".join(f"{self.option}={answer} {meaning}" for answer, meaning in self.answers.items())


@dataclass
class Problems:
    """What is wrong with a folder, raised at once or collected; and what was understood, done and left out."""

    collect: bool = False
    ask: bool = True
    """Whether to ask what changes meaning; what was opened once is opened again as it was."""
    by_name: bool = False
    """Whether the layout was asked for by its name."""
    found: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    """Options that the folder's owner has answered already."""
    used: set[str] = field(default_factory=set)
    """Paths of the files that something was taken from."""
    watch: Callable[[str], None] | None = None
    """Hears what is seen while a large file is read."""

    def say(self, sentence: str) -> None:
        """Tell whoever watches how far reading is."""
        if self.watch is not None:
            self.watch(sentence)

    def add(self, message: str) -> None:
        """Note a problem.

        Raises:
            DataError: Problems are not collected.
        """
        message = shortened(message)
        self.found.append(message)
        if not self.collect:
            raise DataError(message)

    def note(self, sentence: str) -> None:
        """Keep what was understood, done or left out."""
        self.notes.append(shortened(sentence))

    def question(self, option: str, what: str, answers: Mapping[str, str], kinds: Sequence[str] = ()) -> None:
        """Ask what changes meaning.

        Raises:
            DataError: Problems are not collected.
        """
        if not self.ask or option in self.answered:
            self.note(what)
            return
        self.questions.append(Question(option, what, answers, kinds))
        self.add(str(self.questions[-1]))

    def drop(self, table: "Table", bad: np.ndarray, what: Callable[[int], str], remedy: str) -> "Table":
        """Note the rows where ``bad`` holds, in one message, and give the table without them.

        Args:
            table: What to look at.
            bad: One truth value a row.
            what: Says what is wrong with a row, from its position in the table.
            remedy: What to do about it.

        Raises:
            DataError: A row is bad, and problems are not collected.
        """
        if not bad.any():
            return table
        rows = table.rows[bad]
        self.add(f"{table.file}: row {rows[0]}: {what(int(np.argmax(bad)))}{others(rows)}; {remedy}")
        return table.keep(~bad)

    def leave_out(self, table: "Table", bad: np.ndarray, what: Callable[[int], str]) -> "Table":
        """Say how many rows are left out and why, with the first as an example, and give the table without them."""
        if not bad.any():
            return table
        first = int(np.argmax(bad))
        self.note(f"{table.file}: {counted(int(bad.sum()), 'row')} left out, {what(first)} (the first is row {table.rows[first]})")
        return table.keep(~bad)


def counted(n: int, name: str) -> str:
    """Write a number with what it counts."""
    return f"{n:,} {name}{'' if n == 1 else 's'}"


def shortened(message: str) -> str:
    """Return a message without its middle where a cell in it, or a list of names, is absurdly long."""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:1000]} … {message[-800:]}"


def others(rows: Collection) -> str:
    """Name the rows, or files, beyond the first in brackets, and count those that are too many to name."""
    named = [str(row) for row in list(rows)[1 : ROWS_NAMED + 1]]
    more = len(rows) - 1 - len(named)
    return f" (also {', '.join(named)}{f' and {more:,} more' if more else ''})" if named else ""


def few(names: Collection[str], most: int = 6) -> str:
    """Name the first of many, and count the others."""
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most:,} more" if len(listed) > most else "")
