"""Processes that train together have the losses and gradients of one process with the whole batch, and its history."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.together import Together
from srgformer_lab.training.fit import check_together
from srgformer_lab.training.worker import _environment
from tests.oracle.in_processes import MODEL, TRAIN, steps, stopped_after_one_epoch, world
from tests.worlds import shop, small

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes left that torchrun started on this machine."""
    folder = tmp_path_factory.mktemp("together")
    stopped_after_one_epoch(folder, "begun by one")
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--local-addr=127.0.0.1",
        "--nproc-per-node=2",
    ]
    command += ["--local-addr=127.0.0.1", "-m", "tests.oracle.in_processes", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=_environment() | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Run(begun by one") == 1  # the first process alone speaks
    return folder


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_losses_and_gradients_equal_those_of_one_process(folder, dtype, bound):
    """As published, with noise and dropout; with shortcuts; as found; and where a batch has fewer rows than there are processes."""
    theirs, ours = torch.load(folder / f"{dtype}.pt"), steps(dtype)
    assert theirs.keys() == ours.keys()
    for name, expected in ours.items():
        torch.testing.assert_close(theirs[name], expected, rtol=bound, atol=bound * max(1.0, expected.abs().max().item()), msg=name)


def test_a_training_goes_on_with_another_number_of_processes(folder):
    """From two to one and from one to two; both end where one process ends that was never stopped."""
    unbroken = lab.fit(lab.SRGFormer(world(), MODEL), config=TRAIN, folder=folder, name="unbroken").history()
    begun_by_two = lab.Run.open(folder / "begun by two")
    assert (begun_by_two.status().state, len(begun_by_two.history())) == ("stopped", 1)
    for run in (lab.resume(begun_by_two), lab.Run.open(folder / "begun by one")):
        assert run.status().state == "finished"
        history = run.history()
        assert list(history["epoch"]) == [1, 2, 3]
        for name in (name for name in history if name.startswith("loss")):
            assert history[name].to_numpy() == pytest.approx(unbroken[name].to_numpy(), rel=1e-3), name


def several(monkeypatch, n_processes, say=lambda message: message):
    monkeypatch.setattr(Together, "gathered", lambda self, message: [message, *[say(message)] * (n_processes - 1)])
    return Together(0, n_processes)


def test_what_processes_cannot_train_together_is_refused(monkeypatch):
    data = shop()
    model, train = lab.SRGFormer(data, small()), lab.TrainConfig(batch_size=4)
    check_together(model, train, several(monkeypatch, 4))
    with pytest.raises(lab.ConfigError, match="5 processes can't share batches of 4 rows; start at most 4, or raise batch_size"):
        check_together(model, train, several(monkeypatch, 5))
    with pytest.raises(lab.ConfigError, match="lightgcn is trained by one process"):
        check_together(lab.LightGCN(data), train, several(monkeypatch, 2))
    with pytest.raises(lab.DataError, match=r"different data: Dataset\(shop.*Dataset\(other.*give all the same folder"):
        check_together(model, train, several(monkeypatch, 2, lambda message: ("f00", "Dataset(other)")))
