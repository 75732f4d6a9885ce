"""``srgformer-lab bench``: from words on the command line to tables, a CSV and a figure."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from srgformer_lab.bench.measure import measure
from srgformer_lab.bench.report import table, write
from srgformer_lab.bench.shapes import shape
from srgformer_lab.bench.task import Task, task
from srgformer_lab.data.source import open_data
from srgformer_lab.errors import ConfigError


def run(
    shapes: str, data: Path | None, preset: str | None, dims: str, repeats: int, plain: bool, output: Path, changes: Mapping[str, Any]
) -> Iterator[str]:
    """Measure one data set after the other; give a table of each and write the files anew as soon as it is there.

    Raises:
        ConfigError: A shape, a preset, a width, a number of rounds or a folder is none; nothing has been measured then.
        DataError: The data folder is not in order.
        RunError: A measuring process was ended from outside; what was measured before is written.
    """
    if repeats < 1:
        raise ConfigError(f"repeats={repeats} must be at least 1")
    if output.exists() and not output.is_dir():
        raise ConfigError(f"output={str(output)!r} is a file; name a folder")
    found, written = [], []
    for each in _tasks(shapes, data, preset, dims, repeats, plain, changes):
        found.append(measure(each))
        written = write(found, output)
        yield table(found[-1]) + "\n"
    yield "\n".join(f"wrote {path}" for path in written)


def _tasks(
    shapes: str, data: Path | None, preset: str | None, dims: str, repeats: int, plain: bool, changes: Mapping[str, Any]
) -> list[Task]:
    if data is not None:
        subjects = [(open_data(data).source, preset or "baby")]
    else:
        subjects = [(each, preset or each.preset) for each in (shape(name.strip()) for name in shapes.split(","))]
    widths = [_whole(word.strip()) for word in dims.split(",")]
    return [task(subject, chosen, dim, repeats, plain, **changes) for subject, chosen in subjects for dim in widths]


def _whole(word: str) -> int:
    if not word.isdigit():
        raise ConfigError(f"dims={word!r} must be whole numbers, such as 64,256")
    return int(word)
