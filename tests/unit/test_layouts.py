"""Popular downloads and exports open as they are, and what is imported from them opens as the same data set."""

import pickle

import pytest
from folders import write_rows
from scipy import sparse

import srgformer_lab as lab
from srgformer_lab import cli
from srgformer_lab.data import layouts as registry
from srgformer_lab.errors import ConfigError, DataError, UnknownIdError
from tests.downloads import ANSWERED, IMITATIONS, N_ITEMS, N_USERS, PAIRS, diffmm, hm, movielens, shopify, table, tiktok


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_download_opens_with_no_option_and_what_is_imported_opens_as_the_same(tmp_path, name):
    write, modalities, title, words = IMITATIONS[name]
    write(tmp_path / "download")
    data = lab.open_data(tmp_path / "download")
    assert data.source.reader == {"json lines": "folder", "tiktok": "mmrec", "mmrec mapped": "mmrec"}.get(
        name, name if name in registry.layouts() else "pairs"
    )
    assert (data.n_users, data.n_items, data.modalities) == (N_USERS, N_ITEMS, modalities)
    assert len(data.interactions) == len(PAIRS) - (9 if name == "lightgcn" else 0)
    assert data.cards.titles[1] == title
    assert any(words in note for note in data.reading), data.reading
    assert lab.check(tmp_path / "download").problems == []
    imported = lab.import_data(tmp_path / "download", tmp_path / "ours")
    assert imported.first["title"].str.len().all()
    again = lab.open_data(tmp_path / "ours")
    assert again.source.reader == "folder"
    assert again.fingerprint == data.fingerprint


@pytest.mark.parametrize("name", ANSWERED)
def test_a_download_that_needs_one_answer_asks_for_it_and_imports_as_the_same(tmp_path, name):
    write, answer, words, title = ANSWERED[name]
    write(tmp_path / "download")
    with pytest.raises(DataError) as asked:
        lab.open_data(tmp_path / "download")
    assert words in str(asked.value)
    data = lab.open_data(tmp_path / "download", **answer)
    assert (data.n_users, data.n_items, len(data.interactions), data.cards.titles[1]) == (N_USERS, N_ITEMS, len(PAIRS), title)
    lab.import_data(tmp_path / "download", tmp_path / "ours", **answer)
    assert lab.open_data(tmp_path / "ours").fingerprint == data.fingerprint


def test_items_of_a_shop_are_products_and_their_html_is_text(tmp_path):
    shopify(tmp_path / "shop")
    data = lab.open_data(tmp_path / "shop")
    assert data.item_ids[:2] == ("thing-0", "thing-1")
    assert data.cards.texts[0].split()[:3] == ["A", "warm", "thing"]
    assert data.user_ids[0] == "u0@x.example"


def test_leading_zeros_and_pictures_of_hm_meet(tmp_path):
    hm(tmp_path / "hm")
    data = lab.open_data(tmp_path / "hm")
    assert data.item_ids[0] == "0108775000"
    assert sum(picture is not None for picture in data.cards.pictures) == N_ITEMS - 1


def test_what_was_answered_is_not_asked_of_the_imported_folder(tmp_path):
    rows = [[f"u{u}", f"i{i}", 1 if i % 2 else -1] for u, i in PAIRS]
    table(tmp_path / "votes" / "votes.csv", ["user", "item", "rating"], rows)
    with pytest.raises(DataError, match="min_rating=1 to leave them out"):
        lab.import_data(tmp_path / "votes", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()
    lab.import_data(tmp_path / "votes", tmp_path / "ours", min_rating=-1)
    assert len(lab.open_data(tmp_path / "ours").interactions) == len(PAIRS)
    with pytest.raises(DataError, match="exists already and is not empty"):
        lab.import_data(tmp_path / "votes", tmp_path / "ours", min_rating=-1)


def test_a_pickle_is_opened_by_name_only_and_builds_matrices_only(tmp_path):
    marker = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return (type(marker).touch, (marker,))

    folder = tmp_path / "diffmm"
    diffmm(folder)
    expected = lab.open_data(folder).fingerprint
    for name in ("trn", "val", "tst"):
        made = sparse.load_npz(folder / f"{name}Mat.npz")
        (folder / f"{name}Mat.pkl").write_bytes(pickle.dumps(made))
        (folder / f"{name}Mat.npz").unlink()
    with pytest.raises(DataError, match=r"is a pickle.*layout='diffmm'.*scipy\.sparse\.save_npz"):
        lab.open_data(folder)
    assert lab.open_data(folder, layout="diffmm").fingerprint == expected
    (folder / "trnMat.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="which no sparse matrix is made of"):
        lab.open_data(folder, layout="diffmm")
    assert not marker.exists()


def test_data_with_cold_users_and_other_modalities_trains(tmp_path, capsys):
    tiktok(tmp_path / "tiktok")
    data = lab.open_data(tmp_path / "tiktok")
    model = lab.SRGFormer(data, lab.ModelConfig(embedding_dim=8, n_hyperedges=2))
    run = lab.fit(model, data, lab.TrainConfig(epochs=1, batch_size=32), folder=tmp_path / "runs", name="x")
    capsys.readouterr()
    assert cli.main(["evaluate", str(run.path)]) == 0
    printed = capsys.readouterr().out
    assert "they and their 20 interactions are left out, since nothing could be learned of them" in printed
    assert "recall@20" in printed


@pytest.fixture
def registered():
    """A registry that forgets what a test adds."""
    before = dict(registry._added)
    yield
    registry._added.clear()
    registry._added.update(before)


def test_a_layout_is_added(tmp_path, registered):
    write_rows(tmp_path / "loans.tsv", "reader\tisbn\ton", [f"r{u}\tb{i}\t2020-01-{10 + i}" for u, i in PAIRS])
    write_rows(tmp_path / "books.tsv", "isbn\tbook\tabout", [f"b{i}\tBook {i}\tgood read" for i in range(N_ITEMS)])
    columns = {"user": ["reader"], "item": ["isbn"], "time": ["on"]}
    books = {"item": ["isbn"], "title": ["book"]}
    layout = lab.Layout(
        "library", "loans", ["loans.tsv"], items=["books.tsv"], columns=columns, item_columns=books, text=["about"], separator="\t"
    )
    lab.add_layout(layout)
    data = lab.open_data(tmp_path)
    assert (data.source.reader, data.modalities, data.cards.titles[0]) == ("library", ("text",), "Book 0")
    assert data.interactions.timestamp is not None


@pytest.mark.parametrize("layout", ["library", lab.Layout("", "x", ["a.csv"]), lab.Layout("x", "names no file")])
def test_what_is_no_layout(layout, registered):
    with pytest.raises(ConfigError, match=r"layout|Layout"):
        lab.add_layout(layout)


def test_unknown_layout_and_missing_file(tmp_path):
    movielens(tmp_path / "ml")
    with pytest.raises(UnknownIdError, match="did you mean movielens"):
        lab.open_data(tmp_path / "ml", layout="movielense")
    with pytest.raises(DataError, match=r"transactions_train\.csv is missing"):
        lab.open_data(tmp_path / "ml", layout="hm")


def test_a_folder_above_and_an_archive_are_named(tmp_path):
    movielens(tmp_path / "above" / "ml-latest-small")
    with pytest.raises(DataError, match="but its folder ml-latest-small does"):
        lab.open_data(tmp_path / "above")
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "ml.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"unpack ml\.zip"):
        lab.open_data(tmp_path / "packed")
