"""What every lesson is put together from: its head, predictions, explanations, exercises, solutions, knobs, and questions.

Marimo meets the lessons here. A lesson's notebook holds its story, its pictures and its stubs; the checks come from
``srgformer_lab.lessons``, the look from the apps.
"""

import html
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib import import_module
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import marimo as mo
import pandas as pd

import srgformer_lab as lab
from srgformer_lab import backend, places, plots
from srgformer_lab.lessons import catalog, grading, progress
from srgformer_lab.statistics import over_seeds

sys.path.insert(0, str(places.apps_folder()))
import common

chart, fact, finding, side_by_side, stack, tiles = (
    common.chart,
    common.fact,
    common.finding,
    common.side_by_side,
    common.stack,
    common.tiles,
)

STYLE = """<style>
.lab-step { display: flex; align-items: baseline; gap: 10px; margin: 12px 0 4px; padding-top: 14px; border-top: 1px solid var(--border); }
.lab-step b { font-size: 12px; letter-spacing: 0.06em; text-transform: uppercase; color: var(--muted-foreground); min-width: 74px; }
.lab-step span { font: 600 18px/1.3 var(--text-font, inherit); }
.lab-symbols td { padding: 2px 14px 2px 0; vertical-align: top; border: 0; }
.lab-symbols td:first-child { white-space: nowrap; }
.lab-symbols { border: 0; margin: 4px 0; }
.lab-lesson-knob { max-width: 420px; }
.lab-lessons { list-style: none; padding: 0; margin: 18px 0; display: grid; gap: 16px; }
.lab-lessons a { font-size: 17px; font-weight: 600; }
.lab-lessons p { margin: 2px 0; }
.lab-prose { max-width: 75ch; margin: 2px 0; }
</style>"""


# ------------------------------------------------------------------ the frame


def dark() -> bool:
    """Return whether the page is dark: the link says so in a shown lesson, the settings in an edited one."""
    return (mo.query_params().get("theme") or mo.app_meta().theme) == "dark"


def header(number: int) -> mo.Html:
    """Open a lesson: its question, its goal in one line, its time, and what is solved on this machine."""
    lesson, known = catalog.lesson(number), progress.read()
    done = len(known.solved(number) & set(lesson.exercises))
    time = f"About {lesson.minutes} minutes; {done} of {len(lesson.exercises)} exercises solved on this machine so far."
    return stack(
        common.styles(),
        _head(f"{number}. {lesson.title}", f"<b>Goal:</b> {html.escape(lesson.goal)}", time),
        common.notes([known.trouble] if known.trouble else []),
    )


def contents(lessons: Iterable[catalog.Lesson], known: progress.Progress, title: str, text: str) -> mo.Html:
    """List lessons with their links, minutes, commands, and a mark for each exercise: filled where it is solved."""
    rows = []
    for one in lessons:
        solved = known.solved(one.number)
        marks = "".join(f'<span title="{name}">{"●" if name in solved else "○"}</span>' for name in one.exercises)
        count = f"{len(solved & set(one.exercises))} of {len(one.exercises)} solved"
        rows.append(
            f'<li><a href="?file={one.file}">{one.number}. {html.escape(one.title)}</a> <span class="lab-more">{one.minutes} min</span>'
            f'<p>{html.escape(one.goal)}</p><p><span aria-label="{count}" role="img">{marks}</span> <small>{count}</small> '
            f"<code>srgformer-lab lessons open {one.number}</code></p></li>"
        )
    return stack(common.styles(), _head(title, html.escape(text)), mo.Html(f'<ol class="lab-lessons">{"".join(rows)}</ol>'))


def _head(title: str, *lines: str) -> mo.Html:
    asked = f'<div role="heading" aria-level="1" class="lab-question">{html.escape(title)}</div>'
    room = "<style>#App .output-area { padding-inline: 16px; max-height: none; }</style>" if mo.app_meta().mode == "edit" else ""
    return mo.Html(f'{STYLE}{room}<header class="lab-head">{asked}{"".join(f"<p>{line}</p>" for line in lines)}</header>')


def step(kind: str, title: str, text: str = "") -> mo.Html:
    """Open a step of the unit, with a few words: its kind is Look, Predict, Drag, Explain, Write, Break it, Measure or Transfer."""
    head = f'<div role="heading" aria-level="2" class="lab-step"><b>{html.escape(kind)}</b><span>{html.escape(title)}</span></div>'
    return stack(mo.Html(head), markdown(text) if text else None)


def markdown(text: str) -> mo.Html:
    """Return markdown, formulas included, in a column that reads well."""
    return mo.Html(f'<div class="lab-prose">{mo.md(textwrap.dedent(text)).text}</div>')


def explain(formula: str, symbols: Mapping[str, str], text: str = "") -> mo.Html:
    """Show a formula with each of its symbols named."""
    rows = "".join(f"<tr><td>{mo.md(symbol).text}</td><td>{mo.md(meaning).text}</td></tr>" for symbol, meaning in symbols.items())
    return stack(mo.md(formula), mo.Html(f'<table class="lab-symbols">{rows}</table>'), markdown(text) if text else None)


# ---------------------------------------------------------------- predictions


@dataclass(frozen=True)
class Question:
    """A prediction: its name, what is asked, the feedback to each answer, and which answer is right."""

    name: str
    text: str
    options: Mapping[str, str]
    right: str

    def ask(self) -> Any:
        """Make the form: choose, then submit. Bind it to a global name, and make it the last line of its cell."""
        return mo.ui.radio(self.shuffled(), label=self.text).form(submit_button_label="That is my guess", bordered=False)

    def shuffled(self) -> list[str]:
        """List the options in an order that gives nothing away, the same for everybody, so that a class can speak of them."""
        return sorted(self.options, key=lambda option: sha256(f"{self.text}{option}".encode()).digest())

    def answer(self, number: int, guess: str | None, *picture: Any) -> mo.Html:
        """Return the feedback to a guess, and then the picture that shows who was right; before a guess, neither."""
        if guess is None:
            return fact("The answer appears when you have guessed. A wrong guess is worth as much as a right one.")
        note = _record(number, progress.PREDICTED, self.name)
        is_right = guess == self.right
        said = f"<b>{'As you guessed' if is_right else 'Not quite'}.</b> {mo.md(self.options[guess]).text}"
        if not is_right:
            said += f"<b>Right is: {html.escape(self.right)}.</b> {mo.md(self.options[self.right]).text}"
        return stack(mo.callout(mo.Html(said + note), kind="success" if is_right else "warn"), *picture)


# ------------------------------------------------------------------ exercises


def check(number: int, answer: Callable[..., Any]) -> mo.Html:
    """Check a learner's function, say what is wrong or right, and note what is solved."""
    lesson = catalog.lesson(number)
    verdict = lesson.check(answer.__name__)(answer)
    if verdict.passed:
        note = _record(number, progress.SOLVED, answer.__name__)
        return mo.callout(mo.Html(f"<b>✓ {html.escape(answer.__name__)} passes.</b> {html.escape(verdict.message)}{note}"), kind="success")
    said = mo.callout(mo.Html(f"<b>Not yet.</b> {html.escape(verdict.message)}<br><small>{_how_to_write(number)}</small>"), kind="info")
    return stack(_task(answer), said) if mo.app_meta().mode == "run" else said


def _how_to_write(number: int) -> str:
    if mo.app_meta().mode != "run":
        return "Write in the cell above and run it: this line follows."
    return f"This page only shows the lesson. To write: <code>srgformer-lab lessons open {number}</code>"


def _task(answer: Callable[..., Any]) -> mo.Html:
    """Show the stub where the page shows no code."""
    return mo.md(f"```python\n{inspect.getsource(answer).strip()}\n```")


def solution(number: int, exercise: str) -> mo.Html:
    """Fold away a solution: the code that the tests of this project prove right."""
    return mo.accordion({f"Solution of {exercise}": mo.md(f"```python\n{solution_text(number, exercise)}\n```")})


def solution_text(number: int, exercise: str) -> str:
    """Write a solution so that it works where it is pasted: what it calls of other exercises, it calls ``by_hand``."""
    lesson = catalog.lesson(number)
    solutions = import_module(f"solutions.{lesson.module}")
    source = inspect.getsource(getattr(solutions, exercise)).strip()
    others = "|".join(name for name in (*lesson.exercises, *getattr(solutions, "EARLIER", ())) if name != exercise)
    return re.sub(rf"(?<![\w.])({others})\(", r"by_hand.\1(", source)


class Own:
    """A lesson's helpers, which run what the learner wrote where it passes its check, and the reference where it doesn't."""

    def __init__(self, number: int, *answers: Callable[..., Any], also: Mapping[str, Callable[..., Any]] | None = None) -> None:
        """Take a lesson's functions, and with ``also`` those of earlier lessons that are known to pass."""
        lesson = catalog.lesson(number)
        self.names = [answer.__name__ for answer in answers]
        self.passed = {answer.__name__: answer for answer in answers if lesson.check(answer.__name__)(answer).passed}
        self._reference = import_module(f"solutions.{lesson.module}")
        functions = {**(also or {}), **self.passed}
        self._helpers = _copied(self._reference, functions) if functions else self._reference

    def __getattr__(self, name: str) -> Any:
        """Return a helper, an exercise's function or a constant of the lesson."""
        value = getattr(self._helpers, name)
        is_run = self._helpers is not self._reference and callable(value) and not inspect.isclass(value)
        return partial(self._run, name) if is_run else value

    def _run(self, name: str, *arguments: Any, **options: Any) -> Any:
        try:
            return getattr(self._helpers, name)(*arguments, **options)
        except Exception as error:  # whatever a learner's code raises on the page's own data is told, and the page goes on
            if mo.running_in_notebook():
                mo.output.append(fact(f"Your code stopped here ({type(error).__name__}: {error}); this is the reference's."))
            return getattr(self._reference, name)(*arguments, **options)

    def said(self) -> mo.Html:
        """Say whose functions the page runs."""
        left = [name for name in self.names if name not in self.passed]
        if not self.passed:
            return fact(f"What follows is computed by your {_listed(self.names)} as soon as they pass; until then by the reference.")
        rest = f"; {_listed(left)} {'is' if len(left) == 1 else 'are'} still the reference's" if left else ""
        return fact(f"What follows is computed by your {_listed(list(self.passed))}{rest}.")


@dataclass(frozen=True)
class Earlier:
    """What a learner wrote in earlier lessons: by exercise its lesson, the function where it passes, and what is said of it."""

    lessons: Mapping[str, int]
    passed: Mapping[str, Callable[..., Any]]
    told: Mapping[str, str]

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each exercise."""
        return [
            {"function": name, "lesson": number, "used is": "yours" if name in self.passed else f"the reference's ({self.told[name]})"}
            for name, number in self.lessons.items()
        ]

    def text(self) -> str:
        """Write the rows as a table in markdown."""
        rows = "\n".join(f"| `{row['function']}` | {row['lesson']} | {row['used is']} |" for row in self.table())
        return f"| function | lesson | used is |\n|:---|:---|:---|\n{rows}"


def earlier(exercises: Iterable[str]) -> Earlier:
    """Find a learner's functions of earlier lessons in the copies that lie beside this one."""
    numbers = {name: one.number for name in exercises for one in catalog.LESSONS if name in one.exercises}
    folder = mo.notebook_dir()
    passed, told = {}, {}
    for name, number in numbers.items():
        lesson = catalog.lesson(number)
        path = (folder or places.tutorials_folder()) / lesson.file
        told[name] = f"no {lesson.file} in this folder"
        if path.is_file() and not path.samefile(lesson.path) and (found := _written(path, lesson, name, told)):
            passed[name] = found
    return Earlier(numbers, passed, told)


def _written(path: Path, lesson: catalog.Lesson, name: str, told: dict[str, str]) -> Callable[..., Any] | None:
    """Read a learner's function, where it passes; say in ``told`` why not."""
    try:
        function = getattr(grading.opened(path, f"earlier_{lesson.number}"), name)
        verdict = lesson.check(name)(function)
    except Exception as error:  # a learner's file may hold anything
        told[name] = f"{path.name} stops with {type(error).__name__}"
        return None
    told[name] = "yours does not pass yet"
    return function if verdict.passed else None


def _copied(helpers: ModuleType, functions: Mapping[str, Callable[..., Any]]) -> ModuleType:
    """Execute a module once more, and put other functions in the place of its own, so that all that calls them calls these."""
    spec = helpers.__spec__
    assert spec is not None
    assert spec.loader is not None
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    vars(copy).update(functions)
    return copy


def _listed(names: Sequence[str]) -> str:
    """Write names as a sentence has them."""
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + list(names[-1:]))


def transfer(questions: Mapping[str, str]) -> mo.Html:
    """Ask questions that carry what was learned elsewhere; each answer is folded."""
    asked = [stack(markdown(question), mo.accordion({"Answer": markdown(answer)})) for question, answer in questions.items()]
    return stack(*asked)


def _record(number: int, kind: str, name: str) -> str:
    """Note progress where a person looks; in a script nobody learns anything."""
    trouble = progress.record(number, kind, name) if mo.app_meta().mode in ("edit", "run") else ""
    return f"<br><small>{html.escape(trouble)}</small>" if trouble else ""


# --------------------------------------------------------- did it learn that?

SHIPPED = {"as published": "studio", "found": "studio_found"}
"""The presets of the two shipped runs, by the words of the app's switch between them."""
AGAINST = {"chance": "chance", "the same model, untrained": "untrained"}
"""What a number can be held against, and the column of ``lab.measure_structure`` that has it."""


@cache
def shipped(form: str) -> tuple[lab.SRGFormer, lab.Trace]:
    """Return a shipped run's model and its pass."""
    run = lab.shipped_run(SHIPPED[form])
    return backend.trained_pass(run, run.open_data())


@cache
def learned(form: str, measure: str) -> pd.DataFrame:
    """Return the rows of ``lab.measure_structure`` of a shipped run that have this measure."""
    rows = lab.measure_structure(shipped(form)[1])
    return rows[rows["measure"] == measure]


def held_against(rows: pd.DataFrame, against: str) -> mo.Html:
    """Show measured rows as tiles, and how far each lies above chance or above the untrained model."""
    beside = rows[AGAINST[against]]
    said = [
        f"{against}: {plots.digits(other, 2)}, so {value - other:+.2f}".replace("-", "−")
        for value, other in zip(rows["value"], beside, strict=True)
    ]
    names = [modality or "attention" for modality in rows["modality"]]
    return tiles([(name, plots.digits(value, 2), words) for name, value, words in zip(names, rows["value"], said, strict=True)])


def over_worlds(measures: Mapping[str, str]) -> pd.DataFrame:
    """Return how far each form lies above its untrained self in each of the stored worlds, as ``plots.paired_differences`` reads it.

    Args:
        measures: Columns of ``stored/structure.csv`` by the names that groups get. One that was not measured untrained counts from 0.
    """
    stored, found = pd.read_csv(Path(__file__).parent / "stored" / "structure.csv"), []
    for name, column in measures.items():
        for form, rows in stored.groupby("form", sort=False):
            above = over_seeds((rows[column] - rows.get(f"untrained {column}", 0)).to_numpy())
            found.append((name, form, len(rows), above.mean, above.low, above.high))
    return pd.DataFrame(found, columns=["group", "run", "judged", "difference", "low", "high"])


def worlds(measures: Mapping[str, str], first: str, metric: str) -> mo.Html:
    """Draw what ``over_worlds`` finds: how far both forms lie above ``first``, with 95 % over the worlds."""
    hint = f"Right of 0: above {first}. Lines: 95 % over five worlds; filled where they leave out 0."
    return chart(plots.paired_differences(over_worlds(measures), first, metric, "worlds", dark=dark(), hint=hint))


# ---------------------------------------------------------------------- knobs


def knob(label: str, steps: Iterable[float], value: float) -> Any:
    """Make a slider over some values; it acts while it is dragged, so what follows must take well under 300 ms."""
    return mo.ui.slider(steps=list(steps), value=value, full_width=True, label=label)


def knob_box(slider: Any, symbol: str, said: str, part: str = "") -> mo.Html:
    """Show a knob with symbol, name, value and range, in the colour of its part (none: neutral)."""
    color = plots.part_color(part, dark()) if part else "var(--primary)"
    steps = slider.steps
    head = f'<div class="lab-knob-head"><span><b style="color:{color}">{html.escape(symbol)}</b> {html.escape(said)}</span></div>'
    ends = f"<small><span>{steps[0]:g}</span><span>{steps[-1]:g}</span></small>"
    inside = f'{head}<div class="lab-knob-track">{slider.text}</div>{ends}'
    return mo.Html(f'<div class="lab-knob lab-lesson-knob" style="--part:{color}">{inside}</div>')
