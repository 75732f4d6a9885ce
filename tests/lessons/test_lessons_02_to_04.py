"""What lessons 2 to 4 say is so: their solutions do what the library does, and their claims hold in the built-in shop."""

import importlib

import numpy as np
import pandas as pd
import pytest
import torch

import srgformer_lab as lab
from benchmarks.results import KEPT
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.losses import bpr
from srgformer_lab.models.propagation import light_gcn


@pytest.fixture(scope="module")
def shop():
    return lab.studio()


@pytest.fixture(scope="module")
def run():
    return lab.shipped_run()


@pytest.fixture
def by_hand(request):
    return importlib.import_module(f"solutions.lesson_{request.param:02}")


lesson = pytest.mark.parametrize  # which solutions a test is about


@lesson("by_hand", [2], indirect=True)
def test_light_gcn_by_hand_is_the_librarys(by_hand, shop):
    adjacency = by_hand.normalized_adjacency(torch.tensor(shop.matrix("train").toarray()))
    embedding = torch.randn(len(adjacency), 5, generator=torch.Generator().manual_seed(1))
    graph = Graph(shop)
    assert torch.allclose(adjacency @ embedding, graph.propagate(embedding), atol=1e-5)
    assert torch.allclose(by_hand.light_gcn(adjacency, embedding, 3), light_gcn(embedding, graph.propagate, 3), atol=1e-5)
    assert torch.allclose(by_hand.bpr_loss(embedding[0], embedding[1]), bpr(embedding[0], embedding[1]))


@lesson("by_hand", [2], indirect=True)
def test_weights_make_it_harder_to_train_and_many_layers_make_it_popularity(by_hand, shop):
    light, embedding, size = by_hand.train(shop, False, epochs=24)
    heavy, _, larger = by_hand.train(shop, True, epochs=24)
    assert light["recall@20"].iloc[-1] > heavy["recall@20"].iloc[-1] + 0.05
    assert light["loss"].iloc[-1] < heavy["loss"].iloc[-1]
    assert size < larger
    depths = by_hand.at_depths(shop, embedding)
    (alike, popular), (alike_deep, popular_deep) = (by_hand.likeness(shop, depths["mean", depth]) for depth in (2, 40))
    assert alike < 0.6 < 0.9 < alike_deep
    assert popular < 0.6 < 0.9 < popular_deep
    assert by_hand.likeness(shop, depths["last", 12])[1] > 0.95


@lesson("by_hand", [2], indirect=True)
def test_the_small_shops_signal_goes_where_the_lesson_says(by_hand):
    def reached(steps):
        nodes, _ = by_hand.signal("person A", steps)
        return set(nodes.loc[nodes["value"] > 0, "name"])

    assert reached(1) == {"skis", "goggles"}
    assert reached(2) == {"person A", "person B"}
    assert reached(3) == {"skis", "goggles", "sled"}
    first = by_hand.signal("person A", 1)[0].set_index("name")["value"]
    assert first["goggles"] == pytest.approx(0.5)
    assert first["skis"] == pytest.approx(0.5**0.5)


@lesson("by_hand", [3], indirect=True)
def test_two_shops_have_the_same_pairs_with_counts(by_hand):
    matrices = []
    for groups in (by_hand.ONE_GROUP, by_hand.THREE_PAIRS):
        members = [[by_hand.CAMPING.index(name) for name in group] for group in groups.values()]
        matrices.append(by_hand.incidence(members, 3))
    one, three = matrices
    assert one.shape != three.shape
    assert (by_hand.adjacency_of(one) == by_hand.adjacency_of(three)).all()
    assert (np.triu(one @ one.T, 1) == np.triu(three @ three.T, 1)).all()
    assert [set(np.diag(H @ H.T)) for H in matrices] == [{1}, {2}]
    pairs = [by_hand.as_pairs(groups, by_hand.CAMPING) for groups in (by_hand.ONE_GROUP, by_hand.THREE_PAIRS)]
    assert pairs[0] == pairs[1]
    assert len(pairs[0]) == 3


@lesson("by_hand", [3], indirect=True)
def test_the_thermos_reaches_all_in_two_half_steps_and_itself_most(by_hand):
    nodes, _ = by_hand.signal("thermos", 2)
    carried = nodes[nodes["side"] == 0].set_index("name")["value"]
    assert (carried > 0).all()
    assert carried.idxmax() == "thermos"
    assert (carried.drop("thermos") < carried["thermos"]).all()


@lesson("by_hand", [3], indirect=True)
def test_messages_are_the_librarys_up_to_one_constant(by_hand, shop, run):
    trace = run.model(shop).trace()
    part = trace.hypergraph["image"]
    found = by_hand.pass_messages(part.membership.items.detach().numpy(), trace.collaborative.items.detach().numpy())
    ratio = found / part.item_embedding.detach().numpy()
    assert trace.config.n_hypergraph_layers == 1
    assert np.allclose(ratio, np.median(ratio), rtol=1e-2)


@lesson("by_hand", [3], indirect=True)
def test_a_hyperedge_of_everything_makes_all_alike(by_hand, shop):
    before, after = (by_hand.likeness(shop, by_hand.after_rounds(by_hand.shop_incidence(shop, count), 1)) for count in (0, 240))
    assert before["neither"] < before["same group"] < before["same kind"]
    assert before["neither"] < 0.2 < 0.8 < after["neither"]
    sizes = by_hand.shop_incidence(shop).sum(axis=0)
    assert (round(sizes[:9].mean()), int(sizes[9:27].mean())) == (27, 13)


@lesson("by_hand", [4], indirect=True)
def test_memberships_by_hand_are_the_librarys(by_hand, shop, run):
    trace = run.model(shop).trace()
    part, tau = trace.hypergraph["text"], trace.config.membership_temperature
    scores = part.logits.items.detach().numpy()
    assert np.allclose(by_hand.memberships(scores, np.eye(scores.shape[1]), tau), part.membership.items.detach().numpy(), atol=1e-5)
    taken = shop.matrix("train").toarray()
    assert np.allclose(by_hand.user_memberships(taken, scores, tau), part.membership.users.detach().numpy(), atol=1e-4)


@lesson("by_hand", [4], indirect=True)
def test_the_largest_under_gumbel_noise_is_drawn_as_softmax_says(by_hand):
    wins = np.array(by_hand.wins(100_000)) / 100_000
    shares = np.exp([2, 1, 0]) / np.exp([2, 1, 0]).sum()
    assert wins == pytest.approx(shares, abs=0.006)
    for n_draws in by_hand.DRAWS[2:]:  # what the page shows refutes nobody by bad luck
        assert np.abs(np.array(by_hand.wins(n_draws)) / n_draws - shares).max() < (shares * (1 - shares) / n_draws).min() ** 0.5 * 1.8


@lesson("by_hand", [4], indirect=True)
def test_what_learning_added_is_as_told(by_hand, shop, run):
    found = {(name, epoch): by_hand.worth(shop, run, name, epoch) for name in ("image", "text") for epoch in (0, "best")}
    assert all(one.purity > one.purity_chance + 0.1 for one in found.values())
    assert found["image", 0].purity < found["image", "best"].purity
    assert found["text", 0].purity > found["text", "best"].purity


@lesson("by_hand", [4], indirect=True)
def test_noise_throws_things_about_and_moves_few_lists(by_hand, shop, run):
    model = run.model(shop)
    quiet, loud = model.trace(), by_hand.noisy(model, shop.modalities, 1, model.config.hypergraph_scale)
    assert by_hand.sharpness(quiet, "image")[0] < 0.5 < 0.9 < by_hand.sharpness(loud, "image")[0]
    assert 0 < by_hand.replaced(shop, quiet, loud) < 0.05
    assert by_hand.moved(quiet, loud, "image") > 0.5
    assert by_hand.moved(quiet, quiet, "image") == 0
    assert by_hand.replaced(shop, quiet, quiet) == pytest.approx(0)
    assert float(quiet.hypergraph["image"].logits.items.std(1).mean()) == pytest.approx(0.2, abs=0.05)
    (few, soft), (many, sharp) = by_hand.by_history(shop, quiet, "image")
    assert few < many
    assert soft < sharp


@lesson("by_hand", [4], indirect=True)
def test_examples_in_the_stubs_of_lesson_4_are_right(by_hand):
    row = [pytest.approx([0.7311, 0.2689], abs=1e-4)]
    assert by_hand.memberships(np.array([[1.0]]), np.array([[2.0, 0.0]]), 2).tolist() == row
    assert by_hand.user_memberships(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 0.0]]), 2).tolist() == row
    assert by_hand.gumbel_softmax(np.zeros((1, 2)), np.array([[0.3679, 0.6922]]), 1)[:, ::-1].tolist() == row


@lesson("by_hand", [4], indirect=True)
def test_weight_of_the_hypergraph_costs_recall_and_noise_does_not(by_hand, shop, run):
    model = run.model(shop)
    passes = {beta: (model.trace().fuse(hypergraph_scale=beta), by_hand.noisy(model, shop.modalities, 1, beta)) for beta in (0.3, 10.0)}
    recall = {beta: [lab.evaluate(one, shop, "valid", (20,))["recall@20"] for one in both] for beta, both in passes.items()}
    assert max(recall[10.0]) < min(recall[0.3]) - 0.1
    assert all(abs(quiet - noisy) < 0.01 for quiet, noisy in recall.values())


def test_results_hold_what_lesson_4_says_of_leaving_the_hypergraph_out():
    row = pd.read_csv(KEPT / "ablation-studio" / "table.csv").set_index("variant").loc["w/o hypergraph"]
    assert row["seeds"] == 5
    assert row["gain_low"] < 0 < row["gain_high"]


@lesson("by_hand", [2], indirect=True)
def test_most_of_the_gap_closes_in_longer_trainings_whose_beginning_the_page_makes(by_hand):
    best = by_hand.best_of_longer()
    longer = [100 * best[name]["recall@20"] for name in by_hand.NAMES.values()]
    assert 0 < longer[0] - longer[1] < 6
    for has_weights, (history, _, _) in by_hand.race().items():
        known = by_hand.stored().query(f"name == '{by_hand.NAMES[has_weights]}'").head(len(history))
        assert list(known["epoch"]) == list(history["epoch"])
        assert np.allclose(known["loss"], history["loss"], atol=0.02)
        assert np.allclose(known["recall@20"], history["recall@20"], atol=0.03)
    ends = [by_hand.race()[has_weights][0].iloc[-1] for has_weights in by_hand.NAMES]
    assert 100 * (ends[0]["recall@20"] - ends[1]["recall@20"]) > 2 * (longer[0] - longer[1])
    assert ends[0]["loss"] < ends[1]["loss"]
