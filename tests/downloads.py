"""Popular downloads and exports in miniature, with their headers and quirks: written by tests that open them."""

import csv
import gzip
import io
import json

import numpy as np
from PIL import Image
from scipy import sparse

N_USERS, N_ITEMS = 8, 12
PAIRS = [(user, (3 * user + place) % N_ITEMS) for user in range(N_USERS) for place in range(6)]
DAY = 86_400


def matrix(width, n_items):
    """Features that differ from item to item."""
    return np.arange(n_items * width, dtype=np.float32).reshape(n_items, width) / 7


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
    (folder / "train_mat").write_bytes(b"\x80\x04\x95, a pickle")


def lightgcn(folder):
    """With the spaces that end its lines, and a user of whom nothing is tested."""
    for name, users in by_split().items():
        if name != "val":
            of = {u: items if name == "train" or u else [] for u, items in users.items()}
            lines(folder / f"{name}.txt", [" ".join(map(str, [u, *items])) + " " for u, items in of.items()])
    lines(folder / "user_list.txt", ["org_id remap_id", *(f"A{u:013} {u}" for u in range(N_USERS))])
    lines(folder / "item_list.txt", ["org_id remap_id", *(f"B{i:09} {i}" for i in range(N_ITEMS))])


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


def mmrec_mapped(folder):
    """Without titles, but with the ids that items and users had before they were numbered."""
    mmrec(folder)
    (folder / "items.csv").unlink()
    table(folder / "i_id_mapping.csv", ["asin", "itemID"], [[f"B{i:09}", i] for i in range(N_ITEMS)], "\t")
    table(folder / "u_id_mapping.csv", ["user_id", "userID"], [[f"A{u:013}", u] for u in range(N_USERS)], "\t")


def three_files(folder):
    for name, users in by_split().items():
        table(folder / f"{name}.csv", ["user_id", "item_id"], [(u, i) for u, items in users.items() for i in items])


def m3l(folder):
    for name, users in by_split().items():
        rows = [(u, i, DAY * (u + i)) for u, items in users.items() for i in items]
        table(folder / f"{ {'val': 'valid'}.get(name, name) }.tsv", ["user_id", "item_id", "timestamp"], rows, "\t")
    np.save(folder / "image_feat.npy", matrix(3, N_ITEMS))


def inter_split(folder):
    for name, users in by_split().items():
        rows = [(u, i) for u, items in users.items() for i in items]
        table(folder / f"{ {'val': 'valid'}.get(name, name) }.inter", ["userID", "itemID"], rows, "\t")
    np.save(folder / "v_feat.npy", matrix(3, N_ITEMS))


def json_lines(folder):
    pairs = [{"user_id": f"u{u}", "item_id": f"i{i}", "rating": 4.0, "timestamp": DAY * (u + i)} for u, i in PAIRS]
    lines(folder / "interactions.jsonl", map(json.dumps, pairs))
    items = [{"item_id": f"i{i}", "title": f"Thing {i}", "text": "warm and red", "tags": ["a", "b"], "price": None} for i in range(N_ITEMS)]
    lines(folder / "items.jsonl", map(json.dumps, items))


def tiktok(folder):
    """As the field's TikTok set: no titles, no pictures or texts, but features of both, and users that occur in test only."""
    rows = [[u, i, 0 if place % 6 < 4 else place % 6 - 3] for place, (u, i) in enumerate(PAIRS)]
    cold = [[N_USERS + extra, (extra + place) % N_ITEMS, 2] for extra in range(10) for place in range(2)]
    table(folder / "tiktok.inter", ["userID", "itemID", "x_label"], rows + cold, "\t")
    np.save(folder / "visual_feat.npy", matrix(5, N_ITEMS))
    np.save(folder / "acoustic_feat.npy", matrix(3, N_ITEMS))


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


def microlens(folder):
    pairs = [[u + 1, i + 1, 1000 * DAY * (18_000 + u + i)] for u, i in PAIRS]
    table(folder / "MicroLens-100k_pairs.csv", ["user", "item", "timestamp"], pairs)
    table(folder / "MicroLens-100k_title_en.csv", ["item", "title"], [[i + 1, f"Thing {i}"] for i in range(N_ITEMS)])


def yelp(folder):
    """With more in the table of visits than in that of places."""
    reviews = [
        {
            "review_id": f"r{u}{i}",
            "user_id": f"u{u}",
            "business_id": f"b{i}",
            "stars": 4.0,
            "text": "fine",
            "date": f"2018-07-{10 + u} 22:09:11",
        }
        for u, i in PAIRS
    ]
    places = [{"business_id": f"b{i}", "name": f"Thing {i}", "attributes": {"WiFi": "u'free'"}, "hours": None} for i in range(N_ITEMS)]
    visits = [{"business_id": f"b{i}", "date": "2010-09-13 21:43:59, " * 20} for i in range(N_ITEMS)]
    people = [{"user_id": f"u{u}", "name": f"Person {u}", "friends": ""} for u in range(N_USERS)]
    for name, rows in {"review": reviews, "business": places, "checkin": visits, "user": people}.items():
        lines(folder / f"yelp_academic_dataset_{name}.json", map(json.dumps, rows))


def hetrec(folder):
    """Artists whose own table calls their ids just so."""
    rows = [[u + 2, i + 51, 100 + u] for u, i in PAIRS]
    table(folder / "user_artists.dat", ["userID", "artistID", "weight"], rows, "\t")
    artists = [[i + 51, f"Thing {i}", "http://x.example", "http://y.example"] for i in range(N_ITEMS)]
    table(folder / "artists.dat", ["id", "name", "url", "pictureURL"], artists, "\t")
    table(folder / "user_friends.dat", ["userID", "friendID"], [[2, 3]], "\t")


def amazon_2014(folder):
    """Reviews in JSON, and what is said of products as Python writes dictionaries."""
    reviews = [
        {"reviewerID": f"A{u}", "asin": f"B{i}", "overall": 5.0, "unixReviewTime": DAY * (u + i), "helpful": [0, 0]} for u, i in PAIRS
    ]
    lines(folder / "reviews_Baby_5.json.gz", map(json.dumps, reviews))
    products = [
        {"asin": f"B{i}", "categories": [["Baby", "Toys"]], "description": "it's red", "title": f"Thing {i}"} for i in range(N_ITEMS)
    ]
    lines(folder / "meta_Baby.json.gz", map(str, products))


def saved_by_datasets(folder):
    import pyarrow as pa

    folder.mkdir(exist_ok=True)
    rows = pa.table({"user_id": [f"u{u}" for u, _ in PAIRS], "item_id": [f"i{i}" for _, i in PAIRS]})
    with pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as file, pa.ipc.new_stream(file, rows.schema) as stream:
        stream.write_table(rows)
    (folder / "dataset_info.json").write_text(json.dumps({"features": {"user_id": {"dtype": "string"}}}, indent=2))


def shop_orders(folder):
    """A shop's orders by line, where the number of the line is called as an item might be."""
    header = ["Order Number", "Order Date", "Customer Email", "Item #", "Item Name", "SKU", "Quantity"]
    rows = [[100 + u, f"2024-01-{13 + u} 10:00", f"u{u}@x.example", n, f"Thing {i}", f"SKU-{i:02}", 1] for n, (u, i) in enumerate(PAIRS)]
    table(folder / "orders-2024-01-31.csv", header, rows)
    products = [[i, "simple", f"SKU-{i:02}", f"Thing {i}", "warm and red", "Chairs"] for i in range(N_ITEMS)]
    table(folder / "wc-product-export.csv", ["ID", "Type", "SKU", "Name", "Description", "Categories"], products)


def elliot(folder):
    for name, users in by_split().items():
        lines(folder / f"{name}.tsv", [f"{u}\t{i}\t1.0" for u, items in users.items() for i in items])


def ratings_only(folder):
    lines(folder / "ratings_Baby.csv", [f"A{u}X,B00{i:02}Y,{1 + u % 5}.0,{DAY * (u + i)}" for u, i in PAIRS])


def goodreads(folder):
    rows = [
        {"user_id": f"u{u}", "book_id": str(i), "is_read": True, "rating": u % 6, "date_added": "Sun Jul 30 07:44:10 -0700 2017"}
        for u, i in PAIRS
    ]
    lines(folder / "goodreads_interactions_poetry.json.gz", map(json.dumps, rows))
    books = [{"book_id": str(i), "title": f"Thing {i}", "popular_shelves": [{"count": "1", "name": "to-read"}]} for i in range(N_ITEMS)]
    lines(folder / "goodreads_books_poetry.json.gz", map(json.dumps, books))


def clicks(folder):
    rows = [[1000 * DAY * (18_000 + u), u, "view" if (u + i) % 3 else "transaction", i, ""] for u, i in PAIRS]
    table(folder / "events.csv", ["timestamp", "visitorid", "event", "itemid", "transactionid"], rows)


ANSWERED = {  # what writes it, the question that it is opened with, words that ask it, and a title
    "elliot": (elliot, {"columns": "user=1,item=2"}, "number the columns, as in columns='user=1,item=2'", "1"),
    "ratings only": (ratings_only, {"columns": "user=1,item=2,rating=3,time=4"}, "number them: columns='user=1,item=2'", "B0001Y"),
    "goodreads": (goodreads, {"min_rating": 0}, "min_rating=0 if each row is something that was liked", "Thing 1"),
    "clicks": (clicks, {"events": "all"}, "events='all' if each counts as much as another", "1"),
}
IMITATIONS = {  # what writes it, its modalities, a title, and what it says of itself
    "movielens": (movielens, ("text",), "Thing 1, The (1981)", "not used: tags.csv"),
    "movielens-dat": (movielens_dat, ("text",), "Café 1 (1990)", "not used: users.dat"),
    "movielens-100k": (movielens_100k, ("text",), "Café 1 (1990)", "not used: u.genre"),
    "recbole": (recbole, ("vector",), "Thing 1", "not used: ml.user"),
    "recbole-split": (recbole_split, (), "1", "no modality"),
    "amazon-2023": (amazon, ("text",), "Thing 1", "not used: title, text, asin"),
    "hm": (hm, ("image", "text"), "Thing 1", "1 row left out, which repeat a user and an item"),
    "shopify": (shopify, ("text",), "Thing 1", "1 row left out, without a user ('')"),
    "lattice": (lattice, ("image", "text"), "1", "not used: train_mat"),
    "lightgcn": (lightgcn, (), "B000000001", "there is no validation split"),
    "diffmm": (diffmm, ("image",), "1", "a sparse matrix of users and items"),
    "mmrec": (mmrec, ("image",), "Thing 1", "x_label as split"),
    "mmrec mapped": (mmrec_mapped, ("image",), "B000000001", "itemID as item, asin as title"),
    "three files": (three_files, (), "1", "no modality"),
    "m3l": (m3l, ("image",), "1", "valid.tsv: 8 rows"),
    "inter-split": (inter_split, ("v",), "1", "userID as user, itemID as item"),
    "json lines": (json_lines, ("text",), "Thing 1", "shown with the items: tags, price"),
    "tiktok": (tiktok, ("acoustic", "visual"), "1", "10 of 18 users have no training interaction, such as 8, 9, 10 and 7 more"),
    "microlens": (microlens, (), "Thing 1", "times are milliseconds since 1970"),
    "yelp": (yelp, (), "Thing 1", "yelp_academic_dataset_business.json: 12 rows"),
    "hetrec": (hetrec, (), "Thing 1", "not used: user_friends.dat"),
    "amazon 2014": (amazon_2014, ("text",), "Thing 1", "unixReviewTime as time"),
    "saved by datasets": (saved_by_datasets, (), "i1", "Arrow: user_id as user"),
    "shop orders": (shop_orders, ("text",), "Thing 1", "Customer Email as user, SKU as item, Order Date as time"),
    "parquet": (parquet, ("clip",), "i1", "clip_embedding with pictures or vectors"),
    "excel": (excel, (), "Größe 1", "Kunde as user, Artikel as item, Datum as time"),
}
