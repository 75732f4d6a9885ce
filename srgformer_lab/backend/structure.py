"""What the hyperedges of a scene hold, beside each other, beside known categories and from epoch to epoch; each found once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from srgformer_lab.analysis.grouping import (
    NO_HOME,
    Agreement,
    against_labels,
    agreement,
    homes,
    hyperedge_river,
    item_labels,
    item_membership,
    memberships,
    visible_labels,
)
from srgformer_lab.analysis.hyperedges import hyperedge_cards, hyperedge_incidence, hyperedge_members
from srgformer_lab.backend.scene import NOTHING_TRAINED, Scene, trained_pass
from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.backend.slow import Slow
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError, RunError
from srgformer_lab.models.protocol import Watch
from srgformer_lab.models.trace import Trace

MOST_CATEGORIES = 60
"""A column of the item table with more different values than this tells no categories."""

Value = TypeVar("Value")
AT_ONCE = 150_000
"""Up to so many interactions times epochs, the river is drawn without being asked for."""
_kept = Shelf(96)


@dataclass(frozen=True, eq=False)
class Hyperedges:
    """The hyperedges of one modality, under the epoch and the knobs of a scene."""

    look: Scene
    modality: str

    @property
    def cards(self) -> pd.DataFrame:
        """One row a hyperedge, as ``hyperedge_cards`` gives it, its purity by the categories that are known."""
        return self._keep("cards", lambda: hyperedge_cards(self._trace, self.look.data, self.modality, labels=self._labels))

    @property
    def chosen(self) -> int:
        """The view's hyperedge, or the largest."""
        if self.look.view.hyperedge and int(self.look.view.hyperedge) < len(self.cards):
            return int(self.look.view.hyperedge)
        return int(self.cards.loc[self.cards["mass"].idxmax(), "hyperedge"])

    def largest(self, most: int) -> list[dict[str, Any]]:
        """Return the largest of the ``cards``, the largest first; the chosen one and those of items chosen together in any case."""
        by_mass, wanted = self.cards.sort_values("mass", ascending=False, kind="stable").to_dict("records"), {self.chosen, *self.held}
        return [card for place, card in enumerate(by_mass) if place < most or card["hyperedge"] in wanted]

    @property
    def members(self) -> pd.DataFrame:
        """The items that are most in the chosen one."""
        return hyperedge_members(self._trace, self.look.data, self.modality, self.chosen)

    @property
    def home(self) -> pd.Series:
        """The hyperedge in which an item's membership is largest, by item id; <NA> for one whose memberships are all the same."""

        def find() -> pd.Series:
            found = pd.Series(homes(item_membership(self._trace, self.modality)), index=list(self.look.data.item_ids))
            return found.astype("Int64").mask(found == NO_HOME)

        return self._keep("home", find)

    @property
    def held(self) -> dict[int, int]:
        """How many of the items that the view names together have a hyperedge as their first, by its number; those with none left out."""
        return self.home[list(self.look.view.chosen_items)].value_counts().to_dict()

    @property
    def held_items(self) -> pd.Series:
        """Those of them that have the chosen one as their first: their membership in it (0 to 1) by item id, the largest first."""
        together = self.home[list(self.look.view.chosen_items)]
        rows = [self.look.data.item_row(item_id) for item_id in together.index[together.eq(self.chosen).fillna(False)]]
        membership = item_membership(self._trace, self.modality)[rows, self.chosen]
        return pd.Series(membership, index=[self.look.data.item_ids[row] for row in rows]).sort_values(ascending=False, kind="stable")

    @property
    def share_of_user(self) -> float:
        """How far the view's user is in the chosen one, from 0 to 1."""
        rows = memberships(self._trace, self.modality).users
        return float(rows[self.look.data.user_row(self.look.view.user), self.chosen])

    @property
    def incidence(self) -> pd.DataFrame:
        """Items × hyperedges, an even sample."""
        return self._keep("incidence", lambda: hyperedge_incidence(self._trace, self.look.data, self.modality))

    @property
    def others(self) -> list[str]:
        """The other modalities that the model has hyperedges of."""
        return [name for name in self._trace.hypergraph if name != self.modality]

    def beside(self, other: str) -> Agreement:
        """Say how far another modality groups the items alike."""
        return self._keep(("beside", other), lambda: agreement(self._trace, self.look.data, self.modality, other))

    def beside_categories(self) -> Agreement | None:
        """Say how far the hyperedges tell the items' known categories; nothing where none are known."""
        labels = self._labels
        if labels is None:
            return None
        return self._keep("categories", lambda: against_labels(self._trace, self.look.data, self.modality, labels))

    def river(self) -> Slow[pd.DataFrame]:
        """Say how the items flow between hyperedges over the epochs that the run kept, at its trained knobs."""
        run, data, modality = self.look.run, self.look.data, self.modality
        if run is None:
            raise RunError(NOTHING_TRAINED)

        def find(watch: Watch) -> pd.DataFrame:
            traces = {epoch: trained_pass(run, data, epoch)[1] for epoch in watch(run.epochs())}
            return hyperedge_river(traces, data, modality)

        stamps = tuple((epoch, run.weights_path(epoch).stat().st_mtime_ns) for epoch in run.epochs())
        at_once = len(stamps) * len(data.interactions.user) <= AT_ONCE
        return Slow(("river", modality, data.fingerprint, str(run.path.resolve()), stamps), find, at_once)

    @property
    def _trace(self) -> Trace:
        if self.look.trace is None:
            raise RunError(NOTHING_TRAINED)
        return self.look.trace

    @property
    def _labels(self) -> pd.Series | None:
        return categories(self.look.data, self.modality)

    def _keep(self, what: object, make: Callable[[], Value]) -> Value:
        return _kept.get((what, self.modality, *self.look.key()), make)


def categories(data: Dataset, modality: str) -> pd.Series | None:
    """Return each item's category: the planted groups that a modality shows, or the first column with few words; None if neither."""
    if data.truth is not None:
        try:
            return visible_labels(data, modality)
        except DataError:
            return item_labels(data)
    details = data.cards.details
    for column in details.columns:
        if not pd.api.types.is_numeric_dtype(details[column]):
            labels = item_labels(data, column)
            if 1 < labels[labels != ""].nunique() <= MOST_CATEGORIES:
                return labels
    return None
