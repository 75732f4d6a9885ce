"""The grid of γ and τ holds exactly the runs that differ in nothing else, and what it starts has exactly the asked settings."""

import math
from contextlib import ExitStack

import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import backend, plots
from srgformer_lab.backend import training
from srgformer_lab.models import catalog
from srgformer_lab.training.run import Status

MODEL = lab.ModelConfig(embedding_dim=16, n_hyperedges=4, n_heads=2)
TRAIN = lab.TrainConfig(epochs=3, batch_size=256)
STEPS = {"modality_contrast_weight": (0.0, 1e-6, 1e-4, 1e-2), "contrast_temperature": (0.1, 0.2, 0.4, 0.8)}


@pytest.fixture
def owned():
    """Own a run as the process does that trains it or waits for that: until the test ends."""
    with ExitStack() as locks:

        def own(run):
            locks.enter_context(run.take())
            run.write_status(Status("queued"))

        yield own


@pytest.fixture
def made(tiny, tmp_path, monkeypatch, owned):
    """Make run folders that say they are finished or queued, without training any."""
    monkeypatch.chdir(tmp_path)

    def make(name, model=MODEL, kind="srgformer", state="finished", value=0.1, **train):
        run = lab.Run.create("runs", name, tiny, kind, model, TRAIN.replace(**train))
        if state == "queued":
            owned(run)
        else:
            run.write_status(Status(state, epoch=3, best_epoch=2, best_metric=value))
        return run

    make("base")
    return make


def test_the_grid_holds_exactly_the_runs_that_differ_in_these_two_alone(made, tiny):
    made("gamma", modality_contrast_weight=1e-4, value=0.2)
    made("tau", contrast_temperature=0.4, value=0.3)
    made("both", modality_contrast_weight=1e-4, contrast_temperature=0.4, device="cpu", keep_epochs=3)
    made("waits", modality_contrast_weight=1e-2, state="queued")
    made("other seed", contrast_temperature=0.8, seed=1)
    made("other model", MODEL.replace(n_hyperedges=5), contrast_temperature=0.8)
    made("other rate", contrast_temperature=0.8, learning_rate=0.5)
    made("lightgcn", catalog.kind("lightgcn").config(), "lightgcn", contrast_temperature=0.8)
    made("stopped", contrast_temperature=0.8, state="stopped")
    turned = made("turned", contrast_temperature=0.8)
    (turned.path / "history.jsonl").write_text('{"kind": "knobs", "progress": 0.5, "changes": {"attention_scale": [0.1, 0.2]}}\n')
    assert len(turned.knob_changes()) == 1
    grid = backend.contrast_grid(tiny, "base")
    assert dict(zip(grid["run"], zip(grid["modality_contrast_weight"], grid["contrast_temperature"], strict=True), strict=True)) == {
        "base": (1e-6, 0.2),
        "tau": (1e-6, 0.4),
        "gamma": (1e-4, 0.2),
        "both": (1e-4, 0.4),
        "waits": (1e-2, 0.2),
    }
    assert backend.run_at(grid, (1e-6, 0.4)) == ("tau", "finished", 0.3)
    assert backend.run_at(grid, (1e-6, 0.8))[0] == ""


def test_of_two_runs_at_a_point_the_loaded_then_a_finished_one_stands_for_it(made, tiny):
    made("newer")
    made("done", contrast_temperature=0.4)
    made("again", contrast_temperature=0.4, state="queued")
    assert list(backend.contrast_grid(tiny, "base")["run"]) == ["base", "done"]
    assert list(backend.contrast_grid(tiny, "newer")["run"]) == ["newer", "done"]


def test_missing_points_lie_between_what_is_there_and_around_where_one_looks(made, tiny):
    made("far", contrast_temperature=0.8)
    grid = backend.contrast_grid(tiny, "base")
    whole = backend.with_missing(grid, STEPS, (1e-6, 0.2))
    assert sorted(set(whole["modality_contrast_weight"])) == [0.0, 1e-6, 1e-4, 1e-2]
    assert sorted(set(whole["contrast_temperature"])) == [0.1, 0.2, 0.4, 0.8]
    assert len(whole) == 16
    assert set(whole.loc[whole["state"] != "missing", "run"]) == {"base", "far"}
    assert backend.missing_neighbours(grid, STEPS, (1e-6, 0.4)) == [(0.0, 0.4), (1e-4, 0.4)]
    assert backend.missing_neighbours(grid, STEPS, (0.0, 0.1)) == [(0.0, 0.2), (1e-6, 0.1)]


def test_a_queued_point_has_exactly_the_asked_settings(made, tiny, owned, monkeypatch):
    started = []
    monkeypatch.setattr(training.worker, "start", lambda run: (started.append(run), owned(run)))
    names = backend.begin_points(tiny, "base", [(1e-4, 0.4), (0.0, 0.2)])
    assert [run.name for run in started] == names
    for run, (gamma, tau) in zip(started, [(1e-4, 0.4), (0.0, 0.2)], strict=True):
        assert run.config.model == MODEL
        assert run.config.train == TRAIN.replace(modality_contrast_weight=gamma, contrast_temperature=tau)
        assert run.config.fingerprint == tiny.fingerprint
    grid = backend.contrast_grid(tiny, "base")
    assert backend.run_at(grid, (1e-4, 0.4))[:2] == (names[0], "queued")
    with pytest.raises(lab.RunError, match=r"is trained at γ=0, τ=0\.2 already"):
        backend.begin_points(tiny, "base", [(0.0, 0.2)])


def test_a_full_queue_and_a_model_without_contrasts_are_refused(made, tiny, owned, monkeypatch):
    monkeypatch.setattr(training.worker, "start", owned)
    monkeypatch.setattr(training, "MOST_WAITING", 1)
    monkeypatch.setattr(training.worker, "MAX_RUNNING", 0)
    with pytest.raises(lab.RunError, match="places in the queue"):
        backend.begin_points(tiny, "base", [(1e-4, 0.4), (0.0, 0.2)])
    assert list(backend.contrast_grid(tiny, "base")["contrast_temperature"]) == [0.2, 0.4]  # the first one was started
    made("lightgcn", catalog.kind("lightgcn").config(), "lightgcn")
    with pytest.raises(lab.RunError, match="knows no contrasts"):
        backend.begin_points(tiny, "lightgcn", [(0.0, 0.1)])


def frame(*rows):
    return pd.DataFrame(rows, columns=["modality_contrast_weight", "contrast_temperature", "state", "value"])


def test_the_figure_says_what_is_best_and_against_what():
    rows = [(0.0, 0.2, "finished", 0.3), (1e-6, 0.2, "finished", 0.4), (0.0, 0.4, "queued", math.nan), (1e-6, 0.4, "missing", math.nan)]
    drawn = plots.knob_grid(frame(*rows), loaded=(0.0, 0.2), chosen=(1e-6, 0.4))
    assert plots.finding_of(drawn).replace("\xa0", " ") == "γ = 10⁻⁶, τ = 0.2 is best of 2 runs: Recall@20 40.0 % instead of 30.0 %"
    ours = plots.finding_of(plots.knob_grid(frame(*rows), loaded=(1e-6, 0.2)))
    assert ours.replace("\xa0", " ") == "The loaded run is the best of 2: Recall@20 40.0 %"
    assert plots.finding_of(plots.knob_grid(frame(rows[2], rows[3]))) == "No run of this grid has finished yet"
    assert plots.finding_of(plots.knob_grid(frame(*rows[1:]))).startswith("Only γ")


def test_a_lead_that_is_not_seen_is_called_level_and_the_loaded_frame_is_readable_on_its_cell():
    rows = [(0.0, 0.2, "finished", 0.50001), (1e-6, 0.2, "finished", 0.5), (1e-6, 0.4, "finished", 0.3), (0.0, 0.4, "missing", math.nan)]
    drawn = plots.knob_grid(frame(*rows), loaded=(1e-6, 0.2))
    assert plots.finding_of(drawn).replace("\xa0", " ") == "The loaded run and γ = 0, τ = 0.2 are best of 3: Recall@20 50.0 %"
    (text,) = [trace for trace in drawn.data if trace.type == "scatter" and trace.mode == "text"]
    assert list(text.text) == ["50.0", "50.0", "30.0"]  # none is empty: plotly would lose words when the grid grows
    inks = {(x, y): ink for x, y, ink in zip(text.x, text.y, text.textfont.color, strict=True)}
    assert [shape.line.color for shape in drawn.layout.shapes] == [inks[0, 1]]


def test_only_finished_cells_are_filled_and_running_ones_named():
    rows = [(0.0, 0.2, "finished", 0.3), (1e-6, 0.2, "running", 0.9), (0.0, 0.4, "queued", math.nan), (1e-6, 0.4, "missing", math.nan)]
    drawn = plots.knob_grid(frame(*rows))
    (filled,) = [trace.z for trace in drawn.data if trace.type == "heatmap"]
    assert [[value == value for value in line] for line in filled] == [[True, False], [False, False]]
    written = [word for trace in drawn.data if trace.type == "scatter" for word in (trace.text or ()) if word]
    assert written == ["30.0"]
    assert {(note.text, note.x, note.y) for note in drawn.layout.annotations} == {("running", 0, 1), ("queued", 1, 0)}


@pytest.mark.parametrize(("given", "match"), [(frame(), "0 rows"), (frame(*[(0.0, 0.2, "finished", 0.3)] * 2), "exactly once")])
def test_a_grid_that_is_none_is_refused(given, match):
    with pytest.raises(lab.DataError, match=match):
        plots.knob_grid(given)
