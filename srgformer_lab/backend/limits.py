"""What visitors may open and start: built-in worlds of a size that a link may ask for, and in a class (``--serve``) what is on its list.

A visitor is a browser, known by a key that it alone has, so that a reloaded page keeps its trainings. Without a key a visitor is a
thread: marimo gives each page its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread, current_thread
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary

from srgformer_lab.backend.link import DATA_NAMES, READER_OPTIONS, STUDIO, Link
from srgformer_lab.config import Config, TrainConfig
from srgformer_lab.errors import ConfigError, DataError, RunError
from srgformer_lab.training.run import UNFINISHED, Run

MOST_EPOCHS = 60
MOST_WIDTH = 64
MOST_STARTED = 10
"""Trainings that a visitor may start in all, one after another."""
ANY_EPOCHS = 10_000
MOST_OF_WORLD: Mapping[str, int] = MappingProxyType({"n_users": 20_000, "n_items": 4_000, "n_interactions": 1_000_000})
"""A built-in world of a link has at most so many; it is made while the page waits."""
KEY = re.compile("[0-9a-f]{32}")
WIDTHS = (16, 32, 64, 128, 256)

_choices: dict[str, dict[str, str]] = {}
_started: WeakKeyDictionary[Thread, list[Run]] = WeakKeyDictionary()
_started_by: dict[str, list[Run]] = {}


def arrival(params: Mapping[str, Any], arguments: Mapping[str, Any], key: str = "") -> Link:
    """Read what a visitor sees first, from the link and then from the command line; ``--serve`` there makes the app one for a class.

    Args:
        params: The parameters of the address.
        arguments: What the app was started with; ``serve`` is one folder, several in one text, or a list.
        key: What the visitor's browser is known by: 32 hexadecimal digits that nobody can guess. Anything else is no key.

    Raises:
        ConfigError: A folder of ``--serve`` is followed by something that is no option of a reader.
    """
    if "serve" not in arguments:
        return Link.of(params, arguments)
    if not _choices:
        given = arguments["serve"]
        _choices.update(read_choices(given if isinstance(given, list) else str(given or "").split()))
    if KEY.fullmatch(key):
        _started[current_thread()] = _started_by.setdefault(key, [])
    link = Link.of(params)
    known = next((words for words in _choices.values() if words["data"] == link.data), None)
    return replace(link, **known) if known and not link.options else link


def read_choices(folders: Sequence[str]) -> dict[str, dict[str, str]]:
    """Name the data sets of a class, each with its words of a link; the built-in one comes first.

    Args:
        folders: ``my_shop``, or with options of its reader ``my_shop?min_rating=3.5&k_core=5``.

    Raises:
        ConfigError: There is something else than such options.
    """
    usual = dict.fromkeys(DATA_NAMES, "")
    choices = {"the built-in data": usual | {"data": STUDIO}}
    for text in (text for text in map(str, folders) if text):
        path, _, query = text.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if unknown := sorted(set(options) - set(READER_OPTIONS)):
            raise ConfigError(f"--serve {text}: {', '.join(unknown)} is no option of a data folder; there are {', '.join(READER_OPTIONS)}")
        about = f" ({', '.join(f'{name} {value}' for name, value in options.items())})" if options else ""
        label = f"{Path(path).name}{about}"
        choices[label if label not in choices else f"{path}{about}"] = usual | {"data": path} | options
    return choices


def data_choices() -> dict[str, dict[str, str]]:
    """Name the data sets that visitors choose from, each with its words of a link; empty where any folder may be typed in."""
    return dict(_choices)


def may_manage() -> bool:
    """Return whether visitors may rename and delete runs: not in a class, where the folder belongs to all."""
    return not _choices


def may_steer(run: Run) -> bool:
    """Return whether this visitor may stop, resume and turn a run: in a class only one that they have started."""
    return not _choices or run.path in (own.path for own in _own_runs())


def most_epochs() -> int:
    """Return how many epochs a visitor may ask for."""
    return MOST_EPOCHS if _choices else ANY_EPOCHS


def widths() -> list[int]:
    """List the widths that a visitor may choose from."""
    return [width for width in WIDTHS if not _choices or width <= MOST_WIDTH]


def check_data(link: Link) -> None:
    """Refuse data that is not on the list.

    Raises:
        DataError: The link names other data, or other options of its reader.
    """
    wanted = {name: getattr(link, name) for name in DATA_NAMES}
    wanted["data"] = wanted["data"] or STUDIO
    if _choices and wanted not in _choices.values():
        about = " ".join(f"{name}={value}" for name, value in wanted.items() if value)
        raise DataError(f"{about} is not open to this class; choose {' or '.join(_choices)} on the first page")


def check_world(options: Mapping[str, Any]) -> None:
    """Refuse a built-in world that would take long to make.

    Raises:
        DataError: One of its sizes is greater than a link may ask for.
    """
    for name, most in MOST_OF_WORLD.items():
        if options.get(name, 0) > most:
            raise DataError(f"{name}={options[name]:,} is too much for a link; ask for at most {most:,}")


def check_sizes(model: Config, train: TrainConfig) -> None:
    """Refuse a training that is too large for a class.

    Raises:
        ConfigError: It has more epochs or a greater width than visitors may ask for.
    """
    if not _choices:
        return
    for name, value, most in (("epochs", train.epochs, MOST_EPOCHS), ("embedding_dim", getattr(model, "embedding_dim", 0), MOST_WIDTH)):
        if value > most:
            raise ConfigError(f"{name}={value} is too much for a class; choose at most {most}, so that everybody gets a turn")


def check_turn(resumed: Run | None = None) -> None:
    """Refuse a training to a visitor who has one going, or has had enough new ones; ``resumed`` is one that goes on.

    Raises:
        RunError: This visitor may start none now, or the run is another's.
    """
    if resumed is not None and not may_steer(resumed):
        raise RunError(f"run {resumed.name} is another visitor's; in a class each goes on with their own")
    own = _own_runs() if _choices else []
    if going := next((run for run in own if run.path.is_dir() and run.status().state in UNFINISHED), None):
        raise RunError(f"your training {going.name} is still {going.status().state}; in a class each has one at a time: wait, or stop it")
    if resumed is None and len(own) >= MOST_STARTED:
        raise RunError(f"you have started {len(own)} trainings, and in a class that is the most; look at those that there are")


def note_start(run: Run) -> None:
    """Remember that this visitor has started a run."""
    _started.setdefault(current_thread(), []).append(run)


def _own_runs() -> list[Run]:
    return _started.get(current_thread(), [])
