"""How long a model is trained until it is good: the first epoch at which validation reaches a target and holds it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from srgformer_lab import runtime
from srgformer_lab.config import check_number
from srgformer_lab.experiments.candidates import candidates
from srgformer_lab.experiments.cases import Setup, TrainingCase
from srgformer_lab.experiments.report import markdown_table
from srgformer_lab.experiments.structure import FOUND, forms_of_structure
from srgformer_lab.experiments.workload import in_own_process
from srgformer_lab.models import catalog
from srgformer_lab.presets import QUICK
from srgformer_lab.training.loop import EpochRecord, Training

HELD = 3
"""Evaluations in a row that have to reach the target; the first of them counts."""
MODEL, SEED, VALUE = "model", "seed", "value"
SPENT = ("epoch", "steps", "seconds", "cpu_seconds")
"""What is counted until then. Of the seconds, those of evaluations are part; those of processors count all threads, and no others' work."""

Act = Callable[[Callable[..., list[dict[str, float]]], TrainingCase, float], list[dict[str, float]]]


def contenders(setup: Setup) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return what is trained, by what the table calls it: a kind of model, and what differs from the setup's."""
    known = candidates(setup)
    found = forms_of_structure()[FOUND]
    return {
        "SRGFormer": ("srgformer", {}),
        "SRGFormer quick": ("srgformer", QUICK),
        "SRGFormer found": ("srgformer", found),
        "SRGFormer found quick": ("srgformer", {**found, **QUICK}),
        **{name: (known[name].model_name, known[name].settings) for name in ("LGMRec", "FREEDOM", "LightGCN")},
        "LGMRec quick": (known["LGMRec"].model_name, {**known["LGMRec"].settings, **QUICK}),
    }


def time_to_quality(setup: Setup, target: float, run: Act = in_own_process) -> Iterator[pd.DataFrame]:
    """Train every contender with every seed until it holds the target, and return all evaluations so far after each training.

    Models take turns within a seed, so that what a machine does meanwhile falls on all of them. A training that never holds the target
    ends as the setup's epochs and patience say.

    Args:
        setup: Data, preset, seeds, changes, and which contenders.
        target: What the metric that selects epochs has to reach on the validation split, in 0…1.
        run: Calls a function with arguments; in a process of its own by default.

    Yields:
        ``model``, ``seed``, ``epoch``, ``steps``, ``seconds``, ``cpu_seconds``, ``value``, ``is_held`` (whether it is the first of those
        that hold the target): one row an evaluation.

    Raises:
        UnknownIdError: There is no such contender.
        ConfigError: The target is out of range.
    """
    target = check_number("quality", target, 0, 1, "what validation has to reach")
    known, found = contenders(setup), []
    for seed in setup.seeds:
        for name in setup.wanted("model of the comparison", known):
            kind, settings = known[name]
            case = setup.case({MODEL: name}, seed, kind, **settings)
            found += [{MODEL: name, SEED: seed, **row} for row in run(climb, case, target)]
            yield pd.DataFrame(found)


def climb(case: TrainingCase, target: float) -> list[dict[str, float]]:
    """Train until validation has held the target; return one row an evaluation."""
    runtime.keep_memory()
    data = case.recipe.open(case.seed)
    model = catalog.kind(case.model_name).build(data, case.model)
    training, rows = Training(model, data, case.train), []  # type: ignore[arg-type]
    n_steps, started, before = training.model.n_batches(case.train.batch_size), time.perf_counter(), time.process_time()
    for record in training.records():
        if isinstance(record, EpochRecord):
            spent = (record.epoch, record.epoch * n_steps, time.perf_counter() - started, time.process_time() - before)
            rows.append({**dict(zip(SPENT, spent, strict=True)), VALUE: record.metrics[training.selection_metric], "is_held": False})
            last = rows[-HELD:]
            if len(last) == HELD and all(row[VALUE] >= target for row in last):
                last[0]["is_held"] = True
                break
    return rows


def quality_table(rows: pd.DataFrame) -> str:
    """Return a Markdown table of medians over the seeds, in which a training that never held the target took for ever."""
    lines = []
    for name, group in rows.groupby(MODEL, sort=False):
        held, n_seeds = group[group["is_held"]], group[SEED].nunique()
        medians = []
        for column in SPENT:
            values = [*held[column], *[math.inf] * (n_seeds - len(held))]
            middle = float(np.quantile(values, 0.5, method="higher"))  # between a number and never there is no mean
            medians.append(f"{middle:,.0f}" if middle < math.inf else "never")
        best = group.groupby(SEED)[VALUE].max().median()
        lines.append([str(name), f"{len(held)} of {n_seeds}", *medians, f"{best:.4f}"])
    return markdown_table(["model", "held by seeds", "epochs", "steps", "seconds", "CPU seconds", "best"], lines)
