"""What the attention of a scene looks at, and whether that matters; what is slow to find is found once."""

import pandas as pd

from srgformer_lab.errors import RunError
from srgformer_lab.explain.attending import attention_entropy
from srgformer_lab.explain.faithfulness import Faithfulness, Watch, faithfulness, removal_effects
from srgformer_lab.model.srgformer import SRGFormer
from srgformer_lab.statistics import rank_correlation
from srgformer_lab.workspace.scene import NOTHING_TRAINED, Scene, weights_of
from srgformer_lab.workspace.shelf import Shelf

ALL_HEADS = -1
"""Stands for the mean over the heads."""
AT_ONCE = 300_000
"""Up to so many interactions times removals, taking things away is done without being asked."""
N_USERS = 20

_kept = Shelf(64)


def head_weights(look: Scene, head: int = ALL_HEADS) -> pd.Series:
    """Give the weight that a head, or all of them on average, gives each item of the user's history, by item id, the largest first."""
    heads = look.explanation().heads
    chosen = heads if head == ALL_HEADS else heads[heads["head"] == head]
    return chosen.groupby("item_id", sort=False)["weight"].mean().sort_values(ascending=False, kind="stable")


def knows_removals(look: Scene) -> bool:
    """Tell whether ``removals`` is there already, or there as good as at once."""
    return _removals_key(look) in _kept or len(look.data.history(look.view.user)) * len(look.data.interactions.user) <= AT_ONCE


def removals(look: Scene, watch: Watch = iter) -> pd.DataFrame:
    """Take each item of the user's history away and see what it costs the view's item, as ``removal_effects`` gives it.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    return _kept.get(_removals_key(look), lambda: removal_effects(_own_model(look), look.data, look.view.user, look.view.item, watch=watch))


def of_head(effects: pd.DataFrame, weights: pd.Series) -> pd.DataFrame:
    """Put other weights in the place of ``attention``."""
    return effects.assign(attention=effects["removed"].map(weights))


def correlations(look: Scene, effects: pd.DataFrame) -> pd.DataFrame:
    """Give the rank correlation of each claim with the true effects: ``claim`` (contribution, attention or a head), ``spearman``.

    NaN where one side has no order.
    """
    claims = {"contribution": effects["contribution"], "attention": effects["attention"]}
    claims |= {f"head {head}": effects["removed"].map(head_weights(look, head)) for head in look.explanation().heads["head"].unique()}
    found = [(name, rank_correlation(claim.to_numpy(), effects["effect"].to_numpy())) for name, claim in claims.items()]
    return pd.DataFrame(found, columns=["claim", "spearman"])


def knows_faithfulness(look: Scene) -> bool:
    """Tell whether ``faithfulness_of`` has been computed already."""
    return ("faithfulness", *look.key()) in _kept


def faithfulness_of(look: Scene, watch: Watch = iter) -> Faithfulness:
    """Set attention and contribution against true removals over a sample of users.

    Raises:
        RunError: There is no trained SRGFormer to ask.
        DataError: Too few users have a history that could be ranked.
    """
    return _kept.get(("faithfulness", *look.key()), lambda: faithfulness(_own_model(look), look.data, N_USERS, watch=watch))


def spread(look: Scene, head: int = ALL_HEADS) -> pd.DataFrame:
    """Say how evenly the attention of each user is spread, in one head or on average: ``user_id``, ``items``, ``entropy`` (0 to 1).

    Users with a single item are left out.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    trace = look.trace
    if trace is None:
        raise RunError(NOTHING_TRAINED)
    rows = _kept.get(("entropy", *look.key()), lambda: attention_entropy(trace, look.data)).dropna()
    chosen = rows if head == ALL_HEADS else rows[rows["head"] == head]
    return chosen.groupby("user_id", as_index=False, sort=False).agg({"items": "first", "entropy": "mean"})


def _removals_key(look: Scene) -> tuple[object, ...]:
    return ("removals", look.view.user, look.view.item, *look.key())


def _own_model(look: Scene) -> SRGFormer:
    """Load the weights anew, so that what takes long keeps nobody else waiting."""
    if look.run is None or look.model is None:
        raise RunError(NOTHING_TRAINED)
    model = look.run.model(look.data, weights_of(look.view))
    assert isinstance(model, SRGFormer)
    model.turn(**look.knobs)
    return model
