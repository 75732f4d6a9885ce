"""What was planted is found: a short training on the built-in world recovers groups and tells taste from chance."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import srgformer_lab as lab
from srgformer_lab.statistics import over_users
from srgformer_lab.training.managing import SHIPPED_PRESETS


@pytest.fixture(scope="module")
def world():
    return lab.studio(n_users=200, n_items=90, n_groups=6, n_interactions=3000, noise=0.3, seed=5)


@pytest.fixture(scope="module")
def learned(world, tmp_path_factory):
    preset = lab.preset("studio")
    model = lab.SRGFormer(world, preset.model)
    lab.fit(model, world, preset.train.replace(epochs=15, batch_size=256), tmp_path_factory.mktemp("runs"))
    return model


def test_it_beats_popularity_over_users(world, learned):
    ours, popular = (lab.evaluate_users(model, world, "test")["recall@10"] for model in (learned, lab.Popularity(world)))
    assert over_users((ours - popular).to_numpy()).low > 0


def test_items_of_a_group_end_up_near_one_another(world, learned):
    items = normalize(learned.trace().fused.items, dim=1)
    near = (items @ items.T).fill_diagonal_(-2).topk(5, dim=1).indices.numpy()
    group = world.truth.item_group
    assert np.mean(group[near] == group[:, None]) > 3 / 6


def test_an_interest_scores_higher_than_a_chance_interaction(world, learned):
    trace, pairs = learned.trace(), world.pairs("test")
    scores = torch.cat([trace.scores(torch.tensor([user]))[0, [item]] for user, item in pairs]).numpy()
    noise = world.truth.noise[world.interactions.split == 2]
    assert scores[~noise].mean() > scores[noise].mean() + scores.std() / 2


@pytest.mark.parametrize("name", SHIPPED_PRESETS)
def test_a_shipped_run_is_of_the_built_in_world_and_says_the_truth(name):
    run, chosen = lab.shipped_run(name), lab.preset(name)
    data = run.open_data()
    keeps = {"keep_epochs": chosen.train.keep_epochs}
    assert (run.config.model, run.config.train.replace(**keeps)) == (chosen.model, chosen.train)
    assert data.fingerprint == lab.studio(seed=0).fingerprint
    assert run.status().state == "finished"
    again = lab.evaluate(run.model(data), data, "test")
    assert again == pytest.approx(run.test_metrics(), abs=2e-3)  # the features' last bits differ between machines
    assert sum(path.stat().st_size for path in run.path.rglob("*")) < 3_000_000
    assert {0, run.status().epoch} <= set(run.epochs())
    best = run.history().set_index("epoch").loc[run.status().best_epoch]
    assert lab.evaluate(run.model(data), data, "valid") == pytest.approx(best[list(again)].to_dict(), abs=2e-3)


def test_the_shipped_runs_show_what_was_found_and_what_was_not():
    published, found = (lab.measure_structure(lab.shipped_run(name).model().trace()) for name in SHIPPED_PRESETS)
    gains = [
        (table["value"] - table["untrained"])[table["measure"].isin(["NMI with categories", "attention AUC"])]
        for table in (published, found)
    ]
    assert list(map(len, gains)) == [3, 3]
    assert gains[0].max() < 0.1
    assert gains[1].min() > 0.35


def test_only_the_named_runs_are_shipped():
    with pytest.raises(lab.UnknownIdError, match="studio_found"):
        lab.shipped_run("baby")
