"""The spaces that a model embeds its users and items in, read as unit vectors: what alignment measures and projections draw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, LabError
from srgformer_lab.models.identity import checked
from srgformer_lab.models.trace import Trace

SIDES = ("users", "items")


def check_side(side: str) -> None:
    """Refuse anything but ``users`` and ``items``.

    Raises:
        ConfigError: With what was given.
    """
    if side not in SIDES:
        raise ConfigError(f"side={side!r} must be 'users' or 'items'")


@checked
def space_names(trace: Trace) -> tuple[str, ...]:
    """Return the names of the spaces that a pass has.

    Args:
        trace: A pass of the model.

    Returns:
        ``id``, each modality, ``attention``, ``hypergraph`` and their sum, ``fused``.
    """
    return ("id", *trace.modality, "attention", "hypergraph", "fused")


def unit_vectors(trace: Trace, space: str, side: str) -> tuple[Float[Tensor, "rows dim"], Bool[Tensor, " rows"]]:
    """Return one side's unit vectors in a space, in double precision on the CPU, and which rows have one: nz(x) = x / ‖x‖.

    A row has none if its norm is at most 1e-12, where nz stops dividing: isolated users and items in a modality or in attention.

    Raises:
        ConfigError: The pass has no such space, or ``side`` is no side.
        LabError: A value is not finite, or the pass covers some nodes only.
    """
    check_side(side)
    if space not in space_names(trace):
        raise ConfigError(f"the model has no space {space!r}; it has {', '.join(space_names(trace))}")
    whole = trace.modality[space] if space in trace.modality else trace.fused if space == "fused" else trace.parts[space]
    values = getattr(whole, side).detach().cpu().double()
    if not values.isfinite().all():
        raise LabError(f"the space {space} holds values that are not finite: the training diverged; take the model of an earlier epoch")
    return normalize(values, dim=1, eps=1e-12), values.norm(dim=1) > 1e-12


def ids_of(data: Dataset, side: str) -> Sequence[str]:
    """Return the raw ids of one side's rows.

    Raises:
        ConfigError: ``side`` is no side.
    """
    check_side(side)
    return data.user_ids if side == "users" else data.item_ids


@dataclass(frozen=True, eq=False)
class Pair:
    """The unit vectors of two modalities, row by row, where both have one."""

    first: Float[Tensor, "kept dim"]
    second: Float[Tensor, "kept dim"]
    rows: Int[Tensor, " kept"]
    """The row of the side that each kept row is."""
    left_out: int
    """Rows whose embedding is 0 in either modality."""
    side: str

    def __repr__(self) -> str:
        """Say how many rows are compared."""
        return f"Pair({len(self.rows):,} {self.side}, {self.left_out:,} left out)"

    def check_neighbors(self, k: int) -> None:
        """Refuse more neighbours than a row has others.

        Raises:
            ConfigError: With the most that can be asked for.
        """
        if not 1 <= k < len(self.rows):
            raise ConfigError(
                f"k={k} must be from 1 to {len(self.rows) - 1}: {len(self.rows):,} {self.side} have a vector in both modalities, "
                f"{self.left_out:,} are left out"
            )

    def between(self, left: Int[np.ndarray, " pairs"], right: Int[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
        """Return the cosines of some rows in the first modality with some in the second."""
        return (self.first[torch.from_numpy(left)] * self.second[torch.from_numpy(right)]).sum(1).clamp(-1, 1).numpy()


def pair_of(trace: Trace, first: str, second: str, side: str) -> Pair:
    """Read two modalities of one side.

    Raises:
        ConfigError: The model lacks one, both are the same, ``side`` is no side, or fewer than 2 rows have both vectors.
    """
    check_side(side)
    known = ", ".join(trace.modality) or "none"
    if len(trace.modality) < 2:
        raise ConfigError(
            f"comparing modalities needs two of them, and this model has {known}; train one on data with two modalities, "
            "or look at a single space with project()"
        )
    for name in (first, second):
        if name not in trace.modality:
            raise ConfigError(f"the model has no modality {name!r}; it has {known}")
    if first == second:
        raise ConfigError(f"first and second are both {first!r}; compare two different modalities of {known}")
    (x, has_x), (y, has_y) = (unit_vectors(trace, name, side) for name in (first, second))
    rows = (has_x & has_y).nonzero().squeeze(1)
    if len(rows) < 2:
        raise ConfigError(f"only {len(rows)} of {len(x):,} {side} have a vector in both {first} and {second}; at least 2 are needed")
    return Pair(x[rows], y[rows], rows, len(x) - len(rows), side)
