"""What takes time: what it will cost, how far it is, and how long it still takes."""

import html
import time
from collections.abc import Callable
from typing import Any

import common
import marimo as mo

from srgformer_lab import Dataset, Run, TrainConfig, backend, plots
from srgformer_lab.training.estimate import Estimate
from srgformer_lab.training.run import Status


def cost(expected: Estimate, train: TrainConfig) -> mo.Html:
    """Say before the start what a training will take."""
    time = f"About {plots.duration(expected.seconds_per_epoch)} an epoch, at most {plots.duration(expected.seconds_at_most)} in all"
    memory = f"{expected.memory_bytes / 1e9:.1f} GB of memory"
    return common.fact(f"{time}, and {memory}; it ends early after {train.patience} epochs without a better validation metric.")


def progress(run: Run, status: Status) -> mo.Html:
    """Say how far a training is, and show it as a bar."""
    most = run.config.train.epochs
    done = status.epoch + (status.step / status.n_steps if status.n_steps else 0.0)
    best = f"best {common.best_of(status)}" if status.best_epoch else ""
    left = f"about {plots.duration(status.eta_seconds)} left if it does not end early" if status.state == "running" and status.epoch else ""
    if status.state == "queued":
        left = f"its turn comes in at most about {plots.duration(backend.queue_ahead(run)[1])}"
    said = [f"<b>{status.state}</b>", f"{status.epoch} of at most {most} epochs", best, left, html.escape(status.message)]
    line = ", ".join(part for part in said if part)
    return mo.Html(
        f'<div class="lab-progress"><progress max="{most}" value="{done:.3f}" aria-label="epochs"></progress><span>{line}</span></div>'
    )


def task_button(task: backend.BackgroundTask[Any], words: str, notify: Callable[[Any], None]) -> mo.ui.button:
    """Make the button that has something slow looked for; ``notify`` sets a state that the page's ``ticker`` is made anew by."""

    def begin(count: int) -> int:
        task.begin()
        notify(count + 1)
        return count + 1

    return mo.ui.button(label=words, value=time.monotonic_ns(), on_click=begin)


def ticker(
    task: backend.BackgroundTask[Any], notify: Callable[[Any], None], news: Callable[[], object] = lambda: None
) -> mo.ui.refresh | None:
    """Have a page look twice a second how far something slow is, as long as it is looked for; ``notify`` hears of its end, and of news.

    What ticks has a cell of its own, or shares one with ``task_button`` alone: marimo knows an element by its place among those of its
    cell, and a tick that comes late must find no other button in that place.
    """
    known = news()

    def check(_: object) -> None:
        if not task.is_going or news() != known:
            notify(time.monotonic_ns())

    return mo.ui.refresh(default_interval="0.5s", on_change=check) if task.is_going else None


def beat(ticks: mo.ui.refresh | None) -> mo.Html:
    """Put what ticks into the page, where nobody sees it."""
    return mo.Html(f'<div class="lab-ticker">{ticks.text}</div>' if ticks is not None else "")


def task_line(task: backend.BackgroundTask[Any], button: mo.ui.button, ticks: mo.ui.refresh | None) -> mo.Html:
    """Offer to look for something slow; or say how far that is, that it takes unusually long, or what went wrong."""
    if ticks is None:
        remedy = "Press the button to try again; if that fails too, choose another run on the page “What is this?”."
        return common.stack(common.problem(task.error, "Nothing else is harmed.", remedy) if task.error else None, button)
    if task.is_late:
        happened = f"This takes unusually long: for {plots.duration(task.silence_seconds)} it has come no further"
        safe = "All pages work as before, and should it still end, its result is shown here."
        late = common.problem(happened, safe, "You need not wait for it: the button begins it anew.")
        return common.stack(late, button, beat(ticks))
    left = f"about {plots.duration(task.eta_seconds)} left" if task.share else f"begun {plots.duration(task.silence_seconds)} ago"
    bar = (
        f'<progress max="1" value="{task.share:.3f}" aria-label="progress"></progress><span>{left}; the page stays usable meanwhile</span>'
    )
    return mo.Html(f'<div class="lab-progress">{bar}{beat(ticks).text}</div>')


def table_ticker(data: Dataset, set_table: Callable[[Any], None]) -> mo.ui.refresh:
    """Have a list of runs read anew where something changed in the folder, also what a terminal trains."""
    seen = {"stamp": backend.runs_stamp()}

    def check(_: object) -> None:
        if backend.runs_stamp() != seen["stamp"]:
            seen["stamp"] = backend.runs_stamp()
            set_table(backend.run_table(data))

    return mo.ui.refresh(default_interval="3s", on_change=check)


def check_for_news(
    run: Run, drawn: dict[str, int], draw: Callable[[int], None], tick_on: Callable[[bool], None]
) -> Callable[[object], None]:
    """Make what happens at every tick: charts are drawn when there is something new, and the ticking ends with the training."""

    def check(_: object) -> None:
        if run.history_size() != drawn["size"]:
            drawn["size"] = run.history_size()
            draw(drawn["size"])
        elif not backend.is_going(run):
            tick_on(False)

    return check
