"""From the words of a view to the data, the run and the pass that they name."""

from copy import copy
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import pandas as pd

from srgformer_lab.analysis.counterfactual import Change, WhatIf, what_if
from srgformer_lab.analysis.explanation import Explanation, Versus, explain, versus
from srgformer_lab.backend import class_room
from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.backend.view import KNOB_OF, SHIPPED, STUDIO, View
from srgformer_lab.config import MODEL_KNOBS
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.source import open_data
from srgformer_lab.errors import LabError, RunError
from srgformer_lab.models.ranking import rank_items
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.evaluation import SELECTION_METRIC, evaluate, metric_surface
from srgformer_lab.training.files import changed_at
from srgformer_lab.training.managing import runs_on, shipped_run
from srgformer_lab.training.run import RUNS, Run

SURFACE_SCALES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
QUICK_PAIRS = 2_000_000
"""Up to so many user–item pairs, an evaluation is quick enough to follow a slider."""
NOTHING_TRAINED = "no trained SRGFormer is loaded; choose a run of SRGFormer on the Start page, or train one"

_data, _trained, _fused, _numbers = Shelf(3), Shelf(8), Shelf(16), Shelf(64)
_turns = Lock()
"""Weighing a pass anew and running a model with something different set hooks on it for a moment, so visitors take turns."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A view with everything that it names."""

    view: View
    data: Dataset
    run: Run | None
    trained: Trace | None
    """The pass of the view's epoch as it was trained; none without a run, or for a run of another model."""
    trace: Trace | None
    """The same weights under the view's knobs."""
    model: SRGFormer | None = None
    """The weights themselves, shared by all visitors: read only, under ``_turns``."""

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

    def explanation(self) -> Explanation:
        """Say why the view's item stands where it stands for the view's user.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        return explain(self._pass(), self.data, self.view.user, self.view.item)

    def versus(self, item_id: str) -> Versus:
        """Say what makes the difference between the view's item and another one.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        return versus(self._pass(), self.data, self.view.user, self.view.item, item_id)

    def what_if(self, *changes: Change) -> WhatIf:
        """Run the model again under the view's knobs with something different, for the view's user and item.

        Raises:
            RunError: There is no trained SRGFormer to ask.
            LabError: A change does not fit the data or the model.
        """
        if self.model is None:
            raise RunError(NOTHING_TRAINED)
        weighed = copy(self.model)
        weighed.update_knobs(**self.knobs)
        with _turns:
            return what_if(weighed, self.data, self.view.user, *changes, item_id=self.view.item)

    def ranking(self, as_trained: bool = False) -> pd.DataFrame:
        """Rank all items for the view's user, under its knobs or as trained.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        return rank_items(self._pass(as_trained), self.data, self.view.user)

    def quality(self, as_trained: bool = False) -> dict[str, float]:
        """Evaluate on the validation split, under the view's knobs or as trained.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        trace = self._pass(as_trained)
        key = ("quality", self._run_key(), *_knobs(trace).values())
        return _numbers.get(key, lambda: evaluate(trace, self.data, "valid"))

    def surface(self, metric: str = SELECTION_METRIC) -> pd.DataFrame:
        """Evaluate α against β at the view's τ, on a grid that holds the trained values.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        trace = self._pass()
        alphas, betas = (sorted({*SURFACE_SCALES, self.trained_knobs[name]}) for name in MODEL_KNOBS[:2])

        def compute() -> pd.DataFrame:
            with _turns:
                return metric_surface(trace, self.data, alphas, betas, metric=metric)

        return _numbers.get(self._surface_key(metric), compute)

    def knows_surface(self, metric: str = SELECTION_METRIC) -> bool:
        """Return whether ``surface`` has been computed already."""
        return self._surface_key(metric) in _numbers

    def _surface_key(self, metric: str) -> tuple[object, ...]:
        return ("surface", metric, self._run_key(), self.knobs["membership_temperature"])

    def key(self) -> tuple[object, ...]:
        """Return apart what follows from the data, the weights and the knobs."""
        return (*self._run_key(), *self.knobs.values())

    def _run_key(self) -> tuple[object, ...]:
        return (self.data.fingerprint, *_weights_stamp(self.run, weights_of(self.view))) if self.run else ()

    def _pass(self, as_trained: bool = False) -> Trace:
        trace = self.trained if as_trained else self.trace
        if trace is None:
            raise RunError(NOTHING_TRAINED)
        return trace


def dataset(view: View) -> Dataset:
    """Open a view's data, once for all visitors; a folder that changed is read anew.

    Raises:
        DataError: It can't be opened, is not what its layout promises, or is not open to this class.
    """
    class_room.check_data(view)
    options = view.options
    return _data.get((view.data, *options.items(), _folder_stamp(view.data)), lambda: open_data(view.data or STUDIO, **options))


def runs_of(data: Dataset) -> dict[str, Run]:
    """Name the runs of this data in the working folder, the newest first, and the shipped one if it is its own."""
    runs = {run.name: run for run in runs_on(data, RUNS)}
    shipped = _shipped()
    return runs | ({SHIPPED: shipped} if shipped and data.matches(shipped.config.fingerprint) else {})


def find_run(name: str) -> Run:
    """Open a run by the name that a link knows it by.

    Raises:
        RunError: There is none of that name, or it is damaged.
    """
    if name == SHIPPED:
        return shipped_run()
    run = Run(RUNS / name)
    if Path(name).name != name or not run.path.is_dir():
        raise RunError(f"there is no run {name!r} in {RUNS.resolve()}; choose one of those that the Train page lists")
    return Run.open(run.path)


def scene(view: View) -> Scene:
    """Load what a settled view names.

    Raises:
        LabError: Something that it names is gone or damaged.
    """
    data = dataset(view)
    run = find_run(view.run) if view.run else None
    if run is None or run.config.model_name != "srgformer" or not run.weights_path("best").exists():
        return Scene(view, data, run, None, None)
    weights = weights_of(view)
    stamp = (data.fingerprint, *_weights_stamp(run, weights))
    model, trained = _trained.get(stamp, lambda: trained_pass(run, data, weights))
    knobs = {knob: float(text) for name, knob in KNOB_OF.items() if (text := getattr(view, name))}
    return Scene(view, data, run, trained, _weighed(trained, stamp, knobs), model)


def weights_of(view: View) -> int | str:
    """Say which weights of its run a view looks at: those of an epoch, or the best."""
    return int(view.epoch) if view.epoch else "best"


def trained_pass(run: Run, data: Dataset, epoch: int | str = "best") -> tuple[SRGFormer, Trace]:
    """Load a run's weights and make a pass.

    Raises:
        RunError: The run is of another model or of other data, or there are no weights of that epoch.
    """
    model = run.model(data, epoch)
    if not isinstance(model, SRGFormer):
        raise RunError(f"run {run.name} is no SRGFormer; choose another")
    return model, model.trace()


def _weighed(trained: Trace, stamp: tuple[object, ...], knobs: dict[str, float]) -> Trace:
    if all(_knobs(trained)[name] == value for name, value in knobs.items()):
        return trained

    def compute() -> Trace:
        with _turns:
            return trained.fuse(**knobs)

    return _fused.get((stamp, *sorted(knobs.items())), compute)


def _knobs(trace: Trace) -> dict[str, float]:
    return {name: getattr(trace.config, name) for name in MODEL_KNOBS}


def _weights_stamp(run: Run, epoch: int | str) -> tuple[str, int]:
    path = run.weights_path(epoch)
    return (str(path.resolve()), changed_at(path))


def _folder_stamp(path: str) -> int:
    """Return the latest change of a data folder's own files and features."""
    if path in ("", STUDIO):
        return 0
    folders = [Path(path), Path(path) / "features"]
    return max((changed_at(file) for folder in folders if folder.is_dir() for file in folder.iterdir()), default=0)


def _shipped() -> Run | None:
    """Return the shipped run; an installation without it still opens."""
    try:
        return shipped_run()
    except LabError:
        return None
