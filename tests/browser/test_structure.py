"""Hyperedges and attention in a real browser: what is chosen goes to the link and to other pages; what is slow says how far it is."""

import re

import pytest
from playwright.sync_api import expect

import srgformer_lab as lab
from tests.browser.conftest import LIMIT, MOVIES, data_folder
from tests.browser.steps import arrive, ask, choose_page, question

expect.set_options(timeout=LIMIT)

HYPEREDGES, ATTENTION, WHY = "What did the hyperedges learn?", "What does it look at, and does that matter?", "Why this item?"


def finding(page):
    return page.locator(".lab-finding").first


def test_a_chosen_hyperedge_and_thing_are_in_the_link_and_survive_a_reload(movies_app, visit):
    data, run = lab.read_folder(data_folder("movielens_posters"), **MOVIES), lab.Run.open(movies_app.folder / "runs" / "short")
    cards = lab.hyperedge_cards(run.model(data).trace(), data, "text")
    third = cards.sort_values("mass", ascending=False, kind="stable")["hyperedge"].iloc[2]
    page = visit(movies_app.link(page="hyperedges"))
    expect(question(page, HYPEREDGES)).to_be_visible()
    page.get_by_role("radio", name="text", exact=True).click()
    arrive(page, re.compile("modality=text"))
    page.locator(".lab-picker").first.get_by_role("button").nth(2).click()
    arrive(page, re.compile(f"hyperedge={third}(&|$)"))
    expect(finding(page)).to_contain_text(f"Hyperedge {third} ")
    page.locator(".lab-picker").nth(1).get_by_role("button").nth(1).click()
    item = lab.hyperedge_cards(run.model(data).trace(), data, "text")["top_items"][third][1]
    arrive(page, lambda address: f"item={item}" in address)
    said, asked = finding(page).inner_text(), ask(page)
    page.reload()
    expect(finding(page)).to_have_text(said)
    assert ask(page) == asked
    choose_page(page, WHY)
    title = data.cards.titles[data.item_row(item)] or item
    expect(page.locator(".lab-finding", has_text=title).first).to_be_visible()


def test_the_slider_of_epochs_moved_by_keyboard_changes_what_another_page_shows(studio_app, visit):
    data, run = lab.studio(), lab.Run.open(studio_app.folder / "runs" / "short")
    user = data.user_ids[0]
    page = visit(studio_app.link(page="attention", user=user))
    expect(page.get_by_text("the best", exact=False).first).to_be_visible()
    thumb = page.locator(".lab-epochs").get_by_role("slider")
    thumb.press("Home")
    arrive(page, re.compile("epoch=0(&|$)"))
    expect(page.locator(".lab-epochs")).to_contain_text("epoch 0, before training")
    expect(page.locator(".srg-strip")).to_contain_text("epoch 0")
    choose_page(page, WHY)
    item = ask(page)["item"][0]
    found = lab.explain(run.model(data, 0).trace(), data, user, item)
    expect(page.get_by_text(f"the score is {found.score:.6f}")).to_be_visible()


def test_a_figure_is_named_by_its_finding(studio_app, visit):
    page = visit(studio_app.link(page="hyperedges"))
    expect(page.get_by_role("img", name=re.compile("A typical item is .* in its first hyperedge"))).to_be_visible()


@pytest.mark.timeout(300)
def test_things_are_taken_away_beside_the_page_and_kept(movies_app, visit):
    page = visit(movies_app.link(page="attention", user=lab.read_folder(data_folder("movielens_posters"), **MOVIES).user_ids[3]))
    page.get_by_role("button", name=re.compile("Take each of the")).click()
    expect(page.locator(".lab-progress")).to_contain_text("the page stays usable meanwhile")
    page.get_by_label("Attention of").select_option("head 1")  # the rest of the page answers meanwhile
    expect(page.get_by_text("Rank correlation with the true effects")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Ask this of"))).to_be_visible()
    said = page.locator(".lab-finding").first.inner_text()
    choose_page(page, HYPEREDGES)
    expect(question(page, HYPEREDGES)).to_be_visible()
    choose_page(page, ATTENTION)
    expect(page.locator(".lab-finding").first).to_have_text(said)


def test_one_switch_goes_between_the_shipped_runs_and_a_name_is_kept(studio_app, visit):
    page = visit(studio_app.link(page="hyperedges", run="shipped", user="u3", item="i7"))
    expect(page.locator(".lab-pick-hyperedge")).to_have_count(8)
    page.get_by_role("radio", name="found", exact=True).click()
    arrive(page, re.compile("run=shipped-found"))
    expect(page.locator(".lab-pick-hyperedge")).to_have_count(18)
    assert (ask(page)["user"], ask(page)["item"]) == (["u3"], ["i7"])
    page.get_by_label("Your name for it").fill("one pattern")
    page.get_by_role("button", name="Keep with the run").click()
    expect(page.locator(".lab-pick-hyperedge", has_text="one pattern")).to_be_visible()
    kept = studio_app.folder / "runs" / ".notes" / "studio_found" / "hyperedges.json"
    assert "one pattern" in kept.read_text()
    page.get_by_label("Only those with these words").fill("ONE pattern")
    page.keyboard.press("Enter")
    expect(page.locator(".lab-pick-hyperedge")).to_have_count(1)
    page.get_by_role("radio", name="as published").click()
    arrive(page, re.compile("run=shipped(&|$)"))
    expect(page.get_by_text("No hyperedge has these words")).to_be_visible()


def test_an_audit_is_made_by_itself_and_says_which_items_are_found_no_longer(studio_app, visit):
    page = visit(studio_app.link(page="audit"))
    expect(page.locator(".lab-finding", has_text="all modalities together")).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    found = lab.audit(lab.Run.open(studio_app.folder / "runs" / "short").model(), split="valid", interventions=["zero"])
    page.get_by_label("Features").select_option("text")
    page.get_by_label("are", exact=True).select_option("nobody’s known")
    lost = found.items[(found.items["modality"] == "text") & (found.items["after"] < found.items["before"])].iloc[0]
    said = f"found by {lost['before']:g} of {lost['held']}, then by {lost['after']:g}"
    expect(page.locator(".srg-card", has_text="then by").first).to_contain_text(said)


def test_what_a_thing_hangs_on_is_found_when_asked(studio_app, visit):
    model = lab.Run.open(studio_app.folder / "runs" / "short").model()
    found = lab.flip(model, "u17", lab.recommend(model, "u17", k=1)["item_id"][0])
    page = visit(studio_app.link(page="why", user="u17"))
    page.get_by_role("button", name="Find the fewest things that it hangs on").click()
    expect(page.locator(".lab-finding", has_text=found.verdict)).to_be_visible()
