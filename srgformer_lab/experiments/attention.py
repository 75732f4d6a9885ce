"""Does it matter how attention is computed? Other scores, other weights, another input.

Source: spec section 10, question 8.
"""

from srgformer_lab.experiments.case import Case, Setup
from srgformer_lab.experiments.experiment import Chosen, Experiment, Variants, of_variants

RELEASED = "product"
VARIANTS: Variants = {
    RELEASED: {},
    "scaled product": {"scaled_attention": True},
    "cosine": {"attention_form": "cosine"},
    "linear": {"attention_form": "linear"},
    "uniform": {"attention_form": "uniform"},
    "propagated input": {"attention_input": "propagated"},
    "none": {"attention_scale": 0.0},
}


def _cases(setup: Setup, chosen: Chosen) -> list[Case]:
    return of_variants(setup, "attention", VARIANTS)


ATTENTION = Experiment(
    "attention",
    "Does it matter how attention weighs a history, or that it does?",
    ("attention",),
    {"attention": RELEASED},
    _cases,
)
