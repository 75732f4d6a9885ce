"""What tests do in a page, by the words that a person sees."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import TimeoutError as Unanswered


def question(page, words):
    return page.get_by_role("heading", name=words, exact=True)


def arrive(page, address, **limit):
    """Wait for the address that says what is shown, and until it is drawn: a press before would go to what is drawn over."""
    page.wait_for_url(address, **limit)
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


def choose(page, button):
    """Choose something, and wait for the address that says so."""
    before = page.url
    button.click()
    arrive(page, lambda address: address != before)


def choose_page(page, words):
    choose(page, page.get_by_role("navigation", name="Pages").get_by_role("button", name=words))


def open_chooser(page):
    """Unfold what another person or item is chosen in."""
    page.locator(".lab-chooser summary").click()


def slider(page, number):
    """Focus the thumb of a knob's slider."""
    thumb = page.locator(".lab-knob").nth(number).get_by_role("slider")
    thumb.focus()
    return thumb


def turn(page, number, key, address):
    """Turn a knob by its keyboard and wait for the address that says so.

    A thumb that was drawn anew in the instant of the press stands where it was, which a person sees, and presses again.
    """
    before = slider(page, number).get_attribute("aria-valuenow")
    for _ in range(3):
        slider(page, number).press(key)
        try:
            return arrive(page, address, timeout=20_000)
        except Unanswered:
            if slider(page, number).get_attribute("aria-valuenow") != before:
                break
    return arrive(page, address)


def ask(page):
    return parse_qs(urlsplit(page.url).query)


def choose_first(page, box):
    """Choose the first thing of a box that takes several; the place before it takes all of them.

    Its list may open below the window, where a mouse can't reach it.
    """
    box.click()
    page.get_by_role("option", disabled=False).nth(1).dispatch_event("click")
    page.keyboard.press("Escape")
