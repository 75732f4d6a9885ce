"""The sites of a model that a hook can read or edit, and the one context manager that edits through them.

Each site is an ``nn.Identity``: torch's own ``register_forward_hook`` works on it, and so does any tool built on that.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from srgformer_lab.errors import ConfigError
from srgformer_lab.models.parts import ByModality


class Hooks(nn.Module):
    """Where a forward pass of SRGFormer can be read or changed."""

    def __init__(self, modalities: Iterable[str]) -> None:
        """Make one site each for the ID, attention and fused values, and one a modality for the others."""
        super().__init__()
        names = tuple(modalities)

        def per_modality() -> ByModality:
            return ByModality({name: nn.Identity() for name in names})

        self.id_embedding = nn.Identity()  # (nodes, dim): E⁰
        self.collaborative = nn.Identity()  # (nodes, dim): E^id
        self.modality = per_modality()  # (nodes, dim): E^m
        self.user_membership = per_modality()  # (users, hyperedges): H_u^m
        self.item_membership = per_modality()  # (items, hyperedges): H_i^m
        self.hyperedges = per_modality()  # (hyperedges, dim): Λ^m of the last layer
        self.attention_score = nn.Identity()  # (edges, heads): before they become weights; equal ones weigh alike in every form
        self.attention_weight = nn.Identity()  # (edges, heads): rows of a node sum to 1
        self.attention_output = nn.Identity()  # (rows, heads, head width)
        self.fused = nn.Identity()  # (rows, dim): E*
        self.active: tuple[Edit, ...] = ()
        self._handles: list[RemovableHandle] = []

    def of(self, group: ByModality, modality: str) -> nn.Module:
        """Find the site of one modality in a group of sites.

        Raises:
            ConfigError: The model has no such modality.
        """
        if modality not in group:
            raise ConfigError(f"the model has no modality {modality!r}; it has {', '.join(group) or 'none'}")
        return group[modality]

    @contextmanager
    def edit(self, *edits: "Edit | tuple[Edit, ...]") -> Iterator[None]:
        """Apply edits to every pass inside the block, after those already active, and leave nothing behind."""
        with self.exactly(*self.active, *flat(edits)):
            yield

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy starts with: an edit belongs to its ``with`` block, so copies are made without it."""
        return self.__dict__ | {"active": ()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the hooks of edits off the copy."""
        super().__setstate__(state)
        self._install(())

    @contextmanager
    def exactly(self, *edits: "Edit") -> Iterator[None]:
        """Apply these edits and no others inside the block, and restore the others afterwards."""
        before = self.active
        try:
            self._install(edits)
            yield
        finally:
            self._install(before)

    def adopt(self, other: "Hooks") -> None:
        """Take over the edits that are active at another model's hooks, for good."""
        self._install(other.active)

    def _install(self, edits: "tuple[Edit, ...]") -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.active = edits
        for edit in edits:
            self._handles.append(edit.site(self).register_forward_hook(_Hook(edit.change)))


@dataclass(frozen=True)
class Edit:
    """A change of one site's value."""

    name: str
    site: Callable[[Hooks], nn.Module]
    change: Callable[[Tensor], Tensor]

    def __repr__(self) -> str:
        """Say what the edit does."""
        return self.name


def flat(edits: "Iterable[Edit | tuple[Edit, ...]]") -> tuple[Edit, ...]:
    """Return edits one after another; those that only work together come in a tuple."""
    return tuple(part for edit in edits for part in (edit if isinstance(edit, tuple) else (edit,)))


class _Hook:
    """What torch calls at a site; a copy of it changes nothing."""

    def __init__(self, change: Callable[[Tensor], Tensor] | None = None) -> None:
        self.change = change

    def __call__(self, module: nn.Module, arguments: tuple[Tensor, ...], value: Tensor) -> Tensor | None:
        return self.change(value) if self.change else None

    def __reduce__(self) -> tuple[type, tuple]:
        return _Hook, ()
