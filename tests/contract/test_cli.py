"""The command line does what its options say, and a mistake ends in one line and exit code 2."""

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import cli
from srgformer_lab.cli.options import configurations, model_option
from srgformer_lab.cli.parser import make_parser
from srgformer_lab.models import catalog
from tests.shops import write_shop

SMALL = ["--epochs", "2", "--embedding-dim", "8", "--n-heads", "2", "--n-hyperedges", "3", "--batch-size", "4096"]


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_writes_a_run_with_the_settings_given(work, capsys):
    assert cli.main(["train", *SMALL, "--name", "mine", "--attention-scale", "0.7", "--as-released", "--modalities", "image,text"]) == 0
    run = lab.Run.open(work / "runs" / "mine")
    assert (run.config.model.embedding_dim, run.config.model.attention_scale, run.config.model.as_released) == (8, 0.7, True)
    assert run.status().state == "finished"
    assert run.config.train.learning_rate == lab.preset("studio").train.learning_rate
    assert "test: recall@10" in capsys.readouterr().out


def test_a_run_keeps_the_form_of_its_attention(work):
    chosen = ["--attention-form", "linear", "--attention-input", "propagated"]
    assert cli.main(["train", *SMALL, "--name", "mine", *chosen]) == 0
    run = lab.Run.open(work / "runs" / "mine")
    model = run.model(run.open_data())
    assert (model.config.attention_form, model.config.attention_input, model.attention.form) == ("linear", "propagated", "linear")


def test_help_lists_the_words_of_a_setting(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    shown = capsys.readouterr().out
    assert "--attention-form {product,cosine,linear,uniform}" in shown
    assert "--attention-input {raw,propagated}" in shown


def test_a_run_is_evaluated_listed_and_recommends(trained, tiny, work, capsys):
    run, _ = trained
    assert cli.main(["evaluate", str(run.path)]) == 0
    assert f"test recall@20  {run.test_metrics()['recall@20']:.4f}" in capsys.readouterr().out
    assert cli.main(["runs", str(run.path.parent)]) == 0
    assert run.name in capsys.readouterr().out
    assert cli.main(["recommend", str(run.path), "--user", "u2", "-k", "3"]) == 0
    assert len(capsys.readouterr().out.strip().splitlines()) == 4
    assert cli.main(["recommend", str(run.path), "--output", "all.csv", "-k", "2"]) == 0
    left = [tiny.n_items - len(tiny.history(user_id, "all")) for user_id in tiny.user_ids]
    assert len(pd.read_csv(work / "all.csv")) == sum(min(2, items) for items in left)


def test_a_run_is_audited_by_user_and_by_item(trained, work, capsys):
    run, model = trained
    assert cli.main(["audit", str(run.path), "-k", "5", "--output", "found"]) == 0
    shown, found = capsys.readouterr().out, lab.audit(model, k=5)
    assert found.verdict in shown
    assert len(re.findall(r"^test recall@5 ", shown, re.MULTILINE)) == 15
    pd.testing.assert_frame_equal(pd.read_csv(work / "found" / "audit.csv", keep_default_na=False, na_values=["nan"]), found.table)
    assert len(pd.read_csv(work / "found" / "users.csv")) == len(found.users)
    assert len(pd.read_csv(work / "found" / "items.csv")) == len(found.items)
    assert cli.main(["audit", str(run.path), "--draws", "0"]) == 2
    assert "draws=0" in capsys.readouterr().err


def test_anybodys_reasons_are_tested_beside_those_of_the_house(trained, work, capsys):
    run, model = trained
    found = lab.faithfulness(model, n_users=2, shares=()).effects
    claims = found.rename(columns={"removed": "history_id", "effect": "claim"})
    claims.to_csv(work / "reasons.csv", index=False)
    command = ["faithfulness", str(run.path), "--users", "2", "--claims", "reasons.csv", "--output", "found"]
    assert cli.main(command) == 0
    shown, table = capsys.readouterr().out, pd.read_csv(work / "found" / "correlations.csv").set_index("order")
    assert table.loc["reasons.csv", "spearman"] == pytest.approx(1)
    assert {"contribution", "attention", "random", *lab.EXPLAINERS} < set(table.index)
    assert "“reasons.csv” ranks a history much as real removals do" in shown
    (work / "reasons.csv").write_text("user_id,item_id\nu1,i1\n")
    assert cli.main(command) == 2
    assert "lack the column 'history_id'" in capsys.readouterr().err
    assert cli.main([*command[:5], "nowhere.csv"]) == 2
    assert "nowhere.csv can't be read" in capsys.readouterr().err


def test_baselines_are_trained_by_name(work):
    assert cli.main(["train", "--model", "lightgcn", "--epochs", "1", "--n-layers", "2", "--embedding-dim", "8"]) == 0
    assert cli.main(["train", "--model", "popularity"]) == 0
    lightgcn, popularity = (lab.Run.open(work / "runs" / f"studio-{name}") for name in ("lightgcn", "popularity"))
    assert lightgcn.config.model.n_layers == 2
    assert popularity.test_metrics()["recall@20"] > 0


def test_another_model_takes_a_presets_width_and_training_and_says_so(work, capsys):
    assert cli.main(["train", "--preset", "sports", "--model", "lightgcn", "--epochs", "1", "--name", "wide"]) == 0
    assert "of preset sports, lightgcn takes the training's settings and --embedding-dim 256" in capsys.readouterr().out
    config = lab.Run.open(work / "runs" / "wide").config
    assert config.model == lab.LightGCNConfig(embedding_dim=256)
    assert config.train.hypergraph_contrast_weight == 1e-4
    assert cli.main(["train", "--model", "mf", "--epochs", "1"]) == 0
    assert "of preset" not in capsys.readouterr().out


def test_a_log_gets_plain_lines_with_the_time_left_and_not_one_for_every_step(work, capsys):
    small = ["--embedding-dim", "8", "--n-heads", "2", "--epochs", "2", "--batch-size", "1024", "--device", "cpu"]
    assert cli.main(["train", *small]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "epoch 2 of 2" in lines[-1]
    assert 1 < len(lines) < 5
    assert cli.main(["experiment", "ablation", "--only", "whole, w/o MCL", "--seeds", "1", "--workers", "0", *small]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("1 of 2 trainings are done; about 0")
    assert lines[-1] == "2 of 2 trainings are done"


def test_every_setting_of_every_model_is_an_option_and_one_name_has_one_type():
    types = {}
    for name, kind in catalog.MODELS.items():
        for item in dataclasses.fields(kind.config):
            assert types.setdefault(item.name, item.type) == item.type, name
    options = make_parser(for_training=True).parse_args(["train"])
    assert {model_option(name) for name in types} <= set(vars(options))


@pytest.mark.parametrize("given", [[], ["--batch-size", "40"]])
def test_multvae_takes_batches_of_users_unless_told_otherwise(given, work):
    small = ["--hidden-dim", "8", "--code-dim", "3", "--annealing-steps", "7", "--epochs", "1", "--model-seed", "4"]
    assert cli.main(["train", "--model", "multvae", *small, *given]) == 0
    config = lab.Run.open(work / "runs" / "studio-multvae").config
    assert config.train.batch_size == (40 if given else 500)
    assert config.model == lab.MultVAEConfig(hidden_dim=8, code_dim=3, annealing_steps=7, seed=4)


@pytest.mark.parametrize(("name", "weight"), [("bm3", 0.1), ("mgcn", 1e-4), ("lightgcn", 1e-6)])
@pytest.mark.parametrize("given", [[], ["--regularization-weight", "0.03"]])
def test_a_model_has_its_sources_weight_of_norms_unless_told_otherwise(name, weight, given):
    options = make_parser(for_training=True).parse_args(["train", "--model", name, "--embedding-dim", "24", *given])
    model, train = configurations(options)
    assert (type(model), model.embedding_dim) == (catalog.kind(name).config, 24)
    assert train.regularization_weight == (0.03 if given else weight)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--n-heads", "3"], "n_heads=3 must divide embedding_dim=64; try 1, 2, 4, 8"),
        (["train", "--attention-form", "flash"], "attention_form='flash' must be product, cosine, linear or uniform"),
        (["train", "--attention-form", "linear", "--scaled-attention"], "attention_form='linear' has none to divide"),
        (["train", "--model", "gpt"], "there is no model 'gpt' among 10"),
        (["train", "--model", "mf", "--n-heads", "2"], "mf has no setting --n-heads; it has --embedding-dim, --model-seed"),
        (["train", "--model", "popularity", "--model-seed", "2"], "popularity has no setting --model-seed; it has none"),
        (["train", "--model", "vbpr", "--modalities", ""], "VBPR needs at least one modality"),
        (["train", "--preset", "babies"], "there is no preset 'babies'"),
        (["train", "--data", "nowhere"], "nowhere"),
        (["train", "--modalities", "smell"], "has no modality 'smell'"),
        (["train", "--device", "cuda"], "is not on this machine"),
        (["evaluate", "nowhere"], "there is no run folder nowhere"),
        (["recommend", "nowhere"], "give --user ID for one list"),
        (["check", "nowhere"], "nowhere"),
    ],
)
def test_a_mistake_ends_in_one_line(arguments, message, work, capsys):
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert list(work.glob("**/*.safetensors")) == []


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"srgformer-lab {lab.__version__}\n"


def test_a_tilde_is_the_home_folder_in_every_path(run_copy, tiny, work, monkeypatch, capsys):
    """Whatever its shell does: ``--data=~/shop`` is left as it is by all of them."""
    monkeypatch.setenv("HOME", str(work))
    write_shop(work / "shop", tiny)
    shutil.copytree(run_copy.path, work / "mine" / "first")
    assert cli.main(["train", "--data=~/shop", "--runs=~/runs", "--name", "it", "--model", "popularity"]) == 0
    assert cli.main(["train", "--resume", "~/mine/first"]) == 0
    assert cli.main(["evaluate", "~/runs/it"]) == cli.main(["runs", "~/mine"]) == cli.main(["check", "~/shop"]) == 0
    assert cli.main(["recommend", "~/runs/it", "--user", "u2", "--output=~/list.csv"]) == 0
    assert cli.main(["report", "~/mine/first", "--output=~/why.html"]) == 0
    assert "first" in capsys.readouterr().out
    assert {"runs", "list.csv", "why.html"} <= {path.name for path in work.iterdir()}
    assert list(Path.cwd().glob("~*")) == []


def test_the_data_of_the_app_may_lie_in_the_home_folder(work, started, monkeypatch):
    monkeypatch.setenv("HOME", str(work))
    assert cli.main(["app", "--data=~/shop"]) == 0
    assert started[0][-2:] == ["--data", str(work / "shop")]


def test_a_home_that_nobody_has_is_refused_as_an_option(work, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["evaluate", "~nobody-of-this-name/runs/first"])
    assert ended.value.code == 2
    assert "~nobody-of-this-name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(OSError(28, "No space left on device"), 1), (lab.DataError("two\nlines"), 2), (KeyboardInterrupt(), 130)]
)
def test_what_goes_wrong_meanwhile_is_one_line_and_a_code(error, code, work, monkeypatch, capsys):
    def fails(_):
        raise error

    monkeypatch.setattr("srgformer_lab.cli.commands.check", fails)
    assert cli.main(["check", "shop"]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_whoever_has_read_enough_is_not_shown_a_traceback(run_copy):
    listing = subprocess.Popen(
        [sys.executable, "-m", "srgformer_lab", "runs", str(run_copy.path.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    listing.stdout.close()
    assert listing.stderr.read() == ""
    listing.stderr.close()
    assert listing.wait() == 1


def test_an_empty_folder_of_runs_says_what_to_do(work, capsys):
    assert cli.main(["runs"]) == 0
    assert "srgformer-lab train" in capsys.readouterr().out


def test_resuming_a_finished_run_changes_nothing(run_copy):
    before = run_copy.history()
    assert cli.main(["train", "--resume", str(run_copy.path)]) == 0
    pd.testing.assert_frame_equal(run_copy.history(), before)


@pytest.fixture
def started(work, monkeypatch):
    """What the command line starts instead of a server."""
    commands = []
    for home in ("commands", "lessons"):
        monkeypatch.setattr(f"srgformer_lab.cli.{home}.become_marimo", lambda arguments, environment: commands.append(arguments) or 0)
    return commands


def test_visitors_share_two_heaps_unless_somebody_chose_otherwise(work, monkeypatch):
    given = []
    name = "MALLOC_ARENA_MAX"
    monkeypatch.setattr("srgformer_lab.cli.commands.become_marimo", lambda arguments, environment: given.append(environment[name]) or 0)
    monkeypatch.delenv(name, raising=False)
    cli.main(["app"])
    monkeypatch.setenv(name, "7")
    cli.main(["app"])
    assert given == ["2", "7"]


def test_a_class_is_served_without_a_browser_on_the_data_that_was_opened(tiny, work, started, capsys):
    write_shop(work / "my shop", tiny)
    assert cli.main(["app", "--serve", "my shop?k_core=1", "--host", "0.0.0.0", "--port", "2800"]) == 0
    (command,) = started
    assert command[-8:] == ["--host", "0.0.0.0", "--port", "2800", "--headless", "--", "--serve=", "--serve=my shop?k_core=1"]
    told = capsys.readouterr().out
    assert told.count("visitors may choose") == 2
    assert "my shop" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--serve", "nowhere"], "nowhere"),
        (["--serve", "--k-core", "5"], "--serve takes the data folders itself"),
        (["--serve", "shop", "--data", "other"], "--serve takes the data folders itself"),
        (["--serve", "shop?core=5"], "core is no option of a data folder"),
    ],
)
def test_a_class_with_a_mistake_is_not_started(arguments, message, work, started, capsys):
    assert cli.main(["app", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert started == []


def test_a_run_and_anybodys_lists_are_judged_beyond_accuracy_and_against_each_other(trained, tiny, tmp_path, capsys):
    run, _ = trained
    assert cli.main(["evaluate", str(run.path), "--beyond"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = lab.judge_lists(run.model(tiny), tiny, "test").set_index("metric")
    for metric, row in found.iterrows():
        told = next(line for line in lines if line.split()[:2] == ["test", metric])
        assert float(told.split()[2]) == pytest.approx(row["value"], abs=0.051)
    assert sum("cold" in line and "gap" in line for line in lines) == 8

    lists = lab.rank_lists(lab.Popularity(tiny), tiny, "test", 12)
    user, place = np.nonzero(lists.items >= 0)
    ids = {"user_id": [tiny.user_ids[lists.users[row]] for row in user], "item_id": [tiny.item_ids[i] for i in lists.items[user, place]]}
    pd.DataFrame({**ids, "rank": place}).to_csv(tmp_path / "popular.csv", index=False)
    given = ["judge", str(tmp_path / "popular.csv"), "--against", str(run.path)]
    assert cli.main([*given, "--cutoffs", "5,12"]) == 0
    told = capsys.readouterr().out
    expected = lab.judge_differences({"run": run.model(tiny), "lists": lists}, tiny, "test", (5, 12)).set_index("metric")
    line = told.partition("popular minus")[2].partition("test recall@12")[2].split()
    assert float(line[0]) == pytest.approx(expected.loc["recall@12", "difference"], abs=1e-4)
    assert "ranks start at 0" in told
    assert re.search(r"test overlap@12 +\d", told)
    assert cli.main(given) == 0
    assert "recall@20" not in capsys.readouterr().out  # no list is as long
    for more, fault in (
        ("--cutoffs=a", "--cutoffs a must be"),
        ("--cutoffs=40", "cut-off 40"),
        ("--k-core=5", "--k-core too"),
    ):
        assert cli.main([*given, more]) == 2
        assert fault in capsys.readouterr().err
    assert cli.main(given[:2]) == 2
    assert "say which data the lists are of" in capsys.readouterr().err
