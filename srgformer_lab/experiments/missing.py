"""What is lost where items lack a modality, and what each treatment of it saves: the cases, and their figures."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.config import TREATMENTS
from srgformer_lab.experiments.cases import Setup, TrainingCase

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LOST = (0.0, 0.3, 0.6, 0.9)
"""Shares of the items that lack a modality; those of a smaller share are among those of a larger one of the same seed."""
BY: tuple[str, ...] = ("modality", "missing", "treatment")
ZEROS: dict[str, str | float] = {"treatment": "zero"}
"""What a row is held against: the published treatment of the same data, ..."""
COMPLETE: dict[str, str | float] = {"missing": "0 %", "treatment": "zero"}
"""... and the data before anything was taken away."""


def cases_of_missing(setup: Setup, chosen: Mapping[str, Any]) -> list[TrainingCase]:
    """Return a case for each modality, share, treatment and seed; where no item lacks anything, the treatments are one and the same."""
    data = setup.recipe.open(setup.seeds[0])
    cases = []
    for modality in setup.wanted("modality", data.modalities):
        for share in LOST:
            treatments = TREATMENTS if share or not data.known[modality].all() else TREATMENTS[:1]
            for name in treatments:
                labels = dict(zip(BY, (modality, f"{100 * share:.0f} %", name), strict=True))
                cases += [setup.without(modality, share).case(labels, seed, missing_features=name) for seed in setup.seeds]
    return cases


def figures_of_missing(table: pd.DataFrame, by: Sequence[str], reference: Mapping[str, str | float]) -> "list[Figure]":
    """Draw each modality's rows; a dot is filled where its interval to zeros at the same share excludes 0."""
    named = table.assign(**{"what is missing": table["missing"] + " missing: " + table["treatment"]})
    hint = "Items lack {}. Filled: the paired 95 % interval to zeros at the same share excludes 0."
    return [
        plots.comparison_dots(rows.reset_index(drop=True), "what is missing", hint=hint.format(name))
        for name, rows in named.groupby("modality", sort=False)
    ]
