"""Where things that were chosen on one page stand on another."""

import pandas as pd

from srgformer_lab.backend.scene import Scene
from srgformer_lab.backend.structure import Hyperedges
from srgformer_lab.models.ranking import compare_lists


def chosen_places(look: Scene) -> pd.DataFrame:
    """Say where the items that were chosen together stand for the view's user, as trained and under the view's knobs, the best first.

    Columns: ``item_id``, ``rank_before`` (as trained), ``rank_after``, ``moved`` (places risen); <NA> for what the user has already
    and is therefore not ranked, which comes last.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    moved = compare_lists(look.ranking(as_trained=True), look.ranking(), look.data.n_items).set_index("item_id")
    places = moved[["rank_before", "rank_after", "moved"]].astype("Int64").reindex(list(look.view.chosen_items))
    return places.rename_axis("item_id").sort_values("rank_after", kind="stable", na_position="last").reset_index()


def items_of_hyperedge(look: Scene) -> list[str]:
    """Return the ids of the items whose first hyperedge is the one that the view names; none where it names none that the model has."""
    view = look.view
    if not view.hyperedge or look.trace is None or view.modality not in look.trace.hypergraph:
        return []
    home = Hyperedges(look, view.modality).home
    return list(home.index[home.eq(int(view.hyperedge)).fillna(False)])
