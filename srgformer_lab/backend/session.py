"""From a link to the data, the run and the pass that it names: resolved and loaded once, and shared by all visitors."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd

from srgformer_lab.analysis.comparison import Versus, versus
from srgformer_lab.analysis.counterfactual import Change, WhatIf, what_if
from srgformer_lab.analysis.explanation import Explanation, explain
from srgformer_lab.backend import dropped, limits
from srgformer_lab.backend.cache import Cache
from srgformer_lab.backend.inventory import default_user
from srgformer_lab.backend.link import KNOB_OF, STUDIO, Link, shortened
from srgformer_lab.backend.opening import in_page_words
from srgformer_lab.backend.resolving import resolve_knobs, resolve_places, resolve_run
from srgformer_lab.backend.runs import trained_pass
from srgformer_lab.config import MODEL_KNOBS
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.source import folder_state, open_data
from srgformer_lab.errors import LabError, RunError
from srgformer_lab.models.hooks import Hooks
from srgformer_lab.models.ranking import rank_items
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.evaluation import SELECTION_METRIC, evaluate, metric_surface
from srgformer_lab.training.files import file_stamp
from srgformer_lab.training.run import Run

SURFACE_SCALES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)  # of the trained value, where that is above 1
QUICK_PAIRS = 2_000_000
"""Up to so many user–item pairs, an evaluation is quick enough to follow a slider."""
NOTHING_TRAINED = "no trained SRGFormer is loaded; choose a run of SRGFormer on the page “Which runs are there?”, or train one"

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
    model: SRGFormer | None
    """The weights, shared by all visitors: read only."""
    trained: Trace | None
    """The pass of the link's epoch as it was trained; none without a run, or for a run of another model."""
    trace: Trace | None
    """The same weights under the link's knobs."""
    weights: tuple[Hashable, ...]
    """Tells data and weights apart."""

    @property
    def knobs(self) -> dict[str, float]:
        """α, β and membership τ in force."""
        return _knobs(self.trace) if self.trace else {}

    @property
    def trained_knobs(self) -> dict[str, float]:
        """α, β and membership τ as trained."""
        return _knobs(self.trained) if self.trained else {}

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
            RunError: There is no trained SRGFormer to ask.
        """
        trace = self.require_trace(as_trained)
        key = ("ranking", self.link.user, *self.weights, *_knobs(trace).values())
        return self.session.lists.get(key, lambda: rank_items(trace, self.data, self.link.user))

    def explanation(self) -> Explanation:
        """Explain why the link's item stands where it stands for the link's user.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        trace, key = self.require_trace(), ("explanation", self.link.user, self.link.item, *self.key)
        return self.session.lists.get(key, lambda: explain(trace, self.data, self.link.user, self.link.item))

    def versus(self, item_id: str) -> Versus:
        """Explain what makes the difference between the link's item and another one.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        return versus(self.require_trace(), self.data, self.link.user, self.link.item, item_id)

    def what_if(self, *changes: Change) -> WhatIf:
        """Run the model again under the link's knobs with something different, for the link's user and item.

        Raises:
            RunError: There is no trained SRGFormer to ask.
            LabError: A change does not fit the data or the model.
        """
        return what_if(self.own_model(), self.data, self.link.user, *changes, item_id=self.link.item)

    def own_model(self) -> SRGFormer:
        """Return the same weights under the link's knobs, with hooks of their own: what is edited there nobody else sees.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        if self.model is None:
            raise RunError(NOTHING_TRAINED)
        model = self.model.with_own_hooks()
        model.update_knobs(**self.knobs)
        return model

    def quality(self, as_trained: bool = False) -> dict[str, float]:
        """Evaluate on the validation split, under the link's knobs or as trained.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        trace = self.require_trace(as_trained)
        return self.keep("quality", lambda: evaluate(trace, self.data, "valid"), (*self.weights, *_knobs(trace).values()))

    def surface(self, tau: float | None = None, metric: str = SELECTION_METRIC) -> pd.DataFrame:
        """Evaluate α against β at a τ, or the link's, on a grid that holds the trained values.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        trace, trained = self.require_trace(), [self.trained_knobs[name] for name in MODEL_KNOBS[:2]]

        def compute() -> pd.DataFrame:
            weighed = _with_own_hooks(trace) if tau is None else _with_own_hooks(trace).fuse(membership_temperature=tau)
            alphas, betas = (sorted({*(scale * max(1, own) for scale in SURFACE_SCALES), own}) for own in trained)
            return metric_surface(weighed, self.data, alphas, betas, metric=metric)

        return self.session.values.get(self._surface_key(tau, metric), compute)

    def knows_surface(self, tau: float | None = None, metric: str = SELECTION_METRIC) -> bool:
        """Return whether ``surface`` has been computed already."""
        return self._surface_key(tau, metric) in self.session.values

    def _surface_key(self, tau: float | None, metric: str) -> tuple[Hashable, ...]:
        return ("surface", metric, *self.weights, self.knobs["membership_temperature"] if tau is None else tau)

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


class Session:
    """What all visitors of a process share: data sets, weights, passes, lists and what was computed of them, each loaded once."""

    def __init__(self) -> None:
        """Begin with nothing loaded."""
        self._data, self._dropped, self._weights, self._passes = Cache(3), Cache(3), Cache(8), Cache(16)
        self.lists, self.values = Cache(64), Cache(256)

    def open(self, link: Link) -> Scene:
        """Resolve a link and load what it names, in one pass.

        What it leaves open is chosen here; what it says that can't be is replaced by the default, with a note for people.
        """
        notes = list(link.unread)
        try:
            data = self.dataset(link)
        except (LabError, OSError, ValueError) as error:
            notes.append(f"The data could not be opened: {in_page_words(str(error)[:400])}. What you see is the built-in data.")
            link = Link(theme=link.theme)
            data = self.dataset(link)
        link, run = resolve_run(replace(link, data=link.data or STUDIO, unread=()), data, notes)
        link = resolve_knobs(link, notes)
        link = replace(link, **resolve_places(link, data, run, notes))
        if link.user not in data.user_ids:
            if link.user:
                notes.append(f"There is no user {shortened(link.user)} in this data; you see another one.")
            link = replace(link, user=default_user(data))
        try:
            scene = self.load(link, data, run)
        except LabError as error:
            notes.append(f"The weights of run {link.run} could not be loaded: {error}. Choose another run.")
            scene = Scene(self, link, (), data, run, None, None, None, ())
        if link.item not in data.item_ids:
            if link.item:
                notes.append(f"There is no item {shortened(link.item)} in this data; you see another one.")
            link = replace(link, item=_default_item(scene))
        return replace(scene, link=link, notes=tuple(notes))

    def follow(self, scene: Scene, link: Link) -> Scene:
        """Open a link of resolved parts; where it names the run, the weights and the knobs of a scene, nothing is looked up."""
        here = scene.link
        is_here = here.only("run", "epoch", *KNOB_OF) == link.only("run", "epoch", *KNOB_OF)
        is_whole = bool(link.user and link.item and (link.modality or not scene.data.modalities))
        if is_here and is_whole and link.run not in link.runs:
            return replace(scene, link=link, notes=())
        return self.open(replace(link, item="") if scene.trained is None and link.item == _default_item(scene) else link)

    def dataset(self, link: Link) -> Dataset:
        """Open a link's data; a folder in which anything changed is read anew.

        Raises:
            DataError: It can't be opened, is not what its layout promises, or is not open to this class.
        """
        limits.check_data(link)
        options = link.options
        limits.check_world(options)
        name = link.data or STUDIO
        cache = self._dropped if dropped.is_kept(name) else self._data  # what visitors bring must not push out what all look at
        return cache.get((name, *options.items(), () if name == STUDIO else folder_state(name)), lambda: open_data(name, **options))

    def of_run(self, run: Run, user: str = "", item: str = "") -> Scene:
        """Return the scene of a run wherever it lies, on its own data: for one of its users and one item, or the defaults.

        Raises:
            RunError: Its data changed, or it has no trained SRGFormer.
            UnknownIdError: There is no such user or item.
        """
        data = run.open_data()
        user = data.user_ids[data.user_row(user)] if user else default_user(data)
        link = Link(run=run.name, user=user, modality=next(iter(data.modalities), "")).to_source(run.config.source)
        scene = self.load(link, data, run)
        item = data.item_ids[data.item_row(item)] if item else _default_item(scene)
        return replace(scene, link=replace(link, item=item))

    def load(self, link: Link, data: Dataset, run: Run | None) -> Scene:
        """Load weights and make the pass; nothing where there is no trained SRGFormer."""
        if run is None:
            return Scene(self, link, (), data, None, None, None, None, ())
        path = run.weights_path(weights_of(link))
        weights = (data.fingerprint, str(path.resolve()), file_stamp(path))
        if run.config.model_name != "srgformer" or not run.weights_path("best").exists():
            return Scene(self, link, (), data, run, None, None, None, weights)
        limits.check_opening(data, run)
        model, trained = self._weights.get(weights, lambda: trained_pass(run, data, weights_of(link)))
        moved = {name: value for name, value in link.knobs.items() if _knobs(trained)[name] != value}
        trace = trained
        if moved:
            trace = self._passes.get((weights, *sorted(moved.items())), lambda: _with_own_hooks(trained).fuse(**moved))
        return Scene(self, link, (), data, run, model, trained, trace, weights)


SESSION = Session()
"""The one of this process."""


def weights_of(link: Link) -> int | str:
    """Return which weights of its run a link looks at: those of an epoch, or the best."""
    return "best" if link.epoch is None else link.epoch


def _with_own_hooks(trace: Trace) -> Trace:
    """Return the same pass with hooks of its own: weighing it anew installs edits there, and visitors do that at the same time."""
    return replace(trace, hooks=Hooks(trace.hooks.modality))


def _knobs(trace: Trace) -> dict[str, float]:
    return {name: getattr(trace.config, name) for name in MODEL_KNOBS}


def _default_item(scene: Scene) -> str:
    """Return the first item of the user's list, or without a model the first item of the history."""
    if scene.trained is not None and len(ranking := scene.ranking()):
        return str(ranking["item_id"].iloc[0])
    return (*scene.data.history(scene.link.user), *scene.data.item_ids)[0]
