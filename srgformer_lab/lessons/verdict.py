"""What a check says of a learner's function: right, or what is wrong with it, and which misconception its value gives away.

A check is a few worked examples. The first that fails speaks; where its wrong value is the one that a known slip gives, the slip's hint is
told.
"""

import copy
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

TOLERANCE = 1e-5
"""Relative and absolute difference up to which two numbers are the same; float32 passes."""
LONGEST = 60
"""Characters of a value that a message shows."""
NOTHING = "nothing returned"
ABOUT_SHAPES = ("shape", "size", "dimension", "broadcast")
"""Words by which an error of NumPy or torch is known to be about shapes."""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, what to tell the learner, and the name of the slip where one is recognised."""

    passed: bool
    message: str
    misconception: str = ""
    raised: str = ""
    """The type of the error with which the answer stopped."""


@dataclass(frozen=True)
class Case:
    """One worked example: what goes in, what must come out, and what comes out of known slips (a tuple: any of its values).

    ``told`` describes what goes in, where it is too large to be shown; ``stops`` names the slip that ends in some type of error.
    """

    arguments: tuple[Any, ...]
    expected: Any
    slips: Mapping[str, Any] = field(default_factory=dict)
    told: str = ""
    stops: Mapping[str, str] = field(default_factory=dict)


def judge(answer: Any, cases: Sequence[Case], hints: Mapping[str, str], praise: str) -> Verdict:
    """Try a learner's function on worked examples.

    Args:
        answer: The function.
        cases: The examples; the easiest first, as the first that fails is told.
        hints: For every slip that a case names: what is wrong, and what to think of. No solution.
        praise: What to say when all is right; it says what was shown, not only "well done".
    """
    for case in cases:
        found = attempt(answer, *case.arguments)
        if isinstance(found, Verdict) and found.misconception == NOTHING and case is not cases[0]:
            return Verdict(False, f"{call_text(answer, case)} gives nothing back. Let every way through it end with “return …”.", NOTHING)
        if isinstance(found, Verdict) and (slip := case.stops.get(found.raised)):
            return replace(found, message=f"{found.message} {hints[slip]}", misconception=slip)
        verdict = found if isinstance(found, Verdict) else compare(found, case, hints, call_text(answer, case))
        if verdict is not None:
            return verdict
    return Verdict(True, praise)


def attempt(answer: Any, *arguments: Any) -> Any:
    """Call a learner's function on copies; give its value, or a verdict where it has none or changed what it was given."""
    if not callable(answer):
        return Verdict(False, f"There must be a function here, not {shown(answer)}: keep the line that begins with “def”.", "no function")
    name, given = getattr(answer, "__name__", "the function"), tuple(map(_copied, arguments))
    try:
        value = answer(*given)
    except Exception as error:  # whatever a learner's code raises is told, never passed on
        return Verdict(False, _told(answer, name, error, given), "stops with an error", type(error).__name__)
    if value is None or value is Ellipsis:
        return Verdict(False, f"{name} gives nothing back yet. Write its body where “...” stands, and end it with “return …”.", NOTHING)
    if not all(_same(before, after) for before, after in zip(arguments, given, strict=True)):
        return Verdict(
            False, f"{name} changes what it is given: the caller's data is different afterwards. Work on a copy.", "changes its input"
        )
    return value


def compare(value: Any, case: Case, hints: Mapping[str, str], call: str) -> Verdict | None:
    """Compare a value with a worked example; nothing where it is right."""
    expected = numbers(case.expected)
    try:
        got = numbers(value)
    except (TypeError, ValueError):
        what = "a number" if expected.ndim == 0 else f"numbers of shape {expected.shape}"
        return Verdict(False, f"{call} must give {what}, not {shown(value)}.", "no number")
    if _equal(got, expected):
        return None
    slip = next((name for name, wrong in case.slips.items() if _any_equal(got, wrong)), "")
    where = _first_apart(got, expected) if shown(case.expected).endswith("…") else ""
    if slip:
        return Verdict(False, f"{call} gives {shown(value)}, not {shown(case.expected)}{where}. {hints[slip]}", slip)
    if got.shape != expected.shape:
        must = f"have {expected.shape}" if expected.ndim else "be one number"
        return Verdict(False, f"{call} has shape {got.shape}; it must {must}.", "wrong shape")
    if not np.isfinite(got).all():
        return Verdict(
            False, f"{call} gives {shown(value)}, which is not finite. Is something divided by 0, or the log of 0 taken?", "not finite"
        )
    how = "Compare your lines with the formula, one by one." if case.told else "Do this example on paper, line by line."
    return Verdict(False, f"{call} gives {shown(value)}; by hand it is {shown(case.expected)}{where}. {how}")


def numbers(value: Any) -> np.ndarray:
    """Read numbers as a float array: a number, a list, an array or a tensor.

    Raises:
        TypeError: It holds something else.
        ValueError: Its rows are of different lengths.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, (str, bytes, set, dict)):
        raise TypeError(f"{type(value).__name__} is no number")
    return np.asarray(value, dtype=float)


def call_text(answer: Any, case: Case) -> str:
    """Write the call of a worked example."""
    given = case.told or ", ".join(shown(argument) for argument in case.arguments)
    return f"{getattr(answer, '__name__', 'answer')}({given})"


def shown(value: Any) -> str:
    """Write a value in few characters."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray):
        value = (value.astype(float).round(4) if value.dtype.kind == "f" else value).tolist()  # not 0.707099974155426, as of float32
    elif isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, (list, tuple)):
        plain = [one.item() if isinstance(one, np.generic) else one for one in value]
        value = type(value)(round(one, 4) if isinstance(one, float) else one for one in plain)
    text = "{" + ", ".join(map(repr, sorted(value))) + "}" if isinstance(value, set) and value else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


def _first_apart(got: np.ndarray, expected: np.ndarray) -> str:
    """Say where two arrays differ first: the rest of a large one is not shown."""
    if got.shape != expected.shape:
        return ""
    place = tuple(np.argwhere(~np.isclose(got, expected, rtol=TOLERANCE, atol=TOLERANCE))[0].tolist())
    return f" (they differ first at [{', '.join(map(str, place))}]: {got[place]:.4g}, not {expected[place]:.4g})"


def _any_equal(got: np.ndarray, wrong: Any) -> bool:
    return any(_equal(got, numbers(one)) for one in (wrong if isinstance(wrong, tuple) else (wrong,)))


def _same(before: Any, after: Any) -> bool:
    try:
        return _equal(numbers(before), numbers(after))
    except (TypeError, ValueError):
        return not isinstance(before, set) or before == after


def _copied(value: Any) -> Any:
    if hasattr(value, "detach"):
        return value.detach().clone()
    return copy.deepcopy(value) if isinstance(value, (np.ndarray, list, set, dict)) else value


def _told(answer: Callable[..., Any], name: str, error: Exception, given: Sequence[Any]) -> str:
    """Say which line of the learner's own code stopped, and why."""
    code = getattr(answer, "__code__", None)
    lines = [
        frame.line for frame in traceback.extract_tb(error.__traceback__) if code and frame.filename == code.co_filename and frame.line
    ]
    if not lines and isinstance(error, TypeError) and not _fits(answer, len(given)):
        return f"{name} must take {len(given)} arguments, in the order of the first line that stood here: {error}."
    where = f" in the line “{lines[-1].strip()}”" if lines else ""
    if "ellipsis" in str(error):
        return f"{name} stops{where}: a function that it calls gives nothing back yet. Write that one first, or put “by_hand.” before it."
    return f"{name} stops{where}: {type(error).__name__}: {str(error).strip().rstrip('.')}.{_shapes(error, given)}"


def _shapes(error: Exception, given: Sequence[Any]) -> str:
    """Say what was given, where an error is about shapes: it names those in the middle of a formula only."""
    shapes = [f"({', '.join(map(str, one.shape))})" for one in given if getattr(one, "shape", None)]
    about = any(word in str(error) for word in ABOUT_SHAPES)
    return f" Given were the shapes {', '.join(shapes)}, in this order: which axis should meet which?" if shapes and about else ""


def _fits(answer: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(answer).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return True
    return True
