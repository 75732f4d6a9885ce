"""When do the structure branches stop paying? The same models on fewer and fewer training interactions.

Source: spec section 10, question 4.
"""

from srgformer_lab import plots
from srgformer_lab.experiments.ablation import NO_HYPERGRAPH
from srgformer_lab.experiments.case import Case, Setup
from srgformer_lab.experiments.experiment import Chosen, Experiment, Variants, wanted

SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)
MODELS: Variants = {"LightGCN": {}, "w/o attention": {"attention_scale": 0.0}, "w/o hypergraph": NO_HYPERGRAPH, "SRGFormer": {}}


def _cases(setup: Setup, chosen: Chosen) -> list[Case]:
    return [
        setup.of_share(share).case({"share": share, "model": name}, seed, "lightgcn" if name == "LightGCN" else "srgformer", **MODELS[name])
        for share in SHARES
        for name in wanted(setup, "model", MODELS)
        for seed in setup.seeds
    ]


SPARSITY = Experiment(
    "sparsity",
    "On how few interactions does structure stop paying?",
    ("share", "model"),
    {"model": "LightGCN"},
    _cases,
    draw=lambda table, by, reference: [plots.sparsity_curves(table)],
)
