"""Why a score is what it is: the parts that add up to it, and the full table of user parts times item parts."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.cells import write_cells
from srgformer_lab.plots.language import (
    FAINT,
    INK,
    MUTED,
    SIGNED_SCALE,
    SURFACE,
    Number,
    digits,
    part_color,
    part_name,
    part_order,
    require,
    safe,
    shorten,
    signed,
)
from srgformer_lab.plots.template import TICK_SIZE, first_that_fits, new_figure

EXACT = 1e-3
"""Largest difference between the sum and the score, relative to the parts' sizes, that is put down to rounding."""


def waterfall(
    parts: pd.DataFrame, score: Number | None = None, *, item: str | None = None, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw the parts of a score one after another, from zero to the score; right of zero helps, left hurts.

    Where the parts don't add up to the score, a hollow bar says how much is missing, and the figure calls itself approximate.

    Raises:
        DataError: A column is missing, a part stands twice, or there is no part.
    """
    require(parts, ["part", "contribution"], "waterfall")
    by_part = _unique(parts)
    values = [float(by_part[part]) for part in by_part.index]
    total = float(sum(values)) if score is None else float(score)
    missing = total - sum(values)
    approximate = abs(missing) > EXACT * max(sum(map(abs, values)), abs(total))
    names = [part_name(part) for part in by_part.index] + (["not explained"] if approximate else [])
    colors = [part_color(part, dark, by_part.index) for part in by_part.index]
    steps = values + ([missing] if approximate else [])
    ends = np.cumsum(steps)
    text = hint if hint is not None else "Right of zero helps, left hurts. Set α or β to 0 and see what stays."
    text = f"Approximate: {signed(missing)} is not explained. {text}" if approximate else text
    label = max(len(name) for name in names) * 7 + 14
    figure = new_figure(
        _waterfall_finding(by_part, total, item), text, dark, min(360, 130 + 34 * (len(names) + 1)), left=min(label, 116), bottom=30
    )
    for row, (step, end) in enumerate(zip(steps, ends, strict=True)):
        hollow = row >= len(colors)
        color = MUTED[dark] if hollow else colors[row]
        _bar(figure, row, float(end - step), step, color, hollow, names[row], dark)
        nexts = row + 1
        figure.add_shape(type="line", x0=end, x1=end, y0=row + 0.3, y1=nexts - 0.3, line={"color": FAINT[dark], "width": 1})
    _bar(figure, len(steps), 0.0, total, INK[dark], False, "score", dark)
    _rows(figure, names, colors, dark)
    reach = np.concatenate([[0.0, total], ends])
    room = 0.2 * (float(reach.max() - reach.min()) or 1.0)
    figure.update_xaxes(
        range=[min(reach.min() - room * (reach.min() < 0 or steps[0] < 0), -0.02 * room), reach.max() + room], nticks=5, tickformat="~g"
    )
    return figure


def _unique(parts: pd.DataFrame) -> pd.Series:
    by_part = parts.set_index("part")["contribution"]
    if not len(by_part):
        raise DataError("waterfall: the frame has no row; give it one for each part of the score")
    if by_part.index.has_duplicates:
        twice = by_part.index[by_part.index.duplicated()][0]
        raise DataError(f"waterfall: part {twice!r} stands twice; give each part once (the folded table, not all cells)")
    return by_part.loc[part_order(by_part.index)]


def _waterfall_finding(by_part: pd.Series, total: float, item: str | None) -> str:
    subject = f"“{shorten(item, 26)}” scores {digits(total)}" if item else f"The score is {digits(total)}"
    most, least = str(by_part.idxmax()), str(by_part.idxmin())
    found = []
    if by_part[most] > 0:
        found.append(f"{part_name(most)} adds most, {signed(by_part[most])}")
    if by_part[least] < -0.1 * by_part.abs().max():
        found.append(f"{part_name(least)} takes {signed(by_part[least])}")
    return first_that_fits(*(f"{subject}: {'; '.join(found[:many])}" for many in range(len(found), 0, -1)), subject)


def _bar(figure: go.Figure, row: int, start: float, step: float, color: str, hollow: bool, name: str, dark: bool) -> None:
    figure.add_bar(
        x=[step],
        y=[row],
        base=[start],
        orientation="h",
        width=0.6,
        marker={"color": SURFACE[dark] if hollow else color, "line": {"color": color, "width": 1.5 if hollow else 0}},
        hovertemplate=f"{safe(name)} {signed(step)}<extra></extra>",
        name=name,
    )
    figure.add_annotation(
        x=start + step,
        y=row,
        text=f"<b>{digits(step)}</b>" if name == "score" else signed(step),
        xanchor="left" if step >= 0 else "right",
        xshift=5 if step >= 0 else -5,
        font={"color": INK[dark]},
    )


def _rows(figure: go.Figure, names: list[str], colors: list[str], dark: bool) -> None:
    shown = [*colors, *[MUTED[dark]] * (len(names) - len(colors)), INK[dark]]
    words = [f'<span style="color:{color}">{safe(name)}</span>' for color, name in zip(shown, names, strict=False)]
    words.append(f'<b><span style="color:{INK[dark]}">score</span></b>')
    figure.update_yaxes(
        range=[len(names) + 0.5, -0.5],
        tickvals=list(range(len(words))),
        ticktext=words,
        tickfont={"size": 12},
        zeroline=False,
        ticklabelstandoff=6,
    )


def parts_table(parts: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw every user part times every item part as a signed heatmap, white at zero; all cells sum to the score.

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
    height = min(360, 160 + 40 * len(table))
    figure = new_figure(
        _table_finding(table),
        "All cells sum to the score. Set α to 0: the attention row and column go blank." if hint is None else hint,
        dark,
        height,
        left=100,
        bottom=52,
    )
    figure.add_heatmap(
        z=values,
        zmin=-largest,
        zmax=largest,
        zmid=0,
        colorscale=[list(stop) for stop in SIGNED_SCALE[dark]],
        showscale=False,
        text=_cells(values, largest),
        xgap=2,
        ygap=2,
        customdata=[[[part_name(row), part_name(column)] for column in table.columns] for row in table.index],
        hovertemplate="user's %{customdata[0]} × item's %{customdata[1]}<br>%{z:+.3g}<extra></extra>",
    )
    write_cells(figure, _cells(values, largest))
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
    names = {part: shorten(part_name(part), 13) for part in parts}
    if isinstance(axis, go.layout.XAxis) and len(parts) > 3:  # five columns of a narrow figure are narrower than these words
        names = {
            part: name if len(name) < 10 else f"{name[: (len(name) + 1) // 2]}-\n{name[(len(name) + 1) // 2 :]}"
            for part, name in names.items()
        }
    words = [
        f'<span style="color:{part_color(part, dark, order)}">{safe(name)}</span>'.replace("\n", "<br>") for part, name in names.items()
    ]
    axis.update(
        tickvals=list(range(len(parts))), ticktext=words, zeroline=False, tickangle=0, tickfont={"size": TICK_SIZE}, title={"text": title}
    )
