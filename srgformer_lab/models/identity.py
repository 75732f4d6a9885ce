"""The one door between a model and a data set: nothing is ever computed across two data sets.

A model, and every pass that it made, carries the data set that it was built on. A public function that reads both is decorated
with ``on_own_data``: its data may be left out, may stand second, and is refused if it isn't the model's own. What else is given
is held against the function's annotations, so that a wrong type or name is told by name, here as in functions without a model
(``checked``).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, Signature
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, Union, get_args, get_origin, overload, runtime_checkable

import numpy as np

from srgformer_lab.config import check_seed
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, DataError, LabError

M = TypeVar("M", contravariant=True)
P = ParamSpec("P")
R = TypeVar("R", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])

Id = str | int | np.integer
"""A raw id; a number stands for its digits."""

WORDS: Mapping[Any, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", NoneType: "None", Id: "an id"}
HINTS: Mapping[str, str] = {
    "Trace": "make a pass with model.trace()",
    "SRGFormer": "build one with SRGFormer(data), or load it with run.model(); it must run again, so a finished pass doesn't do",
    "Recommender": "build one with SRGFormer(data), or load it with run.model(); where it must run again, a finished pass doesn't do",
    "Edit": "make one with mute_head(0), without_modality('image') or the like; changes of data go to what_if",
    "Lists": "make some with rank_lists(model), or read anybody's with read_lists(path, data)",
    "Dataset": "open one with open_data(path) or studio()",
}
OTHER_DATA = "leave the data out to use the model's own, or put the weights onto the other data with carry_over(model, data)"


@runtime_checkable
class OnOwnData(Protocol[M, P, R]):
    """A function of a model that may be given the model's data as second argument, or without it."""

    @overload
    def __call__(self, model: M, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self, model: M, data: Dataset, /, *args: P.args, **kwargs: P.kwargs) -> R: ...


def on_own_data(function: Callable[Concatenate[M, Dataset, P], R]) -> OnOwnData[M, P, R]:
    """Let a function ``f(model, data, …)`` be called as ``f(model, …)`` too, and refuse data that isn't the model's own.

    The model may be a trace or a mapping of traces. Where the data given is another object than the model's own, their
    fingerprints are compared; each data set computes its own once.

    Raises (at each call):
        DataError: The data is not what the model was built on.
        ConfigError: The model or another argument is of a wrong type or name.
    """
    signature = inspect.signature(function)
    model, own, *others = signature.parameters.values()
    public = _without_data(signature, own)

    @wraps(function)
    def door(*args: Any, **kwargs: Any) -> Any:
        subject, rest = (args[0], args[1:]) if args else (kwargs.pop(model.name, Parameter.empty), ())
        _check(door.__name__, model, subject)
        given = kwargs.pop(own.name, None)
        if rest and isinstance(rest[0], Dataset) and not _fills(others, rest, kwargs):
            given, *rest = rest
        data = _shared(door.__name__, subject, given)
        bound = _bound(door.__name__, signature, public, (subject, data, *rest), kwargs)
        return function(*bound.args, **bound.kwargs)

    door.__signature__ = public  # type: ignore[attr-defined]
    return door  # type: ignore[return-value]


def refuse_other_data(doing: str, own: str, fingerprint: str, data: Dataset, remedy: str, error: type[LabError] = DataError) -> None:
    """Hold a data set against what a model or a run was made on; this is the only place that compares them.

    Args:
        doing: What was made, and how: ``run x was trained``.
        own: What it was made on, described.
        fingerprint: The fingerprint of that.
        data: What a caller gives.
        remedy: What to do if it is another.
        error: The error of that case.
    """
    if not data.matches(fingerprint):
        raise error(f"{doing} on {own} ({fingerprint}), not on {data!r} ({data.fingerprint}); {remedy}")


def checked(function: F) -> F:
    """Hold what a function is given against its annotations.

    Raises (at each call):
        ConfigError: An argument is of a wrong type or name, or is missing.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def door(*args: Any, **kwargs: Any) -> Any:
        bound = _bound(door.__name__, signature, signature, args, kwargs)
        return function(*bound.args, **bound.kwargs)

    return door  # type: ignore[return-value]


def _without_data(signature: Signature, own: Parameter) -> Signature:
    """Return the signature as it is read: the data is an option at the end."""
    rest = [parameter for parameter in signature.parameters.values() if parameter is not own]
    option = own.replace(kind=Parameter.KEYWORD_ONLY, default=None, annotation=own.annotation | None)
    place = next((number for number, each in enumerate(rest) if each.kind is Parameter.VAR_KEYWORD), len(rest))
    return signature.replace(parameters=[*rest[:place], option, *rest[place:]])


def _fills(others: Sequence[Parameter], rest: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a data set that stands second is a further argument, such as where the weights of a model are carried to."""
    return bool(others) and others[0].annotation is Dataset and len(rest) == 1 and others[0].name not in kwargs


def _shared(function: str, subject: Any, data: Any) -> Dataset:
    """Return the data set that a model, or all of several, and a caller have in common."""
    several = list(subject.values()) if isinstance(subject, Mapping) else [subject]
    if data is not None and not isinstance(data, Dataset):
        raise DataError(f"{function}(): data={_shown(data)} is no Dataset; {HINTS['Dataset']}, or leave it out: the model knows its own")
    for each in several:
        own = getattr(each, "data", None)
        if own is None:
            raise DataError(f"{type(each).__name__} doesn't know its data; let its constructor call super().__init__(data)")
        data = own if data is None else data
        if own is not data:
            refuse_other_data(f"{function}(): the model was built", repr(own), own.fingerprint, data, OTHER_DATA)
    if data is None:
        raise ConfigError(f"{function}(): there is nothing to read; give at least one trace")
    return data


def _bound(
    function: str, signature: Signature, public: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        names = ", ".join(str(each).split(":")[0].split("=")[0] for name, each in public.parameters.items() if name != "self")
        raise ConfigError(f"{function}(): {error}; its arguments are {names}") from None
    for name, value in bound.arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is Parameter.VAR_KEYWORD:
            for key, each in value.items():
                _check(function, parameter.replace(name=key), each)
        else:
            for each in value if parameter.kind is Parameter.VAR_POSITIONAL else (value,):
                _check(function, parameter, each)
    return bound


def _check(function: str, parameter: Parameter, value: Any) -> None:
    if value is Parameter.empty or not _fits(value, parameter.annotation):
        given = "is missing" if value is Parameter.empty else f"is {_shown(value)}"
        hint = next((f"; {HINTS[name]}" for kind in _alternatives(parameter.annotation) if (name := _name(kind)) in HINTS), "")
        raise ConfigError(f"{function}(): {parameter.name} {given}, and must be {_name(parameter.annotation)}{hint}")
    if parameter.name == "seed":
        check_seed(value)


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a value is of an annotated kind; a kind that can't be looked up takes everything."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(kind))
    if kind in (int, float):
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    if origin in (Sequence, Mapping):
        of = get_args(kind)[-1]
        each = value.values() if isinstance(value, Mapping) else value
        is_one = isinstance(value, Mapping if origin is Mapping else Sequence) and (of is str or not isinstance(value, str))
        return is_one and all(_fits(one, of) for one in each)
    if origin is tuple and get_args(kind)[1:] == (...,):
        return isinstance(value, tuple) and all(_fits(each, get_args(kind)[0]) for each in value)
    if isinstance(origin or kind, type) and kind is not Parameter.empty:
        return isinstance(value, origin or kind)
    return True


def _alternatives(kind: Any) -> Sequence[Any]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _name(kind: Any) -> str:
    if kind in WORDS:
        return WORDS[kind]
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_name, get_args(kind))))
    if get_origin(kind) in (Sequence, Mapping):
        name = "a sequence" if get_origin(kind) is Sequence else "a mapping"
        return f"{name} of {_name(get_args(kind)[-1]).removeprefix('a ')}s"
    return getattr(get_origin(kind) or kind, "__name__", str(kind))


def _shown(value: Any, most: int = 60) -> str:
    text = repr(value)
    return f"{text} ({type(value).__name__})" if len(text) <= most and "\n" not in text else f"a {type(value).__name__}"
