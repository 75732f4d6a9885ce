"""How sharp is the peak? One knob moved at a time, and α and β together.

Source: spec sections 6 (the grids) and 10, question 3.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.experiments.case import Case, Setup
from srgformer_lab.experiments.experiment import Chosen, Experiment, wanted

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PRESET = "preset"
WEIGHTS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
SCALES = (0.0, 0.1, 0.3, 0.6, 1.0)
DEPTHS = (1, 2, 3, 4)

GRIDS: Mapping[str, tuple[tuple[str, ...], Sequence[Any]]] = {
    "γ": (("modality_contrast_weight",), WEIGHTS),
    "c": (("hypergraph_contrast_weight",), WEIGHTS),
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
PLANE, TIMES = "α×β", " × "


def _points(knob: str) -> list[tuple[str | float, dict[str, Any]]]:
    if knob == PRESET:
        return [("", {})]
    if knob == PLANE:
        return [
            (f"{alpha:g}{TIMES}{beta:g}", {"attention_scale": alpha, "hypergraph_scale": beta}) for alpha, beta in product(SCALES, SCALES)
        ]
    names, values = GRIDS[knob]
    return [(value, dict.fromkeys(names, value)) for value in values]


def _cases(setup: Setup, chosen: Chosen) -> list[Case]:
    knobs = [PRESET, *wanted(setup, "knob", dict.fromkeys([*GRIDS, PLANE]))]
    return [
        setup.case({"knob": knob, "value": value}, seed, **changes)
        for knob in knobs
        for value, changes in _points(knob)
        for seed in setup.seeds
    ]


def _draw(table: pd.DataFrame, by: Sequence[str], reference: Mapping[str, str | float]) -> "list[Figure]":
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


SENSITIVITY = Experiment(
    "sensitivity",
    "How much does each knob matter, and is its peak sharp?",
    ("knob", "value"),
    {"knob": PRESET, "value": ""},
    _cases,
    draw=_draw,
)
