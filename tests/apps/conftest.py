"""The notebooks, and a working folder with a small shop and a finished run for them to show."""

import importlib
import sys
from pathlib import Path

import pytest

from srgformer_lab import backend
from tests.shops import resolve, train_shop, write_shop

APPS = Path(__file__).parents[2] / "apps"
PAGES = ("start", "data", "train", "runs", "knobs", "hyperedges", "attention", "alignment", "audit", "why", "compare", "report")


@pytest.fixture(scope="session")
def shop_root(tiny, tmp_path_factory):
    root = tmp_path_factory.mktemp("shop")
    train_shop(write_shop(root / "shop", tiny), root)
    return root


@pytest.fixture
def shop(shop_root, monkeypatch):
    """Work in the shop's folder, and look at it as a link without anything else would."""
    monkeypatch.chdir(shop_root)
    return resolve(backend.Link(data=str(shop_root / "shop")))[0]


@pytest.fixture
def page(monkeypatch):
    """Run a page's notebook as explore.py would, with a view and an empty memory."""
    monkeypatch.syspath_prepend(str(APPS))

    def run(name, link, **memory):
        app = importlib.import_module(f"pages.{name}").app
        outputs, names = app.run(defs={"link": link, "memory": memory})
        return "\n".join(text_of(output) for output in outputs), names

    return run


def text_of(output):
    if output is None:
        return ""
    return getattr(output, "text", str(output))


@pytest.fixture(autouse=True, scope="module")
def _forget_notebooks():
    """Leave the names of the pages' helpers to the lessons, whose helpers have the same; a page is imported once a file of tests."""
    yield
    forgotten = {"pages", *(path.stem for path in APPS.glob("*.py"))}
    for name in [name for name in sys.modules if name.partition(".")[0] in forgotten]:
        del sys.modules[name]
