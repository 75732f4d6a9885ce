"""What a page that says why can ask of a scene: what the item hangs on, which things are like it, and what can be added."""

import pandas as pd

from srgformer_lab.analysis.explanation import Explanation
from srgformer_lab.analysis.flips import Flip, flip
from srgformer_lab.backend.background import BackgroundTask
from srgformer_lab.backend.scene import Scene

LOST_PLACES = {"the first place": 1, "the first ten": 10}
"""What an item may be taken off, in words."""
MOST_ADDABLE = 30


def places_to_lose(why: Explanation, ranking: pd.DataFrame) -> dict[str, int]:
    """Return what an item can be taken off: the first place if it has it, the first ten if it is among them and the list goes on."""
    return {words: k for words, k in LOST_PLACES.items() if why.rank and why.rank <= k < len(ranking)}


def hangs_on(scene: Scene, k: int) -> BackgroundTask[Flip]:
    """Look for the fewest things of the user's history without which the link's item is off the first k, as ``flip`` does.

    Where no history enters a score, the answer is there at once.
    """
    user, item, of = scene.link.user, scene.link.item, scene.of(scene.link.item)
    is_instant = of.reading is not None and not of.reading.reads_history
    return BackgroundTask(
        ("hangs on", k, user, item, *scene.key), lambda watch: flip(of.own_model(), of.data, user, item, k, watch=watch), is_instant
    )


def similar_items(why: Explanation) -> pd.DataFrame:
    """Set side by side what each item that looks or reads alike hands over: ``item_id``, ``title``, one column a modality, ``total``."""
    table = why.similar.pivot_table(index=["item_id", "title"], columns="modality", values="contribution", aggfunc="sum", fill_value=0.0)
    table = table.rename_axis(columns=None).assign(total=table.sum(axis=1))
    return table.reset_index().sort_values("total", ascending=False, kind="stable", ignore_index=True)


def addable_items(scene: Scene, ranking: pd.DataFrame) -> list[str]:
    """Name items that a what-if can put into the link's history: those chosen together first, then the first of the list."""
    known = {*scene.data.history(scene.link.user), scene.link.item}
    return [item for item in dict.fromkeys([*scene.link.items, *ranking["item_id"].head(MOST_ADDABLE)]) if item not in known]
