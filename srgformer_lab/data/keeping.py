"""What a run keeps of the data that it was trained on: enough to find it again in a folder that has grown since, and no pickle."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.encoders import PictureEncoder, TextEncoder
from srgformer_lab.data.fingerprint import picture_digests
from srgformer_lab.data.parts import ItemCards
from srgformer_lab.errors import DataError

ENCODERS = {"image": PictureEncoder, "text": TextEncoder}
FITTED, ROWS, ENCODER, LISTS = "fitted/", "rows/", "encoder/", "lists/"
ARRAYS = ("counts", "item", "split", "words", "pictures")


@dataclass(frozen=True, eq=False)
class Kept:
    """The catalogue of a training: ids, interactions with their split, and what the items looked like."""

    user_ids: Sequence[str]
    item_ids: Sequence[str]
    counts: np.ndarray
    """Interactions of each user."""
    item: np.ndarray
    """Item row of each interaction, by user row, then item row."""
    split: np.ndarray
    fitted: Mapping[str, np.ndarray]
    """The features that built-in encoders made, by modality."""
    encoders: Mapping[str, PictureEncoder | TextEncoder]
    """Those encoders."""
    rows: Mapping[str, np.ndarray]
    """A hash of each item's features, for modalities whose features are files."""
    words: np.ndarray
    """A hash of each item's title and text."""
    pictures: np.ndarray
    """A hash of each item's picture."""
    neighbors: Mapping[str, np.ndarray]
    """Each item's most similar items, by modality, where files gave such lists."""

    @property
    def user(self) -> np.ndarray:
        """User row of each interaction."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def modalities(self) -> set[str]:
        """The modalities that the items had."""
        return {*self.fitted, *self.rows}


def kept_of(data: Dataset) -> Kept:
    """Return what a run keeps of a data set.

    Raises:
        DataError: A picture file is gone.
    """
    pairs = data.interactions
    return Kept(
        data.user_ids,
        data.item_ids,
        np.bincount(pairs.user, minlength=data.n_users).astype(np.int32),
        pairs.item.astype(np.int32),
        pairs.split.astype(np.int8),
        {name: data.features[name] for name in data.encoders},
        data.encoders,
        {name: row_hashes(matrix) for name, matrix in data.features.items() if name not in data.encoders},
        word_hashes(data.cards),
        picture_hashes(data.cards),
        data.neighbors,
    )


def row_hashes(matrix: np.ndarray) -> np.ndarray:
    """Return a number for each row of features, which differs where the row or its width does."""
    plain = np.ascontiguousarray(matrix, dtype="<f4")
    return _numbers([hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in plain])


def word_hashes(cards: ItemCards) -> np.ndarray:
    """Return a number for each item's title and text."""
    said = [json.dumps(pair).encode() for pair in zip(cards.titles, cards.texts, strict=True)]
    return _numbers([hashlib.blake2b(words, digest_size=8).digest() for words in said])


def picture_hashes(cards: ItemCards) -> np.ndarray:
    """Return a number for each item's picture.

    Raises:
        DataError: A picture file is gone.
    """
    return _numbers([bytes.fromhex(digest[:16] or "00" * 8) for digest in picture_digests(cards)])


def _numbers(digests: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(digests), dtype="<u8")


def to_bytes(kept: Kept) -> bytes:
    """Return what is kept as the bytes of an ``.npz`` file."""
    arrays = {name: getattr(kept, name) for name in ARRAYS}
    arrays |= {"user_ids": _of_texts(kept.user_ids), "item_ids": _of_texts(kept.item_ids)}
    arrays |= {f"{FITTED}{name}": matrix for name, matrix in kept.fitted.items()}
    arrays |= {f"{ROWS}{name}": hashes for name, hashes in kept.rows.items()}
    arrays |= {f"{LISTS}{name}": lists.astype(np.int32) for name, lists in kept.neighbors.items()}
    for name, encoder in kept.encoders.items():
        for part in fields(encoder):
            value = getattr(encoder, part.name)
            arrays[f"{ENCODER}{name}/{part.name}"] = value if isinstance(value, np.ndarray) else _of_texts(value)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def from_bytes(content: bytes) -> Kept:
    """Return what ``to_bytes`` wrote.

    Raises:
        DataError: It is nothing of the kind, or damaged.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        ids = {name: _texts(found[name]) for name in ("user_ids", "item_ids")}
        arrays = {name: found[name] for name in ARRAYS}
        parts = {"fitted": _under(found, FITTED), "rows": _under(found, ROWS), "neighbors": _under(found, LISTS)}
        kept = Kept(**ids, **arrays, **parts, encoders=_encoders(found))  # type: ignore[arg-type]
        n_items = len(kept.item_ids)
        by_item = [*kept.fitted.values(), *kept.rows.values(), *kept.neighbors.values(), kept.words, kept.pictures]
        fits = len(kept.counts) == len(kept.user_ids) and kept.counts.min() >= 0 and kept.counts.sum() == len(kept.item) == len(kept.split)
        if not fits or any(len(part) != n_items for part in by_item) or not (0 <= kept.item.min() and kept.item.max() < n_items):
            raise ValueError("its parts do not fit together")
    except Exception as error:  # damaged archives raise errors of many kinds
        raise DataError(f"it can't be read ({error})") from error
    return kept


def _under(found: Mapping[str, np.ndarray], start: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(start): values for name, values in found.items() if name.startswith(start)}


def _encoders(found: Mapping[str, np.ndarray]) -> dict[str, PictureEncoder | TextEncoder]:
    encoders = {}
    for name in _under(found, FITTED):
        parts = _under(found, f"{ENCODER}{name}/")
        encoders[name] = ENCODERS[name](**{part: _texts(value) if part == "words" else value for part, value in parts.items()})
    return encoders


def _of_texts(values: Sequence[str]) -> np.ndarray:
    return np.frombuffer(json.dumps(list(values)).encode("ascii"), dtype=np.uint8)


def _texts(values: np.ndarray) -> tuple[str, ...]:
    return tuple(map(str, json.loads(values.tobytes().decode("ascii"))))
