"""Records of JSON files: an object a line, one list of objects, objects over several lines, or a table by columns."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srgformer_lab.data.blocks import raw_blocks, text_blocks
from srgformer_lab.errors import DataError

LINES = "give an object a line"
LONGEST_LITERAL = 1_000_000


def json_rows(path: Path, encoding: str | None) -> Iterator[dict[str, Any]]:
    """Return the records of a file.

    Raises:
        OSError: It can't be read.
        DataError: It holds no records.
    """
    encoding = encoding or "utf-8-sig"
    n_line, line = 0, ""
    blocks = text_blocks(path, encoding)
    try:
        for text, _ in blocks:
            if not n_line and _is_whole(text):
                yield from _whole(path, encoding)
                return
            for line in text.splitlines():
                n_line += 1
                if line.strip():
                    row = _record(line)
                    if not isinstance(row, dict):
                        raise DataError(f"{path.name}: line {n_line}: {line[:80]!r} is no record; {LINES}")
                    yield row
    except DataError:
        raise
    except (ValueError, RecursionError, MemoryError, SyntaxError) as error:
        raise DataError(f"{path.name}: line {n_line}: it is no JSON ({error}); {LINES}, or download the file anew") from error


def _record(line: str) -> Any:
    """Read one line: JSON, or a Python dictionary as older downloads have them."""
    try:
        return json.loads(line)
    except ValueError:
        if line.lstrip().startswith("{'") and len(line) < LONGEST_LITERAL:
            return ast.literal_eval(line.strip())
        raise


def _is_whole(text: str) -> bool:
    """Return whether a file's beginning is that of one value over several lines, or of a table by columns."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if first.startswith("["):
        return True
    try:
        record = _record(first) if first else None
    except (ValueError, RecursionError, MemoryError, SyntaxError):
        return first.startswith("{") and first.count("{") > first.count("}")
    is_alone = len(text.strip().splitlines()) == 1
    return is_alone and isinstance(record, dict) and (bool(_columns(record)) or len(record) == 1)


def _whole(path: Path, encoding: str) -> list[dict[str, Any]]:
    """Read a file at once.

    Raises:
        DataError: It holds neither records nor columns.
    """
    text, place, found, decoder = b"".join(raw_blocks(path)).decode(encoding), 0, [], json.JSONDecoder()
    while place < len(text):
        if text[place].isspace() or text[place] == ",":
            place += 1
            continue
        value, place = decoder.raw_decode(text, place)
        found.append(value)
    content = found[0] if len(found) == 1 else found
    if isinstance(content, dict) and len(content) == 1 and _are_records(inner := next(iter(content.values()))):
        content = inner
    if isinstance(content, dict):
        content = _columns(content) or [content]
    if not _are_records(content):
        raise DataError(f"{path.name} is no list of records; {LINES}")
    return content


def _are_records(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and all(isinstance(row, dict) for row in content)


def _columns(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table by columns, lists of one length or objects with the same keys; none where it is no such table."""
    columns = list(record.values())
    if len(columns) < 2 or len({len(column) if isinstance(column, list | dict) else 0 for column in columns}) != 1:
        return []
    if all(isinstance(column, list) for column in columns):
        return [dict(zip(record, row, strict=True)) for row in zip(*columns, strict=True)]
    if all(isinstance(column, dict) and column.keys() == columns[0].keys() for column in columns):
        return [{name: column[key] for name, column in record.items()} for key in columns[0]]
    return []
