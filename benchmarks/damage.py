"""Folders of data and of runs, and what accident or malice makes of them; each damage is drawn from a seed."""

import csv
import io
import json
import math
import os
import random
import shutil
import socket
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.odd_pictures import odd_pictures

Damage = Callable[[random.Random, Path], str]
"""Damages a folder and says how."""
Damages = tuple[Damage, ...]

CELLS = (
    *("", " ", "u1 ", "\t", "NaN", "None", "inf", "1e999", "-1", "1_000", "1.0", "٣", "1,5", "9" * 400, "true", "../../etc/hostname"),
    *("..", ".", "a/b", "a\nb", "a\rb", "a\x00b", "\u202e", "\u2028", "\ufeff", "🙂", "\x1b[31m", "'", '"', '"a', 'a"b'),
    *("=cmd|' /C calc'!A0", "\udcff", "<script>alert(1)</script>", "%s%n", "{0}", "train", "valid ", "2", "3", "9223372036854775808"),
    *("4.6e18", "A" * 5000, "A" * 140_000),
)
NAMES = (
    *("clip-vit", "a.b", "..", " ", "id", "attention", "edit", "keys", "items", "forward", "weight", "total", "0", "é", "\n", "\x1b[2J"),
    "a" * 240,
)
SHAPES = (
    *("(12, 5)", "(-12, 5)", "(1000000000000, 5)", "(12, 10000000000000000000)", "(True, 5)", "'ab'", "()", "(0, 10000000000000)"),
    *("(12, 0)", "-" * 9000 + "1", "(" * 4000, "1if 1else 2", "9" * 5000, "{}", "None", "(12, 268435456)", "(10000000000000, 0)"),
)
TYPES = (
    *("'<f4'", "'|O'", "'<f3'", "'<f99999'", "'|V0'", "'<U0'", "'|V999999999'", "[('a', '<f4')]", "None", "'M8[s]'", "'g'", "'e'", "'T'"),
    "[[[]]]",
)


def write_data(root: Path) -> list[Path]:
    """Write three small data folders: with features, with pictures and texts alone, and of the field's layout."""
    rng = random.Random(7)
    for layout in ("plain", "bare", "mmrec"):
        folder = root / layout
        (folder / "images").mkdir(parents=True)
        items = [str(row) if layout == "mmrec" else f"i{row}" for row in range(12)]
        pairs = [(user, item) for user in range(8) for item in rng.sample(items, 6)]
        split = (0, 0, 0, 0, 1, 2)
        labels = ("0", "1", "2") if layout == "mmrec" else ("train", "valid", "test")
        rows = [[f"u{u}", i, str(rng.randint(1, 5)), str(1_600_000_000 + k), labels[split[k % 6]]] for k, (u, i) in enumerate(pairs)]
        if layout == "mmrec":
            rows = [["userID", "itemID", "rating", "timestamp", "x_label"], *rows]
            (folder / "baby.inter").write_text("".join("\t".join(row) + "\n" for row in rows))
            np.savez(folder / "image_knn.npz", indices=np.array([[(row + 1) % 12, (row + 2) % 12] for row in range(12)]))
        else:
            rows = [["user_id", "item_id", "rating", "timestamp", "split"], *rows]
            (folder / "interactions.csv").write_text("".join(",".join(row) + "\n" for row in rows))
        matrix = np.random.default_rng(3).normal(size=(12, 5)).astype(np.float32)
        for name in () if layout == "bare" else ("image", "text"):
            path = folder / (f"{name}_feat.npy" if layout == "mmrec" else f"features/{name}.npy")
            path.parent.mkdir(exist_ok=True)
            np.save(path, matrix)
        cards = "".join(f'{item},"Thing, {row}",red wool {row} blue,{1990 + row}\n' for row, item in enumerate(items))
        (folder / "items.csv").write_text("item_id,title,text,year\n" + cards)
        for row, item in enumerate(items[:6]):
            pixels = np.random.default_rng(row).integers(0, 255, (16, 20, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{item}.{('jpg', 'png', 'webp')[row % 3]}")
    return [root / layout for layout in ("plain", "bare", "mmrec")]


def some_file(rng: random.Random, folder: Path, *suffixes: str) -> Path | None:
    """Choose a file of the folder, of any depth."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and (not suffixes or path.suffix in suffixes))
    return rng.choice(found) if found else None


def damage_bytes(rng: random.Random, folder: Path) -> str:
    """Flip, cut, repeat, insert, or replace bytes."""
    path = some_file(rng, folder)
    assert path is not None
    raw = bytearray(path.read_bytes())
    how = rng.choice(("flip", "flip", "flip", "cut", "insert", "twice", "empty", "NULs", "UTF-16", "CR", "blank lines", "random"))
    place = rng.randrange(max(len(raw), 1))
    if how == "flip":
        for _ in range(rng.choice((1, 2, 5, 30))):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
    simple = {
        "cut": lambda: raw[:place],
        "insert": lambda: raw[:place] + rng.randbytes(rng.choice((1, 4, 100))) + raw[place:],
        "twice": lambda: raw * 2,
        "empty": bytes,
        "NULs": lambda: raw + bytes(50),
        "UTF-16": lambda: raw.decode("latin1").encode("utf-16"),
        "CR": lambda: raw.replace(b"\n", b"\r"),
        "blank lines": lambda: b"\n" * 20 + raw + b"\n" * 20,
        "random": lambda: rng.randbytes(500),
    }
    path.write_bytes(simple.get(how, lambda: raw)())
    return f"{path.name}: {how}"


def damage_kind(rng: random.Random, folder: Path) -> str:
    """Put something else in a file's or folder's place."""
    path = rng.choice(sorted(path for path in folder.rglob("*") if not path.is_symlink()))
    how = rng.choice(
        ("gone", "folder", "pipe", "socket", "/dev/zero", "/dev/null", "/proc/self/environ", "nowhere", "itself", "holes", "unreadable")
    )
    if how == "holes":
        if path.is_file():
            os.truncate(path, rng.choice((3 << 30, 5 << 40)))
        return f"{path.name}: {how}"
    if how == "unreadable":
        path.chmod(0)
        return f"{path.name}: {how}"
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "socket":
        here = os.open(".", os.O_RDONLY)
        os.chdir(path.parent)  # the names of sockets are short
        with socket.socket(socket.AF_UNIX) as opened, suppress(OSError):
            opened.bind(path.name)
        os.fchdir(here)
        os.close(here)
    elif how != "gone":
        path.symlink_to(path.name if how == "itself" else how)
    return f"{path.name}: {how}"


def damage_table(rng: random.Random, folder: Path) -> str:
    """Change a cell, a heading, a column or the number of rows or columns of a table."""
    path = some_file(rng, folder, ".csv", ".inter")
    assert path is not None
    divider = "\t" if path.suffix == ".inter" else ","
    rows = list(csv.reader(io.StringIO(path.read_text()), delimiter=divider))
    row, column, cell = rng.randrange(1, len(rows)), rng.randrange(len(rows[0])), rng.choice(CELLS)
    how = rng.choice(
        ("cell", "cell", "cell", "heading", "column", "twice", "without", "wide", "rows twice", "ragged", "header", "one user", "raw")
    )
    if how in ("cell", "heading"):
        rows[0 if how == "heading" else row][column] = cell
    changed = {
        "column": lambda: [[*r[:column], cell, *r[column + 1 :]] if n else r for n, r in enumerate(rows)],
        "twice": lambda: [[*r, r[column]] for r in rows],
        "without": lambda: [r[:column] + r[column + 1 :] for r in rows],
        "wide": lambda: [r + [f"c{k}" if not n else "" for k in range(rng_width)] for n, r in enumerate(rows)],
        "rows twice": lambda: rows + rows[1:],
        "ragged": lambda: [*rows, rows[1][:1], [*rows[1], "x"]],
        "header": lambda: rows[:1],
        "one user": lambda: rows[:1] + [[rows[1][0], *r[1:]] for r in rows[1:]],
    }
    rng_width = rng.choice((200, 20_000))
    text = io.StringIO()
    if how == "raw":
        text.write("\n".join(divider.join(r) for r in rows) + f"\n{cell}{divider}{cell}\n")
    else:
        csv.writer(text, delimiter=divider, lineterminator="\n").writerows(changed.get(how, lambda: rows)())
    path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
    return f"{path.name}: {how} {cell[:20]!r}"


def head(shape: str, descr: str = "'<f4'", version: int = 1) -> bytes:
    """Write the head of an array that may promise anything."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode("latin1")
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text


def damage_matrix(rng: random.Random, folder: Path) -> str:
    """Write a matrix of another type or shape, one whose head lies, or one of another name."""
    path = some_file(rng, folder, ".npy")
    if path is None:
        (folder / "features").mkdir()
        path = folder / "features/image.npy"
    good = np.random.default_rng(3).normal(size=(12, 5)).astype(np.float32)
    how = rng.choice(("head", "head", "type", "name", "sparse", "long head"))
    if how == "head":
        shape, descr = rng.choice(SHAPES), rng.choice(TYPES) if rng.random() < 0.5 else "'<f4'"
        path.write_bytes(head(shape, descr, rng.choice((1, 2))) + rng.choice((good.tobytes(), b"")))
        return f"{path.name}: head {shape[:20]} {descr}"
    if how == "type":
        made = rng.choice(
            (
                *(good.astype("f2"), good.astype("f8") * 1e300, good.astype(">f4"), good > 0, good.astype("c8"), good.astype("U9")),
                *(np.float32(3), np.asfortranarray(good), np.where(good > 1, np.nan, good), good[0], good[None], good[:-1]),
                *(good[:0], good[:, :0], good * 0),
            )
        )
        np.save(path, made)
        return f"{path.name}: {np.asarray(made).dtype} {np.shape(made)}"
    if how == "name":
        name = rng.choice(NAMES)
        path.rename(path.with_name(f"{name}{path.name.removeprefix(path.stem.removesuffix('_feat'))}"))
        return f"{path.name}: called {name[:20]!r}"
    if how == "sparse":
        path.write_bytes(start := head("(12, 268435456)"))
        os.truncate(path, len(start) + 12 * 268435456 * 4)
    else:
        path.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 0xFFFFFFF0) + b"{")
    return f"{path.name}: {how}"


def damage_lists(rng: random.Random, folder: Path) -> str:
    """Write lists of neighbours that are bad, packed oddly, or a bomb."""
    path = folder / "image_knn.npz"
    lists = np.array([[(row + 1) % 12, (row + 2) % 12] for row in range(12)])
    how = rng.choice(("float", "outside", "other name", "text", "method", "encrypted", "head", "bomb", "flip"))
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    content = {"float": lists.astype(float), "outside": lists + 5}.get(how, lists)
    npy = io.BytesIO()
    np.save(npy, content)
    inside = {"text": b"hello", "head": head(rng.choice(SHAPES), "'<i8'")}
    inside |= {"bomb": head("(12, 33554432)", "'<i8'") + bytes(1 << 26)} if how == "bomb" else {}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method if how == "method" else zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("knn.npy" if how == "other name" else "indices.npy", inside.get(how, npy.getvalue()))
    raw = bytearray(packed.getvalue())
    if how == "encrypted":
        raw[6] |= 1
        raw[raw.find(b"PK\1\2") + 8] |= 1
    if how == "flip":
        for _ in range(rng.choice((1, 2, 6))):
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    path.unlink(missing_ok=True)  # an earlier damage may have made it a pipe, which would wait for a reader
    path.write_bytes(raw)
    return f"{path.name}: {how} {method}"


def damage_picture(rng: random.Random, folder: Path) -> str:
    """Write a picture of an odd sort, a bomb, or something else by its name."""
    odd = odd_pictures(rng)
    how = rng.choice(sorted(odd))
    stem = "7" if (folder / "baby.inter").exists() else "i7"
    (folder / "images").mkdir(exist_ok=True)
    path = folder / "images" / f"{stem}.{rng.choice(('jpg', 'png', 'webp'))}"
    path.write_bytes(odd[how])
    return f"images/{path.name}: {how}"


DATA: Damages = (damage_bytes, damage_bytes, damage_kind, damage_table, damage_table, damage_matrix, damage_lists, damage_picture)


def damage_json(rng: random.Random, folder: Path) -> str:
    """Put any value into any place of a run's records."""
    path = some_file(rng, folder, ".json", ".jsonl")
    assert path is not None
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    place = rng.randrange(len(lines))
    content = json.loads(lines[place])
    owners = [content, *(part for part in content.values() if isinstance(part, dict))]
    owner = rng.choice([one for one in owners if one])
    name, values = rng.choice(sorted(owner)), (None, True, -1, 10**400, math.nan, 1e999, "x", "\x1b[2J", [], {}, [[1]], {"a": 3}, "\udcff")
    owner[name] = value = rng.choice(values)
    lines[place] = rng.choice((json.dumps(content), json.dumps(content), "5", "[" * 100_000, '{"kind": "epoch"}'))
    path.write_text("\n".join(lines) + "\n")
    return f"{path.name}: {name} = {str(value)[:20]!r}, or the line"


def damage_weights(rng: random.Random, folder: Path) -> str:
    """Change the weights: numbers that are none, other shapes, no facts, or a head that lies."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = some_file(rng, folder, ".safetensors")
    assert path is not None
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    tensors = load_file(path)
    how = rng.choice(("NaN", "one NaN", "inf", "shape", "type", "fewer", "no facts", "huge head", "head"))
    name = rng.choice(sorted(tensors))
    if how in ("NaN", "one NaN", "inf") and tensors[name].is_floating_point():
        whole = tensors[name].clone()
        (whole if how == "NaN" else whole.view(-1)[:1]).fill_(math.inf if how == "inf" else math.nan)
        tensors[name] = whole
    elif how == "shape":
        tensors[name] = torch.zeros(3, 2)
    elif how == "type":
        tensors[name] = tensors[name].to(torch.int32)
    elif how == "fewer":
        del tensors[name]
    save_file(tensors, path, None if how == "no facts" else facts)
    if how == "huge head":
        path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    elif how == "head":
        raw = bytearray(path.read_bytes())
        raw[8 + rng.randrange(200)] = rng.randrange(256)
        path.write_bytes(raw)
    return f"{path.name}: {how} {name}"


RUNS: Damages = (damage_bytes, damage_kind, damage_json, damage_json, damage_weights)
