"""Whether two modalities know each other: cosines of own against strangers' pairs, and how often one finds the other."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.knobs import LABEL_PAPER
from srgformer_lab.plots.language import FAINT, INK, MUTED, SURFACE, digits, part_color, part_name, percent, require, safe, ticks
from srgformer_lab.plots.template import TEXT_SIZE, TICK_SIZE, first_that_fits, new_figure

KINDS = ("positive", "negative")
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
    figure = new_figure(
        _cosine_finding(mean, overlap),
        "Solid: both vectors of one; dashed: of two different ones. Raise γ, train again: do they part?" if hint is None else hint,
        dark,
        height=300,
        left=16,
        bottom=44,
    )
    both = np.minimum(*shares.values()).astype(np.float32)
    fill = {"line": {"width": 0, "shape": "hvh"}, "fill": "tozeroy", "fillcolor": FAINT[dark], "hoverinfo": "skip", "name": "overlap"}
    figure.add_scatter(x=middles, y=both, mode="lines", **fill)
    for kind, word in zip(KINDS, ("own pairs", "strangers"), strict=True):
        own = kind == "positive"
        figure.add_scatter(
            x=middles,
            y=shares[kind].astype(np.float32),
            mode="lines",
            line={"shape": "hvh", "color": INK[dark] if own else MUTED[dark], "width": 2, "dash": "solid" if own else "4px,3px"},
            hovertemplate=f"{word}: %{{y:.1%}} near cosine %{{x:.2f}}<extra></extra>",
            name=kind,
        )
    _name_curves(figure, middles, shares, mean, overlap, dark)
    places = ticks(float(middles[0]), float(middles[-1]), 6)
    figure.update_xaxes(
        title_text="cosine", tickvals=places, ticktext=[f"{place:.2g}".replace("-", "−") for place in places], zeroline=True
    )
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
        return f"All vectors point one way: cosine {_cosine(mean['positive'])} in own pairs, {_cosine(mean['negative'])} even in strangers"
    numbers = f"cosine {_cosine(mean['positive'])} against {_cosine(mean['negative'])}"
    if overlap > 0.8:
        return f"Own pairs hardly differ from strangers: {numbers}, overlap {percent(overlap)}"
    verb = "stand apart from" if overlap < 0.35 else "lean away from"
    word = verb if mean["positive"] >= mean["negative"] else "lie behind"
    return f"Own pairs {word} strangers: {numbers}, overlap {percent(overlap)}"


def _cosine(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _name_curves(
    figure: go.Figure, middles: np.ndarray, shares: dict[str, np.ndarray], mean: dict[str, float], overlap: float, dark: bool
) -> None:
    low, span = float(middles[0]), float(middles[-1] - middles[0])
    near, far = sorted(KINDS, key=lambda kind: mean[kind])
    place = {kind: (mean[kind] - low) / span for kind in KINDS}
    anchors = {near: "right" if place[near] > LABEL else "left", far: "left" if place[far] < 1 - LABEL else "right"}
    ends = place[near] + LABEL * (anchors[near] == "left"), place[far] - LABEL * (anchors[far] == "right")
    higher = max(KINDS, key=lambda kind: shares[kind].max())
    for kind, word in zip(KINDS, ("own pairs", "strangers"), strict=True):
        reach = np.sort([place[kind], place[kind] + (LABEL if anchors[kind] == "left" else -LABEL)])
        below = ((middles - low) / span >= reach[0] - 0.04) & ((middles - low) / span <= reach[1] + 0.04)
        figure.add_annotation(
            x=mean[kind],
            y=max(float(share[below].max(initial=0)) for share in shares.values()),
            yshift=26 if ends[0] > ends[1] and kind == higher else 11,
            xanchor=anchors[kind],
            text=f"<b>{word}</b> {_cosine(mean[kind])}",
            font={"color": INK[dark] if kind == "positive" else MUTED[dark]},
            bgcolor=LABEL_PAPER[dark],
            borderpad=1,
        )
    both = np.minimum(*shares.values())
    if both.sum() > 0:
        figure.add_annotation(
            x=float(np.average(middles, weights=both)),
            y=0,
            yshift=11,
            text=f"overlap {percent(overlap)}",
            bgcolor=LABEL_PAPER[dark],
            borderpad=1,
            font={"size": TICK_SIZE},
        )


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
    figure = new_figure(
        _recall_finding(recall),
        "Hollow: chance. Go back to epoch 0 and see how much of this was there before training." if hint is None else hint,
        dark,
        height=min(360, 104 + 26 * n_rows),
        left=56,
        bottom=12,
    )
    row, rows = 0, []
    for way in ways:
        color = part_color(way.partition(ARROW)[0], dark, [end for name in ways for end in name.split(ARROW)])
        figure.add_annotation(
            x=0, y=row, xanchor="left", xshift=0, text=f'<b><span style="color:{color}">{safe(_way_name(way))}</span></b>', align="left"
        )
        table = recall[recall["direction"] == way].sort_values("k")
        places = np.arange(row + 1, row + 1 + len(table))
        _bars(figure, table, places, color, way, dark)
        rows += list(zip(places, table["k"], strict=True))
        row = int(places[-1]) + 1
    largest = float(recall[["recall", "chance"]].max(axis=None)) or 1.0
    figure.update_xaxes(range=[-0.005 * largest, 1.2 * largest], showticklabels=False, zeroline=True)
    figure.update_yaxes(
        range=[n_rows - 0.4, -0.6],
        tickvals=[place for place, _ in rows],
        ticktext=[f"top {k}" for _, k in rows],
        zeroline=False,
        ticklabelstandoff=4,
    )
    return figure


def _bars(figure: go.Figure, table: pd.DataFrame, places: np.ndarray, color: str, way: str, dark: bool) -> None:
    found, chance = table["recall"].to_numpy(float), table["chance"].to_numpy(float)
    figure.add_bar(x=found, y=places, orientation="h", width=0.62, marker={"color": color}, hoverinfo="skip", name=safe(way))
    figure.add_scatter(
        x=chance,
        y=places,
        mode="markers",
        marker={"symbol": "circle", "size": 9, "color": SURFACE[dark], "line": {"width": 2, "color": INK[dark]}},
        customdata=[percent(share) for share in chance],
        hovertemplate="chance %{customdata}<extra></extra>",
        cliponaxis=False,
        name=f"{safe(way)}, chance",
    )
    for place, share, by_chance in zip(places, found, chance, strict=True):
        end = max(share, by_chance)
        figure.add_annotation(x=end, y=place, xanchor="left", xshift=8, text=percent(share), font={"size": TEXT_SIZE})


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
