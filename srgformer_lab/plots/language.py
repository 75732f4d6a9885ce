"""The words that every figure and card speaks: names of parts, knobs and metrics, and how numbers are written."""

import html
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np

Number = float | int | np.floating | np.integer

FIRST_PARTS = ("id", "image", "text")
LAST_PARTS = ("attention", "hypergraph")
PARTS = FIRST_PARTS + LAST_PARTS
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
TIED = "\u00a0"
"""A space at which no line breaks: a value stays with its unit."""
HIGHER_IS_BETTER = {"recall": "Recall", "ndcg": "NDCG", "precision": "Precision", "map": "MAP", "hit": "Hit rate"}
"""Names of the metrics of what was found; of the others neither more nor less is better."""
SHARES = ("recall", "precision", "hit", "long_tail", "coverage")
"""Metrics that are a share of something that can be counted, and so are written in percent."""

# ---------------------------------------------------------------- parts and knobs


def part_order(parts: Iterable[str]) -> list[str]:
    """Return parts in the order that they have everywhere: id, image, text, other modalities, attention, hypergraph."""
    given = set(parts)
    return [part for part in (*FIRST_PARTS, *sorted(given - set(PARTS)), *LAST_PARTS) if part in given]


def part_name(part: str) -> str:
    """Return the word for a part."""
    return "collaborative" if part == "id" else part.replace("_", " ")


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


# ---------------------------------------------------------------- numbers


def digits(value: Number, places: int = 3) -> str:
    """Return a measured value with three significant digits, but no fewer than the whole ones, so that columns of them line up."""
    value = float(value)
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    mantissa, exponent = f"{abs(value):.{places - 1}e}".split("e")
    power = int(exponent)
    superscript = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    written = f"{abs(value):,.{max(places - 1 - power, 0)}f}" if -3 <= power <= 6 else f"{mantissa}×10{superscript}"
    return ("−" if value < 0 else "") + written


def before_after(before: Number, after: Number) -> str:
    """Return how a value went from one to another, sharing the power of ten where both have the same."""
    first, last = digits(before), digits(after)
    if "×" in first and first.partition("×")[2] == last.partition("×")[2]:
        mantissa, times, power = last.partition("×")
        return f"({first.partition(times)[0]} → {mantissa}){times}{power}"
    return f"{first} → {last}"


def signed(value: Number) -> str:
    """Return a value with its sign, a plus included."""
    written = digits(value)
    return f"+{written}" if value > 0 else written


def duration(seconds: float) -> str:
    """Return a time as people say it: ``8.2 s``, ``14 min``, ``2.5 h``."""
    if not math.isfinite(seconds):
        return "an unknown time"
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {name}" if seconds < 10 * size else f"{seconds / size:.0f} {name}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def measured(value: Number) -> str:
    """Return a measured value with three significant digits, and a whole one, such as a count, as it is."""
    return f"{value:,.0f}".replace("-", "−") if float(value).is_integer() else digits(value)


def setting(value: Number) -> str:
    """Return a value that a person chose as they chose it, up to six digits, without idle zeros."""
    written, _, power = digits(value, 6).partition("×")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    if not power:
        return written
    return power if written == "1" else f"{written}×{power}"


def knob_at(symbol: str, value: Number) -> str:
    """Return ``α = 0.5``, in which no line breaks."""
    return f"{symbol}{TIED}={TIED}{setting(value)}"


def decimal(value: Number, places: int = 2) -> str:
    """Return a value with so many decimals, never as minus zero."""
    return f"{round(float(value), places) + 0.0:.{places}f}".replace("-", "−")


def correlation(value: Number) -> str:
    """Return a correlation with two decimals."""
    return decimal(value)


def metric_name(metric: str) -> str:
    """Return ``recall@20`` as Recall@20, and ``long_tail@20`` as long tail@20."""
    name, at, k = metric.partition("@")
    return HIGHER_IS_BETTER.get(name, name.replace("_", " ")) + at + k


def metric_unit(metric: str) -> tuple[float, str]:
    """Return the factor and the unit in which a metric is written: percent for shares, none for others."""
    return (100.0, f"{TIED}%") if metric.partition("@")[0] in SHARES else (1.0, "")


def metric_value(metric: str, value: Number) -> str:
    """Return a metric's value with three significant digits, in percent where it is a share."""
    factor, unit = metric_unit(metric)
    return digits(factor * float(value)) + unit


def percent(share: Number) -> str:
    """Return a share as whole percent, with one decimal below ten."""
    value = 100 * float(share)
    if 0 < abs(value) < 0.05:
        return f"under 0.1{TIED}%"
    written = f"{abs(value):.1f}" if 0 < abs(value) < 9.95 else f"{abs(value):.0f}"
    return f"{'−' if value < 0 else ''}{written}{TIED}%"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is due."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def safe(text: object) -> str:
    """Return a text made inert for a figure: no markup, and no dollar sign that would call for MathJax."""
    return html.escape(str(text), quote=False).replace("$", "&#36;")
