"""What is being looked at, in the words of a link."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self
from urllib.parse import quote, unquote

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
    epoch: str = ""
    """Weights of this epoch of the run; empty for the best."""
    modality: str = ""
    hyperedge: str = ""
    """A hyperedge of the modality, by its number."""
    cohort: str = ""
    """A group of users, by the length of their history."""
    items: str = ""
    """Items that were chosen together: their ids, put together by ``joined``."""
    runs: str = ""
    """Runs that are compared with ``run``, put together likewise."""
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
        """Return the view as link parameters, the empty ones too."""
        return asdict(self)

    def change(self, **changes: str) -> Self:
        """Return a copy with some parts changed, without what no longer fits: other data has other people, another user another list."""
        changed = {name for name, value in changes.items() if getattr(self, name) != value}
        for causes, forgotten in FORGOTTEN:
            if changed & causes:
                changes = dict.fromkeys(forgotten, "") | changes
        return replace(self, **changes)

    def only(self, *names: str) -> Self:
        """Return a copy that says these parts, the data and the theme, and nothing else."""
        return type(self)(**{name: getattr(self, name) for name in {*DATA_NAMES, "theme", *names}})

    @property
    def chosen_items(self) -> tuple[str, ...]:
        """The ids of the items that were chosen together."""
        return _parted(self.items)

    @property
    def compared_runs(self) -> tuple[str, ...]:
        """The names of the runs that are compared with the view's run."""
        return _parted(self.runs)

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
OF_RUN = (*KNOB_OF, "epoch", "hyperedge")
FORGOTTEN = (
    ({*DATA_NAMES}, ("run", "user", "item", "modality", "cohort", "items", "runs", *OF_RUN)),
    ({"run"}, OF_RUN),
    ({"user"}, ("item",)),
    ({"modality"}, ("hyperedge",)),
)
"""What a change makes meaningless."""


def joined(names: Iterable[str]) -> str:
    """Put several ids or names into one word of a link."""
    return ",".join(quote(name, safe="") for name in names)


def _parted(word: str) -> tuple[str, ...]:
    return tuple(unquote(name) for name in word.split(",") if name)


def _words(source: Mapping[str, Any]) -> dict[str, str]:
    given = {str(name).replace("-", "_"): value for name, value in source.items()}
    return {name: str(given[name]) for name in VIEW_NAMES if given.get(name) not in (None, "", [])}
