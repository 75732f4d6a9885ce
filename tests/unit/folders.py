"""Small data folders that the tests of the readers write, whole ones and damaged ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(os.environ.get("SRGFORMER_LAB_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
N_USERS, N_ITEMS = 4, 6


def real(name):
    """A folder of real data, which is not part of the project."""
    if not (DATA / name).is_dir():
        pytest.skip(f"no {name} in {DATA}; set SRGFORMER_LAB_DATA to the folder that holds it")
    return DATA / name


def write_shop(folder, **lines):
    """Write a plain folder without a fault: 4 users with 5 interactions each, 6 items with pictures and two modalities.

    A keyword replaces the rows of interactions or items (without header), or the header with interactions_header, items_header.
    """
    rows = [f"u{user},i{(user + place) % N_ITEMS},{1 + place},{100 * place + user}" for user in range(N_USERS) for place in range(5)]
    write_rows(
        folder / "interactions.csv", lines.get("interactions_header", "user_id,item_id,rating,timestamp"), lines.get("interactions", rows)
    )
    items = [f"i{item},Thing {item},200{item},It is thing {item}" for item in range(N_ITEMS)]
    write_rows(folder / "items.csv", lines.get("items_header", "item_id,title,year,text"), lines.get("items", items))
    (folder / "features").mkdir()
    (folder / "images").mkdir()
    for place, name in enumerate(("text", "image", "audio")):
        np.save(folder / "features" / f"{name}.npy", matrix(2 + place))
    for item in range(N_ITEMS):
        Image.new("RGB", (8, 12), (40 * item, 0, 0)).save(folder / "images" / f"i{item}.jpg")
    return folder


def write_baby(folder, header="userID itemID rating timestamp x_label", rows=None):
    """Write a folder in MMRec's layout without a fault: 4 users with 5 interactions each, 3 for training, and 6 items."""
    made = [f"{user} {(user + place) % N_ITEMS} 1.0 {place} {max(place - 2, 0)}" for user in range(N_USERS) for place in range(5)]
    write_rows(folder / "tiny.inter", header.replace(" ", "\t"), [row.replace(" ", "\t") for row in (rows or made)])
    for name in ("image", "text"):
        np.save(folder / f"{name}_feat.npy", matrix(3))
    return folder


def write_rows(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def matrix(width, n_items=N_ITEMS):
    return np.arange(n_items * width, dtype=np.float32).reshape(n_items, width)


def replace_row(path, row, text):
    """Replace a row, the header being row 1; None removes it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[row - 1 : row] = [] if text is None else [text]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


HEADER = "user_id,item_id,rating,timestamp"
ROWS = [f"u{user},i{(user + place) % 6},{1 + place},{1_600_000_000 + 86_400 * place + user}" for user in range(4) for place in range(5)]
ITEMS = [f"i{item},Thing {item},warm red wool {item % 3}" for item in range(6)]


def text(rows, header=HEADER, separator=","):
    return "\n".join([header, *rows, ""]).replace(",", separator)


def shop(folder, interactions=None, items=None, **files):
    """Write a plain folder; ``interactions`` and ``items`` are texts or bytes, further files are named with __ for a slash."""
    folder.mkdir(exist_ok=True)
    contents = {"interactions.csv": text(ROWS) if interactions is None else interactions}
    contents["items.csv"] = text(ITEMS, "item_id,title,text") if items is None else items
    for name, content in (contents | {name.replace("__", "/"): content for name, content in files.items()}).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def column(place, change):
    """The interactions with one column changed, given its cell and the number of the row."""
    rows = [row.split(",") for row in ROWS]
    return text([",".join([*row[:place], change(row[place], number), *row[place + 1 :]]) for number, row in enumerate(rows)])
