"""What stands on a page before anybody chose is true and to the point: headlines, orders of rows, examples, neighbours, groups."""

import importlib
import math
import re

import numpy as np
import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import backend, plots
from srgformer_lab.plots.knobs import AXES
from srgformer_lab.plots.losses import change
from srgformer_lab.plots.style import finding_of
from tests.apps.conftest import APPS


@pytest.fixture
def scene(tiny, trained):
    run, _ = trained
    return backend.SESSION.load(backend.Link(user=tiny.user_ids[3], item=tiny.item_ids[0], modality="image"), tiny, run)


def heads(weights):
    rows = [(f"i{item}", f"Item {item}", head, weight) for head, column in enumerate(weights) for item, weight in enumerate(column)]
    return pd.DataFrame(rows, columns=["item_id", "title", "head", "weight"]).assign(contribution=lambda frame: -frame["weight"])


def test_both_figures_of_a_history_have_the_same_rows():
    frame, order = heads([[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]]), ["i2", "i0", "i1"]
    for value in ("weight", "contribution"):
        figure = plots.attention_heads(frame, value, order=order)
        assert [re.sub("<[^>]*>", "", text) for text in figure.layout.yaxis.ticktext] == ["Item 2", "Item 0", "Item 1"]
    with pytest.raises(lab.DataError, match="'i9'"):
        plots.attention_heads(frame, order=["i9"])


def test_weights_that_are_written_alike_are_said_to_be_alike_whatever_their_order():
    shares = np.full(12, 1 / 12)
    one, other = shares + np.linspace(-1, 1, 12) * 1e-4, shares - np.linspace(-1, 1, 12) * 1e-4
    said = finding_of(plots.attention_heads(heads([one, other])))
    assert said == "Every head weighs all 12 items nearly alike"


def test_a_picture_by_umap_is_not_headed_by_its_distances():
    points = pd.DataFrame({"space": ["image", "text"] * 4, "id": list("aabbccdd"), "x": range(8), "y": range(8)})
    quality = pd.DataFrame({"space": ["image", "text"], "trustworthiness": [0.91, 0.95], "continuity": [0.9, 0.9]})
    assert "as far apart" in finding_of(plots.alignment_scatter(points, quality.assign(method="pca")))
    said = finding_of(plots.alignment_scatter(points, quality.assign(method="umap")))
    assert "trustworthiness 0.91 to 0.95" in said
    assert "apart" not in said


def test_a_point_outside_the_map_gets_no_value_of_its_edge():
    grid = pd.DataFrame([(a, b, 0.2 + 0.1 * a) for a in (0.0, 1.0) for b in (0.0, 1.0)], columns=[*AXES, "value"])
    words = [note.text for note in plots.metric_heatmap(grid, trained=(0.0, 0.0), current=(7.0, 0.5)).layout.annotations]
    assert any("now outside this map" in text and "7" in text for text in words)
    assert not any("<b>now</b>" in text for text in words)


def test_growth_beyond_percent_is_a_factor():
    assert change(2.0, 1.0).startswith("−50")
    assert change(1.0, 3.0).startswith("+200")
    assert change(1e-5, 0.3353) == "×33,530"


def test_marks_without_room_for_a_label_are_counted():
    history = pd.DataFrame({"epoch": range(1, 11), "recall@20": np.linspace(0.1, 0.2, 10)})
    moves = pd.DataFrame([(5.0, name, 0.1, 0.2) for name in lab.config.KNOBS[:5]], columns=["progress", "name", "before", "after"])
    words = [note.text for note in plots.learning_curves(history, None, moves).layout.annotations]
    labels = sum("→" in text for text in words)
    assert labels < 5
    assert any(f"and {5 - labels} mark" in text for text in words)


def test_the_hyperedge_that_opens_is_the_one_that_a_person_is_most_in(scene):
    groups = backend.Hyperedges(scene, "image")
    shares = [
        backend.Hyperedges(scene.session.load(scene.link.change(hyperedge=number), scene.data, scene.run), "image").share_of_user
        for number in groups.cards["hyperedge"]
    ]
    assert groups.share_of_user == max(shares)


def test_the_nearest_items_are_those_of_largest_cosine(scene):
    found = backend.Alignment.of(scene).nearest(scene.data.item_ids[4], 5)
    vectors = scene.trace.fused.items.detach().double().numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = vectors @ vectors[4]
    cosine[4] = -np.inf
    best = np.argsort(-cosine)[:5]
    assert list(found["item_id"]) == [scene.data.item_ids[row] for row in best]
    assert np.allclose(found["cosine"], cosine[best])


def test_a_history_by_groups_sums_to_the_history(scene):
    history = scene.explanation().history
    groups = backend.history_groups(scene.data, history)
    assert len(groups) > 1
    for part in [name for name in groups.columns if name not in ("item_id", "title")]:
        assert groups[part].sum() == pytest.approx(history[part].sum(), abs=1e-9)


def test_the_first_hit_is_the_best_placed_of_what_was_held_back(scene):
    user = next(user for user in scene.data.user_ids if len(scene.data.history(user, "valid")))
    before, after = backend.first_hits(scene, scene, user)
    ranks = lab.rank_items(scene.trace, scene.data, user, hide="train").set_index("item_id")["rank"]
    assert before == after == min(ranks[item] for item in scene.data.history(user, "valid"))


def test_words_are_found_in_the_order_of_the_list(scene):
    ranking = scene.ranking()
    word = scene.data.cards.titles[0].split()[-1]
    found = backend.found_in_list(scene.data, word, ranking)
    ranks = [ranking.set_index("item_id")["rank"].get(item, math.inf) for item in found]
    assert ranks == sorted(ranks)
    assert set(found) == set(backend.find_items(scene.data, word, scene.data.n_items))


def test_the_dead_and_the_twins_get_advice_of_their_own(monkeypatch):
    monkeypatch.syspath_prepend(str(APPS))
    groups = importlib.import_module("groups")
    cards = pd.DataFrame({"is_dead": [True, False], "twin": [None, None]})
    assert groups.remedy(cards) == groups.WAKE
    assert groups.remedy(pd.DataFrame({"is_dead": [False, False], "twin": [1, 0]})) == groups.PART
