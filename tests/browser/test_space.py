"""Points are circled with the mouse and their items go along to other pages; a report opens where there is no network."""

import re

import numpy as np
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import expect

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.plots.style import SURFACE
from tests.browser.conftest import LIMIT
from tests.browser.steps import arrive, ask, choose_page

expect.set_options(timeout=LIMIT)


def circle(page, corners):
    """Draw a loop over the first figure; corners are shares of its width and height."""
    figure = page.locator(".js-plotly-plot .nsewdrag").first
    expect(figure).to_be_visible()
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in [*places[1:], places[0]]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def test_circled_items_are_shown_carried_in_the_link_and_known_to_another_page(movies_app, visit):
    page = visit(movies_app.link(page="alignment"), height=1400)
    expect(page.get_by_text("Nearest to “")).to_be_visible()
    circle(page, [(0.3, 0.1), (0.7, 0.1), (0.7, 0.9), (0.3, 0.9)])
    said = page.locator(".lab-finding", has_text=re.compile(r"^[\d,]+ items? chosen"))
    expect(said).to_be_visible()
    arrive(page, re.compile("items="))
    n = int(said.inner_text().split()[0].replace(",", ""))
    items = backend.Link.of({"items": ask(page)["items"][0]}).items
    assert len(items) == min(n, backend.MOST_ITEMS)
    expect(page.locator(".lab-wall button")).to_have_count(len(items))
    expect(page.locator(".lab-wall img").first).to_be_visible()
    choose_page(page, "How do I keep and share this?")
    expect(page.get_by_text(f"{len(items)} items chosen together")).to_be_visible()
    page.reload()
    expect(page.get_by_text(f"{len(items)} items chosen together")).to_be_visible()
    expect(page.locator(".lab-wall .srg-card")).to_have_count(len(items))
    assert backend.Link.of({"items": ask(page)["items"][0]}).items == items


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_is_saved_as_a_picture_by_mouse_and_by_keyboard(studio_app, visit, tmp_path, theme):
    page = visit(studio_app.link(page="alignment", theme=theme), height=1400)
    figure = page.locator(".js-plotly-plot").first
    camera = figure.get_by_role("button", name=re.compile("Download plot"))
    expect(camera).to_have_count(1)
    bar = figure.locator(".modebar-group")
    expect(bar).to_have_css("opacity", "0")
    camera.focus()
    expect(bar).to_have_css("opacity", "1")
    for act in (camera.click, lambda: camera.press("Enter")):
        with page.expect_download() as saved:
            act()
        assert re.fullmatch(r"An-items-image-and-text-[\w-]+\.png", saved.value.suggested_filename)
        saved.value.save_as(tmp_path / "figure.png")
        picture = Image.open(tmp_path / "figure.png").convert("RGB")
        box = figure.bounding_box()
        assert picture.size == pytest.approx((2 * box["width"], 2 * box["height"]), abs=2)
        assert picture.getpixel((1, 1)) == ImageColor.getrgb(SURFACE[theme == "dark"])
        assert len(picture.getcolors(1 << 20)) > 20  # it is not empty


MOVE_AND_READ = """moves => {
  const dials = document.querySelectorAll(".srg-dials input");
  return moves.map(move => {
    dials.forEach((dial, which) => { dial.value = move[which]; dial.dispatchEvent(new Event("input")); });
    return [...document.querySelectorAll(".srg-reranked li:not([hidden])")].map(
      item => [item.querySelector(".srg-card").title, Number(item.dataset.score)]);
  });
}"""


def test_a_report_ranks_a_list_anew_by_itself_and_as_the_model_does(chromium, tmp_path):
    file, steps = tmp_path / "report.html", backend.knob_steps("attention_scale", 0.3)
    run = lab.shipped_run()
    file.write_text(backend.report_on(run, "u5").html(), encoding="utf-8")
    assert file.stat().st_size < 3_000_000
    page = chromium.new_context(offline=True).new_page()
    page.goto(file.as_uri())
    status = page.locator(".srg-reranked [role=status]")
    expect(status).to_have_text("The list as it was saved")
    moves = np.random.default_rng(0).integers(len(steps), size=(50, 2)).tolist()
    model = run.model().double()
    trace = model.trace()
    for move, shown in zip(moves, page.evaluate(MOVE_AND_READ, moves), strict=True):
        expected = lab.rank_items(trace.fuse(steps[move[0]], steps[move[1]]), model.data, "u5").head(10)
        assert [title for title, _ in shown] == list(expected["title"])
        assert [score for _, score in shown] == pytest.approx(list(expected["score"]), abs=1e-6)
    expect(status).not_to_have_text("The list as it was saved")
    page.get_by_role("button", name="as saved").click()
    expect(status).to_have_text("The list as it was saved")
    page.get_by_role("slider", name="attention").press("ArrowRight")
    expect(page.locator(".srg-dials output").first).to_have_text("0.35")
    page.context.close()


def test_a_saved_report_opens_without_a_network(studio_app, visit, chromium, tmp_path):
    page = visit(studio_app.link(page="report"))
    with page.expect_download() as saved:
        page.get_by_text("Save the report (HTML)").click()
    file = tmp_path / "report.html"
    saved.value.save_as(file)
    context = chromium.new_context(offline=True)
    offline, wrong = context.new_page(), []
    offline.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    offline.on("pageerror", lambda error: wrong.append(str(error)))
    offline.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(("data:", "blob:", "file:")) else None)
    offline.goto(file.as_uri())
    expect(offline.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    count = offline.locator(".js-plotly-plot").count()
    assert count >= 6
    for number in range(count):
        expect(offline.locator(".js-plotly-plot").nth(number).locator(".main-svg").first).to_be_visible()
    with offline.expect_download() as picture:
        offline.locator(".modebar-btn").first.click()
    picture.value.save_as(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text().startswith("<svg")
    assert re.fullmatch(r"[\w-]+\.svg", picture.value.suggested_filename)
    assert offline.evaluate("[...document.images].every(image => (image.loading = 'eager') && image.src.startsWith('data:image/'))")
    context.close()
    assert wrong == []
