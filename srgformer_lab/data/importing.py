"""Any data that opens, written as a plain folder of our own, from which the same data set opens again."""

import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from srgformer_lab.data.check import first_rows
from srgformer_lab.data.contents import Contents
from srgformer_lab.data.dataset import SPLITS, DataSource
from srgformer_lab.data.files import existing_folder
from srgformer_lab.data.layouts import ANSWERS
from srgformer_lab.data.problems import Problems
from srgformer_lab.data.provenance import sha256_of, sidecar_of
from srgformer_lab.data.readers import gather, refuse_unknown_options
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.errors import DataError

ENDING_OF = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"RI": ".webp", b"GI": ".gif", b"BM": ".bmp", b"II": ".tif", b"MM": ".tif"}


@dataclass(frozen=True)
class Imported:
    """What was understood of a folder, and where it was written."""

    reading: tuple[str, ...]
    """What was taken for what, done and left out."""
    first: pd.DataFrame
    """The first interactions, as a person would read them."""
    output: Path | None
    """The folder that was written, if one was asked for."""

    def __str__(self) -> str:
        """Say all of it, for reading."""
        written = [f"written: {self.output}"] if self.output else []
        return "\n".join([*(f"- {note}" for note in self.reading), "", self.first.to_string(index=False), *written])


def import_data(
    folder: str | Path, output: str | Path | None = None, watch: Callable[[str], None] | None = None, **options: Any
) -> Imported:
    """Read a folder in any layout, and write what is in it as a plain folder.

    The split is written where the data brings its own or the options make one; otherwise the plain folder is split when it is opened.
    What options answered is written too, so that it is not asked again.

    Args:
        folder: What to read.
        output: The folder to write, which must not exist yet or be empty; without it nothing is written.
        watch: Hears what is seen of a large table while its rows are counted.
        **options: The options of ``open_data``.

    Returns:
        What was understood, and the first interactions.

    Raises:
        DataError: The folder is not in order, leaves a question open, or the output is in use.
        ConfigError: There is no such option, or not with that value.
    """
    path = existing_folder(folder)
    refuse_unknown_options("import_data", options)
    chosen = ReadingOptions(**{name: value for name, value in options.items() if value is not None})
    problems = Problems(watch=watch)
    contents = gather(path, problems, chosen)
    replace(contents, encode=False).to_dataset(DataSource("memory"))
    target = None if output is None else Path(output).expanduser().absolute()
    if target is not None:
        _write_whole(contents, chosen, target)
    return Imported(tuple(problems.notes), first_rows(contents), target)


def _write_whole(contents: Contents, options: ReadingOptions, target: Path) -> None:
    """Write the folder beside its place, then put it there, so that nothing half-written stays."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target} exists already and is not empty; give another --output, or remove it")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write(contents, options, made)
        made.chmod(0o755)
        if target.exists():
            target.rmdir()
        made.replace(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _write(contents: Contents, options: ReadingOptions, folder: Path) -> None:
    pairs, cards = contents.interactions, contents.cards
    columns: dict[str, Iterable[object]] = {
        "user_id": (contents.user_ids[row] for row in pairs.user),
        "item_id": (contents.item_ids[row] for row in pairs.item),
    }
    if contents.rating is not None:
        columns["rating"] = ("" if np.isnan(value) else f"{value:.12g}" for value in contents.rating)
    if pairs.timestamp is not None:
        columns["timestamp"] = pairs.timestamp.tolist()
    if contents.own_split or options.split != "protocol" or options.seed != ReadingOptions().seed:
        columns["split"] = (SPLITS[code] for code in pairs.split)
    _write_table(folder / "interactions.csv", columns)
    items: dict[str, Iterable[object]] = {"item_id": contents.item_ids, "title": cards.titles}
    if any(cards.texts):
        items["text"] = cards.texts
    details = cards.details
    _write_table(folder / "items.csv", items | {str(name): details[name].tolist() for name in details.columns})
    _write_pictures(contents.item_ids, cards.pictures, folder / "images")
    if contents.features:
        (folder / "features").mkdir()
    for modality, matrix in contents.features.items():
        file = folder / "features" / f"{modality}.npy"
        np.save(file, matrix)
        if made := contents.made_by.get(modality):  # of the same vectors, in the order that they are written in
            about = replace(made, sha256=sha256_of(file), ids=tuple(contents.item_ids), items=int(matrix.any(axis=1).sum()))
            sidecar_of(file).write_text(about.to_json(), encoding="utf-8", errors="surrogatepass")
    for modality, lists in contents.neighbors.items():
        np.savez(folder / "features" / f"{modality}_knn.npz", indices=lists)
    answered = {name: value for name in ("ids", "min_rating") if (value := getattr(options, name)) is not None}
    if answered:
        (folder / ANSWERS).write_text(json.dumps(answered, indent=2) + "\n", encoding="utf-8")


def _write_table(path: Path, columns: dict[str, Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_pictures(item_ids: Sequence[str], pictures: Sequence[Path | bytes | None], folder: Path) -> None:
    for name, picture in zip(item_ids, pictures, strict=True):
        if picture is None:
            continue
        folder.mkdir(exist_ok=True)
        plain = quote(name, safe=" !#$&'()+,;=@[]~") if "/" in name or "\\" in name or name.startswith(".") or "%" in name else name
        if isinstance(picture, bytes):
            (folder / f"{plain}{ENDING_OF.get(picture[:2], '.avif')}").write_bytes(picture)
        else:
            shutil.copyfile(picture, folder / f"{plain}{picture.suffix.lower()}")
