"""Metric against metric: each run as a point, with how sure both are over people."""

import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.evidence import cut, error_bars, fit
from srgformer_lab.plots.growth import spread
from srgformer_lab.plots.language import (
    INK,
    MUTED,
    SURFACE,
    metric_name,
    metric_unit,
    metric_value,
    require,
    safe,
    setting,
    shorten_middle,
    ticks,
)
from srgformer_lab.plots.template import empty_figure, new_figure

HINT = "Lines: 95 % over people. Whether two runs differ is said by their paired difference, not by lines that overlap."
MARKS = (("circle", "●"), ("circle", "○"), ("square", "□"), ("diamond", "◇"))
"""Each point's symbol, and how it is written; the first one is filled."""
NAMES_WIDTH = 176
"""Pixels of the names right of the plane."""
APART = 0.08
"""Least distance of two names, in heights of the plane."""


def metric_plane(
    frame: pd.DataFrame, x: str = "recall@20", y: str = "ndcg@20", *, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw runs as points between two metrics, each with its interval in both directions; the first one is filled.

    Args:
        frame: ``run`` (at most four), and for both metrics the mean in 0…1 and its bounds: ``recall@20``, ``recall@20 low``,
            ``recall@20 high``. A bound that is not known is NaN.
        x: The metric from left to right.
        y: The metric from bottom to top.
        dark: Whether the page is dark.
        hint: Words in place of how to read it.

    Raises:
        DataError: A column is missing.
    """
    require(frame, ["run", *(f"{metric}{bound}" for metric in (x, y) for bound in ("", " low", " high"))], "metric plane")
    known = frame.dropna(subset=[x, y]).head(len(MARKS)).reset_index(drop=True)
    if known.empty:
        return empty_figure("Nobody can be judged", "No person here has anything held back that could be found.", dark)
    figure = new_figure(_finding(known, x, y), HINT if hint is None else hint, dark, left=58, right=NAMES_WIDTH, bottom=46)
    for place in range(len(known)):
        _point(figure, known.iloc[[place]], x, y, place, dark)
    for axis, metric in ((figure.layout.xaxis, x), (figure.layout.yaxis, y)):
        _scale(axis, known, metric)
    _names(figure, known, y)
    return figure


def _names(figure: go.Figure, known: pd.DataFrame, y: str) -> None:
    """Write each name with its mark right of the plane, at the height of its point or as near as there is room."""
    low, high = figure.layout.yaxis.range
    heights = spread(known[y].tolist(), APART * (high - low), high)
    for name, (_, mark), height in zip(known["run"], MARKS, heights, strict=False):
        words = f"{mark} {safe(cut(str(name), NAMES_WIDTH - 24, shorten_middle))}"
        figure.add_annotation(x=1, xref="paper", y=height, text=words, xanchor="left", xshift=6)


def _point(figure: go.Figure, row: pd.DataFrame, x: str, y: str, order: int, dark: bool) -> None:
    name, said = str(row["run"].iloc[0]), [f"{metric_name(metric)} {_with_bounds(row.iloc[0], metric)}" for metric in (x, y)]
    figure.add_scatter(
        x=row[x].to_numpy(float),
        y=row[y].to_numpy(float),
        mode="markers",
        marker={
            "size": 11,
            "symbol": MARKS[order][0],
            "color": INK[dark] if order == 0 else SURFACE[dark],
            "line": {"width": 2, "color": INK[dark]},
        },
        error_x=error_bars(row[x], row[f"{x} low"], row[f"{x} high"], MUTED[dark]),
        error_y=error_bars(row[y], row[f"{y} low"], row[f"{y} high"], MUTED[dark]),
        hovertemplate=f"{safe(name)}<br>{'<br>'.join(said)}<extra></extra>",
        cliponaxis=False,
        name=safe(name),
    )


def _with_bounds(row: pd.Series, metric: str) -> str:
    low, high = row[f"{metric} low"], row[f"{metric} high"]
    bounds = "" if pd.isna(low) else f" ({metric_value(metric, low)} to {metric_value(metric, high)})"
    return metric_value(metric, row[metric]) + bounds


def _scale(axis: go.layout.XAxis | go.layout.YAxis, known: pd.DataFrame, metric: str) -> None:
    ends = known[[metric, f"{metric} low", f"{metric} high"]].stack()
    low, high = float(ends.min()), float(ends.max())
    room, places, (factor, unit) = 0.08 * ((high - low) or abs(high) or 1.0), ticks(low, high), metric_unit(metric)
    words = [setting(factor * place) + unit for place in places]
    axis.update(range=[low - room, high + room], tickvals=places, ticktext=words, title={"text": metric_name(metric)}, zeroline=False)


def _finding(known: pd.DataFrame, x: str, y: str) -> str:
    """Name the run that is highest in both metrics, or that of each."""
    best = {metric: known.loc[known[metric].idxmax()] for metric in (x, y)}
    values = [f"{metric_name(metric)} {metric_value(metric, row[metric])}" for metric, row in best.items()]
    names = [str(row["run"]) for row in best.values()]
    if len(known) > 1 and (known[[x, y]].nunique() == 1).all():
        return f"All {len(known)} are level: {values[0]}, {values[1]}"
    if len(known) == 1:
        return fit(lambda n: f"{shorten_middle(names[0], n)}: {values[0]}, {values[1]}")
    if names[0] == names[1]:
        return fit(lambda n: f"{shorten_middle(names[0], n)} is highest in both: {values[0]}, {values[1]}")
    return fit(
        lambda n: f"No run is highest in both: {shorten_middle(names[0], n)} has {values[0]}, {shorten_middle(names[1], n)} {values[1]}",
        lambda n: f"{values[0]}: {shorten_middle(names[0], n)}. {values[1]}: {shorten_middle(names[1], n)}",
    )
