"""What stands in the cells of files that know more than text: as a table of text would have it, or as it is."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import numpy as np


def as_text(value: Any) -> str:
    """Return a value as a cell of a table would have it: nothing as an empty cell, lists with their parts divided by spaces."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat(" ")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list | tuple):
        return " ".join(text for text in map(as_text, value) if text)
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith("$"):  # as MongoDB writes ids and dates
            return as_text(next(iter(value.values())))
        return "; ".join(f"{name}: {text}" for name, text in ((name, as_text(part)) for name, part in value.items()) if text)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def is_solid(value: Any) -> bool:
    """Return whether a value is no text: a picture, or a vector."""
    if isinstance(value, dict):
        return isinstance(value.get("bytes"), bytes)
    if isinstance(value, bytes):
        return not _is_text(value)
    return isinstance(value, list) and len(value) > 1 and all(isinstance(part, int | float) for part in value)


def solid(value: Any) -> bytes | np.ndarray | None:
    """Return a picture's bytes or a vector, and nothing where there is neither."""
    if isinstance(value, dict):
        value = value.get("bytes")
    if isinstance(value, list):
        with suppress(ValueError, TypeError):
            return np.asarray(value, dtype=np.float32)
    return value if isinstance(value, bytes) else None


def _is_text(value: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        return value.decode("utf-8").isprintable()
    return False


def with_ids_inside(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with a column ``user.id`` beside a ``user`` that is a record with an id itself."""
    if not any(map(_has_id, row.values())):
        return dict(row)
    inside = {
        f"{name}.id": next((value[key] for key in ("id", "_id") if key in value), None) for name, value in row.items() if _has_id(value)
    }
    return {**row, **inside}


def _has_id(value: Any) -> bool:
    return isinstance(value, dict) and ("id" in value or "_id" in value)


def one_each(number: int, row: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return a record for each entry of its lists, which are of one length; a record without lists is returned as it is.

    Raises:
        ValueError: The lists are of different lengths.
    """
    lists = {name: value for name, value in row.items() if isinstance(value, list)}
    if len({len(value) for value in lists.values()}) > 1:
        lengths = ", ".join(f"{len(value):,} of {name}" for name, value in lists.items())
        raise ValueError(f"row {number}: its lists have {lengths}")
    if not lists:
        yield number, dict(row)
    for place in range(len(next(iter(lists.values()), []))):
        yield number, {**row, **{name: value[place] for name, value in lists.items()}}
