"""Progress in a terminal: epochs of one training, or trainings of an experiment, with the time that is left."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srgformer_lab.experiments.running import Progress
    from srgformer_lab.learn.run import Status


@contextmanager
def epochs_bar() -> Iterator[Any]:
    """Show a bar with the time left from the first status on; it counts epochs, in parts."""
    from tqdm import tqdm

    bars: list[tqdm] = []

    def watch(status: "Status") -> None:
        if not bars:
            layout = "{desc} {percentage:3.0f}%|{bar}| {n:.1f}/{total:.0f} epochs [{elapsed}<{postfix}]"
            bars.append(tqdm(total=status.n_epochs, unit="epoch", bar_format=layout))
        bar, left = bars[0], status.eta_seconds
        bar.n = status.epoch + (status.step / status.n_steps if status.n_steps else 0)
        bar.total = bar.n if status.state == "finished" else status.n_epochs
        bar.set_description_str(
            f"best recall@20 {status.best_metric:.4f} at {status.best_epoch}" if status.best_epoch else status.state, refresh=False
        )
        bar.set_postfix_str(f"{tqdm.format_interval(left)} at most" if left == left else "measuring")

    try:
        yield watch
    finally:
        for bar in bars:
            bar.close()


@contextmanager
def trainings_bar() -> Iterator[Any]:
    """Show, in a terminal, how many trainings are done and about how long the others take."""
    from tqdm import tqdm

    layout = "{percentage:3.0f}%|{bar}| {n}/{total} trainings [{elapsed}<{postfix}]"
    with tqdm(unit="training", bar_format=layout, disable=None) as bar:

        def watch(progress: "Progress") -> None:
            bar.n, bar.total = progress.n_done, progress.n_cases
            left = progress.seconds_left
            bar.set_postfix_str(f"about {tqdm.format_interval(left)}" if left == left else "measuring")

        yield watch
