"""One door opens every data set, hands options to its reader, and opens the same again."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from folders import write_baby, write_rows, write_shop

from srgformer_lab.config import READER_OPTIONS, WORLD_OPTIONS
from srgformer_lab.data.dataset import DataSource
from srgformer_lab.data.readers import read_folder
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.data.source import folder_state, open_data, reopen, source_from_dict, source_state
from srgformer_lab.data.studio import studio as built_in
from srgformer_lab.errors import ConfigError, DataError

PACKAGE = Path(sys.modules["srgformer_lab"].__file__).parent


@pytest.fixture
def studio(monkeypatch):
    """A built-in world that remembers what it was asked for."""
    module, asked = types.ModuleType("srgformer_lab.data.studio"), []

    def studio(n_users=600, noise=0.1, seed=0):
        asked.append((n_users, noise, seed))
        return "world"

    module.studio = studio
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return asked


def test_layout_is_recognised(tmp_path):
    for name, write in (("baby", write_baby), ("shop", write_shop)):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
    assert open_data(tmp_path / "baby").source.reader == "mmrec"
    assert open_data(str(tmp_path / "shop")).source.reader == "folder"


def test_options_reach_the_reader_and_none_counts_as_not_given(tmp_path):
    data = open_data(write_shop(tmp_path), min_rating=2, k_core=None, split="time", seed=None)
    assert data.source.options == {"min_rating": 2, "k_core": None, "split": "time", "duplicates": "merge", "seed": 999}


def test_studio_is_a_name(studio):
    assert open_data("studio", noise=0.3, seed=4, n_users=None) == "world"
    assert studio == [(600, 0.3, 4)]


def test_folder_called_studio_is_reached_by_its_path(tmp_path, monkeypatch, studio):
    (tmp_path / "studio").mkdir()
    write_shop(tmp_path / "studio")
    monkeypatch.chdir(tmp_path)
    assert open_data("./studio").source.path == str(tmp_path / "studio")
    assert not studio


@pytest.mark.parametrize(
    ("write", "known"),
    [(write_baby, "open_data has no option k_cor, x; its options for folders are min_rating"), (write_shop, "min_rating, k_core, split")],
)
def test_unknown_options_are_refused_even_if_none(tmp_path, write, known):
    with pytest.raises(ConfigError, match=known):
        open_data(write(tmp_path), k_cor=5, x=None)


def test_unknown_option_of_the_studio(studio):
    with pytest.raises(ConfigError, match="studio has no option k_core; its options are n_users, noise, seed"):
        open_data("studio", k_core=5)


def test_path_cannot_be_smuggled_in_as_an_option(tmp_path):
    with pytest.raises(ConfigError, match="no option folder"):
        open_data(write_shop(tmp_path), folder="elsewhere")


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=r"there is no folder .*nowhere; check the path.*'studio'"):
        open_data(tmp_path / "nowhere")


def test_folder_of_no_layout(tmp_path):
    with pytest.raises(DataError, match=r"holds no data set: neither interactions\.csv nor a \.inter file.*; add one"):
        open_data(tmp_path)


def test_folder_of_both_layouts(tmp_path):
    write_baby(tmp_path)
    write_rows(tmp_path / "interactions.csv", "user_id,item_id", [])
    with pytest.raises(DataError, match=r"holds tiny\.inter and interactions\.csv, which are two layouts; keep one"):
        open_data(tmp_path)


def test_source_survives_json_and_opens_the_same(tmp_path):
    data = open_data(write_shop(tmp_path), k_core=3, seed=5)
    source = source_from_dict(json.loads(json.dumps(data.source.to_dict())))
    again = reopen(source)
    assert again.fingerprint == data.fingerprint
    assert again.source.to_dict() == data.source.to_dict()


def test_studio_opens_again(studio):
    assert reopen(DataSource("studio", "", {"seed": 7})) == "world"
    assert studio == [(600, 0.1, 7)]


@pytest.mark.parametrize(
    ("reader", "words"), [("memory", "built by hand can't be opened again; save it"), ("web", "no reader is called 'web'")]
)
def test_what_cannot_be_opened_again(reader, words):
    with pytest.raises(DataError, match=words):
        reopen(DataSource(reader))


def test_folder_that_is_gone(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        reopen(DataSource("folder", str(tmp_path / "gone"), {}))


def test_foreign_option_in_a_source(tmp_path):
    with pytest.raises(ConfigError, match="open_data has no option shuffle"):
        reopen(DataSource("folder", str(write_shop(tmp_path)), {"shuffle": True}))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"reader": "folder"},
        {"reader": 1, "path": "", "options": {}},
        {"reader": "folder", "path": "", "options": [], "more": 1},
        [],
        "folder",
    ],
)
def test_dictionary_that_is_no_source(values):
    with pytest.raises(DataError, match="must say reader, path and options"):
        source_from_dict(values)


def test_reading_a_folder_loads_neither_torch_nor_sklearn(tmp_path):
    """Start-up time counts; the package's own front door is left out, which this test is not about."""
    code = f"""
import sys, types
package = types.ModuleType("srgformer_lab")
package.__path__ = [{str(PACKAGE)!r}]
sys.modules["srgformer_lab"] = package
from srgformer_lab.data.source import open_data
open_data({str(write_shop(tmp_path))!r})
print(sorted(set(sys.modules) & {{"torch", "sklearn", "plotly", "marimo"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


# --------------------------------------------------------------------------------------------------------- the state of a folder


def shop_in(folder):
    (folder / "shop").mkdir()
    return write_shop(folder / "shop")


def older_in_place(path):
    """Put an older file of the same length there, with its date kept, as ``cp -p`` and ``rsync -a`` do."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    os.utime(other, (1e9, 1e9))
    other.replace(path)


def rewritten_in_place(path):
    """Overwrite the bytes and set the date back."""
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "added": lambda path: path.with_name("new" + path.suffix).write_bytes(b"x"),
    "removed": lambda path: path.unlink(),
    "renamed": lambda path: path.rename(path.with_name("b" + path.name)),
    "older": older_in_place,
    "rewritten": rewritten_in_place,
    "link": lambda path: (path.rename(path.with_name("target")), path.symlink_to("target")),
}


@pytest.mark.parametrize("file", ["interactions.csv", "items.csv", "features/image.npy", "images/i1.jpg"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_state_of_a_folder_changes_with_every_file(tmp_path, file, change):
    folder = shop_in(tmp_path)
    before = folder_state(folder)
    assert folder_state(str(folder)) == before
    assert source_state(read_folder(folder).source) == before
    _wait_for_the_clock(folder)
    CHANGES[change](folder / file)
    assert folder_state(folder) != before


def _wait_for_the_clock(folder):
    """Wait until the file system would write another time than that of the last change."""
    probe, last = folder.parent / "probe", max(path.stat().st_ctime_ns for path in folder.rglob("*"))
    probe.touch()
    while probe.stat().st_ctime_ns <= last:
        probe.touch()


def test_the_state_follows_a_link_to_a_file_elsewhere(tmp_path):
    folder, away = shop_in(tmp_path), tmp_path / "away.csv"
    (folder / "items.csv").rename(away)
    (folder / "items.csv").symlink_to(away)
    before = folder_state(folder)
    away.write_text(away.read_text() + "i9,Thing 9,2009,x\n")
    assert folder_state(folder) != before
    away.unlink()
    assert len({before, folder_state(folder)}) == 2


def test_reading_leaves_the_state_alone_and_no_folder_is_an_error(tmp_path):
    folder = shop_in(tmp_path)
    before = folder_state(folder)
    read_folder(folder)
    (folder / "notes").mkdir()
    assert folder_state(folder) == before
    assert source_state(DataSource("studio")) == ""
    with pytest.raises(DataError, match="there is no folder"):
        folder_state(tmp_path / "gone")


def test_the_listed_options_are_the_parameters_of_the_readers_with_their_types():
    of_folders, of_world = get_type_hints(ReadingOptions), get_type_hints(built_in)
    hints = {name: hint for name, hint in (of_folders | of_world).items() if name not in ("return", "given")}
    assert {name: kind for name, (kind, _) in {**READER_OPTIONS, **WORLD_OPTIONS}.items()} == {
        name: kind_of(hint) for name, hint in hints.items()
    }
    assert set(WORLD_OPTIONS) == set(of_world) - set(of_folders) - {"return"}


def kind_of(hint):
    """Return the type of a word on the command line: that of a choice is text, None only says that it may be left out."""
    if get_origin(hint) is Literal or any(get_origin(part) is Literal for part in get_args(hint)):
        return str
    return next((kind for kind in get_args(hint) if kind is not type(None)), hint)
