"""Whether an explanation is true: what it claims beside what taking items away really costs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import HOVER, bounds_of, empty_figure, new_figure, plot_height, scale
from srgformer_lab.plots.frames import evenly, numbers, require
from srgformer_lab.plots.language import correlation, counted, digits, percent, safe, signed
from srgformer_lab.plots.style import INK, MUTED, TICK_SIZE, part_color
from srgformer_lab.plots.texts import first_that_fits

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
LABEL_GAP, SAMPLE, NAMES_BEGIN = 17, 18, 1.02
"""Pixels between two curves' names and of the piece of line before each, and where in the width they begin."""


def deletion_curves(curves: pd.DataFrame, kind: str = "comprehensiveness", *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw how far scores fall when a growing share of the history is taken away, or when only it is kept, in three orders.

    Bands are intervals over users. Two orders count as told apart at a share only where their intervals don't meet, which is
    stricter than a paired test; the first and the last share, at which nothing or everything is taken away, don't count.

    Args:
        curves: ``order``, ``kind``, ``share`` (0 to 1), ``drop``, ``low``, ``high``.
        kind: ``comprehensiveness`` (what ranks highest is taken away) or ``sufficiency`` (only that is kept).

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
    for order in reversed(by_order):
        _curve(figure, order, by_order[order], dark)
    scale(figure.layout.yaxis, bounds_of(rows["drop"], rows["low"], rows["high"], [0.0]), 0.04, title_text="score lost")
    shares = (0.0, float(rows["share"].max()) or 1.0)
    scale(figure.layout.xaxis, shares, (0, 0.01), (100, " %"), 5, title_text=f"share {KINDS[kind][2]}", zeroline=False)
    _name_curves(figure, by_order, figure.layout.yaxis.range, dark)
    return figure


def order_color(order: str, dark: bool) -> str:
    """Return the colour of an order: ink for contribution, the part's own for attention, muted for random."""
    return {"contribution": INK[dark], "attention": part_color("attention", dark)}.get(order, MUTED[dark])


def _line(order: str, dark: bool) -> dict[str, object]:
    dash, width = "5px,4px" if order == "random" else "solid", 2.5 if order == "contribution" else 2
    return {"color": order_color(order, dark), "width": width, "dash": dash}


def _curve(figure: go.Figure, order: str, rows: pd.DataFrame, dark: bool) -> None:
    share, drop, low, high = (rows[name].to_numpy(np.float32) for name in ("share", "drop", "low", "high"))
    color, is_random = order_color(order, dark), order == "random"
    if np.isfinite(low).all() and np.isfinite(high).all():
        edge = {"color": color, "width": 1 if is_random else 0, "dash": "1px,3px"}
        inside = {"fill": "none" if is_random else "toself", "fillcolor": f"rgba{(*hex_to_rgb(color), 0.2)}".replace(" ", "")}
        around = {"x": np.concatenate([share, share[::-1]]), "y": np.concatenate([high, low[::-1]])}
        figure.add_scatter(mode="lines", line=edge, hoverinfo="skip", name=f"{order}, interval", **around, **inside)
    said = [
        f"{order}, {percent(at)}: {signed(value)}" + ("" if np.isnan(below + above) else f" ({digits(below)} to {digits(above)})")
        for at, value, below, above in zip(share, drop, low, high, strict=True)
    ]
    marker = {"color": color, "size": 8, "symbol": "circle-open" if is_random else "circle"}
    look = {"mode": "lines" if len(share) > 1 else "markers", "line": _line(order, dark), "marker": marker}
    figure.add_scatter(x=share, y=drop, customdata=said, hovertemplate=HOVER, name=order, **look)


def _name_curves(figure: go.Figure, by_order: dict[str, pd.DataFrame], bounds: Sequence[float], dark: bool) -> None:
    """Name the curves at the right from the highest to the lowest, each after a piece of its line, none over another."""
    unit = (bounds[1] - bounds[0]) / plot_height(figure)
    names = sorted(by_order, key=lambda order: -_area(by_order[order]))
    places: list[float] = []
    for name in names:  # from the top: no higher than the last name allows
        end = (float(by_order[name]["drop"].iloc[-1]) - bounds[0]) / unit
        places.append(min([end, plot_height(figure) - 8.0, *(place - LABEL_GAP for place in places[-1:])]))
    lift, beside = max(0.0, 8.0 - places[-1]), {"xref": "paper", "x0": 0, "x1": SAMPLE, "xsizemode": "pixel", "xanchor": NAMES_BEGIN}
    for order, place in zip(names, places, strict=True):
        at = bounds[0] + (place + lift) * unit
        figure.add_shape(type="line", y0=at, y1=at, line=_line(order, dark), **beside)
        word = {"text": order, "font": {"color": order_color(order, dark)}, "name": "curve"}
        figure.add_annotation(x=NAMES_BEGIN, xref="paper", xanchor="left", xshift=SAMPLE + 3, y=at, **word)


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


CLAIMS = {"contribution": "contribution claimed", "attention": "attention weight"}
LEAST_REMOVALS = 3
CLOSE, LOOSE = 0.7, 0.3
WORDS = ((CLOSE, "follows"), (LOOSE, "loosely follows"), (-LOOSE, "hardly follows"), (-np.inf, "runs against"))
"""What is said from which mean rank correlation on."""
MEANINGS = (
    (CLOSE, "What is looked at more costs more when it is taken away: here the weights come close to telling what matters."),
    (LOOSE, "What is looked at more tends to cost more when it is taken away, with many exceptions: the weights are a hint, no more."),
    (-LOOSE, "How much something is looked at says next to nothing about what taking it away costs."),
    (-np.inf, "What is looked at more costs less when it is taken away: reading the weights as reasons would mislead."),
)
"""What it means for one person from which rank correlation on."""
MOST_POINTS, MOST_NAMED = 20_000, 4_000
"""Points that are drawn, and up to how many each has a hover text: both keep the figure small."""


def effect_scatter(
    effects: pd.DataFrame,
    against: str = "contribution",
    *,
    correlations: pd.DataFrame | None = None,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw what each item was said to be worth against what its removal really cost.

    On the diagonal a contribution says exactly what removal costs; attention weights have no such line. The finding is the
    rank correlation within each user who has at least three removals, averaged over users; with its interval over users, where
    ``correlations`` gives it, the words are judged by the interval's bounds instead of the mean.

    Args:
        effects: ``user_id``, ``item_id``, ``removed``, ``effect``, and the column ``against``; a row for each removal.
        against: ``contribution`` or ``attention``.
        correlations: ``order``, ``spearman``, ``low``, ``high``; a row for each claim.

    Raises:
        DataError: A column is missing, a value is no finite number, or ``against`` is unknown.
    """
    what = "effect scatter"
    if against not in CLAIMS:
        raise DataError(f"{what}: against={against!r} must be one of {', '.join(CLAIMS)}")
    rows = numbers(effects, ["user_id", "item_id", "removed"], ["effect", against], what)
    if not len(rows):
        return empty_figure("Nothing has been taken away yet", "A point appears for each item whose true effect has been measured.", dark)
    on_line, higher = "On the line, the claim is what removal really costs.", "Higher cost more. Would you trust attention?"
    text = (on_line if against == "contribution" else higher) if hint is None else hint
    if len(rows) > MOST_POINTS:
        text = f"{MOST_POINTS:,} of {len(rows):,} points are shown. {text}"
    figure = new_figure(_effects_finding(rows, against, correlations), text, dark, left=62, right=18, bottom=44)
    drawn = evenly(rows, MOST_POINTS)
    claimed, effect = drawn[against].to_numpy(float), drawn["effect"].to_numpy(float)
    _effect_axes(figure, claimed, effect, against, dark)
    size = 7 if len(drawn) < 400 else 5 if len(drawn) < 4000 else 3
    shown = {"color": order_color(against, dark), "size": size, "opacity": 0.75 if len(drawn) < 400 else 0.4}
    x, y = claimed.astype(np.float32), effect.astype(np.float32)
    figure.add_scattergl(x=x, y=y, mode="markers", marker=shown, hoverinfo="skip", name=against)
    if len(drawn) <= MOST_NAMED:
        write = percent if against == "attention" else signed
        words = [
            f"without {safe(removed)}<br>{CLAIMS[against]} {write(claim)}, true effect {signed(cost)}"
            for removed, claim, cost in zip(drawn["removed"], claimed, effect, strict=True)
        ]
        figure.data[-1].update(text=words, hoverinfo=None, hovertemplate="%{text}<extra></extra>")
    return figure


def _effect_axes(figure: go.Figure, claimed: np.ndarray, effect: np.ndarray, against: str, dark: bool) -> None:
    spans, unit = [bounds_of(values, [0.0]) for values in (claimed, effect)], (1.0, "")
    if against == "contribution":  # one scale for both, so that the line is where claim and effect are the same
        low, high = bounds_of(*spans)
        spans, line = [(low, high)] * 2, {"color": MUTED[dark], "width": 1, "dash": "dot"}
        figure.add_shape(type="line", x0=low, y0=low, x1=high, y1=high, layer="below", line=line)
        words = {"text": "claim = effect", "font": {"size": TICK_SIZE, "color": MUTED[dark]}}
        figure.add_annotation(x=high, y=high, xanchor="right", yanchor="bottom", name="diagonal", **words)
    else:
        unit = (100.0, " %")
    scale(figure.layout.xaxis, spans[0], 0.05, unit, title={"text": CLAIMS[against]})
    scale(figure.layout.yaxis, spans[1], 0.05, title={"text": "true effect: score lost"})


def effect_meaning(spearman: float) -> str:
    """Say in plain words what a rank correlation between attention weights and true effects means; NaN where there is no order."""
    if not np.isfinite(spearman):
        return "There is no order to compare: all weights or all effects are the same."
    return next(meaning for bound, meaning in MEANINGS if spearman >= bound)


def _effects_finding(rows: pd.DataFrame, against: str, correlations: pd.DataFrame | None) -> str:
    claim = against.capitalize()
    if correlations is not None:
        require(correlations, ["order", "spearman", "low", "high"], "effect scatter")
        for _, row in correlations[correlations["order"] == against].iterrows():
            if np.isfinite([row["spearman"], row["low"], row["high"]]).all():
                return _judged(claim, float(row["spearman"]), (float(row["low"]), float(row["high"])))
    found = _correlations(rows, against)
    if not len(found):
        return f"No user has {LEAST_REMOVALS} removals yet: too few to rank"
    defined = found[np.isfinite(found)]
    if not len(defined):
        return f"{claim} and true effects can’t be ranked: they don’t differ within a user"
    mean = float(defined.mean())
    how = next(word for bound, word in WORDS if mean >= bound)
    of_mean = "mean " if len(defined) > 1 else ""
    return f"{claim} {how} true effects: {of_mean}rank correlation {correlation(mean)} ({counted(len(defined), 'user')})"


def _correlations(rows: pd.DataFrame, against: str) -> np.ndarray:
    """Return each user's rank correlation where there are enough removals; NaN where one side has no order."""
    users = [user[[against, "effect"]] for _, user in rows.groupby("user_id") if len(user) >= LEAST_REMOVALS]
    return np.array([float(user.corr(method="spearman").iloc[0, 1]) for user in users])


def _judged(claim: str, mean: float, bounds: tuple[float, float]) -> str:
    low, high = bounds
    how = "follows true effects" if low > CLOSE else "loosely follows true effects" if low > 0 else "can’t be told from chance"
    how = "runs against true effects" if high < 0 else how
    return f"{claim} {how}: mean rank correlation {correlation(mean)} [{correlation(low)}, {correlation(high)}]"
