"""Where a scene's pictures, texts and fused points lie towards each other, found once for all visitors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from srgformer_lab import plots
from srgformer_lab.analysis.alignment import NeighborAgreement, cosines, cross_modal_recall, geometry, neighbor_agreement
from srgformer_lab.analysis.projection import Projection, project
from srgformer_lab.analysis.spaces import unit_vectors
from srgformer_lab.backend.background import BackgroundTask
from srgformer_lab.backend.scene import Scene, Value
from srgformer_lab.backend.structure import before_training
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.protocol import Watch
from srgformer_lab.models.trace import Trace

MOST_ROWS = 6_000
"""Items drawn at most; of more, a sample."""
STILL = 0.005
"""Shares that differ by no more are called the same."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """The items of a scene in the spaces of its first two modalities and in the fused one."""

    scene: Scene
    trace: Trace

    @classmethod
    def of(cls, scene: Scene) -> "Alignment":
        """Take a scene that has a trained model.

        Raises:
            RunError: It has none.
        """
        return cls(scene, scene.require_trace())

    @property
    def pair(self) -> tuple[str, str] | None:
        """The modalities that are set side by side: the first two that the model has; none of fewer."""
        names = tuple(self.trace.modality)
        return (names[0], names[1]) if len(names) > 1 else None

    @property
    def spaces(self) -> tuple[str, ...]:
        """What is drawn: the pair and the fused space."""
        return (*tuple(self.trace.modality)[:2], "fused")

    def projection(self) -> Projection:
        """Draw all spaces in the plane of the two directions in which they differ most (PCA)."""
        return self._keep("pca", lambda: self._project("pca"))

    def umap(self) -> BackgroundTask[Projection]:
        """Draw all spaces so that neighbourhoods are kept (UMAP), which takes up to half a minute."""

        def compute(watch: Watch) -> Projection:
            return next(self._project("umap") for _ in watch([0]))

        return BackgroundTask(("umap", *self.scene.key), compute)

    def recall(self) -> pd.DataFrame:
        """Ask how often an item's vector in one modality finds its own in the other; see ``cross_modal_recall``, and ``untrained``."""
        sizes = tuple(k for k in (1, 5, 10) if k < self.scene.data.n_items)
        found, before = self._twice("recall", lambda trace: cross_modal_recall(trace, *self._both(), k=sizes))
        return found.assign(untrained=before["recall"])

    def cosines(self) -> pd.DataFrame:
        """Return the cosines of own pairs and of strangers; see ``cosines``."""
        return self._keep("cosines", lambda: cosines(self.trace, *self._both()))

    def geometry(self) -> pd.DataFrame:
        """Measure alignment, uniformity and the modality gap; see ``geometry``, and ``untrained``."""
        found, before = self._twice("geometry", lambda trace: geometry(trace, *self._both()))
        return found.assign(untrained=before["value"])

    def neighbors(self) -> NeighborAgreement:
        """Measure which share of an item's nearest ones two modalities have in common; see ``neighbor_agreement``."""
        k = min(10, self.scene.data.n_items - 2)
        return self._keep("neighbors", lambda: neighbor_agreement(self.trace, self.scene.data, *self._both(), k=k))

    def since_training(self) -> str:
        """Say in words what training changed in how often a modality finds its other."""
        if self.scene.link.epoch == 0:
            return ""
        recall, weight = self.recall(), self._contrast_weight()
        k = int(recall["k"].max())
        then, now = recall.loc[recall["k"] == k, ["untrained", "recall"]].mean()
        verb = "rose" if now > then + STILL else "fell" if now < then - STILL else "stayed"
        first, last = (plots.metric_value(f"recall@{k}", share) for share in (then, now))
        moved = f"{verb} from {first} before training to {last}" if verb != "stayed" else f"stayed at {last}, as before training"
        trained = f"The run was trained with γ = {plots.setting(weight)}."
        return f"Over both directions, the share that finds its own among the top {k} {moved}. {trained}"

    def nearest(self, item_id: str, count: int = 12) -> pd.DataFrame:
        """List the items whose fused embeddings are nearest to an item's by cosine: ``item_id``, ``cosine`` (−1 to 1), the nearest first.

        Raises:
            UnknownIdError: No item has that id.
        """
        data, row = self.scene.data, self.scene.data.item_row(item_id)
        vectors, _ = unit_vectors(self.trace, "fused", "items")
        cosine = (vectors @ vectors[row]).numpy()
        order = [place for place in np.argsort(-cosine, kind="stable") if place != row][:count]
        return pd.DataFrame({"item_id": [data.item_ids[place] for place in order], "cosine": cosine[order]})

    def items_at(self, projection: Projection, places: Sequence[int]) -> list[str]:
        """Name the items of some points, each once, in the points' order."""
        return list(dict.fromkeys(projection.points["id"].iloc[list(places)]))

    def _project(self, method: str) -> Projection:
        sample = MOST_ROWS if self.scene.data.n_items > MOST_ROWS else None
        return project(self.trace, self.scene.data, self.spaces, method=method, sample=sample)

    def _both(self) -> tuple[str, str]:
        if self.pair is None:
            raise ConfigError(f"the model has {len(self.trace.modality)} modality; two are needed to ask whether they agree")
        return self.pair

    def _contrast_weight(self) -> float:
        assert self.scene.run is not None
        return self.scene.run.config.train.modality_contrast_weight

    def _keep(self, name: str, compute: Callable[[], Value]) -> Value:
        return self.scene.keep(name, compute)

    def _twice(self, name: str, compute: Callable[[Trace], Value]) -> tuple[Value, Value]:
        """Return what is found in the scene's pass, and in the untrained one."""
        return self._keep(name, lambda: compute(self.trace)), before_training(self.scene, name, compute)
