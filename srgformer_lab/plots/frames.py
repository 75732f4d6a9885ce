"""What a frame must hold before it is drawn, and what a table of many trainings shows and leaves open.

A gain counts as shown only where its paired interval excludes 0: over seeds, or over users where there is a single seed.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from srgformer_lab.errors import DataError
from srgformer_lab.plots.language import TIED, counted, metric_name, metric_value, safe
from srgformer_lab.plots.style import SURFACE
from srgformer_lab.plots.texts import HINT_WIDTH, first_that_fits, shorten

EXACT = 1e-3
"""Largest difference between a sum and its score, relative to the summands' sizes, that is put down to rounding."""
JUDGED = "recall@20"
"""The metric whose intervals and paired gains stand in a table of trainings."""
INTERVALS = ("low", "high", "gain", "gain_low", "gain_high", "users_low", "users_high")
MOST_PLACES = 6


def require(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Refuse a frame that lacks a column.

    Raises:
        DataError: With the missing columns and those that were given.
    """
    if missing := [name for name in columns if name not in frame.columns]:
        given = ", ".join(map(str, frame.columns)) or "none"
        raise DataError(f"{what}: the frame has no column {', '.join(missing)}; it has {given}; give it {', '.join(columns)}")


def numbers(frame: pd.DataFrame, words: Sequence[str], values: Sequence[str], what: str) -> pd.DataFrame:
    """Return a frame whose rows count from 0 and whose columns ``values`` are finite; ``words`` must only be there.

    Raises:
        DataError: A column is missing, or a value is no finite number.
    """
    require(frame, [*words, *values], what)
    frame = frame.reset_index(drop=True)
    for column in values:
        found = pd.to_numeric(frame[column], errors="coerce").astype(float)
        if not np.isfinite(found).all():
            row = int(np.argmin(np.isfinite(found)))
            raise DataError(f"{what}: row {row} has {column}={frame[column][row]}; give a finite number in every row")
        frame[column] = found
    return frame


def square(frame: pd.DataFrame, rows: str, columns: str, values: str, what: str) -> pd.DataFrame:
    """Return a frame of cells as a table, sorted both ways.

    Raises:
        DataError: A pair of row and column stands twice, or is missing.
    """
    if frame.duplicated([rows, columns]).any():
        raise DataError(f"{what}: a pair of {rows} and {columns} stands twice; give each exactly once")
    table = frame.pivot(index=rows, columns=columns, values=values)
    if table.isna().any(axis=None):
        raise DataError(f"{what}: the frame has {len(frame)} rows for {table.shape[0]} × {table.shape[1]} cells; give each exactly once")
    return table


def evenly(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many rows, evenly chosen."""
    return rows if len(rows) <= most else rows.iloc[np.linspace(0, len(rows) - 1, most).astype(int)]


# ---------------------------------------------------------------- tables of trainings


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
    counts = {name: _known(rows, name).fillna(0).astype(int) for name in ("seeds", "unfinished")}
    if (counts["seeds"] > 0).any():  # before the first training is over, a table has no metrics at all
        require(frame, [metric], what)
    known = {name: _known(rows, name if metric == JUDGED else "") for name in INTERVALS}
    table = rows[list(labels)].assign(mean=_known(rows, metric), **counts, **known)
    table["by_users"] = table["gain_low"].isna() & table["users_low"].notna()
    for end in ("low", "high"):
        table[f"gain_{end}"] = table[f"gain_{end}"].fillna(table[f"users_{end}"])
    table["sign"] = (table["gain_low"] > 0).astype(int) - (table["gain_high"] < 0).astype(int)
    table["is_judged"] = table[["mean", "gain", "gain_low", "gain_high"]].notna().all(axis=1)
    table.loc[~table["is_judged"], "sign"] = 0
    return table


def _known(rows: pd.DataFrame, name: str) -> pd.Series:
    """Read a column as numbers; what is missing, absent or not finite is NaN."""
    if name not in rows.columns:
        return pd.Series(np.nan, index=rows.index)
    found = pd.to_numeric(rows[name], errors="coerce").astype(float)
    return found.where(np.isfinite(found))


def nothing_finished(table: pd.DataFrame) -> tuple[str, str] | None:
    """Return what an empty figure says where no row has a value yet; None where one has."""
    if table["mean"].notna().any():
        return None
    if not len(table):
        return "Nothing has been trained yet", "Start the experiment: a mark appears for each row of its table."
    return "No training has finished yet", "Let the experiment go on, or start it again: it continues where it was."


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


def points(row: pd.Series, flipped: bool = False, signs: bool = False, bounds: bool = True) -> str:
    """Return a gain with its bounds in points of percent, ``2.0 points [0.6, 3.3]``; ``flipped`` tells a loss as one.

    There is one decimal, two where all is within a point, and as many as it takes for no bound to look like 0 that isn't.
    """
    gain, low, high = (100 * float(row[name]) for name in ("gain", "gain_low", "gain_high"))
    if flipped:
        gain, low, high = -gain, -high, -low
    known = [bound for bound in (low, high) if np.isfinite(bound)]
    least = 1 if max(map(abs, (gain, *known))) >= 1 else 2
    places = next((n for n in range(least, MOST_PLACES) if all(bound == 0 or round(abs(bound), n) for bound in known)), MOST_PLACES)
    written = [("−" if value < 0 else "+" if signs else "") + f"{abs(value):.{places}f}" for value in (gain, low, high)]
    unit = f"{TIED}point" + ("" if written[0].lstrip("+−") == "1.0" else "s")
    return written[0] + unit + (f" [{written[1]},{TIED}{written[2]}]" if bounds and len(known) == 2 else "")


def hover_text(name: str, row: pd.Series, metric: str, reference: str = "") -> str:
    """Return all that is known of a row, a line a fact."""
    value = f"{metric_name(metric)} {metric_value(metric, row['mean'])}"
    if np.isfinite([row["low"], row["high"]]).all():
        value += f" ({metric_value(metric, row['low'])} to {metric_value(metric, row['high'])})"
    words = [name, value, counted(row["seeds"], "seed")]
    words[-1] += f", {row['unfinished']} unfinished" if row["unfinished"] else ""
    if reference and np.isfinite(row["gain"]):
        words.append(f"{points(row, signs=True)} to {reference}{', over users' if row['by_users'] else ''}")
    return "<br>".join(map(safe, words))


def fills(rows: pd.DataFrame, color: str, dark: bool) -> list[str]:
    """Return each mark's filling: the colour where a difference is shown, the page's where it is not."""
    return np.where(rows["sign"] != 0, color, SURFACE[dark]).tolist()
