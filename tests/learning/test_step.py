"""Training moves the weights as Adam does by hand on the reference's gradients, and finds what was planted."""

import itertools
import math

import numpy as np
import pytest
import torch

from srgformer_lab import runtime
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.errors import RunError
from srgformer_lab.models.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.models.baselines.popularity import Popularity
from srgformer_lab.models.edits import mute_head
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.training.evaluation import evaluate
from srgformer_lab.training.loop import StepRecord, Training, epochs
from tests.oracle import reference
from tests.oracle.test_losses import inferred_noise
from tests.worlds import build, duo, float64, planted, shop, small, world

HEAVY = TrainConfig(
    epochs=1,
    device="cpu",
    learning_rate=0.01,
    contrast_temperature=0.4,
    regularization_weight=0.3,
    hypergraph_contrast_weight=0.2,
    modality_contrast_weight=0.1,
)


def watched(model):
    """Write down what each step saw: the weights before it, its triples, and the pass that its losses were made of."""
    steps, passes, losses, forward = [], [], model.losses, model.forward

    def watched_forward(*arguments, **named):
        passes.append(forward(*arguments, **named))
        return passes[-1]

    def watched_losses(batch, config):
        passes.clear()
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        terms = losses(batch, config)
        (made,) = passes
        steps.append((before, batch, made))
        return terms

    model.forward, model.losses = watched_forward, watched_losses
    return steps


def steps_by_hand(model, data, train, steps):
    """Weights after each step, from the first weights on, by the reference's gradients and Adam written out."""
    weights = {name: value.clone().requires_grad_() for name, value in steps[0][0].items()}
    states = dict.fromkeys(weights, ())
    for _, batch, made in steps:
        outcome = reference.forward(weights, data, model.config, inferred_noise(made, model.config))
        loss = sum(reference.loss_terms(outcome, batch, train).values())
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True, materialize_grads=True)
        moved = {}
        for (name, value), gradient in zip(weights.items(), gradients, strict=True):
            array, states[name] = reference.adam_step(value.detach().numpy(), gradient.numpy(), states[name], train.learning_rate)
            moved[name] = torch.from_numpy(array).requires_grad_()
        weights = moved
        yield weights


def assert_same_weights(ours, theirs):
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name].detach(), value.detach(), rtol=0, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_hyperedges": 1},
        {"attention_scale": 0.0},
        {"as_released": True},
        {"attention_form": "cosine"},
        {"attention_form": "linear", "attention_input": "propagated"},
        {"attention_form": "uniform"},
    ],
    ids=str,
)
def test_one_step_equals_the_step_by_hand(changes):
    """Two users, five pairs, one batch: a whole epoch is one step. The Gumbel noise is read off the pass itself."""
    data = duo()
    model = build(data, small(**changes))
    steps = watched(model)
    (record,) = epochs(model, data, HEAVY)
    assert len(steps) == 1
    (by_hand,) = steps_by_hand(model, data, HEAVY, steps)
    after = dict(model.named_parameters())
    assert_same_weights(after, by_hand)
    moved = [name for name, value in steps[0][0].items() if (after[name].detach() - value).abs().max() > 1e-4]
    silent = {"n_hyperedges": ("implicit_attribute",), "attention_scale": ("attention",)}.get(next(iter(changes), ""), ())
    silent = ("attention.query", "attention.key") if changes.get("attention_form") == "uniform" else silent
    assert moved == [name for name in after if not name.startswith(silent)]
    assert record.losses.keys() == {"ranking", "regularization", "hypergraph_contrast", "modality_contrast"}


def test_several_steps_equal_the_steps_by_hand():
    """Three batches an epoch, two epochs: the optimiser's state is carried on, the gradients are not."""
    data = duo()
    model, train = build(data), HEAVY.replace(epochs=2, batch_size=2)
    steps = watched(model)
    list(epochs(model, data, train))
    assert [len(batch.user) for _, batch, _ in steps] == [2, 2, 1] * 2
    *earlier, last = steps_by_hand(model, data, train, steps)
    for (before, _, _), weights in zip(steps[1:], earlier, strict=True):
        assert_same_weights(before, weights)
    assert_same_weights(dict(model.named_parameters()), last)


def test_the_losses_of_an_epoch_are_the_mean_over_its_steps():
    data = shop()
    model, train = build(data), HEAVY.replace(batch_size=10)
    steps = watched(model)
    (record,) = epochs(model, data, train)
    expected = dict.fromkeys(record.losses, 0.0)
    for before, batch, made in steps:
        terms = reference.loss_terms(reference.forward(before, data, model.config, inferred_noise(made, model.config)), batch, train)
        expected = {name: expected[name] + terms[name].item() / len(steps) for name in expected}
    assert dict(record.losses) == pytest.approx(expected, rel=1e-8)


def test_every_step_draws_its_own_noise_and_dropout():
    data = shop()
    model = build(data, small(dropout=0.5)).eval()
    steps = watched(model)
    list(epochs(model, data, HEAVY.replace(epochs=2, batch_size=10)))
    members = [made.hypergraph["image"].membership.items.detach() for _, _, made in steps]
    assert len(members) >= 4
    assert all((rows == 0).any() and rows.max() > 1 for rows in members)
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(members, 2))
    assert not model.training, "a trained model is ready to be read"


def test_metrics_of_an_epoch_are_those_of_the_model_after_it():
    data = shop(n_users=12, n_items=10, density=0.3)
    model = build(data)
    for record in epochs(model, data, HEAVY.replace(epochs=2)):
        cutoffs = sorted({int(name.partition("@")[2]) for name in record.metrics})
        assert {10, 20} <= set(cutoffs)  # and that of the metric which chooses, where lists are as long as the catalogue
        assert dict(record.metrics) == evaluate(model, data, "valid", cutoffs)


def test_epochs_leave_the_global_generator_alone_and_do_not_depend_on_it():
    data, finals = shop(), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 the old global generator is what must not matter
        state = torch.get_rng_state()
        model = build(data, small(dropout=0.5))
        list(epochs(model, data, HEAVY.replace(epochs=2, batch_size=8)))
        assert torch.equal(state, torch.get_rng_state())
        finals.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    assert torch.equal(*finals)


def test_the_trainings_seed_decides_its_draws():
    data, finals = shop(), []
    for seed in (1, 2):
        model = build(data)
        list(epochs(model, data, HEAVY.replace(seed=seed)))
        finals.append(model.user_embedding.detach().clone())
    assert not torch.equal(*finals)


def test_a_training_stops_when_nothing_gets_better():
    """Patience counts epochs since the best one; equal is not better."""
    data = shop(n_users=12, n_items=10, density=0.3)
    records = list(epochs(build(data), data, HEAVY.replace(epochs=50, patience=3, learning_rate=1e-9)))
    assert [record.is_best for record in records] == [True, False, False, False]


def test_a_training_under_an_edit_is_an_ablation():
    data = shop()
    model = build(data)
    before = model.attention.value.detach().clone()
    with model.edit(mute_head(0)):
        list(epochs(model, data, HEAVY.replace(epochs=3)))
    moved = (model.attention.value.detach() - before).abs().amax(0)
    assert moved[:3].max() == 0
    assert moved[3:].min() > 0


# --------------------------------------------------------------------------------------------------- a loss that is not finite


def broken_at(model, step, name="modality_contrast", value=math.nan):
    """Let one term of one step be no number."""
    losses, seen = model.losses, []

    def broken(batch, config):
        seen.append(1)
        terms = losses(batch, config)
        return terms | {name: terms[name] * value} if len(seen) == step else terms

    model.losses = broken


@pytest.mark.parametrize(("value", "word"), [(math.nan, "nan"), (math.inf, "inf")])
def test_a_term_that_is_not_finite_is_named_with_its_epoch_and_step(value, word):
    terms = {"ranking": torch.tensor(0.5), "regularization": torch.tensor(value)}
    with pytest.raises(RunError, match=f"regularization became {word} in epoch 3, step 2;"):
        StepRecord(3, 2, 7, terms).losses  # noqa: B018 reading is what raises
    assert StepRecord(3, 2, 7, {"ranking": terms["ranking"]}).losses == {"ranking": 0.5}


def test_a_bad_step_stops_the_training_at_once():
    data = shop()
    model, seen = build(data), []
    broken_at(model, 9)
    with pytest.raises(RunError, match="modality_contrast became nan in epoch 2, step 2;"):
        seen.extend(Training(model, data, HEAVY.replace(epochs=3, batch_size=4)).records())
    assert [(record.epoch, getattr(record, "step", "end")) for record in seen] == [*((1, step) for step in range(1, 8)), (1, "end"), (2, 1)]


def test_on_an_accelerator_a_bad_step_is_found_at_the_latest_when_the_epoch_ends(monkeypatch):
    """Nobody reads the steps; the mean over them is not finite if one of them was not."""
    monkeypatch.setattr(runtime, "is_accelerator", lambda device: True)
    data = shop()
    model, seen = build(data), []
    broken_at(model, 9)
    training = Training(model, data, HEAVY.replace(epochs=3, batch_size=4))
    with pytest.raises(RunError, match="became nan in epoch 2"):
        seen.extend(training.records())
    assert (seen[-1].epoch, seen[-1].step) == (2, 7)
    assert training.epoch == 1, "an epoch that failed is not done"
    with pytest.raises(RunError, match="modality_contrast became nan in epoch 2, step 2;"):
        seen[9].losses  # noqa: B018 reading is what raises


# ------------------------------------------------------------------------------------------------------------- planted truth

QUICK = TrainConfig(
    epochs=15, batch_size=64, learning_rate=0.02, device="cpu", hypergraph_contrast_weight=1e-3, modality_contrast_weight=1e-4
)


def chance(data, k):
    """Expected recall@k of a random order: k over the number of items that training does not hide."""
    shown = data.n_items - np.asarray(data.matrix("train").sum(1)).ravel()
    return float(np.minimum(k / shown, 1).mean())


def rebuilt(kind):
    data = planted()
    models = {
        "srgformer": lambda: SRGFormer(data, ModelConfig(embedding_dim=16, n_id_layers=2, n_hyperedges=4, n_heads=2)),
        "lightgcn": lambda: LightGCN(data, LightGCNConfig(embedding_dim=16, n_layers=2)),
    }
    return data, models[kind]()


@pytest.mark.parametrize("kind", ["srgformer", "lightgcn"])
def test_a_planted_world_is_learned(kind):
    """Users take one group of items only, so a good list is their group's; recall is far above chance on the test split."""
    data, model = rebuilt(kind)
    records = list(epochs(model, data, QUICK))
    first, last = (record.losses["ranking"] for record in (records[0], records[-1]))
    assert last < 0.6 * first
    assert last < 0.2 * math.log(2), "ln 2 is the loss of a model that knows nothing"
    recall = evaluate(model, data, "test", (4,))["recall@4"]
    assert recall > 4 * chance(data, 4)
    assert recall > 2 * evaluate(Popularity(data), data, "test", (4,))["recall@4"]


def test_an_item_that_nobody_took_reaches_its_group_through_the_hypergraph():
    """The last item of each group has no interaction. Which of the four would a user get? One in four is right by chance."""
    whole = planted(noise=0.1)
    new = [7, 15, 23, 31]
    train, valid = ([(int(user), int(item)) for user, item in whole.pairs(split) if item not in new] for split in ("train", "valid"))
    data = world(train, whole.n_users, whole.n_items, dict(whole.features), valid)
    model = SRGFormer(data, ModelConfig(embedding_dim=16, n_id_layers=2, n_hyperedges=16, n_heads=2, hypergraph_scale=1.0))
    list(epochs(model, data, QUICK))
    users = torch.arange(data.n_users)
    chosen = model.scorer()(users)[:, new].argmax(1)
    assert (chosen == users % 4).double().mean() > 0.5
    blind = model.trace().fuse(hypergraph_scale=0.0)
    for name in ("image", "text", "attention", "hypergraph"):
        assert blind.parts[name].items[new].abs().max() == 0


def test_every_weight_of_a_planted_world_moves():
    data, model = rebuilt("srgformer")
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    next(iter(epochs(model, data, QUICK)))
    still = [name for name, parameter in model.named_parameters() if torch.equal(parameter.detach(), before[name])]
    assert still == []


def test_the_loop_can_be_left_and_entered_at_any_epoch():
    """An iterator that is not exhausted trains no further than it was asked."""
    data = shop()
    model = build(data)
    records = list(itertools.islice(epochs(model, data, HEAVY.replace(epochs=5)), 2))
    assert [record.epoch for record in records] == [1, 2]
    with float64():
        twin = build(data)
    list(epochs(twin, data, HEAVY.replace(epochs=2)))
    assert torch.equal(model.user_embedding, twin.user_embedding)
