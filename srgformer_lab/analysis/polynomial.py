"""A person's scores at any α and β: of one item, a polynomial of second degree in them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import Id, on_own_data
from srgformer_lab.models.ranking import top_k
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace

TERMS = ("constant", "attention", "hypergraph", "attention²", "hypergraph²", "attention·hypergraph")
"""What the coefficients stand before: 1, α, β, α², β², αβ."""


@on_own_data
def score_polynomial(model: SRGFormer | Trace, data: Dataset, user_id: Id) -> pd.DataFrame:
    """Compute the coefficients from which a user's scores follow at any α and β, without the model.

    Each node's vector is a + α b + β c: what neither scales, the unit vector of attention, and that of the hypergraph. So a score is
    ⟨a_u, a_i⟩ + α (⟨a_u, b_i⟩ + ⟨b_u, a_i⟩) + β (⟨a_u, c_i⟩ + ⟨c_u, a_i⟩) + α² ⟨b_u, b_i⟩ + β² ⟨c_u, c_i⟩ + αβ (⟨b_u, c_i⟩ + ⟨c_u, b_i⟩).

    Args:
        model: A model, or a pass that was made; edits of the pass count.
        user_id: Whose scores.
        data: The model's own data; may be left out or stand second.

    Returns:
        One row an item, in the order of the item rows: ``item_id``, and the coefficients ``TERMS``, in double precision.

    Raises:
        UnknownIdError: No user has that id.
        ConfigError: The pass edits the fused vectors, whose scores are no such polynomial.
        DataError: The model was made for other data.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> lab.score_polynomial(model, "u1").shape
        (240, 7)
    """
    user = data.user_row(user_id)
    whole = (model if isinstance(model, Trace) else model.trace_for([user])).fuse(attention_scale=1.0, hypergraph_scale=1.0)
    fused = whole.fused
    a = sum((part.values for name, part in whole.parts.items() if name not in TERMS), torch.zeros_like(fused.values))
    groups = {"constant": a, "attention": whole.parts["attention"].values, "hypergraph": whole.parts["hypergraph"].values}
    if not torch.allclose(sum(groups.values(), torch.zeros_like(a)), fused.values, rtol=0, atol=1e-5 * float(fused.values.abs().max())):
        raise ConfigError("the pass edits the fused vectors, so its scores are no polynomial in α and β; take that edit out")
    vectors = [fused.with_values(values.double()) for values in groups.values()]
    person = torch.tensor([user], device=whole.nodes.device)
    found = np.array([[(v.items @ u.of(person)[0]).cpu().numpy() for v in vectors] for u in vectors])
    return pd.DataFrame({"item_id": list(data.item_ids), **dict(zip(TERMS, _by_term(found), strict=True))})


def _by_term(of_pairs: Float[np.ndarray, "3 3 items"]) -> list[Float[np.ndarray, " items"]]:
    """Put the products of user's and item's terms together by the power that stands before them."""
    first = [of_pairs[0, 0], of_pairs[0, 1] + of_pairs[1, 0], of_pairs[0, 2] + of_pairs[2, 0]]
    return [*first, of_pairs[1, 1], of_pairs[2, 2], of_pairs[1, 2] + of_pairs[2, 1]]


def powers(attention_scale: float, hypergraph_scale: float) -> Float[np.ndarray, " terms"]:
    """Return what ``TERMS`` are multiplied by at an α and a β; the coefficients times these are the scores."""
    a, b = attention_scale, hypergraph_scale
    return np.array([1.0, a, b, a * a, b * b, a * b])


def reachable(polynomial: pd.DataFrame, attention_scales: Sequence[float], hypergraph_scales: Sequence[float], k: int) -> pd.DataFrame:
    """Return the rows of items that stand among the first ``k`` at one pair of these α and β at least; ties go to the upper row."""
    terms, found = polynomial[list(TERMS)].to_numpy(), np.zeros(len(polynomial), bool)
    for a in attention_scales:
        scores = np.array([powers(a, b) for b in hypergraph_scales]) @ terms.T
        values, _ = top_k(torch.from_numpy(scores), k)
        found |= (scores >= values[:, -1:].numpy()).any(axis=0)  # with those that are tied with the last
    return polynomial[found]
