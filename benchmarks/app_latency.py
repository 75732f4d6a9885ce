"""How long a person waits in the app: run as ``python -m benchmarks.app_latency`` from the repository's root, with Chromium installed.

Every number is the median of its repeats, in seconds, as the browser sees it. Starting cold means a fresh server process and an
empty browser profile.
"""

import argparse
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

import srgformer_lab as lab
from tests.browser.server import FLAGS, serve

LIMIT = 60_000
MOVIES = {"min_rating": 3.5, "k_core": 5}
PAGES = {
    "What did the hyperedges learn?": "NMI is 0",
    "What does it look at, and does that matter?": "A point is a person",
    "Why this item?": "cells sum to",
}
"""Pages that are turned to, and words that stand near their end."""
LISTEN = """() => {
  const seen = () => [...document.querySelectorAll('%s')].map(e => e.innerText).join('|');
  const turn = window.turn = (window.turn || 0) + 1;
  window.waited = null;
  let start = null, before = null;
  const begin = () => { if (start === null) { start = performance.now(); before = seen(); } };
  for (const kind of ['keydown', 'input', 'click']) document.addEventListener(kind, begin, {capture: true, once: true});
  const observer = new MutationObserver(() => {
    if (start === null || seen() === before) return;
    if (turn === window.turn) window.waited = (performance.now() - start) / 1000;
    observer.disconnect();
  });
  observer.observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
"""Starts a clock at the next key, input or click, and stops it when the watched text is another one."""


def main() -> None:
    """Measure everything and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--data", type=Path, default=Path(os.environ.get("SRGFORMER_LAB_DATA", "../shared/data")) / "movielens_posters")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        root = Path(folder)
        prepare(root, asked.data)
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {asked.repeats} repeats")
        for name, values in measure(browser, root, asked.data, asked.repeats):
            print(f"{name:58s} median {statistics.median(values):6.2f} s   {' '.join(f'{value:.2f}' for value in values)}", flush=True)
        browser.close()


def prepare(root: Path, films: Path) -> None:
    """Train the runs that are looked at; their quality doesn't matter here."""
    worlds = [lab.studio()] + ([lab.read_folder(films, **MOVIES)] if films.is_dir() else [])
    for data in worlds:
        chosen = lab.preset("studio")
        lab.fit(lab.SRGFormer(data, chosen.model), data, chosen.train.replace(epochs=2), root / "runs", "short")


def measure(browser: Browser, root: Path, films: Path, repeats: int) -> Iterator[tuple[str, list[float]]]:
    """Return each measurement's name and values."""
    cold = [first_sight(browser, root) for _ in range(repeats)]
    yield "studio, cold: address → first text", [text for text, _ in cold]
    yield "studio, cold: address → first picture of the model", [picture for _, picture in cold]
    with serve(root) as app:
        warm = [first_look(browser, app.address) for _ in range(repeats)]
        yield "studio, warm: address → first picture of the model", [picture for _, picture in warm]
        yield "studio: knob → new list", knob_to_list(opened(browser, app.link(page="knobs")), repeats)
        for question, sign in PAGES.items():
            changes = [page_changes(opened(browser, app.link(page="start")), question, sign) for _ in range(repeats)]
            yield f"studio: page → {question} first visit", [first for first, _ in changes]
            yield f"studio: page → {question} on return", [again for _, again in changes]
        yield "studio: epoch → hyperedges", epoch_to_hyperedges(opened(browser, app.link(page="hyperedges")), repeats)
        begun = [train(opened(browser, app.link(page="train")), root) for _ in range(repeats)]
        yield "studio: press Train → first point of the loss curve", [loss for loss, _, _ in begun]
        yield "studio: press Train → first epoch judged", [judged for _, judged, _ in begun]
        yield "studio: another widget answers while it trains", [answer for _, _, answers in begun for answer in answers]
    if films.is_dir():
        with serve(root, "--data", str(films.resolve()), "--min-rating", "3.5", "--k-core", "5") as app:
            cold_films = first_look(browser, app.address)
            yield "movielens_posters, cold: address → first picture of the model", [cold_films[1]]
            for question, sign in PAGES.items():
                changes = [page_changes(opened(browser, app.link(page="start")), question, sign) for _ in range(repeats)]
                yield f"movielens_posters: page → {question} first visit", [first for first, _ in changes]
            yield "movielens_posters: epoch → hyperedges", epoch_to_hyperedges(opened(browser, app.link(page="hyperedges")), repeats)
            yield "movielens_posters: knob → new list", knob_to_list(opened(browser, app.link(page="knobs")), repeats)


def opened(browser: Browser, address: str) -> Page:
    """Open a page in an empty profile."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(LIMIT)
    page.goto(address)
    return page


def first_sight(browser: Browser, root: Path) -> tuple[float, float]:
    """Open the app on a server that has shown nothing yet."""
    with serve(root) as app:
        return first_look(browser, app.address)


def first_look(browser: Browser, address: str) -> tuple[float, float]:
    """Time the first text of the app and the first picture of the model."""
    started = time.perf_counter()
    page = opened(browser, address)
    page.locator("aside .lab-brand").wait_for()
    text = time.perf_counter() - started
    page.locator(".srg-flow-part").first.wait_for()
    picture = time.perf_counter() - started
    page.context.close()
    return text, picture


def knob_to_list(page: Page, repeats: int) -> list[float]:
    """Press an arrow key on α's slider, and see the list change."""
    page.get_by_text("Nothing is turned yet").first.wait_for()
    thumb = page.locator(".lab-knob").first.get_by_role("slider")
    waits = [answered(page, ".lab-bench", partial(thumb.press, key)) for key in ["End", "Home"] * repeats]
    page.context.close()
    return waits[-repeats:]


def answered(page: Page, watched: str, act: Callable[[], object]) -> float:
    """Act, and return the seconds until the watched text is another one, by the page's own clock."""
    page.evaluate(LISTEN % watched)
    act()
    page.wait_for_function("window.waited !== null")
    return page.evaluate("window.waited")


def page_changes(page: Page, question: str, sign: str) -> tuple[float, float]:
    """Go from the first page to another, back, and to it again."""
    page.locator(".srg-flow-part").first.wait_for()
    waits = []
    for wanted, seen in ((question, sign), ("What is this?", "")) * 2:
        started = time.perf_counter()
        page.get_by_role("navigation", name="Pages").get_by_role("button", name=wanted).click()
        (page.get_by_text(re.compile(seen)) if seen else page.locator(".srg-flow-part")).first.wait_for()
        waits.append(time.perf_counter() - started)
    page.context.close()
    return waits[0], waits[2]


def epoch_to_hyperedges(page: Page, repeats: int) -> list[float]:
    """Press an arrow key on the slider of epochs, and see other numbers of the chosen hyperedge."""
    page.get_by_text("NMI is 0").first.wait_for()
    thumb = page.locator(".lab-epochs").get_by_role("slider")
    waits = [answered(page, ".lab-tiles", partial(thumb.press, key)) for key in ["Home", "End"] * repeats]
    page.context.close()
    return waits[-repeats:]


def train(page: Page, root: Path) -> tuple[float, float, list[float]]:
    """Start a training, see the first points of both curves, and use another widget meanwhile."""
    page.get_by_text(re.compile("About .* an epoch")).first.wait_for()
    before = {run.name for run in lab.list_runs(root / "runs")}
    started = time.perf_counter()
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".lab-progress", has_text="running").wait_for()
    page.get_by_text("Nothing has been learned yet").wait_for(state="hidden")
    loss = time.perf_counter() - started
    page.locator(".lab-progress", has_text=re.compile("[1-9][0-9]* of at most")).filter(has_text="running").wait_for()
    judged = time.perf_counter() - started
    choose = page.get_by_label("Width d").select_option
    answers = [answered(page, ".lab-fact", partial(choose, width)) for width in ("16", "128", "32")]
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(".lab-progress", has_text=re.compile("stopped|finished")).wait_for()
    page.context.close()
    for run in lab.list_runs(root / "runs"):
        if run.name not in before and not run.is_held():
            run.delete()
    return loss, judged, answers


if __name__ == "__main__":
    main()
