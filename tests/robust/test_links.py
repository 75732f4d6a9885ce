"""Links full of nonsense open something, say what they got wrong, and read nothing that is not served."""

import random
import sys
from weakref import WeakKeyDictionary

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.backend import limits, visitors
from srgformer_lab.backend.link import LINK_NAMES
from tests.shops import write_shop

NONSENSE = (
    "", " ", "\0", "nan", "inf", "-inf", "1e999", "-1", "0", "9" * 400, "0x10", "½", "é" * 3000, "../outside", "../../etc/passwd", "/",
    "/etc/passwd", "~", ".", "..", "runs/..", "shop/../../outside", "file:///etc/passwd", "\\\\host\\share", "C:\\", "CON", "shop?k_core=5",
    "<script>alert(1)</script>", "'; drop table users", "{{7*7}}", "${HOME}", "%00", "%2e%2e%2foutside", "a,b,,c", "," * 5000, "u0,u1",
    "\u202eevil", "\ud83d", "None", "true", "[]", "{}", "studio", "shipped", "shop", "mine",
)  # fmt: skip
_read: list[str] = []
_is_listening = False


def _listen(event, arguments):
    if _is_listening and event in ("open", "os.listdir", "os.scandir") and arguments:
        _read.append(str(arguments[0]))


@pytest.fixture
def house(tmp_path, tiny, monkeypatch):
    """A served shop with a run, and beside the working folder what nobody may read."""
    global _is_listening
    work = tmp_path / "work"
    work.mkdir()
    for folder in (work / "shop", tmp_path / "outside"):
        write_shop(folder, tiny)
    for folder in (work, tmp_path / "outside"):
        data = lab.open_data(folder / "shop" if folder == work else folder)
        model = lab.SRGFormer(data, lab.ModelConfig(embedding_dim=8, n_heads=2))
        lab.fit(model, data, lab.preset("studio").train.replace(epochs=1), folder / "runs", "mine")
    monkeypatch.chdir(work)
    monkeypatch.setattr(limits, "_class", None)
    monkeypatch.setattr(visitors, "_visitors", WeakKeyDictionary())
    sys.addaudithook(_listen)  # it can't be taken away, only told not to listen
    _read.clear()
    _is_listening = True
    yield tmp_path
    _is_listening = False


def test_two_hundred_links_of_nonsense(house):
    draws = random.Random(12)
    hostile = [*NONSENSE, str(house / "outside"), str(house / "outside" / "runs" / "mine"), str(house / "work" / "shop")]
    for _ in range(200):
        names = draws.sample([*LINK_NAMES, "page", "serve", "token"], draws.randint(1, 6))
        asked = {name: draws.choice(hostile) for name in names}
        if draws.random() < 0.5:
            asked["data"] = "shop"
        scene = backend.SESSION.open(backend.arrival(asked, {"serve": ["", "shop"]}, draws.choice(["", "a" * 32, "nonsense"])))
        assert scene.link.data in ("studio", "shop"), asked
        assert scene.link.run in ("", "shipped", "mine"), asked
        assert scene.link.user in scene.data.user_ids, asked
        assert scene.link.item in scene.data.item_ids, asked
        assert backend.Link.of(scene.link.to_params()) == scene.link, asked
        assert all(len(note) < 1500 for note in scene.notes), asked
    assert any("work" in path or "runs" in path for path in _read)  # it does listen
    assert [path for path in _read if "outside" in path or "passwd" in path] == []
