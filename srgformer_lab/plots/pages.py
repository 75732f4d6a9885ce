"""What stands around the figures: strip, badges, knobs, the model as one picture, and the page that opens without a network."""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
from markupsafe import Markup

from srgformer_lab.errors import DataError
from srgformer_lab.plots.cards import HTML_TEMPLATES, STYLE_SHEET, card_data, macros, picture_data
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import Number, knob_markup, knob_name, part_name, percent, setting, signed
from srgformer_lab.plots.style import finding_of, knob_color, part_color, plot_config
from srgformer_lab.plots.texts import shorten

Kind = Literal["instant", "needs training", "from finished runs"]
BADGES: Mapping[str, tuple[str, str]] = {
    "instant": ("instant", "Follows the controls at once"),
    "needs training": ("training", "Changes only by training again"),
    "from finished runs": ("finished", "Read from trainings that are over"),
}
"""Each kind's class and meaning."""
MOST_FACES = 5
PART_SYMBOLS = {"id": ("E", "id"), "attention": ("α", ""), "hypergraph": ("β", "")}
PART_MEANINGS = {
    "id": "who takes what together",
    "image": "what things look like",
    "text": "what is said about them",
    "attention": "which past things count for this person",
    "hypergraph": "which learned group they belong to",
}
THINNEST, THICKEST = 1.5, 14.0
"""Pixels of the streams of a flow."""


def badge(kind: Kind) -> str:
    """Return the badge that says how a figure comes about: at once, by training, or from finished runs, in colour, shape and word.

    Raises:
        DataError: There is no such kind.
    """
    return str(macros("page.html").badge(_badge(kind)))


def _badge(kind: str) -> dict[str, str]:
    if kind not in BADGES:
        raise DataError(f"badge: kind={kind!r} must be one of {', '.join(BADGES)}")
    name, meaning = BADGES[kind]
    return {"name": name, "kind": kind, "meaning": meaning}


def knob_label(name: str, value: Number | None = None, trained: Number | None = None) -> str:
    """Return a knob's symbol in the colour of its part, its name, its value, and the trained value where it differs."""
    return str(macros("page.html").knob(knob_words(name, value, trained)))


def knob_words(name: str, value: Number | None = None, trained: Number | None = None) -> dict[str, Any]:
    """Return what the template of a knob shows: symbol, name, colours, its value, and the trained one where it differs."""
    now = None if value is None else setting(value)
    then = None if trained is None or now is None or setting(trained) == now else setting(trained)
    words = {"symbol": Markup(knob_markup(name)), "name": knob_name(name), "value": now, "trained": then}
    return {**words, "light": knob_color(name), "dim": knob_color(name, dark=True)}


def part_knob_style(name: str, dark: bool = False) -> dict[str, str]:
    """Return the style properties that put a slider into the colour of a knob's part."""
    color = knob_color(name, dark)
    paler = f"color-mix(in srgb, {color} 40%, white)"
    return {"--color-blue-500": color, "--color-blue-300": paler, "--primary": color, "accent-color": color}


def strip(
    data: str,
    run: str = "",
    history: Sequence[Mapping[str, str]] = (),
    item: Mapping[str, str] | None = None,
    knobs: Mapping[str, Number] | None = None,
    trained: Mapping[str, Number] | None = None,
    kind: Kind | None = None,
    user_label: str = "",
    items: Sequence[Mapping[str, str]] = (),
    items_label: str = "",
) -> str:
    """Return what a page looks at: data set, run, the user as first pictures of their history, the item, others, knobs, and a badge.

    Args:
        data: The data set's name.
        run: The run's name.
        history: The user's first items, each as ``item``.
        item: ``title`` and ``picture`` (a data URI; without one a stand-in is drawn) of the item in question.
        knobs: The values in force.
        trained: The values that the model was trained with; a hollow mark names them where they differ.
        kind: What the badge says.
        user_label: Words for the user, such as "12 things taken".
        items: The first of several items that were chosen together, each as ``item``.
        items_label: Words for all of them, such as "7 chosen together".

    Raises:
        DataError: A picture is no data URI, or the kind of badge is unknown.
    """
    shown = None if item is None else card_data(item.get("title", ""), item.get("picture", ""), item.get("line", ""), size="small")
    labels = [knob_words(name, value, (trained or {}).get(name)) for name, value in (knobs or {}).items()]
    said = None if kind is None else _badge(kind)
    return str(macros("page.html").strip(data, run, _faces(history), user_label, shown, _faces(items), items_label, labels, said))


def _faces(items: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    return [picture_data(one.get("title", ""), one.get("picture", "")) for one in items[:MOST_FACES]]


def flow_diagram(history: pd.DataFrame, parts: pd.DataFrame, items: pd.DataFrame, *, more: int = 0) -> str:
    """Return the way from a history to a list as HTML; a stream is as wide as its part adds to the first item's score.

    Args:
        history: ``title``, ``picture``: what the person took.
        parts: ``part``, ``contribution``: what each part adds to the score of the first item.
        items: ``title``, ``picture``, ``line``: the list, best first.
        more: How many things of the history are not in the picture.

    Raises:
        DataError: A column is missing.
    """
    require(history, ["title", "picture"], "history")
    require(parts, ["part", "contribution"], "parts")
    require(items, ["title", "picture", "line"], "items")
    taken = [picture_data(str(row.title), str(row.picture)) for row in history.itertuples()]
    column = [card_data(row.title, row.picture, row.line, size="small") for row in items.itertuples()]
    style = Markup(HTML_TEMPLATES.get_template("flow.css").render())
    return str(macros("page.html").flow(style, taken, more, _streams(parts), column))


def flow_finding(parts: pd.DataFrame, title: str) -> str:
    """Say in words what the picture shows: which part carries most of the first item's score.

    Raises:
        DataError: A column is missing.
    """
    require(parts, ["part", "contribution"], "parts")
    total = float(parts["contribution"].sum())
    strongest = parts.loc[parts["contribution"].idxmax()]
    share = f", {percent(strongest['contribution'] / total)} of its score" if total > 0 else ""
    return f"“{shorten(title, 50)}” comes first for this person, mostly through the {part_name(str(strongest['part']))} part{share}"


def _streams(parts: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each part's words and its streams, which part on the way in and join on the way out; one that takes away is dashed."""
    names, values = [str(name) for name in parts["part"]], [float(value) for value in parts["contribution"]]
    largest = max((abs(value) for value in values), default=0.0) or 1.0
    streams = []
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        y = 100 * (place + 0.5) / len(names)
        here = 50 + (y - 50) * 0.12
        paths = [f"M0 {start:.1f}C50 {start:.1f} 50 {end:.1f} 100 {end:.1f}" for start, end in ((here, y), (y, here))]
        symbol, index = PART_SYMBOLS.get(name, ("E", name))
        tone = f"--light:{part_color(name, False, names)};--dim:{part_color(name, True, names)}"
        words = {"symbol": symbol, "index": index, "name": part_name(name), "value": signed(value)}
        words["meaning"] = PART_MEANINGS.get(name, "another modality")
        width = f"{max(THINNEST, THICKEST * abs(value) / largest):.1f}"
        streams.append({**words, "tone": tone, "width": width, "takes": value < 0, "into": paths[0], "out": paths[1]})
    return streams


@dataclass(frozen=True)
class Block:
    """One part of an offline page: its heading, HTML that may hold cards, and figures below it."""

    title: str
    body: str = ""
    figures: Sequence[go.Figure] = ()


def offline_page(title: str, blocks: Sequence[Block], *, dark: bool = False) -> str:
    """Return blocks as one HTML file that asks nobody for anything: plotly.js is in it once, packed, and the figures stay live.

    The button above a figure saves it as SVG. Pictures are those of the cards, which hold them as data URIs. The browser unpacks
    plotly.js, as those since 2023 can; an older one shows everything but the figures, and says why.
    """
    shown = []
    for block in blocks:
        drawn = [(finding_of(figure), _live(figure)) for figure in block.figures]
        shown.append({"title": block.title, "body": Markup(block.body), "figures": drawn})
    styles = [Markup(STYLE_SHEET), Markup(HTML_TEMPLATES.get_template("page.css").render())]
    script = Markup(HTML_TEMPLATES.get_template("page.js").render())
    return str(macros("page.html").page(title, styles, shown, dark, Markup(_packed_plotly()), script))


@cache
def _packed_plotly() -> str:
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def _live(figure: go.Figure) -> Markup:
    """Return what plotly.js needs to draw a figure, as JSON that no script element ends early."""
    drawn = pio.to_json(figure, validate=False) or ""
    config = json.dumps(plot_config(figure, "svg"))
    return Markup(f'{{"figure":{drawn},"config":{config}}}'.replace("<", "\\u003c"))
