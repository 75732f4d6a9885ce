"""Did it learn that? What hyperedges and attention mean, each number beside that of the untrained model."""

import html
import math
from collections.abc import Mapping
from typing import Any

import common
import marimo as mo
import pandas as pd

from srgformer_lab import backend, plots

MEANINGS = {
    "NMI with categories": "How far hyperedges tell the known categories: 0 nothing, 1 all",
    "purity": "Share of the items that are of their hyperedge’s commonest category",
    "balance": "How evenly hyperedges are filled: 1 if all alike",
    "dead": "Hyperedges that are no item’s first and hold nearly nothing",
    "twins": "Hyperedges that hold the same as another one",
    "membership entropy": "Of an item: 0 if it is in one hyperedge, 1 if in all alike",
    "attention AUC": "How often a real interaction weighs more than a chance one of the same person",
    "attention entropy": "Of a person’s weights: 1 if all things weigh the same",
}
COUNTS = ("dead", "twins")
ABSENT = "–"
NOTHING = 5e-4
"""What is smaller comes of rounding, as the entropy of an item in one hyperedge."""
NOTE = "Beside each number stands that of the same model before its first step: what it says too was there before anything was learned."


def tiles(rows: pd.DataFrame) -> mo.Html:
    """Show some rows of ``measure_structure`` as tiles."""
    return common.tiles([(row["measure"], _value(row, "value"), f"{_beside(row)}. {MEANINGS[row['measure']]}") for row in _records(rows)])


def table(sides: dict[str, backend.Scene]) -> mo.Html | None:
    """Set what several runs learned beside one another; nothing where none of them has hyperedges or attention."""
    rows = backend.compared_structure(sides)
    if not len(rows):
        return None
    names = list(dict.fromkeys(rows["run"]))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("measure", *names))
    body = ""
    for (measure, modality), those in rows.groupby(["measure", "modality"], sort=False):
        cells = {row["run"]: f"{_value(row, 'value')}<br><small>{_beside(row)}</small>" for row in _records(those)}
        name = html.escape(f"{measure}, {modality}" if modality else str(measure))
        body += f"<tr><td>{name}</td>{''.join(f'<td>{cells.get(run, ABSENT)}</td>' for run in names)}</tr>"
    section, note = common.section("Did they learn that?", "instant"), common.fact(NOTE)
    return common.stack(section, note, common.table(head, body))


def _beside(row: Mapping[str, Any]) -> str:
    chance = "" if math.isnan(row["chance"]) else f"; by chance {_value(row, 'chance')}"
    return f"untrained {_value(row, 'untrained')}{chance}"


def _value(row: Mapping[str, Any], column: str) -> str:
    value = row[column] if abs(row[column]) > NOTHING else 0.0
    return f"{value:.0f}" if row["measure"] in COUNTS else plots.digits(value, 2)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return rows.to_dict("records")  # pyright: ignore[reportReturnType] every column is named by a text
