"""What was chosen together on one page, as that page and others show it; nothing on the others where nothing was chosen."""

from collections.abc import Callable, Container, Sequence
from typing import Any

import common
import marimo as mo
import pandas as pd
import widgets

from srgformer_lab import Dataset, backend, plots

MARK = "● chosen"


def places(scene: backend.Scene) -> mo.Html | None:
    """Show where the chosen items stand in this person's list, as trained and at the link's knobs."""
    if not scene.link.items:
        return None
    found = backend.chosen_places(scene)
    lines = [_place(row) for row in found.to_dict("records")]
    cards = backend.item_cards(scene.data, list(found["item_id"]), lines, backend.SMALL_WIDTH)
    row = plots.card_row(cards.assign(moved=found["moved"]), size="small")
    asked = f"Where the {plots.counted(len(found), 'chosen item')} stand{'' if len(found) > 1 else 's'}"
    return common.stack(common.section(asked), mo.Html(f'<div class="lab-wall">{row}</div>'))


def wall(data: Dataset, chosen: Sequence[str], choose: Callable[[str], None]) -> mo.ui.array:
    """Make a button of each of the chosen items that a link carries."""
    return mo.ui.array([widgets.item_button(data, item_id, "", False, choose) for item_id in chosen[: backend.MOST_ITEMS]])


def circled(scene: backend.Scene, count: int, item_id: str, buttons: mo.ui.array, let_go: mo.ui.button, near: mo.Html) -> mo.Html:
    """Show what was circled in a figure, ``count`` items, and offer to let them go; or ``near``, what is near the item looked at."""
    if not count:
        return near
    most = backend.MOST_ITEMS
    more = f"; the first {most} are shown and kept in the link" if count > most else ""
    now = f" Every page looks at “{backend.title(scene.data, item_id)}”." if item_id else ""
    return common.stack(
        common.finding(f"{plots.counted(count, 'item')} chosen{more}"),
        common.fact(f"Click one to look at it on every page.{now}"),
        mo.Html(f'<div class="lab-wall">{widgets.picker(buttons).text}</div>'),
        let_go,
    )


def nearest(space: backend.Alignment, item_id: str, choose: Callable[[str], None]) -> mo.ui.array:
    """Make a button of each item that the model has nearest to an item, with their cosine."""
    data, found = space.scene.data, space.nearest(item_id).to_dict("records")
    lines = {row["item_id"]: f"cosine {plots.correlation(row['cosine'])}" for row in found}
    return mo.ui.array([widgets.item_button(data, near, line, False, choose) for near, line in lines.items()])


def shown_nearest(data: Dataset, item_id: str, buttons: mo.ui.array) -> mo.Html:
    """Show what is nearest to an item, and say how to choose others."""
    said = "By the cosine of their fused embeddings. Draw a loop around points, or click one, to see those instead."
    head = common.finding(f"Nearest to “{backend.title(data, item_id)}”")
    return common.stack(head, common.fact(said), mo.Html(f'<div class="lab-wall">{widgets.picker(buttons).text}</div>'))


def ring(scene: backend.Scene, count: int) -> mo.Html | None:
    """Say which ``count`` items stand out in a figure: those of the hyperedge that the link names."""
    said = f"{scene.link.modality} hyperedge {scene.link.hyperedge}"
    return common.fact(f"In full colour: what has {said} as its first, {plots.counted(count, 'item')} in all.") if count else None


def marked(cards: pd.DataFrame, chosen: Container[str]) -> pd.DataFrame:
    """Mark those of a card frame that are among the chosen."""
    marks = cards["mark"] if "mark" in cards else [""] * len(cards)
    return cards.assign(mark=[MARK if item_id in chosen else mark for item_id, mark in zip(cards["item_id"], marks, strict=True)])


def _place(row: dict[str, Any]) -> str:
    if pd.isna(row["rank_after"]):
        return "taken already"
    first, last = f"{row['rank_before']:,}", f"{row['rank_after']:,}"
    return f"place {last}" if first == last else f"place {first} → {last}"
