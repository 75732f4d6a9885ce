"""What lessons 5 and 6 say of the model is so: their solutions are its attention and its contrast, and τ and γ do what they tell."""

import importlib
import re

import numpy as np
import pandas as pd
import pytest
import torch

import srgformer_lab as lab
from benchmarks.results import KEPT
from srgformer_lab.models.losses import anchors
from srgformer_lab.models.losses import info_nce as library_info_nce
from tests.lessons.conftest import TUTORIALS

GAIN = ["gain", "gain_low", "gain_high"]


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


def bounds(row):
    gain, low, high = (f"{value:+.4f}".replace("+0.", "+.").replace("-0.", "−.") for value in row[GAIN])
    return gain, f"[{low}, {high}]"


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


def test_examples_in_the_stubs_of_lesson_5_are_right(attention):
    one, all_maps = torch.tensor([1.0, 0.0]), (torch.eye(2),) * 4
    expected = torch.tensor([0.7311, 0.2689])
    close = {"rtol": 0, "atol": 5e-5}
    torch.testing.assert_close(attention.attention_weights(one, torch.eye(2)), expected, **close)
    torch.testing.assert_close(attention.attend(one, *all_maps), expected, **close)
    torch.testing.assert_close(attention.attend_with_heads(one, *all_maps, 1), expected, **close)
    torch.testing.assert_close(attention.attend_with_heads(one, *all_maps, 2), torch.tensor([0.7311, 0.5]), **close)


def test_lesson_5_quotes_what_was_measured():
    told = " ".join((TUTORIALS / "05_attention.py").read_text("utf-8").split())
    table = pd.read_csv(KEPT / "attention-studio" / "table.csv").set_index("attention")
    assert " ".join(bounds(table.loc["none"])) in told
    lost, uneven = bounds(table.loc["uniform"])
    assert f"loses {lost[1:]} {uneven}" in told
    others = table.drop(index="product")
    assert len(others) == 6
    assert list(others.index[(others["gain_low"] > 0) | (others["gain_high"] < 0)]) == ["uniform"]
    assert (table["seeds"] == 5).all()


def test_lesson_5_quotes_the_removals_of_the_page_on_explanations():
    told = " ".join((TUTORIALS / "05_attention.py").read_text("utf-8").replace('"', "").replace("*", "").split())
    page = (TUTORIALS.parent / "docs" / "explanations.md").read_text("utf-8")
    [(removals, contribution, weights)] = re.findall(r"built-in shop, shipped run, (\d+) removals \| ([^|]+) \| ([^|]+) \|", page)
    assert (
        f"with {removals} removals, the rank correlation of the weights is {weights}, and that of the exact contribution {contribution}"
        in told
    )


def test_solution_of_lesson_6_is_the_contrast_of_the_model(contrast, shipped):
    _, model = shipped
    images, texts = (part.items.detach() for part in model.trace().modality.values())
    rows = torch.tensor([3, 5, 5, 9])
    torch.testing.assert_close(
        contrast.info_nce(images, texts, rows, 0.2), library_info_nce(images, texts, anchors(rows, len(images)), 0.2)
    )


def test_examples_in_the_stubs_of_lesson_6_are_right(contrast):
    assert contrast.cosines(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])).item() == pytest.approx(0.8)
    alike, rows = torch.ones(2, 3), torch.tensor([0, 1, 1])
    torch.testing.assert_close(contrast.info_nce(alike, alike, rows, 0.2), 3 * torch.tensor(2.0).log())
    assert contrast.pushes(torch.zeros(2), 0, 0.5).tolist() == [-1, 1]


def test_lesson_6_quotes_what_was_measured():
    told = " ".join((TUTORIALS / "06_contrast.py").read_text("utf-8").split())
    knobs = pd.read_csv(KEPT / "sensitivity-studio" / "table.csv", dtype={"value": str}).set_index(["knob", "value"])
    strong, none = knobs.loc[("γ", "0.0001")], knobs.loc[("γ", "0.0")]
    assert f"γ = 0.0001 changes Recall@20 by {' '.join(bounds(strong))}" in told
    assert strong["seeds"] == none["seeds"] == 3
    assert none["gain_low"] < 0 < none["gain_high"]
    contrasts = pd.read_csv(KEPT / "ablation-studio" / "table.csv").set_index("variant").loc[["w/o HCL", "w/o MCL"]]
    assert (contrasts["seeds"] == 5).all()
    assert ((contrasts["gain_low"] < 0) & (contrasts["gain_high"] > 0)).all()


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
    assert mixed[0][3] < 0.02
    assert (right[0][0], right[0][3]) > (0.6, 0.3)
    assert abs(right[0][2]) < 0.05


def test_a_picture_vector_of_lesson_6_is_mostly_of_other_things(contrast, shipped):
    data, model = shipped
    assert model.config.n_modality_layers == 2
    shares = np.array(contrast.own_shares(data))
    assert shares.max() < 0.2
    assert shares.mean() == pytest.approx(0.077, abs=0.001)
    assert shares[157] == pytest.approx(0.063, abs=0.001)


def test_own_pairs_meet_without_a_contrast_and_a_strong_one_costs_recall(contrast):
    data = lab.studio()
    without, strong = (contrast.weighed(data, weight) for weight in (0.0, 0.01))
    assert without[0] > without[1] + 0.2
    assert strong[0] > without[0]
    assert strong[2] < without[2]
