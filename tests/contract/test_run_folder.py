"""A run folder survives kill -9, damage and company, and a running training obeys it."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import pandas as pd
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.training import fit as fitting
from srgformer_lab.training import recording, worker
from srgformer_lab.training import records as told
from srgformer_lab.training.loop import Training
from srgformer_lab.training.managing import damaged_runs
from srgformer_lab.training.recording import epochs_to_drop

CONFIG = lab.TrainConfig(epochs=5, batch_size=64, learning_rate=0.01, seed=3)
MODEL = lab.ModelConfig(embedding_dim=16, n_hyperedges=4, n_heads=2)


def new_run(data, root, name="run", **changes):
    return lab.Run.create(root, name, data, "srgformer", MODEL, CONFIG.replace(**changes))


def lines(run):
    """Read the history, less the seconds, which differ from run to run."""
    records = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


def wait_until(condition, seconds=150):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def train_in_process(run):
    command = [sys.executable, "-W", "ignore", "-m", "srgformer_lab", "train", "--resume", str(run.path)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=worker._environment())


def test_a_killed_run_resumes_to_the_history_of_an_unbroken_one(tiny, tmp_path):
    unbroken = new_run(tiny, tmp_path, "unbroken", epochs=12)
    assert train_in_process(unbroken).wait(300) == 0
    killed = new_run(tiny, tmp_path, "killed", epochs=12)
    process = train_in_process(killed)
    wait_until(lambda: len(killed.history()) >= 2 and len(killed.steps()) and killed.steps()["epoch"].iloc[-1] > len(killed.history()))
    os.kill(process.pid, signal.SIGKILL)
    process.wait(300)
    assert killed.status().state == "interrupted"
    assert len(killed.history()) < 12
    assert train_in_process(killed).wait(300) == 0
    assert lines(killed) == lines(unbroken)
    assert killed.test_metrics() == unbroken.test_metrics()
    assert killed.weights_path("latest").read_bytes()[-1000:] == unbroken.weights_path("latest").read_bytes()[-1000:]


def test_two_processes_write_runs_side_by_side(tiny, tmp_path):
    runs = [new_run(tiny, tmp_path, "same") for _ in range(2)]
    assert [run.name for run in runs] == ["same", "same-2"]
    processes = [train_in_process(run) for run in runs]
    assert [process.wait(300) for process in processes] == [0, 0]
    assert lines(runs[0]) == lines(runs[1])
    assert damaged_runs(tmp_path) == {}


def test_one_run_is_trained_by_one_process_at_a_time(tiny, tmp_path):
    run = new_run(tiny, tmp_path)
    with run.hold(), pytest.raises(lab.RunError, match="another process"), run.hold(seconds=0.1):
        pass
    with run.hold(), pytest.raises(lab.RunError, match="stop it before deleting"):
        run.delete()


def test_a_turned_knob_is_obeyed_at_the_next_step_and_recorded(tiny, tmp_path):
    run = new_run(tiny, tmp_path)
    turned = []

    def watch(status):
        if status.epoch == 2 and not turned:
            turned.append(True)
            run.update_knobs(attention_scale=0.9, modality_contrast_weight=0.01)

    fitting.resume(run, tiny, watch)
    history, changes = run.history(), run.knob_changes()
    assert set(changes["name"]) == {"attention_scale", "modality_contrast_weight"}
    assert changes["progress"].between(2, 3, inclusive="right").all()
    assert history.set_index("epoch")["attention_scale"].to_dict() == {1: 0.1, 2: 0.1, 3: 0.9, 4: 0.9, 5: 0.9}
    best = run.model(tiny)
    assert best.config.attention_scale == (0.9 if run.status().best_epoch > 2 else 0.1)


def test_a_knob_out_of_range_is_refused_and_changes_nothing(tiny, tmp_path):
    run = new_run(tiny, tmp_path)
    before = run.knobs()
    with pytest.raises(lab.ConfigError, match=r"contrast_temperature=0.01 must lie between 0.05"):
        run.update_knobs(contrast_temperature=0.01)
    with pytest.raises(lab.ConfigError, match="embedding_dim can't be turned"):
        run.update_knobs(embedding_dim=8)
    assert run.knobs() == before


def test_a_damaged_knob_file_is_said_and_not_obeyed(tiny, tmp_path):
    run = new_run(tiny, tmp_path)
    (run.path / "knobs.json").write_text('{"attention_scale": -3}')
    fitting.resume(run, tiny)
    assert run.status().state == "finished"
    assert (run.history()["attention_scale"] == 0.1).all()


def test_a_stopped_run_goes_on_where_it_was(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "STATUS_SECONDS", 0)  # else a fast machine is past the step before the watcher hears of it
    unbroken, stopped = new_run(tiny, tmp_path, "unbroken"), new_run(tiny, tmp_path, "stopped")
    fitting.resume(unbroken, tiny)

    def watch(status):
        if status.epoch == 2 and status.step >= 1:
            stopped.request_stop()

    assert fitting.resume(stopped, tiny, watch) is stopped
    assert stopped.status().state == "stopped"
    assert not stopped.stop_is_requested()
    fitting.resume(stopped, tiny)
    assert lines(stopped) == lines(unbroken)


def test_the_worker_trains_in_its_own_process(tiny, tmp_path):
    run = new_run(tiny, tmp_path)
    process = worker.start(run)
    assert process.wait(300) == 0, (run.path / "log.txt").read_text()
    assert run.status().state == "finished"
    assert len(run.history()) == CONFIG.epochs


def test_a_queued_run_can_leave_the_queue(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "MAX_RUNNING", 1)
    first, second = new_run(tiny, tmp_path), new_run(tiny, tmp_path)
    with first.hold(), second.hold(), worker.place_in_queue(first):
        second.request_stop()
        with pytest.raises(lab.RunError, match="stopped while it waited"), worker.place_in_queue(second):
            pass
    assert second.status().state == "stopped"


def test_a_non_finite_loss_stops_the_run_and_names_its_term(tiny, tmp_path, monkeypatch):
    run = new_run(tiny, tmp_path, patience=50)
    step = Training.step

    def broken(self, batch):
        losses = step(self, batch)
        return losses | {"hypergraph_contrast": torch.tensor(math.nan)} if self.epoch == 2 else losses

    monkeypatch.setattr(Training, "step", broken)
    with pytest.raises(lab.RunError, match="hypergraph_contrast became nan in epoch 3, step 1"):
        fitting.resume(run, tiny)
    assert run.status().state == "failed"
    assert len(run.history()) == 2
    monkeypatch.undo()
    fitting.resume(run, tiny)
    assert run.status().state == "finished"


def test_a_run_says_when_it_is_opened_with_other_data(trained, tiny):
    run, _ = trained
    other = lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=2)
    with pytest.raises(lab.RunError, match=r"was trained on .* open it on its own data"):
        run.model(other)
    with pytest.raises(lab.ConfigError, match=r"model\(\): data is 0 \(int\), and must be Dataset or None"):
        run.model(0)


def test_a_run_gives_back_the_model_that_was_trained(trained, tiny):
    run, model = trained
    again = run.model()
    assert again.data is not tiny
    assert lab.evaluate(again, tiny, "test") == lab.evaluate(model, tiny, "test") == run.test_metrics()
    assert run.epochs()[0] == 0


@pytest.mark.parametrize("file", ["config.json", "status.json", "history.jsonl"])
def test_a_damaged_run_is_named_with_its_file(run_copy, file):
    (run_copy.path / file).write_text("{broken\n")
    with pytest.raises(lab.RunError, match=file):
        lab.Run.open(run_copy.path)
    assert lab.list_runs(run_copy.path.parent) == []
    assert list(damaged_runs(run_copy.path.parent)) == [run_copy.path]


def test_damaged_weights_are_named(run_copy, tiny):
    best = run_copy.weights_path("best")
    best.write_bytes(best.read_bytes()[:100])
    with pytest.raises(lab.RunError, match=r"best.safetensors is damaged"):
        run_copy.model(tiny)
    with pytest.raises(lab.RunError, match="no weights of that epoch"):
        run_copy.model(tiny, 999)


def test_a_half_written_last_line_is_not_damage(run_copy):
    with (run_copy.path / "history.jsonl").open("a") as file:
        file.write('{"kind": "epo')
    pd.testing.assert_frame_equal(lab.Run.open(run_copy.path).history(), run_copy.history())


def test_deleting_a_run_leaves_the_others(tiny, tmp_path):
    runs = [new_run(tiny, tmp_path) for _ in range(2)]
    runs[0].delete()
    assert [run.name for run in lab.list_runs(tmp_path)] == [runs[1].name]


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(tiny, tmp_path, name):
    with pytest.raises(lab.ConfigError, match="plain folder name"):
        new_run(tiny, tmp_path, name)


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(lab.RunError, match="can't be made"):
        new_run(tiny, tmp_path / "file")


def test_kept_epochs_are_dense_early():
    kept = []
    for epoch in range(201):
        kept.append(epoch)
        kept = [one for one in kept if one not in epochs_to_drop(kept, 12)]
    assert len(kept) == 12
    assert kept[0] == 0
    assert kept[-1] == 200
    gaps = [after - before for before, after in pairwise(kept)]
    assert gaps[0] <= 3 < gaps[-3]


def test_a_run_that_did_not_change_is_not_read_through_again(run_copy, monkeypatch):
    path, whole, reads = run_copy.path, told.epochs_of, []
    lab.Run.open(path)
    monkeypatch.setattr(told, "epochs_of", lambda history: reads.append(history) or whole(history))
    lab.Run.open(path)
    assert reads == []
    history = path / "history.jsonl"
    history.write_text(history.read_text() + history.read_text().splitlines()[-1] + "\n")
    lab.Run.open(path)
    lab.Run.open(path)
    assert reads == [history]
    history.write_text(history.read_text() + "no record\n")
    for _ in range(2):
        with pytest.raises(lab.RunError, match=r"history.jsonl, line \d+ is damaged"):
            lab.Run.open(path)
