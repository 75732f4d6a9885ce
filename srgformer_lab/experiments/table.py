"""From outcomes to numbers that can be compared: one row a case, and one row a label with its intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from srgformer_lab.experiments.outcome import Outcome
from srgformer_lab.statistics import over_seeds, over_users
from srgformer_lab.training.evaluation import SELECTION_METRIC

METRICS = ("recall@10", "recall@20", "ndcg@10", "ndcg@20")


def rows(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return one row a case: its labels, ``seed``, ``state``, epochs, seconds, and metrics as ``valid.…`` and ``test.…``."""
    found = []
    for outcome in outcomes:
        case = outcome.case
        about = {"seed": case.seed, "settings": _words(case.changes), "state": outcome.state, "message": outcome.message, "run": case.key}
        spent = {"epochs": outcome.epochs, "best_epoch": outcome.best_epoch, "seconds": outcome.seconds}
        metrics = {f"valid.{name}": value for name, value in (outcome.valid or {}).items()}
        metrics |= {f"test.{name}": value for name, value in (outcome.test or {}).items()}
        found.append({**case.labels, **about, **spent, "epoch_seconds": outcome.epoch_seconds, **metrics})
    return pd.DataFrame(found)


def table(outcomes: Sequence[Outcome], by: Sequence[str], reference: Mapping[str, str | float]) -> pd.DataFrame:
    """Return one row a label: mean test metrics, their bounds over seeds, and the paired difference to its reference.

    The reference of a row is the row that has these labels instead of its own. Only finished cases count; ``unfinished`` says
    how many others there are. ``gain`` is the mean difference of test recall@20 with the same seed; ``gain_low`` and
    ``gain_high`` bound it over seeds (Student's t, 95 %), ``users_low`` and ``users_high`` over users (bootstrap; a user of several
    seeds counts once, with the mean difference, for one person's differences are no independent draws).
    """
    groups: dict[tuple[str | float, ...], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(tuple(outcome.case.labels[name] for name in by), []).append(outcome)
    found = []
    for label, group in groups.items():
        labels = dict(zip(by, label, strict=True))
        other = tuple((labels | dict(reference))[name] for name in by)
        found.append(labels | _row(group, _finished(groups.get(other, [])) if other != label else {}))
    return pd.DataFrame(found)


def _finished(group: Sequence[Outcome]) -> dict[int, Outcome]:
    return {outcome.case.seed: outcome for outcome in group if outcome.is_finished}


def _row(group: Sequence[Outcome], beside: dict[int, Outcome]) -> dict[str, float]:
    done = _finished(group)
    row: dict[str, float] = {"seeds": len(done), "unfinished": len(group) - len(done)}
    if not done:
        return row
    tests = pd.DataFrame([outcome.test for outcome in done.values()])
    row |= {name: float(tests[name].mean()) for name in METRICS}
    row |= _bounds("", tests[SELECTION_METRIC].to_numpy())
    row |= {
        "valid": float(np.mean([(outcome.valid or {})[SELECTION_METRIC] for outcome in done.values()])),
        "best_epoch": float(np.median([outcome.best_epoch for outcome in done.values()])),
        "epoch_seconds": float(np.median([outcome.epoch_seconds for outcome in done.values()])),
    }
    return row | _gain(done, beside)


def _gain(done: dict[int, Outcome], beside: dict[int, Outcome]) -> dict[str, float]:
    shared = [seed for seed in done if seed in beside]
    if not shared:
        return {}
    pairs = [done[seed].users()[SELECTION_METRIC].align(beside[seed].users()[SELECTION_METRIC], join="inner") for seed in shared]
    gains = [ours - theirs for ours, theirs in pairs]
    users = over_users(pd.concat(gains, axis=1).mean(axis=1).to_numpy())
    means = np.array([gain.mean() for gain in gains])
    return {"gain": float(means.mean()), **_bounds("gain_", means), "users_low": users.low, "users_high": users.high}


def _bounds(prefix: str, values: np.ndarray) -> dict[str, float]:
    if len(values) < 2:
        return {}
    interval = over_seeds(values)
    return {f"{prefix}low": interval.low, f"{prefix}high": interval.high}


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in settings.items())
