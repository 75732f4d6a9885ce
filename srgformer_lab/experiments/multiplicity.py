"""Many rows, many looks: which differences of a table still count when all its comparisons are taken together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from scipy import stats

from srgformer_lab.experiments.outcomes import of_other
from srgformer_lab.statistics import holm

if TYPE_CHECKING:
    from srgformer_lab.experiments.catalog import Experiment

LEVEL = 0.05
FEWEST = 2
"""Comparisons from which a correction says something."""


def corrected(table: pd.DataFrame, behind: str = "") -> pd.DataFrame:
    """Return ``seeds`` and ``users``: p-values of each row's difference to its reference, corrected by Holm for all rows.

    They are read off the 95 % bounds: over seeds by Student's t with one degree of freedom less than seeds (the bounds are its own),
    over users by the normal distribution (the bootstrap's bounds are nearly that). A row without a difference, or one that is the
    reference under another label (all bounds 0), is no comparison; it has NaN, and counts for nothing.

    Source:
        S. Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2).
    """
    found = {}
    for kind, prefix in (("seeds", "gain_"), ("users", "users_")):
        low, high = (table.get(f"{prefix}{side}{behind}", pd.Series(float("nan"), table.index)).astype(float) for side in ("low", "high"))
        error = (high - low) / 2 / (stats.t.ppf(0.975, table["seeds"] - 1) if kind == "seeds" else stats.norm.ppf(0.975))
        sizes = (table[f"gain{behind}"].abs() / error)[error > 0]
        plain = 2 * (stats.t.sf(sizes, table.loc[sizes.index, "seeds"] - 1) if kind == "seeds" else stats.norm.sf(sizes))
        found[kind] = pd.Series(holm(plain), sizes.index)
    return pd.DataFrame(found, table.index, dtype=float)


def in_words(table: pd.DataFrame, experiment: "Experiment") -> str:
    """Return what is left of a table's differences after the correction, a sentence a reference; nothing for a single comparison."""
    references: list[tuple[Mapping[str, str | float], str]] = [(experiment.reference, "")]
    references += [(other, of_other(other)) for other in experiment.others]
    said = [_against(table, experiment.by, reference, behind) for reference, behind in references if f"gain{behind}" in table]
    return " ".join(filter(None, said))


def _against(table: pd.DataFrame, by: Sequence[str], reference: Mapping[str, str | float], behind: str) -> str:
    p, names = corrected(table, behind), table[list(by)].astype(str).agg(" ".join, axis=1)
    n = int(p.notna().any(axis=1).sum())
    if n < FEWEST:
        return ""
    kinds = [kind for kind in p if p[kind].notna().any()]
    left = {str(kind): [f"{names[row]} ({_p(value)})" for row, value in p[kind].items() if value < LEVEL] for kind in kinds}
    parts = [f"over {kind} {', '.join(rows) if rows else 'nothing'}" for kind, rows in left.items()]
    other = " ".join(str(value) for value in reference.values() if value != "")
    return f"What differs from {other} after Holm's correction for the {n} comparisons: {'; '.join(parts)}."


def _p(value: float) -> str:
    return "p < .001" if value < 0.001 else f"p = {value:.3f}".replace("0.", ".", 1)
