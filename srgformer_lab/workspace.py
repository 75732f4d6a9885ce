"""What the apps look at: data sets, runs and passes, loaded once for all visitors of a process.

Visitors are threads of one process, and a page reload starts a visitor anew, so whatever is heavy lives here: bounded, locked and
read-only. A link can be old or mistyped, so what it says is checked here against what there is.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from threading import Lock
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd

from srgformer_lab.config import MODEL_KNOBS, ModelConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.source import open_data
from srgformer_lab.errors import DataError, LabError, RunError, UnknownIdError
from srgformer_lab.explain.contributions import Explanation, explain
from srgformer_lab.learn.evaluation import SELECTION_METRIC, evaluate, metric_surface
from srgformer_lab.learn.run import RUNS, Run, list_runs, shipped_run
from srgformer_lab.model.baselines.popularity import Popularity
from srgformer_lab.model.ranking import rank_items
from srgformer_lab.model.srgformer import SRGFormer
from srgformer_lab.model.trace import Trace

STUDIO, SHIPPED = "studio", "shipped"
USUAL_HISTORY = 12
SURFACE_SCALES = tuple(round(0.15 * step, 2) for step in range(8))
SCORES_AT_ONCE = 2_000_000
"""Below so many user–item pairs, an evaluation is quick enough to follow a slider."""

Value = TypeVar("Value")


class Shelf:
    """A bounded store that computes each value once, whoever asks at the same time, and drops what was not asked for longest."""

    def __init__(self, bound: int) -> None:
        """Keep at most ``bound`` values."""
        self.bound = bound
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Give the value of ``key``; ``make`` it first if it isn't here. An error of ``make`` is raised and not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._values[key] = value
                while len(self._values) > self.bound:
                    self._values.popitem(last=False)
        return value


_data, _traces, _fused, _numbers = Shelf(3), Shelf(4), Shelf(16), Shelf(64)


@dataclass(frozen=True)
class View:
    """What is being looked at, in the words of a link. Empty means the usual: built-in data, best run, trained knobs."""

    data: str = ""
    """``studio``, or the path of a folder."""
    min_rating: str = ""
    k_core: str = ""
    run: str = ""
    """The name of a run folder, or ``shipped``."""
    user: str = ""
    item: str = ""
    alpha: str = field(default="", metadata={"knob": "attention_scale"})
    beta: str = field(default="", metadata={"knob": "hypergraph_scale"})
    tau: str = field(default="", metadata={"knob": "membership_temperature"})
    theme: str = ""

    @classmethod
    def of(cls, *sources: Mapping[str, Any]) -> Self:
        """Read a view from link parameters or command-line arguments; the first source that names something decides."""
        values: dict[str, str] = {}
        for source in sources:
            given = {str(name).replace("-", "_"): str(value) for name, value in source.items() if value is not None}
            values = {name: given[name] for name in VIEW_NAMES if given.get(name)} | values
        return cls(**values)

    def to_dict(self) -> dict[str, str]:
        """Give the view as link parameters, the empty ones too."""
        return asdict(self)

    def replace(self, **changes: str) -> Self:
        """Give a copy with some parts changed."""
        return replace(self, **changes)

    def only(self, *names: str) -> Self:
        """Give a copy that says nothing but these parts."""
        return type(self)(**{name: getattr(self, name) for name in names})

    @property
    def options(self) -> dict[str, float | int]:
        """The reader's options.

        Raises:
            DataError: One isn't a number.
        """
        options: dict[str, float | int] = {}
        for name, kind in (("min_rating", float), ("k_core", int)):
            if text := getattr(self, name):
                try:
                    options[name] = kind(text)
                except ValueError as error:
                    raise DataError(f"{name}={text!r} must be a {'whole ' if kind is int else ''}number, such as 5") from error
        return options


VIEW_NAMES = tuple(item.name for item in fields(View))
KNOB_OF = {item.name: item.metadata["knob"] for item in fields(View) if "knob" in item.metadata}


@dataclass(frozen=True, eq=False)
class Scene:
    """A view with everything that it names: data, run, and the pass under the view's knobs."""

    view: View
    data: Dataset
    run: Run | None
    trained: Trace | None
    """The pass of the run's best epoch as it was trained; none without a run, or for a run of another model."""
    trace: Trace | None
    """The same weights under the view's knobs."""

    @property
    def knobs(self) -> dict[str, float]:
        """α, β and membership τ in force."""
        return knobs_of(self.trace) if self.trace else {}

    @property
    def trained_knobs(self) -> dict[str, float]:
        """α, β and membership τ as trained."""
        return knobs_of(self.trained) if self.trained else {}

    @property
    def explanation(self) -> Explanation:
        """Why the view's item stands where it stands for the view's user.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        return explain(self._pass(), self.data, self.view.user, self.view.item)

    def ranking(self, trained: bool = False) -> pd.DataFrame:
        """Rank all items for the view's user, under its knobs or as trained.

        Raises:
            RunError: There is no trained SRGFormer to ask.
        """
        return rank_items(self._pass(trained), self.data, self.view.user)

    def quality(self, trained: bool = False) -> dict[str, float]:
        """Evaluate on the validation split, under the view's knobs or as trained; known results are kept."""
        trace, key = self._pass(trained), ("quality", _run_key(self.run), tuple(knobs_of(self._pass(trained)).values()))
        return _numbers.get(key, lambda: evaluate(trace, self.data, "valid"))

    def surface(self, metric: str = SELECTION_METRIC) -> pd.DataFrame:
        """Evaluate α against β at the view's τ, on a grid that holds the trained values; known surfaces are kept."""
        trace, trained = self._pass(), self.trained_knobs
        scales = {name: sorted({*SURFACE_SCALES, trained[name]}) for name in MODEL_KNOBS[:2]}
        key = ("surface", _run_key(self.run), self.knobs["membership_temperature"], metric)
        return _numbers.get(key, lambda: self._locked_surface(trace, scales, metric))

    def has_surface(self, metric: str = SELECTION_METRIC) -> bool:
        """Tell whether ``surface`` is known already, or so quick that nobody waits."""
        return ("surface", _run_key(self.run), self.knobs["membership_temperature"], metric) in _numbers or self.is_small

    @property
    def is_small(self) -> bool:
        """Whether the data is small enough to evaluate the model while a slider moves."""
        return self.data.n_users * self.data.n_items <= SCORES_AT_ONCE

    def _locked_surface(self, trace: Trace, scales: Mapping[str, list[float]], metric: str) -> pd.DataFrame:
        with _fusing:
            return metric_surface(trace, self.data, scales["attention_scale"], scales["hypergraph_scale"], metric=metric)

    def _pass(self, trained: bool = False) -> Trace:
        trace = self.trained if trained else self.trace
        if trace is None:
            raise RunError("no trained SRGFormer is loaded; choose a run of SRGFormer on the Start page, or train one")
        return trace
