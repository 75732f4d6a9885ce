"""Names and notes that people give hyperedges: one small file that anybody may write, also while the run is being trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.models.identity import checked
from srgformer_lab.training.checkpoint import weight_names
from srgformer_lab.training.files import read_json, write_json
from srgformer_lab.training.locks import LOCK_SECONDS, OwnedFolder
from srgformer_lab.training.reading import RecordedFolder

FILE, HYPEREDGES, ATTRIBUTES = "hyperedges.json", "hyperedges", "implicit_attribute."
MOST_NAME, MOST_NOTE = 60, 2000
"""Letters of a name and of a note."""
ITS_NOTES = (2, 1)
"""The byte of a run's lock file that is held while its notes are changed; the owner and readers don't look at it."""
REMEDY = "restore it, or delete this file alone: the run itself is unharmed"


class NotedFolder(RecordedFolder):
    """A run folder that remembers what people call its hyperedges."""

    @property
    def notes_path(self) -> Path:
        """The file that holds names and notes."""
        return self.path / FILE

    def hyperedge_notes(self) -> pd.DataFrame:
        """Return what people call the hyperedges, and what they wrote about them.

        Returns:
            ``modality``, ``hyperedge``, ``name``, ``note``: one row for each that has a name or a note; an empty text where one is
            missing.

        Raises:
            RunError: The file is damaged.
        """
        rows = [
            (modality, int(number), known.get("name", ""), known.get("note", ""))
            for modality, numbers in _content(self.notes_path).get(HYPEREDGES, {}).items()
            for number, known in numbers.items()
            if known.get("name") or known.get("note")
        ]
        return pd.DataFrame(sorted(rows), columns=["modality", "hyperedge", "name", "note"])

    @checked
    def note_hyperedge(self, modality: str, hyperedge: int, name: str | None = None, note: str | None = None) -> None:
        """Write down a name, a note or both for a hyperedge; of two people who write at once neither loses anything.

        Args:
            modality: Whose hyperedge.
            hyperedge: Its number, from 0.
            name: At most 60 letters in one line; an empty one takes the name away. What is not given stays.
            note: At most 2,000 letters; an empty one takes the note away.

        Raises:
            ConfigError: The run has no such modality or hyperedge, or a text is too long or can't be printed.
            RunError: The run is gone, its file of notes is damaged, or it can't be written.
        """
        self._check_hyperedge(modality, hyperedge)
        given = {"name": _checked_text("name", name, MOST_NAME), "note": _checked_text("note", note, MOST_NOTE)}
        with self._changing():
            content = _content(self.notes_path)
            numbers = content.setdefault(HYPEREDGES, {}).setdefault(modality, {})
            known = numbers.get(str(hyperedge), {}) | {key: text for key, text in given.items() if text is not None}
            numbers[str(hyperedge)] = {key: text for key, text in known.items() if text != ""}
            write_json(self.notes_path, content)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep others from changing the file inside the block."""
        folder = OwnedFolder(self.notes_path.parent)
        try:
            if folder.path != self.path:
                folder.path.mkdir(parents=True, exist_ok=True)
            lock = folder.take(LOCK_SECONDS, ITS_NOTES)
        except (OSError, RunError) as error:
            if not self.path.is_dir():
                raise RunError(f"there is no run folder {self.path}; it may have been renamed or deleted meanwhile") from error
            is_busy = isinstance(error, RunError) and error.__cause__ is None
            reason = "somebody else is changing them" if is_busy else error.__cause__ or error
            todo = "try again, or copy the run to a folder that you may write, and open it there"
            raise RunError(f"names and notes of run {self.name} can't be kept in {folder.path}: {reason}; {todo}") from error
        with lock:
            yield

    def _check_hyperedge(self, modality: str, hyperedge: int) -> None:
        n_hyperedges = getattr(self.config.model, "n_hyperedges", 0)
        if not n_hyperedges:
            raise ConfigError(f"run {self.name} is of {self.config.model_name}, which has no hyperedges to name; choose a run of srgformer")
        if not 0 <= hyperedge < n_hyperedges:
            raise ConfigError(f"hyperedge={hyperedge} must be from 0 to {n_hyperedges - 1}, those that run {self.name} has")
        if self.weights_path("best").exists():
            names = [name.removeprefix(ATTRIBUTES) for name in weight_names(self.weights_path("best")) if name.startswith(ATTRIBUTES)]
            if modality not in names:
                raise ConfigError(f"run {self.name} has no hyperedges of {modality!r}; it has those of {', '.join(names) or 'no modality'}")


def _checked_text(what: str, text: str | None, most: int) -> str | None:
    """Return a text without what surrounds it, or refuse it."""
    if text is None:
        return None
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    whole = "\n".join(lines) if what == "note" else " ".join(lines)
    if len(whole) > most:
        raise ConfigError(f"a {what} of a hyperedge has at most {most:,} letters, and this one has {len(whole):,}; shorten it")
    if wrong := [letter for letter in whole if not letter.isprintable() and letter != "\n"]:
        raise ConfigError(f"a {what} of a hyperedge can't hold {wrong[0]!r}, which can't be printed; leave it out")
    return whole


def _content(path: Path) -> dict[str, Any]:
    """Read the file whole, so that nothing is lost which a later version writes there; empty where there is none.

    Raises:
        RunError: It is damaged.
    """
    if not path.exists():
        return {}
    content = read_json(path, REMEDY)
    known = content.get(HYPEREDGES, {})
    is_whole = isinstance(known, dict) and all(
        isinstance(numbers, dict) and all(number.isdecimal() and len(number) < 10 and _is_note(each) for number, each in numbers.items())
        for numbers in known.values()
    )
    if not is_whole:
        raise RunError(f"{path} is damaged: it holds something else than names and notes of numbered hyperedges; {REMEDY}")
    return content


def _is_note(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key, ""), str) for key in ("name", "note"))
