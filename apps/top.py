"""What stands above and around every page: its name, what is looked at, the switch of the shipped runs, a link to the other brightness."""

import html
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import marimo as mo

from srgformer_lab import backend, plots

FORMS_LABEL = "Hyperedges and attention"
"""What the switch of the shipped runs is about."""


def page_name(question: str, scene: backend.Scene) -> mo.Html:
    """Say which page this is, and what it looks at, to the browser's tab, to a screen reader and to the top of the window.

    head.html does it: another page begins at its top; where something else is looked at, a button leads to what that changed.
    """
    said, link = html.escape(question), scene.link
    item = f", “{backend.title(scene.data, link.item)}”" if link.item else ""
    shown = html.escape(f"{said}: {link.run or 'no run'}, person {link.user}{item}")
    return mo.Html(f'<lab-page question="{said}" shows="{shown}"><span class="lab-unseen" role="status">{shown}</span></lab-page>')


def wrong_page(asked: Mapping[str, str], pages: Collection[str], page: str) -> list[str]:
    """Say that a link names a page which there is not, as long as the one is shown that stands in for it."""
    wanted = asked.get("page", "")
    if not wanted or wanted in pages or page != next(iter(pages)):
        return []
    return [f"There is no page {wanted[:40]!r}; there are {', '.join(pages)}. You see the first."]


def main(page: mo.Html) -> mo.Html:
    """Say that this is what a page is about, so that who can't see it may skip what stands around."""
    return mo.Html(f"<main>{mo.as_html(page).text}</main>")


def strip(scene: backend.Scene, kind: plots.Kind) -> mo.Html:
    """Say what is being looked at: data, run, person, item, what was chosen together, and the knobs that Python used."""
    data, link = scene.data, scene.link

    def shown(item_id: str) -> dict[str, str]:
        return {"title": backend.title(data, item_id), "picture": backend.picture(data, item_id, backend.SMALL_WIDTH)}

    return mo.Html(
        plots.strip(
            data.name,
            f"{link.run}, epoch {link.epoch}" if link.run and link.epoch is not None else link.run or "no run yet",
            [shown(item_id) for item_id in data.history(link.user)[: plots.MOST_FACES]] if link.user else (),
            shown(link.item) if link.item else None,
            scene.knobs or None,
            scene.trained_knobs or None,
            kind,
            f"cohort: {backend.COHORTS[link.cohort]}" if link.cohort else "",
            [shown(item_id) for item_id in link.items[: plots.MOST_FACES]],
            f"{len(link.items)} chosen together",
        )
    )


def form_switch(scene: backend.Scene, choose: Callable[[str], None]) -> mo.ui.radio | None:
    """Make the switch between the two shipped runs; none on other data than theirs."""
    forms = backend.shipped_forms(scene.data)
    here = next((words for words, name in forms.items() if name == scene.link.run), None)
    return mo.ui.radio(forms, value=here, inline=True, label=FORMS_LABEL, on_change=choose) if forms else None


def form_links(scene: backend.Scene) -> mo.Html | None:
    """Offer the same state on the shipped runs, where a page runs alone and can't load another by itself."""
    others = {words: name for words, name in backend.shipped_forms(scene.data).items() if name != scene.link.run}
    addresses = {words: html.escape(scene.link.change(run=name).address()) for words, name in others.items()}
    links = ", ".join(f'<a href="{address}">{html.escape(words)}</a>' for words, address in addresses.items())
    return mo.Html(f'<p class="lab-fact">{FORMS_LABEL}: {links}</p>') if links else None


def bar(link: backend.Link, forms: mo.Html | None, page: str = "") -> mo.Html:
    """Put the switch of forms and a link to the same state on a page of the other brightness in a row.

    Marimo reads the brightness from the address when it loads.
    """
    other = "light" if link.is_dark else "dark"
    address = html.escape(replace(link, theme=other).address(page))
    present = '<a class="lab-presentation" href="?" title="large letters, no menu; once more ends it">presentation</a>'
    switch = mo.as_html(forms).text if forms is not None else "<span></span>"
    return mo.Html(f'<div class="lab-bar">{switch}<p class="lab-theme">{present} · <a href="{address}">{other} page</a></p></div>')
