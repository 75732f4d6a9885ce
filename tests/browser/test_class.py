"""A class at one server: a list of data, links that lead nowhere else, and one training for each visitor."""

import re
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

import srgformer_lab as lab
from benchmarks.app_class import PATIENCE, Visitor
from tests.browser.conftest import LIMIT
from tests.browser.server import serve
from tests.browser.steps import arrive, ask
from tests.shops import train_shop, write_shop

expect.set_options(timeout=LIMIT)


@pytest.fixture(scope="module")
def class_app(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for name in ("shop", "secret"):
        write_shop(folder / name, tiny)
    train_shop(folder / "shop", folder)
    with serve(folder, "--serve=", "--serve=shop") as served:
        yield served


def test_visitors_choose_from_the_list_and_links_lead_nowhere_else(class_app, visit):
    page = visit(class_app.address)
    choice = page.get_by_label("Data that is always here")
    expect(choice.locator("option", has_text="shop")).to_have_count(1)
    expect(page.get_by_label("Path of a folder")).to_have_count(0)
    choice.select_option("shop")
    arrive(page, re.compile("data=shop"))
    expect(page.locator(".srg-strip")).to_contain_text("shop")

    closed = visit(f"{class_app.address}/?{urlencode({'data': str(class_app.folder / 'secret')})}")
    expect(closed.get_by_text("is not open to this class; choose the built-in data or shop")).to_be_visible()
    expect(closed.locator(".srg-strip")).to_contain_text("studio")


def test_a_visitor_without_a_browser_turns_a_knob_and_changes_the_page(class_app):
    visitor = Visitor(class_app.address, "knobs")
    visitor.ends.get(timeout=PATIENCE)
    assert visitor.set(visitor.find("slider", "attention"), 3) > 0
    assert visitor.set(visitor.find("button", "Why this item?"), 1) > 0
    assert "lab-here" in visitor.elements[visitor.find("button", "Why this item?")][1], "the menu says which page is shown"
    assert visitor.errors == []
    visitor.leave()


@pytest.mark.timeout(400)
def test_each_visitor_trains_one_model_and_leaves_those_of_others_alone(class_app, visit):
    first, second = (visit(f"{class_app.address}/?page=train&data=shop") for _ in range(2))
    train, progress = first.get_by_role("button", name="Train", exact=True), first.locator(".lab-progress")
    train.click()
    expect(progress).to_contain_text(re.compile("queued|running"))
    (run,) = [run for run in lab.list_runs(class_app.folder / "runs") if run.name != "first"]
    train.click()
    expect(first.get_by_text(f"Your training {run.name} is still").or_(progress.get_by_text("finished"))).to_be_visible()

    second.reload()
    second.get_by_role("button", name=re.compile(run.name)).click()
    expect(second.get_by_text(f"Run {run.name}")).to_be_visible()
    expect(second.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    second.get_by_role("button", name="Train", exact=True).click()
    expect(second.locator(".lab-progress")).to_contain_text(re.compile("queued|running|finished"))
    expect(second.get_by_text(f"Run {run.name}", exact=True)).to_have_count(0)
    runs = lab.list_runs(class_app.folder / "runs")
    assert len(runs) == 3
    assert ask(second)["data"] == ["shop"]
    for each in runs:
        each.request_stop()  # the next visitors need not wait for their turn


@pytest.mark.timeout(400)
def test_a_reloaded_page_has_the_buttons_of_its_own_training_and_no_other_browser_has(class_app, visit):
    first, second = (visit(f"{class_app.address}/?page=train&data=shop") for _ in range(2))
    before = {run.name for run in lab.list_runs(class_app.folder / "runs")}
    first.get_by_role("button", name="Train", exact=True).click()
    expect(first.locator(".lab-progress")).to_contain_text(re.compile("queued|running"))
    expect(first.locator(".lab-progress")).to_contain_text("finished", timeout=4 * LIMIT)  # others may be before it in the queue
    (run,) = [run for run in lab.list_runs(class_app.folder / "runs") if run.name not in before]
    run.write_status(replace(run.status(), state="stopped"))  # one that can be resumed
    for page, buttons in ((first, 1), (second, 0)):
        page.reload()
        page.get_by_role("button", name=re.compile(run.name)).click()
        expect(page.locator(".lab-progress")).to_contain_text("stopped")
        expect(page.get_by_text(f"Run {run.name}")).to_be_visible()
        expect(page.get_by_role("button", name="Resume", exact=True)).to_have_count(buttons)
        assert "lab-visitor" not in page.url
