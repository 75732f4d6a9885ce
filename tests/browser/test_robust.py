"""What happens to a process or a folder while people look: the page says so, and everything else goes on."""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from playwright.sync_api import expect

import srgformer_lab as lab
from tests.browser.conftest import LIMIT
from tests.browser.server import serve
from tests.browser.steps import choose_page, question
from tests.shops import train_shop, write_shop

expect.set_options(timeout=LIMIT)


@pytest.fixture(scope="module")
def shop_app(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("robust")
    write_shop(folder / "shop", tiny)
    train_shop(folder / "shop", folder)
    with serve(folder, "--data", "shop") as served:
        yield served


def worker_of(run):
    """Find the process that trains a run."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        if f"--resume\0runs/{run.name}\0" in command.read_text(errors="replace"):
            return int(command.parent.name)
    raise AssertionError(f"nobody trains {run.name}")


@pytest.mark.timeout(300)
def test_a_worker_that_is_killed_leaves_a_run_that_goes_on(shop_app, visit):
    page = visit(f"{shop_app.address}/?page=train")
    page.get_by_role("textbox", name="Most epochs").fill("3000")
    page.get_by_role("textbox", name="Most epochs").press("Enter")
    expect(page.get_by_text(re.compile("an epoch, at most .* in all"))).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    progress = page.locator(".lab-progress")
    expect(progress).to_contain_text(re.compile("running, [1-9][0-9]* of at most"))
    (run,) = [run for run in lab.list_runs(shop_app.folder / "runs") if run.name != "first"]

    os.kill(worker_of(run), signal.SIGKILL)
    expect(progress).to_contain_text("interrupted")
    expect(progress).to_contain_text("its process is gone; resume it to go on")
    reached = len(run.history())
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(progress).to_contain_text("finished", timeout=120_000)  # by its patience; it may be quicker than a click on Stop
    assert len(run.history()) > reached
    assert list(run.history()["epoch"][:reached]) == list(range(1, reached + 1))


@pytest.mark.timeout(300)
def test_a_run_that_is_deleted_while_it_is_looked_at_leaves_the_app_usable(shop_app, visit):
    shutil.copytree(shop_app.folder / "runs" / "first", shop_app.folder / "runs" / "doomed")
    page = visit(f"{shop_app.address}/?page=knobs&run=doomed")
    expect(page.get_by_text("Nothing is turned yet").first).to_be_visible()
    shutil.rmtree(shop_app.folder / "runs" / "doomed")
    choose_page(page, "Why this item?")
    expect(page.get_by_text("There is no run 'doomed'").first).to_be_visible()
    expect(page.get_by_text("Choose other data or another run on the page “What is this?”").first).to_be_visible()
    page.goto(f"{shop_app.address}/?page=why&run=doomed")
    expect(page.get_by_text("You see the best run of this data instead")).to_be_visible()
    expect(question(page, "Why this item?")).to_be_visible()
