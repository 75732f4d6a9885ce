"""What was predicted and solved on this machine: one small file in the user's state folder."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from srgformer_lab.errors import LabError
from srgformer_lab.training.files import write_json

SOLVED, PREDICTED = "solved", "predicted"


@dataclass(frozen=True)
class Progress:
    """Names of what was solved and predicted, by lesson; and what is wrong with the file, if anything."""

    done: Mapping[tuple[int, str], frozenset[str]] = field(default_factory=dict)
    trouble: str = ""

    def solved(self, number: int) -> frozenset[str]:
        """Return the exercises of a lesson that were solved."""
        return self.done.get((number, SOLVED), frozenset())


def file() -> Path:
    """Where progress is kept: ``$XDG_STATE_HOME/srgformer-lab/lessons.json``, by default under ``~/.local/state``."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "srgformer-lab" / "lessons.json"


def read() -> Progress:
    """Read progress; a damaged file counts as empty and is told."""
    try:
        content = json.loads(file().read_text("utf-8"))
        done = {(int(number), kind): frozenset(map(str, names)) for number, kinds in content.items() for kind, names in kinds.items()}
    except FileNotFoundError:
        return Progress()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return Progress(trouble=f"{file()} can't be read ({error}): progress begins anew with the next exercise that is solved")
    return Progress(done)


def record(number: int, kind: str, name: str) -> str:
    """Note that something was solved or predicted; give what is wrong where it can't be written."""
    try:
        file().parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file().with_suffix(".lock"), timeout=5):
            known = dict(read().done)
            known[number, kind] = known.get((number, kind), frozenset()) | {name}
            content: dict[str, Any] = {}
            for (lesson, sort), names in sorted(known.items()):
                content.setdefault(str(lesson), {})[sort] = sorted(names)
            write_json(file(), content)
    except (OSError, LabError) as error:
        return f"progress is not kept: {error}"
    return ""
