"""Runs beside each other: metric against metric, and who gains and who loses, group by group."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.bars import text_size
from srgformer_lab.plots.drawing import TALLEST, bounds_of, empty_figure, error_bars, marks, new_figure, scale, spread, write_right
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import HIGHER_IS_BETTER, digits, metric_name, metric_unit, metric_value, safe, signed
from srgformer_lab.plots.style import INK, MUTED, SURFACE
from srgformer_lab.plots.texts import cut, fit, shorten_middle, text_width

PLANE_HINT = "Lines: 95 % over people. Whether two runs differ is said by their paired difference, not by lines that overlap."
PLANE_MARKS = (("circle", "●"), ("circle", "○"), ("square", "□"), ("diamond", "◇"))
"""Each point's symbol, and how it is written; the first one is filled."""
NAMES_WIDTH = 176
"""Pixels of the names right of the plane."""
APART = 0.08
"""Least distance of two names, in heights of the plane."""
PAIRED_HINT = "Right of 0: {more} than the first run. Lines: 95 % over {over}; filled where they leave out 0."
UNSURE = 0.05
"""Share of 95 % intervals that leave out 0 by chance."""
PAIRED_SYMBOLS = ("circle", "square", "diamond")
LABEL_WIDTH, ROW = 170, 20
"""Most pixels of a row's name, and its height."""
NOBODY = ("Nobody can be judged", "No person here has anything held back that could be found.")


def metric_plane(
    frame: pd.DataFrame, x: str = "recall@20", y: str = "ndcg@20", *, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw runs as points between two metrics, each with its interval in both directions; the first one is filled.

    Args:
        frame: ``run`` (at most four), and for both metrics the mean in 0…1 and its bounds: ``recall@20``, ``recall@20 low``,
            ``recall@20 high``. A bound that is not known is NaN.
        x: The metric from left to right.
        y: The metric from bottom to top.

    Raises:
        DataError: A column is missing.
    """
    require(frame, ["run", *(f"{metric}{bound}" for metric in (x, y) for bound in ("", " low", " high"))], "metric plane")
    known = frame.dropna(subset=[x, y]).head(len(PLANE_MARKS)).reset_index(drop=True)
    if known.empty:
        return empty_figure(*NOBODY, dark)
    figure = new_figure(_plane_finding(known, x, y), PLANE_HINT if hint is None else hint, dark, left=58, right=NAMES_WIDTH, bottom=46)
    for place in range(len(known)):
        _point(figure, known.iloc[[place]], x, y, place, dark)
    for axis, metric in ((figure.layout.xaxis, x), (figure.layout.yaxis, y)):
        bounds = bounds_of(known[[metric, f"{metric} low", f"{metric} high"]].stack())
        scale(axis, bounds, 0.08, metric_unit(metric), title_text=metric_name(metric), zeroline=False)
    low, high = figure.layout.yaxis.range
    heights = spread(known[y].tolist(), APART * (high - low), high)  # each name at the height of its point or as near as there is room
    for name, (_, mark), height in zip(known["run"], PLANE_MARKS, heights, strict=False):
        write_right(figure, height, f"{mark} {safe(cut(str(name), NAMES_WIDTH - 24, shorten_middle))}", 6)
    return figure


def _point(figure: go.Figure, row: pd.DataFrame, x: str, y: str, order: int, dark: bool) -> None:
    name, said = safe(row["run"].iloc[0]), [f"{metric_name(metric)} {_with_bounds(row.iloc[0], metric)}" for metric in (x, y)]
    bars = {f"error_{axis}": error_bars(row[m], row[f"{m} low"], row[f"{m} high"], MUTED[dark]) for axis, m in (("x", x), ("y", y))}
    at, fill = {"x": row[x].to_numpy(float), "y": row[y].to_numpy(float)}, INK[dark] if order == 0 else SURFACE[dark]
    hover = {"hoverinfo": None, "hovertemplate": f"{name}<br>{'<br>'.join(said)}<extra></extra>"}
    marks(figure, color=INK[dark], size=11, fill=fill, symbol=PLANE_MARKS[order][0], name=name, cliponaxis=False, **at, **bars, **hover)


def _with_bounds(row: pd.Series, metric: str) -> str:
    low, high = row[f"{metric} low"], row[f"{metric} high"]
    bounds = "" if pd.isna(low) else f" ({metric_value(metric, low)} to {metric_value(metric, high)})"
    return metric_value(metric, row[metric]) + bounds


def _plane_finding(known: pd.DataFrame, x: str, y: str) -> str:
    best = {metric: known.loc[known[metric].idxmax()] for metric in (x, y)}
    values = [f"{metric_name(metric)} {metric_value(metric, row[metric])}" for metric, row in best.items()]
    names = [str(row["run"]) for row in best.values()]
    if len(known) > 1 and (known[[x, y]].nunique() == 1).all():
        return f"All {len(known)} are level: {values[0]}, {values[1]}"
    if names[0] == names[1]:
        lead = "" if len(known) == 1 else " is highest in both"
        return fit(lambda n: f"{shorten_middle(names[0], n)}{lead}: {values[0]}, {values[1]}")
    return fit(
        lambda n: f"No run is highest in both: {shorten_middle(names[0], n)} has {values[0]}, {shorten_middle(names[1], n)} {values[1]}",
        lambda n: f"{values[0]}: {shorten_middle(names[0], n)}. {values[1]}: {shorten_middle(names[1], n)}",
    )


def paired_differences(
    frame: pd.DataFrame, first: str, metric: str = "recall@20", over: str = "people", *, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw each run's difference to the first one, group below group; a dot is filled where its interval leaves out 0.

    Args:
        frame: ``group``, ``run`` (at most three), ``judged`` (people), ``difference`` of the metric in 0…1, ``low``, ``high``.
        first: The run that the others are held against.
        metric: What the difference is of.
        over: What was judged and counted, where it isn't people.

    Raises:
        DataError: A column is missing.
    """
    require(frame, ["group", "run", "judged", "difference", "low", "high"], "paired differences")
    known = frame[frame["difference"].notna()].reset_index(drop=True)
    if known.empty:
        return empty_figure(*NOBODY, dark)
    runs, groups = list(dict.fromkeys(known["run"])), list(dict.fromkeys(known["group"]))
    widest = max(text_width(str(name)) for name in [*groups, *(runs if len(runs) > 1 else [])])
    text, left = (
        PAIRED_HINT.format(over=over, more="better" if _is_better(metric) else "more") if hint is None else hint,
        int(min(LABEL_WIDTH, widest + 14)),
    )
    figure = new_figure(_paired_finding(known, first, metric), text, dark, left=left, right=20, bottom=44)
    margin, headed = figure.layout.margin, int(len(runs) > 1)
    rows = len(groups) * (len(runs) + headed)
    figure.layout.height = min(TALLEST, margin.t + margin.b + ROW * rows + 14)
    figure.add_vline(x=0, line={"color": MUTED[dark], "width": 1})
    labels = {place * (len(runs) + 1): f"<b>{safe(group)}</b>" for place, group in enumerate(groups)} if headed else {}
    for order, name in enumerate(runs):
        those = known[known["run"] == name].reset_index(drop=True)
        place = np.array([groups.index(group) * (len(runs) + headed) + order + headed for group in those["group"]])
        words = [name] * len(those) if headed else those["group"]
        labels |= {row: safe(cut(str(word), LABEL_WIDTH - 10, shorten_middle)) for row, word in zip(place.tolist(), words, strict=True)}
        _differences(figure, those, place, PAIRED_SYMBOLS[order % len(PAIRED_SYMBOLS)], over, dark)
    factor, unit = metric_unit(metric)
    bounds = bounds_of(known["difference"], known["low"], known["high"], [0.0])
    scale(figure.layout.xaxis, bounds, 0.06, (factor, " points" if unit else ""), zeroline=False)
    names = {"tickvals": list(labels), "ticktext": list(labels.values()), "tickfont": {"size": text_size(figure, rows)}}
    figure.update_yaxes(range=[rows - 0.5, -0.5], zeroline=False, **names)
    return figure


def _is_better(metric: str) -> bool:
    return metric.partition("@")[0] in HIGHER_IS_BETTER


def _differences(figure: go.Figure, rows: pd.DataFrame, place: np.ndarray, symbol: str, over: str, dark: bool) -> None:
    fill = np.where((rows["low"] > 0) | (rows["high"] < 0), INK[dark], SURFACE[dark]).tolist()
    hover = [f"{safe(row.group)}: {safe(row.run)}<br>{signed(row.difference)}, {row.judged:,} {over}" for row in rows.itertuples()]
    bars = error_bars(rows["difference"], rows["low"], rows["high"], MUTED[dark])
    more = {"hover": hover, "error_x": bars, "cliponaxis": False, "name": safe(rows["run"].iloc[0])}
    marks(figure, rows["difference"].to_numpy(float), place, INK[dark], fill=fill, symbol=symbol, **more)


def _paired_finding(rows: pd.DataFrame, first: str, metric: str) -> str:
    sure = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    if sure.empty:
        if not _is_better(metric):
            return fit(lambda n: f"No group surely has more or less {metric_name(metric)} than by {shorten_middle(first, n)}")
        return fit(lambda n: f"No group is surely served better or worse than by {shorten_middle(first, n)}")
    if (looks := int(rows["low"].notna().sum())) > 2:  # the largest of many would be said to be more than it is
        left = f"{len(sure)} of {looks} intervals leave{'s' if len(sure) == 1 else ''} out 0"
        return f"{left}; where nothing differed, {digits(UNSURE * looks, 1)} would"
    row = sure.loc[sure["difference"].abs().idxmax()]
    factor, unit = metric_unit(metric)
    amount = f"{signed(factor * row['difference'])}{' points' if unit else ''} of {metric_name(metric)}"
    return fit(
        lambda n: f"{shorten_middle(row['run'], max(n, 16))} against {shorten_middle(first, max(n, 16))}: {amount} for {row['group']}",
        lambda n: f"{shorten_middle(row['run'], n)}: {amount} for {row['group']}",
    )
