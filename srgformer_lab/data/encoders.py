"""Features from what items look like and what is written about them: no labels, no downloads, the same on every call.

Rows have norm 1, so that a user's hypergraph logits, sums over a history, stay small enough for the membership temperature to act.
An item of which nothing is known, without a picture or without a word that it shares, has a row of zeros.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image
from scipy import sparse
from scipy.linalg import eigh

from srgformer_lab.data.pictures import flatten

PICTURE_WIDTH, TEXT_WIDTH = 32, 32
"""Widths of the features, whatever the number of items; what the items can't fill is zero."""
CANVAS = (48, 72)
"""Every picture is looked at in this size (width, height)."""
CHUNK = 256
"""Pictures in memory at a time."""
N_HUES, N_GREYS, N_DIRECTIONS, N_BANDS = 12, 4, 8, 6
COLOR_WEIGHT, EDGE_WEIGHT, FREQUENCY_WEIGHT, LAYOUT_WEIGHT = 1.0, 0.6, 0.8, 0.3
NUMBERS = 96
"""Raw numbers of a picture, from all blocks."""
MAX_WORDS = 20_000
DENSE_SIDE = 1_500
"""Up to this many items or words the decomposition is exact, beyond it iterative."""
SMALLEST_SPREAD = 1e-10

_WORD = re.compile(r"[^\W\d_]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]+")


@dataclass(frozen=True, eq=False)
class PictureEncoder:
    """What was found in the pictures that it was fitted on: their mean, and their principal axes."""

    mean: Float[np.ndarray, " numbers"]
    axes: Float[np.ndarray, "numbers width"]

    def __call__(self, pictures: Sequence[Image.Image | None]) -> Float[np.ndarray, "items width"]:
        """Describe further pictures on the same axes; None gives a row of zeros."""
        known, described = _described(pictures)
        features = np.zeros((len(pictures), PICTURE_WIDTH), dtype=np.float32)
        features[known] = _unit_rows((described - self.mean).astype(np.float64) @ self.axes)
        return features


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """What was found in the texts that it was fitted on: their words, what each weighs, and the axes on which they lie."""

    words: Sequence[str]
    weights: Float[np.ndarray, " words"]
    axes: Float[np.ndarray, "words width"]

    def __call__(self, texts: Sequence[str]) -> Float[np.ndarray, "items width"]:
        """Describe further texts on the same axes; one with none of the words gives a row of zeros."""
        place = {word: column for column, word in enumerate(self.words)}
        counts = _counted([[word for word in _words(text) if word in place] for text in texts], place)
        features = np.zeros((len(texts), TEXT_WIDTH), dtype=np.float32)
        if self.axes.size:
            features[:, : self.axes.shape[1]] = _unit_rows(_weighed(counts, self.weights) @ self.axes)
        return features


def encode_pictures(pictures: Sequence[Image.Image | None]) -> Float[np.ndarray, "items width"]:
    """Describe pictures by their colours, edges, frequencies and layout, on principal axes.

    Pictures of any size and mode may be given; they are flattened as readers do it. A missing picture (None) gives a row of
    zeros, and so do pictures that are all alike, since nothing sets them apart.

    Returns:
        float32 of ``PICTURE_WIDTH`` columns; rows of norm 1 or 0.
    """
    return fit_pictures(pictures)[0]


def fit_pictures(pictures: Sequence[Image.Image | None]) -> tuple[Float[np.ndarray, "items width"], PictureEncoder]:
    """Return what ``encode_pictures`` does, and what describes further pictures in the same way."""
    known, described = _described(pictures)
    features = np.zeros((len(pictures), PICTURE_WIDTH), dtype=np.float32)
    mean = described.mean(axis=0) if known.any() else np.zeros(NUMBERS)
    axes = _principal_axes((described - mean).astype(np.float64), PICTURE_WIDTH)
    if known.any():
        features[known] = _unit_rows((described - mean).astype(np.float64) @ axes)
    return features, PictureEncoder(mean, axes)


def encode_texts(texts: Sequence[str]) -> Float[np.ndarray, "items width"]:
    """Describe texts by their words: tf-idf, then a truncated singular value decomposition.

    Scripts without spaces are read as pairs of characters. An empty text gives a row of zeros, and so does one that shares no word
    with another where others do.

    Returns:
        float32 of ``TEXT_WIDTH`` columns; rows of norm 1 or 0.
    """
    return fit_texts(texts)[0]


def fit_texts(texts: Sequence[str]) -> tuple[Float[np.ndarray, "items width"], TextEncoder]:
    """Return what ``encode_texts`` does, and what describes further texts in the same way."""
    features = np.zeros((len(texts), TEXT_WIDTH), dtype=np.float32)
    counts, words, weights = _tf_idf([_words(text) for text in texts])
    weighed = _weighed(counts, weights)
    axes = np.zeros((len(words), 0))
    if weighed.nnz:
        scores = _left_scores(weighed, TEXT_WIDTH)
        features[:, : scores.shape[1]] = _unit_rows(scores)
        spread = (scores**2).sum(axis=0)  # squares of the singular values, so that weighed @ axes are the scores again
        axes = weighed.T @ (scores / np.where(spread > SMALLEST_SPREAD, spread, np.inf))
    return features, TextEncoder(tuple(words), weights, axes)


def _described(pictures: Sequence[Image.Image | None]) -> tuple[np.ndarray, Float[np.ndarray, "known numbers"]]:
    """Return which pictures there are, and their raw numbers."""
    known = np.zeros(len(pictures), dtype=bool)
    described, chunk = [np.zeros((0, NUMBERS))], list[np.ndarray]()
    for row, picture in enumerate(pictures):
        if picture is not None:
            known[row] = True
            chunk.append(_canvas(picture))
        if len(chunk) == CHUNK:
            described.append(_describe(np.stack(chunk)))
            chunk = []
    if chunk:
        described.append(_describe(np.stack(chunk)))
    return known, np.concatenate(described)


def _canvas(picture: Image.Image) -> np.ndarray:
    """Return a picture as hue, saturation, value and luminance (height, width, 4), 0…255."""
    small = flatten(picture).resize(CANVAS, Image.Resampling.BOX, reducing_gap=2.0)
    return np.dstack([np.asarray(small.convert("HSV")), np.asarray(small.convert("L"))])


def _describe(canvases: np.ndarray) -> Float[np.ndarray, "pictures numbers"]:
    """Return the blocks of raw numbers of a chunk of pictures, each block scaled by its weight."""
    hue, saturation, value, light = (canvases[..., c].astype(np.float32) / 255 for c in range(4))
    blocks = [
        (COLOR_WEIGHT, _colors(hue, saturation, value)),
        (EDGE_WEIGHT, _edges(light)),
        (FREQUENCY_WEIGHT, _frequencies(light)),
        (LAYOUT_WEIGHT, light.reshape(len(light), 6, 12, 4, 12).mean(axis=(2, 4)).reshape(len(light), -1)),
    ]
    return np.concatenate([block * (weight / np.sqrt(block.shape[1])) for weight, block in blocks], axis=1)


def _colors(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Soft histograms of hue, weighted by colourfulness, and of value for what has little colour; square roots of shares."""
    count, pixels = len(hue), hue[0].size
    colorful = (saturation * value).reshape(count, -1)
    place = (hue * N_HUES).reshape(count, -1)
    greys = (value * (N_GREYS - 1)).reshape(count, -1)
    row = np.arange(count)[:, None]
    parts = []
    for places, n_bins, weight, around in ((place, N_HUES, colorful, True), (greys, N_GREYS, 1 - colorful, False)):
        low = np.floor(places).astype(np.int64)
        share = places - low
        high = (low + 1) % n_bins if around else np.minimum(low + 1, n_bins - 1)
        low = low % n_bins if around else np.minimum(low, n_bins - 1)
        total = np.bincount((row * n_bins + low).ravel(), ((1 - share) * weight).ravel(), count * n_bins)
        total += np.bincount((row * n_bins + high).ravel(), (share * weight).ravel(), count * n_bins)
        parts.append(total.reshape(count, n_bins) / pixels)
    return np.sqrt(np.concatenate(parts, axis=1)) * 4


def _edges(light: np.ndarray) -> np.ndarray:
    """Histograms of edge directions, weighted by strength, in the quarters of the picture; square roots."""
    down, right = np.gradient(light, axis=(1, 2))
    strength = np.hypot(down, right)
    direction = (np.arctan2(down, right) / np.pi % 1 * N_DIRECTIONS).astype(np.int64) % N_DIRECTIONS
    count, height, width = light.shape
    quarter = (np.arange(height)[:, None] * 2 // height) * 2 + np.arange(width)[None] * 2 // width
    index = (np.arange(count)[:, None, None] * 4 + quarter) * N_DIRECTIONS + direction
    total = np.bincount(index.ravel(), strength.ravel(), count * 4 * N_DIRECTIONS)
    return np.sqrt(total.reshape(count, -1) / (height * width)) * 4


def _frequencies(light: np.ndarray) -> np.ndarray:
    """Energy of the middle of the picture by frequency band and direction, as logarithms: what tells stripes from dots."""
    _, height, width = light.shape
    middle = light[:, height // 6 : -height // 6, width // 8 : -width // 8]
    middle = middle - middle.mean(axis=(1, 2), keepdims=True)
    window = np.hanning(middle.shape[1])[:, None] * np.hanning(middle.shape[2])[None]
    energy = np.abs(np.fft.rfft2(middle * window)) ** 2
    down, right = np.fft.fftfreq(middle.shape[1])[:, None], np.fft.rfftfreq(middle.shape[2])[None]
    radius = np.hypot(down, right)
    band = np.digitize(radius, np.geomspace(0.04, 0.5, N_BANDS + 1)) - 1
    direction = (np.arctan2(down, right) / np.pi % 1 * 4 + 0.5).astype(np.int64) % 4
    places = [(band == b) & (direction == d) for b in range(N_BANDS) for d in range(4)]
    parts = [energy[:, place].sum(axis=1) for place in places if place.any()]
    return np.log1p(np.stack(parts, axis=1)) / 2


def _principal_axes(centred: Float[np.ndarray, "items numbers"], width: int) -> Float[np.ndarray, "numbers width"]:
    """Return the first principal axes of centred numbers, signs fixed; 0 where there is nothing more to tell apart."""
    axes = np.zeros((centred.shape[1], width))
    if len(centred):
        values, found = _leading(centred.T @ centred, width)
        found = _fixed_sign(found[:, values > 1e-10 * len(centred)])
        axes[:, : found.shape[1]] = found
    return axes


def _leading(symmetric: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest eigenvalues, the largest first, and their vectors; this driver stays quick while other processes compute."""
    side = len(symmetric)
    values, axes = eigh(symmetric, subset_by_index=[max(side - count, 0), side - 1], driver="evx")
    return values[::-1], axes[:, ::-1]


def _fixed_sign(axes: np.ndarray) -> np.ndarray:
    """Turn each column so that its largest entry is positive."""
    if not axes.size:
        return axes
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    return axes * np.where(largest < 0, -1.0, 1.0)


def _unit_rows(matrix: np.ndarray) -> Float[np.ndarray, "items width"]:
    """Divide rows by their norm; rows of next to nothing become zero."""
    norm = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.where(norm > 1e-6, matrix / np.maximum(norm, 1e-6), 0).astype(np.float32)


def _words(text: str) -> list[str]:
    """Split a text into lower-case words, and scripts without spaces into pairs of characters."""
    words = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _UNSPACED.search(word):
            words += [word[i : i + 2] for i in range(max(len(word) - 1, 1))]
        else:
            words.append(word)
    return words


def _tf_idf(documents: Sequence[Sequence[str]]) -> tuple[sparse.csr_matrix, list[str], Float[np.ndarray, " words"]]:
    """Count words, and weigh each by how few texts have it; words of one text only are left out if any is shared."""
    vocabulary: dict[str, int] = {}
    for words in documents:
        for word in words:
            vocabulary.setdefault(word, len(vocabulary))
    counts = _counted(documents, vocabulary)
    spread = np.bincount(counts.indices, minlength=counts.shape[1])
    kept = np.flatnonzero(spread >= (2 if (spread >= 2).any() else 1))
    kept = np.sort(kept[np.argsort(-spread[kept], kind="stable")[:MAX_WORDS]])
    listed = list(vocabulary)
    # the small constant keeps texts that are all alike away from zero
    weights = np.log((1 + len(documents)) / (1 + spread[kept])) + 0.05
    return counts[:, kept], [listed[column] for column in kept], weights


def _counted(documents: Sequence[Sequence[str]], vocabulary: Mapping[str, int]) -> sparse.csr_matrix:
    """Return how often each text (rows) has each word (columns)."""
    rows = np.repeat(np.arange(len(documents)), [len(words) for words in documents])
    columns = np.array([vocabulary[word] for words in documents for word in words], dtype=np.int64)
    counts = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(documents), max(len(vocabulary), 1)))
    counts.sum_duplicates()
    return counts


def _weighed(counts: sparse.csr_matrix, weights: Float[np.ndarray, " words"]) -> sparse.csr_matrix:
    """Weigh counted words, logarithms of them, in rows of norm 1."""
    counts = counts.copy()
    counts.data = 1 + np.log(counts.data)
    if not len(weights):
        return counts
    found = sparse.csr_matrix(counts.multiply(weights))
    norm = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(norm, 1e-12)) @ found)


def _left_scores(weights: sparse.csr_matrix, width: int) -> Float[np.ndarray, "items some"]:
    """Return the texts' coordinates on the leading right singular vectors, signs fixed."""
    smaller = min(weights.shape)
    if smaller <= DENSE_SIDE:
        by_item = weights.shape[0] <= weights.shape[1]
        gram = (weights @ weights.T if by_item else weights.T @ weights).toarray()
        values, axes = _leading(gram, width)
        axes = _fixed_sign(axes[:, values > 1e-10])
        return axes * np.sqrt(values[values > 1e-10]) if by_item else weights @ axes
    from scipy.sparse.linalg import svds  # only large data sets pay for it

    left, values, _ = svds(weights, k=min(width, smaller - 1), v0=np.ones(smaller) / np.sqrt(smaller))
    order = np.argsort(-values, kind="stable")
    return _fixed_sign(left[:, order]) * values[order]
