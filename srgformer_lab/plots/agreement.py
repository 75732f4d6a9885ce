"""Whether two modalities know each other: cosines of own and of strangers' pairs, who finds whom, and groups they share."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import LETTER, NARROWEST, TALLEST, empty_figure, heatmap, marks, new_figure, ticks, write_cells
from srgformer_lab.plots.frames import require, square
from srgformer_lab.plots.hyperedges import HYPERGRAPH_SCALE, MOST_COUNTED, MOST_NUMBERS, number_columns
from srgformer_lab.plots.language import Number, counted, decimal, digits, part_name, percent, safe
from srgformer_lab.plots.style import FAINT, INK, LABEL_PAPER, MUTED, SURFACE, TEXT_SIZE, TICK_SIZE, part_color
from srgformer_lab.plots.texts import first_that_fits, shorten

KINDS = {"positive": "own pairs", "negative": "strangers"}
"""The kinds of pairs, and what a curve is called."""
COLLAPSED = 0.9
"""Mean cosine of strangers from which all vectors are said to point one way."""
FEWEST_BINS, MOST_BINS = 8, 60
LABEL = 0.3
"""The share of a narrow figure's width that a curve's label takes."""
ARROW = " → "


def cosine_distributions(cosines: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw the cosines of own pairs (solid) against those of strangers (dashed), and name the share in which they overlap.

    The overlap is Σ min(p, q) over common bins of the two distributions: 100 % for equal ones, 0 % where a threshold tells them apart.

    Raises:
        DataError: A column or a kind is missing.
    """
    require(cosines, ["kind", "cosine"], "cosine distributions")
    values = {kind: cosines.loc[cosines["kind"] == kind, "cosine"].to_numpy(float) for kind in KINDS}
    if empty := [kind for kind, chosen in values.items() if not len(chosen)]:
        given = ", ".join(map(str, cosines["kind"].unique())) or "none"
        raise DataError(f"cosine distributions: there is no {empty[0]} pair, the kinds are {given}; give both, {' and '.join(KINDS)}")
    middles, shares = _shares(values)
    overlap, mean = float(np.minimum(*shares.values()).sum()), {kind: float(chosen.mean()) for kind, chosen in values.items()}
    text = "Solid: both vectors of one; dashed: of two different ones. Raise γ, train again: do they part?" if hint is None else hint
    figure = new_figure(_cosine_finding(mean, overlap), text, dark, height=300, left=16, bottom=44)
    both = np.minimum(*shares.values()).astype(np.float32)
    fill = {"line": {"width": 0, "shape": "hvh"}, "fill": "tozeroy", "fillcolor": FAINT[dark], "hoverinfo": "skip", "name": "overlap"}
    figure.add_scatter(x=middles, y=both, mode="lines", **fill)
    for (kind, word), color, dash in zip(KINDS.items(), (INK[dark], MUTED[dark]), ("solid", "4px,3px"), strict=True):
        line = {"shape": "hvh", "color": color, "width": 2, "dash": dash}
        hover = f"{word}: %{{y:.1%}} near cosine %{{x:.2f}}<extra></extra>"
        figure.add_scatter(x=middles, y=shares[kind].astype(np.float32), mode="lines", line=line, hovertemplate=hover, name=kind)
    _name_curves(figure, middles, shares, mean, overlap, dark)
    places = ticks(float(middles[0]), float(middles[-1]), 6)
    words = [f"{place:.2g}".replace("-", "−") for place in places]
    figure.update_xaxes(title_text="cosine", tickvals=places, ticktext=words, zeroline=True)
    figure.update_yaxes(showticklabels=False, range=[0, 1.32 * max(float(share.max()) for share in shares.values())])
    return figure


def _shares(values: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the middles of common bins and each kind's share of pairs in them, with an empty bin at both ends."""
    every = np.concatenate(list(values.values()))
    n_bins = int(np.clip(np.sqrt(min(map(len, values.values()))), FEWEST_BINS, MOST_BINS))
    low, width = float(every.min()), max(float(np.ptp(every)) / n_bins, 1e-3)
    edges = low + width * np.arange(-1, n_bins + 2)
    edges[-2] = max(edges[-2], float(every.max()))  # rounding must not push the largest value into the empty bin
    shares = {kind: np.histogram(chosen, edges)[0] / len(chosen) for kind, chosen in values.items()}
    return ((edges[:-1] + edges[1:]) / 2).astype(np.float32), shares


def _cosine_finding(mean: dict[str, float], overlap: float) -> str:
    if mean["negative"] > COLLAPSED:
        return f"All vectors point one way: cosine {decimal(mean['positive'])} in own pairs, {decimal(mean['negative'])} even in strangers"
    numbers = f"cosine {decimal(mean['positive'])} against {decimal(mean['negative'])}"
    if overlap > 0.8:
        return f"Own pairs hardly differ from strangers: {numbers}, overlap {percent(overlap)}"
    verb = "stand apart from" if overlap < 0.35 else "lean away from"
    word = verb if mean["positive"] >= mean["negative"] else "lie behind"
    return f"Own pairs {word} strangers: {numbers}, overlap {percent(overlap)}"


def _name_curves(
    figure: go.Figure, middles: np.ndarray, shares: dict[str, np.ndarray], mean: dict[str, float], overlap: float, dark: bool
) -> None:
    low, span, paper = float(middles[0]), float(middles[-1] - middles[0]), {"bgcolor": LABEL_PAPER[dark], "borderpad": 1}
    near, far = sorted(KINDS, key=lambda kind: mean[kind])
    place = {kind: (mean[kind] - low) / span for kind in KINDS}
    anchors = {near: "right" if place[near] > LABEL else "left", far: "left" if place[far] < 1 - LABEL else "right"}
    ends = place[near] + LABEL * (anchors[near] == "left"), place[far] - LABEL * (anchors[far] == "right")
    higher = max(KINDS, key=lambda kind: shares[kind].max())
    for kind, word in KINDS.items():
        reach = np.sort([place[kind], place[kind] + (LABEL if anchors[kind] == "left" else -LABEL)])
        below = ((middles - low) / span >= reach[0] - 0.04) & ((middles - low) / span <= reach[1] + 0.04)
        at = {"x": mean[kind], "y": max(float(share[below].max(initial=0)) for share in shares.values())}
        at |= {"yshift": 26 if ends[0] > ends[1] and kind == higher else 11, "xanchor": anchors[kind]}
        font = {"color": INK[dark] if kind == "positive" else MUTED[dark]}
        figure.add_annotation(text=f"<b>{word}</b> {decimal(mean[kind])}", font=font, **at, **paper)
    both = np.minimum(*shares.values())
    if both.sum() > 0:
        at = {"x": float(np.average(middles, weights=both)), "y": 0, "yshift": 11}
        figure.add_annotation(text=f"overlap {percent(overlap)}", font={"size": TICK_SIZE}, **at, **paper)


def recall_bars(recall: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw how often a vector of one modality finds its own in the other among the k nearest, both ways; chance is a hollow mark.

    Raises:
        DataError: A column is missing, there is no row, or a direction has a k twice.
    """
    require(recall, ["direction", "k", "recall", "chance"], "recall bars")
    if not len(recall) or recall.duplicated(["direction", "k"]).any():
        raise DataError(f"recall bars: {len(recall)} rows; give each direction and k exactly once")
    ways = list(recall["direction"].unique())
    n_rows = len(recall) + len(ways)
    text = "Hollow: chance. Go back to epoch 0 and see how much of this was there before training." if hint is None else hint
    figure = new_figure(_recall_finding(recall), text, dark, height=min(TALLEST, 104 + 26 * n_rows), bottom=12)
    row, rows = 0, []
    for way in ways:
        color = part_color(way.partition(ARROW)[0], dark, [end for name in ways for end in name.split(ARROW)])
        text = f'<b><span style="color:{color}">{safe(_way_name(way))}</span></b>'
        figure.add_annotation(x=0, y=row, xanchor="left", xshift=0, text=text, align="left")
        table = recall[recall["direction"] == way].sort_values("k")
        places = np.arange(row + 1, row + 1 + len(table))
        _bars(figure, table, places, color, way, dark)
        rows += list(zip(places, table["k"], strict=True))
        row = int(places[-1]) + 1
    largest = float(recall[["recall", "chance"]].max(axis=None)) or 1.0
    figure.update_xaxes(range=[-0.005 * largest, 1.2 * largest], showticklabels=False, zeroline=True)
    words = {"tickvals": [place for place, _ in rows], "ticktext": [f"top {k}" for _, k in rows], "ticklabelstandoff": 4}
    figure.update_yaxes(range=[n_rows - 0.4, -0.6], zeroline=False, **words)
    return figure


def _bars(figure: go.Figure, table: pd.DataFrame, places: np.ndarray, color: str, way: str, dark: bool) -> None:
    found, chance = table["recall"].to_numpy(float), table["chance"].to_numpy(float)
    figure.add_bar(x=found, y=places, orientation="h", width=0.62, marker={"color": color}, hoverinfo="skip", name=safe(way))
    said = {"hover": [percent(share) for share in chance], "hovertemplate": "chance %{customdata}<extra></extra>"}
    name = f"{safe(way)}, chance"
    marks(figure, chance, places, INK[dark], fill=SURFACE[dark], symbol="circle", cliponaxis=False, name=name, **said)
    for place, share, by_chance in zip(places, found, chance, strict=True):
        font, end = {"size": TEXT_SIZE}, max(share, by_chance)
        figure.add_annotation(x=end, y=place, xanchor="left", xshift=8, text=percent(share), font=font)


def _way_name(way: str) -> str:
    query, arrow, target = way.partition(ARROW)
    return f"{part_name(query)}{arrow}its own {part_name(target)}" if arrow else way


def _recall_finding(recall: pd.DataFrame) -> str:
    k = int(recall["k"].max())
    most = recall[recall["k"] == k].set_index("direction")
    parts = [f"{_finds(way)} in {percent(row['recall'])}" for way, row in most.iterrows()]
    chance, better = percent(most["chance"].max()), float(most["recall"].mean() / most["chance"].mean()) if most["chance"].all() else 0.0
    return first_that_fits(
        f"Top {k}: {', '.join(parts)}; chance {chance}",
        f"Top {k}: {' and '.join(percent(share) for share in most['recall'])} find their own; chance {chance}",
        f"Own vectors are found {digits(better, 2)} times as often as by chance",
    )


def _finds(way: object) -> str:
    query, arrow, target = str(way).partition(ARROW)
    return f"{part_name(query)} finds its {part_name(target)}" if arrow else str(way)


def agreement_table(
    contingency: pd.DataFrame,
    first: str = "image",
    second: str = "text",
    nmi: Number | None = None,
    chance: Number | None = None,
    untrained: Number | None = None,
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
        untrained: What the model had before training.

    Raises:
        DataError: A column is missing, or a pair is missing or stands twice.
    """
    require(contingency, ["first", "second", "items"], "agreement table")
    if not len(contingency) or not contingency["items"].sum():
        return empty_figure("No item is in both groupings", "Choose two modalities that the model has.", dark)
    table = _ordered(square(contingency, "first", "second", "items", "agreement table"))
    values, rows, columns = table.to_numpy(), [shorten(name, 20) for name in table.index], [shorten(name, 20) for name in table.columns]
    pairs = [[[safe(shorten(row, 60)), safe(shorten(column, 60))] for column in table.columns] for row in table.index]
    text = "Strong cells in a diagonal: both group the items alike." if hint is None else hint
    left = 34 + 7 * max(map(len, rows))
    height = min(360, 150 + max(150, 22 * len(rows)))
    finding = _agreement_finding(table, first, second, nmi, chance, untrained)
    figure = new_figure(finding, text, dark, height, left=left, right=16, bottom=44)
    hover = f"{safe(first)} %{{customdata[0]}} × {safe(second)} %{{customdata[1]}}<br>%{{z}} items<extra></extra>"
    gaps = {"xgap": 1 if len(columns) <= 32 else 0, "ygap": 1 if len(rows) <= 32 else 0}
    heatmap(figure, values, HYPERGRAPH_SCALE[dark], 0, int(values.max()), customdata=pairs, hovertemplate=hover, **gaps)
    if len(columns) <= MOST_NUMBERS and len(rows) <= MOST_COUNTED:
        write_cells(figure, [[str(value) for value in row] for row in values])
    figure.update_layout(plot_bgcolor=FAINT[dark] if max(values.shape) <= 32 else "rgba(0,0,0,0)")
    if (longest := max(map(len, columns))) * LETTER * len(columns) > NARROWEST - left:  # side by side the names would touch
        figure.layout.margin.b = min(26 + round(0.75 * LETTER * longest), 96)
    number_columns(figure, [safe(name) for name in columns], safe(second), angle=-50 if figure.layout.margin.b > 44 else 0)
    figure.update_xaxes(range=[-0.5, len(columns) - 0.5])  # the words in the cells would widen it, and paper would show beside them
    step = -(-len(rows) // MOST_COUNTED)
    words = {"tickvals": list(range(0, len(rows), step)), "ticktext": [safe(name) for name in rows[::step]]}
    figure.update_yaxes(title={"text": safe(first)}, autorange="reversed", zeroline=False, **words)
    return figure


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is empty, and put the largest rows first and each column where the row that shares most with it stands."""
    table = table.loc[table.any(axis=1), table.any(axis=0)]
    table = table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    partner, shared = table.to_numpy().argmax(axis=0), table.to_numpy().max(axis=0)
    return table.iloc[:, np.lexsort((-shared, partner))]


def _agreement_finding(
    table: pd.DataFrame, first: str, second: str, nmi: Number | None, chance: Number | None, untrained: Number | None
) -> str:
    one, two = table.stack().idxmax()
    most, total = int(table.loc[one, two]), int(table.to_numpy().sum())
    pair = f"{first} {shorten(one, 16)} and {second} {shorten(two, 16)} share most: {most:,} of {counted(total, 'item')}"
    if nmi is None or not np.isfinite(float(nmi)):
        return pair[:1].upper() + pair[1:]
    base = 0.0 if chance is None or not np.isfinite(float(chance)) else float(chance)
    excess = (float(nmi) - base) / max(1 - base, 1e-9)
    verdict = "hardly agree" if excess < 0.1 else "agree in part" if excess < 0.5 else "agree closely"
    names = f"{first[:1].upper()}{first[1:]} and {second}"
    before = "" if untrained is None or not np.isfinite(float(untrained)) else f"{digits(untrained, 2)} untrained"
    by_chance = "" if chance is None else f"{digits(base, 2)} by chance"
    beside = ", ".join(filter(None, (before, by_chance)))
    all_of_it, short = (f" ({words})" if words else "" for words in (beside, before))
    return first_that_fits(
        f"{names} {verdict}: NMI {digits(nmi, 2)}{all_of_it}",
        f"They {verdict}: NMI {digits(nmi, 2)}{all_of_it}",
        f"They {verdict}: NMI {digits(nmi, 2)}{short}",
    )
