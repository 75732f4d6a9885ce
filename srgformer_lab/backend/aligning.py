"""Where a scene's pictures, texts and fused points lie towards each other, found once for all visitors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.analysis.alignment import NeighborAgreement, cosines, cross_modal_recall, geometry, neighbor_agreement
from srgformer_lab.analysis.projection import Projection, project
from srgformer_lab.backend.scene import NOTHING_TRAINED, Scene, scene
from srgformer_lab.backend.shelf import Shelf, Value
from srgformer_lab.backend.slow import Slow
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.models.protocol import Watch
from srgformer_lab.models.trace import Trace

MOST_ROWS = 6_000
"""Items drawn at most; of more, a sample."""
MOST_ITEMS = 60
"""Items that a link carries at most."""
STILL = 0.005
"""Shares that differ by no more are called the same."""
_kept = Shelf(64)


@dataclass(frozen=True, eq=False)
class Alignment:
    """The items of a scene in the spaces of its first two modalities and in the fused one."""

    look: Scene
    trace: Trace

    @classmethod
    def of(cls, look: Scene) -> "Alignment":
        """Take a scene that has a trained model.

        Raises:
            RunError: It has none.
        """
        if look.trace is None:
            raise RunError(NOTHING_TRAINED)
        return cls(look, look.trace)

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

    def umap(self) -> Slow[Projection]:
        """Draw all spaces so that neighbourhoods are kept (UMAP), which takes up to half a minute."""

        def find(watch: Watch) -> Projection:
            return next(self._project("umap") for _ in watch([0]))

        return Slow(("umap", *self.look.key()), find)

    def recall(self) -> pd.DataFrame:
        """Ask how often an item's vector in one modality finds its own in the other; see ``cross_modal_recall``."""
        sizes = tuple(k for k in (1, 5, 10) if k < self.look.data.n_items)
        return self._keep("recall", lambda: cross_modal_recall(self.trace, *self._both(), k=sizes))

    def cosines(self) -> pd.DataFrame:
        """Return the cosines of own pairs and of strangers; see ``cosines``."""
        return self._keep("cosines", lambda: cosines(self.trace, *self._both()))

    def geometry(self) -> pd.DataFrame:
        """Measure alignment, uniformity and the modality gap; see ``geometry``."""
        return self._keep("geometry", lambda: geometry(self.trace, *self._both()))

    def neighbors(self) -> NeighborAgreement:
        """Measure which share of an item's nearest ones two modalities have in common; see ``neighbor_agreement``."""
        k = min(10, self.look.data.n_items - 2)
        return self._keep("neighbors", lambda: neighbor_agreement(self.trace, self.look.data, *self._both(), k=k))

    def before_training(self) -> "Alignment | None":
        """Return the same of the run's first weights, where the run kept them."""
        if self.look.run is None or 0 not in self.look.run.epochs():
            return None
        return Alignment.of(scene(replace(self.look.view, epoch="0")))

    def since_training(self) -> str:
        """Say in words what training changed in how often a modality finds its other."""
        before = self.before_training()
        if before is None or self.look.view.epoch == "0":
            return ""
        (then, now), weight = (_mean_recall(other.recall()) for other in (before, self)), self._contrast_weight()
        verb = "rose" if now > then + STILL else "fell" if now < then - STILL else "stayed"
        k = int(self.recall()["k"].max())
        first, last = (plots.metric_value(f"recall@{k}", share) for share in (then, now))
        moved = f"{verb} from {first} before training to {last}" if verb != "stayed" else f"stayed at {last}, as before training"
        trained = f"The run was trained with γ = {plots.setting(weight)}."
        return f"Over both directions, the share that finds its own among the top {k} {moved}. {trained}"

    def items_at(self, projection: Projection, places: Sequence[int]) -> list[str]:
        """Name the items of some points, each once, in the points' order."""
        return list(dict.fromkeys(projection.points["id"].iloc[list(places)]))

    def _project(self, method: str) -> Projection:
        sample = MOST_ROWS if self.look.data.n_items > MOST_ROWS else None
        return project(self.trace, self.look.data, self.spaces, method=method, sample=sample)

    def _both(self) -> tuple[str, str]:
        if self.pair is None:
            raise ConfigError(f"the model has {len(self.trace.modality)} modality; two are needed to ask whether they agree")
        return self.pair

    def _contrast_weight(self) -> float:
        assert self.look.run is not None
        return self.look.run.config.train.modality_contrast_weight

    def _keep(self, name: str, make: Callable[[], Value]) -> Value:
        return _kept.get((name, *self.look.key()), make)


def _mean_recall(recall: pd.DataFrame) -> float:
    return float(recall.loc[recall["k"] == recall["k"].max(), "recall"].mean())
