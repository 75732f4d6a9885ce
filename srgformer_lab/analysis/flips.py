"""What a recommendation hangs on: the fewest items of a history without which it is no longer there, each answer a run of the model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from srgformer_lab.analysis.counterfactual import drop_items, variant
from srgformer_lab.analysis.decomposition import components_towards
from srgformer_lab.analysis.explanation import read_for
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import Id, on_own_data
from srgformer_lab.models.protocol import Recommender, Watch
from srgformer_lab.models.ranking import user_scores
from srgformer_lab.models.reading import Reading

MOST_TRIES = 40
"""Sets that are taken away at most, each a run of the model of its own."""
RIVALS = 3
"""Items just outside of the list, each of which a search tries to let pass."""
GROWTH = 1.5
"""By how much a set that doesn't suffice grows."""


@dataclass(frozen=True)
class Flip:
    """The fewest items of a user's history whose removal takes a recommended item off the first k places."""

    user_id: str
    item_id: str
    title: str
    k: int
    """How many places the item is taken off."""
    items: tuple[str, ...]
    """The ids of what is removed, in the order of what they do for the item; empty where nothing was found."""
    titles: tuple[str, ...]
    rank_before: int
    rank_after: int | None
    """The item's place without them; None where nothing was found."""
    is_minimal: bool
    """Whether it is proven that no smaller set does it, or without ``items`` that none does."""
    n_proven: int
    """All sets of up to so many items were tried, but for these none does it."""
    n_tried: int
    """Sets that were taken away."""
    note: str = field(default="", repr=False)
    """Why no set can do it, in a sentence, where none had to be tried."""

    @property
    def verdict(self) -> str:
        """Say what the item hangs on, and what of that is proven."""
        place = "the first place" if self.k == 1 else f"the first {self.k} places"
        if self.note:
            return f"Nothing that is taken away moves it off {place}. {self.note}"
        many = "1 set was" if self.n_tried == 1 else f"{self.n_tried} sets were"
        tried = f"{many} tried, each by running the model without it"
        if not self.items:
            upto = (
                f"set of up to {self.n_proven} items, and none"
                if self.n_proven > 1
                else "single item, and no set"
                if self.n_proven
                else "set"
            )
            known = "No set of what was taken" if self.is_minimal else f"No {upto} that the search came to,"
            return f"{known} takes it off {place}; {tried}."
        *first, last = (f"“{title}”" for title in self.titles)
        names = f"{', '.join(first)} and {last}" if first else last
        moves = f"without {'it' if len(self.items) == 1 else 'them'} it goes from number {self.rank_before:,} to number {self.rank_after:,}"
        if not self.is_minimal:
            bound = f"at least {self.n_proven + 1} and at most {len(self.items)} must go"
            return f"It hangs on no more than these {len(self.items)}: {names}; {moves}. {bound[:1].upper()}{bound[1:]}; {tried}."
        smaller = "" if len(self.items) == 1 else f"No {'single one' if len(self.items) == 2 else 'smaller set'} does that; "
        said = f"{smaller}{tried}"
        these = "this one" if len(self.items) == 1 else f"these {len(self.items)}"
        return f"It hangs on {these}: {names}; {moves}. {said[:1].upper()}{said[1:]}."

    def __repr__(self) -> str:
        """Return what it hangs on."""
        return f"Flip({self.title!r} for user {self.user_id}: {self.verdict})"


@on_own_data
def flip(
    model: Recommender,
    data: Dataset,
    user_id: Id,
    item_id: Id,
    k: int = 1,
    most_tries: int = MOST_TRIES,
    watch: Watch = iter,
) -> Flip:
    """Find the fewest items of a user's history without which an item is no longer among the first k.

    All sets of one item are tried, then all of two, and so on while whole sizes are within three quarters of ``most_tries``: what is found
    so is the smallest there is. Beyond, sets are built from the items that do most for this item and least for one just outside of the
    list, by their exact contributions, and what is not needed is put back: then the set is an upper bound, and says so. Each try is a run
    of the model on the data without the set, as ``what_if`` makes it; nothing is left out but where no history enters a score at all.

    Args:
        model: Any model that can run again.
        user_id: Whose list.
        item_id: An item among the first k of it.
        k: Which places it is to lose, from 1.
        most_tries: How many sets may be tried, from 2.
        watch: Hands on the steps one by one, such as ``tqdm``.
        data: The model's own data; may be left out or stand second.

    Returns:
        The set, the rank before and after, and what is proven.

    Raises:
        UnknownIdError: No user or item has that id.
        ConfigError: The item is not among the first k, k leaves no place outside, or a number is below its least.

    Examples:
        >>> model = lab.LightGCN(lab.studio())
        >>> first = lab.recommend(model, "u1", k=1)["item_id"].iloc[0]
        >>> lab.flip(model, "u1", first).rank_before
        1
    """
    if k < 1 or most_tries < 2:
        raise ConfigError(f"k={k} must be at least 1, most_tries={most_tries} at least 2")
    reading = read_for(model, data.user_row(user_id))
    search = _Search(model, data, reading, str(user_id), str(item_id), k)
    if not reading.reads_history:
        return search.answer(reading.note)
    for stage, tries in watch([(search.try_all, most_tries * 3 // 4), (search.descend, most_tries)]):
        stage(tries, watch)
        if search.found or search.n_proven == len(search.history):
            break
    return search.answer()


class _Search:
    """One recommended item, its place without any part of the history, and the smallest set so far that takes it off the first k."""

    def __init__(self, model: Recommender, data: Dataset, reading: Reading, user_id: str, item_id: str, k: int) -> None:
        self.model, self.data, self.user_id, self.k = model, data, user_id, k
        self.user, self.item = data.user_row(user_id), data.item_row(item_id)
        self.shown = np.setdiff1d(np.arange(data.n_items), data.matrix("all")[self.user].indices)
        if self.item not in self.shown:
            raise ConfigError(f"item {item_id!r} is known already to {user_id!r} and not recommended; give one of the first {k}")
        if k >= len(self.shown):
            raise ConfigError(f"k={k} leaves no place outside: the list of user {user_id!r} has {len(self.shown)} items; give a smaller k")
        scores = user_scores(reading, self.user)
        self.before = self._place(scores)
        if self.before > k:
            raise ConfigError(f"item {item_id!r} is number {self.before} for {user_id!r} and not among the first {k}; give k={self.before}")
        rivals = self.shown[np.argsort(-scores[self.shown], kind="stable")][k : k + RIVALS]
        self.gaps = (scores[self.item] - scores[rivals]).tolist()
        self.gains = self._gains(reading, rivals)
        self.history = tuple(self.gains[0].index)
        self.places: dict[frozenset[str], int] = {}
        self.found: tuple[str, ...] = ()
        self.n_proven = 0

    def _place(self, scores: Float[np.ndarray, " items"]) -> int:
        own = scores[self.item]
        return 1 + int((scores[self.shown] > own).sum() + (scores[self.shown[self.shown < self.item]] == own).sum())

    def _gains(self, reading: Reading, rivals: Int[np.ndarray, " rivals"]) -> list[pd.Series]:
        """Return what each item of the history does for the item and not for a rival, the most first, for each rival."""
        found = components_towards(reading, self.user, [self.item, *map(int, rivals)])
        is_history = (found.index["source"] == "neighbor").to_numpy()
        values = pd.DataFrame(found.values[is_history]).groupby(found.index["neighbor"].to_numpy()[is_history]).sum()
        rows = self.data.matrix("train")[self.user].indices
        values = values.reindex(rows + self.data.n_users).fillna(0.0).set_axis([self.data.item_ids[int(row)] for row in rows])
        gains = (values[0] - values[place] for place in range(1, len(rivals) + 1))
        return [gain.sort_values(ascending=False, kind="stable") for gain in gains]

    def flips(self, items: Sequence[str]) -> bool:
        """Take a set away, run the model, and keep the set if the item is no longer among the first k and it is the smallest so far."""
        gone = frozenset(items)
        if gone not in self.places:
            other, _ = variant(self.model, self.data, self.user_id, drop_items(*sorted(gone)))
            self.places[gone] = self._place(user_scores(other, self.user))
        does = self.places[gone] > self.k
        if does and (not self.found or len(gone) < len(self.found)):
            self.found = tuple(item for item in self.history if item in gone)
        return does

    def try_all(self, most_tries: int, watch: Watch) -> None:
        """Try all sets by their size, as far as whole sizes are within the tries; of one size, those first that do most."""
        n, sizes, total = len(self.history), [], 0
        while len(sizes) < n and total + comb(n, len(sizes) + 1) <= most_tries:
            sizes.append(len(sizes) + 1)
            total += comb(n, sizes[-1])
        for size in watch(sizes):
            sets = sorted(combinations(self.history, size), key=lambda chosen: -float(self.gains[0][list(chosen)].sum()))
            for chosen in watch(sets):
                if self.flips(chosen):
                    return
            self.n_proven = size

    def descend(self, most_tries: int, watch: Watch) -> None:
        """Take away what lets one rival after another pass, until it is enough, and put back what is not needed."""
        for number, (gain, gap) in watch(list(enumerate(zip(self.gains, self.gaps, strict=True), start=1))):
            if len(self.found) != self.n_proven + 1:
                self._let_pass(gain, gap, len(self.places) + (most_tries - len(self.places)) * number // len(self.gains))

    def _let_pass(self, gain: pd.Series, gap: float, limit: int) -> None:
        order, n, least = list(gain.index), len(gain), self.n_proven + 1
        enough = np.flatnonzero(gain.cumsum().to_numpy() >= gap)
        size, short = max(least, int(enough[0]) + 1 if len(enough) else n), least - 1
        while len(self.places) < limit and not self.flips(order[:size]):
            if size == n:
                return
            size, short = min(n, max(size + 1, round(GROWTH * size))), size
        if self.places.get(frozenset(order[:size]), 0) <= self.k:
            return
        while size - short > 1 and len(self.places) < limit:
            middle = (size + short) // 2
            size, short = (middle, short) if self.flips(order[:middle]) else (size, middle)
        chosen = order[:size]
        for item in reversed(order[:size]):
            rest = [other for other in chosen if other != item]
            if len(rest) < least or len(self.places) >= limit:
                return
            chosen = rest if self.flips(rest) else chosen

    def answer(self, note: str = "") -> Flip:
        """Put together what was found."""
        titles, n_proven = self.data.cards.titles, len(self.history) if note else self.n_proven
        return Flip(
            user_id=self.user_id,
            item_id=self.data.item_ids[self.item],
            title=titles[self.item],
            k=self.k,
            items=self.found,
            titles=tuple(titles[self.data.item_row(item)] for item in self.found),
            rank_before=self.before,
            rank_after=self.places[frozenset(self.found)] if self.found else None,
            is_minimal=len(self.found) == n_proven + 1 if self.found else n_proven == len(self.history),
            n_proven=n_proven,
            n_tried=len(self.places),
            note=note,
        )
