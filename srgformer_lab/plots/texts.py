"""Sentences and names that fit: into two lines of a narrow figure, into so many letters or pixels."""

import math
import textwrap
from collections.abc import Callable, Sequence

from srgformer_lab.plots.language import safe, signed

TITLE_WIDTH, HINT_WIDTH, MOST_LINES = 42, 56, 2
"""Characters a line of a finding and of a hint, and lines of either: what fits into a figure of 400 px."""
NAME_LETTERS = (40, 24, 16, 11)
"""Letters of a name in a finding, tried one after the other."""
LETTER_WIDTHS = (("ijlI.,:;'|! ()", 4.6), ("mM%@", 11.7), ("wW&", 10.8))
"""Pixels of narrow and wide letters in the widest of our fonts, at the size of text."""
LEVEL = 1e-6
"""Relative difference up to which two values count as level."""


def shorten(text: object, width: int) -> str:
    """Return a text cut to a number of characters, on one line, with an ellipsis where something is missing."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= width else flat[: max(width - 1, 1)].rstrip() + "…"


def shorten_middle(text: object, width: int) -> str:
    """Return a text cut as ``shorten`` does, but in its middle: names of runs often differ at their end alone."""
    flat = " ".join(str(text).split())
    if len(flat) <= width:
        return flat
    end = max(width - 1, 1) * 2 // 3  # of the letters that stay
    return flat[: max(width - 1 - end, 1)].rstrip() + "…" + flat[-end:].lstrip()


def text_width(text: str) -> float:
    """Estimate how many pixels a text takes, so that names get the room that they need."""
    return sum(next((width for letters, width in LETTER_WIDTHS if letter in letters), 8.8 if letter.isupper() else 7.4) for letter in text)


def cut(text: str, width: float, shorter: Callable[[str, int], str] = shorten) -> str:
    """Return a text shortened to what fits into so many pixels, at its end or where ``shorter`` does."""
    return next((short for n in range(len(text), 0, -1) if text_width(short := shorter(text, n)) <= width), "…")


def lines(text: str, width: int, most: int = MOST_LINES) -> list[str]:
    """Break a text into at most so many lines of at most so many characters, evenly filled, made inert."""
    broken = textwrap.wrap(text, width) or [""]
    if len(broken) > most:
        broken = textwrap.wrap(text, width, max_lines=most, placeholder=" …")
    else:  # even lines read better than one full line and one stray word
        while width > 12 and len(tighter := textwrap.wrap(text, width - 1)) == len(broken) and len(broken) > 1:
            broken, width = tighter, width - 1
    return [safe(line) for line in broken]


def first_that_fits(*findings: str, width: int = TITLE_WIDTH) -> str:
    """Return the first finding (or hint, by its width) that fits into two lines of a narrow figure; the last one where none does."""
    return next((finding for finding in findings if len(textwrap.wrap(finding, width)) <= MOST_LINES), findings[-1])


def fit(*ways: Callable[[int], str]) -> str:
    """Return the first way to tell a finding that fits, each with names as long as possible."""
    return first_that_fits(*(way(letters) for way in ways for letters in NAME_LETTERS))


def who_leads(names: Sequence[str], values: Sequence[float], noun: str) -> list[str]:
    """Say what adds most, then what takes most; where several are level they are counted instead of named."""
    found = []
    for verb, lead in (("add", max(values, default=0.0)), ("take", min(values, default=0.0))):
        if not lead or (lead > 0) != (verb == "add"):
            continue
        level = [name for name, value in zip(names, values, strict=True) if math.isclose(value, lead, rel_tol=LEVEL)]
        if len(values) == 1:
            found.append(f"{level[0]} {verb}s {signed(lead)}")
        elif len(level) == 1:
            found.append(f"{level[0]} {verb}s most, {signed(lead)}")
        else:
            found.append(f"{len(level)} {noun}s {verb} most, {signed(lead)} each")
    return found


def in_all(values: Sequence[float]) -> str:
    """Say what values come to together: add, take, or cancel out."""
    total = float(sum(values))
    if abs(total) <= LEVEL * sum(map(abs, values)):
        return "cancel out"
    return f"{'add' if total > 0 else 'take'} {signed(total)}"
