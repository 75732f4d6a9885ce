"""How items move between hyperedges while a model learns, and graphs whose lines run between two kinds of nodes."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import empty_figure, marks, new_figure, spread
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import counted, digits, percent, safe
from srgformer_lab.plots.style import INK, MUTED, SURFACE, TEXT_SIZE, TICK_SIZE, part_color
from srgformer_lab.plots.texts import first_that_fits, shorten

MOST_BANDS = 9
"""So many hyperedges stand for themselves; the smaller ones are merged."""
GAP = 0.012
"""Room between two hyperedges, as a part of all items."""
BLOCK = 0.012
"""Half the width of an epoch's blocks, as a part of the river's length."""
PLOT_HEIGHT, LABEL_HEIGHT = 240, 13
NONE = "none"
RIVER_HINT = "Coloured bands stay in their hyperedge, grey ones move on. Compare with another τ or more epochs."


@dataclass(frozen=True)
class _Band:
    """Items that go from a block to a block of the next epoch: x and the tops of both ends."""

    start: tuple[float, float]
    end: tuple[float, float]
    items: int
    stays: bool
    words: str

    def path(self) -> str:
        """Write the outline in the path language of SVG: along the top and back along the bottom."""
        (x0, y0), (x1, y1) = self.start, self.end
        middle, low0, low1 = (x0 + x1) / 2, y0 + self.items, y1 + self.items
        return (
            f"M{x0:.5g},{y0:.6g}C{middle:.5g},{y0:.6g} {middle:.5g},{y1:.6g} {x1:.5g},{y1:.6g}"
            f"L{x1:.5g},{low1:.6g}C{middle:.5g},{low1:.6g} {middle:.5g},{low0:.6g} {x0:.5g},{low0:.6g}Z"
        )


def river(frame: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw the items as bands that flow between hyperedges from epoch to epoch: coloured where they stay, grey where they move.

    Args:
        frame: ``epoch``, ``next_epoch``, ``hyperedge``, ``next_hyperedge``, ``items``; a hyperedge is <NA> for items in none.

    Raises:
        DataError: A column is missing, the steps carry different numbers of items, or an epoch leads to two others.
    """
    require(frame, ["epoch", "next_epoch", "hyperedge", "next_hyperedge", "items"], "hyperedge river")
    if not len(frame):
        return empty_figure("One epoch makes no river", "Keep at least two epochs of a run.", dark)
    totals = frame.groupby("epoch")["items"].sum()
    if totals.nunique() > 1 or frame.groupby("epoch")["next_epoch"].nunique().max() > 1:
        raise DataError(f"hyperedge river: the steps carry {', '.join(map(str, totals))} items; give all items, once a step")
    flows, names = _merged(frame)
    epochs = sorted({*flows["epoch"], *flows["next_epoch"]})
    blocks, total = _blocks(flows, names, int(totals.iloc[0])), int(totals.iloc[0])
    half = BLOCK * (len(epochs) - 1)
    bands = _bands(flows, names, {epoch: place for place, epoch in enumerate(epochs)}, blocks, half)
    figure = new_figure(_finding(frame, total), RIVER_HINT if hint is None else hint, dark, left=54, right=92, bottom=42)
    color = part_color("hypergraph", dark)
    for word, stays, fill, opacity in (("moving", False, MUTED[dark], 0.35), ("staying", True, color, 0.6)):
        _fill(figure, " ".join(band.path() for band in bands if band.stays == stays), word, fill, opacity)
    corners = [(epochs.index(epoch), top, size) for (epoch, _), (top, size) in blocks.items()]
    outlines = (f"M{x - half:.5g},{y:.6g}H{x + half:.5g}V{y + n:.6g}H{x - half:.5g}Z" for x, y, n in corners)
    _fill(figure, " ".join(outlines), "blocks", color, 1)
    _hover(figure, bands)
    _name_ends(figure, blocks, names, epochs, total, dark)
    words = {"tickvals": list(range(len(epochs))), "ticktext": [str(epoch) for epoch in epochs], "title": {"text": "epoch"}}
    figure.update_xaxes(range=[-half, len(epochs) - 1 + half], zeroline=False, **words)
    figure.update_yaxes(range=[total * (1 + GAP * (len(names) - 1)), 0], visible=False)
    return figure


def _merged(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Merge the small hyperedges, and give the names in their order: by number, then the merged ones, then none."""
    flows = frame.assign(stays=(frame["hyperedge"] == frame["next_hyperedge"]).fillna(value=False).astype(bool))
    sizes = pd.concat([flows.groupby(side)["items"].sum() for side in ("hyperedge", "next_hyperedge")], axis=1).fillna(0).sum(axis=1)
    own = sorted(sizes.index if len(sizes) <= MOST_BANDS + 1 else sizes.nlargest(MOST_BANDS).index)
    others = f"{len(sizes) - len(own)} others"
    for side in ("hyperedge", "next_hyperedge"):
        flows[side] = [NONE if pd.isna(number) else str(number) if number in own else others for number in flows[side]]
    flows["items"] = flows["items"].astype(int)
    seen = {*flows["hyperedge"], *flows["next_hyperedge"]}
    names = [name for name in [*map(str, own), others, NONE] if name in seen]
    return flows.groupby(["epoch", "next_epoch", "hyperedge", "next_hyperedge", "stays"], as_index=False)["items"].sum(), names


def _blocks(flows: pd.DataFrame, names: list[str], total: int) -> dict[tuple[int, str], tuple[float, int]]:
    """Stack each epoch's hyperedges in the order of their names: top and size of each that has items."""
    sizes = {**flows.groupby(["next_epoch", "next_hyperedge"])["items"].sum(), **flows.groupby(["epoch", "hyperedge"])["items"].sum()}
    blocks: dict[tuple[int, str], tuple[float, int]] = {}
    for epoch in sorted({key[0] for key in sizes}):
        top = 0.0
        for name in names:
            size = int(sizes.get((epoch, name), 0))
            if size:
                blocks[epoch, name] = (top, size)
            top += size + GAP * total
    return blocks


def _bands(flows: pd.DataFrame, names: list[str], place: dict[int, int], blocks: dict, half: float) -> list[_Band]:
    """Let each flow leave its block and enter the next one in the order of the names, so that bands of one block don't cross."""
    rank = {name: row for row, name in enumerate(names)}
    ordered = flows.assign(start=flows["hyperedge"].map(rank), end=flows["next_hyperedge"].map(rank))
    leaves = ordered.sort_values(["epoch", "start", "end", "stays"])
    enters = ordered.sort_values(["epoch", "end", "start", "stays"])
    before = (leaves.groupby(["epoch", "start"])["items"].cumsum() - leaves["items"]).to_dict()
    above = (enters.groupby(["epoch", "end"])["items"].cumsum() - enters["items"]).to_dict()
    return [
        _Band(
            (place[row.epoch] + half, blocks[row.epoch, row.hyperedge][0] + before[row.Index]),
            (place[row.next_epoch] - half, blocks[row.next_epoch, row.next_hyperedge][0] + above[row.Index]),
            int(row.items),
            bool(row.stays),
            f"epoch {row.epoch} → {row.next_epoch}<br>{counted(int(row.items), 'item')}: hyperedge {row.hyperedge} → {row.next_hyperedge}",
        )
        for row in leaves.itertuples()
    ]


def _fill(figure: go.Figure, path: str, name: str, color: str, opacity: float) -> None:
    if path:
        style = {"fillcolor": color, "opacity": opacity, "line": {"width": 0}, "fillrule": "nonzero", "layer": "below"}
        figure.add_shape(type="path", path=path, name=name, **style)


def _hover(figure: go.Figure, bands: list[_Band]) -> None:
    """Put an unseen mark on the middle of each band, since shapes don't answer to the pointer."""
    middles = [((band.start[0] + band.end[0]) / 2, (band.start[1] + band.end[1] + band.items) / 2) for band in bands]
    x, y = np.array(middles, dtype=np.float32).T
    said = {"text": [band.words for band in bands], "hovertemplate": "%{text}<extra></extra>"}
    figure.add_scatter(x=x, y=y, mode="markers", marker={"size": 14, "opacity": 0}, **said)


def _name_ends(figure: go.Figure, blocks: dict, names: list[str], epochs: list[int], total: int, dark: bool) -> None:
    """Write each hyperedge's number beside its first and last block, and there its items; labels keep clear of one another."""
    reach = total * (1 + GAP * (len(names) - 1))
    for epoch, anchor, shift in ((epochs[0], "right", -5), (epochs[-1], "left", 5)):
        ends, at_end = [(name, *blocks[epoch, name]) for name in names if (epoch, name) in blocks], anchor == "left"
        tall = [(2 if " " in name and at_end else 1) * LABEL_HEIGHT / PLOT_HEIGHT for name, _, _ in ends]
        middles = [(top + size / 2) / reach for _, top, size in ends]
        heights = spread(middles, [(one + two) / 2 for one, two in pairwise(tall)], max(1 - tall[-1] / 2, middles[-1]))
        for (name, _, size), height in zip(ends, heights, strict=True):
            items = f'{"<br>" if " " in name else " "}<span style="color:{MUTED[dark]}">{counted(size, "item")}</span>' if at_end else ""
            text = f"<b>{name if at_end else name.split()[-1]}</b>{items}"
            style = {"xanchor": anchor, "align": "left", "xshift": 2 * shift, "font": {"size": TICK_SIZE, "color": INK[dark]}}
            figure.add_annotation(x=epochs.index(epoch), y=height * reach, text=text, **style)


def _finding(frame: pd.DataFrame, total: int) -> str:
    moves = (frame["hyperedge"] != frame["next_hyperedge"]).fillna(value=True) & ~(
        frame["hyperedge"].isna() & frame["next_hyperedge"].isna()
    )
    moved = frame["items"].where(moves.astype(bool), 0).groupby([frame["epoch"], frame["next_epoch"]]).sum().sort_index() / total
    rate = moved / [after - before for before, after in moved.index]  # steps of a river need not be equally long
    (most, after_most), (last, end) = rate.idxmax(), moved.index[-1]
    if not moved.any():
        return f"No item changes its hyperedge from epoch {moved.index[0][0]} to {end}"
    at_end = f"{percent(rate.iloc[-1])} of the items change hyperedge in an epoch from {last} to {end}"
    if (most, after_most) == (last, end):
        return first_that_fits(f"{at_end}, more than ever before" if len(moved) > 1 else at_end, at_end)
    return first_that_fits(f"{at_end}; from {most} to {after_most} it was {percent(rate.max())}", at_end)


SMALLEST, LARGEST = 9.0, 30.0
"""Pixels across a node that carries nothing, and of the one that carries most."""
ROW = 34
"""Pixels of a row where there is room."""
LETTERS = 22


def bipartite_graph(
    nodes: pd.DataFrame, links: pd.DataFrame, sides: tuple[str, str], *, part: str = "id", dark: bool = False, hint: str | None = None
) -> go.Figure:
    """Draw what lies on a graph whose lines run between two kinds of nodes; a node is the larger the more it carries.

    Args:
        nodes: ``name``, ``side`` (0 left, 1 right), and, where something lies on the graph, ``value`` (0 for nothing).
        links: ``left`` and ``right``: names of the two ends of each line.
        sides: What the nodes of either side are, in the plural.
        part: Whose colour a node wears that carries something.

    Raises:
        DataError: A column is missing.
    """
    require(nodes, ["name", "side"], "two-sided graph")
    require(links, ["left", "right"], "two-sided graph")
    if not len(nodes):
        return empty_figure("There is nothing to join", "Give nodes, and the lines between them.", dark)
    columns = [nodes[nodes["side"] == side].reset_index(drop=True) for side in (0, 1)]
    rows = max(map(len, columns))
    carried = "value" in nodes
    finding = _carried(columns, sides) if carried else _joined(columns, sides, len(links))
    own = "A line joins a node only to the other side." + (" A larger node carries more." if carried else "")
    figure = new_figure(finding, own if hint is None else hint, dark, min(360, 130 + ROW * rows), 12, 12, 12)
    height = {name: (place + 0.5) / len(column) for column in columns for place, name in enumerate(column["name"])}
    ends = [y for left, right in zip(links["left"], links["right"], strict=True) for y in (height[left], height[right], None)]
    line = {"color": MUTED[dark], "width": 1}
    figure.add_scatter(x=[0, 1, None] * len(links), y=ends, mode="lines", line=line, hoverinfo="skip", name="links")
    most = float(nodes["value"].abs().max() or 1.0) if carried else 1.0
    for side, column in enumerate(columns):
        _draw_side(figure, column, side, [height[name] for name in column["name"]], most, part_color(part, dark), dark)
    for side, name in enumerate(sides):
        word = {"text": f"<b>{safe(name)}</b>", "font": {"color": MUTED[dark]}, "xanchor": ("right", "left")[side]}
        figure.add_annotation(x=side, y=-0.02, name="side", **word)
    figure.update_xaxes(visible=False, range=[-0.75, 1.75])
    figure.update_yaxes(visible=False, range=[1.0, -0.08])
    return figure


def _draw_side(figure: go.Figure, column: pd.DataFrame, side: int, heights: list[float], most: float, color: str, dark: bool) -> None:
    """Draw the nodes of one side, filled where they carry something, with their names away from the lines."""
    carried = "value" in column
    value = column["value"].to_numpy(float) if carried else np.zeros(len(column))
    sizes = np.where(value != 0, SMALLEST + (LARGEST - SMALLEST) * np.sqrt(np.abs(value) / most), SMALLEST).tolist()
    said = [f"{safe(name)}<br>{digits(one)}" if carried else safe(name) for name, one in zip(column["name"], value, strict=True)]
    look = {"fill": [color if one else SURFACE[dark] for one in value], "width": 1.5, "marker_opacity": 1}
    marks(figure, [side] * len(column), heights, color, sizes, hover=said, name=("left", "right")[side], **look)
    away = {"x": side, "xanchor": ("right", "left")[side], "xshift": (-20, 20)[side], "name": "name"}
    for name, one, height in zip(column["name"], value, heights, strict=True):
        text = safe(shorten(name, LETTERS)) + (f" <b>{digits(one, 2)}</b>" if one else "")
        font = {"size": TEXT_SIZE, "color": INK[dark] if one or not carried else MUTED[dark]}
        figure.add_annotation(y=height, text=text, font=font, **away)


def _carried(columns: list[pd.DataFrame], sides: tuple[str, str]) -> str:
    counts = [(int((column["value"] != 0).sum()), len(column), name) for column, name in zip(columns, sides, strict=True)]
    if not any(reached for reached, _, _ in counts):
        return "Nothing lies on any node yet"
    said = [f"{'none' if not reached else 'all' if reached == of else reached} of the {of} {name}" for reached, of, name in counts]
    finding = f"{said[0]} and {said[1]} carry something"
    return finding[:1].upper() + finding[1:]


def _joined(columns: list[pd.DataFrame], sides: tuple[str, str], n_links: int) -> str:
    named = " and ".join(f"{name} ({len(column)})" for column, name in zip(columns, sides, strict=True))
    return f"{counted(n_links, 'line')} between {named}"
