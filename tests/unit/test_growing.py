"""A folder that grows under a trained run: what was learned stays to the bit, what is new is served, what changed is refused by name."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import srgformer_lab as lab
from srgformer_lab import backend, cli
from srgformer_lab.analysis.polynomial import powers
from srgformer_lab.data.growing import growth
from srgformer_lab.data.keeping import from_bytes, kept_of, to_bytes
from srgformer_lab.errors import DataError
from srgformer_lab.models import catalog
from srgformer_lab.models.transfer import with_newcomers

SMALL = lab.ModelConfig(embedding_dim=8, n_hyperedges=3, n_heads=2)
BRIEF = lab.TrainConfig(epochs=2, batch_size=512, learning_rate=0.01)
N_USERS, N_ITEMS, NEW_USERS, NEW_ITEMS = 24, 20, 3, 2
WORDS = ("red", "blue", "warm", "light", "wool", "steel", "oak", "glass")


def write(folder, users=N_USERS, items=N_ITEMS, matrices=False, seed=0):
    """Write a shop of so many users and items; a larger one holds the smaller one."""
    draws = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    taken = [(user, item) for user in range(N_USERS + NEW_USERS) for item in draws.choice(N_ITEMS + NEW_ITEMS, 10, replace=False)]
    rows = [f"u{user},i{item}" for user, item in taken if user < users and item < items]
    (folder / "interactions.csv").write_text("\n".join(["user_id,item_id", *rows]) + "\n")
    texts = [" ".join(draws.choice(WORDS, 3)) for _ in range(N_ITEMS + NEW_ITEMS)]
    listed = pd.DataFrame(
        {"item_id": [f"i{n}" for n in range(items)], "title": [f"Thing {n}" for n in range(items)], "text": texts[:items]}
    )
    listed.to_csv(folder / "items.csv", index=False)
    if matrices:
        (folder / "features").mkdir(exist_ok=True)
        np.save(folder / "features" / "text.npy", draws.normal(size=(N_ITEMS + NEW_ITEMS, 5)).astype(np.float32)[:items])
        return folder
    (folder / "images").mkdir(exist_ok=True)
    for item in range(items):
        if not (path := folder / "images" / f"i{item}.png").exists():
            Image.effect_mandelbrot((40, 60), (-2 + item / 9, -1.5, 1, 1.5), 20).save(path)
    return folder


def grow(folder, **given):
    return write(folder, N_USERS + NEW_USERS, N_ITEMS + NEW_ITEMS, **given)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("grown")
    data = lab.open_data(write(root / "shop"))
    run = lab.fit(lab.SRGFormer(data, SMALL), config=BRIEF, folder=root / "runs", name="first")
    lists = lab.recommend_all(run.model(data), k=N_ITEMS)
    return root, data, lists


@pytest.fixture
def shop(trained, tmp_path, monkeypatch):
    """A copy of the shop as it was trained on, with its run; the working folder."""
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    config = (tmp_path / "runs" / "first" / "config.json").read_text()
    (tmp_path / "runs" / "first" / "config.json").write_text(config.replace(str(trained[0]), str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shop"


def first():
    return lab.Run.open("runs/first")


def test_old_users_keep_their_scores_to_the_bit_and_new_ones_are_served(trained, shop):
    data, lists = trained[1:]
    served = lab.Run.open(grow(shop).parent / "runs" / "first").serve()
    now = lab.recommend_all(served.model, k=N_ITEMS + NEW_ITEMS)
    both = now.merge(lists, on=["user_id", "item_id"], suffixes=("", "_before"))
    assert len(both) > 0.8 * len(lists)  # what was taken meanwhile is left out
    assert (both["score"] == both["score_before"]).all()
    before = lab.recommend(first().model(), "u3", k=N_ITEMS).set_index("item_id")["score"]
    one = lab.recommend(served.model, "u3", k=N_ITEMS + NEW_ITEMS).set_index("item_id")["score"]
    assert all(one[item] == score for item, score in before.items() if item in one)
    assert {"u24", "u25", "u26"} <= set(now["user_id"])
    assert {"i20", "i21"} <= set(now["item_id"])
    assert "2 items (i20, i21), 3 users (u24, u25, u26)" in served.said[0]
    assert "train --from" in served.said[1]
    assert first().open_data().fingerprint == data.fingerprint == first().config.fingerprint


def test_what_is_new_has_the_scores_of_the_rules_for_newcomers(shop):
    served = first().serve(lab.open_data(grow(shop)))
    everyone = with_newcomers(first().model(), served.data)
    expected = lab.recommend(*everyone, "u25", k=5)
    pd.testing.assert_frame_equal(lab.recommend(served.model, "u25", k=5), expected)
    why = lab.explain(*served.variant("u3", "i20"), "u3", "i20")
    of_list = lab.recommend(served.model, "u3", k=30).set_index("item_id")["score"]
    assert why.score == pytest.approx(of_list["i20"], rel=1e-5)
    assert served.variant("u3", "i4").data.fingerprint == first().config.fingerprint
    with pytest.raises(lab.ConfigError, match="one of two models; explain that which"):
        lab.explain(served.model, "u3", "i20")


def test_interactions_alone_leave_lists_and_no_score(trained, shop):
    listed = trained[2]
    best = listed[listed["user_id"] == "u5"]["item_id"].iloc[0]
    with (shop / "interactions.csv").open("a") as file:
        file.write(f"u5,{best}\n")
    served = first().serve()
    assert best not in set(lab.recommend(served.model, "u5", k=N_ITEMS)["item_id"])
    assert served.said[0].startswith("1 interaction is new since this run was trained; the others keep")


def test_a_fitted_encoder_gives_old_items_their_vectors_and_new_ones_theirs(trained, shop):
    data = trained[1]
    grown = growth(from_bytes(to_bytes(kept_of(data))), lab.open_data(grow(shop)))
    for name, matrix in data.features.items():
        rows = [grown.data.item_row(item) for item in data.item_ids]
        assert (grown.data.features[name][rows] == matrix).all()
        assert np.allclose(np.linalg.norm(grown.data.features[name], axis=1), 1, atol=1e-5)
    encode = data.encoders["text"]
    words = [f"{title}. {text}" for title, text in zip(data.cards.titles, data.cards.texts, strict=True)]
    np.testing.assert_allclose(encode(words), data.features["text"], atol=1e-6)
    np.testing.assert_allclose(data.encoders["image"]([data.picture(item) for item in data.item_ids]), data.features["image"], atol=1e-2)
    assert not encode(["of no word that was there", ""]).any()


def test_changed_titles_and_pictures_are_shown_and_named_and_change_no_score(trained, shop):
    items = pd.read_csv(shop / "items.csv")
    items.loc[4, "title"] = "Quite another name"
    items.to_csv(shop / "items.csv", index=False)
    Image.new("RGB", (40, 60), "red").save(shop / "images" / "i7.png")
    served = first().serve()
    assert [told.partition(" has another ")[0] for told in served.said] == ["1 item (i4)", "1 item (i7)"]
    now = lab.recommend_all(served.model, k=N_ITEMS)
    assert "Quite another name" in set(now["title"])
    assert (now["score"].to_numpy() == trained[2]["score"].to_numpy()).all()


def lost_interaction(folder):
    lines = (folder / "interactions.csv").read_text().splitlines(keepends=True)
    (folder / "interactions.csv").write_text("".join([lines[0], *lines[2:]]))


def lost_item(folder):
    items = pd.read_csv(folder / "items.csv")
    items[items["item_id"] != "i9"].to_csv(folder / "items.csv", index=False)
    rows = pd.read_csv(folder / "interactions.csv")
    rows[rows["item_id"] != "i9"].to_csv(folder / "interactions.csv", index=False)


def lost_user(folder):
    rows = pd.read_csv(folder / "interactions.csv")
    rows[rows["user_id"] != "u2"].to_csv(folder / "interactions.csv", index=False)


def lost_pictures(folder):
    shutil.rmtree(folder / "images")


def own_matrix(folder):
    (folder / "features").mkdir()
    n_items = len(pd.read_csv(folder / "items.csv"))
    for name in ("text", "image"):
        np.save(folder / "features" / f"{name}.npy", np.eye(n_items, 32, dtype=np.float32))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lost_interaction, r"1 of its \d+ interactions is gone, such as user 'u0' and item"),
        (lost_item, "1 of its 20 items is gone, such as 'i9'"),
        (lost_user, "1 of its 24 users is gone, such as 'u2'"),
        (lost_pictures, "there is no modality 'image' any more"),
        (own_matrix, "came from the built-in encoder, and now come from a file in features/"),
    ],
)
def test_what_was_learned_and_is_gone_or_changed_is_refused_by_name(shop, change, words):
    change(grow(shop))
    with pytest.raises(lab.RunError, match=words) as refused:
        first().open_data()
    assert "train a new run" in str(refused.value)
    assert not first().is_on(lab.open_data(shop))


def test_features_from_files_may_gain_rows_and_not_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = lab.open_data(write(tmp_path / "shop", matrices=True))
    run = lab.fit(lab.SRGFormer(data, SMALL), config=BRIEF.replace(epochs=1), name="first")
    grow(tmp_path / "shop", matrices=True)
    assert len(run.serve().grown.new_items) == NEW_ITEMS
    matrix = np.load(tmp_path / "shop" / "features" / "text.npy")
    matrix[6] += 1
    np.save(tmp_path / "shop" / "features" / "text.npy", matrix)
    with pytest.raises(lab.RunError, match="the features text of 1 of its 20 items are others, such as those of 'i6'"):
        run.serve()


def test_other_options_make_other_data_of_the_same_folder(shop):
    fewer = lab.open_data(shop, k_core=4)
    run = lab.fit(lab.Popularity(fewer), name="fewer")
    grow(shop)
    assert not run.is_on(lab.open_data(shop))
    assert run.is_on(lab.open_data(shop, k_core=4))


def test_a_model_without_rules_serves_whom_it_knows(shop):
    run = lab.fit(lab.LightGCN(lab.open_data(shop), lab.LightGCNConfig(embedding_dim=8)), config=BRIEF.replace(epochs=1), name="light")
    before = lab.recommend(run.model(), "u1", k=N_ITEMS)
    grow(shop)
    served = run.serve()
    after = lab.recommend(served.model, "u1", k=N_ITEMS)
    kept = before[before["item_id"].isin(after["item_id"])]
    assert after[["item_id", "score"]].to_numpy().tolist() == kept[["item_id", "score"]].to_numpy().tolist()
    assert "left out, since this model has no rule for newcomers" in served.said[0]
    with pytest.raises(lab.UnknownIdError):
        lab.recommend(served.model, "u25")
    begun = run.warm_start()
    assert lab.fit(begun, config=BRIEF.replace(epochs=1), name="light-grown").serve().said == []


GRADIENT = [name for name, kind in catalog.MODELS.items() if kind.learns and name != "srgformer"]


@pytest.mark.parametrize("name", GRADIENT)
def test_every_model_that_learns_starts_from_its_run_by_ids(shop, name):
    kind = catalog.kind(name)
    run = lab.fit(kind.build(lab.open_data(shop)), config=BRIEF.replace(epochs=1), name=name)
    grow(shop)
    old, begun = run.model(), run.warm_start()
    drawn = kind.build(begun.data).state_dict()
    new = {"user": {"u24", "u25", "u26"}, "item": {"i20", "i21"}}
    for part, value in begun.state_dict().items():
        of = type(begun).rows.get(part) or type(begun).rows.get(part.partition(".")[0])
        if of is None:
            assert value.equal(old.state_dict()[part]), part
            continue
        before, now = (list(getattr(model.data, f"{of}_ids")) for model in (old, begun))
        assert set(now) - set(before) == new[of]
        assert len(value) == len(now)
        for row, one in enumerate(now):
            expected = drawn[part][row] if one in new[of] else old.state_dict()[part][before.index(one)]
            assert value[row].equal(expected), (part, one)
    assert lab.fit(begun, config=BRIEF.replace(epochs=1), name="second").config.begun_from == f"run {name}, epoch 1"


def test_what_learns_no_weights_or_is_of_a_class_of_its_own_is_told_so(shop):
    class Mine(lab.MatrixFactorization):
        pass

    data = lab.open_data(shop)
    with pytest.raises(lab.RunError, match="popularity, which learns no weights to start from; fit it anew"):
        lab.fit(lab.Popularity(data), name="popular").warm_start()
    grow(shop)
    assert lab.Run.open("runs/popular").serve().said[1] == "to learn from all of it: fit it anew, as it learns no weights"
    with pytest.raises(lab.RunError, match=r"of a class of its own, Mine, .* train it anew"):
        lab.fit(Mine(data), config=BRIEF.replace(epochs=1), name="mine").warm_start()


def with_lists(folder, n_items, seed=0, name="text"):
    draws = np.random.default_rng(seed)
    lists = np.stack([[row, *draws.choice(np.delete(np.arange(n_items), row), 2, replace=False)] for row in range(n_items)])
    np.savez(folder / "features" / f"{name}_knn.npz", indices=lists)
    return folder


def test_lists_of_neighbours_grow_and_what_was_trained_keeps_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shop = with_lists(write(tmp_path / "shop", matrices=True), N_ITEMS)
    run = lab.fit(lab.FREEDOM(lab.open_data(shop), lab.FREEDOMConfig(n_neighbors=3)), config=BRIEF.replace(epochs=1), name="first")
    before = lab.recommend_all(run.model(), k=N_ITEMS)
    with_lists(grow(shop, matrices=True), N_ITEMS + NEW_ITEMS, seed=1)
    assert run.open_data().fingerprint == run.config.fingerprint
    assert lab.recommend_all(run.model(), k=N_ITEMS)["score"].tolist() == before["score"].tolist()
    begun = run.warm_start()
    assert (begun.data.neighbors["text"] == lab.open_data(shop).neighbors["text"]).all()
    (shop / "features" / "text_knn.npz").unlink()
    with pytest.raises(lab.RunError, match=r"its lists of neighbours 'text' are gone; .* or train a new run"):
        run.serve()


def test_lists_of_neighbours_that_were_not_there_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shop = write(tmp_path / "shop", matrices=True)
    run = lab.fit(lab.Popularity(lab.open_data(shop)), name="first")
    with_lists(grow(shop, matrices=True), N_ITEMS + NEW_ITEMS)
    with pytest.raises(lab.RunError, match=r"there are lists of neighbours 'text' that it was not trained with; .* train a new run"):
        run.open_data()


def test_a_warm_start_goes_on_from_the_weights_and_is_its_own_run(trained, shop):
    grow(shop)
    model = first().warm_start()
    own, old = first().open_data(), first().model()
    rows = [model.data.item_row(item) for item in own.item_ids]
    assert (model.item_embedding[rows] == old.item_embedding).all()
    held = {(own.user_ids[u], own.item_ids[i]) for u, i in (*own.pairs("valid"), *own.pairs("test"))}
    learned = {(model.data.user_ids[u], model.data.item_ids[i]) for u, i in model.data.pairs("train")}
    assert not held & learned  # what judged the first run is not learned by the second
    run = lab.fit(model, config=BRIEF, name="second")
    assert run.config.begun_from == f"run first, epoch {first().status().best_epoch}"
    assert run.serve().said == []
    assert lab.Run.open("runs/second").open_data().fingerprint == run.config.fingerprint == model.data.fingerprint


def test_a_warm_start_begins_far_above_a_cold_one_on_a_grown_world(tmp_path):
    world, shop = lab.studio(n_users=60, n_items=48, n_groups=6, n_interactions=900, seed=1), tmp_path / "shop"
    (shop / "features").mkdir(parents=True)
    for n_users, n_items in ((54, 44), (60, 48)):
        taken = zip(world.interactions.user, world.interactions.item, strict=True)
        rows = [f"{world.user_ids[user]},{world.item_ids[item]}" for user, item in taken if user < n_users and item < n_items]
        (shop / "interactions.csv").write_text("\n".join(["user_id,item_id", *rows]) + "\n")
        (shop / "items.csv").write_text("\n".join(["item_id", *world.item_ids[:n_items]]) + "\n")
        for name, matrix in world.features.items():
            np.save(shop / "features" / f"{name}.npy", matrix[:n_items])
        if n_users == 54:
            model = lab.SRGFormer(lab.open_data(shop), SMALL)
            run = lab.fit(model, config=BRIEF.replace(epochs=8, batch_size=128), folder=tmp_path / "runs")
    warm = run.warm_start()
    ours, theirs = (lab.evaluate(each, "valid", (10,))["ndcg@10"] for each in (warm, lab.SRGFormer(warm.data, SMALL)))
    assert ours > 1.2 * theirs


def test_a_warm_start_that_was_killed_before_its_first_epoch_is_the_same_one(shop):
    grow(shop)
    run = lab.fit(first().warm_start(), config=BRIEF, name="whole")
    begun = first().warm_start()
    again = lab.Run.create("runs", "again", begun.data, "srgformer", begun.config, BRIEF, begun)
    lab.resume(again)
    assert run.history()["loss"].tolist() == again.history()["loss"].tolist()


def test_the_command_line_serves_judges_and_trains_on(shop, capsys):
    grow(shop)
    assert cli.main(["recommend", "runs/first", "--user", "u25"]) == 0
    said = capsys.readouterr()
    assert "3 users (u24, u25, u26)" in said.err
    assert len(said.out.splitlines()) == 11
    assert cli.main(["evaluate", "runs/first"]) == 0
    assert "judged are the 24 users that it was trained on" in capsys.readouterr().out
    assert cli.main(["report", "runs/first", "--user", "u26", "--output", "page.html"]) == 0
    assert "are new since this run was trained" in capsys.readouterr().err
    assert "are new since this run was trained" in (shop.parent / "page.html").read_text()
    assert cli.main(["train", "--from", "runs/first", "--epochs", "1"]) == 0
    assert "warm-started from run first, epoch" in capsys.readouterr().out
    assert lab.Run.open("runs/first-grown").config.train.batch_size == BRIEF.batch_size
    assert cli.main(["train", "--from", "runs/first", "--embedding-dim", "16"]) == 2
    assert "--embedding-dim too; leave it out" in capsys.readouterr().err


def test_the_app_says_what_is_new_once_and_shows_newcomers(trained, shop):
    link = backend.Link(data=str(shop))
    before = backend.SESSION.open(link)
    grow(shop)
    scene = backend.SESSION.open(link)
    assert scene.link.run == "first"
    assert any("3 users (u24, u25, u26)" in note for note in scene.notes)
    assert backend.SESSION.follow(scene, scene.link).notes == ()
    old = before.ranking().set_index("item_id")["score"]
    new = backend.SESSION.open(before.link).ranking().set_index("item_id")["score"]
    assert all(new[item] == score for item, score in old.items() if item in new)
    for user, item in (("u25", "i3"), ("u3", "i21"), (before.link.user, before.link.item)):
        chosen = backend.SESSION.open(link.change(user=user, item=item))
        assert (chosen.link.user, chosen.link.item) == (user, item)
        why = chosen.explanation()
        assert why.by_part["contribution"].sum() == pytest.approx(why.score, abs=1e-4)
        listed = chosen.ranking().set_index("item_id")
        if item in listed.index:
            assert why.rank == listed.loc[item, "rank"]
            assert why.score == pytest.approx(listed.loc[item, "score"], rel=1e-5)
    assert len(backend.served_users(scene)) <= N_USERS


@pytest.mark.parametrize("user", ["u3", "u25"])
def test_a_saved_report_ranks_grown_data_as_the_list_does(shop, user):
    grow(shop)
    frames = backend.report_on(first(), user).frames()
    listed, terms = frames["ranking"][1].set_index("item_id"), frames["terms"][1].set_index("item_id")
    at = [SMALL.attention_scale, SMALL.hypergraph_scale]
    scores = terms.to_numpy() @ powers(*at)
    found = dict(zip(terms.index, scores, strict=True))
    assert {item: pytest.approx(found[item], abs=1e-4) for item in listed.index} == listed["score"].to_dict()


def test_a_run_without_what_it_was_trained_on_opens_on_its_own_data_alone(shop):
    (shop.parent / "runs" / "first" / "trained_on.npz").unlink()
    assert first().serve().said == []
    grow(shop)
    with pytest.raises(lab.RunError, match=r"was trained on .*, not on"):
        first().open_data()


@pytest.mark.parametrize("damage", [lambda content: content[:100], lambda content: b"", lambda content: content[:-40] + b"0" * 40])
def test_damage_of_what_was_kept_is_said(trained, damage):
    with pytest.raises(DataError, match="can't be read"):
        from_bytes(damage(to_bytes(kept_of(trained[1]))))


def test_a_run_without_rules_for_newcomers_is_asked_why_on_what_it_was_trained_on(shop):
    data = lab.open_data(shop)
    run = lab.fit(lab.LightGCN(data, lab.LightGCNConfig(embedding_dim=4)), config=BRIEF, folder=shop.parent / "runs", name="walks")
    before = lab.recommend(run.model(data), "u3", k=N_ITEMS).set_index("item_id")["score"]
    grow(shop)
    scene = backend.SESSION.open(backend.Link(data=str(shop), run="walks", user="u3"))
    ranking = scene.ranking().set_index("item_id")["score"]
    assert all(score == before[item] for item, score in ranking.items())
    why = scene.explanation()
    assert why.score == pytest.approx(before[why.item_id], rel=1e-5)
    assert why.rank == 1
    assert scene.what_if(lab.drop_items(why.history["item_id"][0])).score_after != why.score
    assert backend.hangs_on(scene, 1).value().rank_before == 1
