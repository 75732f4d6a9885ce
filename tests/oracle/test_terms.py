"""At every level the terms of an explanation add up to what they explain, and each is the number that the formula gives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy.special import softmax

from srgformer_lab.analysis.comparison import versus
from srgformer_lab.analysis.explanation import explain, reasons
from srgformer_lab.analysis.paths import hypergraph_paths
from srgformer_lab.errors import DataError
from srgformer_lab.models.edits import blank_modality, drop_hyperedge, harden_memberships, mute_head, without_modality
from srgformer_lab.models.hooks import Edit
from srgformer_lab.models.ranking import recommend
from srgformer_lab.models.srgformer import SRGFormer
from tests.oracle import reference
from tests.worlds import build, scatter, shop, situations, small, with_isolated_nodes

RELAXED = settings(max_examples=20, deadline=None)
NODE = {"user": 1, "item": 3}


def check_sums(why, tolerance):
    """Every level against the one above it: |sum − whole| ≤ tolerance · Σ|terms|, and the frames against the terms."""
    terms, cells = why.components, why.parts.set_index(["user_part", "item_part"])["contribution"]
    for side, of_side in terms.groupby("side"):
        for (part, other), group in of_side.groupby(["part", "other_part"]):
            cell = cells[(part, other) if side == "user" else (other, part)]
            assert abs(group["contribution"].sum() - cell) <= tolerance * group["contribution"].abs().sum() + 1e-30
        assert abs(of_side["contribution"].sum() - why.score) <= tolerance * of_side["contribution"].abs().sum() + 1e-30
    size = terms.loc[terms["side"] == "user", "contribution"].abs().sum()
    assert abs(why.sources["contribution"].sum() - why.score) <= tolerance * size + 1e-30
    history = why.sources[why.sources["kind"] == "history"].set_index("id")["contribution"]
    assert why.history.set_index("item_id")["total"].to_dict() == pytest.approx(history.to_dict(), abs=1e-9 * (1 + size))


@RELAXED
@given(situations())
def test_all_levels_add_up_in_double_precision(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, scale)
    trace = model.trace()
    for user in range(min(data.n_users, 3)):
        why = explain(trace, data, data.user_ids[user], data.item_ids[(seed + user) % data.n_items])
        check_sums(why, 1e-10)
        assert "edit" not in set(why.components["source"])


@RELAXED
@given(situations())
def test_all_levels_add_up_in_single_precision(situation):
    data, config, seed, scale = situation
    model = scatter(SRGFormer(data, config), seed, scale)
    why = explain(model, data, data.user_ids[seed % data.n_users], data.item_ids[seed % data.n_items])
    check_sums(why, 1e-5)


@pytest.mark.parametrize("side", ["user", "item"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"as_released": True},
        *({"attention_form": form, "attention_input": "propagated"} for form in ("product", "cosine", "linear", "uniform")),
    ],
    ids=str,
)
def test_each_term_is_what_the_dense_formula_gives(side, changes):
    data = shop()
    config = small(**changes)
    model = build(data, config)
    outcome = reference.forward(reference.parameters_of(model), data, config)
    why = explain(model, data, "u1", "i3")
    node = 1 if side == "user" else data.n_users + 3
    target = outcome.fused[data.n_users + 3 if side == "user" else 1]
    names = [*data.user_ids, *data.item_ids]
    found = (
        why.components[why.components["side"] == side]
        .groupby(["part", "neighbor_id", "depth", "head", "modality", "hyperedge"])["contribution"]
        .sum()
    )
    A = torch.from_numpy(reference.normalised_adjacency(reference.interaction_matrix(data)))
    E0 = torch.cat([model.user_embedding, model.item_embedding]).detach()
    layers = config.n_id_layers + 1
    assert found["id", "", 0, -1, "", -1] == pytest.approx(float(E0[node] @ target) / layers)
    X, W = torch.from_numpy(data.features["image"].copy()).double(), model.projection["image"].detach()
    start = reference.modality_branch(A, torch.from_numpy(reference.interaction_matrix(data)), X, W, config.n_modality_layers - 1)
    neighbors = torch.nonzero(A[node]).flatten().tolist()
    read = torch.linalg.matrix_power(A, config.n_id_layers) @ E0 if config.attention_input == "propagated" else E0
    value = (read @ model.attention.value.detach()).reshape(len(E0), config.n_heads, -1)
    for b in neighbors:
        for depth in range(1, layers):
            handed = torch.linalg.matrix_power(A, depth - 1) @ E0
            assert found["id", names[b], depth, -1, "", -1] == pytest.approx(float(A[node, b] * handed[b] @ target) / layers)
        expected = A[node, b] * start[b] @ target / outcome.modality["image"][node].norm()
        assert found["image", names[b], config.n_modality_layers, -1, "", -1] == pytest.approx(float(expected))
        for head in range(config.n_heads):
            place = target.reshape(config.n_heads, -1)[head]
            expected = (
                config.attention_scale * outcome.attention_weight[head][node, b] * value[b, head] @ place / outcome.attention[node].norm()
            )
            assert found["attention", names[b], 0, head, "", -1] == pytest.approx(float(expected))
    total = sum(outcome.hypergraph.values())[node].norm()
    shown = why.hyperedges[why.hyperedges["side"] == side].set_index(["modality", "hyperedge"])
    for name in data.modalities:
        membership = outcome.membership[name][f"{side}s"][1 if side == "user" else 3]
        for k in range(config.n_hyperedges):
            expected = config.hypergraph_scale * membership[k] * outcome.hyperedges[name][k] @ target / total
            assert shown.loc[(name, k), "contribution"] == pytest.approx(float(expected))
            assert shown.loc[(name, k), "membership"] == pytest.approx(float(membership[k]))


def test_weights_of_a_head_sum_to_one_over_the_history():
    data = shop()
    why = explain(build(data), data, "u1", "i3")
    assert why.heads.groupby("head")["weight"].sum().to_numpy() == pytest.approx(1)
    assert why.history["weight"].sum() == pytest.approx(1)
    assert set(why.history["item_id"]) == set(data.history("u1"))
    assert set(why.audience["user_id"]) == {user for user in data.user_ids if "i3" in data.history(user)}


def test_a_node_without_neighbours_has_only_itself_and_its_hyperedges():
    data = with_isolated_nodes()
    why = explain(build(data), data, "u3", "i4")
    assert len(why.history) == len(why.audience) == len(why.heads) == len(why.depths) == 0
    assert set(why.sources["kind"]) == {"own", "hyperedge"}
    check_sums(why, 1e-10)
    assert "nothing of it from the history" in repr(why)


@pytest.mark.parametrize(
    ("edits", "part"),
    [((mute_head(0), mute_head(1)), "attention"), ((blank_modality("image"),), "image"), (without_modality("text"), "text")],
)
def test_what_an_edit_muted_contributes_nothing(edits, part):
    data = shop()
    model = build(data)
    with model.edit(*edits):
        why = explain(model, data, "u1", "i3")
    check_sums(why, 1e-10)
    muted = why.components[(why.components["part"] == part) & (why.components["side"] == "user")]
    assert (muted["contribution"] == 0).all()
    assert "edit" not in set(why.components["source"])


@pytest.mark.parametrize("edit", [drop_hyperedge("image", 1), *harden_memberships("text")])
def test_edited_factors_are_read_as_they_are(edit):
    data = shop()
    model = build(data)
    with model.edit(edit):
        check_sums(explain(model, data, "u1", "i3"), 1e-10)


@pytest.mark.parametrize("site", ["collaborative", "attention_output", "fused"])
def test_what_a_hook_puts_in_is_named_and_counted(site):
    data = shop()
    model = build(data)
    with model.edit(Edit("push", lambda hooks: getattr(hooks, site), lambda value: value + 0.5)):
        why = explain(model, data, "u1", "i3")
    check_sums(why, 1e-10)
    assert "edit" in set(why.components["source"])
    assert abs(why.sources.set_index("kind").loc["edit", "contribution"]) > 1e-3


@RELAXED
@given(situations(min_modalities=1))
def test_a_path_over_the_history_adds_up_to_the_hypergraph_part(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, scale)
    user, item = data.user_ids[seed % data.n_users], data.item_ids[seed % data.n_items]
    why, path = explain(model, data, user, item), hypergraph_paths(model, data, user, item)
    part = why.hyperedges[why.hyperedges["side"] == "user"].groupby("modality")["contribution"].sum()
    size = 1 + path["contribution"].abs().sum()
    assert path.groupby("modality")["contribution"].sum().to_dict() == pytest.approx(part.to_dict(), abs=1e-7 * size)


def test_a_path_share_is_the_integral_of_the_gradient():
    data = shop()
    model = build(data)
    trace = model.trace()
    path = hypergraph_paths(trace, data, "u1", "i3").set_index(["modality", "item_id"])["contribution"]
    part, target = trace.hypergraph["image"], trace.fused.items[3]
    norm = sum(each.user_embedding[1] for each in trace.hypergraph.values()).norm()
    carried = (trace.config.hypergraph_scale * part.hyperedges @ target / norm).numpy()
    each = part.logits.items.numpy() / trace.config.membership_temperature
    history = [data.item_row(item) for item in data.history("u1")]
    steps = (np.arange(4000) + 0.5) / 4000
    at = softmax(steps[:, None] * each[history].sum(0), axis=1)  # (steps, hyperedges)
    slope = (at * (carried - (at @ carried)[:, None])).mean(0)
    for row in history:
        assert path["image", data.item_ids[row]] == pytest.approx(each[row] @ slope, rel=1e-4, abs=1e-9)
    assert path["image", ""] == pytest.approx(carried.mean())


def test_a_path_through_edited_memberships_is_refused():
    data = shop()
    model = build(data)
    with model.edit(*harden_memberships("image")), pytest.raises(DataError, match="image memberships of this pass were edited"):
        hypergraph_paths(model, data, "u1", "i3")


def test_a_difference_is_explained_exactly():
    data = shop()
    model = build(data)
    found = versus(model, data, "u1", "i3", "i5")
    assert found.difference == pytest.approx(found.first.score - found.second.score)
    for frame in (found.parts, found.sources):
        assert frame["difference"].sum() == pytest.approx(found.difference)
        assert frame["difference"].abs().is_monotonic_decreasing
    swapped = versus(model, data, "u1", "i5", "i3").parts.set_index("part")["difference"]
    assert (-swapped).to_dict() == pytest.approx(found.parts.set_index("part")["difference"].to_dict())


def test_reasons_are_the_largest_sources_of_each_listed_item(tiny, trained):
    _, model = trained
    told = reasons(model, tiny, "u5", k=4, n=3)
    assert told["item_id"].unique().tolist() == recommend(model, tiny, "u5", k=4)["item_id"].tolist()
    for item_id, rows in told.groupby("item_id"):
        sources = explain(model, tiny, "u5", item_id).sources.sort_values("contribution", ascending=False).head(3)
        assert rows["contribution"].tolist() == pytest.approx(sources["contribution"].tolist(), rel=1e-4)
        assert rows["reason"].tolist() == sources["name"].tolist()
        assert rows["place"].tolist() == [1, 2, 3]
