"""Wherever a write fails or a process is killed, no run is lost, what goes on ends as if nothing had been, and nothing stays behind."""

import errno
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

import srgformer_lab as lab
from benchmarks.faults import Faults, in_a_child
from srgformer_lab.lessons import catalog
from srgformer_lab.training import files, requests, worker
from srgformer_lab.training.recording import Recorder

ROOT = Path(__file__).resolve().parents[2]
MODEL, TRAIN = lab.LightGCNConfig(embedding_dim=4), lab.TrainConfig(epochs=3, batch_size=512, device="cpu")


@pytest.fixture
def run(tmp_path, tiny):
    return lab.Run.create(tmp_path, "run", tiny, "lightgcn", MODEL, TRAIN)


def refuse(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.timeout(900)  # for many processes beside other tests
def test_a_sample_of_kills_and_errors_of_the_disk_loses_nothing():
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.robustness", "--kills", "24", "--seed", "12"]
    played = subprocess.run(command, cwd=ROOT, env=worker._environment() | {"PWD": os.fspath(ROOT)}, capture_output=True, text=True)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "24 kills of seed 12" in played.stdout


@pytest.mark.parametrize(("kind", "how"), [("kill", "killed"), ("ENOSPC", "named"), ("short", "result")])
def test_faults_do_what_they_say(tmp_path, kind, how):
    """The attack itself: all that writes is counted, and the last write is half done, refused, or goes on after half."""
    path, content = tmp_path / "file", b"a" * 100
    counting = Faults(str(tmp_path))
    assert in_a_child(lambda: str(files.write_bytes(path, content, durable=True)), counting)[0] == "result"
    assert counting.names == ["open", "write", "fsync", "chmod", "replace", "fsync"]
    path.unlink()
    assert in_a_child(lambda: str(files.write_bytes(path, content)), Faults(str(tmp_path), kind, 2))[0] == how
    left = [found.stat().st_size for found in tmp_path.iterdir()]
    assert left == {"killed": [50], "named": [], "result": [100]}[how]
    assert path.exists() == (how == "result")


def test_a_history_that_cannot_be_written_ends_the_training_also_where_a_knob_is_turned(run, tiny, monkeypatch):
    append = Recorder._append

    def half(recorder, record, durable=False):
        if record["kind"] != "knobs":
            return append(recorder, record, durable)
        with recorder.history_path.open("a") as file:
            file.write('{"kind": "kno')
        raise lab.RunError("no space")

    monkeypatch.setattr(Recorder, "_append", half)
    run.update_knobs(learning_rate=0.004)
    with pytest.raises(lab.RunError, match="no space"):
        lab.resume(run, tiny)
    assert lab.Run.open(run.path).status().state == "failed"
    monkeypatch.setattr(Recorder, "_append", append)
    lab.resume(run, tiny)
    assert list(run.knob_changes()["after"]) == [0.004]
    assert len(run.history()) == TRAIN.epochs


def test_where_nothing_can_be_written_nor_removed_the_error_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(lab.RunError, match="Read-only file system; what was there before is unharmed"):
        files.write_bytes(tmp_path / "a", b"")


def test_a_folder_that_is_moved_while_it_is_written_into_keeps_nothing_half_written(tmp_path, monkeypatch):
    folder, other, replace = tmp_path / "run", tmp_path / "renamed", Path.replace
    folder.mkdir()

    def moved_first(self, target):
        folder.rename(other)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", moved_first)
    with pytest.raises(lab.RunError, match="No such file or directory"):
        files.write_bytes(folder / "stop.json", b"{}")
    assert list(other.iterdir()) == []


def test_what_a_killed_process_left_goes_when_its_file_is_written_anew(tmp_path):
    old, young, others = (tmp_path / name for name in (".a.csv.abcd1234", ".a.csv.efgh5678", ".b.csv.abcd1234"))
    for path in (old, young, others):
        path.write_bytes(b"")
    long_ago = time.time() - 2 * files.LEFT_SECONDS
    os.utime(old, (long_ago, long_ago))
    os.utime(others, (long_ago, long_ago))
    files.write_bytes(tmp_path / "a.csv", b"")
    assert [path.exists() for path in (old, young, others)] == [False, True, True]


def test_half_made_requests_go_when_the_run_goes_on_and_those_that_are_being_made_stay(run, tiny):
    run.update_knobs(learning_rate=0.002)
    old, young = (run.path / "requests" / f".{number}-0.stop.json.abcd1234" for number in (1, 2))
    for path in (old, young):
        path.write_bytes(b"{")
    os.utime(old, (0, 0))
    lab.resume(run, tiny)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_request_that_cannot_be_removed_stays_before_those_that_came_after_it(run, monkeypatch):
    for value in (0.002, 0.003):
        run.update_knobs(learning_rate=value)
    first, unlink = requests.pending(run.path)[0].path, Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda path, **how: refuse() if path == first else unlink(path, **how))
    run.merge_knobs()
    assert run.knobs()["learning_rate"] == 0.003


def test_a_queue_that_cannot_be_written_is_named(run):
    (run.path.parent / worker.QUEUE).write_bytes(b"")
    with run.hold(), pytest.raises(lab.RunError, match=r"can't wait in the queue .*\.queue"), worker.place_in_queue(run):
        pass


def test_a_lesson_is_copied_whole_or_not_at_all(tmp_path, monkeypatch):
    lesson = catalog.available()[0]
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(lab.LabError, match="name another folder"):
        catalog.copy_lesson(lesson, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_claim_to_be_huge_are_refused_by_their_shape(run, tiny):
    lab.resume(run, tiny)
    path, size = run.weights_path("best"), 1 << 38
    claim = f'{{"weight/user_embedding.weight":{{"dtype":"F32","shape":[{size // 4}],"data_offsets":[0,{size}]}}}}'.encode()
    path.write_bytes(struct.pack("<Q", len(claim)) + claim)
    os.truncate(path, 8 + len(claim) + size)  # a hole
    with pytest.raises(lab.RunError, match=r"best\.safetensors"):
        run.model(tiny)
