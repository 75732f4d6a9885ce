"""Promises of a trace and of an edit: reading changes nothing, moving a knob equals building anew, an edit leaves nothing behind."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from srgformer_lab.config import TrainConfig
from srgformer_lab.errors import ConfigError, LabError
from srgformer_lab.models.edits import blank_modality, drop_hyperedge, harden_memberships, mute_head, uniform_attention
from srgformer_lab.models.hooks import Edit
from srgformer_lab.models.sampling import Batch
from tests.oracle import reference
from tests.worlds import build, shop, situations, small, triples

RELAXED = settings(max_examples=20, deadline=None)


def run(seed=0):
    return torch.Generator().manual_seed(seed)


def values_of(trace):
    """Every tensor of a trace that an edit could reach, by name."""
    found = {"collaborative": trace.collaborative.values, "attention": trace.attention.output.values, "fused": trace.fused.values}
    found |= {f"part {name}": part.values for name, part in trace.parts.items()}
    found |= {f"modality {name}": part.values for name, part in trace.modality.items()}
    found |= {"score": trace.attention.score, "weight": trace.attention.weight}
    for name, part in trace.hypergraph.items():
        found |= {f"users {name}": part.membership.users, f"items {name}": part.membership.items}
        found |= {f"hyperedges {name}": part.hyperedges, f"hypergraph {name}": part.embedding.values}
    return {name: value.detach().clone() for name, value in found.items()}


def changed(before, after):
    """The names whose values differ."""
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def hooks_of(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks) for module in model.modules())


@pytest.fixture
def model():
    return build(shop())


# ------------------------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("training", [True, False])
def test_a_trace_is_deterministic_and_leaves_mode_generator_and_gradients_alone(training):
    model = build(shop(), small(dropout=0.5)).train(training)
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    first, again = values_of(model.trace()), values_of(model.trace())
    assert not changed(first, again)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.is_grad_enabled()
    assert modes == [module.training for module in model.modules()]
    trace = model.trace()
    assert not any(value.requires_grad for value in (trace.fused.values, trace.attention.weight, trace.collaborative.values))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_trace_in_the_middle_of_an_epoch_does_not_shift_the_noise():
    model = build(shop(), small(dropout=0.5)).train()
    model.start_epoch(run())
    expected = [values_of(model()), values_of(model())]
    model.start_epoch(run())
    first = values_of(model())
    model.trace()
    assert not changed(first, expected[0])
    assert not changed(values_of(model()), expected[1])


def test_the_mode_is_restored_after_an_exception(model):
    model.train()
    with pytest.raises(ConfigError), model.edit(mute_head(9)):
        model.trace()
    assert model.training
    assert torch.is_grad_enabled()


def test_a_trace_is_frozen_and_does_not_follow_the_model(model):
    trace = model.trace()
    before = trace.scores(torch.arange(3)).clone()
    model.update_knobs(attention_scale=2.0)
    assert torch.equal(trace.scores(torch.arange(3)), before)
    with pytest.raises(AttributeError):
        trace.collaborative = None


def test_a_trace_that_is_first_read_after_the_model_was_turned_is_the_old_one(model):
    expected = model.trace().fused.values
    trace = model.trace()
    model.update_knobs(attention_scale=2.0, hypergraph_scale=0.0)
    assert torch.equal(trace.fused.values, expected)


def test_rows_that_a_pass_does_not_cover_are_refused(model):
    some = model(torch.tensor([0, 8]))
    with pytest.raises(LabError, match="2 of 13 nodes"):
        some.fused.users  # noqa: B018 the property raises
    with pytest.raises(LabError, match="not covered"):
        some.fused.of(torch.tensor([3]))
    assert torch.equal(some.fused.of(torch.tensor([8, 0, 8])), some.fused.values[[1, 0, 1]])


def test_what_a_person_reads_names_sizes_and_settings(model):
    assert "7 users × 6 items" in repr(model)
    assert "α=0.6, β=0.4, τ=0.5" in repr(model.trace())
    assert "13 of 13 nodes" in repr(model.trace().fused)
    with model.edit(uniform_attention()):
        assert "uniform_attention()" in repr(model.trace())


# ------------------------------------------------------------------------------------------------------------------ fusing


@RELAXED
@given(situations())
def test_fusing_at_the_trained_values_changes_nothing(situation):
    data, config, seed, scale = situation
    trace = build(data, config, seed, scale).trace()
    before = values_of(trace)
    assert not changed(before, values_of(trace.fuse()))
    same = trace.fuse(config.attention_scale, config.hypergraph_scale, config.membership_temperature)
    assert not changed(before, values_of(same))


@RELAXED
@given(
    situations(),
    st.fixed_dictionaries(
        {},
        optional={
            "attention_scale": st.sampled_from([0.0, 0.4, 3.0]),
            "hypergraph_scale": st.sampled_from([0.0, 0.9, 3.0]),
            "membership_temperature": st.sampled_from([0.05, 0.3, 5.0]),
        },
    ),
)
def test_fusing_equals_a_model_built_with_these_values(situation, knobs):
    data, config, seed, scale = situation
    trace = build(data, config, seed, scale).trace()
    before = values_of(trace)
    rebuilt = build(data, config.replace(**knobs), seed, scale).trace()
    fused = trace.fuse(**knobs)
    for name, value in values_of(fused).items():
        torch.testing.assert_close(value, values_of(rebuilt)[name], rtol=1e-12, atol=1e-12)
    assert fused.config == rebuilt.config
    assert not changed(before, values_of(trace)), "the trace that was fused must stay as it was"
    assert not changed(before, values_of(fused.fuse(config.attention_scale, config.hypergraph_scale, config.membership_temperature)))


def test_turning_a_model_equals_fusing_its_trace(model):
    trace = model.trace()
    model.update_knobs(attention_scale=1.5, membership_temperature=0.2)
    fused = trace.fuse(attention_scale=1.5, membership_temperature=0.2)
    assert not changed(values_of(model.trace()), values_of(fused))


@pytest.mark.parametrize("knobs", [{"attention_scale": -1.0}, {"hypergraph_scale": float("nan")}, {"membership_temperature": 0.04}])
def test_values_out_of_range_are_refused_and_change_nothing(model, knobs):
    before = values_of(model.trace())
    name = next(iter(knobs))
    with pytest.raises(ConfigError, match=name):
        model.trace().fuse(**knobs)
    with pytest.raises(ConfigError, match=name):
        model.update_knobs(**knobs)
    assert not changed(before, values_of(model.trace()))


def test_only_knobs_of_the_model_can_be_turned(model):
    with pytest.raises(ConfigError, match="n_heads can't be set"):
        model.update_knobs(n_heads=3)


# ------------------------------------------------------------------------------------------------------------- ready-made edits


def test_a_muted_head_is_silent_and_the_others_speak_on(model):
    before = model.trace()
    with model.edit(mute_head(1)):
        after = model.trace()
    assert torch.equal(after.attention.output.values[:, :3], before.attention.output.values[:, :3])
    assert after.attention.output.values[:, 3:].abs().max() == 0
    assert changed(values_of(before), values_of(after)) == {"attention", "part attention", "fused"}


def test_uniform_attention_is_the_mean_of_the_neighbours_values(model):
    data = shop()
    with model.edit(uniform_attention()):
        after = model.trace()
    A = torch.from_numpy(reference.adjacency(reference.interaction_matrix(data)))
    rows = torch.cat([model.user_embedding, model.item_embedding]).detach()
    expected = (A / A.sum(1, keepdim=True)) @ rows @ model.attention.value.detach()
    torch.testing.assert_close(after.attention.output.values, expected)
    assert changed(values_of(model.trace()), values_of(after)) == {"score", "weight", "attention", "part attention", "fused"}


@pytest.mark.parametrize("n_layers", [1, 2])
def test_a_dropped_hyperedge_carries_nothing_to_users_and_items(n_layers):
    model = build(shop(), small(n_hypergraph_layers=n_layers))
    before = model.trace()
    with model.edit(drop_hyperedge("text", 2)):
        after = model.trace()
    part, whole = after.hypergraph["text"], before.hypergraph["text"]
    keep = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)[:, None]
    members = torch.cat([whole.membership.users, whole.membership.items])
    torch.testing.assert_close(part.embedding.values, members @ (whole.hyperedges * keep))
    expected = {"hyperedges text", "hypergraph text", "part hypergraph", "fused"}
    assert changed(values_of(before), values_of(after)) == expected


def test_a_blanked_modality_is_gone_from_the_sum_while_its_hyperedges_stay(model):
    before = model.trace()
    with model.edit(blank_modality("image")):
        after = model.trace()
    assert after.parts["image"].values.abs().max() == 0
    torch.testing.assert_close(after.fused.values, before.fused.values - before.parts["image"].values)
    assert changed(values_of(before), values_of(after)) == {"modality image", "part image", "fused"}


def test_hardened_memberships_are_one_hot_at_the_strongest_hyperedge(model):
    before = model.trace().hypergraph["image"].membership
    with model.edit(*harden_memberships("image")):
        after = model.trace().hypergraph["image"].membership
    for soft, hard in ((before.users, after.users), (before.items, after.items)):
        assert torch.equal(hard.argmax(1), soft.argmax(1))
        assert torch.equal(hard.sort(1).values, torch.tensor([0.0, 0.0, 1.0], dtype=hard.dtype).expand_as(hard))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda: [mute_head(2)], "no head 2; the model's heads are 0 to 1"),
        (lambda: [mute_head(-1)], "no head -1"),
        (lambda: [drop_hyperedge("image", 3)], "no hyperedge 3; the model's hyperedges are 0 to 2"),
        (lambda: [drop_hyperedge("video", 0)], "no modality 'video'; it has image, text"),
        (lambda: [blank_modality("video")], "no modality 'video'"),
        (lambda: [*harden_memberships("video")], "no modality 'video'"),
    ],
)
def test_an_edit_of_something_that_is_not_there_is_refused_and_leaves_nothing(model, edit, message):
    before, hooks = values_of(model.trace()), hooks_of(model)
    with pytest.raises(ConfigError, match=message), model.edit(uniform_attention(), *edit()):
        model.trace()
    assert hooks_of(model) == hooks
    assert not changed(before, values_of(model.trace()))


# ------------------------------------------------------------------------------------------------------------- any edit at all

EDITS = {
    "mute": lambda: [mute_head(0)],
    "uniform": lambda: [uniform_attention()],
    "drop": lambda: [drop_hyperedge("image", 1)],
    "blank": lambda: [blank_modality("text")],
    "harden": lambda: [*harden_memberships("text")],
    "own": lambda: [Edit("double", lambda hooks: hooks.fused, lambda value: 2 * value)],
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_leaves_nothing_behind(model, name):
    before, hooks = values_of(model.trace()), hooks_of(model)
    with model.edit(*EDITS[name]()):
        assert changed(before, values_of(model.trace()))
    assert not changed(before, values_of(model.trace()))
    assert hooks_of(model) == hooks


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_leaves_nothing_behind_after_an_exception(model, name):
    before, hooks = values_of(model.trace()), hooks_of(model)
    with pytest.raises(ZeroDivisionError), model.edit(*EDITS[name]()):
        raise ZeroDivisionError
    assert not changed(before, values_of(model.trace()))
    assert hooks_of(model) == hooks


def test_edits_nest_and_compose(model):
    with model.edit(mute_head(0), mute_head(1)):
        together = values_of(model.trace())
    with model.edit(mute_head(0)):
        outer = values_of(model.trace())
        with model.edit(mute_head(1)):
            assert not changed(together, values_of(model.trace()))
        assert not changed(outer, values_of(model.trace()))
    assert together["attention"].abs().max() == 0


def test_edits_of_one_site_apply_in_the_order_they_are_given(model):
    plus = Edit("plus one", lambda hooks: hooks.collaborative, lambda value: value + 1)
    twice = Edit("twice", lambda hooks: hooks.collaborative, lambda value: 2 * value)
    plain = model.trace().collaborative.values
    with model.edit(plus, twice):
        torch.testing.assert_close(model.trace().collaborative.values, 2 * (plain + 1))
    with model.edit(twice), model.edit(plus):
        torch.testing.assert_close(model.trace().collaborative.values, 2 * plain + 1)


def test_an_edit_acts_downstream_of_its_site(model):
    with model.edit(Edit("no graph", lambda hooks: hooks.collaborative, torch.zeros_like)):
        trace = model.trace()
    assert trace.parts["id"].values.abs().max() == 0
    assert trace.parts["hypergraph"].values.abs().max() == 0
    assert trace.parts["attention"].values.abs().max() > 0


@pytest.mark.parametrize("name", EDITS)
def test_a_trace_keeps_the_edits_it_was_made_under_wherever_it_is_read(model, name):
    plain = values_of(model.trace())
    with model.edit(*EDITS[name]()):
        edited = values_of(model.trace())
        read_later = model.trace()
    assert not changed(edited, values_of(read_later))
    made_before = model.trace()
    with model.edit(*EDITS[name]()):
        assert not changed(plain, values_of(made_before))


@pytest.mark.parametrize("name", EDITS)
def test_fusing_keeps_the_edits_of_the_trace_and_no_others(model, name):
    rebuilt = build(shop(), small(attention_scale=1.0, membership_temperature=0.2))
    expected = values_of(rebuilt.trace())
    plain = model.trace()
    with model.edit(*EDITS[name]()):
        edited = model.trace()
        assert not changed(expected, values_of(plain.fuse(attention_scale=1.0, membership_temperature=0.2)))
        assert len(model.hooks.active) == len(EDITS[name]())
    with rebuilt.edit(*EDITS[name]()):
        expected_edited = values_of(rebuilt.trace())
    assert not changed(expected_edited, values_of(edited.fuse(attention_scale=1.0, membership_temperature=0.2)))
    assert model.hooks.active == ()


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_works_while_training(model, name):
    """What flows through the edited site in training is what the loss and its gradient see."""
    batch, train = Batch(*triples(shop(), 8)), TrainConfig(hypergraph_contrast_weight=0.1, modality_contrast_weight=0.1)

    def total():
        model.train()
        model.start_epoch(run())
        model.zero_grad()
        loss = sum(model.losses(batch, train).values())
        loss.backward()
        return loss.item(), {key: parameter.grad.clone() for key, parameter in model.named_parameters() if parameter.grad is not None}

    plain, gradients = total()
    with model.edit(*EDITS[name]()):
        edited, _ = total()
    assert edited != plain
    again, gradients_again = total()
    assert again == plain
    assert not changed(gradients, gradients_again)


def test_training_under_a_muted_head_trains_nothing_of_that_head(model):
    batch = Batch(*triples(shop(), 8))
    model.train()
    with model.edit(mute_head(1)):
        sum(model.losses(batch, TrainConfig()).values()).backward()
    for weight in (model.attention.query, model.attention.key, model.attention.value):
        assert weight.grad[:, :3].abs().max() > 0
        assert weight.grad[:, 3:].abs().max() == 0


# ------------------------------------------------------------------------------------------------------------------ hooks


def sites_of(model):
    return {name: site for name, site in model.hooks.named_modules() if isinstance(site, nn.Identity)}


def test_every_tap_is_an_identity_that_torchs_own_hooks_can_read(model):
    sites, seen = sites_of(model), {}
    handles = [
        site.register_forward_hook(lambda module, inputs, output, name=name: seen.__setitem__(name, output)) for name, site in sites.items()
    ]
    trace = model.trace()
    fused = trace.fused.values
    for handle in handles:
        handle.remove()
    assert seen.keys() == sites.keys()
    assert torch.equal(seen["fused"], fused)
    assert torch.equal(seen["collaborative"], trace.collaborative.values)
    assert torch.equal(seen["attention_weight"], trace.attention.weight)
    assert torch.equal(seen["attention_score"], trace.attention.score)
    assert torch.equal(seen["attention_output"].flatten(1), trace.attention.output.values)
    for name, part in trace.hypergraph.items():
        assert torch.equal(seen[f"modality.{name}"], trace.modality[name].values)
        assert torch.equal(seen[f"user_membership.{name}"], part.membership.users)
        assert torch.equal(seen[f"item_membership.{name}"], part.membership.items)
        assert torch.equal(seen[f"hyperedges.{name}"], part.hyperedges)


def test_a_hook_on_the_fused_site_runs_once_within_the_pass(model):
    seen = []
    handle = model.hooks.fused.register_forward_hook(lambda module, inputs, output: seen.append(output))
    trace = model.trace()
    assert len(seen) == 1
    handle.remove()
    assert torch.equal(seen[0], trace.fused.values)


def test_a_hook_that_gives_a_value_replaces_it_like_an_edit(model):
    with model.edit(blank_modality("text")):
        expected = values_of(model.trace())
    handle = model.hooks.modality["text"].register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    assert not changed(expected, values_of(model.trace()))
    handle.remove()


def test_edits_leave_other_peoples_hooks_alone(model):
    calls = []
    handle = model.hooks.attention_output.register_forward_hook(lambda module, inputs, output: calls.append(1))
    with model.edit(mute_head(0)):
        model.trace()
    model.trace()
    assert len(calls) == 2
    handle.remove()


def test_gradients_of_a_score_can_be_read_at_a_tap(model):
    """What captum's layer methods do: hook a site, ask autograd for the score's gradient there."""
    held = []
    handle = model.hooks.hyperedges["image"].register_forward_hook(lambda module, inputs, output: held.append(output))
    score = model().scores(torch.tensor([1]))[0, 2]
    handle.remove()
    (gradient,) = torch.autograd.grad(score, held[0])
    step = 1e-6 * torch.randn(gradient.shape, generator=run(), dtype=gradient.dtype)
    with model.edit(Edit("nudge", lambda hooks: hooks.hyperedges["image"], lambda value: value + step)):
        moved = model.trace().scores(torch.tensor([1]))[0, 2]
    assert (moved - score).item() == pytest.approx((gradient * step).sum().item(), rel=1e-3)
    assert gradient.abs().max() > 0


def test_taps_hold_no_weights_and_stay_out_of_the_saved_state(model):
    assert not list(model.hooks.parameters())
    assert not any(name.startswith("hooks") for name in model.state_dict())
    assert len(model.state_dict()) == len(list(model.parameters()))


def test_saved_weights_give_the_same_trace_in_another_model(model):
    other = build(shop(), seed=8)
    assert changed(values_of(model.trace()), values_of(other.trace()))
    other.load_state_dict(model.state_dict())
    assert not changed(values_of(model.trace()), values_of(other.trace()))


@pytest.mark.parametrize("name", ["two words", "clip-vit", "clear", "a.b", "keys", "forward", "modality_61", "\udcff"])
def test_modalities_may_have_names_that_torch_cannot_hold(name):
    model, other = build(shop(("image", name))), build(shop(("image", name)), seed=8)
    assert set(model.trace().modality) == {"image", name}
    assert {"projection.image", "implicit_attribute.image"} < set(model.state_dict())
    other.load_state_dict(model.state_dict())
    assert not changed(values_of(model.trace()), values_of(other.trace()))
    assert model.hooks.of(model.hooks.modality, name) is model.hooks.modality[name]
