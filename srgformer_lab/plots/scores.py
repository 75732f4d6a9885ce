"""Why a score is what it is: the parts that add up to it, and the full table of user parts times item parts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.bars import ROW, name_rows, rows_figure, set_rows, split_off, steps, write_ends
from srgformer_lab.plots.drawing import TALLEST, heatmap, new_figure, write_cells
from srgformer_lab.plots.frames import EXACT, numbers, require
from srgformer_lab.plots.language import LAST_PARTS, Number, counted, digits, part_name, part_order, safe, signed
from srgformer_lab.plots.style import FAINT, HISTORY_COLORS, INK, MUTED, SIGNED_SCALE, SURFACE, TICK_SIZE, part_color
from srgformer_lab.plots.texts import first_that_fits, shorten, who_leads

PART_ROW = 34
"""Pixels of a part's row: there are few."""
KINDS = {
    "own": "the user’s own embedding",
    "history": "the history",
    "hyperedge": "the hypergraph",
    "everyone": "what all have alike",
    "rest": "the rest",
    "edit": "the edit",
}
"""Where a score comes from, in the order of the bars, and what a sentence calls it."""

Bar = tuple[str, float, str, str]
"""Name, value, colour of the bar, colour of the name."""


def waterfall(
    parts: pd.DataFrame, score: Number | None = None, *, item: str | None = None, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw the parts of a score one after another, from zero to the score; right of zero helps, left hurts.

    Where the parts don't add up to the score, a hollow bar says how much is missing, and the figure calls itself approximate.

    Args:
        parts: ``part``, ``contribution``; a row for each part.
        score: The score that the model gives; the sum of the parts where it is None.
        item: The title that the finding names.

    Raises:
        DataError: A column is missing, a value is no finite number, a part stands twice, or there is no part.
    """
    by_part = _unique(numbers(parts, ["part"], ["contribution"], "waterfall"))
    order, total = list(by_part.index), float(by_part.sum() if score is None else score)
    colors = [part_color(part, dark, order) for part in order]
    bars = list(zip(map(part_name, order), by_part.tolist(), colors, colors, strict=True))
    knobs = " Set α or β to 0 and see what stays." if set(LAST_PARTS) & set(order) else ""
    text = f"Right of zero helps, left hurts.{knobs}" if hint is None else hint
    return _way(_waterfall_finding(by_part, total, item), text, bars, total, PART_ROW, dark)


def _missing(values: Sequence[float], total: float) -> float:
    """Return what a score has beyond its summands; 0 where that can be put down to rounding."""
    missing = total - sum(values)
    return missing if abs(missing) > EXACT * max(sum(map(abs, values)), abs(total)) else 0.0


def _unique(parts: pd.DataFrame) -> pd.Series:
    by_part = parts.set_index("part")["contribution"]
    if not len(by_part):
        raise DataError("waterfall: the frame has no row; give it one for each part of the score")
    if by_part.index.has_duplicates:
        twice = by_part.index[by_part.index.duplicated()][0]
        raise DataError(f"waterfall: part {twice!r} stands twice; give each part once (the folded table, not all cells)")
    return by_part.loc[part_order(by_part.index)]


def _waterfall_finding(by_part: pd.Series, total: float, item: str | None) -> str:
    most, least = str(by_part.idxmax()), str(by_part.idxmin())
    found = [f"{part_name(most)} adds most, {signed(by_part[most])}"] if by_part[most] > 0 else []
    if by_part[least] < -0.1 * by_part.abs().max():
        found.append(f"{part_name(least)} takes {signed(by_part[least])}")
    return _score_finding(item, total, found)


def _score_finding(item: str | None, total: float, found: Sequence[str]) -> str:
    subject = f"“{shorten(item, 26)}” scores {digits(total)}" if item else f"The score is {digits(total)}"
    return first_that_fits(*(f"{subject}: {'; '.join(found[:many])}" for many in range(len(found), 0, -1)), subject)


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
        sources: ``kind`` (own, history, hyperedge, everyone, rest or edit), ``name``, ``contribution``.
        score: The score that the model gives; the sum of the sources where it is None.
        item: The title that the finding names.
        most: How many items of the history have a bar each; the others stand in one, and so do the hyperedges.

    Raises:
        DataError: A column is missing, a value is no finite number, a kind is unknown, or there is no source.
    """
    what = "sources waterfall"
    rows = numbers(sources, ["kind", "name"], ["contribution"], what)
    if not len(rows) or (unknown := sorted(set(rows["kind"].astype(str)) - set(KINDS))):
        given = f"knows no kind {', '.join(unknown)}" if len(rows) else "has no row"
        raise DataError(f"{what}: the frame {given}; give rows of the kinds {', '.join(KINDS)}")
    total = float(rows["contribution"].sum() if score is None else score)
    text = "Right of zero helps, left hurts. Take one thing away." if hint is None else hint
    return _way(_sources_finding(rows, total, item), text, _bars(rows, most, dark), total, ROW, dark)


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


def _way(finding: str, text: str, bars: list[Bar], total: float, row_height: int, dark: bool) -> go.Figure:
    """Draw bars one after another from zero to the score, and what is missing to it as a hollow one."""
    missing = _missing([value for _, value, *_ in bars], total)
    if missing:
        bars = [*bars, ("not explained", missing, MUTED[dark], MUTED[dark])]
        text = f"Approximate: {signed(missing)} is not explained. {text}"
    names, given, fill, ink = (list(column) for column in zip(*bars, ("score", total, INK[dark], INK[dark]), strict=True))
    figure = rows_figure(finding, text, names, dark)
    set_rows(figure, len(names), row_height)
    values, edge = np.array(given), [0.0] * len(given)
    ends = np.append(np.cumsum(values[:-1]), total)
    if missing:
        fill[-2], edge[-2] = SURFACE[dark], 1.5
    texts = [*(signed(value) for value in given[:-1]), digits(total)]
    hovers = [f"{name} {text}" for name, text in zip(names, texts, strict=True)]
    steps(figure, np.append((ends - values)[:-1], 0.0), values, fill, hovers, line={"color": MUTED[dark], "width": edge})
    for row, end in enumerate(ends[:-1].tolist()):
        figure.add_shape(type="line", x0=end, x1=end, y0=row + 0.32, y1=row + 0.68, line={"color": FAINT[dark], "width": 1})
    write_ends(figure, ends, values, list(ends), [*texts[:-1], f"<b>{texts[-1]}</b>"])
    name_rows(figure, names, ink, bold_last=True)
    return figure


def _sources_finding(rows: pd.DataFrame, total: float, item: str | None) -> str:
    by_kind = rows.groupby("kind")["contribution"].sum()
    kinds = [kind for kind in KINDS if kind in by_kind.index]
    return _score_finding(item, total, who_leads([KINDS[kind] for kind in kinds], [float(by_kind[kind]) for kind in kinds], "source"))


def parts_table(parts: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw every user part times every item part as a signed heatmap, white at zero; all cells sum to the score.

    Args:
        parts: ``user_part``, ``item_part``, ``contribution``; a row for each pair.

    Raises:
        DataError: A column is missing, a pair stands twice, or there is no row.
    """
    require(parts, ["user_part", "item_part", "contribution"], "parts table")
    if not len(parts) or parts.duplicated(["user_part", "item_part"]).any():
        raise DataError(f"parts table: {len(parts)} rows; give each pair of a user part and an item part exactly once")
    order = part_order([*parts["user_part"], *parts["item_part"]])
    table = parts.pivot(index="user_part", columns="item_part", values="contribution")
    table = table.reindex(index=[part for part in order if part in table.index], columns=[part for part in order if part in table.columns])
    values = table.to_numpy(float)
    largest = float(np.nanmax(np.abs(values))) or 1.0
    knob = " Set α to 0: the attention row and column go blank." if "attention" in order else ""
    text = f"All cells sum to the score.{knob}" if hint is None else hint
    figure = new_figure(_table_finding(table), text, dark, min(TALLEST, 160 + 40 * len(table)), left=100, bottom=52)
    cells = _cells(values, largest)
    names = [[[part_name(row), part_name(column)] for column in table.columns] for row in table.index]
    look = {"zmid": 0, "text": cells, "xgap": 2, "ygap": 2, "customdata": names}
    look["hovertemplate"] = "user's %{customdata[0]} × item's %{customdata[1]}<br>%{z:+.3g}<extra></extra>"
    heatmap(figure, values, SIGNED_SCALE[dark], -largest, largest, **look)
    write_cells(figure, cells)
    _part_axis(figure.layout.xaxis, list(table.columns), order, "item’s part", dark)
    _part_axis(figure.layout.yaxis, list(table.index), order, "user’s part", dark)
    figure.update_yaxes(autorange="reversed")
    return figure


def _table_finding(table: pd.DataFrame) -> str:
    flat = table.stack()
    user, item = flat.idxmax() if flat.max() > 0 else flat.idxmin()
    verb = "adds most" if flat.max() > 0 else "takes most"
    return f"User’s {part_name(user)} × item’s {part_name(item)} {verb}: {signed(flat[user, item])} of {digits(flat.sum())}"


def _cells(values: np.ndarray, largest: float) -> list[list[str]]:
    """Write every value, all to the same place after the point; empty where there is none."""
    power = int(np.floor(np.log10(largest)))
    places, unit = (max(2 - power, 0), 1.0) if -2 <= power <= 2 else (2, 10.0**power)
    return [["" if np.isnan(value) else f"{value / unit:.{places}f}".replace("-", "−") for value in row] for row in values]


def _part_axis(axis: go.layout.XAxis | go.layout.YAxis, parts: list[str], order: list[str], title: str, dark: bool) -> None:
    words = []
    for part in parts:
        name = shorten(part_name(part), 13)
        half = (len(name) + 1) // 2
        is_broken = isinstance(axis, go.layout.XAxis) and len(parts) > 3 and len(name) >= 10  # five columns of a narrow figure are narrow
        shown = f"{safe(name[:half])}-<br>{safe(name[half:])}" if is_broken else safe(name)
        words.append(f'<span style="color:{part_color(part, dark, order)}">{shown}</span>')
    look = {"zeroline": False, "tickangle": 0, "tickfont": {"size": TICK_SIZE}, "title": {"text": title}}
    axis.update(tickvals=list(range(len(parts))), ticktext=words, **look)
