"""The library's sparse forward pass equals the dense reference, branch by branch, on random small data sets."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from srgformer_lab.config import ModelConfig
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.baselines.light_gcn import LightGCN, LightGCNConfig
from srgformer_lab.models.edits import uniform_attention
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.srgformer import SRGFormer
from tests.oracle import reference
from tests.worlds import build, float64, relabelled, scatter, shop, situations, small, with_isolated_nodes, world

RELAXED = settings(max_examples=25, deadline=None)
CLOSE = {"rtol": 1e-8, "atol": 1e-9}


def close(ours, theirs, **tolerance):
    torch.testing.assert_close(ours.detach(), theirs.detach(), **{**CLOSE, **tolerance})


def pair_of_passes(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, scale)
    outcome = reference.forward(reference.parameters_of(model), data, config)
    assume(reference.is_generic(outcome, data))
    return data, config, model.trace(), outcome


def dense_weights(attention, n_nodes, n_heads):
    """Edge weights as (heads, n, n)."""
    dense = torch.zeros(n_heads, n_nodes, n_nodes, dtype=attention.weight.dtype)
    dense[:, attention.node, attention.neighbor] = attention.weight.T
    return dense


@RELAXED
@given(situations())
def test_every_branch_equals_the_dense_reference(situation):
    data, config, trace, outcome = pair_of_passes(situation)
    n_nodes = data.n_users + data.n_items
    close(trace.collaborative.values, outcome.collaborative)
    assert list(trace.modality) == list(data.modalities)
    for name in data.modalities:
        close(trace.modality[name].values, outcome.modality[name])
    close(dense_weights(trace.attention, n_nodes, config.n_heads), outcome.attention_weight)
    close(trace.attention.output.values, outcome.attention)
    for name, part in trace.hypergraph.items():
        for side in ("users", "items"):
            close(getattr(part.logits, side), outcome.logits[name][side])
            close(getattr(part.membership, side), outcome.membership[name][side])
        divided_out = (config.n_hyperedges / data.n_items) ** config.n_hypergraph_layers
        close(part.hyperedges, outcome.hyperedges[name] * divided_out)
        close(part.embedding.values, outcome.hypergraph[name] * divided_out)


@RELAXED
@given(situations())
def test_parts_fused_embeddings_and_scores_equal_the_dense_reference(situation):
    data, _, trace, outcome = pair_of_passes(situation)
    assert list(trace.parts) == ["id", *data.modalities, "attention", "hypergraph"]
    for name, part in trace.parts.items():
        close(part.values, outcome.parts[name], atol=1e-7)
    close(trace.fused.values, outcome.fused, atol=1e-7)
    close(trace.fused.users, outcome.fused[: data.n_users], atol=1e-7)
    close(trace.fused.items, outcome.fused[data.n_users :], atol=1e-7)
    close(trace.scores(torch.arange(data.n_users)), outcome.scores(), rtol=1e-6, atol=1e-6)


@RELAXED
@given(situations(), st.data())
def test_a_pass_over_some_nodes_gives_the_same_rows_as_a_pass_over_all(situation, draw):
    data, config, seed, scale = situation
    n_nodes = data.n_users + data.n_items
    chosen = sorted(draw.draw(st.sets(st.integers(0, n_nodes - 1), min_size=1)))
    nodes = torch.tensor(chosen)
    model = build(data, config, seed, scale)
    some, whole = model(nodes), model.trace()
    assert some.nodes.tolist() == chosen
    close(some.fused.values, whole.fused.of(nodes))
    close(some.attention.output.values, whole.attention.output.of(nodes))
    for name, part in some.parts.items():
        close(part.of(nodes), whole.parts[name].of(nodes))


FORMS = ("product", "cosine", "linear", "uniform")


def test_the_forms_and_inputs_of_attention_differ():
    """So that agreement with the reference says something about each of them."""
    outputs = [
        build(shop(), small(attention_form=form, attention_input=read)).trace().attention.output.values
        for form in FORMS
        for read in ("raw", "propagated")
    ]
    assert all((one - other).abs().max() > 1e-3 for one, other in itertools.combinations(outputs, 2))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("as_released", [False, True], ids=["paper", "released"])
def test_attention_that_is_told_to_be_uniform_is_the_uniform_form(form, as_released):
    """The edit sets equal scores, which weigh alike in every form; 1e-8 in the release's denominator is all that may differ."""
    data = with_isolated_nodes()
    model = build(data, small(attention_form=form, as_released=as_released))
    with model.edit(uniform_attention()):
        edited = model.trace().attention
    uniform = build(data, small(attention_form="uniform", as_released=as_released)).trace().attention
    close(edited.weight, uniform.weight, atol=1e-7 if as_released else 1e-15)
    degree = torch.bincount(edited.node, minlength=data.n_users + data.n_items)
    close(edited.weight, (1 / degree[edited.node].double())[:, None].expand(-1, 2), atol=1e-7 if as_released else 1e-15)


def test_cosines_are_ten_at_most_and_linear_scores_are_positive_also_where_single_precision_ends():
    """Far below 0 the products of φ round to nothing; the weights then are alike, and no number is lost."""
    data = shop()
    for scale in (0.5, 60.0):
        cosine = scatter(SRGFormer(data, small(attention_form="cosine")), scale=scale).trace().attention.score
        assert 1 < cosine.abs().max() <= 10 + 1e-5
        attention = scatter(SRGFormer(data, small(attention_form="linear")), scale=scale).trace().attention
        assert (attention.score >= 0).all()
        assert attention.weight.isfinite().all()
        sums = torch.zeros(data.n_users + data.n_items, 2).index_add(0, attention.node, attention.weight)
        torch.testing.assert_close(sums, torch.ones_like(sums))
    assert (attention.score == 0).any(), "a scale that rounds nothing to 0 proves nothing"


@pytest.mark.parametrize("read", ["raw", "propagated"])
def test_what_attention_read_stands_in_its_trace_and_is_propagated_once(monkeypatch, read):
    data, config = shop(), small(attention_input=read, n_modality_layers=0)
    model = build(data, config)
    steps, propagate = [], Graph.propagate
    monkeypatch.setattr(Graph, "propagate", lambda self, values: steps.append(1) or propagate(self, values))
    trace = model.trace()
    assert len(steps) == config.n_id_layers
    A_norm = torch.from_numpy(reference.normalised_adjacency(reference.interaction_matrix(data)))
    raw = torch.cat([model.user_embedding, model.item_embedding])
    close(trace.embedding.values, raw)
    close(trace.attention.input, raw if read == "raw" else A_norm @ A_norm @ raw)
    close(trace.attention.value, trace.attention.input @ model.attention.value)


@RELAXED
@given(situations(as_released=False))
def test_attention_weights_of_a_node_sum_to_one_for_each_head(situation):
    data, config, trace, _ = pair_of_passes(situation)
    n_nodes = data.n_users + data.n_items
    sums = dense_weights(trace.attention, n_nodes, config.n_heads).sum(2)
    degree = reference.adjacency(reference.interaction_matrix(data)).sum(1)
    expected = torch.from_numpy((degree > 0).astype(float)).expand(config.n_heads, -1)
    close(sums, expected, atol=1e-12)
    assert (trace.attention.weight >= 0).all()
    isolated = torch.from_numpy(np.flatnonzero(degree == 0))
    assert trace.attention.output.values[isolated].abs().sum() == 0


@RELAXED
@given(situations(as_released=False))
def test_membership_rows_sum_to_one(situation):
    _, config, trace, _ = pair_of_passes(situation)
    for part in trace.hypergraph.values():
        for rows in (part.membership.users, part.membership.items):
            close(rows.sum(1), torch.ones(len(rows), dtype=rows.dtype), atol=1e-12)
            assert rows.shape[1] == config.n_hyperedges
            assert (rows >= 0).all()


@RELAXED
@given(situations(min_modalities=1, n_hyperedges=1, as_released=False))
def test_with_one_hyperedge_every_node_gets_the_same_hypergraph_embedding(situation):
    _, _, trace, _ = pair_of_passes(situation)
    for part in trace.hypergraph.values():
        values = part.embedding.values
        close(values, values[:1].expand_as(values), rtol=1e-12, atol=1e-12)


@RELAXED
@given(situations(max_modalities=0, attention_scale=0.0, hypergraph_scale=0.0))
def test_without_modalities_and_branches_the_model_is_lightgcn(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, scale)
    parameters = reference.parameters_of(model)
    rows = np.concatenate([parameters["user_embedding"].numpy(), parameters["item_embedding"].numpy()])
    expected = torch.from_numpy(reference.lightgcn_numpy(reference.interaction_matrix(data), rows, config.n_id_layers))
    close(model.trace().fused.values, expected)

    with float64():
        baseline = LightGCN(data, LightGCNConfig(embedding_dim=config.embedding_dim, n_layers=config.n_id_layers))
    with torch.no_grad():
        baseline.user_embedding.copy_(model.user_embedding)
        baseline.item_embedding.copy_(model.item_embedding)
    users = torch.arange(data.n_users)
    close(baseline.scorer()(users), expected[: data.n_users] @ expected[data.n_users :].T)
    close(model.scorer()(users), baseline.scorer()(users))


@RELAXED
@given(situations(min_modalities=1, attention_scale=0.0, as_released=False, normalize_features=False))
def test_without_attention_the_model_is_lgmrec_with_its_alpha_our_beta(situation):
    data, config, trace, _ = pair_of_passes(situation)
    fused, _, _ = reference.lgmrec_numpy(reference.parameters_of(build(data, config, situation.seed, situation.scale)), data, config)
    close(trace.fused.values, torch.from_numpy(fused), atol=1e-7)


@RELAXED
@given(situations(as_released=False), st.integers(0, 2**16))
def test_relabelling_users_and_items_permutes_the_outputs(situation, seed):
    data, config, before, _ = pair_of_passes(situation)
    rng = np.random.default_rng(seed)
    user_order, item_order = rng.permutation(data.n_users), rng.permutation(data.n_items)
    model = build(data, config, situation.seed, situation.scale)
    other = build(relabelled(data, user_order, item_order), config)
    with torch.no_grad():
        for (name, ours), (_, theirs) in zip(model.named_parameters(), other.named_parameters(), strict=True):
            theirs.copy_(ours[{"user_embedding": user_order, "item_embedding": item_order}.get(name, slice(None))])
    nodes = torch.from_numpy(np.concatenate([user_order, data.n_users + item_order]))
    after = other.trace()
    close(after.fused.values, before.fused.values[nodes], atol=1e-7)
    close(after.attention.output.values, before.attention.output.values[nodes])
    for name in data.modalities:
        close(after.modality[name].values, before.modality[name].values[nodes])
        close(after.hypergraph[name].embedding.values, before.hypergraph[name].embedding.values[nodes])


@RELAXED
@given(situations(min_modalities=2, max_modalities=2, hypergraph_scale=0.5, attention_scale=0.0, n_hyperedges=3, as_released=False))
def test_as_released_leaves_every_item_row_alone(situation):
    data, config, seed, scale = situation
    paper = build(data, config, seed, scale).trace()
    released = build(data, config.replace(as_released=True), seed, scale).trace()
    assert torch.equal(paper.fused.items, released.fused.items)
    for name in data.modalities:
        assert torch.equal(paper.hypergraph[name].membership.items, released.hypergraph[name].membership.items)
        assert torch.equal(paper.hypergraph[name].embedding.items, released.hypergraph[name].embedding.items)
        assert torch.equal(paper.modality[name].values, released.modality[name].values)
    image, text = (released.hypergraph[name] for name in data.modalities)
    assert torch.equal(image.membership.users, paper.hypergraph["text"].membership.users)
    assert torch.equal(text.membership.users, paper.hypergraph["text"].logits.users)


def test_as_released_changes_the_user_rows_and_shrinks_attention_by_its_offset():
    paper, released = (build(shop(), small(as_released=flag)).trace() for flag in (False, True))
    assert (paper.fused.users - released.fused.users).abs().max() > 1e-2
    gap = (paper.attention.weight - released.attention.weight).detach()
    assert 0 < gap.max() < 1e-6
    assert gap.min() >= 0
    close(paper.fused.items, released.fused.items, atol=1e-6)


@pytest.mark.parametrize("modalities", [(), ("image",), ("image", "text", "audio")])
def test_as_released_needs_two_modalities(modalities):
    with pytest.raises(ConfigError, match="two modalities"):
        SRGFormer(shop(modalities), ModelConfig(as_released=True))


def test_as_released_takes_the_first_two_modalities_by_choice():
    data = shop(("image", "text", "audio"))
    config = small(as_released=True, modalities=("text", "image"))
    model = build(data, config)
    outcome = reference.forward(reference.parameters_of(model), data, config)
    assert list(outcome.modality) == ["image", "text"]
    close(model.trace().fused.values, outcome.fused)


def test_choosing_modalities_equals_a_data_set_without_the_others():
    data = shop(("image", "text", "audio"))
    config = small(modalities=("text",))
    model = build(data, config)
    assert list(model.trace().modality) == ["text"]
    close(model.trace().fused.values, reference.forward(reference.parameters_of(model), data, config).fused)
    with pytest.raises(ConfigError, match="no modality 'video'"):
        SRGFormer(data, small(modalities=("video",)))


def test_an_isolated_item_shows_only_through_the_hypergraph():
    data = with_isolated_nodes()
    trace = build(data).trace()
    item = data.n_users + 4
    for name in ("image", "text", "attention"):
        assert trace.parts[name].values[item].abs().max() == 0
    assert trace.parts["hypergraph"].values[item].norm().item() == pytest.approx(0.4)


def test_user_without_history_belongs_to_all_hyperedges_alike():
    trace = build(with_isolated_nodes()).trace()
    for part in trace.hypergraph.values():
        close(part.membership.users[3], torch.full((3,), 1 / 3, dtype=torch.float64))


@RELAXED
@given(situations())
def test_parameters_are_counted_by_the_formula(situation):
    data, config, _, _ = situation
    model = SRGFormer(data, config)
    widths = [matrix.shape[1] for matrix in data.features.values()]
    expected = reference.parameter_count(data.n_users, data.n_items, config.embedding_dim, config.n_hyperedges, widths)
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == expected
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize(
    ("n_users", "n_items", "n_hyperedges", "expected"),
    [(19_445, 7_050, 4, 8_144_128), (35_598, 18_357, 4, 15_173_888), (39_387, 23_033, 64, 17_609_728)],
)
def test_published_parameter_counts(n_users, n_items, n_hyperedges, expected):
    assert reference.parameter_count(n_users, n_items, 256, n_hyperedges, (4096, 384)) == expected


@pytest.mark.parametrize("name", ["user_embedding", "item_embedding", "projection.image", "implicit_attribute.text", "attention.value"])
def test_weights_start_xavier_uniform(name):
    """Bounded by √(6/(rows + columns)), which the largest of many draws comes close to."""
    rng = np.random.default_rng(0)
    features = {modality: rng.standard_normal((80, 40)) for modality in ("image", "text")}
    data = world([(user, user % 80) for user in range(90)], 90, 80, features)
    weight = dict(SRGFormer(data, ModelConfig(n_hyperedges=16)).named_parameters())[name]
    bound = (6 / sum(weight.shape)) ** 0.5
    assert 0.98 * bound < weight.detach().abs().max().item() <= bound
    assert abs(weight.detach().mean().item()) < 0.1 * bound


def test_the_seed_alone_decides_the_initial_weights_and_leaves_the_global_generator_alone():
    data = shop()
    state = torch.get_rng_state()
    first, again, other = SRGFormer(data, small(seed=1)), SRGFormer(data, small(seed=1)), SRGFormer(data, small(seed=2))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_single_precision_agrees_with_the_reference():
    data = shop(("image", "text", "audio"), n_users=30, n_items=20, density=0.2)
    model = scatter(SRGFormer(data, small()), scale=0.5)
    outcome = reference.forward(reference.parameters_of(model), data, small())
    torch.testing.assert_close(model.trace().fused.values.double(), outcome.fused, rtol=1e-4, atol=1e-5)


def test_four_hypergraph_layers_on_many_items_stay_finite_in_single_precision():
    """Undivided products would grow by N/K a layer; the fused rows don't depend on what is divided out."""
    data = shop(n_users=60, n_items=400, density=0.05)
    config = small(n_hypergraph_layers=4)
    model = scatter(SRGFormer(data, config), scale=0.5)
    trace = model.trace()
    assert all(part.hyperedges.abs().max() < 1e3 for part in trace.hypergraph.values())
    outcome = reference.forward(reference.parameters_of(model), data, config)
    assert max(value.abs().max() for value in outcome.hyperedges.values()) > 1e4
    torch.testing.assert_close(trace.fused.values.double(), outcome.fused, rtol=1e-4, atol=1e-4)
