"""What a person does in the app, in a real browser, on the built-in data and on real films."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

import srgformer_lab as lab
from tests.browser.conftest import LIMIT, MOVIES, data_folder
from tests.browser.steps import arrive, ask, choose, choose_first, choose_page, open_chooser, question, slider, turn
from tests.shops import write_shop

expect.set_options(timeout=LIMIT)

QUESTIONS = {
    "start": "What is this?",
    "data": "What is in the data?",
    "train": "How does it learn?",
    "runs": "Which runs are there?",
    "knobs": "What does each knob do?",
    "hyperedges": "What did the hyperedges learn?",
    "attention": "What does it look at, and does that matter?",
    "alignment": "Do pictures and texts agree?",
    "audit": "Does it use pictures and texts?",
    "why": "Why this item?",
    "compare": "What changed between runs?",
    "report": "How do I keep and share this?",
}


@pytest.fixture(params=["studio", "movies"])
def app(request):
    return request.getfixturevalue(f"{request.param}_app")


def test_every_page_shows_its_pictures_and_figures_wide_and_narrow(app, visit):
    page = visit(app.link(page="compare"))
    expect(question(page, QUESTIONS["compare"])).to_be_visible()
    for name, words in QUESTIONS.items():
        choose_page(page, words)
        expect(question(page, words)).to_be_visible()  # it stands in the page itself, so what is below it is this page's
        if name == "start":
            expect(page.locator(".srg-flow-part")).to_have_count(5)
        expect(page.locator("main .js-plotly-plot .main-svg").first).to_be_visible()
        assert page.locator("img[src^='data:image']").count() >= 5, name
        page.set_viewport_size({"width": 420, "height": 900})
        page.wait_for_function("document.querySelector('#App').scrollWidth <= 420")
        page.set_viewport_size({"width": 1280, "height": 900})


def test_the_strip_says_what_is_looked_at(movies_app, visit):
    page = visit(movies_app.link(page="why", alpha="0.6"))
    strip = page.locator(".srg-strip")
    expect(strip).to_contain_text("short")
    expect(strip).to_contain_text("0.6")
    expect(strip.locator(".srg-faces img").first).to_be_visible()
    expect(strip.locator(".srg-card img")).to_be_visible()


def test_a_slider_moved_by_keyboard_ranks_the_list_anew(movies_app, visit):
    data = lab.read_folder(data_folder("movielens_posters"), **MOVIES)
    trace = lab.Run.open(movies_app.folder / "runs" / "short").model(data).trace()
    page = visit(movies_app.link(page="knobs", user=data.user_ids[0]))
    expect(page.get_by_text("Nothing is turned yet").first).to_be_visible()
    turn(page, 1, "End", re.compile(r"beta=1(&|$)"))
    expect(page.get_by_text("Nothing is turned yet")).to_have_count(0)
    best = lab.recommend(trace.fuse(hypergraph_scale=1.0), data, data.user_ids[0], k=10)
    expect(page.locator(".srg-moves ol").last.locator(".srg-title")).to_have_text(list(best["title"]))
    page.get_by_role("button", name="reset").nth(1).click()
    expect(page.get_by_text("Nothing is turned yet").first).to_be_visible()
    arrive(page, lambda address: "beta" not in parse_qs(urlsplit(address).query))


def test_a_link_brings_everything_back(studio_app, visit):
    page = visit(studio_app.link(page="knobs"))
    expect(page.get_by_text("Nothing is turned yet").first).to_be_visible()
    turn(page, 0, "Home", re.compile("alpha=0(&|$)"))
    open_chooser(page)
    choose(page, page.locator(".lab-picker button").nth(2))
    choose_page(page, QUESTIONS["why"])
    expect(page.get_by_text(re.compile("The .* cells sum to"))).to_be_visible()
    open_chooser(page)
    choose(page, page.locator(".lab-picker").first.locator("button").nth(3))
    expect(page.locator(".lab-chooser[open]")).to_have_count(0)  # a choice made, its answer is what one sees
    expect(page.get_by_text(re.compile("is number 4 of")).first).to_be_visible()
    asked = ask(page)
    assert {"page", "data", "run", "user", "item", "alpha"} <= set(asked)
    finding, strip = page.locator(".lab-finding").first.inner_text(), page.locator(".srg-strip")
    expect(strip).to_contain_text(re.search("“(.*)”", finding)[1])
    said = strip.text_content()
    page.reload()
    expect(page.locator(".lab-finding").first).to_have_text(finding)
    expect(strip).to_have_text(said)
    assert ask(page) == asked


def test_a_thing_taken_away_changes_the_list_and_is_kept_on_return(studio_app, visit):
    page = visit(studio_app.link(page="why"))
    expect(page.get_by_text("For example: without")).to_be_visible()
    choose_first(page, page.get_by_text("Select...").first)
    expect(page.get_by_text("For example: without")).to_have_count(0)
    answer = page.locator(".lab-finding", has_text=re.compile("goes from .*, number 1 → number"))
    expect(answer).to_be_visible()
    first = answer.inner_text()
    page.get_by_label("Change the model").select_option("without image")
    expect(answer).not_to_have_text(first)
    said = answer.inner_text()
    choose_page(page, QUESTIONS["start"])
    expect(page.locator(".srg-flow-part")).to_have_count(5)
    choose_page(page, QUESTIONS["why"])
    expect(page.locator(".lab-finding", has_text="goes from")).to_have_text(said)


def test_what_was_moved_on_a_page_is_kept_on_return(studio_app, visit):
    page = visit(studio_app.link(page="knobs"))
    expect(page.get_by_text("Nothing is turned yet").first).to_be_visible()
    turn(page, 2, "End", re.compile("tau=3"))
    choose_page(page, QUESTIONS["start"])
    expect(page.locator(".srg-flow-part")).to_have_count(5)
    choose_page(page, QUESTIONS["knobs"])
    expect(page.locator(".lab-knob-head").nth(2)).to_contain_text("membership temperature 3 ○ 0.2")


def test_two_visitors_do_not_disturb_each_other(studio_app, visit):
    one, two = (visit(studio_app.link(page="knobs", user=user)) for user in ("u1", "u2"))
    for page in (one, two):
        expect(page.get_by_text("Nothing is turned yet").first).to_be_visible()
    slider(one, 0).press("Home")  # both at once
    turn(two, 0, "End", re.compile("alpha=1(&|$)"))
    turn(one, 0, "Home", re.compile("alpha=0(&|$)"))
    assert (ask(one)["user"], ask(two)["user"]) == (["u1"], ["u2"])


def test_a_wrong_link_is_said_and_the_page_still_works(studio_app, visit):
    page = visit(studio_app.link(page="why", user="nobody", alpha="99"))
    expect(page.get_by_text("There is no user 'nobody'")).to_be_visible()
    expect(page.get_by_text(re.compile("The .* cells sum to"))).to_be_visible()


def test_data_that_cannot_be_opened_costs_nothing(studio_app, visit):
    page = visit(studio_app.link(page="start"))
    expect(page.locator(".srg-flow-part")).to_have_count(5)
    page.get_by_label("Path of a folder").fill("/no/such/folder")
    page.get_by_role("button", name="Look at this folder").click()
    expect(page.get_by_text("What you were looking at is still open.")).to_be_visible()
    expect(page.locator(".srg-flow-part")).to_have_count(5)
    expect(page.locator(".srg-strip")).to_contain_text("studio")


def test_the_empty_page_leads_to_a_first_run(studio_app, visit):
    page = visit(studio_app.link(page="start"))
    expect(page.locator(".srg-flow-part")).to_have_count(5)
    page.get_by_label("Path of a folder").fill(str(studio_app.folder / "shop"))
    page.get_by_role("button", name="Look at this folder").click()
    page.get_by_role("button", name="Open this data").click()
    expect(page.get_by_text("No model is trained on this data yet.").first).to_be_visible()
    expect(page.locator(".srg-strip")).to_contain_text("no run yet")
    page.get_by_role("button", name="Train a small run now").click()
    expect(question(page, QUESTIONS["train"])).to_be_visible()
    expect(page.locator(".lab-progress")).to_contain_text("finished")
    arrive(page, re.compile("run=shop-whole"))
    choose_page(page, QUESTIONS["why"])
    expect(page.get_by_text(re.compile("The .* cells sum to"))).to_be_visible()


def test_a_dark_machine_gets_a_dark_page_with_dark_figures(studio_app, visit):
    page = visit(studio_app.link(page="why"), scheme="dark")
    expect(page.get_by_text(re.compile("The .* cells sum to"))).to_be_visible()
    assert ask(page)["theme"] == ["dark"]
    bars = page.locator(".js-plotly-plot").first
    expect(bars.locator("[style*='rgb(189, 189, 189)']").first).to_be_attached()  # the collaborative part's colour on dark pages
    page.get_by_role("link", name="light page").click()
    arrive(page, re.compile("theme=light"))
    expect(page.get_by_text(re.compile("The .* cells sum to"))).to_be_visible()
    expect(bars.locator("[style*='rgb(77, 77, 77)']").first).to_be_attached()


def focused(page):
    """Say what the keyboard is at, through shadow roots."""
    return page.evaluate("""() => {
        let at = document.activeElement;
        while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        return at.innerText;
    }""")


def test_pages_are_walked_by_keyboard_and_each_begins_at_its_top_with_its_own_title_and_one_step_of_back(studio_app, visit):
    page = visit(studio_app.link(page="why"))
    expect(question(page, QUESTIONS["why"])).to_be_visible()
    pages = page.get_by_role("navigation", name="Pages").get_by_role("button")
    pages.first.focus()
    for name in list(QUESTIONS)[1:]:
        page.keyboard.press("Tab")
        assert focused(page).startswith(QUESTIONS[name])
    page.locator("#App").evaluate("body => body.scrollTop = 900")
    steps = page.evaluate("history.length")
    page.get_by_role("button", name=QUESTIONS["knobs"]).press("Enter")
    expect(question(page, QUESTIONS["knobs"])).to_be_visible()
    expect(page).to_have_title(re.compile(re.escape(QUESTIONS["knobs"])))
    assert page.locator("#App").evaluate("body => body.scrollTop") == 0
    arrive(page, re.compile("page=knobs"))
    open_chooser(page)
    choose(page, page.locator(".lab-picker button").nth(2))
    assert page.evaluate("history.length") == steps + 2
    page.go_back()
    expect(question(page, QUESTIONS["knobs"])).to_be_visible()
    page.go_back()
    expect(question(page, QUESTIONS["why"])).to_be_visible()


def test_radios_are_chosen_by_arrow_keys(studio_app, visit):
    page = visit(studio_app.link(page="hyperedges", modality="image"))
    page.get_by_role("radio", name="image", exact=True).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="text", exact=True)).to_be_checked()
    arrive(page, re.compile("modality=text"))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="image", exact=True)).to_be_checked()


def test_a_first_training_is_watched_also_where_its_page_was_seen_before(studio_app, visit, tmp_path):
    write_shop(tmp_path / "kiosk", lab.studio(n_users=50, n_items=30, n_groups=3, n_interactions=700, seed=2))
    page = visit(studio_app.link(page="train", run="", data=str(tmp_path / "kiosk")))
    expect(question(page, QUESTIONS["train"])).to_be_visible()
    choose_page(page, QUESTIONS["why"])
    page.get_by_role("button", name="Train a small run now").click()
    expect(page.get_by_role("progressbar", name="epochs")).to_be_visible()
