"""Rows of embeddings that know which nodes they belong to, and what the attention branch computed."""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from srgformer_lab.errors import LabError


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One vector a node, for all nodes or for some; node numbers put users first, then items."""

    values: Float[Tensor, "rows dim"]
    nodes: Int[Tensor, " rows"]
    """The node of each row, increasing."""
    n_users: int
    n_nodes: int

    def __repr__(self) -> str:
        """Say how many nodes the rows cover."""
        return f"Embeddings({len(self.nodes):,} of {self.n_nodes:,} nodes × {self.values.shape[1]})"

    @property
    def users(self) -> Float[Tensor, "users dim"]:
        """The users' rows.

        Raises:
            LabError: The rows don't cover all users.
        """
        return self._side("users")

    @property
    def items(self) -> Float[Tensor, "items dim"]:
        """The items' rows.

        Raises:
            LabError: The rows don't cover all items.
        """
        return self._side("items")

    @property
    def halves(self) -> tuple[Float[Tensor, "users dim"], Float[Tensor, "items dim"]]:
        """The users' rows and the items', of rows that cover all nodes; their gradients are put together in one operation."""
        users, items = self.values.split([self.n_users, self.n_nodes - self.n_users])
        return users, items

    def _side(self, kind: str) -> Tensor:
        is_whole = len(self.nodes) == self.n_nodes
        border = self.n_users if is_whole else int(torch.searchsorted(self.nodes, self.n_users))
        rows, count = (self.values[:border], self.n_users) if kind == "users" else (self.values[border:], self.n_nodes - self.n_users)
        if len(rows) != count:
            raise LabError(f"these {len(self.nodes)} of {self.n_nodes} nodes are not all {kind}; take trace() for all, or .of(nodes)")
        return rows

    @cached_property
    def unit(self) -> "Embeddings":
        """The same rows at norm 1."""
        return self.with_values(unit(self.values))

    def of(self, nodes: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen dim"]:
        """Return the rows of these nodes, in this order.

        Raises:
            LabError: One of them is not covered.
        """
        if len(self.nodes) == self.n_nodes:
            return self.values.index_select(0, nodes)
        place = torch.searchsorted(self.nodes, nodes).clamp(max=len(self.nodes) - 1)
        if not torch.equal(self.nodes[place], nodes):
            raise LabError("some of these nodes are not covered by this pass; name them in forward(nodes=…), or take trace()")
        return self.values.index_select(0, place)

    def with_values(self, values: Float[Tensor, "rows dim"]) -> "Embeddings":
        """Return other values for the same nodes."""
        return Embeddings(values, self.nodes, self.n_users, self.n_nodes)


@dataclass(frozen=True, eq=False)
class AttentionTrace:
    """Who looked at whom: a user at the items of its history, an item at its users."""

    node: Int[Tensor, " edges"]
    """The node that looks."""
    neighbor: Int[Tensor, " edges"]
    """The node that is looked at."""
    score: Float[Tensor, "edges heads"]
    """What the weights are made of: clipped inner products or 10 cosines before the softmax; in the linear form φ(q)·φ(k),
    above 0, whose shares the weights are; 0 in the uniform form."""
    weight: Float[Tensor, "edges heads"]
    """Each node's weights over its neighbours sum to 1 for every head."""
    input: Float[Tensor, "nodes dim"]
    """e of every node, which attention read: E⁰, or E^(L), which is a mixture of what lies up to L steps away."""
    reads: Float[Tensor, "nodes dim"]
    """What queries and keys are made of: the input, or Σ_m nz(E^m)."""
    value: Float[Tensor, "nodes dim"]
    """e W_V of every node, heads side by side: what its neighbours take from it."""
    output: Embeddings
    """E^att; 0 for a node without neighbours."""


Member = TypeVar("Member", bound=nn.Module | nn.Parameter)
HEX = "modality_"
"""What a module is called whose modality has a name that no module can have; the name follows, in hexadecimal digits."""


class ByModality(nn.Module, Generic[Member]):
    """Modules, or weights, by modality, whose names may be any: ``clip-vit``, ``items`` or ``image.text``.

    A name that is a plain word is the module's own, so that weights are called ``projection.image`` in a file.
    """

    def __init__(self, members: Mapping[str, Member]) -> None:
        """Register what is given for each modality."""
        super().__init__()
        self._attributes: dict[str, str] = {}
        for name, member in members.items():
            self._attributes[name] = attribute = self._attribute(name)
            if isinstance(member, nn.Parameter):
                self.register_parameter(attribute, member)
            else:
                self.add_module(attribute, member)

    def _attribute(self, name: str) -> str:
        is_plain = name.isidentifier() and not name.startswith(HEX) and not hasattr(self, name)
        return name if is_plain else HEX + name.encode("utf-8", "surrogatepass").hex()

    def __getitem__(self, name: str) -> Member:
        return getattr(self, self._attributes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __contains__(self, name: object) -> bool:
        return name in self._attributes

    def values(self) -> ValuesView[Member]:
        """Return what is kept, modality by modality."""
        return {name: self[name] for name in self}.values()

    def items(self) -> ItemsView[str, Member]:
        """Return each modality with what is kept for it."""
        return {name: self[name] for name in self}.items()


SMALLEST_NORM = 1e-12


def unit(values: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows dim"]:
    """Divide each row by its norm, at least 1e-12: nz(x)."""
    return _Unit.apply(values)


class _Unit(torch.autograd.Function):
    """y = x / |x|, whose gradient is (g − y ⟨y, g⟩) / |x|: half the passes over memory that its steps one by one take."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        norm = values.norm(dim=1, keepdim=True)
        one = values / norm.clamp_min(SMALLEST_NORM)
        ctx.save_for_backward(one, norm)
        return one

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        one, norm = ctx.saved_tensors
        along = (one * gradient).sum(1, keepdim=True) * (norm > SMALLEST_NORM)
        return torch.addcmul(gradient, one, along, value=-1).div_(norm.clamp_min(SMALLEST_NORM))
