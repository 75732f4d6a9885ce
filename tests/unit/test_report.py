"""A report is made of whatever a run holds, and its link opens what it shows."""

import html
import io
import re
import zipfile
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import Link, report_on
from srgformer_lab.data.provenance import Provenance, sha256_of

N_ITEMS = 8
WITHOUT_TEXT = "i7"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A shop where u0 has every item and one item has neither words nor a picture, with a run of one epoch."""
    root, rng = tmp_path_factory.mktemp("work"), np.random.default_rng(0)
    shop = root / "shop"
    shop.mkdir()
    rows = ["user_id,item_id,split"]
    for user in range(12):
        items = range(N_ITEMS) if user == 0 else rng.permutation(N_ITEMS)[:5]
        rows += [f"u{user},i{item},{('valid', 'test')[place] if place < 2 else 'train'}" for place, item in enumerate(items)]
    (shop / "interactions.csv").write_text("\n".join(rows) + "\n")
    texts = [f"{item},Title of {item}," + ("" if item == WITHOUT_TEXT else f"word{item} common text") for item in items_of_shop()]
    (shop / "items.csv").write_text("item_id,title,text\n" + "\n".join(texts) + "\n")
    data = lab.read_folder(shop)
    model = lab.SRGFormer(data, lab.ModelConfig(embedding_dim=4, n_heads=1, n_hyperedges=2))
    lab.fit(model, data, lab.TrainConfig(epochs=1, batch_size=64), root / "runs", "small")
    return root


def items_of_shop():
    return [f"i{number}" for number in range(N_ITEMS)]


@pytest.fixture
def run(root, monkeypatch):
    monkeypatch.chdir(root)
    return lab.Run.open(root / "runs" / "small")


def test_what_an_item_lacks_is_said_where_it_is_explained_and_on_its_card(run):
    """One of the items has a title alone; another's row of features is 0, which its data, its card and its score's account say."""
    data = lab.read_folder(run.path.parents[1] / "shop")
    blank = lab.without_features(data, "text", 1 / N_ITEMS, seed=1)
    gone = data.item_ids[int(np.argmin(blank.known["text"]))]
    assert backend.gaps(blank) == ["1 of 8 items have no text: their own text features are 0 by definition"]
    assert backend.gaps(blank, gone) == ["no text: its own text features are 0 by definition"]
    assert [backend.gaps(data), backend.gaps(data, gone)] == [[], []]
    assert list(backend.item_cards(blank, data.item_ids)["mark"]) == ["no text" if item == gone else "" for item in data.item_ids]
    folder = run.path.parents[1] / "gappy"
    lab.import_data(run.path.parents[1] / "shop", folder)
    (folder / "features").mkdir()
    np.save(folder / "features" / "text.npy", blank.features["text"])
    sha256 = sha256_of(folder / "features" / "text.npy")
    made_by = Provenance("a model", "a library 1", "r1", blank.features["text"].shape[1], "title, text", 7, sha256, "")
    (folder / "features" / "text.json").write_text(made_by.to_json())
    opened = lab.read_folder(folder)
    model = lab.SRGFormer(opened, lab.ModelConfig(embedding_dim=4, n_heads=1, n_hyperedges=2, missing_features="omit"))
    made = report_on(lab.fit(model, opened, lab.TrainConfig(epochs=1, batch_size=64), folder / "runs", "omit"), "u1", gone)
    page = html.unescape(made.html())
    assert "It has no text: its text part is 0 by definition, and its text hyperedges are left out." in page
    assert "1 of 8 items have no text" in page
    assert backend.origins(opened) == [f"text features: {made_by}"]
    assert f"text features: {made_by}" in page
    parts = made.frames()["parts"][1]
    assert (parts.loc[parts["item_part"] == "text", "contribution"] == 0).all()


def test_a_user_who_has_everything_gets_a_report_of_what_they_had(run):
    made = report_on(run, "u0")
    data, item = made.scene.data, made.scene.link.item
    assert made.frames()["ranking"][1].empty
    assert item in data.history("u0")
    assert f"Title of {item}" in made.html()
    embeddings = made.scene.trace.fused.values
    score = float(embeddings[data.user_row("u0")] @ embeddings[data.n_users + data.item_row(item)])
    assert made.frames()["by_part"][1]["contribution"].sum() == pytest.approx(score, abs=1e-5)


def test_an_item_without_features_gets_a_report(run):
    made = report_on(run, "u1", WITHOUT_TEXT)
    assert made.scene.link.item == WITHOUT_TEXT
    assert f"Title of {WITHOUT_TEXT}" in made.html()
    with zipfile.ZipFile(io.BytesIO(made.tables())) as archive:
        names = set(archive.namelist())
        assert {f"{name}.csv" for name in made.frames()} | {"README.txt"} == names
        parts = pd.read_csv(archive.open("by_part.csv"))
    assert np.isfinite(parts["contribution"]).all()


def test_a_run_without_weights_is_refused_by_what_to_do(run):
    path = run.weights_path("best")
    kept = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(lab.RunError, match=r"no trained model.*choose"):
            report_on(run)
    finally:
        path.write_bytes(kept)


def test_the_link_of_a_run_of_another_built_in_world_opens_the_same_scene(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)
    model = lab.SRGFormer(data, lab.ModelConfig(embedding_dim=8, n_heads=2, n_hyperedges=2))
    run = lab.fit(model, data, lab.TrainConfig(epochs=2, batch_size=256, learning_rate=0.01), name="mine")
    made = report_on(run)
    written = html.unescape(re.search(r"<code>(\?.*?)</code>", made.html())[1])
    again = backend.SESSION.open(Link.of(dict(parse_qsl(written[1:]))))
    assert again.notes == ()
    assert again.link == made.scene.link
    assert again.data.fingerprint == data.fingerprint
    assert again.run.path.resolve() == run.path.resolve()
    assert again.ranking().equals(made.scene.ranking())
