"""BM3 and MGCN: every embedding, score, loss term and gradient equals dense formulas written again, under masks that are handed in."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab import runtime
from srgformer_lab.config import TrainConfig
from srgformer_lab.models.baselines.bm3 import BM3, BM3Config
from srgformer_lab.models.baselines.mgcn import MGCN, MGCNConfig, similar_items
from srgformer_lab.models.neighbors import cosines, item_graph
from srgformer_lab.models.sampling import Batch
from tests.oracle import reference
from tests.oracle.test_baselines import all_scores, lists_by_loops, make, terms_of
from tests.worlds import float64, planted, recipes, scatter, shop, triples, with_isolated_nodes, world

TRAIN = TrainConfig(regularization_weight=0.3, device="cpu")
BM3_SMALL = BM3Config(embedding_dim=4, n_layers=2, alignment_weight=0.7)
MGCN_SMALL = MGCNConfig(embedding_dim=4, n_item_layers=2, n_neighbors=3, view_contrast_weight=0.6, view_temperature=0.4)
KINDS = [(BM3, BM3_SMALL), (MGCN, MGCN_SMALL)]


def with_gaps():
    """Item 0 lacks its picture, item 2 its text, item 4 both; user 3 took one item alone, and user 4 only the one without features."""
    data = world([(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (2, 0), (3, 1), (4, 4)], 5, 5)
    features = {name: matrix.copy() for name, matrix in with_isolated_nodes().features.items()}
    features["image"][[0, 4]] = 0
    features["text"][[2, 4]] = 0
    return replace(data, features=features)


WORLDS = [shop, with_isolated_nodes, with_gaps, lambda: shop(("audio",)), lambda: shop(("image", "text", "audio"))]


def inputs_of(model, data):
    """Weights to be differentiated, Ã and the features' places, all dense."""
    R = reference.interaction_matrix(data)
    return reference.parameters_of(model, requires_grad=True), torch.tensor(reference.normalised_adjacency(R))


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def cosine(a, b):
    return (reference.nz(a) * reference.nz(b)).sum()


# ---------------------------------------------------------------------------------------------------------------------- BM3


def bm3_embeddings(w, A, data, config):
    nodes = reference.lightgcn(A, torch.cat([w["user_embedding"], w["item_embedding"]]), config.n_layers)
    return nodes[: data.n_users], nodes[data.n_users :] + w["item_embedding"]


def bm3_terms(model, data, batch, masks, weight):
    """The terms pair by pair; ``masks`` by the place in the batch: for the user, the item, and each modality."""
    w, A = inputs_of(model, data)
    config = model.config
    users, items = bm3_embeddings(w, A, data, config)
    view = [lambda x, place, mask=mask: (x * mask[place]).detach() for mask in masks]
    reconstruction = alignment = masking = torch.zeros((), dtype=torch.float64)
    for place, (u, i) in enumerate(zip(batch.user.tolist(), batch.positive.tolist(), strict=True)):
        of_user, of_item = view[0](users[u], place), view[1](items[i], place)
        reconstruction = reconstruction + 1 - cosine(linear(w, "predictor", users[u]), of_item)
        reconstruction = reconstruction + 1 - cosine(linear(w, "predictor", items[i]), of_user)
        for m, name in enumerate(data.modalities):
            if data.features[name][i].any():
                read = linear(w, f"projections.{m}", w[f"features.{m}"][i])
                online = linear(w, "predictor", read)
                alignment = alignment + 1 - cosine(online, of_item)
                masking = masking + 1 - cosine(online, view[2 + m](read, place))
    n_pairs, norms = len(batch.user), users.square().sum().sqrt() + items.square().sum().sqrt()
    terms = {
        "reconstruction": reconstruction / n_pairs,
        "alignment": config.alignment_weight * alignment / n_pairs,
        "masking": config.alignment_weight * masking / n_pairs,
        "regularization": weight * norms / data.n_items,
    }
    return terms, w


# --------------------------------------------------------------------------------------------------------------------- MGCN


def similarity_by_loops(features, lists):
    """D^-1/2 S D^-1/2 with the cosines of the lists, at least 0."""
    X, n_items = np.asarray(features, dtype=np.float64), len(features)
    S = np.zeros((n_items, n_items))
    for i in range(n_items):
        for j in lists[i]:
            norms = np.linalg.norm(X[i]) * np.linalg.norm(X[j])
            S[i, j] = max(0.0, X[i] @ X[j] / norms) if norms else 0.0
    root = np.array([row.sum() ** -0.5 if row.sum() else 0.0 for row in S])
    return root[:, None] * S * root


def mgcn_nodes(w, A, data, config):
    """B and F by whole matrices."""
    behavior = reference.lightgcn(A, torch.cat([w["user_embedding"], w["item_embedding"]]), config.n_layers)
    views = []
    for m, name in enumerate(data.modalities):
        S = torch.tensor(similarity_by_loops(data.features[name], lists_by_loops(data.features[name], config.n_neighbors)))
        gate = torch.sigmoid(linear(w, f"purifiers.{m}", linear(w, f"projections.{m}", w[f"features.{m}"])))
        items = torch.linalg.matrix_power(S, config.n_item_layers) @ (w["item_embedding"] * gate)
        views.append(torch.cat([A[: data.n_users, data.n_users :] @ items, items]))
    raised = [torch.exp(torch.tanh(linear(w, "query", view)) @ w["query_weight"]) for view in views]
    common = sum(share * view for share, view in zip(raised, views, strict=True)) / sum(raised)
    apart = [torch.sigmoid(linear(w, f"preferences.{m}", behavior)) * (view - common) for m, view in enumerate(views)]
    return behavior, (common + sum(apart)) / (len(views) + 1)


def mgcn_terms(model, data, batch, masks, weight):
    w, A = inputs_of(model, data)
    behavior, fused = mgcn_nodes(w, A, data, model.config)
    z, size = behavior + fused, len(batch.user)
    user, positive, negative = z[batch.user], z[batch.positive + data.n_users], z[batch.negative + data.n_users]
    contrast = sum(
        reference.info_nce(fused[rows], behavior[rows], torch.arange(size), model.config.view_temperature) / size
        for rows in (batch.user, batch.positive + data.n_users)
    )
    terms = {
        "ranking": reference.bpr((user * positive).sum(1), (user * negative).sum(1)),
        "regularization": weight * sum(rows.square().sum() for rows in (user, positive, negative)) / (2 * size),
        "view_contrast": model.config.view_contrast_weight * contrast,
    }
    return terms, w


# --------------------------------------------------------------------------------------------------------------------- both

TERMS = {BM3: bm3_terms, MGCN: mgcn_terms}


def hand_in(model, size, seed=0):
    """Let views keep what these masks say, in turn, and return the masks: of users, of items, and of each modality."""
    draws = torch.Generator().manual_seed(seed)
    masks = [torch.rand(size, model.config.embedding_dim, generator=draws) < 0.5 for _ in range(2 + len(model.features))]
    turn = iter(masks)
    model.draw_kept = lambda rows: next(turn)
    return masks


def assert_terms_and_gradients(model, data, batch, masks, tolerance):
    expected, w = TERMS[type(model)](model, data, batch, masks, TRAIN.regularization_weight)
    found = model.losses(batch, TRAIN)
    assert list(found) == list(expected)
    for name in found:
        assert float(found[name].detach()) == pytest.approx(float(expected[name].detach()), rel=tolerance, abs=tolerance), name
    model.zero_grad()
    sum(found.values()).backward()
    sum(expected.values()).backward()
    for name, parameter in model.named_parameters():
        by_hand = torch.zeros_like(w[name]) if w[name].grad is None else w[name].grad
        torch.testing.assert_close(parameter.grad.double(), by_hand, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize(("kind", "config"), KINDS)
@pytest.mark.parametrize("make_world", WORLDS)
@pytest.mark.parametrize("is_training", [False, True])
def test_terms_and_gradients_equal_dense_formulas(kind, config, make_world, is_training):
    """Also of one modality and of three, of items without features, and of histories with one item; a reading drops nothing."""
    data = make_world()
    batch = Batch(*triples(data, 9))
    for make_dtype, tolerance in ((float64, 1e-10), (None, 1e-5)):
        model = make(kind, data, config) if make_dtype else scatter(kind(data, config))
        model.train(is_training)
        masks = hand_in(model, 9) if kind is BM3 and is_training else [torch.ones(9, 4)] * (2 + len(data.modalities))
        assert_terms_and_gradients(model, data, batch, masks, tolerance)


@settings(max_examples=15, deadline=None)
@given(recipe=recipes(min_modalities=1), seed=st.integers(0, 99))
@pytest.mark.parametrize(("kind", "config"), KINDS)
def test_random_worlds_have_the_terms_of_dense_formulas(kind, config, recipe, seed):
    data = recipe.make()
    model, batch = make(kind, data, config, seed).train(), Batch(*triples(data, 5, seed))
    masks = hand_in(model, 5, seed) if kind is BM3 else []
    assert_terms_and_gradients(model, data, batch, masks, 1e-9)


@pytest.mark.parametrize("make_world", WORLDS)
def test_scores_equal_dense_formulas(make_world):
    data = make_world()
    model = make(BM3, data, BM3_SMALL).train()
    with torch.no_grad():
        w, A = inputs_of(model, data)
        users, items = (linear(w, "predictor", side) for side in bm3_embeddings(w, A, data, model.config))
    np.testing.assert_allclose(all_scores(model, data), (users @ items.T).numpy(), atol=1e-12)
    model = make(MGCN, data, MGCN_SMALL)
    with torch.no_grad():
        z = sum(mgcn_nodes(*inputs_of(model, data), data, model.config))
    np.testing.assert_allclose(all_scores(model, data), (z[: data.n_users] @ z[data.n_users :].T).numpy(), atol=1e-12)


@pytest.mark.parametrize(("kind", "config"), KINDS)
def test_a_model_begins_with_the_features_as_they_are_and_can_leave_a_modality_out(kind, config):
    data = shop()
    whole, one = kind(data, config), kind(data, config.replace(modalities=("text",)))
    for name, matrix in zip(data.modalities, whole.features, strict=True):
        np.testing.assert_array_equal(matrix.detach().numpy(), data.features[name])
    alone = kind(replace(data, features={"text": data.features["text"]}), config)
    assert [tuple(value.shape) for value in one.parameters()] == [tuple(value.shape) for value in alone.parameters()]
    np.testing.assert_array_equal(all_scores(one.float(), data), all_scores(alone.float(), data))


def test_biases_of_bm3_begin_within_the_root_of_what_they_map_and_follow_the_seed():
    one, again, other = (BM3(shop(), BM3Config(seed=seed)) for seed in (1, 1, 2))
    for layer, same, apart in zip(*([*each.projections, each.predictor] for each in (one, again, other)), strict=True):
        bound = layer.in_features**-0.5
        assert 0.8 * bound < float(layer.bias.detach().abs().max()) <= bound
        assert torch.equal(layer.bias, same.bias)
        assert not torch.equal(layer.bias, apart.bias)


# ---------------------------------------------------------------------------------------------------------- views and graphs


@pytest.mark.parametrize("is_training", [False, True])
def test_no_gradient_flows_into_a_view(is_training):
    model = make(BM3, shop(), BM3_SMALL).train(is_training)
    users, items = model()
    assert users.requires_grad
    assert not model.view(users).requires_grad
    assert not model.view(items).requires_grad


def test_views_are_the_generators_and_keep_the_share_that_is_asked_for():
    model = BM3(shop(), BM3Config(embedding_dim=64, dropout=0.3)).train()
    kept = []
    for epoch in (1, 1, 2):
        model.start_epoch(runtime.generator("cpu", epoch))
        kept.append(model.draw_kept(500))
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[0], kept[2])
    n_drawn = 500 * 64
    assert abs(float(kept[0].double().mean()) - 0.7) < 5 * (0.7 * 0.3 / n_drawn) ** 0.5
    embedding = torch.randn(500, 64)
    assert torch.equal(model.eval().view(embedding), embedding)
    whole = BM3(shop(), BM3Config(embedding_dim=64, dropout=0.0)).train()
    assert torch.equal(whole.view(embedding), embedding)


def test_the_batch_of_bm3_is_read_without_its_negatives():
    model, batch = make(BM3, shop(), BM3_SMALL), Batch(*triples(shop(), 9))
    assert terms_of(model, batch) == terms_of(model, batch._replace(negative=batch.negative.flip(0)))


@pytest.mark.parametrize("make_world", [shop, with_gaps, planted])
def test_similar_items_are_weighed_by_their_cosines_and_normalised(make_world):
    data = make_world()
    for name in data.modalities:
        found, lists = similar_items(data, name, 3), lists_by_loops(data.features[name], 3)
        with torch.no_grad():
            dense = found(torch.eye(data.n_items)).numpy()
        np.testing.assert_allclose(dense, similarity_by_loops(data.features[name], lists), atol=1e-6)


def test_an_item_without_features_is_joined_with_nothing():
    features = with_gaps().features["image"]
    lists = lists_by_loops(features, 5)
    graph = item_graph(lists, cosines(features, lists).clip(min=0))
    assert np.isfinite(graph.data).all()
    assert not graph.toarray()[[0, 4]].any()
    assert (graph.diagonal()[1:4] > 0).all()


def test_lists_that_the_data_brings_say_who_is_near_and_features_how_near():
    lists = np.array([[1, 2], [2, 3], [3, 4], [4, 0], [0, 1]])
    data = replace(with_gaps(), neighbors={"text": lists})
    with torch.no_grad():
        brought = similar_items(data, "text", 2)(torch.eye(5)).numpy()
    np.testing.assert_allclose(brought, similarity_by_loops(data.features["text"], lists), atol=1e-6)
