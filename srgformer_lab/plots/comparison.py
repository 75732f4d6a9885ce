"""Many models beside one: a dot a row with its interval over seeds, filled only where a difference is shown."""

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.evidence import (
    JUDGED,
    cut,
    error_bars,
    fit,
    hover_text,
    how_to_read,
    nothing_finished,
    points,
    read_table,
    seed_of,
    text_width,
)
from srgformer_lab.plots.knobs import LABEL_PAPER
from srgformer_lab.plots.language import (
    FAINT,
    INK,
    MUTED,
    SURFACE,
    metric_name,
    metric_unit,
    metric_value,
    safe,
    setting,
    shorten,
    ticks,
)
from srgformer_lab.plots.rows import MOST_ROWS, ROW, text_size
from srgformer_lab.plots.template import TALLEST, empty_figure, new_figure

About = Literal["gains", "losses"]
LABEL_WIDTH, BOLD = 184, 1.12
"""Most pixels of a row's name, and how much wider letters are in bold."""
VALUES = 64
"""Pixels of the column of values."""


def comparison_dots(
    frame: pd.DataFrame,
    label: str,
    reference: str | None = None,
    metric: str = "recall@20",
    *,
    about: About = "gains",
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw each row's mean with its interval over seeds, in the table's order; a line and a diamond mark the reference.

    A dot is filled where the paired interval to the reference excludes 0; it is hollow where it doesn't, or isn't known.
    At most 20 rows are shown: the reference and the best.

    Args:
        frame: The column ``label``, ``seeds``, ``unfinished``, ``metric``, and where known ``low``, ``high``, ``gain``,
            ``gain_low``, ``gain_high``, ``users_low``, ``users_high`` (all of recall@20); a row for each label.
        label: The column that names the rows.
        reference: The row that the others are held against.
        metric: The column to draw.
        about: What the finding tells: ``gains`` names the best row, ``losses`` the one that loses most, as where parts are left out.
        dark: Whether the page is dark.
        hint: Words in place of how to read it.

    Raises:
        DataError: A column is missing, a label stands twice, or the reference is none of them.
    """
    table = read_table(frame, [label], metric, "comparison")
    table["name"] = table[label].astype(str)
    if said := nothing_finished(table):
        return empty_figure(*said, dark)
    if reference is not None and reference not in set(table["name"]):
        raise DataError(f"comparison: reference={reference!r} is no {label}; there are {', '.join(table['name'])}")
    shown = _shown(table, reference)
    text = _hint(table, len(shown), reference, metric) if hint is None else hint
    names = [cut(name, LABEL_WIDTH / (BOLD if name == reference else 1)) for name in shown["name"]]
    left = int(max(text_width(name) * (BOLD if full == reference else 1) for name, full in zip(names, shown["name"], strict=True)) + 22)
    figure = new_figure(_finding(table, reference, metric, about), text, dark, left=left, right=VALUES + 12, bottom=48)
    margin = figure.layout.margin
    figure.layout.height = min(TALLEST, margin.t + margin.b + max(ROW * len(shown), 44))
    _reference_line(figure, shown, reference, dark)
    _dots(figure, shown, reference, metric, dark)
    _write(figure, shown, names, reference, metric, dark)
    return figure


def _shown(table: pd.DataFrame, reference: str | None) -> pd.DataFrame:
    first = (table["name"] == reference).astype(int)
    chosen = table.assign(first=first).sort_values(["first", "mean"], ascending=False, kind="stable", na_position="last").index[:MOST_ROWS]
    return table.loc[sorted(chosen)].reset_index(drop=True)


def _hint(table: pd.DataFrame, n_shown: int, reference: str | None, metric: str) -> str:
    left_out = f"{n_shown} of {len(table)} rows." if n_shown < len(table) else ""
    if metric == JUDGED and reference is None:
        return f"{left_out} Lines: 95 % over seeds. Name a reference to see which differences are shown.".strip()
    return how_to_read(table, reference or "", metric, "hollow: it doesn’t", left_out=left_out)


def _finding(table: pd.DataFrame, reference: str | None, metric: str, about: About) -> str:
    done = table[table["mean"].notna()]
    best = done.loc[done["mean"].idxmax()]
    value = metric_value(metric, best["mean"])
    others = table[table["name"] != reference]
    if len(done) == 1:
        only = "Only " if len(table) > 1 else ""
        return fit(lambda n: f"{only}{shorten(best['name'], n)} has finished: {metric_name(metric)} {value}")
    if reference is not None and not (done["name"] == reference).any():
        return fit(lambda n: f"{shorten(reference, n)} has not finished; {shorten(best['name'], n)} is best so far, {value}")
    if reference is None or not others["is_judged"].any():
        seed = " (one seed)" if (done["seeds"] == 1).all() else ""
        return fit(lambda n: f"{shorten(best['name'], n)} has the highest {metric_name(metric)}: {value}{seed}")
    return _losses(others, reference) if about == "losses" else _gains(others, reference)


def _gains(others: pd.DataFrame, reference: str) -> str:
    """Name the best row that is shown to be better; where there is none, say what is known of the best row."""
    better = others[others["sign"] > 0]
    if len(better):
        row = better.loc[better["mean"].idxmax()]
        return fit(lambda n: f"{seed_of(row)}{shorten(row['name'], n)} beats {shorten(reference, n)} by {points(row)}")
    judged, some_lose = others[others["is_judged"]], bool((others["sign"] < 0).any())
    row = judged.loc[judged["mean"].idxmax()]
    if row["sign"] < 0:
        if len(others) == 1:
            return fit(lambda n: f"{seed_of(row)}{shorten(row['name'], n)} loses to {shorten(reference, n)} by {points(row, flipped=True)}")
        none = "Nothing beats" if (others["sign"] < 0).all() else "Nothing is shown to beat"
        loss = points(row, flipped=True)
        return fit(lambda n: f"{seed_of(row)}{none} {shorten(reference, n)}; the best, {shorten(row['name'], n)}, loses {loss}")
    if some_lose:  # others do differ, so the sentence is about this row alone
        return fit(
            lambda n: (
                f"{seed_of(row)}No difference of {shorten(row['name'], n)} to {shorten(reference, n)} is shown: {points(row, signs=True)}"
            )
        )
    return fit(
        lambda n: f"{seed_of(row)}No difference to {shorten(reference, n)} is shown: {shorten(row['name'], n)} {points(row, signs=True)}",
        lambda n: f"{seed_of(row)}No difference to {shorten(reference, n)} is shown",
    )


def _losses(others: pd.DataFrame, reference: str) -> str:
    """Name the row that is shown to lose most, and how many others do."""
    worse, better = others[others["sign"] < 0], others[others["sign"] > 0]
    if not len(worse) and len(better):
        return _gains(others, reference)
    judged = others[others["is_judged"]]
    if not len(worse):
        row = judged.loc[judged["gain"].idxmin()]
        return fit(
            lambda n: f"{seed_of(row)}No loss to {shorten(reference, n)} is shown: {shorten(row['name'], n)} {points(row, signs=True)}"
        )
    row = worse.loc[worse["gain"].idxmin()]
    if len(others) == 1:
        return _gains(others, reference)
    of = f"{len(worse)} of {len(others)} are shown to lose"
    return fit(
        lambda n: f"{seed_of(row)}{shorten(row['name'], n)} loses most to {shorten(reference, n)}, {points(row, flipped=True)}; {of}",
        lambda n: f"{seed_of(row)}{shorten(row['name'], n)} loses most to {shorten(reference, n)}, {points(row, flipped=True)}",
    )


def _reference_line(figure: go.Figure, shown: pd.DataFrame, reference: str | None, dark: bool) -> None:
    for value in shown.loc[shown["name"] == reference, "mean"].dropna():
        figure.add_vline(x=float(value), line={"color": MUTED[dark], "width": 1}, opacity=0.7, layer="below", name="reference")


def _dots(figure: go.Figure, shown: pd.DataFrame, reference: str | None, metric: str, dark: bool) -> None:
    rows = shown[shown["mean"].notna()]
    mean, is_reference = rows["mean"].to_numpy(float), (rows["name"] == reference).to_numpy()
    tones = np.where(is_reference, MUTED[dark], INK[dark])
    filled = is_reference | (rows["sign"] != 0).to_numpy()
    figure.add_scatter(
        x=mean,
        y=rows.index.to_numpy(),
        mode="markers",
        marker={
            "size": 9,
            "symbol": np.where(is_reference, "diamond", "circle").tolist(),
            "color": np.where(filled, tones, SURFACE[dark]).tolist(),
            "line": {"width": 2, "color": tones.tolist()},
        },
        error_x=error_bars(rows["mean"], rows["low"], rows["high"], MUTED[dark]),
        customdata=[
            hover_text(row["name"], row, metric, "" if is_reference[place] else reference or "")
            for place, (_, row) in enumerate(rows.iterrows())
        ],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
        name=metric,
    )
    ends = np.concatenate([mean, rows["low"].dropna(), rows["high"].dropna()])
    low, high = float(ends.min()), float(ends.max())
    room = 0.05 * ((high - low) or abs(high) or 1.0)
    places, (factor, unit) = ticks(low, high, 3), metric_unit(metric)
    words = [setting(factor * place) + unit for place in places]
    figure.update_xaxes(range=[low - room, high + room], zeroline=False, tickvals=places, ticktext=words, title_text=metric_name(metric))


def _write(figure: go.Figure, shown: pd.DataFrame, names: list[str], reference: str | None, metric: str, dark: bool) -> None:
    """Name the rows on the left, and write their values in a column on the right."""
    size, labels = text_size(figure, len(shown)), []
    for (place, row), short in zip(shown.iterrows(), names, strict=True):
        is_reference, is_done = row["name"] == reference, np.isfinite(row["mean"])
        name = safe(short)
        labels.append(f"<b>{name}</b>" if is_reference else name if is_done else f'<span style="color:{MUTED[dark]}">{name}</span>')
        value = metric_value(metric, row["mean"]) if is_done else "not finished"
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="right",
            xshift=VALUES,
            y=place,
            text=f"<b>{value}</b>" if is_reference else value,
            font={"size": size, "color": INK[dark] if is_done else MUTED[dark]},
            bgcolor=None if is_done else LABEL_PAPER[dark],
            borderpad=0,
            name="value",
        )
    figure.update_yaxes(
        range=[len(shown) - 0.45, -0.55],
        tickvals=list(range(len(shown))),
        ticktext=labels,
        tickfont={"size": size, "color": INK[dark]},
        zeroline=False,
        ticklabelstandoff=10,
    )
    figure.add_shape(type="line", xref="paper", yref="paper", x0=0, x1=1, y0=0, y1=0, line={"color": FAINT[dark], "width": 1})
