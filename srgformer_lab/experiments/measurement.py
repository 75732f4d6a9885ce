"""What a measurement is: a question that a clock answers rather than trainings; and how it is carried out and written down."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from srgformer_lab import runtime
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.experiments.cases import Setup
from srgformer_lab.experiments.needs import HOUR
from srgformer_lab.experiments.report import check_output, shared_facts, write_files
from srgformer_lab.experiments.workload import Task
from srgformer_lab.training.estimate import estimate
from srgformer_lab.training.records import versions

GENERATED = "generated"
"""In place of a data folder: data sets that are drawn at the sizes in question."""
SURELY = 0.5
"""Part of an estimated time that is certainly needed: estimates are good to about a factor of two."""


@dataclass(frozen=True)
class Point:
    """What is measured at once, what it is called, and under which labels it stands in tables."""

    name: str
    labels: Mapping[str, str | int]
    task: Task


class Measurement(ABC):
    """A question about time and memory. Its points are measured one after the other, never two at once."""

    name: ClassVar[str]
    question: ClassVar[str]
    data: ClassVar[str] = GENERATED
    """What is measured unless a data set is named."""

    @abstractmethod
    def points(self, setup: Setup) -> list[Point]:
        """Return what is to be measured.

        Raises:
            UnknownIdError: It is restricted to something that doesn't exist.
            ConfigError: A size or a setting is out of its range.
        """

    @abstractmethod
    def measure(self, point: Point) -> pd.DataFrame:
        """Measure one point: one row for each ``what`` that was timed.

        Raises:
            RunError: The measuring process was ended from outside.
        """

    @abstractmethod
    def seconds_at_least(self, task: Task, data: Dataset) -> float:
        """Estimate how long a point takes, leaving out what can't be foreseen."""

    @abstractmethod
    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows side by side."""

    @abstractmethod
    def to_markdown(self, rows: pd.DataFrame) -> str:
        """Return what was found as people read it."""


def named_data(setup: Setup) -> Dataset | None:
    """Open the data set that is named, if one is.

    Raises:
        DataError: The folder is missing or not in order.
        ConfigError: A reader's options are given, but no data set to read.
    """
    if setup.recipe.path != GENERATED:
        return setup.recipe.open(setup.seeds[0])
    if setup.recipe.options:
        raise ConfigError(
            f"{', '.join(setup.recipe.options)}: a reader has these options, and the data are generated; name a data set with --data"
        )
    return None


@dataclass(frozen=True)
class _Work:
    """A measurement under way."""

    measurement: Measurement
    setup: Setup
    points: Sequence[Point]
    found: list[pd.DataFrame]

    @property
    def rows(self) -> pd.DataFrame:
        rows, labels = pd.concat(self.found, ignore_index=True), list(self.points[0].labels)
        return rows[labels + [name for name in rows if name not in labels]]

    def page(self) -> str:
        missing = ", ".join(point.name for point in self.points[len(self.found) :])
        threads = f"{runtime.n_threads()} thread{'s' * (runtime.n_threads() > 1)}"
        parts = [f"{self.measurement.question} Preset {self.setup.preset_name}, d={self.setup.model.embedding_dim}, {threads}."]
        parts += [self.measurement.to_markdown(self.rows)] if self.found else []
        parts += [f"Not measured: {missing}."] if missing else []
        return "\n\n".join(parts)

    def write(self, folder: Path) -> list[Path]:
        about = {"measurement": self.measurement.name, "question": self.measurement.question, "data": self.setup.recipe.path}
        effort = {"points": [point.name for point in self.points], "measured": len(self.found)}
        effort |= {"repeats": [point.task.repeats for point in self.points]}
        machine = {"cores": runtime.n_cores(), "threads": runtime.n_threads(), "versions": versions()}
        frames = {"rows.csv": self.rows, "table.csv": self.measurement.table(self.rows)}
        return write_files(folder, frames, {"table.md": f"{self.page()}\n"}, about | shared_facts(self.setup) | effort | machine)


def take(measurement: Measurement, setup: Setup, folder: Path, hours: float = math.inf) -> Iterator[str]:
    """Answer a question by measuring, and report what is being done; everything is written anew after each point.

    Args:
        measurement: The question.
        setup: Data, and what differs from the preset. Seeds, beyond the first, and trials don't matter.
        folder: Where ``rows.csv``, ``table.csv``, ``table.md`` and ``facts.json`` are left.
        hours: When they are up, no further point is begun.

    Raises:
        ConfigError: It can't fit into the hours or the memory, or a setting is out of its range; nothing was measured then.
        UnknownIdError: It is restricted to something that doesn't exist.
        RunError: A measuring process was ended from outside; what was measured before is written.
    """
    if not hours > 0:
        raise ConfigError(f"hours={hours:g} must be above 0")
    check_output(folder)
    points = measurement.points(setup)
    yield f"{measurement.question}\n{_check_budget(measurement, points, hours)}"
    ends, work, written = time.monotonic() + hours * HOUR, _Work(measurement, setup, points, []), []
    for point in points:
        if time.monotonic() > ends:
            break
        work.found.append(measurement.measure(point).assign(**point.labels))
        written = work.write(folder)
        yield f"{point.name}: measured, {len(work.found)} of {len(points)}"
    yield f"{work.page()}\n" + "\n".join(f"wrote {path}" for path in written)


def _check_budget(measurement: Measurement, points: Sequence[Point], hours: float) -> str:
    """Refuse what can't fit into the hours or the memory; otherwise return in a line what it takes."""
    known: list[tuple[Task, float, int]] = []
    for task in (point.task for point in points):
        if all(task != other for other, _, _ in known):
            data = task.open()
            known.append((task, measurement.seconds_at_least(task, data), estimate(data, task.model, task.train).memory_bytes))
    seconds = SURELY * sum(next(each for task, each, _ in known if task == point.task) for point in points)
    memory = max(each for _, _, each in known)
    duration = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    message = f"{len(points)} points are to be measured; that takes more than {duration} and about {memory / 2**30:.1f} GiB"
    if seconds > hours * HOUR:
        raise ConfigError(f"{message}. --hours {hours:g} can't be enough; give more, or restrict it with --only")
    if memory > (free := runtime.free_memory()):
        raise ConfigError(f"{message}, and {free / 2**30:.1f} GiB are free; restrict it with --only, or measure a smaller data set")
    return message
