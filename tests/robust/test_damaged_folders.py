"""Whatever a folder of data or a run holds, opening it gives a result or a named error, in little memory and time."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import srgformer_lab as lab
from benchmarks import damage, odd_pictures
from srgformer_lab.data import blocks, delimited, files, grid, matrices, pictures
from srgformer_lab.training import worker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shops(tmp_path):
    return {path.name: path for path in damage.write_data(tmp_path)}


@pytest.mark.timeout(900)  # for many processes beside other tests
@pytest.mark.parametrize("option", ["--data-folders", "--run-folders"])
def test_a_sample_of_damaged_folders_gives_results_or_named_errors(option):
    seed = random.SystemRandom().randrange(10**6)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.robustness", option, "30", "--seed", str(seed)]
    played = subprocess.run(command, cwd=ROOT, env=worker._environment() | {"PWD": os.fspath(ROOT)}, capture_output=True, text=True)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "30 folders" in played.stdout


def both(folder, *words):
    """Assert that checker and reader refuse a folder with the same words."""
    with pytest.raises(lab.DataError) as caught:
        lab.open_data(folder)
    said = " ".join(lab.check(folder).problems)
    for word in words:
        assert word in str(caught.value)
        assert word in said


def noted(folder, *words):
    """Assert that checker and reader leave out a picture with the same words, and have no problem with the rest."""
    report, data = lab.check(folder), lab.open_data(folder)
    assert report.problems == []
    for word in words:
        assert word in " ".join(data.reading)
        assert word in " ".join(report.reading)


@pytest.mark.parametrize("name", ["interactions.csv", "items.csv", "features/image.npy", "images/i0.jpg"])
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
def test_only_files_are_opened(shops, name, kind):
    path = shops["plain"] / name
    path.unlink()
    {"a pipe": os.mkfifo, "a device": lambda path: path.symlink_to("/dev/zero"), "a folder": Path.mkdir}[kind](path)
    if path.parent.name == "images":
        said = {"a device": "leads out of the folder", "a folder": "", "a pipe": "it is a pipe, not a file"}[kind]
        noted(shops["plain"], path.name if said else "pictures", said)
    else:
        both(shops["plain"], path.name, f"it is {kind}, not a file")


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    regular = (tmp_path / "a").stat()
    monkeypatch.setattr(Path, "stat", lambda self, **how: regular)
    with pytest.raises(files.OddFileError, match="a pipe, not a file"):
        files.open_file(tmp_path / "pipe", 10)


@pytest.mark.parametrize("name", ["interactions.csv", "features/image.npy", "images/i0.jpg"])
def test_holes_are_not_read(shops, name):
    os.truncate(shops["plain"] / name, 5 << 40)
    (noted if name.startswith("images") else both)(shops["plain"], Path(name).name, "5,497,558,138,880 bytes, and at most")


def test_nul_bytes_end_a_table_where_they_are(shops):
    os.truncate(shops["plain"] / "items.csv", 200 << 20)
    both(shops["plain"], "items.csv: line 14: byte 0x00 is no UTF-8 text")
    os.truncate(shops["plain"] / "items.csv", 3 << 30)  # put together in memory, this takes minutes
    both(shops["plain"], "items.csv: line 14: byte 0x00 is no UTF-8 text")


@pytest.mark.parametrize("name", ["items.csv", "items.jsonl"])
def test_a_line_without_an_end_is_not_put_together(shops, name, monkeypatch):
    monkeypatch.setattr(blocks.raw_blocks, "__defaults__", (2**12,))
    monkeypatch.setattr(blocks, "MOST_LINE", 2**14)
    (shops["plain"] / "items.csv").unlink()
    (shops["plain"] / name).write_text("item_id" + "x" * 2**16)
    both(shops["plain"], f"{name}: one line takes more than 16,384 bytes")


def test_tables_have_limits(shops, monkeypatch):
    path = shops["plain"] / "items.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join([*row, *(f"c{k}" for k in range(20_000))]) for row in rows))
    both(shops["plain"], "items.csv: row 1: 20,00", "columns, and at most 1,000 can be read", "leave out those that no card needs")
    path.write_text(f"item_id,title\ni0,{'A' * (delimited.LONGEST_CELL + 1)}\n")
    both(shops["plain"], "items.csv: a cell of 4,000,001 characters")
    monkeypatch.setattr(grid, "free_memory", lambda: 1_000)
    both(shops["plain"], "interactions.csv needs about", "GiB of memory to be read, and 0.0 GiB are free")


def test_a_message_with_an_absurd_id_stays_short(shops):
    with (shops["plain"] / "interactions.csv").open("a") as file:
        file.write(f"u0,{'A' * 100_000},5,1,train\n")
    problem = lab.check(shops["plain"]).problems[0]
    assert len(problem) < 2_000
    assert problem.endswith("add the item there, or remove this row")


@pytest.mark.parametrize("shape", damage.SHAPES[1:])
@pytest.mark.parametrize("layout", ["plain", "mmrec"])
def test_heads_that_lie_are_refused(shops, layout, shape):
    name = "features/image.npy" if layout == "plain" else "image_feat.npy"
    (shops[layout] / name).write_bytes(damage.head(shape) + bytes(240))
    both(shops[layout], name)


@pytest.mark.parametrize(("layout", "name"), [("plain", "features/image.npy"), ("mmrec", "image_feat.npy")])
def test_a_matrix_without_rows_is_refused(shops, layout, name):
    np.save(shops[layout] / name, np.zeros((0, 5), np.float32))
    both(shops[layout], f"{name}: it has no row; give one row an item")


def test_rows_of_which_none_is_left_are_told(shops):
    """Where ids count from 1, the row of item 0 is left out."""
    path = shops["mmrec"]
    for name in ("items.csv", "image_knn.npz"):
        (path / name).unlink()
    for name in ("image", "text"):
        np.save(path / f"{name}_feat.npy", np.ones((1, 5), np.float32))
    head, *lines = (path / "baby.inter").read_text().splitlines()
    (path / "baby.inter").write_text("\n".join([head, *(line.replace("\t", "\ti", 1) for line in lines)]))
    with pytest.raises(lab.DataError, match="is not among the 0 rows of the features"):
        lab.open_data(path, ids="from1")


@pytest.mark.parametrize(("rows", "words"), [("", "holds a header but no row"), ("u0,\n", "no item_id in 1 of 1 rows")])
def test_features_with_ids_of_no_item_leave_the_true_problem(tmp_path, rows, words):
    (tmp_path / "interactions.csv").write_text(f"user_id,item_id\n{rows}")
    (tmp_path / "features").mkdir()
    np.save(tmp_path / "features" / "image.npy", np.ones((2, 3), np.float32))
    (tmp_path / "features" / "image_ids.txt").write_text("a\nb\n")
    both(tmp_path, words)


def test_features_together_have_a_limit(shops, monkeypatch):
    monkeypatch.setattr(matrices, "MOST_BYTES", 400)
    monkeypatch.setattr("srgformer_lab.data.catalogue.MOST_BYTES", 400)
    both(shops["plain"], "features/text.npy: 240 bytes are needed for it, and 160 are left")


@pytest.mark.parametrize(
    ("how", "words"), [("head", "lists of neighbours of shape (12, 33554432) for 12 items"), ("short", "header promises")]
)
def test_a_bomb_is_not_unpacked(shops, how, words):
    import zipfile

    start = damage.head("(12, 33554432)" if how == "head" else "(12, 2)", "'<i8'")
    with zipfile.ZipFile(shops["mmrec"] / "image_knn.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("indices.npy", start + bytes(1 << 24))
    both(shops["mmrec"], "image_knn.npz", words)


LONG_TRANSPARENCY = odd_pictures.png(20, 16, 8, 3, odd_pictures.chunk(b"PLTE", b"\1\2\3" * 2) + odd_pictures.chunk(b"tRNS", bytes(300)))


@pytest.mark.parametrize("picture", [LONG_TRANSPARENCY, odd_pictures.png(50_000, 50_000, pixels=b"")], ids=["transparency", "huge"])
def test_pictures_that_cannot_be_shown_are_refused(shops, picture):
    (shops["bare"] / "images/i7.png").write_bytes(picture)
    noted(shops["bare"], "images/i7.png", "1 item left without a picture")


def test_a_link_to_itself_is_no_picture(shops):
    (shops["bare"] / "images/i7.jpg").symlink_to("i7.jpg")
    noted(shops["bare"], "images/i7.jpg", "1 item left without a picture")


def test_a_large_picture_is_shown(shops):
    (shops["bare"] / "images/i7.png").write_bytes(odd_pictures.png(8000, 6000, 1, 0))
    assert lab.check(shops["bare"]).problems == []
    assert lab.open_data(shops["bare"]).picture("i7").size == (8000, 6000)


def test_a_file_larger_than_its_pixels_is_refused(shops, monkeypatch):
    monkeypatch.setattr(pictures, "BESIDE_PIXELS", 100)
    (shops["bare"] / "images/i7.png").write_bytes(odd_pictures.png(20, 16) + bytes(10_000))
    noted(shops["bare"], "i7.png", "20 × 16 pixels need 2,660 at most")


def test_the_checker_refuses_what_a_training_refuses(shops):
    data = lab.open_data(shops["plain"])
    (shops["plain"] / "features/image.npy").rename(shops["plain"] / "features/id.npy")
    both(shops["plain"], "features/id.npy: a modality can't be called 'id'", "rename it to id_feature")
    (shops["plain"] / "features/id.npy").rename(shops["plain"] / "features/clip-vit.npy")
    assert lab.check(shops["plain"]).problems == []
    assert lab.SRGFormer(lab.open_data(shops["plain"])).modalities == ("text", "clip-vit") != data.modalities
    rows = [f"u{user},i{item},{'test' if item == 1 else 'valid' if item == 2 else 'train'}" for user in range(3) for item in range(3)]
    (shops["bare"] / "interactions.csv").write_text("user_id,item_id,split\n" + "\n".join(rows) + "\n")
    assert "so there is no order to learn" in lab.check(shops["bare"]).problems[0]


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "~nobody-of-this-name/x", "/dev/null"])
def test_odd_paths_are_named(path):
    for act in (lab.open_data, lab.check):
        with pytest.raises(lab.DataError):
            act(path)


def test_a_folder_that_links_to_itself_is_named(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(lab.DataError, match="loop"):
        lab.open_data(tmp_path / "loop")


def test_16_bit_greys_keep_their_steps(shops):
    ramp = np.linspace(0, 65535, 320).reshape(16, 20).astype(np.uint16)
    Image.fromarray(ramp).save(shops["bare"] / "images/i7.png")
    shown = np.asarray(lab.open_data(shops["bare"]).picture("i7"))[..., 0]
    np.testing.assert_allclose(shown, ramp / 257, atol=1)
