"""What visitors share is made once and bounded; links are checked; nothing stale is shown."""

import os
import shutil
import threading
import time
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import Link
from srgformer_lab.backend import scene as scenes
from tests.shops import resolve, train_shop, write_shop


@pytest.fixture(scope="module")
def root(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    train_shop(write_shop(folder / "shop", tiny), folder, epochs=2)
    return folder


@pytest.fixture
def link(root, monkeypatch):
    monkeypatch.chdir(root)
    return resolve(Link(data=str(root / "shop")))[0]


def test_the_link_decides_before_the_command_line_and_about_data_as_a_whole():
    asked, typed = {"data": "shop", "user": "u1"}, {"data": "other", "min-rating": 3.5, "run": "r"}
    assert Link.of(asked, typed) == Link(data="shop", user="u1", run="r")
    assert Link.of({}, typed) == Link(data="other", min_rating="3.5", run="r")


def test_options_are_numbers():
    assert Link(min_rating="3.5", k_core="5", data_seed="7").options == {"min_rating": 3.5, "k_core": 5, "seed": 7}
    with pytest.raises(lab.DataError, match="k_core='many' must be a whole number"):
        Link(k_core="many").options  # noqa: B018


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"data": "other"}, {"run", "user", "item", "alpha", "epoch", "modality", "hyperedge", "cohort", "items", "runs"}),
        ({"run": "other"}, {"alpha", "epoch", "hyperedge"}),
        ({"modality": "text"}, {"hyperedge"}),
        ({"user": "u9"}, {"item"}),
        ({"item": "i9"}, set()),
        ({"user": "u9", "item": "i9"}, set()),
        ({"data": "shop", "run": "r", "user": "u1"}, set()),
    ],
)
def test_what_depends_on_a_change_becomes_the_usual(change, gone):
    places = {"epoch": 2, "modality": "image", "hyperedge": 3, "cohort": "cold", "items": ("i1", "i2"), "runs": ("other",)}
    before = Link(data="shop", run="r", user="u1", item="i1", alpha=0.5, **places)
    after = before.change(**change)
    assert {name for name, value in after.to_params().items() if not value and before.to_params()[name]} == gone
    assert {name: getattr(after, name) for name in change} == change


def test_a_resolved_link_stays_as_it_is(link):
    assert resolve(link) == (link, ())
    assert link.run == "first"


def test_what_a_link_got_wrong_is_said_and_replaced(link):
    wrong = Link.of({"data": link.data, "run": "gone", "user": "nobody", "item": "nothing", "alpha": "many", "beta": "99", "tau": "0.01"})
    resolved, notes = resolve(wrong)
    assert resolved == link
    for word in ("'gone'", "'nobody'", "'nothing'", "alpha='many'", "beta='99'", "tau='0.01'"):
        assert any(word in note for note in notes), word


def test_places_that_a_link_got_wrong_are_left_out_and_said(link):
    right = link.change(epoch=0, hyperedge=1, cohort="heavy", items=("i1", "i2"))
    wrong = link.change(epoch=77, hyperedge=99, cohort="odd", items=("i1", "no,such", "i2"), runs=("gone",))
    assert resolve(right) == (right, ())
    resolved, notes = resolve(wrong)
    assert resolved == link.change(items=("i1", "i2"))
    for word in ("'77'", "'99'", "'odd'", "'no,such'", "'gone'"):
        assert any(word in note for note in notes), word


def test_ids_with_commas_survive_a_link():
    names = ("a,b", "100 %", "plain")
    assert Link.of(Link(items=names).to_params()).items == names


def test_an_epoch_of_a_link_shows_its_weights(link):
    first = backend.SESSION.open(link.change(epoch=0))
    model = first.run.model(first.data, 0)
    assert first.ranking().equals(lab.rank_items(model, first.data, link.user))
    assert first.quality() != backend.SESSION.open(link).quality()


def test_cohorts_part_the_users_by_the_length_of_their_history(link):
    data = backend.SESSION.dataset(link)
    parts = {name: backend.cohort_users(data, name) for name in backend.COHORTS}
    assert sorted(chain(*parts.values())) == sorted(data.user_ids) == sorted(backend.cohort_users(data))
    lengths = [[len(data.history(user)) for user in users] for users in parts.values()]
    assert max(lengths[0]) <= min(lengths[1])
    assert max(lengths[1]) <= min(lengths[2])
    with pytest.raises(lab.UnknownIdError, match="cold, middle, heavy"):
        backend.cohort_users(data, "odd")


@pytest.mark.parametrize("name", ["../first", "/tmp", "..", "."])
def test_a_run_in_a_link_is_a_plain_name(link, name):
    with pytest.raises(lab.RunError):
        backend.find_run(name)


def test_a_scene_weighs_the_trained_pass_anew(link):
    scene = backend.SESSION.open(link.change(alpha=0.0, tau=1.0))
    expected = scene.trained.fuse(attention_scale=0.0, membership_temperature=1.0)
    assert scene.ranking().equals(lab.rank_items(expected, scene.data, link.user))
    assert scene.ranking(as_trained=True).equals(lab.rank_items(scene.trained, scene.data, link.user))
    assert scene.knobs == {**scene.trained_knobs, "attention_scale": 0.0, "membership_temperature": 1.0}


def test_visitors_share_data_and_passes(link):
    one, two = backend.SESSION.open(link), backend.SESSION.open(link.change(user="u2"))
    assert one.data is two.data
    assert one.trained is two.trained


def test_better_weights_are_seen_at_once(link):
    before = backend.SESSION.open(link)
    path = before.run.weights_path("best")
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns + 10**9))
    assert backend.SESSION.open(link).trained is not before.trained


def test_a_changed_folder_is_read_anew(tiny, tmp_path):
    folder = write_shop(tmp_path / "shop", tiny)
    link = Link(data=str(folder))
    before = backend.SESSION.dataset(link)
    path = folder / "items.csv"
    path.write_text(path.read_text().replace(before.cards.titles[0], "A new title"))
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns + 10**9))
    assert backend.SESSION.dataset(link).cards.titles[0] == "A new title"


def test_the_surface_holds_the_trained_point(link):
    scene = backend.SESSION.open(link)
    surface = scene.surface()
    here = (surface["attention_scale"] == scene.trained_knobs["attention_scale"]) & (
        surface["hypergraph_scale"] == scene.trained_knobs["hypergraph_scale"]
    )
    assert surface.loc[here, "value"].tolist() == [scene.quality(as_trained=True)["recall@20"]]
    assert scene.knows_surface()


def test_health_is_held_against_popularity(link):
    scene = backend.SESSION.open(link)
    health = backend.health(scene)
    bar = lab.evaluate(lab.Popularity(scene.data), scene.data, "valid")["recall@20"]
    assert (health.popularity, health.recall) == (bar, scene.run.status().best_metric)
    assert health.gain == pytest.approx(health.recall / bar)


def test_other_data_has_other_runs(link, tmp_path, tiny):
    other = lab.studio(n_users=30, n_items=20, n_groups=2, n_interactions=200, seed=5)
    assert backend.runs_of(other) == {}
    assert list(backend.runs_of(backend.SESSION.dataset(link))) == ["first"]
    assert backend.default_run(other) == ""


def test_people_come_in_pages_and_go_round(tiny):
    seen = [user for page in range(-(-tiny.n_users // 7) + 1) for user in backend.people(tiny, page, 7)]
    assert set(seen) == set(tiny.user_ids)
    assert backend.people(tiny, 0) == backend.people(tiny, 0)


def test_items_are_found_by_words_or_id(tiny):
    title = tiny.cards.titles[3]
    assert tiny.item_ids[3] in backend.find_items(tiny, title.upper(), count=tiny.n_items)
    assert tiny.item_ids[5] in backend.find_items(tiny, tiny.item_ids[5])
    assert backend.find_items(tiny, "  ") == []
    assert backend.find_items(tiny, "no such words") == []


def test_accents_and_words_of_the_text_are_found_titles_first(tmp_path):
    learned = [f"{pair},train" for pair in ("u1,a", "u1,b", "u2,b", "u2,c", "u3,c", "u3,a", "léon,c")]
    (tmp_path / "interactions.csv").write_text("\n".join(["user_id,item_id,split", *learned, "u2,a,valid", "u3,b,test", ""]))
    items = ["a,Léon: The Professional,,Besson", "b,Nikita,by the director of leon,Besson", "c,The Big Blue,,Bessón"]
    (tmp_path / "items.csv").write_text("\n".join(["item_id,title,text,director", *items, ""]))
    data = lab.read_folder(tmp_path)
    assert backend.find_items(data, "LEON") == ["a", "b"]
    assert backend.find_items(data, "besson blue") == ["c"]
    assert backend.find_items(data, "c")[0] == "c"
    assert backend.find_users(data, "leon") == ["léon", "u1", "u2", "u3"]
    assert backend.people(data, words="u2")[0] == "u2"
    assert set(backend.people(data, words="nobody has this")) == set(data.user_ids)


def test_variants_are_the_ablations(tiny):
    model, train = lab.preset("studio").model, lab.preset("studio").train
    kinds = {key: backend.settings(key, model, train) for key in backend.variants(tiny).values()}
    assert kinds["whole"] == ("srgformer", model, train)
    assert kinds["no-attention"][1].attention_scale == 0
    assert (kinds["no-hypergraph"][1].hypergraph_scale, kinds["no-hypergraph"][2].hypergraph_contrast_weight) == (0, 0)
    assert kinds["no-contrast"][2].modality_contrast_weight == 0
    assert {kinds[f"only-{name}"][1].modalities for name in tiny.modalities} == {(name,) for name in tiny.modalities}
    assert kinds["lightgcn"][0] == "lightgcn"
    assert kinds["lightgcn"][1].embedding_dim == model.embedding_dim
    with pytest.raises(lab.UnknownIdError):
        backend.settings("no-brain", model, train)


def test_sizes_are_checked():
    model, train = backend.adjusted("studio", device="cpu", epochs=3, embedding_dim="32", n_hyperedges=2, n_heads="8")
    assert (model.embedding_dim, model.n_hyperedges, model.n_heads, train.epochs, train.device) == (32, 2, 8, 3, "cpu")
    with pytest.raises(lab.ConfigError, match="must divide"):
        backend.adjusted("studio", device="cpu", embedding_dim="16", n_heads="3")


def test_an_older_file_put_back_and_one_taken_away_are_seen(tiny, tmp_path):
    folder = write_shop(tmp_path / "shop", tiny)
    link, interactions = Link(data=str(folder)), folder / "interactions.csv"
    before = backend.SESSION.dataset(link)
    lines = interactions.read_text().splitlines(keepends=True)
    dropped = next(place for place, line in enumerate(lines) if line.endswith("train\n") and lines.count(line) == 1)
    interactions.write_text("".join(lines[:dropped] + lines[dropped + 1 :]))
    os.utime(interactions, (1e9, 1e9))  # as cp -p, tar and rsync do
    older = backend.SESSION.dataset(link)
    assert len(older.interactions) == len(before.interactions) - 1
    (folder / "features" / "text.npy").unlink()
    assert set(backend.SESSION.dataset(link).modalities) == {"image"}


def test_a_picture_rewritten_in_place_is_seen(tiny, tmp_path):
    folder = write_shop(tmp_path / "shop", tiny)
    for path in (folder / "features").iterdir():
        path.unlink()
    (folder / "features").rmdir()  # so that the pictures' features are made of the pictures
    link = Link(data=str(folder))
    before = backend.SESSION.dataset(link)
    picture = folder / "images" / f"{tiny.item_ids[0]}.jpg"
    tiny.picture(tiny.item_ids[20]).resize((40, 60)).save(picture)
    after = backend.SESSION.dataset(link)
    assert not np.array_equal(before.features["image"][0], after.features["image"][0])


def test_opening_a_link_reads_no_more_with_many_runs_than_with_one(link, monkeypatch):
    backend.SESSION.open(link)

    def read_by(ask):
        read = []
        original = Path.read_text
        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_text", lambda path, *rest, **more: (read.append(path), original(path, *rest, **more))[1])
            ask()
        return len(read)

    alone = [read_by(lambda value=value: backend.SESSION.open(link.change(alpha=value))) for value in (0.31, 0.32)]
    for number in range(40):
        shutil.copytree("runs/first", f"runs/copy-{number}")
    try:
        assert read_by(lambda: backend.SESSION.open(link.change(alpha=0.33))) == alone[0] == alone[1]
        backend.default_run(backend.SESSION.dataset(link))  # each is read once
        assert read_by(lambda: backend.default_run(backend.SESSION.dataset(link))) == 0
        status = Path("runs/copy-7/status.json")
        status.write_text(status.read_text().replace('"best_metric": 0.', '"best_metric": 0.9'))
        assert backend.default_run(backend.SESSION.dataset(link)) == "copy-7"
    finally:
        for number in range(40):
            shutil.rmtree(f"runs/copy-{number}")


def test_a_map_that_is_computed_keeps_no_other_visitor_waiting(link, monkeypatch):
    scene, begun, go_on = backend.SESSION.open(link.change(alpha=0.123, tau=0.77)), threading.Event(), threading.Event()
    in_time = []

    def surface(*given, **more):
        begun.set()
        in_time.append(go_on.wait(300))

    monkeypatch.setattr(scenes, "metric_surface", surface)
    thread = threading.Thread(target=scene.surface)
    thread.start()
    assert begun.wait(300)
    other = backend.SESSION.open(link.change(alpha=0.456, tau=0.3))
    other.what_if(lab.uniform_attention())
    go_on.set()
    thread.join(300)
    assert in_time == [True]


def test_what_one_visitor_edits_no_other_sees(link):
    scene = backend.SESSION.open(link)
    before = scene.own_model().trace_for(torch.tensor([0])).fused.values
    with scene.own_model().edit(*_flat(lab.blank_modality("image"))):
        assert not scene.own_model().hooks.active
        assert torch.equal(scene.own_model().trace_for(torch.tensor([0])).fused.values, before)


def _flat(edits):
    return edits if isinstance(edits, tuple) else (edits,)


def test_one_move_of_a_knob_ranks_one_list(link, monkeypatch):
    ranked = []
    monkeypatch.setattr(scenes, "rank_items", lambda *given: (ranked.append(given[2]), lab.rank_items(*given))[1])
    scene = backend.SESSION.open(link.change(alpha=0.37))
    for _ in range(2):
        lab.compare_lists(scene.ranking(as_trained=True), scene.ranking(), 10)
    scene.explanation()
    assert len(ranked) <= 2  # under the knobs, and as trained where nobody has asked for that yet
    backend.SESSION.open(link.change(alpha=0.38)).ranking()
    assert len(ranked) <= 3


@pytest.mark.parametrize(
    "params",
    [
        {"alpha": "1e308"}, {"alpha": "nan"}, {"beta": "inf"}, {"tau": "-1"}, {"tau": "1e-300"}, {"epoch": "-1"}, {"epoch": "9" * 30},
        {"hyperedge": "99999999"}, {"hyperedge": "-1"}, {"items": ",".join(f"x{n}" for n in range(50_000))}, {"run": "x" * 5000},
        {"run": "a\0b"}, {"runs": "y" * 5000 + ",%2E%2E"}, {"user": "u" * 9999}, {"modality": "__class__"}, {"cohort": "odd"},
        {"data": "x" * 5000}, {"data": "a\0b"}, {"data": "studio", "n_users": "1000000000"}, {"data": "studio", "n_items": "999999"},
        {"data": "studio", "n_interactions": "10000000000"}, {"data": "studio", "n_users": "-5"}, {"data": "studio", "noise": "nan"},
        {"data": "studio", "n_groups": "0"}, {"data": "studio", "k_core": "5"},
    ],
)  # fmt: skip
def test_whatever_a_link_says_a_scene_opens_and_says_what_was_wrong(link, params):
    scene = backend.SESSION.open(Link.of({"data": link.data} | params))
    assert scene.notes
    assert len(scene.notes) <= 61
    assert all(len(note) < 700 for note in scene.notes)
    assert (scene.link.knobs, scene.link.epoch, scene.link.hyperedge, scene.link.unread) == ({}, None, None, ())


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)


@given(
    st.builds(
        Link, data=words, user=words, item=words, run=words, modality=words, cohort=words, split=words,
        k_core=st.integers(0, 99).map(str), noise=st.floats(0, 1).map(repr),
        alpha=st.none() | st.floats(0, 10), tau=st.none() | st.floats(0.05, 100), epoch=st.none() | st.integers(0, 9999),
        hyperedge=st.none() | st.integers(0, 99), items=st.lists(words, max_size=4).map(tuple), runs=st.lists(words, max_size=3).map(tuple),
    )
)  # fmt: skip
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_link_is_read_back_as_it_was_written(link):
    assert Link.of(dict(parse_qsl(link.address("why")[1:], keep_blank_values=True))) == link


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "n_users": st.integers(40, 70), "n_items": st.integers(30, 50), "n_groups": st.integers(2, 6),
            "n_interactions": st.integers(400, 600), "noise": st.floats(0, 1), "image_signal": st.floats(0, 1),
            "text_signal": st.floats(0, 1), "seed": st.integers(0, 2**31),
        },
    )
)  # fmt: skip
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_link_of_a_data_set_opens_the_same_data_set(options):
    data = lab.studio(**({"n_users": 50, "n_items": 40, "n_groups": 4, "n_interactions": 600} | options))
    link = Link.of(dict(parse_qsl(Link().to_source(data.source).address()[1:])))
    assert backend.SESSION.dataset(link).fingerprint == data.fingerprint


def test_an_item_that_stood_there_for_want_of_a_list_makes_room_for_the_first_of_the_first_list(tiny, tmp_path, monkeypatch):
    shop = write_shop(tmp_path / "shop", tiny)
    monkeypatch.chdir(tmp_path)
    untrained = backend.SESSION.open(Link(data=str(shop)))
    assert untrained.link.item in untrained.data.history(untrained.link.user)
    train_shop(shop, tmp_path, epochs=1)
    run = backend.default_run(untrained.data)
    trained = backend.SESSION.follow(untrained, untrained.link.change(run=run))
    assert trained.link.item == trained.ranking()["item_id"].iloc[0]
    taken = backend.SESSION.follow(trained, trained.link.change(item=untrained.link.item))
    assert taken.link.item == untrained.link.item  # who asks for it sees it
