"""What a page moves: knobs in the colours of their parts, and the epoch whose weights are looked at."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import marimo as mo

from srgformer_lab import Run, backend, plots

KNOBS = tuple(backend.KNOB_OF.values())
LIVE_KNOBS = tuple(backend.KNOB_STEPS)
"""What a person may turn while a training runs."""


def knob_slider(name: str, value: float, turn: Callable[[Any], None] | None = None, marks: Iterable[float] = ()) -> mo.ui.slider:
    """Make the slider of a knob; its steps hold the value and the marks, and it reports when it is let go.

    The steps of α and β end at 1, or at the largest of value and marks.
    """
    steps = backend.knob_steps(name, float(value), *map(float, marks))
    return mo.ui.slider(steps=steps, value=float(value), debounce=True, full_width=True, on_change=turn, label=plots.knob_name(name))


def usual_knob(run: Run, name: str) -> float:
    """Return the value that a knob had when its run began."""
    config = run.config
    return float(getattr(config.model if hasattr(config.model, name) else config.train, name))


def knob_box(name: str, slider: mo.ui.slider, mark: float, dark: bool, *beside: Any) -> mo.Html:
    """Show a knob in the colour of its part: symbol, name, value, range, and a mark at its usual value."""
    steps = list(slider.steps or ())
    color = plots.knob_color(name, dark)
    ends = f"<small><span>{steps[0]:g}</span><span>{steps[-1]:g}</span></small>"
    buttons = "".join(mo.as_html(button).text for button in beside)
    label = f'<div class="lab-knob-head">{plots.knob_label(name, slider.value, mark)}{buttons}</div>'
    track = f'<div class="lab-knob-track">{slider.text}{_tick(steps, mark, "at first")}</div>'
    return mo.Html(f'<div class="lab-knob" style="--part:{color}">{label}{track}{ends}</div>')


# -------------------------------------------------------------------- epochs


def epoch_slider(base: backend.Scene, set_epoch: Callable[[int | None], None]) -> mo.ui.slider | None:
    """Make the slider of the epochs whose weights a run kept, the best one among them; none where only the best are kept.

    Make it from the scene that the page was opened with, not from the one that it changes: a slider that is made anew loses the
    keyboard's focus. It hands on what a link calls the epoch: its number, or None for the best.
    """
    if base.run is None or not base.run.epochs():
        return None
    best = base.run.status().best_epoch
    return mo.ui.slider(
        steps=sorted({*base.run.epochs(), best}),
        value=best if base.link.epoch is None else base.link.epoch,
        debounce=True,
        full_width=True,
        label="epoch of the run",
        on_change=lambda epoch: set_epoch(None if epoch is None or epoch == best else int(epoch)),
    )


def epoch_box(base: backend.Scene, slider: mo.ui.slider | None) -> mo.Html:
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
