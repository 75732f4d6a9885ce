"""Where to go: a guided tour in a few steps, and the page for each question."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import marimo as mo

STEPS = (
    (
        "data",
        "See who took what.",
        "Choose the less taken half of the things and click one that you like: it goes with you.",
        "Look at the data",
    ),
    ("why", "Take a score apart.", "Take away the thing that adds most, and see how far the item falls.", "Ask why"),
    ("hyperedges", "Meet the groups that the model found.", "Click one: do its things have something in common?", "Open the groups"),
    ("knobs", "Turn the model without training it.", "Pull attention (α) to 0: which things leave the list?", "Turn the knobs"),
    ("train", "Watch it learn.", "Start a small training and turn γ while it runs: the curve gets a mark.", "Train one"),
)
"""Page, what it is for, what to try there, and the words of its button."""
QUESTIONS = {
    "data": "Who took what, and who is served badly?",
    "train": "How does it learn, and can I steer it meanwhile?",
    "runs": "What has been trained, and how do I tidy up?",
    "knobs": "What happens if I turn the attention down?",
    "hyperedges": "Which groups has it found, and do they mean anything?",
    "attention": "Does it matter what the attention looks at?",
    "alignment": "Do pictures and words agree about the things?",
    "audit": "Does it use the pictures and the texts at all?",
    "why": "Why was this item recommended, and not that one?",
    "compare": "Which of two models serves this person better?",
    "report": "How do I take this home?",
}


def _is_there(page: str) -> bool:
    return (Path(__file__).parent / "pages" / f"{page}.py").is_file()


def buttons(memory: dict[str, Any], go_to: Callable[[str], None]) -> tuple[mo.ui.array, mo.ui.array]:
    """Make the buttons of the tour and those of the questions, for the pages that are installed."""

    def tread(page: str) -> None:
        memory.setdefault("tour.seen", set()).add(page)
        go_to(page)

    def made(page: str, words: str, act: Callable[[str], None]) -> mo.ui.button:
        return mo.ui.button(label=words, value=page, on_click=lambda value: value, on_change=act)

    steps = [made(page, words, tread) for page, *_, words in STEPS if _is_there(page)]
    ways = [made(page, question, go_to) for page, question in QUESTIONS.items() if _is_there(page)]
    return mo.ui.array(steps), mo.ui.array(ways)


def steps(made: mo.ui.array, memory: dict[str, Any]) -> mo.Html:
    """Show the tour: a sentence and a thing to try for each step, with a mark on those that were taken."""
    seen, shown = memory.get("tour.seen", set()), [step for step in STEPS if _is_there(step[0])]
    inside = ""
    for number, (step, button) in enumerate(zip(shown, made.elements, strict=True), start=1):
        page, what, attempt, _ = step
        mark = '<span title="you were there">✓</span>' if page in seen else str(number)
        inside += f"<li><b>{mark}</b><div><p>{what} <em>Try:</em> {attempt}</p>{button.text}</div></li>"
    return mo.Html(f'<ol class="lab-tour">{inside}</ol>')


def step_of(page: str, memory: dict[str, Any]) -> int | None:
    """Return which step of the tour this page is, as long as the tour is being taken."""
    places = [step[0] for step in STEPS]
    return places.index(page) if page in places and memory.get("tour.seen") else None


def guide(page: str, memory: dict[str, Any], go_to: Callable[[str], None]) -> mo.ui.array:
    """Make the buttons that lead back, on and out of the tour; none where it is not being taken."""
    at = step_of(page, memory)
    if at is None:
        return mo.ui.array([])

    def go(to: str) -> None:
        memory["tour.seen"].add(to)
        go_to(to)

    def end(_: object) -> None:
        memory.pop("tour.seen", None)
        go_to("start")

    pages = [step[0] for step in STEPS]
    before, after = (pages[at - 1] if at else "start"), (pages[at + 1] if at + 1 < len(pages) else "start")
    words = (("Back", before), ("Next", after) if after != "start" else ("That was the tour", after))
    made = [mo.ui.button(label=said, value=to, on_click=lambda value: value, on_change=go) for said, to in words]
    return mo.ui.array([*made, mo.ui.button(label="End the tour", on_change=end)])


def shown_guide(page: str, memory: dict[str, Any], buttons: mo.ui.array) -> mo.Html | None:
    """Say what to notice at this step of the tour, with the buttons."""
    at = step_of(page, memory)
    if at is None or not len(buttons):
        return None
    _, what, attempt, _ = STEPS[at]
    said = f"<b>Tour, step {at + 1} of {len(STEPS)}.</b> {what} <em>Try:</em> {attempt}"
    return mo.Html(f'<div class="lab-step"><span>{said}</span>{"".join(button.text for button in buttons.elements)}</div>')


def ways(made: mo.ui.array) -> mo.Html:
    """Show the buttons that lead to the page for a question."""
    return mo.hstack(list(made.elements), justify="start", wrap=True)
