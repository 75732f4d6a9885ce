"""Does structure get found: what hyperedges and attention of a trained model mean, beside what untrained ones do."""

import math
from typing import Any

from srgformer_lab.analysis import structure
from srgformer_lab.analysis.faithfulness import faithfulness
from srgformer_lab.analysis.structure import measure_structure
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.presets import preset

UNTRAINED = "untrained "
"""What stands before the name of a measure of the same model before its first step."""
NMI, AUC, FAITHFUL = "NMI ", "AUC attention", "ρ "
REMOVALS_OF = 10
"""Users whose histories are taken away item by item."""

PUBLISHED, FOUND = "published", "found"
HYPEREDGES = ("membership_objective", "membership_noise", "user_membership", "hypergraph_scale")
ATTENTION = ("attention_input", "attention_reads", "attention_objective")
NO_CONTRAST = {"hypergraph_contrast_weight": 0.0, "modality_contrast_weight": 0.0}


def forms_of_structure() -> dict[str, dict[str, Any]]:
    """Return the settings of the published form, of the found one, and of what tells its parts apart, by what tables call them."""
    model = preset("studio_found").model
    of_hyperedges = {name: getattr(model, name) for name in HYPEREDGES}
    of_attention = {name: getattr(model, name) for name in ATTENTION}
    found = {**of_hyperedges, **of_attention, **NO_CONTRAST}
    many = {"n_hyperedges": model.n_hyperedges}
    return {
        PUBLISHED: {},
        "published K=18": many,
        "published β=3 c=γ=0": {"hypergraph_scale": model.hypergraph_scale, **NO_CONTRAST},
        FOUND: found | many,
        "found K=8": found | {"n_hyperedges": 8},
        "found unit features": found | many | {"membership_features": "unit"},
        "found mean": found | many | {"user_membership": "mean"},
        "hyperedges alone": of_hyperedges | NO_CONTRAST | many,
        "attention alone": of_attention,
        "found V untrained": found | many | {"membership_objective": "none"},
        "found c γ as published": {name: value for name, value in found.items() if name not in NO_CONTRAST} | many,
        "found β=0": found | many | {"hypergraph_scale": 0.0},
        "found β=1": found | many | {"hypergraph_scale": 1.0},
        "found β=6": found | many | {"hypergraph_scale": 6.0},
        "found ρ=0": found | many | {"membership_balance": 0.0},
    }


def structure_of(model: SRGFormer, data: Dataset) -> dict[str, float]:
    """Measure what a trained model's structure means, and the same of its untrained self.

    Args:
        model: A trained model.
        data: Its data.

    Returns:
        ``NMI image`` and the like: agreement of each modality's hyperedges with the groups that show in it, or with a column of
        few words; ``AUC attention`` where chance interactions are known; both also as ``untrained …``; and how far contribution
        and attention rank a history as true removals do, ``ρ contribution`` and ``ρ attention``.
    """
    rows = measure_structure(model.trace(), data)
    rows = rows[rows["measure"].isin([structure.NMI, structure.AUC])]
    names = [f"{NMI}{name}" if name else AUC for name in rows["modality"]]
    before = [f"{UNTRAINED}{name}" for name in names]
    return dict(zip(names + before, [*rows["value"], *rows["untrained"]], strict=True)) | _faithful(model, data)


def _faithful(model: SRGFormer, data: Dataset) -> dict[str, float]:
    try:
        rows = faithfulness(model, data, n_users=REMOVALS_OF, shares=()).correlations.set_index("order")
    except DataError:  # histories too short to be ranked
        return {f"{FAITHFUL}{order}": math.nan for order in ("contribution", "attention")}
    return {f"{FAITHFUL}{order}": float(rows.loc[order, "spearman"]) for order in ("contribution", "attention")}
