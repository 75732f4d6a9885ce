"""Many models beside one, and how cost grows with the size of the data."""

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.bars import MOST_ROWS, label_rows, set_rows, text_size
from srgformer_lab.plots.drawing import bounds_of, empty_figure, error_bars, marks, new_figure, scale
from srgformer_lab.plots.frames import JUDGED, hover_text, how_to_read, nothing_finished, points, read_table, seed_of
from srgformer_lab.plots.language import metric_name, metric_unit, metric_value, safe
from srgformer_lab.plots.style import FAINT, INK, LABEL_PAPER, MUTED, SURFACE
from srgformer_lab.plots.texts import cut, fit, shorten, text_width

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
    wider = np.where(shown["name"] == reference, BOLD, 1.0)
    names = [cut(name, LABEL_WIDTH / by) for name, by in zip(shown["name"], wider, strict=True)]
    left = int(max(text_width(name) * by for name, by in zip(names, wider, strict=True)) + 22)
    figure = new_figure(_finding(table, reference, metric, about), text, dark, left=left, right=VALUES + 12, bottom=48)
    set_rows(figure, len(shown))
    for value in shown.loc[shown["name"] == reference, "mean"].dropna():
        figure.add_vline(x=float(value), line={"color": MUTED[dark], "width": 1}, opacity=0.7, layer="below", name="reference")
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


def _dots(figure: go.Figure, shown: pd.DataFrame, reference: str | None, metric: str, dark: bool) -> None:
    rows = shown[shown["mean"].notna()]
    is_reference = (rows["name"] == reference).to_numpy()
    tones = np.where(is_reference, MUTED[dark], INK[dark])
    against = ["" if of_itself else reference or "" for of_itself in is_reference]
    hover = [hover_text(row["name"], row, metric, other) for (_, row), other in zip(rows.iterrows(), against, strict=True)]
    fill = np.where(is_reference | (rows["sign"] != 0).to_numpy(), tones, SURFACE[dark]).tolist()
    look = {"fill": fill, "symbol": np.where(is_reference, "diamond", "circle").tolist(), "cliponaxis": False, "name": metric}
    bars = error_bars(rows["mean"], rows["low"], rows["high"], MUTED[dark])
    marks(figure, rows["mean"].to_numpy(float), rows.index.to_numpy(), tones.tolist(), hover=hover, error_x=bars, **look)
    bounds = bounds_of(rows["mean"], rows["low"], rows["high"])
    scale(figure.layout.xaxis, bounds, 0.05, metric_unit(metric), 3, zeroline=False, title_text=metric_name(metric))


def _write(figure: go.Figure, shown: pd.DataFrame, names: list[str], reference: str | None, metric: str, dark: bool) -> None:
    size, labels, at_right = text_size(figure, len(shown)), [], {"x": 1, "xref": "paper", "xanchor": "right", "xshift": VALUES}
    for (place, row), short in zip(shown.iterrows(), names, strict=True):
        is_reference, is_done, name = row["name"] == reference, np.isfinite(row["mean"]), safe(short)
        labels.append(f"<b>{name}</b>" if is_reference else name if is_done else f'<span style="color:{MUTED[dark]}">{name}</span>')
        value = metric_value(metric, row["mean"]) if is_done else "not finished"
        style = {"font": {"size": size, "color": INK[dark]}} if is_done else {"font": {"size": size, "color": MUTED[dark]}}
        style |= {"bgcolor": None if is_done else LABEL_PAPER[dark], "borderpad": 0, "name": "value"}
        figure.add_annotation(y=place, text=f"<b>{value}</b>" if is_reference else value, **at_right, **style)
    label_rows(figure, labels, {"size": size, "color": INK[dark]}, 10)
    figure.add_shape(type="line", xref="paper", yref="paper", x0=0, x1=1, y0=0, y1=0, line={"color": FAINT[dark], "width": 1})
