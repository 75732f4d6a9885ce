"""On a full disk nothing half-written stays, what was there is unharmed, and the message says what to do."""

import errno
import tempfile
from pathlib import Path

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.training import fit as fitting
from srgformer_lab.training import worker
from srgformer_lab.training.files import write_json
from srgformer_lab.training.run import Run

SMALL = (lab.ModelConfig(embedding_dim=8, n_hyperedges=3, n_heads=2), lab.TrainConfig(epochs=3, batch_size=256))


class _FullFile:
    """A file that takes half of what it is given."""

    def __init__(self, file, left):
        self.file, self.left = file, left

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *raised):
        return self.file.__exit__(*raised)

    def write(self, content):
        if self.left:
            self.left[0] -= 1
            if self.left[0] >= 0:
                return self.file.write(content)
        self.file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def full(monkeypatch, tmp_path):
    """Let the disk be full after so many more files."""
    monkeypatch.chdir(tmp_path)
    make = tempfile.NamedTemporaryFile

    def after(files):
        left = [files]
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", lambda **about: _FullFile(make(**about), left))

    def free():
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", make)

    after.free = free
    return after


def all_files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_what_was_there_stays_as_it_was(full, tmp_path):
    write_json(tmp_path / "knobs.json", {"a": 1})
    before = all_files(tmp_path)
    full(0)
    with pytest.raises(lab.RunError, match=r"knobs.json can't be written: .*No space left on device; what was there before is unharmed"):
        write_json(tmp_path / "knobs.json", {"a": 2})
    assert all_files(tmp_path) == before


@pytest.mark.parametrize("files", [0, 1, 2])
def test_a_run_that_finds_no_room_leaves_nothing(full, tiny, files):
    Run.create("runs", "first", tiny, "srgformer", *SMALL)
    before = all_files("runs")
    full(files)
    with pytest.raises(
        lab.RunError, match=r"runs/second can't be made: .*No space left on device; everything else is unharmed; free some space"
    ):
        Run.create("runs", "second", tiny, "srgformer", *SMALL)
    assert all_files("runs") == before
    assert [path.name for path in Path("runs").iterdir()] == ["first"]
    full.free()
    assert Run.create("runs", "second", tiny, "srgformer", *SMALL).name == "second"


def test_a_run_is_seen_only_when_it_is_whole(full, tiny, monkeypatch):
    seen = []
    write = Run.write_status
    monkeypatch.setattr(Run, "write_status", lambda run, status: (seen.append(list(Path("runs").glob("[!.]*"))), write(run, status)))
    run = Run.create("runs", "first", tiny, "srgformer", *SMALL)
    assert seen == [[]]
    assert lab.list_runs("runs")[0].path == run.path


def test_a_training_that_can_not_start_leaves_no_run(full, tiny, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(worker.subprocess, "Popen", refuse)
    with pytest.raises(lab.RunError, match=r"can't be started: .*Cannot allocate memory; free some space or memory, and try again"):
        backend.begin(tiny, "whole", *SMALL)
    assert lab.list_runs("runs") == []


def test_a_training_on_a_disk_that_fills_up_goes_on_later_as_if_nothing_had_been(full, tiny):
    unbroken = lab.fit(lab.SRGFormer(tiny, SMALL[0]), tiny, SMALL[1], "runs", "unbroken")

    def fill_up(status):
        if status.epoch == 1:
            full(1)

    with pytest.raises(lab.RunError, match="No space left on device"):
        lab.fit(lab.SRGFormer(tiny, SMALL[0]), tiny, SMALL[1], "runs", "broken", fill_up)
    run = Run.open("runs/broken")
    assert run.status().state == "interrupted"
    assert list(run.path.rglob(".*")) == []
    full.free()
    fitting.resume(run, tiny)
    assert run.status().state == "finished"
    assert list(run.history()["loss"]) == list(unbroken.history()["loss"])
    assert run.test_metrics() == unbroken.test_metrics()
