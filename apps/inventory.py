"""The parts of the page about the data: its numbers and figures, the wall of items with its filters, one item with its people."""

from collections.abc import Callable
from typing import Any

import common
import marimo as mo
import pandas as pd
import widgets

from srgformer_lab import Dataset, LabError, backend, plots

STEP = 24
"""Items that a wall grows by."""
NOBODY = "Click things that you like, and add each below: your list comes here, and stays in the link."
MOST_CHOSEN = 60
"""Items that a link carries."""


def overview(data: Dataset, dark: bool) -> mo.Html:
    """Show a data set in four numbers and three figures."""
    facts = backend.facts(data)
    untaken = f"{facts.untaken:,} of them have nobody to learn from" if facts.untaken else "each has somebody to learn from"
    splits = " + ".join(f"{len(data.pairs(split)):,} {split}" for split in ("train", "valid", "test"))
    tiles = common.tiles(
        [
            ("Users", f"{facts.users:,}", f"half of them have {facts.median_history:g} things or fewer to learn from"),
            ("Items", f"{facts.items:,}", untaken),
            ("Interactions", f"{facts.interactions:,}", splits),
            ("Density", common.share(facts.density), "of all pairs of a user and an item are known"),
        ]
    )
    charts = [
        plots.long_tail(backend.item_counts(data), dark=dark),
        plots.history_histogram(backend.user_lengths(data), backend.cohorts_of(data), dark=dark),
        plots.coverage_bars(backend.coverage(data), data.n_items, dark=dark),
    ]
    tail, lengths, known = map(common.chart, charts)
    return common.stack(
        common.side_by_side(tiles, known), *map(common.fact, backend.gaps(data) + backend.origins(data)), common.side_by_side(tail, lengths)
    )


def filters(data: Dataset, memory: dict[str, Any]) -> mo.ui.dictionary:
    """Make the wishes that items can be chosen by: ``words``, ``group`` and ``popularity``, as ``backend.choose_items`` takes them."""

    def remember(words: str) -> None:
        memory["data.words"] = words

    groups: dict[str, Any] = {"any": None}
    for (column, value), count in backend.item_groups(data).items():
        groups[f"{column or 'planted group'}: {value} ({count:,})"] = (column, value)
    parts = {"all": ""} | {words: name for name, words in backend.POPULARITY.items()}
    found: dict[str, Any] = {
        "words": mo.ui.text(memory.get("data.words", ""), label="Title", placeholder="a word of its title", on_change=remember),
        "popularity": widgets.choice(memory, "data.popularity", "How often taken", parts),
    }
    if len(groups) > 1:
        found["group"] = widgets.choice(memory, "data.group", "Group", groups)
    return mo.ui.dictionary(found)


def wall(data: Dataset, found: pd.DataFrame, count: int, chosen: str, choose: Callable[[str], None]) -> mo.ui.array:
    """Make a button of each of the first items."""
    return mo.ui.array(
        [
            widgets.item_button(data, row["item_id"], f"{row['users']:,} users", row["item_id"] == chosen, choose, "card")
            for row in found.head(count).to_dict("records")
        ]
    )


def carrying(found: pd.DataFrame, carry: Callable[[str], None]) -> mo.ui.button:
    """Make the button that chooses the first items together, for every page."""
    first = list(found["item_id"].head(MOST_CHOSEN))
    which = f"the first {len(first)}" if len(found) > len(first) else f"these {len(first)}"
    return mo.ui.button(label=f"Carry {which} to the other pages", value=tuple(first), on_change=carry, disabled=not first)


def newcomer(scene: backend.Scene) -> mo.Html | None:
    """Show what somebody would be recommended who likes just what was chosen together, and why; nothing without a trained model."""
    if scene.trained is None:
        return None
    head = common.section("Somebody new: what if you like just these?", "instant")
    if not scene.link.items:
        return common.stack(head, common.fact(NOBODY))
    try:
        found = backend.newcomer_list(scene)
    except LabError as error:
        return common.stack(head, common.problem(error, "Nothing was changed."))
    lines = [f"because of “{backend.title(scene.data, row['because'])}”, {plots.signed(row['adds'])}" for row in found.to_dict("records")]
    cards = mo.Html(plots.card_row(backend.item_cards(scene.data, list(found["item_id"]), lines), size="normal"))
    said = "Nobody was trained anew: the newcomer is known by these things alone, through those who took them too."
    return common.stack(head, common.fact(said), cards)


def item_panel(data: Dataset, item_id: str, takers: mo.ui.array, buttons: list[mo.ui.button]) -> mo.Html:
    """Show one item: picture, what is known of it, and some of its people."""
    card = mo.Html(plots.card(backend.title(data, item_id), backend.picture(data, item_id)))
    people = (
        common.stack(common.fact("Some who took it; click one to look at this item for them:"), widgets.picker(takers))
        if len(takers)
        else common.fact("Nobody has it to learn from.")
    )
    return common.side_by_side(
        card, common.stack(common.item_facts(data, item_id), mo.hstack(buttons, justify="start", wrap=True), people), widths="150px 1fr"
    )
