"""Looking after runs in a real browser: they are found, renamed, deleted, brought back and compared, and a terminal's appear."""

import json
import re
import shutil

from playwright.sync_api import expect

import srgformer_lab as lab
from srgformer_lab.backend import SHIPPED, SHIPPED_RUNS
from tests.browser.conftest import LIMIT
from tests.browser.steps import arrive, ask, choose, choose_page, question, slider, turn

expect.set_options(timeout=LIMIT)


def test_runs_are_renamed_deleted_brought_back_and_compared(studio_app, visit):
    runs = studio_app.folder / "runs"
    page = visit(studio_app.link(page="runs"))
    rows = page.locator(".lab-ticked")
    expect(rows.filter(has_text="short")).to_be_visible()

    shutil.copytree(runs / "short", runs / "from-terminal")  # it appears by itself
    expect(rows.filter(has_text="from-terminal")).to_be_visible()
    rows.filter(has_text="from-terminal").get_by_role("button").click()
    arrive(page, re.compile("run=from-terminal"))

    name = page.get_by_role("textbox", name="Another name")
    name.fill("tidy")
    name.press("Enter")
    page.get_by_role("button", name="Rename", exact=True).click()
    arrive(page, re.compile("run=tidy"))
    assert not (runs / "from-terminal").exists()
    expect(rows.filter(has_text="tidy")).to_be_visible()

    page.get_by_role("button", name="Delete this run").click()
    expect(rows.filter(has_text="tidy")).to_have_count(0)
    assert not (runs / "tidy").exists()
    page.get_by_role("button", name="Bring tidy back").click()
    expect(rows.filter(has_text="tidy")).to_be_visible()

    words = page.get_by_role("textbox", name="Only those with these words")
    words.fill("tidy")
    words.press("Enter")
    expect(rows).to_have_count(1)
    rows.get_by_role("checkbox").click()
    words.fill(SHIPPED)
    words.press("Enter")
    expect(rows).to_have_count(len(SHIPPED_RUNS))
    rows.first.get_by_role("checkbox").click()
    choose(page, page.get_by_role("button", name="Compare the 2 ticked"))
    expect(question(page, "What changed between runs?")).to_be_visible()
    assert {*ask(page)["run"], *ask(page)["runs"]} == {"tidy", SHIPPED}
    shutil.rmtree(runs / "tidy")


def test_a_knob_turned_elsewhere_counts_where_runs_are_compared(studio_app, visit):
    page = visit(studio_app.link(page="knobs"))
    turn(page, 0, "ArrowLeft", re.compile("alpha="))
    choose_page(page, "What changed between runs?")
    turned = page.get_by_text(re.compile("short counts here as you turned it"))
    expect(turned).to_be_visible()
    expect(page.get_by_text("short as trained").first).to_be_visible()
    assert ask(page)["runs"] == ["short"]
    choose_page(page, "What does each knob do?")
    page.get_by_role("button", name="reset").first.click()
    arrive(page, lambda address: "alpha=" not in address)
    choose_page(page, "What changed between runs?")
    expect(page.get_by_text("Hold against short")).to_be_visible()
    expect(turned).to_have_count(0)
    arrive(page, re.compile(f"runs={SHIPPED}"))


def test_a_missing_point_of_the_grid_is_trained_and_then_moved_to(studio_app, visit):
    page = visit(studio_app.link(page="knobs"))
    expect(page.get_by_text("This is the loaded run.")).to_be_visible()
    slider(page, 3).press("ArrowRight")  # γ from 1e-6 to 1e-5, which nobody trained
    expect(page.get_by_text("Nobody has trained these two values.")).to_be_visible()
    page.get_by_role("button", name="Train this point").click()
    run = studio_app.folder / "runs" / "studio-gamma1e-05-tau0.2"
    expect(page.locator(".lab-finding").filter(has_text=run.name)).to_be_visible()
    expect(page.get_by_text(re.compile("was held back and is found"))).to_be_visible()  # both lists, with their hits
    expect(page.locator(".lab-progress")).to_have_count(0)
    status, base = lab.Run.open(run), lab.Run.open(studio_app.folder / "runs" / "short")
    assert status.config.train == base.config.train.replace(modality_contrast_weight=1e-5)

    page.get_by_role("button", name="Look at this run on every page").click()
    arrive(page, re.compile(f"run={run.name}"))
    expect(page.locator(".srg-strip")).to_contain_text(run.name)
    expect(page.get_by_text("This is the loaded run.")).to_be_visible()
    expect(page.locator(".lab-knob-head").nth(3)).to_contain_text("10⁻⁵")
    shutil.rmtree(run)


def test_a_point_that_a_terminal_trained_is_reached_by_the_slider_without_a_reload(studio_app, visit):
    runs = studio_app.folder / "runs"
    page = visit(studio_app.link(page="knobs"))
    expect(page.get_by_text("This is the loaded run.")).to_be_visible()
    shutil.copytree(runs / "short", runs / "between")
    config = json.loads((runs / "between" / "config.json").read_text())
    config["train"]["contrast_temperature"] = 0.23
    (runs / "between" / "config.json").write_text(json.dumps(config))
    expect(page.locator(".xtick", has_text="0.23")).to_be_visible()
    slider(page, 4).press("ArrowRight")
    expect(page.locator(".lab-finding", has_text="between")).to_be_visible()
    shutil.rmtree(runs / "between")
