"""What lessons 5 and 6 say of the model is so: their solutions are its attention and its contrast, and τ and γ do what they tell."""

import importlib

import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.model.losses import anchors
from srgformer_lab.model.losses import info_nce as library_info_nce


@pytest.fixture
def attention():
    return importlib.import_module("solutions.lesson_05")


@pytest.fixture
def contrast():
    return importlib.import_module("solutions.lesson_06")


@pytest.fixture(scope="module")
def shipped():
    run = lab.shipped_run()
    data = run.open_data()
    return data, run.model(data)


def test_solution_of_lesson_5_is_the_attention_of_the_model(attention, shipped):
    data, model = shipped
    trace, maps = model.trace(), (model.attention.query, model.attention.key, model.attention.value)
    for user in (0, 17, data.n_users - 1):
        items = trace.attention.input[trace.attention.neighbor[trace.attention.node == user]]
        mine = attention.attend_with_heads(trace.attention.input[user], items, *maps, model.config.n_heads)
        torch.testing.assert_close(mine, trace.attention.output.values[user])


def test_trained_weights_are_nearly_even_and_muting_changes_lists(attention, shipped):
    data, model = shipped
    assert 0.18 < attention.share_of_largest(model.trace(), 17, 3) < 0.3
    whole, even = (attention.changed(model, data, attention.CHANGES[name]) for name in ("nothing", "all things weigh alike"))
    assert whole[1] == 1
    assert even[1] < 1
    assert abs(whole[0] - even[0]) < 0.02


def test_solution_of_lesson_6_is_the_contrast_of_the_model(contrast, shipped):
    _, model = shipped
    images, texts = (part.items.detach() for part in model.trace().modality.values())
    rows = torch.tensor([3, 5, 5, 9])
    torch.testing.assert_close(
        contrast.info_nce(images, texts, rows, 0.2), library_info_nce(images, texts, anchors(rows, len(images)), 0.2)
    )


def test_pushes_are_the_gradient(contrast):
    cosine = torch.tensor([0.7, -0.1, 0.4], requires_grad=True)
    loss = torch.nn.functional.cross_entropy(cosine / 0.3, torch.tensor(2))
    torch.testing.assert_close(contrast.pushes(cosine.detach(), 2, 0.3), torch.autograd.grad(loss, cosine)[0])


def test_small_temperature_tells_apart_large_keeps_groups_and_no_strangers_collapse(contrast):
    data = lab.studio()
    groups = lab.item_labels(data).to_numpy()
    small, large = (contrast.summary(contrast.trained(data, tau), groups) for tau in (0.05, 3.0))
    assert small[3] > large[3] + 0.2
    assert large[0] > small[0]
    assert large[1] > small[1]
    worlds = {slip: contrast.trained(data, 0.2, slip) for slip in contrast.SLIPS}
    right, alone, mixed = ((contrast.summary(world, groups), contrast.strangers_size(*world)) for world in worlds.values())
    assert alone[0][0] > right[0][0]
    assert alone[1] > 2 * right[1]
    assert alone[0][3] < right[0][3] / 2
    assert abs(mixed[0][0]) < 0.1


def test_own_pairs_meet_without_a_contrast_and_a_strong_one_costs_recall(contrast):
    data = lab.studio()
    without, strong = (contrast.weighed(data, weight) for weight in (0.0, 0.01))
    assert without[0] > without[1] + 0.2
    assert strong[0] > without[0]
    assert strong[2] < without[2]
