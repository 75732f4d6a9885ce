"""Lesson 12 builds the library's model: the same vectors, loss and metric from the same weights; and it runs what was written before."""

import inspect
import shutil
import textwrap

import numpy as np
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.lessons import catalog
from tests.lessons.conftest import filled_in, solution
from tests.oracle import reference


@pytest.fixture(scope="module")
def data():
    return lab.studio()


@pytest.fixture
def whole():
    import solutions.lesson_12

    return solutions.lesson_12


def test_the_shipped_weights_give_the_librarys_vectors_and_its_recall(whole, data):
    run, found = lab.shipped_run(), whole.shipped(data)
    with torch.no_grad():
        nodes, *_ = found.branches.forward(found.weights)
    np.testing.assert_allclose(nodes, run.model(data).trace().fused.values, atol=2e-5)
    assert whole.with_alpha(found, data, None) == pytest.approx(run.test_metrics()["recall@20"], abs=1e-6)


def test_the_loss_of_a_batch_is_the_dense_references(whole, data):
    run, found = lab.shipped_run(), whole.shipped(data)
    nodes, modalities, groups = found.branches.forward(found.weights)
    draws = torch.Generator().manual_seed(0)
    pairs = torch.tensor(np.array(data.pairs("train")))
    triples = whole.draw(pairs, found.branches.R > 0, draws)[:200]
    train = run.config.train
    contrasts = [(train.modality_contrast_weight, *modalities), (train.hypergraph_contrast_weight, *groups)]
    ours = whole.total_loss(nodes, contrasts, triples, data.n_users, train.regularization_weight, train.contrast_temperature)
    outcome = reference.forward(reference.parameters_of(run.model(data)), data, run.config.model)
    theirs = sum(reference.loss_terms(outcome, tuple(triples.T), train).values())
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_two_epochs_are_repeated_by_their_seed_and_learn(whole, data):
    first, again = (whole.trained(data, seed=1, epochs=2) for _ in range(2))
    assert first.history.equals(again.history)
    assert first.history["loss"].iloc[1] < first.history["loss"].iloc[0]
    assert first.test > 0.3


def test_stored_rows_show_what_the_lesson_says(whole):
    mean, low, high = whole.bounds(whole.stored("library"))
    assert low < whole.stored("library")["test"].min() <= mean <= whole.stored("library")["test"].max() < high
    slips = whole.stored("slips")
    assert set(slips["slip"]) == set(whole.SLIPS)
    best = slips.groupby("slip")["valid"].max()
    assert best[whole.RIGHT] > best[whole.SLIPS[2]]


def test_what_was_written_in_earlier_lessons_is_used_where_it_passes(tmp_path, monkeypatch):
    import kit

    second, sixth = catalog.lesson(2), catalog.lesson(6)
    answers = {name: textwrap.dedent(inspect.getsource(solution(second, name))) for name in second.exercises}
    answers["light_gcn"] = "def light_gcn(adjacency, embedding, n_layers):\n    return embedding"
    shutil.move(filled_in(second, tmp_path, answers), tmp_path / second.file)
    (tmp_path / sixth.file).write_text("LESSON = 6\n1 / 0\n")
    monkeypatch.setattr(kit.mo, "notebook_dir", lambda: tmp_path)
    import solutions.lesson_12 as whole

    earlier = kit.earlier(whole.EARLIER)
    assert set(earlier.passed) == {"normalized_adjacency", "bpr_loss"}
    said = {row["function"]: row["used is"] for row in earlier.table()}
    assert said["normalized_adjacency"] == "yours"
    assert said["light_gcn"] == "the reference's (yours does not pass yet)"
    assert said["info_nce"] == "the reference's (06_contrast.py stops with ZeroDivisionError)"
    assert said["top_k"] == "the reference's (no 01_data_and_metrics.py in this folder)"
    own = kit.Own(12, also=earlier.passed)
    assert own._helpers.bpr_loss is earlier.passed["bpr_loss"]
    assert own._helpers.light_gcn is whole.light_gcn
