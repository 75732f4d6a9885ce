"""What the items of a history and the walks through the graph contribute to a score, and what speaks for one item rather than another."""

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.bars import MOST_ROWS, name_rows, rows_figure, split_off, stack, steps, write_above, write_ends
from srgformer_lab.plots.drawing import empty_figure
from srgformer_lab.plots.frames import EXACT, numbers
from srgformer_lab.plots.language import Number, counted, digits, part_name, part_order, percent, safe, signed
from srgformer_lab.plots.style import HISTORY_COLORS, INK, MUTED, TICK_SIZE, part_color
from srgformer_lab.plots.texts import LEVEL, first_that_fits, in_all, shorten, who_leads

BESIDE_PARTS = ("item_id", "title", "total", "weight")
"""Columns of a history that are no part's contribution."""


def history_bars(
    history: pd.DataFrame, score: Number | None = None, most: int = 10, *, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw what each item of a history contributes to a score, part beside part; right of zero helps, left hurts.

    The ``most`` items whose sums are largest in size have a row each, sorted; the others stand in one row together.

    Args:
        history: ``item_id``, ``title``, a column of contributions for each part, ``total`` (their sum), and ``weight`` if known.
        score: The whole score, for the finding.
        most: How many items have a row of their own.

    Raises:
        DataError: A column is missing, a value is no finite number, or an item's parts don't sum to its total.
    """
    what = "history bars"
    parts = part_order(str(name) for name in history.columns if name not in BESIDE_PARTS and pd.api.types.is_numeric_dtype(history[name]))
    items = numbers(history, ["item_id", "title"], [*parts, "total"], what)
    if not len(items):
        return empty_figure("There is no history to take apart", "A bar appears for each thing that the person took.", dark)
    _check_sums(items, parts, what)
    shown, others = split_off(items["total"], most, what)
    table = items.loc[shown, parts].reset_index(drop=True)
    names = [str(title) for title in items.loc[shown, "title"]]
    full = [name + _weight(items, row) for name, row in zip(names, shown, strict=True)]
    if others:
        table.loc[len(table)] = items.loc[others, parts].sum()
        names.append(counted(len(others), "other"))
        full.append(f"{names[-1]}, summed")
    both = (table.min(axis=1) < 0) & (table.max(axis=1) > 0)
    own = "Marks show sums. Take one thing away: what stays?" if both.any() else "Take one thing away: what stays of the score?"
    text = own if hint is None else hint
    figure = rows_figure(_history_finding(items, score), text, names, dark, key=parts)
    stack(figure, table, full, dark)
    name_rows(figure, names, [INK[dark]] * len(shown) + [MUTED[dark]] * bool(others))
    return figure


def _check_sums(items: pd.DataFrame, parts: list[str], what: str) -> None:
    cells, total = items[parts].to_numpy(float), items["total"].to_numpy(float)
    off = np.abs(cells.sum(axis=1) - total) > EXACT * np.maximum(np.abs(cells).sum(axis=1), np.abs(total))
    if off.any():
        row = int(np.argmax(off))
        raise DataError(
            f"{what}: the parts of row {row} ({', '.join(parts) or 'none'}) sum to {digits(cells[row].sum())}, but total is "
            f"{digits(total[row])}; give one column for each part, and total as their sum"
        )


def _weight(items: pd.DataFrame, row: int) -> str:
    weight = float(items["weight"][row]) if "weight" in items else np.nan
    return "" if np.isnan(weight) else f", mean attention {percent(weight)}"


def _history_finding(items: pd.DataFrame, score: Number | None) -> str:
    if not items["total"].any():
        return f"No item of the history moves the score{'' if score is None else f', {digits(score)}'}"
    end = "" if score is None else f"; the score is {digits(score)}"
    whole = f"; all {len(items)} together {in_all(items['total'])}" if len(items) > 1 else " and is the whole history"
    findings = []
    for width in (26, 16):
        found = who_leads([f"“{shorten(title, width)}”" for title in items["title"]], list(items["total"]), "item")
        findings += [f"{'; '.join(found)}{whole}{end}", f"{found[0]}{whole}{end}"]
    return first_that_fits(*findings, f"{found[0]}{whole}", found[0])


SIDE_LETTERS = 20


def versus_bars(
    versus: pd.DataFrame, item_a: str, item_b: str, most: int = 10, *, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw what speaks for one item rather than another, by part or by item of the history; right speaks for the first.

    Args:
        versus: ``part`` (each part of the score) or ``item_id`` and ``title`` (each item of the history), with ``a``, ``b`` and
            ``difference`` = a − b.
        item_a: Title of the first item.
        item_b: Title of the second item.
        most: How many items of the history have a bar of their own.

    Raises:
        DataError: A column is missing, a value is no finite number, a part stands twice, or a difference isn't a − b.
    """
    what, is_parts = "versus bars", "part" in versus.columns or "title" not in versus.columns
    rows = numbers(versus, ["part"] if is_parts else ["item_id", "title"], ["a", "b", "difference"], what)
    if not len(rows):
        return empty_figure("There is nothing to compare yet", "Choose two items.", dark)
    _check(rows, is_parts, what)
    if is_parts:
        order = part_order(rows["part"])
        rows = rows.set_index("part").loc[order].reset_index()
        names, shown, others = [part_name(part) for part in order], list(range(len(rows))), []
        fill = [part_color(part, dark, order) for part in order]
        ink = fill
    else:
        shown, others = split_off(rows["difference"], most, what)
        names = [str(title) for title in rows["title"][shown]] + ([counted(len(others), "other")] if others else [])
        fill, ink = [HISTORY_COLORS[dark]] * len(names), [INK[dark]] * len(shown) + [MUTED[dark]] * bool(others)
    cells = rows[["a", "b", "difference"]].to_numpy(float)
    cells = np.vstack([cells[shown], cells[others].sum(axis=0)]) if others else cells[shown]
    text = "Take away what speaks most for it: which item leads?" if hint is None else hint
    figure = rows_figure(_versus_finding(rows, is_parts, item_a, item_b), text, names, dark, above=20)
    a, b = (shorten(item, SIDE_LETTERS) for item in (item_a, item_b))
    for words, right in ((f"◂ for “{b}”", False), (f"for “{a}” ▸", True)):
        write_above(figure, safe(words), right, font={"size": TICK_SIZE, "color": MUTED[dark]})
    hovers = [f"{name}: “{a}” {signed(row[0])}, “{b}” {signed(row[1])}" for name, row in zip(names, cells, strict=True)]
    differences = cells[:, 2]
    steps(figure, np.zeros(len(cells)), differences, fill, hovers)
    write_ends(figure, differences, differences, list(differences))
    name_rows(figure, names, ink)
    return figure


def _check(rows: pd.DataFrame, is_parts: bool, what: str) -> None:
    if is_parts and rows["part"].duplicated().any():
        raise DataError(f"{what}: part {rows.loc[rows['part'].duplicated(), 'part'].iloc[0]!r} stands twice; give each part once")
    off = (rows["a"] - rows["b"] - rows["difference"]).abs() > EXACT * (rows["a"].abs() + rows["b"].abs())
    if off.any():
        row = rows.loc[int(off.to_numpy().argmax())]
        given = f"a={digits(row['a'])}, b={digits(row['b'])}, difference={digits(row['difference'])}"
        raise DataError(f"{what}: {given}; the difference must be a − b")


def _versus_finding(rows: pd.DataFrame, is_parts: bool, item_a: str, item_b: str) -> str:
    differences = rows["difference"]
    if not differences.any():
        return f"Every {'part' if is_parts else 'item of the history'} speaks for both items alike"
    if in_all(differences) == "cancel out":
        return "Both items score the same" if is_parts else "The history is for both items alike"
    total = float(differences.sum())
    values, lead = (list(differences), item_a) if total > 0 else (list(-differences), item_b)
    level = [row for row, value in enumerate(values) if math.isclose(value, max(values), rel_tol=LEVEL)]
    findings = []
    for width in (26, 16):
        start = f"“{shorten(lead, width)}” leads by {digits(abs(total))}"
        start = start if is_parts else f"The history is for “{shorten(lead, width)}” by {digits(abs(total))}"
        name = part_name(str(rows["part"][level[0]])) if is_parts else f"“{shorten(rows['title'][level[0]], width)}”"
        who = f"{name} speaks" if len(level) == 1 else f"{len(level)} {'parts' if is_parts else 'items'} speak"
        by = f"{digits(max(values))}{' each' if len(level) > 1 else ''}"
        short = [f"{start}, {name} most"] if len(level) == 1 else []
        findings += [f"{start}; {who} most for it, by {by}", f"{start}; {who} most for it", *short]
    return first_that_fits(*findings, start)


def depth_bars(depths: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw what walks of each length from the user through the graph contribute to a score, part beside part.

    Args:
        depths: ``item_id``, ``title``, ``part``, ``depth`` (from 1), ``contribution``; summed over the items.

    Raises:
        DataError: A column is missing, a value is no finite number, or a depth is no whole number from 1.
    """
    what = "depth bars"
    rows = numbers(depths, ["item_id", "title", "part"], ["depth", "contribution"], what)
    if not len(rows):
        return empty_figure("There is no walk through the graph", "A bar appears for each length of a walk.", dark)
    if (bad := rows.loc[(rows["depth"] < 1) | (rows["depth"] % 1 != 0), "depth"]).size:
        raise DataError(f"{what}: depth={bad.iloc[0]:g}; give whole numbers from 1")
    table = rows.pivot_table(index="depth", columns="part", values="contribution", aggfunc="sum", fill_value=0.0).sort_index()
    if len(table) > MOST_ROWS:
        raise DataError(f"{what}: {len(table)} depths; at most {MOST_ROWS} have room")
    names = [counted(int(depth), "step") for depth in table.index]
    text = "What do more layers, and so longer walks, bring?" if hint is None else hint
    figure = rows_figure(_depth_finding(names, table.sum(axis=1).tolist()), text, names, dark, key=part_order(table.columns))
    stack(figure, table.reset_index(drop=True), [f"walks of {name}" for name in names], dark)
    name_rows(figure, names, [INK[dark]] * len(names))
    return figure


def _depth_finding(names: list[str], values: list[float]) -> str:
    found = who_leads([f"a walk of {name}" for name in names], values, "length")
    if not found:
        return "Walks through the graph don’t move the score"
    found[0] = found[0][0].upper() + found[0][1:]
    if len(names) == 1:
        return found[0]
    whole = f"; all {len(names)} lengths together {in_all(values)}"
    return first_that_fits(f"{'; '.join(found)}{whole}", f"{found[0]}{whole}", found[0])
