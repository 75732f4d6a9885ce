"""What the model is, in one picture: a person's history goes in, five parts weigh it, a list comes out."""

import html
from collections.abc import Sequence

import pandas as pd

from srgformer_lab.plots.cards import card, picture_html
from srgformer_lab.plots.language import part_color, part_name, percent, require, shorten, signed

SYMBOLS = {"id": "E<sup>id</sup>", "attention": "α", "hypergraph": "β"}
MEANINGS = {
    "id": "who takes what together",
    "image": "what things look like",
    "text": "what is said about them",
    "attention": "which past things count for this person",
    "hypergraph": "which learned group they belong to",
}
THINNEST, THICKEST = 1.5, 14.0

STYLE = """<style>
.srg-flow{display:grid;align-items:stretch;margin:6px 0;
 grid-template-columns:minmax(120px,1fr) 70px minmax(230px,1.3fr) 70px minmax(170px,1.15fr)}
.srg-flow-title{font:600 13px/1.3 inherit;margin:0 0 8px;color:var(--muted-foreground,#5C6570)}
.srg-flow>div{display:flex;flex-direction:column;min-width:0}
.srg-flow-history{display:grid;grid-template-columns:repeat(auto-fill,minmax(46px,1fr));gap:6px;margin:auto 0}
.srg-flow-lines svg{width:100%;height:100%;display:block;overflow:visible}
.srg-flow-lines path{fill:none;stroke:var(--tone);stroke-opacity:.55;stroke-linecap:butt}
.srg-flow-parts{display:flex;flex-direction:column;flex:1;justify-content:space-around;gap:6px}
.srg-flow-part{border-left:5px solid var(--tone);border-radius:6px;background:color-mix(in srgb,var(--tone) 9%,transparent);
 padding:6px 10px;flex:1;display:grid;grid-template-columns:auto 1fr auto;column-gap:8px;align-content:center;align-items:baseline}
.srg-flow-part b{color:var(--tone)}.srg-flow-part em{font-style:normal;font-variant-numeric:tabular-nums;font-weight:600}
.srg-flow-part small{grid-column:1/-1;color:var(--muted-foreground,#5C6570)}
.srg-flow-list{display:flex;flex-direction:column;gap:6px;margin:auto 0}
.srg-flow [style]{--tone:var(--light)}.dark .srg-flow [style]{--tone:var(--dim)}
@media (max-width:760px){.srg-flow{grid-template-columns:1fr}.srg-flow>div.srg-flow-lines{height:34px}
 .srg-flow-history{grid-template-columns:repeat(6,1fr)}.srg-flow-lines svg{transform:rotate(90deg);width:34px;margin:0 auto}}
</style>"""


def flow_diagram(history: pd.DataFrame, parts: pd.DataFrame, items: pd.DataFrame, *, more: int = 0) -> str:
    """Draw the way from a history to a list; the width of each stream is what its part adds to the first item's score.

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
    names = [str(name) for name in parts["part"]]
    values = [float(value) for value in parts["contribution"]]
    largest = max((abs(value) for value in values), default=0.0) or 1.0
    widths = [max(THINNEST, THICKEST * abs(value) / largest) for value in values]
    pictures = "".join(picture_html(str(row.title), str(row.picture)) for row in history.itertuples())
    hidden = f"<small>and {more} more</small>" if more else ""
    boxes = "".join(_part(name, value, names) for name, value in zip(names, values, strict=True))
    column = "".join(card(row.title, row.picture, row.line, size="small") for row in items.itertuples())
    into, out = (_lines(names, values, widths, joins) for joins in (False, True))
    columns = (
        _column("What this person took", "srg-flow-history", pictures, hidden),
        f'<div class="srg-flow-lines">{into}</div>',
        _column("Its parts weigh every item", "srg-flow-parts", boxes),
        f'<div class="srg-flow-lines">{out}</div>',
        _column("What comes out on top", "srg-flow-list srg-lying srg-small", column),
    )
    return f'{STYLE}<div class="srg-flow">{"".join(columns)}</div>'


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


def _column(title: str, kind: str, content: str, below: str = "") -> str:
    return f'<div><div class="srg-flow-title">{title}</div><div class="{kind}">{content}</div>{below}</div>'


def _tone(part: str, among: Sequence[str]) -> str:
    return f"--light:{part_color(part, False, among)};--dim:{part_color(part, True, among)}"


def _part(part: str, value: float, among: Sequence[str]) -> str:
    symbol = SYMBOLS.get(part, f"E<sup>{html.escape(part)}</sup>")
    meaning = MEANINGS.get(part, "another modality")
    return (
        f'<div class="srg-flow-part" style="{_tone(part, among)}"><b>{symbol}</b><span>{html.escape(part_name(part))}</span>'
        f"<em>{signed(value)}</em><small>{meaning}</small></div>"
    )


def _lines(names: Sequence[str], values: Sequence[float], widths: Sequence[float], joins: bool) -> str:
    """Draw the streams of one gap: they part on the way in, and join on the way out; a stream that takes away is dashed."""
    paths = []
    for place, (name, value, width) in enumerate(zip(names, values, widths, strict=True)):
        y = 100 * (place + 0.5) / len(names)
        here = 50 + (y - 50) * 0.12
        start, end = (y, here) if joins else (here, y)
        dash = ' stroke-dasharray="3 4"' if value < 0 else ""
        curve = f"M0 {start:.1f}C50 {start:.1f} 50 {end:.1f} 100 {end:.1f}"
        paths.append(
            f'<path d="{curve}" style="{_tone(name, names)}" stroke-width="{width:.1f}" vector-effect="non-scaling-stroke"{dash}></path>'
        )
    return f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{"".join(paths)}</svg>'
