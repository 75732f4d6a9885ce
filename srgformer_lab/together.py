"""The processes that train one model together: what each computes of a step, and what they tell one another.

All draw the same batches, noise and samples, so that a process knows the whole batch and takes its part of the rows. Parts of a term add
up to the term, and parts of a gradient to the gradient: one sum over the processes makes of both what a single process would have.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from srgformer_lab.errors import RunError

T = TypeVar("T")
GONE = "another process of this training is gone, so this one ended too; what the other said before it went is the reason"


@dataclass(frozen=True)
class Together:
    """One of the processes that train a model together; by default the only one."""

    rank: int = 0
    """From 0: the first process writes, obeys requests, and tells the others."""
    n_processes: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process."""
        return self.n_processes == 1

    def device(self, name: str) -> str:
        """Return the device of this process, where each has one of several of that name."""
        is_cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if is_cuda and not self.is_alone else name

    def part(self, rows: Tensor) -> Tensor:
        """Return this process's part of rows that all processes have; empty where there are fewer rows than processes."""
        return rows if self.is_alone else rows.tensor_split(self.n_processes)[self.rank]

    def norm(self, part: Tensor) -> Tensor:
        """Return a value and a gradient that add up, over the processes, to those of ‖x‖, of which each has ‖its part of x‖.

        Gradients of ‖x‖ are x/‖x‖, and each process knows only those of its part: they are scaled by ‖part‖/‖x‖.
        """
        if self.is_alone:
            return part
        own = part.detach()
        whole = self._sum(own.square()).sqrt().clamp_min(torch.finfo(own.dtype).tiny)
        return (own * own + own * (part - own)) / whole

    def add(self, values: Sequence[Tensor]) -> None:
        """Replace values by their sums over the processes, in place, with one message."""
        if self.is_alone or not values:
            return
        total = self._sum(torch.cat([value.flatten() for value in values]))
        for value, summed in zip(values, total.split([value.numel() for value in values]), strict=True):
            value.copy_(summed.view_as(value))

    def agreed(self, message: T) -> T:
        """Return what the first process says; what the others say doesn't count.

        Raises:
            RunError: The first process is gone.
        """
        box: list[T] = [message]
        if not self.is_alone:
            with _loss_is_named():
                dist.broadcast_object_list(box, 0)
        return box[0]

    def gathered(self, message: T) -> list[T]:
        """Return what each process says, by rank.

        Raises:
            RunError: One of them is gone.
        """
        box: list[T] = [message] * self.n_processes
        if not self.is_alone:
            with _loss_is_named():
                dist.all_gather_object(box, message)
        return box

    def _sum(self, value: Tensor) -> Tensor:
        with _loss_is_named():
            dist.all_reduce(value)
        return value


ALONE = Together()


@contextmanager
def _loss_is_named() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RunError(GONE) from error


@contextmanager
def joined() -> Iterator[Together]:
    """Join the processes that ``torchrun`` started with this one; alone where it didn't.

    They talk through gloo, and about what lies on CUDA through NCCL.
    """
    if dist.is_available() and dist.is_initialized():  # by a block around this one
        yield Together(dist.get_rank(), dist.get_world_size())
    elif dist.is_available() and dist.is_torchelastic_launched() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        try:
            yield Together(dist.get_rank(), dist.get_world_size())
        finally:
            dist.destroy_process_group()
    else:
        yield Together()
