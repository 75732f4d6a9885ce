"""How long does one user wait? Lists, lists after another knob, and explanations, over data of several sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from srgformer_lab.analysis.explanation import explain
from srgformer_lab.data.dataset import Dataset, DataSource
from srgformer_lab.experiments.cases import Setup
from srgformer_lab.experiments.measurement import Measurement, Point, named_data
from srgformer_lab.experiments.report import markdown_table
from srgformer_lab.experiments.workload import SHAPES, Shape, Task, durations, in_own_process, start
from srgformer_lab.models.ranking import recommend
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.estimate import estimate

SIZES = {name: SHAPES[name] for name in ("studio", "movielens", "baby", "baby-x2")}
CALLS = 100
LIST = 20
"""Items in a list."""
ANOTHER_ALPHA, ANOTHER_TAU = 0.4, 0.5
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
        data = named_data(setup)
        sizes = self.sizes if data is None else {data.name: data.source}
        return [
            Point(name, {"size": name}, Task(sizes[name], setup.model, setup.train, self.calls, False))
            for name in setup.wanted("size", sizes)
        ]

    def measure(self, point: Point) -> pd.DataFrame:
        """Time every answer for as many users; return medians and percentiles."""
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
        """Return medians with the 95th percentiles behind them, a column a size."""
        sizes = rows.drop_duplicates("size").set_index("size")
        head = ["", *(f"{name}: {row['users']:,} × {row['items']:,}" for name, row in sizes.iterrows())]
        found = {(row["what"], row["size"]): f"{_short(row['median'])} ({_short(row['p95'])})" for _, row in rows.iterrows()}
        lines = markdown_table(head, [[words, *(found[what, size] for size in sizes.index)] for what, words in WORDS.items()])
        about = f"Milliseconds, the median and (the 95th percentile) of {sizes['calls'].iloc[0]} calls, each for another user."
        return f"{about}\n\n{lines}"


def answers(model: SRGFormer, data: Dataset, trace: Trace, users: Sequence[str]) -> dict[str, Callable[[], object]]:
    """Return what is asked for by name: a list, a list under other knobs from a kept pass, and why; each call is for the next user."""

    def explained(user: str) -> None:
        why = explain(model, data, user, data.item_ids[0])
        why.components, why.history, why.sources  # noqa: B018 they are made when they are asked for

    return {
        "recommend": _for_each(users, lambda user: recommend(model, data, user, LIST)),
        "re-fuse α": _for_each(users, lambda user: recommend(trace.fuse(attention_scale=ANOTHER_ALPHA), data, user, LIST)),
        "re-fuse τ": _for_each(users, lambda user: recommend(trace.fuse(membership_temperature=ANOTHER_TAU), data, user, LIST)),
        "explain": _for_each(users, explained),
    }


def parts(model: SRGFormer, data: Dataset, trace: Trace, users: Sequence[str]) -> dict[str, Callable[[], object]]:
    """Return what a list is made of: a pass over the graph, for one user or for all; scores; and the list from a kept pass."""

    def row(user: str) -> torch.Tensor:
        return torch.tensor([data.user_row(user)], device=model.device)

    return {
        "pass, all users": model.trace,
        "pass, one user": _for_each(users, lambda user: model.trace_for(row(user)).fused),
        "scores": _for_each(users, lambda user: trace.scores(row(user))),
        "list": _for_each(users, lambda user: recommend(trace, data, user, LIST)),
    }


def serving_times(task: Task) -> dict[str, dict[str, Any]]:
    """Time ``repeats`` calls of every answer and of its parts, for as many users drawn at random: ``facts`` and lists of ms."""
    subject = start(task)
    model, data = subject.model.eval(), subject.data
    order = np.random.default_rng(0).permutation(data.n_users)
    users = [data.user_ids[int(row)] for row in order[: task.repeats]]
    trace = model.trace()
    trace.fused  # noqa: B018 computed once for whoever keeps a pass
    acts = {**answers(model, data, trace, users), **parts(model, data, trace, users)}
    return {"facts": subject.facts(), "ms": durations(acts, task.repeats, subject.device)}


def percentiles(durations: Sequence[float]) -> dict[str, float]:
    """Return the number of calls, their median and their 95th percentile."""
    middle, high = np.percentile(durations, [50, 95])
    return {"calls": len(durations), "median": float(middle), "p95": float(high)}


def _for_each(users: Sequence[str], act: Callable[[str], object]) -> Callable[[], object]:
    whose = cycle(users)
    return lambda: act(next(whose))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
