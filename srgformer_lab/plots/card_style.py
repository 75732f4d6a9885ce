"""The style sheet of cards, badges and the strip, sent once a page so that a card itself stays small."""

from srgformer_lab.plots.language import FAINT, FELL, INK, MUTED, ROSE, SURFACE

ROW_HEIGHT = {"small": 76, "normal": 108}
"""Pixels from one row of a column to the next, of lying cards 64 and 96 px high; the joining lines are drawn for these."""


def _tones(dark: bool) -> str:
    tones = {"ink": INK, "muted": MUTED, "faint": FAINT, "paper": SURFACE, "rose": ROSE, "fell": FELL}
    rest = "--srg-blank:24%;--srg-drawn:58%" if dark else "--srg-blank:89%;--srg-drawn:42%"
    kinds = {
        "instant": ("#3B5BA9", "#9DB4F0"),
        "training": ("#8A5A00", "#E3B45C"),
        "finished": ("#4A6670", "#A5C0CA"),
    }
    pairs = [f"--srg-{name}:{pair[dark]}" for name, pair in {**tones, **kinds}.items()]
    return ";".join([*pairs, rest])


# marimo puts "light" or "dark" on the body; a page without either follows the machine's own setting
STYLE = f"""<style>
:root,.light{{{_tones(False)}}}
.dark{{{_tones(True)}}}
@media (prefers-color-scheme:dark){{:root:not(:has(body.light)){{{_tones(True)}}}}}
.srg{{color:var(--srg-ink);font-size:13px;line-height:1.3;font-variant-numeric:tabular-nums}}
.srg *{{box-sizing:border-box}}
.srg ol,.srg ul{{list-style:none;margin:0;padding:0}}
.srg li{{margin:0;padding:0}}
.srg-card{{display:flex;flex-direction:column;gap:4px;margin:0;min-width:0;width:var(--srg-w)}}
.srg-normal{{--srg-w:96px;--srg-h:96px;--srg-row:{ROW_HEIGHT["normal"]}px}}
.srg-small{{--srg-w:64px;--srg-h:64px;--srg-row:{ROW_HEIGHT["small"]}px;font-size:11.5px}}
.srg-small .srg-line{{white-space:normal}}
.srg-small .srg-lying{{font-size:12.5px}}
.srg-picture{{display:block;width:100%;height:auto;aspect-ratio:2/3;object-fit:cover;border-radius:6px;margin:0;background:var(--srg-faint)}}
.srg-blank rect{{fill:hsl(var(--srg-hue) 26% var(--srg-blank))}}
.srg-blank path{{fill:none;stroke:hsl(var(--srg-hue) 26% var(--srg-drawn));stroke-opacity:.3;stroke-width:2}}
.srg-blank text{{fill:hsl(var(--srg-hue) 32% var(--srg-drawn));font:600 34px/1 system-ui,sans-serif;text-anchor:middle}}
.srg-words{{display:flex;flex-direction:column;min-width:0;gap:1px}}
.srg-title{{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden;overflow-wrap:break-word;hyphens:auto;font-weight:600}}
.srg-line{{color:var(--srg-muted);white-space:nowrap;overflow:hidden;text-overflow:ellipsis}}
.srg-marks{{display:flex;flex-wrap:wrap;gap:0 7px;align-items:baseline;white-space:nowrap}}
.srg-rose{{color:var(--srg-rose);font-weight:600}}
.srg-fell{{color:var(--srg-fell);font-weight:600}}
.srg-same{{color:var(--srg-muted)}}
.srg-row,.srg-wall{{display:flex;flex-wrap:wrap;gap:12px 10px}}
.srg-row>li,.srg-wall>li{{flex:none}}
.srg-lying .srg-card{{flex-direction:row;align-items:center;gap:9px;width:auto;height:100%}}
.srg-lying .srg-picture{{width:auto;height:var(--srg-h);flex:none}}
.srg-lying>li{{height:var(--srg-row);min-width:0}}
.srg-column{{max-width:440px}}
.srg-empty{{color:var(--srg-muted);padding:10px 0}}
.srg-moves{{display:grid;grid-template-columns:minmax(0,max-content) clamp(30px,12%,140px) minmax(0,max-content);column-gap:7px}}
.srg-moves h3,.srg-finding,.srg-hint{{margin:0;font-family:inherit}}
.srg-moves h3{{font-size:12px;font-weight:400;color:var(--srg-muted);padding-bottom:4px}}
.srg-moves li{{display:flex;align-items:center;gap:7px}}
.srg-moves .srg-card{{flex:1}}
.srg-finding{{font-size:15px;font-weight:600;line-height:1.35}}
.srg-hint{{font-size:12px;color:var(--srg-muted);padding-bottom:10px}}
.srg-place{{flex:none;width:1.6em;text-align:right;font-weight:600;color:var(--srg-muted)}}
.srg-lines{{display:block;width:100%;overflow:visible}}
.srg-lines path{{fill:none;stroke:var(--srg-faint);stroke-width:1.5px;vector-effect:non-scaling-stroke}}
.srg-lines .srg-rose{{stroke:var(--srg-rose);stroke-width:2px}}
.srg-lines .srg-fell{{stroke:var(--srg-fell);stroke-width:2px;stroke-dasharray:5 4}}
.srg-badge,.srg-chip{{display:inline-flex;align-items:center;gap:5px;border-radius:999px;padding:2px 9px;font-size:12px;white-space:nowrap}}
.srg-badge{{border:1px solid currentColor;font-weight:600}}
.srg-badge svg{{width:12px;height:12px;flex:none}}
.srg-instant{{color:var(--srg-instant)}}
.srg-training{{color:var(--srg-training)}}
.srg-finished{{color:var(--srg-finished)}}
.srg-strip{{display:flex;flex-wrap:wrap;align-items:center;gap:8px 20px;padding:8px 0;border-bottom:1px solid var(--srg-faint)}}
.srg-strip>div{{display:flex;align-items:center;gap:7px;min-width:0;max-width:100%}}
.srg-strip .srg-label{{color:var(--srg-muted);font-size:12px}}
.srg-strip .srg-card{{--srg-h:42px;max-width:210px}}
.srg-faces{{display:flex;gap:3px}}
.srg-faces .srg-picture{{width:24px;border-radius:3px}}
.srg-strip>.srg-knobs{{flex-wrap:wrap;gap:4px 16px}}
.srg-strip>.srg-badge{{margin-left:auto}}
.srg-knob{{display:inline-flex;align-items:baseline;gap:5px;white-space:nowrap}}
.srg-knob b{{color:var(--srg-tone);font-size:1.1em}}
.srg-knob s{{text-decoration:none;color:var(--srg-muted)}}
.srg-tone{{--srg-tone:var(--srg-light)}}
.dark .srg-tone{{--srg-tone:var(--srg-dim)}}
@media (prefers-color-scheme:dark){{:root:not(:has(body.light)) .srg-tone{{--srg-tone:var(--srg-dim)}}}}
</style>"""
