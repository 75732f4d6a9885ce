"""Do the modalities bring anything? The same trainings on features from which something was taken: the cases, and their verdict."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.data.changing import INTERVENTIONS
from srgformer_lab.experiments.cases import Setup, TrainingCase
from srgformer_lab.training.audit import JUDGED_BY, TOGETHER
from srgformer_lab.training.evaluation import SELECTION_METRIC

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BY: tuple[str, ...] = ("modality", "features")
AS_THEY_ARE = "as they are"
INTACT: dict[str, str | float] = {"features": AS_THEY_ARE}
"""What a row is held against: the same seeds' trainings with the features as they are."""


def cases_of_audit(setup: Setup, chosen: Mapping[str, Any]) -> list[TrainingCase]:
    """Return a case for each modality, and for all of them together, each intervention and each seed."""
    used = setup.model.modalities or setup.recipe.open(setup.seeds[0]).modalities
    subjects = {name: (name,) for name in used} | ({TOGETHER: tuple(used)} if len(used) > 1 else {})
    cases = []
    for subject in setup.wanted("modality", subjects):
        for intervention in (AS_THEY_ARE, *INTERVENTIONS):
            done = () if intervention == AS_THEY_ARE else tuple((name, intervention) for name in subjects[subject])
            labels = dict(zip(BY, (subject, intervention), strict=True))
            cases += [setup.intervening(*done).case(labels, seed) for seed in setup.seeds]
    return cases


def verdict_of_audit(table: pd.DataFrame) -> str:
    """Return what each modality brings, a sentence: the mean loss where its vectors are dealt out anew, with its bounds.

    Bounds are over seeds; with one seed, over users.
    """
    judged = table[table["features"] == JUDGED_BY]
    return " ".join(_said(row) for _, row in judged.iterrows() if "gain" in row and pd.notna(row["gain"]))


def _said(row: pd.Series) -> str:
    over = "seeds" if pd.notna(row.get("gain_low")) else "users"
    ends = ("gain_high", "gain_low") if over == "seeds" else ("users_high", "users_low")
    low, high = (-float(row[name]) for name in ends)
    bounds = f"{-row['gain']:+.4f} [{low:+.4f}, {high:+.4f}] test {SELECTION_METRIC} over {over}".replace("-", "−")
    whose = "All modalities together" if row["modality"] == TOGETHER else f"The {row['modality']} features"
    verb = "bring" if low > 0 else "cost" if high < 0 else "bring nothing that can be told from chance:"
    return f"{whose} {verb} {bounds}."


def figures_of_audit(table: pd.DataFrame, by: Sequence[str], reference: Mapping[str, str | float]) -> "list[Figure]":
    """Draw each modality's rows; a dot is filled where its interval to the features as they are excludes 0."""
    hint = "{}. Filled: the paired 95 % interval to the features as they are excludes 0."
    return [
        plots.comparison_dots(rows.reset_index(drop=True), "features", AS_THEY_ARE, about="losses", hint=hint.format(name.capitalize()))
        for name, rows in table.groupby("modality", sort=False)
    ]
