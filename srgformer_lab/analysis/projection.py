"""Several spaces of a model in one plane, with the numbers that say how far the picture can be believed."""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from srgformer_lab.analysis.spaces import ids_of, space_names, unit_vectors
from srgformer_lab.config import check_seed
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, LabError, require
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.trace import Trace

METHODS = ("pca", "umap")
FEWEST_ROWS = 4
"""Fewer points of a space have no neighbourhoods to keep or lose."""
QUALITY_NEIGHBORS = 10
QUALITY_ROWS = 2_000
"""Trustworthiness and continuity compare all pairs of rows: beyond so many rows, those of a sample."""
LONGEST_UMAP = 600.0
"""Seconds after which nobody waits for another's UMAP any more."""
_one_at_a_time = Lock()
"""Numba's plainest threads end the process when two of its parallel functions run at once, as two visitors' UMAPs would."""
_turn_began = float("inf")
"""When the UMAP that runs was begun; nothing is waited for too long while none does."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Points in a plane, fitted to all spaces at once, and how well each space's neighbourhoods survived."""

    points: pd.DataFrame
    """``space``, ``id``, ``title``, ``x``, ``y`` (float32), space by space, each in the data's order; a user's title is its id."""
    quality: pd.DataFrame
    """``space``, ``trustworthiness``, ``continuity`` (0 to 1, against the space's own unit vectors), ``k`` (neighbours looked at),
    ``measured`` (rows compared: a sample beyond 2,000), ``rows``, ``left_out`` (rows that are 0 in that space), ``side``, ``method``."""
    explained: tuple[float, ...]
    """The shares of all spaces' variance along x and y; empty for UMAP, which has none."""
    method: str
    side: str
    seed: int

    def __repr__(self) -> str:
        """Say what was drawn, how well, and what not to read from it."""
        kept = "; ".join(
            f"{row.space} {row.trustworthiness:.2f}/{row.continuity:.2f} ({row.rows:,} {self.side}, {row.left_out:,} left out)"
            for row in self.quality.itertuples()
        )
        caution = f"{sum(self.explained):.0%} of the variance" if self.explained else "its distances are not model distances"
        return f"Projection({self.method}, {caution}; trustworthiness/continuity {kept}; seed {self.seed})"


@on_own_data
def project(
    trace: Trace,
    data: Dataset,
    spaces: Sequence[str] = ("image", "text"),
    side: str = "items",
    method: str = "pca",
    seed: int = 0,
    n_neighbors: int = 15,
    sample: int | None = None,
) -> Projection:
    """Draw the unit vectors of one or more spaces in one plane, by a single fit over all of them.

    PCA keeps the two directions of largest variance, each turned so that its largest loading is positive. UMAP keeps neighbourhoods
    by cosine; its distances are not model distances. Rows that are 0 in a space are left out of it and counted. Quality is measured
    with k = 10, or with the largest k that is defined, (rows − 1) // 2, where a space has fewer than 21 rows.

    Args:
        trace: A pass over all nodes.
        spaces: Of ``id``, any modality, ``attention``, ``hypergraph`` and ``fused``, as ``space_names`` lists them.
        side: ``items`` or ``users``.
        method: ``pca``, or ``umap`` (slower; needs the ``app`` extra).
        seed: What UMAP and the samples depend on.
        n_neighbors: How many neighbours UMAP keeps, from 2.
        sample: How many rows to draw, from 4, the same ones for every space; all by default.
        data: The model's own data; may be left out or stand second.

    Returns:
        The points in the plane (x and y) and how well each space's neighbourhoods survived (0 to 1).

    Raises:
        ConfigError: A space, ``side`` or ``method`` is unknown, ``n_neighbors`` or ``sample`` is out of range, or there are fewer
            than 4 rows or no two different vectors to draw.
        DataError: The data is not what the model was built on.
        LabError: Another UMAP of this process, which must end first, has not ended for ten minutes, or umap is not installed.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> list(lab.project(model.trace(), ("image", "text")).points)
        ['space', 'id', 'title', 'x', 'y']

    Source: Venna and Kaski 2001 (trustworthiness and continuity).
    """
    ids, titles = ids_of(data, side), data.cards.titles if side == "items" else data.user_ids
    if method not in METHODS:
        raise ConfigError(f"method={method!r} must be 'pca' (at once) or 'umap' (slower, keeps neighbourhoods)")
    clouds = _clouds(trace, spaces, side, sample, seed)
    stacked = np.concatenate([cloud.vectors for cloud in clouds.values()])
    if stacked.shape[1] < 2 or np.ptp(stacked, axis=0).max() < 1e-9:
        raise ConfigError(f"{', '.join(clouds)}: all vectors lie in one place or on one line; there is no plane to draw them in")
    plane, explained = _pca(stacked) if method == "pca" else (_umap(stacked, n_neighbors, seed), ())
    ends = np.cumsum([len(cloud.rows) for cloud in clouds.values()])
    points, quality = [], []
    for (space, cloud), xy in zip(clouds.items(), np.split(plane, ends[:-1]), strict=True):
        labels = {"id": [ids[row] for row in cloud.rows], "title": [titles[row] for row in cloud.rows]}
        points.append(pd.DataFrame({"space": space, **labels, "x": xy[:, 0], "y": xy[:, 1]}))
        kept = _quality(cloud.vectors, xy, seed)
        quality.append({"space": space, **kept, "rows": len(xy), "left_out": cloud.left_out, "side": side, "method": method})
    return Projection(pd.concat(points, ignore_index=True), pd.DataFrame(quality), explained, method, side, seed)


@dataclass(frozen=True, eq=False)
class _Cloud:
    """The unit vectors of one space that are drawn."""

    vectors: Float[np.ndarray, "drawn dim"]
    rows: Int[np.ndarray, " drawn"]
    left_out: int


def _clouds(trace: Trace, spaces: Sequence[str], side: str, sample: int | None, seed: int) -> dict[str, _Cloud]:
    if isinstance(spaces, str) or not spaces or len(set(spaces)) < len(spaces):
        raise ConfigError(f"spaces={spaces!r} must name one or more spaces, each once; the model has {', '.join(space_names(trace))}")
    unit = {space: unit_vectors(trace, space, side) for space in spaces}
    drawn = np.flatnonzero(np.any([has.numpy() for _, has in unit.values()], axis=0))
    if sample is not None and sample < FEWEST_ROWS:
        raise ConfigError(f"sample={sample} must be at least {FEWEST_ROWS}, or None for all {side}")
    if sample is not None and sample < len(drawn):
        drawn = np.sort(np.random.default_rng(check_seed(seed)).choice(drawn, sample, replace=False))
    clouds = {}
    for space, (values, has) in unit.items():
        rows = drawn[has.numpy()[drawn]]
        clouds[space] = _Cloud(values.numpy()[rows], rows, int((~has).sum()))
        if len(rows) < FEWEST_ROWS:
            why = f" ({space}_scale is 0)" if getattr(trace.config, f"{space}_scale", 1) == 0 else ""
            raise ConfigError(
                f"the space {space} has {len(rows)} {side} to draw and {clouds[space].left_out:,} whose embedding is 0{why}; "
                f"at least {FEWEST_ROWS} are needed: draw another space, or more {side}"
            )
    return clouds


def _pca(stacked: Float[np.ndarray, "points dim"]) -> tuple[Float[np.ndarray, "points 2"], tuple[float, ...]]:
    from sklearn.decomposition import PCA

    fit = PCA(n_components=2, svd_solver="full").fit(stacked)  # scikit-learn turns each direction so that its largest loading is positive
    return fit.transform(stacked).astype(np.float32), tuple(float(share) for share in fit.explained_variance_ratio_)


def _umap(stacked: Float[np.ndarray, "points dim"], n_neighbors: int, seed: int) -> Float[np.ndarray, "points 2"]:
    if not 2 <= n_neighbors < len(stacked):
        raise ConfigError(f"n_neighbors={n_neighbors} must be from 2 to {len(stacked) - 1}: there are {len(stacked):,} points in all")
    require("umap")
    with _umap_turn(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # its parametric form wants Tensorflow, which isn't used here
        warnings.simplefilter("ignore", UserWarning)  # two modalities often make two unconnected neighbourhood graphs
        from umap import UMAP

        fit = UMAP(n_components=2, n_neighbors=n_neighbors, metric="cosine", random_state=seed, n_jobs=1)
        plane = np.asarray(fit.fit_transform(stacked.astype(np.float32)), dtype=np.float32)
    if not np.isfinite(plane).all():
        raise ConfigError(f"UMAP found no neighbour for some of {len(stacked):,} points; ask for more n_neighbors, or take method='pca'")
    return plane


@contextmanager
def _umap_turn() -> Iterator[None]:
    """Wait until no other UMAP runs, but not for one that hangs."""
    global _turn_began
    while not _one_at_a_time.acquire(timeout=0.2):
        if time.monotonic() - _turn_began > LONGEST_UMAP:
            raise LabError(
                f"another UMAP has not ended for {LONGEST_UMAP / 60:.0f} minutes, and two can't be drawn at once; take PCA, or start "
                "this program anew: trainings go on meanwhile, and links stay valid"
            )
    _turn_began = time.monotonic()
    try:
        yield
    finally:
        _turn_began = float("inf")  # before the next one has its turn
        _one_at_a_time.release()


def _quality(original: Float[np.ndarray, "rows dim"], plane: Float[np.ndarray, "rows 2"], seed: int) -> dict[str, float | int]:
    """Measure how much of the near in the plane was near before (trustworthiness), and of the near before is near now (continuity)."""
    from sklearn.manifold import trustworthiness

    n = min(len(plane), QUALITY_ROWS)
    rows = np.random.default_rng(check_seed(seed)).choice(len(plane), n, replace=False) if n < len(plane) else np.arange(n)
    k = min(QUALITY_NEIGHBORS, (n - 1) // 2)
    kept = {
        "trustworthiness": float(trustworthiness(original[rows], plane[rows], n_neighbors=k)),
        "continuity": float(trustworthiness(plane[rows], original[rows], n_neighbors=k)),
    }
    return {**kept, "k": k, "measured": n}
