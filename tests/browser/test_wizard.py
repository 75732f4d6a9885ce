"""Opening one's own data on the Start page, in a real browser: a folder or dropped files, questions, then open or save."""

import gzip
import re

import pytest
from playwright.sync_api import expect

import srgformer_lab as lab
from tests.browser.conftest import LIMIT
from tests.browser.steps import arrive, ask
from tests.downloads import IMITATIONS, table

expect.set_options(timeout=LIMIT)


@pytest.fixture
def start(studio_app, visit):
    page = visit(studio_app.link(page="start"))
    expect(page.get_by_role("heading", name="Open your own data")).to_be_visible()
    return page


def look_at(page, folder):
    page.get_by_label("Path of a folder").fill(str(folder))
    page.get_by_role("button", name="Look at this folder").click()


def drop(page, files):
    made = [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
    page.locator("input[type=file]").set_input_files(made)


def test_what_is_wrong_costs_nothing_and_a_download_is_shown_with_its_pictures(start, tmp_path):
    IMITATIONS["amazon-2023"][0](tmp_path / "cut")
    (cut,) = (tmp_path / "cut").glob("[!m]*.gz")
    cut.write_bytes(gzip.compress(gzip.decompress(cut.read_bytes()) * 50)[:-20])
    look_at(start, tmp_path / "cut")
    expect(start.get_by_text("it is packed, and cut or damaged")).to_be_visible()
    drop(start, [("interactions.csv", b"<!DOCTYPE html><html><body>Sign in</body></html>")])
    expect(start.get_by_text("is a web page")).to_be_visible()
    expect(start.get_by_role("button", name="Open this data")).to_have_count(0)
    expect(start.get_by_text("What you were looking at is still open.")).to_be_visible()
    expect(start.locator(".srg-strip")).to_contain_text("studio")
    IMITATIONS["hm"][0](tmp_path / "hm")
    look_at(start, tmp_path / "hm")
    expect(start.get_by_role("heading", name="It opens.")).to_be_visible()
    expect(start.get_by_text("pictures: 11 of 12 items have one")).to_be_visible()
    expect(start.get_by_role("table").locator("img")).to_have_count(4)
    expect(start.get_by_role("table").get_by_text("Thing 1", exact=True)).to_be_visible()
    start.get_by_role("button", name="Open this data").click()
    expect(start.locator(".srg-strip")).to_contain_text("no run yet")
    assert ask(start)["data"] == [str(tmp_path / "hm")]


def test_dropped_files_are_saved_as_a_plain_folder(start, studio_app, tmp_path):
    IMITATIONS["movielens"][0](tmp_path / "ml")
    drop(start, [(path.name, path.read_bytes()) for path in sorted((tmp_path / "ml").iterdir())])
    expect(start.get_by_text("layout movielens")).to_be_visible()
    expect(start.get_by_role("button", name="Open this data")).to_have_count(0)
    start.get_by_label("Folder to save it in").fill("films")
    start.get_by_role("button", name="Save as a plain folder and open it").click()
    expect(start.locator(".srg-strip")).to_contain_text("films")
    assert lab.open_data(studio_app.folder / "films").fingerprint == lab.open_data(tmp_path / "ml").fingerprint


def test_questions_about_200_000_rows_are_answered_by_keyboard(start, tmp_path):
    kinds = ("view", "cart", "buy")
    rows = ((f"u{n % 5000}", f"i{(n // 5000 * 7 + n) % 900}", kinds[n % 3], f"0{1 + n % 9}/0{1 + n % 8}/2020") for n in range(200_000))
    table(tmp_path / "log" / "log.csv", ["user", "item", "event", "date"], rows)
    look_at(start, tmp_path / "log")
    expect(start.get_by_role("group", name="log.csv: 3 kinds of events")).to_be_visible()
    start.get_by_role("radio", name=re.compile("^day-first")).press("Space")
    start.keyboard.press("Shift+Tab")
    start.keyboard.press("Enter")
    expect(start.get_by_role("option", name="buy")).to_be_visible()
    start.keyboard.type("buy")
    expect(start.get_by_role("option", name="cart")).to_have_count(0)
    start.keyboard.press("Enter")
    start.keyboard.press("Escape")
    start.get_by_role("button", name="Read it so").press("Enter")
    expect(start.get_by_role("heading", name="It opens.")).to_be_visible()
    expect(start.get_by_text("times are dates, day first")).to_be_visible()
    start.get_by_role("button", name="Open this data").press("Enter")
    arrive(start, re.compile("events=buy"))
    assert ask(start)["dates"] == ["day-first"]
