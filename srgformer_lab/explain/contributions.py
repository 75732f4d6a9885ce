"""Why this item? The exact table of parts that a score is made of."""

from dataclasses import dataclass

import pandas as pd
import torch

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.model.ranking import rank_items
from srgformer_lab.model.srgformer import SRGFormer
from srgformer_lab.model.trace import Trace


@dataclass(frozen=True, eq=False)
class Explanation:
    """One user, one item, and what made the score."""

    user_id: str
    item_id: str
    title: str
    score: float
    """⟨e*_u, e*_i⟩ as the model ranks by it."""
    rank: int | None
    """Place among all items that may be shown to the user; None for an item the user is known to have."""
    parts: pd.DataFrame
    """``user_part``, ``item_part``, ``contribution``: ⟨e_u^(p), e_i^(q)⟩ for every pair of parts; the cells sum to the score."""

    @property
    def by_part(self) -> pd.DataFrame:
        """``part``, ``contribution``: half of a part's row plus half of its column, so that the shares sum to the score."""
        table = self.parts.pivot(index="user_part", columns="item_part", values="contribution")
        names = list(self.parts["user_part"].unique())
        share = (table.sum(axis=1) + table.sum(axis=0)) / 2
        return pd.DataFrame({"part": names, "contribution": share.loc[names].to_numpy()})

    @property
    def residual(self) -> float:
        """Score minus the sum of the cells: rounding alone."""
        return self.score - float(self.parts["contribution"].sum())

    def __repr__(self) -> str:
        """Say the score, the rank and the strongest part."""
        strongest = self.by_part.loc[self.by_part["contribution"].abs().idxmax()]
        place = f"rank {self.rank}" if self.rank else "already known to the user"
        return (
            f"Explanation({self.title!r} for user {self.user_id}: score {self.score:.4g}, {place}; "
            f"strongest part {strongest['part']} {strongest['contribution']:+.3g})"
        )


def explain(model: SRGFormer | Trace, data: Dataset, user_id: str, item_id: str) -> Explanation:
    """Split a score exactly into its parts: id, each modality, attention and hypergraph, on both sides.

    The fused embeddings are sums of parts, so the score is Σ_{p,q} ⟨e_u^(p), e_i^(q)⟩: an identity, not an estimate. Cells are
    computed in float64 from the embeddings of the pass itself.

    Raises:
        UnknownIdError: No user or item has that id.

    Source: spec section 8.
    """
    trace = model if isinstance(model, Trace) else model.trace()
    user, item = data.user_row(user_id), data.item_row(item_id)
    names = list(trace.parts)
    of_user = torch.stack([part.users[user] for part in trace.parts.values()]).double()
    of_item = torch.stack([part.items[item] for part in trace.parts.values()]).double()
    cells = (of_user @ of_item.T).cpu().numpy()  # (user parts, item parts)
    rows = [(p, q, cells[i, j]) for i, p in enumerate(names) for j, q in enumerate(names)]
    ranking = rank_items(trace, data, user_id)
    place = ranking.loc[ranking["item_id"] == data.item_ids[item], "rank"]
    return Explanation(
        user_id=data.user_ids[user],
        item_id=data.item_ids[item],
        title=data.cards.titles[item],
        score=float(trace.fused.users[user] @ trace.fused.items[item]),
        rank=int(place.iloc[0]) if len(place) else None,
        parts=pd.DataFrame(rows, columns=["user_part", "item_part", "contribution"]),
    )
