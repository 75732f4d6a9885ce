"""Memberships as a heatmap, and how evenly the hyperedges are used, which of them are dead or have a twin."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import LETTER, color_bar, empty_figure, heatmap, marks, new_figure
from srgformer_lab.plots.frames import require, square
from srgformer_lab.plots.language import counted, digits, percent, safe
from srgformer_lab.plots.style import INK, MUTED, SURFACE, TEXT_SIZE, part_color
from srgformer_lab.plots.texts import shorten

HYPERGRAPH_SCALE = (((0.0, "#FAF4F8"), (0.5, "#C486AB"), (1.0, "#622A4E")), ((0.0, "#231C21"), (0.5, "#8F5078"), (1.0, "#F2C6DF")))
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

    Raises:
        DataError: A column is missing, or a cell is missing or stands twice.
    """
    require(frame, ["item_id", "title", "place", "hyperedge", "column", "membership"], "incidence heatmap")
    if not len(frame):
        return empty_figure("There is no item to show", "Choose a modality that the model has.", dark)
    table = square(frame, "place", "column", "membership", "incidence heatmap")
    values, hyperedges = table.to_numpy(float), frame.groupby("column")["hyperedge"].first()
    titles = frame.groupby("place")["title"].first().map(lambda title: safe(shorten(title, 40)))
    own = MORE_HINT if len(hyperedges) == 1 else "Lower τ: each row sharpens to one cell. Raise it: blur."
    figure = new_figure(_incidence_finding(values), own if hint is None else hint, dark, left=46, right=58, bottom=44)
    most, words = float(values.max()), {"hovertemplate": "%{text}<br>%{z:.3f} in hyperedge %{customdata}<extra></extra>"}
    words |= {"text": [[title] * len(hyperedges) for title in titles], "customdata": np.broadcast_to(hyperedges.to_numpy(), values.shape)}
    bar = color_bar([0, most], ["0", digits(most, 2)])
    heatmap(figure, values.astype(np.float32).round(4), HYPERGRAPH_SCALE[dark], 0, most, **words, **bar)
    names = [str(number) for number in hyperedges]
    _part_clusters(figure, values, names, dark)
    number_columns(figure, names, "hyperedge, by mass")
    figure.update_yaxes(title={"text": "items of hyperedge"}, autorange="reversed", zeroline=False)
    return figure


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
    words = [names[home[start]] if home[start] >= 0 else "none" for start, _ in roomy]
    figure.update_yaxes(tickvals=[(start + end - 1) / 2 for start, end in roomy], ticktext=words)


def number_columns(figure: go.Figure, names: list[str], title: str, angle: int = 0) -> None:
    """Number the columns of a heatmap, as many as have room."""
    step = -(-len(names) // (MOST_NUMBERS if not angle else MOST_COUNTED))
    words = {"title": {"text": title}, "tickvals": list(range(0, len(names), step)), "ticktext": names[::step]}
    figure.update_xaxes(tickangle=angle, zeroline=False, **words)


MOST_USAGE_ROWS = 10
"""So many hyperedges stand as rows with their words; more as bare columns."""
DEAD_MARK, TWIN_MARK = "✕", "◇"


def hyperedge_finding(card: Mapping[str, Any]) -> str:
    """Say in a sentence what one hyperedge gathers.

    Args:
        card: ``hyperedge``, ``items``, ``words``, ``label``, ``purity``, ``labelled``, ``is_dead``, ``twin``, as in a row of cards;
            and ``name``, if somebody has given it one.
    """
    name = f"“{card['name']}”, hyperedge {card['hyperedge']}," if card.get("name") else f"Hyperedge {card['hyperedge']}"
    if card["is_dead"]:
        return f"{name} is dead: no item has it as its first"
    if not card["items"]:
        return f"{name} is no item’s first; each is more in another one"
    words = f" of “{', '.join(card['words'][:2])}”" if card["words"] else ""
    found = f"{name} gathers {counted(int(card['items']), 'item')}{words}"
    if card["labelled"] == 1:
        found += f"; the one whose category is known is “{card['label']}”"
    elif card["labelled"] and math.isfinite(card["purity"]):
        found += f"; {percent(card['purity'])} of the {card['labelled']:,} whose category is known are “{card['label']}”"
    return found + ("" if pd.isna(card["twin"]) else f". Its twin is hyperedge {card['twin']}")


def hyperedge_warning(cards: pd.DataFrame) -> str:
    """Say how many hyperedges are dead or have a twin, and which; nothing where all are of use.

    Raises:
        DataError: A column of hyperedge, mass, is_dead and twin is missing.
    """
    require(cards, ["hyperedge", "mass", "is_dead", "twin"], "hyperedge warning")
    is_dead, has_twin = cards["is_dead"].astype(bool), cards["twin"].notna()
    if len(cards) < 2 or not (is_dead | has_twin).any():
        return ""
    named = [
        f"{kind} {_listed(cards.loc[chosen, 'hyperedge'])}"
        for kind, chosen in (("dead:", is_dead), ("twins:", has_twin & ~is_dead))
        if chosen.any()
    ]
    return f"{_usage_finding(cards)} ({'; '.join(named)})"


def _listed(numbers: pd.Series) -> str:
    shown = ", ".join(map(str, numbers.iloc[:MOST_USAGE_ROWS]))
    return f"{shown} and {len(numbers) - MOST_USAGE_ROWS} more" if len(numbers) > MOST_USAGE_ROWS else shown


def usage_bars(cards: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw each hyperedge's share of the membership beside the even share; dead ones are crossed, twins wear a diamond.

    Args:
        cards: ``hyperedge``, ``mass``, ``items``, ``is_dead``, ``twin`` of one modality; where there is a column ``words``, the
            first of them stand beside a bar, and where there is a column ``name`` and a name in it, that.

    Raises:
        DataError: A column is missing, or a hyperedge stands twice, as with the cards of several modalities.
    """
    require(cards, ["hyperedge", "mass", "items", "is_dead", "twin"], "hyperedge usage")
    if not len(cards):
        return empty_figure("There is no hyperedge to show", "Choose a modality that the model has.", dark)
    if cards["hyperedge"].duplicated().any():
        raise DataError("hyperedge usage: a hyperedge stands twice; give the cards of one modality")
    ordered = cards.sort_values("mass", ascending=False, kind="stable").reset_index(drop=True)
    own = MORE_HINT if len(ordered) == 1 else "Some are dead or have a twin? Train with a smaller K."
    draw = _usage_rows if len(ordered) <= MOST_USAGE_ROWS else _usage_columns
    return draw(ordered, _usage_finding(ordered), own if hint is None else hint, dark)


def _usage_finding(cards: pd.DataFrame) -> str:
    n_hyperedges, dead, twins = len(cards), int(cards["is_dead"].sum()), int((cards["twin"].notna() & ~cards["is_dead"]).sum())
    if n_hyperedges == 1:
        return "There is one hyperedge: it carries everything and tells nothing apart"
    said = [f"{dead} {'is' if dead == 1 else 'are'} dead"] if dead else []
    said += [f"{twins} {'has' if twins == 1 else 'have'} a twin"] if twins else []
    if said:
        return f"Of {n_hyperedges} hyperedges {' and '.join(said)}"
    high, low = percent(cards["mass"].iloc[0]), percent(cards["mass"].iloc[-1])
    return f"All {n_hyperedges} hyperedges are in use: the largest carries {high}, the smallest {low}"


def _usage_rows(cards: pd.DataFrame, finding: str, hint: str, dark: bool) -> go.Figure:
    words = cards["words"] if "words" in cards else [()] * len(cards)
    own = cards["name"] if "name" in cards else [""] * len(cards)
    names = [
        f"{shorten(name, 20)}  {number}" if name else _named(number, said)
        for number, said, name in zip(cards["hyperedge"], words, own, strict=True)
    ]
    left = 14 + max(len(name) for name in names) * 6
    figure = new_figure(finding, hint, dark, min(360, 116 + 24 * len(cards)), left=max(left, 40), right=16, bottom=26)
    figure.add_bar(x=cards["mass"], y=list(range(len(cards))), orientation="h", width=0.66, **_bars(cards, dark))
    highest, even = float(cards["mass"].max()), 1 / len(cards)
    figure.add_shape(type="line", x0=even, x1=even, y0=-0.5, y1=len(cards) - 0.5, line={"color": MUTED[dark], "width": 1, "dash": "dot"})
    said: list[dict] = []
    for row, card in enumerate(cards.itertuples()):
        inside = card.mass > 0.3 * highest and not card.is_dead
        side = {"xanchor": "right", "xshift": -4} if inside else {"xanchor": "left", "xshift": 4}
        end = card.mass if inside else max(card.mass, even)  # the line of the even share does not cross it
        said.append({"x": end, "y": row, "text": percent(card.mass), "font": {"color": (SURFACE if inside else INK)[dark]}} | side)
        if mark := _mark(card):
            place, shift = (max(card.mass, even), 8) if inside else (end, 14 + LETTER * len(percent(card.mass)))
            said.append({"x": place, "y": row, "text": mark, "xanchor": "left", "xshift": shift})
    figure.update_layout(annotations=said)
    figure.update_xaxes(range=[0, highest * (1.4 if cards["twin"].notna().any() else 1.05)], tickvals=[even], ticktext=["even share"])
    words = {"tickvals": list(range(len(cards))), "ticktext": [safe(name) for name in names]}
    figure.update_yaxes(range=[len(cards) - 0.4, -0.6], zeroline=False, **words)
    return figure


def _named(number: int, words: tuple[str, ...]) -> str:
    said = next((", ".join(words[:many]) for many in (3, 2, 1) if len(", ".join(words[:many])) <= 20 and words), "")
    return f"{said}  {number}".strip()


def _mark(card) -> str:  # noqa: ANN001 a row of itertuples has no nameable type
    if card.is_dead:
        return f"<b>{DEAD_MARK}</b> dead"
    return "" if pd.isna(card.twin) else f"<b>{TWIN_MARK}</b> twin of {card.twin}"


def _bars(cards: pd.DataFrame, dark: bool) -> dict[str, object]:
    """Return the bars' look: filled, or hollow where a hyperedge is dead."""
    color = part_color("hypergraph", dark)
    said = [
        f"hyperedge {card.hyperedge}: {percent(card.mass)}, {counted(int(card.items), 'item')}{_mark(card)}" for card in cards.itertuples()
    ]
    marker = {"color": [SURFACE[dark] if dead else color for dead in cards["is_dead"]], "line": {"color": color, "width": 1}}
    return {"marker": marker, "text": said, "textposition": "none", "hovertemplate": "%{text}<extra></extra>"}


def _usage_columns(cards: pd.DataFrame, finding: str, hint: str, dark: bool) -> go.Figure:
    figure = new_figure(finding, hint, dark, 280, left=44, right=16, bottom=40)
    figure.add_bar(x=list(range(len(cards))), y=cards["mass"], width=0.8, **_bars(cards, dark))
    even, highest = 1 / len(cards), float(cards["mass"].max())
    figure.add_shape(type="line", x0=-0.5, x1=len(cards) - 0.5, y0=even, y1=even, line={"color": MUTED[dark], "width": 1, "dash": "dot"})
    is_dead, has_twin = cards["is_dead"].astype(bool), cards["twin"].notna()
    for chosen, symbol, word in ((is_dead, "x-thin", "dead"), (has_twin & ~is_dead, "diamond-open", "with a twin")):
        if chosen.any():
            _mark_columns(figure, cards, cards.index[chosen], symbol, f"{int(chosen.sum())} {word}", dark)
    figure.update_xaxes(range=[-0.7, len(cards) - 0.3], tickvals=[], title={"text": "hyperedges, the largest first"}, zeroline=False)
    figure.update_yaxes(range=[0, highest * 1.25], tickvals=[0, even], ticktext=["0", f"even<br>{percent(even)}"])
    return figure


def _mark_columns(figure: go.Figure, cards: pd.DataFrame, marked: pd.Index, symbol: str, word: str, dark: bool) -> None:
    heights = cards["mass"].loc[marked] + 0.05 * float(cards["mass"].max())
    marks(figure, list(marked), heights, INK[dark], 7, symbol=symbol, width=1.3)
    place = marked[len(marked) // 2]
    side = {"x": len(cards) - 0.5, "xanchor": "right"} if place > 0.8 * len(cards) else {"x": place, "xanchor": "center"}
    figure.add_annotation(y=float(heights.max()), text=word, yshift=13, font={"color": INK[dark], "size": TEXT_SIZE}, **side)
