"""The field's layout is read as it is written, and every fault in it is refused with its place and its remedy."""

import re

import numpy as np
import pytest
from folders import N_ITEMS, matrix, real, replace_row, write_baby, write_rows
from PIL import Image

from srgformer_lab.data.readers import read_mmrec
from srgformer_lab.errors import ConfigError, DataError

OPTIONS = {"min_rating": None, "k_core": None, "split": "protocol", "duplicates": "merge", "seed": 999}


def refused(folder, *words):
    """Read a folder that must be refused with a message that holds all the words."""
    with pytest.raises(DataError) as caught:
        read_mmrec(folder)
    for word in words:
        assert word in str(caught.value)


def test_everything_in_its_place(tmp_path):
    data = read_mmrec(write_baby(tmp_path))
    assert data.name == "tiny"
    assert data.user_ids == ("0", "1", "2", "3")
    assert data.item_ids == tuple(str(item) for item in range(N_ITEMS))
    assert data.history("2") == ("2", "3", "4")
    assert data.history("2", "valid") == ("5",)
    assert data.history("2", "test") == ("0",)
    assert data.modalities == ("image", "text")
    assert (data.features["text"] == matrix(3)).all()
    assert data.cards.titles == data.item_ids
    assert data.picture("0") is None
    assert data.source.to_dict() == {"reader": "mmrec", "path": str(tmp_path), "options": OPTIONS}


def test_without_labels_the_protocol_splits_by_seed(tmp_path):
    rows = [f"{user} {item}" for user in range(4) for item in range(N_ITEMS)]
    write_baby(tmp_path, "userID itemID", rows)
    splits = [read_mmrec(tmp_path, seed=seed).interactions.split.tolist() for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]
    assert np.bincount(splits[0]).tolist() == [16, 4, 4]


def test_one_time_throughout_counts_as_unknown(tmp_path):
    rows = [f"{user} {item} 0" for user in range(4) for item in range(N_ITEMS)]
    assert read_mmrec(write_baby(tmp_path, "userID itemID timestamp", rows)).interactions.timestamp is None


def test_items_are_the_feature_rows(tmp_path):
    write_baby(tmp_path)
    for name in ("image", "text"):
        np.save(tmp_path / f"{name}_feat.npy", matrix(3, 9))
    data = read_mmrec(tmp_path)
    assert data.item_ids == tuple(str(item) for item in range(9))
    assert data.matrix("all").sum(axis=0).tolist()[0][N_ITEMS:] == [0, 0, 0]


def test_without_features_items_are_those_that_occur(tmp_path):
    write_baby(tmp_path, rows=[f"{user} {item} 1 {item} {label}" for user in (3, 20) for label, item in enumerate((10, 9, 100))])
    for name in ("image", "text"):
        (tmp_path / f"{name}_feat.npy").unlink()
    data = read_mmrec(tmp_path)
    assert data.item_ids == ("9", "10", "100")
    assert data.user_ids == ("3", "20")
    assert data.modalities == ()


def test_any_feature_file_is_a_modality(tmp_path):
    np.save(write_baby(tmp_path) / "sound_feat.npy", matrix(4))
    np.save(tmp_path / "unrelated.npy", matrix(4))
    assert read_mmrec(tmp_path).modalities == ("image", "text", "sound")


def test_item_table_and_pictures_give_cards(tmp_path):
    write_rows(write_baby(tmp_path) / "items.csv", "item_id,title,brand,item", ["3,Bib,Acme,x", "0,,Acme,y"])
    (tmp_path / "images").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "images" / "3.jpg")
    data = read_mmrec(tmp_path)
    assert data.cards.titles == ("0", "1", "2", "Bib", "4", "5")
    assert data.cards.details["brand"].tolist() == ["Acme", "", "", "Acme", "", ""]
    assert list(data.cards.details.columns) == ["brand", "item"]
    assert data.picture("3").size == (9, 9)


def test_missing_folder(tmp_path):
    refused(tmp_path / "bayb", "there is no folder", "bayb", "check the path")


def test_missing_inter_file(tmp_path):
    (write_baby(tmp_path) / "tiny.inter").unlink()
    refused(tmp_path, f"*.inter is missing in {tmp_path}", "add it")


def test_two_inter_files(tmp_path):
    (write_baby(tmp_path) / "more.inter").write_text("userID\titemID\n")
    refused(tmp_path, "holds 2 tables of interactions, more.inter, tiny.inter", "keep one")


def test_too_few_cells(tmp_path):
    replace_row(write_baby(tmp_path) / "tiny.inter", 4, "0\t2")
    refused(tmp_path, "tiny.inter: row 4: 2 cells for 5 columns", "give one cell for each")


@pytest.mark.parametrize("label", ["3", "-1", "first", ""])
def test_unknown_label(tmp_path, label):
    replace_row(write_baby(tmp_path) / "tiny.inter", 4, f"0\t2\t1.0\t2\t{label}")
    refused(tmp_path, f"tiny.inter: row 4: x_label {label!r} is no split", "write one of 0 (train), 1 (valid), 2 (test)")


@pytest.mark.parametrize(("row", "name"), [("0\t2\tx\t2\t0", "rating"), ("0\t2\t1\tx\t0", "timestamp")])
def test_cell_that_is_no_number(tmp_path, row, name):
    replace_row(write_baby(tmp_path) / "tiny.inter", 4, row)
    refused(tmp_path, f"tiny.inter: row 4: {name} 'x' is no number", "or remove the column")


@pytest.mark.parametrize("item", ["6", "-1", "B00X", "02"])
def test_item_without_feature_row(tmp_path, item):
    replace_row(write_baby(tmp_path) / "tiny.inter", 4, f"0\t{item}\t1\t2\t0")
    refused(tmp_path, f"tiny.inter: row 4: item id {item!r} is not among the 6 rows of the features, 0…5", "remove this row")


def test_card_without_feature_row(tmp_path):
    write_rows(write_baby(tmp_path) / "items.csv", "item_id,title", ["77,Bib"])
    refused(tmp_path, "items.csv: row 2: item id '77' is not among the 6 rows", "remove this row")


def test_modalities_of_unequal_length(tmp_path):
    np.save(write_baby(tmp_path) / "text_feat.npy", matrix(3, 5))
    refused(tmp_path, "text_feat.npy: 5 feature rows for 6 items", "one row an item")


def test_feature_that_is_not_finite(tmp_path):
    values = matrix(3)
    values[4, 1] = np.nan
    np.save(write_baby(tmp_path) / "image_feat.npy", values)
    refused(tmp_path, "image_feat.npy: row 4", "NaN", "repair or drop")


@pytest.mark.parametrize("seed", [-1, 1.5, True, "1"])
def test_seed_that_is_none(tmp_path, seed):
    with pytest.raises(ConfigError, match=re.escape(f"seed={seed!r} must be a whole number from 0 up")):
        read_mmrec(write_baby(tmp_path), seed=seed)


def test_baby_has_the_published_sizes():
    """Amazon Baby (2014, 5-core), with a published split in MMRec's sizes.

    Caveats: the features are spectral embeddings of MMRec's neighbour graphs at about half their fidelity, not MMRec's vectors;
    the split is DiffMM's and not MMRec's own x_label, so published numbers compare approximately only.
    """
    data = read_mmrec(real("amazon_baby"))
    assert (data.n_users, data.n_items) == (19_445, 7_050)
    assert [len(data.pairs(split)) for split in ("train", "valid", "test")] == [118_551, 20_559, 21_682]
    assert (np.asarray(data.matrix("train").sum(axis=0)) == 0).sum() == 2
    assert {name: matrix.shape for name, matrix in data.features.items()} == {"image": (7_050, 256), "text": (7_050, 256)}
    assert data.interactions.timestamp is None


def test_babys_own_split_has_the_protocols_numbers(tmp_path):
    """Baby's published split and ours give every user the same numbers; the caveats above hold here too."""
    folder = real("amazon_baby")
    lines = (folder / "baby.inter").read_text().splitlines()
    write_rows(tmp_path / "baby.inter", "userID\titemID", ["\t".join(line.split("\t")[:2]) for line in lines[1:]])
    given, ours = read_mmrec(folder), read_mmrec(tmp_path)
    for split in ("train", "valid", "test"):
        assert (given.matrix(split).sum(axis=1) == ours.matrix(split).sum(axis=1)).all()
