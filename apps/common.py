"""What every page shares: reading the link, pictures, the strip, pickers, knobs, and messages.

Marimo meets the package here. Nothing is computed: frames and numbers come from the package, figures and cards from its ``figures``.
"""

import html
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import marimo as mo
import pandas as pd

from srgformer_lab import DataError, Dataset, LabError, Run, figures, workspace

PICTURE_WIDTH, SMALL_WIDTH = 96, 64
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
LIVE_KNOBS = tuple(STEPS)
"""What a person may turn while a training runs."""
_thumbnails = workspace.Shelf(6000)


# ------------------------------------------------------------------ the link


def view_alone(kind: str) -> tuple[workspace.View, mo.Html]:
    """Read what a page that runs by itself shows, from its link first, then from the command line; and give its strip."""
    view, said = workspace.settle(workspace.View.of(mo.query_params().to_dict(), mo.cli_args().to_dict()))
    look, trouble = open_scene(view)
    shown = strip(look, kind) if look else trouble
    return view, stack(styles(), shown, theme_link(view), notes(said))


def open_scene(view: workspace.View, **changes: str) -> tuple[workspace.Scene | None, mo.Html | None]:
    """Load what a view names, changed by what a page chose; or say what is wrong with it."""
    try:
        return workspace.scene(workspace.settle(view.change(**changes))[0] if changes else view), None
    except LabError as error:
        return None, problem(error, remedy="Choose other data or another run on the page “What is this?”.")


def link(view: workspace.View, page: str = "") -> str:
    """Give the link to a view."""
    values = view.to_dict() | ({"page": page} if page else {})
    return "?" + urlencode({name: value for name, value in values.items() if value})


def way_on(view: workspace.View, picked: Mapping[str, str], memory: Mapping[str, Any]) -> mo.Html | None:
    """Offer a page that runs alone a link to what was picked; in explore.py the pick is followed at once."""
    wanted = view.change(**picked)
    if not memory.get("alone") or wanted.only("run") == view.only("run"):
        return None
    return mo.callout(mo.Html(f'<a href="{html.escape(link(wanted))}">Open what you chose</a>'), kind="info")


# ------------------------------------------------------------- items, people


def picture(data: Dataset, item_id: str, width: int = PICTURE_WIDTH) -> str:
    """Give an item's picture for a page; empty where there is none or it can't be read (the card then draws a placeholder)."""

    def make() -> str:
        try:
            return figures.thumbnail_uri(data.picture(item_id), width)
        except DataError:
            return ""

    return _thumbnails.get((data.fingerprint, item_id, width), make)


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


def history(data: Dataset, user_id: str, most: int = 14) -> mo.Html:
    """Show what a person took, the latest ``most`` of it."""
    taken = data.history(user_id)
    shown = taken[-most:]
    rest = f'<p class="lab-more">and {len(taken) - len(shown)} before</p>' if len(taken) > len(shown) else ""
    return mo.Html(figures.card_row(item_cards(data, shown, width=SMALL_WIDTH), size="small") + rest)


def user_pictures(data: Dataset, user_id: str, most: int = 5) -> list[str]:
    """Give the first pictures of a person's history."""
    return [picture(data, item_id, SMALL_WIDTH) for item_id in data.history(user_id)[:most]]


def person_button(data: Dataset, user_id: str, chosen: bool, choose: Callable[[str], None]) -> mo.ui.button:
    """Make a button that shows a person as the first things of their history."""
    history = data.history(user_id)
    images = "".join(_small_image(picture(data, item_id, SMALL_WIDTH), title(data, item_id)) for item_id in history[:4])
    label = f'<div class="lab-pick">{images}<small>{len(history)} items</small></div>'
    return mo.ui.button(label=label, kind="success" if chosen else "neutral", value=user_id, on_click=lambda value: value, on_change=choose)


def item_button(data: Dataset, item_id: str, line: str, chosen: bool, choose: Callable[[str], None]) -> mo.ui.button:
    """Make a button that shows an item."""
    name = html.escape(title(data, item_id))
    image = _small_image(picture(data, item_id, SMALL_WIDTH), "")
    label = f'<div class="lab-pick lab-pick-item">{image}<b>{name}</b><small>{html.escape(line)}</small></div>'
    return mo.ui.button(label=label, kind="success" if chosen else "neutral", value=item_id, on_click=lambda value: value, on_change=choose)


def people_picker(data: Dataset, chosen: str, memory: dict[str, Any], choose: Callable[[str], None], count: int = 6) -> mo.ui.array:
    """Make a page of people to choose from, and a last button that brings others."""
    page = memory.get("people.page", 0)
    shown = workspace.people(data, page, count)

    def turn_over(value: str) -> None:
        memory["people.page"] = page + 1
        choose(chosen)

    others = mo.ui.button(label="Other people", value="", on_click=lambda value: value, on_change=turn_over)
    return mo.ui.array([*(person_button(data, user_id, user_id == chosen, choose) for user_id in shown), others])


def picker(buttons: mo.ui.array) -> mo.Html:
    """Lay out buttons with pictures."""
    return mo.Html(f'<div class="lab-picker">{"".join(button.text for button in buttons.elements)}</div>')


def _small_image(uri: str, alt: str) -> str:
    if not uri:
        return f'<span class="lab-blank" title="{html.escape(alt)}"></span>'
    return f'<img src="{uri}" alt="{html.escape(alt)}">'


# ----------------------------------------------------------- the page's frame


def stack(*parts: Any) -> mo.Html:
    """Put things below each other, leaving out what is not there."""
    return mo.vstack([part for part in parts if part is not None])


def styles() -> mo.Html:
    """Give the cards' style; once a page."""
    return mo.Html(figures.STYLE)


def strip(look: workspace.Scene, kind: str) -> mo.Html:
    """Say what is being looked at: data, run, person, item, and the knobs that Python used."""
    data, view = look.data, look.view
    item = {"title": title(data, view.item), "picture": picture(data, view.item, SMALL_WIDTH)} if view.item else None
    pictures = user_pictures(data, view.user) if view.user else ()
    run = view.run or "no run yet"
    return mo.Html(figures.strip(data.name, run, pictures, item, look.knobs or None, look.trained_knobs or None, kind))


def theme_link(view: workspace.View, page: str = "") -> mo.Html:
    """Offer the same state on a page of the other brightness; marimo reads that from the address when it loads."""
    other = "light" if view.is_dark else "dark"
    address = html.escape(link(replace(view, theme=other), page))
    return mo.Html(f'<p class="lab-theme"><a href="{address}">{other} page</a></p>')


def heading(question: str, answer: str, kind: str) -> mo.Html:
    """Open a page: its question, one sentence that says what to try, and the badge of what it shows."""
    return mo.Html(
        f'<header class="lab-head"><div role="heading" aria-level="1" class="lab-question">{html.escape(question)}</div>{figures.badge(kind)}<p>{html.escape(answer)}</p></header>'
    )


def finding(text: str) -> mo.Html:
    """Say in words what the picture below shows."""
    return mo.Html(f'<div role="heading" aria-level="2" class="lab-finding">{html.escape(text)}</div>')


def fact(text: str) -> mo.Html:
    """Give a plain line."""
    return mo.Html(f'<p class="lab-fact">{html.escape(text)}</p>')


def run_line(name: str, run: Run) -> str:
    """Say in a line which run this is and how far it came."""
    status = run.status()
    best = f", Recall@20 {figures.percent(status.best_metric)} at epoch {status.best_epoch}" if status.best_epoch else ""
    return f"{name}: {run.config.model_name}, {status.state}{best}"


def duration(seconds: float) -> str:
    """Write a time as people say it."""
    if not math.isfinite(seconds):
        return "an unknown time"
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {name}" if seconds < 10 * size else f"{seconds / size:.0f} {name}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def progress(run: Run, status: Any) -> mo.Html:
    """Say how far a training is, and show it as a bar."""
    most = run.config.train.epochs
    done = status.epoch + (status.step / status.n_steps if status.n_steps else 0.0)
    best = f"best Recall@20 {figures.percent(status.best_metric)} at epoch {status.best_epoch}" if status.best_epoch else ""
    left = f"about {duration(status.eta_seconds)} left if it does not end early" if status.state == "running" and status.epoch else ""
    said = [f"<b>{status.state}</b>", f"{status.epoch} of at most {most} epochs", best, left, html.escape(status.message)]
    line = ", ".join(part for part in said if part)
    return mo.Html(
        f'<div class="lab-progress"><progress max="{most}" value="{done:.3f}" aria-label="epochs"></progress><span>{line}</span></div>'
    )


def section(name: str, kind: str = "") -> mo.Html:
    """Open a part of a page."""
    return mo.Html(f'<div role="heading" aria-level="2" class="lab-section">{html.escape(name)}{figures.badge(kind) if kind else ""}</div>')


def chart(figure: Any) -> mo.ui.plotly:
    """Show a figure."""
    return mo.ui.plotly(figure, config=figures.CONFIG)


def side_by_side(*columns: Any, widths: str = "") -> mo.Html:
    """Put things beside each other where there is room, else below each other."""
    inside = "".join(f'<div class="lab-column">{mo.as_html(column).text}</div>' for column in columns)
    style = f' style="--lab-columns:{widths}"' if widths else ""
    return mo.Html(f'<div class="lab-columns"{style}>{inside}</div>')


def tiles(values: Iterable[tuple[str, str, str]]) -> mo.Html:
    """Show a few numbers: name, value, and what it means."""
    inside = "".join(f"<div><dt>{html.escape(n)}</dt><dd>{html.escape(v)}</dd><p>{html.escape(m)}</p></div>" for n, v, m in values)
    return mo.Html(f'<dl class="lab-tiles">{inside}</dl>')


def problem(error: Exception | str, safe: str = "", remedy: str = "") -> mo.Html:
    """Say what happened, what is safe and what to do."""
    parts = [f"<strong>{html.escape(_sentence(str(error)))}</strong>", html.escape(safe), html.escape(remedy)]
    return mo.callout(mo.Html("<br>".join(part for part in parts if part)), kind="warn")


def notes(sentences: Iterable[str]) -> mo.Html | None:
    """Show what was not as the link said."""
    said = "<br>".join(html.escape(sentence) for sentence in sentences)
    return mo.callout(mo.Html(said), kind="warn") if said else None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def how(formula: str, source: str, *code: tuple[Callable[..., Any], str]) -> mo.Html:
    """Fold away how a number is computed: the formula, where it comes from, and the lines of code that do it."""
    lines = "\n\n".join(f"`{place}`\n```python\n{line}\n```" for place, line in (code_line(*asked) for asked in code))
    return mo.accordion({"How is this computed?": mo.md(f"{formula}\n\n{source}\n\n{lines}")})


def code_line(function: Callable[..., Any], containing: str) -> tuple[str, str]:
    """Find the line of a function that does it, as it stands in the installed package: its place and its text."""
    lines, first = inspect.getsourcelines(inspect.unwrap(function))
    number = next(number for number, line in enumerate(lines) if containing in line)
    return f"{function.__module__.replace('.', '/')}.py, line {first + number}", lines[number].strip()


def first_run(data: Dataset, set_jump: Callable[[str], None], set_trouble: Callable[[LabError], None]) -> mo.ui.button:
    """Make the button of an empty page: it starts a small training, and goes to where one can watch it."""

    def train(count: int) -> int:
        try:
            workspace.begin_small(data)
            set_jump("train")
        except LabError as error:
            set_trouble(error)
        return count

    return mo.ui.button(label="Train a small run now", kind="success", on_click=train)


def nothing_trained(look: workspace.Scene, button: mo.ui.button, begun: bool, trouble: LabError | None) -> mo.Html:
    """Say that there is no trained model to show, and offer the one next thing to do."""
    if look.run is None:
        said = "No model is trained on this data yet."
    else:
        said = f"The run {look.view.run} has no trained SRGFormer to show: it is a {look.run.config.model_name} run, {look.run.status().state}."
    todo = "Train a small run; it takes a minute or so, and every page has something to show after it."
    after = fact("The training has started: watch it on the page “How does it learn?”.") if begun else None
    return mo.callout(stack(finding(said), fact(todo), button, after, problem(trouble) if trouble else None), kind="info")


# --------------------------------------------------------------------- knobs


def knob_slider(name: str, value: float, turn: Callable[[float], None] | None = None, marks: Iterable[float] = ()) -> mo.ui.slider:
    """Make the slider of a knob; its steps hold the value and the marks, and it reports when it is let go."""
    steps = sorted({*STEPS[name], float(value), *map(float, marks)})
    return mo.ui.slider(steps=steps, value=float(value), debounce=True, full_width=True, on_change=turn, label=figures.knob_name(name))


def usual_knob(run: Run, name: str) -> float:
    """Give the value that a knob had when its run began."""
    config = run.config
    return float(getattr(config.model, name, None) if hasattr(config.model, name) else getattr(config.train, name))


def knob_box(name: str, slider: mo.ui.slider, mark: float, dark: bool, *beside: Any) -> mo.Html:
    """Show a knob in the colour of its part: symbol, name, value, range, and a mark at its usual value."""
    steps = list(slider.steps or ())
    place = steps.index(mark) / max(len(steps) - 1, 1) if mark in steps else 0.0
    color = figures.knob_color(name, dark)
    tick = f'<i class="lab-tick" style="left:calc({place:.4f} * (100% - 16px) + 8px)" title="at first: {mark:g}"></i>'
    ends = f"<small><span>{steps[0]:g}</span><span>{steps[-1]:g}</span></small>"
    buttons = "".join(mo.as_html(button).text for button in beside)
    label = f'<div class="lab-knob-head">{figures.knob_label(name, slider.value, mark)}{buttons}</div>'
    return mo.Html(f'<div class="lab-knob" style="--part:{color}">{label}<div class="lab-knob-track">{slider.text}{tick}</div>{ends}</div>')
