"""The visual language that every figure and card speaks: colours, names, symbols, and how numbers are written."""

import html
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from srgformer_lab.errors import DataError

Number = float | int | np.floating | np.integer

FIRST_PARTS = ("id", "image", "text")
LAST_PARTS = ("attention", "hypergraph")
PARTS = FIRST_PARTS + LAST_PARTS
PART_COLORS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "id": ("#4D4D4D", "#BDBDBD"),
        "image": ("#0072B2", "#56B4E9"),
        "text": ("#D55E00", "#F0A15E"),
        "attention": ("#009E73", "#3CC79A"),
        "hypergraph": ("#AA5A8C", "#CC79A7"),
    }
)
"""Each part's colour on light and on dark pages (Okabe–Ito, adjusted for contrast)."""
FURTHER_COLORS = (("#E69F00", "#F2C14E"), ("#8C6BB1", "#B79AD6"), ("#7A5C3E", "#C9A27E"), ("#2F7F8F", "#7CC7D4"))
"""Colours of modalities beyond image and text."""
PART_NAMES: Mapping[str, str] = MappingProxyType({"id": "collaborative"})

KNOB_MARKS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "attention_scale": ("α", "attention", "attention"),
        "hypergraph_scale": ("β", "hypergraph", "hypergraph"),
        "membership_temperature": ("τ_H", "membership temperature", "hypergraph"),
        "modality_contrast_weight": ("γ", "modality contrast", "image"),
        "hypergraph_contrast_weight": ("c", "hypergraph contrast", "hypergraph"),
        "contrast_temperature": ("τ_C", "contrast temperature", "image"),
        "regularization_weight": ("λ", "regularization", "id"),
        "learning_rate": ("lr", "learning rate", "id"),
    }
)
"""Symbol, name, and the part whose colour it wears, of each knob."""

INK = ("#1F2328", "#E6E8EA")
MUTED = ("#5C6570", "#A6AEB5")
FAINT = ("#C6CCD2", "#4B535A")
SURFACE = ("#FFFFFF", "#181C1A")
FELL, ROSE = ("#2A6FB0", "#6DB1EA"), ("#C2630A", "#F2A154")
SIGNED_SCALE = (
    ((0.0, "#2166AC"), (0.25, "#90BCDD"), (0.5, "#FFFFFF"), (0.75, "#F5B67A"), (1.0, "#C2570C")),
    ((0.0, "#62AEEA"), (0.25, "#335F83"), (0.5, "#22282B"), (0.75, "#86572B"), (1.0, "#F2994A")),
)
"""Blue is below zero, orange above; zero is white on light pages and a dark neutral on dark ones."""
SINGLE_SCALE = (((0.0, "#F0F3F8"), (0.5, "#8FA6C4"), (1.0, "#1F3A5F")), ((0.0, "#1C242D"), (0.5, "#587290"), (1.0, "#D3E2F5")))


def part_order(parts: Iterable[str]) -> list[str]:
    """Put parts in the order that they have everywhere: id, image, text, other modalities, attention, hypergraph."""
    given = set(parts)
    further = sorted(given - set(PARTS))
    return [part for part in (*FIRST_PARTS, *further, *LAST_PARTS) if part in given]


def part_color(part: str, dark: bool = False, among: Iterable[str] = ()) -> str:
    """Return a part's colour; a further modality takes the next of one list, by its place among the parts that are shown."""
    if part in PART_COLORS:
        return PART_COLORS[part][dark]
    further = sorted({part, *among} - set(PARTS))
    return FURTHER_COLORS[further.index(part) % len(FURTHER_COLORS)][dark]


def part_name(part: str) -> str:
    """Return the word for a part."""
    return PART_NAMES.get(part, part.replace("_", " "))


def knob_symbol(name: str) -> str:
    """Return a knob's symbol, or its name where it has none."""
    return KNOB_MARKS[name][0] if name in KNOB_MARKS else name


def knob_markup(name: str) -> str:
    """Return a knob's symbol as inert markup, its index below the line."""
    symbol, _, index = knob_symbol(name).partition("_") if name in KNOB_MARKS else (name, "", "")
    return f"{safe(symbol)}<sub>{safe(index)}</sub>" if index else safe(symbol)


def knob_name(name: str) -> str:
    """Return a knob's name in words."""
    return KNOB_MARKS[name][1] if name in KNOB_MARKS else name.replace("_", " ")


def knob_color(name: str, dark: bool = False) -> str:
    """Return the colour of the part that a knob belongs to."""
    return part_color(KNOB_MARKS[name][2], dark) if name in KNOB_MARKS else MUTED[dark]


def digits(value: Number, places: int = 3) -> str:
    """Write a measured value with three significant digits, but no fewer than the whole ones, so that columns of them line up."""
    value = float(value)
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    mantissa, exponent = f"{abs(value):.{places - 1}e}".split("e")
    power = int(exponent)
    is_plain = -3 <= power <= 6
    written = f"{abs(value):,.{max(places - 1 - power, 0)}f}" if is_plain else f"{mantissa}×10{_superscript(power)}"
    return ("−" if value < 0 else "") + written


def before_after(before: Number, after: Number) -> str:
    """Write how a value went from one to another, sharing the power of ten where both have the same."""
    first, last = digits(before), digits(after)
    if "×" in first and first.partition("×")[2] == last.partition("×")[2]:
        mantissa, times, power = last.partition("×")
        return f"({first.partition(times)[0]} → {mantissa}){times}{power}"
    return f"{first} → {last}"


def signed(value: Number) -> str:
    """Write a value with its sign, a plus included."""
    written = digits(value)
    return f"+{written}" if value > 0 else written


def measured(value: Number) -> str:
    """Write a measured value with three significant digits, and a whole one, such as a count, as it is."""
    return f"{value:,.0f}".replace("-", "−") if float(value).is_integer() else digits(value)


def setting(value: Number) -> str:
    """Write a value that a person chose as they chose it, up to six digits, without idle zeros."""
    written, _, power = digits(value, 6).partition("×")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    if not power:
        return written
    return power if written == "1" else f"{written}×{power}"


TIED = "\u00a0"
"""A space at which no line breaks: a value stays with its unit."""
METRIC_NAMES = {"recall": "Recall", "ndcg": "NDCG", "precision": "Precision", "map": "MAP", "hit": "Hit rate"}
SHARES = ("recall", "precision", "hit")
"""Metrics that are a share of something that can be counted, and so are written in percent."""


def metric_name(metric: str) -> str:
    """Write ``recall@20`` as Recall@20."""
    name, at, k = metric.partition("@")
    return METRIC_NAMES.get(name, name) + at + k


def metric_unit(metric: str) -> tuple[float, str]:
    """Return the factor and the unit in which a metric is written: percent for shares, none for others."""
    return (100.0, f"{TIED}%") if metric.partition("@")[0] in SHARES else (1.0, "")


def metric_value(metric: str, value: Number) -> str:
    """Write a metric's value with three significant digits, in percent where it is a share."""
    factor, unit = metric_unit(metric)
    return digits(factor * float(value)) + unit


def ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Choose at most so many round values between two bounds."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(
        power * factor
        for factor in (1, 2, 2.5, 5, 10, 20, 25)
        if math.floor(high / (power * factor)) - math.ceil(low / (power * factor)) < most
    )
    return [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def percent(share: Number) -> str:
    """Write a share as whole percent, with one decimal below ten."""
    value = 100 * float(share)
    if 0 < abs(value) < 0.05:
        return f"under 0.1{TIED}%"
    written = f"{abs(value):.1f}" if 0 < abs(value) < 9.95 else f"{abs(value):.0f}"
    return f"{'−' if value < 0 else ''}{written}{TIED}%"


def counted(number: int, noun: str) -> str:
    """Write a number of things, with the plural where it is due."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _superscript(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def shorten(text: object, width: int) -> str:
    """Cut a text to a number of characters, on one line, with an ellipsis where something is missing."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= width else flat[: max(width - 1, 1)].rstrip() + "…"


def shorten_middle(text: object, width: int) -> str:
    """Cut a text to a number of characters as ``shorten`` does, but in its middle: names of runs often differ at their end alone."""
    flat = " ".join(str(text).split())
    if len(flat) <= width:
        return flat
    end = max(width - 1, 1) * 2 // 3  # of the letters that stay
    return flat[: max(width - 1 - end, 1)].rstrip() + "…" + flat[-end:].lstrip()


def safe(text: object) -> str:
    """Make a text inert inside a figure: no markup, and no dollar sign that would call for MathJax."""
    return html.escape(str(text), quote=False).replace("$", "&#36;")


def lines(text: str, width: int, most: int = 2) -> list[str]:
    """Break a text into at most so many lines of at most so many characters, evenly filled, made inert."""
    broken = textwrap.wrap(text, width) or [""]
    if len(broken) > most:
        broken = textwrap.wrap(text, width, max_lines=most, placeholder=" …")
    else:  # even lines read better than one full line and one stray word
        while width > 12 and len(tighter := textwrap.wrap(text, width - 1)) == len(broken) and len(broken) > 1:
            broken, width = tighter, width - 1
    return [safe(line) for line in broken]


def require(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Refuse a frame that lacks a column.

    Raises:
        DataError: With the missing columns and those that were given.
    """
    if missing := [name for name in columns if name not in frame.columns]:
        given = ", ".join(map(str, frame.columns)) or "none"
        raise DataError(f"{what}: the frame has no column {', '.join(missing)}; it has {given}; give it {', '.join(columns)}")
