"""Training from the page: it runs beside it, obeys knobs, stops and goes on."""

import re

import pytest
from playwright.sync_api import expect

import srgformer_lab as lab
from tests.browser.conftest import LIMIT
from tests.browser.steps import slider

expect.set_options(timeout=LIMIT)


@pytest.mark.timeout(400)
def test_a_training_is_watched_turned_stopped_and_resumed(studio_app, visit):
    page = visit(studio_app.link(page="train"))
    expect(page.get_by_text(re.compile("About .* an epoch")).first).to_be_visible()
    page.get_by_role("textbox", name="Most epochs").fill("2000")
    page.get_by_role("textbox", name="Most epochs").press("Enter")
    page.get_by_label("Width d").select_option("256")  # so that it does not come to its own end meanwhile
    expect(page.get_by_text(re.compile("an epoch, at most .* in all"))).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()

    progress = page.locator(".lab-progress")
    expect(progress).to_contain_text("running")
    expect(progress).to_contain_text(re.compile("[1-9][0-9]* of at most 2000 epochs"))
    run = lab.Run.open(studio_app.folder / "runs" / "studio-whole")
    assert run.config.train.epochs == 2000
    assert run.config.model.embedding_dim == 256

    slider(page, 0).press("Home")  # α to 0
    expect(page.locator(".js-plotly-plot").first).to_contain_text("α 0.3 → 0")
    assert run.knobs()["attention_scale"] == 0
    change = run.knob_changes()
    assert list(change[["name", "before", "after"]].itertuples(index=False, name=None)) == [("attention_scale", 0.3, 0.0)]

    told = page.get_by_text(re.compile("About .* an epoch")).first.inner_text()
    page.get_by_label("Width d").select_option("16")  # the rest of the page answers meanwhile
    expect(page.get_by_text(told)).to_have_count(0)

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(progress).to_contain_text("stopped")
    expect(page.locator(".lab-ticker")).to_have_count(0)
    stopped = run.status().epoch

    page.get_by_role("button", name="Resume", exact=True).click()
    expect(progress).to_contain_text("running")
    expect(progress).not_to_contain_text(f"{stopped} of at most")
    assert run.status().epoch >= stopped

    second = visit(studio_app.link(page="train"))  # another browser sees the same training
    expect(second.locator(".lab-progress")).to_contain_text("running")
    second.get_by_role("button", name="Stop", exact=True).click()
    for each in (page, second):
        expect(each.locator(".lab-progress")).to_contain_text("stopped")
