"""A resolved link with everything that it names: what pages and reports look at."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from srgformer_lab.analysis.comparison import Versus, versus
from srgformer_lab.analysis.counterfactual import Change, WhatIf, what_if
from srgformer_lab.analysis.explanation import Explanation, explain
from srgformer_lab.backend.link import Link
from srgformer_lab.config import MODEL_KNOBS
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.growing import Growth
from srgformer_lab.errors import RunError
from srgformer_lab.models import catalog
from srgformer_lab.models.hooks import Hooks
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.ranking import Scoring, rank_items
from srgformer_lab.models.reading import Reading
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.evaluation import SELECTION_METRIC, evaluate, metric_surface
from srgformer_lab.training.run import Run
from srgformer_lab.training.serving import GrownModel

if TYPE_CHECKING:
    from srgformer_lab.backend.session import Session

SURFACE_SCALES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)  # of the trained value, where that is above 1
QUICK_PAIRS = 2_000_000
"""Up to so many user–item pairs, an evaluation is quick enough to follow a slider."""
NOTHING_TRAINED = "no trained SRGFormer is loaded; choose a run of SRGFormer on the page “Which runs are there?”, or train one"
NOT_LOADED = "no trained model is loaded; choose a finished run on the page “Which runs are there?”, or train one"

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Scene:
    """A resolved link with everything that it names. What is computed of it is cached, for whoever comes to the same."""

    session: "Session"
    link: Link
    notes: tuple[str, ...]
    """What was not as the link said, in sentences for people."""
    data: Dataset
    run: Run | None
    model: Recommender | None
    """The weights, of whichever model, shared by all visitors: read only."""
    trained: Trace | None
    """The pass of the link's epoch as it was trained; none without a run, or for a run of another model."""
    trace: Trace | None
    """The same weights under the link's knobs."""
    weights: tuple[Hashable, ...]
    """Tells data and weights apart."""
    grown: Growth | None = None
    """What is new in data that has grown since its run was trained."""
    own: "Scene | None" = None
    """The same scene on what the run was trained on, where data has grown."""
    reading: Reading | None = None
    """A run of another model, read once so that its scores can be taken apart."""

    @property
    def is_loaded(self) -> bool:
        """Whether there is a trained model to ask, of whichever sort."""
        return self.trace is not None or self.reading is not None

    @property
    def news(self) -> list[str]:
        """What is new since the run was trained, and how it is served, in sentences for people."""
        if self.grown is None or self.run is None:
            return []
        learns = catalog.kind(self.run.config.model_name).learns
        return [f"{told[:1].upper()}{told[1:]}." for told in self.grown.said(str(self.run.path), self.trained is not None, learns)]

    @property
    def judged(self) -> "Scene":
        """What evaluation looks at: the scene on what its run was trained on."""
        return replace(self.own, link=self.link) if self.own else self

    def of(self, *items: str) -> "Scene":
        """Return the scene that scores some items for the link's user: what the run was trained on keeps its own scores."""
        return self if self.grown and not self.grown.is_own(self.link.user, *items) else self.judged

    @property
    def knobs(self) -> dict[str, float]:
        """α, β and membership τ in force."""
        return knobs_of(self.trace) if self.trace else {}

    @property
    def trained_knobs(self) -> dict[str, float]:
        """α, β and membership τ as trained."""
        return knobs_of(self.trained) if self.trained else {}

    @property
    def is_quick(self) -> bool:
        """Whether the data is small enough to evaluate the model while a slider moves."""
        return self.data.n_users * self.data.n_items <= QUICK_PAIRS

    @property
    def key(self) -> tuple[Hashable, ...]:
        """What tells data, weights and knobs apart."""
        return (*self.weights, *self.knobs.values())

    def keep(self, name: Hashable, compute: Callable[[], Value], key: tuple[Hashable, ...] | None = None) -> Value:
        """Return what was computed for the same data, weights and knobs under this name; compute it first where it wasn't."""
        return self.session.values.get((name, *(self.key if key is None else key)), compute)

    def ranking(self, as_trained: bool = False) -> pd.DataFrame:
        """Rank all items for the link's user, under its knobs or as trained.

        Raises:
            RunError: There is no trained model to ask.
        """
        knobs = self.trained_knobs if as_trained else self.knobs
        key = ("ranking", self.link.user, *self.weights, *knobs.values())
        return self.session.lists.get(key, lambda: rank_items(self._reader(as_trained), self.data, self.link.user))

    def _reader(self, as_trained: bool = False) -> Scoring:
        """Return what ranks: what was read, or that of grown data together with that of what was trained on."""
        if not (self.own and self.grown):
            return self.require_reading(as_trained)
        if self.trace is None and self.model is not None:  # such a model has no rules for newcomers
            return GrownModel(self.grown, self.model, None)
        return GrownModel(self.grown, self.own.require_trace(as_trained), self.require_trace(as_trained))

    def explanation(self) -> Explanation:
        """Explain why the link's item stands where it stands for the link's user.

        Raises:
            RunError: There is no trained model to ask.
        """
        scene, key = self.of(self.link.item), ("explanation", self.link.user, self.link.item, *self.key)

        def compute() -> Explanation:
            found = explain(scene.require_reading(), scene.data, self.link.user, self.link.item)
            ranks = self.ranking().set_index("item_id")["rank"] if self.own else {}
            return replace(found, rank=int(ranks[found.item_id])) if found.item_id in ranks else found

        return self.session.lists.get(key, compute)

    def versus(self, item_id: str) -> Versus:
        """Explain what makes the difference between the link's item and another one.

        Raises:
            RunError: There is no trained model to ask.
        """
        scene = self.of(self.link.item, item_id)
        return versus(scene.require_reading(), scene.data, self.link.user, self.link.item, item_id)

    def what_if(self, *changes: Change) -> WhatIf:
        """Run the model again under the link's knobs with something different, for the link's user and item.

        Raises:
            RunError: There is no trained model to ask.
            LabError: A change does not fit the data or the model.
        """
        scene = self.of(self.link.item)
        return what_if(scene.own_model(), scene.data, self.link.user, *changes, item_id=self.link.item)

    def own_model(self) -> Recommender:
        """Return the same weights; of SRGFormer under the link's knobs, with hooks of their own: what is edited there nobody else sees.

        Raises:
            RunError: There is no trained model to ask.
        """
        if self.model is None:
            raise RunError(NOT_LOADED)
        if not isinstance(self.model, SRGFormer):
            return self.model
        model = self.model.with_own_hooks()
        model.update_knobs(**self.knobs)
        return model

    def quality(self, as_trained: bool = False) -> dict[str, float]:
        """Evaluate on the validation split, under the link's knobs or as trained.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        scene = self.judged
        trace = scene.require_trace(as_trained)
        return scene.keep("quality", lambda: evaluate(trace, scene.data, "valid"), (*scene.weights, *knobs_of(trace).values()))

    def surface(self, tau: float | None = None, metric: str = SELECTION_METRIC) -> pd.DataFrame:
        """Evaluate α against β at a τ, or the link's, on a grid that holds the trained values.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        trace, trained = self.judged.require_trace(), [self.trained_knobs[name] for name in MODEL_KNOBS[:2]]

        def compute() -> pd.DataFrame:
            weighed = with_own_hooks(trace) if tau is None else with_own_hooks(trace).fuse(membership_temperature=tau)
            alphas, betas = (sorted({*(scale * max(1, own) for scale in SURFACE_SCALES), own}) for own in trained)
            return metric_surface(weighed, self.judged.data, alphas, betas, metric=metric)

        return self.session.values.get(self._surface_key(tau, metric), compute)

    def knows_surface(self, tau: float | None = None, metric: str = SELECTION_METRIC) -> bool:
        """Return whether ``surface`` has been computed already."""
        return self._surface_key(tau, metric) in self.session.values

    def _surface_key(self, tau: float | None, metric: str) -> tuple[Hashable, ...]:
        return ("surface", metric, *self.weights, self.knobs["membership_temperature"] if tau is None else tau)

    def require_reading(self, as_trained: bool = False) -> Trace | Reading:
        """Return what takes scores apart: the pass under the link's knobs or as trained, or how another model was read.

        Raises:
            RunError: There is no trained model to ask.
        """
        found = self.reading or (self.trained if as_trained else self.trace)
        if found is None:
            raise RunError(NOT_LOADED)
        return found

    def require_trace(self, as_trained: bool = False) -> Trace:
        """Return the pass under the link's knobs, or as trained.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        trace = self.trained if as_trained else self.trace
        if trace is None:
            raise RunError(NOTHING_TRAINED)
        return trace

    def at(self, **changes: object) -> "Scene":
        """Open this link with some parts changed.

        Raises:
            LabError: What it names then is gone or damaged.
        """
        wanted = self.link.change(**changes)
        scene = self.session.open(wanted)
        if scene.notes and (scene.link.data, scene.link.run, scene.link.epoch) != (wanted.data, wanted.run, wanted.epoch):
            raise RunError(scene.notes[0])
        return scene


def weights_of(link: Link) -> int | str:
    """Return which weights of its run a link looks at: those of an epoch, or the best."""
    return "best" if link.epoch is None else link.epoch


def with_own_hooks(trace: Trace) -> Trace:
    """Return the same pass with hooks of its own: weighing it anew installs edits there, and visitors do that at the same time."""
    return replace(trace, hooks=Hooks(trace.hooks.modality))


def knobs_of(trace: Trace) -> dict[str, float]:
    """Return α, β and membership τ of a pass."""
    return {name: getattr(trace.config, name) for name in MODEL_KNOBS}


def default_item(scene: Scene) -> str:
    """Return the first item of the user's list, or without a model the first item of the history."""
    if scene.is_loaded and len(ranking := scene.ranking()):
        return str(ranking["item_id"].iloc[0])
    return (*scene.data.history(scene.link.user), *scene.data.item_ids)[0]
