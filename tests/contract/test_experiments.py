"""An experiment shares runs by their settings and by nothing else, goes on where it was, and its table says what its runs say."""

import contextlib
import hashlib
import json
import math
import multiprocessing
import os
import shlex
import signal
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import cli
from srgformer_lab.analysis.attention import attention_auc
from srgformer_lab.cli.parser import make_parser
from srgformer_lab.config import FOUND_STRUCTURE
from srgformer_lab.errors import ConfigError, UnknownIdError
from srgformer_lab.experiments import engines, outcomes, runner, structure
from srgformer_lab.experiments.audit import verdict_of_audit
from srgformer_lab.experiments.candidates import candidates
from srgformer_lab.experiments.cases import Setup
from srgformer_lab.experiments.catalog import EXPERIMENTS, Experiment, experiment, points_of
from srgformer_lab.experiments.command import best, run_experiment
from srgformer_lab.experiments.engines import Job, LocalPool, seconds_left
from srgformer_lab.experiments.needs import Need, check_hours, check_memory, need
from srgformer_lab.experiments.outcomes import METRICS, Outcome, complete, rows, seen, table
from srgformer_lab.experiments.recipe import Recipe
from srgformer_lab.experiments.report import Result
from srgformer_lab.experiments.runner import Runner
from srgformer_lab.training.estimate import Work

WORLD = {"n_users": 60, "n_items": 40, "n_groups": 4, "n_interactions": 900}
SMALL = {"embedding_dim": 8, "n_heads": 2, "n_hyperedges": 3, "batch_size": 512, "epochs": 2, "learning_rate": 0.01, "device": "cpu"}


def setup_of(**changes) -> Setup:
    return replace(Setup(Recipe("studio", WORLD), "studio", (0, 1), SMALL), **changes)


def texts_of(name, folder, setup=None, **options) -> str:
    return "\n".join(run_experiment(name, setup or setup_of(), folder / "tables", 0, **options))


def _runner(folder, n_workers, ends=math.inf, watch=None) -> Runner:
    return Runner(Job(folder, ends, watch), LocalPool(n_workers))


TRAINED = [name for name, each in EXPERIMENTS.items() if isinstance(each, Experiment)]


@pytest.mark.parametrize("name", TRAINED)
def test_every_experiment_ends_with_a_complete_table(name, tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "REMOVALS_OF", 2)
    shorter = {
        "sensitivity": ("τ",),
        "sparsity": ("LightGCN", "SRGFormer"),
        "structure": ("published", "LightGCN"),
        "missing": ("text",),
        "audit": ("all together",),
    }
    setup = setup_of(seeds=(0,), changes=SMALL | {"epochs": 1}, only=shorter.get(name, ()))
    texts = texts_of(name, tmp_path, setup)
    assert "Not finished" not in texts
    rows, found = pd.read_csv(tmp_path / "tables" / "rows.csv"), pd.read_csv(tmp_path / "tables" / "table.csv", keep_default_na=False)
    assert (rows["state"] == "finished").all()
    by = list(EXPERIMENTS[name].by)
    assert len(found) == len(rows.drop_duplicates(by)) > 1
    assert not found.duplicated(by).any()
    labels = list(EXPERIMENTS[name].reference)
    assert (found[labels].astype(str) == [str(value) for value in EXPERIMENTS[name].reference.values()]).all(axis=1).any()


def test_structure_is_measured_on_the_trained_model_and_on_its_untrained_self(tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "REMOVALS_OF", 3)
    setup = setup_of(seeds=(0,), only=("published", "found V untrained", "LightGCN"), changes=SMALL | {"epochs": 3})
    texts = texts_of("structure", tmp_path, setup)
    rows = pd.read_csv(tmp_path / "tables" / "rows.csv").set_index("form")
    data = setup.recipe.open(0)
    for form in ("published", "found V untrained"):
        run = lab.Run.open(tmp_path / "runs" / rows.loc[form, "run"])
        for prefix, model in (("", run.model(data)), ("untrained ", lab.SRGFormer(data, run.config.model))):
            trace, row = model.trace(), rows.loc[form]
            for modality in data.modalities:
                nmi = lab.against_labels(trace, data, modality, lab.visible_labels(data, modality)).nmi
                assert row[f"structure.{prefix}NMI {modality}"] == pytest.approx(nmi, nan_ok=True), (form, prefix)
            assert row[f"structure.{prefix}AUC attention"] == pytest.approx(attention_auc(trace, data))
    same = rows.loc["found V untrained"]
    assert same["structure.NMI image"] == pytest.approx(same["structure.untrained NMI image"]), "nothing teaches V"
    assert rows.loc["LightGCN"].filter(like="structure.").isna().all()
    assert "; untrained " in texts
    assert {"gain, LightGCN", "users_low, LightGCN"} <= set(pd.read_csv(tmp_path / "tables" / "table.csv"))


def test_histories_too_short_to_be_ranked_leave_the_rest_of_the_table(tmp_path):
    setup = setup_of(seeds=(0, 1))
    cases = [setup.case({"form": "found"}, seed) for seed in setup.seeds]
    measures = [{"AUC attention": 0.5 + case.seed / 10, "ρ attention": math.nan, "NMI text": (math.nan, 0.4)[case.seed]} for case in cases]
    done = [replace(_finished(tmp_path, case, [0.5, 0.5]), structure=measured) for case, measured in zip(cases, measures, strict=True)]
    row = table(done, ("form",), {"form": "published"}).iloc[0]
    assert row["structure.AUC attention"] == pytest.approx(0.55)
    assert row["structure.AUC attention low"] < 0.55 < row["structure.AUC attention high"]
    assert math.isnan(row["structure.ρ attention"])
    assert row["structure.NMI text"] == 0.4
    assert not {"structure.ρ attention low", "structure.NMI text low"} & set(row.index), "one value has no interval"


def test_a_run_that_was_judged_without_structure_is_measured_when_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "REMOVALS_OF", 2)
    case = setup_of().case({}, 0)
    plain = complete(case, tmp_path)
    asked = replace(case, with_structure=True)
    assert asked.key == case.key
    assert plain.structure is None
    assert not seen(asked, tmp_path).is_finished
    measured = complete(asked, tmp_path)
    assert measured.structure
    assert measured.test == plain.test
    assert seen(asked, tmp_path).structure == measured.structure


def test_lists_are_judged_beyond_what_they_find_without_another_training(tmp_path, monkeypatch):
    plain = setup_of(only=("whole",))
    assert "Beyond what is found" not in texts_of("ablation", tmp_path, plain)
    monkeypatch.setattr(outcomes, "resume", lambda *_, **__: pytest.fail("it was trained again"))
    asked = replace(plain, beyond=True)
    told = texts_of("ablation", tmp_path, asked).partition("Beyond what is found, of lists of 20 at test:")[2]
    found = pd.read_csv(tmp_path / "tables" / "table.csv").iloc[0]
    by_seed = []
    for seed in asked.seeds:
        data = asked.recipe.open(seed)
        (path,) = (tmp_path / "runs").glob(f"srgformer-{seed}-*")
        judged = lab.judge_lists(lab.Run.open(path).model(data), data, "test", (20,)).set_index("metric")["value"]
        by_seed.append(judged.drop(["recall@20", "ndcg@20"]))
    for metric, mean in pd.concat(by_seed, axis=1).mean(axis=1).items():
        assert found[f"beyond.{metric}"] == pytest.approx(mean)
        assert found[f"beyond.{metric} low"] <= mean <= found[f"beyond.{metric} high"]
    assert f"| {found['beyond.popularity@20']:.3g} [" in told
    assert make_parser(False).parse_args(["experiment", "ablation", "--beyond"]).beyond
    with pytest.raises(ConfigError, match="cost trains nothing"):
        run_experiment("cost", asked, tmp_path / "cost")


def test_the_table_says_what_the_runs_say(tmp_path):
    setup = setup_of(only=("SRGFormer", "LightGCN"))
    texts_of("baselines", tmp_path, setup)
    found, rows = (pd.read_csv(tmp_path / "tables" / f"{name}.csv").set_index("model") for name in ("table", "rows"))
    users = {}
    for model, row in rows.iterrows():
        trained = lab.Run.open(tmp_path / "runs" / row["run"])
        data = setup.recipe.open(int(row["seed"]))
        test = lab.evaluate(trained.model(data), data, "test")
        assert row["test.recall@20"] == pytest.approx(test["recall@20"], abs=1e-6)
        assert trained.test_metrics()["recall@20"] == pytest.approx(test["recall@20"], abs=1e-12)
        users[model, row["seed"]] = lab.evaluate_users(trained.model(data), data, "test").set_index("user_id")["recall@20"]
    ours, theirs = rows.loc["SRGFormer", "test.recall@20"].to_numpy(), rows.loc["LightGCN", "test.recall@20"].to_numpy()
    row = found.loc["SRGFormer"]
    assert row["recall@20"] == pytest.approx(ours.mean())
    assert row["gain"] == pytest.approx((ours - theirs).mean(), abs=1e-6)
    half = 12.7062 * np.std(ours - theirs, ddof=1) / math.sqrt(2)  # Student's t of one degree of freedom, 97.5 %
    assert row["gain_high"] - row["gain"] == pytest.approx(half, rel=1e-3)
    apart = [users["SRGFormer", seed] - users["LightGCN", seed] for seed in (0, 1)]
    pooled = pd.concat(apart, axis=1).mean(axis=1).to_numpy()
    assert row["users_low"] <= pooled.mean() <= row["users_high"]
    spread = 1.96 * pooled.std() / math.sqrt(len(pooled))
    assert row["users_high"] - row["users_low"] == pytest.approx(2 * spread, rel=0.15)


def test_cases_share_a_run_exactly_if_nothing_that_decides_the_training_differs():
    setup = setup_of()
    one = setup.case({"a": 1}, 0)
    assert one.key == setup.case({"b": "other words"}, 0, n_hyperedges=3).key
    others = [
        setup.case({}, 1),
        setup.case({}, 0, n_hyperedges=4),
        setup.case({}, 0, regularization_weight=1e-3),
        setup.case({}, 0, user_membership="mean"),
        setup.case({}, 0, membership_balance=0.2),
        setup.case({}, 0, "lightgcn"),
        setup.of_share(0.5).case({}, 0),
        setup.without("image", 0.5).case({}, 0),
        setup.without("text", 0.5).case({}, 0),
        setup.without("text", 0.5).case({}, 0, missing_features="mean"),
        setup.intervening(("text", "mean")).case({}, 0),
        setup.intervening(("image", "mean")).case({}, 0),
        setup.intervening(("image", "mean"), ("text", "mean")).case({}, 0),
        setup.intervening(("text", "permuted")).case({}, 0),
        setup_of(recipe=Recipe("studio", WORLD | {"n_users": 61})).case({}, 0),
    ]
    assert setup_of(recipe=Recipe("studio", {**WORLD, "image_signal": 1.0})).case({}, 0).key == one.key, "the data counts, not its words"
    assert len({one.key, *(case.key for case in others)}) == 1 + len(others)
    assert setup.without("image", 0.0).case({}, 0).key == setup.intervening().case({}, 0).key == one.key


def test_an_audit_says_what_is_lost_where_features_are_dealt_out_anew():
    columns = ["modality", "features", "gain", "gain_low", "gain_high", "users_low", "users_high"]
    rows = [
        ("image", "as they are", *[math.nan] * 5),
        ("image", "permuted", -0.014, -0.023, -0.005, -0.02, -0.01),
        ("text", "zero", -0.3, -0.4, -0.2, -0.4, -0.2),
        ("text", "permuted", -0.002, -0.01, 0.006, -0.004, -0.001),
        ("all together", "permuted", 0.01, math.nan, math.nan, 0.004, 0.016),
    ]
    assert verdict_of_audit(pd.DataFrame(rows, columns=columns)) == (
        "The image features bring +0.0140 [+0.0050, +0.0230] test recall@20 over seeds. "
        "The text features bring nothing that can be told from chance: +0.0020 [−0.0060, +0.0100] test recall@20 over seeds. "
        "All modalities together cost −0.0100 [−0.0160, −0.0040] test recall@20 over users."
    )


def test_settings_that_came_later_leave_the_names_of_older_runs_alone():
    """A folder that was trained before there were such settings is found again by the settings that it has."""
    one = setup_of().case({}, 0)
    model = {name: value for name, value in one.model.to_dict().items() if name not in (*FOUND_STRUCTURE, "missing_features")}
    train = {name: value for name, value in one.train.to_dict().items() if name not in ("membership_balance", "modality_contrast_rows")}
    settings = {
        "data": [one.recipe.fingerprint(0), 1.0, 0],
        "model": ["srgformer", model],
        "train": train,
        "version": "0.1.0",
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    assert one.key == f"srgformer-0-{digest[:10]}"


def test_the_same_command_again_trains_nothing_and_says_the_same(tmp_path):
    setup = setup_of(only=("whole", "w/o attention", "noise at evaluation"))
    first = texts_of("ablation", tmp_path, setup).partition("Test metrics")[2]
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/best.safetensors")}
    assert len(weights) == 4, "noise at evaluation reads the whole model's runs"
    again = texts_of("ablation", tmp_path, setup)
    assert again.partition("Test metrics")[2] == first
    assert "0 trainings are to be done" in again
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/best.safetensors")} == weights


def test_noise_at_evaluation_changes_the_reading_and_not_the_training(tmp_path):
    setup = setup_of(seeds=(0,), changes=SMALL | {"hypergraph_scale": 1.0, "membership_temperature": 1.0})
    plain = setup.case({}, 0)
    noisy = replace(plain, with_noise=True)
    quiet, loud = complete(plain, tmp_path), complete(noisy, tmp_path)
    assert quiet.best_epoch == loud.best_epoch
    assert quiet.users().index.equals(loud.users().index)
    assert not np.allclose(quiet.users()["recall@20"], loud.users()["recall@20"])


def test_a_broken_off_case_goes_on_to_what_an_unbroken_one_is(tmp_path):
    case = setup_of(changes=SMALL | {"epochs": 4}).case({}, 0)
    whole = complete(case, tmp_path / "whole")
    partly = complete(replace(case, train=case.train.replace(epochs=4)), tmp_path / "broken")
    assert partly.test == whole.test
    broken = tmp_path / "stopped"
    lab.Run.create(broken, case.key, case.recipe.open(0), case.model_name, case.model, case.train).request_stop()
    assert not seen(case, broken).is_finished
    resumed = complete(case, broken)
    assert resumed.test == whole.test


def test_a_training_that_another_process_has_at_hand_is_waited_for(tmp_path, monkeypatch):
    case = setup_of(changes=SMALL | {"epochs": 1}).case({}, 0)
    run = lab.Run.create(tmp_path, case.key, case.recipe.open(0), case.model_name, case.model, case.train)
    lock = run.take()
    run.write_status(replace(run.status(), state="running"))
    assert complete(case, tmp_path).state == "running"
    waits = []
    monkeypatch.setattr(runner, "time", SimpleNamespace(sleep=lambda seconds: (waits.append(seconds), lock.release())))
    (outcome,) = _runner(tmp_path, 0).finish([case])
    assert outcome.is_finished
    assert len(waits) == 1


def test_a_folder_that_was_broken_off_before_it_said_of_what_is_made_anew(tmp_path):
    case = setup_of().case({}, 0)
    (tmp_path / case.key).mkdir()
    (tmp_path / case.key / "status.json").write_text("{")
    assert complete(case, tmp_path).is_finished


def test_a_case_that_fails_is_named_and_the_others_go_on(tmp_path):
    good = setup_of().case({"variant": "good"}, 0)
    blind = setup_of(recipe=Recipe("studio", WORLD)).case({"variant": "bad"}, 0, "vbpr", modalities=("smell",))
    bad, fine = _runner(tmp_path / "runs", 0).finish([blind, good])
    assert bad.state == "failed"
    assert "has no modality 'smell'" in bad.message
    assert fine.is_finished
    found = table([bad, fine], ("variant",), {"variant": "good"}).set_index("variant")
    assert found.loc["bad", "unfinished"] == 1
    assert math.isnan(found.loc["bad", "recall@20"])


def test_processes_find_what_one_process_finds(tmp_path):
    cases = [setup_of().case({"seed": seed}, seed) for seed in (0, 1)]
    seen_progress = []
    apart = _runner(tmp_path / "apart", 2, watch=seen_progress.append).finish(cases)
    here = _runner(tmp_path / "here", 0).finish(cases)
    assert [outcome.test for outcome in apart] == [pytest.approx(outcome.test, abs=1e-6) for outcome in here]
    assert seen_progress[-1].n_done == seen_progress[-1].n_cases == 2
    assert [progress.n_done for progress in seen_progress] == sorted(progress.n_done for progress in seen_progress)


def _time_is_up(monkeypatch, reached):
    """Let a runner's clock stand at 0, and jump to 1 when something is reached."""
    monkeypatch.setattr(engines, "time", SimpleNamespace(monotonic=lambda: float(reached())))
    return 0.5


def _wait_until(reached, process):
    while not reached():  # the time limit of the test ends it
        assert process.is_alive()
        time.sleep(0.1)


def test_when_the_time_is_up_trainings_stop_and_go_on_at_the_next_start(tmp_path, monkeypatch):
    case = setup_of(changes=SMALL | {"epochs": 4000, "patience": 4000}).case({"variant": "long"}, 0)
    (stopped,) = _runner(tmp_path, 1, _time_is_up(monkeypatch, lambda: seen(case, tmp_path).epochs)).finish([case])
    assert stopped.state == "stopped"
    assert 1 <= stopped.epochs < 4000
    (again,) = _runner(tmp_path, 1, -1.0).finish([case])
    assert (again.state, again.epochs) == ("stopped", stopped.epochs)
    (later,) = _runner(tmp_path, 1, _time_is_up(monkeypatch, lambda: seen(case, tmp_path).epochs > stopped.epochs)).finish([case])
    assert stopped.epochs < later.epochs < 4000


def _interrupted(folder, case):
    os.setpgrp()
    _runner(folder, 1).finish([case])


def test_a_killed_experiment_loses_at_most_an_epoch(tmp_path, monkeypatch):
    case = setup_of(changes=SMALL | {"epochs": 3000, "patience": 3000}).case({}, 0)
    process = multiprocessing.get_context("spawn").Process(target=_interrupted, args=(tmp_path, case))
    process.start()
    _wait_until(lambda: seen(case, tmp_path).epochs >= 3, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    while (before := seen(case, tmp_path)).state == "running":
        time.sleep(0.1)  # a killed process lets go of its files a moment later
    assert before.state == "interrupted"
    assert before.epochs >= 3
    (after,) = _runner(tmp_path, 1, _time_is_up(monkeypatch, lambda: seen(case, tmp_path).epochs > before.epochs)).finish([case])
    assert before.epochs < after.epochs < 3000


def test_the_best_trial_is_chosen_by_validation_and_the_first_of_equals():
    setup = setup_of(seeds=(0,))
    values = {"A": [0.2, 0.5, 0.5], "B": [0.3, 0.1]}
    tried = [
        Outcome(
            setup.case({"model": name, "trial": number}, 0, n_hyperedges=3 + number),
            "finished",
            valid={"recall@20": value},
            test={"recall@20": 1 - value},
        )
        for name, of_model in values.items()
        for number, value in enumerate(of_model, start=1)
    ]
    unfinished = Outcome(setup.case({"model": "B", "trial": 3}, 0), "stopped")
    assert best([*tried, unfinished], "model") == {"A": {"n_hyperedges": 5}, "B": {"n_hyperedges": 4}}


def test_every_candidate_is_tried_equally_often_where_its_grid_allows_and_starts_from_its_own():
    for each in candidates(setup_of()).values():
        trials = each.trials(5)
        assert trials[0] == dict(each.settings)
        assert all(trial not in trials[:place] for place, trial in enumerate(trials))
        grid = math.prod(len(values) for values in each.grid.values()) if each.grid else 1
        assert len(trials) == min(5, grid)
        assert trials == each.trials(7)[:5], "more trials add to the same ones"
        assert all(trial[name] in values for trial in trials[1:] for name, values in each.grid.items())


def test_a_setting_of_the_setup_is_the_same_for_all_models_but_for_what_makes_a_model():
    known = candidates(setup_of(changes=SMALL | {"regularization_weight": 0.5, "attention_scale": 0.7}))
    assert [each.name for each in known.values() if "regularization_weight" in {**each.settings, **each.grid}] == []
    assert known["LGMRec"].settings["attention_scale"] == 0.0
    assert "attention_scale" not in known["SRGFormer"].settings
    assert "n_layers" in known["LightGCN"].grid


def test_trials_choose_what_the_seeds_are_run_with(tmp_path):
    setup = setup_of(n_trials=3, only=("ItemKNN", "Popularity"))
    texts_of("baselines", tmp_path, setup)
    trials, rows = (pd.read_csv(tmp_path / "tables" / f"{name}.csv", keep_default_na=False) for name in ("trials", "rows"))
    tried = trials[trials["model"] == "ItemKNN"].astype({"valid.recall@20": float})
    winner = tried.loc[tried["valid.recall@20"].idxmax(), "settings"]
    assert set(rows.loc[rows["model"] == "ItemKNN", "settings"]) == {winner}
    assert len(tried) == 3


def test_a_budget_that_cannot_fit_is_refused_before_anything_starts(tmp_path):
    setup = setup_of(changes=SMALL | {"epochs": 100_000, "patience": 100_000})
    with pytest.raises(ConfigError, match=r"trainings are to be done.*--hours 0\.001 can't be enough"):
        texts_of("ablation", tmp_path, setup, hours=0.001)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="are free; take fewer --workers"):
        check_memory(Need(1, 0, 0, 10**15), 2)


def test_what_is_done_is_not_counted_as_need(tmp_path):
    cases = [setup_of().case({}, seed) for seed in (0, 1)]
    before = need(cases, tmp_path)
    complete(cases[0], tmp_path)
    after = need(cases, tmp_path)
    assert (before.n_cases, after.n_cases) == (2, 1)
    assert after.hours_at_most < before.hours_at_most


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda folder: experiment("ablations"), UnknownIdError, "did you mean ablation"),
        (lambda folder: texts_of("ablation", folder, setup_of(only=("w/o love",))), UnknownIdError, "variant 'w/o love'"),
        (lambda folder: texts_of("baselines", folder, setup_of(only=("GPT",))), UnknownIdError, "'GPT'"),
        (lambda folder: setup_of(seeds=()), ConfigError, "at least one seed"),
        (lambda folder: setup_of(seeds=(1, 1)), ConfigError, "each once"),
        (lambda folder: setup_of(n_trials=0), ConfigError, "trials=0 must lie between 1"),
        (
            lambda folder: setup_of().case({}, 0, smell=1),
            ConfigError,
            "srgformer and its training have no setting smell; known",
        ),
        (lambda folder: list(run_experiment("ablation", setup_of(), folder / "tables", -1)), ConfigError, "workers=-1"),
    ],
)
def test_a_mistake_is_named_and_leaves_nothing(act, error, message, tmp_path):
    with pytest.raises(error, match=message):
        act(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_runs_an_experiment_and_names_those_that_there_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["--embedding-dim", "8", "--n-heads", "2", "--epochs", "1", "--seeds", "1", "--workers", "0"]
    assert cli.main(["experiment", "baselines", "--only", "Popularity,LightGCN", *small]) == 0
    assert "| LightGCN | 1 |" in capsys.readouterr().out
    assert (tmp_path / "experiments" / "baselines-studio" / "table.md").exists()
    assert cli.main(["experiment", "?"]) == 2
    error = capsys.readouterr().err
    assert all(name in error for name in EXPERIMENTS)


def _finished(folder, case, gains) -> Outcome:
    """Give an outcome of users who gain so much, without a training."""
    path = folder / f"{case.key}.csv"
    pd.DataFrame({"user_id": [f"u{row}" for row in range(len(gains))], **dict.fromkeys(METRICS, gains)}).to_csv(path, index=False)
    means = dict.fromkeys(METRICS, float(np.mean(gains)))
    return Outcome(case, "finished", valid=means, test=means, users_file=path)


def test_the_same_users_in_more_seeds_are_no_more_users(tmp_path):
    gains = np.random.default_rng(0).normal(0.01, 0.1, 200)
    widths = {}
    for n_seeds in (1, 5):
        outcomes = []
        for seed in range(n_seeds):
            ours, theirs = (setup_of().case({"model": name}, seed, kind) for name, kind in (("A", "srgformer"), ("B", "lightgcn")))
            outcomes += [_finished(tmp_path, ours, gains), _finished(tmp_path, theirs, np.zeros(200))]
        row = table(outcomes, ("model",), {"model": "B"}).set_index("model").loc["A"]
        widths[n_seeds] = row["users_high"] - row["users_low"]
        assert row["users_low"] < gains.mean() < row["users_high"]
    assert widths[5] == pytest.approx(widths[1])


@pytest.mark.parametrize(("seeds", "head", "cell"), [((0,), "LightGCN [users] |", "]"), ((0, 1), "LightGCN [seeds] [users] |", "] [")])
def test_a_table_says_what_its_brackets_are_over(seeds, head, cell, tmp_path):
    text = texts_of("baselines", tmp_path, setup_of(seeds=seeds, only=("LightGCN", "Popularity"), changes=SMALL | {"epochs": 1}))
    assert head in text
    assert text.split("| Popularity |")[1].splitlines()[0].split(" | ")[-1].count("[") == len(cell.split()), text


def test_what_is_printed_above_a_table_is_a_command_that_makes_it_again():
    changes = {"mixed_precision": True, "scaled_attention": False, "modalities": ("image", "text"), "epochs": 3}
    setup = Setup(Recipe("studio", {"image_signal": 0.5}), "studio", (4, 5), changes, 1, ("w/o attention", "whole"))
    words = shlex.split(Result(experiment("ablation"), setup, "", *3 * [pd.DataFrame()]).command)
    options = make_parser(for_training=False).parse_args(words[1:])
    assert {name: getattr(options, name) for name in changes} == changes
    assert (options.only, options.first_seed, options.seeds, options.image_signal) == ("w/o attention,whole", 4, 2, 0.5)


def test_trials_that_did_not_end_are_told_beside_the_table(tmp_path):
    blind = setup_of(n_trials=2, seeds=(0,), only=("VBPR",), changes=SMALL | {"modalities": ("smell",)})
    case = blind.case({"model": "VBPR", "trial": 1}, 0, "vbpr")
    result = Result(experiment("baselines"), blind, "", rows([Outcome(case, "stopped", epochs=7)]), pd.DataFrame(), pd.DataFrame())
    assert "- VBPR, trial 1, seed 0: stopped after 7 epochs" in result.missing()


@pytest.mark.parametrize("name", ["ablation", "cost"])
def test_trials_are_refused_where_nothing_is_tried(name, tmp_path):
    with pytest.raises(ConfigError, match="tries none; leave --trials and --search out"):
        texts_of(name, tmp_path, setup_of(n_trials=5))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["", "tables"])
def test_an_output_that_is_or_lies_in_a_file_is_refused_before_anything_starts(inside, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ConfigError, match="is a file; name a folder"):
        list(run_experiment("ablation", setup_of(), tmp_path / "taken" / inside, 0))
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_no_label_of_an_experiment_breaks_the_list_of_those_that_are_wanted():
    setup = setup_of(changes=SMALL | {"embedding_dim": 16})
    labels = [str(value) for name in TRAINED for case in EXPERIMENTS[name].cases(setup, {}) for value in case.labels.values()]
    assert [label for label in labels if "," in label] == []


@pytest.mark.parametrize("speed", [1e9 + 12_345_678.9 * step for step in range(12)])
def test_what_is_half_done_is_half_the_need_and_what_needs_no_training_is_one_evaluation_on_any_machine(speed, tmp_path, monkeypatch):
    monkeypatch.setattr("srgformer_lab.training.estimate.limits", lambda device: Work(30 * speed, speed))
    case = setup_of(changes=SMALL | {"epochs": 100, "patience": 10}).case({}, 0)
    whole = need([case], tmp_path)
    run = lab.Run.create(tmp_path, case.key, case.recipe.open(0), case.model_name, case.model, case.train)
    run.write_status(replace(run.status(), epoch=99, best_epoch=95))
    half = need([case], tmp_path)
    assert whole.hours_at_least / whole.hours_at_most == pytest.approx(0.11)
    assert half.hours_at_least == half.hours_at_most == pytest.approx(whole.hours_at_most / 100)
    still = need([setup_of().case({}, 0, "itemknn")], tmp_path)
    assert still.hours_at_least == still.hours_at_most > 0


def test_more_workers_than_trainings_need_no_more_memory_and_many_are_faster_than_one():
    check_memory(Need(1, 0.1, 1, 10**6), 10**9)
    check_hours(Need(4, 3.9, 9, 1), 1, 4)
    with pytest.raises(ConfigError, match="can't be enough"):
        check_hours(Need(4, 3.9, 9, 1), 1, 2)


def test_the_time_left_counts_only_what_was_done_now():
    assert seconds_left(10, 5, 4, 60) == pytest.approx(300)
    assert seconds_left(10, 0.5, 0, 60) == pytest.approx(1140)
    assert math.isnan(seconds_left(10, 4, 4, 60))


def test_processes_end_with_the_experiment_that_is_killed_and_let_go_of_its_runs(tmp_path):
    case = setup_of(changes=SMALL | {"epochs": 100_000, "patience": 100_000, "embedding_dim": 4}).case({}, 0)
    process = multiprocessing.get_context("spawn").Process(target=_interrupted, args=(tmp_path, case))
    process.start()
    try:
        _wait_until(lambda: seen(case, tmp_path).epochs >= 1, process)
        os.kill(process.pid, signal.SIGKILL)  # it alone, not those that it started
        process.join()
        while (state := seen(case, tmp_path).state) == "running":
            time.sleep(0.1)
        assert state == "interrupted"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_all_models_of_a_comparison_see_the_same_modalities_at_the_same_width():
    setup = setup_of(changes=SMALL | {"modalities": ("image",)})
    for name in ("srgformer", "vbpr", "freedom", "bm3", "mgcn"):
        model = setup.case({}, 0, name).model
        assert (model.modalities, model.embedding_dim) == (("image",), 8)


@pytest.mark.parametrize(("bounds", "words"), [({"gain_low": 0.01, "gain_high": 0.02}, "25 of 25 are shown"), ({}, "One seed")])
def test_the_plane_says_how_much_of_it_may_be_noise(bounds, words):
    question = experiment("sensitivity")
    points = [value for value, _ in points_of("α×β")]
    frame = pd.DataFrame([{"knob": "α×β", "value": value, "unfinished": 0, "recall@20": 0.1, **bounds} for value in points])
    (figure,) = question.draw(frame, question.by, question.reference)
    assert words in figure.layout.title.subtitle.text.replace("<br>", " ")
