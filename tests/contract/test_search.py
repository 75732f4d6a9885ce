"""A search tries as many settings of every model, goes on where it was, chooses by validation, and refuses what it can't open."""

import importlib.util
from importlib import util

import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import cli
from srgformer_lab.errors import ConfigError, MissingPackageError, UnknownIdError
from srgformer_lab.experiments.command import run_experiment

needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="Optuna is not installed; it comes with the extra [search]"
)
WORLD = {"n_users": 60, "n_items": 40, "n_groups": 4, "n_interactions": 900}
SMALL = {"embedding_dim": 8, "n_heads": 2, "n_hyperedges": 3, "batch_size": 512, "epochs": 3, "learning_rate": 0.01, "device": "cpu"}
ONLY = ("Popularity", "ItemKNN", "LightGCN")


def searched(folder, n_trials=6, watch=None, storage=None, only=ONLY, search="optuna") -> str:
    setup = lab.Setup(lab.Recipe("studio", WORLD), "studio", (0,), SMALL, n_trials, only, search)
    return "\n".join(run_experiment("baselines", setup, folder / "tables", 0, watch=watch, storage=storage))


def trials_of(folder) -> pd.DataFrame:
    found = pd.read_csv(folder / "tables" / "trials.csv", dtype=str, keep_default_na=False)
    return found.drop(columns=["seconds", "epoch_seconds"])


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, searched(folder)


@needs_optuna
def test_every_model_has_the_same_budget_which_is_printed_and_the_best_by_validation_is_taken(unbroken):
    folder, said = unbroken
    trials, rows = trials_of(folder), pd.read_csv(folder / "tables" / "rows.csv", keep_default_na=False).set_index("model")
    assert trials.groupby("model", sort=False).size().to_dict() == {"Popularity": 1, "ItemKNN": 6, "LightGCN": 6}
    assert "| LightGCN | 6 | 6 | 0 | 0 | 18 |" in said
    for model in ("ItemKNN", "LightGCN"):
        mine = trials[trials["model"] == model].astype({"valid.recall@20": float})
        assert rows.loc[model, "settings"] == mine.loc[mine["valid.recall@20"].idxmax(), "settings"]
        assert mine["settings"].nunique() == 6
    assert trials[trials["model"] == "ItemKNN"]["settings"].iloc[0] == "n_neighbors=50", "its own come first"


@needs_optuna
def test_a_search_that_is_broken_off_or_widened_goes_on_as_an_unbroken_one(unbroken, tmp_path):
    def break_off(progress):
        if progress.n_done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, 4, break_off)
    searched(tmp_path, 4)
    assert len(trials_of(tmp_path)) == 9
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/best.safetensors")}
    assert "6 trainings are to be done" not in searched(tmp_path, 6)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "what was finished is not trained again"
    pd.testing.assert_frame_equal(trials_of(tmp_path), trials_of(unbroken[0]))


@needs_optuna
def test_a_trial_that_lags_behind_is_stopped_and_told_and_its_settings_are_not_taken(tmp_path, monkeypatch):
    from optuna.pruners import ThresholdPruner

    from srgformer_lab.experiments import pruning

    monkeypatch.setattr(pruning, "pruner", lambda: ThresholdPruner(lower=2.0, n_warmup_steps=2))
    said = searched(tmp_path, 2, storage=f"sqlite:///{tmp_path / 'trials.db'}", only=("LightGCN",))
    trials = trials_of(tmp_path)
    assert (trials["state"] == "pruned").all()
    assert (trials["epochs"] == "2").all()
    assert "| LightGCN | 2 | 0 | 2 | 0 |" in said
    assert "Not finished" not in said
    assert "| LightGCN | 1 |" in said, "its own settings are trained to their end, since no trial was"
    assert "0 trainings are to be done" in searched(tmp_path, 2, storage=f"sqlite:///{tmp_path / 'trials.db'}", only=("LightGCN",))
    pd.testing.assert_frame_equal(trials_of(tmp_path), trials)


@needs_optuna
@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("postgresql://me:secret@127.0.0.1:1/trials", r"me:\*\*\*@127.0.0.1:1/trials' can't be opened"),
        ("sqlite:////no/such/folder/trials.db", "can't be opened"),
        ("nonsense://trials", "can't be opened"),
        ("{folder}", "can't be opened"),
        ("{folder}/notes.txt", "can't be opened"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_refused_and_no_password_is_shown(storage, message, tmp_path):
    (tmp_path / "notes.txt").write_text("mine\nand mine\n")
    with pytest.raises(ConfigError, match=message) as raised:
        searched(tmp_path, storage=storage.format(folder=tmp_path))
    assert "secret" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine\nand mine\n"


def test_what_is_no_search_is_refused_before_anything_starts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownIdError, match="no search 'optun' among 2; did you mean optuna"):
        searched(tmp_path, search="optun")
    with pytest.raises(ConfigError, match="needs more than one trial, and trials=1; give --trials"):
        searched(tmp_path, 1)
    with pytest.raises(ConfigError, match="trials=0 must lie between 1"):
        searched(tmp_path, 0)
    with pytest.raises(ConfigError, match="give --search optuna with it"):
        searched(tmp_path, storage="trials.journal", search="grid")
    assert cli.main(["experiment", "ablation", "--search", "optuna"]) == 2
    assert "leave --trials and --search out" in capsys.readouterr().err
    with monkeypatch.context() as without:
        without.setattr(util, "find_spec", lambda name: None)
        with pytest.raises(MissingPackageError, match=r"srgformer-lab\[search\]"):
            searched(tmp_path)
    assert list(tmp_path.iterdir()) == []
