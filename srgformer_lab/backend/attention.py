"""What the attention of a scene looks at, and whether that matters; what is slow to find is found once."""

import pandas as pd

from srgformer_lab.analysis.attention import attention_entropy
from srgformer_lab.analysis.faithfulness import Faithfulness, faithfulness, removal_effects
from srgformer_lab.backend.background import BackgroundTask
from srgformer_lab.backend.scene import Scene
from srgformer_lab.statistics import rank_correlation

ALL_HEADS = -1
"""Stands for the mean over the heads."""
AT_ONCE = 300_000
"""Up to so many interactions times removals, taking things away takes a second or so and is done without being asked."""
N_USERS = 20, 50, 100, 200
"""Over how many people attention may be tested."""


def heads_of(scene: Scene) -> range:
    """Return the numbers of the heads that can be looked at; none of a model without attention."""
    return range(scene.trained.config.n_heads if scene.trained is not None else 0)


def claims_of(scene: Scene) -> tuple[str, ...]:
    """Return what a model claims of a history, columns of ``removals``: attention first, where there is any, then contribution."""
    return ("attention", "contribution") if scene.trained is not None else ("contribution",)


def head_weights(scene: Scene, head: int = ALL_HEADS) -> pd.Series:
    """Return the weight that a head, or all of them on average, gives each item of the user's history, by item id, the largest first."""
    heads = scene.explanation().heads
    chosen = heads if head == ALL_HEADS else heads[heads["head"] == head]
    return chosen.groupby("item_id", sort=False)["weight"].mean().sort_values(ascending=False, kind="stable")


def removals(scene: Scene) -> BackgroundTask[pd.DataFrame]:
    """Take each item of the user's history away and see what it costs the link's item, as ``removal_effects`` gives it."""
    user, item = scene.link.user, scene.link.item
    key = ("removals", user, item, *scene.key)
    n_steps = len(scene.data.history(user)) * len(scene.data.interactions.user)
    return BackgroundTask(key, lambda watch: removal_effects(scene.own_model(), scene.data, user, item, watch=watch), n_steps <= AT_ONCE)


def of_head(effects: pd.DataFrame, weights: pd.Series) -> pd.DataFrame:
    """Put other weights in the place of ``attention``."""
    return effects.assign(attention=effects["removed"].map(weights))


def correlations(scene: Scene, effects: pd.DataFrame) -> pd.DataFrame:
    """Return the rank correlation of each claim with the true effects: ``claim`` (contribution, attention or a head), ``spearman``.

    NaN where one side has no order. A model without attention claims contributions alone.
    """
    claims = {"contribution": effects["contribution"]}
    claims |= {"attention": effects["attention"]} if scene.trace is not None else {}
    claims |= {f"head {head}": effects["removed"].map(head_weights(scene, head)) for head in scene.explanation().heads["head"].unique()}
    found = [(name, rank_correlation(claim.to_numpy(), effects["effect"].to_numpy())) for name, claim in claims.items()]
    return pd.DataFrame(found, columns=["claim", "spearman"])


def many(scene: Scene, n_users: int = N_USERS[0]) -> BackgroundTask[Faithfulness]:
    """Set attention and contribution against true removals over a sample of so many users, or of all where there are fewer."""
    n_users = min(n_users, scene.data.n_users)
    key = ("faithfulness", n_users, *scene.key)
    return BackgroundTask(key, lambda watch: faithfulness(scene.own_model(), scene.data, n_users, watch=watch))


def spread(scene: Scene, head: int = ALL_HEADS) -> pd.DataFrame:
    """Say how evenly the attention of each user is spread, in one head or on average: ``user_id``, ``items``, ``entropy`` (0 to 1).

    Users with a single item are left out.

    Raises:
        RunError: There is no trained SRGFormer to ask.
    """
    rows = scene.keep("entropy", lambda: attention_entropy(scene.require_trace(), scene.data)).dropna()
    chosen = rows if head == ALL_HEADS else rows[rows["head"] == head]
    return chosen.groupby("user_id", as_index=False, sort=False).agg({"items": "first", "entropy": "mean"})
