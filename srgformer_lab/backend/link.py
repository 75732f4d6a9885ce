"""What is looked at, in the words of a link: read once from strings, then carried with its types."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self
from urllib.parse import quote, unquote, urlencode

from srgformer_lab.config import READER_OPTIONS, WORLD_OPTIONS
from srgformer_lab.data.dataset import DataSource
from srgformer_lab.data.source import chosen_options
from srgformer_lab.errors import DataError

STUDIO, SHIPPED, SHIPPED_FOUND = "studio", "shipped", "shipped-found"
SHIPPED_RUNS: Mapping[str, str] = {SHIPPED: "studio", SHIPPED_FOUND: "studio_found"}
"""What a link calls the runs that come with the package, and the presets that they were trained by."""
SEED = "data_seed"
"""What a link calls the option ``seed`` of a reader, so that it can't be taken for that of a training."""
OPTION_KINDS: Mapping[str, type] = {
    SEED if name == "seed" else name: kind for name, (kind, _) in {**READER_OPTIONS, **WORLD_OPTIONS}.items()
}
"""The options of the readers, as a link calls them."""
NUMBERS: Mapping[Callable[[str], Any], str] = {int: "a whole number, such as 5", float: "a number, such as 0.5"}


@dataclass(frozen=True)
class Link:
    """Data, run, user, item and knobs. What is empty or None is left to the default: built-in data, best run, trained knobs."""

    data: str = ""
    """``studio``, or the path of a folder."""
    min_rating: str = ""
    k_core: str = ""
    split: str = ""
    duplicates: str = ""
    data_seed: str = ""
    layout: str = ""
    columns: str = ""
    encoding: str = ""
    dates: str = ""
    events: str = ""
    ids: str = ""
    n_users: str = ""
    n_items: str = ""
    n_groups: str = ""
    n_interactions: str = ""
    noise: str = ""
    image_signal: str = ""
    text_signal: str = ""
    run: str = ""
    """The name of a run folder, or one of ``SHIPPED_RUNS``."""
    user: str = ""
    item: str = ""
    alpha: float | None = field(default=None, metadata={"knob": "attention_scale", "read": float})
    beta: float | None = field(default=None, metadata={"knob": "hypergraph_scale", "read": float})
    tau: float | None = field(default=None, metadata={"knob": "membership_temperature", "read": float})
    epoch: int | None = field(default=None, metadata={"read": int})
    """Weights of this epoch of the run; None for the best."""
    modality: str = ""
    hyperedge: int | None = field(default=None, metadata={"read": int})
    """A hyperedge of the modality, by its number."""
    cohort: str = ""
    """A group of users, by the length of their history."""
    items: tuple[str, ...] = field(default=(), metadata={"read": lambda text: split_names(text)})
    """Items that were chosen together."""
    runs: tuple[str, ...] = field(default=(), metadata={"read": lambda text: split_names(text)})
    """Runs that are compared with ``run``."""
    theme: str = ""
    unread: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """Sentences about the parameters that could not be read."""
    typed: str = field(default="", compare=False, repr=False)
    """The path of data that could not be opened, to be mended where it is typed."""

    @classmethod
    def of(cls, *sources: Mapping[str, Any]) -> Self:
        """Read link parameters or command-line arguments.

        The first source that names the data decides about data and reader options together; for the rest, the first that names it.
        """
        given = [_known_words(source) for source in sources]
        about_data = next((words for words in given if "data" in words), {})
        values: dict[str, Any] = {name: about_data[name] for name in DATA_NAMES if name in about_data}
        unread = []
        for name in (name for name in LINK_NAMES if name not in DATA_NAMES):
            text = next((words[name] for words in given if name in words), "")
            read = FIELDS[name].metadata.get("read", str)
            try:
                values[name] = read(text) if text else FIELDS[name].default
            except ValueError:
                instead = "the trained value" if name in KNOB_OF else "the default"
                unread.append(f"{name}={shortened(text)} can't be: it must be {NUMBERS[read]}. You see {instead}.")
        return cls(**values, unread=tuple(unread))

    def to_params(self) -> dict[str, str]:
        """Return all link parameters as strings, the empty ones too."""
        return {name: _written(getattr(self, name)) for name in LINK_NAMES}

    def address(self, page: str = "") -> str:
        """Return what stands behind the app's address: ``?…``."""
        return "?" + urlencode({name: text for name, text in (self.to_params() | {"page": page}).items() if text})

    def change(self, **changes: Any) -> Self:
        """Return a copy with some parts changed, without what no longer fits: other data has other people, another user another list."""
        changed = {name for name, value in changes.items() if getattr(self, name) != value}
        for causes, forgotten in FORGOTTEN:
            if changed & causes:
                changes = {name: FIELDS[name].default for name in forgotten} | changes
        if changed & {*DATA_NAMES}:
            changes = {**changes, "typed": ""}
        return replace(self, **changes)

    def only(self, *names: str) -> Self:
        """Return a copy that says these parts, the data and the theme, and nothing else."""
        return type(self)(**{name: getattr(self, name) for name in {*DATA_NAMES, "theme", *names}})

    def to_source(self, source: DataSource) -> Self:
        """Return a copy that opens a data set as it was opened once."""
        options = {SEED if name == "seed" else name: _written(value) for name, value in chosen_options(source).items()}
        return replace(self, **dict.fromkeys(DATA_NAMES, "") | options | {"data": source.path or source.reader})

    @property
    def knobs(self) -> dict[str, float]:
        """The knobs that the link moves, by their names in a configuration."""
        return {knob: value for name, knob in KNOB_OF.items() if (value := getattr(self, name)) is not None}

    @property
    def options(self) -> dict[str, Any]:
        """The reader's options.

        Raises:
            DataError: One isn't a number that should be.
        """
        options: dict[str, Any] = {}
        for name, kind in OPTION_KINDS.items():
            if text := getattr(self, name):
                try:
                    options["seed" if name == SEED else name] = kind(text)
                except ValueError as error:
                    raise DataError(f"{name}={shortened(text)} must be {NUMBERS[kind]}") from error
        return options

    @property
    def is_dark(self) -> bool:
        """Whether figures are drawn for a dark page."""
        return self.theme == "dark"


FIELDS = {item.name: item for item in fields(Link) if item.name not in ("unread", "typed")}
LINK_NAMES = tuple(FIELDS)
DATA_NAMES = ("data", *OPTION_KINDS)
KNOB_OF = {name: item.metadata["knob"] for name, item in FIELDS.items() if "knob" in item.metadata}
"""The three knobs of a link and the settings that they move."""
OF_RUN = (*KNOB_OF, "epoch", "hyperedge")
FORGOTTEN = (
    ({*DATA_NAMES}, ("run", "user", "item", "modality", "cohort", "items", "runs", *OF_RUN)),
    ({"run"}, OF_RUN),
    ({"user"}, ("item",)),
    ({"modality"}, ("hyperedge",)),
)
"""What a change makes meaningless."""


def join_names(names: Iterable[str]) -> str:
    """Put several ids or names into one word of a link."""
    return ",".join(quote(name, safe="") for name in names)


def split_names(word: str) -> tuple[str, ...]:
    """Return the ids or names that ``join_names`` put together."""
    return tuple(unquote(name) for name in word.split(",") if name)


def shortened(text: str, most: int = 80) -> str:
    """Quote what somebody typed, for a message."""
    return repr(text if len(text) <= most else f"{text[:most]}…")


def _written(value: Any) -> str:
    """Write one part of a link so that it is read back as it was."""
    if isinstance(value, tuple):
        return join_names(value)
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return "" if value is None else str(value)


def _known_words(source: Mapping[str, Any]) -> dict[str, str]:
    given = {str(name).replace("-", "_"): value for name, value in source.items()}
    return {name: str(given[name]) for name in LINK_NAMES if given.get(name) not in (None, "", [])}
