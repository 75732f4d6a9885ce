"""What grows with what? The pieces of a training step against one factor at a time, on generated data."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pandas as pd

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.experiments.cases import Setup
from srgformer_lab.experiments.measurement import Measurement, Point, named_data
from srgformer_lab.experiments.plain import PIECES
from srgformer_lab.experiments.report import markdown_table
from srgformer_lab.experiments.timing import measure_training, power
from srgformer_lab.experiments.workload import BABY, Shape, Task
from srgformer_lab.training.estimate import estimate

BASE = "base"
QUARTER = Shape("a quarter of Baby", BABY.n_users // 4, BABY.n_items // 4, BABY.n_train // 4, BABY.widths, BABY.preset)
SCALES = (1, 2, 4)
ROUNDS, REPEATS = 3, 3
"""How often all points are gone through, and a piece is timed each time. What else a machine does comes and goes in minutes:
in turn, it disturbs all points alike."""
WORDS = PIECES | {"step": "a step", "epoch": "an epoch", "evaluation": "evaluation, all users", "peak memory": "peak memory"}
KINDS = {"faster than": 1.25, "in proportion to": 0.75, "less than": 0.15, "hardly with": -0.15, "falls with": -math.inf}
"""Kinds of growth, each above the exponent that is given."""


def _shaped(*factors: str) -> Callable[[Task, int], Task]:
    def grow(task: Task, scale: int) -> Task:
        return replace(task, data=replace(task.data, **{name: scale * getattr(task.data, name) for name in factors}))

    return grow


def _set(name: str) -> Callable[[Task, int], Task]:
    return lambda task, scale: replace(task, model=task.model.replace(**{name: scale * getattr(task.model, name)}))


FACTORS: Mapping[str, Callable[[Task, int], Task]] = {
    "users": _shaped("n_users"),
    "items": _shaped("n_items"),
    "interactions": _shaped("n_train"),
    "K": _set("n_hyperedges"),
    "heads": _set("n_heads"),
}
"""How each factor is multiplied, all else staying as it is."""


@dataclass(frozen=True)
class Cost(Measurement):
    """Time and memory against users, items, interactions, K and heads."""

    name: ClassVar[str] = "cost"
    question: ClassVar[str] = "What does a training step cost, and what grows with what?"
    base: Shape = QUARTER
    """Where all factors start, unless a data set is named: then at its size."""
    scales: Sequence[int] = SCALES
    rounds: int = ROUNDS
    repeats: int = REPEATS

    def points(self, setup: Setup) -> list[Point]:
        """Return the base and, for each factor, its multiples; all of them in every round."""
        factors, data = setup.wanted("factor", FACTORS), named_data(setup)
        start = Task(self.base if data is None else like(data, setup.preset_name), setup.model, setup.train, self.repeats, False)
        grown = [(name, by, FACTORS[name](start, by)) for name in factors for by in self.scales if by != 1]
        return [
            Point(f"round {number}, {name} ×{by}", {"factor": name, "scale": by, "round": number}, task)
            for number in range(1, self.rounds + 1)
            for name, by, task in [(BASE, 1, start), *grown]
        ]

    def measure(self, point: Point) -> pd.DataFrame:
        """Time a training, with its size and its settings beside each time; its memory, which is always the same, once."""
        model, is_first = point.task.model, point.labels["round"] == 1
        rows = measure_training(point.task, with_memory=is_first).rename(columns={"fast": "value"})
        rows = rows.assign(K=model.n_hyperedges, heads=model.n_heads, batch=point.task.train.batch_size)
        return rows[["data", "users", "items", "interactions", "K", "heads", "dim", "batch", "device", "what", "value", "unit"]]

    def seconds_at_least(self, task: Task, data: Dataset) -> float:
        """Count the rounds of steps, once in pieces and once whole."""
        n_steps = -(-len(data.pairs("train")) // task.train.batch_size)
        return (2 * task.repeats + 2) * estimate(data, task.model, task.train).seconds_per_epoch / n_steps

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return one row for each piece and factor: its median over the rounds at every scale, and the exponent that fits them."""
        rows = middle(rows)
        base = rows[rows["factor"] == BASE]
        found: list[dict[str, Any]] = []
        for factor, grown in rows[rows["factor"] != BASE].groupby("factor", sort=False):
            both = pd.concat([base, grown])
            for what, of_one in both.groupby("what", sort=False):
                values = {f"×{scale}": value for scale, value in zip(of_one["scale"], of_one["value"], strict=True)}
                about = {"what": what, "factor": factor, "exponent": power(of_one["scale"], of_one["value"])}
                found.append({**about, **values, "unit": of_one["unit"].iloc[0]})
        return pd.DataFrame(found, columns=None if found else ["what", "factor", "exponent", "×1", "unit"])

    def to_markdown(self, rows: pd.DataFrame) -> str:
        """Return the exponents of every piece against every factor, and in words what grows with what."""
        found, rows = self.table(rows), middle(rows)
        base = rows[rows["factor"] == BASE].set_index("what")
        first = base.iloc[0]
        sizes = f"{first['users']:,} users, {first['items']:,} items, {first['interactions']:,} training pairs"
        settings = f"K={first['K']}, {first['heads']} heads, batch {first['batch']:,}"
        head = f"The base is generated data of {sizes}; {settings}. Each factor is multiplied alone. "
        head += "A cell holds the exponent and, behind it, the value at the largest multiple."
        factors = list(found["factor"].unique())
        by = {(row["what"], row["factor"]): row for _, row in found.iterrows()}
        largest = {factor: _largest(found, factor) for factor in factors}
        lines = [
            [WORDS[str(what)], _value(row["value"], row["unit"]), *(_cell(by[what, factor], largest[factor]) for factor in factors)]
            for what, row in base.iterrows()
        ]
        columns = ["", "base", *(f"{factor} {multiple}" for factor, multiple in largest.items())]
        return "\n\n".join([head, markdown_table(columns, lines), *([in_words(found)] if factors else [])])


def middle(rows: pd.DataFrame) -> pd.DataFrame:
    """Put the median of all rounds in the place of each."""
    point = ["factor", "scale", "what"]
    return rows.assign(value=rows.groupby(point)["value"].transform("median")).drop_duplicates(point)


def like(data: Dataset, preset_name: str) -> Shape:
    """Return the shape of a data set: its numbers of users, items and training pairs, and its feature widths."""
    widths = {name: data.features[name].shape[1] for name in data.modalities}
    return Shape(data.name, data.n_users, data.n_items, len(data.pairs("train")), widths, preset_name)


def kind(exponent: float) -> str:
    """Return an exponent in words."""
    return next(words for words, limit in KINDS.items() if exponent > limit)


def in_words(table: pd.DataFrame) -> str:
    """Return for each piece with which factors it grows, and how, in Markdown."""
    kinds = table.assign(kind=table["exponent"].map(kind)).groupby("what", sort=False)
    lines = [[WORDS[str(what)], *(", ".join(of_one.loc[of_one["kind"] == word, "factor"]) for word in KINDS)] for what, of_one in kinds]
    return markdown_table(["grows", *KINDS], lines)


def _largest(table: pd.DataFrame, factor: str) -> str:
    of_one = table[table["factor"] == factor].dropna(axis=1, how="all")
    return max((name for name in of_one if name.startswith("×")), key=lambda name: int(name[1:]))


def _cell(row: pd.Series, largest: str) -> str:
    sign = "−" if row["exponent"] <= -0.005 else ""
    exponent = f"{abs(row['exponent']):.2f}"
    return f"{sign}{exponent.removeprefix('0')} ({_value(row[largest], row['unit'])})"


def _value(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
