"""What every page shares: reading the link, the strip, headings, and messages.

Marimo meets the package here. Nothing is computed: frames and numbers come from the package, figures and cards from its ``figures``.
"""

import html
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import glossary
import marimo as mo
import top
import widgets

from srgformer_lab import ConfigError, Dataset, LabError, Run, backend, plots
from srgformer_lab.statistics import Interval
from srgformer_lab.training.run import Status

# ------------------------------------------------------------------ the link


def arrive(asked: Mapping[str, Any]) -> backend.Scene:
    """Open what is seen first, from a link's parameters and the command line."""
    request = mo.app_meta().request
    key = request.cookies.get("lab-visitor", "") if request else ""  # head.html gives it
    address = request.headers.get("x-lab-address", "") if request else ""  # the guard before the server gives it
    return backend.SESSION.open(backend.arrival(asked, mo.cli_args().to_dict(), key, address))


def alone(kind: plots.Kind) -> tuple[backend.Link, mo.Html]:
    """Read what a page that runs by itself shows, from its link first, then from the command line; and give its strip."""
    scene = arrive(mo.query_params().to_dict())
    return scene.link, stack(styles(), top.strip(scene, kind), top.bar(scene.link, top.form_links(scene)), notes(scene.notes))


def opened(link: backend.Link, **changes: Any) -> backend.Scene:
    """Open a link, changed by what a page chose; where that is gone or damaged, the cell ends by saying so."""
    scene, trouble = open_scene(link, **changes)
    mo.stop(scene is None, trouble)
    assert scene is not None
    return scene


def open_scene(link: backend.Link, **changes: Any) -> tuple[backend.Scene | None, mo.Html | None]:
    """Open a link, changed by what a page chose; or say what is wrong with it."""
    remedy = "Choose other data or another run on the page “What is this?”."
    wanted = link.change(**changes)
    try:
        scene = backend.SESSION.open(wanted)
    except LabError as error:
        return None, problem(error, remedy=remedy)
    if scene.notes and (scene.link.data, scene.link.run) != (wanted.data, wanted.run):  # it was deleted or damaged since
        return None, problem(scene.notes[0].partition(". You see")[0], remedy=remedy)
    return scene, None


def way_on(link: backend.Link, picked: Mapping[str, Any], memory: Mapping[str, Any]) -> mo.Html | None:
    """Offer a page that runs alone a link to what was picked; in explore.py the pick is followed at once."""
    wanted = link.change(**picked)
    if not memory.get("alone") or wanted.only("run") == link.only("run"):
        return None
    return mo.callout(mo.Html(f'<a href="{html.escape(wanted.address())}">Open what you chose</a>'), kind="info")


def only_here(jump: str, memory: Mapping[str, Any]) -> mo.Html | None:
    """Say where another page is to be found when this one runs alone."""
    if not (jump and memory.get("alone")):
        return None
    return mo.callout(mo.md("This page runs alone. `srgformer-lab app` opens all pages together."), kind="info")


# ----------------------------------------------------------- the page's frame


def stack(*parts: Any) -> mo.Html:
    """Put things below each other, leaving out what is not there."""
    return mo.vstack([part for part in parts if part is not None])


def styles() -> mo.Html:
    """Return the cards' style; once a page. With it goes the word that the page is there, for which head.html waits."""
    return mo.Html(f"{plots.STYLE}<lab-ready></lab-ready>")


def chooser(question: str, *parts: Any) -> mo.Html:
    """Fold away what changes the answer above which it stands: a choice closes it, and the answer is what one sees next."""
    inside = "".join(f"<div>{mo.as_html(part).text}</div>" for part in parts if part is not None)
    return mo.Html(f'<details class="lab-chooser"><summary>{html.escape(question)}</summary><div>{inside}</div></details>')


def heading(question: str, answer: str, kind: plots.Kind) -> mo.Html:
    """Open a page: its question, one sentence that says what to try, and the badge of what it shows."""
    asked = f'<div role="heading" aria-level="1" class="lab-question">{html.escape(question)}</div>'
    return mo.Html(f'<header class="lab-head">{asked}{plots.badge(kind)}<p>{glossary.explained(answer)}</p></header>')


def finding(text: str) -> mo.Html:
    """Say in words what the picture below shows."""
    return mo.Html(f'<div role="heading" aria-level="2" class="lab-finding">{html.escape(text)}</div>')


def fact(text: str) -> mo.Html:
    """Return a plain line."""
    return mo.Html(f'<p class="lab-fact">{html.escape(text)}</p>')


def share(value: float) -> str:
    """Write a metric as percent with three significant digits."""
    return f"{plots.digits(100 * value)} %"


def span(interval: Interval) -> str:
    """Write the bounds of an interval of shares in percent."""
    return f"{plots.digits(100 * interval.low)} to {share(interval.high)}"


def data_line(data: Dataset) -> str:
    """Say in words what a data set holds."""
    learned, chosen, judged = (f"{len(data.pairs(split)):,}" for split in ("train", "valid", "test"))
    known = [f"{name} ({matrix.shape[1]} numbers an item)" for name, matrix in data.features.items()]
    return (
        f"{data.name}: {data.n_users:,} users and {data.n_items:,} items; {learned} interactions to learn from, {chosen} to choose "
        f"the best epoch by, {judged} to judge it by; known of an item: {', '.join(known) or 'nothing but who took it'}."
    )


def item_facts(data: Dataset, item_id: str, letters: int = 400) -> mo.Html:
    """Say what is known of an item: the columns of the item table, the beginning of its text, and which modalities it lacks."""
    row = data.item_row(item_id)
    details = [f"{html.escape(str(name))}: {html.escape(str(values.iloc[row]))}" for name, values in data.cards.details.items()]
    text = html.escape(data.cards.texts[row][:letters])
    said = [", ".join(details), text, *map(html.escape, backend.gaps(data, item_id))]
    return mo.Html("".join(f'<p class="lab-fact">{words}</p>' for words in said))


def run_line(name: str, run: Run) -> str:
    """Say in a line which run this is and how far it came."""
    status = run.status()
    best = f", {best_of(status)}" if status.best_epoch else ""
    return f"{name}: {run.config.model_name}, {status.state}{best}{', knobs turned' if backend.turned_in(run) else ''}"


def score(metric: str, value: float) -> str:
    """Write a metric's value as the texts of a page do, with a blank that may break."""
    return plots.metric_value(metric, value).replace("\N{NO-BREAK SPACE}", " ")


def difference(metric: str, value: float) -> str:
    """Write a difference of a metric, in points where the metric is in percent: "19 % more" would be another number."""
    factor, unit = plots.metric_unit(metric)
    return plots.signed(factor * value) + (" points" if unit else "")


def change(metric: str, value: float, low: float, high: float) -> str:
    """Write a difference of a metric with its bounds."""
    return f"{difference(metric, value)} of {plots.metric_name(metric)} ({difference(metric, low)} to {difference(metric, high)})"


def best_of(status: Status) -> str:
    """Say which metric chose the best epoch, and what it was then."""
    return f"{plots.metric_name(status.metric)} {score(status.metric, status.best_metric)} at epoch {status.best_epoch}"


def status_of(run: Run) -> tuple[Status | None, mo.Html | None]:
    """Read how far a run is, or say that its folder is gone or damaged."""
    try:
        return run.status(), None
    except LabError as error:
        return None, problem(error, "The other runs are as they were.", "Choose another run below, or start a new training.")


def section(name: str, kind: plots.Kind | None = None) -> mo.Html:
    """Open a part of a page."""
    return mo.Html(f'<div role="heading" aria-level="2" class="lab-section">{html.escape(name)}{plots.badge(kind) if kind else ""}</div>')


def chart(figure: Any) -> mo.ui.plotly:
    """Show a figure; who can't see it hears its finding."""
    return _Chart(figure)


class _Chart(mo.ui.plotly):
    """A figure inside an element that says its finding; one to choose from stays open to assistive technology, as a group."""

    def __init__(self, figure: Any) -> None:
        is_chosen_from = "select" in str(figure.layout.clickmode) or figure.layout.dragmode in ("select", "lasso")
        self._height = int(figure.layout.height or 0)  # room is kept for what is drawn some moments later
        self._role, self._finding = "group" if is_chosen_from else "img", plots.finding_of(figure)
        super().__init__(figure, config=plots.plot_config(figure, "png"))

    @property
    def text(self) -> str:
        """Return the element's HTML."""
        room = f' style="min-height:{self._height}px"' if self._height else ""
        return f'<div role="{self._role}" aria-label="{html.escape(self._finding)}"{room}>{super().text}</div>'


def side_by_side(*columns: Any, widths: str = "") -> mo.Html:
    """Put things beside each other where there is room, else below each other."""
    inside = "".join(f'<div class="lab-column">{mo.as_html(column).text}</div>' for column in columns)
    style = f' style="--lab-columns:{widths}"' if widths else ""
    return mo.Html(f'<div class="lab-columns"{style}>{inside}</div>')


def knob_layout(knobs: Any, moved: Any, surface: Any) -> mo.Html:
    """Put the knobs and the map left of what they move; on a narrow page what they move comes between them."""
    parts = {"knobs": knobs, "moved": moved, "map": surface}
    inside = "".join(f'<div style="grid-area:{area}">{mo.as_html(part).text}</div>' for area, part in parts.items())
    return mo.Html(f'<div class="lab-bench">{inside}</div>')


def tiles(values: Iterable[tuple[str, str, str]]) -> mo.Html:
    """Show a few numbers: name, value, and what it means."""
    inside = "".join(f"<div><dt>{html.escape(n)}</dt><dd>{html.escape(v)}</dd><p>{html.escape(m)}</p></div>" for n, v, m in values)
    return mo.Html(f'<dl class="lab-tiles">{inside}</dl>')


def table(head: str, rows: str) -> mo.Html:
    """Return a table of the markup of its head's cells and of its rows; where it is wider than the page, it scrolls."""
    return mo.Html(f'<div class="lab-scroll"><table class="lab-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')


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
    return mo.accordion({"How is this computed?": mo.md(f"{formula}\n\n{source}\n\n{lines}"), "What do the words mean?": glossary.table()})


def code_line(function: Callable[..., Any], containing: str) -> tuple[str, str]:
    """Find the line of a function that does it, as it stands in the installed package: its place and its text."""
    lines, first = inspect.getsourcelines(inspect.unwrap(function))
    number = next(number for number, line in enumerate(lines) if containing in line)
    return f"{function.__module__.replace('.', '/')}.py, line {first + number}", lines[number].strip()


def tried(act: Callable[[], object], set_trouble: Callable[[LabError], None]) -> Callable[[Any], Any]:
    """Make what a click does: act, and tell the page if that is refused."""

    def click(count: Any) -> Any:
        try:
            act()
        except LabError as error:
            set_trouble(error)
        return count

    return click


def first_run(data: Dataset, set_jump: Callable[[str], None], set_trouble: Callable[[LabError], None]) -> mo.ui.button:
    """Make the button of an empty page: it starts a small training, and goes to where one can watch it."""

    def train(count: int) -> int:
        try:
            backend.begin_small(data)
            set_jump("train")
        except LabError as error:
            set_trouble(error)
        return count

    return widgets.action("Train a small run now", train)


def nothing_trained(
    scene: backend.Scene, button: mo.ui.button, begun: bool, trouble: LabError | None, question: str = "", sort: str = "SRGFormer"
) -> mo.Html:
    """Say that there is no trained model of that sort to show, and offer the one next thing to do."""
    said = "No model is trained on this data yet."
    if scene.run is not None:
        about = f"it is a {scene.run.config.model_name} run, {scene.run.status().state}"
        said = f"The run {scene.link.run} has no trained {sort} to look into: {about}."
    try:
        takes = f"it takes at most about {plots.duration(backend.small_cost(scene.data).seconds_at_most)}, once its turn has come"
    except ConfigError as error:
        takes = f"though {error}"
    todo = f"Train a small run; {takes}, and every page has something to show after it."
    if other := backend.default_run(scene.data):
        address = html.escape(scene.link.change(run=other).address())
        there = mo.Html(f'<p class="lab-fact"><a href="{address}">Look at the run {html.escape(other)}</a>, which has one.</p>')
        head = heading(question, f"This page looks into a trained {sort}.", "from finished runs") if question else None
        return stack(head, mo.callout(stack(finding(said), there), kind="info"))
    after = fact("The training has started: watch it on the page “How does it learn?”.") if begun else None
    offer = mo.callout(stack(finding(said), fact(todo), button, after, problem(trouble) if trouble else None), kind="info")
    return stack(heading(question, "This page needs a trained model to look into.", "needs training") if question else None, offer)
