"""What the hyperedges and the attention of a scene mean, beside the same model before its first step; each is found once."""

from collections.abc import Callable, Hashable

import pandas as pd

from srgformer_lab.analysis.structure import beside_untrained, structure, untrained
from srgformer_lab.backend.cache import Cache
from srgformer_lab.backend.scene import Scene, Value
from srgformer_lab.models.trace import Trace

_first_passes = Cache(4)
"""What is found in them is kept for longer than the passes themselves, which are large."""


def before_training(scene: Scene, name: Hashable, compute: Callable[[Trace], Value]) -> Value:
    """Return what is computed of the untrained model: the settings of the scene's run and the knobs of its link, not a step taken.

    Args:
        scene: A scene with a trained model.
        name: What is computed; it is computed once for the same data, settings and knobs, whatever the run.
        compute: What to do with the untrained pass.

    Raises:
        RunError: There is no trained SRGFormer.
    """
    trained, knobs = scene.require_trace(as_trained=True), scene.knobs
    key = ("untrained", scene.data.fingerprint, trained.config)

    def compute_once() -> Value:
        first: Trace = _first_passes.get(key, lambda: untrained(trained).trace())
        return compute(first if knobs == scene.trained_knobs else first.fuse(**knobs))

    return scene.keep(name, compute_once, (*key, *knobs.values()))


def learned_structure(scene: Scene) -> pd.DataFrame:
    """Measure what hyperedges and attention mean under the link's epoch and knobs; the columns are those of ``measure_structure``.

    Raises:
        RunError: There is no trained SRGFormer.
    """

    def measure(trace: Trace) -> pd.DataFrame:
        return structure(trace, scene.data)

    found = scene.keep("structure", lambda: measure(scene.require_trace()))
    return beside_untrained(found, before_training(scene, "structure", measure))


def compared_structure(sides: dict[str, Scene]) -> pd.DataFrame:
    """Set the structure of several scenes beside one another: ``run`` and the columns of ``measure_structure``.

    Models without hyperedges and attention, such as LightGCN, have no rows.
    """
    tables = [learned_structure(scene).assign(run=name) for name, scene in sides.items() if scene.trace is not None]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"run": [], "measure": [], "modality": []})
