"""What a page shows and moves: items as pictures, people as their histories, and knobs in the colours of their parts."""

import html
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import marimo as mo
import pandas as pd

from srgformer_lab import (
    DataError,
    Dataset,
    Run,
    Trace,
    add_items,
    blank_modality,
    drop_hyperedge,
    drop_items,
    figures,
    mute_head,
    set_knobs,
    uniform_attention,
    without_modality,
    workspace,
)

PICTURE_WIDTH, SMALL_WIDTH, FACE_WIDTH = 96, 64, 48
"""Pixels of a card's picture, of a small card's, and of the pictures on a button."""
BLANK_LETTERS = 4
"""Where there is no picture, so many letters of the name stand in its place."""
KNOBS = tuple(workspace.KNOB_OF.values())
SCALE_STEPS = tuple(round(0.05 * step, 2) for step in range(21))
TEMPERATURE_STEPS = (0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
WEIGHT_STEPS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
STEPS = {
    "attention_scale": SCALE_STEPS,
    "hypergraph_scale": SCALE_STEPS,
    "membership_temperature": TEMPERATURE_STEPS,
    "contrast_temperature": TEMPERATURE_STEPS,
    "modality_contrast_weight": WEIGHT_STEPS,
    "hypergraph_contrast_weight": WEIGHT_STEPS,
}
PLAIN_COLUMNS = ("what", "how far")
"""Columns of a run that speak for themselves."""
LIVE_KNOBS = tuple(STEPS)
"""What a person may turn while a training runs."""
EMPTY: Mapping[str, str] = MappingProxyType({})
_thumbnails = workspace.Shelf(6000)


# ------------------------------------------------------------- items, people


def picture(data: Dataset, item_id: str, width: int = PICTURE_WIDTH) -> str:
    """Give an item's picture for a page; empty where there is none or it can't be read (the card then draws a placeholder)."""

    def make() -> str:
        try:
            return figures.thumbnail_uri(data.picture(item_id), width)
        except DataError:
            return ""

    kept = data.cards.pictures[data.item_row(item_id)]
    stamp = (kept, kept.stat().st_mtime_ns if kept.exists() else 0) if isinstance(kept, Path) else kept
    return _thumbnails.get((stamp, width), make)


def title(data: Dataset, item_id: str) -> str:
    """Give an item's title, or its id where it has none."""
    return data.cards.titles[data.item_row(item_id)] or item_id


def with_pictures(frame: pd.DataFrame, data: Dataset, width: int = PICTURE_WIDTH) -> pd.DataFrame:
    """Add the column ``picture`` to a frame of items."""
    return frame.assign(picture=[picture(data, item_id, width) for item_id in frame["item_id"]])


def item_cards(data: Dataset, item_ids: Sequence[str], lines: Sequence[str] | None = None, width: int = PICTURE_WIDTH) -> pd.DataFrame:
    """Make a card frame of items."""
    titles = [title(data, item_id) for item_id in item_ids]
    frame = pd.DataFrame({"item_id": list(item_ids), "title": titles, "line": list(lines) if lines else [""] * len(titles)})
    return with_pictures(frame, data, width)


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
    """Give items by what a person calls them: the title, with the id where two have the same."""
    titles = [title(data, item_id) for item_id in item_ids]
    return {name if titles.count(name) == 1 else f"{name} ({item_id})": item_id for name, item_id in zip(titles, item_ids, strict=True)}


def history(data: Dataset, user_id: str, lines: Mapping[str, str] = EMPTY, most: int = 14) -> mo.Html:
    """Show what a person took, the latest ``most`` of it, each with its line."""
    taken = data.history(user_id)
    shown = taken[-most:]
    rest = f'<p class="lab-more">and {len(taken) - len(shown)} before</p>' if len(taken) > len(shown) else ""
    told = [lines.get(item_id, "") for item_id in shown]
    return mo.Html(figures.card_row(item_cards(data, shown, told, SMALL_WIDTH), size="small") + rest)


def user_pictures(data: Dataset, user_id: str, most: int = 5) -> list[str]:
    """Give the first pictures of a person's history."""
    return [picture(data, item_id, SMALL_WIDTH) for item_id in data.history(user_id)[:most]]


def action(words: str, act: Callable[[Any], Any], disabled: bool = False) -> mo.ui.button:
    """Make the button of the one thing that a page is for."""
    return mo.ui.button(label=f'<span class="lab-action">{html.escape(words)}</span>', on_click=act, disabled=disabled)


def person_button(data: Dataset, user_id: str, chosen: bool, choose: Callable[[str], None], line: str = "") -> mo.ui.button:
    """Make a button that shows a person as the first things of their history; ``line`` in place of how many there are."""
    history = data.history(user_id)
    pictures = [small_picture(data, item_id) for item_id in history[:4]]
    return pictures_button(pictures, line or f"{len(history)} items", user_id, choose, chosen)


def pictures_button(pictures: Iterable[str], line: str, value: Any, choose: Callable[[Any], None], chosen: bool = False) -> mo.ui.button:
    """Make a button of some small pictures with a line below them."""
    label = f'<div class="lab-pick{" lab-chosen" if chosen else ""}">{"".join(pictures)}<small>{html.escape(line)}</small></div>'
    return mo.ui.button(label=label, value=value, on_click=lambda value: value, on_change=choose)


def small_picture(data: Dataset, item_id: str) -> str:
    """Give the markup of an item's small picture."""
    return _small_image(picture(data, item_id, FACE_WIDTH), title(data, item_id))


def item_button(data: Dataset, item_id: str, line: str, chosen: bool, choose: Callable[[str], None], shape: str = "item") -> mo.ui.button:
    """Make a button that shows an item: lying and small as ``item``, or standing as ``card``."""
    name = html.escape(title(data, item_id))
    image = _small_image(picture(data, item_id, SMALL_WIDTH if shape == "card" else FACE_WIDTH), "", title(data, item_id))
    classes = f"lab-pick lab-pick-{shape}{' lab-chosen' if chosen else ''}"
    label = f'<div class="{classes}" title="{name}">{image}<b>{name}</b><small>{html.escape(line)}</small></div>'
    return mo.ui.button(label=label, value=item_id, on_click=lambda value: value, on_change=choose)


def hyperedge_button(data: Dataset, card: Mapping[str, Any], chosen: bool, choose: Callable[[str], None]) -> mo.ui.button:
    """Make a button that shows a hyperedge, a row of ``hyperedge_cards``, as its first items, its words, and what is wrong with it."""
    images = "".join(_small_image(picture(data, item_id, SMALL_WIDTH), title(data, item_id)) for item_id in card["top_items"][:4])
    twin = "" if pd.isna(card["twin"]) else f", ◇ twin of {card['twin']}"
    items = f"{card['items']:,} item{'' if card['items'] == 1 else 's'}"
    line = f"{items}, {figures.percent(card['mass'])} of all{', ✕ dead' if card['is_dead'] else twin}"
    words = html.escape(", ".join(card["words"][:2]) or "no words")
    label = (
        f'<div class="lab-pick lab-pick-hyperedge{" lab-chosen" if chosen else ""}{" lab-dead" if card["is_dead"] else ""}">'
        f"<span>{images}</span>"
        f"<b>{card['hyperedge']} · {words}</b><small>{line}</small></div>"
    )
    return mo.ui.button(label=label, value=str(card["hyperedge"]), on_click=lambda value: value, on_change=choose)


def hyperedge_tiles(card: Mapping[str, Any], n_hyperedges: int, own_share: float) -> list[tuple[str, str, str]]:
    """Give the numbers of a hyperedge, and how far this person is in it, for ``common.tiles``."""
    even = figures.percent(1 / n_hyperedges)
    category = f"most are “{card['label']}”" if card["labelled"] else "no categories are known"
    return [
        ("items", f"{card['items']:,}", "have it as their first"),
        ("users", f"{card['users']:,}", "have it as their first"),
        ("mass", figures.percent(card["mass"]), f"of all membership; an even share is {even}"),
        ("entropy", figures.digits(round(card["entropy"], 3), 2), "of its items: 0 if they are in it alone, 1 if in all alike"),
        ("purity", figures.digits(card["purity"], 2), category),
        ("this person", figures.percent(own_share), "in it"),
    ]


def people_picker(
    data: Dataset, chosen: str, memory: dict[str, Any], choose: Callable[[str], None], count: int = 6, cohort: str = ""
) -> mo.ui.array:
    """Make a page of people of a cohort (of all without one) to choose from, and a last button that brings others."""
    page = memory.get("people.page", 0)
    shown = workspace.people(data, page, count, cohort)

    def turn_over(value: str) -> None:
        memory["people.page"] = page + 1
        choose(chosen)

    others = mo.ui.button(label="Other people", value="", on_click=lambda value: value, on_change=turn_over)
    return mo.ui.array([*(person_button(data, user_id, user_id == chosen, choose) for user_id in shown), others])


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


def _small_image(uri: str, alt: str, name: str = "") -> str:
    if not uri:
        return f'<span class="lab-blank" title="{html.escape(alt)}">{html.escape((name or alt)[:BLANK_LETTERS])}</span>'
    return f'<img src="{uri}" alt="{html.escape(alt)}">'


# ------------------------------------------------------------------- what if

NO_CHANGE = "nothing"
SOURCES = {"own": "the person's own embedding", "history": "the things they took", "hyperedge": "hyperedges"}


def model_changes(trace: Trace) -> dict[str, Any]:
    """Give the changes of a model that a what-if can make, in words."""
    changes: dict[str, Any] = {NO_CHANGE: ()}
    changes |= {f"without {name}": without_modality(name) for name in trace.modality}
    changes |= {f"{name} features blank, its hyperedges kept": blank_modality(name) for name in trace.modality}
    changes |= {"attention to all things alike": uniform_attention(), "no attention (α = 0)": set_knobs(attention_scale=0.0)}
    changes |= {f"head {head} muted": mute_head(head) for head in range(trace.config.n_heads)}
    changes["no hypergraph (β = 0)"] = set_knobs(hypergraph_scale=0.0)
    for name, part in trace.hypergraph.items():
        count = part.hyperedges.shape[0]
        changes |= {f"without {name} hyperedge {place}": drop_hyperedge(name, place) for place in range(count)} if count <= 16 else {}
    return changes


def moved_list(data: Dataset, moved: pd.DataFrame, names: tuple[str, str], hint: str, k: int = 10) -> mo.Html:
    """Show what ``compare_lists`` found as two lists joined by lines; where nothing moved, in one sentence."""
    if not moved["moved"].any():
        return mo.Html(f'<p class="lab-fact">{html.escape(figures.describe_moves(moved, k))}. {html.escape(hint)}</p>')
    shown = with_pictures(moved, data, SMALL_WIDTH)
    return mo.Html(figures.rank_moves_cards(shown, k, before=names[0], after=names[1], hint=hint))


def asked_changes(taken: Sequence[str], added: Sequence[str], changed: Any) -> tuple[Any, ...]:
    """Put together what a person chose."""
    history = (*((drop_items(*taken),) if taken else ()), *((add_items(*added),) if added else ()))
    return (*history, *((changed,) if changed else ()))


# --------------------------------------------------------------------- knobs


def look_for_news(
    run: Run, drawn: dict[str, int], draw: Callable[[int], None], tick_on: Callable[[bool], None]
) -> Callable[[object], None]:
    """Make what happens at every tick: charts are drawn when there is something new, and the ticking ends with the training."""

    def look(_: object) -> None:
        if run.history_size() != drawn["size"]:
            drawn["size"] = run.history_size()
            draw(drawn["size"])
        elif not workspace.is_going(run):
            tick_on(False)

    return look


def knob_slider(name: str, value: float, turn: Callable[[Any], None] | None = None, marks: Iterable[float] = ()) -> mo.ui.slider:
    """Make the slider of a knob; its steps hold the value and the marks, and it reports when it is let go."""
    steps = sorted({*STEPS[name], float(value), *map(float, marks)})
    return mo.ui.slider(steps=steps, value=float(value), debounce=True, full_width=True, on_change=turn, label=figures.knob_name(name))


def usual_knob(run: Run, name: str) -> float:
    """Give the value that a knob had when its run began."""
    config = run.config
    return float(getattr(config.model if hasattr(config.model, name) else config.train, name))


def knob_box(name: str, slider: mo.ui.slider, mark: float, dark: bool, *beside: Any) -> mo.Html:
    """Show a knob in the colour of its part: symbol, name, value, range, and a mark at its usual value."""
    steps = list(slider.steps or ())
    color = figures.knob_color(name, dark)
    ends = f"<small><span>{steps[0]:g}</span><span>{steps[-1]:g}</span></small>"
    buttons = "".join(mo.as_html(button).text for button in beside)
    label = f'<div class="lab-knob-head">{figures.knob_label(name, slider.value, mark)}{buttons}</div>'
    track = f'<div class="lab-knob-track">{slider.text}{_tick(steps, mark, "at first")}</div>'
    return mo.Html(f'<div class="lab-knob" style="--part:{color}">{label}{track}{ends}</div>')


# -------------------------------------------------------------------- epochs


def epoch_slider(base: workspace.Scene, set_epoch: Callable[[str], None]) -> mo.ui.slider | None:
    """Make the slider of the epochs whose weights a run kept, the best one among them; none where only the best are kept.

    Make it from the scene that the page was opened with, not from the one that it changes: a slider that is made anew loses the
    keyboard's focus. It hands on what a view calls the epoch: its number, or nothing for the best.
    """
    if base.run is None or not base.run.epochs():
        return None
    best = base.run.status().best_epoch
    return mo.ui.slider(
        steps=sorted({*base.run.epochs(), best}),
        value=int(base.view.epoch) if base.view.epoch else best,
        debounce=True,
        full_width=True,
        label="epoch of the run",
        on_change=lambda epoch: set_epoch("" if epoch == best else str(epoch)),
    )


def epoch_box(base: workspace.Scene, slider: mo.ui.slider | None) -> mo.Html:
    """Show the slider of epochs with a mark at the best one, and say in words which weights are looked at."""
    if slider is None or base.run is None:
        return mo.Html('<p class="lab-more">This run kept only its best weights, so there is no earlier epoch to look at.</p>')
    steps, best, epoch = list(slider.steps or ()), base.run.status().best_epoch, slider.value
    note = "the best" if epoch == best else "before training" if epoch == 0 else f"the best is {best}"
    head = f'<div class="lab-knob-head"><span>Weights of <b>epoch {epoch}</b>, {note}</span></div>'
    ends = f"<small><span>{steps[0]}</span><span>{steps[-1]}</span></small>"
    track = f'<div class="lab-knob-track">{slider.text}{_tick(steps, best, "best")}</div>'
    return mo.Html(f'<div class="lab-epochs">{head}{track}{ends}</div>')


def _tick(steps: Sequence[float], mark: float, said: str) -> str:
    place = steps.index(mark) / max(len(steps) - 1, 1) if mark in steps else 0.0
    return f'<i class="lab-tick" style="left:calc({place:.4f} * (100% - 16px) + 8px)" title="{said}: {mark:g}"></i>'
