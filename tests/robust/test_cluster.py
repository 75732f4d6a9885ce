"""A cluster finds what this machine finds, also where a worker is lost; and whatever it can't do is refused before anything is written."""

import importlib.util
import socket
from importlib import util
from pathlib import Path

import pytest

import srgformer_lab as lab
from benchmarks.cluster import ON_THIS_MACHINE, TIMED, WORLD, Killer, nodes
from srgformer_lab import cli
from srgformer_lab.errors import ConfigError, MissingPackageError, UnknownIdError
from srgformer_lab.experiments import engines
from srgformer_lab.experiments.engines import Job, LocalPool, engine
from srgformer_lab.experiments.needs import Need
from srgformer_lab.experiments.outcomes import rows
from srgformer_lab.experiments.runner import Runner
from srgformer_lab.experiments.workers import HasFolder, SeesRuns, files_of, look

NEED = Need(1, 0, 0, 10**6)
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed; it comes with the extra [cluster]")
SMALL = {"embedding_dim": 8, "n_heads": 2, "batch_size": 64, "epochs": 20, "patience": 20, "device": "cpu"}


@pytest.fixture
def on_this_machine(monkeypatch):
    for name, value in ON_THIS_MACHINE.items():
        monkeypatch.setenv(name, value)


@needs_ray
def test_a_training_whose_worker_is_killed_goes_on_and_finds_what_this_machine_finds(on_this_machine, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "POLL_SECONDS", 0.05)  # it is killed after its second epoch, and before its last
    case = lab.Setup(lab.Recipe("studio", WORLD), changes=SMALL).case({}, 0, "lightgcn")
    with nodes((1,)) as told:
        local = found_in(tmp_path / "local", case, LocalPool(0, 1))
        killer = Killer(tmp_path / "ray", after=0)
        with lab.RayEngine(told()[0]).opened(NEED, tmp_path / "ray", case.recipe.open(0)) as pool:
            assert not list(tmp_path.glob("ray/.seen-*"))
            assert found_in(tmp_path / "ray", case, pool, killer) == local
    assert len(killer.hit) == 1
    killer.check()


def found_in(folder, case, pool, watch=None) -> str:
    (outcome,) = Runner(Job(folder, watch=watch), pool).finish([case])
    assert outcome.is_finished
    return rows([outcome]).drop(columns=list(TIMED)).to_csv()


@needs_ray
def test_an_address_that_does_not_answer_is_refused_in_time(on_this_machine, tmp_path):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        setup = lab.Setup(lab.Recipe("studio", WORLD), changes=SMALL)
        with pytest.raises(ConfigError, match=f"no Ray cluster answers at {address} within 0.5 s; start one"):
            list(lab.run_experiment("ablation", setup, tmp_path / "tables", engine=lab.RayEngine(address, answer_seconds=0.5)))
    assert list(tmp_path.iterdir()) == []


def test_what_a_worker_must_see_is_named(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "items.csv").write_text("item\na\n")
    (tmp_path / "token").write_text("seen")
    shop, token = str(tmp_path / "shop"), str(tmp_path / "token")
    assert look((HasFolder(shop, files_of(shop)), SeesRuns(token, "seen")))[1] == ""
    assert "has another items.csv" in look((HasFolder(shop, {"items.csv": 1}),))[1]
    assert "has another users.csv" in look((HasFolder(shop, {**files_of(shop), "users.csv": 1}),))[1]
    for other in (SeesRuns(token, "another machine's"), SeesRuns(str(tmp_path / "away" / "token"), "seen")):
        assert "choose an --output on storage that all share" in look((other,))[1]


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: engine("rey"), UnknownIdError, "no engine 'rey' among 2; did you mean ray"),
        (lambda: engine("local", "10.0.0.1:6379"), ConfigError, "give --engine ray with it"),
        (lambda: engine("ray", "10.0.0.1"), ConfigError, "address='10.0.0.1' must be HOST:PORT"),
        (lambda: engine("ray", "10.0.0.1:70000"), ConfigError, "must be HOST:PORT"),
        (lambda: engine("ray", n_threads=0), ConfigError, "threads=0"),
        (lambda: engine("local", n_threads=0), ConfigError, "threads=0"),
        (lambda: lab.RayEngine(n_retries=-1), ConfigError, "retries=-1"),
    ],
)
def test_an_engine_that_there_is_not_is_refused(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_a_missing_package_and_a_question_that_only_measures_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as without:
        without.setattr(util, "find_spec", lambda name: None)
        with pytest.raises(MissingPackageError, match=r"srgformer-lab\[cluster\]"), lab.RayEngine().opened(NEED, Path("runs"), None):
            pass
    assert cli.main(["experiment", "cost", "--engine", "ray"]) == 2
    assert "leave --engine out" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
