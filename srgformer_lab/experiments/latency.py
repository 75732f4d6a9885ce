"""How long does one user wait? Lists, lists after another knob, and explanations, over data of several sizes.

Source: spec section 10, question 9.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from srgformer_lab.bench.clock import in_own_process
from srgformer_lab.bench.serving import serving_times
from srgformer_lab.bench.shapes import SHAPES, Shape
from srgformer_lab.bench.task import Task
from srgformer_lab.data.dataset import Dataset, DataSource
from srgformer_lab.experiments.case import Setup
from srgformer_lab.experiments.experiment import wanted
from srgformer_lab.experiments.measurement import Measurement, Point, given
from srgformer_lab.training.estimate import estimate

SIZES = {name: SHAPES[name] for name in ("studio", "movielens", "baby", "baby-x2")}
CALLS = 100
WORDS = {
    "recommend": "a list",
    "pass, one user": "of it, the pass over the graph",
    "list": "a list from a kept pass",
    "scores": "of it, the scores",
    "re-fuse α": "a list after another α, from a kept pass",
    "re-fuse τ": "a list after another τ, from a kept pass",
    "explain": "an explanation with all levels",
    "pass, all users": "the pass that is kept, for all users",
}


@dataclass(frozen=True)
class Latency(Measurement):
    """How long the answers to one user take: the median and the 95th percentile over different users."""

    name: ClassVar[str] = "latency"
    question: ClassVar[str] = "How long does one user wait for an answer?"
    sizes: Mapping[str, Shape | DataSource] = field(default_factory=lambda: SIZES)
    """What is measured unless a data set is named."""
    calls: int = CALLS

    def points(self, setup: Setup) -> list[Point]:
        """Return the generated sizes, or the data set that is named."""
        data = given(setup)
        sizes = self.sizes if data is None else {data.name: data.source}
        return [
            Point(name, {"size": name}, Task(sizes[name], setup.model, setup.train, self.calls, False))
            for name in wanted(setup, "size", sizes)
        ]

    def measure(self, point: Point) -> pd.DataFrame:
        """Time every answer for as many users, and give medians and percentiles."""
        found = in_own_process(serving_times, point.task)
        facts = {name: found["facts"][name] for name in ("users", "items", "interactions", "dim", "device")}
        return pd.DataFrame([{**facts, "what": what, **percentiles(found["ms"][what]), "unit": "ms"} for what in WORDS])

    def seconds_at_least(self, task: Task, data: Dataset) -> float:
        """Count four passes over the graph a round; a pass is at least a third of a step without contrasts."""
        n_steps = -(-len(data.pairs("train")) // task.train.batch_size)
        bare = task.train.replace(hypergraph_contrast_weight=0.0, modality_contrast_weight=0.0)
        return (task.repeats + 1) * 4 / 3 * estimate(data, task.model, bare).seconds_per_epoch / n_steps

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return one row for each answer: median and 95th percentile at every size."""
        found = {"what": list(WORDS)}
        for size, of_one in rows.groupby("size", sort=False):
            by = of_one.set_index("what").loc[list(WORDS)]
            found |= {f"{size} median": list(by["median"]), f"{size} p95": list(by["p95"])}
        return pd.DataFrame(found)

    def to_markdown(self, rows: pd.DataFrame) -> str:
        """Write medians with the 95th percentiles behind them, a column a size."""
        sizes = rows.drop_duplicates("size").set_index("size")
        head = f"Milliseconds, the median and (the 95th percentile) of {sizes['calls'].iloc[0]} calls, each for another user."
        lines = ["| | " + " | ".join(f"{name}: {row['users']:,} × {row['items']:,}" for name, row in sizes.iterrows()) + " |"]
        lines += ["|" + "---|" * (1 + len(sizes))]
        found = {(row["what"], row["size"]): row for _, row in rows.iterrows()}
        for what, words in WORDS.items():
            both = [found[what, size] for size in sizes.index]
            lines.append("| " + " | ".join([words, *(f"{_short(row['median'])} ({_short(row['p95'])})" for row in both)]) + " |")
        return f"{head}\n\n" + "\n".join(lines)


def percentiles(durations: Sequence[float]) -> dict[str, float]:
    """Return the number of calls, their median and their 95th percentile."""
    middle, high = np.percentile(durations, [50, 95])
    return {"calls": len(durations), "median": float(middle), "p95": float(high)}


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
