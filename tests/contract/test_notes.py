"""What people call hyperedges is kept with the run: nothing is lost, whoever else writes, and what can't be kept is said."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import Link
from srgformer_lab.training import managing, notes


@pytest.fixture
def run(run_copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return run_copy


def known(run):
    return {(row.modality, row.hyperedge): (row.name, row.note) for row in run.hyperedge_notes().itertuples(index=False)}


def test_a_name_and_a_note_are_kept_and_changed_alone(run):
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    run.note_hyperedge("image", 1, name="  striped   things ")
    run.note_hyperedge("image", 1, note="quite sure\nlook at  the mugs")
    run.note_hyperedge("text", 0, name="ships")
    assert known(lab.Run.open(run.path)) == {("image", 1): ("striped things", "quite sure\nlook at the mugs"), ("text", 0): ("ships", "")}
    run.note_hyperedge("image", 1, name="")
    run.note_hyperedge("text", 0, name="", note="")
    assert known(run) == {("image", 1): ("", "quite sure\nlook at the mugs")}
    assert all(path.read_bytes() == content for path, content in before.items()), "nothing else of the run was touched"


def test_it_goes_with_the_run_when_that_is_renamed_or_brought_back(run):
    run.note_hyperedge("image", 0, "first")
    again = managing.rename_run(run, "other")
    assert known(again) == {("image", 0): ("first", "")}
    back = managing.restore_run(managing.delete_run(again), again.path.parent)
    assert known(back) == {("image", 0): ("first", "")}
    with pytest.raises(lab.RunError):
        run.note_hyperedge("image", 0, "gone")


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"modality": "sound", "hyperedge": 0, "name": "x"}, "no hyperedges of 'sound'; it has those of image, text"),
        ({"modality": "image", "hyperedge": 99, "name": "x"}, "hyperedge=99 must be from 0 to"),
        ({"modality": "image", "hyperedge": -1, "name": "x"}, "hyperedge=-1 must be from 0 to"),
        ({"modality": "image", "hyperedge": "1", "name": "x"}, "hyperedge is '1'"),
        ({"modality": "image", "hyperedge": 0, "name": 7}, "name is 7"),
        ({"modality": "image", "hyperedge": 0, "name": "x" * 61}, "at most 60 letters, and this one has 61"),
        ({"modality": "image", "hyperedge": 0, "note": "x" * 2001}, "at most 2,000 letters"),
        ({"modality": "image", "hyperedge": 0, "name": "a\ud83d"}, "can't be printed"),
        ({"modality": "image", "hyperedge": 0, "note": "a\u202eb"}, "can't be printed"),
    ],
)
def test_what_can_be_no_name_is_refused_and_nothing_is_written(run, asked, match):
    with pytest.raises(lab.ConfigError, match=match):
        run.note_hyperedge(**asked)
    assert not run.notes_path.exists()


def test_a_run_without_hyperedges_has_none_to_name(tiny, tmp_path):
    run = lab.fit(lab.LightGCN(tiny, lab.LightGCNConfig(embedding_dim=8)), tiny, lab.TrainConfig(epochs=1), tmp_path)
    with pytest.raises(lab.ConfigError, match="has no hyperedges to name"):
        run.note_hyperedge("image", 0, "x")


def test_twenty_people_at_once_lose_nothing(run):
    n = run.config.model.n_hyperedges
    places = [(modality, number) for modality in ("image", "text") for number in range(n)]
    with ThreadPoolExecutor(8) as people:
        list(people.map(lambda place: lab.Run.open(run.path).note_hyperedge(*place, name=f"{place[0]} {place[1]}"), places))
    assert known(run) == {place: (f"{place[0]} {place[1]}", "") for place in places}


def test_it_is_written_while_the_run_is_being_trained(run):
    with run.hold():
        run.note_hyperedge("image", 0, "meanwhile")
        assert run.is_held()
    assert known(run) == {("image", 0): ("meanwhile", "")}


DAMAGED = ("{", "[]", *(json.dumps({"hyperedges": known}) for known in (3, {"image": {"x": {}}}, {"image": {"1": {"name": 3}}})))


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_said_left_as_it_is_and_takes_nothing_else_away(run, tiny, content):
    run.notes_path.write_text(content)
    for act in (run.hyperedge_notes, lambda: run.note_hyperedge("image", 0, "x")):
        with pytest.raises(lab.RunError, match=r"hyperedges\.json .*the run itself is unharmed"):
            act()
    assert run.notes_path.read_text() == content
    assert list(backend.runs_of(tiny)) == [run.name]
    assert lab.Run.open(run.path).model(tiny)


def test_what_a_later_version_writes_is_not_lost(run):
    run.notes_path.write_text(json.dumps({"format": 2, "hyperedges": {"image": {"0": {"name": "a", "colour": "red"}}}}))
    run.note_hyperedge("image", 0, note="b")
    assert json.loads(run.notes_path.read_text()) == {
        "format": 2,
        "hyperedges": {"image": {"0": {"name": "a", "colour": "red", "note": "b"}}},
    }


def test_a_folder_that_cannot_be_written_says_so(run, monkeypatch):
    def full(path, content):
        raise lab.RunError(f"{path} can't be written: the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(notes, "write_json", full)
        with pytest.raises(lab.RunError, match="can't be written"):
            run.note_hyperedge("image", 0, "x")
    lock = run.lock_path
    lock.unlink(missing_ok=True)
    lock.mkdir()
    with pytest.raises(lab.RunError, match=r"names and notes of run .* can't be kept in .*: .*; try again, or copy the run"):
        run.note_hyperedge("image", 0, "x")


def test_names_for_a_shipped_run_lie_beside_ones_own_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = lab.shipped_run("studio_found")
    before = sorted(path.name for path in run.path.rglob("*"))
    assert run.hyperedge_notes().empty
    assert list(Path().iterdir()) == [], "looking makes no files"
    run.note_hyperedge("text", 17, "sailing")
    assert run.notes_path == Path("runs/.notes/studio_found/hyperedges.json")
    assert known(lab.shipped_run("studio_found")) == {("text", 17): ("sailing", "")}
    assert lab.shipped_run().hyperedge_notes().empty
    assert sorted(path.name for path in run.path.rglob("*")) == before
    assert lab.list_runs() == []
    scene = backend.SESSION.open(Link(run=backend.SHIPPED_FOUND, modality="text", hyperedge=17))
    cards = backend.Hyperedges(scene, "text").named_cards.set_index("hyperedge")
    assert cards.loc[17, "name"] == "sailing"
    assert set(cards["name"]) == {"sailing", ""}


def test_names_are_sought_and_carried_in_the_report(run):
    scene = backend.SESSION.of_run(run)
    backend.note_hyperedge(scene, "image", 2, "Wool & <b>warm</b> things", "first line\nsecond line")
    found = backend.Hyperedges(scene, "image")
    for words in ("WOOL warm", "second line", "2 wool"):
        assert list(backend.matching_hyperedges(found.named_cards, words)["hyperedge"]) == [2], words
    assert [card["hyperedge"] for card in found.largest(1, "wool")] == [2]
    assert len(backend.matching_hyperedges(found.named_cards, "")) == run.config.model.n_hyperedges
    assert backend.matching_hyperedges(found.named_cards, "no such words").empty
    title = found.cards.loc[0, "top_titles"][0]
    assert 0 in set(backend.matching_hyperedges(found.named_cards, title)["hyperedge"])
    made = backend.Report(scene.at(modality="image", hyperedge=2))
    table = made.frames()["hyperedges"][1].set_index("hyperedge")
    assert (table.loc[2, "name"], table.loc[2, "note"]) == ("Wool & <b>warm</b> things", "first line\nsecond line")
    page = made.html()
    assert "<b>warm</b>" not in page
    assert "called “Wool &amp; &lt;b&gt;warm&lt;/b&gt; things”" in page
    assert "<p>second line</p>" in page


def test_in_a_class_only_ones_own_runs_are_named(run, tiny, monkeypatch):
    scene = backend.SESSION.of_run(run)
    assert backend.may_note(scene)
    monkeypatch.setattr(backend.limits, "_class", None)  # put back when the test is over
    backend.limits.open_class([])
    assert not backend.may_note(scene)
    with pytest.raises(lab.RunError, match="in a class everybody names the hyperedges of the trainings that they have started"):
        backend.note_hyperedge(scene, "image", 0, "x", "")
    assert not run.notes_path.exists()
    backend.limits.note_start(scene.run)
    backend.note_hyperedge(scene, "image", 0, "mine", "")
    assert known(run) == {("image", 0): ("mine", "")}


def test_a_copy_of_a_run_takes_its_names_along(run, tmp_path):
    run.note_hyperedge("image", 0, "x")
    shutil.copytree(run.path, tmp_path / "elsewhere")
    assert known(lab.Run.open(tmp_path / "elsewhere")) == {("image", 0): ("x", "")}
