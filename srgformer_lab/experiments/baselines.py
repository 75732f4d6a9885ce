"""Is the gain real? Every model at equal width, with as many trials each, over seeds.

Source: spec section 10, question 1.
"""

from srgformer_lab.experiments.case import Case, Setup
from srgformer_lab.experiments.contenders import Contender, contenders
from srgformer_lab.experiments.experiment import Chosen, Experiment, wanted


def _wanted(setup: Setup) -> list[Contender]:
    known = {each.name: each for each in contenders(setup)}
    return [known[name] for name in wanted(setup, "model of the comparison", known)]


def _trials(setup: Setup) -> list[Case]:
    return [
        setup.case({"model": each.name, "trial": number}, setup.seeds[0], each.model_name, **settings)
        for each in _wanted(setup)
        for number, settings in enumerate(each.trials(setup.n_trials), start=1)
    ]


def _cases(setup: Setup, chosen: Chosen) -> list[Case]:
    return [
        setup.case({"model": each.name}, seed, each.model_name, **chosen.get(each.name, each.settings))
        for each in _wanted(setup)
        for seed in setup.seeds
    ]


BASELINES = Experiment(
    "baselines",
    "Does SRGFormer beat simpler models, at equal width and with equal tuning?",
    ("model",),
    {"model": "LightGCN"},
    _cases,
    _trials,
)
