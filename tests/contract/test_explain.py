"""Why this item: the cells sum to the score that the list is ranked by."""

import numpy as np
import pytest
import torch

import srgformer_lab as lab
from tests.worlds import build, small, world


@pytest.mark.parametrize("item_id", ["i0", "i7", "i39"])
def test_cells_and_shares_sum_to_the_score(tiny, trained, item_id):
    _, model = trained
    why = lab.explain(model, tiny, "u5", item_id)
    terms = why.parts["contribution"].abs().sum()
    assert abs(why.residual) <= 1e-5 * terms
    assert why.by_part["contribution"].sum() == pytest.approx(why.parts["contribution"].sum(), abs=1e-12)
    assert why.by_part["part"].tolist() == ["id", "image", "text", "attention", "hypergraph"]


def test_cells_sum_exactly_in_double_precision(tiny, trained):
    run, _ = trained
    model = run.model(tiny).double()
    why = lab.explain(model, tiny, "u5", "i3")
    assert abs(why.residual) <= 1e-10 * why.parts["contribution"].abs().sum()


def test_score_and_rank_are_those_of_the_recommended_list(tiny, trained):
    _, model = trained
    listed = lab.recommend(model, tiny, "u5", k=5)
    for _, row in listed.iterrows():
        why = lab.explain(model, tiny, "u5", row["item_id"])
        assert why.rank == row["rank"]
        assert why.score == pytest.approx(row["score"], rel=1e-5)
    known = tiny.history("u5")[0]
    assert lab.explain(model, tiny, "u5", known).rank is None


def test_a_branch_that_is_switched_off_contributes_nothing(tiny, trained):
    _, model = trained
    shares = lab.explain(model.trace().fuse(hypergraph_scale=0.0), tiny, "u5", "i3").by_part.set_index("part")["contribution"]
    assert shares["hypergraph"] == 0
    assert shares["attention"] != 0


def test_a_cell_is_the_product_of_its_two_parts(tiny, trained):
    _, model = trained
    trace = model.trace()
    cells = lab.explain(trace, tiny, "u5", "i3").parts.set_index(["user_part", "item_part"])["contribution"]
    expected = torch.dot(trace.parts["text"].users[5], trace.parts["attention"].items[3])
    assert cells["text", "attention"] == pytest.approx(float(expected), rel=1e-4)


def test_unknown_ids_are_named(tiny, trained):
    _, model = trained
    with pytest.raises(lab.UnknownIdError, match="there is no item 'i999'"):
        lab.explain(model, tiny, "u5", "i999")


def test_a_user_with_one_item_and_a_model_of_one_hyperedge_are_explained():
    data = world([(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)], 3, 4, {"text": np.eye(4)})
    model = build(data, small(n_hyperedges=1))
    why = lab.explain(model, data, "u0", "i2")
    assert why.history["item_id"].tolist() == ["i0"]
    assert why.heads["weight"].tolist() == pytest.approx([1.0, 1.0])
    assert why.hyperedges["membership"].tolist() == pytest.approx([1.0, 1.0])
    assert why.sources["contribution"].sum() == pytest.approx(why.score)
    assert lab.hypergraph_paths(model, data, "u0", "i2")["contribution"].tolist()[1:] == pytest.approx([0.0])
    assert lab.versus(model, data, "u0", "i2", "i1").difference == pytest.approx(why.score - lab.explain(model, data, "u0", "i1").score)
    gone = lab.what_if(model, data, "u0", lab.drop_items("i0"), item_id="i2")
    assert np.isfinite(gone.score_after)


def test_a_model_without_modalities_is_explained():
    data = world([(0, 0), (0, 1), (1, 1), (2, 2)], 3, 4)
    model = build(data)
    why = lab.explain(model, data, "u0", "i2")
    assert [name for name in why.history.columns if name not in ("item_id", "title", "total", "weight")] == ["id", "attention"]
    assert len(why.hyperedges) == len(lab.hypergraph_paths(model, data, "u0", "i2")) == 0
    assert why.sources["contribution"].sum() == pytest.approx(why.score)
    assert set(lab.reasons(model, data, "u0", k=2)["kind"]) <= {"own", "history"}
    with pytest.raises(lab.DataError, match="has no modality, so nothing can be known of the newcomer"):
        lab.add_item(model, data, {})


def test_a_list_without_reasons_is_refused(tiny, trained):
    with pytest.raises(lab.ConfigError, match="n=0 must be at least 1"):
        lab.reasons(trained[1], tiny, "u5", n=0)


@pytest.mark.parametrize("name", ["id", "attention", "hypergraph", "edit"])
def test_a_modality_that_is_called_like_another_part_is_refused(name):
    data = world([(0, 0), (0, 1), (1, 1)], 2, 3, {name: np.eye(3)})
    with pytest.raises(lab.ConfigError, match=f"a modality can't be called '{name}'; rename it to a plain word such as {name}_feature"):
        lab.SRGFormer(data, small())


def test_a_user_who_has_everything_has_no_reasons_and_is_not_sampled():
    data = world([(0, item) for item in range(6)] + [(user, item) for user in (1, 2) for item in range(4)], 3, 6)
    model = build(data)
    assert lab.reasons(model, data, "u0").columns.tolist()[-1] == "contribution"
    assert len(lab.reasons(model, data, "u0")) == 0
    assert set(lab.faithfulness(model, data, n_users=5, shares=()).effects["user_id"]) == {"u1", "u2"}


def test_an_order_without_differences_gets_no_verdict(tiny, trained):
    _, model = trained
    with model.edit(lab.uniform_attention()):
        found = lab.faithfulness(model, tiny, n_users=2, shares=())
    assert "Attention weight gives no order that could be tested." in found.verdict
    assert found.verdict.endswith("Attention is not an explanation on its own.")


def test_reasons_can_name_items_of_any_id():
    data = world([(0, 0), (0, 1), (1, 1), (1, 2)], 2, 4, item_ids=["kind", "reason", "reason_id", "contribution"])
    assert set(lab.reasons(build(data), data, "u0", k=4)["item_id"]) == {"reason_id", "contribution"}


def test_a_model_of_other_data_is_named(tiny, trained):
    other = world([(0, 0), (0, 1), (1, 1)], 2, 3)
    with pytest.raises(
        lab.DataError, match=r"was built on Dataset\(studio: 60 users × 40 items.*, not on Dataset\(world: 2 users × 3 items"
    ):
        lab.explain(trained[1], other, "u0", "i2")
