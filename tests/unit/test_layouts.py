"""Popular downloads and exports open as they are, and what is imported from them opens as the same data set."""

import csv
import gzip
import io
import json
import pickle

import numpy as np
import pytest
from folders import matrix, write_rows
from PIL import Image
from scipy import sparse

import srgformer_lab as lab
from srgformer_lab.data import layouts as registry
from srgformer_lab.errors import ConfigError, DataError, UnknownIdError

N_USERS, N_ITEMS = 8, 12
PAIRS = [(user, (3 * user + place) % N_ITEMS) for user in range(N_USERS) for place in range(6)]
DAY = 86_400


def table(path, header, rows, separator=",", encoding="utf-8"):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows([header, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.getvalue().encode(encoding))


def lines(path, rows, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = ("\n".join(rows) + "\n").encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def movielens(folder):
    table(folder / "ratings.csv", ["userId", "movieId", "rating", "timestamp"], [[u + 1, i + 1, 3.5, DAY * (u + i)] for u, i in PAIRS])
    titles = [[i + 1, f"Thing {i}, The (19{80 + i})", "Drama|Sci-Fi" if i else "(no genres listed)"] for i in range(N_ITEMS)]
    table(folder / "movies.csv", ["movieId", "title", "genres"], titles)
    table(folder / "tags.csv", ["userId", "movieId", "tag", "timestamp"], [[1, 1, "fun", 5]])


def movielens_dat(folder):
    lines(folder / "ratings.dat", [f"{u + 1}::{i + 1}::4::{DAY * (u + i)}" for u, i in PAIRS])
    lines(folder / "movies.dat", [f"{i + 1}::Café {i} (1990)::Drama|War" for i in range(N_ITEMS)], "latin-1")
    lines(folder / "users.dat", ["1::F::1::10::48067"])


def movielens_100k(folder):
    lines(folder / "u.data", [f"{u + 1}\t{i + 1}\t4\t{DAY * (u + i)}" for u, i in PAIRS])
    flags = "|".join(["0", "1", *["0"] * 17])
    lines(folder / "u.item", [f"{i + 1}|Café {i} (1990)|01-Jan-1990||http://x.example|{flags}" for i in range(N_ITEMS)], "latin-1")
    lines(folder / "u.genre", ["unknown|0", "Action|1"])


def recbole(folder):
    table(
        folder / "ml.inter",
        ["user_id:token", "item_id:token", "rating:float", "timestamp:float"],
        [[u, i, 4, u + i] for u, i in PAIRS],
        "\t",
    )
    rows = [[i, f"Thing {i}", 1990, "Drama War", f"{i} 1 2.5"] for i in range(N_ITEMS)]
    header = ["item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq", "vector:float_seq"]
    table(folder / "ml.item", header, rows, "\t")
    table(folder / "ml.user", ["user_id:token", "age:token"], [[0, 9]], "\t")


def recbole_split(folder):
    for place, name in enumerate(("train", "valid", "test")):
        rows = [pair for number, pair in enumerate(PAIRS) if (0 if number % 6 < 4 else number % 6 - 3) == place]
        table(folder / f"ml.{name}.inter", ["user_id:token", "item_id:token"], rows, "\t")


def amazon(folder):
    reviews = [
        {
            "rating": 4.0,
            "title": "ok",
            "text": "fine",
            "asin": f"C{i}",
            "parent_asin": f"B{i:03}",
            "user_id": f"AE{u}",
            "timestamp": 10**12 + i,
        }
        for u, i in PAIRS
    ]
    lines(folder / "All_Beauty.jsonl.gz", map(json.dumps, reviews))
    meta = [
        {"title": f"Thing {i}", "features": ["red", "warm"], "description": [], "price": None, "images": [], "store": "Acme"}
        for i in range(N_ITEMS)
    ]
    lines(folder / "meta_All_Beauty.jsonl.gz", [json.dumps(one | {"parent_asin": f"B{i:03}"}) for i, one in enumerate(meta)])


def hm(folder):
    rows = [[f"2020-09-{10 + i}", f"{u:064x}", f"0{108775000 + i}", 0.04, 2] for u, i in PAIRS]
    table(folder / "transactions_train.csv", ["t_dat", "customer_id", "article_id", "price", "sales_channel_id"], [*rows, rows[0]])
    articles = [[f"0{108775000 + i}", f"Thing {i}", "Vest top", "Black" if i % 2 else "Red", "a warm vest"] for i in range(N_ITEMS)]
    table(folder / "articles.csv", ["article_id", "prod_name", "product_type_name", "colour_group_name", "detail_desc"], articles)
    table(folder / "customers.csv", ["customer_id", "age"], [["0", 30]])
    (folder / "images" / "010").mkdir(parents=True)
    for i in range(1, N_ITEMS):
        Image.new("RGB", (8, 8), (20 * i, 0, 0)).save(folder / "images" / "010" / f"0{108775000 + i}.jpg")


def shopify(folder):
    rows = []
    for number, (u, i) in enumerate(PAIRS):
        first = number % 6 == 0
        buyer = [f"u{u}@x.example", "paid", f"2020-09-14 06:4{u}:10 +0200"] if first else ["", "", ""]
        rows.append([f"#10{u:02}", *buyer, 1, f"Thing {i} - Small / Red", f"SKU-{i}"])
    rows.append(["#2000", "", "paid", "2020-09-14 06:41:10 +0200", 1, "Thing 0 - Small / Red", "SKU-0"])
    table(
        folder / "orders_export.csv",
        ["Name", "Email", "Financial Status", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem sku"],
        rows,
    )
    header = ["Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Variant SKU", "Image Src"]
    products = []
    for i in range(N_ITEMS):
        products.append(
            [f"thing-{i}", f"Thing {i}", "<p>A <b>warm</b> thing</p>", "Acme", "Chair", "red", f"SKU-{i}", "https://x.example/a.jpg"]
        )
        products.append([f"thing-{i}", "", "", "", "", "", f"SKU-{i}-L", ""])
    table(folder / "products_export.csv", header, products)


def by_split():
    parts = {name: {} for name in ("train", "val", "test")}
    for number, (u, i) in enumerate(PAIRS):
        name = "train" if number % 6 < 4 else "val" if number % 6 == 4 else "test"
        parts[name].setdefault(u, []).append(i)
    return parts


def lattice(folder):
    for name, users in by_split().items():
        lines(folder / f"{name}.json", [json.dumps(users)])
    for name in ("image", "text"):
        np.save(folder / f"{name}_feat.npy", matrix(3, N_ITEMS))


def lightgcn(folder):
    for name, users in by_split().items():
        if name != "val":
            lines(folder / f"{name}.txt", [" ".join(map(str, [u, *items])) for u, items in users.items()])


def diffmm(folder):
    folder.mkdir(exist_ok=True)
    for name, users in by_split().items():
        u, i = np.array([(u, i) for u, items in users.items() for i in items]).T
        made = sparse.coo_matrix((np.ones(len(u)), (u, i)), (N_USERS, N_ITEMS))
        sparse.save_npz(folder / f"{ {'train': 'trn', 'val': 'val', 'test': 'tst'}[name] }Mat.npz", made)
    np.save(folder / "image_feat.npy", matrix(3, N_ITEMS))


def mmrec(folder):
    rows = [[u, i, 1, u + i, 0 if place % 6 < 4 else place % 6 - 3] for place, (u, i) in enumerate(PAIRS)]
    table(folder / "baby.inter", ["userID", "itemID", "rating", "timestamp", "x_label"], rows, "\t")
    np.save(folder / "image_feat.npy", matrix(3, N_ITEMS))
    np.savez(folder / "image_knn.npz", indices=(np.arange(N_ITEMS)[:, None] + [1, 2]) % N_ITEMS)
    table(folder / "items.csv", ["itemID", "title"], [[i, f"Thing {i}"] for i in range(N_ITEMS)])


def three_files(folder):
    for name, users in by_split().items():
        table(folder / f"{name}.csv", ["user_id", "item_id"], [(u, i) for u, items in users.items() for i in items])


def parquet(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 0, 0)).save(picture, "PNG")
    for part, pairs in enumerate((PAIRS[:20], PAIRS[20:])):
        columns = {"user_id": [f"u{u}" for u, _ in pairs], "item_id": [f"i{i}" for _, i in pairs]}
        pq.write_table(pa.table(columns), folder / "data" / f"train-0000{part}-of-00002.parquet")
    ids = [f"i{i}" for i in range(N_ITEMS)]
    columns = {"item_id": ids, "title": ids, "image": [{"bytes": picture.getvalue(), "path": "a.png"}] * N_ITEMS}
    columns["clip_embedding"] = matrix(3, N_ITEMS).tolist()
    pq.write_table(pa.table(columns), folder / "data" / "items-00000-of-00001.parquet")


def excel(folder):
    import openpyxl

    folder.mkdir(exist_ok=True)
    book = openpyxl.Workbook()
    book.active.append(["Kunde", "Artikel", "Datum"])
    for u, i in PAIRS:
        book.active.append([f"u{u}", i, np.datetime64("2020-09-14", "s").astype(object)])
    book.save(folder / "Bestellungen.xlsx")
    rows = [[i, f"Größe {i}", "19,99"] for i in range(N_ITEMS)]
    table(folder / "Artikel.csv", ["Artikel", "Bezeichnung", "Preis"], rows, ";", "cp1252")


IMITATIONS = {  # what writes it, its modalities, a title, and what it says of itself
    "movielens": (movielens, ("text",), "Thing 1, The (1981)", "not used: tags.csv"),
    "movielens-dat": (movielens_dat, ("text",), "Café 1 (1990)", "not used: users.dat"),
    "movielens-100k": (movielens_100k, ("text",), "Café 1 (1990)", "not used: u.genre"),
    "recbole": (recbole, ("vector",), "Thing 1", "not used: ml.user"),
    "recbole-split": (recbole_split, (), "1", "no modality"),
    "amazon-2023": (amazon, ("text",), "Thing 1", "not used: title, text, asin"),
    "hm": (hm, ("image", "text"), "Thing 1", "1 row left out, which repeat a user and an item"),
    "shopify": (shopify, ("text",), "Thing 1", "1 row left out, without a user ('')"),
    "lattice": (lattice, ("image", "text"), "1", "image_feat.npy: features image, 12 × 3"),
    "lightgcn": (lightgcn, (), "1", "there is no validation split"),
    "diffmm": (diffmm, ("image",), "1", "a sparse matrix of users and items"),
    "mmrec": (mmrec, ("image",), "Thing 1", "x_label as split"),
    "three files": (three_files, (), "1", "no modality"),
    "parquet": (parquet, ("clip",), "i1", "clip_embedding with pictures or vectors"),
    "excel": (excel, (), "Größe 1", "Kunde as user, Artikel as item, Datum as time"),
}


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_download_opens_with_no_option_and_what_is_imported_opens_as_the_same(tmp_path, name):
    write, modalities, title, words = IMITATIONS[name]
    write(tmp_path / "download")
    data = lab.open_data(tmp_path / "download")
    assert data.source.reader == (name if name in registry.layouts() else "pairs")
    assert (data.n_users, data.n_items, data.modalities) == (N_USERS, N_ITEMS, modalities)
    assert len(data.interactions) == len(PAIRS) - (8 if name == "lightgcn" else 0)
    assert data.cards.titles[1] == title
    assert any(words in note for note in data.reading), data.reading
    assert lab.check(tmp_path / "download").problems == []
    imported = lab.import_data(tmp_path / "download", tmp_path / "ours")
    assert imported.first["title"].str.len().all()
    again = lab.open_data(tmp_path / "ours")
    assert again.source.reader == "folder"
    assert again.fingerprint == data.fingerprint


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


def test_data_with_cold_users_and_other_modalities_trains(tmp_path):
    """As the field's TikTok set: two modalities without pictures or texts, no titles, users that occur in test only."""
    lattice(tmp_path)
    for old, new in (("image", "visual"), ("text", "acoustic")):
        (tmp_path / f"{old}_feat.npy").rename(tmp_path / f"{new}_feat.npy")
    test = json.loads((tmp_path / "test.json").read_text())
    (tmp_path / "test.json").write_text(json.dumps(test | {"100": [1, 2], "101": [3]}))
    data = lab.open_data(tmp_path)
    assert (data.modalities, data.n_users) == (("acoustic", "visual"), N_USERS)
    assert any(
        "2 of 10 users have no training interaction, such as 100, 101: they and their 3 interactions" in note for note in data.reading
    )
    model = lab.SRGFormer(data, lab.ModelConfig(embedding_dim=8, n_hyperedges=2))
    run = lab.fit(model, data, lab.TrainConfig(epochs=1, batch_size=32), folder=tmp_path / "runs", name="x")
    assert set(lab.evaluate(run.model(data), data))


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
