"""The process that opens one filled-in notebook and writes the verdict on each exercise: ``python -m … NOTEBOOK NUMBER RESULT``.

What is written after each exercise stays when a later one never ends.
"""

import importlib.util
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from srgformer_lab.lessons.catalog import lesson
from srgformer_lab.lessons.verdict import Verdict
from srgformer_lab.training.files import write_json


def main(notebook: Path, number: int, result: Path) -> None:
    """Check every exercise of a notebook."""
    verdicts: dict[str, Any] = {}
    found, trouble = collect(opened(notebook), lesson(number).exercises)
    for exercise in lesson(number).exercises:
        missing = Verdict(False, f"There is no function {exercise} in this notebook; its cell was deleted or renamed. {trouble}".strip())
        verdict = lesson(number).check(exercise)(found[exercise]) if exercise in found else missing
        verdicts[exercise] = asdict(verdict)
        write_json(result, verdicts)


def opened(notebook: Path) -> ModuleType:
    """Import a notebook: its first cell runs and its functions are there, its other cells do not run."""
    spec = importlib.util.spec_from_file_location("filled_in", notebook)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["filled_in"] = module
    spec.loader.exec_module(module)
    return module


def collect(module: ModuleType, exercises: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Find the exercises' functions: as they stand, or, where they need other cells, by running the whole notebook."""
    found = {name: getattr(module, name) for name in exercises if hasattr(module, name)}
    if len(found) == len(exercises):
        return found, ""
    try:
        _, names = module.app.run()
    except Exception as error:  # whatever a learner's cell raises is told in the verdict
        return found, f"Running all cells ends in {type(error).__name__}: {error}"
    return {**{name: names[name] for name in exercises if name in names}, **found}, ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
