"""Figures and cards as one page that opens without a network and without this package."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from srgformer_lab.plots.card_style import STYLE
from srgformer_lab.plots.template import finding_of, plot_config

_LAYOUT = """<style>
body{margin:0 auto;max-width:1180px;padding:16px clamp(12px,3vw,40px);background:var(--srg-paper);color:var(--srg-ink);
font:15px/1.45 "PT Sans",system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif}
h1{font-size:26px;margin:8px 0}h2{font-size:19px;margin:28px 0 8px;border-top:1px solid var(--srg-faint);padding-top:16px}
.figures{display:grid;gap:12px}.figures>*{min-width:0}@media(min-width:900px){.several{grid-template-columns:1fr 1fr}}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;display:block;overflow-x:auto}
th,td{text-align:left;padding:2px 14px 2px 0;vertical-align:top}th{font-weight:600;color:var(--srg-muted)}
</style>"""


@dataclass(frozen=True)
class Block:
    """One part of an offline page: its heading, HTML that may hold cards, and figures below it."""

    title: str
    body: str = ""
    figures: Sequence[go.Figure] = ()


def offline_page(title: str, blocks: Sequence[Block], *, dark: bool = False) -> str:
    """Write blocks as one HTML file that asks nobody for anything: plotly.js is in it once, and the figures stay live.

    The button above a figure saves it as SVG. Pictures are those of the cards, which hold them as data URIs.
    """
    from plotly.offline import get_plotlyjs

    shown = "".join(_block(place, block) for place, block in enumerate(blocks))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title>{STYLE}{_LAYOUT}<script>{get_plotlyjs()}</script></head>"
        f'<body class="{"dark" if dark else "light"}"><h1>{html.escape(title)}</h1>{shown}</body></html>'
    )


def _block(place: int, block: Block) -> str:
    drawn = "".join(_figure(figure, f"figure-{place}-{number}") for number, figure in enumerate(block.figures))
    several = " several" if len(block.figures) > 1 else ""  # a figure takes its width while the ones after it are not there yet
    inside = f'<div class="figures{several}">{drawn}</div>' if drawn else ""
    return f"<section><h2>{html.escape(block.title)}</h2>{block.body}{inside}</section>"


def _figure(figure: go.Figure, name: str) -> str:
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, config=plot_config(figure, "svg"), div_id=name)
    return f'<div role="img" aria-label="{html.escape(finding_of(figure))}">{drawn}</div>'
