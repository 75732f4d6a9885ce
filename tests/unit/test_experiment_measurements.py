"""A measurement multiplies what it names, fits what it times, calls as many users as it says, and loses nothing when it is stopped."""

import json
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab import runtime
from srgformer_lab.cli import main
from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.errors import ConfigError, RunError, UnknownIdError
from srgformer_lab.experiments import latency, measurement, timing, workload
from srgformer_lab.experiments.cases import Setup
from srgformer_lab.experiments.catalog import EXPERIMENTS
from srgformer_lab.experiments.cost import FACTORS, WORDS, Cost, in_words, kind, like
from srgformer_lab.experiments.latency import Latency, percentiles
from srgformer_lab.experiments.measurement import GENERATED, Measurement, Point, take
from srgformer_lab.experiments.plain import PIECES
from srgformer_lab.experiments.recipe import Recipe
from srgformer_lab.experiments.workload import Shape, Task

TINY = Shape("tiny", 30, 20, 120, {"image": 4, "text": 3}, "studio")
SMALL = {"embedding_dim": 16, "n_heads": 2, "n_hyperedges": 2, "batch_size": 64, "device": "cpu"}
COST, LATENCY = Cost(TINY, (1, 2), 1, 1), Latency({"tiny": TINY, "double": TINY.times(2)}, 4)
FILES = ["facts.json", "rows.csv", "table.csv", "table.md"]


def setup_of(*only, data=GENERATED, **options) -> Setup:
    return Setup(Recipe(data, options), changes=SMALL, only=only)


@pytest.fixture
def here(monkeypatch):
    """Measure in this process, with one thread: a miniature waits for nobody then."""
    for module in (timing, latency):
        monkeypatch.setattr(module, "in_own_process", lambda act, *arguments: act(*arguments))
    monkeypatch.setattr(runtime, "keep_memory", lambda: False)
    with runtime.threads(1):
        yield


def sizes(task: Task) -> dict:
    shape, model = task.data, task.model
    return {
        "users": shape.n_users,
        "items": shape.n_items,
        "interactions": shape.n_train,
        "K": model.n_hyperedges,
        "heads": model.n_heads,
    }


@pytest.mark.parametrize("factor", FACTORS)
def test_a_factor_multiplies_its_own_size_and_nothing_else(factor):
    base, grown = COST.points(setup_of(factor))
    assert (base.labels, grown.labels) == ({"factor": "base", "scale": 1, "round": 1}, {"factor": factor, "scale": 2, "round": 1})
    assert sizes(grown.task) == sizes(base.task) | {factor: 2 * sizes(base.task)[factor]}
    rest = [item.name for item in fields(ModelConfig) if item.name not in ("n_hyperedges", "n_heads")]
    assert [getattr(grown.task.model, name) for name in rest] == [getattr(base.task.model, name) for name in rest]
    assert (grown.task.train, grown.task.data.widths) == (base.task.train, TINY.widths)
    data = grown.task.open()
    assert (data.n_users, data.n_items, len(data.pairs("train"))) == tuple(sizes(grown.task)[name] for name in list(FACTORS)[:3])


def test_a_named_data_set_gives_the_base_its_size():
    setup = setup_of("users", data="studio", n_users=40, n_items=30, n_groups=4, n_interactions=400)
    data = setup.recipe.open(0)
    shape = like(data, "studio")
    base, grown = COST.points(setup)
    assert base.task.data == shape
    assert grown.task.data.n_users == 80
    made = base.task.open()
    assert (made.n_users, made.n_items, len(made.pairs("train"))) == (data.n_users, data.n_items, len(data.pairs("train")))
    assert {name: made.features[name].shape for name in made.modalities} == {name: data.features[name].shape for name in data.modalities}
    (only,) = LATENCY.points(setup_of(data="studio", n_users=40, n_items=30, n_groups=4, n_interactions=400))
    assert only.task.open().fingerprint == data.fingerprint


def powers(table: dict[str, float], scales=(1, 2, 4)) -> pd.DataFrame:
    """Rows of a made-up machine on which everything is a power of every factor."""
    rows = [
        {"factor": factor if scale > 1 else "base", "scale": scale, "what": what, "value": 7.0 * scale**exponent, "unit": "ms"}
        for what in ("attention", "step")
        for factor, exponent in table.items()
        for scale in scales
    ]
    return pd.DataFrame(rows).drop_duplicates(["factor", "scale", "what"])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 3), min_size=5, max_size=5))
def test_the_exponent_of_each_factor_is_found(exponents):
    wanted = dict(zip(FACTORS, exponents, strict=True))
    found = COST.table(powers(wanted)).set_index(["what", "factor"])
    assert len(found) == 10
    for factor, exponent in wanted.items():
        assert found.loc[("attention", factor), "exponent"] == pytest.approx(exponent, abs=1e-9)
        assert found.loc[("step", factor), "×4"] == pytest.approx(7 * 4**exponent)


def test_a_disturbed_round_does_not_count():
    rounds = [powers({"users": 1.0, "K": 0.0}).assign(round=number) for number in (1, 2, 3)]
    rounds[1].loc[rounds[1]["factor"] == "K", "value"] *= 9
    rounds[2].loc[rounds[2]["factor"] == "base", "value"] *= 5
    found = COST.table(pd.concat(rounds)).set_index(["what", "factor"])["exponent"]
    assert found.to_dict() == pytest.approx({("attention", "users"): 1, ("step", "users"): 1, ("attention", "K"): 0, ("step", "K"): 0})


def test_every_round_goes_through_all_points_and_takes_memory_once(monkeypatch, here, tmp_path):
    monkeypatch.setattr(timing, "peak_memory", lambda task, is_plain: 1.5)
    list(take(Cost(TINY, (1, 2), 2, 1), setup_of("K"), tmp_path))
    rows = pd.read_csv(tmp_path / "rows.csv")
    visits = rows[["factor", "scale", "round"]].drop_duplicates().to_numpy().tolist()
    assert visits == [["base", 1, 1], ["K", 2, 1], ["base", 1, 2], ["K", 2, 2]]
    assert rows.loc[rows["what"] == "peak memory", "round"].tolist() == [1, 1]
    steps = rows[rows["what"] == "step"].groupby("factor")["value"].median()
    table = pd.read_csv(tmp_path / "table.csv").set_index("what")
    assert table.loc["step", ["×1", "×2"]].tolist() == pytest.approx([steps["base"], steps["K"]])


def test_words_say_what_grows_with_what():
    assert [kind(exponent) for exponent in (1.5, 1.0, 0.5, 0.0, -0.5)] == [
        "faster than",
        "in proportion to",
        "less than",
        "hardly with",
        "falls with",
    ]
    text = in_words(COST.table(powers({"users": 0.5, "items": 2.0, "interactions": 1.0, "K": 0.01, "heads": -1.0})))
    assert "| attention | items | interactions | users | K | heads |" in text


def test_the_base_alone_has_no_exponents():
    rows = powers({"users": 1.0}, scales=(1,))
    assert COST.table(rows).empty


def test_percentiles_are_those_of_all_calls():
    assert percentiles([float(value) for value in range(1, 101)]) == {"calls": 100, "median": 50.5, "p95": pytest.approx(95.05)}
    assert percentiles([3.0, 1.0, 2.0])["median"] == 2.0


def test_the_clock_leaves_out_the_first_round_and_keeps_acts_apart(monkeypatch):
    now, spent = [0.0], {"slow": iter([900, 5, 7, 6]), "quick": iter([800, 1, 1, 2])}
    monkeypatch.setattr(workload.time, "perf_counter", lambda: now[0])

    def act(name):
        now[0] += next(spent[name]) / 1000

    acts = {name: lambda name=name: act(name) for name in spent}
    found = workload.durations(acts, 3, torch.device("cpu"))
    assert {name: [round(value, 6) for value in values] for name, values in found.items()} == {"slow": [5, 7, 6], "quick": [1, 1, 2]}


def test_every_timed_call_is_for_another_user(monkeypatch, here):
    asked = []
    monkeypatch.setattr(latency, "recommend", lambda model, data, user, k: asked.append((type(model).__name__, user)))
    found = latency.serving_times(LATENCY.points(setup_of("tiny"))[0].task)
    assert {name: len(values) for name, values in found["ms"].items()} == dict.fromkeys(latency.WORDS, 4)
    users = [user for kind, user in asked if kind == "SRGFormer"][1:]  # the first call warms up
    assert len(users) == len(set(users)) == 4


def complete(folder) -> tuple[pd.DataFrame, str, dict]:
    assert sorted(path.name for path in folder.iterdir()) == FILES
    return (
        pd.read_csv(folder / "rows.csv"),
        (folder / "table.md").read_text("utf-8"),
        json.loads((folder / "facts.json").read_text("utf-8")),
    )


def test_cost_in_miniature(here, tmp_path):
    said = "\n".join(take(COST, setup_of("interactions", "K"), tmp_path / "out"))
    rows, text, facts = complete(tmp_path / "out")
    assert set(rows["what"]) == set(WORDS) == {*PIECES, "step", "epoch", "evaluation", "peak memory"}
    assert len(rows) == 3 * len(WORDS)
    assert (rows["value"] > 0).all()
    assert rows.groupby(["factor", "scale"], sort=False)["interactions"].first().tolist() == [120, 240, 120]
    assert rows.groupby(["factor", "scale"], sort=False)["K"].first().tolist() == [2, 2, 4]
    ms = rows.set_index(["factor", "what"])["value"]
    assert ms["base", "epoch"] == pytest.approx(2 * ms["base", "step"] / 1000)  # 120 pairs are 2 batches of 64
    assert ms["interactions", "epoch"] == pytest.approx(4 * ms["interactions", "step"] / 1000)
    table = pd.read_csv(tmp_path / "out" / "table.csv").set_index(["what", "factor"])
    slope = np.log2(ms["interactions", "step"] / ms["base", "step"])
    assert table.loc[("step", "interactions"), "exponent"] == pytest.approx(slope)
    assert text.count("| a step |") == 2
    assert text.strip() in said
    assert (facts["measured"], facts["points"]) == (3, ["round 1, base ×1", "round 1, interactions ×2", "round 1, K ×2"])


def test_latency_in_miniature(here, tmp_path):
    said = "\n".join(take(LATENCY, setup_of(), tmp_path / "out"))
    rows, text, _ = complete(tmp_path / "out")
    assert rows.groupby("size", sort=False)["users"].first().to_dict() == {"tiny": 30, "double": 60}
    assert (rows.groupby("size")["what"].nunique() == len(latency.WORDS)).all()
    assert (rows["calls"] == 4).all()
    assert ((0 < rows["median"]) & (rows["median"] <= rows["p95"])).all()
    assert "|  | tiny: 30 × 20 | double: 60 × 40 |" in text
    assert text.strip() in said
    table = pd.read_csv(tmp_path / "out" / "table.csv").set_index("what")
    chosen = rows[(rows["size"] == "double") & (rows["what"] == "explain")]
    assert table.loc["explain", "double p95"] == pytest.approx(chosen["p95"].item())


@pytest.mark.parametrize(("measured", "word"), [(COST, "itens"), (LATENCY, "tinny")])
def test_an_unknown_factor_or_size_is_refused_and_known_ones_are_named(measured, word, tmp_path):
    with pytest.raises(UnknownIdError, match="items" if measured is COST else "tiny"):
        list(take(measured, setup_of(word), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_restricted_measurement_takes_the_wanted_in_their_order():
    assert [point.name for point in COST.points(setup_of("K", "users"))] == ["round 1, base ×1", "round 1, K ×2", "round 1, users ×2"]
    assert [point.name for point in LATENCY.points(setup_of("double"))] == ["double"]


def test_a_size_that_no_data_set_can_have_is_refused_before_anything_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(Cost, "measure", lambda *_: pytest.fail("measured"))
    with pytest.raises(ConfigError, match="240 users and 20 items can't share 120"):
        list(take(Cost(TINY, (1, 8)), setup_of("users"), tmp_path / "out"))
    with pytest.raises(ConfigError, match="must divide"):
        list(take(Cost(TINY, (1, 3)), setup_of("heads"), tmp_path / "out"))
    with pytest.raises(ConfigError, match="k_core"):
        list(take(COST, setup_of(k_core=3), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_what_cannot_fit_is_refused_before_anything_is_measured(monkeypatch, tmp_path):
    for measured in (COST, LATENCY):
        monkeypatch.setattr(type(measured), "measure", lambda *_: pytest.fail("measured"))
        for hours in (1e-9, 0.0, -1.0, float("nan")):
            with pytest.raises(ConfigError, match="hours"):
                list(take(measured, setup_of(), tmp_path / "out", hours))
        with monkeypatch.context() as scarce:
            scarce.setattr(runtime, "free_memory", lambda: 1e6)
            with pytest.raises(ConfigError, match="are free"):
                list(take(measured, setup_of(), tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="name a folder"):
        list(take(COST, setup_of(), tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


class Stopped(Measurement):
    """Three points, of which the second is the trouble."""

    name, question = "stopped", "What is left?"

    def __init__(self, second):
        self.second = second

    def points(self, setup):
        return [Point(name, {"size": name}, Task(TINY, ModelConfig(), TrainConfig())) for name in ("first", "second", "third")]

    def measure(self, point):
        if point.labels["size"] == "second":
            self.second()
        return pd.DataFrame([{"what": "step", "value": 1.0}])

    def seconds_at_least(self, task, data):
        return 0.0

    def table(self, rows):
        return rows

    def to_markdown(self, rows):
        return f"{len(rows)} rows"


def test_a_process_that_is_ended_leaves_what_was_measured_before(tmp_path):
    def ended():
        raise RunError("a measuring process was ended from outside")

    with pytest.raises(RunError, match="ended from outside"):
        list(take(Stopped(ended), setup_of(), tmp_path))
    rows, text, facts = complete(tmp_path)
    assert rows["size"].tolist() == ["first"]
    assert "1 rows" in text
    assert "Not measured: second, third." in text
    assert facts["measured"] == 1


def test_nothing_is_begun_after_the_hours_are_up(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(measurement.time, "monotonic", lambda: now[0])

    def long():
        now[0] += 3601

    said = "\n".join(take(Stopped(long), setup_of(), tmp_path, 1.0))
    rows, text, _ = complete(tmp_path)
    assert rows["size"].tolist() == ["first", "second"]
    assert "Not measured: third." in text
    assert "Not measured: third." in said


def test_the_command_line_measures_and_tells_what_is_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Cost, "measure", lambda self, point: powers({"users": 1.0}, (1,)).drop(columns=["factor", "scale"]))
    monkeypatch.setattr(Cost, "to_markdown", lambda self, rows: f"{len(rows)} rows")
    assert main(["experiment", "cost", "--only", "K", "--hours", "9"]) == 0
    assert "18 rows" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "experiments" / "cost-generated").iterdir()) == FILES
    for arguments, known in ((["cost", "--only", "hats"], "heads"), (["latency", "--only", "babies"], "baby")):
        assert main(["experiment", *arguments]) == 2
        assert known in capsys.readouterr().err
    assert main(["experiment", "ablation", "--data", "generated"]) == 2  # trainings take no generated data: it has no meaning to learn
    assert "generated" in capsys.readouterr().err


def test_both_are_found_by_name():
    assert [name for name, each in EXPERIMENTS.items() if isinstance(each, Measurement)] == ["cost", "latency"]
