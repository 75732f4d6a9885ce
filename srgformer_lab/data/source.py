"""One door to every data set: a name or a folder, and later the same one again, in another process too."""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from stat import S_ISREG
from typing import Any

from srgformer_lab.data.dataset import Dataset, DataSource
from srgformer_lab.data.files import existing_folder
from srgformer_lab.data.layouts import Listing, layouts
from srgformer_lab.data.readers import read_layout, refuse_unknown_options
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.errors import ConfigError, DataError

STUDIO = "studio"
"""The name of the built-in data set; a folder of that name is reached as ``./studio``."""
RECOGNIZED = ("folder", "mmrec")
"""Layouts that a link need not name, since version 0.1.0 named none."""


def open_data(path_or_name: str | Path, **options: Any) -> Dataset:
    """Open the built-in data set, ``studio``, or a folder in any layout that is known.

    What changes no meaning is done, and said in the data set's ``reading``: separators, encodings, dates, repeats. What changes meaning
    is asked, by a ``DataError`` that names the option which answers it.

    Args:
        path_or_name: ``"studio"``, or where the folder lies.
        **options: The options of ``studio``, or for a folder those below; one that is None counts as not given.

            - ``min_rating``: keep interactions with at least this rating; all by default.
            - ``k_core``: then keep the largest part in which every user and every item has this many interactions.
            - ``split``: where no file says it, ``"protocol"`` holds back a random fifth of each user, ``"time"`` the newest fifth.
            - ``duplicates``: what to do with a user and item that stand twice: ``"merge"`` keeps the latest, of equally old
              ones the highest rated, of those the first, before any filter; ``"error"`` refuses them.
            - ``seed``: what the protocol's shuffling starts from.
            - ``layout``: the layout's name, where it is not to be recognised.
            - ``columns``: which columns are what, such as ``"user=buyer,item=sku,time="``; numbers for a file without a header.
            - ``encoding``: of the text files, where it is neither UTF-8 nor UTF-16 nor Western.
            - ``dates``: ``"day-first"`` or ``"month-first"``, where dates can be read in both ways.
            - ``events``: the kinds of events to keep, divided by commas, or ``"all"``.
            - ``ids``: ``"exact"`` takes ids as they stand; to ``"match"``, leading zeros, ``.0``, case and Unicode form don't count;
              ``"from1"`` says that ids which are rows of features count from 1.

    Returns:
        The data set.

    Raises:
        DataError: There is no such folder, it is not in order, or it leaves open what only its owner knows.
        ConfigError: The data set's reader has no such option, or not with that value.

    Examples:
        >>> lab.open_data("studio", n_users=100, n_interactions=1_500)
        Dataset(studio: 100 users × 240 items, 1,227/110/163, image[32], text[32])
    """
    given = {name: value for name, value in options.items() if value is not None}
    if str(path_or_name) == STUDIO:
        return _studio(given, options)
    path = existing_folder(path_or_name)
    refuse_unknown_options("open_data", options)
    return read_layout(path, **given)


def reopen(source: DataSource) -> Dataset:
    """Open a data set again, as it was opened: nothing is asked.

    Raises:
        DataError: It was built by hand, or its folder is gone or no longer in order.
        ConfigError: The options are none of the reader's.
    """
    if source.reader == STUDIO:
        return _studio(source.options, source.options)
    _check_reader(source.reader)
    return read_layout(source.path, source.reader, ask=False, **source.options)


def chosen_options(source: DataSource) -> dict[str, Any]:
    """Return the options of a data set's reader that are not its defaults."""
    if source.reader == "memory":
        return dict(source.options)
    if source.reader == STUDIO:
        from srgformer_lab.data.studio import studio

        known = {name: parameter.default for name, parameter in inspect.signature(studio).parameters.items()}
    else:
        _check_reader(source.reader)
        known = {field.name: field.default for field in fields(ReadingOptions)}
    chosen = {name: value for name, value in source.options.items() if name not in known or known[name] != value}
    return chosen if source.reader in (STUDIO, *RECOGNIZED) else {**chosen, "layout": source.reader}


def source_from_dict(values: Mapping[str, Any]) -> DataSource:
    """Build a source from the dictionary that ``DataSource.to_dict`` gave.

    Raises:
        DataError: It is no such dictionary.
    """
    kinds = {"reader": str, "path": str, "options": Mapping}
    if not isinstance(values, Mapping) or set(values) != set(kinds) or not all(isinstance(values[name], kinds[name]) for name in kinds):
        raise DataError(f"a data source must say reader, path and options, not {values!r}; take it from DataSource.to_dict")
    return DataSource(values["reader"], values["path"], dict(values["options"]))


def folder_state(folder: str | Path) -> str:
    """Return a text that changes whenever a file that a reader may read is added, removed, rewritten or replaced, also by an older one.

    It is made of what the file system says of each file: its name, size, number, and when content and entry last changed. Nothing is
    opened, so that a cache can ask at every turn.

    Raises:
        DataError: There is no such folder.
    """
    path, found = existing_folder(folder), []
    for name, file in Listing(path).files.items():
        try:
            stat = file.stat()
        except OSError:  # it went meanwhile, or is a link to nothing
            found.append((name,))
            continue
        if S_ISREG(stat.st_mode):
            found.append((name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev))
    return hashlib.sha256(repr(sorted(found)).encode("utf-8", "surrogatepass")).hexdigest()


def source_state(source: DataSource) -> str:
    """Return ``folder_state`` of where a data set came from; what no folder holds never changes.

    Raises:
        DataError: The folder is gone.
    """
    return folder_state(source.path) if source.path else ""


def _world() -> Callable[..., Dataset]:
    from srgformer_lab.data.studio import studio  # folders need none of it

    return studio


def _studio(given: Mapping[str, Any], options: Mapping[str, Any]) -> Dataset:
    studio = _world()
    known = list(inspect.signature(studio).parameters)
    if unknown := sorted(name for name in options if name not in known):
        raise ConfigError(f"studio has no option {', '.join(unknown)}; its options are {', '.join(known)}")
    return studio(**given)


def _check_reader(name: str) -> None:
    if name == "memory":
        raise DataError("a data set built by hand can't be opened again; save it in a folder and read it from there")
    if name not in (known := layouts()):
        raise DataError(f"no reader is called {name!r}; there are {', '.join((STUDIO, *known))}")
