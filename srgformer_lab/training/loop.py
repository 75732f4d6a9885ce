"""The one training loop. It yields after every step and every epoch; whoever drives it decides what to do with that."""

import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from srgformer_lab import runtime
from srgformer_lab.config import KNOBS, MODEL_KNOBS, Config, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.splitting import check_trainable, selection_metric
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.protocol import B, Trainable
from srgformer_lab.together import ALONE, T, Together
from srgformer_lab.training.evaluation import CUTOFFS, METRIC, evaluate


@dataclass(frozen=True)
class StepRecord:
    """One optimiser step."""

    epoch: int
    """From 1: the epoch that this step is part of."""
    step: int
    """From 1: how many steps of the epoch are done."""
    n_steps: int
    terms: Mapping[str, Tensor]
    """The weighted terms on this batch, where they were computed."""

    @cached_property
    def losses(self) -> dict[str, float]:
        """The weighted terms on this batch. On an accelerator, reading them waits for the step to end.

        Raises:
            RunError: A term is not finite.
        """
        return _finite(dict(zip(self.terms, torch.stack(list(self.terms.values())).tolist(), strict=True)), self.epoch, self.step)


@dataclass(frozen=True)
class EpochRecord:
    """One epoch and its validation."""

    epoch: int
    losses: Mapping[str, float]
    """The weighted terms, averaged over the steps."""
    metrics: Mapping[str, float]
    """Recall and NDCG on the validation split."""
    seconds: float
    knobs: Mapping[str, float]
    """The knobs in force when the epoch ended."""
    is_best: bool
    """Whether the selection metric on the validation split is strictly above that of every epoch before."""


class Ended(Exception):  # noqa: N818 it is news, and no error
    """The first of the processes that train together has stopped, or its training broke off."""


class Training(Generic[B]):
    """A model, its optimiser and how far they are: all that a resumed training needs."""

    def __init__(
        self, model: Trainable[B], data: Dataset, config: TrainConfig, metric: str | None = None, together: Together = ALONE
    ) -> None:
        """Move the model to its device and set up Adam (constant rate, no weight decay).

        ``metric`` chooses the best epoch; unless given, it follows from the data. ``together`` are the processes that train.

        Raises:
            DataError: Nothing can be learned from the data, or the validation split is empty.
        """
        check_trainable(data)
        self.device, self.together = runtime.resolve_device(together.device(config.device)), together
        self.model, self.data, self.config = model.to(self.device), data, config
        self.model.together = together
        self.optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
        self.selection_metric = metric or selection_metric(data)
        self.epoch = 0
        self.best_epoch = 0
        self.best_value = -math.inf

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or ``patience`` of them brought nothing better."""
        return self.epoch >= self.config.epochs or self.epoch - self.best_epoch >= self.config.patience

    @property
    def knobs(self) -> dict[str, float]:
        """What may change while this training runs: the model's own knobs, if it has them, and the objective's."""
        sources: tuple[Config, ...] = (self.model.config, self.config)
        return {name: getattr(source, name) for name in KNOBS for source in sources if hasattr(source, name)}

    def update_knobs(self, values: Mapping[str, float]) -> dict[str, tuple[float, float]]:
        """Set knobs from the next step on, and give those that changed with their values before and after.

        Raises:
            ConfigError: A name is not a knob of this training, or a value is outside its range; nothing changes then.
        """
        before = self.knobs
        if unknown := sorted(set(values) - set(before)):
            raise ConfigError(f"{', '.join(unknown)} can't change while this training runs; its knobs are {', '.join(before)}")
        of_model = self.model.config.replace(**{name: value for name, value in values.items() if name in MODEL_KNOBS})
        self.config = self.config.replace(**{name: value for name, value in values.items() if name not in MODEL_KNOBS})
        self.model.config = of_model
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate
        return {name: (before[name], value) for name, value in self.knobs.items() if value != before[name]}

    def records(self) -> Generator[StepRecord | EpochRecord, None, None]:
        """Train until it is over. Of several processes all begin from where the first is, and whoever drives that ends all.

        Raises:
            RunError: A term of the loss is no longer finite; the weights of the last complete epoch are unharmed on disk.
            Ended: This is not the first process, and the first has stopped.
        """
        self._begin_together()
        try:
            while not self.is_over:
                yield from self._one_epoch()
        except GeneratorExit:
            if not self.is_over:
                self.withdraw()
            raise

    def withdraw(self) -> None:
        """Tell the other processes, which wait to go on, that nothing more is trained."""
        self.together.agreed(None)

    def _begin_together(self) -> None:
        """Take weights, moments and progress from the first process."""
        if self.together.is_alone:
            return
        progress = {name: getattr(self, name) for name in ("epoch", "best_epoch", "best_value")}
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()} if self.together.is_first else {}
        knobs, progress, state = self._heard((self.knobs, progress, tree_map_only(Tensor, Tensor.cpu, state)))
        if not self.together.is_first:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            vars(self).update(progress)
            self.update_knobs(knobs)

    def _heard(self, message: T) -> T:
        """Return what the first process says, unless that has ended."""
        heard = self.together.agreed(message)
        if heard is None:
            raise Ended
        return heard

    def _one_epoch(self) -> Iterator[StepRecord | EpochRecord]:
        started, epoch = time.perf_counter(), self.epoch + 1
        n_steps = self.model.n_batches(self.config.batch_size)
        batches = self.model.batches(self.config.batch_size, runtime.generator(self.device, self.config.seed, epoch, "batches"))
        self.model.start_epoch(runtime.generator(self.device, self.config.seed, epoch, "noise"), epoch)
        self.model.train()
        total: dict[str, Tensor] = {}
        for step, batch in enumerate(batches, start=1):
            if not self.together.is_alone:
                self.update_knobs(self._heard(self.knobs))
            record = StepRecord(epoch, step, n_steps, self.step(batch))
            if not runtime.is_accelerator(self.device):
                record.losses  # noqa: B018 read at every step, since it costs nothing here: a bad one stops the run at once
            total = {name: total[name] + value if total else value for name, value in record.terms.items()}
            yield record
        mean = StepRecord(epoch, n_steps, n_steps, {name: value / n_steps for name, value in total.items()}).losses
        self.model.eval()
        metrics = self._heard(self._evaluated() if self.together.is_first else {})
        is_best = metrics[self.selection_metric] > self.best_value
        self.epoch = epoch
        if is_best:
            self.best_epoch, self.best_value = epoch, metrics[self.selection_metric]
        yield EpochRecord(epoch, mean, metrics, time.perf_counter() - started, self.knobs, is_best)

    def _evaluated(self) -> dict[str, float]:
        return evaluate(self.model, self.data, "valid", cutoffs_for(self.selection_metric))

    def step(self, batch: B) -> dict[str, Tensor]:
        """Take one optimiser step and give the weighted loss terms that it descended; nothing waits for an accelerator here."""
        self.optimizer.zero_grad()
        terms = self.model.losses(batch, self.config)
        values = torch.stack(list(terms.values()))
        values.sum().backward()
        values = values.detach()
        self.together.add([values, *(weight.grad for weight in self.model.parameters() if weight.grad is not None)])
        self.optimizer.step()
        return dict(zip(terms, values.unbind(), strict=True))


@on_own_data
def epochs(model: Trainable[B], data: Dataset, config: TrainConfig | None = None) -> Iterator[EpochRecord]:
    """Train a model in place, an epoch at a time, until early stopping or the last epoch.

    The model keeps its latest weights; ``fit`` keeps the best ones and writes a run folder.

    Args:
        model: A model that learns.
        config: How to train; ``TrainConfig()`` by default.
        data: The model's own data; may be left out or stand second.

    Returns:
        An iterator with a record of each epoch: losses, validation metrics, seconds.

    Raises:
        RunError: A term of the loss is no longer finite.
        DataError: Nothing can be learned from the data, the validation split is empty, or the data is other than the model's.
    """
    training = Training(model, data, config or TrainConfig())
    return (record for record in training.records() if isinstance(record, EpochRecord))


def cutoffs_for(metric: str) -> tuple[int, ...]:
    """Return the cut-offs of an evaluation that knows a metric, the usual ones among them.

    Raises:
        ConfigError: It is not recall@k or ndcg@k.
    """
    if not (found := METRIC.fullmatch(metric)):
        raise ConfigError(f"metric={metric!r} must be recall@k or ndcg@k with a whole number from 1")
    return tuple(sorted({*CUTOFFS, int(found[1])}))


def _finite(losses: dict[str, float], epoch: int, step: int) -> dict[str, float]:
    for name, value in losses.items():
        if not math.isfinite(value):
            raise RunError(
                f"the loss term {name} became {value} in epoch {epoch}, step {step}; "
                "try a lower learning_rate, a higher temperature or a smaller weight of this term"
            )
    return losses
