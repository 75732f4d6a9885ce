"""Runs in trackers, read back with the trackers' own tools; and runs written to be shared, opened again."""

import json
import shutil
import time

import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.cli import main
from srgformer_lab.training import tracking
from srgformer_lab.training.records import Status


def scalars(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {name: {event.step: event.value for event in events.Scalars(name)} for name in events.Tags()["scalars"]}


def test_tensorboard_shows_the_history_and_the_test_metrics(trained, tmp_path, capsys):
    run, _ = trained
    assert main(["track", str(run.path), "--to", "tensorboard", "--folder", str(tmp_path)]) == 0
    assert "6 epochs" in capsys.readouterr().out
    found, history = scalars(tmp_path / run.name), run.history()
    assert list(found["valid/recall@20"]) == list(history["epoch"])
    assert list(found["valid/recall@20"].values()) == pytest.approx(history["recall@20"].tolist())
    assert list(found["loss/ranking"].values()) == pytest.approx(history["loss.ranking"].tolist())
    assert found["test/ndcg@10"][0] == pytest.approx(run.test_metrics()["ndcg@10"])


def test_a_run_that_is_trained_is_followed_to_its_end(run_copy, tmp_path, monkeypatch):
    """No epoch is lost, also those that come between the last look and the end, and none is handed on twice."""
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    lines = (run_copy.path / "history.jsonl").read_text().splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines, start=1) if json.loads(line)["kind"] == "epoch"]
    (run_copy.path / "history.jsonl").write_text("".join(lines[: ends[0]]))
    naps, whole = iter((ends[2], len(lines))), run_copy.status()

    def train_on(seconds):
        size = next(naps)
        (run_copy.path / "history.jsonl").write_text("".join(lines[:size]))
        if size == len(lines):
            run_copy.write_status(whole)

    monkeypatch.setattr(tracking.time, "sleep", train_on)
    with run_copy.hold():
        run_copy.write_status(Status("running"))
        assert lab.track(run_copy, "tensorboard", tmp_path / "events", follow=True) == 6
    assert list(scalars(tmp_path / "events" / run_copy.name)["valid/recall@20"]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what mlflow asks of sqlalchemy
def test_mlflow_keeps_settings_and_metrics_in_a_folder(trained, tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run, _ = trained
    assert lab.track(run, "mlflow", tmp_path) == 6
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (found,) = client.search_runs([client.get_experiment_by_name("srgformer").experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["fingerprint"] == run.config.fingerprint
    assert found.data.params["model.embedding_dim"] == "16"
    history = client.get_metric_history(found.info.run_id, "valid/recall_at_20")
    assert [point.value for point in sorted(history, key=lambda point: point.step)] == pytest.approx(run.history()["recall@20"].tolist())


def test_wandb_writes_offline(trained, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    for name, value in {"MODE": "offline", "SILENT": "true", "CONFIG_DIR": str(tmp_path), "CACHE_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    assert lab.track(trained[0], "wandb", tmp_path / "out") == 6
    (written,) = (tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb")
    assert b"recall@20" in written.read_bytes()


def test_trackers_that_are_missing_unknown_or_refuse_are_named(trained, tmp_path, monkeypatch):
    run, _ = trained
    with pytest.raises(lab.UnknownIdError, match="did you mean tensorboard"):
        lab.track(run, "tensorbord")
    (tmp_path / "taken").write_text("a file")
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    with pytest.raises(lab.RunError, match=r"tensorboard did not take run .* the run itself is unharmed"):
        lab.track(run, "tensorboard", tmp_path / "taken")
    for package in tracking.TRACKERS:
        monkeypatch.setitem(__import__("sys").modules, package, None)
        with pytest.raises(ImportError, match=r"pip install 'srgformer-lab\[tracking\]'"):
            lab.track(run, package, tmp_path)


def test_a_shared_run_opens_and_says_what_it_is(trained, tiny, tmp_path):
    run, _ = trained
    shared = lab.share(run, tmp_path / "shared" / "mine", tiny)
    assert {path.name for path in shared.path.iterdir()} >= {"model.safetensors", "config.json", "README.md"}
    again = lab.Run.open(shared.path)
    users = torch.arange(5)
    assert torch.equal(again.model(tiny).scorer()(users), run.model(tiny).scorer()(users))
    assert again.test_metrics() == run.test_metrics()
    card = (shared.path / "README.md").read_text()
    header = dict(line.split(": ", 1) for line in card.split("---\n")[1].splitlines())
    results = json.loads(header["model-index"])[0]["results"][0]
    assert {each["type"]: each["value"] for each in results["metrics"]} == pytest.approx(run.test_metrics(), abs=1e-6)
    assert run.config.fingerprint in card
    row = next(line for line in card.splitlines() if line.startswith("| recall@20"))
    mean, low, high = (float(cell) for cell in row.strip("| ").split(" | ")[1:])
    assert low < mean < high
    assert "## Limits" in card
    assert json.loads((shared.path / "status.json").read_text())["host"] == ""
    assert lab.share(run, tmp_path / "shared" / "mine", tiny).name == "mine-2"


def test_what_is_shared_names_no_folder_of_this_machine(run_copy, tiny, tmp_path):
    config = json.loads((run_copy.path / "config.json").read_text())
    config["source"] |= {"reader": "folder", "path": str(tmp_path / "secret" / "shop")}
    (run_copy.path / "config.json").write_text(json.dumps(config))
    shared = lab.share(lab.Run.open(run_copy.path), tmp_path / "shared", tiny)
    assert shared.config.source.path == "shop"
    assert not [path for path in shared.path.iterdir() if b"secret" in path.read_bytes()]


def test_only_a_finished_run_is_shared(run_copy, tiny, tmp_path):
    run_copy.write_status(Status("stopped", epoch=2, updated=time.time()))
    with pytest.raises(lab.RunError, match="is stopped, and only a finished one is shared"):
        lab.share(run_copy, tmp_path / "shared", tiny)
    assert not (tmp_path / "shared").exists()
    shutil.rmtree(run_copy.path)
