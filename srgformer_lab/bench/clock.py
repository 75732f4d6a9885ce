"""How anything is timed: act after act in every round, in a process of its own where memory counts."""

import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from statistics import median
from typing import Any

import torch

from srgformer_lab import runtime
from srgformer_lab.errors import RunError


def in_turn(acts: Mapping[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, float]:
    """Time each act ``repeats`` times, one after the other in every round, and give medians in milliseconds."""
    return {name: median(values) for name, values in durations(acts, repeats, device).items()}


def durations(acts: Mapping[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Time each act ``repeats`` times, one after the other in every round, and give all times in milliseconds.

    A round before the first warms up and doesn't count.
    """
    found: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(repeats + 1):
        for name, act in acts.items():
            started = time.perf_counter()
            act()
            runtime.wait_for(device.type)
            if turn:
                found[name].append(1000 * (time.perf_counter() - started))
    return found


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
