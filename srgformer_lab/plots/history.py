"""Which of a person's things made the score: a bar for each item of the history, and the way from nothing to the score."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.language import (
    FAINT,
    INK,
    MUTED,
    SURFACE,
    Number,
    counted,
    digits,
    part_color,
    part_order,
    percent,
    shorten,
    signed,
)
from srgformer_lab.plots.rows import (
    HISTORY_COLORS,
    in_all,
    name_rows,
    numbers,
    rows_figure,
    split_off,
    stack,
    steps,
    who_leads,
    write_ends,
)
from srgformer_lab.plots.score import EXACT
from srgformer_lab.plots.template import empty_figure, first_that_fits

BESIDE_PARTS = ("item_id", "title", "total", "weight")
"""Columns of a history that are no part's contribution."""
KINDS = {"own": "the user’s own embedding", "history": "the history", "hyperedge": "the hypergraph", "edit": "the edit"}
"""Where a score comes from, in the order of the bars, and what a sentence calls it."""


def history_bars(
    history: pd.DataFrame, score: Number | None = None, most: int = 10, *, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw what each item of a history contributes to a score, part beside part; right of zero helps, left hurts.

    The ``most`` items whose sums are largest in size have a row each, sorted; the others stand in one row together.

    Args:
        history: ``item_id``, ``title``, a column of contributions for each part, ``total`` (their sum), and ``weight`` if known.
        score: The whole score, for the finding.
        most: How many items have a row of their own.
        dark: Whether the page is dark.
        hint: Words in place of what to try.

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
    text = "Take one thing away: what stays of the score?" if hint is None else hint
    text = "Marks show sums. Take one thing away: what stays?" if hint is None and both.any() else text
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


def sources_waterfall(
    sources: pd.DataFrame,
    score: Number | None = None,
    *,
    item: str | None = None,
    most: int = 5,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw the way to a score: the user's own embedding, the history's items, the hyperedges; right of zero helps, left hurts.

    Where the sources don't add up to the score, a hollow bar says how much is missing, and the figure calls itself approximate.

    Args:
        sources: ``kind`` (own, history, hyperedge or edit), ``name``, ``contribution``.
        score: The score that the model gives; the sum of the sources where it is None.
        item: The title that the finding names.
        most: How many items of the history have a bar each; the others stand in one, and so do the hyperedges.
        dark: Whether the page is dark.
        hint: Words in place of what to try.

    Raises:
        DataError: A column is missing, a value is no finite number, a kind is unknown, or there is no source.
    """
    what = "sources waterfall"
    rows = numbers(sources, ["kind", "name"], ["contribution"], what)
    if not len(rows) or (unknown := sorted(set(rows["kind"].astype(str)) - set(KINDS))):
        given = f"knows no kind {', '.join(unknown)}" if len(rows) else "has no row"
        raise DataError(f"{what}: the frame {given}; give rows of the kinds {', '.join(KINDS)}")
    total = float(rows["contribution"].sum() if score is None else score)
    missing = total - float(rows["contribution"].sum())
    bars = _bars(rows, most, dark)
    approximate = abs(missing) > EXACT * max(float(rows["contribution"].abs().sum()), abs(total))
    if approximate:
        bars.append(("not explained", missing, MUTED[dark], MUTED[dark]))
    text = hint if hint is not None else "Right of zero helps, left hurts. Take one thing away."
    text = f"Approximate: {signed(missing)} is not explained. {text}" if approximate else text
    names, values = [name for name, *_ in bars], np.array([value for _, value, *_ in bars])
    figure = rows_figure(_sources_finding(rows, total, item), text, [*names, "score"], dark)
    _draw_way(figure, names, values, total, ([bar[2] for bar in bars], [bar[3] for bar in bars]), approximate, dark)
    return figure


Bar = tuple[str, float, str, str]
"""Name, value, colour of the bar, colour of the name."""


def _bars(rows: pd.DataFrame, most: int, dark: bool) -> list[Bar]:
    """Fold the sources: each kind in one bar, but the history's largest items in one each."""
    bars: list[Bar] = []
    for kind in KINDS:
        given = rows.loc[rows["kind"] == kind, "contribution"]
        if not len(given):
            continue
        if kind == "history":
            shown, others = split_off(given, most, "sources waterfall")
            bars += [(str(rows["name"][row]), float(given[row]), HISTORY_COLORS[dark], INK[dark]) for row in shown]
            if others:
                bars.append((counted(len(others), "other"), float(given[others].sum()), HISTORY_COLORS[dark], MUTED[dark]))
            continue
        color = {"own": part_color("id", dark), "hyperedge": part_color("hypergraph", dark)}.get(kind, MUTED[dark])
        several = counted(len(given), "hyperedge" if kind == "hyperedge" else kind)
        name = "own embedding" if kind == "own" else str(rows["name"][given.index[0]]) if len(given) == 1 else several
        bars.append((name, float(given.sum()), color, color))
    return bars


def _draw_way(
    figure: go.Figure, names: list[str], values: np.ndarray, total: float, colors: tuple[list[str], list[str]], hollow: bool, dark: bool
) -> None:
    ends = np.cumsum(values)
    fill, edge = [*colors[0], INK[dark]], [0.0] * (len(values) + 1)
    if hollow:
        fill[-2], edge[-2] = SURFACE[dark], 1.5
    hovers = [f"{name} {signed(value)}" for name, value in zip(names, values, strict=True)]
    steps(
        figure,
        np.append(ends - values, 0.0),
        np.append(values, total),
        fill,
        [*hovers, f"score {digits(total)}"],
        line={"color": MUTED[dark], "width": edge},
    )
    for row, end in enumerate(ends):
        thin = {"color": FAINT[dark], "width": 1}
        figure.add_shape(type="line", x0=float(end), x1=float(end), y0=row + 0.32, y1=row + 0.68, line=thin)
    texts = [*(signed(value) for value in values), f"<b>{digits(total)}</b>"]
    write_ends(figure, np.append(ends, total), np.append(values, total), [*ends, total], texts)
    name_rows(figure, [*names, "score"], [*colors[1], INK[dark]])
    words = figure.layout.yaxis.ticktext
    figure.layout.yaxis.ticktext = [*words[:-1], f"<b>{words[-1]}</b>"]


def _sources_finding(rows: pd.DataFrame, total: float, item: str | None) -> str:
    subject = f"“{shorten(item, 26)}” scores {digits(total)}" if item else f"The score is {digits(total)}"
    by_kind = rows.groupby("kind")["contribution"].sum()
    kinds = [kind for kind in KINDS if kind in by_kind.index]
    found = who_leads([KINDS[kind] for kind in kinds], [float(by_kind[kind]) for kind in kinds], "source")
    return first_that_fits(*(f"{subject}: {'; '.join(found[:many])}" for many in range(len(found), 0, -1)), subject)
