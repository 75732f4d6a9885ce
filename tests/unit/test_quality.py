"""The time until a model is good: what is counted, when a training ends, and what is refused."""

import math

import pandas as pd
import pytest

from srgformer_lab.cli import main
from srgformer_lab.config import TrainConfig
from srgformer_lab.errors import ConfigError, UnknownIdError
from srgformer_lab.experiments.cases import Setup
from srgformer_lab.experiments.quality import quality_table, time_to_quality
from srgformer_lab.experiments.recipe import Recipe
from srgformer_lab.presets import PRESETS, QUICK, preset

SMALL = {"embedding_dim": 8, "n_heads": 2, "n_hyperedges": 3, "epochs": 5, "batch_size": 512}
SHOP = Recipe("studio", {"n_users": 60, "n_items": 40, "n_groups": 4, "n_interactions": 900})


def here(act, *arguments):
    return act(*arguments)


def curves(target, only=("SRGFormer quick", "LightGCN"), seeds=(0, 1)):
    *_, rows = time_to_quality(Setup(SHOP, "studio", seeds, SMALL, only=only), target, here)
    return rows


def test_a_training_ends_once_it_has_held_the_target_three_times():
    rows = curves(0.0)
    assert rows.groupby(["model", "seed"])["epoch"].apply(list).tolist() == [[1, 2, 3]] * 4
    assert rows.loc[rows["is_held"], "epoch"].tolist() == [1] * 4
    assert rows["model"].drop_duplicates().tolist() == ["SRGFormer quick", "LightGCN"]
    steps = rows["steps"] / rows["epoch"]
    assert steps.nunique() == 1
    assert (rows.groupby(["model", "seed"])[["seconds", "cpu_seconds"]].diff().dropna() > 0).all(axis=None)


def test_a_target_that_is_out_of_reach_is_never_held():
    rows = curves(1.0, seeds=(0,))
    assert not rows["is_held"].any()
    assert rows["epoch"].max() == SMALL["epochs"]
    assert "| LightGCN | 0 of 1 | never | never | never | never |" in quality_table(rows)


def test_medians_count_a_training_that_never_came_there_as_the_slowest():
    columns = ["model", "seed", "epoch", "steps", "seconds", "cpu_seconds", "value", "is_held"]
    held = [("A", seed, 2 + seed, 20, 1000.0 * seed, 5.0, 0.5, seed < 2) for seed in range(3)]
    table = quality_table(pd.DataFrame(held, columns=columns))
    assert table.splitlines()[-1] == "| A | 2 of 3 | 3 | 20 | 1,000 | 5 | 0.5000 |"
    assert quality_table(pd.DataFrame(held[1:], columns=columns)).splitlines()[-1].startswith("| A | 1 of 2 | never |")


def test_a_quick_preset_changes_the_training_alone():
    for name in PRESETS:
        quick = preset(name).quick()
        assert quick.model == preset(name).model
        changed = {key for key, value in quick.train.to_dict().items() if value != getattr(preset(name).train, key)}
        assert changed == set(QUICK)
    assert set(QUICK) <= set(TrainConfig.names())


@pytest.mark.parametrize("target", [-0.1, 1.1, math.nan])
def test_a_target_out_of_range_is_refused_before_anything_is_trained(target):
    with pytest.raises(ConfigError, match="quality="):
        curves(target)


def test_unknown_models_are_refused_by_name(tmp_path, capsys):
    with pytest.raises(UnknownIdError, match="did you mean LightGCN"):
        curves(0.1, only=("LightGNC",))
    assert main(["bench", "--quality", "0.1", "--only", "nothing", "--output", str(tmp_path / "bench")]) == 2
    assert "SRGFormer quick" in capsys.readouterr().err
    assert not (tmp_path / "bench" / "quality-64.csv").exists()
