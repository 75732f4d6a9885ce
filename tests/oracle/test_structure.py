"""Memberships and attention that are taught by objectives of their own equal the dense reference: passes, losses and all gradients."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, currently_in_test_context, given, settings
from hypothesis import strategies as st

from srgformer_lab.analysis.explanation import explain
from srgformer_lab.analysis.newcomers import add_item, add_user
from srgformer_lab.analysis.paths import hypergraph_paths
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.data.changing import with_item, without_interactions
from srgformer_lab.errors import ConfigError, DataError
from srgformer_lab.models.edits import blank_modality, drop_hyperedge, harden_memberships, merge_hyperedges, mute_head, uniform_attention
from srgformer_lab.models.losses import cointeraction
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.transfer import carry_over
from srgformer_lab.presets import preset
from tests.oracle import reference
from tests.oracle.test_losses import inferred_noise
from tests.oracle.test_terms import check_sums
from tests.worlds import build, duo, float64, scatter, shop, situations, small, triples, with_isolated_nodes, world

RELAXED = settings(max_examples=25, deadline=None)
TRAIN = TrainConfig(
    regularization_weight=0.3,
    hypergraph_contrast_weight=0.2,
    modality_contrast_weight=0.1,
    contrast_temperature=0.4,
    membership_balance=0.7,
)
FOUND = {
    "attention_input": "propagated",
    "attention_reads": "content",
    "attention_objective": "contrast",
    "membership_objective": "cointeraction",
    "membership_noise": 0.0,
    "membership_features": "unit",
    "user_membership": "lift",
}
TAUGHT_ALONE = ("implicit_attribute", "attention.query", "attention.key", "attention.score_")


def found(**changes) -> ModelConfig:
    return small(**{**FOUND, **changes})


@st.composite
def found_situations(draw, min_modalities=0, **fixed):
    """Situations with each option at one of its values, alone and together."""
    situation = draw(situations(min_modalities, as_released=False, **fixed))
    objective = draw(st.sampled_from(["ranking", "contrast"]))
    changes = {
        "attention_objective": objective,
        "attention_reads": draw(st.sampled_from(["input", "content"])) if situation.recipe.n_modalities else "input",
        "membership_objective": draw(st.sampled_from(["ranking", "cointeraction"])),
        "membership_noise": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "membership_features": draw(st.sampled_from(["raw", "unit"])),
        "user_membership": draw(st.sampled_from(["sum", "mean", "lift"])),
    }
    forms = {"attention_form": "product", "scaled_attention": False} if objective == "contrast" else {}
    return replace(situation, config=situation.config.replace(**forms, **changes))


def close(ours, theirs, tolerance=1e-10):
    """Within a part of the largest entry."""
    size = max(1.0, theirs.abs().max().item()) if theirs.numel() else 1.0
    torch.testing.assert_close(ours.detach().double(), theirs.detach().double(), rtol=0, atol=tolerance * size)


def reference_pass(model, data, edits=(), config=None, noise=None, dtype=torch.float64):
    parameters = reference.parameters_of(model, requires_grad=True, dtype=dtype)
    outcome = reference.forward(parameters, data, config or model.config, noise, edits=edits)
    is_smooth = outcome.margin > 1e-4 and reference.is_generic(outcome, data, edits)
    if currently_in_test_context():
        assume(is_smooth)
    return parameters, outcome


def expected_terms(parameters, outcome, data, batch, model, train=TRAIN):
    terms = reference.structure_terms(outcome, data, batch, model.config, train, parameters)
    if model.config.attention_scale == 0 and "attention_contrast" in terms:
        terms["attention_contrast"] = torch.zeros((), dtype=torch.float64)  # a branch that nobody reads isn't taught either
    return reference.loss_terms(outcome, batch, train) | terms


def assert_agreement(model, data, batch, noise=None, tolerance=1e-10):
    """Compare every term, and the gradient of every parameter."""
    parameters, outcome = reference_pass(model, data, noise=noise)
    theirs, ours = expected_terms(parameters, outcome, data, batch, model), model.losses(Batch(*batch), TRAIN)
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        close(ours[name], value, tolerance)
    gradients = torch.autograd.grad(sum(theirs.values()), list(parameters.values()), allow_unused=True, materialize_grads=True)
    model.zero_grad()
    sum(ours.values()).backward()
    largest = max(1.0, *(gradient.abs().max().item() for gradient in gradients))
    for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        given = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(
            given.double(), gradient, rtol=0, atol=tolerance * largest, msg=lambda text, name=name: f"gradient of {name}: {text}"
        )


# --------------------------------------------------------------------------------------------------------- equal the reference


@RELAXED
@given(found_situations())
def test_a_pass_equals_the_dense_reference(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, min(scale, 1.0))
    _, outcome = reference_pass(model, data)
    trace = model.trace()
    for name, part in trace.hypergraph.items():
        for side in ("users", "items"):
            close(getattr(part.logits, side), outcome.logits[name][side])
            close(getattr(part.membership, side), outcome.membership[name][side])
            close(getattr(part.membership, side).sum(1), torch.ones(len(getattr(part.membership, side))))
    n_nodes = data.n_users + data.n_items
    weight = torch.zeros(config.n_heads, n_nodes, n_nodes, dtype=torch.float64)
    weight[:, trace.attention.node, trace.attention.neighbor] = trace.attention.weight.T
    close(weight, outcome.attention_weight)
    close(trace.fused.values, outcome.fused, 1e-9)


@RELAXED
@given(found_situations(), st.integers(1, 9))
def test_every_term_and_gradient_equals_the_reference_in_double_precision(situation, size):
    data, config, seed, scale = situation
    assert_agreement(build(data, config, seed, min(scale, 1.0)), data, triples(data, size, seed))


@settings(max_examples=15, deadline=None)
@given(found_situations(membership_temperature=1.0), st.integers(1, 9))
def test_every_term_and_gradient_equals_the_reference_in_single_precision(situation, size):
    data, config, seed, _ = situation
    model = scatter(SRGFormer(data, config), seed, 0.3).eval()
    assert model.user_embedding.dtype == torch.float32
    assert_agreement(model, data, triples(data, size, seed), tolerance=1e-5)


@RELAXED
@given(found_situations(min_modalities=1), st.integers(0, 2**16))
def test_while_training_they_are_equal_under_the_same_noise(situation, seed):
    data, config, parameter_seed, scale = situation
    model = build(data, config, parameter_seed, min(scale, 1.0)).train()
    model.start_epoch(torch.Generator().manual_seed(seed))
    noise = inferred_noise(model(), config)
    if config.membership_noise == 0:
        for draws in (value for (_, side), value in noise.items() if side == "items" or config.user_membership == "sum"):
            close(draws - draws.mean(1, keepdim=True), torch.zeros_like(draws), 1e-6)
        noise = {}
    model.start_epoch(torch.Generator().manual_seed(seed))
    assert_agreement(model, data, triples(data, 6, seed), noise, tolerance=1e-9)


EDITS = [
    ((mute_head(0),), [("mute_head", 0)]),
    ((uniform_attention(),), [("uniform_attention",)]),
    ((drop_hyperedge("image", 1),), [("drop_hyperedge", "image", 1)]),
    ((blank_modality("text"),), [("blank_modality", "text")]),
    ((merge_hyperedges("image", 0, 2),), [("merge_hyperedges", "image", 0, 2)]),
    ((harden_memberships("text"),), [("harden_memberships", "text")]),
]


@pytest.mark.parametrize(("edits", "theirs"), EDITS, ids=lambda value: str(value[0]) if isinstance(value, list) else "")
@pytest.mark.parametrize("user_membership", ["mean", "lift"])
def test_what_ifs_equal_the_reference(edits, theirs, user_membership):
    """A blanked modality is also gone from what attention reads."""
    data = shop()
    model = build(data, found(user_membership=user_membership), seed=4)
    outcome = reference.forward(reference.parameters_of(model), data, model.config, edits=theirs)
    with model.edit(*edits):
        trace = model.trace()
    close(trace.fused.values, outcome.fused)
    assert (trace.fused.values - model.trace().fused.values).abs().max() > 1e-3


@pytest.mark.parametrize("user_membership", ["sum", "mean", "lift"])
def test_knobs_turned_on_a_pass_equal_a_model_that_has_them(user_membership):
    data = shop()
    model = build(data, found(user_membership=user_membership))
    turned = model.config.replace(membership_temperature=0.3, attention_scale=1.5, hypergraph_scale=2.0)
    outcome = reference.forward(reference.parameters_of(model), data, turned)
    fused = model.trace().fuse(membership_temperature=0.3, attention_scale=1.5, hypergraph_scale=2.0)
    close(fused.fused.values, outcome.fused)


# --------------------------------------------------------------------------------------------------------------- who teaches whom


@pytest.mark.parametrize("training", [False, True])
def test_memberships_and_scores_learn_by_their_own_term_alone_and_it_moves_nothing_else(training):
    data = shop()
    model = build(data, found(dropout=0.5)).train(training)
    names = [name for name, _ in model.named_parameters()]
    moved = {}
    for term in ("ranking", "regularization", "hypergraph_contrast", "modality_contrast", "cointeraction", "attention_contrast"):
        model.start_epoch(torch.Generator().manual_seed(1))
        loss = model.losses(Batch(*triples(data, 9)), TRAIN)[term]
        gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        moved[term] = {name for name, of in zip(names, gradients, strict=True) if of is not None and of.abs().max() > 1e-12}
    assert moved["cointeraction"] == {"implicit_attribute.image", "implicit_attribute.text"}
    assert moved["attention_contrast"] == {"attention.query", "attention.key", "attention.score_scale", "attention.score_bias"}
    for term in ("ranking", "regularization", "hypergraph_contrast", "modality_contrast"):
        assert not [name for name in moved[term] if name.startswith(TAUGHT_ALONE)], term
    assert moved["ranking"] == {name for name in names if not name.startswith(TAUGHT_ALONE)}


def test_the_published_form_has_no_weight_and_no_term_more():
    model = build(shop())
    assert [name for name in model.state_dict() if "score_" in name] == []
    terms = model.losses(Batch(*triples(shop(), 5)), TRAIN)
    assert list(terms) == ["ranking", "regularization", "hypergraph_contrast", "modality_contrast"]
    with float64():
        ours = SRGFormer(shop(), found())
        theirs = SRGFormer(shop(), small())
    weights = dict(ours.named_parameters())
    assert (weights.pop("attention.score_scale").item(), weights.pop("attention.score_bias").item()) == (4.0, 0.0)
    for name, value in theirs.named_parameters():
        assert torch.equal(weights.pop(name), value), name
    assert not weights


# ------------------------------------------------------------------------------------------------------------ closed forms, edges


def two_camps() -> tuple:
    """Two users who each take three items of their own: hyperedges can hold them perfectly."""
    data = world([(user, 3 * user + place) for user in range(2) for place in range(3)], 2, 6)
    return data, build(data, small(modalities=())).graph


def test_cointeraction_of_two_camps_is_what_newman_says():
    _, graph = two_camps()
    perfect = torch.eye(2, dtype=torch.float64).repeat_interleave(3, 0)
    assert cointeraction([perfect], graph, 0.1).item() == pytest.approx(-0.5, abs=1e-12)
    alternating = torch.eye(2, dtype=torch.float64).repeat(3, 1)
    assert cointeraction([alternating], graph, 0.0).item() == pytest.approx(-(1 / 3 - 1 / 2), abs=1e-12)
    assert cointeraction([perfect, alternating], graph, 0.0).item() == pytest.approx(-0.5 + 1 / 6, abs=1e-12)


@pytest.mark.parametrize("n_hyperedges", [1, 2, 5])
def test_collapse_and_evenness_gain_nothing_and_only_collapse_costs(n_hyperedges):
    _, graph = two_camps()
    collapsed = torch.zeros(6, n_hyperedges, dtype=torch.float64)
    collapsed[:, 0] = 1
    even = torch.full_like(collapsed, 1 / n_hyperedges)
    assert cointeraction([collapsed], graph, 0.1).item() == pytest.approx(0.1 * (math.sqrt(n_hyperedges) - 1), abs=1e-12)
    assert cointeraction([even], graph, 0.1).item() == pytest.approx(0, abs=1e-12)


def test_histories_of_one_item_have_no_pair():
    data = world([(0, 0), (1, 1), (2, 1)], 3, 3, {"image": np.eye(3)})
    model = build(data, found())
    batch = triples(data, 4)
    assert_agreement(model, data, batch)
    members = model.trace().hypergraph["image"].membership.items
    crowding = math.sqrt(3) / 3 * members.sum(0).norm() - 1
    assert model.losses(Batch(*batch), TRAIN)["cointeraction"].item() == pytest.approx(0.7 * crowding.item())


@pytest.mark.parametrize("make", [duo, with_isolated_nodes, lambda: shop(("text",))], ids=["duo", "isolated nodes", "one modality"])
@pytest.mark.parametrize("n_hyperedges", [1, 3])
def test_small_and_thin_worlds_equal_the_reference(make, n_hyperedges):
    data = make()
    assert_agreement(build(data, found(n_hyperedges=n_hyperedges)), data, triples(data, 5))


def test_without_a_modality_memberships_have_nothing_to_learn():
    data = shop(())
    model = build(data, found(attention_reads="input"))
    assert model.losses(Batch(*triples(data, 5)), TRAIN)["cointeraction"] == 0
    with pytest.raises(ConfigError, match="attention_reads='content' needs a modality, and shop has none"):
        SRGFormer(data, found())


@pytest.mark.parametrize("user_membership", ["mean", "lift"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dead_hyperedges_leave_every_number_finite(user_membership, dtype):
    """One hyperedge has everything: the others' memberships are 0 even in double precision, and so is everybody's mean."""
    data = with_isolated_nodes()
    model = build(data, found(membership_features="raw", user_membership=user_membership)).to(dtype).train()
    with torch.no_grad():
        for name, values in model.implicit_attribute.items():
            values.zero_()
            values[:, 0] = 1e4
            model.features[name].values.abs_()
    trace = model.trace()
    users = trace.hypergraph["image"].membership.users
    expected = torch.tensor([[1.0, 0, 0]] * 3 + [[1 / 3] * 3], dtype=dtype)  # the last user has no history
    torch.testing.assert_close(users, expected)
    losses = model.losses(Batch(*triples(data, 5)), TRAIN)
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())


def test_an_interaction_has_one_score_in_both_directions():
    trace = build(shop(), found()).trace().attention
    score = {(int(a), int(b)): row for a, b, row in zip(trace.node, trace.neighbor, trace.score, strict=True)}
    assert all(torch.equal(score[a, b], score[b, a]) for a, b in score)
    assert trace.score.abs().max() <= 10


def test_features_without_direction_and_items_without_features_are_in_all_hyperedges_alike():
    same = np.full((4, 3), 7.3)
    data = world([(0, 0), (0, 1), (1, 2), (1, 3)], 2, 4, {"image": same, "text": np.diag([1.0, 2.0, 0.0, 3.0])})
    for dtype in (torch.float32, torch.float64):
        model = build(data, found()).to(dtype)
        members = {name: part.membership.items for name, part in model.trace().hypergraph.items()}
        third = torch.full((3,), 1 / 3, dtype=dtype)
        torch.testing.assert_close(members["image"], third.expand(4, 3))
        torch.testing.assert_close(members["text"][2], third)
        assert (members["text"][0] - 1 / 3).abs().max() > 0.01


def test_large_features_saturate_memberships_unless_they_are_centred():
    """Norm 17 with a common direction, as features of a CNN have."""
    rng = np.random.default_rng(0)
    features = {"image": 3 + rng.standard_normal((6, 30))}
    data = world([(0, 0), (0, 1), (1, 2), (1, 3)], 2, 6, features)
    strongest = {
        form: float(SRGFormer(data, found(membership_features=form)).trace().hypergraph["image"].membership.items.max(1).values.min())
        for form in ("raw", "unit")
    }
    assert strongest["unit"] < 0.9 < strongest["raw"]


# ------------------------------------------------------------------------------------------------------------------ explanations


@RELAXED
@given(found_situations())
def test_explanations_add_up(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, min(scale, 1.0))
    why = explain(model, data, data.user_ids[seed % data.n_users], data.item_ids[seed % data.n_items])
    check_sums(why, 1e-10)
    assert "edit" not in set(why.components["source"])


@RELAXED
@given(found_situations(min_modalities=1))
def test_shares_of_a_history_add_up_to_the_hypergraph_part(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, min(scale, 1.0))
    user, item = data.user_ids[seed % data.n_users], data.item_ids[seed % data.n_items]
    why, path = explain(model, data, user, item), hypergraph_paths(model, data, user, item)
    part = why.hyperedges[why.hyperedges["side"] == "user"].groupby("modality")["contribution"].sum()
    size = 1 + path["contribution"].abs().sum()
    assert path.groupby("modality")["contribution"].sum().to_dict() == pytest.approx(part.to_dict(), abs=1e-7 * size)
    if config.user_membership != "sum" and data.history(user):
        assert path.loc[path["item_id"] == "", "contribution"].tolist() == pytest.approx([0.0] * len(data.modalities))


def test_a_mean_membership_gives_every_history_item_its_exact_share():
    data = shop()
    model = build(data, found(user_membership="mean"))
    trace, (user, item) = model.trace(), (1, 3)
    path = hypergraph_paths(trace, data, "u1", "i3").set_index(["modality", "item_id"])["contribution"]
    norm = sum(part.user_embedding[user] for part in trace.hypergraph.values()).norm()
    history = [data.item_row(name) for name in data.history("u1")]
    for name, part in trace.hypergraph.items():
        carried = model.config.hypergraph_scale * part.hyperedges @ trace.fused.items[item] / norm
        for row in history:
            expected = part.membership.items[row] @ carried / len(history)
            assert path[name, data.item_ids[row]] == pytest.approx(expected.item(), abs=1e-12)


def test_shares_of_edited_memberships_are_refused():
    data = shop()
    model = build(data, found())
    with model.edit(*harden_memberships("image")), pytest.raises(DataError, match="image memberships of this pass were edited"):
        hypergraph_paths(model, data, "u1", "i3")


# ------------------------------------------------------------------------------------------------------ other data, other settings


@pytest.mark.parametrize("user_membership", ["mean", "lift"])
def test_on_changed_data_the_weights_say_what_the_reference_says(user_membership):
    data = shop()
    model = build(data, found(user_membership=user_membership))
    changed = without_interactions(data, "u1", data.history("u1")[:1])
    with float64():
        other, _ = carry_over(model, data, changed)
    close(other.trace().fused.values, reference.forward(reference.parameters_of(model), changed, model.config).fused)


def test_a_newcomer_is_read_around_the_centre_that_the_weights_were_learned_with():
    """A far new item would move the mean, and with it the memberships of all items."""
    data = shop()
    model = build(data, found())
    far = {name: np.full(matrix.shape[1], 50.0) for name, matrix in data.features.items()}
    other, _ = carry_over(model, data, with_item(data, "new", far))
    before, after = model.trace().hypergraph, other.trace().hypergraph
    for name in data.modalities:
        close(after[name].membership.items[:-1], before[name].membership.items)
        assert torch.equal(other.features[name].centre, model.features[name].centre)
    guest, with_guest = add_user(model, data, ["i0", "i2"])
    assert guest.trace().fused.values.isfinite().all()
    assert add_item(model, data, far).model.trace().fused.values.isfinite().all()
    assert with_guest.n_users == data.n_users + 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"as_released": True}, "as_released .* membership_objective='cointeraction' can't go with it"),
        ({"as_released": True, "membership_objective": "ranking"}, "as_released .* user_membership='lift' can't go with it"),
        ({"attention_form": "cosine"}, "attention_objective='contrast' .* attention_form='cosine' can't go with it"),
        ({"scaled_attention": True}, "attention_objective='contrast' .* scaled_attention=True can't go with it"),
        ({"modalities": ()}, r"attention_reads='content' needs a modality, and modalities=\(\) has none"),
        ({"membership_noise": 2}, "membership_noise=2 must lie between 0 and 1"),
    ],
)
def test_options_that_exclude_each_other_are_refused_with_the_reason(changes, words):
    with pytest.raises(ConfigError, match=words):
        found(**changes)


def test_settings_that_were_written_before_are_the_published_form():
    for name in ("studio", "baby"):
        chosen = preset(name)
        written = chosen.model.to_dict()
        for option in set(FOUND) - {"attention_input"}:
            del written[option]
        assert ModelConfig.from_dict(written) == chosen.model
        learned = chosen.train.to_dict()
        del learned["membership_balance"]
        assert TrainConfig.from_dict(learned) == chosen.train


def test_the_preset_has_all_options_and_else_what_studio_has():
    ours, theirs = preset("studio_found"), preset("studio")
    differs = {name for name, value in ours.model.to_dict().items() if value != getattr(theirs.model, name)}
    assert differs == {*FOUND, "n_hyperedges", "hypergraph_scale"} - {"membership_features"}
    assert (ours.model.n_hyperedges, ours.model.hypergraph_scale, ours.train.membership_balance) == (18, 3.0, 0.1)
    assert ours.train == theirs.train.replace(hypergraph_contrast_weight=0.0, modality_contrast_weight=0.0)
