"""Opening one's own data: a folder or dropped files, what was understood of them, what only their owner knows, and then open or save."""

import html
from collections.abc import Callable, Sequence
from typing import Any

import common
import marimo as mo
import waiting
import widgets

from srgformer_lab import Dataset, LabError, backend
from srgformer_lab.data.check import Report

Ask = Callable[[Callable[[], backend.Link]], None]


def asker(set_wanted: Callable[[Any], None], set_trouble: Callable[[Any], None], memory: dict[str, Any]) -> Ask:
    """Make what has data looked through: it is given a function that returns the link, and says what that refuses."""

    def ask(make: Callable[[], backend.Link]) -> None:
        try:
            wanted = make()
            backend.look_through(wanted).begin()
        except LabError as error:
            set_trouble(error)
            return
        memory["wizard.wanted"] = wanted
        set_trouble(None)
        set_wanted(wanted)

    return ask


def folder_form(link: backend.Link, ask: Ask) -> Any:
    """Make the field for a folder's path, which a class does not have."""
    if backend.data_choices():
        return common.fact("")
    typed = link.typed or ("" if link.data == backend.STUDIO else link.data)
    field = mo.ui.text(typed, label="Path of a folder", placeholder="a download, a shop's export, tables of any kind", full_width=True)
    return field.form(
        submit_button_label="Look at this folder",
        bordered=False,
        on_change=lambda path: ask(lambda: backend.Link(data=(path or "").strip() or ".")),
    )


def drop_area(ask: Ask) -> mo.ui.file:
    """Make the place where files are dropped, or chosen by a click or a key."""

    def kept(files: Any) -> None:
        if files:
            ask(lambda: backend.drop([(file.name, file.contents) for file in files]))

    most = backend.dropped_bytes()
    return mo.ui.file(
        kind="area", multiple=True, max_size=most, label=f"Or drop all its files here together, at most {most / 1e6:.0f} MB", on_change=kept
    )


def looked_through(wanted: backend.Link | None, notify: Callable[[Any], None]) -> tuple[Any, Report | None, LabError | None]:
    """Return what ticks while data is looked through, and the report when that is done, or what went wrong."""
    if wanted is None:
        return None, None, None
    try:
        task = backend.look_through(wanted)
        if task.is_ready:
            return None, task.value(), None
    except LabError as error:
        return None, None, error
    if not task.is_going and task.error is None:
        task.begin()
    return waiting.ticker(task, notify, lambda: backend.seen_so_far(wanted)), None, task.error


def understood(wanted: backend.Link, report: Report | None, error: LabError | None, ticks: Any) -> mo.Html:
    """Show what was understood of the data: sentences, the first rows as a person reads them, and what keeps it from opening."""
    safe = "What you were looking at is still open."
    if error is not None:
        return common.problem(backend.in_page_words(str(error)), safe, "Change the path or an answer, and look again.")
    if report is None:
        seen = "".join(f"<br>{html.escape(sentence)}" for sentence in backend.seen_so_far(wanted))
        return mo.Html(f'<p class="lab-fact" role="status">Reading {html.escape(wanted.data)} … {ticks.text if ticks else ""}{seen}</p>')
    notes = _listed(report.reading)
    asked = [str(question) for question in report.questions]
    wrong = [backend.in_page_words(problem) for problem in report.problems if problem not in asked]
    faults = common.problem("; ".join(wrong), safe, "Mend the files, or choose otherwise below; then look again.") if wrong else None
    verdict = "It opens." if not report.problems else "One answer is missing." if len(asked) == 1 and not wrong else "It does not open yet."
    return common.stack(
        common.finding(f"What was understood of {wanted.data}. {verdict}"),
        mo.Html(notes) if report.reading else None,
        faults,
        first_rows(report) if len(report.first) else None,
    )


def _listed(notes: Sequence[str]) -> str:
    return f'<ul class="lab-notes">{"".join(f"<li>{html.escape(backend.in_page_words(note))}</li>" for note in notes)}</ul>'


def how_it_was_read(data: Dataset) -> mo.Html | None:
    """Fold away what was understood of the data that is open, done to it and left out of it."""
    return mo.Html(f"<details><summary>How it was read</summary>{_listed(data.reading)}</details>") if data.reading else None


def first_rows(report: Report) -> mo.Html:
    """Show the first interactions with the pictures of their items."""
    frame = backend.first_cards(report)
    shows_pictures = frame["picture"].str.len().any()
    names = [name for name in frame.columns if name != "picture"]
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in (["picture"] if shows_pictures else []) + names)
    rows = ""
    for row in frame.to_dict("records"):
        image = f'<img src="{row["picture"]}" alt="">' if row["picture"] else ""
        cells = ([f"<td>{image}</td>"] if shows_pictures else []) + [f"<td>{html.escape(str(row[name]))}</td>" for name in names]
        rows += f"<tr>{''.join(cells)}</tr>"
    caption = "<caption>The first rows, as a person would read them</caption>"
    return mo.Html(f'<div class="lab-scroll"><table class="lab-table">{caption}<tr>{head}</tr>{rows}</table></div>')


def answers(wanted: backend.Link | None, report: Report | None, ask: Ask) -> Any:
    """Make the form of what only the owner knows, with all that a reader may be told folded below."""
    if wanted is None:
        return None
    try:
        questions = backend.question_controls(report) if report else []
        others = backend.reader_controls(wanted, [question.name for question in questions])
    except LabError:  # the folder is gone, which was said already
        return None
    made = {control.name: _element(control) for control in (*questions, *others)}
    asked = "".join(
        f'<fieldset class="lab-asked"><legend>{html.escape(control.what)}</legend>{{{control.name}}}</fieldset>' for control in questions
    )
    is_open = " open" if report is None or len(report.problems) > len(report.questions) else ""
    rest = "".join(f"{{{control.name}}}" for control in others)
    folded = f'<details{is_open}><summary>All that can be said of it</summary><div class="lab-form">{rest}</div></details>'
    return (
        mo.Html(f"<div>{asked}{folded}</div>")
        .batch(**made)
        .form(
            submit_button_label="Read it so",
            bordered=False,
            on_change=lambda values: ask(lambda: backend.answered(wanted, values or {})),
        )
    )


def _element(control: backend.Control) -> Any:
    if control.kinds:
        return mo.ui.multiselect(list(control.kinds), label=control.label)
    if control.choices is None:
        return mo.ui.text(control.value, label=control.label)
    if control.what:
        return mo.ui.radio(dict(control.choices), label=control.label)
    chosen = next((label for label, value in control.choices.items() if value == control.value), None)
    return mo.ui.dropdown(dict(control.choices), value=chosen, label=control.label)


def open_button(wanted: backend.Link | None, report: Report | None, set_opened: Callable[[Any], None]) -> mo.ui.button:
    """Make the button that opens what was looked through."""
    stays = wanted is None or report is None or bool(report.problems)
    return widgets.action("Open this data", lambda _: set_opened(backend.words_of(wanted)) if wanted else None, disabled=stays)


def save_form(
    wanted: backend.Link | None, report: Report | None, set_opened: Callable[[Any], None], set_trouble: Callable[[Any], None]
) -> Any:
    """Make the field and button that write the data as a plain folder and open that; nothing where it isn't ready, and in a class."""
    if wanted is None or report is None or report.problems or not backend.may_save():
        return None

    def save(output: str | None) -> None:
        try:
            set_opened(backend.words_of(backend.save(wanted, output or "")))
        except LabError as error:
            set_trouble(error)

    field = mo.ui.text(backend.proposed_output(wanted), label="Folder to save it in", full_width=True)
    return field.form(submit_button_label="Save as a plain folder and open it", bordered=False, on_change=save)


def ways_on(wanted: backend.Link, button: mo.ui.button, form: Any) -> mo.Html | None:
    """Offer to open the data, or to save it; what was dropped has to be saved, since it is gone when the app ends."""
    if backend.must_be_saved(wanted):
        said = "What was dropped is kept until the app ends. Save it, and its runs find it again."
        return common.stack(common.fact(said), form) if form is not None else None
    return common.side_by_side(button, form) if form is not None else button
