"""Where the spaces of a model lie towards each other, and whether two modalities know each other."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import HINT_WIDTH, counted, decimal, digits, first_that_fits, part_name, part_order, percent, safe
from srgformer_lab.plots.style import (
    FAINT,
    INK,
    LABEL_PAPER,
    MUTED,
    SURFACE,
    TALLEST,
    TEXT_SIZE,
    TICK_SIZE,
    marks,
    new_figure,
    part_color,
    plot_height,
    ticks,
)

MARKS = {"id": (1, "■"), "image": (0, "●"), "text": (5, "▲"), "attention": (2, "◆"), "hypergraph": (3, "✚"), "fused": (4, "✖")}
"""Plotly's number of each space's mark, and the same mark as a character."""
FURTHER_MARKS = ((6, "▼"), (17, "★"), (14, "⬢"), (13, "⬟"))
"""Marks of modalities beyond image and text."""
IN_A_LINE = 4
"""Names of spaces that fit beside each other."""
HEIGHT, LINE_HEIGHT = 590, 20
"""Pixels of the figure, taller than others as directions and neighbourhoods need room, and of a line of names."""
RING, PALE = 2, 0.12
"""Pixels of the ring around a marked point, and the opacity of what stands back."""
MOST_RINGS = 600
"""Of more, rings would hide the colours that tell the spaces apart."""
CLEAR = 0.9
"""Own points that lie farther apart than this share of strangers' distance are called no closer."""


def alignment_scatter(
    points: pd.DataFrame,
    quality: pd.DataFrame,
    pairs: int | Sequence[str] = 24,
    *,
    marked: Sequence[str] = (),
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw every space's points in one plane, each space with its colour and mark, and join what belongs to one user or item.

    ``pairs`` is how many of them to join, evenly chosen, or the ids of those. All points are one trace, the first, in the frame's
    order: what a person selects comes back as positions in ``points``. The line below the finding always tells the quality.
    Those ``marked``, by their ids, wear a ring if they are few, all others pale, and the evenly chosen are of them; an id without a
    point is passed over.

    Raises:
        DataError: A column is missing, there is no point, or an id to join has none.
    """
    require(points, ["space", "id", "x", "y"], "alignment scatter")
    require(quality, ["space", "trustworthiness", "continuity"], "quality of the projection")
    if not len(points):
        raise DataError("alignment scatter: the frame has no point; project at least one space")
    spaces = list(points["space"].unique())
    noun = str(quality["side"].iloc[0]).removesuffix("s") if "side" in quality else "item"
    figure = new_figure(_finding(points, spaces, noun), _hint(quality, hint), dark, HEIGHT, left=14, right=14, bottom=12)
    is_marked = points["id"].isin(marked).to_numpy()
    _draw_points(figure, points, spaces, is_marked, dark)
    joinable = points[is_marked] if isinstance(pairs, int) and is_marked.any() else points
    _join(figure, points, _joined(joinable, pairs), dark)
    _name_spaces(figure, points, spaces, dark)
    figure.update_layout(dragmode="lasso", clickmode="event+select")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")  # directions compare only where both axes have one scale
    return figure


def _space_color(space: str, spaces: Sequence[str], dark: bool) -> str:
    return INK[dark] if space == "fused" else part_color(space, dark, [name for name in spaces if name != "fused"])


def _mark(space: str, spaces: Sequence[str]) -> tuple[int, str]:
    if space in MARKS:
        return MARKS[space]
    return FURTHER_MARKS[sorted(set(spaces) - set(MARKS)).index(space) % len(FURTHER_MARKS)]


def _draw_points(figure: go.Figure, points: pd.DataFrame, spaces: list[str], is_marked: np.ndarray, dark: bool) -> None:
    codes = pd.Categorical(points["space"], categories=spaces).codes.astype(np.uint8)
    symbols = np.array([_mark(space, spaces)[0] for space in spaces], dtype=np.uint8)
    colors, last, n = [_space_color(space, spaces, dark) for space in spaces], max(len(spaces) - 1, 1), len(points)
    opacity, line = 0.8 if n <= 6_000 else 0.5, {"width": 0.5 if n <= 6_000 else 0, "color": SURFACE[dark]}
    if is_marked.any():
        opacity = np.where(is_marked, opacity if is_marked.sum() > MOST_RINGS else 1, PALE).astype(np.float32)
    if 0 < is_marked.sum() <= MOST_RINGS:
        line = {"width": np.where(is_marked, RING, 0).astype(np.uint8), "color": part_color("hypergraph", dark)}
    marker = {"color": codes, "cmin": 0, "cmax": last, "showscale": False, "symbol": symbols[codes], "opacity": opacity, "line": line}
    marker["colorscale"] = [[place / last, color] for place, color in enumerate(colors * (2 if len(spaces) == 1 else 1))]
    marker["size"] = 8 if n <= 1_000 else 6 if n <= 6_000 else 4
    figure.add_scattergl(
        x=points["x"].to_numpy(np.float32),
        y=points["y"].to_numpy(np.float32),
        mode="markers",
        marker=marker,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": PALE}},
        hoverinfo="none",  # nothing to read, but points can be clicked
        name="points",
    )


def _joined(points: pd.DataFrame, pairs: int | Sequence[str]) -> list[str]:
    counts = points["id"].value_counts(sort=False)
    if not isinstance(pairs, int):
        if unknown := [name for name in pairs if name not in counts.index]:
            raise DataError(f"alignment scatter: {unknown[0]!r} is to be joined but has no point; give ids of the frame's {len(counts):,}")
        return list(pairs)
    several = counts.index[counts > 1]
    return list(several[np.unique(np.linspace(0, len(several) - 1, min(pairs, len(several))).astype(int))]) if len(several) else []


def _join(figure: go.Figure, points: pd.DataFrame, ids: list[str], dark: bool) -> None:
    """Draw all lines as one shape: were they a trace, circling points would choose their corners too."""
    by_id = points[points["id"].isin(ids)].groupby("id", sort=False)
    corners = [[f"{x:.4g},{y:.4g}" for x, y in rows[["x", "y"]].to_numpy(float)] for _, rows in by_id]
    if corners:
        path = "".join(f"M{'L'.join(line)}" for line in corners)
        figure.add_shape(type="path", path=path, line={"color": MUTED[dark], "width": 1}, opacity=0.7, layer="below", name="pairs")


def _name_spaces(figure: go.Figure, points: pd.DataFrame, spaces: list[str], dark: bool) -> None:
    """Name each cloud at its middle where the clouds lie apart, and all of them in one line where they cover each other."""
    middle = points.groupby("space")[["x", "y"]].median().loc[spaces].to_numpy(float)
    reach = float(np.ptp(points[["x", "y"]].to_numpy(float), axis=0).max()) or 1.0
    words = {space: f"{_mark(space, spaces)[1]} {safe(part_name(space))}" for space in spaces}
    apart = np.linalg.norm(middle[:, None] - middle[None], axis=2)[np.triu_indices(len(spaces), 1)]
    if len(apart) and apart.min() > 0.3 * reach:
        for space, (x, y) in zip(spaces, middle, strict=True):
            text = f'<b><span style="color:{_space_color(space, spaces, dark)}">{words[space]}</span></b>'
            figure.add_annotation(x=x, y=y, text=text, bgcolor=LABEL_PAPER[dark], borderpad=2)
        return
    order = [*part_order(space for space in spaces if space != "fused"), *(space for space in spaces if space == "fused")]
    names = [f'<span style="color:{_space_color(space, spaces, dark)}">{words[space]}</span>' for space in order]
    broken = ["   ".join(names[place : place + IN_A_LINE]) for place in range(0, len(names), IN_A_LINE)]
    figure.update_yaxes(domain=[0, 1 - LINE_HEIGHT * len(broken) / plot_height(figure)])
    corner = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top", "xshift": -4, "yshift": 6}
    figure.add_annotation(text=f"<b>{'<br>'.join(broken)}</b>", align="left", **corner)


def _finding(points: pd.DataFrame, spaces: list[str], noun: str) -> str:
    """Compare how far a thing's first two points lie apart with how far those of different things do, by medians."""
    if len(spaces) == 1:
        return f"{counted(len(points), noun)} as the {part_name(spaces[0])} space of the model sees them"
    first, second = (points[points["space"] == space].set_index("id")[["x", "y"]] for space in spaces[:2])
    both = first.index.intersection(second.index)
    a, b = first.loc[both].to_numpy(float), second.loc[both].to_numpy(float)
    names = f"{part_name(spaces[0])} and {part_name(spaces[1])}"
    if len(both) < 2:
        return f"No two {noun}s have a point in {names}"
    strangers = np.concatenate([np.linalg.norm(a - np.roll(b, step, axis=0), axis=1) for step in range(1, min(len(both), 32))])
    share = float(np.median(np.linalg.norm(a - b, axis=1))) / (float(np.median(strangers)) or 1.0)
    subject, others = f"{'An' if noun[0] in 'aio' else 'A'} {noun}’s {names} are drawn", f"different {noun}s’"
    if share > CLEAR:
        return first_that_fits(f"{subject} no closer than {others}: {percent(share)} as far apart", f"{subject} no closer than {others}")
    return first_that_fits(f"{subject} {percent(share)} as far apart as {others}", f"{subject} closer than {others}")


def _hint(quality: pd.DataFrame, hint: str | None) -> str:
    """Return the quality, what not to read from UMAP, and then what to try, as far as two lines reach."""
    shares = [f"{row.trustworthiness:.2f}/{row.continuity:.2f} {part_name(str(row.space))}" for row in quality.itertuples()]
    bounds = [f"{quality[name].min():.2f}–{quality[name].max():.2f}" for name in ("trustworthiness", "continuity")]
    told = f"Trustworthiness/continuity {', '.join(shares) if len(shares) < 4 else f'{bounds[0]}/{bounds[1]}'}."
    is_umap = "method" in quality and (quality["method"] == "umap").any()
    caution = " UMAP distances are not model distances." if is_umap else ""
    lost = not is_umap and float(quality["trustworthiness"].min()) < 0.85
    tries = [hint] if hint is not None else ["Two directions lose much: try UMAP." if lost else "Circle a cluster: what is it?", ""]
    return first_that_fits(*(f"{told}{caution} {text}".strip() for text in tries), width=HINT_WIDTH)


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
