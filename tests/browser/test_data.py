"""From a table of cohorts to a person, to an item, to why: every click is followed by every page and by the address."""

import re

from playwright.sync_api import expect

import srgformer_lab as lab
from srgformer_lab import backend
from tests.browser.conftest import LIMIT, MOVIES, data_folder
from tests.browser.steps import arrive, ask, choose_first, choose_page, question

expect.set_options(timeout=LIMIT)
DATA = "What is in the data?"


def test_from_a_cohort_to_a_person_to_an_item_to_why(studio_app, visit):
    data = lab.studio()
    page = visit(studio_app.link(page="data"))
    page.locator("button", has=page.locator(".lab-cohort")).nth(2).click()
    arrive(page, re.compile("cohort=heavy"))
    expect(page.get_by_text("Choose a person: long histories")).to_be_visible()
    served = page.locator("button", has=page.get_by_text(re.compile(r"^NDCG \d")))
    before = ask(page).get("user", [""])
    served.nth(1).click()
    arrive(page, lambda address: "user=" in address and f"user={before[0]}&" not in address)
    user = ask(page)["user"][0]
    assert user in backend.cohort_users(data, "heavy")
    trace = lab.Run.open(studio_app.folder / "runs" / "short").model(data).trace()
    expected = lab.recommend(trace, data, user, k=20, hide="train")
    third = page.locator("button", has=page.get_by_text(re.compile(r"^3\. "))).first
    expect(third).to_contain_text(expected["title"][2])
    third.click()
    expect(question(page, "Why this item?")).to_be_visible()
    arrive(page, re.compile("page=why"))
    expect(page.locator(".srg-strip")).to_contain_text(expected["title"][2])
    asked = ask(page)
    assert (asked["user"], asked["item"], asked["cohort"]) == ([user], [expected["item_id"][2]], ["heavy"])
    choose_page(page, DATA)
    expect(page.get_by_text("Choose a person: long histories")).to_be_visible()


def test_a_thing_of_the_wall_goes_along_to_every_page(movies_app, visit):
    data = lab.read_folder(data_folder("movielens_posters"), **MOVIES)
    page = visit(movies_app.link(page="data"))
    chosen = backend.item_counts(data).iloc[4]
    page.locator("button", has=page.locator(".lab-pick-card")).nth(4).click()
    arrive(page, re.compile(f"item={chosen['item_id']}(&|$)"))
    expect(page.locator(".srg-strip")).to_contain_text(chosen["title"])
    choose_page(page, "Why this item?")
    expect(page.locator(".lab-finding").first).to_contain_text(f"“{chosen['title']}”")


def test_what_is_carried_stands_first_and_a_link_brings_it_back(studio_app, visit):
    page = visit(studio_app.link(page="data"))
    page.get_by_label("How often taken").select_option("the most taken tenth")
    expect(page.get_by_text("24 fit, the most taken first.")).to_be_visible()
    page.get_by_role("button", name="Carry these 24 to the other pages").click()
    said = page.get_by_text("What you chose together: 24 items")
    expect(said).to_be_visible()
    arrive(page, re.compile("items="))
    page.reload()
    expect(said).to_be_visible()
    page.get_by_role("button", name="Let go of them").click()
    expect(said).to_have_count(0)
    arrive(page, lambda address: "items=" not in address)


def test_the_tour_leads_on_and_marks_where_one_was(studio_app, visit):
    page = visit(studio_app.link(page="start"))
    page.get_by_role("button", name="Look at the data").click()
    expect(question(page, DATA)).to_be_visible()
    arrive(page, re.compile("page=data"))
    choose_page(page, "What is this?")
    expect(page.get_by_title("you were there")).to_have_count(1)


def test_a_thing_added_is_answered_with_rank_before_and_after(studio_app, visit):
    page = visit(studio_app.link(page="why"))
    expect(page.get_by_text("For example: without")).to_be_visible()
    choose_first(page, page.get_by_text("Select...").nth(1))
    expect(page.get_by_text("For example: without")).to_have_count(0)
    expect(page.locator(".lab-finding", has_text=re.compile(r"goes from .*, number 1 → number \d"))).to_be_visible()


def test_the_people_of_a_cohort_are_turned_over_and_put_in_the_other_order(studio_app, visit):
    page = visit(studio_app.link(page="data", cohort="cold"))
    served = page.locator("button", has=page.get_by_text(re.compile(r"^NDCG \d")))
    expect(served.first).to_contain_text("NDCG 0")
    page.get_by_label("Who comes first?").select_option("best served first")
    expect(served.first).not_to_contain_text("NDCG 0,")
    page.get_by_role("button", name=re.compile("Next people .1 of")).click()
    expect(page.get_by_role("button", name=re.compile("Next people .2 of"))).to_be_visible()
