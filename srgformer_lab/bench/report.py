"""What a measurement leaves: a table to read, a CSV, and a figure of how everything grows."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from srgformer_lab import plots
from srgformer_lab.bench.pieces import PIECES
from srgformer_lab.training.files import write_bytes

GROWING = (*PIECES, "step")


def exponents(rows: pd.DataFrame) -> pd.DataFrame:
    """Fit milliseconds ∝ size^exponent over the sizes of one shape: ``what``, ``scale``, ``milliseconds``, ``exponent``.

    Shapes that were measured at one size only are left out.
    """
    family = rows["data"].str.replace(r"-x\d+$", "", regex=True)
    parts = []
    for _, of_shape in rows[rows["what"].isin(GROWING)].groupby([family, "dim", "what"], sort=False):
        if of_shape["scale"].nunique() > 1:
            found = power(of_shape["scale"], of_shape["fast"])
            parts.append(of_shape[["what", "scale"]].assign(milliseconds=of_shape["fast"], exponent=found))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["what", "scale", "milliseconds", "exponent"])


def power(sizes: pd.Series, values: pd.Series) -> float:
    """Fit values ∝ size^power by least squares in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def table(rows: pd.DataFrame) -> str:
    """Write the rows of one data set as a table: the fast path, the plain one, and how many times faster."""
    first = rows.iloc[0]
    size = f"{first['users']:,} users, {first['items']:,} items, {first['interactions']:,} training pairs"
    lines = [f"{first['data']}: {size}; d={first['dim']}, {first['device']}", f"{'':30}{'fast':>12}{'plain':>12}{'ratio':>8}"]
    lines += [
        f"{_words(row.what):30}{_value(row.fast, row.unit):>12}{_value(row.plain, row.unit):>12}{_ratio(row.ratio):>8}"
        for row in rows.itertuples()
    ]
    return "\n".join(lines)


def write(rows: Iterable[pd.DataFrame], folder: Path) -> list[Path]:
    """Write ``bench.csv``, and ``growth.html`` where a shape was measured at several sizes."""
    whole = pd.concat(list(rows), ignore_index=True)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "bench.csv"]
    write_bytes(written[0], whole.to_csv(index=False).encode())
    if len(grown := exponents(whole)):
        written.append(folder / "growth.html")
        figure = plots.growth_curves(grown)
        write_bytes(written[1], figure.to_html(include_plotlyjs=True, config=plots.plot_config(figure, "svg")).encode())
    return written


def _words(what: str) -> str:
    return PIECES.get(what, what)


def _value(value: float, unit: str) -> str:
    if math.isnan(value):
        return ""
    return f"{100 * value:.0f} %" if unit == "share" else f"{value:,.2f} {unit}" if value < 100 else f"{value:,.0f} {unit}"


def _ratio(value: float) -> str:
    return f"× {value:.1f}" if not math.isnan(value) else ""
