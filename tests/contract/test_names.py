"""A name means one thing: no two rooms call different things alike."""

import importlib
import inspect
import pkgutil
from types import ModuleType

LISTED = ("srgformer_lab", "srgformer_lab.plots", "srgformer_lab.backend")
"""Rooms that list their public names."""
UNLISTED = ("srgformer_lab.experiments", "srgformer_lab.lessons")
"""Rooms whose public names are those that their modules define."""


def listed(room: ModuleType) -> dict[str, object]:
    names = getattr(room, "__all__", None) or [name for name in vars(room) if not name.startswith("_")]
    return {name: getattr(room, name) for name in names if not inspect.ismodule(getattr(room, name))}


def defined(room: ModuleType) -> dict[str, object]:
    """Return the functions and classes that the modules of a room define."""
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
    named = [(name, value, module.__name__) for module in modules for name, value in vars(module).items()]
    return {name: value for name, value, home in named if not name.startswith("_") and getattr(value, "__module__", None) == home}


def test_no_public_name_is_defined_twice():
    rooms = {room: listed(importlib.import_module(room)) for room in LISTED}
    rooms |= {room: defined(importlib.import_module(room)) for room in UNLISTED}
    seen: dict[str, tuple[str, object]] = {}
    twice = []
    for room, names in rooms.items():
        for name, value in names.items():
            first, known = seen.setdefault(name, (room, value))
            if known is not value:
                twice.append(f"{name} in {first} and {room}")
    assert not twice
    assert all(rooms.values())
    assert len(seen) > 250


def test_no_figure_is_named_as_a_module_beside_it():
    """Else the package's name would be the module once somebody imports it."""
    plots = importlib.import_module("srgformer_lab.plots")
    modules = {module.name for module in pkgutil.iter_modules(plots.__path__)}
    assert not modules & set(plots.__all__)


def test_what_a_figure_takes_is_described_where_its_arguments_are():
    """``dark`` and ``hint`` mean the same for every figure, so the room's docstring says them once."""
    plots = importlib.import_module("srgformer_lab.plots")
    silent = []
    for name, function in listed(plots).items():
        told = inspect.getdoc(function) or ""
        if inspect.isfunction(function) and "Args:" in told:
            named = [parameter for parameter in inspect.signature(function).parameters if parameter not in ("dark", "hint")]
            silent += [f"{name}: {parameter}" for parameter in named if f"\n    {parameter}: " not in told]
    assert not silent
    assert all(f"``{word}``" in str(plots.__doc__) for word in ("dark", "hint"))
