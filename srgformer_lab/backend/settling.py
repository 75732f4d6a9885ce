"""Links can be old or mistyped: what they say is checked against what there is, and what they leave open is chosen here."""

import math
from collections.abc import Container
from dataclasses import replace

from srgformer_lab.backend.cohorts import COHORTS
from srgformer_lab.backend.finding import usual_user
from srgformer_lab.backend.scene import dataset, find_run, runs_of, scene
from srgformer_lab.backend.view import KNOB_OF, STUDIO, View, joined
from srgformer_lab.config import ModelConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, LabError
from srgformer_lab.training.checkpoint import check_weights
from srgformer_lab.training.run import Run


def settle(view: View) -> tuple[View, tuple[str, ...]]:
    """Replace what is empty or can't be by the usual; say what can't be in sentences for people."""
    notes: list[str] = []
    try:
        data = dataset(view)
    except LabError as error:
        notes.append(f"The data could not be opened: {error}. What you see is the built-in data.")
        view = View(theme=view.theme)
        data = dataset(view)
    view = replace(view, data=view.data or STUDIO, run=_settled_run(view.run, data, notes))
    view = replace(view, **_settled_knobs(view, notes))
    view = replace(view, **_settled_places(view, data, notes))
    if view.user not in data.user_ids:
        if view.user:
            notes.append(f"There is no user {view.user!r} in this data; you see another one.")
        view = replace(view, user=usual_user(data))
    if view.item not in data.item_ids:
        if view.item:
            notes.append(f"There is no item {view.item!r} in this data; you see another one.")
        view = replace(view, item=_usual_item(view, data))
    return view, tuple(notes)


def _settled_run(name: str, data: Dataset, notes: list[str]) -> str:
    if name:
        try:
            find_run(name).check_data(data)
            return name
        except LabError as error:
            instead = "You see the best run of this data instead." if usual_run(data) else "There is no other run on this data yet."
            notes.append(f"The run could not be opened: {error}. {instead}")
    return usual_run(data)


def usual_run(data: Dataset) -> str:
    """Name the run of SRGFormer with the best valid recall@20 on this data; empty if there is none with weights."""
    found = ""
    best = -math.inf
    for name, run in runs_of(data).items():
        value = run.status().best_metric
        if run.config.model_name == "srgformer" and value > best and run.weights_path("best").exists():
            found, best = name, value
    return found


def _settled_knobs(view: View, notes: list[str]) -> dict[str, str]:
    """Keep a knob that the model's configuration accepts."""
    kept = {}
    for name, knob in KNOB_OF.items():
        text = getattr(view, name)
        try:
            if text:
                ModelConfig().replace(**{knob: float(text)})
            kept[name] = text
        except (ConfigError, ValueError) as error:
            notes.append(f"{name}={text!r} can't be: {error}. You see the trained value.")
            kept[name] = ""
    return kept


def _settled_places(view: View, data: Dataset, notes: list[str]) -> dict[str, str]:
    """Keep the epoch, modality, hyperedge, cohort, items and compared runs that there are; a changed run is compared with itself, too."""
    run = find_run(view.run) if view.run else None
    config = run.config.model if run else None
    modality = _one_of(view.modality, data.modalities, "modality", notes) or next(iter(data.modalities), "")
    runs, epoch = runs_of(data), _readable_epoch(run, view.epoch, notes)
    is_changed = bool(epoch or any(getattr(view, name) for name in KNOB_OF))
    return {
        "epoch": epoch,
        "modality": modality,
        "hyperedge": _one_of(view.hyperedge, [str(n) for n in range(getattr(config, "n_hyperedges", 0))], "hyperedge", notes),
        "cohort": _one_of(view.cohort, COHORTS, "cohort", notes),
        "items": joined(item for item in view.chosen_items if _one_of(item, data.item_ids, "item", notes)),
        "runs": joined(name for name in view.compared_runs if (is_changed or name != view.run) and _one_of(name, runs, "run", notes)),
    }


def _readable_epoch(run: Run | None, epoch: str, notes: list[str]) -> str:
    epoch = _one_of(epoch, [str(kept) for kept in run.epochs()] if run else [], "epoch with kept weights", notes)
    try:
        if run and epoch:
            check_weights(run.weights_path(int(epoch)))
        return epoch
    except LabError as error:
        notes.append(f"Epoch {epoch} could not be opened: {error}. You see the best one.")
        return ""


def _one_of(name: str, known: Container[str], what: str, notes: list[str]) -> str:
    if name and name not in known:
        notes.append(f"There is no {what} {name!r} here; it is left out.")
        return ""
    return name


def _usual_item(view: View, data: Dataset) -> str:
    """Name the first item of the user's list, or without a model the first item of the history."""
    look = scene(view)
    if look.trained is not None and len(ranking := look.ranking()):
        return str(ranking["item_id"].iloc[0])
    return (*data.history(view.user), *data.item_ids)[0]
