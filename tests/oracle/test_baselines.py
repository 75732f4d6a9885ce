"""Each baseline's scores, loss terms and gradients equal a second implementation, dense or by loops, from the formulas alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from srgformer_lab import runtime
from srgformer_lab.config import TrainConfig
from srgformer_lab.models.baselines.freedom import FREEDOM, FREEDOMConfig, similar_items
from srgformer_lab.models.baselines.item_knn import ItemKNN, ItemKNNConfig, nearest
from srgformer_lab.models.baselines.matrix_factorization import MatrixFactorization, MatrixFactorizationConfig
from srgformer_lab.models.baselines.mult_vae import MultVAE, MultVAEConfig
from srgformer_lab.models.baselines.vbpr import VBPR, VBPRConfig
from srgformer_lab.models.neighbors import nearest_by_features
from srgformer_lab.models.sampling import Batch
from tests.oracle.reference import interaction_matrix, lightgcn_numpy
from tests.worlds import float64, planted, scatter, shop, triples, with_isolated_nodes, world

WORLDS = [shop, with_isolated_nodes]
TRAIN = TrainConfig(regularization_weight=0.3, device="cpu")
SMALL_VAE = {"hidden_dim": 5, "code_dim": 3}


def make(kind, data, config, seed=0):
    with float64():
        return scatter(kind(data, config), seed).eval()


def all_scores(model, data):
    with float64():
        return model.scorer()(torch.arange(data.n_users)).numpy()


def weights_of(model):
    return {name: value.detach().numpy().copy() for name, value in model.named_parameters()}


def terms_of(model, batch, train=TRAIN):
    return {name: float(value.detach()) for name, value in model.losses(batch, train).items()}


def softplus(value):
    return math.log1p(math.exp(value))


def assert_gradients_are_slopes(model, loss, names=None):
    """Central differences of ``loss``, a function of nothing, at a few entries of every parameter."""
    model.zero_grad()
    loss().backward()
    for name, parameter in model.named_parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.reshape(-1)
        for entry in {0, len(flat) // 2, len(flat) - 1}:
            values, before = [], float(flat[entry])
            for step in (1e-5, -1e-5):
                flat[entry] = before + step
                values.append(float(loss().detach()))
            flat[entry] = before
            assert float(gradient[entry]) == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-8, rel=1e-5), name


# ------------------------------------------------------------------------------------------------------------------ ItemKNN


def similarity_by_loops(data, shrinkage):
    taken = [{user for user, item in data.pairs("train") if item == row} for row in range(data.n_items)]
    matrix = np.zeros((data.n_items, data.n_items))
    for i, one in enumerate(taken):
        for j, other in enumerate(taken):
            if i != j and one and other:
                matrix[i, j] = len(one & other) / (math.sqrt(len(one) * len(other)) + shrinkage)
    return matrix


@pytest.mark.parametrize("make_world", [*WORLDS, planted])
@pytest.mark.parametrize(("n_neighbors", "shrinkage"), [(1, 10.0), (3, 10.0), (2, 0.5), (100, 0.5)])
@pytest.mark.parametrize("cells", [1, 8_000_000])
def test_item_knn_sums_the_kept_similarities_to_the_history(make_world, n_neighbors, shrinkage, cells, monkeypatch):
    """One target at a time gives what all at once give."""
    monkeypatch.setattr("srgformer_lab.models.baselines.item_knn.BLOCK_CELLS", cells)
    data = make_world()
    similarity, history = similarity_by_loops(data, shrinkage), interaction_matrix(data)
    expected = np.zeros((data.n_users, data.n_items))
    for item in range(data.n_items):
        others = sorted((row for row in range(data.n_items) if row != item), key=lambda row: (-similarity[item, row], row))
        for user in range(data.n_users):
            expected[user, item] = sum(similarity[item, row] for row in others[:n_neighbors] if history[user, row])
    model = make(ItemKNN, data, ItemKNNConfig(n_neighbors=n_neighbors, shrinkage=shrinkage))
    np.testing.assert_allclose(all_scores(model, data), expected, atol=1e-12)


def test_item_knn_takes_the_lower_row_of_a_tie():
    """Everyone has all four items, so all similarities are equal, and each keeps the two lowest other rows."""
    data = world([(user, item) for user in range(3) for item in range(4)], 3, 4)
    kept = nearest(data.matrix("train"), 2, 10.0)
    assert [kept[row].indices.tolist() for row in range(4)] == [[1, 2], [0, 2], [0, 1], [0, 1]]
    np.testing.assert_allclose(kept.data, 3 / (3 + 10))


# --------------------------------------------------------------------------------------------------------------- MF and VBPR


def factors(model, data):
    """User and item vectors from the weights, by hand."""
    w = weights_of(model)
    if isinstance(model, MatrixFactorization):
        return w["user_embedding"], w["item_embedding"]
    rows = []
    for item in range(data.n_items):
        x = [float(value) for name in data.modalities for value in data.features[name][item]]
        read = [
            sum(a * b for a, b in zip(row, x, strict=True)) + bias
            for row, bias in zip(w["projection.weight"], w["projection.bias"], strict=True)
        ]
        rows.append([*w["item_embedding"][item], *read])
    return w["user_embedding"], np.array(rows)


FACTORED = [(MatrixFactorization, MatrixFactorizationConfig(embedding_dim=4)), (VBPR, VBPRConfig(embedding_dim=4))]


@pytest.mark.parametrize(("kind", "config"), FACTORED)
@pytest.mark.parametrize("make_world", [shop, with_isolated_nodes, lambda: shop(("audio",)), lambda: shop(("image", "text", "audio"))])
def test_factor_models_score_and_lose_as_by_hand(kind, config, make_world):
    data = make_world()
    model, batch = make(kind, data, config), Batch(*triples(data, 9))
    users, items = factors(model, data)
    np.testing.assert_allclose(all_scores(model, data), users @ items.T, atol=1e-12)
    terms = terms_of(model, batch)
    rows = list(zip(*(part.tolist() for part in batch), strict=True))
    ranking = sum(softplus(users[u] @ items[q] - users[u] @ items[p]) for u, p, q in rows) / len(rows)
    squares = [sum((matrix[row[place]] ** 2).sum() for row in rows) for place, matrix in enumerate((users, items, items))]
    assert list(terms) == ["ranking", "regularization"]
    assert terms["ranking"] == pytest.approx(ranking, rel=1e-12)
    assert terms["regularization"] == pytest.approx(0.3 * sum(map(math.sqrt, squares)) / len(rows), rel=1e-12)


@pytest.mark.parametrize(("kind", "config"), FACTORED)
def test_factor_models_gradients_are_slopes(kind, config):
    data = shop()
    model, batch = make(kind, data, config), Batch(*triples(data, 9))
    assert_gradients_are_slopes(model, lambda: sum(model.losses(batch, TRAIN).values()))


def test_vbpr_is_twice_as_wide_for_users_and_can_leave_a_modality_out():
    data = shop()
    model = VBPR(data, VBPRConfig(embedding_dim=4, modalities=("text",)))
    assert model.user_embedding.shape == (data.n_users, 8)
    assert model.projection.weight.shape == (4, data.features["text"].shape[1])
    assert (model.features.numpy() == data.features["text"]).all()


# ------------------------------------------------------------------------------------------------------------------ MultVAE


def vae_by_hand(model, rows, code=None):
    """Mean, log-variance and scores of dense input rows; ``code`` replaces the mean."""
    w = weights_of(model)
    hidden = np.tanh(rows @ w["item_weight"] + w["item_bias"])
    mean, log_variance = (hidden @ w[f"{part}.weight"].T + w[f"{part}.bias"] for part in ("mean", "log_variance"))
    unfolded = np.tanh((mean if code is None else code(mean, log_variance)) @ w["unfold.weight"].T + w["unfold.bias"])
    return mean, log_variance, unfolded @ w["score.weight"].T + w["score.bias"]


def normalized_rows(history):
    return history / np.maximum(np.linalg.norm(history, axis=1, keepdims=True), 1e-12)


def vae_terms_by_hand(history, mean, log_variance, scores):
    likelihood = (history * log_softmax(scores, axis=1)).sum(axis=1)
    divergence = [
        sum(0.5 * (m * m + math.exp(v) - 1 - v) for m, v in zip(means, variances, strict=True))
        for means, variances in zip(mean, log_variance, strict=True)
    ]
    return -likelihood.mean(), np.mean(divergence)


@pytest.mark.parametrize("make_world", WORLDS)
def test_mult_vae_reads_a_user_by_the_mean_of_its_code(make_world):
    data = make_world()
    model = make(MultVAE, data, MultVAEConfig(**SMALL_VAE))
    _, _, expected = vae_by_hand(model, normalized_rows(interaction_matrix(data)))
    np.testing.assert_allclose(all_scores(model, data), expected, atol=1e-12)
    model.train()  # also while it trains, a reading draws nothing, and the mode is restored
    np.testing.assert_allclose(all_scores(model, data), expected, atol=1e-12)
    assert model.training


@pytest.mark.parametrize("is_training", [False, True])
def test_mult_vae_losses_equal_those_by_hand_with_the_noise_replayed(is_training):
    data = shop()
    config = MultVAEConfig(**SMALL_VAE, dropout=0.4, divergence_weight=0.7, annealing_steps=0)
    model, history = make(MultVAE, data, config), interaction_matrix(data)
    batch = next(model.batches(4, runtime.generator("cpu", "order")))
    rows = history[batch.user.numpy()]
    model.train(is_training)
    with float64():
        model.start_epoch(runtime.generator("cpu", "noise"))
        terms = terms_of(model, batch)
        draws = runtime.generator("cpu", "noise")
        kept, noise = torch.rand(len(batch.item), generator=draws) >= 0.4, torch.randn(4, 3, generator=draws)
    given = normalized_rows(rows)
    if is_training:
        assert 0 < int(kept.sum()) < len(kept)
        for place, item, stays in zip(batch.place, batch.item, kept, strict=True):
            given[place, item] *= float(stays) / 0.6
    code = (lambda mean, log_variance: mean + np.exp(log_variance / 2) * noise.numpy()) if is_training else None
    reconstruction, divergence = vae_terms_by_hand(rows, *vae_by_hand(model, given, code))
    assert list(terms) == ["reconstruction", "divergence"]
    assert terms["reconstruction"] == pytest.approx(reconstruction, rel=1e-12)
    assert terms["divergence"] == pytest.approx(0.7 * divergence, rel=1e-12)


def test_mult_vae_gradients_are_slopes():
    data = shop()
    model = make(MultVAE, data, MultVAEConfig(**SMALL_VAE, dropout=0.4, annealing_steps=0))
    model.train()
    batch = next(model.batches(4, runtime.generator("cpu", "order")))

    def loss():
        with float64():
            model.start_epoch(runtime.generator("cpu", "noise"))
            return sum(model.losses(batch, TRAIN).values())

    assert_gradients_are_slopes(model, loss)


def test_mult_vae_batches_are_all_users_with_a_training_item_and_their_items():
    data = with_isolated_nodes()  # user 3 has none
    model, history = MultVAE(data, MultVAEConfig(**SMALL_VAE)), interaction_matrix(data)
    batches = list(model.batches(2, runtime.generator("cpu", 0)))
    assert [batch.number for batch in batches] == [0, 1]
    assert len(batches) == model.n_batches(2)
    assert sorted(torch.cat([batch.user for batch in batches]).tolist()) == [0, 1, 2]
    for batch in batches:
        rows = np.zeros((len(batch.user), data.n_items))
        np.add.at(rows, (batch.place.numpy(), batch.item.numpy()), 1)
        np.testing.assert_array_equal(rows, history[batch.user.numpy()])
    orders = {tuple(torch.cat([part.user for part in model.batches(2, runtime.generator("cpu", seed))]).tolist()) for seed in range(20)}
    assert len(orders) == 6  # of three users: shuffled every way


def test_mult_vae_anneals_by_the_steps_of_the_whole_training():
    """Seven users in batches of three are three steps an epoch, so ten steps of annealing end in the fourth epoch."""
    data = shop()
    model = make(MultVAE, data, MultVAEConfig(**SMALL_VAE, divergence_weight=0.2, annealing_steps=10))
    train, weights = TRAIN.replace(batch_size=3), []
    for epoch in range(1, 6):
        model.start_epoch(runtime.generator("cpu", epoch), epoch)
        for batch in model.batches(3, runtime.generator("cpu", epoch, "order")):
            rows = interaction_matrix(data)[batch.user.numpy()]
            _, divergence = vae_terms_by_hand(rows, *vae_by_hand(model, normalized_rows(rows)))
            weights.append(terms_of(model, batch, train)["divergence"] / divergence)
    np.testing.assert_allclose(weights, [0.2 * min(1, step / 10) for step in range(15)], atol=1e-12)


# ------------------------------------------------------------------------------------------------------------------ FREEDOM


def lists_by_loops(matrix, k):
    """Each item first, then the others by cosine, ties to the lower row."""
    matrix = np.asarray(matrix, dtype=np.float64)
    norms = [max(math.sqrt((row**2).sum()), 1e-12) for row in matrix]
    lists = []
    for i, row in enumerate(matrix):
        cosine = [row @ other / (norms[i] * norms[j]) for j, other in enumerate(matrix)]
        others = sorted((j for j in range(len(matrix)) if j != i), key=lambda j: (-cosine[j], j))
        lists.append([i, *others][:k])
    return np.array(lists)


def item_graph_by_loops(lists, weights):
    n_items = len(lists[0])
    total = np.zeros((n_items, n_items))
    for part, weight in zip(lists, weights, strict=True):
        joined = np.zeros((n_items, n_items))
        for item, row in enumerate(part):
            joined[item, row] = 1
        sums = joined.sum(axis=1)
        total += weight * joined / np.sqrt(np.outer(sums, sums))
    return total


def item_graph(data, config):
    return sum(matrix.toarray() for matrix in similar_items(data, data.modalities, config).values())


@pytest.mark.parametrize("cells", [1, 8_000_000])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_neighbours_are_the_nearest_by_cosine_and_the_item_itself(cells, k, monkeypatch):
    monkeypatch.setattr("srgformer_lab.models.neighbors.BLOCK_CELLS", cells)
    matrix = np.random.default_rng(0).standard_normal((12, 5)).astype(np.float32)
    np.testing.assert_array_equal(nearest_by_features(matrix, k), lists_by_loops(matrix, k))


def test_of_equally_near_items_the_lower_row_is_taken_and_no_item_misses_itself():
    axes = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0)  # rows 0–2 are one item three times, 3–5 another
    axes = np.concatenate([axes, np.zeros((1, 2), dtype=np.float32)])
    assert nearest_by_features(axes, 2).tolist() == [[0, 1], [1, 0], [2, 0], [3, 4], [4, 3], [5, 3], [6, 0]]


@pytest.mark.parametrize(("modalities", "weights"), [(("audio",), [1.0]), (("image", "text"), [0.1, 0.9]), (("text", "audio"), [0.1, 0.9])])
def test_the_item_graph_is_the_weighted_sum_of_normalised_lists(modalities, weights):
    data = shop(modalities)
    found = item_graph(data, FREEDOMConfig(n_neighbors=3))
    lists = [lists_by_loops(data.features[name], 3) for name in data.modalities]
    np.testing.assert_allclose(found, item_graph_by_loops(lists, weights), atol=1e-14)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-14)
    assert set(np.round(found[found > 0], 12)) <= {
        round(weight / 3, 12) for weight in (*weights, 1.0)
    }  # every entry of a list counts alike


def test_lists_that_the_data_brings_are_taken_by_their_first_columns_instead_of_features():
    data = shop()
    rng = np.random.default_rng(4)
    lists = np.array([rng.permutation(data.n_items)[:5] for _ in range(data.n_items)])
    given = replace(data, neighbors={"text": lists})
    found = item_graph(given, FREEDOMConfig(n_neighbors=3, image_weight=0.4))
    expected = item_graph_by_loops([lists_by_loops(data.features["image"], 3), lists[:, :3]], [0.4, 0.6])
    np.testing.assert_allclose(found, expected, atol=1e-14)
    same = replace(data, neighbors={name: lists_by_loops(matrix, 3) for name, matrix in data.features.items()})
    built, brought = (item_graph(each, FREEDOMConfig(n_neighbors=3)) for each in (data, same))
    np.testing.assert_array_equal(built, brought)


FREEDOM_SMALL = FREEDOMConfig(embedding_dim=4, n_neighbors=3, pruned=0.5, modality_ranking_weight=0.3)


def freedom_by_hand(model, data, history):
    w = weights_of(model)
    nodes = lightgcn_numpy(history, np.concatenate([w["user_embedding"], w["item_embedding"]]), model.config.n_layers)
    lists = [lists_by_loops(data.features[name], model.config.n_neighbors) for name in data.modalities]
    joined = item_graph_by_loops(lists, [1.0] if len(lists) == 1 else [0.1, 0.9])
    users, items = nodes[: data.n_users], nodes[data.n_users :] + joined @ w["item_embedding"]
    read = [
        w[f"features.{place}"] @ w[f"projections.{place}.weight"].T + w[f"projections.{place}.bias"]
        for place in range(len(data.modalities))
    ]
    return users, items, read


def thinned_history(model, data, seed):
    """The edges that an epoch keeps, as a dense matrix."""
    history = np.zeros((data.n_users, data.n_items))
    for edge in model.draw_edges(runtime.generator("cpu", seed)).tolist():
        user, item = data.pairs("train")[edge]
        history[user, item] = 1
    return history


@pytest.mark.parametrize("make_world", [*WORLDS, lambda: shop(("audio",))])
@pytest.mark.parametrize("is_training", [False, True])
def test_freedom_scores_and_losses_equal_those_by_hand(make_world, is_training):
    """While it trains the graph is the epoch's, renormalised on the edges that are left; a reading takes the whole one."""
    data = make_world()
    model, batch = make(FREEDOM, data, FREEDOM_SMALL), Batch(*triples(data, 9))
    with float64():
        model.start_epoch(runtime.generator("cpu", 3))
    model.train(is_training)
    history = interaction_matrix(data)
    users, items, _ = freedom_by_hand(model, data, history)
    np.testing.assert_allclose(all_scores(model, data), users @ items.T, atol=1e-12)
    assert model.training is is_training
    users, items, read = freedom_by_hand(model, data, thinned_history(model, data, 3) if is_training else history)
    terms, rows = terms_of(model, batch), list(zip(*(part.tolist() for part in batch), strict=True))
    by_hand = [sum(softplus(users[u] @ part[q] - users[u] @ part[p]) for u, p, q in rows) / len(rows) for part in (items, *read)]
    assert list(terms) == ["ranking", "modality_ranking"]
    assert terms["ranking"] == pytest.approx(by_hand[0], rel=1e-12)
    assert terms["modality_ranking"] == pytest.approx(0.3 * sum(by_hand[1:]), rel=1e-12)


def test_freedom_starts_with_the_features_as_they_are_and_its_gradients_are_slopes():
    data = shop()
    with float64():
        model = FREEDOM(data, FREEDOM_SMALL)
        for name, matrix in zip(data.modalities, model.features, strict=True):
            np.testing.assert_array_equal(matrix.detach().numpy(), data.features[name])
        scatter(model)
        model.train()
        model.start_epoch(runtime.generator("cpu", 3))
    batch = Batch(*triples(data, 9))
    assert_gradients_are_slopes(model, lambda: sum(model.losses(batch, TRAIN).values()))


@pytest.mark.parametrize("pruned", [0.0, 0.5, 0.8, 0.99])
def test_an_epoch_keeps_an_exact_share_of_different_edges_and_draws_them_by_its_generator(pruned):
    data = planted()
    model = FREEDOM(data, FREEDOM_SMALL.replace(pruned=pruned))
    first, again, other = (model.draw_edges(runtime.generator("cpu", epoch)) for epoch in (1, 1, 2))
    n_edges = len(data.pairs("train"))
    assert len(torch.unique(first)) == len(first) == max(1, round((1 - pruned) * n_edges))
    assert torch.equal(first, again)
    assert pruned == 0 or not torch.equal(first, other)


def test_edges_are_kept_in_proportion_to_the_inverse_roots_of_their_degrees():
    """Kept one at a time, an edge's frequency is its weight's share; kept many at a time, every heavier edge comes less often."""
    train = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 4)]
    data = world(train, 4, 5, {"text": np.eye(5)})
    degree_user, degree_item = interaction_matrix(data).sum(axis=1), interaction_matrix(data).sum(axis=0)
    weight = np.array([(degree_user[user] * degree_item[item]) ** -0.5 for user, item in train])
    draws, n_draws = runtime.generator("cpu", "draws"), 4000
    one = FREEDOM(data, FREEDOM_SMALL.replace(pruned=0.9))
    counts = np.bincount(torch.cat([one.draw_edges(draws) for _ in range(n_draws)]).numpy(), minlength=len(train))
    share = weight / weight.sum()
    assert counts.sum() == n_draws
    assert (np.abs(counts / n_draws - share) < 5 * np.sqrt(share * (1 - share) / n_draws)).all()
    many = FREEDOM(data, FREEDOM_SMALL.replace(pruned=4 / 7))
    often = np.bincount(torch.cat([many.draw_edges(draws) for _ in range(n_draws)]).numpy(), minlength=len(train)) / n_draws
    assert often.sum() == pytest.approx(3)
    # weights: 1 for the lonely edge, 1/√3 for (1, 0) and (2, 0), 1/2 for (0, 1…3), 1/√12 for the edge between the busiest
    assert often[6] > often[[4, 5]].max() + 0.1
    assert often[[4, 5]].min() > often[0] + 0.1
    assert often[[1, 2, 3]].min() > often[0] + 0.05
