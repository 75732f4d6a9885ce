"""The pages that say why look into runs of every model, and say of each what is true of it."""

import io
import zipfile

import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.models.catalog import MODELS

LOOKED_INTO = ("lightgcn", "freedom", "mf", "itemknn", "multvae", "popularity")
SMALL = {"lightgcn": {"embedding_dim": 8}, "freedom": {"embedding_dim": 8}, "mf": {"embedding_dim": 8}, "multvae": {"hidden_dim": 8}}


@pytest.fixture
def link(request, shop, shop_root):
    """A link to a run of a model, trained for an epoch where it learns."""
    name, kind = request.param, MODELS[request.param]
    if not (shop_root / "runs" / name).exists():
        data = backend.SESSION.dataset(shop)
        lab.fit(kind.build(data, kind.config(**SMALL.get(name, {}))), data, lab.TrainConfig(epochs=1), shop_root / "runs", name)
    return shop.change(run=name, item="")


every = pytest.mark.parametrize("link", LOOKED_INTO, indirect=True)


@every
def test_why_shows_the_list_and_the_shares_of_the_run(page, link):
    shown, names = page("why", link)
    scene, why = names["scene"], names["why"]
    model = scene.run.model()
    listed = lab.recommend(model, scene.link.user, k=1)
    assert scene.link.item == listed["item_id"].iloc[0]
    assert why.score == pytest.approx(listed["score"].iloc[0], rel=1e-4)
    expected = lab.explain(model, scene.link.user, scene.link.item)
    pd.testing.assert_frame_equal(why.history, expected.history)
    assert "is number 1 of" in shown
    assert "is left out" in shown
    says = "the score loses without each thing" if scene.link.run == "multvae" else "each thing adds to the score"
    assert (says in shown) == bool(len(expected.history))
    assert ("Through which similar things" in shown) == (scene.link.run == "freedom")
    if expected.note:
        assert expected.note[:15] in shown


@every
def test_what_it_hangs_on_is_what_flip_finds(page, link, shop):
    scene = backend.SESSION.open(link)
    task = backend.hangs_on(scene, 1)
    found = lab.flip(scene.run.model(), scene.link.user, scene.link.item)
    assert task.value() == found
    shown, _ = page("why", link)
    assert found.verdict.partition(".")[0].replace("“", "").split(":")[0] in shown.replace("“", "")
    assert backend.places_to_lose(scene.explanation(), scene.ranking()) == {"the first place": 1, "the first ten": 10}


@every
def test_a_what_if_runs_the_model_of_the_run(link):
    scene = backend.SESSION.open(link)
    gone = lab.drop_items(scene.data.history(scene.link.user, "train")[0])
    expected = lab.what_if(scene.run.model(), scene.link.user, gone, item_id=scene.link.item)
    pd.testing.assert_frame_equal(scene.what_if(gone).after, expected.after)
    rival = scene.ranking()["item_id"].iloc[1]
    versus = scene.versus(rival)
    assert versus.difference == pytest.approx(versus.first.score - versus.second.score)


@every
def test_contributions_are_held_against_removals_without_attention(page, link):
    shown, names = page("attention", link)
    assert "What it claims is what each thing adds" in shown
    assert names["harm"].is_ready
    effects = names["harm"].value()
    model = names["scene"].run.model()
    expected = lab.what_if(model, effects["user_id"][0], lab.drop_items(effects["removed"][0]), item_id=effects["item_id"][0]).effect
    assert effects["effect"][0] == pytest.approx(expected, abs=1e-6)
    assert backend.attention.correlations(names["scene"], effects)["claim"].tolist() == ["contribution"]
    faith = backend.attention.many(names["scene"], 3).value()
    assert set(faith.correlations["order"]) == {"contribution", "random"}


@every
def test_the_report_holds_what_there_is(page, link):
    shown, names = page("report", link)
    report = names["report"]
    assert report is not None, shown
    assert not {"hyperedge", "alignment"} & set(report.names)
    with zipfile.ZipFile(io.BytesIO(report.tables())) as archive:
        sources = pd.read_csv(archive.open("sources.csv"))
        ranking = pd.read_csv(archive.open("ranking.csv"))
    assert sources["contribution"].sum() == pytest.approx(report.scene.explanation().score, rel=1e-5)
    assert len(ranking) == len(report.scene.ranking())
    assert "attention" not in report.frames()
    assert report.html().count("<html") == 1


@pytest.mark.parametrize("link", ["lightgcn"], indirect=True)
def test_pages_of_srgformer_alone_say_so_and_compare_holds_it_against_others(page, link):
    shown, _ = page("hyperedges", link)
    assert "has no trained SRGFormer to look into" in shown
    shown, names = page("compare", link)
    assert next(iter(names["sides"])) == "lightgcn"
    assert "first" in shown
