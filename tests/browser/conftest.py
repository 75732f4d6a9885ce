"""A real Chromium, a server of the app in a working folder of its own, and ears for everything that goes wrong in a page."""

import os
import shutil
from pathlib import Path

import pytest

import srgformer_lab as lab
from tests.browser.server import FLAGS, serve
from tests.conftest import data_folder
from tests.shops import write_shop

LIMIT = 60_000
MATHJAX = "https://cdn.jsdelivr.net/npm/mathjax"
TAKEN_AWAY = "_redrawFromAutoMarginCount"
"""What plotly complains of when marimo replaces a chart in the instant that it was drawn; the new chart is there."""
MOVIES = {"min_rating": 3.5, "k_core": 5}


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    found = shutil.which("chromium")
    if not found:
        message = "no chromium on this machine; install Debian's package chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def studio_app(tmp_path_factory, tiny):
    """The app on the built-in data with a short run, and a small shop without one beside it."""
    folder = tmp_path_factory.mktemp("studio")
    data = lab.studio()
    model = lab.SRGFormer(data, lab.preset("studio").model.replace(embedding_dim=16))
    lab.fit(model, data, lab.preset("studio").train.replace(epochs=3), folder / "runs", "short")
    write_shop(folder / "shop", tiny)
    with serve(folder) as served:
        yield served


@pytest.fixture(scope="session")
def movies_app(tmp_path_factory):
    """The app on real films with posters, and two short runs."""
    films, folder = data_folder("movielens_posters"), tmp_path_factory.mktemp("movies")
    data = lab.read_folder(films, **MOVIES)
    lab.fit(lab.SRGFormer(data, lab.ModelConfig(embedding_dim=16)), data, lab.TrainConfig(epochs=2), folder / "runs", "short")
    lab.fit(lab.LightGCN(data, lab.LightGCNConfig(embedding_dim=16)), data, lab.TrainConfig(epochs=1), folder / "runs", "other")
    with serve(folder, "--data", str(films), "--min-rating", "3.5", "--k-core", "5") as served:
        yield served


class Tabs:
    """Visitors, each with a tab of its own that is kept for the next test: a new tab costs five times the work of opening a page."""

    def __init__(self, chromium):
        self.chromium, self.kept = chromium, []

    def open(self, number):
        """Give the tab of a visitor, as one who has never been here."""
        if number == len(self.kept):
            self.kept.append(None)
        if self.kept[number] is None or self.kept[number].is_closed():
            context = self.chromium.new_context()
            context.set_default_timeout(LIMIT)
            self.kept[number] = context.new_page()
        return self.kept[number]

    def leave(self, page):
        """Go away and forget: no cookie, nothing stored, no way back."""
        if page.is_closed():
            page.context.close()
            return
        page.evaluate("sessionStorage.clear()")
        page.goto("about:blank")
        page.context.clear_cookies()
        session = page.context.new_cdp_session(page)
        session.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "local_storage,indexeddb,service_workers"})
        session.send("Page.resetNavigationHistory")
        session.detach()


@pytest.fixture(scope="session")
def tabs(chromium):
    return Tabs(chromium)


@pytest.fixture
def visit(tabs):
    """Open pages, each as another visitor; none may have a console error or ask anyone outside, MathJax's address apart."""
    opened, wrong = [], []

    def hear(message):
        if message.type == "error" and not message.location.get("url", "").startswith(MATHJAX) and TAKEN_AWAY not in message.text:
            wrong.append(f"console: {message.text}")

    def see(request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:", MATHJAX)):
            wrong.append(f"request: {request.url}")

    def fail(error):
        wrong.append(f"page: {error}")

    ears = {"console": hear, "request": see, "pageerror": fail}

    def visited(address, width=1280, height=900, scheme="light"):
        page = tabs.open(len(opened))
        opened.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        for event, ear in ears.items():
            page.on(event, ear)
        page.goto(address)
        return page

    yield visited
    for page in opened:
        for event, ear in ears.items():
            page.remove_listener(event, ear)
        tabs.leave(page)
    assert wrong == []
