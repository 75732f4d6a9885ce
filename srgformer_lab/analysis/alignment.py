"""How well two modalities agree on who is who: what the contrast between modalities (γ) is for, in numbers.

All measures look at directions (unit vectors), as the contrastive loss does, and leave out rows whose embedding is 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.analysis.spaces import Pair, ids_of, pair_of
from srgformer_lab.config import check_seed
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import checked, on_own_data
from srgformer_lab.models.trace import Trace

TIE = 1e-6
"""Cosines that differ by no more count as equal: the model's single precision can't tell them apart."""
BLOCK = 2**20
"""Cosines held at once: 8 MB, which caches still like."""
MOST_POSITIVES = 50_000
"""Beyond so many rows the positive pairs are a sample too."""
MOST_ROWS = 5_000
"""Uniformity looks at all pairs of rows; beyond so many rows, at those of a sample."""


@dataclass(frozen=True, eq=False)
class NeighborAgreement:
    """How far two modalities agree on what is near: the share of nearest neighbours that they have in common."""

    first: str
    second: str
    side: str
    k: int
    mean: float
    """Mean share of common neighbours, 0 to 1."""
    chance: float
    """k/(n − 1): what two unrelated orders would share."""
    per_row: pd.DataFrame
    """``id``, ``overlap``: each row's share."""
    left_out: int
    """Rows whose embedding is 0 in either modality."""

    def __repr__(self) -> str:
        """Say the share, what chance would give, and over how many rows."""
        return (
            f"NeighborAgreement({self.first} and {self.second} share {self.mean:.1%} of their {self.k} nearest {self.side}, "
            f"chance {self.chance:.1%}; {len(self.per_row):,} {self.side}, {self.left_out:,} left out)"
        )


@checked
def cross_modal_recall(
    trace: Trace, first: str = "image", second: str = "text", side: str = "items", k: Sequence[int] = (1, 5, 10)
) -> pd.DataFrame:
    """Compute how often a row's own vector in the other modality is among its k nearest by cosine, in both directions.

    Where others tie with a row's own vector, it counts by its chance of being drawn in: a collapsed space scores chance, not 1.
    Takes O(n²) time, in blocks of rows of bounded memory.

    Args:
        trace: A pass over all nodes.
        first: One modality.
        second: The other.
        side: ``items`` or ``users``.
        k: The cut-offs, each from 1 to n − 1 for n rows.

    Returns:
        ``direction``, ``k``, ``recall`` (0 to 1), ``chance`` (k/n), ``rows`` (n), ``left_out`` (rows that are 0 in either modality).

    Raises:
        ConfigError: The model lacks a modality, ``side`` or ``k`` is out of range, or there are fewer than k + 1 rows.
    """
    pair = pair_of(trace, first, second, side)
    for size in k:
        pair.check_neighbors(size)
    own, n = (pair.first * pair.second).sum(1), len(pair.rows)
    ahead, reached = torch.zeros(2, n, dtype=torch.int64), torch.zeros(2, n, dtype=torch.int64)
    for rows, cosine in _blocks(pair.first, pair.second):
        bar = own[rows, None]
        ahead[0, rows], reached[0, rows] = (cosine > bar + TIE).sum(1), (cosine >= bar - TIE).sum(1)
        ahead[1] += (cosine > own + TIE).sum(0)
        reached[1] += (cosine >= own - TIE).sum(0)
    ways = (f"{first} → {second}", f"{second} → {first}")
    shares = {size: ((size - ahead).double() / (reached - ahead)).clamp(0, 1).mean(1) for size in k}
    found = [(way, size, float(shares[size][place]), size / n, n, pair.left_out) for place, way in enumerate(ways) for size in k]
    return pd.DataFrame(found, columns=["direction", "k", "recall", "chance", "rows", "left_out"])


@checked
def cosines(
    trace: Trace, first: str = "image", second: str = "text", side: str = "items", n_negatives: int = 10_000, seed: int = 0
) -> pd.DataFrame:
    """Compute the cosines of positive pairs (one row's two vectors) and of negative ones (two different rows' vectors).

    Args:
        trace: A pass over all nodes.
        first: One modality.
        second: The other.
        side: ``items`` or ``users``.
        n_negatives: How many negative pairs to draw, uniformly with replacement; all pairs where there are no more.
        seed: What the draws depend on. Beyond 50,000 rows the positive pairs are a sample too.

    Returns:
        ``kind`` (``positive`` or ``negative``), ``cosine`` (−1 to 1). Its ``attrs`` hold ``rows``, how many rows there are, and
        ``left_out``, how many are 0 in either modality.

    Raises:
        ConfigError: The model lacks a modality, ``side`` or ``n_negatives`` is out of range, or there are fewer than 2 rows.
    """
    if n_negatives < 1:
        raise ConfigError(f"n_negatives={n_negatives} must be at least 1")
    pair = pair_of(trace, first, second, side)
    positive, negative = _cosines(pair, n_negatives, seed)
    kind = np.repeat(["positive", "negative"], [len(positive), len(negative)])
    frame = pd.DataFrame({"kind": kind, "cosine": np.concatenate([positive, negative])})
    frame.attrs = {"rows": len(pair.rows), "left_out": pair.left_out}
    return frame


@checked
def geometry(trace: Trace, first: str = "image", second: str = "text", side: str = "items", seed: int = 0) -> pd.DataFrame:
    """Measure how two modalities lie towards each other on the unit sphere.

    With unit vectors x of one modality and y of the other: alignment is mean ‖x_r − y_r‖² over the rows r; a modality's uniformity
    ln mean exp(−2‖x_r − x_s‖²) over its pairs r ≠ s; the modality gap ‖mean x − mean y‖; separability the chance that a positive
    pair's cosine exceeds a negative pair's (the area under the ROC curve; a tie counts half). Samples are taken for separability, and
    for uniformity beyond 5,000 rows; the rest is exact.

    Args:
        trace: A pass over all nodes.
        first: One modality.
        second: The other.
        side: ``items`` or ``users``.
        seed: What the samples depend on.

    Returns:
        ``measure``, ``value``, ``meaning``: one row a measure, its range and reading in words.

    Raises:
        ConfigError: The model lacks a modality, ``side`` is no side, or there are fewer than 2 rows.

    Source: Wang and Isola 2020 (alignment with α = 2, uniformity with t = 2); Liang et al. 2022 (modality gap).
    """
    pair = pair_of(trace, first, second, side)
    x, y, n, one = pair.first, pair.second, len(pair.rows), side.removesuffix("s")
    total, own = float(x.sum(0) @ y.sum(0)), float((x * y).sum())
    sampled = f", over {MOST_ROWS:,} sampled {side}" if n > MOST_ROWS else ""
    spread = f"how evenly the {side} spread over the sphere: 0 all in one place, about −4 evenly in many dimensions{sampled}"
    measures = [
        ("alignment", float((x - y).square().sum(1).mean()), f"mean squared distance of one {one}'s two vectors: 0 same, 2 unrelated"),
        (f"uniformity {first}", _uniformity(x, seed), spread),
        (f"uniformity {second}", _uniformity(y, seed), spread),
        ("modality gap", float((x.mean(0) - y.mean(0)).norm()), "distance of the two modalities' centres: 0 none, 2 at most"),
        ("positive cosine", own / n, f"mean cosine of one {one}'s two vectors"),
        ("negative cosine", (total - own) / (n * (n - 1)), f"mean cosine of two different {side}' vectors"),
        ("separability", _separability(pair, seed), "chance that a positive pair's cosine exceeds a negative one's: 0.5 none, 1 always"),
        ("rows", float(n), f"{side} measured"),
        ("left out", float(pair.left_out), f"{side} whose embedding is 0 in either modality (isolated ones)"),
    ]
    return pd.DataFrame(measures, columns=["measure", "value", "meaning"])


@on_own_data
def neighbor_agreement(
    trace: Trace, data: Dataset, first: str = "image", second: str = "text", side: str = "items", k: int = 10
) -> NeighborAgreement:
    """Compute which share of a row's k nearest neighbours (by cosine, itself left out) two modalities have in common.

    Neighbours that tie for the last places count by their chance of being drawn in, independently in each modality.

    Args:
        trace: A pass over all nodes.
        first: One modality.
        second: The other.
        side: ``items`` or ``users``.
        k: Neighbours that are compared, from 1 to n − 1 for n rows.
        data: The model's own data; may be left out or stand second.

    Returns:
        The mean share (0 to 1), what chance gives, and each row's share.

    Raises:
        ConfigError: The model lacks a modality, ``side`` or ``k`` is out of range, or there are fewer than k + 1 rows.
        DataError: The data is not what the model was built on.
    """
    pair, ids = pair_of(trace, first, second, side), ids_of(data, side)
    pair.check_neighbors(k)
    overlap = torch.zeros(len(pair.rows), dtype=torch.float64)
    for (rows, in_first), (_, in_second) in zip(_blocks(pair.first, pair.first), _blocks(pair.second, pair.second), strict=True):
        x, y = _Nearest(in_first, rows, k), _Nearest(in_second, rows, k)
        row, other = (x.near & y.near).nonzero(as_tuple=True)
        overlap[rows].index_add_(0, row, x.chance(row, other) * y.chance(row, other) / k)
    per_row = pd.DataFrame({"id": [ids[row] for row in pair.rows.tolist()], "overlap": overlap.numpy()})
    return NeighborAgreement(first, second, side, k, float(overlap.mean()), k / (len(per_row) - 1), per_row, pair.left_out)


def _cosines(pair: Pair, n_negatives: int, seed: int) -> tuple[Float[np.ndarray, " positives"], Float[np.ndarray, " negatives"]]:
    n, draws = len(pair.rows), np.random.default_rng(check_seed(seed))
    same = np.arange(n) if n <= MOST_POSITIVES else draws.choice(n, MOST_POSITIVES, replace=False)
    if n * (n - 1) <= n_negatives:
        left, step = np.repeat(np.arange(n), n - 1), np.tile(np.arange(1, n), n)
    else:
        left, step = draws.integers(n, size=n_negatives), draws.integers(1, n, size=n_negatives)
    return pair.between(same, same), pair.between(left, (left + step) % n)


def _separability(pair: Pair, seed: int) -> float:
    from sklearn.metrics import roc_auc_score

    positive, negative = _cosines(pair, 10_000, seed)
    is_positive = np.repeat([True, False], [len(positive), len(negative)])
    return float(roc_auc_score(is_positive, np.concatenate([positive, negative]).round(6)))  # rounded: noise orders nothing


def _uniformity(unit: Float[Tensor, "rows dim"], seed: int) -> float:
    if len(unit) > MOST_ROWS:
        unit = unit[torch.from_numpy(np.random.default_rng(check_seed(seed)).choice(len(unit), MOST_ROWS, replace=False))]
    n, total = len(unit), 0.0
    for rows, cosine in _blocks(unit, unit):
        cosine[:, rows].fill_diagonal_(-torch.inf)
        total += float((4 * cosine - 4).exp().sum())  # ‖x − y‖² = 2 − 2 cos
    return float(np.log(total / (n * (n - 1))))


def _blocks(left: Float[Tensor, "rows dim"], right: Float[Tensor, "others dim"]) -> Iterator[tuple[slice, Float[Tensor, "block others"]]]:
    """Return all cosines, some rows at a time."""
    size = max(1, BLOCK // len(right))
    for start in range(0, len(left), size):
        rows = slice(start, min(start + size, len(left)))
        yield rows, left[rows] @ right.T


class _Nearest:
    """Who may be among the k nearest of each row, and with which chance: those that tie for the last places share them."""

    def __init__(self, cosine: Float[Tensor, "block rows"], rows: slice, k: int) -> None:
        cosine[:, rows].fill_diagonal_(-torch.inf)
        top = cosine.topk(k, dim=1).values
        self.cosine, self.last = cosine, top[:, -1:]
        self.near = cosine >= self.last - TIE
        above = (top > self.last + TIE).sum(1)
        self.share = (k - above).double() / (self.near.sum(1) - above)

    def chance(self, row: Int[Tensor, " pairs"], other: Int[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        is_sure = self.cosine[row, other] > self.last[row, 0] + TIE
        return torch.where(is_sure, 1.0, self.share[row])
