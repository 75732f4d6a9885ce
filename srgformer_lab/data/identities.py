"""Ids as people write them: spaces around them go, rows without one are left out, and what is nearly the same is asked about."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np

from srgformer_lab.data.problems import Problems, counted
from srgformer_lab.data.tables import Table, numbered, positions
from srgformer_lab.data.values import NOTHING, by_unique

IDS = ("exact", "match", "from1")
"""``exact``: as they stand. ``match``: leading zeros, ``.0``, case and Unicode form don't count. ``from1``: feature rows count from 1."""
_AROUND = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff]+|[\s\u200b-\u200f\u2060\ufeff]+$")
"""Spaces, those without a width and a file's mark among them."""
_FORMULA = re.compile(r'="([^"]*)"')
"""How people keep a spreadsheet from taking an id for a number."""
PEOPLE = frozenset(("anonymous", "anon", "guest", "unknown", "gast", "unbekannt", "invité", "invitado", "not logged in", "(not set)"))
"""Ids that stand for whoever has none."""
ROUNDED = re.compile(r"\d(\.\d+)?E\+\d\d", re.IGNORECASE)
NO_ID = NOTHING - {"-", "?"}
MANY = 0.05
"""From this share of ids on that nearly equal another, it is asked whether they are the same; below, it is only said."""


def core_of(name: str) -> str:
    """Return an id without leading zeros, a ``.0`` at its end, case and Unicode form."""
    text = unicodedata.normalize("NFC", name).strip().casefold()
    text = re.sub(r"(?<=\d)\.0+$", "", text)
    return text.lstrip("0") or "0" if text.isdigit() else text


def with_ids(table: Table, columns: Sequence[str], words: dict[str, str], problems: Problems) -> Table:
    """Clean the columns of ids: spaces around them go, and rows without one are left out.

    Args:
        table: What to clean.
        columns: The columns of ids.
        words: What the file calls each.
        problems: Where it is said what was done.

    Raises:
        DataError: More than half of the rows have no id, and problems are not collected.
    """
    for column in columns:
        cells = table[column]
        codes, uniques = numbered(cells)
        for pattern, by, what in ((_AROUND, "", "spaces around"), (_FORMULA, r"\1", "a spreadsheet's signs of a text around")):
            bare = [pattern.sub(by, name) for name in uniques]
            if changed := [name for name, left in zip(uniques, bare, strict=True) if name != left]:
                problems.note(f"{table.file}: {what} {words[column]} are left out, as in {changed[0]!r}")
                uniques = np.array(bare, dtype=object)
                cells = uniques[codes]
                table = table.with_columns(**{column: cells})
        without = np.array([name in NO_ID for name in uniques], dtype=bool)[codes] if len(uniques) else np.zeros(0, bool)
        if without.sum() > 0.5 * len(without):
            what = f"no {words[column]} in {int(without.sum()):,} of {len(without):,} rows"
            table = problems.drop(table, without, lambda _, what=what: what, f"give every interaction a {words[column]}")
            continue
        table = problems.leave_out(table, without, lambda row, cells=cells, column=column: f"without a {words[column]} ({cells[row]!r})")
    return table


def note_nobody(table: Table, problems: Problems) -> None:
    """Say that an id which stands for people without one counts as one user."""
    codes, uniques = numbered(table["user_id"])
    counts = np.bincount(codes, minlength=len(uniques))
    for name, count in zip(uniques, counts, strict=True):
        if name.casefold() in PEOPLE and count > 1:
            what = f"{table.file}: {count:,} of {len(codes):,} rows are of {name!r}, which counts as one user"
            problems.note(f"{what}; remove them if it stands for many people")


def ask_about_rounding(table: Table, column: str, word: str, problems: Problems, how: str | None) -> None:
    """Ask about ids that a spreadsheet has rounded, which several items or users may share since."""
    if how is not None:
        return
    rounded = by_unique(table[column], lambda cells: np.array([bool(ROUNDED.fullmatch(cell)) for cell in cells], dtype=bool)).astype(bool)
    if rounded.any():
        example = table[column][int(np.argmax(rounded))]
        problems.question(
            "ids",
            f"{table.file}: {counted(int(rounded.sum()), 'row')} with a {word} such as {example!r}, which a spreadsheet has rounded: "
            "different ids may have become one; export the table again with ids as text",
            {"'exact'": "takes them as they stand"},
        )


def merged_ids(table: Table, column: str, word: str, problems: Problems, how: str | None) -> Table:
    """Ask about ids of one column that differ by leading zeros, ``.0``, case or Unicode form, or make them one if asked to."""
    uniques = numbered(table[column])[1]
    groups: dict[str, list[str]] = defaultdict(list)
    for name in uniques:
        groups[core_of(name)].append(name)
    alike = [names for names in groups.values() if len(names) > 1]
    if not alike or how in ("exact", "from1"):
        return table
    n_alike = sum(map(len, alike))
    if how == "match":
        first = {name: names[0] for names in alike for name in names}
        problems.note(f"{table.file}: {n_alike:,} ids became {len(alike):,}, such as {' and '.join(map(repr, alike[0][:3]))}")
        return table.with_columns(**{column: by_unique(table[column], lambda cells: np.array([first.get(c, c) for c in cells], object))})
    example = " and ".join(map(repr, alike[0][:3]))
    what = f"{table.file}: {n_alike:,} of {len(uniques):,} different {word} nearly equal another, such as {example}"
    if n_alike < MANY * len(uniques):
        problems.note(f"{what}; they count as different (ids='match' makes them the same)")
    else:
        problems.question("ids", what, {"'exact'": "if they are different", "'match'": "if they are the same"})
    return table


def matched(names: Collection[str], known: Sequence[str]) -> dict[str, str]:
    """Return, for names that are not known, the one known id that they nearly equal."""
    place = positions(known, list(names))
    unknown = [name for name, found in zip(names, place, strict=True) if found < 0]
    if not unknown:
        return {}
    by_core: dict[str, list[str]] = defaultdict(list)
    for name in known:
        by_core[core_of(name)].append(name)
    near = {name: by_core.get(core_of(name), []) for name in unknown}
    return {name: names[0] for name, names in near.items() if len(names) == 1}


def to_known(table: Table, known: Sequence[str], where: str, problems: Problems, how: str | None) -> Table:
    """Hold item ids against those of the catalogue; near matches are asked about, or taken if asked to."""
    uniques = list(numbered(table["item_id"])[1])
    near = matched(uniques, known) if how in (None, "match") else {}
    if not near:
        return table
    if how == "match":
        name, other = next(iter(near.items()))
        problems.note(f"{table.file}: {len(near):,} item ids are matched with {where}, such as {name!r} with {other!r}")
        return table.with_columns(item_id=by_unique(table["item_id"], lambda cells: np.array([near.get(c, c) for c in cells], object)))
    name, other = next(iter(near.items()))
    rows = int(np.isin(table["item_id"], list(near)).sum()) if len(near) < 10_000 else len(table)
    problems.question(
        "ids",
        f"{table.file}: item id {name!r} is not in {where}, but {other!r} is; "
        f"{counted(len(near), 'id')} like this in {counted(rows, 'row')}",
        {"'match'": "if they are the same", "'exact'": "if they are different"},
    )
    return table
