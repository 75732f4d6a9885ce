"""What a training computes now and then stands still in between: for the losses, for their gradients, and for Adam."""

import json
from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file

import srgformer_lab as lab
from srgformer_lab.config import TrainConfig
from srgformer_lab.models import propagation
from srgformer_lab.models.edits import drop_hyperedge, merge_hyperedges, mute_head, uniform_attention
from srgformer_lab.training import fit as fitting
from srgformer_lab.training import recording
from srgformer_lab.training.loop import StepRecord, Training
from tests.learning import test_step
from tests.learning.test_step import watched
from tests.oracle import reference
from tests.oracle.test_losses import inferred_noise
from tests.worlds import build, shop, small

HEAVY = test_step.HEAVY.replace(epochs=2, batch_size=4)
N_STEPS = 7
ATTRIBUTES = {"implicit_attribute.image", "implicit_attribute.text"}
SCORING = {"attention.query", "attention.key"}


@pytest.fixture(params=[0, 1e9], ids=["features are projected", "features are propagated"])
def way(request, monkeypatch):
    """Both ways to compute E^m: with wide features V has a part in the same product as W."""
    monkeypatch.setattr(propagation, "SPARSE_COST", request.param)


def weights_of(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def movements(train, config=None):
    """Train, and give which weights each step moved, by epoch and step."""
    data = shop()
    model = build(data, config)
    before, moved = weights_of(model), {}
    for record in Training(model, data, train).records():
        if isinstance(record, StepRecord):
            after = weights_of(model)
            moved[record.epoch, record.step] = {name for name, value in after.items() if not torch.equal(value, before[name])}
            before = after
    assert len(moved) == N_STEPS * train.epochs, "the world has another number of batches than these tests say"
    return moved, set(before)


def passes_of(train, config=None, edits_at=None):
    """Train, and give the pass of each step, with the weights before it; ``edits_at`` names the edits in force at a step."""
    data = shop()
    model = build(data, config)
    steps = watched(model)
    records = Training(model, data, train).records()
    for number in range(N_STEPS * train.epochs + train.epochs):
        with model.edit(*(edits_at or {}).get(number, ())):
            next(records)
    return model, steps


def edges_of(made):
    """{(node, neighbour): scores of all heads} of a pass."""
    attention = made.attention
    return dict(zip(zip(attention.node.tolist(), attention.neighbor.tolist(), strict=True), attention.score.tolist(), strict=True))


def logits_of(made):
    return [getattr(part.logits, side).tolist() for part in made.hypergraph.values() for side in ("users", "items")]


# ---------------------------------------------------------------------------------------------------------- who moves when


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("settings", "steps_of_attributes", "steps_of_scoring"),
    [
        ({"memberships_every": 3}, {1, 4, 7}, {1, 2, 3, 4, 5, 6, 7}),
        ({"attention_every": 3}, {1, 2, 3, 4, 5, 6, 7}, {1, 4, 7}),
        ({"memberships_every": 2, "attention_every": 4}, {1, 3, 5, 7}, {1, 5}),
        ({"memberships_every": 0, "attention_every": 0}, {1}, {1}),
        ({"memberships_every": 100, "attention_every": 100}, {1}, {1}),
    ],
)
def test_weights_behind_kept_numbers_move_only_where_those_are_computed(settings, steps_of_attributes, steps_of_scoring):
    """At the other steps Adam must not carry them on by what it remembers."""
    moved, everything = movements(HEAVY.replace(**settings))
    for (epoch, step), names in moved.items():
        still = set() if step in steps_of_attributes else ATTRIBUTES
        still = still if step in steps_of_scoring else still | SCORING
        assert everything - names == still, (epoch, step)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("settings", [{}, {"memberships_every": 3, "attention_every": 2}])
def test_after_the_last_learning_epoch_they_are_frozen_to_the_bit(settings):
    moved, everything = movements(HEAVY.replace(epochs=3, freeze_after=1, **settings))
    assert {name for (epoch, _), names in moved.items() if epoch == 1 for name in names} == everything
    for (epoch, step), names in moved.items():
        if epoch > 1:
            assert everything - names == ATTRIBUTES | SCORING, (epoch, step)


def test_freezing_after_the_last_epoch_changes_nothing():
    finals = []
    for settings in ({}, {"freeze_after": 2}):
        model = build(shop(), small(dropout=0.3))
        list(Training(model, shop(), HEAVY.replace(**settings)).records())
        finals.append(weights_of(model))
    assert all(torch.equal(value, finals[1][name]) for name, value in finals[0].items())


# ------------------------------------------------------------------------------------------------------ what stands still


@pytest.mark.parametrize("as_released", [False, True], ids=["paper", "released"])
def test_between_refreshes_a_step_sees_the_numbers_of_the_last_one(as_released):
    config = small(as_released=as_released, dropout=0.3)
    _, steps = passes_of(HEAVY.replace(memberships_every=2, attention_every=3), config)
    passes = [made for *_, made in steps]
    n_nodes = passes[0].graph.n_nodes
    for place, made in enumerate(passes):
        step = place % N_STEPS
        scores_from, logits_from = passes[place - step % 3], passes[place - step % 2]
        expected, found = edges_of(scores_from), edges_of(made)
        assert found == {edge: expected[edge] for edge in found}
        assert (len(made.nodes) == n_nodes) == (step % 3 == 0), "only a refresh reads every node"
        assert logits_of(made) == logits_of(logits_from)
        if step % 3 == 0 and place:
            assert all(found[edge] != old for edge, old in edges_of(passes[place - 1]).items())
        if step % 2 == 0 and place:
            assert logits_of(made) != logits_of(passes[place - 1])


def test_memberships_draw_their_own_noise_at_every_step():
    _, steps = passes_of(HEAVY.replace(memberships_every=0))
    memberships = [made.hypergraph["image"].membership.items.detach() for *_, made in steps[:N_STEPS]]
    assert all(not torch.equal(one, other) for one, other in pairwise(memberships))


def steps_by_hand(model, data, train, steps):
    """Weights after each step: kept numbers are constants in the reference, and Adam passes over a weight that no term reads."""
    weights = {name: value.clone().requires_grad_() for name, value in steps[0][0].items()}
    states, kept = dict.fromkeys(weights, ()), {}
    for place, (_, batch, made) in enumerate(steps):
        epoch, step = divmod(place, N_STEPS)
        is_frozen = 0 < train.freeze_after <= epoch
        for name, every in (("logits", train.memberships_every), ("score", train.attention_every)):
            if step == 0 or (not is_frozen and every and step % every == 0):
                kept.pop(name, None)
        noise = inferred_noise(made, model.config)
        fresh = reference.forward(weights, data, model.config, noise)
        constants = {
            "score": fresh.attention_score.detach(),
            "logits": {name: {side: value.detach() for side, value in both.items()} for name, both in fresh.logits.items()},
        }
        used = {**(constants if is_frozen else {}), **kept}
        loss = sum(reference.loss_terms(reference.forward(weights, data, model.config, noise, kept=used), batch, train).values())
        kept = {**constants, **kept}
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        moved = {}
        for (name, value), gradient in zip(weights.items(), gradients, strict=True):
            moved[name] = value
            if gradient is not None:
                array, states[name] = reference.adam_step(value.detach().numpy(), gradient.numpy(), states[name], train.learning_rate)
                moved[name] = torch.from_numpy(array).requires_grad_()
        weights = moved
        yield weights


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({}, {"memberships_every": 3}),
        ({}, {"attention_every": 3}),
        ({"as_released": True}, {"memberships_every": 2, "attention_every": 3}),
        ({}, {"freeze_after": 1}),
        ({"as_released": True}, {"freeze_after": 1, "memberships_every": 3, "attention_every": 0}),
        ({"attention_form": "cosine", "attention_input": "propagated"}, {"attention_every": 3}),
        ({"attention_form": "linear"}, {"attention_every": 2, "freeze_after": 1}),
        ({"attention_form": "uniform", "attention_input": "propagated"}, {"attention_every": 0, "freeze_after": 1}),
    ],
)
def test_steps_with_kept_numbers_equal_the_steps_by_hand(changes, settings):
    """Two epochs by the reference's gradients and Adam written out; the noise is read off each pass."""
    data, config, train = shop(), small(**changes), HEAVY.replace(**settings)
    model, steps = passes_of(train, config)
    *earlier, last = steps_by_hand(model, data, train, steps)
    for place, (after, by_hand) in enumerate(
        zip([*(before for before, *_ in steps[1:]), weights_of(model)], [*earlier, last], strict=True)
    ):
        for name, value in by_hand.items():
            torch.testing.assert_close(after[name], value.detach(), rtol=0, atol=1e-9, msg=lambda text, at=(place, name): f"{at}: {text}")


# ------------------------------------------------------------------------------------------------------------------- edits


def test_an_edit_acts_at_steps_that_use_kept_numbers():
    """Head 0 is muted throughout, and its maps learn nothing; a hyperedge is dropped, another merged into the first."""
    data = shop()
    model = build(data)
    before = weights_of(model)
    steps = watched(model)
    with model.edit(mute_head(0), drop_hyperedge("image", 1), *merge_hyperedges("text", 0, 2)):
        list(Training(model, data, HEAVY.replace(memberships_every=0, attention_every=0)).records())
    for *_, made in steps:
        assert made.attention.output.values[:, :3].abs().max() == 0
        assert made.attention.output.values[:, 3:].abs().max() > 0
        assert made.hypergraph["image"].hyperedges[1].abs().max() == 0
        assert made.hypergraph["text"].membership.items[:, 2].abs().max() == 0
    after = weights_of(model)
    for name in ("attention.query", "attention.key", "attention.value"):
        assert torch.equal(after[name][:, :3], before[name][:, :3])
        assert not torch.equal(after[name][:, 3:], before[name][:, 3:])


ENTERS, LEAVES = 3, 5
"""The edit is in force at the steps 3 and 4 of the first epoch, all of which use what step 0 kept."""


@pytest.mark.parametrize(
    ("edits", "is_in_force"),
    [
        ([mute_head(0)], lambda made: bool(made.attention.output.values[:, :3].abs().max() == 0)),
        ([uniform_attention()], lambda made: bool(made.attention.score.abs().max() == 0)),
        ([*merge_hyperedges("text", 0, 2)], lambda made: bool(made.hypergraph["text"].membership.users[:, 2].abs().max() == 0)),
    ],
)
def test_an_edit_comes_and_goes_between_refreshes_and_leaves_nothing_behind(edits, is_in_force):
    train = HEAVY.replace(memberships_every=0, attention_every=0, epochs=1)
    _, steps = passes_of(train, edits_at=dict.fromkeys(range(ENTERS, LEAVES), edits))
    assert [is_in_force(made) for *_, made in steps] == [ENTERS <= step < LEAVES for step in range(N_STEPS)]


def test_an_edit_that_was_in_force_at_the_refresh_is_not_kept_with_the_numbers():
    train = HEAVY.replace(memberships_every=0, attention_every=0, epochs=1)
    _, steps = passes_of(train, edits_at={0: [uniform_attention()]})
    assert [bool(made.attention.score.abs().max() == 0) for *_, made in steps] == [True] + [False] * (N_STEPS - 1)


# ------------------------------------------------------------------------------------------------------------- run folders


def test_a_frozen_training_that_stops_goes_on_as_an_unbroken_one(tiny, tmp_path, monkeypatch):
    """It stops in the second epoch and in the fourth, which is frozen, each time behind a refresh."""
    monkeypatch.setattr(recording, "STATUS_SECONDS", 0)
    model = lab.ModelConfig(embedding_dim=16, n_hyperedges=4, n_heads=2)
    settings = {"memberships_every": 3, "attention_every": 4, "freeze_after": 2, "contrast_sample": 10, "mixed_precision": True}
    train = TrainConfig(epochs=4, batch_size=128, learning_rate=0.01, hypergraph_contrast_weight=0.01, **settings)
    unbroken, broken = (lab.Run.create(tmp_path, name, tiny, "srgformer", model, train) for name in ("unbroken", "broken"))
    fitting.resume(unbroken, tiny)

    def stopping_in(epoch):
        def watch(status):
            if status.epoch == epoch and status.step == 2:
                broken.request_stop()

        return watch

    for epoch in (1, 3):
        fitting.resume(broken, tiny, stopping_in(epoch))
        assert (broken.status().state, broken.status().epoch) == ("stopped", epoch)
    fitting.resume(broken, tiny)

    def lines(run):
        records = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
        return [{name: value for name, value in record.items() if name != "seconds"} for record in records]

    assert lines(broken) == lines(unbroken)
    ours, theirs = (load_file(run.weights_path("latest")) for run in (broken, unbroken))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    second, last = (load_file(unbroken.weights_path(epoch)) for epoch in (2, 4))
    assert {name.removeprefix("weight/") for name, value in last.items() if torch.equal(value, second[name])} == ATTRIBUTES | SCORING
