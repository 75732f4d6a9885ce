"""Whether an explanation is true: how far scores fall when items of the history are taken away in its order."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.language import INK, MUTED, digits, part_color, percent, setting, signed, ticks
from srgformer_lab.plots.rows import numbers
from srgformer_lab.plots.template import empty_figure, first_that_fits, new_figure

ORDERS = {"contribution": "contribution’s", "attention": "attention’s", "random": "random"}
"""The orders in which items are taken away, and how a sentence compares with each."""
KINDS = {
    "comprehensiveness": (
        "costs more",
        "costs less",
        "of the history taken away",
        "Higher is better: what went first is what had counted.",
    ),
    "sufficiency": ("loses less", "loses more", "of the history kept", "Lower is better: the little kept carries the score."),
}
"""What it is called when an order does better or worse, what the share is of, and how to read the curves."""
LABEL_GAP, SAMPLE = 17, 18
"""Pixels between two curves' names, and of the piece of line before each."""


def deletion_curves(curves: pd.DataFrame, kind: str = "comprehensiveness", *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw how far scores fall when a growing share of the history is taken away, or when only it is kept, in three orders.

    Bands are intervals over users. Two orders count as told apart at a share only where their intervals don't meet, which is
    stricter than a paired test; the first and the last share, at which nothing or everything is taken away, don't count.

    Args:
        curves: ``order``, ``kind``, ``share`` (0 to 1), ``drop``, ``low``, ``high``.
        kind: ``comprehensiveness`` (what ranks highest is taken away) or ``sufficiency`` (only that is kept).
        dark: Whether the page is dark.
        hint: Words in place of how to read it.

    Raises:
        DataError: A column is missing, ``kind`` or an order is unknown, or an order doesn't stand exactly once at each share.
    """
    what = "deletion curves"
    if kind not in KINDS:
        raise DataError(f"{what}: kind={kind!r} must be one of {', '.join(KINDS)}")
    rows = numbers(
        curves[curves["kind"] == kind] if "kind" in curves else curves, ["order", "kind", "low", "high"], ["share", "drop"], what
    )
    if not len(rows):
        return empty_figure("Nothing has been taken away yet", "The curves appear when the true effects have been measured.", dark)
    if unknown := sorted(set(rows["order"]) - set(ORDERS)):
        raise DataError(f"{what}: there is no order {', '.join(unknown)}; give {', '.join(ORDERS)}")
    by_order = {order: rows[rows["order"] == order].sort_values("share") for order in ORDERS if (rows["order"] == order).any()}
    if rows.duplicated(["order", "share"]).any() or len(rows) != len(by_order) * rows["share"].nunique():
        raise DataError(f"{what}: {len(rows)} rows of {kind}; give each order exactly once at each share")
    if not rows["share"].between(0, 1).all():
        raise DataError(f"{what}: shares run from {rows['share'].min():g} to {rows['share'].max():g}; give them between 0 and 1")
    figure = new_figure(_curves_finding(by_order, kind), KINDS[kind][3] if hint is None else hint, dark, left=58, right=114, bottom=44)
    bounds = rows[["drop", "low", "high"]].to_numpy(float)
    low, high = min(0.0, float(np.nanmin(bounds))), max(0.0, float(np.nanmax(bounds)))
    room = 0.04 * ((high - low) or 1.0)
    for order in reversed(by_order):
        _curve(figure, order, by_order[order], dark)
    places, shares = ticks(low, high), ticks(0.0, float(rows["share"].max()) or 1.0, 5)
    figure.update_yaxes(
        range=[low - room, high + room], title_text="score lost", tickvals=places, ticktext=[setting(place) for place in places]
    )
    figure.update_xaxes(
        range=[0, (float(rows["share"].max()) or 1.0) * 1.01],
        title_text=f"share {KINDS[kind][2]}",
        zeroline=False,
        tickvals=shares,
        ticktext=[f"{setting(100 * place)} %" for place in shares],
    )
    _name_curves(figure, by_order, (low - room, high + room), dark)
    return figure


def order_color(order: str, dark: bool) -> str:
    """Return the colour of an order: ink for contribution, the part's own for attention, muted for random."""
    return {"contribution": INK[dark], "attention": part_color("attention", dark)}.get(order, MUTED[dark])


def _line(order: str, dark: bool) -> dict:
    return {
        "color": order_color(order, dark),
        "width": 2.5 if order == "contribution" else 2,
        "dash": "5px,4px" if order == "random" else "solid",
    }


def _curve(figure: go.Figure, order: str, rows: pd.DataFrame, dark: bool) -> None:
    share, drop, low, high = (rows[name].to_numpy(np.float32) for name in ("share", "drop", "low", "high"))
    color, is_random = order_color(order, dark), order == "random"
    if np.isfinite(low).all() and np.isfinite(high).all():
        red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
        figure.add_scatter(
            x=np.concatenate([share, share[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            mode="lines",
            line={"color": color, "width": 1 if is_random else 0, "dash": "1px,3px"},
            fill="none" if is_random else "toself",
            fillcolor=f"rgba({red},{green},{blue},0.2)",
            hoverinfo="skip",
            name=f"{order}, interval",
        )
    figure.add_scatter(
        x=share,
        y=drop,
        mode="lines" if len(share) > 1 else "markers",
        line=_line(order, dark),
        marker={"color": color, "size": 8, "symbol": "circle-open" if is_random else "circle"},
        customdata=[
            f"{order}, {percent(at)}: {signed(value)}" + ("" if np.isnan(below + above) else f" ({digits(below)} to {digits(above)})")
            for at, value, below, above in zip(share, drop, low, high, strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
        name=order,
    )


def _name_curves(figure: go.Figure, by_order: dict[str, pd.DataFrame], bounds: tuple[float, float], dark: bool) -> None:
    """Name the curves at the right from the highest to the lowest, each after a piece of its line, none over another."""
    height = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    unit = (bounds[1] - bounds[0]) / height
    mean = {order: _area(rows) for order, rows in by_order.items()}
    names = sorted(by_order, key=lambda order: -mean[order])
    ends = [(float(by_order[order]["drop"].iloc[-1]) - bounds[0]) / unit for order in names]
    places: list[float] = []
    for end in ends:  # from the top: no higher than the last name allows
        places.append(min([end, height - 8.0, *(place - LABEL_GAP for place in places[-1:])]))
    lift = max(0.0, 8.0 - places[-1])
    for order, place in zip(names, places, strict=True):
        at = bounds[0] + (place + lift) * unit
        begin = 1.02
        figure.add_shape(
            type="line",
            xref="paper",
            x0=0,
            x1=SAMPLE,
            xsizemode="pixel",
            xanchor=begin,
            y0=at,
            y1=at,
            line=_line(order, dark),
        )
        figure.add_annotation(
            x=begin,
            xref="paper",
            xanchor="left",
            xshift=SAMPLE + 3,
            y=at,
            text=order,
            font={"color": order_color(order, dark)},
            name="curve",
        )


def _area(rows: pd.DataFrame) -> float:
    """Return a curve's mean height: the area under it by its width."""
    share, drop = rows["share"].to_numpy(float), rows["drop"].to_numpy(float)
    return float(np.trapezoid(drop, share) / np.ptp(share)) if len(share) > 1 else float(drop.mean())


def _curves_finding(by_order: dict[str, pd.DataFrame], kind: str) -> str:
    """Compare the first order with each other one, and say no more than the intervals show."""
    first, *others = by_order
    verb, inverse = KINDS[kind][:2]
    subjects = [f"{first.capitalize()}’s order" if first != "random" else "A random order", first.capitalize()]
    if not others:
        return f"{subjects[0]} {verb.partition(' ')[0]} {digits(_area(by_order[first]))} on average"
    counts = {other: _apart(by_order[first], by_order[other], kind) for other in others}
    between = {other: f" ({signed(_area(by_order[first]) - _area(by_order[other]))})" for other in others}
    n = next(iter(counts.values()))[2]
    findings = []
    if not any(better and worse for better, worse, _ in counts.values()):
        none = dict.fromkeys(others, "")
        findings = [
            f"{subjects[0]} {_clauses(counts, {other: ORDERS[other] for other in others}, between, kind)}",
            f"{subjects[1]} {_clauses(counts, dict(zip(others, others, strict=True)), between, kind)}",
            f"{subjects[1]} {_clauses(counts, dict(zip(others, others, strict=True)), none, kind)}",
        ]
    less = inverse.partition(" ")[2]
    told = [f"than {name} at {better}{f' ({less} at {worse})' if worse else ''}" for name, (better, worse, _) in counts.items()]
    return first_that_fits(*findings, *(f"{subjects[1]} {verb} {', '.join(told[:many])} of {n} shares" for many in (len(told), 1)))


def _clauses(counts: dict[str, tuple[int, int, int]], names: dict[str, str], areas: dict[str, str], kind: str) -> str:
    """Say what one order does beside each other one, in as few verbs as possible."""
    clauses: dict[str, list[str]] = {}
    for other, (better, worse, n) in sorted(counts.items(), key=lambda pair: -max(pair[1][:2])):
        how = f"{KINDS[kind][0 if better else 1]} than" if better or worse else "can’t be told apart from"
        where = "" if not (better or worse) else areas[other] if better + worse == n else f" at {better + worse} of {n} shares"
        clauses.setdefault(how, []).append(names[other] + where)
    said = []
    for how, objects in clauses.items():
        join = " or " if "apart" in how else " and than " if " at " in objects[-1] else " and "
        said.append(f"{how} {join.join(objects)}")
    return " and ".join(said)


def _apart(one: pd.DataFrame, other: pd.DataFrame, kind: str) -> tuple[int, int, int]:
    """Count the shares at which one order does better than another, at which worse, and all that count."""
    inner = ~(np.isclose(one["share"], 0) | np.isclose(one["share"], 1))
    low, high = ([rows[column].to_numpy(float)[inner] for rows in (one, other)] for column in ("low", "high"))
    above, below = int((low[0] > high[1]).sum()), int((high[0] < low[1]).sum())
    return (*((above, below) if kind == "comprehensiveness" else (below, above)), int(inner.sum()))
