"""What a check says of a learner's function: right, or what is wrong with it, and which misconception its value gives away.

A check is a few worked examples. The first that fails speaks, with the hint of the known slip that gives the same wrong value.
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
NO_GRADIENT = (
    "The gradient by what it was given is missing or another: a way through .item(), .detach(), .numpy() or torch.tensor(…) carries none. "
    "Let every step be one of torch's own, from the arguments to the value."
)
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

    ``description`` says what goes in, where it is too large to be shown; ``stops`` names the slip that ends in some type of error.
    ``gradient`` is that of the value's sum by one argument, where a model is to be trained through the answer: its place, and what it is.
    """

    arguments: tuple[Any, ...]
    expected: Any
    slips: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    stops: Mapping[str, str] = field(default_factory=dict)
    gradient: tuple[int, Any] | None = None


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
        if verdict is None and case.gradient and not _carries_gradient(answer, case, *case.gradient):
            verdict = Verdict(
                False, f"{call_text(answer, case)} is right, but no model can be trained through it. {NO_GRADIENT}", "no gradient"
            )
        if verdict is not None:
            return verdict
    return Verdict(True, praise)


def attempt(answer: Any, *arguments: Any) -> Any:
    """Call a learner's function on copies: its value, or a verdict where it has none or changed what it was given."""
    if not callable(answer):
        return Verdict(False, f"There must be a function here, not {shown(answer)}: keep the line that begins with “def”.", "no function")
    name, given = getattr(answer, "__name__", "the function"), tuple(map(_copied, arguments))
    try:
        value = answer(*given)
    except (Exception, SystemExit) as error:  # whatever a learner's code raises is told, never passed on
        return Verdict(False, _error_text(answer, name, error, given), "stops with an error", type(error).__name__)
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
    except TypeError:
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
    how = "Compare your lines with the formula, one by one." if case.description else "Do this example on paper, line by line."
    return Verdict(False, f"{call} gives {shown(value)}; by hand it is {shown(case.expected)}{where}. {how}")


def numbers(value: Any) -> np.ndarray:
    """Read numbers as a float array: a number, a list, an array or a tensor, dense or sparse.

    Raises:
        TypeError: It holds something else, or rows of different lengths.
    """
    if isinstance(value, (str, bytes, set, dict)):
        raise TypeError(f"{type(value).__name__} is no number")
    try:
        if hasattr(value, "detach"):
            value = value.detach().to_dense().cpu()
            value = (value if value.is_complex() else value.double()).numpy()
        elif hasattr(value, "toarray"):
            value = value.toarray()
        found = np.asarray(value)
        return found.astype(float, casting="unsafe" if found.dtype == object else "same_kind")
    except Exception as error:  # a learner's value may be anything
        raise TypeError(f"no numbers: {error}") from error


def call_text(answer: Any, case: Case) -> str:
    """Write the call of a worked example."""
    given = case.description or ", ".join(shown(argument) for argument in case.arguments)
    return f"{getattr(answer, '__name__', 'answer')}({given})"


def shown(value: Any) -> str:
    """Write a value in few characters."""
    try:
        text = _short(value)
    except Exception:  # a learner's value may be anything
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _short(value: Any) -> str:
    if hasattr(value, "detach"):
        value = value.detach().to_dense().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray):
        value = (value.astype(float).round(4) if value.dtype.kind == "f" else value).tolist()  # not 0.707099974155426, as of float32
    elif isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, (list, tuple)):
        plain = [one.item() if isinstance(one, np.generic) else one for one in value]
        value = type(value)(round(one, 4) if isinstance(one, float) else one for one in plain)
    return "{" + ", ".join(sorted(map(repr, value))) + "}" if isinstance(value, set) and value else repr(value)


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


def _first_apart(got: np.ndarray, expected: np.ndarray) -> str:
    """Say where two arrays differ first: the rest of a large one is not shown."""
    if got.shape != expected.shape:
        return ""
    place = tuple(np.argwhere(~np.isclose(got, expected, rtol=TOLERANCE, atol=TOLERANCE))[0].tolist())
    return f" (they differ first at [{', '.join(map(str, place))}]: {got[place]:.4g}, not {expected[place]:.4g})"


def _carries_gradient(answer: Callable[..., Any], case: Case, place: int, expected: Any) -> bool:
    """Return whether the gradient of an answer's sum by one of its arguments is there and right."""
    given = [*map(_copied, case.arguments)]
    given[place].requires_grad_()
    try:
        answer(*given).sum().backward()
        return _equal(numbers(given[place].grad), numbers(expected))
    except Exception:  # no tensor, or one that knows nothing of where it comes from
        return False


def _any_equal(got: np.ndarray, wrong: Any) -> bool:
    return any(_equal(got, numbers(one)) for one in (wrong if isinstance(wrong, tuple) else (wrong,)))


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(one, after[key]) for key, one in before.items())
    try:
        return _equal(numbers(before), numbers(after))
    except TypeError:
        return not isinstance(before, set) or before == after


def _copied(value: Any) -> Any:
    if hasattr(value, "detach"):
        return value.detach().clone()
    return copy.deepcopy(value) if isinstance(value, (np.ndarray, list, set, dict)) else value


def _error_text(answer: Callable[..., Any], name: str, error: BaseException, given: Sequence[Any]) -> str:
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


def _shapes(error: BaseException, given: Sequence[Any]) -> str:
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


# ------------------------------------------------------ tests that learners write


@dataclass(frozen=True)
class Specimen:
    """What is to be tested, whether it is in order, and what a test that misjudges it has overlooked."""

    description: str
    is_sound: bool
    arguments: tuple[Any, ...]
    misconception: str
    hint: str


def judge_test(test: Any, specimens: Sequence[Specimen], praise: str) -> Verdict:
    """Run a learner's test, which returns True for what is in order, on every specimen; the first that it misjudges speaks."""
    names = _parameters(test, len(specimens[0].arguments))
    for one in specimens:
        calls: list[str] = []
        found = attempt(test, *(_overheard(argument, name, calls) for argument, name in zip(one.arguments, names, strict=True)))
        if isinstance(found, Verdict):
            return found
        seen = f" Your test saw {calls[-1]}." if calls else ""
        try:
            value = numbers(found)
        except TypeError:
            value = np.array(np.nan)
        if value.ndim or value not in (0, 1):
            name = getattr(test, "__name__", "the test")
            return Verdict(False, f"{name} must give True (in order) or False (broken), not {shown(found)}.", "no yes or no")
        if bool(value) != one.is_sound:
            said = "condemns what is in order" if one.is_sound else "lets a broken one pass"
            return Verdict(False, f"Your test {said}: {one.description}.{seen} {one.hint}", one.misconception)
    return Verdict(True, praise)


def _parameters(test: Any, count: int) -> list[str]:
    found = list(inspect.signature(test).parameters) if callable(test) else []
    return found if len(found) == count else ["it"] * count


def _overheard(argument: Any, name: str, calls: list[str]) -> Any:
    if not callable(argument):
        return argument

    def listening(*given: Any, **named: Any) -> Any:
        answer = argument(*given, **named)
        asked = ", ".join([*map(shown, given), *(f"{key}={shown(value)}" for key, value in named.items())])
        if not hasattr(answer, "detach"):  # a matrix of scores says nothing in sixty characters
            calls.append(f"{name}({asked}) = {shown(np.asarray(answer))}")
        return answer

    listening.__name__ = name
    return listening
