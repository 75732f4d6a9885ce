"""Memberships as heatmaps: which items are in which hyperedges, and whether two modalities group the items alike."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.cells import write_cells
from srgformer_lab.plots.language import (
    FAINT,
    INK,
    Number,
    counted,
    digits,
    percent,
    require,
    safe,
    shorten,
)
from srgformer_lab.plots.rows import LETTER, NARROW
from srgformer_lab.plots.template import color_bar, empty_figure, first_that_fits, new_figure

HYPERGRAPH_SCALE = (
    ((0.0, "#FAF4F8"), (0.5, "#C486AB"), (1.0, "#622A4E")),
    ((0.0, "#231C21"), (0.5, "#8F5078"), (1.0, "#F2C6DF")),
)
"""From no membership to full membership, in the hue of the hypergraph part."""
MORE_HINT = "Train with more hyperedges (K) to tell items apart."
MOST_BORDERS = 16
"""Of more clusters, the lines between them would hide the items."""
MOST_NUMBERS, MOST_COUNTED = 12, 20
"""So many columns carry a number each, and in so many rows the cells do."""


def incidence_heatmap(frame: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw items × hyperedges, the darker the more an item is in one; lines part the items of one hyperedge from the next.

    Args:
        frame: ``item_id``, ``title``, ``place`` (row), ``hyperedge``, ``column``, ``membership``: one row a cell.
        dark: For dark pages.
        hint: What to try; the figure's own words without it.

    Raises:
        DataError: A column is missing, or a cell is missing or stands twice.
    """
    require(frame, ["item_id", "title", "place", "hyperedge", "column", "membership"], "incidence heatmap")
    if not len(frame):
        return empty_figure("There is no item to show", "Choose a modality that the model has.", dark)
    table = _square(frame, "place", "column", "membership", "incidence heatmap")
    values, hyperedges = table.to_numpy(float), frame.groupby("column")["hyperedge"].first()
    titles = frame.groupby("place")["title"].first().map(lambda title: safe(shorten(title, 40)))
    own = MORE_HINT if len(hyperedges) == 1 else "Lower τ: each row sharpens to one cell. Raise it: blur."
    figure = new_figure(_incidence_finding(values), own if hint is None else hint, dark, left=46, right=58, bottom=44)
    figure.add_heatmap(
        z=values.astype(np.float32).round(4),
        zmin=0,
        zmax=float(values.max()),
        colorscale=[list(stop) for stop in HYPERGRAPH_SCALE[dark]],
        colorbar=color_bar([0, float(values.max())], ["0", digits(float(values.max()), 2)]),
        customdata=np.broadcast_to(hyperedges.to_numpy(), values.shape),
        text=[[title] * values.shape[1] for title in titles],
        hovertemplate="%{text}<br>%{z:.3f} in hyperedge %{customdata}<extra></extra>",
    )
    _part_clusters(figure, values, [str(number) for number in hyperedges], dark)
    _number_columns(figure, [str(number) for number in hyperedges], "hyperedge, by mass")
    figure.update_yaxes(title={"text": "items of hyperedge"}, autorange="reversed", zeroline=False)
    return figure


def _square(frame: pd.DataFrame, rows: str, columns: str, values: str, what: str) -> pd.DataFrame:
    if frame.duplicated([rows, columns]).any():
        raise DataError(f"{what}: a pair of {rows} and {columns} stands twice; give each exactly once")
    table = frame.pivot(index=rows, columns=columns, values=values)
    if table.isna().any(axis=None):
        raise DataError(f"{what}: the frame has {len(frame)} rows for {table.shape[0]} × {table.shape[1]} cells; give each exactly once")
    return table


def _incidence_finding(values: np.ndarray) -> str:
    n_hyperedges = values.shape[1]
    if n_hyperedges == 1:
        return "There is one hyperedge, and every item is fully in it"
    typical = float(np.median(values.max(axis=1)))
    return f"A typical item is {percent(typical)} in its first hyperedge; spread evenly it would be {percent(1 / n_hyperedges)}"


def _part_clusters(figure: go.Figure, values: np.ndarray, names: list[str], dark: bool) -> None:
    """Draw a line where the next hyperedge's items begin and write each one's number beside its items, where there is room."""
    home = np.where(np.ptp(values, axis=1) > 0, values.argmax(axis=1), -1 if values.shape[1] > 1 else 0)
    starts = np.flatnonzero(np.r_[True, home[1:] != home[:-1]])
    ends = np.r_[starts[1:], len(home)]
    across = {"type": "line", "x0": -0.5, "x1": values.shape[1] - 0.5, "line": {"color": INK[dark], "width": 0.7}}
    borders = starts[1:] if len(starts) <= MOST_BORDERS else []
    figure.update_layout(shapes=[across | {"y0": start - 0.5, "y1": start - 0.5} for start in borders])
    roomy = [(start, end) for start, end in zip(starts, ends, strict=True) if (end - start) * 200 >= 11 * len(home)]
    figure.update_yaxes(
        tickvals=[(start + end - 1) / 2 for start, end in roomy],
        ticktext=[names[home[start]] if home[start] >= 0 else "none" for start, _ in roomy],
    )


def _number_columns(figure: go.Figure, names: list[str], title: str, angle: int = 0) -> None:
    step = -(-len(names) // (MOST_NUMBERS if not angle else MOST_COUNTED))
    figure.update_xaxes(
        title={"text": title}, tickvals=list(range(0, len(names), step)), ticktext=names[::step], tickangle=angle, zeroline=False
    )


def agreement_table(
    contingency: pd.DataFrame,
    first: str = "image",
    second: str = "text",
    nmi: Number | None = None,
    chance: Number | None = None,
    *,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw how many items are in each pair of groups, such as image × text hyperedges.

    Empty groups are left out, the largest rows come first, and each column stands by the row that shares most with it.

    Args:
        contingency: ``first``, ``second``, ``items``: one row a pair of groups.
        first: What the rows are.
        second: What the columns are.
        nmi: The normalised mutual information of both sides, for the finding.
        chance: What shuffled items would give.
        dark: For dark pages.
        hint: What to try; the figure's own words without it.

    Raises:
        DataError: A column is missing, or a pair is missing or stands twice.
    """
    require(contingency, ["first", "second", "items"], "agreement table")
    if not len(contingency) or not contingency["items"].sum():
        return empty_figure("No item is in both groupings", "Choose two modalities that the model has.", dark)
    table = _ordered(_square(contingency, "first", "second", "items", "agreement table"))
    values, rows, columns = table.to_numpy(), [shorten(name, 20) for name in table.index], [shorten(name, 20) for name in table.columns]
    pairs = [[[safe(shorten(row, 60)), safe(shorten(column, 60))] for column in table.columns] for row in table.index]
    text = "Strong cells in a diagonal: both group the items alike." if hint is None else hint
    left = 34 + 7 * max(map(len, rows))
    height = min(360, 150 + max(150, 22 * len(rows)))
    figure = new_figure(_agreement_finding(table, first, second, nmi, chance), text, dark, height, left=left, right=16, bottom=44)
    figure.add_heatmap(
        z=values,
        zmin=0,
        zmax=int(values.max()),
        colorscale=[list(stop) for stop in HYPERGRAPH_SCALE[dark]],
        showscale=False,
        xgap=1 if len(columns) <= 32 else 0,
        ygap=1 if len(rows) <= 32 else 0,
        customdata=pairs,
        hovertemplate=f"{safe(first)} %{{customdata[0]}} × {safe(second)} %{{customdata[1]}}<br>%{{z}} items<extra></extra>",
    )
    if len(columns) <= MOST_NUMBERS and len(rows) <= MOST_COUNTED:
        write_cells(figure, [[str(value) for value in row] for row in values])
    figure.update_layout(plot_bgcolor=FAINT[dark] if max(values.shape) <= 32 else "rgba(0,0,0,0)")
    if (longest := max(map(len, columns))) * LETTER * len(columns) > NARROW - left:  # side by side the names would touch
        figure.layout.margin.b = min(26 + round(0.75 * LETTER * longest), 96)
    _number_columns(figure, [safe(name) for name in columns], safe(second), angle=-50 if figure.layout.margin.b > 44 else 0)
    step = -(-len(rows) // 20)
    figure.update_yaxes(
        title={"text": safe(first)},
        tickvals=list(range(0, len(rows), step)),
        ticktext=[safe(name) for name in rows[::step]],
        autorange="reversed",
        zeroline=False,
    )
    return figure


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is empty, and put the largest rows first and each column where the row that shares most with it stands."""
    table = table.loc[table.any(axis=1), table.any(axis=0)]
    table = table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    partner, shared = table.to_numpy().argmax(axis=0), table.to_numpy().max(axis=0)
    return table.iloc[:, np.lexsort((-shared, partner))]


def _agreement_finding(table: pd.DataFrame, first: str, second: str, nmi: Number | None, chance: Number | None) -> str:
    one, two = table.stack().idxmax()
    most, total = int(table.loc[one, two]), int(table.to_numpy().sum())
    pair = f"{first} {shorten(one, 16)} and {second} {shorten(two, 16)} share most: {most:,} of {counted(total, 'item')}"
    if nmi is None or not np.isfinite(float(nmi)):
        return pair[:1].upper() + pair[1:]
    base = 0.0 if chance is None or not np.isfinite(float(chance)) else float(chance)
    excess = (float(nmi) - base) / max(1 - base, 1e-9)
    verdict = "hardly agree" if excess < 0.1 else "agree in part" if excess < 0.5 else "agree closely"
    names = f"{first[:1].upper()}{first[1:]} and {second}"
    beside = "" if chance is None else f" ({digits(base, 2)} by chance)"
    return first_that_fits(f"{names} {verdict}: NMI {digits(nmi, 2)}{beside}", f"They {verdict}: NMI {digits(nmi, 2)}")
