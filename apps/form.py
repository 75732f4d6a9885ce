"""The form of a training: what to train, a preset with what it sets, every setting in groups, a name; and what came of it."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import common
import marimo as mo
import widgets

from srgformer_lab import PRESETS, Dataset, Run, backend, plots

LIMITED = ("epochs", "embedding_dim")
HEADS = ("1", "2", "4", "8", "16")
LABELS = {
    "epochs": "Most epochs",
    "embedding_dim": "Width d",
    "n_hyperedges": "Hyperedges K",
    "n_heads": "Attention heads h",
    "device": "Device",
    "seed": "Seed",
    "keep_epochs": "Epochs whose weights are kept",
}


def choosers(data: Dataset, memory: dict[str, Any]) -> tuple[mo.ui.text, mo.ui.dropdown, mo.ui.dropdown]:
    """Make the field of the name, and the dropdowns of the preset and of what is trained."""
    named = dict(backend.variants(data))
    words = {key: name for name, key in named.items()}
    presets = mo.ui.dropdown(
        list(PRESETS), value=memory.get("preset", "studio"), label="Preset", on_change=lambda value: memory.update(preset=value)
    )
    variants = mo.ui.dropdown(
        named,
        value=words.get(str(memory.get("variant")), words["whole"]),
        label="What to train",
        on_change=lambda value: memory.update(variant=value),
    )
    name = mo.ui.text(
        memory.get("train.name", ""),
        label="Name",
        placeholder="what you call it",
        on_change=lambda words: memory.update({"train.name": words}),
    )
    return name, presets, variants


def fields(preset_name: str) -> mo.ui.dictionary:
    """Make a field for every setting, with the preset's values as far as a visitor may ask for them."""
    values = backend.preset_values(preset_name) | {"seed": backend.usual_seed(preset_name)}
    return mo.ui.dictionary({name: _field(name, values[name]) for names in backend.FORM_GROUPS.values() for name in names})


def _field(name: str, value: Any) -> Any:
    label, about = LABELS.get(name) or backend.setting_label(name), backend.SETTINGS[name].metadata
    if name == "epochs":
        return mo.ui.number(1, backend.most_epochs(), value=min(value, backend.most_epochs()), label=label)
    if name == "n_hyperedges":
        return mo.ui.number(1, 256, value=value, label=label)
    if name == "embedding_dim":
        widths = backend.widths()
        return mo.ui.dropdown([*map(str, widths)], value=str(min(value, widths[-1])), label=label)
    if name == "n_heads":
        return mo.ui.dropdown(list(HEADS), value=str(value), label=label)
    if name == "device":
        return mo.ui.dropdown(backend.devices(), value="auto", label=label)
    if about["choices"]:
        return mo.ui.dropdown(list(about["choices"]), value=value, label=label)
    if isinstance(value, bool):
        return mo.ui.checkbox(value=value, label=label)
    return mo.ui.text(f"{value:g}" if isinstance(value, float) else str(value), label=label)


def layout(
    choosers: tuple[Any, ...], numbers: mo.ui.dictionary, name_box: mo.ui.text, start: mo.ui.button, preset_name: str, model: str
) -> mo.Html:
    """Lay out the form: what most people choose, and all other settings folded below, by groups."""
    elements = numbers.elements
    usual, *others = backend.FORM_GROUPS.items()
    row = _row([*choosers, *(elements[name] for name in usual[1]), name_box, start])
    groups = "".join(f"<h4>{html.escape(group)}</h4>{_row([elements[name] for name in names])}" for group, names in others)
    note = "" if model == "srgformer" else f"<p>Of these, {html.escape(model)} obeys width, seed and those of the learning alone.</p>"
    folded = f'<details class="lab-settings"><summary>All settings</summary>{note}{groups}</details>'
    return common.stack(mo.Html(row), common.fact(backend.preset_words(preset_name)), mo.Html(folded))


def _row(parts: list[Any]) -> str:
    return f'<div class="lab-form">{"".join(f"<div>{part.text}</div>" for part in parts)}</div>'


def there_already(name: str, load: Callable[[str], None]) -> tuple[mo.ui.button | None, mo.Html | None]:
    """Make the button that opens the run which has these very settings, and say that there is one; nothing where there is none."""
    if not name:
        return None, None
    button = mo.ui.button(label=f"Open {name}", on_change=lambda _: load(name))
    said = f"This very training is there already, as {name}: it would end the same. Open it, or choose another seed or other settings."
    return button, mo.callout(common.stack(common.fact(said), button), kind="info")


def queue_line(ahead: tuple[int, float]) -> mo.Html | None:
    """Say how long a new training would wait; nothing where it begins at once."""
    count, seconds = ahead
    if not count and not seconds:
        return None
    waiting = f"{plots.counted(count, 'training')} wait{'' if count > 1 else 's'} before it" if count else "It would be the next"
    return common.fact(f"{waiting}; begun now, its turn comes in at most about {plots.duration(seconds)}. First come, first served.")


def ended(run: Run | None, name: str, is_loaded: bool, look: Callable[[str], None]) -> tuple[mo.ui.button | None, mo.Html | None]:
    """Offer to look at what a run recommends that is not the loaded one; nothing where there is nothing to look at, or it is loaded."""
    if run is None or is_loaded or not backend.can_show(run):
        return None, None
    button = widgets.action("See what it recommends", lambda _: look(name))
    said = f"{name} has weights to look into. The other pages still show the run that you had; the button loads this one there."
    return button, mo.callout(common.stack(common.fact(said), button), kind="info")


def turned(words: Mapping[str, str], name: str) -> mo.Html | None:
    """Say which knobs were turned while a run trained."""
    return common.fact(f"{name}: {words[name]}.") if words.get(name) else None
