"""What lessons 7 and 8 say is so: their solutions do what the library does, and their claims hold for the shipped run."""

import importlib
from math import log

import numpy as np
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab import places
from srgformer_lab.models.losses import anchors, info_nce


@pytest.fixture(scope="module")
def run():
    return lab.shipped_run()


@pytest.fixture(scope="module")
def data(run):
    return run.open_data()


@pytest.fixture(scope="module")
def model(run, data):
    return run.model(data)


@pytest.fixture
def fusion():
    return importlib.import_module("solutions.lesson_07")


@pytest.fixture
def training():
    return importlib.import_module("solutions.lesson_08")


def test_fusion_by_hand_is_the_librarys(fusion, model):
    trace = model.trace().fuse(attention_scale=0.2, hypergraph_scale=0.7)
    hypergraph = trace.parts["hypergraph"].values.numpy()  # its length does not matter: fuse brings it to 1
    modalities = [part.values.numpy() for part in trace.modality.values()]
    attention = trace.attention.output.values.numpy()
    fused = fusion.fuse(trace.collaborative.values.numpy(), modalities, attention, hypergraph, 0.2, 0.7)
    assert np.allclose(fused, trace.fused.values.numpy(), atol=1e-5)


def test_shares_are_those_of_an_explanation(fusion, model, data):
    user, item = data.user_ids[29], data.item_ids[3]
    _, folded = fusion.score_table(model.trace(), 29, 3)
    explained = lab.explain(model, data, user, item).by_part
    assert list(folded["part"]) == list(explained["part"])
    assert np.allclose(folded["contribution"], explained["contribution"], atol=1e-5)


def test_parts_look_needed_when_switched_off_but_only_content_is_when_trained_without(fusion, model, data):
    assert max(fusion.switched_off(model, model.trace(), data).values()) < -0.005
    surely = {part for part, (_, low, high) in fusion.retrained().items() if low > 0 or high < 0}
    assert surely == {"image", "text"}


def test_guide_quotes_what_switching_off_and_training_without_attention_change(fusion, model, data):
    off, anew = fusion.switched_off(model, model.trace(), data)["attention"], fusion.retrained()["attention"]
    fell, mean, low, high = (f"{100 * value:+.1f}".replace("-", "−") for value in (off, *anew))
    page = (places.tutorials_folder() / "guide" / "07.md").read_text("utf-8")
    assert f"α = 0 changes test Recall@20 by {fell} points" in page
    assert f"the difference is {mean} points, with an interval from {low} to {high}" in page


def test_a_fusion_without_a_mistake_is_the_models_and_every_mistake_costs(fusion, model, data):
    found = [fusion.fused_wrongly(model, model.trace(), data, slip)[0] for slip in fusion.SLIPS]
    assert found[0] == pytest.approx(lab.evaluate(model, data)["recall@20"])
    assert max(found[1:]) < found[0]


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_contrast_of_equal_rows_costs_what_the_yardstick_says(training, temperature):
    users, items = torch.ones(7, 3), torch.ones(4, 3)
    sums = [info_nce(rows, rows, anchors(torch.tensor([0, 2, 2]), len(rows)), temperature) for rows in (users, items)]
    assert float(sum(sums)) == pytest.approx(training.knowing_nothing(3, 7, 4), rel=1e-5)


def test_stopping_by_hand_finds_the_runs_best_epoch_and_little_patience_misses_it(training, run):
    valid = run.history()["recall@20"].tolist()
    assert training.stop(valid, run.config.train.patience) == [run.status().best_epoch, run.status().epoch]
    assert training.stop(valid, 2)[1] < 10
    assert max(valid) > valid[0] * 4 / 3


def test_hypergraph_contrast_stays_at_its_yardstick_and_the_others_leave_theirs(training, run, data):
    history, train, n_pairs = run.history().iloc[-1], run.config.train, len(data.pairs("train"))
    nothing = training.knowing_nothing(n_pairs / np.ceil(n_pairs / train.batch_size), data.n_users, data.n_items)
    assert history["loss.hypergraph_contrast"] == pytest.approx(train.hypergraph_contrast_weight * nothing, rel=0.05)
    assert history["loss.modality_contrast"] < 0.7 * train.modality_contrast_weight * nothing
    assert history["loss.ranking"] < 0.5 * log(2)
    _, low, high = training.without_contrast()
    assert low < 0 < high


def test_small_training_repeats_the_shipped_one(training, run, data):
    assert training.trained(data, 1)["recall@20"][0] == pytest.approx(run.history()["recall@20"][0], abs=0.02)


def test_a_diagnosis_says_what_the_curves_of_its_slip_do(training, data):
    frames = {slip: training.trained(data, 3, **changes) for slip, changes in training.SLIPS.items()}
    healthy, slow, fast, heavy = (frame["loss.ranking"].to_numpy() for frame in frames.values())
    assert (np.diff(healthy) < 0).all()
    assert (np.diff(heavy) < 0).all()
    assert abs(slow[-1] - slow[0]) < 0.01 < healthy[0] - healthy[-1]
    assert fast.max() > log(2) > fast.min()
    last = frames["contrast of modalities 100,000 times heavier"].iloc[-1]
    assert last["loss.modality_contrast"] > 0.95 * last["loss"]
    assert last["recall@20"] < frames[training.RIGHT]["recall@20"].iloc[-1]
    for slip, frame in frames.items():
        told = training.diagnosis(frame, frames[training.RIGHT])
        assert set(told) == set(training.SLIPS)
        assert " → ".join(f"{value:.2f}" for value in frame["loss.ranking"]) in told[slip]


def test_guide_quotes_the_shipped_run(training, run):
    page, history = (places.tutorials_folder() / "guide" / "08.md").read_text("utf-8"), run.history()
    valid, loss, ranking = (history[column].to_numpy() for column in ("recall@20", "loss", "loss.ranking"))
    little, much = (training.stop(list(valid), patience) for patience in (2, 10))
    for told in (
        f"{len(history)} epochs. Its total loss fell from {loss[0]:.1f} to {loss[-1]:.1f}, by {100 * (1 - loss[-1] / loss[0]):.1f} %",
        f"it rises by {100 * (valid.max() / valid[0] - 1):.0f} %. The ranking loss falls by {100 * (1 - ranking[-1] / ranking[0]):.0f} %",
        f"stops after epoch {little[1]} with the weights of epoch {little[0]}. With a patience of 10 it reaches epoch {much[1]}",
        f"at epoch {much[0]}, is {100 * (valid[much[0] - 1] - valid[little[0] - 1]):.1f} points higher",
    ):
        assert told in page
