"""SRGFormer Lab: a multimodal recommender that can be trained, moved by hand, and asked why.

The public names; torch is loaded when one of them first needs it.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from srgformer_lab.version import VERSION

if TYPE_CHECKING:
    from srgformer_lab import figures as figures
    from srgformer_lab.config import PRESETS as PRESETS
    from srgformer_lab.config import ModelConfig as ModelConfig
    from srgformer_lab.config import TrainConfig as TrainConfig
    from srgformer_lab.config import preset as preset
    from srgformer_lab.data.changing import thinned as thinned
    from srgformer_lab.data.check import check as check
    from srgformer_lab.data.dataset import Dataset as Dataset
    from srgformer_lab.data.folder import read_folder as read_folder
    from srgformer_lab.data.mmrec import read_mmrec as read_mmrec
    from srgformer_lab.data.source import open_data as open_data
    from srgformer_lab.data.studio import studio as studio
    from srgformer_lab.errors import ConfigError as ConfigError
    from srgformer_lab.errors import DataError as DataError
    from srgformer_lab.errors import LabError as LabError
    from srgformer_lab.errors import RunError as RunError
    from srgformer_lab.errors import UnknownIdError as UnknownIdError
    from srgformer_lab.experiments.case import Recipe as Recipe
    from srgformer_lab.experiments.case import Setup as Setup
    from srgformer_lab.experiments.command import run_experiment as run_experiment
    from srgformer_lab.explain.alignment import NeighborAgreement as NeighborAgreement
    from srgformer_lab.explain.alignment import cosines as cosines
    from srgformer_lab.explain.alignment import cross_modal_recall as cross_modal_recall
    from srgformer_lab.explain.alignment import geometry as geometry
    from srgformer_lab.explain.alignment import neighbor_agreement as neighbor_agreement
    from srgformer_lab.explain.clusters import hyperedge_cards as hyperedge_cards
    from srgformer_lab.explain.clusters import hyperedge_incidence as hyperedge_incidence
    from srgformer_lab.explain.clusters import hyperedge_usage as hyperedge_usage
    from srgformer_lab.explain.comparing import Versus as Versus
    from srgformer_lab.explain.comparing import reasons as reasons
    from srgformer_lab.explain.comparing import versus as versus
    from srgformer_lab.explain.contributions import Explanation as Explanation
    from srgformer_lab.explain.contributions import explain as explain
    from srgformer_lab.explain.counterfactual import WhatIf as WhatIf
    from srgformer_lab.explain.counterfactual import add_items as add_items
    from srgformer_lab.explain.counterfactual import drop_items as drop_items
    from srgformer_lab.explain.counterfactual import keep_items as keep_items
    from srgformer_lab.explain.counterfactual import set_knobs as set_knobs
    from srgformer_lab.explain.counterfactual import shuffle_modality as shuffle_modality
    from srgformer_lab.explain.counterfactual import what_if as what_if
    from srgformer_lab.explain.faithfulness import Faithfulness as Faithfulness
    from srgformer_lab.explain.faithfulness import faithfulness as faithfulness
    from srgformer_lab.explain.groups import item_labels as item_labels
    from srgformer_lab.explain.groups import visible_labels as visible_labels
    from srgformer_lab.explain.matching import against_labels as against_labels
    from srgformer_lab.explain.matching import agreement as agreement
    from srgformer_lab.explain.matching import hyperedge_river as hyperedge_river
    from srgformer_lab.explain.matching import match_hyperedges as match_hyperedges
    from srgformer_lab.explain.newcomers import add_item as add_item
    from srgformer_lab.explain.newcomers import add_user as add_user
    from srgformer_lab.explain.paths import hypergraph_paths as hypergraph_paths
    from srgformer_lab.explain.projection import Projection as Projection
    from srgformer_lab.explain.projection import project as project
    from srgformer_lab.explain.spaces import space_names as space_names
    from srgformer_lab.learn.estimate import estimate as estimate
    from srgformer_lab.learn.evaluation import evaluate as evaluate
    from srgformer_lab.learn.evaluation import evaluate_users as evaluate_users
    from srgformer_lab.learn.evaluation import metric_surface as metric_surface
    from srgformer_lab.learn.fit import fit as fit
    from srgformer_lab.learn.fit import resume as resume
    from srgformer_lab.learn.listing import list_runs as list_runs
    from srgformer_lab.learn.listing import shipped_run as shipped_run
    from srgformer_lab.learn.loop import epochs as epochs
    from srgformer_lab.learn.run import Run as Run
    from srgformer_lab.model.baselines.freedom import FREEDOM as FREEDOM
    from srgformer_lab.model.baselines.freedom import FREEDOMConfig as FREEDOMConfig
    from srgformer_lab.model.baselines.item_knn import ItemKNN as ItemKNN
    from srgformer_lab.model.baselines.item_knn import ItemKNNConfig as ItemKNNConfig
    from srgformer_lab.model.baselines.light_gcn import LightGCN as LightGCN
    from srgformer_lab.model.baselines.light_gcn import LightGCNConfig as LightGCNConfig
    from srgformer_lab.model.baselines.matrix_factorization import MatrixFactorization as MatrixFactorization
    from srgformer_lab.model.baselines.matrix_factorization import MatrixFactorizationConfig as MatrixFactorizationConfig
    from srgformer_lab.model.baselines.mult_vae import MultVAE as MultVAE
    from srgformer_lab.model.baselines.mult_vae import MultVAEConfig as MultVAEConfig
    from srgformer_lab.model.baselines.popularity import Popularity as Popularity
    from srgformer_lab.model.baselines.vbpr import VBPR as VBPR
    from srgformer_lab.model.baselines.vbpr import VBPRConfig as VBPRConfig
    from srgformer_lab.model.edits import blank_modality as blank_modality
    from srgformer_lab.model.edits import drop_hyperedge as drop_hyperedge
    from srgformer_lab.model.edits import harden_memberships as harden_memberships
    from srgformer_lab.model.edits import merge_hyperedges as merge_hyperedges
    from srgformer_lab.model.edits import mute_head as mute_head
    from srgformer_lab.model.edits import noisy_memberships as noisy_memberships
    from srgformer_lab.model.edits import uniform_attention as uniform_attention
    from srgformer_lab.model.edits import without_modality as without_modality
    from srgformer_lab.model.ranking import compare_lists as compare_lists
    from srgformer_lab.model.ranking import rank_items as rank_items
    from srgformer_lab.model.ranking import recommend as recommend
    from srgformer_lab.model.ranking import recommend_all as recommend_all
    from srgformer_lab.model.srgformer import SRGFormer as SRGFormer
    from srgformer_lab.model.trace import Trace as Trace
    from srgformer_lab.model.transfer import Variant as Variant
    from srgformer_lab.model.transfer import carry_over as carry_over

_HOMES = {
    "config": ("PRESETS", "ModelConfig", "TrainConfig", "preset"),
    "data.changing": ("thinned",),
    "data.check": ("check",),
    "data.dataset": ("Dataset",),
    "data.folder": ("read_folder",),
    "data.mmrec": ("read_mmrec",),
    "data.source": ("open_data",),
    "data.studio": ("studio",),
    "errors": ("ConfigError", "DataError", "LabError", "RunError", "UnknownIdError"),
    "experiments.case": ("Recipe", "Setup"),
    "experiments.command": ("run_experiment",),
    "explain.alignment": ("NeighborAgreement", "cosines", "cross_modal_recall", "geometry", "neighbor_agreement"),
    "explain.clusters": ("hyperedge_cards", "hyperedge_incidence", "hyperedge_usage"),
    "explain.comparing": ("Versus", "reasons", "versus"),
    "explain.contributions": ("Explanation", "explain"),
    "explain.counterfactual": ("WhatIf", "add_items", "drop_items", "keep_items", "set_knobs", "shuffle_modality", "what_if"),
    "explain.faithfulness": ("Faithfulness", "faithfulness"),
    "explain.groups": ("item_labels", "visible_labels"),
    "explain.matching": ("against_labels", "agreement", "hyperedge_river", "match_hyperedges"),
    "explain.newcomers": ("add_item", "add_user"),
    "explain.paths": ("hypergraph_paths",),
    "explain.projection": ("Projection", "project"),
    "explain.spaces": ("space_names",),
    "learn.estimate": ("estimate",),
    "learn.evaluation": ("evaluate", "evaluate_users", "metric_surface"),
    "learn.fit": ("fit", "resume"),
    "learn.loop": ("epochs",),
    "learn.listing": ("list_runs", "shipped_run"),
    "learn.run": ("Run",),
    "model.baselines.freedom": ("FREEDOM", "FREEDOMConfig"),
    "model.baselines.item_knn": ("ItemKNN", "ItemKNNConfig"),
    "model.baselines.light_gcn": ("LightGCN", "LightGCNConfig"),
    "model.baselines.matrix_factorization": ("MatrixFactorization", "MatrixFactorizationConfig"),
    "model.baselines.mult_vae": ("MultVAE", "MultVAEConfig"),
    "model.baselines.popularity": ("Popularity",),
    "model.baselines.vbpr": ("VBPR", "VBPRConfig"),
    "model.edits": (
        "blank_modality",
        "drop_hyperedge",
        "harden_memberships",
        "merge_hyperedges",
        "mute_head",
        "noisy_memberships",
        "uniform_attention",
        "without_modality",
    ),
    "model.ranking": ("compare_lists", "rank_items", "recommend", "recommend_all"),
    "model.srgformer": ("SRGFormer",),
    "model.trace": ("Trace",),
    "model.transfer": ("Variant", "carry_over"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = VERSION
__all__ = ["__version__", "figures", *_HOME_OF]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first used."""
    if name == "figures":
        return import_module("srgformer_lab.figures")
    if name not in _HOME_OF:
        raise AttributeError(f"srgformer_lab has no public name {name!r}")
    return getattr(import_module(f"srgformer_lab.{_HOME_OF[name]}"), name)


class _FrontDoor(ModuleType):
    """Keeps ``explain`` the function: importing the room of that name would otherwise put the room in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Take any attribute but a room that is called like a public function."""
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
