"""The benchmark measures what it says: its data has the size that it names, and both sides of it compute the same."""

import os

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab import plots, runtime
from srgformer_lab.cli import main
from srgformer_lab.config import TrainConfig
from srgformer_lab.data.dataset import SPLITS
from srgformer_lab.errors import ConfigError, RunError, UnknownIdError
from srgformer_lab.experiments import timing, workload
from srgformer_lab.experiments.plain import PIECES, Plain, plain_evaluate
from srgformer_lab.experiments.timing import measure
from srgformer_lab.experiments.workload import in_own_process, task
from srgformer_lab.models.sampling import Batch
from srgformer_lab.plots.drawing import spread
from srgformer_lab.training.evaluation import evaluate
from tests.worlds import build, shop, small, triples

SMALL = workload.Shape("small", 40, 25, 300, {"image": 6, "text": 4}, "studio")


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 60), st.integers(8, 40), st.integers(0, 2**16))
def test_generated_data_has_exactly_its_size_and_every_user_everything(n_users, n_items, seed):
    shape = workload.Shape("any", n_users, n_items, n_users * 3, {"image": 3}, "studio")
    data = workload.generate(shape, seed)
    assert (data.n_users, data.n_items, len(data.pairs("train"))) == (n_users, n_items, 3 * n_users)
    assert [data.features[name].shape for name in data.modalities] == [(n_items, 3)]
    for split in SPLITS:
        assert np.diff(data.matrix(split).indptr).min() >= 1, split
    assert workload.generate(shape, seed).fingerprint == data.fingerprint


def test_a_few_items_take_much_of_what_is_taken():
    counts = np.sort(np.asarray(workload.generate(workload.shape("movielens")).matrix("train").sum(axis=0)).ravel())[::-1]
    assert counts[: len(counts) // 10].sum() > 0.3 * counts.sum()


def test_the_plain_path_has_the_losses_and_gradients_of_the_fast_one():
    data, config = shop(), TrainConfig(hypergraph_contrast_weight=0.2, modality_contrast_weight=0.1, regularization_weight=0.3)
    model, batch = build(data, small(n_hypergraph_layers=2)), Batch(*triples(data, 9))
    found = []
    for losses in (model.losses(batch, config), Plain(model, data).losses(batch, config)):
        model.zero_grad()
        sum(losses.values()).backward()
        found.append((losses, {name: weight.grad.clone() for name, weight in model.named_parameters()}))
    for fast, plain in zip(*found, strict=True):
        assert list(fast) == list(plain)
        for name, value in fast.items():
            torch.testing.assert_close(value, plain[name], rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.parametrize("changes", [{"attention_form": "cosine"}, {"attention_input": "propagated"}], ids=str)
def test_the_plain_path_refuses_an_attention_that_it_has_not(changes):
    data = shop()
    with pytest.raises(
        ConfigError, match=f"not '{changes.get('attention_form', 'product')}' and '{changes.get('attention_input', 'raw')}'"
    ):
        Plain(build(data, small(**changes)), data)


def test_the_plain_path_refuses_objectives_that_it_has_not():
    for changes in ({"user_membership": "mean"}, {"membership_objective": "cointeraction"}, {"attention_objective": "contrast"}):
        ((name, value),) = changes.items()
        with pytest.raises(ConfigError, match=f"published form only, not {name}='{value}'"):
            Plain(build(shop(), small(**changes)), shop())


def test_the_plain_evaluation_gives_the_same_metrics():
    data = shop()
    model = build(data)
    assert plain_evaluate(Plain(model, data), data) == pytest.approx(evaluate(model, data, "valid"), abs=1e-12)


def test_a_measurement_covers_both_sides_and_every_piece():
    rows = measure(task(SMALL, "studio", 8, 1, True, batch_size=64)).set_index("what")
    assert {*PIECES, "step", "epoch", "evaluation", "recommend", "explain", "peak memory"} <= set(rows.index)
    assert (rows["fast"] > 0).all()
    timed_twice = rows.loc[[*PIECES, "step", "epoch", "evaluation", "recommend", "re-fuse α", "peak memory"]]
    assert (timed_twice["plain"] > 0).all()
    assert np.allclose(timed_twice["ratio"], timed_twice["plain"] / timed_twice["fast"])
    assert rows["plain"].isna()["explain"]
    assert rows["epoch":"epoch"]["fast"].item() == pytest.approx(5 * rows.loc["step", "fast"] / 1000)  # 300 pairs are 5 batches of 64
    assert set(rows["users"]) == {40}
    assert "40 users" in timing.table(rows.reset_index())


def grown(exponent, scales=(1, 2, 4, 8), what="attention"):
    names = [f"baby-x{scale}" if scale > 1 else "baby" for scale in scales]
    return pd.DataFrame({"data": names, "scale": scales, "dim": 64, "what": what, "fast": [3.0 * scale**exponent for scale in scales]})


@given(st.floats(0, 3))
def test_the_exponent_of_a_power_is_found(exponent):
    found = timing.exponents(grown(exponent))
    assert found["exponent"].to_numpy() == pytest.approx(exponent, abs=1e-9)
    assert list(found["scale"]) == [1, 2, 4, 8]


def test_one_size_has_no_exponent():
    assert timing.exponents(grown(1, scales=(1,))).empty


def test_the_growth_figure_names_the_steepest_piece_and_labels_do_not_touch():
    frame = pd.concat([timing.exponents(grown(power, what=what)) for what, power in zip(PIECES, np.linspace(0.5, 1.5, 7), strict=True)])
    figure = plots.growth_curves(frame)
    assert "modality contrast" in plots.finding_of(figure)
    assert "1.50" in plots.finding_of(figure)
    heights = sorted(note.y for note in figure.layout.annotations if note.xref == "paper")
    low, high = figure.layout.yaxis.range
    assert min(np.diff(heights)) >= 0.05 * (high - low)
    assert [line.name for line in figure.data] == [None] * 7


@given(st.lists(st.floats(0, 10), min_size=1, max_size=9))
def test_spread_places_keep_their_order_and_distance(values):
    places = spread(values, 0.5, 10)
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.asarray(places)[order]) >= 0.5 - 1e-9).all()
    assert max(places) <= 10 + 1e-9


def test_an_unknown_shape_is_named_with_the_known_ones(capsys):
    with pytest.raises(UnknownIdError, match="did you mean sports"):
        workload.shape("spots")
    assert main(["bench", "--shapes", "spots"]) == 2
    assert "clothing" in capsys.readouterr().err


def end_yourself():
    os._exit(9)


def peak_of_this_process():
    return runtime.peak_memory(torch.device("cpu"))


def test_peak_memory_is_of_the_process_itself_and_not_of_the_one_that_started_it():
    size = 100_000_000
    held = np.ones(size)
    assert peak_of_this_process() > held.nbytes
    assert in_own_process(peak_of_this_process) < 0.75 * held.nbytes


def test_a_process_that_is_ended_from_outside_is_told_and_nothing_is_lost(monkeypatch, tmp_path, capsys):
    with pytest.raises(RunError, match="memory"):
        in_own_process(end_yourself)
    rows = iter([measured_rows()])

    def once(task):
        for found in rows:
            return found
        raise RunError("a measuring process was ended from outside")

    monkeypatch.setattr(timing, "measure", once)
    assert main(["bench", "--shapes", "studio,movielens", "--output", str(tmp_path)]) == 2
    assert "ended from outside" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "bench.csv")["what"].tolist() == ["step"]


def measured_rows():
    facts = {"data": "studio", "scale": 1, "users": 600, "items": 240, "interactions": 9766, "dim": 64, "device": "cpu"}
    return pd.DataFrame([{**facts, "what": "step", "fast": 10.0, "plain": 20.0, "ratio": 2.0, "unit": "ms"}])


def test_an_output_that_is_a_file_is_refused_unharmed_and_before_anything_is_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(timing, "measure", lambda task: pytest.fail("measured"))
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert main(["bench", "--shapes", "studio", "--output", str(taken)]) == 2
    assert "name a folder" in capsys.readouterr().err
    assert taken.read_text() == "mine"


@pytest.mark.parametrize("arguments", [["--dims", "6.5"], ["--repeats", "0"], ["--dims", "0"]])
def test_bad_options_are_refused_before_anything_is_measured(arguments, capsys, tmp_path):
    assert main(["bench", "--output", str(tmp_path / "out"), *arguments]) == 2
    assert arguments[0].strip("-")[:3] in capsys.readouterr().err or "embedding_dim" in arguments[0]
    assert not (tmp_path / "out").exists()
