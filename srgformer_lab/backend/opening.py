"""Data that somebody brings: looked through before it is opened, what only its owner knows asked by controls, kept as a plain folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.backend import dropped, limits
from srgformer_lab.backend.background import BackgroundTask
from srgformer_lab.backend.inventory import SMALL_WIDTH
from srgformer_lab.backend.link import DATA_NAMES, SEED, STUDIO, Link
from srgformer_lab.data.check import Report, check
from srgformer_lab.data.columns import OTHERS, ROLES, read_columns
from srgformer_lab.data.delimited import without_names
from srgformer_lab.data.dialects import Wanted
from srgformer_lab.data.files import existing_folder
from srgformer_lab.data.importing import import_data
from srgformer_lab.data.layouts import Listing, layouts
from srgformer_lab.data.pictures import open_picture
from srgformer_lab.data.reading_options import RULES, WAYS_WITH_DUPLICATES, with_options_as
from srgformer_lab.data.records import columns_of, is_table
from srgformer_lab.data.source import folder_state
from srgformer_lab.errors import DataError
from srgformer_lab.models.protocol import Watch

QUICK_BYTES, QUICK_FILES = 10**7, 500
"""What is not larger is looked through while the page waits."""
MOST_NAMES = 300
"""Columns that a control offers."""
AS_FOUND = "as it is recognised"
ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr")
COLUMN = "column_of_"
"""Begins the names of the controls that together say ``columns``."""
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "min_rating": "Ratings from",
        "k_core": "Fewest interactions",
        "events": "Kinds of events",
        "dates": "Dates",
        "ids": "Ids",
        "layout": "Layout",
        "encoding": "Encoding",
        "split": "Split",
        "duplicates": "Repeated pairs",
        SEED: "Seed of the split",
        **{f"{COLUMN}{role}": f"Column of {role}" for role in ROLES},
        **{f"{COLUMN}{part}": f"File of {part}" for part in OTHERS},
    }
)
"""What the page calls each option of a reader."""
CHOICES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "dates": {AS_FOUND: "", "day first": "day-first", "month first": "month-first"},
        "ids": {
            AS_FOUND: "",
            "as they stand": "exact",
            "without leading zeros, .0 and case": "match",
            "rows of features count from 1": "from1",
        },
        "encoding": {AS_FOUND: "", **{name: name for name in ENCODINGS}},
        "split": {f"by the {name}" if name != "time" else "the newest held back": name for name in RULES},
        "duplicates": {"the latest stays": WAYS_WITH_DUPLICATES[0], "refused": WAYS_WITH_DUPLICATES[1]},
    }
)


_seen: dict[str, dict[str, tuple[str, ...]]] = {}
"""What is seen of the tables of folders that are being looked through, by folder and file."""


@dataclass(frozen=True)
class Control:
    """How a page asks for one option."""

    name: str
    label: str
    value: str = ""
    choices: Mapping[str, str] | None = None
    """What may be chosen: words and the value that they stand for; any text without."""
    kinds: Sequence[str] = ()
    """What several may be chosen of."""
    what: str = ""
    """Why it is asked, where only the data's owner knows the answer."""


def look_through(link: Link) -> BackgroundTask[Report]:
    """Return the task that looks a link's folder through as ``srgformer-lab check`` does; it is done at once where the folder is small.

    Raises:
        DataError: There is no such folder, an option is no number, or the folder is not open to this class.
    """
    limits.check_data(link)
    options, path = link.options, existing_folder(link.data)
    files = Listing(path).files.values()
    is_quick = len(files) <= QUICK_FILES and sum(file.stat().st_size for file in files if file.is_file()) <= QUICK_BYTES
    key = ("look through", str(path), *options.items(), folder_state(path))

    def compute(watch: Watch) -> Report:
        seen = _seen[str(path)] = {}  # whoever looks at the same folder at the same time sees the same

        def hear(sentence: str) -> None:
            file, _, rest = sentence.partition(": ")
            seen[file] = (seen[file][0], rest) if file in seen else (rest,)

        try:
            return check(path, hear, **options)
        finally:
            _seen.pop(str(path), None)

    return BackgroundTask(key, compute, is_quick)


def seen_so_far(link: Link) -> list[str]:
    """Return what is seen of a folder's tables while it is looked through, a sentence a table: how they are read, and how far."""
    try:
        seen = dict(_seen.get(str(existing_folder(link.data)), {}))
    except DataError:  # it went meanwhile
        return []
    return [f"{file}: {'; '.join(parts)}" for file, parts in seen.items()]


def question_controls(report: Report) -> list[Control]:
    """Return a control for each option that a report asks for."""
    asked: dict[str, Control] = {}
    for question in report.questions:
        before = asked.get(question.option, Control(question.option, LABELS[question.option], choices={}))
        answers = {f"{_bare(answer)}: {meaning}": _bare(answer) for answer, meaning in question.answers.items()}
        what = f"{before.what}; {question.what}" if before.what else question.what
        asked[question.option] = replace(before, choices={**(before.choices or {}), **answers}, kinds=question.kinds, what=what)
    return list(asked.values())


def reader_controls(link: Link, without: Sequence[str] = ()) -> list[Control]:
    """Return a control for every option of a folder's reader, as the link has it; some may be left out."""
    tables = _tables(link)
    names = list(dict.fromkeys(name for columns in tables.values() for name in columns))[:MOST_NAMES]
    said = read_columns(link.columns or None)
    controls = []
    for name, label in LABELS.items():
        role = name.removeprefix(COLUMN)
        value = getattr(link, name) if role == name else ("-" if role in said and not said[role] else said.get(role, ""))
        choices: Mapping[str, str] | None = CHOICES.get(name)
        if name == "layout":
            choices = {AS_FOUND: "", **{f"{layout.about} ({layout.name})": layout.name for layout in layouts().values()}}
        elif role != name:
            offered = list(tables) if role in OTHERS else names
            choices = {AS_FOUND: "", **({} if role in OTHERS else {"none": "-"}), **{one: one for one in offered}}
        if choices is not None and value not in choices.values():
            choices = {**choices, value: value} if value else choices
            value = value or next(iter(choices.values()))
        controls.append(Control(name, label, value, choices))
    return [control for control in controls if control.name not in without]


def answered(link: Link, values: Mapping[str, Any]) -> Link:
    """Return a link with what its controls say."""
    words = {name: ",".join(value) if isinstance(value, list) else str(value or "").strip() for name, value in values.items()}
    roles = {name.removeprefix(COLUMN): words.pop(name) for name in list(words) if name.startswith(COLUMN)}
    said = ",".join(f"{role}={'' if name == '-' else name}" for role, name in roles.items() if name)
    usual = {name: "" for name in ("split", "duplicates") if words.get(name) == next(iter(CHOICES[name].values()))}
    return replace(link, **words | usual | ({"columns": said} if roles else {}))


def in_page_words(text: str) -> str:
    """Return a message with the options of readers as the page's controls are called: “Ratings from” 1 for ``min_rating=1``."""

    def write(name: str, value: str) -> str:
        bare = _bare(value)
        if name != "columns":
            return f"“{LABELS[SEED if name == 'seed' else name]}” {bare}"
        pairs = [part.partition("=") for part in bare.split(",")]
        return ", ".join(f"“{LABELS.get(COLUMN + role, role)}” {name or 'none'}" for role, _, name in pairs)

    return with_options_as(text, write)


def first_cards(report: Report) -> pd.DataFrame:
    """Return a report's first interactions with the picture of each item, empty where there is none."""
    return report.first.assign(picture=[_thumbnail(picture) for picture in report.pictures])


def drop(files: Sequence[tuple[str, bytes]]) -> Link:
    """Keep files that were dropped on a page, and return the link that looks at them.

    Raises:
        DataError: They are too large or too many, two have one name, or a class may not drop them.
    """
    try:
        return Link(data=str(dropped.keep_files(files, limits.is_class())))
    except OSError as error:
        raise DataError(f"the files can't be kept ({error.strerror or error}); make room, or type the path of their folder") from error


def dropped_bytes() -> int:
    """Return how many bytes files that are dropped together may have."""
    return dropped.MOST_BYTES_IN_CLASS if limits.is_class() else dropped.MOST_BYTES


def must_be_saved(link: Link) -> bool:
    """Return whether data was dropped here and would be gone, and its runs with it, when the app ends."""
    return dropped.is_kept(link.data) and not limits.is_class()


def may_save() -> bool:
    """Return whether visitors may write folders: not in a class."""
    return not limits.is_class()


def proposed_output(link: Link) -> str:
    """Return the path of a folder that does not exist yet, to save the data in."""
    stem = f"my_{Path(link.data).name}"
    return str(next(path for path in (Path(stem if n == 1 else f"{stem}_{n}") for n in range(1, 1000)) if not path.exists()))


def save(link: Link, output: str) -> Link:
    """Write a link's data as a plain folder, and return the link that opens it.

    Raises:
        DataError: The data leaves something open, the output is in use or can't be written, or this is a class.
        ConfigError: The link has no such option, or not with that value.
    """
    if not may_save():
        raise DataError("in a class no folder is written; open the data instead")
    if not output.strip():
        raise DataError("there is no folder to save in; type its path, such as my_shop")
    limits.check_data(link)
    try:
        written = import_data(link.data, output.strip(), **link.options)
    except (OSError, RuntimeError) as error:
        raise DataError(f"{output} can't be written ({getattr(error, 'strerror', None) or error}); choose another folder") from error
    return Link(data=str(written.output))


def words_of(link: Link) -> dict[str, str]:
    """Return what a link says of its data, the options that it leaves open too, so that none of other data stays."""
    return {name: getattr(link, name) for name in DATA_NAMES}


def built_in() -> dict[str, str]:
    """Return what a link says of the built-in data."""
    return words_of(Link(data=STUDIO))


def _tables(link: Link) -> dict[str, list[str]]:
    """Return the columns of a folder's tables, by file; their numbers where a file has no header."""
    listing, found = Listing(existing_folder(link.data)), {}
    for name in [name for name in listing.files if is_table(name) and not name.startswith("features/")][:MOST_NAMES]:
        columns = columns_of(listing.files[name], Wanted(encoding=link.encoding or None))
        found[name] = [str(place) for place in range(1, len(columns) + 1)] if without_names(columns) else columns
    return found


def _bare(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value


def _thumbnail(picture: Path | bytes | None) -> str:
    try:
        return "" if picture is None else plots.thumbnail_uri(open_picture(picture, 4 * SMALL_WIDTH), SMALL_WIDTH)
    except OSError:  # it went meanwhile
        return ""
