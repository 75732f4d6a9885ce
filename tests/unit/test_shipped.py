"""Two runs come with the package: each opens by its name, and neither hides what a person trained or is shown in place of the other."""

import shutil
from dataclasses import replace

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import SHIPPED, SHIPPED_FOUND, SHIPPED_RUNS, Link


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """Work in a folder without runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(empty):
    """Put a run of the built-in world into the working folder, with a metric of choice."""

    def copy(name, value):
        shutil.copytree(lab.shipped_run().path, empty / "runs" / name)
        run = lab.Run.open(empty / "runs" / name)
        run.write_status(replace(run.status(), best_metric=value))

    return copy


def value_of(name):
    return backend.find_run(name).status().best_metric


def test_a_first_start_shows_the_published_form_though_the_found_one_is_better():
    scene = backend.SESSION.open(Link())
    assert value_of(SHIPPED_FOUND) > value_of(SHIPPED)
    assert (scene.link.run, scene.notes, scene.run.path) == (SHIPPED, (), lab.shipped_run().path)
    assert list(backend.comparable_runs(scene.data)) == [SHIPPED, SHIPPED_FOUND]
    assert backend.other_sides(backend.first_side(scene)) == {SHIPPED_FOUND: SHIPPED_FOUND}


@pytest.mark.parametrize("name", SHIPPED_RUNS)
def test_each_is_opened_by_its_link(name):
    scene = backend.SESSION.open(Link(run=name))
    assert (scene.link.run, scene.notes) == (name, ())
    assert scene.run.path == lab.shipped_run(SHIPPED_RUNS[name]).path
    assert scene.trained.config == lab.preset(SHIPPED_RUNS[name]).model


@pytest.mark.parametrize(("value", "first"), [(0.99, "mine"), (0.01, SHIPPED), (float("nan"), SHIPPED)])
def test_a_run_of_ones_own_is_shown_where_it_is_better_than_the_published_one(trained, value, first):
    trained("mine", value)
    data = backend.SESSION.dataset(Link())
    assert backend.default_run(data) == first
    assert list(backend.comparable_runs(data))[-1] == SHIPPED_FOUND
    if first != "mine":
        assert list(backend.comparable_runs(data)) == [SHIPPED, "mine", SHIPPED_FOUND]


def test_the_switch_is_there_on_the_shipped_data_alone(tiny):
    assert list(backend.shipped_forms(backend.SESSION.dataset(Link())).values()) == [SHIPPED, SHIPPED_FOUND]
    assert backend.shipped_forms(tiny) == {}
    assert backend.shipped_forms(lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900)) == {}


def test_switching_keeps_person_and_item_and_forgets_what_belongs_to_a_run():
    link = backend.SESSION.open(Link(user="u3", item="i7", alpha=0.9, epoch=4, hyperedge=5, modality="text")).link
    other = backend.SESSION.open(link.change(run=SHIPPED_FOUND))
    kept = ("user", "item", "modality", "data")
    assert [getattr(other.link, name) for name in kept] == [getattr(link, name) for name in kept]
    assert (other.link.alpha, other.link.epoch, other.link.hyperedge, other.notes) == (None, None, None, ())


def test_the_map_of_the_found_run_reaches_from_zero_to_what_it_was_trained_with():
    scene = backend.SESSION.open(Link(run=SHIPPED_FOUND))
    surface = scene.surface()
    assert sorted(surface["hypergraph_scale"].unique()) == pytest.approx([0, 0.45, 0.9, 1.35, 1.8, 2.4, 3])
    assert surface["attention_scale"].max() == 1
    trained = surface.set_index(["attention_scale", "hypergraph_scale"]).loc[(0.3, 3.0), "value"]
    assert trained == pytest.approx(scene.run.status().best_metric, abs=2e-3)


def test_an_installation_that_lacks_the_found_run_works_without_it(monkeypatch, empty):
    shutil.copytree(lab.shipped_run().path, empty / "shipped" / "studio")
    monkeypatch.setattr(lab.training.managing.places, "shipped_runs_folder", lambda: empty / "shipped")
    data = backend.SESSION.dataset(Link())
    assert (backend.default_run(data), backend.shipped_forms(data), list(backend.runs_of(data))) == (SHIPPED, {}, [SHIPPED])
    scene = backend.SESSION.open(Link(run=SHIPPED_FOUND))
    assert scene.link.run == SHIPPED
    assert "could not be opened" in scene.notes[0]
