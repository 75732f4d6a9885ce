"""What a link says, held against what there is: what can't be is replaced by the default, with a note for people."""

from collections.abc import Container
from dataclasses import replace

from srgformer_lab.backend.inventory import cohorts_of
from srgformer_lab.backend.link import KNOB_OF, Link, shortened
from srgformer_lab.backend.runs import default_run, find_run
from srgformer_lab.config import ModelConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, LabError
from srgformer_lab.training.checkpoint import check_weights
from srgformer_lab.training.run import Run

MOST_ITEMS = 60
"""Items that a link carries at most."""


def resolve_run(link: Link, data: Dataset, notes: list[str]) -> tuple[Link, Run | None]:
    """Open the link's run if it is one of this data; else the default run of the data, or none."""
    if link.run:
        try:
            run = find_run(link.run)
            run.check_data(data)
            return link, run
        except (LabError, OSError, ValueError) as error:
            instead = "You see the best run of this data instead." if default_run(data) else "There is no other run on this data yet."
            notes.append(f"The run could not be opened: {error}. {instead}")
    name = default_run(data)
    return replace(link, run=name), find_run(name) if name else None


def resolve_knobs(link: Link, notes: list[str]) -> Link:
    """Keep the knobs that a model's configuration accepts."""
    for name, knob in KNOB_OF.items():
        value = getattr(link, name)
        try:
            if value is not None:
                ModelConfig().replace(**{knob: value})
        except ConfigError as error:
            notes.append(f"{name}='{value:g}' can't be: {error}. You see the trained value.")
            link = replace(link, **{name: None})
    return link


def resolve_places(link: Link, data: Dataset, run: Run | None, notes: list[str]) -> dict[str, object]:
    """Keep the epoch, modality, hyperedge, cohort, items and compared runs that there are; a changed run is compared with itself, too."""

    def one_of(value: object, known: Container[object], what: str) -> bool:
        if value in (None, "") or value in known:
            return value not in (None, "")
        notes.append(f"There is no {what} {shortened(str(value))} here; it is left out.")
        return False

    config = run.config.model if run else None
    epoch = link.epoch if one_of(link.epoch, run.epochs() if run else (), "epoch with kept weights") else None
    if run and epoch is not None:
        try:
            check_weights(run.weights_path(epoch))
        except LabError as error:
            notes.append(f"Epoch {epoch} could not be opened: {error}. You see the best one.")
            epoch = None
    items, is_changed = link.items, epoch is not None or bool(link.knobs)
    if len(items) > MOST_ITEMS:
        notes.append(f"A link carries at most {MOST_ITEMS} items; the other {len(items) - MOST_ITEMS:,} are left out.")
    compared = [name for name in link.runs[:MOST_ITEMS] if is_changed or name != link.run]
    return {
        "epoch": epoch,
        "modality": link.modality if one_of(link.modality, data.modalities, "modality") else next(iter(data.modalities), ""),
        "hyperedge": link.hyperedge if one_of(link.hyperedge, range(getattr(config, "n_hyperedges", 0)), "hyperedge") else None,
        "cohort": link.cohort if one_of(link.cohort, cohorts_of(data), "cohort") else "",
        "items": tuple(item for item in items[:MOST_ITEMS] if one_of(item, data.item_ids, "item")),
        "runs": tuple(name for name in compared if _is_run_of(name, data) or one_of(name, (), "run")),
    }


def _is_run_of(name: str, data: Dataset) -> bool:
    try:
        return find_run(name).is_on(data)
    except (LabError, OSError, ValueError):
        return False
