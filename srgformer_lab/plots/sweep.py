"""One knob moved alone: a metric at each of its values, beside the preset that has all the others."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.evidence import (
    error_bars,
    fills,
    hover_text,
    how_to_read,
    nothing_finished,
    points,
    read_table,
    seed_of,
    short_points,
    text_width,
)
from srgformer_lab.plots.knobs import LABEL_PAPER
from srgformer_lab.plots.language import (
    INK,
    KNOB_MARKS,
    MUTED,
    TIED,
    digits,
    metric_name,
    metric_unit,
    metric_value,
    part_color,
    require,
    safe,
    setting,
    shorten,
    ticks,
)
from srgformer_lab.plots.rows import NARROW
from srgformer_lab.plots.template import TEXT_SIZE, TICK_SIZE, empty_figure, first_that_fits, new_figure

PRESET = "preset"
SETTING_MARKS: Mapping[str, tuple[str, str]] = {
    **{symbol: (name, part) for symbol, name, part in KNOB_MARKS.values()},
    "τ": ("both temperatures", "hypergraph"),
    "K": ("hyperedges", "hypergraph"),
    "heads": ("of attention", "attention"),
    "L_id": ("layers over IDs", "id"),
    "L_m": ("layers over modalities", "image"),
    "L_h": ("hypergraph layers", "hypergraph"),
    "p": ("dropout of memberships", "hypergraph"),
}
"""What a swept symbol means, and the part whose colour it wears."""
MOST_WRITTEN = 8
"""Values whose metric is written at their mark; of more, only the best and the worst."""
KNOB_LETTERS = 16


def sweep_curve(frame: pd.DataFrame, knob: str, metric: str = "recall@20", *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw a metric over the values of one knob, equally spaced in increasing order, in the colour of the knob's part.

    Lines are intervals over seeds. A mark is filled where its paired interval to the preset excludes 0; a diamond is the
    value that the preset has itself.

    Args:
        frame: ``knob``, ``value``, ``seeds``, ``unfinished``, ``metric``, and where known ``low``, ``high``, ``gain``,
            ``gain_low``, ``gain_high``, ``users_low``, ``users_high`` (all of recall@20, gains to the preset). Rows of other
            knobs are passed over; the row whose knob is ``preset`` is the preset.
        knob: Which knob, as it stands in the frame.
        metric: The column to draw.
        dark: Whether the page is dark.
        hint: Words in place of how to read it.

    Raises:
        DataError: A column is missing, the frame has other knobs only, a value is no number, or stands twice.
    """
    require(frame, ["knob", "value", "seeds", "unfinished"], "sweep")
    known = list(dict.fromkeys(map(str, frame["knob"])))
    if len(frame) and knob not in known:
        raise DataError(f"sweep: knob={knob!r} is not in the frame; there are {', '.join(known)}")
    rows = read_table(frame[frame["knob"] == knob], ["value"], metric, f"sweep of {knob}")
    rows["value"] = _values(rows["value"], knob)
    rows = rows.sort_values("value", kind="stable").reset_index(drop=True)
    if said := nothing_finished(rows):
        return empty_figure(*said, dark)
    if rows["mean"].notna().sum() < 2:
        shown = shorten(knob, KNOB_LETTERS)
        return empty_figure(f"One value can’t show what {shown} does", f"Let a second value of {shown} finish.", dark)
    presets = read_table(frame[frame["knob"] == PRESET], ["value"], metric, "sweep's preset")["mean"].dropna()
    preset = float(presets.iloc[0]) if len(presets) else None
    moved = rows[["gain", "gain_low", "gain_high"]].fillna(0).ne(0).any(axis=1)
    rows["is_preset"] = rows["gain"].notna() & ~moved & np.isclose(rows["mean"], np.nan if preset is None else preset)
    more = ["diamond: the preset’s own"] if rows["is_preset"].any() else ["hollow: it doesn’t"]
    text = how_to_read(rows, f"the {PRESET}", metric, *more) if hint is None else hint
    figure = new_figure(_finding(rows, knob, metric), text, dark, height=320, left=60, right=72, bottom=48)
    name, part = SETTING_MARKS.get(knob, KNOB_MARKS.get(knob, ("", "", ""))[1:])
    color = part_color(part, dark) if part else MUTED[dark]
    _axes(figure, rows, preset, metric)
    figure.update_xaxes(title={"text": _symbol(knob) + (f" {safe(name)}" if name else ""), "font": {"color": color}})
    _marks(figure, rows, knob, metric, color, dark)
    _write(figure, rows, preset, metric, dark)
    return figure


def _values(values: pd.Series, knob: str) -> pd.Series:
    found = pd.to_numeric(values, errors="coerce").astype(float)
    if found.isna().any():
        raise DataError(f"sweep: {knob} has the value {values[found.isna()].iloc[0]!r}; give numbers only")
    return found


def _symbol(knob: str) -> str:
    symbol, _, index = (KNOB_MARKS[knob][0] if knob in KNOB_MARKS else knob).partition("_")
    is_symbol = knob in KNOB_MARKS or knob in SETTING_MARKS
    return f"<b>{safe(symbol)}<sub>{safe(index)}</sub></b>" if is_symbol and index else f"<b>{safe(shorten(knob, 24))}</b>"


def _finding(rows: pd.DataFrame, knob: str, metric: str) -> str:
    """Say which value is shown to win, which to lose most, and whether the best one can be told from the preset."""
    symbol, done = shorten(knob, KNOB_LETTERS), rows[rows["mean"].notna()]
    best, lowest = done.loc[done["mean"].idxmax()], done.loc[done["mean"].idxmin()]
    top, bottom = (f"{_equals(symbol, row)}" for row in (best, lowest))
    judged = done[done["is_judged"] & ~done["is_preset"]]
    if not len(judged):
        if best["mean"] == lowest["mean"]:
            return f"{symbol} changes nothing: {metric_name(metric)} {metric_value(metric, best['mean'])} throughout"
        low, high = metric_value(metric, lowest["mean"]), metric_value(metric, best["mean"])
        only = " (one seed)" if (done["seeds"] == 1).all() else ""
        return first_that_fits(
            f"{metric_name(metric)} is highest at {top}, {high}, and lowest at {bottom}, {low}{only}",
            f"{metric_name(metric)}: highest at {top}, {high}{only}",
        )
    finished = "finished " if len(done) < len(rows) else ""
    better, worse = judged[judged["sign"] > 0], judged[judged["sign"] < 0]
    loser = worse.loc[worse["gain"].idxmin()] if len(worse) else None
    if len(better):
        row = better.loc[better["mean"].idxmax()]
        start = f"{seed_of(row)}{_at(symbol, row)} beats the preset by {points(row)}"
        loses = [f"{start}; at {_value(loser)} it loses {short_points(loser, flipped=True)}"] if loser is not None else []
        return first_that_fits(*loses, start)
    if loser is not None:
        start = f"{seed_of(loser)}{_at(symbol, loser)} loses {short_points(loser, flipped=True)}"
        if best["is_preset"]:
            return first_that_fits(f"{start}; the best, {_value(best)}, is the preset’s own", start)
        if best["sign"] < 0:
            return first_that_fits(f"{start}; no {finished}value reaches the preset", start)
        if best["is_judged"]:
            return first_that_fits(f"{start}; the best, {_value(best)}, is within the noise of the preset", start)
        return start
    every = len(judged) + int(done["is_preset"].sum()) == len(done)
    which = f"all {len(done)}" if every else f"{len(judged)} of {len(done)}"
    seed = "One seed: " if judged["by_users"].all() else ""
    return f"{seed}No effect of {symbol} is shown: {which} {finished}values are within the noise of the preset"


def _value(row: pd.Series) -> str:
    return setting(row["value"])


def _at(symbol: str, row: pd.Series) -> str:
    return f"{symbol} at {_value(row)}"


def _equals(symbol: str, row: pd.Series) -> str:
    return f"{symbol}{TIED}={TIED}{_value(row)}"


def _axes(figure: go.Figure, rows: pd.DataFrame, preset: float | None, metric: str) -> None:
    ends = np.concatenate([rows[name].dropna() for name in ("mean", "low", "high")] + ([] if preset is None else [[preset]]))
    low, high = float(ends.min()), float(ends.max())
    span = (high - low) or 0.1 * abs(high) or 1.0
    places, (factor, unit) = ticks(low, high), metric_unit(metric)
    words = [setting(factor * place) + unit for place in places]
    figure.update_yaxes(
        range=[low - 0.08 * span, high + 0.16 * span], zeroline=False, tickvals=places, ticktext=words, title_text=metric_name(metric)
    )
    side, named = max(0.5, 0.06 * len(rows)), [_value(row) for _, row in rows.iterrows()]
    room = (NARROW - figure.layout.margin.l - figure.layout.margin.r) / (len(rows) - 1 + 2 * side)
    step = math.ceil((TICK_SIZE / TEXT_SIZE * max(map(text_width, named)) + 3) / room)  # names that would touch are left out
    figure.update_xaxes(
        range=[-side, len(rows) - 1 + side], zeroline=False, tickangle=0, tickvals=list(range(len(rows)))[::step], ticktext=named[::step]
    )


def _marks(figure: go.Figure, rows: pd.DataFrame, knob: str, metric: str, color: str, dark: bool) -> None:
    mean = rows["mean"].to_numpy(float)
    figure.add_scatter(
        x=np.arange(len(rows)),
        y=mean,
        mode="lines+markers",
        line={"color": color, "width": 1.5, "dash": "1px,3px"},
        marker={
            "size": np.where(rows["is_preset"], 11, 9).tolist(),
            "symbol": np.where(rows["is_preset"], "diamond", "circle").tolist(),
            "color": fills(rows, color, dark),
            "line": {"width": 2, "color": color},
            "opacity": 1,
        },
        error_y=error_bars(rows["mean"], rows["low"], rows["high"], color),
        customdata=[hover_text(f"{shorten(knob, 40)} = {_value(row)}", row, metric, "the preset") for _, row in rows.iterrows()],
        hovertemplate="%{customdata}<extra></extra>",
        name=metric,
    )


def _write(figure: go.Figure, rows: pd.DataFrame, preset: float | None, metric: str, dark: bool) -> None:
    """Write the value over each mark, say what is not finished, and name the preset's line."""
    if preset is not None:
        figure.add_hline(y=preset, line={"color": MUTED[dark], "width": 1}, opacity=0.7, layer="below", name=PRESET)
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            xshift=4,
            y=preset,
            text=f"{PRESET}<br>{metric_value(metric, preset)}",
            align="left",
            font={"size": TICK_SIZE, "color": MUTED[dark]},
            name=PRESET,
        )
    written, factor = rows.index if len(rows) <= MOST_WRITTEN else [rows["mean"].idxmax(), rows["mean"].idxmin()], metric_unit(metric)[0]
    for place in written:
        row = rows.loc[place]
        if np.isfinite(row["mean"]):
            top = row["high"] if np.isfinite(row["high"]) else row["mean"]
            lift = 9 if np.isfinite(row["high"]) else 15
            words = {"y": float(top), "yshift": lift, "text": digits(factor * row["mean"]), "font": {"size": TEXT_SIZE, "color": INK[dark]}}
        else:
            words = {"y": 0, "yref": "paper", "yshift": 14, "text": "not<br>yet", "font": {"size": TICK_SIZE, "color": MUTED[dark]}}
        figure.add_annotation(x=int(place), bgcolor=LABEL_PAPER[dark], borderpad=0, name="value", **words)
