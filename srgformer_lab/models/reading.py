"""A model that was read so that its scores can be taken apart: what all explanations ask of it, whichever model it is.

A score is the product of a user's vector and an item's. Each vector is a sum of parts, and each part a sum of components that came
from somewhere: the node itself, a neighbour in the graph, a hyperedge. A model says so in a ``Reading`` of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.data.dataset import Dataset

SMALLEST_NORM = 1e-12
EDITED = 1e-4
"""A branch differs from the sum of its components by more than this share of their sizes only if a hook changed it on the way."""
INDEX: Mapping[str, type] = MappingProxyType(
    {"part": object, "source": object, "neighbor": int, "depth": int, "head": int, "modality": object, "hyperedge": int}
)


@dataclass(frozen=True, eq=False)
class Components:
    """What one node's parts consist of, each multiplied with some targets."""

    index: pd.DataFrame
    """``part``; ``source`` (own, neighbor, similar, hyperedge, everyone, rest or edit); ``neighbor`` (node), ``depth``, ``head``,
    ``modality``, ``hyperedge``, −1 or ``""`` where they don't apply."""
    values: Float[np.ndarray, "components targets"]
    """⟨component, target⟩; for each target the sum over a part's components is ⟨part, target⟩."""

    @property
    def total(self) -> pd.DataFrame:
        """The index with one column ``contribution``: the sum over all targets."""
        return self.index.assign(contribution=self.values.sum(1))


class Piece(NamedTuple):
    """Some components of one branch, as vectors before its norm and scale, and where they came from."""

    source: str
    """``own``: the node itself; ``neighbor``: on the other side of an interaction; ``similar``: an item that looks or reads alike;
    ``hyperedge``; ``everyone``: the same for all users; ``rest``: what no single one brings alone; ``edit``: what a hook put in."""
    vectors: Tensor
    neighbor: Tensor | int = -1
    depth: int = 0
    head: int = -1
    modality: str = ""
    hyperedge: Tensor | int = -1


class ComponentTable:
    """Components as they are gathered, branch by branch."""

    def __init__(self, parts: Mapping[str, Float[Tensor, " dim"]], targets: Float[Tensor, "targets dim"]) -> None:
        """Begin with none; ``parts`` are what the components sum to."""
        self.parts, self.targets = parts, targets
        self._frames: list[pd.DataFrame] = []
        self._values: list[np.ndarray] = [np.empty((0, len(targets)))]

    def add(self, part: str, pieces: list[Piece], scale: Tensor | float = 1.0, place: slice = slice(None)) -> None:
        """Take a part's components, or those of some of its columns.

        Where a hook changed the branch after its components were summed, the components are scaled by the multiple of their sum that
        is nearest to what came out (0 for a muted one), and what else the hook put in becomes a component of its own.
        """
        if part not in self.parts:
            return
        whole, targets = self.parts[part][place], self.targets[:, place].T
        vectors = [scale * piece.vectors for piece in pieces]
        sizes = [each.norm(dim=1, keepdim=True) for each in vectors]
        total, size = sum((each.sum(0) for each in vectors), start=torch.zeros_like(whole)), sum(float(each.sum()) for each in sizes)
        kept = 1.0
        if float((whole - total).norm()) > EDITED * size:
            kept = float(whole @ total / (total @ total)) if total.any() else 0.0
        rest = whole - kept * total
        is_edited = float(rest.norm()) > EDITED * size
        for piece, each, norm in zip(pieces, vectors, sizes, strict=True):
            rounded = 0.0 if is_edited or not size else norm / size * rest
            self._append(part, piece, (kept * each + rounded) @ targets)
        if is_edited:
            self._append(part, Piece("edit", rest), rest[None] @ targets)

    def _append(self, part: str, piece: Piece, values: Float[Tensor, "components targets"]) -> None:
        keys = {name: value.cpu().numpy() if isinstance(value, Tensor) else value for name, value in piece._asdict().items()}
        keys.pop("vectors")
        self._frames.append(pd.DataFrame({"part": part, **keys}, index=range(len(values))))
        self._values.append(values.cpu().numpy())

    def finish(self) -> Components:
        """Put everything below each other."""
        frames = [frame for frame in self._frames if len(frame)]
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in INDEX.items()})
        return Components(pd.concat(frames, ignore_index=True) if frames else empty, np.concatenate(self._values))


class Reading(ABC):
    """A model, or a pass of it, whose scores are sums; node numbers put users first, then items."""

    data: Dataset
    """The data set of the model that was read."""
    note: str = ""
    """How a user's history enters a score, in a sentence for people; empty where the shares need no word."""
    reads_history: bool = True
    """Whether what a user took moves the scores of other items, with the weights as they are."""
    has_removals: bool = False
    """Whether the shares of the history are removals, as where a score is no sum over it."""

    @property
    def device(self) -> torch.device:
        """Where the model that was read lives."""
        return torch.device("cpu")

    @abstractmethod
    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the model's own scores of all items for some user rows: the higher, the better."""

    @abstractmethod
    def parts(self, node: int) -> dict[str, Float[Tensor, " dim"]]:
        """Return a node's parts in float64; the score of a user and an item is the product of the sums of theirs."""

    @abstractmethod
    def gather(self, table: ComponentTable, node: int) -> None:
        """Add the components of every part of a node to a table."""

    def components(self, node: int, targets: Float[Tensor, "targets dim"]) -> Components:
        """Multiply every component of a node's parts with the targets, in float64."""
        with torch.no_grad():
            table = ComponentTable(self.parts(node), targets.double())
            self.gather(table, node)
        return table.finish()

    def attention(self, node: int) -> pd.DataFrame:
        """Return the weights that a node gives its neighbours: ``neighbor``, ``head``, ``weight``; none without attention."""
        return pd.DataFrame({"neighbor": pd.Series(dtype=int), "head": pd.Series(dtype=int), "weight": pd.Series(dtype=float)})

    def memberships(self, node: int) -> pd.DataFrame:
        """Return how far a node belongs to each hyperedge: ``modality``, ``hyperedge``, ``membership``; none without hyperedges."""
        return pd.DataFrame({"modality": pd.Series(dtype=object), "hyperedge": pd.Series(dtype=int), "membership": pd.Series(dtype=float)})

    def absent(self, item: int) -> dict[str, str]:
        """Return, for each modality that an item row lacks, a sentence that says what its part is then."""
        return {}


def rounded_to(whole: Float[Tensor, " dim"], parts: Mapping[str, Float[Tensor, " dim"]]) -> dict[str, Float[Tensor, " dim"]]:
    """Return parts in float64 that sum to the whole: what the model rounded off is shared in proportion to their sizes."""
    stacked = torch.stack([part.double() for part in parts.values()])
    size = stacked.norm(dim=1, keepdim=True)
    rest = whole.double() - stacked.sum(0)
    return dict(zip(parts, stacked + rest * size / size.sum().clamp_min(SMALLEST_NORM), strict=True))


def in_blocks(parts: Mapping[str, Float[Tensor, " dim"]]) -> dict[str, Float[Tensor, " blocks"]]:
    """Return parts of one width such that each meets its namesake alone: side by side in one long vector, 0 elsewhere.

    So it is where a model multiplies one vector of a user with several of an item, and a score is a sum of their products.
    """
    zeros = {name: torch.zeros_like(part) for name, part in parts.items()}
    return {name: torch.cat([part if other == name else zero for other, zero in zeros.items()]) for name, part in parts.items()}


def block_of(name: str, names: tuple[str, ...], dim: int) -> slice:
    """Return the columns of one part among ``names`` in what ``in_blocks`` makes."""
    first = names.index(name) * dim
    return slice(first, first + dim)


def part_names(modalities: tuple[str, ...], taken: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the parts of modalities are called beside other parts: ``id modality`` for one that has such a part's name."""
    return tuple(f"{name} modality" if name in taken else name for name in modalities)
