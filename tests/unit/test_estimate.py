"""What can't be trained is refused by name before anything is estimated or begun."""

import os
import subprocess
import sys

import pytest
import torch

import srgformer_lab as lab
from srgformer_lab import runtime
from srgformer_lab.cli import main
from srgformer_lab.training import worker


@pytest.mark.parametrize(
    "model", [lab.ModelConfig(modalities=("audio",)), lab.VBPRConfig(modalities=("audio",)), lab.FREEDOMConfig(modalities=())]
)
def test_a_model_that_cannot_be_built_has_no_estimate(tiny, model):
    with pytest.raises(lab.ConfigError, match="modality"):
        lab.estimate(tiny, model, lab.TrainConfig())


def test_a_configuration_of_no_model_is_named(tiny):
    with pytest.raises(lab.LabError, match="TrainConfig"):
        lab.estimate(tiny, lab.TrainConfig(), lab.TrainConfig())


@pytest.mark.parametrize("name", ["cuda:x", "cpu:zero", "cpu:1", "gpu", "", "cuda:-1", "auto:0", 3, None])
def test_what_names_no_device_is_refused(name):
    with pytest.raises(lab.ConfigError, match="device="):
        lab.TrainConfig(device=name)
    with pytest.raises(lab.ConfigError, match="device="):
        runtime.resolve_device(name)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    assert runtime.resolve_device("cpu:0").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(lab.ConfigError, match="not on this machine, which has"):
        runtime.resolve_device("cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(lab.ConfigError, match="has 2 of them"):
        runtime.resolve_device("cuda:2")
    assert runtime.resolve_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("count", [0, -1, 1.5, "2"])
def test_no_threads_compute_nothing(count):
    with pytest.raises(lab.ConfigError, match="threads="), runtime.threads(count):
        pass


def test_training_from_a_terminal_lets_idle_threads_sleep(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "gone after the test")
    monkeypatch.delenv("OMP_WAIT_POLICY")
    with pytest.raises(SystemExit):
        main(["train", "--no-such-option"])
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    code = "import sys, srgformer_lab.cli; sys.exit('torch' in sys.modules)"  # it is read when torch is loaded, so before that
    assert subprocess.run([sys.executable, "-c", code], env=worker._environment()).returncode == 0
