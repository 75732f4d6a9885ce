"""Runs held against one: who gains and who loses, group by group, with paired intervals."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.evidence import cut, error_bars, fit, text_width
from srgformer_lab.plots.language import (
    INK,
    MUTED,
    SURFACE,
    metric_name,
    metric_unit,
    require,
    safe,
    setting,
    shorten_middle,
    signed,
    ticks,
)
from srgformer_lab.plots.rows import text_size
from srgformer_lab.plots.template import TALLEST, empty_figure, new_figure

SYMBOLS = ("circle", "square", "diamond")
COLUMNS = ("group", "run", "judged", "difference", "low", "high")
LABEL_WIDTH, ROW = 170, 20
"""Most pixels of a row's name, and its height."""
HINT = "Right of 0: better than the first run. Lines: 95 % over people; filled where they leave out 0."


def paired_differences(
    frame: pd.DataFrame, first: str, metric: str = "recall@20", *, dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw each run's difference to the first one, group below group; a dot is filled where its interval leaves out 0.

    Args:
        frame: ``group``, ``run`` (at most three), ``judged`` (people), ``difference`` of the metric in 0…1, ``low``, ``high``.
        first: The run that the others are held against.
        metric: What the difference is of.
        dark: Whether the page is dark.
        hint: Words in place of how to read it.

    Raises:
        DataError: A column is missing.
    """
    require(frame, COLUMNS, "paired differences")
    known = frame[frame["difference"].notna()].reset_index(drop=True)
    if known.empty:
        return empty_figure("Nobody can be judged", "No person here has anything held back that could be found.", dark)
    runs, groups = list(dict.fromkeys(known["run"])), list(dict.fromkeys(known["group"]))
    widest = max(text_width(str(name)) for name in [*groups, *(runs if len(runs) > 1 else [])])
    left = int(min(LABEL_WIDTH, widest + 14))
    figure = new_figure(_finding(known, first, metric), HINT if hint is None else hint, dark, left=left, right=20, bottom=44)
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
        _dots(figure, those, place, SYMBOLS[order % len(SYMBOLS)], dark)
    factor, unit = metric_unit(metric)
    ends = np.concatenate([known[column].dropna().to_numpy(float) for column in ("difference", "low", "high")] + [np.zeros(1)])
    low, high = float(ends.min()), float(ends.max())
    room, places = 0.06 * ((high - low) or 0.01), ticks(low, high, 4)
    words = [setting(factor * value) + (" points" if unit else "") for value in places]
    figure.update_xaxes(range=[low - room, high + room], tickvals=places, ticktext=words, zeroline=False)
    size = text_size(figure, rows)
    figure.update_yaxes(
        range=[rows - 0.5, -0.5], tickvals=list(labels), ticktext=list(labels.values()), tickfont={"size": size}, zeroline=False
    )
    return figure


def _dots(figure: go.Figure, rows: pd.DataFrame, place: np.ndarray, symbol: str, dark: bool) -> None:
    shown = (rows["low"] > 0) | (rows["high"] < 0)
    figure.add_scatter(
        x=rows["difference"].to_numpy(float),
        y=place,
        mode="markers",
        marker={
            "size": 9,
            "symbol": symbol,
            "color": np.where(shown, INK[dark], SURFACE[dark]).tolist(),
            "line": {"width": 2, "color": INK[dark]},
        },
        error_x=error_bars(rows["difference"], rows["low"], rows["high"], MUTED[dark]),
        customdata=[f"{safe(row.group)}: {safe(row.run)}<br>{signed(row.difference)}, {row.judged:,} people" for row in rows.itertuples()],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
        name=safe(rows["run"].iloc[0]),
    )


def _finding(rows: pd.DataFrame, first: str, metric: str) -> str:
    """Name the clearest difference: the largest whose interval leaves out 0."""
    sure = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    if sure.empty:
        return fit(lambda n: f"No group is surely served better or worse than by {shorten_middle(first, n)}")
    row = sure.loc[sure["difference"].abs().idxmax()]
    factor, unit = metric_unit(metric)
    amount = f"{signed(factor * row['difference'])}{' points' if unit else ''} of {metric_name(metric)}"
    return fit(
        lambda n: f"{shorten_middle(row['run'], max(n, 16))} against {shorten_middle(first, max(n, 16))}: {amount} for {row['group']}",
        lambda n: f"{shorten_middle(row['run'], n)}: {amount} for {row['group']}",
    )
