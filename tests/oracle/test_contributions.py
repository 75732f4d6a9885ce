"""The table of parts is an identity: its cells sum to the score."""

import pytest
import torch
from hypothesis import assume, given, settings

from srgformer_lab.analysis.explanation import explain
from srgformer_lab.models.srgformer import SRGFormer
from tests.oracle import reference
from tests.worlds import build, scatter, shop, situations

RELAXED = settings(max_examples=20, deadline=None)


@RELAXED
@given(situations())
def test_cells_equal_the_references_and_sum_to_the_score_in_double_precision(situation):
    data, config, seed, scale = situation
    model = build(data, config, seed, scale)
    outcome = reference.forward(reference.parameters_of(model), data, config)
    assume(reference.is_generic(outcome, data))
    user, item = seed % data.n_users, seed % data.n_items
    why = explain(model, data, data.user_ids[user], data.item_ids[item])
    assert len(why.parts) == len(outcome.parts) ** 2
    size = why.parts["contribution"].abs().sum()
    for p, q, value in why.parts[["user_part", "item_part", "contribution"]].itertuples(index=False):
        expected = outcome.parts[p][user] @ outcome.parts[q][data.n_users + item]
        assert value == pytest.approx(expected.item(), rel=1e-6, abs=1e-6 * (1 + size))
    assert abs(why.parts["contribution"].sum() - why.score) <= 1e-10 * max(size, 1)
    assert why.by_part["part"].tolist() == list(outcome.parts)
    assert abs(why.by_part["contribution"].sum() - why.score) <= 1e-10 * max(size, 1)
    assert why.score == pytest.approx(model.scorer()(torch.tensor([user]))[0, item].item(), abs=1e-10 * max(size, 1))


@RELAXED
@given(situations())
def test_cells_sum_to_the_score_in_single_precision(situation):
    data, config, seed, scale = situation
    trace = scatter(SRGFormer(data, config), seed, scale).trace()
    for user in range(data.n_users):
        why = explain(trace, data, data.user_ids[user], data.item_ids[seed % data.n_items])
        assert abs(why.parts["contribution"].sum() - why.score) <= 1e-5 * why.parts["contribution"].abs().sum() + 1e-30


def test_a_parts_share_is_half_its_row_and_half_its_column():
    data = shop()
    why = explain(build(data), data, "u1", "i3")
    table = {(p, q): value for p, q, value in why.parts.itertuples(index=False)}
    names = list(dict.fromkeys(why.parts["user_part"]))
    for part, share in why.by_part.itertuples(index=False):
        row, column = sum(table[part, q] for q in names), sum(table[p, part] for p in names)
        assert share == pytest.approx((row + column) / 2)


def test_explaining_a_pass_explains_what_that_pass_computed():
    data = shop()
    trace = build(data).trace().fuse(attention_scale=2.0)
    assert explain(trace, data, "u1", "i3").score == pytest.approx(trace.scores(torch.tensor([1]))[0, 3].item())
