"""Timing one data set: pieces, steps, epochs, evaluation, one user's answers, and peak memory; fast and plain in turn."""

import math
import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch

from srgformer_lab import runtime
from srgformer_lab.bench.pieces import PIECES, fast_pieces, plain_pieces
from srgformer_lab.bench.plain import Plain
from srgformer_lab.bench.shapes import Shape, generate
from srgformer_lab.config import ModelConfig, TrainConfig, preset
from srgformer_lab.data.dataset import Dataset, DataSource
from srgformer_lab.data.source import reopen
from srgformer_lab.errors import RunError
from srgformer_lab.explain.contributions import explain
from srgformer_lab.learn.estimate import limits, work_of_epoch
from srgformer_lab.learn.evaluation import CUTOFFS, evaluate
from srgformer_lab.learn.loop import Training
from srgformer_lab.model.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.model.ranking import recommend
from srgformer_lab.model.sampling import Batch
from srgformer_lab.model.srgformer import SRGFormer

COLUMNS = ["data", "scale", "users", "items", "interactions", "dim", "device", "what", "fast", "plain", "ratio", "unit"]
MOST_CELLS = 600_000_000
"""A plain contrast of more cosines than this would take more memory than machines have; the plain side is left out then."""


@dataclass(frozen=True)
class Task:
    """What to measure on which data, and how often."""

    data: Shape | DataSource
    model: ModelConfig
    train: TrainConfig
    repeats: int = 3
    with_plain: bool = True

    def open(self) -> Dataset:
        """Generate the data, or open it."""
        return generate(self.data) if isinstance(self.data, Shape) else reopen(self.data)


def task(data: Shape | DataSource, preset_name: str, dim: int, repeats: int, with_plain: bool, **changes: Any) -> Task:
    """Take a preset at some width; ``changes`` are settings of the training."""
    chosen = preset(preset_name)
    return Task(data, chosen.model.replace(embedding_dim=dim), chosen.train.replace(**changes), repeats, with_plain)


def measure(task: Task) -> pd.DataFrame:
    """Measure in processes of their own, so that peak memory is that of the training alone: one row for each ``what``.

    ``fast`` and ``plain`` are medians, taken in turn; ``ratio`` is plain over fast; ``unit`` is ms, s, GiB or a share.
    """
    rows = in_own_process(times, task)
    peaks = {"fast": in_own_process(peak_memory, task, False)}
    if "plain" in rows["step"]:
        peaks["plain"] = in_own_process(peak_memory, task, True)
    rows["peak memory"] = peaks
    facts = rows.pop("facts")
    frame = pd.DataFrame([{**facts, "what": what, "fast": math.nan, "plain": math.nan, **found} for what, found in rows.items()])
    frame["ratio"] = frame["plain"] / frame["fast"]
    frame["unit"] = [UNITS.get(what, "ms") for what in frame["what"]]
    return frame[COLUMNS]


UNITS = {"epoch": "s", "LightGCN epoch": "s", "evaluation": "s", "peak memory": "GiB", "matmul share": "share", "bandwidth share": "share"}


def in_own_process(act: Callable[..., Any], *arguments: object) -> Any:
    """Run a function in a fresh process and give its result.

    Raises:
        RunError: The process was ended from outside.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(act, *arguments).result()
        except BrokenProcessPool as error:
            raise RunError("a measuring process was ended from outside, most likely for want of memory; measure a smaller size") from error


def times(task: Task) -> dict[str, dict[str, Any]]:
    """Time everything but memory."""
    runtime.keep_memory()
    data = task.open()
    model, training = _start(task, data)
    device = training.device
    batches = cycle(islice(model.batches(task.train.batch_size, runtime.generator(device, 0)), 8))
    batch = next(batches)
    is_compared = task.with_plain and _plain_fits(data, batch) and not runtime.is_accelerator(device)
    plain = Plain(model, data) if is_compared else None
    rows: dict[str, dict[str, Any]] = {"facts": _facts(task, data, device)}

    sides = {"fast": fast_pieces(model, batch, task.train)} | ({"plain": plain_pieces(plain, batch, task.train)} if plain else {})
    for name in PIECES:
        rows[name] = in_turn({side: pieces[name] for side, pieces in sides.items()}, task.repeats, device)
    rows["step"] = in_turn(
        {"fast": lambda: training.step(next(batches))} | ({"plain": plain_step(plain, task.train, batches)} if plain else {}),
        max(task.repeats, 5),
        device,
    )
    n_steps = model.n_batches(task.train.batch_size)
    rows["epoch"] = {side: n_steps * value / 1000 for side, value in rows["step"].items()}
    rows["LightGCN epoch"] = {"fast": _light_gcn_epoch(task, data)}

    model.eval()
    seconds = in_turn(
        {"fast": lambda: evaluate(model, data, "valid")} | ({"plain": lambda: plain_evaluate(plain, data)} if plain else {}),
        task.repeats,
        device,
    )
    rows["evaluation"] = {side: value / 1000 for side, value in seconds.items()}
    rows |= _answers(task, data, model, plain, device)
    rows |= _shares(task, data, rows["epoch"]["fast"], device)
    return rows


def _start(task: Task, data: Dataset) -> tuple[SRGFormer, Training]:
    model = SRGFormer(data, task.model)
    training = Training(model, data, task.train)
    model.train()
    model.start_epoch(runtime.generator(training.device, 0))
    return model, training


def _facts(task: Task, data: Dataset, device: torch.device) -> dict[str, Any]:
    scale = task.data.scale if isinstance(task.data, Shape) else 1
    sizes = {"users": data.n_users, "items": data.n_items, "interactions": len(data.pairs("train"))}
    return {"data": data.name, "scale": scale, **sizes, "dim": task.model.embedding_dim, "device": str(device)}


def _plain_fits(data: Dataset, batch: Batch) -> bool:
    return len(batch.user) * (data.n_users + data.n_items) <= MOST_CELLS


def plain_step(plain: Plain, config: TrainConfig, batches: Any) -> Callable[[], object]:
    """Give a step of the plain path, with an optimiser of its own on the same weights."""
    optimizer = torch.optim.Adam(plain.model.parameters(), lr=config.learning_rate)

    def step() -> None:
        optimizer.zero_grad()
        sum(plain.losses(next(batches), config).values(), torch.zeros(())).backward()
        optimizer.step()

    return step


def _light_gcn_epoch(task: Task, data: Dataset) -> float:
    model = LightGCN(data, LightGCNConfig(embedding_dim=task.model.embedding_dim))
    training = Training(model, data, task.train)
    batches = cycle(islice(model.batches(task.train.batch_size, runtime.generator(training.device, 0)), 8))
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


def _answers(task: Task, data: Dataset, model: SRGFormer, plain: Plain | None, device: torch.device) -> dict[str, dict[str, float]]:
    """Time what one user asks for: a list, a list under other knobs, and why."""
    lengths = np.diff(data.matrix("train").indptr)
    user = data.user_ids[int(np.argsort(lengths)[len(lengths) // 2])]
    trace = model.trace()

    def explained() -> None:
        why = explain(model, data, user, data.item_ids[0])
        why.terms, why.history, why.sources  # noqa: B018 they are made when they are asked for

    def plain_list() -> None:
        with torch.no_grad():
            fused, _, _ = plain.forward()  # type: ignore[union-attr]
            torch.topk(fused[: data.n_users][data.user_row(user)] @ fused[data.n_users :].T, 20)

    asked = {
        "recommend": lambda: recommend(model, data, user, 20),
        "re-fuse α": lambda: recommend(trace.fuse(attention_scale=0.4), data, user, 20),
        "re-fuse τ": lambda: recommend(trace.fuse(membership_temperature=0.5), data, user, 20),
        "explain": explained,
    }
    return {
        what: in_turn({"fast": act} | ({"plain": plain_list} if plain and what != "explain" else {}), max(task.repeats, 5), device)
        for what, act in asked.items()
    }


def _shares(task: Task, data: Dataset, seconds: float, device: torch.device) -> dict[str, dict[str, float]]:
    """Give what part of the machine's measured limits an epoch's arithmetic and memory traffic would reach alone."""
    work, limit = work_of_epoch(data, task.model, task.train), limits(device.type)
    return {
        "matmul share": {"fast": work.flops / limit.flops / seconds},
        "bandwidth share": {"fast": work.traffic / limit.traffic / seconds},
    }


def peak_memory(task: Task, is_plain: bool) -> float:
    """Train a few steps and evaluate, and give the most memory that the process ever held, in GiB."""
    runtime.keep_memory()
    data = task.open()
    model, training = _start(task, data)
    batches = islice(model.batches(task.train.batch_size, runtime.generator(training.device, 0)), 3)
    if is_plain:
        step = plain_step(Plain(model, data), task.train, batches)
        for _ in range(min(3, model.n_batches(task.train.batch_size))):
            step()
    else:
        for batch in batches:
            training.step(batch)
    evaluate(model.eval(), data, "valid")
    return runtime.peak_memory(training.device) / 2**30


def in_turn(acts: Mapping[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, float]:
    """Time each act ``repeats`` times, one after the other in every round, and give medians in milliseconds."""
    found: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(repeats + 1):
        for name, act in acts.items():
            started = time.perf_counter()
            act()
            runtime.wait_for(device.type)
            if turn:  # the first round warms up
                found[name].append(1000 * (time.perf_counter() - started))
    return {name: median(values) for name, values in found.items()}
