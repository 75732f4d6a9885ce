"""Runs are renamed, deleted and brought back whole, or refused with the reason and left as they were."""

import errno
import os
import time
from pathlib import Path

import pandas as pd
import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from tests.worlds import as_if_trained


@pytest.fixture
def run(run_copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return run_copy


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and path.name != "run.lock"}


def test_a_renamed_run_is_the_same_run(run, tiny):
    before = contents(run.path)
    assert backend.rename_run(run.name, "  wide one ") == "wide one"
    assert list(backend.runs_of(tiny)) == ["wide one"]
    assert contents("runs/wide one") == before


@pytest.mark.parametrize("wanted", ["", " ", ".hidden", "a/b", "..", "a\nb", *backend.SHIPPED_RUNS])
def test_a_name_that_no_folder_can_have_is_refused(run, tiny, wanted):
    with pytest.raises(lab.ConfigError, match="name"):
        backend.rename_run(run.name, wanted)
    assert list(backend.runs_of(tiny)) == [run.name]


def test_a_taken_name_is_refused_and_neither_run_is_touched(run, tiny):
    (Path("runs") / "empty").mkdir()  # a rename would silently replace an empty folder
    with pytest.raises(lab.RunError, match="there is a run 'empty' already"):
        backend.rename_run(run.name, "empty")
    assert list(backend.runs_of(tiny)) == [run.name]
    assert backend.rename_run(run.name, run.name) == run.name


@pytest.mark.parametrize("name", ["gone", "../runs", ".trash", ""])
def test_what_is_no_run_is_refused(run, name):
    for act in (backend.delete_run, lambda name: backend.rename_run(name, "other")):
        with pytest.raises(lab.RunError, match="there is no run"):
            act(name)


@pytest.mark.parametrize("name", backend.SHIPPED_RUNS)
def test_a_shipped_run_stays(run, name):
    for act in (backend.delete_run, lambda name: backend.rename_run(name, "other")):
        with pytest.raises(lab.RunError, match="comes with the package"):
            act(name)


def test_what_is_trained_or_waits_is_neither_renamed_nor_deleted(run):
    acts = (backend.delete_run, lambda name: backend.rename_run(name, "other"))
    with run.hold():
        for act in acts:
            with pytest.raises(lab.RunError, match="stop it before"):
                act(run.name)
    as_if_trained(run)  # it waits for a place
    for act in acts:
        with pytest.raises(lab.RunError, match="stop it before"):
            act(run.name)
    assert run.path.is_dir()


def test_in_a_class_nobody_renames_or_deletes(run, monkeypatch):
    monkeypatch.setattr(backend.limits, "_class", None)  # put back when the test is over
    backend.limits.open_class([])
    for act in (lambda: backend.rename_run(run.name, "mine"), lambda: backend.delete_run(run.name)):
        with pytest.raises(lab.RunError, match="in a class the runs belong to all"):
            act()
    assert run.path.is_dir()


def test_a_deleted_run_comes_back_as_it_was(run, tiny):
    before = contents(run.path)
    backend.delete_run(run.name)
    assert backend.runs_of(tiny) == {}
    (waiting,) = backend.deleted_runs(tiny)
    assert backend.deleted_runs(tiny) == {waiting: run.name}
    assert backend.restore_run(waiting) == run.name
    assert contents(run.path) == before
    assert backend.deleted_runs(tiny) == {}
    for gone in (waiting, "", "../../runs"):
        with pytest.raises(lab.RunError, match="gone for good, or it is back already"):
            backend.restore_run(gone)


def test_what_comes_back_to_a_taken_name_gets_a_number(run, tiny):
    backend.delete_run(run.name)
    run.path.mkdir()
    (waiting,) = backend.deleted_runs(tiny)
    assert backend.restore_run(waiting) == f"{run.name}-2"


def test_the_trash_shows_this_datas_runs_and_keeps_them_a_day(run, tiny):
    backend.delete_run(run.name)
    (waiting,) = Path("runs/.trash").iterdir()
    assert backend.deleted_runs(lab.studio()) == {}
    day = 24 * 3600 * 10**9
    late, soon = (waiting.with_name(f"{time.time_ns() - day + offset}-{run.name}") for offset in (-(10**9), 60 * 10**9))
    waiting.rename(late)
    soon.mkdir()
    assert late.name in backend.deleted_runs(tiny)
    (Path("runs") / "next").mkdir()
    backend.delete_run("next")
    assert not late.exists()
    assert soon.exists()


def test_a_damaged_folder_is_deleted_and_brought_back_all_the_same(run, tiny):
    (run.path / "config.json").write_text("{")
    assert list(backend.damaged_lines()) == [run.name]
    backend.delete_run(run.name)
    assert backend.damaged_lines() == {}
    (waiting,) = backend.deleted_runs(tiny)
    assert backend.restore_run(waiting) == run.name
    assert (run.path / "config.json").read_text() == "{"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_full_or_forbidden_folder_is_said_and_nothing_is_lost(run, tiny, monkeypatch, code):
    backend.delete_run(run.name)
    (waiting,) = backend.deleted_runs(tiny)
    backend.restore_run(waiting)

    def refuse(self, *rest, **options):
        raise OSError(code, os.strerror(code), str(self))

    before = contents(run.path)
    for method in ("rename", "mkdir"):
        with monkeypatch.context() as broken:
            broken.setattr(Path, method, refuse)
            with pytest.raises(lab.RunError, match=f"can't be deleted: .*{os.strerror(code)}.*it is as it was"):
                backend.delete_run(run.name)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(lab.RunError, match="can't be renamed"):
        backend.rename_run(run.name, "other")
    assert contents(run.path) == before


def test_words_are_sought_in_all_that_is_said_of_a_run(run, tiny):
    table = backend.run_table(tiny)
    for words in ("", "SRGFORMER finished", "k 4", run.name):
        assert list(backend.matching_runs(table, words)["run"]) == [run.name]
    assert backend.matching_runs(table, "finished lightgcn").empty
    for empty in (table.iloc[:0], pd.DataFrame({"run": []})):
        assert list(backend.matching_runs(empty, "any").columns) == list(empty.columns)


def test_the_stamp_changes_with_every_thing_that_a_list_shows(run):
    seen = [backend.runs_stamp()]
    assert backend.runs_stamp() == seen[0]
    run.write_status(run.status())
    seen.append(backend.runs_stamp())
    backend.rename_run(run.name, "other")
    seen.append(backend.runs_stamp())
    backend.delete_run("other")
    seen.append(backend.runs_stamp())
    assert len(set(seen)) == len(seen)


def test_a_view_follows_a_new_name_with_its_knobs_and_forgets_a_deleted_run():
    link = backend.Link(data="studio", run="a", runs=("b", "c"), alpha=0.5, epoch=3, user="u1")
    assert link.change(**backend.without_run(link, "a", "z")) == link.change(run="z", alpha=0.5, epoch=3)
    assert link.change(**backend.without_run(link, "b", "z")).runs == ("z", "c")
    gone = link.change(**backend.without_run(link, "a"))
    assert (gone.run, gone.alpha, gone.user, gone.runs) == ("", None, "u1", ("b", "c"))
