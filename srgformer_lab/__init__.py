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
    from srgformer_lab.explain.contributions import Explanation as Explanation
    from srgformer_lab.explain.contributions import explain as explain
    from srgformer_lab.learn.estimate import estimate as estimate
    from srgformer_lab.learn.evaluation import evaluate as evaluate
    from srgformer_lab.learn.evaluation import evaluate_users as evaluate_users
    from srgformer_lab.learn.evaluation import metric_surface as metric_surface
    from srgformer_lab.learn.fit import fit as fit
    from srgformer_lab.learn.fit import resume as resume
    from srgformer_lab.learn.loop import epochs as epochs
    from srgformer_lab.learn.run import Run as Run
    from srgformer_lab.learn.run import list_runs as list_runs
    from srgformer_lab.learn.run import shipped_run as shipped_run
    from srgformer_lab.model.baselines.light_gcn import LightGCN as LightGCN
    from srgformer_lab.model.baselines.light_gcn import LightGCNConfig as LightGCNConfig
    from srgformer_lab.model.baselines.popularity import Popularity as Popularity
    from srgformer_lab.model.edits import blank_modality as blank_modality
    from srgformer_lab.model.edits import drop_hyperedge as drop_hyperedge
    from srgformer_lab.model.edits import harden_memberships as harden_memberships
    from srgformer_lab.model.edits import mute_head as mute_head
    from srgformer_lab.model.edits import uniform_attention as uniform_attention
    from srgformer_lab.model.ranking import compare_lists as compare_lists
    from srgformer_lab.model.ranking import rank_items as rank_items
    from srgformer_lab.model.ranking import recommend as recommend
    from srgformer_lab.model.ranking import recommend_all as recommend_all
    from srgformer_lab.model.srgformer import SRGFormer as SRGFormer
    from srgformer_lab.model.trace import Trace as Trace

_HOMES = {
    "config": ("PRESETS", "ModelConfig", "TrainConfig", "preset"),
    "data.check": ("check",),
    "data.dataset": ("Dataset",),
    "data.folder": ("read_folder",),
    "data.mmrec": ("read_mmrec",),
    "data.source": ("open_data",),
    "data.studio": ("studio",),
    "errors": ("ConfigError", "DataError", "LabError", "RunError", "UnknownIdError"),
    "explain.contributions": ("Explanation", "explain"),
    "learn.estimate": ("estimate",),
    "learn.evaluation": ("evaluate", "evaluate_users", "metric_surface"),
    "learn.fit": ("fit", "resume"),
    "learn.loop": ("epochs",),
    "learn.run": ("Run", "list_runs", "shipped_run"),
    "model.baselines.light_gcn": ("LightGCN", "LightGCNConfig"),
    "model.baselines.popularity": ("Popularity",),
    "model.edits": ("blank_modality", "drop_hyperedge", "harden_memberships", "mute_head", "uniform_attention"),
    "model.ranking": ("compare_lists", "rank_items", "recommend", "recommend_all"),
    "model.srgformer": ("SRGFormer",),
    "model.trace": ("Trace",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = VERSION
__all__ = ["__version__", "figures", *_HOME_OF]


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
