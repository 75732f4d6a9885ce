"""A check for tests that learners write: each is run on things that are in order and on broken ones, and must tell them apart."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srgformer_lab.lessons.verdict import Verdict, attempt, numbers, shown


@dataclass(frozen=True)
class Specimen:
    """One thing to be tested: what it is, whether it is in order, and what a test that misjudges it has overlooked."""

    said: str
    is_sound: bool
    arguments: tuple[Any, ...]
    misconception: str
    hint: str


def tell_apart(test: Any, specimens: Sequence[Specimen], praise: str) -> Verdict:
    """Run a learner's test, which gives True for what is in order, on every specimen; the first that it misjudges speaks."""
    names = _parameters(test, len(specimens[0].arguments))
    for one in specimens:
        calls: list[str] = []
        found = attempt(test, *(_overheard(argument, name, calls) for argument, name in zip(one.arguments, names, strict=True)))
        if isinstance(found, Verdict):
            return found
        told = f" Your test saw {calls[-1]}." if calls else ""
        try:
            value = numbers(found)
        except (TypeError, ValueError):
            value = np.array(np.nan)
        if value.ndim or value not in (0, 1):
            name = getattr(test, "__name__", "the test")
            return Verdict(False, f"{name} must give True (in order) or False (broken), not {shown(found)}.", "no yes or no")
        if bool(value) != one.is_sound:
            said = "condemns what is in order" if one.is_sound else "lets a broken one pass"
            return Verdict(False, f"Your test {said}: {one.said}.{told} {one.hint}", one.misconception)
    return Verdict(True, praise)


def _parameters(test: Any, count: int) -> list[str]:
    """Name what a test is given as the test itself does: a function's own name would say what is wrong with it."""
    found = list(inspect.signature(test).parameters) if callable(test) else []
    return found if len(found) == count else ["it"] * count


def _overheard(argument: Any, name: str, calls: list[str]) -> Any:
    """Wrap a function so that what a test asked of it can be told."""
    if not callable(argument):
        return argument

    def listening(*given: Any, **named: Any) -> Any:
        answer = argument(*given, **named)
        told = ", ".join([*map(shown, given), *(f"{key}={shown(value)}" for key, value in named.items())])
        if not hasattr(answer, "detach"):  # a matrix of scores says nothing in sixty characters
            calls.append(f"{name}({told}) = {shown(np.asarray(answer))}")
        return answer

    listening.__name__ = name
    return listening
