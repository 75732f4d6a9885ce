"""What the lists of trained models are like beyond what they find, kept in their run folders and set beside one another in tables."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.training.evaluation import SELECTION_METRIC
from srgformer_lab.training.files import write_bytes
from srgformer_lab.training.judging import judge_lists

BEYOND = "beyond."
"""What stands before the names of these metrics in tables."""
AT = 20
"""Places by which lists are judged."""


def write_beyond(path: Path, model: Recommender, data: Dataset) -> None:
    """Judge a model's lists at test beyond what they find, and write that as CSV: ``metric`` and the other columns of ``judge_lists``.

    Raises:
        RunError: The file can't be written.
    """
    found = judge_lists(model, data, "test", (AT,))
    others = found[~found["metric"].isin([SELECTION_METRIC, f"ndcg@{AT}"])]
    write_bytes(path, others.to_csv(index=False, float_format="%.9g").encode())


def read_beyond(path: Path) -> dict[str, float]:
    """Return the value of each metric that was written."""
    return {str(name): float(value) for name, value in pd.read_csv(path).set_index("metric")["value"].items()}


def beyond_columns(table: pd.DataFrame, by: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return the head and the cells of a table of these metrics: means, with bounds over seeds where there are several.

    Nothing is in them where none was measured.
    """
    names = [str(name) for name in table if str(name).startswith(BEYOND) and not str(name).endswith((" low", " high"))]
    rows = [[*(str(row[name]) for name in by), *(_cell(row, name) for name in names)] for _, row in table.iterrows()]
    return ([*by, *(name.removeprefix(BEYOND).replace("_", " ") for name in names)], rows) if names else ([], [])


def _cell(row: pd.Series, name: str) -> str:
    if pd.isna(row[name]):
        return ""
    low, high = row.get(f"{name} low"), row.get(f"{name} high")
    return f"{row[name]:.3g}" + (f" [{low:.3g}, {high:.3g}]" if low is not None and not pd.isna(low) else "")
