"""What do the shortcuts cost and save? Memberships and attention computed seldom or frozen, sampled contrasts, half precision.

Source: spec section 10, question 7.
"""

from srgformer_lab.experiments.case import Case, Setup
from srgformer_lab.experiments.experiment import Chosen, Experiment, Variants, losses, of_variants

EXACT = "exact"
SHORTCUTS: Variants = {
    EXACT: {},
    "memberships once an epoch": {"memberships_every": 0},
    "attention once an epoch": {"attention_every": 0},
    "both every 4 steps": {"memberships_every": 4, "attention_every": 4},
    "both frozen after 3 epochs": {"freeze_after": 3},
    "contrast with 2048 rows": {"contrast_sample": 2048},
    "contrast with 128 rows": {"contrast_sample": 128},
    "bfloat16": {"mixed_precision": True},
}


def _cases(setup: Setup, chosen: Chosen) -> list[Case]:
    return of_variants(setup, "shortcut", SHORTCUTS)


FREEZING = Experiment(
    "freezing",
    "What do shortcuts in a training cost, and what do they save?",
    ("shortcut",),
    {"shortcut": EXACT},
    _cases,
    draw=losses,
)
