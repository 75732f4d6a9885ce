"""One door to every data set: a name or a folder, and later the same one again, in another process too."""

import hashlib
import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import Any

from srgformer_lab.data.dataset import Dataset, DataSource
from srgformer_lab.data.files import entries, existing_folder
from srgformer_lab.data.readers import INTERACTIONS, read_folder, read_mmrec
from srgformer_lab.errors import ConfigError, DataError

STUDIO = "studio"
"""The name of the built-in data set; a folder of that name is reached as ``./studio``."""


def open_data(path_or_name: str | Path, **options: Any) -> Dataset:
    """Open the built-in data set, ``studio``, or a folder in either layout.

    A folder with an ``.inter`` file goes to ``read_mmrec``, one with ``interactions.csv`` to ``read_folder``.

    Args:
        path_or_name: ``"studio"``, or where the folder lies.
        **options: The options of ``studio``, ``read_mmrec`` or ``read_folder``; one that is None counts as not given.

    Returns:
        The data set.

    Raises:
        DataError: There is no such folder, or it is not in order.
        ConfigError: The data set's reader has no such option, or not with that value.

    Examples:
        >>> lab.open_data("studio", n_users=100, n_interactions=1_500)
        Dataset(studio: 100 users × 240 items, 1,227/110/163, image[32], text[32])
    """
    if str(path_or_name) == STUDIO:
        return _read(STUDIO, "", options)
    path = existing_folder(path_or_name)
    return _read(layout_of(path), str(path), options)


def reopen(source: DataSource) -> Dataset:
    """Open a data set again, as it was opened.

    Raises:
        DataError: It was built by hand, or its folder is gone or no longer in order.
        ConfigError: The options are none of the reader's.
    """
    return _read(source.reader, source.path, source.options)


def chosen_options(source: DataSource) -> dict[str, Any]:
    """Return the options of a data set's reader that are not its defaults."""
    if source.reader == "memory":
        return dict(source.options)
    known = inspect.signature(_reader(source.reader)).parameters
    return {name: value for name, value in source.options.items() if name not in known or known[name].default != value}


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
    for part in (".", "features", "images"):
        with suppress(OSError), os.scandir(path / part) as listed:  # no such folder, or none that can be listed
            for entry in listed:
                try:
                    stat = entry.stat()
                except OSError:  # it went meanwhile, or is a link to nothing
                    found.append((part, entry.name))
                    continue
                if S_ISREG(stat.st_mode):
                    found.append((part, entry.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev))
    return hashlib.sha256(repr(sorted(found)).encode("utf-8", "surrogatepass")).hexdigest()


def source_state(source: DataSource) -> str:
    """Return ``folder_state`` of where a data set came from; what no folder holds never changes.

    Raises:
        DataError: The folder is gone.
    """
    return folder_state(source.path) if source.path else ""


def layout_of(folder: Path) -> str:
    """Return which layout a folder has: ``mmrec`` or ``folder``.

    Raises:
        DataError: It has neither or both.
    """
    inter, plain = entries(folder, "*.inter"), os.path.lexists(folder / INTERACTIONS)
    if inter and plain:
        raise DataError(f"{folder} holds {inter[0].name} and {INTERACTIONS}, which are two layouts; keep one of the two")
    if not inter and not plain:
        raise DataError(f"{folder} holds no data set: neither {INTERACTIONS} nor a .inter file; add one, or give the folder that holds it")
    return "mmrec" if inter else "folder"


def _read(reader: str, path: str, options: Mapping[str, Any]) -> Dataset:
    function = _reader(reader)
    known = [name for name in inspect.signature(function).parameters if name != "folder"]
    if unknown := sorted(name for name in options if name not in known):
        raise ConfigError(f"{function.__name__} has no option {', '.join(unknown)}; its options are {', '.join(known)}")
    given = {name: value for name, value in options.items() if value is not None}
    return (function if reader == STUDIO else partial(function, path))(**given)


def _reader(name: str) -> Callable[..., Dataset]:
    if name == STUDIO:
        from srgformer_lab.data.studio import studio  # folders need none of it

        return studio
    readers = {"mmrec": read_mmrec, "folder": read_folder}
    if name in readers:
        return readers[name]
    if name == "memory":
        raise DataError("a data set built by hand can't be opened again; save it in a folder and read it from there")
    raise DataError(f"no reader is called {name!r}; there are {', '.join((STUDIO, *readers))}")
