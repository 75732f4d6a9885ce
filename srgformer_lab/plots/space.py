"""Where the spaces of a model lie towards each other: all in one plane, some points of one and the same thing joined."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import new_figure, plot_height
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import counted, digits, part_name, part_order, percent, safe
from srgformer_lab.plots.style import INK, LABEL_PAPER, MUTED, SURFACE, part_color
from srgformer_lab.plots.texts import HINT_WIDTH, first_that_fits, shorten

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
MOST_NAMED = 9_000
"""Of more points none says its title on pointing: the page sends the figure again whenever something changes."""
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
    current: str = "",
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw every space's points in one plane, each space with its colour and mark, and join what belongs to one user or item.

    ``pairs`` is how many of them to join, evenly chosen, or the ids of those. All points are one trace, the first, in the frame's
    order: what a person selects comes back as positions in ``points``. The line below the finding always tells the quality.
    Those ``marked``, by their ids, wear a ring if they are few, all others pale, and the evenly chosen are of them; an id without a
    point is passed over. ``current`` is one to be named by its title. Where there are at most ``MOST_NAMED`` points, pointing at one
    says its title; the wheel zooms, and a double click shows all again.

    Raises:
        DataError: A column is missing, there is no point, or an id to join has none.
    """
    require(points, ["space", "id", "x", "y"], "alignment scatter")
    require(quality, ["space", "trustworthiness", "continuity"], "quality of the projection")
    if not len(points):
        raise DataError("alignment scatter: the frame has no point; project at least one space")
    spaces = list(points["space"].unique())
    noun = str(quality["side"].iloc[0]).removesuffix("s") if "side" in quality else "item"
    figure = new_figure(_finding(points, spaces, noun, quality), _hint(quality, hint), dark, HEIGHT, left=14, right=14, bottom=12)
    is_marked = points["id"].isin(marked).to_numpy()
    _draw_points(figure, points, spaces, is_marked, dark)
    joinable = points[is_marked] if isinstance(pairs, int) and is_marked.any() else points
    _join(figure, points, _joined(joinable, pairs), dark)
    _name_spaces(figure, points, spaces, dark)
    _name_current(figure, points[points["id"] == current], dark)
    figure.update_layout(dragmode="lasso", clickmode="event+select")
    figure.update_xaxes(visible=False, fixedrange=False)
    figure.update_yaxes(visible=False, scaleanchor="x", fixedrange=False)  # directions compare only where both axes have one scale
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
        name="points",
        **_said(points),
    )


def _said(points: pd.DataFrame) -> dict[str, object]:
    """Return what pointing at a point says: its title and space; of too many, which the page would send at each step, nothing."""
    if "title" not in points or len(points) > MOST_NAMED:
        return {"hoverinfo": "none"}  # nothing to read, but points can be clicked
    names = [safe(shorten(title, 40)) for title in points["title"]]
    return {"text": [f"{name}, {safe(part_name(space))}" for name, space in zip(names, points["space"], strict=True)], "hoverinfo": "text"}


def _name_current(figure: go.Figure, own: pd.DataFrame, dark: bool) -> None:
    """Point at the item that is looked at, in the last of its spaces, where all parts are in."""
    if len(own):
        row = own.iloc[-1]
        look = {
            "bgcolor": LABEL_PAPER[dark],
            "borderpad": 2,
            "showarrow": True,
            "arrowhead": 2,
            "arrowcolor": INK[dark],
            "ax": 0,
            "ay": -34,
        }
        figure.add_annotation(x=float(row["x"]), y=float(row["y"]), text=f"<b>{safe(shorten(row.get('title', row['id']), 30))}</b>", **look)


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


def _is_umap(quality: pd.DataFrame) -> bool:
    return "method" in quality and bool((quality["method"] == "umap").any())


def _finding(points: pd.DataFrame, spaces: list[str], noun: str, quality: pd.DataFrame) -> str:
    """Compare how far a thing's first two points lie apart with how far those of different things do, by medians.

    UMAP's distances say nothing of that, so its finding is how far its neighbourhoods can be trusted.
    """
    if _is_umap(quality):
        least, most = (digits(bound(quality["trustworthiness"]), 2) for bound in (min, max))
        bounds = least if least == most else f"{least} to {most}"
        return f"UMAP shows which {noun}s are near one another, with trustworthiness {bounds}"
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
    is_umap = _is_umap(quality)
    caution = " UMAP distances are not model distances." if is_umap else ""
    lost = not is_umap and float(quality["trustworthiness"].min()) < 0.85
    tries = [hint] if hint is not None else ["Two directions lose much: try UMAP." if lost else "Circle a cluster: what is it?", ""]
    return first_that_fits(*(f"{told}{caution} {text}".strip() for text in tries), width=HINT_WIDTH)
