"""The reference is held against numbers worked out by hand, and its torch part against its NumPy part."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings

from srgformer_lab.config import TrainConfig
from tests.oracle import reference
from tests.worlds import build, duo, situations, small, triples, with_isolated_nodes, world

RELAXED = settings(max_examples=25, deadline=None)


def test_the_normalised_adjacency_of_a_path_is_one_over_the_root_of_both_degrees():
    data = world([(0, 0), (1, 0), (1, 1)], n_users=2, n_items=2)
    A_norm = reference.normalised_adjacency(reference.interaction_matrix(data))
    expected = np.zeros((4, 4))
    expected[0, 2] = expected[2, 0] = 1 / math.sqrt(2)
    expected[1, 2] = expected[2, 1] = 1 / 2
    expected[1, 3] = expected[3, 1] = 1 / math.sqrt(2)
    np.testing.assert_allclose(A_norm, expected, atol=2e-7)


def test_one_pair_is_worked_out_by_hand():
    """One user, one item, width 1: E^id = (u + i)/2 for both with one layer, and attention has a single neighbour."""
    data = world([(0, 0)], n_users=1, n_items=1, features={"image": [[2.0]]})
    config = small(embedding_dim=1, n_heads=1, n_id_layers=1, n_modality_layers=1, n_hypergraph_layers=1, n_hyperedges=1)
    parameters = {
        "user_embedding": torch.tensor([[3.0]]).double(),
        "item_embedding": torch.tensor([[5.0]]).double(),
        "projection.image": torch.tensor([[-0.5]]).double(),
        "implicit_attribute.image": torch.tensor([[0.7]]).double(),
        "attention.query": torch.tensor([[1.0]]).double(),
        "attention.key": torch.tensor([[1.0]]).double(),
        "attention.value": torch.tensor([[-2.0]]).double(),
    }
    outcome = reference.forward(parameters, data, config)
    assert outcome.collaborative.flatten().tolist() == pytest.approx([4, 4], rel=1e-6)
    assert outcome.modality["image"].flatten().tolist() == pytest.approx([-1, -1], rel=1e-6)
    assert outcome.logits["image"]["users"].item() == pytest.approx(1.4)
    assert outcome.hypergraph["image"].flatten().tolist() == pytest.approx([4, 4], rel=1e-6)
    assert outcome.attention.flatten().tolist() == pytest.approx([-10, -6])
    assert outcome.fused.flatten().tolist() == pytest.approx([4 - 1 - 0.6 + 0.4] * 2, rel=1e-6)


@pytest.mark.parametrize(
    ("form", "read", "own"),
    [("product", "raw", -10), ("cosine", "raw", -10), ("linear", "raw", -10), ("uniform", "raw", -10), ("linear", "propagated", -6)],
)
def test_with_one_neighbour_every_form_of_attention_hands_over_its_value(form, read, own):
    """One user of 3, one item of 5, W_V = −2: of one neighbour all is taken; a layer of LightGCN swaps the two."""
    data = world([(0, 0)], n_users=1, n_items=1)
    config = small(embedding_dim=1, n_heads=1, n_id_layers=1, attention_form=form, attention_input=read)
    names = {"user_embedding": 3.0, "item_embedding": 5.0, "attention.query": 1.0, "attention.key": 1.0, "attention.value": -2.0}
    outcome = reference.forward({name: torch.tensor([[value]]).double() for name, value in names.items()}, data, config)
    assert outcome.attention.flatten().tolist() == pytest.approx([own, -16 - own], rel=1e-6)


def test_scores_of_the_forms_are_worked_out_by_hand():
    """q = (1, −1) from the user, k = (2, 0) and (0, ln ½) from its items: products 2 and ln 2."""
    A, E = reference.adjacency(np.ones((1, 2))), torch.tensor([[1.0, -1.0], [2.0, 0.0], [0.0, -math.log(2)]]).double()
    expected = {
        "product": [2.0, math.log(2)],
        "cosine": [10 / math.sqrt(2), 10 / math.sqrt(2)],
        "linear": [2 * 3 + math.exp(-1), 2 + math.exp(-1) / 2],
        "uniform": [0.0, 0.0],
    }
    for form, values in expected.items():
        score, _ = reference.attention_scores(torch.from_numpy(A), E, torch.eye(2).double(), torch.eye(2).double(), 1, form=form)
        assert score[0, 0, 1:].tolist() == pytest.approx(values), form
        _, weight = reference.attention_branch(torch.from_numpy(A), E, score, torch.eye(2).double(), form=form)
        heights = values if form == "linear" else [math.exp(value) for value in values]
        assert weight[0, 0, 1:].tolist() == pytest.approx([height / sum(heights) for height in heights]), form


def test_losses_of_two_rows_are_worked_out_by_hand():
    difference = torch.tensor([0.0, math.log(3)]).double()
    assert reference.bpr(difference, torch.zeros(2).double()).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    a, b = torch.tensor([[2.0, 0.0], [0.0, 1.0]]).double(), torch.tensor([[1.0, 0.0], [3.0, 0.0]]).double()
    at_own = math.exp(1 / 0.5)
    expected = -math.log(at_own / (2 * at_own)) + 2 * math.log(2)
    assert reference.info_nce(a, b, torch.tensor([0, 1, 1]), 0.5).item() == pytest.approx(expected)


def test_metrics_of_a_short_list_are_worked_out_by_hand():
    ranked = reference.ranking_of([0.5, 0.9, 0.5, 0.1, 0.7], hidden={1})
    assert ranked == [4, 0, 2, 3]
    assert reference.recall_at_k(ranked, {2, 3}, 3) == 0.5
    assert reference.ndcg_at_k(ranked, {2, 3}, 3) == pytest.approx((1 / 2) / (1 + 1 / math.log2(3)))
    assert reference.ndcg_at_k(ranked, {4}, 3) == 1
    assert reference.recall_at_k(ranked, {1, 4}, 10) == 0.5


def test_adam_moves_by_the_learning_rate_at_first():
    value, state = reference.adam_step(np.array([1.0, 1.0]), np.array([0.3, -7.0]), (), 0.01)
    np.testing.assert_allclose(value, [0.99, 1.01], atol=1e-9)
    value, _ = reference.adam_step(value, np.array([0.0, 0.0]), state, 0.01)
    mean, square = 0.9 * 0.1 * 0.3 / (1 - 0.9**2), 0.999 * 0.001 * 0.09 / (1 - 0.999**2)
    assert value[0] == pytest.approx(0.99 - 0.01 * mean / (math.sqrt(square) + 1e-8))


@RELAXED
@given(situations(min_modalities=1, attention_scale=0.0, as_released=False, normalize_features=False))
def test_the_dense_pass_without_attention_equals_lgmrec_written_apart(situation):
    data, config, seed, scale = situation
    parameters = reference.parameters_of(build(data, config, seed, scale))
    outcome = reference.forward(parameters, data, config)
    assume(reference.is_generic(outcome, data))
    fused, modality, hyper = reference.lgmrec_numpy(parameters, data, config)
    np.testing.assert_allclose(outcome.fused.numpy(), fused, rtol=1e-8, atol=1e-8)
    for name in data.modalities:
        np.testing.assert_allclose(outcome.modality[name].numpy(), modality[name], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(outcome.hypergraph[name].numpy(), hyper[name], rtol=1e-8, atol=1e-9)


def test_the_two_loss_functions_agree():
    data, train = duo(), TrainConfig(hypergraph_contrast_weight=0.2, modality_contrast_weight=0, regularization_weight=0.3)
    outcome = reference.forward(reference.parameters_of(build(data)), data, small())
    batch = triples(data, 7)
    hyper = {name: value.numpy() for name, value in outcome.hypergraph.items()}
    apart = reference.lgmrec_loss_numpy(outcome.fused.numpy(), hyper, data.n_users, batch, 0.3, 0.2, train.contrast_temperature)
    assert sum(reference.loss_terms(outcome, batch, train).values()).item() == pytest.approx(apart, rel=1e-12)


def test_isolated_nodes_get_nothing_from_attention_and_modalities():
    data = with_isolated_nodes()
    outcome = reference.forward(reference.parameters_of(build(data)), data, small())
    for node in (3, data.n_users + 4):
        assert outcome.attention[node].abs().max() == 0
        assert outcome.modality["image"][node].abs().max() == 0
        assert outcome.attention_weight[:, node].sum() == 0


def test_a_row_of_0_is_no_noise_where_no_feature_flows_and_is_where_features_cancel():
    pairs, config = [(0, 0), (0, 1), (1, 2), (1, 3)], small(n_modality_layers=0, attention_scale=0.0, n_hyperedges=1)

    def is_generic(values):
        data = world(pairs, 2, 4, {"image": values})
        return reference.is_generic(reference.forward(reference.parameters_of(build(data, config)), data, config), data)

    assert is_generic([[1], [0.5], [2], [3]])
    assert is_generic([[0], [0], [2], [3]])
    assert not is_generic([[1], [-1], [2], [3]])


def test_edits_of_memberships_are_worked_out_by_hand_and_act_in_their_order():
    H = torch.tensor([[0.4, 0.35, 0.25], [0.1, 0.2, 0.7]]).double()
    merge, harden = ("merge_hyperedges", "image", 1, 2), ("harden_memberships", "image")

    def changed(*edits):
        return reference.changed_memberships(H, "image", edits)[0].tolist()

    assert changed(merge) == [pytest.approx([0.4, 0.6, 0]), pytest.approx([0.1, 0.9, 0])]
    assert changed(harden) == [[1, 0, 0], [0, 0, 1]]
    assert changed(merge, harden) == [[0, 1, 0], [0, 1, 0]]
    assert changed(harden, merge) == [[1, 0, 0], [0, 1, 0]]
    assert changed(("harden_memberships", "text")) == H.tolist()
    assert reference.changed_memberships(H, "image", [harden])[1] == pytest.approx(0.05)


def test_a_dropped_hyperedge_still_carries_in_the_layers_before_the_last():
    """Two items, one in each hyperedge: what layer one brought to the second item is there when layer two drops the second hyperedge."""
    H, Z = torch.tensor([[1.0, 0.0], [0.5, 0.5]]).double(), torch.tensor([[2.0], [6.0]]).double()
    first = H.T @ Z  # (5, 3)
    second = H.T @ (H @ first)  # Z becomes (5, 4): (7, 2)
    assert first.flatten().tolist() == [5, 3]
    assert second.flatten().tolist() == [7, 2]
    values, edges = reference.hypergraph_branch(H[:1], H, Z, 2, "image", [("drop_hyperedge", "image", 1)])
    assert edges.flatten().tolist() == [7, 0]
    assert values.flatten().tolist() == [7, 7, 3.5]


def test_edits_of_attention_and_modalities_are_worked_out_by_hand():
    data = duo()
    parameters = reference.parameters_of(build(data))
    plain = reference.forward(parameters, data, small())
    edits = [("uniform_attention",), ("mute_head", 0), ("blank_modality", "text"), ("without_modality", "image")]
    edited = reference.forward(parameters, data, small(), edits=edits)
    degree = [2, 3, 1, 2, 1, 1]
    for node, count in enumerate(degree):
        weights = edited.attention_weight[:, node]
        assert weights[weights > 0].tolist() == pytest.approx([1 / count] * 2 * count)
    assert edited.attention[:, :3].abs().max() == 0
    neighbors = parameters["item_embedding"][:2] @ parameters["attention.value"]
    assert edited.attention[0, 3:].tolist() == pytest.approx(neighbors.mean(0)[3:].tolist())
    assert edited.modality["text"].abs().max() == edited.modality["image"].abs().max() == 0
    assert edited.hyperedges["image"].abs().max() == 0
    assert torch.equal(edited.hyperedges["text"], plain.hyperedges["text"])
    assert torch.equal(edited.collaborative, plain.collaborative)


def test_kept_numbers_stand_in_for_those_of_the_pass():
    """With another model's logits and scores, memberships and weights are that model's, and everything else is not."""
    data = duo()
    ours, theirs = (reference.parameters_of(build(data, seed=seed)) for seed in (1, 2))
    mine, other = (reference.forward(parameters, data, small()) for parameters in (ours, theirs))
    mixed = reference.forward(ours, data, small(), kept={"logits": other.logits, "score": other.attention_score})
    assert torch.equal(mixed.attention_weight, other.attention_weight)
    assert torch.equal(mixed.membership["text"]["users"], other.membership["text"]["users"])
    assert torch.equal(mixed.collaborative, mine.collaborative)
    assert not torch.allclose(mixed.attention, other.attention)
    assert torch.equal(mixed.modality["image"], mine.modality["image"])
