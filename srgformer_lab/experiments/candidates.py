"""The models that a comparison holds side by side, each with its own settings, and what else is tried for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from srgformer_lab.experiments.cases import Setup, settings_of
from srgformer_lab.presets import PRESETS

NORM_WEIGHTS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
SEARCH_SEED = 0


@dataclass(frozen=True)
class Candidate:
    """A model in a comparison, with the settings and the grids that its own paper trains it by."""

    name: str
    model_name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What it starts from: a value for each name in the grid, and what else differs from the model's defaults."""
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """What else may be tried, a list a setting."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """What makes it this model, whatever else is set."""

    def under(self, given: Mapping[str, Any]) -> "Candidate":
        """Leave to the setup what it sets for all."""
        free = {name: value for name, value in self.settings.items() if name not in given}
        grid = {name: values for name, values in self.grid.items() if name not in given}
        return replace(self, settings=free | dict(self.fixed), grid=grid)

    def trials(self, n_trials: int) -> list[dict[str, Any]]:
        """Return the settings to try: its own first, then points of the grid in a random order that is always the same.

        Source: random search (Bergstra & Bengio 2012).
        """
        own = dict(self.settings)
        points = [own | dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]
        order = np.random.default_rng(SEARCH_SEED).permutation(len(points))
        return [own, *(points[place] for place in order if points[place] != own)][:n_trials]


def candidates(setup: Setup) -> dict[str, Candidate]:
    """Return the models to compare by name; SRGFormer and its parent LGMRec start from their presets, and so from their authors' tuning.

    A setting that the setup changes is the same for all models, and is not searched.
    """
    parent = f"lgmrec_{setup.preset_name}"
    parents = settings_of(parent) if parent in PRESETS else {}
    norms = {"regularization_weight": NORM_WEIGHTS}
    hypergraph = {"n_id_layers": (1, 2, 3, 4), "hypergraph_scale": (0.1, 0.3, 0.6), "hypergraph_contrast_weight": (1e-5, 1e-4, 1e-3, 1e-2)}
    attention = {"attention_scale": (0.1, 0.3, 0.6), "modality_contrast_weight": (1e-6, 1e-4, 1e-2)}
    own = {name: setup.value(name) for name in hypergraph | attention}
    known = (
        Candidate("Popularity", "popularity"),
        Candidate("ItemKNN", "itemknn", {"n_neighbors": 50}, {"n_neighbors": (20, 50, 100, 200)}),
        Candidate("MF-BPR", "mf", {"regularization_weight": 1e-2}, norms),
        Candidate("LightGCN", "lightgcn", {"n_layers": 3, "regularization_weight": 1e-4}, {"n_layers": (1, 2, 3, 4), **norms}),
        Candidate("VBPR", "vbpr", {"regularization_weight": 1e-2}, norms),
        Candidate("MultVAE", "multvae", {"divergence_weight": 0.2}, {"divergence_weight": (0.05, 0.1, 0.2, 0.5, 1.0)}),
        Candidate(
            "FREEDOM",
            "freedom",
            {"modality_ranking_weight": 1e-3, "pruned": 0.8},
            {"modality_ranking_weight": (0.0, 1e-5, 1e-4, 1e-3), "pruned": (0.8, 0.9)},
        ),
        Candidate(
            "BM3",
            "bm3",
            {"n_layers": 1, "dropout": 0.5, "regularization_weight": 0.1},
            {"n_layers": (1, 2), "dropout": (0.3, 0.5), "regularization_weight": (0.01, 0.1)},
        ),
        Candidate(
            "MGCN",
            "mgcn",
            {"view_contrast_weight": 0.01, "regularization_weight": 1e-4},
            {"view_contrast_weight": (1e-3, 1e-2, 1e-1)},
        ),
        Candidate("LGMRec", "srgformer", own | parents, hypergraph, {"attention_scale": 0.0, "modality_contrast_weight": 0.0}),
        Candidate("SRGFormer", "srgformer", own, hypergraph | attention),
    )
    return {each.name: each.under(setup.changes) for each in known}
