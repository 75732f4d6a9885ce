"""Hyperedges as a page shows them: a wall to choose from, the chosen one and lists without it, and what they agree with."""

import html
import time
from collections.abc import Callable, Mapping
from typing import Any

import changes
import common
import marimo as mo
import pandas as pd
import widgets

from srgformer_lab import Dataset, LabError, backend, compare_lists, drop_hyperedge, plots

MOST_CARDS = 24
WAKE = (
    "Dead ones tell nothing apart, and raising τ here rarely wakes them: features that all lie to one side put every item into one "
    "hyperedge. Train again with memberships read from “unit” features, under “All settings” on the page “How does it learn?”: on real "
    "films all eight were then in use, where seven had been dead."
)
PART = "Twins hold the same: lower τ here to see whether they part, or train with fewer hyperedges (K). A higher τ makes more of them."


def wall(groups: backend.Hyperedges, choose: Callable[[str], None], words: str = "") -> mo.ui.array:
    """Make a button of each of the largest hyperedges with these words, and of those that hold what was chosen together."""
    data, chosen, held, count = groups.scene.data, groups.chosen, groups.held, len(groups.scene.link.items)
    notes = {number: f"{n} of the {count} chosen" for number, n in held.items()}
    cards = {card["hyperedge"]: card for card in groups.largest(MOST_CARDS, words)}
    return mo.ui.array([button(data, card, number == chosen, choose, notes.get(number, "")) for number, card in cards.items()])


def button(data: Dataset, card: Mapping[str, Any], chosen: bool, choose: Callable[[str], None], note: str = "") -> mo.ui.button:
    """Show a row of ``hyperedge_cards`` as a button: its first items, its words, what is wrong with it, and ``note``."""
    images = "".join(widgets.small_picture(data, item_id, backend.SMALL_WIDTH) for item_id in card["top_items"][:4])
    twin = "" if pd.isna(card["twin"]) else f", ◇ twin of {card['twin']}"
    line = (
        f"{plots.counted(card['items'], 'item')}, {plots.percent(card['mass'])} of all membership{', ✕ dead' if card['is_dead'] else twin}"
    )
    words = html.escape(f"“{card['name']}”" if card["name"] else ", ".join(card["words"][:2]) or "no words")
    mark = f"<small><b>● {html.escape(note)}</b></small>" if note else ""
    classes = f"lab-pick lab-pick-hyperedge{' lab-chosen' if chosen else ''}{' lab-dead' if card['is_dead'] else ''}"
    label = f'<div class="{classes}"><span>{images}</span><b>{card["hyperedge"]} · {words}</b><small>{line}</small>{mark}</div>'
    return mo.ui.button(label=label, value=card["hyperedge"], on_click=lambda value: value, on_change=choose)


def shown_wall(groups: backend.Hyperedges, buttons: mo.ui.array, words: str = "") -> mo.Html:
    """Lay out the hyperedges to choose from, and say which of them are of no use; or that none has the ``words``."""
    if words and not len(buttons):
        return common.fact("No hyperedge has these words, in its name, its note, its things, their words or their category.")
    found = backend.matching_hyperedges(groups.named_cards, words)
    rest, wrong = len(found) - len(buttons.elements), plots.hyperedge_warning(groups.cards)
    warning = common.problem(wrong, remedy=remedy(groups.cards)) if wrong else None
    more = common.fact(f"And {rest} smaller ones; the bars below count them too.") if rest else None
    return common.stack(warning, widgets.picker(buttons), more)


def remedy(cards: pd.DataFrame) -> str:
    """Say what helps against the dead and the twins that there are."""
    is_dead = cards["is_dead"].astype(bool)
    return " ".join(words for words, given in ((WAKE, is_dead.any()), (PART, (cards["twin"].notna() & ~is_dead).any())) if given)


def members(groups: backend.Hyperedges, choose: Callable[[str], None]) -> mo.ui.array:
    """Make a button of each of the items that are most in the chosen hyperedge."""
    scene, rows = groups.scene, groups.members.itertuples()
    shown = [(row.item_id, f"{plots.percent(row.membership)} in it") for row in rows]
    return mo.ui.array([widgets.item_button(scene.data, item_id, line, item_id == scene.link.item, choose) for item_id, line in shown])


def chosen_card(groups: backend.Hyperedges) -> pd.Series:
    """Return the named card of the chosen hyperedge."""
    return groups.named_cards.set_index("hyperedge", drop=False).loc[groups.chosen]


def naming(groups: backend.Hyperedges, noted: Callable[[int], None], refuse: Callable[[LabError | None], None]) -> Any:
    """Make the form for the name and the note of the chosen hyperedge; nothing for who may not write them."""
    if not backend.may_note(groups.scene):
        return None
    card, modality, chosen = chosen_card(groups), groups.modality, groups.chosen

    def keep(values: dict[str, Any] | None) -> None:
        try:
            if values is not None:
                backend.note_hyperedge(groups.scene, modality, chosen, values["name"], values["note"])
                refuse(None)
        except LabError as error:
            refuse(error)
        noted(time.monotonic_ns())

    boxes = {
        "name": mo.ui.text(value=card["name"], label="Your name for it", placeholder="what do its things have in common?", full_width=True),
        "note": mo.ui.text_area(value=card["note"], label="Note", placeholder="how sure are you, and why?", rows=2, full_width=True),
    }
    layout = mo.Html("<div>{name}</div><div>{note}</div>").batch(**boxes)
    return layout.form(submit_button_label="Keep with the run", bordered=False, on_change=keep)


def shown_naming(groups: backend.Hyperedges, form: Any, trouble: LabError | None) -> mo.Html:
    """Show the form, what was refused, and where names are kept; or who may write them."""
    run, wrong = groups.scene.run, trouble
    assert run is not None
    try:
        run.hyperedge_notes()
    except LabError as error:
        wrong = wrong or error
    said = f"Kept in {run.notes_path}, found by the words above, and carried in the report."
    told = common.fact(said if form is not None else "In a class everybody names the hyperedges of the trainings that they have started.")
    return common.stack(common.problem(wrong, "Nothing was changed.") if wrong else None, form, told)


def chosen_one(groups: backend.Hyperedges, buttons: mo.ui.array) -> mo.Html:
    """Show the chosen hyperedge: its finding, its numbers, its words, its items, and which of those chosen together it holds."""
    card = chosen_card(groups)
    words = f"Words that set it apart: {', '.join(card['words'])}." if card["words"] else "No words set it apart."
    return common.stack(
        common.finding(plots.hyperedge_finding(card)),
        *map(common.fact, card["note"].splitlines()),
        common.tiles(tiles(card, len(groups.cards), groups.share_of_user, groups.untrained("purity"))),
        common.fact(f"{words} These are most in it; choose one, and every page looks at it."),
        widgets.picker(buttons),
        held_items(groups),
    )


def without_chosen(groups: backend.Hyperedges) -> mo.Html:
    """Show the list of this person as it is and without the chosen hyperedge."""
    scene = groups.scene
    try:
        found = scene.what_if(drop_hyperedge(groups.modality, groups.chosen))
        hint = "Choose another hyperedge above, or another person on the page “Why this item?”."
        moves = changes.moved_list(scene.data, compare_lists(found.before, found.after, 10), ("With it", "Without it"), hint)
    except LabError as error:
        moves = common.problem(error, "Nothing was changed.")
    asked = f"What if hyperedge {groups.chosen} of {groups.modality} were not there, for this person?"
    return common.stack(common.section(asked, "instant"), widgets.history(scene.data, scene.link.user), moves)


def agreements(groups: backend.Hyperedges, dark: bool) -> mo.Html:
    """Draw how far the hyperedges agree with those of each other modality and with categories, beside the untrained model's."""
    categories = groups.beside_categories(), groups.untrained("NMI with categories")
    found = {**{other: (groups.beside(other), groups.beside_untrained(other)) for other in groups.others}, "category": categories}
    tables = [
        plots.agreement_table(
            one.contingency, first=groups.modality, second=name, nmi=one.nmi, chance=one.chance, untrained=before, dark=dark
        )
        for name, (one, before) in found.items()
        if one
    ]
    none = common.fact("There is one modality and no category is known, so there is nothing to compare with.")
    return common.stack(
        common.section("Do they agree with anything?", "instant"),
        common.side_by_side(*map(common.chart, tables)) if tables else none,
        common.fact("NMI is 0 where one grouping tells nothing about the other, and 1 where it tells all; small groups agree by chance."),
    )


def tiles(card: Mapping[str, Any], n_hyperedges: int, own_share: float, untrained: float) -> list[tuple[str, str, str]]:
    """Return the numbers of a hyperedge, and how far this person is in it, for ``common.tiles``; ``untrained`` is a usual purity."""
    even = plots.percent(1 / n_hyperedges)
    category = "no categories are known"
    if card["labelled"]:
        category = f"most are “{card['label']}”; an untrained model has {plots.digits(untrained, 2)} over all"
    return [
        ("items", f"{card['items']:,}", "have it as their first"),
        ("users", f"{card['users']:,}", "have it as their first"),
        ("mass", plots.percent(card["mass"]), f"of all membership; an even share is {even}"),
        ("entropy", plots.digits(round(card["entropy"], 3), 2), "of its items: 0 if they are in it alone, 1 if in all alike"),
        ("purity", plots.digits(card["purity"], 2), category),
        ("this person", plots.percent(own_share), "in it"),
    ]


def held_items(groups: backend.Hyperedges) -> mo.Html | None:
    """Show which of the items that were chosen together have the chosen hyperedge as their first; nothing where nothing was chosen."""
    data, count = groups.scene.data, len(groups.scene.link.items)
    if not count:
        return None
    held = groups.held_items
    verb = "have it as their" if len(held) > 1 else "has it as its"
    note = f"Of the {plots.counted(count, 'item')} chosen together, {len(held) or 'none'} {verb} first."
    lines = [f"{plots.percent(membership)} in it" for membership in held]
    cards = backend.item_cards(data, list(held.index), lines, backend.SMALL_WIDTH)
    return common.stack(common.fact(note), mo.Html(plots.card_row(cards, size="small")) if len(held) else None)
