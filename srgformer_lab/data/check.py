"""Looks a data folder through before anyone trains on it: what it holds, and everything that is wrong with it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from srgformer_lab.data.contents import Contents
from srgformer_lab.data.dataset import SPLITS, DataSource, Interactions
from srgformer_lab.data.files import existing_folder
from srgformer_lab.data.problems import Problems, Question, shortened
from srgformer_lab.data.readers import gather, refuse_unknown_options
from srgformer_lab.data.reading_options import ReadingOptions
from srgformer_lab.data.splitting import LISTED, candidates_of, check_trainable, metric_for
from srgformer_lab.errors import DataError

SHOWN = 5
"""So many interactions are shown."""


@dataclass(frozen=True)
class Report:
    """What a folder holds, and what is wrong with it."""

    folder: str
    lines: list[str] = field(default_factory=list)
    """What it holds, a line each; bad rows are not counted."""
    problems: list[str] = field(default_factory=list)
    """Everything that is wrong or left open, each with its file, row or id and its remedy."""
    reading: list[str] = field(default_factory=list)
    """Which file and column was taken for what, what was done, and what was left out."""
    questions: list[Question] = field(default_factory=list)
    """Those of the problems that an option answers."""
    first: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The first interactions, as a person would read them."""
    pictures: Sequence[Path | bytes | None] = ()
    """The picture of the item in each of these rows."""

    def __str__(self) -> str:
        """Say both, for reading."""
        count = len(self.problems)
        verdict = f"{count} problem{'s' if count > 1 else ''}:" if count else "No problem: it can be trained on."
        read = [f"  - {note}" for note in self.reading]
        first = [f"  {self.reading[0]}"] if self.reading[:1] and self.reading[0].startswith("no modality") else []
        body = [*first, *(f"  {line}" for line in self.lines), "", "How it was read:", *read[len(first) :]]
        return "\n".join([self.folder, *body, "", verdict, *(f"- {problem}" for problem in self.problems)])


def check(folder: str | Path, watch: Callable[[str], None] | None = None, **options: Any) -> Report:
    """Return what a data folder holds, how it is read, and everything that is wrong with it, as ``open_data`` would find it.

    Args:
        folder: Where it lies.
        watch: Hears what is seen of a large table while its rows are counted.
        **options: The options of ``open_data``.

    Returns:
        A report in lines, and the problems, each with its file, row or id and its remedy; ``print`` shows both.

    Raises:
        DataError: There is no such folder.
        ConfigError: There is no such option, or not with that value.
    """
    path = existing_folder(folder)
    refuse_unknown_options("check", options)
    problems = Problems(collect=True, watch=watch)
    try:
        contents = gather(path, problems, ReadingOptions(**{name: value for name, value in options.items() if value is not None}))
        lines = [f"{name:<13} {value}" for name, value in _describe(contents)]
    except DataError as error:  # nothing more can be found out
        return Report(str(path), [], [*problems.found, str(error)], problems.notes, problems.questions)
    if not problems.found:
        try:
            check_trainable(replace(contents, encode=False).to_dataset(DataSource("memory")))
        except DataError as error:
            problems.add(str(error))
    shown = contents.interactions.item[:SHOWN]
    pictures = [contents.cards.pictures[row] for row in shown]
    return Report(str(path), lines, problems.found, problems.notes, problems.questions, first_rows(contents), pictures)


def first_rows(contents: Contents) -> pd.DataFrame:
    """Return the first interactions, as a person would read them: the item by its title, the time as a date."""
    pairs = contents.interactions
    shown = range(min(SHOWN, len(pairs)))
    table = {"user": [contents.user_ids[pairs.user[row]] for row in shown]}
    table["item"] = [contents.item_ids[pairs.item[row]] for row in shown]
    table["title"] = [contents.cards.titles[pairs.item[row]][:60] for row in shown]
    if contents.rating is not None:
        table["rating"] = [f"{contents.rating[row]:g}" for row in shown]
    if pairs.timestamp is not None:
        table["time"] = [_date(int(pairs.timestamp[row])) for row in shown]
    return pd.DataFrame({**table, "split": [SPLITS[pairs.split[row]] for row in shown]})


def _date(seconds: int) -> str:
    with suppress(ValueError, OverflowError, OSError):
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    return str(seconds)


def _describe(contents: Contents) -> list[tuple[str, str]]:
    """Return what there is, as pairs of a name and words."""
    pairs, n_users, n_items = contents.interactions, len(contents.user_ids), len(contents.item_ids)
    parts = [f"{name} {np.sum(pairs.split == code):,}" for code, name in enumerate(SPLITS)]
    isolated = n_items - len(np.unique(pairs.item[pairs.split == 0]))
    return [
        ("layout", contents.layout),
        ("users", f"{n_users:,}"),
        ("items", f"{n_items:,}, {isolated:,} of them without a training interaction"),
        ("interactions", f"{len(pairs):,}"),
        ("density", f"{len(pairs) / max(n_users * n_items, 1):.3%} of all pairs"),
        ("splits", f"{', '.join(parts)}; by {contents.split_by}"),
        *_describe_lists(pairs, n_users, n_items),
        *_describe_modalities(contents),
        *_describe_cards(contents),
        ("ratings", _range(contents.rating)),
        ("time", _time_range(pairs.timestamp)),
    ]


def _describe_lists(pairs: Interactions, n_users: int, n_items: int) -> list[tuple[str, str]]:
    """Say where lists are as long as the catalogue, so that they hold everything whatever a model learns."""
    candidates = candidates_of(pairs, n_users, n_items)
    n_whole = int((candidates <= LISTED).sum())
    if not n_whole:
        return []
    whole = f"{n_whole:,} of {len(candidates):,} validated users have no more than {LISTED} candidates: recall@{LISTED} is 1 for them"
    chosen = metric_for(candidates)
    rest = "judge by ndcg or shorter lists" if chosen == f"recall@{LISTED}" else f"so {chosen} chooses the best epoch"
    return [("lists", f"{whole} whatever a model learns; {rest}")]


def _describe_modalities(contents: Contents) -> list[tuple[str, str]]:
    if contents.features:
        listed = {name: f", with {lists.shape[1]:,} neighbours of each item" for name, lists in contents.neighbors.items()}
        n_items = len(contents.item_ids)
        known = {name: int(matrix.any(axis=1).sum()) for name, matrix in contents.features.items()}
        have = {name: "" if count == n_items else f", of {count:,} of {n_items:,} items" for name, count in known.items()}
        widths = {name: f"{matrix.shape[1]:,} wide" for name, matrix in contents.features.items()}
        made = {name: f"; {shortened(str(contents.made_by[name]))}" if name in contents.made_by else "" for name in widths}
        return [("modality", f"{name}, {width}{have[name]}{listed.get(name, '')}{made[name]}") for name, width in widths.items()]
    cards = contents.cards
    made = [name for name, values in (("image", cards.pictures), ("text", cards.texts)) if any(values) and contents.encode]
    return [("modality", f"{name}, made by the built-in encoder") for name in made] or [("modality", "none")]


def _describe_cards(contents: Contents) -> list[tuple[str, str]]:
    cards, n_items = contents.cards, len(contents.item_ids)
    with_title = sum(title != name for title, name in zip(cards.titles, contents.item_ids, strict=True))
    pictures = sum(picture is not None for picture in cards.pictures)
    found = [("titles", with_title), ("texts", sum(map(bool, cards.texts))), ("pictures", pictures)]
    lines = [(name, f"{count:,} of {n_items:,} items" if count else "none") for name, count in found]
    return [*lines, ("details", ", ".join(map(str, cards.details.columns)) or "none")]


def _range(rating: np.ndarray | None) -> str:
    if rating is None or not len(rating):
        return "none"
    rating = rating[np.isfinite(rating)]
    if not len(rating):
        return "none"
    low, high = rating.min(), rating.max()
    return f"{low:g} to {high:g}" if low < high else f"{low:g} throughout, which says nothing"


def _time_range(timestamp: np.ndarray | None) -> str:
    if timestamp is None:
        return "unknown"
    try:
        first, last = (datetime.fromtimestamp(int(end), UTC).date() for end in (timestamp.min(), timestamp.max()))
    except (ValueError, OverflowError, OSError):
        return f"{timestamp.min()} to {timestamp.max()}, which are no seconds since 1970"
    return f"{first} to {last}"
