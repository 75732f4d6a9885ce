"""A name means one thing: no two rooms call different things alike."""

import importlib
import inspect
from types import ModuleType

ROOMS = ("srgformer_lab", "srgformer_lab.plots", "srgformer_lab.backend")


def public(room: ModuleType) -> dict[str, object]:
    names = getattr(room, "__all__", None) or [name for name in vars(room) if not name.startswith("_")]
    return {name: getattr(room, name) for name in names if not inspect.ismodule(getattr(room, name))}


def test_no_public_name_is_defined_twice():
    seen: dict[str, tuple[str, object]] = {}
    twice = []
    for room in ROOMS:
        for name, value in public(importlib.import_module(room)).items():
            first, known = seen.setdefault(name, (room, value))
            if known is not value:
                twice.append(f"{name} in {first} and {room}")
    assert not twice
    assert len(seen) > 200


def test_no_figure_is_named_as_a_module_beside_it():
    """Else the package's name would be the module once somebody imports it."""
    plots = importlib.import_module("srgformer_lab.plots")
    assert not [name for name in plots.__all__ if inspect.ismodule(getattr(plots, name))]
