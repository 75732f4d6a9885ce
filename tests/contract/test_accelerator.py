"""On an accelerator the host must not wait inside a step: no number comes back, and nothing has a size that depends on values.

There may be none here, so a step is told that it runs on one, and every operation that it asks torch for is written down.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from srgformer_lab import runtime
from srgformer_lab.config import TrainConfig
from srgformer_lab.models.baselines.bm3 import BM3
from srgformer_lab.models.baselines.light_gcn import LightGCN
from srgformer_lab.models.baselines.mgcn import MGCN
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.training.loop import Training
from tests.worlds import shop, small

WAITING = {"_local_scalar_dense", "item", "nonzero", "_unique2", "unique_dim", "unique_consecutive", "equal", "is_nonzero", "masked_select"}
"""Operations that bring a number to the host, or whose result has a size that the host must know."""


class Recorder(TorchDispatchMode):
    """Write down the name of every operation, and copies to another device."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.overloadpacket.__name__)
        if func.overloadpacket.__name__ == "repeat_interleave" and (kwargs or {}).get("output_size") is None:
            self.names.append("nonzero")
        return func(*args, **(kwargs or {}))


def operations_of_a_step(model, **settings):
    """All operations of the second step of an epoch; what is made once may be made in the first."""
    training = Training(model, shop(), TrainConfig(batch_size=4, device="cpu", **settings))
    batches = model.batches(4, runtime.generator("cpu", 0))
    model.start_epoch(runtime.generator("cpu", 1))
    model.train()
    training.step(next(batches))
    with Recorder() as recorder:
        training.step(next(batches))
    return set(recorder.names)


@pytest.mark.parametrize(
    "settings",
    [{}, {"contrast_sample": 3}, {"attention_every": 2, "memberships_every": 2}, {"mixed_precision": True}],
    ids=str,
)
def test_a_step_asks_for_nothing_that_the_host_must_wait_for(monkeypatch, settings):
    monkeypatch.setattr(runtime, "is_accelerator", lambda device: True)
    found = operations_of_a_step(SRGFormer(shop(), small(dropout=0.5)), **settings)
    assert "exponential_" in found  # the recorder sees a training step
    assert not WAITING & found


@pytest.mark.parametrize("form", ["cosine", "linear", "uniform"])
def test_no_form_of_attention_lets_the_host_wait(monkeypatch, form):
    monkeypatch.setattr(runtime, "is_accelerator", lambda device: True)
    config = small(dropout=0.5, attention_form=form, attention_input="propagated")
    assert not WAITING & operations_of_a_step(SRGFormer(shop(), config))


@pytest.mark.parametrize("kind", [LightGCN, BM3, MGCN])
def test_a_step_of_a_baseline_waits_for_nothing_either(kind, monkeypatch):
    monkeypatch.setattr(runtime, "is_accelerator", lambda device: True)
    assert not WAITING & operations_of_a_step(kind(shop()))


def test_on_the_host_rows_are_folded_and_the_recorder_would_see_it():
    assert "_unique2" in operations_of_a_step(SRGFormer(shop(), small()))


def test_folded_and_unfolded_steps_have_the_same_losses(monkeypatch):
    found = []
    for is_accelerator in (False, True):
        monkeypatch.setattr(runtime, "is_accelerator", lambda device, answer=is_accelerator: answer)
        model = SRGFormer(shop(), small(seed=3)).eval()
        batch = next(model.batches(6, runtime.generator("cpu", 0)))
        found.append(torch.stack(list(model.losses(batch, TrainConfig(modality_contrast_weight=0.1)).values())))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


def test_losses_stay_where_they_are_until_somebody_reads_them(monkeypatch):
    monkeypatch.setattr(runtime, "is_accelerator", lambda device: True)
    training = Training(SRGFormer(shop(), small()), shop(), TrainConfig(batch_size=4, epochs=1, device="cpu"))
    first = next(training.records())
    assert "losses" not in vars(first)
    assert sum(first.losses.values()) == pytest.approx(float(sum(first.terms.values())))
