"""What a step learns from: training triples, each pair once an epoch, with an item that the user is not known to have; or whole users."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from srgformer_lab.data.dataset import Dataset


class Batch(NamedTuple):
    """Rows of users, of items they have, and of items they are not known to have."""

    user: Int[Tensor, " batch"]
    positive: Int[Tensor, " batch"]
    negative: Int[Tensor, " batch"]


class TripleSampler(nn.Module):
    """Shuffled positives and uniform negatives, drawn for a whole epoch at once on the model's device.

    A negative is drawn from the items that occur in training, and redrawn while it is one of the user's training items.
    A user who has them all is skipped.

    Source: BPR (Rendle et al. 2009), with each training pair once an epoch.
    """

    def __init__(self, data: Dataset) -> None:
        """Keep the training pairs and the items that occur in them."""
        super().__init__()
        self.n_items = data.n_items
        pairs = torch.from_numpy(data.pairs("train").copy())
        pool = torch.bincount(pairs[:, 1]).nonzero()[:, 0]
        known = np.sort((pairs[:, 0] * data.n_items + pairs[:, 1]).numpy())  # a what-if builds a model, so this must not take long
        degree = torch.bincount(pairs[:, 0], minlength=data.n_users)
        self.pairs: Tensor
        self.pool: Tensor
        self.known: Tensor
        self.register_buffer("pairs", pairs[degree[pairs[:, 0]] < len(pool)], persistent=False)
        self.register_buffer("pool", pool, persistent=False)
        self.register_buffer("known", torch.from_numpy(known), persistent=False)

    def n_batches(self, batch_size: int) -> int:
        """Count the batches of an epoch; the short last one is kept."""
        return -(-len(self.pairs) // batch_size)

    def batches(self, batch_size: int, draws: torch.Generator) -> Iterator[Batch]:
        """Return one epoch."""
        order = torch.randperm(len(self.pairs), generator=draws, device=self.pairs.device)
        user, positive = self.pairs[order].T.contiguous()
        negative = self._negatives(user, draws)
        for start in range(0, len(order), batch_size):
            rows = slice(start, start + batch_size)
            yield Batch(user[rows], positive[rows], negative[rows])

    def _negatives(self, user: Int[Tensor, " pairs"], draws: torch.Generator) -> Int[Tensor, " pairs"]:
        negative = torch.empty_like(user)
        open_rows = torch.arange(len(user), device=user.device)
        while len(open_rows):
            draw = torch.randint(len(self.pool), (len(open_rows),), generator=draws, device=user.device)
            negative[open_rows] = self.pool[draw]
            open_rows = open_rows[self._is_known(user[open_rows], negative[open_rows])]
        return negative

    def _is_known(self, user: Int[Tensor, " rows"], item: Int[Tensor, " rows"]) -> Tensor:
        key = user * self.n_items + item
        place = torch.searchsorted(self.known, key).clamp(max=len(self.known) - 1)
        return self.known[place] == key


class Histories(nn.Module):
    """Every user's training items, one after another, to be picked out for some users at a time."""

    def __init__(self, data: Dataset) -> None:
        """Keep the training interactions by user."""
        super().__init__()
        matrix = data.matrix("train")
        self.first: Tensor
        self.item: Tensor
        self.register_buffer("first", torch.from_numpy(matrix.indptr.astype("int64")), persistent=False)
        self.register_buffer("item", torch.from_numpy(matrix.indices.astype("int64")), persistent=False)

    def entries(
        self, users: Int[Tensor, " chosen"], n_entries: int | None = None
    ) -> tuple[Int[Tensor, " entries"], Int[Tensor, " entries"]]:
        """Return the places in ``users`` and the items of all their interactions.

        Whoever knows how many there are says so: otherwise an accelerator is waited for.
        """
        begin, count = self.first[users], self.first[users + 1] - self.first[users]
        n_entries = int(count.sum()) if n_entries is None else n_entries
        place = torch.repeat_interleave(torch.arange(len(users), device=users.device), count, output_size=n_entries)
        number = torch.arange(n_entries, device=users.device) - (count.cumsum(0) - count)[place]
        return place, self.item[begin[place] + number]


class UserBatch(NamedTuple):
    """Whole users with their training items."""

    user: Int[Tensor, " batch"]
    place: Int[Tensor, " entries"]
    """For each training interaction of these users, whose it is: a position in ``user``."""
    item: Int[Tensor, " entries"]
    number: int
    """From 0: how many batches of the epoch came before."""


class UserSampler(nn.Module):
    """Every user with a training item once an epoch, shuffled."""

    def __init__(self, data: Dataset) -> None:
        """Find the users who have a training item."""
        super().__init__()
        self.histories = Histories(data)
        self.users: Tensor
        self.register_buffer("users", self.histories.first.diff().nonzero().squeeze(1), persistent=False)

    def n_batches(self, batch_size: int) -> int:
        """Count the batches of an epoch; the short last one is kept."""
        return -(-len(self.users) // batch_size)

    def batches(self, batch_size: int, draws: torch.Generator) -> Iterator[UserBatch]:
        """Return one epoch; its batches' sizes are read at once, so that no step waits for them."""
        users = self.users[torch.randperm(len(self.users), generator=draws, device=self.users.device)]
        parts = users.split(batch_size)
        count = self.histories.first.diff()
        sizes = torch.stack([count[part].sum() for part in parts]).tolist()
        for number, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            yield UserBatch(part, *self.histories.entries(part, size), number)
