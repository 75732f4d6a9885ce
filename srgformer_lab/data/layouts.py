"""What a layout of data folders is, and which there are: how one is recognised, and which of its files and columns is what."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

from srgformer_lab.data.delimited import is_number
from srgformer_lab.data.dialects import Wanted
from srgformer_lab.data.problems import Problems, few
from srgformer_lab.data.records import UNQUOTED, columns_of, ending, fault_of, is_table
from srgformer_lab.data.tables import Table
from srgformer_lab.errors import ConfigError, DataError, UnknownIdError

ANSWERS = "answers.json"
"""Where a folder that was imported keeps what its owner answered."""
DEEPEST = 4
"""So many folders below a data folder are looked through."""
MOST_FILES = 2_000_000
MOST_LOOKED_AT = 20
"""Tables of a folder that nothing is recognised in are looked at, to say what is wrong with them."""
JUNK = ("._", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", ".~lock", "~$")
"""Beginnings of names that systems leave behind and that hold no data."""
NO_FOLDERS = (".npy", ".npz", ".pt", ".jpg", ".jpeg", ".png", ".webp", ".gif")
"""Endings, beside those of tables, that no folder has: one of such a name is in a file's place."""
PARTS = ("interactions", "train", "valid", "test", "items")
SPLIT_PARTS = PARTS[1:4]


class Listing:
    """The files of a data folder, by their paths inside of it; what systems leave behind is not among them."""

    def __init__(self, root: Path) -> None:
        """Look through the folder.

        Raises:
            DataError: It can't be listed, or holds more files than a data set has.
        """
        self.root = root
        self.files: dict[str, Path] = {}
        self.outside: list[str] = []
        """Links that lead out of the folder."""
        self._walk(root, "", 0)
        self.files = dict(sorted(self.files.items()))

    def _walk(self, folder: Path, inside: str, depth: int) -> None:
        try:
            found = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if depth:
                return
            raise DataError(f"{folder} can't be listed ({error.strerror}); check its permissions") from error
        for entry in found:
            if entry.name.startswith((*JUNK, ".")):
                continue
            name = inside + entry.name
            if entry.is_symlink() and not self._is_inside(Path(entry.path)):
                self.outside.append(name)
            is_inner = _is_folder(entry) and not (entry.is_symlink() and name in self.outside)
            if is_inner and not is_table(name) and ending(name) not in NO_FOLDERS:
                if depth < DEEPEST:
                    self._walk(Path(entry.path), f"{name}/", depth + 1)
            else:
                self.files[name] = Path(entry.path)
            if len(self.files) > MOST_FILES:
                raise DataError(f"{self.root} holds more than {MOST_FILES:,} files; give the folder of the data set alone")

    def _is_inside(self, path: Path) -> bool:
        try:
            return path.resolve().is_relative_to(self.root.resolve())
        except (OSError, RuntimeError):
            return False

    def matching(self, pattern: str) -> list[str]:
        """Return the files of a pattern, whatever their case, also those packed by gzip."""
        wanted = pattern.casefold()
        return [
            name for name, plain in self._plain[wanted.count("/")] if fnmatch(plain, wanted) or fnmatch(plain.removesuffix(".gz"), wanted)
        ]

    @cached_property
    def _plain(self) -> Mapping[int, list[tuple[str, str]]]:
        """The files and their names whatever their case, by the number of folders that they lie in."""
        found = defaultdict(list)
        for name in self.files:
            found[name.count("/")].append((name, name.casefold()))
        return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


@dataclass(frozen=True)
class Layout:
    """One way in which data lies in a folder: file names to recognise it by, and which column is what.

    Columns that are called as people usually call them (``user_id``, ``Customer ID``, ``rating``, ``date``, ``title``, …) need not be
    named. Files that are packed by gzip are found under their unpacked names.
    """

    name: str
    """What ``layout=`` and ``--layout`` call it."""
    about: str
    """Whose layout it is, in words."""
    interactions: Sequence[str] = ()
    """Patterns of the table of interactions; the first that a folder has counts, with all files that match it."""
    splits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Instead: patterns of ``train``, ``valid`` and ``test``, where each is a file of its own."""
    items: Sequence[str] = ()
    """Patterns of the table of items, if there is one."""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names that the columns of interactions have here, by role: user, item, rating, time, split, event."""
    item_columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The same for the table of items: item, title, text, image."""
    text: Sequence[str] = ()
    """Columns of items that make up their text, joined in this order."""
    leave: Sequence[str] = ()
    """Columns of items that are not kept as details."""
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The columns of files that have no header, by part: interactions, train, valid, test, items."""
    needs: Sequence[str] = ()
    """Columns that the interactions must have for the layout to be recognised; a beginning with ``:`` is an end that some column has."""
    separator: str = ","
    encoding: str | None = None
    rows_are_ids: bool = False
    """Whether an item's id is the number of its row in the matrices of features."""
    encode: bool = True
    """Whether the built-in encoders make features of pictures and texts where there are none."""
    read: Callable[[Path, Problems], Table | None] | None = None
    """Reads the interactions, where they are no table of pairs."""
    prepare: Callable[[Table, str], Table] | None = None
    """Changes a table after it was read, given its part: interactions or items."""
    join: Callable[[Table, Table | None], Table] | None = None
    """Changes the interactions by what the items say."""

    def find(self, listing: Listing, given: Mapping[str, str] | None = None) -> dict[str, list[str]]:
        """Return a folder's files by part, or nothing where the folder does not have this layout.

        Args:
            listing: The folder.
            given: What the user says of files and columns.

        Returns:
            Paths inside of the folder: of ``interactions``, or of ``train``, ``valid`` and ``test``, and of ``items``.
        """
        if given and {"interactions", "items"} & set(given):  # whose files these are, is known: any table of pairs
            return {}
        wanted: dict[str, Sequence[str]] = {"interactions": self.interactions, **self.splits, "items": self.items}
        found: dict[str, list[str]] = {}
        for part in PARTS:
            for pattern in wanted.get(part, ()):
                if names := [name for name in listing.matching(pattern) if not any(name in others for others in found.values())]:
                    found[part] = names
                    break
        main = found.get("interactions") or found.get("train")
        if not main or ("interactions" not in found and "test" not in found):
            return {}
        if self.needs:
            columns = columns_of(listing.files[main[0]], self.wanted("interactions", main[0]))
            if not all(any(name.endswith(need) if need.startswith(":") else name == need for name in columns) for need in self.needs):
                return {}
        return found

    def wanted(self, part: str, file: str, **more: Any) -> Wanted:
        """Return what is known of a file before it is read.

        Args:
            part: What it is: ``interactions``, ``items`` or a split.
            file: Its path inside of the folder.
            **more: What else is known of it.

        Returns:
            How to read it.
        """
        quotes = ending(file) not in UNQUOTED
        separator = self.separator if part != "items" or self.separator != "\t" or not quotes else ","
        return Wanted(**{"separator": separator, "quotes": quotes, "encoding": self.encoding, "header": self.headers.get(part, ()), **more})


_added: dict[str, Layout] = {}
"""What users have added, the newest first."""


def add_layout(layout: Layout) -> None:
    """Add a layout, or put another in the place of one of its name; it is tried before those that there are already.

    Args:
        layout: How it is recognised, and which file and column is what.

    Raises:
        ConfigError: It names no file of interactions, or its name is no plain word.
    """
    if not isinstance(layout, Layout) or not layout.name.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"{getattr(layout, 'name', layout)!r} must be a Layout whose name is a plain word, such as 'bookshop'")
    if not layout.interactions and not {"train", "test"} <= set(layout.splits):
        raise ConfigError(f"layout {layout.name} must name the file of interactions, or those of train and test")
    others = {name: one for name, one in _added.items() if name != layout.name}
    _added.clear()
    _added.update({layout.name: layout} | others)


def layouts() -> dict[str, Layout]:
    """Return all layouts by name, in the order in which they are tried."""
    from srgformer_lab.data.known_layouts import LAYOUTS

    return {**_added, **{layout.name: layout for layout in LAYOUTS if layout.name not in _added}}


def recognized(listing: Listing, name: str | None = None, given: Mapping[str, str] | None = None) -> tuple[Layout, dict[str, list[str]]]:
    """Return the layout that a folder has, and its files by part.

    Args:
        listing: The folder.
        name: The layout to take, if it is said.
        given: What the user says of files and columns.

    Raises:
        DataError: It has none, or has two that are equally sure.
        UnknownIdError: There is no such layout.
    """
    known = layouts()
    if name is not None:
        if name not in known:
            raise UnknownIdError("layout", name, known)
        if not (found := known[name].find(listing, given)):
            raise DataError(_missing(listing, known[name]))
        return known[name], found
    fitting = [(layout, found) for layout in known.values() if (found := layout.find(listing, given))]
    if not fitting:
        raise DataError(_nothing(listing))
    names = [layout.name for layout, _ in fitting]
    if {"folder", "mmrec"} <= set(names[:2]):
        (file, *_), (other, *_) = (found["interactions"] for layout, found in fitting[:2])
        raise DataError(
            f"{listing.root} holds {other} and {file}, which are two layouts; keep one of the two, or say layout='folder' or layout='mmrec'"
        )
    return fitting[0]


def _missing(listing: Listing, layout: Layout) -> str:
    """Say which file a layout lacks."""
    files = layout.interactions[:1] or [patterns[0] for part, patterns in layout.splits.items() if part != "valid"]
    if not files:
        no_table = "no table has a column of users and one of items"
        return f"{listing.root} is not in the layout {layout.name}: {no_table}; say columns='user=NAME,item=NAME'"
    return f"{' or '.join(files)} is missing in {listing.root}, or not as in {layout.about}; add it, or leave the layout to be recognised"


def _nothing(listing: Listing) -> str:
    """Say that a folder holds no data set, and what it holds instead."""
    pickles = [name for name in listing.files if name.lower().endswith((".pkl", ".pickle"))]
    below = sorted({name.split("/")[0] for name in listing.files if "/" in name})
    inner = [name for name in below if any(layout.find(Listing(listing.root / name)) for layout in layouts().values())]
    archives = [
        name for name in listing.files if name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz", ".rar", ".7z", ".bz2", ".xz", ".zst"))
    ]
    tables = [name for name in listing.files if is_table(name)]
    words = f"{listing.root} holds no data set: neither interactions.csv nor a .inter file, nor anything else that is known"
    if inner:
        return f"{words}; but its folder {inner[0]} does, so give {listing.root / inner[0]}"
    if archives:
        return f"{words}; unpack {archives[0]} and give the folder that holds its files"
    if pickles:
        stem = Path(pickles[0]).stem
        return (
            f"{words}; {pickles[0]} is a pickle, which is never opened since it may run code. If you trust it, convert it in Python: "
            f"import pickle, scipy.sparse; scipy.sparse.save_npz('{stem}.npz', pickle.load(open('{pickles[0]}', 'rb')))"
        )
    for name in tables[:MOST_LOOKED_AT]:
        if fault := fault_of(listing.files[name], Wanted()):
            return f"{listing.root} holds no data set: {fault}"
    if tables:
        first = columns_of(listing.files[tables[0]], Wanted())
        number = "; if that is a row and no header, number them: columns='user=1,item=2'" if any(map(is_number, first)) else ""
        columns = [f"{name} has the columns {few(columns_of(listing.files[name], Wanted()), 8) or 'nothing'}" for name in tables[:2]]
        remedy = f"Say which are what, such as columns='user=NAME,item=NAME', or give the folder that holds it{number}"
        return f"{words}; {'; '.join(columns)}. {remedy}"
    return f"{words}; add one, or give the folder that holds it"
