"""Play every case of a folder of small inputs, and say for each whether it opens, is refused in a sentence, or falls short.

``python -m benchmarks.cases FOLDER`` (or SRGFORMER_LAB_CASES) expects one folder a case, and beside them perhaps ``cases.csv`` with the
columns ``case`` and ``a user expects``. A case falls short if it ends in a traceback, if checker and reader disagree, or if its
expectation asks for a word (asked, told, warned, named, hint) and it opens without any.
"""

import argparse
import csv
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import srgformer_lab as lab

WORDS = ("ask", "told", "warn", "named", "hint", "message", "no positives", "says how", "left out")


@dataclass(frozen=True)
class Outcome:
    """What came of one case."""

    case: str
    kind: str
    """opened, refused, or short."""
    said: str


def play(folder: Path, expected: str = "") -> Outcome:
    """Open one case as its user would, by the reader and by the checker."""
    try:
        report = lab.check(folder)
    except Exception:
        return Outcome(folder.name, "short", "check: " + traceback.format_exc(limit=-3))
    try:
        data = lab.open_data(folder)
    except lab.LabError as error:
        known = any(str(error) in problem for problem in report.problems)
        return Outcome(folder.name, "refused" if known else "short", f"{error}{'' if known else f' BUT check says {report.problems}'}")
    except Exception:
        return Outcome(folder.name, "short", "open_data: " + traceback.format_exc(limit=-3))
    notes = list(getattr(data, "reading", ()))
    said = "\n".join([repr(data), *(f"    {note}" for note in notes), *(f"    check: {problem}" for problem in report.problems)])
    silent = any(word in expected for word in WORDS) and not notes and not report.problems
    return Outcome(folder.name, "short" if silent else "opened", said)


def main() -> int:
    """Play all of them and count; the exit code is 1 if one falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("SRGFORMER_LAB_CASES"))
    parser.add_argument("--only", default="", help="cases whose name begins so")
    options = parser.parse_args()
    if options.folder is None or not Path(options.folder).is_dir():
        parser.error("give the folder of the cases, or set SRGFORMER_LAB_CASES")
    expected = {}
    if (table := Path(options.folder) / "cases.csv").is_file():
        with table.open(encoding="utf-8", newline="") as file:
            expected = {row["case"]: row["a user expects"] for row in csv.DictReader(file)}
    counts: dict[str, int] = {}
    for folder in sorted(path for path in Path(options.folder).iterdir() if path.is_dir() and path.name.startswith(options.only)):
        outcome = play(folder, expected.get(folder.name, ""))
        counts[outcome.kind] = counts.get(outcome.kind, 0) + 1
        sys.stdout.write(f"{outcome.kind:8} {outcome.case} [{expected.get(folder.name, '')}]\n    {outcome.said}\n")
    sys.stdout.write(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) + "\n")
    return 1 if counts.get("short") else 0


if __name__ == "__main__":
    sys.exit(main())
