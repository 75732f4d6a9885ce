"""``srgformer-lab bench``: pieces, steps, epochs, evaluation, one user's answers and peak memory, the fast path beside the plain one."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from srgformer_lab import plots, runtime
from srgformer_lab.config import TrainConfig
from srgformer_lab.experiments.latency import LIST, answers
from srgformer_lab.experiments.plain import PIECES, Pieces, Plain, back, cut, leaf, plain_evaluate, plain_pieces, plain_step
from srgformer_lab.experiments.report import write_files
from srgformer_lab.experiments.workload import Subject, Task, in_own_process, medians, some_batches, start
from srgformer_lab.models.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.models.hypergraph import Noise, logits_of, relax
from srgformer_lab.models.losses import hypergraph_contrast, modality_contrast
from srgformer_lab.models.objective import contrasted, ranking_terms
from srgformer_lab.models.propagation import light_gcn
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.step import Step
from srgformer_lab.training.estimate import limits, work_of_epoch
from srgformer_lab.training.evaluation import evaluate
from srgformer_lab.training.loop import Training

COLUMNS = ["data", "scale", "users", "items", "interactions", "dim", "device", "what", "fast", "plain", "ratio", "unit"]
UNITS = {"epoch": "s", "LightGCN epoch": "s", "evaluation": "s", "peak memory": "GiB", "matmul share": "share", "bandwidth share": "share"}
MOST_CELLS = 600_000_000
"""A plain contrast of more cosines than this would take more memory than machines have; the plain path is left out then."""
Times = dict[str, dict[str, Any]]
"""By what was timed, the time of each path; and ``facts``."""


def measure(task: Task) -> pd.DataFrame:
    """Measure in processes of their own, so that peak memory is that of the training alone: one row for each ``what``.

    ``fast`` and ``plain`` are medians, taken alternately; ``ratio`` is plain over fast; ``unit`` is ms, s, GiB or a share.
    """
    return _measure(task, times)


def measure_training(task: Task, with_memory: bool = True) -> pd.DataFrame:
    """Measure the same of a training alone: its pieces, its steps, its evaluation and its memory."""
    return _measure(task, training_times, with_memory)


def _measure(task: Task, act: Callable[[Task], Times], with_memory: bool = True) -> pd.DataFrame:
    rows = in_own_process(act, task)
    if with_memory:
        rows["peak memory"] = {path: in_own_process(peak_memory, task, path == "plain") for path in rows["step"]}
    facts = rows.pop("facts")
    frame = pd.DataFrame([{**facts, "what": what, "fast": math.nan, "plain": math.nan, **found} for what, found in rows.items()])
    frame["ratio"] = frame["plain"] / frame["fast"]
    frame["unit"] = [UNITS.get(what, "ms") for what in frame["what"]]
    return frame[COLUMNS]


def times(task: Task) -> Times:
    """Time everything but memory."""
    subject, plain = _begin(task)
    rows = _steps(subject, plain)
    rows["LightGCN epoch"] = {"fast": _light_gcn_epoch(subject)}
    rows["evaluation"] = _evaluation(subject, plain)
    return rows | _answers(subject, plain) | _shares(subject, rows["epoch"]["fast"])


def training_times(task: Task) -> Times:
    """Time what a training is made of."""
    subject, plain = _begin(task)
    return _steps(subject, plain) | {"evaluation": _evaluation(subject, plain)}


def _begin(task: Task) -> tuple[Subject, Plain | None]:
    """Return the fast path, and the plain one where it is compared."""
    subject = start(task)
    cells = len(next(subject.batches()).user) * (subject.data.n_users + subject.data.n_items)
    is_compared = task.with_plain and cells <= MOST_CELLS and not runtime.is_accelerator(subject.device)
    return subject, Plain(subject.model, subject.data) if is_compared else None


def _both(subject: Subject, fast: Callable[[], object], plain: Callable[[], object] | None, repeats: int) -> dict[str, float]:
    """Time both paths alternately, in milliseconds; the fast one alone where there is no other."""
    return medians({"fast": fast} | ({"plain": plain} if plain else {}), repeats, subject.device)


def _steps(subject: Subject, plain: Plain | None) -> Times:
    """Time the pieces of a step and the step, and count an epoch's."""
    task, batches = subject.task, subject.batches()
    batch = next(batches)
    rows: Times = {"facts": subject.facts()}
    fast, other = fast_pieces(subject.model, batch, task.train), plain_pieces(plain, batch, task.train) if plain else {}
    for name in PIECES:
        rows[name] = _both(subject, fast[name], other.get(name), task.repeats)
    step = plain_step(plain, task.train, batches) if plain else None
    rows["step"] = _both(subject, lambda: subject.training.step(next(batches)), step, max(task.repeats, 5))
    n_steps = subject.model.n_batches(task.train.batch_size)
    rows["epoch"] = {path: n_steps * value / 1000 for path, value in rows["step"].items()}
    return rows


def _evaluation(subject: Subject, plain: Plain | None) -> dict[str, float]:
    model, data = subject.model.eval(), subject.data
    other = (lambda: plain_evaluate(plain, data)) if plain else None
    found = _both(subject, lambda: evaluate(model, data, "valid"), other, subject.task.repeats)
    return {path: value / 1000 for path, value in found.items()}


def _light_gcn_epoch(subject: Subject) -> float:
    task, data = subject.task, subject.data
    model = LightGCN(data, LightGCNConfig(embedding_dim=task.model.embedding_dim))
    training = Training(model, data, task.train)
    batches = some_batches(model, task.train.batch_size, training.device)
    step = _both(subject, lambda: training.step(next(batches)), None, max(task.repeats, 9))["fast"]
    return model.n_batches(task.train.batch_size) * step / 1000


def _answers(subject: Subject, plain: Plain | None) -> Times:
    """Time what one user asks for, one with a history of middle length."""
    model, data = subject.model, subject.data
    lengths = np.diff(data.matrix("train").indptr)
    user = data.user_ids[int(np.argsort(lengths)[len(lengths) // 2])]

    def plain_list() -> None:
        with torch.no_grad():
            fused, _, _ = plain.forward()  # type: ignore[union-attr]
            torch.topk(fused[: data.n_users][data.user_row(user)] @ fused[data.n_users :].T, LIST)

    return {
        what: _both(subject, act, plain_list if plain and what != "explain" else None, max(subject.task.repeats, 5))
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
    """Train a few steps and evaluate, and return the most memory that the process ever held, in GiB."""
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


def fast_pieces(model: SRGFormer, batch: Batch, config: TrainConfig) -> Pieces:
    """Return the pieces of the model's own step; every one starts from constants and goes back to them."""
    graph, settings, step = model.graph, model.config, Step()
    step.advance(config, settings)
    trace = model(model.nodes_of(batch))
    embedding = leaf(trace.embedding.values)
    logits = {name: leaf(reading.logits) for name, reading in model.read_features(step).items()}
    items, content = leaf(trace.collaborative.items), trace.attention.reads if settings.attention_reads == "content" else None
    draws = torch.Generator(model.device).manual_seed(0)
    whole, some = contrasted(batch, graph, config, draws)

    def features() -> None:
        read = model.read_features(step).values()
        back([*(reading.embedding for reading in read), *(reading.logits for reading in read)])

    def memberships() -> None:
        noise = Noise(draws, settings.dropout, settings.membership_noise) if model.training else Noise()
        both = {name: logits_of(values, graph) for name, values in logits.items()}
        made = relax(both, items, settings, graph, model.hooks, noise)
        back(part.of(trace.nodes) for part in made.values())

    def ranking() -> None:
        apart = replace(
            trace,
            collaborative=trace.collaborative.with_values(leaf(trace.collaborative.values)),
            modality={name: part.with_values(leaf(part.values)) for name, part in trace.modality.items()},
            hypergraph={name: cut(part) for name, part in trace.hypergraph.items()},
            attention=replace(trace.attention, output=trace.attention.output.with_values(leaf(trace.attention.output.values))),
        )
        back(ranking_terms(apart, batch, config.regularization_weight).values())

    def of_hypergraph() -> None:
        back([hypergraph_contrast([cut(part) for part in trace.hypergraph.values()], *whole, config.contrast_temperature)])

    def of_modality() -> None:
        parts = [part.with_values(leaf(part.values)) for part in trace.modality.values()]
        back([modality_contrast(parts, *some, config.contrast_temperature)])

    return {
        "propagation": lambda: back([light_gcn(embedding, graph.propagate, settings.n_id_layers)]),
        "features": features,
        "memberships": memberships,
        "attention": lambda: back([model.attention(embedding, graph, trace.nodes, model.hooks, None, content).output.values]),
        "ranking": ranking,
        "hypergraph_contrast": of_hypergraph,
        "modality_contrast": of_modality,
    }


# ------------------------------------------------------------------------------------------------------ what it leaves


def exponents(rows: pd.DataFrame) -> pd.DataFrame:
    """Fit milliseconds ∝ size^exponent over the sizes of one shape: ``what``, ``scale``, ``milliseconds``, ``exponent``.

    Shapes that were measured at one size only are left out.
    """
    family = rows["data"].str.replace(r"-x\d+$", "", regex=True)
    parts = [pd.DataFrame(columns=["what", "scale", "milliseconds", "exponent"])]
    for _, of_shape in rows[rows["what"].isin((*PIECES, "step"))].groupby([family, "dim", "what"], sort=False):
        if of_shape["scale"].nunique() > 1:
            found = power(of_shape["scale"], of_shape["fast"])
            parts.append(of_shape[["what", "scale"]].assign(milliseconds=of_shape["fast"], exponent=found))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def power(sizes: pd.Series, values: pd.Series) -> float:
    """Fit values ∝ size^power by least squares in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def table(rows: pd.DataFrame) -> str:
    """Return the rows of one data set as a table: the fast path, the plain one, and how many times faster."""
    first = rows.iloc[0]
    size = f"{first['users']:,} users, {first['items']:,} items, {first['interactions']:,} training pairs"
    lines = [f"{first['data']}: {size}; d={first['dim']}, {first['device']}", f"{'':30}{'fast':>12}{'plain':>12}{'ratio':>8}"]
    for row in rows.itertuples():
        ratio = "" if math.isnan(row.ratio) else f"× {row.ratio:.1f}"
        lines.append(f"{PIECES.get(row.what, row.what):30}{_value(row.fast, row.unit):>12}{_value(row.plain, row.unit):>12}{ratio:>8}")
    return "\n".join(lines)


def write(rows: Iterable[pd.DataFrame], folder: Path) -> list[Path]:
    """Write ``bench.csv``, and ``growth.html`` where a shape was measured at several sizes."""
    whole, pages = pd.concat(list(rows), ignore_index=True), {}
    if len(grown := exponents(whole)):
        figure = plots.growth_curves(grown)
        pages = {"growth.html": figure.to_html(include_plotlyjs=True, config=plots.plot_config(figure, "svg"))}
    return write_files(folder, {"bench.csv": whole}, pages, {})


def _value(value: float, unit: str) -> str:
    if math.isnan(value):
        return ""
    return f"{100 * value:.0f} %" if unit == "share" else f"{value:,.2f} {unit}" if value < 100 else f"{value:,.0f} {unit}"
