"""What stands around the pages: words that explain themselves, the tour, links that name no page, and what leads to somebody new."""

import importlib
import io
import socket
import zipfile

import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import backend, plots
from srgformer_lab.backend import limits
from srgformer_lab.cli.serving import check_port
from tests.apps.conftest import APPS


@pytest.fixture
def app_module(monkeypatch):
    monkeypatch.syspath_prepend(str(APPS))
    return importlib.import_module


@pytest.fixture
def scene(tiny, trained):
    run, _ = trained
    link = backend.Link(user=tiny.user_ids[3], item=tiny.item_ids[0], modality="image")
    return backend.SESSION.load(link, tiny, run)


def test_a_term_says_its_meaning_where_it_first_stands_and_nothing_else_is_touched(app_module):
    glossary = app_module("glossary")
    said = glossary.explained("Each hyperedge <b> has members; one hyperedge more. Headless heads.")
    assert said.count("<dfn") == 1
    assert glossary.TERMS["hyperedge"].split()[0] in said
    assert "&lt;b&gt;" in said
    assert len({term.casefold() for term in glossary.TERMS}) == len(glossary.TERMS)


def test_the_tour_leads_back_on_and_out_and_is_silent_where_it_is_not_taken(app_module):
    tour, gone = app_module("tour"), []
    pages = [step[0] for step in tour.STEPS]
    assert len(tour.guide(pages[1], {}, gone.append)) == 0
    memory = {"tour.seen": {pages[0]}}
    back, on, out = tour.guide(pages[1], memory, gone.append).elements
    for button in (back, on):
        button._update(1)
    assert gone == [pages[0], pages[2]]
    assert f"step 2 of {len(pages)}" in tour.shown_guide(pages[1], memory, tour.guide(pages[1], memory, gone.append)).text
    assert len(tour.guide("report", memory, gone.append)) == 0
    out._update(1)
    assert (gone[-1], "tour.seen" in memory) == ("start", False)


def test_a_link_to_no_page_is_said_until_another_page_is_shown(app_module):
    top, pages = app_module("top"), {"start": 0, "why": 0}
    (said,) = top.wrong_page({"page": "nonsense"}, pages, "start")
    assert "'nonsense'" in said
    assert top.wrong_page({"page": "nonsense"}, pages, "why") == top.wrong_page({"page": "why"}, pages, "start") == []


def test_somebody_new_gets_the_list_of_what_they_like_with_reasons(scene):
    assert not len(backend.newcomer_list(scene))
    liked = scene.data.item_ids[2], scene.data.item_ids[5]
    fond = backend.SESSION.load(scene.link.change(items=liked), scene.data, scene.run)
    found = backend.newcomer_list(fond)
    model, data = lab.add_user(scene.own_model(), scene.data, liked, "x")
    expected = lab.recommend(model, data, "x", len(found))
    assert list(found["item_id"]) == list(expected["item_id"])
    assert set(found["because"]) <= set(liked)
    why = lab.explain(model.trace(), data, "x", found["item_id"].iloc[0]).history
    assert found["adds"].iloc[0] == pytest.approx(why["total"].max(), rel=1e-4)


def test_the_map_names_its_points_and_the_item_looked_at_unless_they_are_too_many():
    def draw(n):
        points = pd.DataFrame({"space": "fused", "id": [f"i{k}" for k in range(n)], "title": "A <b> mug", "x": range(n), "y": range(n)})
        quality = pd.DataFrame({"space": ["fused"], "trustworthiness": [0.9], "continuity": [0.9]})
        return plots.alignment_scatter(points, quality, current="i3")

    figure = draw(10)
    trace = figure.data[0]
    assert len(trace.text) == 10
    assert "<b>" not in trace.text[0]
    assert [(note.x, note.y) for note in figure.layout.annotations if note.showarrow] == [(3.0, 3.0)]
    assert plots.plot_config(figure, "png")["scrollZoom"]
    assert not figure.layout.xaxis.fixedrange
    assert draw(10_000).data[0].text is None


def test_files_of_the_tables_can_be_read_by_others(scene):
    with zipfile.ZipFile(io.BytesIO(backend.Report(scene).tables())) as archive:
        assert {entry.external_attr >> 16 & 0o777 for entry in archive.infolist()} == {0o644}


def test_data_of_a_class_is_opened_by_the_name_that_is_shown(monkeypatch):
    monkeypatch.setattr(limits, "_class", None)
    backend.arrival({}, {"serve": "/some/where/movies?k_core=5"})
    wanted = backend.Link(data="/some/where/movies", k_core="5")
    for said in ("/some/where/movies", "movies", "movies (k_core 5)"):
        assert backend.arrival({"data": said}, {"serve": ""}) == wanted
    assert backend.arrival({"data": "else"}, {"serve": ""}).data == "else"


def test_a_taken_port_is_refused_before_anything_is_printed():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(lab.ConfigError, match=r"can't be used .* choose another with --port"):
            check_port("127.0.0.1", other.getsockname()[1])
    check_port("127.0.0.1", None)
