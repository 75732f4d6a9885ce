"""Do settings carry over? Hyperedges and knobs of one data set, unchanged on another.

Source: spec section 10, question 5.
"""

from srgformer_lab.config import PRESETS
from srgformer_lab.experiments.case import Case, Setup, settings_of
from srgformer_lab.experiments.experiment import Chosen, Experiment, Variants, of_variants

OWN = "its own"


def _cases(setup: Setup, chosen: Chosen) -> list[Case]:
    variants: Variants = {OWN: {}} | {name: settings_of(name) for name in PRESETS if name != setup.preset_name}
    return of_variants(setup, "settings of", variants)


TRANSFER = Experiment(
    "transfer",
    "Do the hyperedges and knobs of one data set serve another?",
    ("settings of",),
    {"settings of": OWN},
    _cases,
)
