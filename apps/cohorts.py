"""From a table of cohorts to their users, to one person's list, to an item: every step is a click."""

from collections.abc import Callable, Mapping
from typing import Any

import marimo as mo
import pandas as pd
import widgets

from srgformer_lab import Dataset, backend, plots

ORDERS = {"worst served first": False, "best served first": True}
SHOWN = 8
"""People on one page of a cohort."""
MEANING = (
    "Thirds of the users by the length of their history. Means over those who have something to find in the validation split, with 95 % "
    "bootstrap intervals over users. Recall divides by all that was held back, which is more for long histories; NDCG holds a list "
    "against the best one possible."
)

LARGE = "How well is each of them served? This data is large: to make and judge everybody’s list takes a while. It is done once, and kept."
SIZES = "Thirds of the users by the length of their history. How well each is served can be judged once a model is trained."


def finding(table: pd.DataFrame) -> str:
    """Say which end of the cohorts is served better, if their intervals keep them apart."""
    rows = table.set_index("cohort")
    if not set(backend.COHORTS) <= set(rows.index):
        return "All histories are about equally long: there are no short and long ones to compare"
    cold, heavy = (rows.loc[cohort] for cohort in (next(iter(backend.COHORTS)), list(backend.COHORTS)[-1]))
    short, long = (plots.metric_value("ndcg@20", row["ndcg@20"]) for row in (cold, heavy))
    said = f"NDCG@20 {short} for short ones, {long} for long ones"
    if cold["ndcg@20 high"] < heavy["ndcg@20 low"]:
        return f"People with long histories are served better: {said}"
    if heavy["ndcg@20 high"] < cold["ndcg@20 low"]:
        return f"People with short histories are served better: {said}"
    return f"By NDCG@20, short and long histories are served alike as far as can be told: {short} and {long}"


def cohort_rows(table: pd.DataFrame, chosen: str, choose: Callable[[str], None]) -> mo.ui.array:
    """Make the rows of ``cohort_table``, or of ``cohort_sizes`` without metrics; each is a button that chooses its people."""
    metrics = [metric for metric in backend.SERVED_METRICS if metric in table]
    most = {metric: table[f"{metric} high"].fillna(table[metric]).max() for metric in metrics}
    rows = []
    for row in table.to_dict("records"):
        cohort = str(row["cohort"])
        judged = f"{row['judged']:,} of " if metrics else ""
        people = f"<small>people, histories</small><br>{judged}{row['users']:,}, {row['shortest']:,}–{row['longest']:,} items"
        cells = "".join(f"<span>{_interval(metric, row, most[metric])}</span>" for metric in metrics)
        marked = " lab-chosen" if cohort == chosen else ""
        label = f'<div class="lab-run lab-cohort{marked}"><b>{backend.cohort_name(cohort)}</b><span>{people}</span>{cells}</div>'
        rows.append(mo.ui.button(label=label, value=cohort, on_click=lambda value: value, on_change=choose))
    return mo.ui.array(rows)


def _interval(metric: str, row: Mapping[Any, Any], most: float) -> str:
    """Write a mean with its interval, and draw both on one scale for all rows."""
    mean, low, high = (row[name] for name in (metric, f"{metric} low", f"{metric} high"))
    head = f"<small>{plots.metric_name(metric)}</small><br>"
    if pd.isna(mean):
        return f"{head}nobody to judge by"
    written = f"<b>{plots.metric_value(metric, mean)}</b>"
    if pd.isna(low):
        return head + written
    bounds = f"{plots.metric_value(metric, low)} to {plots.metric_value(metric, high)}"
    places = ";".join(f"--{name}:{100 * value / (most or 1):.2f}%" for name, value in (("low", low), ("mean", mean), ("high", high)))
    return f'{head}{written} <small>{bounds}</small><i class="lab-range" style="{places}"></i>'


def served_people(data: Dataset, served: pd.DataFrame, chosen: str, memory: dict[str, Any], choose: Callable[[str], None]) -> mo.ui.array:
    """Make a page of a cohort's people, each with how well they are served, and a last button that brings the next."""
    pages = max(-(-len(served) // SHOWN), 1)
    page = memory.get("cohorts.page", 0) % pages
    shown = served.iloc[page * SHOWN : (page + 1) * SHOWN].to_dict("records")

    def turn_over(value: str) -> None:
        memory["cohorts.page"] = page + 1
        choose(chosen)

    people = [
        widgets.person_button(
            data, row["user_id"], row["user_id"] == chosen, choose, f"NDCG {plots.digits(row['ndcg@20'])}, {row['items']} items"
        )
        for row in shown
    ]
    further = mo.ui.button(
        label=f"Next people ({page + 1} of {pages:,})", value="", on_click=lambda value: value, on_change=turn_over, disabled=pages == 1
    )
    return mo.ui.array([*people, further])


def listed_items(data: Dataset, ranking: pd.DataFrame, choose: Callable[[str], None]) -> mo.ui.array:
    """Make buttons of ranked items: place, and whether the person truly took it."""
    return mo.ui.array(
        [
            widgets.item_button(data, row["item_id"], f"{row['rank']:,}. {'● hit' if row['hit'] else '○ miss'}", False, choose)
            for row in ranking.to_dict("records")
        ]
    )
