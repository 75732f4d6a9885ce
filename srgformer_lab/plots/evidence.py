"""What a table of many trainings shows and what it leaves open: shared by the figures of experiments.

A gain counts as shown only where its paired interval excludes 0: over seeds, or over users where there is a single seed.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from srgformer_lab.errors import DataError
from srgformer_lab.plots.language import SURFACE, TIED, metric_name, metric_value, require, safe, shorten
from srgformer_lab.plots.template import HINT_WIDTH, first_that_fits

JUDGED = "recall@20"
"""The metric whose intervals and paired gains stand in the table."""
INTERVALS = ("low", "high", "gain", "gain_low", "gain_high", "users_low", "users_high")
MOST_PLACES = 6
WIDTHS = (("ijlI.,:;'|! ()", 4.6), ("mM%@", 11.7), ("wW&", 10.8))
"""Pixels of narrow and wide letters in the widest of our fonts, at the size of text."""
NAME_LETTERS = (40, 24, 16, 11)
"""Letters of a name in a finding, tried one after the other."""


def read_table(frame: pd.DataFrame, labels: Sequence[str], metric: str, what: str) -> pd.DataFrame:
    """Return the rows counted from 0, with ``mean``, what is known of its noise, and how each is judged.

    ``gain_low`` and ``gain_high`` are the bounds that judge: over users where there is one seed, and ``by_users`` says so.
    ``sign`` is 1 or -1 where they exclude 0, else 0. Bounds of another metric than recall@20 are not in the table: all NaN.

    Raises:
        DataError: A column is missing, or a label stands twice.
    """
    require(frame, [*labels, "seeds", "unfinished"], what)
    rows = frame.reset_index(drop=True)
    if rows.duplicated(list(labels)).any():
        twice = rows.loc[rows.duplicated(list(labels)), list(labels)].iloc[0].tolist()
        raise DataError(f"{what}: {', '.join(map(repr, twice))} stands twice; give each row once")
    counts = {name: _numbers(rows, name).fillna(0).astype(int) for name in ("seeds", "unfinished")}
    if (counts["seeds"] > 0).any():  # before the first training is over, a table has no metrics at all
        require(frame, [metric], what)
    known = {name: _numbers(rows, name if metric == JUDGED else "") for name in INTERVALS}
    table = rows[list(labels)].assign(mean=_numbers(rows, metric), **counts, **known)
    table["by_users"] = table["gain_low"].isna() & table["users_low"].notna()
    for end in ("low", "high"):
        table[f"gain_{end}"] = table[f"gain_{end}"].fillna(table[f"users_{end}"])
    table["sign"] = (table["gain_low"] > 0).astype(int) - (table["gain_high"] < 0).astype(int)
    table["is_judged"] = table[["mean", "gain", "gain_low", "gain_high"]].notna().all(axis=1)
    table.loc[~table["is_judged"], "sign"] = 0
    return table


def _numbers(rows: pd.DataFrame, name: str) -> pd.Series:
    """Read a column as numbers; what is missing, absent or not finite is NaN."""
    if name not in rows.columns:
        return pd.Series(np.nan, index=rows.index)
    found = pd.to_numeric(rows[name], errors="coerce").astype(float)
    return found.where(np.isfinite(found))


def text_width(text: str) -> float:
    """Estimate how many pixels a text takes, so that names get the room that they need."""
    return sum(next((width for letters, width in WIDTHS if letter in letters), 8.8 if letter.isupper() else 7.4) for letter in text)


def cut(text: str, width: float, shorter: Callable[[str, int], str] = shorten) -> str:
    """Shorten a text to what fits into so many pixels, at its end or where ``shorter`` does."""
    return next((short for n in range(len(text), 0, -1) if text_width(short := shorter(text, n)) <= width), "…")


def fit(*ways: Callable[[int], str]) -> str:
    """Choose the first way to tell a finding that fits, each with names as long as possible."""
    return first_that_fits(*(way(letters) for way in ways for letters in NAME_LETTERS))


def how_to_read(rows: pd.DataFrame, reference: str, metric: str, *more: str, left_out: str = "") -> str:
    """Say what filled and hollow mean here, what is missing, and as much ``more`` as fits into a hint."""
    said = f"{left_out} " if left_out else ""
    said += f"{int(rows['unfinished'].sum())} unfinished. " if rows["unfinished"].any() else ""
    if metric != JUDGED:
        return f"{said}Hollow: intervals are known for {metric_name(JUDGED)} only."
    if not rows["is_judged"].any():
        return f"{said}Hollow: one seed has no interval. Train more seeds to see which differences are shown."
    users, seeds = (bool((rows["is_judged"] & chosen).any()) for chosen in (rows["by_users"], ~rows["by_users"]))
    over = "seeds, or users if one seed" if users and seeds else "users" if users else "seeds"
    said += f"Filled: the paired 95 % interval to {shorten(reference, 16)} over {over} excludes 0"
    return first_that_fits(*(f"{said}{'; '.join(('', *more[:n]))}." for n in range(len(more), 0, -1)), f"{said}.", width=HINT_WIDTH)


def seed_of(row: pd.Series) -> str:
    """Begin a finding about a row that was trained once, and so is judged over users."""
    return "One seed: " if row["by_users"] else ""


def points(row: pd.Series, flipped: bool = False, signs: bool = False) -> str:
    """Write a gain with its bounds in points of percent: ``2.0 points [0.6, 3.3]``; ``flipped`` tells a loss as one.

    There is one decimal, two where all is within a point, and as many as it takes for no bound to look like 0 that isn't.
    """
    gain, low, high = (100 * float(row[name]) for name in ("gain", "gain_low", "gain_high"))
    if flipped:
        gain, low, high = -gain, -high, -low
    bounds = [bound for bound in (low, high) if np.isfinite(bound)]
    least = 1 if max(map(abs, (gain, *bounds))) >= 1 else 2
    places = next((n for n in range(least, MOST_PLACES) if all(bound == 0 or round(abs(bound), n) for bound in bounds)), MOST_PLACES)
    written = [_decimal(value, places, signs) for value in (gain, low, high)]
    unit = f"{TIED}point" + ("" if written[0].lstrip("+−") == "1.0" else "s")
    return written[0] + unit + (f" [{written[1]},{TIED}{written[2]}]" if len(bounds) == 2 else "")


def short_points(row: pd.Series, flipped: bool = False, signs: bool = False) -> str:
    """Write a gain in points without its bounds."""
    return points(row, flipped, signs).partition(" [")[0]


def _decimal(value: float, places: int, signs: bool) -> str:
    return ("−" if value < 0 else "+" if signs else "") + f"{abs(value):.{places}f}"


def hover_text(name: str, row: pd.Series, metric: str, reference: str = "") -> str:
    """Say all that is known of a row, a line a fact."""
    value = f"{metric_name(metric)} {metric_value(metric, row['mean'])}"
    if np.isfinite([row["low"], row["high"]]).all():
        value += f" ({metric_value(metric, row['low'])} to {metric_value(metric, row['high'])})"
    words = [name, value, f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}"]
    words[-1] += f", {row['unfinished']} unfinished" if row["unfinished"] else ""
    if reference and np.isfinite(row["gain"]):
        words.append(f"{points(row, signs=True)} to {reference}{', over users' if row['by_users'] else ''}")
    return "<br>".join(map(safe, words))


def error_bars(middle: pd.Series, low: pd.Series, high: pd.Series, color: str, thickness: float = 1.5) -> dict[str, object]:
    """Return the lines of intervals around marks; none where bounds are not known."""
    ends = {"array": (high - middle).to_numpy(float), "arrayminus": (middle - low).to_numpy(float)}
    return {"type": "data", "symmetric": False, **ends, "color": color, "thickness": thickness, "width": 0}


def fills(rows: pd.DataFrame, color: str, dark: bool) -> list[str]:
    """Return each mark's filling: the colour where a difference is shown, the page's where it is not."""
    return np.where(rows["sign"] != 0, color, SURFACE[dark]).tolist()


def nothing_finished(table: pd.DataFrame) -> tuple[str, str] | None:
    """Return what an empty figure says where no row has a value yet; None where one has."""
    if table["mean"].notna().any():
        return None
    if not len(table):
        return "Nothing has been trained yet", "Start the experiment: a mark appears for each row of its table."
    return "No training has finished yet", "Let the experiment go on, or start it again: it continues where it was."
