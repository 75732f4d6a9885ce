"""What a page shows and lets one choose: items as pictures, people as their histories, runs as rows."""

import html
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import marimo as mo
import pandas as pd

from srgformer_lab import Dataset, backend, plots

FACE_WIDTH = 48
"""Pixels of the pictures on a button."""
PLAIN_COLUMNS = ("what", "how far")
"""Columns of a run that speak for themselves."""
NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})
EMPTY: Mapping[str, str] = MappingProxyType({})


def choice(memory: dict[str, Any], key: str, label: str, options: dict[str, Any]) -> mo.ui.dropdown:
    """Make a dropdown that the page remembers; the first option at first, and where the remembered one is gone."""

    def remember(value: Any) -> None:
        memory[key] = next((name for name, option in options.items() if option is value), None)

    kept = memory.get(key) if memory.get(key) in options else next(iter(options), None)
    return mo.ui.dropdown(options, value=kept, label=label, on_change=remember)


def choices(memory: dict[str, Any], key: str, label: str, options: dict[str, Any]) -> mo.ui.multiselect:
    """Make a choice of several that the page remembers; none at first."""

    def remember(values: list[Any]) -> None:
        memory[key] = [name for name, option in options.items() if option in values]

    kept = [name for name in memory.get(key, []) if name in options]
    return mo.ui.multiselect(options, value=kept, label=label, on_change=remember)


def named_items(data: Dataset, item_ids: Sequence[str]) -> dict[str, str]:
    """Return items by what a person calls them: the title, with the id where two have the same."""
    titles = [backend.title(data, item_id) for item_id in item_ids]
    return {name if titles.count(name) == 1 else f"{name} ({item_id})": item_id for name, item_id in zip(titles, item_ids, strict=True)}


def history(
    data: Dataset, user_id: str, lines: Mapping[str, str] = EMPTY, weights: Mapping[str, float] = NO_WEIGHTS, most: int = 14
) -> mo.Html:
    """Show what a person took, each with its line: the latest ``most`` of it, or those of most weight, and the rest on demand."""
    taken = data.history(user_id)
    heaviest = sorted(taken, key=lambda item_id: -abs(weights.get(item_id, 0.0)))[:most]
    shown = [item_id for item_id in taken if item_id in set(heaviest)] if weights else list(taken[-most:])
    others = [item_id for item_id in taken if item_id not in set(shown)]
    rest = ""
    if others:
        which = "that count less" if weights else "before"
        said = "; ".join(html.escape(f"{backend.title(data, item_id)} {lines.get(item_id, '')}".strip()) for item_id in others)
        rest = f'<details class="lab-more"><summary>and {len(others)} {which}</summary><p>{said}</p></details>'
    shown_lines = [lines.get(item_id, "") for item_id in shown]
    return mo.Html(plots.card_row(backend.item_cards(data, shown, shown_lines, backend.SMALL_WIDTH), size="small") + rest)


def action(words: str, act: Callable[[Any], Any], disabled: bool = False) -> mo.ui.button:
    """Make the button of the one thing that a page is for."""
    return mo.ui.button(label=f'<span class="lab-action">{html.escape(words)}</span>', on_click=act, disabled=disabled)


def person_button(data: Dataset, user_id: str, chosen: bool, choose: Callable[[str], None], line: str = "") -> mo.ui.button:
    """Make a button that shows a person as the first things of their history; ``line`` in place of how many there are."""
    history = data.history(user_id)
    pictures = [small_picture(data, item_id) for item_id in history[:4]]
    return pictures_button(pictures, line or f"{user_id}: {len(history)} items", user_id, choose, chosen)


def pictures_button(pictures: Iterable[str], line: str, value: Any, choose: Callable[[Any], None], chosen: bool = False) -> mo.ui.button:
    """Make a button of some small pictures with a line below them."""
    label = f'<div class="lab-pick{" lab-chosen" if chosen else ""}">{"".join(pictures)}<small>{html.escape(line)}</small></div>'
    return mo.ui.button(label=label, value=value, on_click=lambda value: value, on_change=choose)


def small_picture(data: Dataset, item_id: str, width: int = FACE_WIDTH, alt: str | None = None) -> str:
    """Return the markup of an item's small picture, or a stand-in with its initials; ``alt`` says it in other words than its title."""
    uri, name = backend.picture(data, item_id, width), backend.title(data, item_id)
    said = html.escape(name if alt is None else alt)
    if not uri:
        initials = html.escape(plots.initials(name))
        return f'<span class="lab-blank" style="--srg-hue:{plots.hue(name)}" title="{said}">{initials}</span>'
    return f'<img src="{uri}" alt="{said}">'


def item_button(data: Dataset, item_id: str, line: str, chosen: bool, choose: Callable[[str], None], shape: str = "item") -> mo.ui.button:
    """Make a button that shows an item: lying and small as ``item``, or standing as ``card``."""
    name = html.escape(backend.title(data, item_id))
    image = small_picture(data, item_id, backend.SMALL_WIDTH if shape == "card" else FACE_WIDTH, alt="")
    classes = f"lab-pick lab-pick-{shape}{' lab-chosen' if chosen else ''}"
    label = f'<div class="{classes}" title="{name}">{image}<b>{name}</b><small>{html.escape(line)}</small></div>'
    return mo.ui.button(label=label, value=item_id, on_click=lambda value: value, on_change=choose)


def people_picker(
    data: Dataset, chosen: str, memory: dict[str, Any], choose: Callable[[str], None], count: int = 6, cohort: str = ""
) -> mo.ui.array:
    """Make a page of people to choose from: those found, or some of a cohort (of all without one); others; and what finds them."""
    page, words = memory.get("people.page", 0), memory.get("people.search", "")
    shown = backend.people(data, page, count, cohort, words)

    def show(page: int, words: str) -> None:
        memory.update({"people.page": page, "people.search": words})
        choose(chosen)

    others = mo.ui.button(label="Other people", value="", on_click=lambda value: value, on_change=lambda _: show(page + 1, words))
    nobody = "; nobody was found" if words and not backend.find_users(data, words, 1) else ""
    label = f"Find a person by id, or by what they took{nobody}"
    search = mo.ui.text(value=words, label=label, placeholder="an id, or a word", on_change=lambda value: show(0, value))
    return mo.ui.array([*(person_button(data, user_id, user_id == chosen, choose) for user_id in shown), others, search])


def run_rows(table: pd.DataFrame, chosen: str, choose: Callable[[str], None]) -> mo.ui.array:
    """Make a table of runs whose rows are buttons; what is known of a run stands in its columns."""
    rows = []
    for values in table.to_dict("records"):
        cells = "".join(f"<span>{_headed(str(name), str(value))}</span>" for name, value in values.items() if name != "run")
        marked = " lab-chosen" if values["run"] == chosen else ""
        label = f'<div class="lab-run{marked}"><b>{html.escape(str(values["run"]))}</b>{cells}</div>'
        rows.append(mo.ui.button(label=label, value=values["run"], on_click=lambda value: value, on_change=choose))
    return mo.ui.array(rows)


def _headed(name: str, value: str) -> str:
    head = "" if name in PLAIN_COLUMNS else f"<small>{html.escape(name)}</small><br>"
    return f"{head}{html.escape(value) or '–'}"


def rows(buttons: mo.ui.array) -> mo.Html:
    """Lay out buttons as the rows of a table."""
    return mo.Html(f'<div class="lab-rows">{"".join(button.text for button in buttons.elements)}</div>')


def tick_boxes(names: Iterable[str], possible: Container[str], ticked: set[str]) -> mo.ui.dictionary:
    """Make a tick for each name, to be kept in ``ticked``; those that are not possible can't be ticked."""

    def keep(name: str) -> Callable[[bool], None]:
        return lambda is_on: ticked.add(name) if is_on else ticked.discard(name)

    return mo.ui.dictionary(
        {name: mo.ui.checkbox(value=name in ticked, disabled=name not in possible, on_change=keep(name)) for name in names}
    )


def ticked_rows(ticks: mo.ui.dictionary, buttons: mo.ui.array) -> mo.Html:
    """Lay out buttons as the rows of a table, each behind its tick."""
    pairs = zip(ticks.elements.values(), buttons.elements, strict=True)
    inside = "".join(f'<div class="lab-ticked">{tick.text}{button.text}</div>' for tick, button in pairs)
    return mo.Html(f'<div class="lab-rows">{inside}</div>')


def named_buttons(words: Mapping[str, str], act: Callable[[str], None]) -> mo.ui.dictionary:
    """Make a button for each name, with its words; a press hands the name on."""
    made = {name: mo.ui.button(label=said, value=name, on_click=lambda value: value, on_change=act) for name, said in words.items()}
    return mo.ui.dictionary(made)


def picker(buttons: mo.ui.array) -> mo.Html:
    """Lay out buttons with pictures."""
    return mo.Html(f'<div class="lab-picker">{"".join(button.text for button in buttons.elements)}</div>')
