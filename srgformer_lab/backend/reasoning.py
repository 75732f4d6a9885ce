"""What lies behind a score beyond the sum of its parts: what made a person belong to a hyperedge, and what could be added."""

import pandas as pd

from srgformer_lab.analysis.explanation import Explanation
from srgformer_lab.analysis.hyperedges import hyperedge_cards
from srgformer_lab.analysis.paths import hypergraph_paths
from srgformer_lab.backend.scene import NOTHING_TRAINED, Scene
from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.errors import RunError
from srgformer_lab.models.trace import Trace

MOST_ADDABLE = 30
_cards = Shelf(16)


def membership_paths(look: Scene) -> pd.DataFrame:
    """Share the hypergraph part of the view's score among the history, one possible way, as ``hypergraph_paths`` does.

    Columns: ``item_id``, ``title``, one for each modality, ``total``; the row without an id is what even memberships give.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    if look.trace is None:
        raise RunError(NOTHING_TRAINED)
    paths = hypergraph_paths(look.trace, look.data, look.view.user, look.view.item)
    table = paths.pivot_table(index="item_id", columns="modality", values="contribution", aggfunc="sum", sort=False, fill_value=0.0)
    titles = paths.drop_duplicates("item_id").set_index("item_id")["title"]
    table = table.rename_axis(columns=None).assign(total=table.sum(axis=1))
    table.insert(0, "title", titles.reindex(table.index))
    return table.reset_index()


def carrying_hyperedges(look: Scene, why: Explanation, count: int = 4) -> pd.DataFrame:
    """List the user's hyperedges that moved a score of the scene most, the largest in size first; none that did not.

    Columns: ``modality``, ``hyperedge``, ``membership`` of the user, ``contribution``, and from the hyperedge's card ``top_items``
    and ``words``.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    trace, edges = look.trace, why.hyperedges
    if trace is None:
        raise RunError(NOTHING_TRAINED)
    mine = edges[(edges["side"] == "user") & (edges["contribution"] != 0)].drop(columns="side")
    mine = mine.loc[mine["contribution"].abs().sort_values(ascending=False, kind="stable").index].head(count)
    if not len(mine):
        return mine.assign(top_items=[], words=[])
    cards = pd.concat([_cards_of(look, trace, name) for name in mine["modality"].unique()])
    return mine.merge(cards[["modality", "hyperedge", "top_items", "words"]], on=["modality", "hyperedge"], how="left")


def _cards_of(look: Scene, trace: Trace, modality: str) -> pd.DataFrame:
    key = (modality, *look.key())
    return _cards.get(key, lambda: hyperedge_cards(trace, look.data, modality, n_items=4))


def addable_items(look: Scene, ranking: pd.DataFrame) -> list[str]:
    """Name items that a what-if can put into the view's history: those chosen together first, then the first of the list."""
    known = {*look.data.history(look.view.user), look.view.item}
    return [item for item in dict.fromkeys([*look.view.chosen_items, *ranking["item_id"].head(MOST_ADDABLE)]) if item not in known]
