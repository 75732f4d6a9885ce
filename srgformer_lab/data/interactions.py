"""Interactions from whatever files have them: read, their columns recognised, cleaned, and noted what was done."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from srgformer_lab.data.columns import QUANTITIES, not_found, plain, roles_of
from srgformer_lab.data.delimited import no_header, without_names
from srgformer_lab.data.identities import ask_about_rounding, merged_ids, note_nobody, with_ids
from srgformer_lab.data.layouts import SPLIT_PARTS, Layout, Listing
from srgformer_lab.data.parts import SPLITS
from srgformer_lab.data.problems import Problems, few
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.data.records import columns_of, read_any
from srgformer_lab.data.summary import without_summary
from srgformer_lab.data.tables import Table, as_cells, numbered
from srgformer_lab.data.values import bought_or_not, by_unique, unknown, with_ratings, with_times
from srgformer_lab.errors import ConfigError, DataError

ROLES = ("user", "item", "rating", "time", "split", "event")
COLUMN_OF = {"user": "user_id", "item": "item_id", "time": "timestamp"}
LABELS = {
    **dict.fromkeys(("train", "training", "0", "0.0"), 0),
    **dict.fromkeys(("valid", "validation", "val", "dev", "1", "1.0"), 1),
    **dict.fromkeys(("test", "testing", "2", "2.0"), 2),
}
SHARD = re.compile(r"-\d{5}-of-\d{5}$")
"""Ends the names of files that are one table in parts."""
CLOCKS, DAYS = frozenset(("time", "zeit", "uhrzeit", "heure", "hora")), frozenset(("date", "datum", "day", "tag", "fecha", "orderdate"))
"""Names of columns that may hold a time of day alone, and of those that hold its day."""
_CLOCK = re.compile(r"(\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp]\.?[Mm]\.?)?)?")
_QUANTITIES = {plain(name) for name in QUANTITIES}
MATRIX = 10
"""A table of so many columns, none of them of items, may have a column an item."""
MOST_KINDS = 30
"""A column with more different cells says something else than what a user did."""


def read_interactions(
    listing: Listing, layout: Layout, files: Mapping[str, Sequence[str]], options: ReadingOptions, problems: Problems
) -> Table | None:
    """Read all interactions into the columns user_id, item_id and, where known, rating, timestamp and split (codes).

    Raises:
        DataError: A file has a problem, or a question is open, and problems are not collected.
        ConfigError: An option asks for what isn't there.
    """
    if len(several := [name for name in files.get("interactions", ()) if not SHARD.search(name.split(".")[0])]) > 1:
        problems.add(
            f"{listing.root} holds {len(several)} tables of interactions, {few(several)}; keep one, or give each a folder of its own"
        )
        return None
    tables = []
    for part in ("interactions", *SPLIT_PARTS):
        for file in files.get(part, ()):
            table = _read(listing, layout, part, file, options, problems)
            if table is None:
                return None
            if part != "interactions":
                table = table.with_columns(split=np.full(len(table), SPLIT_PARTS.index(part), np.int8))
            tables.append(table)
    table = _joined(tables)
    before = len(problems.found)
    words = {"user_id": "user_id", "item_id": "item_id"} if layout.name == "folder" else {"user_id": "user", "item_id": "item"}
    for column, word in words.items():
        ask_about_rounding(table, column, word, problems, options.ids)
    table = with_ids(table, list(words), words, problems)
    if not len(table) and not problems.found:
        problems.add(f"{table.file}: no row is left of those that were read; the notes above say why each was left out")
        return None
    table = merged_ids(table, "user_id", "user ids", problems, options.ids)
    note_nobody(table, problems)
    table = _of_events(table, options.events, problems)
    table = with_ratings(table, problems)
    table = with_times(table, problems, options.dates)
    _ask_about_dislikes(table, options.min_rating, problems)
    table = _with_split_codes(table, layout, problems)
    return None if not len(table) and len(problems.found) > before else table


def _read(listing: Listing, layout: Layout, part: str, file: str, options: ReadingOptions, problems: Problems) -> Table | None:
    path = listing.files[file]
    problems.used.add(file)
    given = options.given
    roles: dict[str, str] = {}
    if layout.read is not None:
        try:
            table = layout.read(path, problems)
        except DataError as error:
            problems.add(str(error))
            return None
        except OSError as error:
            problems.add(f"{path.name} can't be read ({error.strerror}); check what it is and its permissions")
            return None
        if table is not None:
            problems.note(f"{file}: {len(table):,} rows, {table.form}")
        return table

    def choose(header: Sequence[str]) -> list[str]:
        roles.update(roles_of(header, ROLES, layout.columns, given))
        bought = [name for name in header if plain(name) in _QUANTITIES]
        days = [name for name in header if plain(roles.get("time", "")) in CLOCKS and plain(name) in DAYS]
        return list(header) if layout.prepare else list(dict.fromkeys([*roles.values(), *bought, *days]))

    wanted = layout.wanted("interactions", file, choose=choose, columns=_usual(layout))
    if any(name.isdigit() for role, name in given.items() if role in ROLES) and not wanted.header:
        wanted = replace(wanted, header=[str(place) for place in range(1, len(columns_of(path, wanted)) + 1)])
    table = read_any(path, wanted, problems)
    if table is None:
        return None
    table = without_summary(table, [name for role, name in roles.items() if role in ("user", "item")], problems)
    if layout.prepare is not None:
        table = layout.prepare(table, "interactions")
        roles = roles_of(list(table.columns), ROLES, layout.columns, given)
    if missing := not_found({role: name for role, name in given.items() if role in ("user", "item")}, {file: table.names}):
        raise ConfigError(missing)
    if not {"user", "item"} <= set(roles):
        problems.add(_without_columns(path.name, table, roles))
        return None
    table = _with_day(table, roles, problems)
    _without_folds(table, roles, given, problems)
    _note_roles(file, table, roles, problems)
    table = _of_what_happened(table, roles, problems)
    if part != "interactions" and "split" in roles:
        table = _of_part(table, part, roles.pop("split"), problems)
    columns = {COLUMN_OF.get(role, role): table[name] for role, name in roles.items()}
    return Table(path.name, columns, table.rows, table.form, table.names)


def _with_day(table: Table, roles: Mapping[str, str], problems: Problems) -> Table:
    """Put the day before the time of day, where two columns say when it was."""
    clock = roles.get("time", "")
    day = next((name for name in table.columns if plain(name) in DAYS), None)
    if day is None or plain(clock) not in CLOCKS or not all(_CLOCK.fullmatch(cell.strip()) for cell in numbered(table[clock])[1]):
        return table
    problems.note(f"{table.file}: {day} and {clock} together say when it was")
    whole = [f"{on} {at}".strip() for on, at in zip(table[day], table[clock], strict=True)]
    return table.with_columns(**{clock: as_cells(whole)})


def _of_what_happened(table: Table, roles: Mapping[str, str], problems: Problems) -> Table:
    """Return the rows without those that repeat the header, as tables do that were put together, and without what was brought back."""
    user, item = roles["user"], roles["item"]
    if not user.isdigit():  # numbers stand for the columns of a table without a header
        again = [by_unique(table[name], lambda cells, name=name: cells == name).astype(bool) for name in (user, item)]
        table = problems.leave_out(table, again[0] & again[1], lambda _: "which repeat the header")
    bought = next((name for name in table.columns if plain(name) in _QUANTITIES and name not in roles.values()), None)
    if bought is None:
        return table
    cells = table[bought]
    signs = by_unique(cells, bought_or_not)
    if (strange := np.isnan(signs) & ~unknown(cells)).any():
        row = int(np.argmax(strange))
        problems.note(
            f"{table.file}: {strange.sum():,} rows have a {bought} that is no number, such as {cells[row]!r}; they count as bought"
        )
    return problems.leave_out(table, signs <= 0, lambda row: f"whose {bought} is 0 or less, such as {cells[row]!r}: brought back")


def _without_folds(table: Table, roles: dict[str, str], given: Mapping[str, str], problems: Problems) -> None:
    """Take no split from a column of folds, whose numbers are parts of a cross-validation, unless it was said to be one."""
    fold = roles.get("split", "")
    if plain(fold) == "fold" and "split" not in given and all(cell.strip().isdigit() for cell in numbered(table[fold])[1]):
        del roles["split"]
        remedy = f"columns='split={fold}' takes 0, 1 and 2 as train, valid and test"
        problems.note(f"{table.file}: {fold} holds numbers, as parts of a cross-validation, and is not used; {remedy}")


def _of_part(table: Table, part: str, column: str, problems: Problems) -> Table:
    """Return the rows of a split's own file, without those that a column in it puts into another split."""
    codes = by_unique(table[column], lambda cells: np.array([LABELS.get(cell.strip().casefold(), -1) for cell in cells]))
    if len(set(codes)) < 2:
        return table
    return problems.leave_out(table, codes != SPLIT_PARTS.index(part), lambda row: f"whose {column} is {table[column][row]}, not {part}")


def _usual(layout: Layout) -> list[str]:
    return [(layout.columns.get(role) or (usual,))[0] for role, usual in (("user", "user_id"), ("item", "item_id"))]


def _without_columns(file: str, table: Table, roles: Mapping[str, str]) -> str:
    missing = ", ".join(COLUMN_OF[role] for role in ("user", "item") if role not in roles)
    header = list(table.names)
    if without_names(header):
        return no_header(file, header)
    role, name = ("user", "NAME") if "user" not in roles else ("item", "NAME")
    if len(header) == 1:
        return (
            f"{file}: row 1: nothing that is known divides its cells, which were read as {table.form}: {header[0]!r}; "
            "save it with commas, semicolons or tabs between them"
        )
    if "user" in roles and "item" not in roles and len(header) >= MATRIX:
        return (
            f"{file}: row 1: no column item_id among {few(header, 8)}; if each column is an item, write a row for each pair instead, "
            f"as pandas does it: table.melt({roles['user']!r}, var_name='item_id', value_name='rating').dropna()"
        )
    return (
        f"{file}: row 1: no column {missing} among {few(header, 40)}, which was read as {table.form}; "
        f"name the columns so, or say which is which: columns='{role}={name}'"
    )


def _note_roles(file: str, table: Table, roles: Mapping[str, str], problems: Problems) -> None:
    taken = ", ".join(f"{name} as {role}" if name != role else name for role, name in roles.items())
    bought = [name for name in table.columns if plain(name) in _QUANTITIES and name not in roles.values()][:1]
    taken += "".join(f", {name} to see what was brought back" for name in bought)
    rest = [name for name in table.names if name not in (*roles.values(), *bought)]
    unread = f"; not used: {few(rest, 12)}" if rest else ""
    problems.note(f"{file}: {len(table):,} rows, {table.form}: {taken}{unread}")


def _joined(tables: Sequence[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    shared = [name for name in tables[0].columns if all(name in table for table in tables)]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in shared}
    return Table(few([table.file for table in tables], 3), columns, np.concatenate([table.rows for table in tables]))


def _of_events(table: Table, events: str | None, problems: Problems) -> Table:
    """Keep the kinds of events that were asked for; ask where there are several and none was."""
    if "event" not in table:
        if events is not None:
            raise ConfigError(
                f"events={events!r} needs a column of events, and {table.file} has none; leave it out, or say columns='event=NAME'"
            )
        return table
    codes, kinds = numbered(table["event"])
    counts = np.bincount(codes, minlength=len(kinds))
    named = {kind: int(count) for kind, count in sorted(zip(kinds, counts, strict=True), key=lambda pair: -pair[1])}
    if events is not None and events != "all":
        wanted = [kind.strip() for kind in events.split(",")]
        if strange := [kind for kind in wanted if kind not in named]:
            raise ConfigError(f"events={events!r}: no row of {table.file} is a {strange[0]!r}; there are {few(list(named), 20)}, and all")
        kept = np.isin(codes, [place for place, kind in enumerate(kinds) if kind in wanted])
        return problems.leave_out(table, ~kept, lambda _: f"which are no {' and no '.join(wanted)}")
    if 1 < len(named) <= MOST_KINDS and events is None:
        listed = few([f"{kind!r} ({count:,})" for kind, count in named.items()], 8)
        last = min(named, key=lambda kind: named[kind])
        problems.question(
            "events",
            f"{table.file}: {len(named)} kinds of events, {listed}",
            {repr(last): "to learn from these alone (several: divided by commas)", "'all'": "if each counts as much as another"},
            list(named),
        )
    return table


def _ask_about_dislikes(table: Table, min_rating: float | None, problems: Problems) -> None:
    """Ask where ratings may hold dislikes: below zero, nothing but 0 and 1, or 0 in a longer scale."""
    if "rating" not in table or min_rating is not None:
        return
    rating = table["rating"][np.isfinite(table["rating"])]
    if not len(rating) or rating.min() > 0 or rating.min() == rating.max():
        return
    low, high = rating.min(), rating.max()
    n_low = int((rating <= 0).sum())
    above = float(rating[rating > 0].min())
    what = f"{table.file}: ratings go from {low:g} to {high:g}, and {n_low:,} of {len(rating):,} are {'0' if low == 0 else '0 or less'}"
    meaning = "a dislike, or that nothing was rated" if low == 0 else "a dislike"
    problems.question(
        "min_rating",
        f"{what}, which may say {meaning}",
        {f"{above:g}": "to leave them out", f"{low:g}": "if each row is something that was liked"},
    )


def _with_split_codes(table: Table, layout: Layout, problems: Problems) -> Table:
    """Turn the split's labels, if there are any, into positions in ``SPLITS``."""
    if "split" not in table or table["split"].dtype != object:
        return table
    labels = table["split"]
    codes = by_unique(labels, lambda cells: np.array([LABELS.get(cell.strip().casefold(), -1) for cell in cells])).astype(np.int8)
    name = (layout.columns.get("split") or ("split",))[0]
    known = "0 (train), 1 (valid), 2 (test)" if name == "x_label" else "train, valid, test"
    others = sorted({label for label in pd.unique(labels) if label not in (*SPLITS, "0", "1", "2")})
    if others and (codes >= 0).all():
        problems.note(f"{table.file}: {few([f'{label} is {SPLITS[LABELS[label.strip().casefold()]]}' for label in others])}")
    blank = unknown(labels)
    if blank.all():
        return replace(table, columns={name: cells for name, cells in table.columns.items() if name != "split"})
    remedy = f"write one of {known}, or remove the column"
    return problems.drop(table.with_columns(split=codes), codes < 0, lambda row: f"{name} {labels[row]!r} is no split", remedy)
