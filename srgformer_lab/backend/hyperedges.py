"""What the hyperedges of a scene hold, beside one another, beside known categories, from epoch to epoch, and behind one score."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from srgformer_lab.analysis.explanation import Explanation
from srgformer_lab.analysis.grouping import (
    NO_HOME,
    Agreement,
    against_labels,
    agreement,
    categories,
    homes,
    item_membership,
    memberships,
)
from srgformer_lab.analysis.hyperedges import hyperedge_cards, hyperedge_incidence, hyperedge_members
from srgformer_lab.analysis.paths import hypergraph_paths
from srgformer_lab.analysis.rivers import hyperedge_river
from srgformer_lab.backend.background import BackgroundTask
from srgformer_lab.backend.notes import matching_hyperedges, with_notes
from srgformer_lab.backend.runs import trained_pass
from srgformer_lab.backend.scene import NOTHING_TRAINED, Scene, Value
from srgformer_lab.backend.structure import before_training, learned_structure
from srgformer_lab.errors import RunError
from srgformer_lab.models.protocol import Watch
from srgformer_lab.models.ranking import compare_lists
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.files import file_stamp

AT_ONCE = 150_000
"""Up to so many interactions times epochs, the river is drawn without being asked for."""


@dataclass(frozen=True, eq=False)
class Hyperedges:
    """The hyperedges of one modality, under the epoch and the knobs of a scene."""

    scene: Scene
    modality: str

    @property
    def cards(self) -> pd.DataFrame:
        """One row a hyperedge, as ``hyperedge_cards`` gives it, its purity by the categories that are known."""
        return self._keep("cards", lambda: hyperedge_cards(self._trace, self.scene.data, self.modality, labels=self._labels))

    @property
    def chosen(self) -> int:
        """The link's hyperedge, or the one in which the link's user is most."""
        if self.scene.link.hyperedge is not None and self.scene.link.hyperedge < len(self.cards):
            return self.scene.link.hyperedge
        return int(memberships(self._trace, self.modality).users[self.scene.data.user_row(self.scene.link.user)].argmax())

    @property
    def named_cards(self) -> pd.DataFrame:
        """The ``cards`` with the ``name`` and the ``note`` that people gave."""
        return with_notes(self.scene, self.cards)

    def largest(self, most: int, words: str = "") -> list[dict[str, Any]]:
        """Return the largest of the ``named_cards`` that hold all words, the largest first.

        Without words, the chosen one and those of items chosen together are among them in any case.
        """
        found = matching_hyperedges(self.named_cards, words)
        by_mass = found.sort_values("mass", ascending=False, kind="stable").to_dict("records")
        wanted = {self.chosen, *self.held}
        return [card for place, card in enumerate(by_mass) if place < most or card["hyperedge"] in wanted]

    @property
    def members(self) -> pd.DataFrame:
        """The items that are most in the chosen one."""
        return hyperedge_members(self._trace, self.scene.data, self.modality, self.chosen)

    @property
    def home(self) -> pd.Series:
        """The hyperedge in which an item's membership is largest, by item id; <NA> for one whose memberships are all the same."""

        def compute() -> pd.Series:
            found = pd.Series(homes(item_membership(self._trace, self.modality)), index=list(self.scene.data.item_ids))
            return found.astype("Int64").mask(found == NO_HOME)

        return self._keep("home", compute)

    @property
    def held(self) -> dict[int, int]:
        """How many of the items that the link names together have a hyperedge as their first, by its number; those with none left out."""
        return self.home[list(self.scene.link.items)].value_counts().to_dict()

    @property
    def held_items(self) -> pd.Series:
        """Those of them that have the chosen one as their first: their membership in it (0 to 1) by item id, the largest first."""
        together = self.home[list(self.scene.link.items)]
        rows = [self.scene.data.item_row(item_id) for item_id in together.index[together.eq(self.chosen).fillna(False)]]
        membership = item_membership(self._trace, self.modality)[rows, self.chosen]
        return pd.Series(membership, index=[self.scene.data.item_ids[row] for row in rows]).sort_values(ascending=False, kind="stable")

    @property
    def share_of_user(self) -> float:
        """How far the link's user is in the chosen one, from 0 to 1."""
        rows = memberships(self._trace, self.modality).users
        return float(rows[self.scene.data.user_row(self.scene.link.user), self.chosen])

    @property
    def incidence(self) -> pd.DataFrame:
        """Items × hyperedges, an even sample."""
        return self._keep("incidence", lambda: hyperedge_incidence(self._trace, self.scene.data, self.modality))

    @property
    def others(self) -> list[str]:
        """The other modalities that the model has hyperedges of."""
        return [name for name in self._trace.hypergraph if name != self.modality]

    @property
    def learned(self) -> pd.DataFrame:
        """How much all of them mean and how they are used, beside the untrained model: rows of ``measure_structure``."""
        rows = learned_structure(self.scene)
        return rows[rows["modality"] == self.modality]

    def untrained(self, measure: str) -> float:
        """Return a measure of ``learned`` before training; NaN where it is not measured."""
        rows = self.learned
        return float(rows.loc[rows["measure"] == measure, "untrained"].max())

    def beside_untrained(self, other: str) -> float:
        """Return the NMI of both modalities' hyperedges before training."""
        data, modality = self.scene.data, self.modality
        return before_training(self.scene, ("beside", modality, other), lambda trace: agreement(trace, data, modality, other).nmi)

    def beside(self, other: str) -> Agreement:
        """Say how far another modality groups the items alike."""
        return self._keep(("beside", other), lambda: agreement(self._trace, self.scene.data, self.modality, other))

    def beside_categories(self) -> Agreement | None:
        """Say how far the hyperedges tell the items' known categories; nothing where none are known."""
        labels = self._labels
        if labels is None:
            return None
        return self._keep("categories", lambda: against_labels(self._trace, self.scene.data, self.modality, labels))

    def river(self) -> BackgroundTask[pd.DataFrame]:
        """Say how the items flow between hyperedges over the epochs that the run kept, at its trained knobs."""
        run, data, modality = self.scene.run, self.scene.judged.data, self.modality
        if run is None:
            raise RunError(NOTHING_TRAINED)

        def compute(watch: Watch) -> pd.DataFrame:
            traces = {epoch: trained_pass(run, data, epoch)[1] for epoch in watch(run.epochs())}
            return hyperedge_river(traces, data, modality)

        stamps = tuple((epoch, file_stamp(run.weights_path(epoch))) for epoch in run.epochs())
        at_once = len(stamps) * len(data.interactions.user) <= AT_ONCE
        return BackgroundTask(("river", modality, data.fingerprint, str(run.path.resolve()), stamps), compute, at_once)

    @property
    def _trace(self) -> Trace:
        return self.scene.require_trace()

    @property
    def _labels(self) -> pd.Series | None:
        return categories(self.scene.data, self.modality)

    def _keep(self, what: Hashable, compute: Callable[[], Value]) -> Value:
        return self.scene.keep((what, self.modality), compute)


def chosen_places(scene: Scene) -> pd.DataFrame:
    """Say where the items that were chosen together stand for the link's user, as trained and under the link's knobs, the best first.

    Columns: ``item_id``, ``rank_before`` (as trained), ``rank_after``, ``moved`` (places risen); <NA> for what the user has already
    and is therefore not ranked, which comes last.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    moved = compare_lists(scene.ranking(as_trained=True), scene.ranking(), scene.data.n_items).set_index("item_id")
    places = moved[["rank_before", "rank_after", "moved"]].astype("Int64").reindex(list(scene.link.items))
    return places.rename_axis("item_id").sort_values("rank_after", kind="stable", na_position="last").reset_index()


def items_of_hyperedge(scene: Scene) -> list[str]:
    """Return the ids of the items whose first hyperedge is the one that the link names; none where it names none that the model has."""
    link = scene.link
    if link.hyperedge is None or scene.trace is None or link.modality not in scene.trace.hypergraph:
        return []
    home = Hyperedges(scene, link.modality).home
    return list(home.index[home.eq(link.hyperedge).fillna(False)])


def membership_paths(scene: Scene) -> pd.DataFrame:
    """Share the hypergraph part of the link's score among the history, one possible way, as ``hypergraph_paths`` does.

    Columns: ``item_id``, ``title``, one for each modality, ``total``; the row without an id is what even memberships give.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    paths = hypergraph_paths(scene.require_trace(), scene.data, scene.link.user, scene.link.item)
    table = paths.pivot_table(index="item_id", columns="modality", values="contribution", aggfunc="sum", sort=False, fill_value=0.0)
    titles = paths.drop_duplicates("item_id").set_index("item_id")["title"]
    table = table.rename_axis(columns=None).assign(total=table.sum(axis=1))
    table.insert(0, "title", titles.reindex(table.index))
    return table.reset_index()


def carrying_hyperedges(scene: Scene, why: Explanation, count: int = 4) -> pd.DataFrame:
    """List the user's hyperedges that moved a score of the scene most, the largest in size first; none that did not.

    Columns: ``modality``, ``hyperedge``, ``membership`` of the user, ``contribution``, ``top_items`` and ``words`` from the
    hyperedge's card, and the ``name`` and ``note`` that people gave it.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    edges = why.hyperedges
    mine = edges[(edges["side"] == "user") & (edges["contribution"] != 0)].drop(columns="side")
    mine = mine.loc[mine["contribution"].abs().sort_values(ascending=False, kind="stable").index].head(count)
    if not len(mine):
        return mine.assign(top_items=[], words=[], name=[], note=[])
    trace = scene.require_trace()
    cards = pd.concat([_cards_of(scene, trace, name) for name in mine["modality"].unique()])
    shown = mine.merge(cards[["modality", "hyperedge", "top_items", "words"]], on=["modality", "hyperedge"], how="left")
    return with_notes(scene, shown)


def _cards_of(scene: Scene, trace: Trace, modality: str) -> pd.DataFrame:
    return scene.keep(("small cards", modality), lambda: hyperedge_cards(trace, scene.data, modality, n_items=4))
