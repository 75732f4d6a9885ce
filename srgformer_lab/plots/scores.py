"""Why a score is what it is: the parts that add up to it, and the full table of user parts times item parts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.bars import label_rows, name_rows, rows_figure, split_off, steps, write_ends
from srgformer_lab.plots.drawing import write_cells
from srgformer_lab.plots.frames import EXACT, numbers, require
from srgformer_lab.plots.language import Number, counted, digits, part_name, part_order, safe, signed
from srgformer_lab.plots.style import FAINT, HISTORY_COLORS, INK, MUTED, SIGNED_SCALE, SURFACE, TALLEST, TICK_SIZE, new_figure, part_color
from srgformer_lab.plots.texts import first_that_fits, shorten, who_leads

KINDS = {"own": "the user’s own embedding", "history": "the history", "hyperedge": "the hypergraph", "edit": "the edit"}
"""Where a score comes from, in the order of the bars, and what a sentence calls it."""


def waterfall(
    parts: pd.DataFrame, score: Number | None = None, *, item: str | None = None, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw the parts of a score one after another, from zero to the score; right of zero helps, left hurts.

    Where the parts don't add up to the score, a hollow bar says how much is missing, and the figure calls itself approximate.

    Args:
        parts: ``part``, ``contribution``; a row for each part.
        score: The score that the model gives; the sum of the parts where it is None.
        item: The title that the finding names.
        dark: Whether the page is dark.
        hint: Words in place of what to try.

    Raises:
        DataError: A column is missing, a part stands twice, or there is no part.
    """
    require(parts, ["part", "contribution"], "waterfall")
    by_part = _unique(parts)
    order, values = list(by_part.index), [float(value) for value in by_part]
    total = float(sum(values)) if score is None else float(score)
    missing = _missing(values, total)
    names, colors = [part_name(part) for part in order], [part_color(part, dark, order) for part in order]
    if missing:
        names, colors, values = [*names, "not explained"], [*colors, MUTED[dark]], [*values, missing]
    ends = np.cumsum(values)
    text = _approximate("Right of zero helps, left hurts. Set α or β to 0 and see what stays." if hint is None else hint, missing)
    left, height = min(max(len(name) for name in names) * 7 + 14, 116), min(TALLEST, 130 + 34 * (len(names) + 1))
    figure = new_figure(_waterfall_finding(by_part, total, item), text, dark, height, left=left, bottom=30)
    for row, (step, end, name, color) in enumerate(zip(values, ends, names, colors, strict=True)):
        fill = SURFACE[dark] if missing and row == len(order) else color
        _bar(figure, row, float(end - step), step, (fill, color), name, dark)
        figure.add_shape(type="line", x0=end, x1=end, y0=row + 0.3, y1=row + 0.7, line={"color": FAINT[dark], "width": 1})
    _bar(figure, len(values), 0.0, total, (INK[dark], INK[dark]), "score", dark)
    words = [f'<span style="color:{color}">{safe(name)}</span>' for color, name in zip(colors, names, strict=True)]
    words.append(f'<b><span style="color:{INK[dark]}">score</span></b>')
    label_rows(figure, words, {"size": 12}, 6)
    figure.layout.yaxis.range = [len(names) + 0.5, -0.5]
    low, high = min(0.0, total, *ends), max(0.0, total, *ends)
    room = 0.2 * ((high - low) or 1.0)
    edge = min(low - room * (low < 0 or values[0] < 0), -0.02 * room)
    figure.update_xaxes(range=[edge, high + room], nticks=5, tickformat="~g")
    return figure


def _missing(values: Sequence[float], total: float) -> float:
    """Return what a score has beyond its summands; 0 where that can be put down to rounding."""
    missing = total - sum(values)
    return missing if abs(missing) > EXACT * max(sum(map(abs, values)), abs(total)) else 0.0


def _approximate(text: str, missing: float) -> str:
    return f"Approximate: {signed(missing)} is not explained. {text}" if missing else text


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
    """Name the score, and of what was found as much as fits."""
    subject = f"“{shorten(item, 26)}” scores {digits(total)}" if item else f"The score is {digits(total)}"
    return first_that_fits(*(f"{subject}: {'; '.join(found[:many])}" for many in range(len(found), 0, -1)), subject)


def _bar(figure: go.Figure, row: int, start: float, step: float, colors: tuple[str, str], name: str, dark: bool) -> None:
    """Draw one bar, filled and edged in two colours, and write its value beyond its end."""
    fill, edge = colors
    marker = {"color": fill, "line": {"color": edge, "width": 1.5 if fill != edge else 0}}
    hover = f"{safe(name)} {signed(step)}<extra></extra>"
    figure.add_bar(x=[step], y=[row], base=[start], orientation="h", width=0.6, marker=marker, hovertemplate=hover, name=name)
    text = f"<b>{digits(step)}</b>" if name == "score" else signed(step)
    beside = {"xanchor": "left", "xshift": 5} if step >= 0 else {"xanchor": "right", "xshift": -5}
    figure.add_annotation(x=start + step, y=row, text=text, font={"color": INK[dark]}, **beside)


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
    missing = _missing(rows["contribution"].tolist(), total)
    bars = _bars(rows, most, dark) + ([("not explained", missing, MUTED[dark], MUTED[dark])] if missing else [])
    text = _approximate("Right of zero helps, left hurts. Take one thing away." if hint is None else hint, missing)
    figure = rows_figure(_sources_finding(rows, total, item), text, [*(name for name, *_ in bars), "score"], dark)
    _draw_way(figure, bars, total, bool(missing), dark)
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


def _draw_way(figure: go.Figure, bars: list[Bar], total: float, hollow: bool, dark: bool) -> None:
    names, given, fill, ink = (list(column) for column in zip(*bars, ("score", total, INK[dark], INK[dark]), strict=True))
    values, edge = np.array(given), [0.0] * len(given)
    ends = np.append(np.cumsum(values[:-1]), total)
    if hollow:
        fill[-2], edge[-2] = SURFACE[dark], 1.5
    texts = [*(signed(value) for value in given[:-1]), digits(total)]
    hovers = [f"{name} {text}" for name, text in zip(names, texts, strict=True)]
    steps(figure, np.append((ends - values)[:-1], 0.0), values, fill, hovers, line={"color": MUTED[dark], "width": edge})
    for row, end in enumerate(ends[:-1].tolist()):
        figure.add_shape(type="line", x0=end, x1=end, y0=row + 0.32, y1=row + 0.68, line={"color": FAINT[dark], "width": 1})
    write_ends(figure, ends, values, list(ends), [*texts[:-1], f"<b>{texts[-1]}</b>"])
    name_rows(figure, names, ink, bold_last=True)


def _sources_finding(rows: pd.DataFrame, total: float, item: str | None) -> str:
    by_kind = rows.groupby("kind")["contribution"].sum()
    kinds = [kind for kind in KINDS if kind in by_kind.index]
    return _score_finding(item, total, who_leads([KINDS[kind] for kind in kinds], [float(by_kind[kind]) for kind in kinds], "source"))


def parts_table(parts: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw every user part times every item part as a signed heatmap, white at zero; all cells sum to the score.

    Args:
        parts: ``user_part``, ``item_part``, ``contribution``; a row for each pair.
        dark: Whether the page is dark.
        hint: Words in place of what to try.

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
    text = "All cells sum to the score. Set α to 0: the attention row and column go blank." if hint is None else hint
    figure = new_figure(_table_finding(table), text, dark, min(TALLEST, 160 + 40 * len(table)), left=100, bottom=52)
    cells = _cells(values, largest)
    figure.add_heatmap(
        z=values,
        zmin=-largest,
        zmax=largest,
        zmid=0,
        colorscale=[list(stop) for stop in SIGNED_SCALE[dark]],
        showscale=False,
        text=cells,
        xgap=2,
        ygap=2,
        customdata=[[[part_name(row), part_name(column)] for column in table.columns] for row in table.index],
        hovertemplate="user's %{customdata[0]} × item's %{customdata[1]}<br>%{z:+.3g}<extra></extra>",
    )
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
