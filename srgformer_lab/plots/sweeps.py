"""Curves over one number: a knob that is moved alone, how cost grows with the data, and a few named lines over one axis."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import HOVER, NARROWEST, bounds_of, empty_figure, error_bars, marks, new_figure, scale, spread, write_right
from srgformer_lab.plots.frames import fills, hover_text, how_to_read, nothing_finished, numbers, points, read_table, require, seed_of
from srgformer_lab.plots.language import KNOB_MARKS, digits, knob_at, metric_name, metric_unit, metric_value, safe, setting
from srgformer_lab.plots.style import FAINT, FELL, FURTHER_COLORS, INK, LABEL_PAPER, MUTED, ROSE, TEXT_SIZE, TICK_SIZE, part_color
from srgformer_lab.plots.texts import first_that_fits, shorten, text_width

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
GROWTH_LOOKS: Mapping[str, tuple[str, str]] = {
    "propagation": ("id", "solid"),
    "features": ("image", "solid"),
    "memberships": ("hypergraph", "solid"),
    "attention": ("attention", "solid"),
    "ranking": ("id", "dot"),
    "hypergraph_contrast": ("hypergraph", "dot"),
    "modality_contrast": ("text", "dot"),
}
"""The part whose colour a piece wears, and its dash."""
GROWTH_APART, LINES_APART = 0.055, 0.07
"""Least distance of two names, in heights of the plot."""
LINE_COLORS = (MUTED, ROSE, FELL, *FURTHER_COLORS[1:3])
LINE_LETTER = 6.5
"""Pixels of a letter of a line's name."""


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

    Raises:
        DataError: A column is missing, the frame has other knobs only, a value is no number, or stands twice.
    """
    require(frame, ["knob", "value", "seeds", "unfinished"], "sweep")
    known = list(dict.fromkeys(map(str, frame["knob"])))
    if len(frame) and knob not in known:
        raise DataError(f"sweep: knob={knob!r} is not in the frame; there are {', '.join(known)}")
    rows = read_table(frame[frame["knob"] == knob], ["value"], metric, f"sweep of {knob}")
    given, rows["value"] = rows["value"], pd.to_numeric(rows["value"], errors="coerce").astype(float)
    if rows["value"].isna().any():
        raise DataError(f"sweep: {knob} has the value {given[rows['value'].isna()].iloc[0]!r}; give numbers only")
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
    figure = new_figure(_sweep_finding(rows, knob, metric), text, dark, height=320, left=60, right=72, bottom=48)
    name, part = SETTING_MARKS.get(knob, KNOB_MARKS.get(knob, ("", "", ""))[1:])
    color = part_color(part, dark) if part else MUTED[dark]
    _sweep_axes(figure, rows, preset, metric)
    figure.update_xaxes(title={"text": _symbol(knob) + (f" {safe(name)}" if name else ""), "font": {"color": color}})
    is_preset = rows["is_preset"]
    look = {"fill": fills(rows, color, dark), "symbol": np.where(is_preset, "diamond", "circle").tolist(), "marker_opacity": 1}
    look["hover"] = [hover_text(f"{shorten(knob, 40)} = {_value(row)}", row, metric, "the preset") for _, row in rows.iterrows()]
    look |= {"mode": "lines+markers", "line": {"color": color, "width": 1.5, "dash": "1px,3px"}, "name": metric}
    bars, sizes = error_bars(rows["mean"], rows["low"], rows["high"], color), np.where(is_preset, 11, 9).tolist()
    marks(figure, np.arange(len(rows)), rows["mean"].to_numpy(float), color, sizes, error_y=bars, **look)
    _write_values(figure, rows, preset, metric, dark)
    return figure


def _symbol(knob: str) -> str:
    symbol, _, index = (KNOB_MARKS[knob][0] if knob in KNOB_MARKS else knob).partition("_")
    is_symbol = knob in KNOB_MARKS or knob in SETTING_MARKS
    return f"<b>{safe(symbol)}<sub>{safe(index)}</sub></b>" if is_symbol and index else f"<b>{safe(shorten(knob, 24))}</b>"


def _sweep_finding(rows: pd.DataFrame, knob: str, metric: str) -> str:
    symbol, done = shorten(knob, KNOB_LETTERS), rows[rows["mean"].notna()]
    best, lowest = done.loc[done["mean"].idxmax()], done.loc[done["mean"].idxmin()]
    judged = done[done["is_judged"] & ~done["is_preset"]]
    if not len(judged):
        if best["mean"] == lowest["mean"]:
            return f"{symbol} changes nothing: {metric_name(metric)} {metric_value(metric, best['mean'])} throughout"
        top, bottom = (knob_at(symbol, row["value"]) for row in (best, lowest))
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
        start = f"{seed_of(row)}{symbol} at {_value(row)} beats the preset by {points(row)}"
        loses = [f"{start}; at {_value(loser)} it loses {points(loser, flipped=True, bounds=False)}"] if loser is not None else []
        return first_that_fits(*loses, start)
    if loser is not None:
        start = f"{seed_of(loser)}{symbol} at {_value(loser)} loses {points(loser, flipped=True, bounds=False)}"
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


def _sweep_axes(figure: go.Figure, rows: pd.DataFrame, preset: float | None, metric: str) -> None:
    low, high = bounds_of(rows["mean"], rows["low"], rows["high"], [] if preset is None else [preset])
    scale(figure.layout.yaxis, (low, high), (0.08, 0.16), metric_unit(metric), zeroline=False, title_text=metric_name(metric))
    if low == high:  # a flat curve stands in the middle of a narrow scale
        span = 0.1 * abs(high) or 1.0
        figure.layout.yaxis.range = [low - 0.08 * span, high + 0.16 * span]
    side, named = max(0.5, 0.06 * len(rows)), [_value(row) for _, row in rows.iterrows()]
    room = (NARROWEST - figure.layout.margin.l - figure.layout.margin.r) / (len(rows) - 1 + 2 * side)
    step = math.ceil((TICK_SIZE / TEXT_SIZE * max(map(text_width, named)) + 3) / room)  # names that would touch are left out
    written = {"tickvals": list(range(len(rows)))[::step], "ticktext": named[::step], "tickangle": 0}
    figure.update_xaxes(range=[-side, len(rows) - 1 + side], zeroline=False, **written)


def _write_values(figure: go.Figure, rows: pd.DataFrame, preset: float | None, metric: str, dark: bool) -> None:
    if preset is not None:
        figure.add_hline(y=preset, line={"color": MUTED[dark], "width": 1}, opacity=0.7, layer="below", name=PRESET)
        said = f"{PRESET}<br>{metric_value(metric, preset)}"
        write_right(figure, preset, said, 4, MUTED[dark], TICK_SIZE, align="left", name=PRESET)
    written, factor = rows.index if len(rows) <= MOST_WRITTEN else [rows["mean"].idxmax(), rows["mean"].idxmin()], metric_unit(metric)[0]
    for place in written:
        row = rows.loc[place]
        if np.isfinite(row["mean"]):
            has_bounds = np.isfinite(row["high"])
            at = {"y": float(row["high"] if has_bounds else row["mean"]), "yshift": 9 if has_bounds else 15}
            words = {"text": digits(factor * row["mean"]), "font": {"size": TEXT_SIZE, "color": INK[dark]}}
        else:
            at = {"y": 0, "yref": "paper", "yshift": 14}
            words = {"text": "not<br>yet", "font": {"size": TICK_SIZE, "color": MUTED[dark]}}
        figure.add_annotation(x=int(place), bgcolor=LABEL_PAPER[dark], borderpad=0, name="value", **at, **words)


def growth_curves(frame: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw milliseconds against how many times the data has grown, a line a piece, with its exponent at the line's end.

    Args:
        frame: ``what``, ``scale`` (1 for the smallest), ``milliseconds`` and ``exponent`` (the same in all rows of a piece).

    Raises:
        DataError: A column is missing.
    """
    require(frame, ["what", "scale", "milliseconds", "exponent"], "growth")
    frame = frame[(frame["scale"] > 0) & (frame["milliseconds"] > 0)]
    if frame["scale"].nunique() < 2:
        return empty_figure("One size shows no growth", "Measure the same shape at several sizes.", dark)
    pieces = {str(what): part.sort_values("scale") for what, part in frame.groupby("what", sort=False)}
    exponents = {what: float(part["exponent"].iloc[0]) for what, part in pieces.items()}
    steepest = max(exponents, key=lambda what: exponents[what])
    finding = f"Steepest: {steepest.replace('_', ' ')}, as size to the power {exponents[steepest]:.2f}"
    text = "Users, items and interactions grow together; the batch stays. A power of 1 is proportional growth." if hint is None else hint
    figure = new_figure(finding, text, dark, left=52, right=168, bottom=44)
    low, high = (float(np.log10(end)) for end in bounds_of(frame["milliseconds"]))
    pad, scales = 0.06 * (high - low or 1), sorted(frame["scale"].unique())
    figure.update_xaxes(type="log", tickvals=scales, ticktext=[f"×{size:g}" for size in scales], title_text="size of the data")
    figure.update_yaxes(type="log", range=[low - pad, high + pad], title_text="ms a step", tickvals=[10.0**power for power in range(-3, 7)])
    ends = [float(np.log10(part["milliseconds"].iloc[-1])) for part in pieces.values()]
    for (what, part), place in zip(pieces.items(), spread(ends, GROWTH_APART * (high - low + 2 * pad), high), strict=True):
        owner, dash = GROWTH_LOOKS.get(what, ("", "dash"))
        color, name = part_color(owner, dark) if owner else MUTED[dark], safe(what.replace("_", " "))
        look = {"line": {"color": color, "width": 2, "dash": dash}, "marker": {"size": 6, "color": color}}
        hover = f"{name}<br>×%{{x}}: %{{y:.3g}} ms<extra></extra>"
        figure.add_scatter(x=part["scale"], y=part["milliseconds"], mode="lines+markers", hovertemplate=hover, **look)
        said = f'<span style="color:{color}">━</span> {name} <b>{exponents[what]:.2f}</b>'
        write_right(figure, place, said, 8, INK[dark], TICK_SIZE, yref="y")
    return figure


def lines_over(
    frame: pd.DataFrame, finding: str, hint: str = "", *, x: str, y: str, marks: Mapping[str, float] | None = None, dark: bool = False
) -> go.Figure:
    """Draw a line for each name, named at its right end; the first is quiet, as what the others are held against.

    Args:
        frame: ``name``, ``x``, ``y``; rows of a name in their order. Up to five names.
        finding: What it shows; whoever computes the numbers says it.
        hint: What to look at.
        x: What the axis below says.
        y: What the axis at the left says.
        marks: For some names, the x of a point on their line that stands out.

    Raises:
        DataError: A column is missing, or a value is no finite number.
    """
    frame = numbers(frame, ["name"], ["x", "y"], "lines")
    if not len(frame):
        return empty_figure(finding, hint, dark)
    lines = {str(name): rows for name, rows in frame.groupby(frame["name"].astype(str), sort=False)}
    figure = new_figure(finding, hint, dark, height=320, left=56, right=int(18 + LINE_LETTER * max(map(len, lines))), bottom=44)
    low, high = bounds_of(frame["y"])
    room = (high - low) or 1.0
    low, high = low - 0.05 * room, high + 0.08 * room
    places = spread([float(line["y"].iloc[-1]) for line in lines.values()], LINES_APART * (high - low), high)
    for (name, line), place, color in zip(lines.items(), places, (pair[dark] for pair in LINE_COLORS), strict=False):
        said = [f"{safe(name)}<br>{x} {digits(at)}: {digits(value)}" for at, value in zip(line["x"], line["y"], strict=True)]
        style = {"mode": "lines", "line": {"color": color, "width": 2}}
        figure.add_scatter(x=line["x"], y=line["y"], customdata=said, hovertemplate=HOVER, **style)
        write_right(figure, place, safe(name), 6, color, TICK_SIZE)
        if marks and name in marks:
            at = line[line["x"] == marks[name]]
            figure.add_scatter(x=at["x"], y=at["y"], mode="markers", marker={"color": color, "size": 9}, hoverinfo="skip")
    figure.update_xaxes(title_text=x, zeroline=False, showline=True, linecolor=FAINT[dark])
    figure.update_yaxes(title_text=y, range=[low, high], zeroline=bool(low < 0 < high))
    return figure
