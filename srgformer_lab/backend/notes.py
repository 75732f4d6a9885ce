"""Names and notes of hyperedges on the pages: shown beside what a hyperedge holds, sought, and kept with the run."""

from collections.abc import Iterable
from contextlib import suppress

import pandas as pd

from srgformer_lab.backend import limits
from srgformer_lab.backend.scene import NOTHING_TRAINED, Scene
from srgformer_lab.errors import RunError

SOUGHT = ("hyperedge", "name", "note", "label", "words", "top_titles")
"""The columns of named cards that words are sought in."""


def may_note(scene: Scene) -> bool:
    """Return whether this visitor may name the hyperedges of a scene: in a class only those of a run that they have started."""
    return scene.run is not None and limits.may_steer(scene.run)


def note_hyperedge(scene: Scene, modality: str, hyperedge: int, name: str, note: str) -> None:
    """Keep what a person calls a hyperedge, and what they write about it, with the run.

    Raises:
        ConfigError: A text is too long or can't be printed.
        RunError: In a class, the run is not this visitor's; or the notes can't be kept.
    """
    if scene.run is None:
        raise RunError(NOTHING_TRAINED)
    if not may_note(scene):
        raise RunError("in a class everybody names the hyperedges of the trainings that they have started; start one, or write it down")
    scene.run.note_hyperedge(modality, hyperedge, name, note)


def with_notes(scene: Scene, cards: pd.DataFrame) -> pd.DataFrame:
    """Return hyperedge cards with ``name`` and ``note``; empty ones where nobody gave any, or their file is damaged."""
    notes = pd.DataFrame({"modality": [], "hyperedge": [], "name": [], "note": []})
    if scene.run is not None:
        with suppress(RunError):  # the page says so where they are written
            notes = scene.run.hyperedge_notes()
    known = notes.set_index(["modality", "hyperedge"])
    places = pd.MultiIndex.from_frame(cards[["modality", "hyperedge"]])
    found = {what: known[what].reindex(places).fillna("").to_list() for what in ("name", "note")}
    return cards.assign(**found)


def matching_hyperedges(cards: pd.DataFrame, words: str) -> pd.DataFrame:
    """Keep the named cards that hold every word, anywhere and in any case: in number, name, note, category, words or titles."""
    sought = words.lower().split()
    lines = [" ".join(_plain(row[column]) for column in SOUGHT).lower() for row in cards.to_dict("records")]
    return cards[[all(word in line for word in sought) for line in lines]]


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)
