"""An experiment's settings: what is misspelt is refused by name before anything starts, and a case keeps the folder that 0.1.0 gave it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab.cli import main
from srgformer_lab.config import TrainConfig
from srgformer_lab.errors import ConfigError, UnknownIdError
from srgformer_lab.experiments.catalog import experiment
from srgformer_lab.experiments.workload import SHAPES, task
from srgformer_lab.runtime import resolve_device

STUDIO = lab.Recipe("studio")
SMALL = {"embedding_dim": 16, "n_heads": 2, "epochs": 3, "attention_scale": 0.7}
TYPOS = {"embeding_dim": 8, "epoch": 2}
STORED = Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda: lab.Setup(STUDIO, changes={"embeding_dim": 8, "epoch": 2}),
            ConfigError,
            "no setting embeding_dim, epoch; .*did you mean embedding_dim, epochs",
        ),
        (lambda: lab.Setup(STUDIO, changes={"seed": 3}), ConfigError, "without the seed"),
        (lambda: lab.Setup(STUDIO, changes=["epochs"]), ConfigError, "settings by name"),
        (lambda: lab.Setup(STUDIO, changes={"epochs": "3"}), ConfigError, "epochs='3' must be a whole number"),
        (lambda: lab.Setup(STUDIO, changes={"n_heads": 3}), ConfigError, "n_heads=3 must divide"),
        (lambda: lab.Setup(STUDIO, changes={"n_layers": 2}), ConfigError, "no setting n_layers"),
        (lambda: lab.Setup(STUDIO, "studios"), UnknownIdError, "did you mean studio"),
        (lambda: lab.Setup(STUDIO, seeds=5), ConfigError, "seeds=5 must be a tuple"),
        (lambda: lab.Setup(STUDIO, seeds=(-1,)), ConfigError, "seed=-1 must lie between"),
        (lambda: lab.Setup(STUDIO, seeds=(2**63,)), ConfigError, "must lie between"),
        (lambda: lab.Setup(STUDIO, seeds=(True,)), ConfigError, "seed=True must be a whole number"),
        (lambda: lab.Setup(STUDIO, n_trials=1.5), ConfigError, "trials=1.5 must be a whole number"),
        (lambda: lab.Setup(STUDIO, only="whole"), ConfigError, "only='whole' must be a tuple"),
        (lambda: lab.Recipe("studio", {"seed": 3}), ConfigError, "without its seed"),
        (lambda: lab.Recipe("studio", share=0), ConfigError, "share=0"),
        (lambda: lab.Recipe("studio", share=float("nan")), ConfigError, "share=nan"),
        (lambda: lab.Recipe("studio", {"n_userz": 60}).open(0), ConfigError, "no option n_userz"),
        (lambda: lab.run_experiment("abblation", lab.Setup(STUDIO), Path()), UnknownIdError, "did you mean ablation"),
        (lambda: lab.run_experiment("ablation", lab.Setup(STUDIO), Path(), hours=float("nan")), ConfigError, "hours=nan"),
        (lambda: lab.run_experiment("ablation", lab.Setup(STUDIO), Path(), hours="3"), ConfigError, "hours='3' must be a number"),
        (lambda: lab.run_experiment("ablation", lab.Setup(STUDIO), Path(), n_workers=1.5), ConfigError, "workers=1.5"),
        (lambda: lab.Setup(STUDIO).case({}, 0, "lightgnc"), UnknownIdError, "did you mean lightgcn"),
        (
            lambda: lab.Setup(STUDIO).case({}, 0, "lightgcn", n_layer=2),
            ConfigError,
            "training have no setting n_layer; .*n_layers",
        ),
        (lambda: task(SHAPES["studio"], "studio", 64, 1, False, epoch=1), ConfigError, "no setting epoch; .*did you mean epochs"),
        (lambda: resolve_device("cuda:99"), ConfigError, "device='cuda:99' is not on this machine"),
        (lambda: resolve_device("cpu:7"), ConfigError, "device='cpu:7' must be auto"),
        (lambda: resolve_device("cpu:x"), ConfigError, "device='cpu:x'"),
        (lambda: resolve_device(3), ConfigError, "device=3"),
        (lambda: lab.thinned(lab.studio(60, 40, 4, 900), 0.5, seed=-1), ConfigError, "seed=-1"),
        (lambda: lab.studio(60, 40, 4, 900, seed=2**63), ConfigError, "seed="),
        (lambda: lab.ModelConfig.from_dict([("n_heads", 2)]), ConfigError, "built from a dictionary"),
        (lambda: TrainConfig(epochs=np.array(3)), ConfigError, "epochs=array"),
        (lambda: TrainConfig(epochs=10**400), ConfigError, "must lie between"),
        (lambda: lab.ModelConfig(modalities=["image"]), ConfigError, "must be a tuple of names"),
    ],
)
def test_what_is_misspelt_or_out_of_range_is_named_before_anything_starts(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_what_is_given_as_numpy_or_as_a_list_is_taken_as_what_it_means():
    setup = lab.Setup(STUDIO, seeds=list(np.arange(2)), changes={"epochs": np.int64(3)}, only=["whole", "whole"])
    assert (setup.seeds, setup.only, setup.train.epochs) == ((0, 1), ("whole",), 3)
    assert [type(seed) for seed in setup.seeds] == [int, int]
    assert type(setup.train.epochs) is int


def test_the_command_line_refuses_a_label_that_is_none(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", "attention", "--only", "cosin"]) == 2
    assert "did you mean cosine" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "changes", "last"),
    [
        ("baselines", {}, "srgformer-3-d3f5eb9f73"),
        ("baselines", SMALL, "srgformer-3-7884a2e495"),
        ("ablation", {}, "srgformer-3-ee57341987"),
        ("ablation", SMALL, "srgformer-3-a3af2b2cc5"),
        ("sensitivity", {}, "srgformer-3-9e545ae685"),
        ("sensitivity", SMALL, "srgformer-3-f81233fb48"),
        ("sparsity", {}, "srgformer-3-6e6f68bff7"),
        ("sparsity", SMALL, "srgformer-3-bdae33dc14"),
        ("transfer", {}, "srgformer-3-69ccb2e41f"),
        ("transfer", SMALL, "srgformer-3-d4b5defd88"),
        ("freezing", {}, "srgformer-3-b242444c15"),
        ("freezing", SMALL, "srgformer-3-1fbb37799a"),
        ("attention", {}, "srgformer-3-7d69c73298"),
        ("attention", SMALL, "srgformer-3-d6d755f484"),
    ],
)
def test_settings_have_the_folders_of_the_first_release(name, changes, last, monkeypatch):
    """Of data with this fingerprint: an experiment that was begun with 0.1.0 goes on."""
    monkeypatch.setattr(lab.Recipe, "fingerprint", lambda self, seed: "f" * 16)
    setup = lab.Setup(lab.Recipe("studio", {"n_users": 60, "n_items": 40, "n_groups": 4, "n_interactions": 900}), "studio", (0, 3), changes)
    cases = experiment(name).cases(setup, {})
    assert cases[-1].key == last


@pytest.mark.parametrize("name", ["attention", "freezing", "sparsity", "transfer"])
def test_the_stored_tables_name_the_folders_that_their_commands_would_go_on_with(name):
    rows = pd.read_csv(STORED / f"{name}-studio" / "rows.csv")
    facts = json.loads((STORED / f"{name}-studio" / "facts.json").read_text("utf-8"))
    setup = lab.Setup(STUDIO, facts["preset"], tuple(facts["seeds"]), facts["changes"])
    assert [case.key for case in experiment(name).cases(setup, {})] == list(rows["run"])
