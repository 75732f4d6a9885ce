"""Why this item, and why this whole list: what scores are made of, down to history items, heads and hyperedges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
import torch
from torch import Tensor

from srgformer_lab.analysis.decomposition import NodeComponents, components_towards, node_components, node_names
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import Id, on_own_data
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.ranking import rank_of, recommend
from srgformer_lab.models.reading import Reading
from srgformer_lab.models.removals import Removals
from srgformer_lab.models.trace import Trace
from srgformer_lab.models.walks import Walks

Explainable = Recommender | Trace | Reading
"""What can be asked why: any model, a pass that was made, or a model that was read already."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """One user, one item, and what made the score: the same number taken apart in several ways, each of which adds up to it.

    Norms, attention weights and memberships are held at their values, so a share says what the score consists of. What
    happens when something is really taken away, ``what_if`` finds out by running the model again.
    """

    user_id: str
    item_id: str
    title: str
    score: float
    """⟨e*_u, e*_i⟩ of the vectors that the model ranks by, multiplied in float64."""
    rank: int | None
    """Place among all items that may be shown to the user; None for an item the user is known to have."""
    parts: pd.DataFrame
    """``user_part``, ``item_part``, ``contribution``: ⟨e_u^(p), e_i^(q)⟩ for every pair of parts; the cells sum to the score."""
    _nodes: dict[str, NodeComponents] = field(repr=False)
    absent: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For each modality that the item lacks, a sentence that says what its part is then."""
    note: str = field(default="", repr=False)
    """How the history enters this model's scores, in a sentence; empty where the shares need no word."""

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

    @cached_property
    def components(self) -> pd.DataFrame:
        """Everything at once: the components of both ``side``s, each with every part of the other side.

        ``side`` (user, item), ``part``, ``other_part``, ``source`` (own, neighbor, similar, hyperedge, everyone, rest, edit),
        ``neighbor_id``, ``title``, ``depth``, ``head``, ``modality``, ``hyperedge``, ``contribution``. Within a side, the components of
        a part and an other part sum to that cell of ``parts``; all components of a side sum to the score.
        """
        return pd.concat([side.long(name) for name, side in self._nodes.items()], ignore_index=True)

    @cached_property
    def sources(self) -> pd.DataFrame:
        """Where the user's side of the score came from: ``kind``, ``id``, ``name``, ``contribution``; sums to the score.

        ``own`` is the user's own layer-0 embedding, ``history`` an item of the history (over id, modalities and attention),
        ``hyperedge`` one of a modality, ``everyone`` what is the same for all users, ``rest`` what no history item brings alone,
        ``edit`` what a hook put in.
        """
        return self._nodes["user"].sources("history")

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row a history item, the largest first: ``item_id``, ``title``, a column a part, ``total``, attention ``weight``."""
        return self._nodes["user"].neighbors("item_id")

    @cached_property
    def audience(self) -> pd.DataFrame:
        """The same from the item's side: one row for each user who has the item, by ``user_id``.

        With the item's own share and its hyperedges, the totals sum to the score.
        """
        return self._nodes["item"].neighbors("user_id").drop(columns="title")

    @cached_property
    def heads(self) -> pd.DataFrame:
        """The attention part of the user's side: ``item_id``, ``title``, ``head``, ``weight``, ``contribution``."""
        return self._nodes["user"].heads("item_id")

    @cached_property
    def depths(self) -> pd.DataFrame:
        """The linear parts of the user's side: ``item_id``, ``title``, ``part``, ``depth``, ``contribution``.

        ``depth`` counts the steps of propagation; a walk of several belongs to the history item that it went to first.
        """
        return self._nodes["user"].depths("item_id")

    @cached_property
    def similar(self) -> pd.DataFrame:
        """Through which items that look or read alike FREEDOM or MGCN knows it: ``item_id``, ``title``, ``modality``, ``contribution``.

        They sum to the parts of the modalities; an item stands among those that are like it. Other models have none.
        """
        return self._nodes["item"].similar()

    @cached_property
    def hyperedges(self) -> pd.DataFrame:
        """Both sides' hypergraph parts: ``side``, ``modality``, ``hyperedge``, ``membership``, ``contribution``."""
        return pd.concat([side.hyperedges().assign(side=name) for name, side in self._nodes.items()], ignore_index=True)[
            ["side", "modality", "hyperedge", "membership", "contribution"]
        ]

    def own(self, side: str = "user") -> float:
        """Return the share of the node's own layer-0 embedding, and of an item's own features where E^m has no layers.

        Args:
            side: ``user`` or ``item``.

        Returns:
            A part of the score, in its unit.

        Raises:
            ConfigError: ``side`` is neither.
        """
        if side not in self._nodes:
            raise ConfigError(f"side={side!r} must be one of {', '.join(self._nodes)}")
        total = self._nodes[side].components.total
        return float(total.loc[total["source"] == "own", "contribution"].sum())

    def __repr__(self) -> str:
        """Say the score, the rank, the strongest part and the strongest item of the history."""
        strongest = self.by_part.loc[self.by_part["contribution"].abs().idxmax()]
        place = f"rank {self.rank}" if self.rank else "already known to the user"
        top = self.history.head(1)
        because = f"; because of {top['title'].iloc[0]!r} {top['total'].iloc[0]:+.3g}" if len(top) else "; nothing of it from the history"
        return (
            f"Explanation({self.title!r} for user {self.user_id}: score {self.score:.4g}, {place}; "
            f"strongest part {strongest['part']} {strongest['contribution']:+.3g}{because})"
        )


@on_own_data
def explain(model: Explainable, data: Dataset, user_id: Id, item_id: Id) -> Explanation:
    """Compute what a score is made of: split it exactly into its parts, and each part into what it came from.

    The vectors of a user and an item are sums of parts, so the score is Σ_{p,q} ⟨e_u^(p), e_i^(q)⟩: an identity, not an estimate. Each
    part is again a sum, over neighbours and depths, heads, or hyperedges. All is computed in float64 from the factors of the pass itself.
    Every model says of itself what its parts are. One that is no sum over the history, such as MultVAE, is run again without each item
    of it; what each removal takes, and the rest, sum to the score. ``note`` says so, and how the history enters other models.

    Args:
        model: Any model, a pass that was made, or what ``read_for`` made.
        user_id: Whose score.
        item_id: Of which item; it may be one that the user has.
        data: The model's own data; may be left out or stand second.

    Returns:
        The score, the rank, and tables each of which adds up to the score.

    Raises:
        UnknownIdError: No user or item has that id.
        DataError: The model was made for other data.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> abs(lab.explain(model, "u1", "i3").residual) < 1e-9
        True

    Source: E* as a sum of parts is Eq. 15 of the paper (arXiv 2511.00584); the rest is linear algebra.
    """
    user, item = data.user_row(user_id), data.n_users + data.item_row(item_id)
    reading = read_for(model, user)
    of_user, of_item = _aligned(reading.parts(user), reading.parts(item))
    names = list(of_user)
    user_parts, item_parts = (torch.stack(list(parts.values())) for parts in (of_user, of_item))
    cells = (user_parts @ item_parts.T).cpu().numpy()  # (user parts, item parts)
    rows = [(p, q, cells[i, j]) for i, p in enumerate(names) for j, q in enumerate(names)]
    return Explanation(
        user_id=str(user_id),
        item_id=str(item_id),
        title=data.cards.titles[item - data.n_users],
        score=float(user_parts.sum(0) @ item_parts.sum(0)),
        rank=rank_of(reading, data, user, item - data.n_users),
        parts=pd.DataFrame(rows, columns=["user_part", "item_part", "contribution"]),
        _nodes={
            "user": node_components(reading, user, item_parts, names),
            "item": node_components(reading, item, user_parts, names),
        },
        absent=reading.absent(item - data.n_users),
        note=reading.note,
    )


def _aligned(first: dict[str, Tensor], second: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return both the same names in the same order; a part that one of them lacks is 0 there."""
    names = list(dict.fromkeys([*first, *second]))
    zero = torch.zeros_like(next(iter(first.values())))
    return tuple({name: parts.get(name, zero) for name in names} for parts in (first, second))  # type: ignore[return-value]


REASON_COLUMNS = ["rank", "item_id", "title", "score", "place", "kind", "reason_id", "reason", "contribution"]


@on_own_data
def reasons(model: Explainable, data: Dataset, user_id: Id, k: int = 10, n: int = 3) -> pd.DataFrame:
    """Return the n largest reasons for each of the k items recommended to a user.

    A reason is an item of the history (``history``), a hyperedge (``hyperedge``), the user's own embedding (``own``) or another kind of
    ``Explanation.sources``. Reasons that hurt are not listed, so an item may have fewer than n.

    Args:
        model: Any model, a pass that was made, or what ``read_for`` made.
        user_id: Whose list.
        k: Items, from 1.
        n: Reasons for each, from 1.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``rank``, ``item_id``, ``title``, ``score``, ``place`` (1 is the largest), ``kind``, ``reason_id``, ``reason``,
        ``contribution`` (above 0, in the score's unit).

    Raises:
        UnknownIdError: No user has that id.
        ConfigError: ``k`` or ``n`` is not positive.
        DataError: The model was made for other data.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> lab.reasons(model, "u1", k=3)["item_id"].nunique()
        3
    """
    if n < 1:
        raise ConfigError(f"n={n} must be at least 1: how many reasons to give for an item")
    reading = read_for(model, data.user_row(user_id))
    listed = recommend(reading, data, user_id, k)
    if not len(listed):
        return pd.DataFrame(columns=REASON_COLUMNS)
    components = components_towards(reading, data.user_row(user_id), [data.item_row(item) for item in listed["item_id"]])
    index, names = components.index, node_names(data)
    keys = pd.DataFrame(
        {
            "kind": index["source"].replace("neighbor", "history"),
            "reason_id": names.id[index["neighbor"]],
            "reason": names.label(index),
        }
    )
    columns = [keys.assign(item_id=item, contribution=components.values[:, place]) for place, item in enumerate(listed["item_id"])]
    every = pd.concat(columns, ignore_index=True)
    long = every.groupby(["item_id", *keys], sort=False, as_index=False)["contribution"].sum()
    long = long[long["contribution"] > 0].sort_values("contribution", ascending=False, kind="stable")
    long["place"] = long.groupby("item_id").cumcount() + 1
    found = listed.merge(long[long["place"] <= n], on="item_id").sort_values(["rank", "place"], ignore_index=True)
    return found[REASON_COLUMNS]


def read_for(model: Explainable, *users: int) -> Reading:
    """Read a model such that some user rows' scores can be taken apart; what was read already is returned."""
    if isinstance(model, Reading):
        return model
    if isinstance(model, Trace):
        return Walks(model)
    return model.reading(torch.tensor(users)) or Removals(model)
