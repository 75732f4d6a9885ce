"""The baselines learn: better than popularity, by Adam's steps, with every weight, and the same whether or not they were stopped."""

import json
import math

import numpy as np
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab import runtime
from srgformer_lab.models import catalog
from srgformer_lab.training import fit as fitting
from srgformer_lab.training import recording
from srgformer_lab.training.loop import Training
from tests.oracle import reference
from tests.worlds import float64, planted, scatter, shop

TRAINED = {
    "mf": lab.MatrixFactorizationConfig(embedding_dim=16),
    "vbpr": lab.VBPRConfig(embedding_dim=16),
    "multvae": lab.MultVAEConfig(hidden_dim=32, code_dim=16, annealing_steps=50),
    "freedom": lab.FREEDOMConfig(embedding_dim=16, pruned=0.5, n_neighbors=4),
    "bm3": lab.BM3Config(embedding_dim=16),
    "mgcn": lab.MGCNConfig(embedding_dim=16, n_neighbors=4),
}
EPOCHS = {"mf": 25, "vbpr": 25, "multvae": 25, "freedom": 15, "bm3": 15, "mgcn": 15}


@pytest.fixture(scope="module")
def groups():
    """Six groups of eight items: whoever knows the groups finds nearly everything in a list of five, chance a ninth."""
    return planted(n_groups=6, users_per_group=20)


def found(model, data):
    return lab.evaluate(model.eval(), data, "valid", (5,))["recall@5"]


@pytest.mark.parametrize("name", TRAINED)
def test_trained_baselines_beat_popularity(name, groups):
    model = catalog.kind(name).build(groups, TRAINED[name])
    train = lab.TrainConfig(epochs=EPOCHS[name], patience=100, batch_size=40, learning_rate=0.02, device="cpu")
    for _ in lab.epochs(model, groups, train):
        pass
    assert found(model, groups) > found(lab.Popularity(groups), groups) + 0.3


def test_item_knn_beats_popularity(groups):
    assert found(lab.ItemKNN(groups), groups) > found(lab.Popularity(groups), groups) + 0.3


@pytest.mark.parametrize("name", TRAINED)
def test_every_weight_gets_a_gradient(name):
    data = shop()
    model = catalog.kind(name).build(data, TRAINED[name]).train()
    model.start_epoch(runtime.generator("cpu", 1), 2)  # in the first step of all, MultVAE's divergence weighs nothing yet
    batch = next(model.batches(100, runtime.generator("cpu", 0)))
    sum(model.losses(batch, lab.TrainConfig(regularization_weight=0.1)).values()).backward()
    for weight, parameter in model.named_parameters():
        assert parameter.grad is not None, weight
        largest = float(parameter.grad.abs().max())
        if name == "freedom" and weight.startswith("projections") and weight.endswith("bias"):
            assert largest < 1e-8, weight  # the same in both items' scores, so that no ranking can move it
        else:
            assert largest > 1e-8, weight


def test_two_steps_of_mf_equal_adam_by_hand():
    """BPR's gradients are written out pair by pair: −σ(r_uq − r_up) times the other vector, and λ e / (|B| ‖batch‖)."""
    data, train = shop(), lab.TrainConfig(learning_rate=0.01, regularization_weight=0.3, batch_size=100, device="cpu")
    with float64():
        model = scatter(lab.MatrixFactorization(data, lab.MatrixFactorizationConfig(embedding_dim=3)))
        training = Training(model, data, train)
    weights = {name: value.detach().numpy().copy() for name, value in model.named_parameters()}
    states = dict.fromkeys(weights, ())
    for epoch in (1, 2):
        (batch,) = model.batches(100, runtime.generator("cpu", epoch))
        training.step(batch)
        users, items, gradients = (
            weights["user_embedding"],
            weights["item_embedding"],
            {name: np.zeros_like(w) for name, w in weights.items()},
        )
        rows = list(zip(*(part.tolist() for part in batch), strict=True))
        norms = [math.sqrt(sum((table[row[place]] ** 2).sum() for row in rows)) for place, table in enumerate((users, items, items))]
        for u, p, q in rows:
            slope = -1 / (1 + math.exp(users[u] @ items[p] - users[u] @ items[q])) / len(rows)
            gradients["user_embedding"][u] += slope * (items[p] - items[q]) + 0.3 * users[u] / norms[0] / len(rows)
            gradients["item_embedding"][p] += slope * users[u] + 0.3 * items[p] / norms[1] / len(rows)
            gradients["item_embedding"][q] += -slope * users[u] + 0.3 * items[q] / norms[2] / len(rows)
        for name in weights:
            weights[name], states[name] = reference.adam_step(weights[name], gradients[name], states[name], 0.01)
        for name, value in model.named_parameters():
            np.testing.assert_allclose(value.detach().numpy(), weights[name], atol=1e-10)


def lines(run):
    records = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


@pytest.mark.parametrize("name", ["multvae", "freedom", "bm3"])
def test_a_stopped_run_goes_on_as_an_unbroken_one(name, tiny, tmp_path, monkeypatch):
    """Annealing, the thinned graph and views follow from the epoch's number and draws, not from what a process remembers."""
    monkeypatch.setattr(recording, "STATUS_SECONDS", 0)
    train = lab.TrainConfig(epochs=4, batch_size=25, learning_rate=0.01, device="cpu")
    unbroken, stopped = (lab.Run.create(tmp_path, each, tiny, name, TRAINED[name], train) for each in ("unbroken", "stopped"))
    fitting.resume(unbroken, tiny)

    def watch(status):
        if status.epoch == 2 and status.step >= 1:
            stopped.request_stop()

    fitting.resume(stopped, tiny, watch)
    assert stopped.status().state == "stopped"
    fitting.resume(stopped, tiny)
    assert lines(stopped) == lines(unbroken)
    assert stopped.test_metrics() == unbroken.test_metrics()
    weights = [run.model(tiny, "latest").state_dict() for run in (stopped, unbroken)]
    assert all(torch.equal(value, weights[1][weight]) for weight, value in weights[0].items())


@pytest.mark.parametrize("name", TRAINED)
def test_building_and_training_leave_the_callers_random_state_alone(name, tiny):
    before = torch.get_rng_state()
    model = catalog.kind(name).build(tiny, TRAINED[name])
    list(lab.epochs(model, tiny, lab.TrainConfig(epochs=1, device="cpu")))
    assert torch.equal(torch.get_rng_state(), before)
    again = catalog.kind(name).build(tiny, TRAINED[name])
    list(lab.epochs(again, tiny, lab.TrainConfig(epochs=1, device="cpu")))
    assert all(torch.equal(value, again.state_dict()[weight]) for weight, value in model.state_dict().items())
