"""Anybody's lists, read from a table of users, items and ranks or scores, and held against a data set; all that is done is said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from srgformer_lab.config import check_number
from srgformer_lab.data.columns import read_columns, roles_of
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.dialects import Wanted
from srgformer_lab.data.identities import matched, with_ids
from srgformer_lab.data.lists import HIDDEN, Lists, among, in_training
from srgformer_lab.data.parts import SPLITS
from srgformer_lab.data.problems import Problems, counted, few
from srgformer_lab.data.records import columns_of, read_any
from srgformer_lab.data.tables import Table, numbered, positions
from srgformer_lab.data.values import numbers
from srgformer_lab.errors import ConfigError, DataError

ROLES = ("user", "item", "rank", "score")
ORDERS: dict[str, tuple[str, ...]] = {
    "rank": ("rank", "Rank", "RANK", "position", "place"),
    "score": ("score", "Score", "SCORE", "rating", "prediction"),
}
"""What orders a list, and what such a column is called."""
MOST_PLACES = 100
LISTED_IDS = ("exact", "match")


def read_lists(
    path: str | Path,
    data: Dataset,
    *,
    columns: str | None = None,
    by: str | None = None,
    ids: str | None = None,
    k: int = MOST_PLACES,
) -> Lists:
    """Return the lists of a file, to be judged as a model is.

    The file has a row for each user and item, with a rank (the lowest first, wherever it starts) or a score (the highest first); text
    of any kind, Parquet, Arrow, Excel or JSON, as tables of data are read. Rows of users and items that the data doesn't have, items
    that stand twice in a list and items that their user has in training are left out, and what comes behind them moves up; equal
    ranks or scores are put in the order of the data's items. ``Lists.reading`` counts all of it, and the users without a list.

    Args:
        path: The file.
        data: Whose users and items these are.
        columns: Which column is what, such as ``user=who,item=what,score=value``, where the names don't say it; numbers where there
            is no header.
        by: ``rank`` or ``score``, where a file has both and they contradict each other.
        ids: ``match`` takes ids that differ by leading zeros, ``.0``, case or Unicode form for the same.
        k: How many places of each list are kept, from 1.

    Returns:
        The lists, for ``evaluate``, ``evaluate_users``, ``judge_lists`` and whatever else judges.

    Raises:
        DataError: The file is empty, can't be read, lacks a column, has both ranks and scores that contradict each other, a rank or score
            is no number, or no row is of users and items of the data.
        ConfigError: An option has no such value.

    Examples:
        >>> data = lab.studio()
        >>> lab.recommend_all(lab.Popularity(data), k=5).to_csv("popular.csv", index=False)
        >>> lab.read_lists("popular.csv", data)
        Lists(popular: 600 of 600 users, up to 5 items each)
    """
    if not isinstance(data, Dataset):
        raise DataError(f"read_lists(): data={data!r} is no Dataset; open one with open_data(path) or studio()")
    if not isinstance(path, str | Path):
        raise ConfigError(f"read_lists(): path={path!r} is no path; give the file's, as a text")
    for name, value, known in (("by", by, tuple(ORDERS)), ("ids", ids, LISTED_IDS)):
        if value is not None and value not in known:
            raise ConfigError(f"{name}={value!r} must be {' or '.join(map(repr, known))}")
    places, given = check_number("k", k, 1, 10**6, "places of each list", is_whole=True), read_columns(columns, ROLES)
    problems = Problems()
    table = _read(Path(path).expanduser(), given, problems)
    table = with_ids(table, ("user_id", "item_id"), {"user_id": "user", "item_id": "item"}, problems)
    table = _of_data(table, data, ids, problems)
    order = _order(table, by, problems)
    return _gathered(table, order, data, places, Path(path).stem, problems)


def _read(path: Path, given: dict[str, str], problems: Problems) -> Table:
    roles: dict[str, str] = {}

    def choose(header: Sequence[str]) -> list[str]:
        roles.update(roles_of(header, ROLES, ORDERS, given))
        return list(dict.fromkeys(roles.values()))

    wanted = Wanted(choose=choose, columns=("user_id", "item_id"))
    if any(name.isdigit() for name in given.values()):
        widths = {separator: len(columns_of(path, Wanted(separator=separator))) for separator in (",", " ")}  # spaces as evaluators do
        separator = max(widths, key=lambda each: widths[each])
        wanted = replace(wanted, separator=separator, header=[str(place) for place in range(1, widths[separator] + 1)])
    table = read_any(path, wanted, problems)
    if table is None:
        raise DataError(f"{path.name} can't be read; check what it is")
    header = few(list(table.names), 20)
    if missing := [role for role in ("user", "item") if role not in roles]:
        raise DataError(
            f"{path.name} has no column {missing[0]}_id among {header}; name one so, or say which it is: "
            f"columns='{missing[0]}=NAME', or by their numbers where there is no header: columns='user=1,item=2,rank=3'"
        )
    if not set(ORDERS) & set(roles):
        raise DataError(f"{path.name} has neither a column rank nor a column score among {header}; say which orders: columns='rank=NAME'")
    problems.note(f"{path.name}: {len(table):,} rows, {table.form}: {', '.join(f'{name} as {role}' for role, name in roles.items())}")
    columns = {f"{role}_id" if role in ("user", "item") else role: table[name] for role, name in roles.items()}
    return Table(path.name, columns, table.rows, table.form, table.names)


def _of_data(table: Table, data: Dataset, ids: str | None, problems: Problems) -> Table:
    """Return the rows whose users and items are in the data, with their rows there beside their ids."""
    for kind, known in (("user", data.user_ids), ("item", data.item_ids)):
        cells = table[f"{kind}_id"]
        codes, uniques = numbered(cells)
        near = matched(list(uniques), known)
        if near and ids == "match":
            name, other = next(iter(near.items()))
            problems.note(
                f"{table.file}: {counted(len(near), f'{kind} id')} matched with those of {data.name}, such as {name!r} with {other!r}"
            )
            uniques = np.array([near.get(name, name) for name in uniques], dtype=object)
        place = positions(known, list(uniques))[codes] if len(codes) else np.empty(0, int)
        unknown = place < 0
        strange = [name for name, found in zip(uniques, positions(known, list(uniques)), strict=True) if found < 0]
        hint = "; ids='match' takes ids that nearly equal one for the same" if near and ids is None else ""
        if unknown.all():
            raise DataError(
                f"{table.file}: no row is of {kind}s of {data.name}, which {few(strange, 3)} are not{hint or '; check which data it is of'}"
            )
        what = f"of {counted(len(strange), kind)} that {data.name} does not have, such as {few(strange, 3)}{hint}"
        table = problems.leave_out(table.with_columns(**{kind: place}), unknown, lambda _, what=what: what)
    return table


def _order(table: Table, by: str | None, problems: Problems) -> np.ndarray:
    """Return what each row is sorted by, the lowest first."""
    there = [name for name in ORDERS if name in table]
    if by is not None and by not in there:
        raise ConfigError(f"by={by!r}: {table.file} has no column that tells the {by}; leave it out, or say columns='{by}=NAME'")
    keys = {}
    for name in there if by is None else [by]:
        values, cells = numbers(table[name]), table[name]
        problems.drop(
            table, np.isnan(values), lambda row, cells=cells, name=name: f"{name} {cells[row]!r} is no finite number", "write a number"
        )
        keys[name] = values if name == "rank" else -values
    if len(keys) > 1:
        user, rank, score = table["user"], keys["rank"], keys["score"]
        order = np.lexsort((rank, user))
        same = user[order][1:] == user[order][:-1]
        if (bad := same & (np.diff(score[order]) < 0)).any():
            name = table["user_id"][order[1:][bad][0]]
            n_users = counted(len(set(user[order][1:][bad])), "user")
            raise DataError(
                f"{table.file} has both ranks and scores, and they contradict each other for {n_users}, such as {name!r}; "
                "say by='rank' or by='score'"
            )
        problems.note(f"{table.file}: ranks and scores say the same; the ranks count")
    key = next(iter(keys.values()))
    if "rank" in keys and (first := key.min()) != 1:
        problems.note(f"{table.file}: ranks start at {first:g}; only their order counts")
    return key


def _gathered(table: Table, key: np.ndarray, data: Dataset, k: int, name: str, problems: Problems) -> Lists:
    user, item = table["user"].astype(np.int64), table["item"].astype(np.int64)
    order = np.lexsort((item, key, user))
    user, item, key = user[order], item[order], key[order]
    pair = user * data.n_items + item
    again = np.ones(len(pair), bool)
    again[np.unique(pair, return_index=True)[1]] = False
    _note_users(table, user[again], "an item stands again in a list, and its best place counts", problems)
    tied = np.zeros(len(pair), bool)
    tied[1:] = (user[1:] == user[:-1]) & (key[1:] == key[:-1]) & ~again[1:]
    _note_users(table, user[tied], "a place is shared, and the data's order of items decides", problems)
    had = in_training(data, user, item) & ~again
    _note_users(table, user[had], "an item is one that its user has in training: it is left out, and the others move up", problems)
    kept = ~again & ~had
    user, item = user[kept], item[kept]
    users, first, length = np.unique(user, return_index=True, return_counts=True)
    place = np.arange(len(user)) - np.repeat(first, length)
    if (length > k).any():
        problems.note(f"{table.file}: {counted(int((length > k).sum()), 'list')} longer than {k} places, which are cut there")
    if not len(users):
        raise DataError(f"{table.file}: every item is one that its user has in training, so that nothing is left to judge")
    items = np.full((len(users), min(int(length.max()), k)), HIDDEN)
    inside = place < k
    items[np.searchsorted(users, user[inside]), place[inside]] = item[inside]
    if without := data.n_users - len(users):
        problems.note(f"{table.file}: {without:,} of {data.n_users:,} users have no list; where they are judged, nothing is found for them")
    _note_held_back(table, data, users, items, problems)
    shortest, longest = length.clip(max=k).min(), items.shape[1]
    problems.note(f"{table.file}: {len(users):,} lists of {shortest:,} to {longest:,} items")
    return Lists(data, users, items, name, tuple(problems.notes))


def _note_held_back(table: Table, data: Dataset, users: np.ndarray, items: np.ndarray, problems: Problems) -> None:
    """Say that lists hold nothing that was held back in a split: nobody makes such lists by chance."""
    found = {split: among(data.pairs(split), data.n_items, users[:, None], items).any() for split in SPLITS[1:] if len(data.pairs(split))}
    for split, holds_any in found.items():
        if not holds_any:
            others = "; that raises the metrics of the other split" if any(found.values()) else ""
            problems.note(f"{table.file}: no list holds an item of its user's {split} split, as if those were hidden{others}")


def _note_users(table: Table, users: np.ndarray, what: str, problems: Problems) -> None:
    if len(users):
        problems.note(f"{table.file}: {counted(len(users), 'time')}, in lists of {counted(len(np.unique(users)), 'user')}, {what}")
