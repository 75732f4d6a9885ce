"""Somebody new, who is known only by what they say they like: their list, and which of the things they like speaks for each item."""

import pandas as pd

from srgformer_lab.analysis.explanation import explain
from srgformer_lab.analysis.newcomers import add_user
from srgformer_lab.backend.session import Scene
from srgformer_lab.models.ranking import rank_items
from srgformer_lab.models.srgformer import SRGFormer

NEWCOMER = "somebody new"
LISTED = 8
"""Items of their list that are explained."""


def newcomer_list(scene: Scene) -> pd.DataFrame:
    """Recommend to somebody who likes just the items that a link chose together, without training.

    Columns: ``item_id``, ``title``, ``rank``, ``score``, and ``because``, the id of the liked item that adds most to the score, with
    what it ``adds``; the first ``LISTED`` of the list, and no rows where nothing is chosen.

    Raises:
        RunError: There is no trained SRGFormer to ask.
        DataError: The data has somebody of this name.
    """
    liked = scene.link.items
    columns = ["item_id", "title", "rank", "score", "because", "adds"]
    if not liked:
        return pd.DataFrame(columns=columns)

    def compute() -> pd.DataFrame:
        scene.require_trace()
        own = scene.own_model()
        assert isinstance(own, SRGFormer)  # else there is no pass
        model, data = add_user(own, scene.data, liked, NEWCOMER)
        trace = model.trace()
        found = rank_items(trace, data, NEWCOMER).head(LISTED)
        rows = []
        for row in found.to_dict("records"):
            history = explain(trace, data, NEWCOMER, row["item_id"]).history
            best = history.loc[history["total"].idxmax()]
            rows.append({**row, "because": best["item_id"], "adds": float(best["total"])})
        return pd.DataFrame(rows)[columns]

    return scene.keep(("newcomer", liked), compute)
