"""Which branch brings the gain? SRGFormer with one part less at a time.

Source: spec sections 7 (what each ablation switches off) and 10, question 2.
"""

from dataclasses import replace

from srgformer_lab.experiments.case import Case, Setup
from srgformer_lab.experiments.experiment import Chosen, Experiment, Variants, losses, wanted

WHOLE, NOISY = "whole", "noise at evaluation"
NO_HYPERGRAPH = {"hypergraph_scale": 0.0, "hypergraph_contrast_weight": 0.0}


def variants(modalities: tuple[str, ...]) -> Variants:
    """Name what is left out, with the settings that leave it out."""
    ours: Variants = {
        WHOLE: {},
        "w/o attention": {"attention_scale": 0.0},
        "w/o hypergraph": NO_HYPERGRAPH,
        "w/o both": {"attention_scale": 0.0, **NO_HYPERGRAPH},
        "w/o HCL": {"hypergraph_contrast_weight": 0.0},
        "w/o MCL": {"modality_contrast_weight": 0.0},
        NOISY: {},
    }
    if len(modalities) > 1:
        ours |= {f"{name} alone": {"modalities": (name,)} for name in modalities}
    return ours | ({"as released": {"as_released": True}} if len(modalities) == 2 else {})


def _cases(setup: Setup, chosen: Chosen) -> list[Case]:
    known = variants(setup.recipe.open(setup.seeds[0]).modalities)
    return [
        replace(setup.case({"variant": name}, seed, **known[name]), with_noise=name == NOISY)
        for name in wanted(setup, "variant", known)
        for seed in setup.seeds
    ]


ABLATION = Experiment(
    "ablation",
    "Which part of SRGFormer brings its gain, and which costs something?",
    ("variant",),
    {"variant": WHOLE},
    _cases,
    draw=losses,
)
