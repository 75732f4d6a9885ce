"""What one user asks for, and how long each kind of answer takes."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import torch

from srgformer_lab.analysis.contributions import explain
from srgformer_lab.bench.clock import durations
from srgformer_lab.bench.task import Task, start
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.ranking import recommend
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace

LIST = 20
"""Items in a list."""
ANOTHER_ALPHA, ANOTHER_TAU = 0.4, 0.5


def answers(model: SRGFormer, data: Dataset, trace: Trace, users: Sequence[str]) -> Mapping[str, Callable[[], object]]:
    """Name what is asked for: a list, a list under other knobs from a kept pass, and why; each call is for the next user."""

    def explained(user: str) -> None:
        why = explain(model, data, user, data.item_ids[0])
        why.terms, why.history, why.sources  # noqa: B018 they are made when they are asked for

    return {
        "recommend": _for_each(users, lambda user: recommend(model, data, user, LIST)),
        "re-fuse α": _for_each(users, lambda user: recommend(trace.fuse(attention_scale=ANOTHER_ALPHA), data, user, LIST)),
        "re-fuse τ": _for_each(users, lambda user: recommend(trace.fuse(membership_temperature=ANOTHER_TAU), data, user, LIST)),
        "explain": _for_each(users, explained),
    }


def parts(model: SRGFormer, data: Dataset, trace: Trace, users: Sequence[str]) -> Mapping[str, Callable[[], object]]:
    """Name what a list is made of: a pass over the graph, for one user or for all; scores; and the list from a kept pass."""

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


def _for_each(users: Sequence[str], act: Callable[[str], object]) -> Callable[[], object]:
    whose = cycle(users)
    return lambda: act(next(whose))
