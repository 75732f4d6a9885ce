"""Timing one data set: pieces, steps, epochs, evaluation, one user's answers, and peak memory; fast and plain in turn."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import torch

from srgformer_lab import runtime
from srgformer_lab.bench.clock import in_own_process, in_turn
from srgformer_lab.bench.pieces import PIECES, fast_pieces, plain_pieces
from srgformer_lab.bench.plain import Plain
from srgformer_lab.bench.serving import LIST, answers
from srgformer_lab.bench.task import Subject, Task, some_batches, start
from srgformer_lab.config import TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.models.sampling import Batch
from srgformer_lab.training.estimate import limits, work_of_epoch
from srgformer_lab.training.evaluation import CUTOFFS, evaluate
from srgformer_lab.training.loop import Training

COLUMNS = ["data", "scale", "users", "items", "interactions", "dim", "device", "what", "fast", "plain", "ratio", "unit"]
MOST_CELLS = 600_000_000
"""A plain contrast of more cosines than this would take more memory than machines have; the plain side is left out then."""


Times = dict[str, dict[str, Any]]
"""By what was timed, the time of each side; and ``facts``."""


def measure(task: Task) -> pd.DataFrame:
    """Measure in processes of their own, so that peak memory is that of the training alone: one row for each ``what``.

    ``fast`` and ``plain`` are medians, taken in turn; ``ratio`` is plain over fast; ``unit`` is ms, s, GiB or a share.
    """
    return _measure(task, times)


def measure_training(task: Task, with_memory: bool = True) -> pd.DataFrame:
    """Measure the same of a training alone: its pieces, its steps, its evaluation and its memory."""
    return _measure(task, training_times, with_memory)


def _measure(task: Task, act: Callable[[Task], Times], with_memory: bool = True) -> pd.DataFrame:
    rows = in_own_process(act, task)
    if with_memory:
        peaks = {"fast": in_own_process(peak_memory, task, False)}
        rows["peak memory"] = peaks | ({"plain": in_own_process(peak_memory, task, True)} if "plain" in rows["step"] else {})
    facts = rows.pop("facts")
    frame = pd.DataFrame([{**facts, "what": what, "fast": math.nan, "plain": math.nan, **found} for what, found in rows.items()])
    frame["ratio"] = frame["plain"] / frame["fast"]
    frame["unit"] = [UNITS.get(what, "ms") for what in frame["what"]]
    return frame[COLUMNS]


UNITS = {"epoch": "s", "LightGCN epoch": "s", "evaluation": "s", "peak memory": "GiB", "matmul share": "share", "bandwidth share": "share"}


def times(task: Task) -> Times:
    """Time everything but memory."""
    sides = _begin(task)
    rows = _steps(sides)
    rows["LightGCN epoch"] = {"fast": _light_gcn_epoch(sides.fast)}
    rows["evaluation"] = _evaluation(sides)
    rows |= _answers(sides)
    rows |= _shares(sides.fast, rows["epoch"]["fast"])
    return rows


def training_times(task: Task) -> Times:
    """Time what a training is made of."""
    sides = _begin(task)
    return _steps(sides) | {"evaluation": _evaluation(sides)}


@dataclass(frozen=True)
class _Sides:
    """The fast path, and the plain one where it is compared."""

    fast: Subject
    plain: Plain | None


def _begin(task: Task) -> _Sides:
    subject = start(task)
    is_compared = task.with_plain and _plain_fits(subject.data, next(subject.batches())) and not runtime.is_accelerator(subject.device)
    return _Sides(subject, Plain(subject.model, subject.data) if is_compared else None)


def _steps(sides: _Sides) -> Times:
    """Time the pieces of a step and the step, and count an epoch's."""
    subject, plain = sides.fast, sides.plain
    task, batches = subject.task, subject.batches()
    batch = next(batches)
    rows: Times = {"facts": subject.facts()}
    pieces = {"fast": fast_pieces(subject.model, batch, task.train)} | ({"plain": plain_pieces(plain, batch, task.train)} if plain else {})
    for name in PIECES:
        rows[name] = in_turn({side: acts[name] for side, acts in pieces.items()}, task.repeats, subject.device)
    rows["step"] = in_turn(
        {"fast": lambda: subject.training.step(next(batches))} | ({"plain": plain_step(plain, task.train, batches)} if plain else {}),
        max(task.repeats, 5),
        subject.device,
    )
    n_steps = subject.model.n_batches(task.train.batch_size)
    rows["epoch"] = {side: n_steps * value / 1000 for side, value in rows["step"].items()}
    return rows


def _evaluation(sides: _Sides) -> dict[str, float]:
    model, data, plain = sides.fast.model.eval(), sides.fast.data, sides.plain
    seconds = in_turn(
        {"fast": lambda: evaluate(model, data, "valid")} | ({"plain": lambda: plain_evaluate(plain, data)} if plain else {}),
        sides.fast.task.repeats,
        sides.fast.device,
    )
    return {side: value / 1000 for side, value in seconds.items()}


def _plain_fits(data: Dataset, batch: Batch) -> bool:
    return len(batch.user) * (data.n_users + data.n_items) <= MOST_CELLS


def plain_step(plain: Plain, config: TrainConfig, batches: Any) -> Callable[[], object]:
    """Return a step of the plain path, with an optimiser of its own on the same weights."""
    optimizer = torch.optim.Adam(plain.model.parameters(), lr=config.learning_rate)

    def step() -> None:
        optimizer.zero_grad()
        sum(plain.losses(next(batches), config).values(), torch.zeros(())).backward()
        optimizer.step()

    return step


def _light_gcn_epoch(subject: Subject) -> float:
    task, data = subject.task, subject.data
    model = LightGCN(data, LightGCNConfig(embedding_dim=task.model.embedding_dim))
    training = Training(model, data, task.train)
    batches = some_batches(model, task.train.batch_size, training.device)
    step = in_turn({"fast": lambda: training.step(next(batches))}, max(task.repeats, 9), training.device)["fast"]
    return model.n_batches(task.train.batch_size) * step / 1000


def plain_evaluate(plain: Plain, data: Dataset, split: str = "valid", block: int = 512) -> dict[str, float]:
    """Average Recall@k and NDCG@k, user by user."""
    found: dict[str, list[float]] = {f"{metric}@{k}": [] for metric in ("recall", "ndcg") for k in CUTOFFS}
    relevant, known = data.matrix(split), data.matrix("train")
    with torch.no_grad():
        fused, _, _ = plain.forward()
        users = np.flatnonzero(np.diff(relevant.indptr))
        for start in range(0, len(users), block):
            chosen = users[start : start + block]
            scores = fused[chosen] @ fused[data.n_users :].T
            for row, user in enumerate(chosen):
                scores[row, known[user].indices] = -torch.inf
            for user, best in zip(chosen, torch.topk(scores, min(max(CUTOFFS), data.n_items)).indices.tolist(), strict=True):
                wanted = set(relevant[user].indices.tolist())
                hits = [item in wanted for item in best]
                for k in CUTOFFS:
                    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits[:k]) if hit)
                    ideal = sum(1 / math.log2(place + 2) for place in range(min(len(wanted), k)))
                    found[f"recall@{k}"].append(sum(hits[:k]) / len(wanted))
                    found[f"ndcg@{k}"].append(gain / ideal)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _answers(sides: _Sides) -> Times:
    """Time what one user asks for, one with a history of middle length."""
    model, data, plain = sides.fast.model, sides.fast.data, sides.plain
    lengths = np.diff(data.matrix("train").indptr)
    user = data.user_ids[int(np.argsort(lengths)[len(lengths) // 2])]

    def plain_list() -> None:
        with torch.no_grad():
            fused, _, _ = plain.forward()  # type: ignore[union-attr]
            torch.topk(fused[: data.n_users][data.user_row(user)] @ fused[data.n_users :].T, LIST)

    return {
        what: in_turn(
            {"fast": act} | ({"plain": plain_list} if plain and what != "explain" else {}),
            max(sides.fast.task.repeats, 5),
            sides.fast.device,
        )
        for what, act in answers(model, data, model.trace(), [user]).items()
    }


def _shares(subject: Subject, seconds: float) -> Times:
    """Return what part of the machine's measured limits an epoch's arithmetic and memory traffic would reach alone."""
    work, limit = work_of_epoch(subject.data, subject.task.model, subject.task.train), limits(subject.device.type)
    return {
        "matmul share": {"fast": work.flops / limit.flops / seconds},
        "bandwidth share": {"fast": work.traffic / limit.traffic / seconds},
    }


def peak_memory(task: Task, is_plain: bool) -> float:
    """Train a few steps and evaluate, and give the most memory that the process ever held, in GiB."""
    subject = start(task)
    model, size = subject.model, task.train.batch_size
    batches = islice(model.batches(size, runtime.generator(subject.device, 0)), 3)
    if is_plain:
        step = plain_step(Plain(model, subject.data), task.train, batches)
        for _ in range(min(3, model.n_batches(size))):
            step()
    else:
        for batch in batches:
            subject.training.step(batch)
    evaluate(model.eval(), subject.data, "valid")
    return runtime.peak_memory(subject.device) / 2**30
