"""Every model of the catalogue is taken apart: tables sum to its score, paths are the formulas, a what-if is a model built anew."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import srgformer_lab as lab
from srgformer_lab.analysis.explanation import read_for
from srgformer_lab.data import changing
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.catalog import MODELS
from srgformer_lab.models.ranking import user_scores
from tests.worlds import recipes, shop, world

SIZES = {
    "srgformer": {"embedding_dim": 4, "n_heads": 2},
    "lightgcn": {"embedding_dim": 3},
    "mf": {"embedding_dim": 3},
    "vbpr": {"embedding_dim": 3},
    "freedom": {"embedding_dim": 3, "n_neighbors": 3},
    "itemknn": {"n_neighbors": 3, "shrinkage": 1.0},
    "bm3": {"embedding_dim": 3},
    "mgcn": {"embedding_dim": 3, "n_neighbors": 3},
    "multvae": {"hidden_dim": 4, "code_dim": 3},
    "popularity": {},
}
READ_HISTORY = ("srgformer", "lightgcn", "freedom", "bm3", "mgcn", "itemknn", "multvae")
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def built(name, data, dtype=torch.float64, seed=0, **settings_of):
    """A model whose weights are far from where they start."""
    kind = MODELS[name]
    model = kind.build(data, kind.config(**SIZES[name], **settings_of)).to(dtype)
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.5 * torch.randn(weight.shape, generator=draws, dtype=torch.float64).to(dtype))
    return model


def big(n_users=9, n_items=12):
    return shop(n_users=n_users, n_items=n_items, density=0.3)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=8, deadline=None)
@given(recipe=recipes(min_modalities=1, max_modalities=2), seed=st.integers(0, 2**16))
def test_every_level_sums_to_the_score(name, dtype, recipe, seed):
    data = recipe.make()
    model = built(name, data, dtype, seed)
    user, item = seed % data.n_users, seed % data.n_items
    why = lab.explain(model, data.user_ids[user], data.item_ids[item])
    score = float(user_scores(model, user)[item])
    components = why.components
    near = TOLERANCE[dtype] * max(1.0, components["contribution"].abs().sum(), why.parts["contribution"].abs().sum())
    assert abs(why.score - score) <= near
    assert abs(why.residual) <= near
    assert abs(why.by_part["contribution"].sum() - score) <= near
    assert abs(why.sources["contribution"].sum() - score) <= near
    cells = why.parts.set_index(["user_part", "item_part"])["contribution"]
    for side, part, other in (("user", "user_part", "item_part"), ("item", "item_part", "user_part")):
        of_side = components[components["side"] == side]
        assert abs(of_side["contribution"].sum() - score) <= near
        folded = of_side.groupby(["part", "other_part"])["contribution"].sum()
        for (mine, theirs), value in folded.items():
            assert abs(value - cells.loc[(mine, theirs) if part == "user_part" else (theirs, mine)]) <= near, (side, part, other)
    kinds = why.sources.set_index("kind")["contribution"]
    from_history = kinds[kinds.index == "history"].sum()
    assert abs(why.history["total"].sum() - from_history) <= near
    assert set(why.history["item_id"]) <= set(data.history(data.user_ids[user], "train"))


@pytest.mark.parametrize("name", MODELS)
def test_two_items_differ_by_what_their_tables_differ(name):
    data = big()
    model = built(name, data)
    found = lab.versus(model, "u1", "i3", "i7")
    scores = user_scores(model, 1)
    assert found.difference == pytest.approx(scores[3] - scores[7], abs=1e-10)
    for table in (found.parts, found.sources):
        assert table["difference"].sum() == pytest.approx(found.difference, abs=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_reasons_are_the_largest_sources(name):
    data = big()
    model = built(name, data)
    listed = lab.recommend(model, "u1", k=3)
    found = lab.reasons(model, "u1", k=3, n=2)
    for item, rows in found.groupby("item_id", sort=False):
        sources = lab.explain(model, "u1", item).sources
        best = sources.loc[sources["contribution"] > 0, "contribution"].nlargest(2)
        assert rows["contribution"].tolist() == pytest.approx(best.tolist(), abs=1e-10)
        assert set(rows["score"]) == set(listed.loc[listed["item_id"] == item, "score"])


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_a_what_if_is_a_model_built_on_the_changed_data(name, seed):
    """The same weights in a model that never knew the other data give the same scores, for what is taken, added or shuffled."""
    data = big()
    model = built(name, data, seed=seed)
    history = data.history("u1", "train")
    gone, new = history[seed % len(history)], data.item_ids[next(row for row in range(12) if data.item_ids[row] not in data.history("u1"))]
    for change, changed in (
        (lab.drop_items(gone), changing.without_interactions(data, "u1", [gone])),
        (lab.add_items(new), changing.with_interactions(data, "u1", [new])),
        (lab.shuffle_modality("image"), changing.with_shuffled_modality(data, "image")),
    ):
        anew = MODELS[name].build(changed, model.config).double()
        anew.load_state_dict(model.state_dict())
        expected = user_scores(anew, 1)
        found = lab.what_if(model, "u1", change)
        rows = [data.item_row(item) for item in found.after["item_id"]]
        np.testing.assert_allclose(found.after["score"], expected[rows], atol=1e-10)


@pytest.mark.parametrize("name", sorted(set(MODELS) - set(READ_HISTORY)))
def test_where_no_history_enters_a_score_nothing_that_is_taken_away_moves_the_list(name):
    data = big()
    model = built(name, data)
    assert not read_for(model, 1).reads_history
    found = lab.what_if(model, "u1", lab.drop_items(*data.history("u1", "train")))
    assert found.before["score"].tolist() == found.after["score"].tolist()
    why = lab.explain(model, "u1", found.before["item_id"][0])
    assert why.history.empty
    assert "does not" in why.note
    faith = lab.faithfulness(model, n_users=2)
    assert (faith.effects["effect"] == 0).all()
    assert (faith.effects["contribution"] == 0).all()
    assert why.note in faith.verdict


@pytest.mark.parametrize("name", READ_HISTORY)
def test_where_a_history_enters_a_score_something_that_is_taken_away_moves_it(name):
    data = big()
    model = built(name, data)
    assert read_for(model, 1).reads_history
    found = lab.what_if(model, "u1", lab.drop_items(*data.history("u1", "train")))
    assert found.before["score"].tolist() != found.after["score"].tolist()


def test_the_walks_of_lightgcn_are_the_powers_of_the_normalised_graph():
    data = big()
    model = built("lightgcn", data)
    history = data.matrix("train").toarray().astype(float)
    whole = np.block([[np.zeros((9, 9)), history], [history.T, np.zeros((12, 12))]])
    root = (whole.sum(axis=1) + 1e-7) ** -0.5
    step = root[:, None] * whole * root
    start = np.concatenate([model.user_embedding.detach(), model.item_embedding.detach()])
    powers = [np.linalg.matrix_power(step, depth) @ start for depth in range(4)]
    target = sum(powers)[9 + 4] / 4
    why = lab.explain(model, "u2", "i4")
    for row in why.depths.itertuples():
        expected = step[2, 9 + data.item_row(row.item_id)] * powers[row.depth - 1][9 + data.item_row(row.item_id)] @ target / 4
        assert row.contribution == pytest.approx(expected, abs=1e-7)
    assert len(why.depths) == 3 * len(data.history("u2", "train"))
    assert why.own() == pytest.approx(start[2] @ target / 4, abs=1e-7)


def test_freedoms_modality_parts_are_the_products_with_the_similar_items():
    data = big()
    model = built("freedom", data)
    why = lab.explain(model, "u2", "i4")
    with torch.no_grad():
        users, _ = model.eval()()
    row = data.item_row("i4")
    for name, matrix in model.similar.items():
        expected = {data.item_ids[j]: matrix[row, j] * float(users[2] @ model.item_embedding[j].detach()) for j in matrix[row].indices}
        found = why.similar[why.similar["modality"] == name].set_index("item_id")["contribution"]
        assert found.to_dict() == pytest.approx(expected, abs=1e-7)
        part = why.by_part.set_index("part")["contribution"][name]
        assert part == pytest.approx(sum(expected.values()), abs=1e-7)
    assert (why.history[["id", "image", "text"]].sum(axis=1) - why.history["total"]).abs().max() < 1e-12


def test_bm3s_walks_are_those_of_lightgcn_seen_through_the_predictor():
    data = big()
    model = built("bm3", data, n_layers=2)
    own, whole = model.item_embedding[4].detach(), built("lightgcn", data, n_layers=2)
    whole.load_state_dict({name: value for name, value in model.state_dict().items() if name in ("user_embedding", "item_embedding")})
    weight, bias = model.predictor.weight.detach(), model.predictor.bias.detach()
    with torch.no_grad():
        users, items = whole().split([9, 12])
        target = weight @ (items[4] + own) + bias
    why = lab.explain(model, "u2", "i4")
    for row in why.depths.itertuples():
        walks = {piece.depth: piece for piece in whole.reading(torch.tensor([2])).walks.pieces(2)}
        place = walks[row.depth].neighbor.tolist().index(9 + data.item_row(row.item_id))
        assert row.contribution == pytest.approx(float(weight @ walks[row.depth].vectors[place] @ target), abs=1e-9)
    assert len(why.depths) == 2 * len(data.history("u2", "train"))
    kinds = why.sources.groupby("kind")["contribution"].sum()
    assert kinds["everyone"] == pytest.approx(float(bias @ target), abs=1e-9)
    mine = weight @ users[2] + bias
    assert why.own("item") == pytest.approx(float(mine @ (weight @ (model.item_embedding[4].detach() * 4 / 3) + bias)), abs=1e-9)


@pytest.mark.parametrize("n_item_layers", [0, 1, 2])
def test_mgcns_modality_parts_are_what_the_shares_let_through_of_history_and_of_similar_items(n_item_layers):
    data = big()
    model = built("mgcn", data, n_item_layers=n_item_layers)
    why = lab.explain(model, "u2", "i4")
    with torch.no_grad():
        behavior, fused = model()
        z, purified = behavior + fused, model.purified()
        views = model.views(purified)
        share = model.shares(behavior, views)
        step = model.graph.propagate(torch.eye(21, dtype=torch.float64))
    for place, name in enumerate(data.modalities):
        found = why.history.set_index("item_id")[name]
        for item in found.index:
            row = 9 + data.item_row(item)
            assert found[item] == pytest.approx(float(share[place, 2] * step[2, row] * views[place, row] @ z[9 + 4]), abs=1e-7)
        join = model.item_graphs[place](torch.eye(12, dtype=torch.float64))
        weight = torch.linalg.matrix_power(join, n_item_layers)[4]
        brought = (weight[:, None] * share[place, 9 + 4] * purified[place]) @ z[2]
        similar = why.similar[why.similar["modality"] == name].set_index("item_id")["contribution"]
        assert set(similar.index) == ({data.item_ids[j] for j in np.flatnonzero(weight)} if n_item_layers else set())
        for item, value in similar.items():
            assert value == pytest.approx(float(brought[data.item_row(item)]), abs=1e-7)
    assert "held" in why.note


def test_vbprs_parts_are_the_terms_of_its_score():
    data = big()
    model = built("vbpr", data)
    parts = lab.explain(model, "u2", "i4").by_part.set_index("part")["contribution"]
    own, of_features = model.user_embedding[2].detach().chunk(2)
    width = data.features["image"].shape[1]
    weight, bias = model.projection.weight.detach(), model.projection.bias.detach()
    expected = {
        "id": own @ model.item_embedding[4].detach(),
        "image": of_features @ weight[:, :width] @ torch.tensor(data.features["image"][4]).double(),
        "text": of_features @ weight[:, width:] @ torch.tensor(data.features["text"][4]).double(),
        "bias": of_features @ bias,
    }
    assert parts.to_dict() == pytest.approx({name: float(value) for name, value in expected.items()}, abs=1e-10)


def test_a_modality_that_is_called_like_a_part_keeps_its_own_row():
    rng = np.random.default_rng(0)
    data = world([(0, 0), (0, 1), (1, 1), (1, 2)], 2, 3, {"id": rng.random((3, 2)), "bias": rng.random((3, 2))})
    for name in ("vbpr", "freedom", "mgcn"):
        why = lab.explain(built(name, data), "u0", "i2")
        assert {"id", "id modality"} <= set(why.by_part["part"])
        assert why.by_part["contribution"].sum() == pytest.approx(why.score)


def test_itemknns_shares_are_the_similarities_and_the_people_behind_them():
    data = big()
    model = built("itemknn", data)
    history = data.matrix("train").toarray()
    kept = {}
    for j in range(12):
        if j != 4 and (both := (history[:, 4] * history[:, j]).sum()):
            kept[j] = both / (np.sqrt(history[:, 4].sum() * history[:, j].sum()) + 1.0)
    kept = dict(sorted(kept.items(), key=lambda pair: (-pair[1], pair[0]))[:3])
    why = lab.explain(model, "u2", "i4")
    for row in why.history.itertuples():
        assert row.total == pytest.approx(kept.get(data.item_row(row.item_id), 0.0), abs=1e-7)
    for row in why.audience.itertuples():
        mine = history[2] * history[data.user_row(row.user_id)]
        expected = sum(value / (history[:, 4] * history[:, j]).sum() for j, value in kept.items() if mine[j])
        assert row.total == pytest.approx(expected, abs=1e-7)


def test_popularity_is_one_for_each_person():
    data = big()
    why = lab.explain(built("popularity", data), "u2", "i4")
    assert why.audience["total"].tolist() == [1.0] * int(why.score)
    assert why.sources["kind"].tolist() == ["everyone"]


def test_removals_of_multvae_are_what_ifs_and_say_so():
    data = big()
    model = built("multvae", data)
    why = lab.explain(model, "u2", "i4")
    assert "removal" in why.note
    for row in why.history.itertuples():
        assert row.total == pytest.approx(lab.what_if(model, "u2", lab.drop_items(row.item_id), item_id="i4").effect, abs=1e-10)
    assert set(why.sources["kind"]) == {"history", "rest"}


class Cubed(lab.Recommender):
    """Somebody's model, which knows no paths: the cube of how many of a user's items each item was taken with."""

    def __init__(self, data: Dataset, config: object = None) -> None:
        super().__init__(data)
        history = torch.from_numpy(data.matrix("train").toarray()).double()
        self.table = (history @ history.T @ history) ** 3

    def scorer(self):
        return lambda users: self.table[users]


def test_a_model_of_ones_own_is_explained_by_removals():
    data = big()
    model = Cubed(data)
    why = lab.explain(model, "u2", "i4")
    assert why.sources["contribution"].sum() == pytest.approx(why.score)
    for row in why.history.itertuples():
        without = Cubed(changing.without_interactions(data, "u2", [row.item_id]))
        assert row.total == pytest.approx(float(model.table[2, 4] - without.table[2, 4]))


def test_a_model_that_cannot_be_built_again_is_refused_by_name():
    class Bare(Cubed):
        def __init__(self, data: Dataset) -> None:
            super().__init__(data)

    with pytest.raises(lab.ConfigError, match="Bare can't be put onto other data"):
        lab.explain(Bare(big()), "u2", "i4")


@pytest.mark.parametrize("change", [lab.set_knobs(attention_scale=0), lab.mute_head(0)], ids=repr)
def test_what_only_srgformer_has_is_refused_by_name_elsewhere(change):
    with pytest.raises(lab.ConfigError, match="changes a branch of SRGFormer, and LightGCN has none"):
        lab.what_if(built("lightgcn", big()), "u1", change)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("popularity", "itemknn")])
def test_weights_follow_their_ids_onto_other_data(name):
    data = big()
    model = built(name, data)
    other = replace(data, item_ids=tuple(reversed(data.item_ids)), cards=data.cards, truth=None)
    moved, _ = lab.carry_over(model, other)
    for key, value in model.state_dict().items():
        of = model.rows.get(key) or model.rows.get(key.partition(".")[0])
        expected = value.flip(0) if of == "item" else value
        assert torch.equal(moved.state_dict()[key], expected)


@pytest.mark.parametrize("name", MODELS)
def test_figures_draw_every_model_as_the_sum_that_it_is(name):
    why = lab.explain(built(name, big()), "u2", "i4")
    for figure in (lab.plots.waterfall(why.by_part, why.score), lab.plots.sources_waterfall(why.sources, why.score)):
        assert "not explained" not in str(figure.to_dict())
    lab.plots.parts_table(why.parts)
