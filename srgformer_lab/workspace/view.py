"""What is being looked at, in the words of a link."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from srgformer_lab.errors import DataError

STUDIO, SHIPPED = "studio", "shipped"
READER_OPTIONS = {"min_rating": float, "k_core": int, "split": str, "duplicates": str, "data_seed": int}


@dataclass(frozen=True)
class View:
    """Data, run, user, item and knobs as plain words. Empty means the usual: built-in data, best run, trained knobs."""

    data: str = ""
    """``studio``, or the path of a folder."""
    min_rating: str = ""
    k_core: str = ""
    split: str = ""
    duplicates: str = ""
    data_seed: str = ""
    run: str = ""
    """The name of a run folder, or ``shipped``."""
    user: str = ""
    item: str = ""
    alpha: str = field(default="", metadata={"knob": "attention_scale"})
    beta: str = field(default="", metadata={"knob": "hypergraph_scale"})
    tau: str = field(default="", metadata={"knob": "membership_temperature"})
    theme: str = ""

    @classmethod
    def of(cls, *sources: Mapping[str, Any]) -> Self:
        """Read a view from link parameters or command-line arguments.

        The first source that names the data decides about data and reader options together; for the rest, the first that names it.
        """
        cleaned = [_words(source) for source in sources]
        about_data = next((words for words in cleaned if "data" in words), {})
        values = {name: about_data.get(name, "") for name in DATA_NAMES}
        for name in (name for name in VIEW_NAMES if name not in DATA_NAMES):
            values[name] = next((words[name] for words in cleaned if name in words), "")
        return cls(**values)

    def to_dict(self) -> dict[str, str]:
        """Give the view as link parameters, the empty ones too."""
        return asdict(self)

    def change(self, **changes: str) -> Self:
        """Give a copy with some parts changed; other data has other runs and people, another user another list, another run other knobs."""
        changed = {name for name, value in changes.items() if getattr(self, name) != value}
        if changed & set(DATA_NAMES):
            changes = {"run": "", "user": "", "item": ""} | changes
        if "user" in changed:
            changes = {"item": ""} | changes
        if changed & {*DATA_NAMES, "run"}:
            changes = dict.fromkeys(KNOB_OF, "") | changes
        return replace(self, **changes)

    def only(self, *names: str) -> Self:
        """Give a copy that says these parts, the data and the theme, and nothing else."""
        return type(self)(**{name: getattr(self, name) for name in {*DATA_NAMES, "theme", *names}})

    @property
    def options(self) -> dict[str, Any]:
        """The reader's options.

        Raises:
            DataError: One isn't a number that should be.
        """
        options: dict[str, Any] = {}
        for name, kind in READER_OPTIONS.items():
            if text := getattr(self, name):
                try:
                    options[name.removeprefix("data_")] = kind(text)
                except ValueError as error:
                    raise DataError(f"{name}={text!r} must be a {'whole ' if kind is int else ''}number, such as 5") from error
        return options

    @property
    def is_dark(self) -> bool:
        """Whether figures are drawn for a dark page."""
        return self.theme == "dark"


VIEW_NAMES = tuple(item.name for item in fields(View))
DATA_NAMES = ("data", *READER_OPTIONS)
KNOB_OF = {item.name: item.metadata["knob"] for item in fields(View) if "knob" in item.metadata}
"""The three knobs of a view and the settings that they move."""


def _words(source: Mapping[str, Any]) -> dict[str, str]:
    given = {str(name).replace("-", "_"): value for name, value in source.items()}
    return {name: str(given[name]) for name in VIEW_NAMES if given.get(name) not in (None, "", [])}
