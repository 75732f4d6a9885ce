"""Cells read as numbers and as times, whatever way they are written; what is done to them is noted, what is ambiguous asked."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from srgformer_lab.data.problems import Problems
from srgformer_lab.data.tables import Table, is_numbered, numbered

NOTHING = frozenset(
    {"", "nan", "NaN", "NAN", "null", "NULL", "Null", "None", "none", "\\N", "NA", "N/A", "n/a", "<NA>", "NaT", "-", "?"}
) | frozenset(("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"))
"""Cells that say that nothing is known, a spreadsheet's errors among them."""
TRUE = frozenset({"true", "yes", "t", "y", "up", "like", "liked", "positive", "recommended"})
FALSE = frozenset({"false", "no", "f", "n", "down", "dislike", "disliked", "negative", "not recommended"})
LATEST = 2.0**62
"""Beyond this no whole number of 64 bits holds a timestamp."""
UNITS = ((1e11, 1, "seconds"), (1e14, 10**3, "milliseconds"), (1e17, 10**6, "microseconds"), (LATEST, 10**9, "nanoseconds"))
SERIALS = (36_526, 73_051)
"""Days since 1900, as spreadsheets count them: the years from 2000 to 2099."""
DATES = ("day-first", "month-first")
_ISO = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}")
_NUMERIC = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})\b")
_NO_DATE = re.compile(r"[0\-/.:T ]*")
_YEAR = re.compile(r"(19|20)\d\d")
_ROUNDED = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)
PLAUSIBLE = 1e8
"""Seconds since 1970 from which on a number is a date: spring 1973."""
CENTURY = 4_102_444_800
"""The year 2100."""
_UNIT = re.compile(r"(\d+(?:[.,]\d+)?)\s*(star|stern|%|(?:/|out of|of|von)\s*\d+)(?:s|e|en)?", re.IGNORECASE)
_QUANTITY = re.compile(r"(?P<open>\()?\s*(?P<minus>[-−–])?\s*[+€$£]?(?P<digits>\d[\d.,]*)(?P<behind>-(?!\d))?(?P<close>\))?")
_STARS = re.compile(r"([★⭐]\ufe0f?)+[☆✩]*")
_COMPACT = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d[0-5]\d)?")


def numbers(values: np.ndarray) -> np.ndarray:
    """Read cells as float64; NaN where a cell is not a finite number."""
    try:
        if is_numbered(values):
            raise ValueError("each different cell is read once")
        found = values.astype(np.float64)
    except ValueError:
        found = by_unique(values, lambda cells: np.array([_number(cell) for cell in cells]))
    return np.where(np.isfinite(found), found, np.nan)


def bought_or_not(cells: np.ndarray) -> np.ndarray:
    """Return the sign of quantities however they are written (``-1,00``, ``(1)``, ``2 pcs``, ``1-``); NaN where there is no number."""
    found = np.full(len(cells), np.nan)
    for place, cell in enumerate(map(str.strip, cells)):
        if match := _QUANTITY.match(cell):
            is_less = match["minus"] or match["behind"] or (match["open"] and match["close"])
            found[place] = (-1 if is_less else 1) * bool(re.search("[1-9]", match["digits"]))
    return found


def by_unique(values: np.ndarray, read: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Read each different cell once."""
    codes, uniques = numbered(values)
    return read(uniques)[codes] if len(uniques) else np.empty(0)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return np.nan


def unknown(values: np.ndarray) -> np.ndarray:
    """Mark the cells that say that nothing is known."""
    return by_unique(values, lambda cells: np.array([cell.strip() in NOTHING for cell in cells], dtype=bool)).astype(bool)


def with_ratings(table: Table, problems: Problems) -> Table:
    """Turn the column rating, if there is one, into numbers, NaN where a row has none.

    Raises:
        DataError: A cell is no number, and problems are not collected.
    """
    if "rating" not in table:
        return table
    cells = table["rating"]
    values = numbers(cells)
    bad = np.isnan(values)
    if bad.any():
        missing = unknown(cells) & bad
        words = by_unique(cells, lambda uniques: np.array([_truth(cell) for cell in uniques]))
        commas = by_unique(cells, lambda uniques: np.array([_with_comma(cell) for cell in uniques]))
        units = by_unique(cells, _without_units)
        for read, what in (
            (words, "words for yes and no, read as 1 and 0"),
            (commas, "numbers with a decimal comma"),
            (units, "written with what they count"),
        ):
            if bad.any() and not np.isnan(read[bad & ~missing]).any() and (bad & ~missing).any():
                values = np.where(np.isnan(values), read, values)
                problems.note(f"{table.file}: ratings are {what}, such as {cells[int(np.argmax(bad & ~missing))]!r}")
                bad = np.isnan(values)
        if (missing := missing & np.isnan(values)).any():
            row = int(np.argmax(missing))
            problems.note(
                f"{table.file}: {missing.sum():,} rows have no rating, such as row {table.rows[row]} with {cells[row]!r}; they are kept"
            )
        bad &= ~missing
    remedy = "write a number, or remove the column"
    table = table.with_columns(rating=values)
    return problems.drop(table, bad, lambda row: f"rating {cells[row]!r} is no number", remedy)


def _truth(cell: str) -> float:
    word = cell.strip().casefold()
    return 1.0 if word in TRUE else 0.0 if word in FALSE else np.nan


def _without_units(cells: np.ndarray) -> np.ndarray:
    """Read ``4/5``, ``4 stars``, ``80%`` and ``★★★★`` as numbers, where all of them are on one scale."""
    found, scales = np.full(len(cells), np.nan), set()
    for place, cell in enumerate(map(str.strip, cells)):
        if match := _UNIT.fullmatch(cell):
            found[place] = float(match[1].replace(",", "."))
            scales.add(re.sub(r"\D", "", match[2]) or match[2].lower().replace("stern", "star"))
        elif _STARS.fullmatch(cell):
            found[place] = len(re.findall("[★⭐]", cell))
            scales.add("star")
        elif np.isfinite(_number(cell)):
            scales.add("star")  # a number without a unit may be one of stars, of nothing else
    return found if len(scales) == 1 else np.full(len(cells), np.nan)


def _with_comma(cell: str) -> float:
    return _number(cell.strip().replace(",", ".")) if re.fullmatch(r"\s*-?\d+(,\d+)?\s*", cell) else np.nan


def with_times(table: Table, problems: Problems, dates: str | None) -> Table:
    """Turn the column timestamp, if there is one, into seconds since 1970; it goes where no row has a time.

    Raises:
        DataError: A cell is no time, or dates can be read in two ways; and problems are not collected.
    """
    if "timestamp" not in table:
        return table
    cells = table["timestamp"]
    seconds, bad = _whole_seconds(table, cells, problems, dates)
    missing = np.zeros(len(cells), dtype=bool)
    missing[bad] = unknown(cells[bad]) | by_unique(cells[bad], _are_no_dates).astype(bool)  # what is a time says something
    bad &= ~missing
    if missing.all():
        problems.note(f"{table.file}: the column of times is empty")
        return Table(table.file, {name: table[name] for name in table.columns if name != "timestamp"}, table.rows, table.form, table.names)
    if missing.any() and (known := ~missing & ~bad).any():
        seconds[missing] = seconds[known].min()
        row = int(np.argmax(missing))
        example = f"such as row {table.rows[row]} with {cells[row]!r}"
        problems.note(f"{table.file}: {missing.sum():,} rows have no time, {example}; they count as the oldest")
    if (late := (seconds >= CENTURY) & ~bad).any():
        row = int(np.argmax(late))
        problems.note(
            f"{table.file}: {late.sum():,} rows have a time after the year 2100, such as row {table.rows[row]} with {cells[row]!r}"
        )
    table = table.with_columns(timestamp=seconds)
    remedy = "write seconds since 1970 or a date, or remove the column"
    return problems.drop(table, bad, lambda row: f"timestamp {cells[row]!r} is no number and no date", remedy)


def _are_no_dates(cells: np.ndarray) -> np.ndarray:
    return np.array([bool(_NO_DATE.fullmatch(cell.strip())) for cell in cells], dtype=bool)


def _whole_seconds(table: Table, cells: np.ndarray, problems: Problems, dates: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return seconds since 1970, and which cells are no time."""
    try:
        exact, is_whole = cells.astype(np.int64), True
        bad = np.zeros(len(cells), dtype=bool)
    except (ValueError, OverflowError):
        found = numbers(cells)
        found[np.abs(found) >= LATEST] = np.nan
        bad = np.isnan(found)
        exact, is_whole = np.where(bad, 0, found).astype(np.int64), False
    number = ~bad
    if number.sum() < 0.5 * len(number) or not number.any():
        return _dates(table, cells, problems, dates)
    if _are_all(_COMPACT, cells[number]) or _are_all(_YEAR, cells[number]):
        return _dates(table, cells, problems, dates)
    size = float(np.median(np.abs(exact[number])))
    if ((exact[number] >= SERIALS[0]) & (exact[number] < SERIALS[1])).all():
        example = cells[int(np.argmax(number))]
        problems.note(
            f"{table.file}: times such as {example} look like a spreadsheet's days since 1900; they keep their order, but are shown as "
            "seconds since 1970: format the column as dates and export it again"
        )
    zero = number & (exact == 0)
    _note_doubtful(table, cells, zero if size >= PLAUSIBLE else np.zeros(len(cells), bool), not is_whole, problems)
    sizes = np.abs(exact[number & ~zero])
    bounds = [entry[0] for entry in UNITS[:-1]]
    if len(sizes) and sizes.min() >= PLAUSIBLE and len(set(np.searchsorted(bounds, [sizes.min(), sizes.max()], side="right"))) > 1:
        kind = np.searchsorted(bounds, np.abs(exact), side="right")
        units = " and ".join(UNITS[one][2] for one in np.unique(kind[number & ~zero]))
        problems.note(f"{table.file}: times are {units} since 1970, each read by its size, such as {cells[int(np.argmax(number))]}")
        return exact // np.array([entry[1] for entry in UNITS])[kind], bad
    _, per_second, unit = next(entry for entry in UNITS if size < entry[0] or entry is UNITS[-1])
    if per_second > 1:
        problems.note(f"{table.file}: times are {unit} since 1970, such as {cells[int(np.argmax(number))]}, read as seconds")
    return exact // per_second, bad


def _note_doubtful(table: Table, cells: np.ndarray, zero: np.ndarray, perhaps_rounded: bool, problems: Problems) -> None:
    """Say which times are 0 among dates, or were rounded by a spreadsheet."""
    if zero.any():
        row = int(np.argmax(zero))
        problems.note(f"{table.file}: {zero.sum():,} rows have the time 0, such as row {table.rows[row]}; they count as the oldest")
    if not perhaps_rounded:
        return
    rounded = by_unique(cells, lambda uniques: np.array([bool(_ROUNDED.fullmatch(cell.strip())) for cell in uniques], dtype=bool))
    if rounded.any():
        row = int(np.argmax(rounded))
        problems.note(
            f"{table.file}: {rounded.sum():,} times such as {cells[row]!r} were rounded by a spreadsheet, so that their order may be lost; "
            "format the column as numbers and export it again"
        )


def _are_all(pattern: re.Pattern[str], cells: np.ndarray) -> bool:
    """Return whether all cells are of a form: years, or dates without dashes such as 20200914."""
    return all(pattern.fullmatch(cell.strip()) for cell in cells[:1000]) and all(pattern.fullmatch(cell.strip()) for cell in cells)


def _dates(table: Table, cells: np.ndarray, problems: Problems, dates: str | None) -> tuple[np.ndarray, np.ndarray]:
    codes, uniques = numbered(cells)
    words = [cell.strip() for cell in uniques]
    order, how = _order(table, words, problems, dates)
    texts = pd.Series([_as_iso(word, order) for word in words], dtype=object)
    found = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    if (left := found.isna() & texts.str.contains(r"\d{4}", regex=True)).any():  # without a year, any word may pass for a date
        rest = pd.to_datetime(texts[left], format="mixed", errors="coerce", utc=True, dayfirst=order == "day-first")
        found = found.where(~left, rest)
    bad = found.isna().to_numpy()
    seconds = np.where(bad, 0, found.dt.as_unit("s").astype("int64").to_numpy()) if len(found) else np.empty(0, np.int64)
    if not bad.all():
        first = int(np.argmax(~bad))
        zone = "" if any(re.search(r"(Z|[+-]\d\d:?\d\d|GMT|UTC)$", word) for word in words[:1000]) else ", taken as UTC"
        problems.note(f"{table.file}: times are dates{how}{zone}: {words[first]!r} is {found[first]:%Y-%m-%d %H:%M:%S}")
    return seconds[codes].astype(np.int64), bad[codes]


def _order(table: Table, words: list[str], problems: Problems, dates: str | None) -> tuple[str, str]:
    """Return which of day and month stands first, and that in words; ask where it can't be known."""
    parts = [match for word in words if (match := _NUMERIC.match(word))]
    if not parts:
        return "", ""
    if dates:
        return dates, f", {dates.replace('-', ' ')}"
    first, second = (max(int(part[group]) for part in parts) for group in (1, 3))
    if first > 12 >= second:
        return "day-first", ", day first"
    if second > 12 >= first:
        return "month-first", ", month first"
    if first > 12 and second > 12:
        return "day-first", ", day first"  # those that are no such dates are named as bad rows
    if all(part[2] == "." for part in parts):
        return "day-first", ", day first, as dates with dots are written"
    example = next((part[0] for part in parts if part[1] != part[3]), parts[0][0])
    problems.question(
        "dates",
        f"{table.file}: {len(parts):,} different dates such as {example!r} can be read in two ways",
        {"'day-first'": "for day, month, year", "'month-first'": "for month, day, year"},
    )
    return "month-first", ", month first until that is answered" if problems.questions else ", month first"


def _as_iso(word: str, order: str) -> str:
    if _COMPACT.fullmatch(word):
        time = f"T{word[8:10]}:{word[10:12]}:{word[12:14]}" if len(word) > 8 else ""
        return f"{word[:4]}-{word[4:6]}-{word[6:8]}{time}"
    if _ISO.match(word):
        return re.sub(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", lambda m: f"{m[1]}-{int(m[2]):02}-{int(m[3]):02}", word).replace(" UTC", "Z")
    if order and (match := _NUMERIC.match(word)):
        day, month = (match[1], match[3]) if order == "day-first" else (match[3], match[1])
        if int(month) > 12:
            return ""
        year = match[4] if len(match[4]) == 4 else ("20" if int(match[4]) < 70 else "19") + match[4]
        return f"{year}-{int(month):02}-{int(day):02}{word[match.end() :].replace(',', '')}"
    return word
