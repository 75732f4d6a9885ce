"""The parts of the page that says why: where the item stands, which things carried it, through which hyperedges, and what if."""

from collections.abc import Callable
from typing import Any

import changes
import common
import marimo as mo
import pandas as pd
import widgets

from srgformer_lab import Dataset, Explanation, Flip, LabError, Versus, WhatIf, backend, compare_lists, drop_items, plots

LISTED = 10
LONG = 20
"""A history of more things is drawn by groups, too: a bar of 414 others says nothing."""
SHARED = {
    "sum": "One possible way to share: along the straight path from no history to this one. Another path shares differently.",
    "mean": "A person’s membership is the mean of their things’, so this way to share it is exact.",
    "lift": "Memberships of the things, each weighed by how much more this person has of a hyperedge than others; that factor is held.",
}
"""How a person's membership is shared among their things, by how it is made of theirs."""
NOTHING_ASKED = "Nothing is changed yet. Choose the first thing of the list above, and see how far the item falls."


def standing(data: Dataset, why: Explanation, count: int) -> mo.Html:
    """Show the item with its place among ``count``, and what the person took with what each thing adds."""
    title = backend.title(data, why.item_id)
    place = f"is number {why.rank:,} of {count:,}" if why.rank else "is not ranked, as it is known already,"
    item = mo.Html(plots.card(title, backend.picture(data, why.item_id), f"score {plots.digits(why.score)}"))
    each = "the score loses without each thing" if (why.sources["kind"] == "rest").any() else "each thing adds to the score"
    adds = f", and what {each}:" if len(why.history) else ":"
    alone = ", which is all that the model knows of them" if len(why.heads) else ""
    known = common.fact(f"What this person took{alone}{adds}")
    added = {item_id: plots.signed(total) for item_id, total in zip(why.history["item_id"], why.history["total"], strict=True)}
    weights = dict(zip(why.history["item_id"], why.history["total"], strict=True))
    past = common.stack(known, widgets.history(data, why.user_id, added, weights))
    answer = why.note or "A score is a sum, so it can be taken apart exactly."
    return common.stack(
        common.heading("Why this item?", answer, "instant"),
        common.finding(f"“{title}” {place} for this person"),
        common.side_by_side(item, past, widths="150px 1fr"),
    )


def sum_of_parts(data: Dataset, why: Explanation, dark: bool) -> mo.Html:
    """Draw the score as the sum of its parts, and say how exactly it adds up; a single part needs no drawing."""
    lacking = [common.fact(f"It has {sentence}.") for sentence in why.absent.values()]
    if len(why.by_part) == 1:
        return common.stack(*lacking, common.fact(f"The score has one part: {plots.part_name(why.by_part['part'].iloc[0])}."))
    bars = plots.waterfall(why.by_part, why.score, item=backend.title(data, why.item_id), dark=dark)
    total = why.parts["contribution"].sum()
    left = plots.digits(why.residual, 2)
    said = f"The {len(why.parts)} cells sum to {total:.6f}; the score is {why.score:.6f}; what is left, {left}, is rounding."
    crossed = why.parts.loc[why.parts["user_part"] != why.parts["item_part"], "contribution"].any()
    table = [common.chart(plots.parts_table(why.parts, dark=dark))] if crossed else []
    return common.stack(common.side_by_side(common.chart(bars), *table), *lacking, common.fact(said))


def history(data: Dataset, why: Explanation, dark: bool) -> mo.Html:
    """Draw which things of the history carried the score, also by their groups, through which heads, and over how many steps."""
    shares = why.sources.groupby("kind")["contribution"].sum()
    rest = ", ".join(f"{name} {plots.signed(shares[kind])}" for kind, name in changes.SOURCES.items() if kind in shares)
    bars = common.chart(plots.history_bars(why.history, why.score, dark=dark))
    heads = common.chart(plots.attention_heads(why.heads, dark=dark)) if len(why.heads) else None
    depths = common.chart(plots.depth_bars(why.depths, dark=dark)) if len(why.depths) else None
    way = common.chart(plots.sources_waterfall(why.sources, why.score, dark=dark))
    looked = (
        " Attention weights are what the model looked at. Whether looking matters, the question “What if?” answers: take a thing away."
        if heads is not None
        else ""
    )
    rows = [(bars, heads), (way, depths)] if heads is not None else [(bars, way)]
    grouped = backend.history_groups(data, why.history)
    groups = common.chart(plots.history_bars(grouped, dark=dark, hint="The same contributions, by what the things have in common."))
    return common.stack(
        common.section("Which of their things carried it?", "instant"),
        common.side_by_side(*(each for each in rows[0] if each is not None)),
        groups if len(why.history) > LONG and len(grouped) > 1 else None,
        common.fact(f"These add up to the score: {rest}.{looked}"),
        common.side_by_side(*(each for each in rows[-1] if each is not None)) if len(rows) > 1 else depths,
    )


def hyperedge_buttons(data: Dataset, carried: pd.DataFrame, choose: Callable[[tuple[str, str]], None]) -> mo.ui.array:
    """Make a button of each hyperedge that carried the score: its first items, and what it added."""
    buttons = []
    for row in carried.to_dict("records"):
        pictures = [widgets.small_picture(data, item_id) for item_id in row["top_items"]]
        belongs = f"this person belongs to it with {plots.percent(row['membership'])}"
        words = f" ({', '.join(row['words'][:3])})" if len(row["words"]) else ""
        name = f" “{row['name']}”" if row["name"] else ""
        line = f"{row['modality']} hyperedge {row['hyperedge']}{name}{words}: {plots.signed(row['contribution'])}; {belongs}"
        target = (row["modality"], row["hyperedge"])
        buttons.append(widgets.pictures_button(pictures, line, target, choose))
    return mo.ui.array(buttons)


def hyperedges(scene: backend.Scene, carried: mo.ui.array, dark: bool) -> mo.Html | None:
    """Show the hyperedges that carried the score, and which things made the person belong to them."""
    if not len(carried):
        return None
    said, drawn = "Which things made this person belong to them, and what each adds so:", None
    try:
        paths = backend.membership_paths(scene)
        is_start = paths["item_id"] == ""
        start = ", ".join(map(plots.signed, paths.loc[is_start, "total"]))
        hint = SHARED[scene.require_trace().config.user_membership]
        if float(paths.loc[is_start, "total"].abs().sum()):
            said = f"To belong to all of them alike, as without a history, would add {start}. What each thing adds to that:"
        drawn = common.chart(plots.history_bars(paths[~is_start], dark=dark, hint=hint))
    except LabError as error:
        drawn = common.problem(error)
    return common.stack(
        common.section("Through which hyperedges?", "instant"),
        common.side_by_side(
            common.stack(common.fact("The ones that moved the score most; click one to see all that is in it."), widgets.picker(carried)),
            common.stack(common.fact(said), drawn),
        ),
    )


def audience(data: Dataset, why: Explanation, choose: Callable[[str], None], count: int = 6) -> mo.ui.array:
    """Make a button of each person who has the item and carried the score most, or hurt it most."""
    order = why.audience["total"].abs().sort_values(ascending=False, kind="stable").index[:count]
    rows = why.audience.loc[order].to_dict("records")
    return mo.ui.array(
        [widgets.person_button(data, row["user_id"], False, choose, f"moves it by {plots.signed(row['total'])}") for row in rows]
    )


def versus(found: Versus, dark: bool) -> mo.Html:
    """Draw what makes the difference between two items: parts where there are several, and the history where it carries any."""
    names = found.first.title, found.second.title
    tables = [table for table, least in ((found.parts, 2), (found.history, 1)) if len(table) >= least]
    if not tables:
        return common.fact(f"The scores differ by {plots.signed(found.difference)}, all of it in the one part that there is.")
    return common.side_by_side(*(common.chart(plots.versus_bars(table, *names, dark=dark)) for table in tables))


def example(scene: backend.Scene, why: Explanation) -> tuple[Callable[[], WhatIf] | None, str]:
    """Return the what-if to show before one is asked for: the thing that adds most taken away; none where a pass takes long."""
    if not scene.is_quick or not len(why.history):
        return None, ""
    top = why.history.loc[why.history["total"].idxmax()]
    said = f"For example: without “{top['title']}”, which adds most. Choose other things above, and your own question is answered here."
    return (lambda: scene.what_if(drop_items(top["item_id"]))), said


def what_if(data: Dataset, why: Explanation, asked: Callable[[], WhatIf] | None) -> mo.Html:
    """Answer a what-if: the score and the rank before and after, and the list beside the other."""
    if asked is None:
        return common.fact(NOTHING_ASKED)
    try:
        found = asked()
    except LabError as error:
        return common.problem(error, "Nothing was changed.")
    moves = backend.with_pictures(compare_lists(found.before, found.after, LISTED), data, backend.SMALL_WIDTH)
    first, last = ("not ranked" if place is None else f"number {place:,}" for place in found.ranks)
    score = plots.before_after(found.score_before, found.score_after)
    return common.stack(
        common.finding(f"“{backend.title(data, why.item_id)}” goes from {score}, {first} → {last}"),
        mo.Html(plots.rank_moves_cards(moves, LISTED, before="As it is", after="What if", hint="Take away more, or other things.")),
    )


def questions(scene: backend.Scene, why: Explanation, ranking: pd.DataFrame, memory: dict[str, Any]) -> mo.ui.dictionary:
    """Make the controls of a what-if: ``taken`` away, ``added``, and of SRGFormer how the model is ``changed``."""
    known = widgets.named_items(scene.data, list(why.history["item_id"]) or list(scene.data.history(why.user_id, "train")))
    others = widgets.named_items(scene.data, backend.addable_items(scene, ranking))
    controls: dict[str, Any] = {
        "taken": widgets.choices(memory, "why.taken", "Take away from what they took", known),
        "added": widgets.choices(memory, "why.added", "Add to what they took", others),
    }
    if scene.trace is not None:
        controls["changed"] = widgets.choice(memory, "why.changed", "Change the model", changes.model_changes(scene.trace))
    return mo.ui.dictionary(controls)


def left_out(scene: backend.Scene) -> mo.Html | None:
    """Say what the page leaves out of a model that is no SRGFormer."""
    if scene.trace is not None or scene.model is None:
        return None
    said = "has no attention heads, hyperedges or knobs, so what this page shows of them for SRGFormer is left out"
    return common.fact(f"{type(scene.model).__name__} {said}.")


def similar(why: Explanation, dark: bool) -> mo.Html | None:
    """Draw through which items that look or read alike the model knows this one; nothing where it has no graph of items."""
    table = backend.similar_items(why)
    if not len(table):
        return None
    hint = "Each hands over what it is for this person; the item stands among those that are like it."
    drawn = common.chart(plots.history_bars(table, dark=dark, hint=hint))
    return common.stack(common.section("Through which similar things is it known?", "instant"), drawn)


def hangs_on(data: Dataset, found: Flip) -> mo.Html:
    """Say what an item hangs on, and show these things."""
    cards = backend.item_cards(data, list(found.items), [""] * len(found.items), backend.SMALL_WIDTH)
    return common.stack(common.finding(found.verdict), mo.Html(plots.card_row(cards, size="small")) if found.items else None)
