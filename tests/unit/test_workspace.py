"""What visitors share is made once and bounded; links are checked; nothing stale is shown."""

import os
import threading
import time
from itertools import chain

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import Shelf, View
from tests.shops import train_shop, write_shop


@pytest.fixture(scope="module")
def root(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    train_shop(write_shop(folder / "shop", tiny), folder, epochs=2)
    return folder


@pytest.fixture
def view(root, monkeypatch):
    monkeypatch.chdir(root)
    return backend.settle(View(data=str(root / "shop")))[0]


def test_a_shelf_makes_each_value_once_for_all_threads():
    shelf, made, barrier = Shelf(2), [], threading.Barrier(4)

    def ask():
        barrier.wait(timeout=10)
        shelf.get("a", lambda: made.append(1) or object())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join(timeout=10) for thread in threads]
    assert made == [1]


def test_a_shelf_drops_what_was_not_asked_for_longest():
    shelf = Shelf(2)
    for key in ("a", "b", "a", "c"):
        shelf.get(key, lambda key=key: key)
    assert ("a" in shelf, "b" in shelf, "c" in shelf, len(shelf)) == (True, False, True, 2)


def test_a_shelf_keeps_no_failure():
    shelf = Shelf(2)
    with pytest.raises(lab.DataError):
        shelf.get("a", lambda: (_ for _ in ()).throw(lab.DataError("no")))
    assert shelf.get("a", lambda: 1) == 1


def test_the_link_decides_before_the_command_line_and_about_data_as_a_whole():
    asked, typed = {"data": "shop", "user": "u1"}, {"data": "other", "min-rating": 3.5, "run": "r"}
    assert View.of(asked, typed) == View(data="shop", user="u1", run="r")
    assert View.of({}, typed) == View(data="other", min_rating="3.5", run="r")


def test_options_are_numbers():
    assert View(min_rating="3.5", k_core="5", data_seed="7").options == {"min_rating": 3.5, "k_core": 5, "seed": 7}
    with pytest.raises(lab.DataError, match="k_core='many' must be a whole number"):
        View(k_core="many").options  # noqa: B018


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
    places = {"epoch": "2", "modality": "image", "hyperedge": "3", "cohort": "cold", "items": "i1,i2", "runs": "other"}
    before = View(data="shop", run="r", user="u1", item="i1", alpha="0.5", **places)
    after = before.change(**change)
    assert {name for name, value in after.to_dict().items() if not value and getattr(before, name)} == gone
    assert {name: getattr(after, name) for name in change} == change


def test_a_settled_view_stays_as_it_is(view):
    assert backend.settle(view) == (view, ())
    assert view.run == "first"


def test_what_a_link_got_wrong_is_said_and_replaced(view):
    wrong = View(data=view.data, run="gone", user="nobody", item="nothing", alpha="many", beta="99", tau="0.01")
    settled, notes = backend.settle(wrong)
    assert settled == view
    for word in ("'gone'", "'nobody'", "'nothing'", "alpha='many'", "beta='99'", "tau='0.01'"):
        assert any(word in note for note in notes), word


def test_places_that_a_link_got_wrong_are_left_out_and_said(view):
    right = view.change(epoch="0", hyperedge="1", cohort="heavy", items=backend.joined(["i1", "i2"]))
    wrong = view.change(epoch="77", hyperedge="99", cohort="odd", items=backend.joined(["i1", "no,such", "i2"]), runs="gone")
    assert backend.settle(right) == (right, ())
    settled, notes = backend.settle(wrong)
    assert settled == view.change(items="i1,i2")
    for word in ("'77'", "'99'", "'odd'", "'no,such'", "'gone'"):
        assert any(word in note for note in notes), word


def test_ids_with_commas_survive_a_link():
    names = ("a,b", "100 %", "plain")
    assert View(items=backend.joined(names)).chosen_items == names


def test_an_epoch_of_a_link_shows_its_weights(view):
    first = backend.scene(view.change(epoch="0"))
    model = first.run.model(first.data, 0)
    assert first.ranking().equals(lab.rank_items(model, first.data, view.user))
    assert first.quality() != backend.scene(view).quality()


def test_cohorts_part_the_users_by_the_length_of_their_history(view):
    data = backend.dataset(view)
    parts = {name: backend.cohort_users(data, name) for name in backend.COHORTS}
    assert sorted(chain(*parts.values())) == sorted(data.user_ids) == sorted(backend.cohort_users(data))
    lengths = [[len(data.history(user)) for user in users] for users in parts.values()]
    assert max(lengths[0]) <= min(lengths[1])
    assert max(lengths[1]) <= min(lengths[2])
    with pytest.raises(lab.UnknownIdError, match="cold, middle, heavy"):
        backend.cohort_users(data, "odd")


@pytest.mark.parametrize("name", ["../first", "/tmp", "..", "."])
def test_a_run_in_a_link_is_a_plain_name(view, name):
    with pytest.raises(lab.RunError):
        backend.find_run(name)


def test_a_scene_weighs_the_trained_pass_anew(view):
    look = backend.scene(view.change(alpha="0", tau="1"))
    expected = look.trained.fuse(attention_scale=0.0, membership_temperature=1.0)
    assert look.ranking().equals(lab.rank_items(expected, look.data, view.user))
    assert look.ranking(as_trained=True).equals(lab.rank_items(look.trained, look.data, view.user))
    assert look.knobs == {**look.trained_knobs, "attention_scale": 0.0, "membership_temperature": 1.0}


def test_visitors_share_data_and_passes(view):
    one, two = backend.scene(view), backend.scene(view.change(user="u2"))
    assert one.data is two.data
    assert one.trained is two.trained


def test_better_weights_are_seen_at_once(view):
    before = backend.scene(view)
    path = before.run.weights_path("best")
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns + 10**9))
    assert backend.scene(view).trained is not before.trained


def test_a_changed_folder_is_read_anew(tiny, tmp_path):
    folder = write_shop(tmp_path / "shop", tiny)
    view = View(data=str(folder))
    before = backend.dataset(view)
    path = folder / "items.csv"
    path.write_text(path.read_text().replace(before.cards.titles[0], "A new title"))
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns + 10**9))
    assert backend.dataset(view).cards.titles[0] == "A new title"


def test_the_surface_holds_the_trained_point(view):
    look = backend.scene(view)
    surface = look.surface()
    here = (surface["attention_scale"] == look.trained_knobs["attention_scale"]) & (
        surface["hypergraph_scale"] == look.trained_knobs["hypergraph_scale"]
    )
    assert surface.loc[here, "value"].tolist() == [look.quality(as_trained=True)["recall@20"]]
    assert look.knows_surface()


def test_health_is_held_against_popularity(view):
    look = backend.scene(view)
    health = backend.health(look)
    bar = lab.evaluate(lab.Popularity(look.data), look.data, "valid")["recall@20"]
    assert (health.popularity, health.recall) == (bar, look.run.status().best_metric)
    assert health.gain == pytest.approx(health.recall / bar)


def test_other_data_has_other_runs(view, tmp_path, tiny):
    other = lab.studio(n_users=30, n_items=20, n_groups=2, n_interactions=200, seed=5)
    assert backend.runs_of(other) == {}
    assert list(backend.runs_of(backend.dataset(view))) == ["first"]
    assert backend.usual_run(other) == ""


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
