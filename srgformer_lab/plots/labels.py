"""What stands around the figures: the strip that says what is being looked at, badges, and knobs in the colour of their part."""

import html
from collections.abc import Mapping, Sequence
from typing import Literal

from srgformer_lab.errors import DataError
from srgformer_lab.plots.cards import card, picture_html
from srgformer_lab.plots.language import Number, knob_color, knob_markup, knob_name, setting

Kind = Literal["instant", "needs training", "from finished runs"]
BADGES: Mapping[str, tuple[str, str, str]] = {
    "instant": ("instant", '<path d="M7 0 2 7h3l-1 5 6-7H6z" fill="currentColor"></path>', "Follows the controls at once"),
    "needs training": (
        "training",
        '<circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" stroke-width="1.6"></circle>'
        '<path d="M6 3v3l2 2" fill="none" stroke="currentColor" stroke-width="1.6"></path>',
        "Changes only by training again",
    ),
    "from finished runs": (
        "finished",
        '<rect x="1" y="3.5" width="7.5" height="7.5" fill="currentColor"></rect>'
        '<path d="M4 1h7v7" fill="none" stroke="currentColor" stroke-width="1.6"></path>',
        "Read from trainings that are over",
    ),
}
"""Each kind's class, shape and meaning: a bolt, a clock, a stack."""
MOST_FACES = 5


def badge(kind: Kind) -> str:
    """Show how a figure comes about: at once, by training, or from finished runs; colour, shape and word say the same.

    Raises:
        DataError: There is no such kind.
    """
    if kind not in BADGES:
        raise DataError(f"badge: kind={kind!r} must be one of {', '.join(BADGES)}")
    name, shape, meaning = BADGES[kind]
    drawn = f'<svg viewBox="0 0 12 12" aria-hidden="true">{shape}</svg>'
    return f'<span class="srg srg-badge srg-{name}" title="{meaning}">{drawn}{kind}</span>'


def knob_label(name: str, value: Number | None = None, trained: Number | None = None) -> str:
    """Show a knob's symbol in the colour of its part, its name, its value, and the trained value where it differs."""
    shown = "" if value is None else f" <span>{html.escape(setting(value))}</span>"
    if trained is not None and value is not None and setting(trained) != setting(value):
        shown += f' <s title="value when trained">○ {html.escape(setting(trained))}</s>'
    tones = f"--srg-light:{knob_color(name)};--srg-dim:{knob_color(name, dark=True)}"
    return f'<span class="srg srg-knob srg-tone" style="{tones}"><b>{knob_markup(name)}</b>{html.escape(knob_name(name))}{shown}</span>'


def part_knob_style(name: str, dark: bool = False) -> dict[str, str]:
    """Return the style properties that put a slider into the colour of a knob's part."""
    color = knob_color(name, dark)
    return {
        "--color-blue-500": color,
        "--color-blue-300": f"color-mix(in srgb, {color} 40%, white)",
        "--primary": color,
        "accent-color": color,
    }


def strip(
    data: str,
    run: str = "",
    history: Sequence[Mapping[str, str]] = (),
    item: Mapping[str, str] | None = None,
    knobs: Mapping[str, Number] | None = None,
    trained: Mapping[str, Number] | None = None,
    kind: Kind | None = None,
    user_label: str = "",
    items: Sequence[Mapping[str, str]] = (),
    items_label: str = "",
) -> str:
    """Say what a page looks at: data set, run, the user as first pictures of their history, the item, others, knobs, and a badge.

    Args:
        data: The data set's name.
        run: The run's name.
        history: The user's first items, each as ``item``.
        item: ``title`` and ``picture`` (a data URI; without one a stand-in is drawn) of the item in question.
        knobs: The values in force.
        trained: The values that the model was trained with; a hollow mark names them where they differ.
        kind: What the badge says.
        user_label: Words for the user, such as "12 things taken".
        items: The first of several items that were chosen together, each as ``item``.
        items_label: Words for all of them, such as "7 chosen together".

    Raises:
        DataError: A picture is no data URI, or the kind of badge is unknown.
    """
    cells = [_cell("Data", f"<b>{html.escape(data)}</b>")]
    if run:
        cells.append(_cell("Run", f"<b>{html.escape(run)}</b>"))
    if history or user_label:
        cells.append(_cell("User", f"{_faces(history)}{html.escape(user_label)}"))
    if item is not None:
        shown = card(item.get("title", ""), item.get("picture", ""), item.get("line", ""), size="small")
        cells.append(_cell("Item", f'<span class="srg-lying">{shown}</span>'))
    if items:
        cells.append(_cell("Items", f"{_faces(items)}{html.escape(items_label)}"))
    if knobs:
        labels = "".join(knob_label(name, value, (trained or {}).get(name)) for name, value in knobs.items())
        cells.append(f'<div class="srg-knobs">{labels}</div>')
    if kind is not None:
        cells.append(badge(kind))
    return f'<div class="srg srg-strip">{"".join(cells)}</div>'


def _faces(items: Sequence[Mapping[str, str]]) -> str:
    shown = "".join(picture_html(one.get("title", ""), one.get("picture", "")) for one in items[:MOST_FACES])
    return f'<span class="srg-faces">{shown}</span>'


def _cell(label: str, content: str) -> str:
    return f'<div><span class="srg-label">{label}</span>{content}</div>'
