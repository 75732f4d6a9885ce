"""A model answers about its own data alone, with or without being handed it; whatever else is wrong has a name."""

import copy
import inspect
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.analysis.attention import attention_entropy
from srgformer_lab.analysis.faithfulness import removal_effects
from srgformer_lab.analysis.hyperedges import hyperedge_members
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.protocol import Recommender

SIZES = {"n_users": 60, "n_items": 40, "n_groups": 4, "n_interactions": 900}
SMALL = lab.ModelConfig(embedding_dim=8, n_heads=2, n_hyperedges=2)
STEPS = lab.TrainConfig(epochs=1, batch_size=512)


@pytest.fixture(scope="module")
def model(tiny):
    return lab.SRGFormer(tiny, SMALL).eval()


@pytest.fixture(scope="module")
def others(tiny):
    """Data sets that aren't the model's own: of its sizes, with fewer users, and with one pair moved between splits."""
    split = tiny.interactions.split.copy()
    split[[np.flatnonzero(split == 0)[0], np.flatnonzero(split == 1)[0]]] = 1, 0
    moved = replace(tiny, interactions=replace(tiny.interactions, split=split), truth=None)
    return lab.studio(**SIZES, seed=2), lab.studio(**SIZES | {"n_users": 30, "n_interactions": 400}, seed=3), moved


MODEL_CALLS = {
    "evaluate": (lab.evaluate, ("test",)),
    "evaluate_users": (lab.evaluate_users, ("valid",)),
    "rank_items": (lab.rank_items, ("u3",)),
    "recommend": (lab.recommend, ("u3",)),
    "recommend_all": (lab.recommend_all, (5,)),
    "explain": (lab.explain, ("u3", "i5")),
    "versus": (lab.versus, ("u3", "i5", "i6")),
    "reasons": (lab.reasons, ("u3", 2)),
    "hypergraph_paths": (lab.hypergraph_paths, ("u3", "i5")),
}
RUNNING_CALLS = {
    "what_if": (lab.what_if, ("u3", lab.mute_head(0))),
    "faithfulness": (lab.faithfulness, (2, 4, (1.0,))),
    "removal_effects": (removal_effects, ("u3", "i5", 2)),
    "add_user": (lab.add_user, (["i1", "i2"],)),
    "add_item": (lab.add_item, ({"image": np.ones(32), "text": np.ones(32)},)),
}
TRACE_CALLS = {
    "metric_surface": (lab.metric_surface, ([0.1], [0.2])),
    "project": (lab.project, (("image", "text"),)),
    "neighbor_agreement": (lab.neighbor_agreement, ("image", "text")),
    "hyperedge_cards": (lab.hyperedge_cards, ("image",)),
    "hyperedge_members": (hyperedge_members, ("image", 0)),
    "hyperedge_incidence": (lab.hyperedge_incidence, ("image",)),
    "agreement": (lab.agreement, ("image", "text")),
    "against_labels": (lab.against_labels, ("image", ["a", "b"] * 20)),
    "attention_entropy": (attention_entropy, ()),
}
CALLS = [*MODEL_CALLS.items(), *RUNNING_CALLS.items(), *TRACE_CALLS.items()]


def subject_of(name, model):
    return model.trace() if name in TRACE_CALLS else model


def frames_of(answer):
    """Everything in an answer that has numbers, to be compared."""
    if isinstance(answer, pd.DataFrame):
        return [answer]
    if isinstance(answer, lab.Variant):
        return [pd.DataFrame(answer.model.trace().fused.values.numpy())]
    if isinstance(answer, dict):
        return [pd.DataFrame(answer, index=[0])]
    frames = [value for value in vars(answer).values() if isinstance(value, pd.DataFrame)]
    return frames or frames_of(answer.first)


@pytest.mark.parametrize(("name", "call"), CALLS, ids=[name for name, _ in CALLS])
def test_the_data_may_be_left_out_and_may_stand_second_or_by_name(name, call, model, tiny):
    function, rest = call
    subject = subject_of(name, model)
    own = frames_of(function(subject, *rest))
    assert own
    assert sum(map(len, own)) > 0
    twin = pickle.loads(pickle.dumps(tiny))
    for again in (function(subject, tiny, *rest), function(subject, *rest, data=tiny), function(subject, twin, *rest)):
        for frame, same in zip(own, frames_of(again), strict=True):
            pd.testing.assert_frame_equal(frame, same)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(("name", "call"), CALLS, ids=[name for name, _ in CALLS])
def test_other_data_is_refused_by_both_names(name, call, place, model, tiny, others):
    function, rest = call
    other = others[place]
    with pytest.raises(lab.DataError, match="carry_over") as error:
        function(subject_of(name, model), other, *rest)
    assert tiny.fingerprint in str(error.value)
    assert other.fingerprint in str(error.value)
    with pytest.raises(lab.DataError):
        function(subject_of(name, model), *rest, data=other)


def test_training_and_rivers_and_newcomers_refuse_other_data_too(model, tiny, others, tmp_path):
    other = others[0]
    own, strange = model.trace(), lab.SRGFormer(other, SMALL).trace()
    with pytest.raises(lab.DataError):
        lab.fit(lab.SRGFormer(tiny, SMALL), other, STEPS, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(lab.DataError):
        lab.epochs(lab.SRGFormer(tiny, SMALL), other, STEPS)
    with pytest.raises(lab.DataError):
        lab.hyperedge_river({0: own, 1: strange}, tiny, "image")
    with pytest.raises(lab.DataError):
        lab.hyperedge_river({0: own, 1: strange}, "image")
    with pytest.raises(lab.DataError):
        lab.carry_over(model, other, tiny)
    renamed = replace(tiny, item_ids=[f"x{name}" for name in tiny.item_ids], truth=None)
    with pytest.raises(lab.DataError):
        lab.match_hyperedges(own, lab.carry_over(model, renamed).model.trace(), "image")


def test_training_without_naming_the_data_is_the_same_training(tiny, tmp_path):
    runs = [lab.fit(lab.SRGFormer(tiny, SMALL), *given, folder=tmp_path) for given in ((tiny, STEPS), (STEPS,))]
    assert runs[0].test_metrics() == runs[1].test_metrics()
    seen = [list(lab.epochs(lab.SRGFormer(tiny, SMALL), *given)) for given in ((tiny, STEPS), (STEPS,))]
    assert seen[0][0].losses == seen[1][0].losses


def test_weights_are_carried_over_with_or_without_their_own_data(model, tiny, others):
    new = others[2]
    for variant in (lab.carry_over(model, new), lab.carry_over(model, tiny, new), lab.carry_over(model, tiny, after=new)):
        assert variant.model.data is variant.data is new
        assert torch.equal(variant.model.user_embedding, model.user_embedding)
        assert lab.recommend(*variant, "u3").equals(lab.recommend(variant.model, "u3"))


def test_a_model_and_its_passes_know_their_data(model, tiny):
    assert model.data is tiny
    assert model.trace().data is tiny
    assert model.trace().fuse(attention_scale=0.5).data is tiny
    assert lab.Popularity(tiny).data is tiny
    newcomer = lab.add_user(model, ["i1"])
    assert newcomer.model.data is newcomer.data
    assert "newcomer" in newcomer.data.user_ids


def test_the_own_data_costs_no_fingerprint(tiny):
    fresh = pickle.loads(pickle.dumps(tiny))
    lab.recommend(lab.Popularity(fresh), fresh, "u3")
    lab.recommend(lab.Popularity(fresh), "u3")
    assert "fingerprint" not in vars(fresh)


def test_the_signature_reads_as_it_is_called():
    assert list(inspect.signature(lab.recommend).parameters) == ["model", "user_id", "k", "hide", "data"]
    assert list(inspect.signature(lab.what_if).parameters) == ["model", "user_id", "changes", "item_id", "data"]
    assert inspect.signature(lab.evaluate).parameters["data"].default is None


def test_a_recommender_of_ones_own_says_that_it_lacks_data(tiny):
    class Forgetful(Recommender):
        def __init__(self):
            torch.nn.Module.__init__(self)

        def scorer(self):
            return lambda users: torch.zeros(len(users), tiny.n_items)

    with pytest.raises(lab.DataError, match="super"):
        lab.recommend(Forgetful(), "u3")


# ------------------------------------------------------------------- copies


def test_a_copy_shares_the_data_and_scores_alike(model, tiny):
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other.trace().fused.values, model.trace().fused.values)
    assert copy.deepcopy(model).data is tiny
    restored = pickle.loads(pickle.dumps(tiny))
    assert isinstance(restored, Dataset)
    assert restored.fingerprint == tiny.fingerprint
    assert lab.evaluate(model, restored) == lab.evaluate(model, tiny)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"])
def test_a_copy_made_inside_an_edit_is_not_edited(copied, model):
    plain = model.trace().fused.values
    with model.edit(lab.mute_head(0), lab.without_modality("image")):
        other = copied(model)
        edited = model.trace().fused.values
        assert other.hooks.active == ()
        assert torch.equal(other.trace().fused.values, plain)
        with other.edit(lab.mute_head(0), *lab.without_modality("image")):
            assert torch.equal(other.trace().fused.values, edited)
    assert not torch.equal(edited, plain)
    assert torch.equal(model.trace().fused.values, plain)
    assert torch.equal(other.trace().fused.values, plain)


def test_a_derived_class_trains_is_loaded_and_needs_its_class(tiny, tmp_path):
    class Louder(lab.SRGFormer):
        def scorer(self):
            scores = super().scorer()
            return lambda users: 2 * scores(users)

    run = lab.fit(Louder(tiny, SMALL), STEPS, tmp_path)
    assert type(run.model(tiny)) is Louder
    assert lab.Run.open(run.path).config.model == SMALL
    path = run.path / "config.json"
    path.write_text(path.read_text().replace("Louder", "Quieter"))
    assert lab.Run.open(run.path).config.model == SMALL
    with pytest.raises(lab.UnknownIdError, match="import the module"):
        lab.Run.open(run.path).model(tiny)


# -------------------------------------------------------------- wrong input


def test_edits_come_with_or_without_a_star(model):
    def edited(*edits):
        with model.edit(*edits):
            return model.trace().fused.values

    assert torch.equal(edited(lab.without_modality("image")), edited(*lab.without_modality("image")))
    for wrong in ("mute_head", lab.drop_items("i1"), (1,)):
        with pytest.raises(lab.ConfigError, match="edit"):
            edited(wrong)


WRONG = {
    "a text for a model": (lambda m, t, d: lab.recommend("model", "u3"), lab.ConfigError, "SRGFormer"),
    "data for a model": (lambda m, t, d: lab.evaluate(d), lab.ConfigError, "Recommender"),
    "a frame for data": (lambda m, t, d: lab.evaluate(m, data=pd.DataFrame()), lab.DataError, "Dataset"),
    "a frame second": (lambda m, t, d: lab.evaluate(m, pd.DataFrame()), lab.ConfigError, "split"),
    "a baseline without branches": (lambda m, t, d: lab.hypergraph_paths(lab.Popularity(d), "u3", "i5"), lab.ConfigError, "SRGFormer"),
    "a baseline to change": (lambda m, t, d: lab.what_if(lab.LightGCN(d), "u3", lab.mute_head(0)), lab.ConfigError, "SRGFormer"),
    "a pass to run again": (lambda m, t, d: lab.what_if(t, "u3", lab.mute_head(0)), lab.ConfigError, "run again"),
    "a model for a pass": (lambda m, t, d: lab.project(m), lab.ConfigError, "trace"),
    "an unknown option": (lambda m, t, d: lab.evaluate(m, k=5), lab.ConfigError, "cutoffs"),
    "nobody": (lambda m, t, d: lab.recommend(m), lab.ConfigError, "user_id"),
    "no model": (lambda m, t, d: lab.recommend(), lab.ConfigError, "model"),
    "a number that is no id": (lambda m, t, d: lab.recommend(m, d, 3), lab.UnknownIdError, "'3'"),
    "an unknown user": (lambda m, t, d: lab.explain(m, "nobody", "i5"), lab.UnknownIdError, "user"),
    "an unknown item": (lambda m, t, d: lab.explain(m, "u3", "nothing"), lab.UnknownIdError, "item"),
    "half a place": (lambda m, t, d: lab.evaluate(m, cutoffs=(10.5,)), lab.ConfigError, "whole"),
    "one cut-off": (lambda m, t, d: lab.evaluate(m, cutoffs=10), lab.ConfigError, "sequence"),
    "no cut-off": (lambda m, t, d: lab.evaluate(m, cutoffs=()), lab.ConfigError, "cut"),
    "an unknown split": (lambda m, t, d: lab.evaluate(m, "train"), lab.ConfigError, "split"),
    "no block": (lambda m, t, d: lab.recommend_all(m, block=0), lab.ConfigError, "block"),
    "a block of text": (lambda m, t, d: lab.recommend_all(m, block="all"), lab.ConfigError, "block"),
    "no place": (lambda m, t, d: lab.recommend(m, "u3", 0), lab.ConfigError, "k=0"),
    "hiding what": (lambda m, t, d: lab.recommend(m, "u3", hide="all"), lab.ConfigError, "hide"),
    "an odd number": (lambda m, t, d: lab.metric_surface(t, [0.1], [0.1], metric="recall@010"), lab.ConfigError, "recall@k"),
    "a small two": (lambda m, t, d: lab.metric_surface(t, [0.1], [0.1], metric="recall@²"), lab.ConfigError, "recall@k"),
    "a metric of none": (lambda m, t, d: lab.metric_surface(t, [0.1], [0.1], metric="recall@0"), lab.ConfigError, "recall@k"),
    "a text for scales": (lambda m, t, d: lab.metric_surface(t, "0.1", [0.1]), lab.ConfigError, "attention_scales"),
    "a scale too far": (lambda m, t, d: lab.metric_surface(t, [11.0], [0.1]), lab.ConfigError, "attention_scale"),
    "no reason": (lambda m, t, d: lab.reasons(m, "u3", n=0), lab.ConfigError, "n=0"),
    "no change": (lambda m, t, d: lab.what_if(m, "u3"), lab.ConfigError, "change"),
    "a change in words": (lambda m, t, d: lab.what_if(m, "u3", "drop i1"), lab.ConfigError, "changes"),
    "a head of text": (lambda m, t, d: lab.mute_head("first"), lab.ConfigError, "head"),
    "a head too many": (lambda m, t, d: lab.what_if(m, "u3", lab.mute_head(2)), lab.ConfigError, "head 2"),
    "an unknown modality": (lambda m, t, d: lab.what_if(m, "u3", *lab.without_modality("audio")), lab.ConfigError, "audio"),
    "a knob of no kind": (lambda m, t, d: lab.set_knobs(alpha=0.3), lab.ConfigError, "alpha"),
    "a knob of text": (lambda m, t, d: lab.set_knobs(attention_scale="much"), lab.ConfigError, "attention_scale"),
    "a knob too far": (lambda m, t, d: lab.set_knobs(attention_scale=11.0), lab.ConfigError, "between"),
    "α of a pass": (lambda m, t, d: t.fuse(alpha=0.3), lab.ConfigError, "attention_scale"),
    "a row too many": (lambda m, t, d: m.trace_for([60]), lab.ConfigError, "from 0 to 59"),
    "no row": (lambda m, t, d: m.trace_for([]), lab.ConfigError, "rows"),
    "a seed below 0": (lambda m, t, d: lab.cosines(t, seed=-1), lab.ConfigError, "seed"),
    "no draw": (lambda m, t, d: lab.cosines(t, n_negatives=0), lab.ConfigError, "n_negatives"),
    "one modality twice": (lambda m, t, d: lab.geometry(t, "image", "image"), lab.ConfigError, "two different"),
    "an unknown side": (lambda m, t, d: lab.cross_modal_recall(t, side="people"), lab.ConfigError, "side"),
    "an unknown space": (lambda m, t, d: lab.project(t, ("audio",)), lab.ConfigError, "audio"),
    "an unknown method": (lambda m, t, d: lab.project(t, method="tsne"), lab.ConfigError, "pca"),
    "an unknown hyperedge": (lambda m, t, d: hyperedge_members(t, "image", 9), lab.ConfigError, "hyperedge=9"),
    "a modality without hyperedges": (lambda m, t, d: lab.hyperedge_usage(t, "audio"), lab.ConfigError, "audio"),
    "no labels": (lambda m, t, d: lab.against_labels(t, "image", []), lab.DataError, "labels"),
    "an unknown column": (lambda m, t, d: lab.item_labels(d, "colour"), lab.DataError, "colour"),
    "no trace": (lambda m, t, d: lab.hyperedge_river({}, "image"), lab.ConfigError, "trace"),
    "a model in a river": (lambda m, t, d: lab.hyperedge_river({0: m}, "image"), lab.ConfigError, "trace"),
    "one user": (lambda m, t, d: lab.faithfulness(m, n_users=1), lab.ConfigError, "n_users"),
    "an item that is there": (lambda m, t, d: lab.add_user(m, ["i1"], "u3"), lab.DataError, "taken"),
    "no item": (lambda m, t, d: lab.add_user(m, []), lab.DataError, "no item"),
    "features in a list": (lambda m, t, d: lab.add_item(m, [np.ones(32)]), lab.ConfigError, "features"),
    "a list without ranks": (lambda m, t, d: lab.compare_lists(pd.DataFrame(), pd.DataFrame()), lab.ConfigError, "rank"),
    "a list of text": (lambda m, t, d: lab.compare_lists("a", "b"), lab.ConfigError, "before"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name, model, tiny):
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call(model, model.trace(), tiny)
