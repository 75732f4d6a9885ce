"""What visitors may open and start: built-in worlds of a size that a link may ask for, and in a class (``--serve``) what is on its list.

Since anybody can make up keys, what is bounded for a visitor is bounded for an address too, and for all together. Whatever acts asks
here; that a page shows no button is no bound.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from srgformer_lab.backend import dropped, visitors
from srgformer_lab.backend.link import DATA_NAMES, OPTION_KINDS, SHIPPED_RUNS, STUDIO, Link
from srgformer_lab.backend.visitors import Visitor, visitor
from srgformer_lab.config import Config, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError, DataError, LabError, RunError
from srgformer_lab.training.estimate import Estimate, estimate, pass_bytes
from srgformer_lab.training.records import UNFINISHED
from srgformer_lab.training.run import RUNS, Run

MOST_EPOCHS = 60
MOST_WIDTH = 64
MOST_STARTED = 10
"""Trainings that a visitor may start in all, one after another."""
MOST_STARTED_BY_ALL = 300
MOST_GOING_OF_ONE = 3
"""Trainings of one address that run or wait at once."""
MOST_TRAINING_SECONDS, MOST_TRAINING_BYTES = 3600.0, 2 * 10**9
"""What one training may be expected to take."""
MOST_PASS_BYTES = 150 * 10**6
"""What the pass of a run that pages open may take; a server keeps some twenty."""
MOST_TASKS_OF_ONE, MOST_TASKS_OF_ADDRESS = 4, 10
"""Long computations that go on or wait, of a visitor and of an address."""
ANY_EPOCHS = 10_000
MOST_OF_WORLD: Mapping[str, int] = MappingProxyType({"n_users": 20_000, "n_items": 4_000, "n_interactions": 1_000_000})
"""A built-in world of a link has at most so many; it is made while the page waits."""
WIDTHS = (16, 32, 64, 128, 256)


@dataclass
class _Class:
    """What a class has: its data, the runs that were there before it, and who started what since."""

    choices: dict[str, dict[str, str]]
    offered: frozenset[str]
    started: list[tuple[Visitor, Run]]


_class: _Class | None = None
_lock = Lock()


def arrival(params: Mapping[str, Any], arguments: Mapping[str, Any], key: str = "", address: str = "") -> Link:
    """Read what a visitor sees first, from the link and then from the command line; ``--serve`` there makes the app one for a class.

    Args:
        params: The parameters of the address.
        arguments: What the app was started with; ``serve`` is one folder, several in one text, or a list.
        key: What the visitor's browser is known by: 32 hexadecimal digits that nobody can guess. Anything else is no key.
        address: Where the visitor's requests come from, where that is known.

    Raises:
        ConfigError: A folder of ``--serve`` is followed by something that is no option of a reader.
    """
    if "serve" not in arguments:
        return Link.of(params, arguments)
    open_class(arguments["serve"])
    visitors.note_visitor(key, address)
    link = Link.of(params)
    known = next((words for label, words in data_choices().items() if link.data in (label, words["data"], Path(words["data"]).name)), None)
    has_options = any(getattr(link, name) for name in OPTION_KINDS)
    return replace(link, **known) if known and link.data and not has_options else link


def open_class(given: object) -> None:
    """Make the app one for a class, the first time that somebody comes; the runs that are there then are the teacher's.

    Raises:
        ConfigError: A folder is followed by something that is no option of a reader.
    """
    global _class
    with _lock:
        if _class is None:
            choices = read_choices(given if isinstance(given, list) else str(given or "").split())
            names = [folder.name for folder in RUNS.iterdir()] if RUNS.is_dir() else []
            _class = _Class(choices, frozenset(names), [])


def is_class() -> bool:
    """Return whether the app is one for a class."""
    return _class is not None


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
        if unknown := sorted(set(options) - set(OPTION_KINDS)):
            raise ConfigError(f"--serve {text}: {', '.join(unknown)} is no option of a data folder; there are {', '.join(OPTION_KINDS)}")
        about = f" ({', '.join(f'{name} {value}' for name, value in options.items())})" if options else ""
        label = f"{Path(path).name}{about}"
        choices[label if label not in choices else f"{path}{about}"] = usual | {"data": path} | options
    return choices


def data_choices() -> dict[str, dict[str, str]]:
    """Name the data sets that visitors choose from, each with its words of a link; empty where any folder may be typed in."""
    return dict(_class.choices) if _class else {}


def may_manage() -> bool:
    """Return whether visitors may rename and delete runs: not in a class, where the folder belongs to all."""
    return not is_class()


def may_steer(run: Run) -> bool:
    """Return whether this visitor may stop, resume and turn a run: in a class only one that they have started."""
    return not is_class() or run.path in (own.path for own in _own_runs())


def check_owner(run: Run) -> None:
    """Refuse to act on another visitor's run.

    Raises:
        RunError: It is another's.
    """
    if not may_steer(run):
        raise RunError(f"run {run.name} is another visitor's; in a class each goes on with their own")


def is_offered(name: str) -> bool:
    """Return whether a run may be shown to those who chose none: in a class what comes with the package or was there before it."""
    return _class is None or name in SHIPPED_RUNS or name in _class.offered


def most_epochs() -> int:
    """Return how many epochs a visitor may ask for."""
    return MOST_EPOCHS if is_class() else ANY_EPOCHS


def widths() -> list[int]:
    """List the widths that a visitor may choose from."""
    return [width for width in WIDTHS if not is_class() or width <= MOST_WIDTH]


def check_data(link: Link) -> None:
    """Refuse data that is neither on the list nor was dropped here.

    Raises:
        DataError: The link names other data, or other options of its reader.
    """
    wanted = {name: getattr(link, name) for name in DATA_NAMES}
    wanted["data"] = wanted["data"] or STUDIO
    if is_class() and wanted not in data_choices().values() and not dropped.is_kept(link.data):
        about = " ".join(f"{name}={value}" for name, value in wanted.items() if value)
        raise DataError(f"{about} is not open to this class; choose {' or '.join(data_choices())} on the first page")


def check_world(options: Mapping[str, Any]) -> None:
    """Refuse a built-in world that would take long to make.

    Raises:
        DataError: One of its sizes is greater than a link may ask for.
    """
    for name, most in MOST_OF_WORLD.items():
        if options.get(name, 0) > most:
            raise DataError(f"{name}={options[name]:,} is too much for a link; ask for at most {most:,}")


def check_sizes(model: Config, train: TrainConfig) -> None:
    """Refuse settings of a training beyond what a form of a class offers.

    Raises:
        ConfigError: It has more epochs or a greater width than visitors may ask for.
    """
    if not is_class():
        return
    for name, value, most in (("epochs", train.epochs, MOST_EPOCHS), ("embedding_dim", getattr(model, "embedding_dim", 0), MOST_WIDTH)):
        if value > most:
            raise ConfigError(f"{name}={value} is too much for a class; choose at most {most}, so that everybody gets a turn")


def check_cost(data: Dataset, model: Config, train: TrainConfig) -> Estimate:
    """Return what a training is expected to take, unless that is more than a class has to give.

    Raises:
        ConfigError: Its time or memory, or that of opening it later, is too much for a class; or the machine has no such device.
    """
    expected = estimate(data, model, train)
    amounts = (
        ("{:,.0f} minutes", 1 / 60, expected.seconds_at_most, MOST_TRAINING_SECONDS),
        ("{:.2g} GB of memory", 1e-9, expected.memory_bytes, MOST_TRAINING_BYTES),
        ("{:.2g} GB of memory to look into", 1e-9, pass_bytes(data, model), MOST_PASS_BYTES),
    )
    for words, unit, amount, most in amounts if is_class() else ():
        if not amount <= most:
            about, limit = words.format(amount * unit), words.format(most * unit)
            raise ConfigError(
                f"this takes about {about}, and in a class the most is {limit}; choose fewer hyperedges, heads, layers or epochs, "
                "so that everybody gets a turn"
            )
    return expected


def can_open(data: Dataset, model: Config) -> bool:
    """Return whether pages may load a run of such a model: in a class one that leaves memory for all."""
    return not is_class() or pass_bytes(data, model) <= MOST_PASS_BYTES


def check_opening(data: Dataset, run: Run) -> None:
    """Refuse to load a run that would take the memory of all visitors.

    Raises:
        RunError: It is too large to be opened in a class.
    """
    if not can_open(data, run.config.model):
        size, most = (f"{amount / 1e9:.2g} GB" for amount in (pass_bytes(data, run.config.model), MOST_PASS_BYTES))
        raise RunError(f"run {run.name} takes about {size} of memory to look into, and in a class the most is {most}; choose another")


def check_turn(resumed: Run | None = None) -> None:
    """Refuse a training to a visitor or an address that has one going, or has had enough; ``resumed`` is one that goes on.

    Raises:
        RunError: This visitor may start none now, or the run is another's.
    """
    if resumed is not None:
        check_owner(resumed)
    if _class is None:
        return
    own, here = _own_runs(), visitor()
    if going := next(filter(_is_going, own), None):
        status = going.status()
        state = f"{status.state} ({status.message})" if status.state == "queued" and status.message else status.state
        raise RunError(f"your training {going.name} is still {state}; in a class each has one at a time: wait, or stop it")
    if sum(_is_going(run) for other, run in _class.started if here.is_near(other)) >= MOST_GOING_OF_ONE:
        raise RunError(f"{MOST_GOING_OF_ONE} trainings of your machine run or wait; in a class that is the most: wait until one has ended")
    if resumed is None and len(own) >= MOST_STARTED:
        raise RunError(f"you have started {len(own)} trainings, and in a class that is the most; look at those that there are")
    if resumed is None and len(_class.started) >= MOST_STARTED_BY_ALL:
        raise RunError(f"this class has started {len(_class.started)} trainings, and that is the most; look at those that there are")


def check_share(n_waiting: int, most: int) -> None:
    """Keep the last half of the queue for machines that have nothing in it.

    Raises:
        RunError: Another training of this visitor's machine runs or waits, and half of the places are taken.
    """
    here = visitor()
    if _class and 2 * n_waiting >= most and any(here.is_near(other) and _is_going(run) for other, run in _class.started):
        raise RunError("a training of your machine runs or waits; the other places are for those who have none: wait for its end")


def check_tasks(others: Iterable[Visitor]) -> None:
    """Refuse one more long computation to who has several going; ``others`` are those who asked for what goes on or waits.

    Raises:
        LabError: This visitor, or their machine, has enough going.
    """
    if not is_class():
        return
    here, names = visitor(), list(others)
    own, near = sum(other.name == here.name for other in names), sum(map(here.is_near, names))
    if own >= MOST_TASKS_OF_ONE or near >= MOST_TASKS_OF_ADDRESS:
        raise LabError(f"{max(own, near)} long computations of yours go on or wait; in a class that is the most: wait until one has ended")


def note_start(run: Run) -> None:
    """Remember that this visitor has started a run."""
    if _class:
        _class.started.append((visitor(), run))


def _own_runs() -> list[Run]:
    name = visitor().name
    return [run for other, run in _class.started if other.name == name] if _class else []


def _is_going(run: Run) -> bool:
    with suppress(RunError):  # its folder is gone
        return run.status().state in UNFINISHED
    return False
