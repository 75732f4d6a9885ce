"""How a hypergraph part is shared among the items of a history: exactly where that can be, else along a path."""

import numpy as np
import pandas as pd
import torch
from scipy.integrate import quad_vec
from scipy.special import softmax

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError
from srgformer_lab.models.identity import Id, on_own_data
from srgformer_lab.models.reading import EDITED, SMALLEST_NORM
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace

TOLERANCE = 1e-11


@on_own_data
def hypergraph_paths(model: SRGFormer | Trace, data: Dataset, user_id: Id, item_id: Id) -> pd.DataFrame:
    """Share the user's hypergraph part of a score among the history, as **one possible** attribution.

    A membership is by default a softmax of a sum over the history, so it has no exact share for each item. Along the straight path from
    no history to the full one, H(t) = softmax(t S_u/τ) with S_u = Σ_j s_j, item j's share is
    ∫₀¹ Σ_k (s_jk/τ) H_k(t) (c_k − Σ_l H_l(t) c_l) dt with c_k = β ⟨Λ_k, e*_i⟩ / ‖E^H_u‖ (Aumann–Shapley values; integrated
    gradients). The shares and the row ``uniform membership``, which is what t = 0 gives, sum to the part of each modality.
    Another path would share differently; norms are held at their values.

    Where ``user_membership`` is ``mean``, H_u is the mean of the items' memberships h_j, and Σ_k c_k h_jk / d_u is the **exact** share of
    item j. Where it is ``lift``, H_uk ∝ h̄_uk²/π_k is a ratio and has none; with the factor H_uk/h̄_uk held at its value, as norms are,
    Σ_k c_k (H_uk/h̄_uk) h_jk / d_u adds up. The uniform row is then 0, but for a user without a history.

    Args:
        model: A model, or a pass that was made.
        user_id: Whose score.
        item_id: Of which item.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``modality``, ``item_id`` (empty for the uniform row), ``title``, ``contribution`` (in the score's unit).

    Raises:
        UnknownIdError: No user or item has that id.
        DataError: The memberships of this pass were edited, so that they are no softmax of a sum, or the data is other.

    Source: Sundararajan et al. 2017 (integrated gradients); the integral above is theirs for a softmax of a sum.
    """
    user, item = data.user_row(user_id), data.item_row(item_id)
    trace = model if isinstance(model, Trace) else model.trace_for([user])
    history = trace.graph.row(user)[0] - trace.graph.n_users
    target = trace.fused.items[item].double()
    total = sum((part.user_embedding[user].double() for part in trace.hypergraph.values()), start=torch.zeros_like(target))
    scale = trace.config.hypergraph_scale / float(total.norm().clamp_min(SMALLEST_NORM))
    frames = []
    for name, part in trace.hypergraph.items():
        carried = (scale * part.hyperedges.double() @ target).cpu().numpy()  # (hyperedges,)
        shares, rest = _shares(trace, name, user, history, carried)
        ids, titles = (["", *(names[int(row)] for row in history)] for names in (data.item_ids, data.cards.titles))
        titles[0] = "uniform membership"
        frames.append(pd.DataFrame({"modality": name, "item_id": ids, "title": titles, "contribution": [rest, *shares]}))
    empty = pd.DataFrame({"modality": [], "item_id": [], "title": [], "contribution": []})
    return pd.concat(frames, ignore_index=True) if frames else empty


def _shares(trace: Trace, name: str, user: int, history: torch.Tensor, carried: np.ndarray) -> tuple[np.ndarray, float]:
    """Return each history item's share of one modality, and what is there without a history."""
    part, source = trace.hypergraph[name], trace.hypergraph[_logits_behind(trace, name)]
    each = source.logits.items[history].double().cpu().numpy()  # (history, hyperedges)
    membership = part.membership.users[user].double().cpu().numpy()
    if _is_raw(trace, name):
        _check(membership, each.sum(0), name)
        return each @ carried, 0.0
    temperature = trace.config.membership_temperature
    if trace.config.user_membership != "sum":
        return _shares_of_mean(trace, name, membership, softmax(each / temperature, axis=1), carried)
    whole = each.sum(0) / temperature
    _check(membership, softmax(whole), name)

    def slope(t: float) -> np.ndarray:
        at = softmax(t * whole)
        return at * (carried - at @ carried)

    integral, _ = quad_vec(slope, 0.0, 1.0, epsabs=TOLERANCE * max(float(np.abs(carried).max()), 1e-300), epsrel=0, limit=2000)
    return each @ integral / temperature, float(carried.mean())


def _shares_of_mean(trace: Trace, name: str, membership: np.ndarray, each: np.ndarray, carried: np.ndarray) -> tuple[np.ndarray, float]:
    """Share a membership that is the mean of the items', or that times a factor which is held."""
    if not len(each):
        _check(membership, np.full_like(membership, 1 / len(membership)), name)
        return np.zeros(0), float(carried.mean())
    mean, factor = each.mean(0), np.ones_like(membership)
    if trace.config.user_membership == "lift":
        every = torch.softmax(trace.hypergraph[name].logits.items.double() / trace.config.membership_temperature, dim=1)
        total = trace.graph.history_sum(every).sum(0).cpu().numpy()
        factor = mean / np.maximum(total / total.sum(), np.finfo(float).tiny)
        factor = factor / (mean @ factor)
    _check(membership, mean * factor, name)
    return each @ (carried * factor) / len(each), 0.0


def _logits_behind(trace: Trace, name: str) -> str:
    """Say whose logits a modality's user memberships come from: its own, except in the released form's slip."""
    return list(trace.hypergraph)[1] if trace.config.as_released else name


def _is_raw(trace: Trace, name: str) -> bool:
    return trace.config.as_released and name == list(trace.hypergraph)[1]


def _check(membership: np.ndarray, expected: np.ndarray, name: str) -> None:
    if np.abs(membership - expected).max() > EDITED * max(1.0, np.abs(expected).max()):
        raise DataError(f"the {name} memberships of this pass were edited, so a path over the history means nothing; trace without edits")
