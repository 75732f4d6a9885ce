"""The table of experiments: of each its question, the cases that answer it, and what they are held against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.data.source import STUDIO
from srgformer_lab.errors import UnknownIdError
from srgformer_lab.experiments.audit import BY as AUDITED
from srgformer_lab.experiments.audit import INTACT, cases_of_audit, figures_of_audit, verdict_of_audit
from srgformer_lab.experiments.candidates import Candidate, candidates
from srgformer_lab.experiments.cases import Setup, TrainingCase, settings_of
from srgformer_lab.experiments.cost import Cost
from srgformer_lab.experiments.latency import Latency
from srgformer_lab.experiments.measurement import Measurement
from srgformer_lab.experiments.missing import BY, COMPLETE, ZEROS, cases_of_missing, figures_of_missing
from srgformer_lab.experiments.outcomes import METRICS
from srgformer_lab.experiments.structure import PUBLISHED, forms_of_structure
from srgformer_lab.presets import PRESETS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Chosen = Mapping[str, Mapping[str, Any]]
"""The settings that validation chose, by label."""
Variants = Mapping[str, Mapping[str, Any]]
"""Settings of SRGFormer and of its training by what they are called in the table."""
Reference = Mapping[str, str | float]
Draw = Callable[[pd.DataFrame, Sequence[str], Reference], "list[Figure]"]


def none_tuned(setup: Setup) -> list[Candidate]:
    """Try nothing: all settings are given."""
    return []


def gains(table: pd.DataFrame, by: Sequence[str], reference: Reference, about: Literal["gains", "losses"] = "gains") -> "list[Figure]":
    """Draw all rows of a table beside its reference, if it was wanted."""
    label = by[0]
    present = str(reference[label]) if reference[label] in set(table[label]) else None
    return [plots.comparison_dots(table, label, present, about=about)]


def losses(table: pd.DataFrame, by: Sequence[str], reference: Reference) -> "list[Figure]":
    """Draw the same, titled by what is lost beside the reference."""
    return gains(table, by, reference, "losses")


@dataclass(frozen=True)
class Experiment:
    """A question that trainings answer.

    Trials of the tuned models are run first, on the first seed; the settings of each label's best trial by validation are then given
    to ``cases``.
    """

    name: str
    question: str
    by: tuple[str, ...]
    """The labels that make a row of the table."""
    reference: Reference
    """What a row is held against: the row of these labels, the others being its own."""
    cases: Callable[[Setup, Chosen], Sequence[TrainingCase]]
    tuned: Callable[[Setup], Sequence[Candidate]] = none_tuned
    """The models of which settings are tried."""
    draw: Draw = gains
    others: tuple[Reference, ...] = ()
    """What a row is held against besides."""
    metrics: tuple[str, ...] = METRICS
    """Of the test, what the table for people has."""
    data: str = STUDIO
    """What is trained on unless a data set is named."""
    verdict: Callable[[pd.DataFrame], str] | None = None
    """What puts the table into words."""


def of_variants(label: str, variants: Variants | Callable[[Setup], Variants]) -> Callable[[Setup, Chosen], list[TrainingCase]]:
    """Return what makes the cases of SRGFormer in every wanted variant, for every seed."""

    def cases(setup: Setup, chosen: Chosen) -> list[TrainingCase]:
        known = variants(setup) if callable(variants) else variants
        return [setup.case({label: name}, seed, **known[name]) for name in setup.wanted(label, known) for seed in setup.seeds]

    return cases


# ------------------------------------------------------------- baselines: is the gain real?


def _compared(setup: Setup) -> list[Candidate]:
    known = candidates(setup)
    return [known[name] for name in setup.wanted("model of the comparison", known)]


def _tuned(setup: Setup, chosen: Chosen) -> list[TrainingCase]:
    return [
        setup.case({"model": each.name}, seed, each.model_name, **chosen.get(each.name, each.settings))
        for each in _compared(setup)
        for seed in setup.seeds
    ]


# ---------------------------------- ablation: which branch brings the gain?

WHOLE, NOISY = "whole", "noise at evaluation"
NO_ATTENTION = {"attention_scale": 0.0}
NO_HYPERGRAPH = {"hypergraph_scale": 0.0, "hypergraph_contrast_weight": 0.0}


def _ablated(setup: Setup, chosen: Chosen) -> list[TrainingCase]:
    modalities = setup.recipe.open(setup.seeds[0]).modalities
    known: dict[str, Mapping[str, Any]] = {
        WHOLE: {},
        "w/o attention": NO_ATTENTION,
        "w/o hypergraph": NO_HYPERGRAPH,
        "w/o both": NO_ATTENTION | NO_HYPERGRAPH,
        "w/o HCL": {"hypergraph_contrast_weight": 0.0},
        "w/o MCL": {"modality_contrast_weight": 0.0},
        NOISY: {},
    }
    known |= {f"{name} alone": {"modalities": (name,)} for name in modalities} if len(modalities) > 1 else {}
    known |= {"as released": {"as_released": True}} if len(modalities) == 2 else {}
    cases = of_variants("variant", known)(setup, chosen)
    return [replace(case, with_noise=case.labels["variant"] == NOISY) for case in cases]


# --------------- sensitivity: one knob at a time, and α and β together (the paper's grids)

PRESET, PLANE, TIMES = "preset", "α×β", " × "
CONTRAST_WEIGHTS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
SCALES = (0.0, 0.1, 0.3, 0.6, 1.0)
DEPTHS = (1, 2, 3, 4)

GRIDS: Mapping[str, tuple[tuple[str, ...], Sequence[Any]]] = {
    "γ": (("modality_contrast_weight",), CONTRAST_WEIGHTS),
    "c": (("hypergraph_contrast_weight",), CONTRAST_WEIGHTS),
    "τ": (("membership_temperature", "contrast_temperature"), (0.05, 0.1, 0.2, 0.5, 1.0)),
    "α": (("attention_scale",), SCALES),
    "β": (("hypergraph_scale",), SCALES),
    "K": (("n_hyperedges",), (1, 2, 4, 8, 16, 64)),
    "heads": (("n_heads",), (1, 2, 4, 8, 16)),
    "L_id": (("n_id_layers",), (0, *DEPTHS)),
    "L_m": (("n_modality_layers",), (0, *DEPTHS)),
    "L_h": (("n_hypergraph_layers",), DEPTHS),
}
"""Each knob with the settings that it moves, all to the same value, and the values."""


def points_of(knob: str) -> list[tuple[str | float, dict[str, Any]]]:
    """Return the values of a knob as the table names them, each with its settings."""
    if knob == PRESET:
        return [("", {})]
    if knob == PLANE:
        return [(f"{a:g}{TIMES}{b:g}", {"attention_scale": a, "hypergraph_scale": b}) for a, b in product(SCALES, SCALES)]
    names, values = GRIDS[knob]
    return [(value, dict.fromkeys(names, value)) for value in values]


def _moved(setup: Setup, chosen: Chosen) -> list[TrainingCase]:
    knobs = [PRESET, *setup.wanted("knob", [*GRIDS, PLANE])]
    return [
        setup.case({"knob": knob, "value": value}, seed, **changes)
        for knob in knobs
        for value, changes in points_of(knob)
        for seed in setup.seeds
    ]


def _curves(table: pd.DataFrame, by: Sequence[str], reference: Reference) -> "list[Figure]":
    """Draw a curve a knob, and the plane of α and β where every point of it is finished."""
    drawn = [plots.sweep_curve(table, knob) for knob in GRIDS if (table["knob"] == knob).any()]
    plane = table[table["knob"] == PLANE]
    if not len(plane) or plane["unfinished"].any():
        return drawn
    axes = plane["value"].str.split(TIMES, expand=True).astype(float).set_axis(["attention_scale", "hypergraph_scale"], axis=1)
    differ = int(((plane["gain_low"] > 0) | (plane["gain_high"] < 0)).sum()) if "gain_low" in plane else None
    noise = "One seed: differences may be noise." if differ is None else f"{differ} of {len(plane)} are shown to differ from the preset."
    hint = f"The best of {len(plane)} settings. {noise}"
    return [*drawn, plots.metric_heatmap(axes.assign(value=plane["recall@20"]), "recall@20", hint=hint)]


# ------------------------------------------- sparsity: when do the structure branches stop paying? (section 10, question 4)

SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)
THINNED: Variants = {"LightGCN": {}, "w/o attention": NO_ATTENTION, "w/o hypergraph": NO_HYPERGRAPH, "SRGFormer": {}}
THINNED_KINDS = dict.fromkeys(THINNED, "srgformer") | {"LightGCN": "lightgcn"}


def _thinned(setup: Setup, chosen: Chosen) -> list[TrainingCase]:
    return [
        setup.of_share(share).case({"share": share, "model": name}, seed, THINNED_KINDS[name], **THINNED[name])
        for share in SHARES
        for name in setup.wanted("model", THINNED)
        for seed in setup.seeds
    ]


def _by_share(table: pd.DataFrame, by: Sequence[str], reference: Reference) -> "list[Figure]":
    return [plots.sparsity_curves(table)]


# ---------------------------------------------------- transfer, freezing and attention: section 10, questions 5, 7 and 8

OWN, EXACT, RELEASED = "its own", "exact", "product"


def _presets(setup: Setup) -> Variants:
    return {OWN: {}} | {name: settings_of(name) for name in PRESETS if name not in (setup.preset_name, "studio_found")}


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
ATTENTIONS: Variants = {
    RELEASED: {},
    "scaled product": {"scaled_attention": True},
    "cosine": {"attention_form": "cosine"},
    "linear": {"attention_form": "linear"},
    "uniform": {"attention_form": "uniform"},
    "propagated input": {"attention_input": "propagated"},
    "none": NO_ATTENTION,
}

# -------------------------------------------------------------- structure: is it found, and does it help?

BESIDE = ("LightGCN", "LGMRec")


def _structured(setup: Setup, chosen: Chosen) -> list[TrainingCase]:
    forms, models = forms_of_structure(), candidates(setup)
    cases = []
    for name in setup.wanted("form", [*forms, *BESIDE]):
        kind, settings = (models[name].model_name, models[name].settings) if name in BESIDE else ("srgformer", forms[name])
        cases += [replace(setup.case({"form": name}, seed, kind, **settings), with_structure=name in forms) for seed in setup.seeds]
    return cases


BEATS = "Does SRGFormer beat simpler models, at equal width and with equal tuning?"
BRINGS = "Which part of SRGFormer brings its gain, and which costs something?"
MATTERS = "How much does each knob matter, and is its peak sharp?"
PAYS = "On how few interactions does structure stop paying?"
SERVES = "Do the hyperedges and knobs of one data set serve another?"
SAVES = "What do shortcuts in a training cost, and what do they save?"
MEANS = "Do hyperedges and attention mean something, as published and when objectives of their own teach them?"
REPLACES = "What is lost where items lack a modality, and what does each treatment save?"
BRING = "Do the modalities bring anything, and is it what they tell of each item?"
WEIGHS = "Does it matter how attention weighs a history, or that it does?"

EXPERIMENTS: Mapping[str, Experiment | Measurement] = MappingProxyType(
    {
        each.name: each
        for each in (
            Experiment("baselines", BEATS, ("model",), {"model": "LightGCN"}, _tuned, _compared),
            Experiment("ablation", BRINGS, ("variant",), {"variant": WHOLE}, _ablated, draw=losses),
            Experiment("sensitivity", MATTERS, ("knob", "value"), {"knob": PRESET, "value": ""}, _moved, draw=_curves),
            Experiment("sparsity", PAYS, ("share", "model"), {"model": "LightGCN"}, _thinned, draw=_by_share),
            Experiment("missing", REPLACES, BY, ZEROS, cases_of_missing, draw=figures_of_missing, others=(COMPLETE,)),
            Experiment("audit", BRING, AUDITED, INTACT, cases_of_audit, draw=figures_of_audit, verdict=verdict_of_audit),
            Experiment("transfer", SERVES, ("settings of",), {"settings of": OWN}, of_variants("settings of", _presets)),
            Experiment("freezing", SAVES, ("shortcut",), {"shortcut": EXACT}, of_variants("shortcut", SHORTCUTS), draw=losses),
            Experiment("attention", WEIGHS, ("attention",), {"attention": RELEASED}, of_variants("attention", ATTENTIONS)),
            Experiment(
                "structure",
                MEANS,
                ("form",),
                {"form": PUBLISHED},
                _structured,
                others=tuple({"form": name} for name in BESIDE),
                metrics=("recall@20", "ndcg@20"),
            ),
            Cost(),
            Latency(),
        )
    }
)


def experiment(name: str) -> Experiment | Measurement:
    """Return an experiment, or a measurement, by its name.

    Raises:
        UnknownIdError: There is none of that name.
    """
    if not isinstance(name, str) or name not in EXPERIMENTS:
        raise UnknownIdError("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]
