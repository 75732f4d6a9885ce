"""Reads the layout in which the field passes its Baby, Sports and Clothing sets around (MMRec's)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from srgformer_lab.data.contents import (
    Contents,
    Layout,
    assemble,
    check_seed,
    make_cards,
    one_of_each,
    only_known,
    read_interactions,
    read_items,
)
from srgformer_lab.data.dataset import Dataset, DataSource
from srgformer_lab.data.matrices import read_features, read_neighbors
from srgformer_lab.data.pictures import find_pictures
from srgformer_lab.data.tables import Problems, existing_folder, natural_order

LAYOUT = Layout(
    name="mmrec",
    user="userID",
    item="itemID",
    split="x_label",
    labels={"0": 0, "1": 1, "2": 2},
    delimiter="\t",
    duplicates="remove one of the rows",
)
FEATURES, NEIGHBORS = "_feat.npy", "_knn.npz"


def read_mmrec(folder: str | Path, seed: int = 999) -> Dataset:
    """Read a folder with ``<name>.inter`` and, for each modality, ``<modality>_feat.npy``.

    ``<name>.inter`` is tab separated with the columns userID, itemID and, if there, rating, timestamp and x_label
    (0 train, 1 valid, 2 test). Without x_label the protocol splits, with ``seed``. Timestamps that are all equal count as
    unknown. Where there are features, an item is a row of them and its id the row's number; items without interactions are
    isolated nodes. ``<modality>_knn.npz`` may give each item's most similar items by a modality (``indices``, item rows, the
    nearest first), for models that read such lists. ``items.csv`` (item_id, title, text, …) and ``images/<item_id>.jpg`` may give
    cards, otherwise an item is called by its id.

    Raises:
        DataError: A file is missing or is not what the layout promises; names the file, the row or the id, and the remedy.
        ConfigError: The seed is no whole number from 0 up.
    """
    path = existing_folder(folder)
    check_seed(seed)
    return gather(path, Problems(), seed).to_dataset(DataSource("mmrec", str(path), {"seed": seed}))


def inter_file(folder: Path, problems: Problems) -> Path | None:
    """Find the one ``.inter`` file.

    Raises:
        DataError: There is none or there are several, and problems are not collected.
    """
    files = sorted(folder.glob("*.inter"))
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        problems.add(f"{folder} holds {len(files)} .inter files, {names}; keep one, or give each a folder of its own")
    if not files:
        problems.add(f"there is no .inter file in {folder}; add <name>.inter, or give interactions.csv and items.csv")
    return files[0] if len(files) == 1 else None


def gather(folder: Path, problems: Problems, seed: int = 999) -> Contents:
    """Take from the folder what it holds; problems are raised or collected, as ``problems`` says."""
    file = inter_file(folder, problems)
    table = read_interactions(file, LAYOUT, problems) if file else None
    features, item_ids = _read_all_features(folder, problems)
    items = read_items(folder / "items.csv", ("item_id",), problems) if (folder / "items.csv").exists() else None
    named = [] if items is None else items["item_id"]
    if item_ids is None:
        item_ids = natural_order({*named, *(table["item_id"] if table else ())})
    known_from = f"among the {len(item_ids)} rows of the features, 0…{len(item_ids) - 1}"
    if items is not None:
        items = only_known(items, item_ids, known_from, problems)
    if table is not None:
        table = one_of_each(only_known(table, item_ids, known_from, problems), False, LAYOUT, problems)
    contents = assemble(
        name=file.stem if file else folder.name,
        layout=LAYOUT,
        table=table,
        item_ids=item_ids,
        features=features,
        cards=make_cards(items, item_ids, find_pictures(folder, item_ids, problems)),
        rule="protocol",
        seed=seed,
        problems=problems,
    )
    return replace(contents, neighbors=_read_all_neighbors(folder, features, problems))


def _read_all_features(folder: Path, problems: Problems) -> tuple[dict[str, np.ndarray], Sequence[str] | None]:
    """Read every modality; the first one's rows are the items."""
    features, item_ids = {}, None
    for path in sorted(folder.glob(f"?*{FEATURES}")):
        matrix = read_features(path, path.name, item_ids, problems)
        if matrix is not None:
            item_ids = item_ids or [str(row) for row in range(len(matrix))]
            features[path.name.removesuffix(FEATURES)] = matrix
    return features, item_ids


def _read_all_neighbors(folder: Path, features: Mapping[str, np.ndarray], problems: Problems) -> dict[str, np.ndarray]:
    """Read the lists of neighbours that there are, each beside the features of its modality, whose rows they name."""
    neighbors = {}
    for path in sorted(folder.glob(f"?*{NEIGHBORS}")):
        modality = path.name.removesuffix(NEIGHBORS)
        if modality in features:
            lists = read_neighbors(path, path.name, len(features[modality]), problems)
            if lists is not None:
                neighbors[modality] = lists
        elif not (folder / f"{modality}{FEATURES}").exists():  # features that are there but bad were reported already
            problems.add(f"{path.name}: there is no {modality}{FEATURES} whose rows it could list; add it, or remove the lists")
    return neighbors
