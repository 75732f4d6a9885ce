"""The reference says what the code takes and returns: parameters and results are documented, and the examples run."""

import doctest
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import srgformer_lab as lab

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"(Args|Returns|Raises|Source|Examples):")
NAMED = re.compile(r" {4}(\*{0,2}\w+):")
LEAST_EXAMPLES = 12
WORLD = functools.cache(lab.studio)
"""One world for all examples that begin with the same."""


def documented() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Return all that can be called by a public name: functions, and the methods that a public class has from this package."""
    for name in vars(lab)["__all__"]:
        value = getattr(lab, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            for method in sorted(set(dir(value)) - set(dir(object))):
                found = inspect.getattr_static(value, method)
                function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
                if not method.startswith("_") and inspect.isfunction(function) and function.__module__.startswith("srgformer_lab"):
                    yield f"{name}.{method}", function


CALLED = dict(documented())
EXAMPLES = {
    test.name: test
    for name in vars(lab)["__all__"]
    for test in doctest.DocTestFinder(recurse=False).find(getattr(lab, name), name, module=False)
    if test.examples
}


def sections(docstring: str) -> dict[str, list[str]]:
    """Split a docstring into its lines by section; what stands before all of them is the section ``""``."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in docstring.splitlines():
        if line and not line.startswith(" "):
            match = SECTION.match(line)
            name = match.group(1) if match else ""
            found.setdefault(name, [])
        found[name].append(line)
    return found


def promised(name: str, section: str) -> list[str]:
    """Return a section of a docstring; a method that overrides one and is silent keeps what that one promises."""
    own, _, method = name.partition(".")
    behind = [vars(kind)[method] for kind in getattr(lab, own).__mro__ if method in vars(kind)] if method else [CALLED[name]]
    texts = (sections(inspect.cleandoc(getattr(each, "__doc__", None) or "")).get(section) for each in behind)
    return next((text for text in texts if text), [])


def test_a_good_part_of_the_package_is_looked_at() -> None:
    assert {"recommend", "Run.update_knobs", "Dataset.history", "SRGFormer.losses", "TrainConfig.replace", "FREEDOM.scorer"} <= set(CALLED)


@pytest.mark.parametrize("name", CALLED)
def test_docstring_names_exactly_the_parameters(name: str) -> None:
    taken = [
        {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "") + each.name
        for each in inspect.signature(CALLED[name]).parameters.values()
        if each.name not in ("self", "cls")
    ]
    assert [match.group(1) for line in promised(name, "Args") if (match := NAMED.match(line))] == taken


@pytest.mark.parametrize("name", CALLED)
def test_docstring_says_what_is_returned(name: str) -> None:
    returns_something = inspect.signature(CALLED[name]).return_annotation not in (None, "None")
    assert bool(promised(name, "Returns")[1:]) == returns_something


@pytest.mark.parametrize("name", CALLED)
def test_docstring_begins_with_what_is_done(name: str) -> None:
    first = (CALLED[name].__doc__ or "").partition("\n")[0]
    assert re.fullmatch(r"[A-Z].*\S", first)
    assert first.split()[0] not in ("Give", "Say", "Tell")


def test_the_reference_shows_a_function_of_a_model_as_it_is_called() -> None:
    griffe = pytest.importorskip("griffe")
    code = """
    @on_own_data
    def read(model: Trace, data: Dataset, user_id: str, *items: str, k: int = 10, **more: float) -> float:
        return 0.0

    @checked
    def other(model: Trace, data: Dataset) -> float:
        return 0.0
    """
    extension = griffe.load_extensions(ROOT / "docs" / "signatures.py")
    with griffe.temporary_visited_package("shown", {"__init__.py": inspect.cleandoc(code)}, extensions=extension) as module:
        assert module["read"].signature() == (
            "read(model: Trace, user_id: str, *items: str, k: int = 10, data: Dataset | None = None, **more: float) -> float"
        )
        assert module["other"].signature() == "other(model: Trace, data: Dataset) -> float"


def test_the_most_used_functions_have_an_example() -> None:
    assert len(EXAMPLES) >= LEAST_EXAMPLES
    assert {"studio", "SRGFormer", "fit", "evaluate", "recommend", "explain", "what_if"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_does_what_it_shows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lab, "studio", WORLD)
    test, said = EXAMPLES[name], []
    test.globs = {"lab": lab}
    assert doctest.DocTestRunner(verbose=False).run(test, out=said.append).failed == 0, "".join(said)


@pytest.mark.parametrize("folder", ["srgformer_lab", "apps", "docs", "tutorials"])
def test_sources_are_public(folder: str) -> None:
    """A reader can look up the paper and the literature, but no document that isn't here."""
    files = [path for kind in ("*.py", "*.md", "*.pyi") for path in (ROOT / folder).rglob(kind)]
    assert files
    assert not [path.name for path in files if re.search(r"\bspec sections?\b|of the specification", path.read_text(encoding="utf-8"))]
