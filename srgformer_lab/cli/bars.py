"""Progress of one training's epochs, or of an experiment's trainings: a bar in a terminal, in a log a plain line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from srgformer_lab.cli.terminal import say

if TYPE_CHECKING:
    from srgformer_lab.experiments.engines import ExperimentProgress
    from srgformer_lab.training.run import Status

LINE_SECONDS = 30.0
"""Between two lines in a log; the first and the last come at once."""


@contextmanager
def epochs_bar() -> Iterator[Any]:
    """Show epochs, in parts, and the time left from the first status on."""
    if not sys.stderr.isatty():
        yield _lines(_epochs, lambda status: status.state == "finished")
        return
    from tqdm import tqdm

    bars: list[tqdm] = []

    def watch(status: "Status") -> None:
        if not bars:
            layout = "{desc} {percentage:3.0f}%|{bar}| {n:.1f}/{total:.0f} epochs [{elapsed}<{postfix}]"
            bars.append(tqdm(total=status.n_epochs, unit="epoch", bar_format=layout))
        bar = bars[0]
        bar.n = status.epoch + (status.step / status.n_steps if status.n_steps else 0)
        bar.total = bar.n if status.state == "finished" else status.n_epochs
        bar.set_description_str(_best(status), refresh=False)
        bar.set_postfix_str(_left(status.eta_seconds, "{} at most"))

    try:
        yield watch
    finally:
        for bar in bars:
            bar.close()


@contextmanager
def trainings_bar() -> Iterator[Any]:
    """Show how many trainings are done and about how long the others take."""
    if not sys.stderr.isatty():
        yield _lines(_trainings, lambda progress: progress.n_done == progress.n_cases)
        return
    from tqdm import tqdm

    layout = "{percentage:3.0f}%|{bar}| {n}/{total} trainings [{elapsed}<{postfix}]"
    with tqdm(unit="training", bar_format=layout) as bar:

        def watch(progress: "ExperimentProgress") -> None:
            bar.n, bar.total = progress.n_done, progress.n_cases
            bar.set_postfix_str(_left(progress.seconds_left, "about {}"))

        yield watch


def inputs_bar() -> Callable[[str, int, int], None]:
    """Show how many texts or pictures are encoded, and the time that is left: a line now and then."""
    shown, started = _lines(_inputs, lambda state: state[1] == state[2]), time.monotonic()
    first: dict[str, int] = {}

    def watch(name: str, n_done: int, n_inputs: int) -> None:
        begun = first.setdefault(name, n_done)
        pace = (time.monotonic() - started) / (n_done - begun) if n_done > begun else float("nan")
        shown((name, n_done, n_inputs, pace * (n_inputs - n_done)))

    return watch


def _inputs(state: tuple[str, int, int, float]) -> str:
    name, n_done, n_inputs, seconds = state
    left = "" if n_done == n_inputs else f"; {_left(seconds, 'about {} are left')}"
    return f"{name}: {n_done:,} of {n_inputs:,} encoded{left}"


def _lines(words: Callable[[Any], str], is_last: Callable[[Any], bool]) -> Callable[[Any], None]:
    due = 0.0

    def watch(state: Any) -> None:
        nonlocal due
        if time.monotonic() >= due or is_last(state):
            due = time.monotonic() + LINE_SECONDS
            say(words(state), sys.stderr)

    return watch


def _epochs(status: "Status") -> str:
    left = "" if status.state == "finished" else f"; {_left(status.eta_seconds, '{} at most are left')}"
    return f"epoch {status.epoch} of {status.n_epochs}, {_best(status)}{left}"


def _trainings(progress: "ExperimentProgress") -> str:
    left = "" if progress.n_done == progress.n_cases else f"; {_left(progress.seconds_left, 'about {} are left')}"
    return f"{progress.n_done} of {progress.n_cases} trainings are done{left}"


def _best(status: "Status") -> str:
    return f"best {status.metric} {status.best_metric:.4f} at {status.best_epoch}" if status.best_epoch else status.state


def _left(seconds: float, words: str) -> str:
    from tqdm import tqdm

    return words.format(tqdm.format_interval(seconds)) if seconds == seconds else "measuring"
